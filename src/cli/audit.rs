//! The log of acts: what was done, and whether the log is whole.

use serde_json::json;

use super::{
    Session,
    exit::{Exit, Failure},
    json::OperationJson,
    list::Listing,
    output::Out,
};
use crate::{
    model::Operation,
    ops::{
        column::{OperationRow, Operations},
        sentence::ListArgs,
    },
    store::{self, Store},
};

/// How many entries are read at once when a filter throws some away.
const PAGE: u32 = 500;

/// `audit list`: the newest entries that fit, the oldest of them first.
pub(super) async fn list(session: &Session, args: &ListArgs, number: u32) -> Result<Exit, Failure> {
    let listing = Listing::<Operations>::read(args, session.options.output, &[])?;
    let store = open(session).await?;
    // Of acts whose program was killed the end is written first: nobody else will.
    if let Err(error) = store.interrupted().await {
        super::complain(&format!("warning: {error}"));
    }
    let mut found = store.waiting().await?;
    found.reverse();
    found.retain(|one| listing.fits(&OperationRow { operation: one }));
    let wanted = number as usize;
    let mut before = None;
    while found.len() < wanted {
        let page = store
            .operations(PAGE.min(number), before, &store::Filter::default())
            .await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        let fits = |one: &Operation| listing.fits(&OperationRow { operation: one });
        found.extend(page.into_iter().filter(fits));
    }
    store.close().await;
    found.truncate(wanted);
    found.reverse();
    let fleet = super::reach::empty_fleet(&session.config);
    let rows = listing.arrange(found.iter().map(|operation| OperationRow { operation }));
    let json = |out: &mut Out| out.array(rows.iter().map(|row| OperationJson::of(row.operation)));
    let name = |row: &OperationRow<'_>| row.operation.number.to_string();
    listing.write(session, &fleet, &rows, json, name)?;
    Ok(Exit::Done)
}

/// `audit verify`.
pub(super) async fn verify(session: &Session) -> Result<Exit, Failure> {
    let store = open(session).await?;
    let found = store.verify().await?;
    let waiting = store.waiting().await?.len();
    store.close().await;
    let mut out = Out::take();
    if session.options.output.is_json() {
        out.json(&json!({
            "whole": found.faults.is_empty(),
            "entries": found.entries,
            "head": found.head,
            "faults": found.faults,
            "waiting": waiting,
        }))?;
    } else if found.faults.is_empty() {
        out.lines([format!(
            "the log is whole: {} entries, the last with hash {}",
            found.entries, found.head
        )])?;
    } else {
        out.lines(&found.faults)?;
    }
    out.flush()?;
    if waiting > 0 {
        super::complain(&format!(
            "{waiting} acts wait beside the log and are not checked"
        ));
    }
    Ok(if found.faults.is_empty() {
        Exit::Done
    } else {
        super::complain(&format!("the log has {} faults", found.faults.len()));
        Exit::Failed
    })
}

async fn open(session: &Session) -> Result<Store, Failure> {
    Ok(Store::open(&session.config.store).await?)
}
