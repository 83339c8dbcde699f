//! Runs of pipelines in SQL: the queue of those that wait, who works on which, and what their steps wrote.
//!
//! A row of a run is its lock. Who works on it renews it; when it is not renewed in time, or its program is seen to have
//! ended, anybody may take it. Each taking raises its token, and whoever has an older one is told so with the next word
//! it wants to say. Of runs with the same key one is running at a time; one that waits for people lets others pass.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
};

use super::{
    Store,
    database::{Row, Value, Writer},
    error::Error,
    log::{json, parse},
    owner::{Life, Owner},
};
use crate::model::pipeline::{
    KeptFile, PipelineName, Reply, Run, RunHeld, RunLease, RunNumber, RunWish, Status, StepName,
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// So many seconds a worker is believed to live after its last sign.
const LEASE: i64 = 30;

/// The logs of so many of the newest runs are kept.
const LOGS: i64 = 2000;

/// What came of saying how far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    Yes,
    /// Another run with the same key is running: it has to wait until that is over.
    Wait,
    /// Somebody else works on it.
    Lost,
}

/// Who takes runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taker {
    /// A worker.
    Worker,
    /// A console, because no worker is there.
    Console,
}

/// What the keys begin with under which the files of repositories are kept.
const FILES: &str = "files ";

/// What the keys begin with under which workers say that they are there.
const WORKER: &str = "worker ";

/// The columns of a run as [`held`] reads them.
macro_rules! columns {
    () => {
        "number, wish, worker, until, owner, token, body"
    };
}

pub(super) fn number(run: RunNumber) -> Value<'static> {
    Value::Int(i64::try_from(run.0).unwrap_or(i64::MAX))
}

impl Store {
    /// Puts a run at the end of the queue; answers its number.
    pub async fn ask_run(&self, run: &Run) -> std::result::Result<RunNumber, Error> {
        self.reading("ask for a run in", async |database| {
            let mut writer = database.write().await?;
            let number = ask(&mut writer, run).await?;
            writer.commit().await?;
            Ok(number)
        })
        .await
    }

    /// Puts a run into the queue because something was seen, unless somebody saw it before: what was seen last has to be
    /// `before` still. None when it is not.
    pub async fn ask_run_once(
        &self,
        run: Option<&Run>,
        key: &str,
        before: Option<&str>,
        seen: &str,
    ) -> std::result::Result<Option<RunNumber>, Error> {
        self.reading("ask for a run in", async |database| {
            let mut writer = database.write().await?;
            let sql = "select value from seen where key = $1";
            let rows = writer.rows(sql, &[Value::Text(key)]).await?;
            let last = rows.first().map(|row| row.text(0)).transpose()?;
            if last.as_deref() != before {
                return Ok(None);
            }
            let sql = "insert into seen (key, value) values ($1, $2) \
                       on conflict (key) do update set value = excluded.value";
            writer
                .run(sql, &[Value::Text(key), Value::Text(seen)])
                .await?;
            let number = match run {
                Some(run) => Some(ask(&mut writer, run).await?),
                None => None,
            };
            writer.commit().await?;
            Ok(number)
        })
        .await
    }

    /// Puts a run that is over into the queue again; false when it is not over.
    pub async fn again_run(&self, run: &Run) -> std::result::Result<bool, Error> {
        self.reading("ask for a run again in", async |database| {
            let mut writer = database.write().await?;
            let (body, mark) = (json(run)?, mark(&mut writer).await?);
            let sql = "update run set status = 'pending', wish = 'go', until = 0, token = token + 1, \
                       changed = $2, body = $3 where number = $1 \
                       and status not in ('pending', 'running', 'blocked')";
            let values = [number(run.number), Value::Int(mark), Value::Text(&body)];
            let is_done = writer.run(sql, &values).await? > 0;
            // What people said before was said of what was.
            let sql = "delete from run_reply where run = $1";
            writer.run(sql, &[number(run.number)]).await?;
            writer.commit().await?;
            Ok(is_done)
        })
        .await
    }

    /// Keeps the pipeline files of a repository as they are at a commit, in the place of those before.
    pub async fn keep_files(
        &self,
        source: &str,
        commit: &str,
        files: &[KeptFile],
    ) -> std::result::Result<(), Error> {
        self.reading("keep pipelines in", async |database| {
            let text = json(&(commit, files))?;
            let mut writer = database.write().await?;
            let sql = "insert into seen (key, value) values ($1, $2) \
                       on conflict (key) do update set value = excluded.value";
            let key = format!("{FILES}{source}");
            writer
                .run(sql, &[Value::Text(&key), Value::Text(&text)])
                .await?;
            writer.commit().await
        })
        .await
    }

    /// The pipeline files that repositories keep: for each repository the commit, and its files at that.
    pub async fn kept_files(
        &self,
    ) -> std::result::Result<BTreeMap<String, (String, Vec<KeptFile>)>, Error> {
        self.reading("read pipelines in", async |database| {
            let sql = "select key, value from seen where key like 'files %' order by key";
            let mut kept = BTreeMap::new();
            for row in database.rows(sql, &[]).await? {
                let key = row.text(0)?;
                if let Some(source) = key.strip_prefix(FILES) {
                    kept.insert(source.to_owned(), parse(&row.text(1)?)?);
                }
            }
            Ok(kept)
        })
        .await
    }

    /// What was seen last of something that starts a pipeline.
    pub async fn seen(&self, key: &str) -> std::result::Result<Option<String>, Error> {
        self.reading("read what was seen last in", async |database| {
            let sql = "select value from seen where key = $1";
            let rows = database.rows(sql, &[Value::Text(key)]).await?;
            rows.first().map(|row| row.text(0)).transpose()
        })
        .await
    }

    /// Runs, newest first: of one pipeline or of all, those that are not over or all.
    pub async fn runs(
        &self,
        pipeline: Option<&PipelineName>,
        open: bool,
        newest: u32,
    ) -> std::result::Result<Vec<RunHeld>, Error> {
        let owner = &self.0.owner;
        self.reading("read the runs in", async |database| {
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let sql = if open {
                concat!(
                    "select ",
                    columns!(),
                    " from run where status in ('pending', 'running', 'blocked') \
                     and (pipeline = $1 or $1 = '') order by number desc limit $2"
                )
            } else {
                concat!(
                    "select ",
                    columns!(),
                    " from run where pipeline = $1 or $1 = '' order by number desc limit $2"
                )
            };
            let of = pipeline.map_or("", PipelineName::as_str);
            let values = [Value::Text(of), Value::Int(newest.into())];
            let rows = reader.rows(sql, &values).await?;
            rows.iter().map(|row| held(row, now, owner)).collect()
        })
        .await
    }

    /// One run.
    pub async fn run(&self, run: RunNumber) -> std::result::Result<Option<RunHeld>, Error> {
        let owner = &self.0.owner;
        self.reading("read a run in", async |database| {
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let sql = concat!("select ", columns!(), " from run where number = $1");
            let rows = reader.rows(sql, &[number(run)]).await?;
            rows.first().map(|row| held(row, now, owner)).transpose()
        })
        .await
    }

    /// A number that is another one when any run has changed.
    pub async fn runs_mark(&self) -> std::result::Result<i64, Error> {
        self.reading("look at the runs in", async |database| {
            let rows = database.rows(MARK, &[]).await?;
            rows.first().map_or(Ok(0), |row| row.int(0))
        })
        .await
    }

    /// Says that a worker is there, which looks for runs.
    pub async fn tell_worker(&self, name: &str) -> std::result::Result<(), Error> {
        self.reading("say that a worker is there in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?.to_string();
            let sql = "insert into seen (key, value) values ($1, $2) \
                       on conflict (key) do update set value = excluded.value";
            let key = format!("{WORKER}{name}");
            let values = [Value::Text(&key), Value::Text(&now)];
            writer.run(sql, &values).await?;
            // Those that ended long ago are forgotten.
            let old = (now.parse::<i64>().unwrap_or(0) - 100 * LEASE).to_string();
            let sql = "delete from seen where key like 'worker %' and length(value) <= length($1) and value < $1";
            writer.run(sql, &[Value::Text(&old)]).await?;
            writer.commit().await?;
            Ok(())
        })
        .await
    }

    /// Says that a worker ends.
    pub async fn forget_worker(&self, name: &str) -> std::result::Result<(), Error> {
        self.reading("say that a worker ends in", async |database| {
            let mut writer = database.write().await?;
            let key = format!("{WORKER}{name}");
            let sql = "delete from seen where key = $1";
            writer.run(sql, &[Value::Text(&key)]).await?;
            writer.commit().await?;
            Ok(())
        })
        .await
    }

    /// The workers that look for runs now.
    pub async fn workers(&self) -> std::result::Result<Vec<String>, Error> {
        self.reading("look which workers are there in", async |database| {
            let mut state = database.snapshot().await?;
            let now = state.now().await?;
            let sql = "select key, value from seen where key like 'worker %' order by key";
            let mut there = Vec::new();
            for row in state.rows(sql, &[]).await? {
                let at: i64 = row.text(1)?.parse().unwrap_or(0);
                let key = row.text(0)?;
                if at + LEASE > now
                    && let Some(name) = key.strip_prefix(WORKER)
                {
                    there.push(name.to_owned());
                }
            }
            Ok(there)
        })
        .await
    }

    /// Takes the next run that may go on: one that waits for its turn, or one that was left by whoever worked on it. A
    /// console takes none of those that were handed to workers.
    pub async fn claim_run(
        &self,
        by: &str,
        taker: Taker,
    ) -> std::result::Result<Option<(Run, RunLease)>, Error> {
        let owner = &self.0.owner;
        let takes_all = Value::Int((taker == Taker::Worker).into());
        self.reading("take a run in", async |database| {
            // Most of the time there is nothing to do: then nobody is kept from writing.
            let sql = "select number from run where status in ('pending', 'running', 'blocked') \
                       and ($1 = 1 or key not like 'by-hand %') limit 1";
            if database.rows(sql, &[takes_all]).await?.is_empty() {
                return Ok(None);
            }
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let sql = "select number, key, status, until, owner, token from run \
                       where status in ('pending', 'running', 'blocked') \
                       and ($1 = 1 or key not like 'by-hand %') order by number";
            let rows = writer.rows(sql, &[takes_all]).await?;
            let Some((run, token)) = next(&rows, now, owner)? else {
                return Ok(None);
            };
            let sql = "update run set token = $2, owner = $3, worker = $4, until = $5, changed = $6, \
                       status = case when status = 'pending' then 'running' else status end where number = $1";
            let (this, mark) = (json(owner)?, mark(&mut writer).await?);
            let values = [
                Value::Int(run),
                Value::Int(token + 1),
                Value::Text(&this),
                Value::Text(by),
                Value::Int(now + LEASE),
                Value::Int(mark),
            ];
            writer.run(sql, &values).await?;
            let sql = "select body from run where number = $1";
            let rows = writer.rows(sql, &[Value::Int(run)]).await?;
            let body = rows.first().ok_or(sqlx::Error::RowNotFound)?.text(0)?;
            let mut body: Run = parse(&body)?;
            body.number = RunNumber(u64::try_from(run).unwrap_or(0));
            writer.commit().await?;
            let lease = RunLease {
                number: body.number,
                token: token + 1,
            };
            Ok(Some((body, lease)))
        })
        .await
    }

    /// Says that somebody works on a run still; answers what is wished of it. None when somebody else does.
    pub async fn keep_run(&self, lease: RunLease) -> std::result::Result<Option<RunWish>, Error> {
        self.reading("say that a run goes on in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let sql = "update run set until = $3 where number = $1 and token = $2";
            let [run, token] = leased(lease);
            if writer
                .run(sql, &[run, token, Value::Int(now + LEASE)])
                .await?
                == 0
            {
                return Ok(None);
            }
            let sql = "select wish from run where number = $1";
            let rows = writer.rows(sql, &[run]).await?;
            let word = rows.first().map(|row| row.text(0)).transpose()?;
            writer.commit().await?;
            Ok(Some(wish(word.as_deref().unwrap_or_default())))
        })
        .await
    }

    /// Says how far a run is.
    pub async fn tell_run(&self, lease: RunLease, run: &Run) -> std::result::Result<Kept, Error> {
        self.reading("say how far a run is in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let [number, token] = leased(lease);
            if run.status == Status::Running {
                let sql =
                    "select number from run where status = 'running' and key = $2 and number <> $1";
                let values = [number, Value::Text(run.pipeline.key())];
                if !writer.rows(sql, &values).await?.is_empty() {
                    return Ok(Kept::Wait);
                }
            }
            let until = if run.status.is_over() { 0 } else { now + LEASE };
            let (body, mark) = (json(run)?, mark(&mut writer).await?);
            let sql = "update run set status = $3, until = $4, changed = $5, body = $6 \
                       where number = $1 and token = $2";
            let values = [
                number,
                token,
                Value::Text(run.status.word()),
                Value::Int(until),
                Value::Int(mark),
                Value::Text(&body),
            ];
            let is_ours = writer.run(sql, &values).await? > 0;
            writer.commit().await?;
            Ok(if is_ours { Kept::Yes } else { Kept::Lost })
        })
        .await
    }

    /// Keeps the host that a run has its containers on, unless so many others have theirs there.
    pub async fn place_run(
        &self,
        lease: RunLease,
        run: &Run,
        most: usize,
    ) -> std::result::Result<Kept, Error> {
        self.reading("give a run its host in", async |database| {
            let mut writer = database.write().await?;
            let [number, token] = leased(lease);
            let sql = "select body from run where status = 'running' and number <> $1";
            let mut others = 0;
            for row in writer.rows(sql, &[number]).await? {
                let other: Run = parse(&row.text(0)?)?;
                others += usize::from(other.host == run.host);
            }
            if others >= most {
                return Ok(Kept::Wait);
            }
            let (body, mark) = (json(run)?, mark(&mut writer).await?);
            let sql = "update run set changed = $3, body = $4 where number = $1 and token = $2";
            let values = [number, token, Value::Int(mark), Value::Text(&body)];
            let is_ours = writer.run(sql, &values).await? > 0;
            writer.commit().await?;
            Ok(if is_ours { Kept::Yes } else { Kept::Lost })
        })
        .await
    }

    /// Gives a run back that is not over, for anybody to take: who worked on it ends.
    pub async fn leave_run(&self, lease: RunLease) -> std::result::Result<(), Error> {
        self.reading("leave a run in", async |database| {
            let sql = "update run set until = 0 where number = $1 and token = $2";
            database.run(sql, &leased(lease)).await.map(drop)
        })
        .await
    }

    /// Wishes something of a run; answers how it is, and none when there is none that is not over.
    pub async fn wish_run(
        &self,
        run: RunNumber,
        wish: RunWish,
    ) -> std::result::Result<Option<RunHeld>, Error> {
        let word = match wish {
            RunWish::Go => "go",
            RunWish::Cancel => "cancel",
        };
        self.reading("wish something of a run in", async |database| {
            let mut writer = database.write().await?;
            let mark = mark(&mut writer).await?;
            let sql = "update run set wish = $2, changed = $3 where number = $1 \
                       and status in ('pending', 'running', 'blocked')";
            let values = [number(run), Value::Text(word), Value::Int(mark)];
            writer.run(sql, &values).await?;
            writer.commit().await
        })
        .await?;
        let found = self.run(run).await?;
        Ok(found.filter(|held| !held.run.status.is_over()))
    }

    /// Records what somebody says to a step that asks; what they said before goes.
    pub async fn reply_run(
        &self,
        run: RunNumber,
        step: &StepName,
        reply: &Reply,
    ) -> std::result::Result<(), Error> {
        self.reading("record an answer in", async |database| {
            let sql = "insert into run_reply (run, step, person, body) values ($1, $2, $3, $4) \
                       on conflict (run, step, person) do update set body = excluded.body";
            let body = json(reply)?;
            let values = [
                number(run),
                Value::Text(step.as_str()),
                Value::Text(&reply.by),
                Value::Text(&body),
            ];
            database.run(sql, &values).await.map(drop)
        })
        .await
    }

    /// What people said to a step.
    pub async fn replies(
        &self,
        run: RunNumber,
        step: &StepName,
    ) -> std::result::Result<Vec<Reply>, Error> {
        self.reading("read answers in", async |database| {
            let sql = "select body from run_reply where run = $1 and step = $2 order by person";
            let values = [number(run), Value::Text(step.as_str())];
            let rows = database.rows(sql, &values).await?;
            rows.iter().map(|row| parse(&row.text(0)?)).collect()
        })
        .await
    }
}

const MARK: &str = "select changed from run order by changed desc limit 1";

/// The next mark.
async fn mark(writer: &mut Writer) -> Result<i64> {
    let rows = writer.rows(MARK, &[]).await?;
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))? + 1)
}

/// Puts a run into the queue, and lets go of the logs of very old ones.
async fn ask(writer: &mut Writer, run: &Run) -> Result<RunNumber> {
    let sql = "select number from run order by number desc limit 1";
    let rows = writer.rows(sql, &[]).await?;
    let number = rows.first().map_or(Ok(0), |row| row.int(0))? + 1;
    let numbered = Run {
        number: RunNumber(u64::try_from(number).unwrap_or(0)),
        key: format!("{:08x}", RandomState::new().hash_one(number) >> 32),
        ..run.clone()
    };
    let (body, mark) = (json(&numbered)?, mark(writer).await?);
    let sql = "insert into run (number, pipeline, key, status, wish, worker, owner, token, until, changed, body) \
               values ($1, $2, $3, 'pending', 'go', '', '', 0, 0, $4, $5)";
    let values = [
        Value::Int(number),
        Value::Text(run.pipeline.name.as_str()),
        Value::Text(run.pipeline.key()),
        Value::Int(mark),
        Value::Text(&body),
    ];
    writer.run(sql, &values).await?;
    let sql = "delete from run_log where run <= $1";
    writer.run(sql, &[Value::Int(number - LOGS)]).await?;
    Ok(numbered.number)
}

/// Which of the runs that are not over may be taken, with its token: the oldest one that was left, or that waits while no
/// other one with its key is running.
fn next(rows: &[Row], now: i64, this: &Owner) -> Result<Option<(i64, i64)>> {
    let mut taken = std::collections::BTreeSet::new();
    for row in rows {
        if row.text(2)? == Status::Running.word() {
            taken.insert(row.text(1)?);
        }
    }
    for row in rows {
        let (number, key, token) = (row.int(0)?, row.text(1)?, row.int(5)?);
        let may = if row.text(2)? == Status::Pending.word() {
            taken.insert(key)
        } else {
            row.int(3)? <= now || is_gone(&row.text(4)?, this)
        };
        if may {
            return Ok(Some((number, token)));
        }
    }
    Ok(None)
}

/// Whether who worked on it is seen to have ended.
fn is_gone(owner: &str, this: &Owner) -> bool {
    let owner: Option<Owner> = serde_json::from_str(owner).ok();
    owner.is_some_and(|owner| owner.life(this) == Life::Ended)
}

pub(super) fn leased(lease: RunLease) -> [Value<'static>; 2] {
    [number(lease.number), Value::Int(lease.token)]
}

fn wish(word: &str) -> RunWish {
    if word == "cancel" {
        RunWish::Cancel
    } else {
        RunWish::Go
    }
}

/// A run from its columns.
fn held(row: &Row, now: i64, this: &Owner) -> Result<RunHeld> {
    let mut run: Run = parse(&row.text(6)?)?;
    run.number = RunNumber(u64::try_from(row.int(0)?).unwrap_or(0));
    let left = row.int(3)? - now;
    let is_left = is_gone(&row.text(4)?, this);
    Ok(RunHeld {
        run,
        wish: wish(&row.text(1)?),
        worker: row.text(2)?,
        seconds_left: if is_left { left.min(0) } else { left },
    })
}
