//! The images that were built, and what their builds said.

use super::{
    Session,
    exit::{Exit, Failure},
    list::Listing,
    output::Out,
};
use crate::{
    model::{
        BuildRecord, Timestamp,
        pipeline::{LogPlace, RunNumber},
    },
    ops::{
        Refusal, RefusalKind, builds,
        column::{BuildRow, Builds},
        sentence::BuildsArgs,
    },
};

/// `image builds`: the newest that fit, the newest first.
pub(super) async fn list(session: &Session, args: &BuildsArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Builds>::read(&args.list, session.options.output, &[])?;
    let store = session.store();
    // Of acts whose program was killed the end is written first: nobody else will.
    if let Err(error) = store.interrupted().await {
        super::complain(&format!("warning: {error}"));
    }
    let mut fleet = super::reach::empty_fleet(&session.config);
    fleet.now = Timestamp::now();
    let since = args.since.map(|since| since.at(fleet.now));
    let fits = |build: &BuildRecord| {
        since.is_none_or(|since| build.at >= since) && listing.fits(&BuildRow { build })
    };
    let number = usize::try_from(args.number).unwrap_or(usize::MAX);
    let found = builds::newest(&store, number, since, fits).await?;
    store.close().await;
    let rows = listing.arrange(found.iter().map(|build| BuildRow { build }));
    let json = |out: &mut Out| out.array(rows.iter().map(|row| row.build));
    let name = |row: &BuildRow<'_>| row.build.operation.to_string();
    listing.write(session, &fleet, &rows, json, name)?;
    Ok(Exit::Done)
}

/// `image build-log`: the lines of a build; while it goes on in a run, those that are there.
pub(super) async fn log(session: &Session, number: u64) -> Result<Exit, Failure> {
    let store = session.store();
    let refuse = |why: String, remedy: &str| Refusal::new(RefusalKind::Unknown, why, remedy);
    let act = store.builds(number.saturating_add(1), 1).await?;
    let act = act.into_iter().find(|act| act.number == number);
    let act = act.ok_or_else(|| {
        let why = format!("act {number} is no build");
        refuse(why, "`image builds` lists those that there are")
    })?;
    let (mut key, mut step) = (RunNumber::of_build(number), RunNumber::build_step());
    let kept = store.run_log(key, &step, LogPlace::default()).await?;
    if let (true, Some(saying)) = (kept.lines.is_empty(), act.origin.step) {
        (key, step) = (saying.number(), saying.step);
    }
    let (mut place, mut lines) = (LogPlace::default(), 0);
    let mut out = Out::take();
    loop {
        let chunk = store.run_log(key, &step, place).await?;
        place = chunk.next;
        if chunk.lines.is_empty() {
            break;
        }
        lines += chunk.lines.len();
        out.lines(chunk.lines.iter().map(|line| &line.text))?;
    }
    out.flush()?;
    store.close().await;
    if lines == 0 {
        let why = format!("of build {number} no line is kept");
        return Err(refuse(why, "lines are kept when a build is over").into());
    }
    Ok(Exit::Done)
}
