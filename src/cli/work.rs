//! `wharf worker`: does what the configuration schedules, until somebody asks it to end.

use tokio_util::sync::CancellationToken;

use super::{
    Session, complain,
    exit::{Exit, Failure},
    reach::empty_fleet,
    signals::Asked,
};
use crate::{
    config,
    console::{engine_settings, registry_settings, secrets},
    model::Actor,
    ops::pipeline::Program,
    worker::{self, Setup, Shift},
};

/// Works; ends well when it is asked to end.
pub(super) async fn work(session: &Session, shift: Shift) -> Result<Exit, Failure> {
    session.warn();
    let mut fleet = empty_fleet(&session.config);
    fleet.access.by = Actor::Worker;
    let setup = Setup {
        pipelines: session.config.pipelines.clone(),
        program: Program {
            path: config::program().map_err(|error| {
                Failure::Failed(format!("this program cannot be found: {error}"))
            })?,
            arguments: session.flags().arguments(),
            is_worker: shift != Shift::Runs,
        },
        artifacts: session.config.paths.data_dir.join("artifacts"),
        jobs: session.config.backups.jobs.clone(),
        scalings: session.config.scalings.clone(),
        channels: session.config.channels.clone(),
        hosts: session.config.hosts.clone(),
        fleet,
        engine: engine_settings(&session.config),
        registries: registry_settings(&session.config),
        secrets: secrets(&session.config),
        state: session.config.paths.state_dir.clone(),
        origin: session.origin("worker"),
        patience: session.options.timeout,
    };
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let mut asked = Asked::listen();
    let ending = tokio::spawn(async move {
        asked.wait().await;
        token.cancel();
    });
    let store = session.store();
    let ended = worker::run(&setup, &store, shift, &cancel, &|line| complain(line)).await;
    ending.abort();
    store.close().await;
    match ended {
        Ok(0) => Ok(Exit::Done),
        Ok(_) => Ok(Exit::Failed),
        Err(why) => Err(Failure::Failed(why)),
    }
}
