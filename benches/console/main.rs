//! What a person and a host feel of a console: the real program in a pseudo-terminal, beside its peers.
//!
//! `make bench` runs it. Clients that are not on the path are left out, and said to be. All that a client writes is
//! recorded with its moment and replayed only after the run, so that the replay takes no processor from what is
//! measured. The engines are the sim's, served by this process; `--real SOCKET` measures on a real one as well.
mod cases;
mod client;
mod process;
mod replay;
mod report;

use std::{path::PathBuf, process::Command};

use clap::Parser;

use self::{cases::Case, client::Client, report::Report};

/// Measures wharf and its peers.
#[derive(Parser)]
struct Arguments {
    /// The wharf to measure; the one of this build when it is not said.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Only these clients, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Containers of the sim's one host, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "10,100,500")]
    containers: Vec<usize>,
    /// The socket of a real engine, whose containers are counted as they are.
    #[arg(long)]
    real: Option<PathBuf>,
    /// Hosts of the large fleet, with 40 containers each; 0 leaves it out.
    #[arg(long, default_value_t = 500)]
    hosts: usize,
    /// Seconds of doing nothing.
    #[arg(long, default_value_t = 30)]
    idle: u64,
    /// Presses of a key; half as many again with all processors busy.
    #[arg(long, default_value_t = 40)]
    presses: usize,
    /// Where to keep the screens, one file for each run: look at them once.
    #[arg(long)]
    screens: Option<PathBuf>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    process::favour(std::process::id());
    let program = arguments
        .program
        .clone()
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_wharf")));
    let (clients, missing): (Vec<Client>, Vec<Client>) = client::all(&program)
        .into_iter()
        .filter(|one| {
            arguments.only.is_empty() || arguments.only.iter().any(|name| name == one.name)
        })
        .partition(|one| Command::new(&one.program).arg("--version").output().is_ok());
    for client in missing {
        eprintln!("{} is not on the path: left out", client.name);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let inside = runtime.enter();
    let mut report = Report::default();
    for containers in &arguments.containers {
        let case = runtime.block_on(Case::sim(*containers));
        for client in &clients {
            report.add(cases::measure(client, &case, &arguments));
        }
    }
    if let Some(socket) = &arguments.real {
        let case = Case::real(socket);
        for client in &clients {
            report.add(cases::measure(client, &case, &arguments));
        }
    }
    if arguments.hosts > 0 {
        let case = runtime.block_on(Case::fleet(arguments.hosts));
        let wharf = client::on_a_fleet(&program, &case);
        report.add(cases::measure(&wharf, &case, &arguments));
    }
    drop(inside);
    print!("{report}");
}
