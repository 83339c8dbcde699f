//! Logs of containers: one as it is, several in the order of time; what was logged, or what comes.

mod follow;
mod history;
mod weave;
mod write;

use std::time::Duration;

use self::write::Writer;
use super::{
    Session,
    exit::{Exit, Failure},
    reach::Reached,
    show::{asked, recorded},
};
use crate::{
    model::{LogRange, Outcome, Timestamp},
    ops::{LogsCommand, Sentence, Target},
};

/// Lines that come are held back for so long, so that those of several containers get into the order of time.
const WINDOW: Duration = Duration::from_millis(100);

/// `logs`. Secrets are masked unless they are to be revealed, which is recorded first.
pub(super) async fn logs(
    session: &Session,
    sentence: &Sentence,
    args: &LogsCommand,
) -> Result<Exit, Failure> {
    // What is revealed is read here: its hosts must answer as for any other log.
    let read = Sentence::Logs(LogsCommand {
        reveal: false,
        ..args.clone()
    });
    let (reached, targets) = asked(session, &read).await?;
    let plan = sentence.plan(&reached.fleet, &[])?;
    if plan.recorded {
        let detail = String::new();
        let shown = async { Outcome::Done { detail } };
        Box::pin(recorded(session, sentence, &plan, shown)).await?;
    }
    let exit = super::missing(&reached);
    let mut writer = Writer::new(session, args, targets.len() > 1);
    let is_whole = if args.follow {
        follow::follow(reached, sentence, targets, args, &mut writer).await?
    } else {
        history::merge(reached, &targets, args, &mut writer).await?
    };
    Ok(if is_whole { exit } else { Exit::Failed })
}

/// Which part of a log is wanted.
fn range(args: &LogsCommand, now: Timestamp) -> LogRange {
    match (args.since, args.tail) {
        (Some(since), _) => LogRange::Since(since.at(now)),
        (None, Some(lines)) => LogRange::Tail(lines),
        (None, None) => LogRange::All,
    }
}

/// The name of a container as lines bear it.
fn label(reached: &Reached, target: &Target) -> String {
    target.text(&reached.fleet)
}
