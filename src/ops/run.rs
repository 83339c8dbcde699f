//! The runner: records that an act begins, does its steps over many hosts, records how it ended.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::plan::Plan;
use crate::{
    model::{HostName, Operation, Origin, Outcome, Said, Step, Subject, Timestamp},
    store::{self, Store, Ticket},
};

/// At so many hosts at the same time.
const HOSTS: usize = 16;
/// So many steps at the same time on one host.
const PER_HOST: usize = 4;
/// What is said of a step that a cancellation let go.
const LET_GO: &str = "cancelled while it was under way; the engine may still bring it to an end";
/// So many targets are named in a result before the rest is counted.
const NAMES: usize = 5;

/// What does a step: the crew, or a stand-in for tests.
pub trait Hands: Sync {
    /// Does one step; answers what there is to say beyond that it is done, or why it failed. What is
    /// to be said meanwhile goes to `say`.
    fn act(
        &self,
        step: &Step,
        say: &(dyn Fn(Said) + Sync),
    ) -> impl Future<Output = Result<String, String>> + Send;
}

/// What keeps the log of acts: the store, or a stand-in for tests.
pub trait Ledger: Sync {
    /// What is needed to record the end.
    type Ticket: Send + Sync;

    /// Records that an operation begins; without it nothing may be done.
    fn begin(
        &self,
        operation: &Operation,
    ) -> impl Future<Output = Result<Self::Ticket, store::Error>> + Send;

    /// The operation's number (0 while it waits to be numbered), and why it waits.
    fn number(ticket: &Self::Ticket) -> (u64, Option<String>);

    /// Records how it ended.
    fn finish(
        &self,
        ticket: &Self::Ticket,
        outcome: &Outcome,
        duration_ms: u64,
    ) -> impl Future<Output = Result<(), store::Error>> + Send;
}

impl Ledger for Store {
    type Ticket = Ticket;

    async fn begin(&self, operation: &Operation) -> Result<Ticket, store::Error> {
        Self::begin(self, operation).await
    }

    fn number(ticket: &Ticket) -> (u64, Option<String>) {
        let waits = ticket.waits.as_ref().map(ToString::to_string);
        (ticket.number.unwrap_or(0), waits)
    }

    async fn finish(
        &self,
        ticket: &Ticket,
        outcome: &Outcome,
        duration_ms: u64,
    ) -> Result<(), store::Error> {
        Self::finish(self, ticket, outcome, duration_ms).await
    }
}

/// What happens while a plan runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It is recorded under that number (0 while its record waits), and begins.
    Began(u64),
    /// The log cannot take the record now, for that reason; it waits beside it and is taken in later.
    Waits(String),
    /// The step with that index in the plan begins.
    StepBegan(usize),
    /// It says something while it goes on.
    Said(usize, Said),
    /// It ended, after so long: what there is to say, or why it failed.
    StepEnded(usize, Result<String, String>, Duration),
    /// All is over.
    Ended(Outcome),
}

/// Why a plan was not run, or its end is not in the log.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RunError {
    /// Nothing was done, because it could be recorded nowhere.
    #[error("nothing was done, because the act cannot be recorded: {0}")]
    NotRecorded(store::Error),
    /// It was done, but how it ended is not in the log, where it will count as interrupted.
    #[error("the act ended ({outcome}), but the log does not know it: {error}")]
    EndNotRecorded {
        /// How it ended.
        outcome: Outcome,
        /// Why that is not in the log.
        error: store::Error,
    },
}

/// Runs a plan: records it, does its steps, records the end. Hosts are worked on in parallel, and
/// on each a few containers at a time; steps on a host as a whole come one after the other. A
/// failed step does not stop the others. After a cancellation no step begins, and those under way
/// are let go (the engine may still bring them to an end).
pub async fn run(
    plan: &Plan,
    origin: &Origin,
    reason: Option<&str>,
    engines: &impl Hands,
    store: &impl Ledger,
    cancel: CancellationToken,
    report: impl Fn(Progress) + Sync,
) -> Result<Outcome, RunError> {
    let work = perform(plan, engines, &cancel, &report);
    recorded(plan, origin, reason, store, &report, work).await
}

/// Records an act around the work that does it: for what takes the terminal, edits a file or
/// reveals a secret. What is not to be recorded is only done.
pub async fn recorded<L: Ledger>(
    plan: &Plan,
    origin: &Origin,
    reason: Option<&str>,
    store: &L,
    report: &(impl Fn(Progress) + Sync),
    work: impl Future<Output = Outcome>,
) -> Result<Outcome, RunError> {
    if !plan.recorded {
        let outcome = work.await;
        report(Progress::Ended(outcome.clone()));
        return Ok(outcome);
    }
    let operation = operation(plan, origin, reason);
    let ticket = store
        .begin(&operation)
        .await
        .map_err(RunError::NotRecorded)?;
    let (number, waits) = L::number(&ticket);
    report(Progress::Began(number));
    if let Some(waits) = waits {
        report(Progress::Waits(waits));
    }
    let start = Instant::now();
    let outcome = work.await;
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let finished = store.finish(&ticket, &outcome, milliseconds).await;
    report(Progress::Ended(outcome.clone()));
    match finished {
        Ok(()) => Ok(outcome),
        Err(error) => Err(RunError::EndNotRecorded { outcome, error }),
    }
}

/// The entry of the log for a plan that begins now.
fn operation(plan: &Plan, origin: &Origin, reason: Option<&str>) -> Operation {
    Operation {
        number: 0,
        at: Timestamp::now(),
        origin: origin.clone(),
        sentence: plan.sentence.clone(),
        targets: plan.targets.clone(),
        reason: reason.map(str::to_owned),
        outcome: Outcome::Running,
        duration_ms: None,
    }
}

/// A step with its index in the plan.
type Numbered<'p> = (usize, &'p Step);
/// How a step ended, with its index in the plan.
type Ended = (usize, Result<String, String>);

/// Does the steps of a plan; answers how that ended.
async fn perform<H: Hands, R: Fn(Progress) + Sync>(
    plan: &Plan,
    engines: &H,
    cancel: &CancellationToken,
    report: &R,
) -> Outcome {
    let worker = Worker {
        engines,
        cancel,
        report,
    };
    let mut by_host: BTreeMap<&HostName, Vec<Numbered<'_>>> = BTreeMap::new();
    for (index, step) in plan.steps.iter().enumerate() {
        by_host.entry(&step.host).or_default().push((index, step));
    }
    let gate = Semaphore::new(HOSTS);
    let hosts = by_host
        .into_values()
        .map(|steps| worker.on_host(steps, &gate));
    let mut ended: Vec<Ended> = join_all(hosts).await.into_iter().flatten().collect();
    ended.sort_by_key(|(index, _)| *index);
    summary(plan, &ended, cancel.is_cancelled())
}

/// What every step needs.
struct Worker<'a, H, R> {
    engines: &'a H,
    cancel: &'a CancellationToken,
    report: &'a R,
}

impl<H: Hands, R: Fn(Progress) + Sync> Worker<'_, H, R> {
    /// Does the steps of one host, when it is its turn.
    async fn on_host(&self, steps: Vec<Numbered<'_>>, gate: &Semaphore) -> Vec<Ended> {
        let _turn = gate.acquire().await;
        let whole = steps
            .iter()
            .any(|(_, step)| matches!(step.subject, Subject::Host));
        let gate = Semaphore::new(if whole { 1 } else { PER_HOST });
        let steps = steps.into_iter().map(|step| self.one(step, &gate));
        join_all(steps).await.into_iter().flatten().collect()
    }

    /// Does one step when it is its turn, unless it was cancelled before.
    async fn one(&self, (index, step): Numbered<'_>, gate: &Semaphore) -> Option<Ended> {
        let _turn = gate.acquire().await;
        if self.cancel.is_cancelled() {
            return None;
        }
        (self.report)(Progress::StepBegan(index));
        let start = Instant::now();
        let say = |said| (self.report)(Progress::Said(index, said));
        let result = tokio::select! {
            biased;
            result = self.engines.act(step, &say) => result,
            () = self.cancel.cancelled() => Err(LET_GO.to_owned()),
        };
        let took = start.elapsed();
        (self.report)(Progress::StepEnded(index, result.clone(), took));
        Some((index, result))
    }
}

fn summary(plan: &Plan, results: &[Ended], is_cancelled: bool) -> Outcome {
    let count = |wanted: bool| {
        let of_kind = results
            .iter()
            .filter(|(_, result)| result.is_ok() == wanted);
        u32::try_from(of_kind.count()).unwrap_or(u32::MAX)
    };
    let (done, failed) = (count(true), count(false));
    if is_cancelled && (done as usize) < plan.steps.len() {
        return Outcome::Cancelled { done };
    }
    let texts = |wanted: bool| {
        let of_kind = results
            .iter()
            .filter(|(_, result)| result.is_ok() == wanted);
        gathered(of_kind.map(|(index, result)| {
            let (Ok(text) | Err(text)) = result;
            (plan.steps[*index].target(), text.as_str())
        }))
    };
    if failed == 0 {
        Outcome::Done {
            detail: texts(true),
        }
    } else {
        Outcome::Failed {
            done,
            failed,
            detail: texts(false),
        }
    }
}

/// Texts with the targets they are of, the same texts together: `web@a, web@b: no such container`.
fn gathered<'t>(texts: impl Iterator<Item = (String, &'t str)>) -> String {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for (target, text) in texts.filter(|(_, text)| !text.is_empty()) {
        match groups.iter_mut().find(|(known, _)| *known == text) {
            // Several steps on one target are named once.
            Some((_, targets)) => {
                if !targets.contains(&target) {
                    targets.push(target);
                }
            }
            None => groups.push((text, vec![target])),
        }
    }
    let lines: Vec<String> = groups
        .into_iter()
        .map(|(text, targets)| {
            let more = targets.len().saturating_sub(NAMES);
            let mut names = targets[..targets.len() - more].join(", ");
            if more > 0 {
                names = format!("{names} and {more} more");
            }
            format!("{names}: {text}")
        })
        .collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use super::*;
    use crate::{
        model::{Action, ContainerId},
        ops::{Confirm, Danger},
    };

    /// Engines that note what they are asked and how much of it at once.
    #[derive(Default)]
    struct Stand {
        now: AtomicUsize,
        most: AtomicUsize,
        asked: Mutex<Vec<String>>,
        fails: &'static str,
        blocks: bool,
    }

    impl Hands for Stand {
        async fn act(&self, step: &Step, say: &(dyn Fn(Said) + Sync)) -> Result<String, String> {
            say(Said::Line(step.target()));
            let now = self.now.fetch_add(1, SeqCst) + 1;
            self.most.fetch_max(now, SeqCst);
            self.asked.lock().unwrap().push(step.target());
            if self.blocks {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.now.fetch_sub(1, SeqCst);
            if !self.fails.is_empty() && step.target().contains(self.fails) {
                Err("it does not want to".to_owned())
            } else {
                Ok(String::new())
            }
        }
    }

    /// A log in memory; it may be told to take nothing.
    #[derive(Default)]
    struct Book {
        full: bool,
        begun: Mutex<Vec<Operation>>,
        ended: Mutex<Vec<Outcome>>,
    }

    impl Ledger for Book {
        type Ticket = u64;

        async fn begin(&self, operation: &Operation) -> Result<u64, store::Error> {
            if self.full {
                return Err(no_room().await);
            }
            self.begun.lock().unwrap().push(operation.clone());
            Ok(self.begun.lock().unwrap().len() as u64)
        }

        fn number(ticket: &u64) -> (u64, Option<String>) {
            (*ticket, None)
        }

        async fn finish(&self, _: &u64, outcome: &Outcome, _: u64) -> Result<(), store::Error> {
            self.ended.lock().unwrap().push(outcome.clone());
            Ok(())
        }
    }

    /// The error of a real store that can write nowhere.
    async fn no_room() -> store::Error {
        let file = tempfile::NamedTempFile::new().unwrap();
        let below_a_file = file.path().join("x");
        let place = crate::model::Place {
            database: crate::model::DatabasePlace::File(below_a_file.join("db")),
            spill: below_a_file.join("spill"),
        };
        let operation = operation(&plan(&[]), &Origin::default(), None);
        Store::detached(&place).begin(&operation).await.unwrap_err()
    }

    fn plan(targets: &[(&str, &str)]) -> Plan {
        Plan {
            sentence: "container stop web@a".into(),
            title: String::new(),
            danger: Danger::Disrupts,
            targets: targets.iter().map(|(n, h)| format!("{n}@{h}")).collect(),
            steps: targets
                .iter()
                .map(|(name, host)| Step {
                    host: HostName::new(host),
                    subject: if name.is_empty() {
                        Subject::Host
                    } else {
                        Subject::Container(ContainerId::new(name), (*name).into())
                    },
                    action: Action::Stop { grace: None },
                })
                .collect(),
            loses: Vec::new(),
            docker: Vec::new(),
            confirm: Confirm::No,
            left_out: Vec::new(),
            busy: "stopping",
            recorded: true,
            told: Vec::new(),
            deploy: None,
        }
    }

    async fn run_on(plan: &Plan, stand: &Stand, book: &Book) -> Result<Outcome, RunError> {
        let cancel = CancellationToken::new();
        run(
            plan,
            &Origin::default(),
            Some("why"),
            stand,
            book,
            cancel,
            |_| (),
        )
        .await
    }

    #[test]
    fn a_run_can_be_spawned() {
        fn spawnable<T: Send>(_: T) {}
        let (plan, stand, book) = (plan(&[]), Stand::default(), Book::default());
        let (origin, cancel) = (Origin::default(), CancellationToken::new());
        spawnable(run(&plan, &origin, None, &stand, &book, cancel, |_| ()));
    }

    #[tokio::test(start_paused = true)]
    async fn every_step_is_done_and_the_act_is_in_the_log() {
        let plan = plan(&[("web", "a"), ("db", "a"), ("web", "b")]);
        let (stand, book) = (Stand::default(), Book::default());
        let outcome = run_on(&plan, &stand, &book).await.unwrap();
        assert_eq!(
            outcome,
            Outcome::Done {
                detail: String::new()
            }
        );
        assert_eq!(stand.asked.lock().unwrap().len(), 3);
        let begun = book.begun.lock().unwrap();
        assert_eq!(begun[0].sentence, plan.sentence);
        assert_eq!(begun[0].targets, plan.targets);
        assert_eq!(begun[0].reason.as_deref(), Some("why"));
        assert_eq!(book.ended.lock().unwrap().as_slice(), [outcome]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_step_stops_no_other_and_is_told_with_its_targets() {
        // A target of several steps is named once.
        for (steps, done, failed) in [
            ([("web", "a"), ("db", "a"), ("web", "b")], 1, 2),
            ([("web", "a"), ("web", "a"), ("web", "b")], 0, 3),
        ] {
            let stand = Stand {
                fails: "web",
                ..Stand::default()
            };
            let outcome = run_on(&plan(&steps), &stand, &Book::default())
                .await
                .unwrap();
            let detail = "web@a, web@b: it does not want to".to_owned();
            assert_eq!(
                outcome,
                Outcome::Failed {
                    done,
                    failed,
                    detail
                }
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_four_on_one_host_and_sixteen_hosts_at_once() {
        let names: Vec<String> = (0..20).map(|n| format!("n{n}")).collect();
        let one_host: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), "a")).collect();
        let stand = Stand::default();
        run_on(&plan(&one_host), &stand, &Book::default())
            .await
            .unwrap();
        assert_eq!(stand.most.load(SeqCst), PER_HOST);

        let many_hosts: Vec<(&str, &str)> = names.iter().map(|n| ("web", n.as_str())).collect();
        let stand = Stand::default();
        run_on(&plan(&many_hosts), &stand, &Book::default())
            .await
            .unwrap();
        assert_eq!(stand.most.load(SeqCst), HOSTS);
    }

    #[tokio::test(start_paused = true)]
    async fn steps_on_a_whole_host_come_one_after_the_other() {
        let stand = Stand::default();
        let plan = plan(&[("", "a"), ("", "a"), ("", "a")]);
        run_on(&plan, &stand, &Book::default()).await.unwrap();
        assert_eq!(stand.most.load(SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_recorded_is_not_done() {
        let book = Book {
            full: true,
            ..Book::default()
        };
        let stand = Stand::default();
        let error = run_on(&plan(&[("web", "a")]), &stand, &book)
            .await
            .unwrap_err();
        assert!(matches!(error, RunError::NotRecorded(_)), "{error}");
        assert!(stand.asked.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_run_lets_go_and_says_how_far_it_came() {
        let stand = Stand {
            blocks: true,
            ..Stand::default()
        };
        let book = Book::default();
        let plan = plan(&[("web", "a"), ("db", "a")]);
        let cancel = CancellationToken::new();
        let told = Mutex::new(Vec::new());
        let report = |progress| {
            told.lock().unwrap().push(progress);
            cancel.cancel();
        };
        let origin = Origin::default();
        let outcome = run(&plan, &origin, None, &stand, &book, cancel.clone(), report)
            .await
            .unwrap();
        assert_eq!(outcome, Outcome::Cancelled { done: 0 });
        assert_eq!(book.ended.lock().unwrap().len(), 1);
        assert_eq!(told.lock().unwrap().last(), Some(&Progress::Ended(outcome)));
    }
}
