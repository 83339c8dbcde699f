//! `notify …`: the channels of notifications, what was told, and what was not.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Session,
    args::Output,
    complain,
    exit::{Exit, Failure},
    output::Out,
    table::plain,
};
use crate::{
    clients::notify::send,
    console::secrets,
    model::{
        Timestamp, ago,
        notify::{Channel, Delivery, DeliveryState, Message, Standing},
        setting::written_length,
    },
    ops::{
        NotifyCommand, Refusal, RefusalKind,
        sentence::{HistoryArgs, RetryArgs},
    },
    store::Store,
};

/// Answers a question about notifications.
pub(super) async fn ask(session: &Session, command: &NotifyCommand) -> Result<Exit, Failure> {
    if session.config.read_only && command.sends() {
        return Err(Refusal::read_only().into());
    }
    match command {
        NotifyCommand::List => list(session).await,
        NotifyCommand::Test { channel } => test(session, channel).await,
        NotifyCommand::History(args) => history(session, args).await,
        NotifyCommand::Retry(args) => retry(session, args).await,
    }
}

/// A channel as `notify list` tells it.
#[derive(Serialize)]
struct ChannelJson<'a> {
    channel: &'a str,
    way: &'a str,
    to: String,
    kinds: Vec<&'static str>,
    outcomes: Vec<&'static str>,
    environments: &'a [String],
    hosts: &'a [String],
    /// The end of the quiet time, if there is one now.
    quiet_until: Option<Timestamp>,
    repeat: String,
    give_up: String,
    waiting: u64,
    failed: u64,
    /// When the next one is due.
    due: Option<Timestamp>,
    last_sent: Option<Timestamp>,
    last_answer: Option<&'a str>,
    last_error: Option<&'a str>,
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let channels = &session.config.channels;
    let store = session.store();
    let (standings, is_delivering) = known(&store).await?;
    let now = Timestamp::now();
    let none = Standing::default();
    let standing = |one: &Channel| standings.get(&*one.name).unwrap_or(&none);
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(channels.iter().map(|one| json(one, standing(one), now)))?,
        Output::Name => out.lines(channels.iter().map(|one| &one.name))?,
        Output::Table | Output::Wide if channels.is_empty() => {
            complain("no channel is known; write a [[notify]] into wharf.toml");
        }
        Output::Table | Output::Wide => {
            let rows = channels.iter().map(|one| row(one, standing(one), now));
            let titles = [
                "CHANNEL",
                "WAY",
                "TO",
                "TAKES",
                "WAITING",
                "FAILED",
                "LAST SENT",
                "DETAIL",
            ];
            out.lines(plain(&titles, "    >>", rows, &session.screen))?;
        }
    }
    out.flush()?;
    if !is_delivering && !channels.is_empty() {
        complain("no worker runs, so nothing is delivered now; start `wharf worker`");
    }
    let gone = standings.keys().filter(|name| {
        let waits = standings.get(*name).is_some_and(|one| one.waiting > 0);
        waits && !channels.iter().any(|one| *one.name == **name)
    });
    for name in gone {
        complain(&format!(
            "something waits for the channel {name}, which is not in wharf.toml any more"
        ));
    }
    Ok(Exit::Done)
}

async fn known(store: &Store) -> Result<(BTreeMap<String, Standing>, bool), Failure> {
    Ok((
        store.channel_standings().await?,
        store.is_delivering().await?,
    ))
}

fn quiet(channel: &Channel, now: Timestamp) -> Option<Timestamp> {
    crate::model::freeze::frozen(&channel.quiet, now)?.until
}

fn json<'a>(one: &'a Channel, standing: &'a Standing, now: Timestamp) -> ChannelJson<'a> {
    let rule = &one.rule;
    ChannelJson {
        channel: &one.name,
        way: one.way.word(),
        to: one.way.to_string(),
        kinds: rule.kinds.iter().map(|kind| kind.word()).collect(),
        outcomes: rule.turns.iter().map(|turn| turn.word()).collect(),
        environments: &rule.environments,
        hosts: &rule.hosts,
        quiet_until: quiet(one, now),
        repeat: written_length(one.repeat),
        give_up: written_length(one.give_up),
        waiting: standing.waiting,
        failed: standing.failed,
        due: standing.due,
        last_sent: standing.sent.as_ref().map(|(at, _)| *at),
        last_answer: standing.sent.as_ref().map(|(_, said)| said.as_str()),
        last_error: standing.error.as_deref(),
    }
}

fn row(one: &Channel, standing: &Standing, now: Timestamp) -> Vec<String> {
    let mut detail = Vec::new();
    if let Some(until) = quiet(one, now) {
        detail.push(format!("quiet until {}", until.strftime("%F %H:%M UTC")));
    }
    detail.extend(standing.error.clone());
    vec![
        one.name.to_string(),
        one.way.word().to_owned(),
        one.way.to_string(),
        one.rule.to_string(),
        standing.waiting.to_string(),
        standing.failed.to_string(),
        standing
            .sent
            .as_ref()
            .map(|(at, _)| ago(now, *at))
            .unwrap_or_default(),
        detail.join("; "),
    ]
}

/// The channel of a name.
fn channel<'s>(session: &'s Session, name: &str) -> Result<&'s Channel, Failure> {
    let all = &session.config.channels;
    let found = all.iter().find(|one| *one.name == *name);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| &*one.name).collect();
        let remedy = if names.is_empty() {
            "write a [[notify]] into wharf.toml".to_owned()
        } else {
            format!("there are {}", names.join(", "))
        };
        let what = format!("no channel is called {name}");
        Refusal::new(RefusalKind::Unknown, what, remedy).into()
    })
}

async fn test(session: &Session, name: &str) -> Result<Exit, Failure> {
    let channel = channel(session, name)?;
    let now = Timestamp::now();
    let by = session.origin("shell").signature();
    let id = format!("test-{:x}", now.as_nanosecond());
    let message = Message::test(name, id, &by, now);
    let sent = send(channel, &message, &secrets(&session.config)).await;
    let mut out = Out::take();
    if session.options.output == Output::Json {
        let error = sent.as_ref().err().map(crate::clients::Error::reason);
        out.json(
            &serde_json::json!({"channel": name, "sent": sent.is_ok(), "id": message.id,
            "answer": sent.as_ref().ok(), "error": error}),
        )?;
        out.flush()?;
        return Ok(if sent.is_ok() {
            Exit::Done
        } else {
            Exit::Failed
        });
    }
    let said = sent.map_err(|error| Failure::Failed(error.to_string()))?;
    out.lines([format!("{name}: sent; {said}")])?;
    out.flush()?;
    Ok(Exit::Done)
}

async fn history(session: &Session, args: &HistoryArgs) -> Result<Exit, Failure> {
    let state = match (args.failed, args.waiting) {
        (true, _) => Some(DeliveryState::Failed),
        (_, true) => Some(DeliveryState::Waiting),
        _ => None,
    };
    let store = session.store();
    let found = store
        .deliveries(args.channel.as_deref(), state, args.number)
        .await?;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(found.iter())?,
        Output::Name => out.lines(found.iter().map(|one| one.number.to_string()))?,
        Output::Table | Output::Wide => {
            let now = Timestamp::now();
            let rows = found.iter().map(|one| history_row(one, now));
            let titles = [
                "NUMBER", "AGE", "CHANNEL", "STATE", "TRIES", "KIND", "OUTCOME", "TITLE", "DETAIL",
            ];
            out.lines(plain(&titles, ">>  > ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn history_row(one: &Delivery, now: Timestamp) -> Vec<String> {
    let title = if one.count > 1 {
        format!("{} ({} times)", one.notice.title, one.count)
    } else {
        one.notice.title.clone()
    };
    let waits = one.state == DeliveryState::Waiting && one.due > now;
    let detail = match (waits, one.told.as_str()) {
        (false, told) => told.to_owned(),
        (true, "") => format!("due {}", one.due.strftime("%F %H:%M:%S UTC")),
        (true, told) => format!("{told}; again at {}", one.due.strftime("%H:%M:%S UTC")),
    };
    vec![
        one.number.to_string(),
        ago(now, one.created),
        one.channel.clone(),
        one.state.word().to_owned(),
        one.tries.to_string(),
        one.notice.kind.to_string(),
        one.notice.turn.to_string(),
        title,
        detail,
    ]
}

async fn retry(session: &Session, args: &RetryArgs) -> Result<Exit, Failure> {
    let store = session.store();
    let of = args.channel.as_deref();
    let count = store.retry_deliveries(of, &args.numbers).await?;
    let mut out = Out::take();
    if session.options.output == Output::Json {
        out.json(&serde_json::json!({"retried": count}))?;
    } else {
        out.lines([format!("{count} are tried again now")])?;
    }
    out.flush()?;
    if count > 0 && !store.is_delivering().await? {
        complain("no worker runs, so nothing is delivered now; start `wharf worker`");
    }
    Ok(Exit::Done)
}
