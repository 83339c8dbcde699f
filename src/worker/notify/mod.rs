//! Notifications: read off what happened, put into the queues of channels, and delivered until they are taken.

mod hosts;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{sync::Notify, time::sleep};

use super::Worker;
use crate::{
    clients::notify,
    model::{
        Timestamp,
        notify::{Channel, Notice, Places, Routing, of_operation, of_request, of_run},
    },
    store::{Claimed, Error, Tried},
};

/// It is looked so often whether something happened or is due.
const LOOK: Duration = Duration::from_secs(1);
/// It is said so often that somebody delivers, in looks.
const SIGN: u32 = 10;
/// What is being sent when the worker ends has so long to end, too.
const LAST: Duration = Duration::from_secs(3);
/// A lease lasts so much longer than a try may, in seconds.
const SLACK: u64 = 30;
/// The longest pause between two tries, in seconds.
const LONGEST: i64 = 3600;

/// Tells until the worker ends; nothing at all where no channel is configured.
pub(super) async fn work(worker: &Worker<'_>) {
    let channels = &worker.setup.channels;
    if channels.is_empty() {
        return;
    }
    let bells: BTreeMap<&str, Arc<Notify>> = channels
        .iter()
        .map(|one| (&*one.name, Arc::default()))
        .collect();
    let sending = channels.iter().map(|channel| {
        let bell = bells.get(&*channel.name).cloned().unwrap_or_default();
        async move {
            while !worker.cancel.is_cancelled() {
                tokio::select! {
                    () = bell.notified() => {}
                    () = worker.cancel.cancelled() => return,
                }
                deliver(worker, channel).await;
            }
        }
    });
    let looking = async {
        let mut looks = 0;
        let mut told = None;
        while !worker.cancel.is_cancelled() {
            let looked = look(worker, looks % SIGN == 0).await;
            looks = (looks + 1) % (SIGN * 6);
            match looked {
                Ok(due) => {
                    told = None;
                    for name in due {
                        if let Some(bell) = bells.get(name.as_str()) {
                            bell.notify_one();
                        }
                    }
                }
                // The same trouble is told once.
                Err(error) if told.as_ref() != Some(&error.to_string()) => {
                    (worker.tell)(&format!("notifications: {error}"));
                    told = Some(error.to_string());
                }
                Err(_) => {}
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = worker.cancel.cancelled() => {}
            }
        }
    };
    tokio::join!(looking, join_all(sending), hosts::watch(worker));
}

/// Tells what happened, and tries each thing that is due once; answers how many could not be delivered.
pub(super) async fn once(worker: &Worker<'_>) -> usize {
    if worker.setup.channels.is_empty() {
        return 0;
    }
    let mut failed = 0;
    match look(worker, false).await {
        Ok(due) => {
            for channel in &worker.setup.channels {
                if due.iter().any(|name| **name == *channel.name) {
                    failed += deliver(worker, channel).await;
                }
            }
        }
        Err(error) => {
            (worker.tell)(&format!("notifications: {error}"));
            failed += 1;
        }
    }
    failed
}

/// Reads what happened, decides where it goes, and answers the channels for which something is due.
async fn look(worker: &Worker<'_>, sign: bool) -> Result<Vec<String>, Error> {
    let store = worker.store;
    if sign {
        // What programs left that were killed is told as well.
        store.interrupted().await?;
    }
    let places = Places(&worker.setup.hosts);
    while let Some(news) = store.news().await? {
        let mut notices: Vec<Notice> = Vec::new();
        let operations = news.operations.iter();
        notices.extend(operations.filter_map(|one| of_operation(one, places)));
        notices.extend(news.runs.iter().flat_map(|run| of_run(run, places)));
        notices.extend(news.requests.iter().map(|one| of_request(one, places)));
        // Where somebody else took them, there may be more.
        store.take_news(&news, &notices).await?;
    }
    loop {
        let unrouted = store.unrouted().await?;
        if unrouted.is_empty() {
            break;
        }
        let now = Timestamp::now();
        let routed = unrouted.into_iter().map(|(number, notice)| {
            let channels = worker.setup.channels.iter();
            let fitting = channels.filter(|channel| channel.takes(&notice, places));
            let routings = fitting
                .map(|channel| route(channel, &notice, now))
                .collect();
            (number, notice, routings)
        });
        store.route_notices(&routed.collect::<Vec<_>>()).await?;
    }
    if sign {
        store.delivers().await?;
    }
    store.due_channels().await
}

/// How a notice goes into the queue of a channel.
fn route(channel: &Channel, notice: &Notice, now: Timestamp) -> Routing {
    let age = Duration::try_from(now.duration_since(notice.at)).unwrap_or_default();
    let given_up = (age > channel.give_up).then(|| {
        format!(
            "it was older than {} h when a worker came to tell it",
            age.as_secs() / 3600
        )
    });
    Routing {
        channel: channel.name.to_string(),
        held_until: channel.quiet_until(notice, now),
        repeat: i64::try_from(channel.repeat.as_secs()).unwrap_or(i64::MAX),
        given_up,
    }
}

/// Takes or keeps the right to look at hosts.
async fn look_lease(worker: &Worker<'_>) -> bool {
    worker.store.watches_hosts().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "nobody can say who looks at hosts");
        false
    })
}

/// Sends what is due through a channel until nothing is, or a try fails; answers how many tries failed.
async fn deliver(worker: &Worker<'_>, channel: &Channel) -> usize {
    let seconds = i64::try_from(channel.timeout.as_secs() + SLACK).unwrap_or(i64::MAX);
    let mut failed = 0;
    while !worker.cancel.is_cancelled() {
        let claimed = worker.store.claim_delivery(&channel.name, seconds).await;
        let claimed = match claimed {
            Ok(Some(claimed)) => claimed,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(%error, "no notification can be taken");
                break;
            }
        };
        let sending = notify::send(channel, &claimed.message, &worker.setup.secrets);
        let sent = tokio::select! {
            sent = sending => sent,
            // Who takes its place sends it again.
            () = ended(worker) => break,
        };
        let tried = judge(channel, &claimed, sent, Timestamp::now());
        match &tried {
            Tried::Sent(_) => {}
            Tried::Again { why, after, .. } => {
                failed += 1;
                tracing::warn!(
                    channel = %channel.name, message = %claimed.message.id, why, after,
                    "a notification is tried again"
                );
            }
            Tried::GivenUp(why) => {
                failed += 1;
                (worker.tell)(&format!(
                    "{} is NOT told to {}: {why}",
                    claimed.message.title(),
                    channel.name
                ));
            }
        }
        if let Err(error) = worker.store.settle_delivery(&claimed, &tried).await {
            tracing::warn!(%error, "what came of a notification cannot be kept");
            break;
        }
        if matches!(tried, Tried::Again { channel: true, .. }) {
            break;
        }
    }
    failed
}

/// The worker ends, and what it is about has had its time.
async fn ended(worker: &Worker<'_>) {
    worker.cancel.cancelled().await;
    sleep(LAST).await;
}

/// What comes of a try.
fn judge(
    channel: &Channel,
    claimed: &Claimed,
    sent: Result<String, crate::clients::Error>,
    now: Timestamp,
) -> Tried {
    let error = match sent {
        Ok(said) => return Tried::Sent(said),
        Err(error) => error,
    };
    let since = Duration::try_from(now.duration_since(claimed.began)).unwrap_or_default();
    if since >= channel.give_up {
        return Tried::GivenUp(format!(
            "{}; given up after {} tries",
            error.reason(),
            claimed.tries + 1
        ));
    }
    Tried::Again {
        why: error.reason(),
        after: pause(claimed.tries),
        channel: notify::is_channels(&error),
    }
}

/// The pause after a try, in seconds: 1, 2, 4 … up to an hour.
fn pause(tries: u32) -> i64 {
    1_i64
        .checked_shl(tries.min(12))
        .unwrap_or(LONGEST)
        .min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let pauses: Vec<i64> = (0..14).map(pause).collect();
        assert_eq!(pauses[..4], [1, 2, 4, 8]);
        assert_eq!(pauses[11..], [2048, 3600, 3600]);
    }
}
