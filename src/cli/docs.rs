//! What is derived from the grammar: help without what is forbidden, completions, manual pages.

use std::{
    ffi::OsString,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::CommandFactory as _;

use super::{
    args::Cli,
    exit::{Exit, Failure},
    output::Out,
};
use crate::{
    config::{Config, Env, Flags},
    ops::Sentence,
};

/// The grammar of the command line; in a read-only run without what changes something.
pub(super) fn grammar(is_read_only: bool) -> clap::Command {
    let grammar = Cli::command();
    if is_read_only {
        without_changes(&grammar, "")
    } else {
        grammar
    }
}

/// A copy of a command without the sentences that change something.
fn without_changes(command: &clap::Command, before: &str) -> clap::Command {
    let mut copy = clap::Command::new(command.get_name().to_owned())
        .args(command.get_arguments().cloned())
        .subcommand_required(command.is_subcommand_required_set())
        .arg_required_else_help(command.is_arg_required_else_help_set());
    if let Some(version) = command.get_version() {
        copy = copy.version(version.to_owned());
    }
    if let Some(about) = command.get_about() {
        copy = copy.about(about.clone());
    }
    if let Some(more) = command.get_after_help() {
        copy = copy.after_help(more.clone());
    }
    for sub in command.get_subcommands() {
        let words = format!("{before}{}", sub.get_name());
        if changes(&words) {
            continue;
        }
        copy = copy.subcommand(if sub.has_subcommands() {
            without_changes(sub, &format!("{words} "))
        } else {
            sub.clone()
        });
    }
    copy
}

/// Whether sentences of these words change something.
fn changes(words: &str) -> bool {
    Sentence::catalogue()
        .iter()
        .any(|entry| entry.words == words && !entry.is_for_readers())
}

/// Whether the run is read-only, as far as it can be told before the command line is understood.
pub(super) fn is_read_only(arguments: &[OsString], env: &Env) -> bool {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let after = words.iter().position(|word| *word == "--config");
    let file = after
        .and_then(|at| words.get(at + 1).copied())
        .or_else(|| words.iter().find_map(|word| word.strip_prefix("--config=")));
    let flags = Flags {
        config: file.map(PathBuf::from),
        read_only: words.contains(&"--read-only"),
        ..Flags::default()
    };
    Config::load(&flags, env).read_only
}

/// `completions`.
pub(super) fn completions(
    shell: clap_complete::Shell,
    flags: &Flags,
    env: &Env,
) -> Result<Exit, Failure> {
    let is_read_only = Config::load(flags, env).read_only;
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut grammar(is_read_only), "wharf", &mut script);
    let mut out = Out::take();
    out.bytes(&script)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// `man`: all pages into a directory, or the first to standard output.
pub(super) fn manual(dir: Option<&Path>) -> Result<Exit, Failure> {
    let mut grammar = grammar(false).disable_help_subcommand(true);
    grammar.build();
    let Some(dir) = dir else {
        let mut out = Out::take();
        out.bytes(&page(&grammar, "wharf")?)?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(dir).map_err(|error| not_written(dir, &error))?;
    let mut count = 0;
    write_pages(&grammar, "wharf", dir, &mut count)?;
    let _ = writeln!(io::stdout(), "{count} pages are in {}", dir.display());
    Ok(Exit::Done)
}

fn write_pages(
    command: &clap::Command,
    name: &str,
    dir: &Path,
    count: &mut usize,
) -> Result<(), Failure> {
    let path = dir.join(format!("{name}.1"));
    fs::write(&path, page(command, name)?).map_err(|error| not_written(&path, &error))?;
    *count += 1;
    for sub in command.get_subcommands() {
        write_pages(sub, &format!("{name}-{}", sub.get_name()), dir, count)?;
    }
    Ok(())
}

fn page(command: &clap::Command, name: &str) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().name(name.to_owned())).render(&mut page)?;
    Ok(page)
}

fn not_written(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(is_read_only: bool, words: &[&str]) -> String {
        let error = grammar(is_read_only)
            .try_get_matches_from(words)
            .expect_err("help is asked for");
        error.to_string()
    }

    #[test]
    fn the_grammar_is_sound() {
        grammar(false).debug_assert();
        grammar(true).debug_assert();
    }

    #[test]
    fn read_only_help_does_not_know_what_changes_something() {
        let words = ["wharf", "container", "--help"];
        assert!(help(false, &words).contains("restart"));
        let short = help(true, &words);
        assert!(
            short.contains("list") && short.contains("changes"),
            "{short}"
        );
        for gone in ["restart", "remove", "exec", "rename"] {
            assert!(!short.contains(&format!("  {gone} ")), "{short}");
        }
        assert!(help(true, &["wharf", "--help"]).contains("Exit codes: 0 done"));
    }

    #[test]
    fn read_only_completions_do_not_offer_it_either() {
        let script = |is_read_only| {
            let mut script = Vec::new();
            let mut grammar = grammar(is_read_only);
            clap_complete::generate(
                clap_complete::Shell::Bash,
                &mut grammar,
                "wharf",
                &mut script,
            );
            String::from_utf8(script).expect("scripts are text")
        };
        assert!(script(false).contains("unpause"));
        assert!(!script(true).contains("unpause"));
    }

    #[test]
    fn read_only_is_seen_before_the_words_are_understood() {
        let dir = tempfile::tempdir().expect("a directory");
        let env = |variables: &[(&'static str, &'static str)]| {
            Env::new(dir.path(), variables.iter().copied())
        };
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(!is_read_only(&words("wharf --help"), &env(&[])));
        assert!(is_read_only(&words("wharf --read-only --help"), &env(&[])));
        assert!(is_read_only(
            &words("wharf --help"),
            &env(&[("WHARF_READ_ONLY", "1")])
        ));
        let file = dir.path().join("own.toml");
        fs::write(&file, "read_only = true\n").expect("a file");
        let line = format!("wharf --config {} --help", file.display());
        assert!(is_read_only(&words(&line), &env(&[])));
    }
}
