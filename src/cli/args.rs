//! The command line: every sentence, what only a shell needs, and the options of both.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{config::Flags, ops::Sentence};

/// Below the help of the program.
const MORE: &str = "\
Without a command the console is opened. Every command is a sentence that can also be typed in the console after `:`.

Targets are written name@host, hosts @host. Both parts may hold the wildcards * ? [..]; the host part may also be
env:prod or group:edge, the container part app:shop, service:web or four or more digits of an id. Quote them for the shell.

Exit codes: 0 done; 1 a step failed, or a check found a fault; 2 not a sentence; 3 refused, or not confirmed;
4 a host could not be reached, so the answer is not complete, or `host doctor` found one that cannot be used;
130 interrupted. `container exec` ends with the code of its command.";

/// An operations console for fleets of Docker hosts.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, about, after_help = MORE, max_term_width = 110)]
pub(super) struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub options: Options,
    /// What is to be done.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be said in a shell.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// A sentence.
    #[command(flatten)]
    Say(Box<Sentence>),
    /// Open the console on a fleet served from memory, to look around
    Demo(DemoArgs),
    /// Do what wharf.toml schedules, carry out runs of pipelines, go on with deploys that were left, until interrupted
    Worker {
        /// Do all of it once, now, and end
        #[arg(long)]
        once: bool,
        /// Only carry out the runs that wait now, as a console does when no worker is there, and end
        #[arg(long, conflicts_with = "once")]
        runs: bool,
    },
    /// Docker Engines from memory, for tests and measurements
    #[command(subcommand)]
    Sim(SimCommand),
    /// The configuration: an example, its place, what is wrong with it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a script that completes the words of this program in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a directory, or print the first
    Man {
        /// The directory
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// The size of a fleet from memory.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct DemoArgs {
    /// How many hosts
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub hosts: usize,
    /// How many containers on each
    #[arg(long, value_name = "M", default_value_t = 40)]
    pub containers: usize,
    /// How many images on each that nothing uses
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub spare_images: usize,
    /// How many networks on each that nothing uses
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub spare_networks: usize,
    /// How many volumes on each that nothing uses
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub spare_volumes: usize,
    /// The root of everything random in it
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Random changes on each host, a minute
    #[arg(long, value_name = "RATE", default_value_t = 2.0)]
    pub churn: f64,
}

/// The sim by itself.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum SimCommand {
    /// Serve a fleet on unix sockets, with a wharf.toml beside them, until interrupted
    Serve {
        /// The directory for the sockets
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The fleet.
        #[command(flatten)]
        fleet: DemoArgs,
    },
}

/// The configuration file.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print a wharf.toml with every key explained
    Example,
    /// Print where wharf.toml is looked for
    Path,
    /// Read the configuration and say what is wrong with it
    Check,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// For people, with all columns
    Wide,
    /// For machines
    Json,
    /// Only the targets, one on a line, to be passed on
    Name,
}

/// What holds for every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct Options {
    /// Only these hosts: configured names or globs, name=endpoint, an endpoint, an alias of `ssh_config`, ssh:GLOB, context:GLOB
    #[arg(
        id = "only_hosts",
        short = 'H',
        long = "host",
        global = true,
        value_name = "HOST"
    )]
    pub hosts: Vec<String>,
    /// The hosts of -H in addition to the configured ones
    #[arg(long, global = true, requires = "only_hosts")]
    pub also: bool,
    /// Another wharf.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The host of this docker context
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The hosts of all docker contexts
    #[arg(long, global = true)]
    pub all_contexts: bool,
    /// Nothing may be changed
    #[arg(long, global = true)]
    pub read_only: bool,
    /// How to write the answer
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_default_value = true,
        value_name = "FORMAT"
    )]
    pub output: Output,
    /// Tables without their first line
    #[arg(long, global = true)]
    pub no_header: bool,
    /// Do not ask, do it
    #[arg(short, long, global = true)]
    pub yes: bool,
    /// Confirm what asks for a phrase: the environment's name, or the number of targets
    #[arg(long, global = true, value_name = "PHRASE")]
    pub confirm: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// How long to wait for hosts: 10, 30s, 2m
    #[arg(long, global = true, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,
    /// Open the console with this line, as if it were typed after ':' (`pane containers`)
    #[arg(long, global = true, value_name = "LINE")]
    pub start: Option<String>,
    /// Spare the line to the terminal, which carries so many bits a second: keys are answered first, figures seldom
    #[arg(long, global = true, value_name = "BITS", value_parser = clap::value_parser!(u32).range(300..=4_000_000))]
    pub baud: Option<u32>,
    /// Write what happens inside into this file
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
}

impl Options {
    /// What they say about the configuration.
    pub fn flags(&self) -> Flags {
        Flags {
            hosts: self.hosts.clone(),
            also: self.also,
            config: self.config.clone(),
            context: self.context.clone(),
            all_contexts: self.all_contexts,
            read_only: self.read_only,
            start: self.start.clone(),
            baud: self.baud,
        }
    }
}

/// Reads `10`, `30s`, `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<u64>().ok();
    let seconds = seconds.or_else(|| {
        let spoken = crate::ops::sentence::seconds(text)?;
        u64::try_from(spoken).ok()
    });
    seconds
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| "write a time such as 10, 30s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_is_read_in_a_shell_as_in_the_console() {
        for entry in Sentence::catalogue() {
            let words = shlex::split(entry.example).expect("an example is quoted well");
            let everywhere = [
                "wharf",
                "-H",
                "a",
                "--also",
                "--yes",
                "-o",
                "json",
                "--timeout",
                "3",
            ];
            let line = everywhere.map(str::to_owned).into_iter().chain(words);
            let cli = Cli::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
            let Some(Command::Say(said)) = cli.command else {
                panic!("{} is no sentence", entry.example);
            };
            assert_eq!(Sentence::parse(entry.example).as_ref(), Ok(&*said));
            assert_eq!(cli.options.hosts, ["a"]);
            assert_eq!(cli.options.timeout, Duration::from_secs(3));
        }
    }

    #[test]
    fn options_may_stand_behind_the_sentence_but_not_behind_its_command() {
        let cli = Cli::try_parse_from(["wharf", "host", "show", "@a", "-H", "b", "--read-only"]);
        assert!(cli.expect("a command line").options.read_only);
        let cli = Cli::try_parse_from(["wharf", "container", "exec", "a@b", "--", "x", "--yes"]);
        assert!(!cli.expect("a command line").options.yes);
    }
}
