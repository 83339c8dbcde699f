//! What happens to containers: start, end, pause, restart policies, and the events of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive;
use super::blueprint::Voice;
use super::clock::{MILLI, Nanos, SECOND};
use super::container::{Container, Ending, Health, State};
use super::engine::{Due, Engine, Key};
use super::events::Kind;
use super::http::Refusal;
use super::shell::{self, Shell};

/// A signal by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(pub u8);

impl Signal {
    /// SIGKILL
    pub const KILL: Self = Self(9);
    /// SIGTERM
    pub const TERM: Self = Self(15);

    /// Reads `KILL`, `SIGKILL` or `9`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        const NAMES: [(&str, u8); 14] = [
            ("HUP", 1),
            ("INT", 2),
            ("QUIT", 3),
            ("ABRT", 6),
            ("KILL", 9),
            ("USR1", 10),
            ("SEGV", 11),
            ("USR2", 12),
            ("PIPE", 13),
            ("ALRM", 14),
            ("TERM", 15),
            ("CONT", 18),
            ("STOP", 19),
            ("WINCH", 28),
        ];
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
        let named = NAMES
            .iter()
            .find(|(name, _)| *name == bare)
            .map(|(_, number)| *number);
        let numbered = || bare.parse().ok().filter(|number| (1..=64).contains(number));
        let wrong = || Refusal::bad(format!("Invalid signal: {text}"));
        named.or_else(numbered).map(Self).ok_or_else(wrong)
    }

    /// How a process of the sim ends by it; none when it lives on.
    const fn ending(self) -> Option<Ending> {
        match self.0 {
            9 => Some(Ending::Killed),
            2 | 3 | 15 => Some(Ending::Stopped),
            6 | 11 => Some(Ending::Crashed(128 + self.0 as i64)),
            _ => None,
        }
    }
}

impl Container {
    /// The exit code of an ending.
    pub fn code_of(&self, ending: Ending) -> i64 {
        match ending {
            // A JVM ends with 143 when it is asked to stop, well-behaved servers with 0.
            Ending::Stopped if self.plan.voice == Voice::Java => 143,
            Ending::Stopped | Ending::Finished | Ending::Frozen => 0,
            Ending::Killed | Ending::OutOfMemory => 137,
            Ending::Crashed(code) => code,
        }
    }

    /// How long the process takes to end when it is asked to.
    pub fn farewell(&self) -> Nanos {
        let spread = i64::try_from(self.seed.of("farewell").below(200)).unwrap_or(0) * MILLI;
        match self.plan.voice {
            Voice::Java => 800 * MILLI + spread,
            _ => 40 * MILLI + spread,
        }
    }

    /// Docker's refusal for what needs a process.
    pub fn must_run(&self) -> Result<(), Refusal> {
        match self.state {
            State::Running | State::Paused => Ok(()),
            State::Restarting => Err(Refusal::conflict(format!(
                "Container {} is restarting, wait until the container is running",
                self.id
            ))),
            State::Created | State::Exited | State::Dead => Err(Refusal::conflict(format!(
                "Container {} is not running",
                self.id
            ))),
        }
    }
}

impl Engine {
    /// Starts the process: networks, volumes, health, events.
    pub fn begin(&mut self, key: Key, now: Nanos) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        container.state = State::Running;
        container.started = Some(now);
        container.exit_code = 0;
        container.oom = false;
        container.by_hand = false;
        container.error.clear();
        container.begin_run(now, true);
        container.health = match container.plan.probe {
            Some(_) => Health::Starting,
            None => Health::None,
        };
        let verdict = container.plan.probe.is_some().then(|| {
            let delay = 1500 + container.seed.of("probe").below(2500);
            now + i64::try_from(delay).unwrap_or(0) * MILLI
        });
        if let Some(at) = verdict {
            self.schedule(at, Due::Verdict(key));
        }
        self.emit_wiring(key, now, true);
        self.emit_container(now, key, "start", &[]);
        self.run_command(key, now);
    }

    /// Runs a command that the sim's shell knows: its output is the log, and it ends by itself.
    fn run_command(&mut self, key: Key, now: Nanos) {
        let cpus = self.profile.cpus;
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let plan = Arc::clone(&container.plan);
        let words = plan.argv();
        // Steps of pipelines always end.
        let is_step = plan.labels.contains_key("io.wharf.step");
        if !is_step && !shell::ends_by_itself(&words) {
            return;
        }
        let id = container.id.clone();
        let shell = Shell::new(container, cpus, now, &plan.workdir);
        let Ok(tree) = archive::whole(self, &id, now) else {
            return;
        };
        let (outcome, written) = shell.whole_life(&words, tree);
        // What is mounted read-only is not written to.
        drop(archive::store(self, &id, written));
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        for (stderr, bytes) in [(false, &outcome.stdout), (true, &outcome.stderr)] {
            for line in String::from_utf8_lossy(bytes).lines() {
                container.push_line(now, stderr, line.to_owned());
            }
        }
        // What the process says is all there is: no opening words, no work.
        if let Some(run) = container.runs.last_mut() {
            run.silent = true;
        }
        let took = i64::try_from(outcome.took.as_nanos()).unwrap_or(0);
        self.schedule(now + took + 20 * MILLI, Due::Exit(key, now, outcome.code));
    }

    /// Ends the process, and starts it again where its policy says so.
    pub fn end(&mut self, key: Key, now: Nanos, ending: Ending) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        let lived = now - container.started.unwrap_or(now);
        let code = container.code_of(ending);
        container.exit_code = code;
        container.oom = ending == Ending::OutOfMemory;
        container.finished = Some(now);
        container.end_run(now, ending);
        let again = container
            .plan
            .restart
            .again(code, container.restarts, container.by_hand);
        container.state = if again {
            State::Restarting
        } else {
            State::Exited
        };
        if container.plan.probe.is_some() {
            container.health = Health::Unhealthy(now);
        }
        let backoff = backoff(container.restarts, lived);
        let auto_remove = container.plan.auto_remove;
        if container.oom {
            self.emit_container(now, key, "oom", &[]);
        }
        let mut attributes = vec![("exitCode", code.to_string())];
        if self.profile.minor >= 43 {
            attributes.push(("execDuration", (lived / SECOND).to_string()));
        }
        self.emit_container(now, key, "die", &attributes);
        self.emit_wiring(key, now, false);
        if again {
            self.schedule(now + backoff, Due::Start(key));
        } else if auto_remove {
            self.destroy(key, now);
        }
    }

    /// Removes a container, with its event.
    pub fn destroy(&mut self, key: Key, now: Nanos) {
        self.emit_container(now, key, "destroy", &[]);
        self.take(key);
    }

    /// Changes the health of a running container, with its event.
    pub fn set_health(&mut self, key: Key, now: Nanos, health: Health) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        container.health = health;
        self.emit_container(now, key, &format!("health_status: {}", health.word()), &[]);
    }

    /// Sends a signal, with its event; the process may end by it.
    pub fn signal(&mut self, key: Key, now: Nanos, signal: Signal) {
        self.emit_container(now, key, "kill", &[("signal", signal.0.to_string())]);
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        if container.state == State::Restarting {
            container.by_hand = true;
            container.state = State::Exited;
            return;
        }
        match signal.ending() {
            Some(ending) => {
                container.by_hand = true;
                self.end(key, now, ending);
            }
            None => container.push_line(now, true, format!("received signal {}", signal.0)),
        }
    }

    /// Network and volume events of a container that starts or has ended.
    fn emit_wiring(&mut self, key: Key, now: Nanos, begins: bool) {
        let Some(container) = self.containers.get(&key) else {
            return;
        };
        let id = container.id.clone();
        let networks = container.networks.clone();
        let mounts = container.plan.mounts.clone();
        for network in networks {
            self.emit_plug(now, &network.network, &id, begins);
        }
        for mount in mounts {
            let Some(volume) = mount.volume else { continue };
            let mut attributes = BTreeMap::from([
                ("container".to_owned(), id.clone()),
                ("driver".into(), "local".into()),
            ]);
            if begins {
                attributes.insert("destination".into(), mount.destination);
                attributes.insert("propagation".into(), String::new());
                attributes.insert("read/write".into(), mount.writable.to_string());
            }
            self.emit(
                now,
                Kind::Volume,
                if begins { "mount" } else { "unmount" },
                &volume,
                attributes,
            );
        }
    }

    /// The event of a container that joins or leaves a network.
    pub fn emit_plug(&mut self, now: Nanos, network: &str, container: &str, joins: bool) {
        let Some(found) = self.find_network(network) else {
            return;
        };
        let attributes = BTreeMap::from([
            ("container".to_owned(), container.to_owned()),
            ("name".into(), found.name.to_string()),
            ("type".into(), found.driver.clone()),
        ]);
        self.emit(
            now,
            Kind::Network,
            if joins { "connect" } else { "disconnect" },
            network,
            attributes,
        );
    }

    /// Makes happen what is due.
    pub fn run_due(&mut self, now: Nanos) {
        while let Some((_, due)) = self.next_due(now) {
            match due {
                Due::Start(key) => self.start_again(key, now),
                Due::Crash(key, code) => {
                    if self
                        .containers
                        .get(&key)
                        .is_some_and(|one| one.state == State::Running)
                    {
                        self.end(key, now, Ending::Crashed(code));
                    }
                }
                Due::Exit(key, began, code) => {
                    let same = |one: &Container| one.state.alive() && one.started == Some(began);
                    if self.containers.get(&key).is_some_and(same) {
                        let ending = if code == 0 {
                            Ending::Finished
                        } else {
                            Ending::Crashed(code)
                        };
                        self.end(key, now, ending);
                    }
                }
                Due::Verdict(key) => {
                    self.cure(key, now, |health| health == Health::Starting);
                }
                Due::Recovery(key) => {
                    self.cure(key, now, |health| matches!(health, Health::Unhealthy(_)));
                }
                Due::Churn => self.churn(now),
            }
        }
    }

    /// Makes a living container healthy when its health is as expected.
    fn cure(&mut self, key: Key, now: Nanos, expected: impl Fn(Health) -> bool) {
        let waits = |one: &Container| one.state.alive() && expected(one.health);
        if self.containers.get(&key).is_some_and(waits) {
            self.set_health(key, now, Health::Healthy);
        }
    }

    /// The restart policy's start; what crashed at once before does so again.
    fn start_again(&mut self, key: Key, now: Nanos) {
        let Some(container) = self.containers.get_mut(&key) else {
            return;
        };
        if container.state != State::Restarting {
            return;
        }
        container.restarts += 1;
        let looping = match container.runs.last() {
            Some(run) => match run.ended {
                Some((end, Ending::Crashed(code))) if end - run.began < 10 * SECOND => Some(code),
                _ => None,
            },
            None => None,
        };
        self.begin(key, now);
        if let Some(code) = looping {
            self.schedule(now + 700 * MILLI, Due::Crash(key, code));
        }
    }

    /// One random change, and the plan for the next.
    fn churn(&mut self, now: Nanos) {
        let seed = self.fresh_seed();
        let keys = |wanted: &dyn Fn(&Container) -> bool| -> Vec<Key> {
            let ours = self
                .containers
                .iter()
                .filter(|(_, one)| one.number > 0 && wanted(one));
            ours.map(|(key, _)| *key).collect()
        };
        let epoch = self.profile.epoch;
        let running = keys(&|one| one.state == State::Running);
        // What an earlier change ended for good.
        let fallen = keys(&|one| {
            one.state == State::Exited && !one.by_hand && one.finished.is_some_and(|at| at > epoch)
        });
        if !fallen.is_empty() && seed.of("mend").below(3) == 0 {
            let key = *seed.of("who").pick(&fallen);
            self.containers
                .entry(key)
                .and_modify(|one| one.restarts = 0);
            self.begin(key, now);
        } else if !running.is_empty() {
            self.disturb(
                *seed.of("who").pick(&running),
                now,
                seed.of("what").below(10),
            );
        }
        self.schedule_churn(now, seed.of("when").unit());
    }

    /// Makes a running container ill, ends it, or restarts it, by a number below ten.
    fn disturb(&mut self, key: Key, now: Nanos, what: u64) {
        let probed = self
            .containers
            .get(&key)
            .is_some_and(|one| one.plan.probe.is_some());
        match what {
            0..3 if probed => {
                self.set_health(key, now, Health::Unhealthy(now));
                self.schedule(now + 20 * SECOND, Due::Recovery(key));
            }
            0..6 => self.end(key, now, Ending::Crashed(1)),
            6 => self.end(key, now, Ending::OutOfMemory),
            _ => {
                self.emit_container(now, key, "kill", &[("signal", "15".to_owned())]);
                self.end_by_hand(key, now);
                self.emit_container(now, key, "stop", &[]);
                self.begin(key, now + MILLI);
                self.emit_container(now, key, "restart", &[]);
            }
        }
    }

    /// A clean stop, as `docker stop` ends with.
    pub fn end_by_hand(&mut self, key: Key, now: Nanos) {
        if let Some(container) = self.containers.get_mut(&key) {
            container.by_hand = true;
        }
        self.end(key, now, Ending::Stopped);
    }

    /// Plans the next random change; `spread` in `0.0..1.0` keeps hosts out of step.
    pub fn schedule_churn(&mut self, now: Nanos, spread: f64) {
        let churn = self.profile.churn;
        if churn > 0.0 {
            let wait = std::time::Duration::from_secs_f64(60.0 / churn * (0.5 + spread));
            let wait = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX / 2);
            self.schedule(now.saturating_add(wait), Due::Churn);
        }
    }
}

/// Docker's wait before the next start: from 100 ms, doubled up to a minute; back to the beginning
/// after ten seconds of life.
fn backoff(restarts: u32, lived: Nanos) -> Nanos {
    if lived >= 10 * SECOND {
        return 100 * MILLI;
    }
    (100 * MILLI)
        .saturating_mul(1 << restarts.min(16))
        .min(60 * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_read_by_name_and_number() {
        assert_eq!(Signal::parse("SIGKILL"), Ok(Signal::KILL));
        assert_eq!(Signal::parse("term"), Ok(Signal::TERM));
        assert_eq!(Signal::parse("9"), Ok(Signal::KILL));
        assert_eq!(
            Signal::parse("BOGUS").map_err(|refusal| refusal.message),
            Err("Invalid signal: BOGUS".into())
        );
    }

    #[test]
    fn backoff_doubles_up_to_a_minute_and_forgets_after_a_good_run() {
        assert_eq!(backoff(0, 0), 100 * MILLI);
        assert_eq!(backoff(3, 0), 800 * MILLI);
        assert_eq!(backoff(12, 0), 60 * SECOND);
        assert_eq!(backoff(12, 11 * SECOND), 100 * MILLI);
    }
}
