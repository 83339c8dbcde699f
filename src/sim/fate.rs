//! The life of each container before anybody looked: how long it runs, or what became of it.

use std::sync::Arc;

use super::clock::{MILLI, Nanos, SECOND};
use super::container::{Container, Ending, Health, Probe, Restart, Run, State};
use super::place::Fate;
use super::seed::Seed;

/// Gives a container its life up to `now`.
pub fn live(container: &mut Container, fate: Fate, now: Nanos) {
    let seed = container.seed.of("life");
    let started = thrive(container, seed, now);
    let ended = started
        + seed
            .of("ended")
            .span(now - started - 30 * SECOND)
            .max(SECOND);
    match fate {
        Fate::Well => {}
        Fate::Failed => finish(container, ended, Ending::Crashed(1), Restart::OnFailure(3)),
        Fate::OutOfMemory => finish(container, ended, Ending::OutOfMemory, Restart::No),
        Fate::Unhealthy => sicken(container, ended),
        Fate::Looping => {
            let began = now - 20 * SECOND;
            container.runs.clear();
            container.begin_run(began, true);
            container.started = Some(began);
            finish(
                container,
                began + 700 * MILLI,
                Ending::Crashed(1),
                Restart::Always,
            );
            container.state = State::Restarting;
            container.restarts = 40 + u32::try_from(seed.of("loops").below(900)).unwrap_or(0);
        }
        Fate::Paused => {
            container.state = State::Paused;
            container.end_run(ended, Ending::Frozen);
        }
        Fate::Created => {
            container.state = State::Created;
            container.started = None;
            container.runs.clear();
            container.health = Health::None;
            container.restarts = 0;
        }
        Fate::Dead => {
            finish(container, ended, Ending::Killed, Restart::No);
            container.state = State::Dead;
        }
    }
}

/// A good life: most run since they were made, one in four was started again since.
fn thrive(container: &mut Container, seed: Seed, now: Nanos) -> Nanos {
    let again = seed.unit() < 0.25;
    let started = if again {
        now - seed.of("again").span((now - container.created) / 2) - 60 * SECOND
    } else {
        container.created + 400 * MILLI
    };
    container.state = State::Running;
    container.started = Some(started);
    if again {
        container.restarts = u32::try_from(seed.of("count").below(3)).unwrap_or(0);
    }
    let probed = container.plan.probe.is_some();
    container.health = if probed {
        Health::Healthy
    } else {
        Health::None
    };
    container.runs = vec![Run {
        began: started,
        fresh: true,
        silent: false,
        ended: None,
    }];
    started
}

/// Fails its health check, and has one for that where it had none.
fn sicken(container: &mut Container, since: Nanos) {
    let probe = || Probe {
        test: vec![
            "CMD-SHELL".into(),
            "curl -fsS http://localhost:8080/healthz || exit 1".into(),
        ],
        every: 30 * SECOND,
    };
    Arc::make_mut(&mut container.plan)
        .probe
        .get_or_insert_with(probe);
    container.health = Health::Unhealthy(since);
}

fn finish(container: &mut Container, at: Nanos, ending: Ending, restart: Restart) {
    Arc::make_mut(&mut container.plan).restart = restart;
    container.end_run(at, ending);
    container.finished = Some(at);
    container.exit_code = container.code_of(ending);
    container.oom = ending == Ending::OutOfMemory;
    container.state = State::Exited;
    container.restarts = restart.limit();
    if container.plan.probe.is_some() {
        container.health = Health::Unhealthy(at);
    }
}
