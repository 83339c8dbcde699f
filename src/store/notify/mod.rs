//! Notifications in SQL: what happened, what goes out through which channel, and what came of it.
//!
//! What happened is read off the records that there are anyway (operations, runs, requests), up to marks that move on in
//! the transaction that writes the notices: nothing is lost however a worker ends, and nothing is told twice. A delivery is
//! leased to who sends it; when that one is seen to have ended, or is silent for too long, anybody sends it again, with the
//! same id of its message.

mod hosts;
mod told;

use std::hash::{BuildHasher as _, RandomState};

use serde::{Deserialize, Serialize};

use super::{
    Store,
    database::{Database, Value, Writer},
    error::Error,
    log::{self, json, parse},
    owner::{Life, Owner},
};
use crate::model::{
    Operation, Timestamp,
    notify::{DeliveryState, Message, Notice, Routing},
    pipeline::Run,
    release::Request,
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// So many entries of the log are looked at in one go.
const ENTRIES: i64 = 400;
/// So many of the newest deliveries are kept.
const KEPT: i64 = 5000;
/// So many that waited are gathered in one message.
const GATHERED: i64 = 100;
/// So many seconds a worker is believed to live after its last sign.
const ALIVE: i64 = 30;
/// The key of the marks.
const MARKS: &str = "marks";

/// Up to where was looked for what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewsMarks {
    /// The entry of the log of acts.
    entry: i64,
    /// The mark of runs.
    run: i64,
    /// The newest request for an approval, and how many there were.
    request: (i64, i64),
}

/// What happened since it was looked last.
#[derive(Debug, Default)]
pub struct News {
    /// Where it was looked from; none at the first look of all.
    before: Option<NewsMarks>,
    /// Up to where this goes.
    after: NewsMarks,
    /// Operations that began or ended.
    pub operations: Vec<Operation>,
    /// Runs that changed.
    pub runs: Vec<Run>,
    /// Requests for approvals.
    pub requests: Vec<Request>,
}

/// Deliveries that somebody may send now, as one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// What is sent.
    pub message: Message,
    /// How often it was tried before.
    pub tries: u32,
    /// When it was tried first, by the clock of the store.
    pub began: Timestamp,
    /// The deliveries, each with the token of the lease.
    parts: Vec<(i64, i64)>,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The other side took it, and said this.
    Sent(String),
    /// It failed for this reason, and is tried again.
    Again {
        /// Why.
        why: String,
        /// After so many seconds.
        after: i64,
        /// Nothing else can go through that channel now either.
        channel: bool,
    },
    /// It failed for this reason, and is given up.
    GivenUp(String),
}

impl Store {
    /// The runs that changed after a mark, in the order in which they did.
    pub async fn runs_since(&self, mark: i64) -> std::result::Result<Vec<Run>, Error> {
        self.reading("read the runs in", async |database| {
            changed_runs(database, mark).await
        })
        .await
    }

    /// What happened since it was looked last; none when nothing did, and cheap then.
    pub async fn news(&self) -> std::result::Result<Option<News>, Error> {
        let news = self
            .reading("look for what happened in", async |database| {
                look(database).await
            })
            .await?;
        let Some(mut news) = news else {
            return Ok(None);
        };
        if news
            .before
            .is_some_and(|before| before.request != news.after.request)
        {
            let since = news.before.map_or(0, |before| before.request.0);
            let all = self.requests(None, 200).await?;
            news.requests = all
                .into_iter()
                .filter(|one| one.at.as_second() >= since)
                .collect();
        }
        Ok(Some(news))
    }

    /// Keeps the notices of what happened, and that it was looked up to there. False when somebody else did meanwhile.
    pub async fn take_news(
        &self,
        news: &News,
        notices: &[Notice],
    ) -> std::result::Result<bool, Error> {
        self.reading("keep what happened in", async |database| {
            let mut writer = database.write().await?;
            let sql = "select value from notify_state where key = $1";
            let rows = writer.rows(sql, &[Value::Text(MARKS)]).await?;
            let now = rows.first().map(|row| parse(&row.text(0)?)).transpose()?;
            if now != news.before {
                return Ok(false);
            }
            put_state(&mut writer, MARKS, &json(&news.after)?, "", 0).await?;
            post(&mut writer, notices).await?;
            writer.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Keeps a notice, once.
    pub async fn post_notice(&self, notice: &Notice) -> std::result::Result<(), Error> {
        self.reading("keep a notification in", async |database| {
            let mut writer = database.write().await?;
            post(&mut writer, std::slice::from_ref(notice)).await?;
            writer.commit().await
        })
        .await
    }

    /// Notices for which nobody has decided yet where they go, oldest first.
    pub async fn unrouted(&self) -> std::result::Result<Vec<(i64, Notice)>, Error> {
        self.reading("read notifications in", async |database| {
            let sql = "select number, body from notice where routed = 0 order by number limit 200";
            let rows = database.rows(sql, &[]).await?;
            rows.iter()
                .map(|row| Ok((row.int(0)?, parse(&row.text(1)?)?)))
                .collect()
        })
        .await
    }

    /// Puts notices into the queues of channels, unless somebody did already.
    pub async fn route_notices(
        &self,
        all: &[(i64, Notice, Vec<Routing>)],
    ) -> std::result::Result<(), Error> {
        self.reading("queue notifications in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            for (number, notice, routings) in all {
                let sql = "update notice set routed = 1 where number = $1 and routed = 0";
                if writer.run(sql, &[Value::Int(*number)]).await? == 0 {
                    continue;
                }
                for routing in routings {
                    enqueue(&mut writer, notice, routing, now).await?;
                }
            }
            let newest = next_number(&mut writer, "delivery").await?;
            let sql = "delete from delivery where number < $1 and state <> 'waiting'";
            writer.run(sql, &[Value::Int(newest - KEPT)]).await?;
            let newest = next_number(&mut writer, "notice").await?;
            let sql = "delete from notice where number < $1 and routed = 1";
            writer.run(sql, &[Value::Int(newest - KEPT)]).await?;
            writer.commit().await
        })
        .await
    }

    /// The channels for which something is due and nobody sends it.
    pub async fn due_channels(&self) -> std::result::Result<Vec<String>, Error> {
        let owner = &self.0.owner;
        self.reading("look for notifications that are due in", async |database| {
            let sql = "select number from delivery where state = 'waiting' limit 1";
            if database.rows(sql, &[]).await?.is_empty() {
                return Ok(Vec::new());
            }
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let sql = "select distinct channel, until, owner from delivery where state = 'waiting' and due <= $1";
            let rows = reader.rows(sql, &[Value::Int(now)]).await?;
            let mut channels = Vec::new();
            for row in &rows {
                let channel = row.text(0)?;
                let is_free = row.int(1)? <= now || is_gone(&row.text(2)?, owner);
                if is_free && !channels.contains(&channel) {
                    channels.push(channel);
                }
            }
            Ok(channels)
        })
        .await
    }

    /// Takes what is due next of a channel, for so many seconds.
    pub async fn claim_delivery(
        &self,
        channel: &str,
        seconds: i64,
    ) -> std::result::Result<Option<Claimed>, Error> {
        let owner = &self.0.owner;
        self.reading("take a notification in", async |database| {
            let mut writer = database.write().await?;
            let claimed = claim(&mut writer, channel, seconds, owner).await?;
            writer.commit().await?;
            Ok(claimed)
        })
        .await
    }

    /// Says what came of a try. False when somebody else has taken it meanwhile.
    pub async fn settle_delivery(
        &self,
        claimed: &Claimed,
        tried: &Tried,
    ) -> std::result::Result<bool, Error> {
        self.reading("say what came of a notification in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let mut is_ours = false;
            for (number, token) in &claimed.parts {
                let (state, told, due, ended) = match tried {
                    Tried::Sent(told) => ("sent", told, now, now),
                    Tried::GivenUp(why) => ("failed", why, now, now),
                    Tried::Again { why, after, .. } => ("waiting", why, now + after, 0),
                };
                let sql = "update delivery set state = $3, told = $4, due = $5, ended = $6, until = 0, owner = '', \
                           tries = tries + 1 where number = $1 and token = $2 and state = 'waiting'";
                let values = [
                    Value::Int(*number),
                    Value::Int(*token),
                    Value::Text(state),
                    Value::Text(told),
                    Value::Int(due),
                    Value::Int(ended),
                ];
                is_ours |= writer.run(sql, &values).await? > 0;
            }
            if let Tried::Again {
                after,
                channel: true,
                ..
            } = tried
                && is_ours
            {
                // What comes after it would fail as well, and keeps its place behind it.
                let sql = "update delivery set due = $2 where channel = $1 and state = 'waiting' and due < $2";
                let channel = Value::Text(&claimed.message.channel);
                writer.run(sql, &[channel, Value::Int(now + after)]).await?;
            }
            writer.commit().await?;
            Ok(is_ours)
        })
        .await
    }
}

/// Looks what came after the marks; none when nothing did.
async fn look(database: &Database) -> Result<Option<News>> {
    let sql = "select seq, (select coalesce(max(changed), 0) from run), \
               (select coalesce(max(since), 0) from request), (select count(*) from request), \
               (select value from notify_state where key = 'marks') from head";
    let rows = database.rows(sql, &[]).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let mut after = NewsMarks {
        entry: row.int(0)?,
        run: row.int(1)?,
        request: (row.int(2)?, row.int(3)?),
    };
    let before: Option<NewsMarks> = row.maybe_text(4)?.map(|text| parse(&text)).transpose()?;
    if before == Some(after) {
        return Ok(None);
    }
    let mut news = News {
        before,
        after,
        ..News::default()
    };
    // What was before the first worker that tells is not told. Nor is what is in a log that was begun anew.
    let Some(before) = before.filter(|before| before.entry <= after.entry) else {
        return Ok(Some(news));
    };
    if after.entry > before.entry {
        after.entry = after.entry.min(before.entry + ENTRIES);
        let most = u32::try_from(ENTRIES).unwrap_or(u32::MAX);
        news.operations = log::changed(database, before.entry, after.entry, most).await?;
    }
    if after.run != before.run {
        news.runs = changed_runs(database, before.run).await?;
    }
    news.after = after;
    Ok(Some(news))
}

async fn changed_runs(database: &Database, mark: i64) -> Result<Vec<Run>> {
    let sql = "select body from run where changed > $1 order by changed";
    let rows = database.rows(sql, &[Value::Int(mark)]).await?;
    rows.iter().map(|row| parse(&row.text(0)?)).collect()
}

/// Keeps notices, each once.
async fn post(writer: &mut Writer, notices: &[Notice]) -> Result<()> {
    for notice in notices {
        let number = next_number(writer, "notice").await?;
        let sql = "insert into notice (number, key, routed, body) values ($1, $2, 0, $3) on conflict (key) do nothing";
        let body = json(notice)?;
        let values = [
            Value::Int(number),
            Value::Text(&notice.key),
            Value::Text(&body),
        ];
        writer.run(sql, &values).await?;
    }
    Ok(())
}

/// The next number in a table.
async fn next_number(writer: &mut Writer, table: &str) -> Result<i64> {
    let sql = match table {
        "notice" => "select number from notice order by number desc limit 1",
        _ => "select number from delivery order by number desc limit 1",
    };
    let rows = writer.rows(sql, &[]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))? + 1)
}

async fn put_state(
    writer: &mut Writer,
    key: &str,
    value: &str,
    owner: &str,
    until: i64,
) -> Result<()> {
    let sql = "insert into notify_state (key, value, owner, until) values ($1, $2, $3, $4) \
               on conflict (key) do update set value = excluded.value, owner = excluded.owner, until = excluded.until";
    let values = [
        Value::Text(key),
        Value::Text(value),
        Value::Text(owner),
        Value::Int(until),
    ];
    writer.run(sql, &values).await.map(drop)
}

/// Puts a notice into the queue of a channel, or counts it where an equal one waits there.
async fn enqueue(writer: &mut Writer, notice: &Notice, routing: &Routing, now: i64) -> Result<()> {
    let channel = Value::Text(&routing.channel);
    let same = Value::Text(&notice.same);
    let body = json(notice)?;
    let mut due = now;
    if routing.repeat > 0 && routing.given_up.is_none() {
        let sql = "select number, state, tries, until, ended, held from delivery \
                   where channel = $1 and same = $2 order by number desc limit 1";
        let rows = writer.rows(sql, &[channel, same]).await?;
        if let Some(row) = rows.first() {
            let waits = row.text(1)? == DeliveryState::Waiting.word();
            let is_held = row.int(5)? != 0;
            // What is being sent now stays as it is. What is urgent does not wait for the end of a quiet time.
            let may_wait = !is_held || routing.held_until.is_some();
            if waits && row.int(3)? <= now && row.int(2)? == 0 && may_wait {
                let sql = "update delivery set count = count + 1, body = $2 where number = $1";
                let values = [Value::Int(row.int(0)?), Value::Text(&body)];
                return writer.run(sql, &values).await.map(drop);
            }
            let last = if waits { now } else { row.int(4)? };
            let is_lately = !is_held && last + routing.repeat > now;
            if is_lately {
                due = last + routing.repeat;
            }
        }
    }
    let held = routing.held_until.map(Timestamp::as_second);
    let due = held.map_or(due, |until| until.max(due));
    let number = next_number(writer, "delivery").await?;
    let (state, told, ended) = match &routing.given_up {
        Some(why) => (DeliveryState::Failed, why.as_str(), now),
        None => (DeliveryState::Waiting, "", 0),
    };
    let sql = "insert into delivery (number, channel, same, state, held, count, created, due, began, until, owner, \
               token, tries, ended, message, told, body) \
               values ($1, $2, $3, $4, $5, 1, $6, $7, 0, 0, '', 0, 0, $8, '', $9, $10)";
    let values = [
        Value::Int(number),
        channel,
        same,
        Value::Text(state.word()),
        Value::Int(held.is_some().into()),
        Value::Int(now),
        Value::Int(due),
        Value::Int(ended),
        Value::Text(told),
        Value::Text(&body),
    ];
    writer.run(sql, &values).await.map(drop)
}

/// Takes the next message of a channel.
async fn claim(
    writer: &mut Writer,
    channel: &str,
    seconds: i64,
    this: &Owner,
) -> Result<Option<Claimed>> {
    let now = writer.now().await?;
    let of = Value::Text(channel);
    let sql = "select number, message, held, until, owner, tries, began from delivery \
               where state = 'waiting' and channel = $1 and due <= $2 order by number";
    let rows = writer.rows(sql, &[of, Value::Int(now)]).await?;
    let mut head = None;
    for row in &rows {
        if row.int(3)? <= now || is_gone(&row.text(4)?, this) {
            head = Some(row);
            break;
        }
    }
    let Some(head) = head else { return Ok(None) };
    let (first, mut id) = (head.int(0)?, head.text(1)?);
    // What went out together goes out together again; what waited for the end of a quiet time is gathered.
    let (sql, values) = if !id.is_empty() {
        let sql = "select number, token, count, body from delivery \
                   where state = 'waiting' and channel = $1 and message = $2 order by number";
        (sql, vec![of, Value::Text(&id)])
    } else if head.int(2)? != 0 {
        let sql = "select number, token, count, body from delivery where state = 'waiting' and channel = $1 \
                   and held = 1 and message = '' and due <= $2 order by number limit $3";
        (sql, vec![of, Value::Int(now), Value::Int(GATHERED)])
    } else {
        let sql = "select number, token, count, body from delivery where number = $1";
        (sql, vec![Value::Int(first)])
    };
    let rows = writer.rows(sql, &values).await?;
    if id.is_empty() {
        let random = RandomState::new().hash_one(first);
        id = format!("{first}-{random:016x}");
    }
    let tries = u32::try_from(head.int(5)?).unwrap_or(u32::MAX);
    let began = match head.int(6)? {
        0 => now,
        began => began,
    };
    let owner = json(this)?;
    let (mut parts, mut notices) = (Vec::new(), Vec::new());
    for row in &rows {
        let (number, token) = (row.int(0)?, row.int(1)? + 1);
        let sql = "update delivery set message = $2, token = $3, owner = $4, until = $5, began = $6 where number = $1";
        let values = [
            Value::Int(number),
            Value::Text(&id),
            Value::Int(token),
            Value::Text(&owner),
            Value::Int(now + seconds),
            Value::Int(began),
        ];
        writer.run(sql, &values).await?;
        parts.push((number, token));
        let count = u32::try_from(row.int(2)?).unwrap_or(u32::MAX);
        notices.push((parse(&row.text(3)?)?, count));
    }
    Ok(Some(Claimed {
        message: Message {
            id,
            channel: channel.to_owned(),
            notices,
        },
        tries,
        began: moment(began)?,
        parts,
    }))
}

/// Whether who has it is seen to have ended.
fn is_gone(owner: &str, this: &Owner) -> bool {
    let owner: Option<Owner> = serde_json::from_str(owner).ok();
    owner.is_some_and(|owner| owner.life(this) == Life::Ended)
}

fn moment(seconds: i64) -> Result<Timestamp> {
    let bad = |_| sqlx::Error::Decode("the time of a notification is damaged".into());
    Timestamp::from_second(seconds).map_err(bad)
}
