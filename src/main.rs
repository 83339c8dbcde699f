//! The `wharf` program.

use std::process::ExitCode;

use wharf::{cli, console};

fn main() -> ExitCode {
    // Reports of bugs; errors of operation are told by `cli` in words of its own.
    if let Err(error) = color_eyre::install() {
        eprintln!("wharf: reports of bugs will be short: {error}");
    }
    console::terminal::restore_on_panic();
    // The second call of two fails, and this is the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::main()
}
