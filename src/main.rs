//! The `wharf` program.

use wharf::{
    config::{self, Config, Env, Flags},
    console,
};

fn main() -> std::io::Result<()> {
    console::terminal::restore_on_panic();
    let env = Env::of_process();
    let flags = Flags {
        config: std::env::args().nth(1).map(Into::into),
        ..Flags::default()
    };
    let config = Config::load(&flags, &env);
    let origin = config::origin(&env, "console");
    let notices = config.notices.iter().map(ToString::to_string).collect();
    let hosts = config.hosts.clone();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(console::run(console::Setup {
        config,
        flags,
        origin,
        hosts,
        label: None,
        notices,
    }))
}
