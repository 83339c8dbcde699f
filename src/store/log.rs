//! The operations log in SQL: adding entries, reading operations back.

use std::time::Duration;

use super::{
    chain::{Begin, End, Entry, GENESIS, Kind, Note},
    database::{Database, Row, Value, Writer},
    head::{self, Head},
    owner::{Life, Owner},
};
use crate::model::{Operation, Origin, Outcome, Timestamp};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// A sign of life, by the database's own clock.
const BEAT: &str = "insert into alive (owner, seen) values ($1, clock_timestamp()) \
                    on conflict (owner) do update set seen = excluded.seen";
/// Whether there was one lately: programs give one every [`BEAT_EVERY`].
const HEARD: &str = "select owner from alive where owner = $1 \
                     and seen > clock_timestamp() - interval '2 minutes'";
/// Old ones mean as much as none.
const FORGET: &str = "delete from alive where seen < clock_timestamp() - interval '1 day'";
/// How often a program that acts says that it lives.
pub(super) const BEAT_EVERY: Duration = Duration::from_secs(15);

/// The right to write, with the end of the log in hand.
pub(super) struct Pen {
    writer: Writer,
    head: Head,
    operations: i64,
    /// Whether what the head file says belongs to this log, so that it may be moved on.
    intact: bool,
    database: Database,
}

impl Pen {
    /// Takes the right to write; waits while another program has it.
    pub(super) async fn take(database: &Database) -> Result<Self> {
        let mut writer = database.write().await?;
        let rows = writer
            .rows("select seq, operation, hash from head", &[])
            .await?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        let head = Head {
            seq: row.int(0)?,
            hash: row.text(2)?,
        };
        let operations = row.int(1)?;
        let mut pen = Self {
            writer,
            head,
            operations,
            intact: false,
            database: database.clone(),
        };
        pen.compare_head_file().await?;
        Ok(pen)
    }

    /// Looks whether the head file belongs to this log. A head file that is gone is noted in the
    /// log, so that removing it does not go unseen.
    async fn compare_head_file(&mut self) -> Result<()> {
        let path = self.database.head().to_owned();
        let file = blocking(move || head::read(&path)).await?;
        match file {
            Ok(None) => {
                self.intact = true;
                // Of a shared log every machine has its own head file, from its first act on.
                if self.head.seq > 0 && !self.database.is_shared() {
                    let text = format!("the head file was missing after entry {}", self.head.seq);
                    self.note(text).await?;
                }
            }
            Ok(Some(file)) => {
                let rows = self
                    .writer
                    .rows(
                        "select hash from entry where seq = $1",
                        &[Value::Int(file.seq)],
                    )
                    .await?;
                self.intact = match rows.first() {
                    Some(row) => row.text(0)? == file.hash,
                    None => file.seq == 0 && file.hash == GENESIS,
                };
            }
            // It is left for `verify` to report.
            Err(_) => self.intact = false,
        }
        Ok(())
    }

    /// Records the beginning of an operation; answers its number. A record that came before is
    /// not taken twice.
    pub(super) async fn begin(&mut self, token: &str, begin: &Begin) -> Result<i64> {
        if let Some(number) = self.number_of(token).await? {
            return Ok(number);
        }
        if self.database.is_shared() {
            // Who acts is heard of from the beginning; one whose act comes late from a spill, too.
            let owner = json(&begin.owner)?;
            self.writer.run(BEAT, &[Value::Text(&owner)]).await?;
        }
        let number = self.operations + 1;
        self.append(Kind::Begin, number, token, &json(begin)?)
            .await?;
        self.operations = number;
        Ok(number)
    }

    /// Records the end of an operation, unless it has one. One that was taken for interrupted and has
    /// ended after all is noted.
    pub(super) async fn end(&mut self, operation: i64, token: &str, end: &End) -> Result<()> {
        let sql = "select body from entry where kind = 'end' and operation = $1";
        let rows = self.writer.rows(sql, &[Value::Int(operation)]).await?;
        let Some(row) = rows.first() else {
            return self.append(Kind::End, operation, token, &json(end)?).await;
        };
        let first = row.text(0).and_then(|text| parse::<End>(&text));
        let was_given_up = first.is_ok_and(|first| first.result == Outcome::Interrupted);
        if !was_given_up || end.result == Outcome::Interrupted {
            return Ok(());
        }
        let text = format!(
            "operation {operation} was taken for interrupted, and ended: {}",
            end.result
        );
        self.note_once(&format!("after-all-{operation}"), text)
            .await
    }

    /// Records something about the log itself.
    pub(super) async fn note(&mut self, text: String) -> Result<()> {
        let note = Note {
            at: Timestamp::now(),
            text,
        };
        let token = format!("note-{}", self.head.seq + 1);
        self.append(Kind::Note, 0, &token, &json(&note)?).await
    }

    /// The same, unless it is noted under this token already.
    async fn note_once(&mut self, token: &str, text: String) -> Result<()> {
        let sql = "select seq from entry where kind = 'note' and token = $1";
        if !self
            .writer
            .rows(sql, &[Value::Text(token)])
            .await?
            .is_empty()
        {
            return Ok(());
        }
        let note = Note {
            at: Timestamp::now(),
            text,
        };
        self.append(Kind::Note, 0, token, &json(&note)?).await
    }

    /// The number of the operation that was begun with a token.
    pub(super) async fn number_of(&mut self, token: &str) -> Result<Option<i64>> {
        let sql = "select operation from entry where kind = 'begin' and token = $1";
        let rows = self.writer.rows(sql, &[Value::Text(token)]).await?;
        rows.first().map(|row| row.int(0)).transpose()
    }

    async fn append(&mut self, kind: Kind, operation: i64, token: &str, body: &str) -> Result<()> {
        let mut entry = Entry {
            seq: self.head.seq + 1,
            operation,
            kind: kind.word().to_owned(),
            token: token.to_owned(),
            previous: self.head.hash.clone(),
            hash: String::new(),
            body: body.to_owned(),
        };
        entry.hash = entry.expected_hash();
        let values = [
            Value::Int(entry.seq),
            Value::Int(entry.operation),
            Value::Text(&entry.kind),
            Value::Text(&entry.token),
            Value::Text(&entry.previous),
            Value::Text(&entry.hash),
            Value::Text(&entry.body),
        ];
        let sql = "insert into entry (seq, operation, kind, token, previous, hash, body) \
                   values ($1, $2, $3, $4, $5, $6, $7)";
        self.writer.run(sql, &values).await?;
        self.head = Head {
            seq: entry.seq,
            hash: entry.hash,
        };
        let newest = self.operations.max(operation);
        let values = [
            Value::Int(self.head.seq),
            Value::Int(newest),
            Value::Text(&self.head.hash),
        ];
        let sql = "update head set seq = $1, operation = $2, hash = $3";
        self.writer.run(sql, &values).await?;
        Ok(())
    }

    /// Makes the entries lasting, then moves the head file on.
    pub(super) async fn commit(self) -> Result<()> {
        self.writer.commit().await?;
        if self.intact {
            let (path, head) = (self.database.head().to_owned(), self.head);
            let moved = blocking(move || head::advance(&path, &head, head::PATIENCE)).await?;
            if let Err(error) = moved {
                // The entries are safe; the file only lags behind until the next one.
                tracing::warn!(%error, "the head file of the operations log could not be moved on");
            }
        }
        Ok(())
    }
}

/// The newest operations below `before`, newest first, at most `limit`.
pub(super) async fn page(database: &Database, before: i64, limit: u32) -> Result<Vec<Operation>> {
    let sql = "select b.operation, b.body, e.body from entry b \
               left join entry e on e.kind = 'end' and e.operation = b.operation \
               where b.kind = 'begin' and b.operation < $1 order by b.operation desc limit $2";
    let rows = database
        .rows(sql, &[Value::Int(before), Value::Int(limit.into())])
        .await?;
    rows.iter().map(operation).collect()
}

/// The act that was begun with a token, as it is now.
pub(super) async fn act_of(database: &Database, token: &str) -> Result<Option<Operation>> {
    let sql = "select b.operation, b.body, e.body from entry b \
               left join entry e on e.kind = 'end' and e.operation = b.operation \
               where b.kind = 'begin' and b.token = $1";
    let rows = database.rows(sql, &[Value::Text(token)]).await?;
    rows.first().map(operation).transpose()
}

/// The newest acts below `before` that build images, newest first, at most `limit`.
pub(super) async fn builds(database: &Database, before: i64, limit: u32) -> Result<Vec<Operation>> {
    let sql = "select b.operation, b.body, e.body from entry b \
               left join entry e on e.kind = 'end' and e.operation = b.operation \
               where b.kind = 'begin' and b.operation < $1 \
               and b.body like '%\"sentence\":\"image build %' order by b.operation desc limit $2";
    let rows = database
        .rows(sql, &[Value::Int(before), Value::Int(limit.into())])
        .await?;
    rows.iter().map(operation).collect()
}

/// What tells that something came, asked all at once: it is asked again and again.
pub(super) struct Newest {
    /// The number of the newest entry.
    pub entry: i64,
    /// The mark of the run that changed last.
    pub runs: i64,
    /// When an approval was asked for last, and how many requests there are.
    pub requests: (i64, i64),
}

/// What came last.
pub(super) async fn newest(database: &Database) -> Result<Newest> {
    let sql = "select seq, (select coalesce(max(changed), 0) from run), \
               (select coalesce(max(since), 0) from request), (select count(*) from request) from head";
    let rows = database.rows(sql, &[]).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Newest {
        entry: row.int(0)?,
        runs: row.int(1)?,
        requests: (row.int(2)?, row.int(3)?),
    })
}

/// The operations that began or ended in the entries after `mark` up to `newest`: the last
/// `limit` of them, oldest first.
pub(super) async fn changed(
    database: &Database,
    mark: i64,
    newest: i64,
    limit: u32,
) -> Result<Vec<Operation>> {
    let sql = "select b.operation, b.body, e.body from entry b \
               left join entry e on e.kind = 'end' and e.operation = b.operation \
               where b.kind = 'begin' and b.operation in \
                 (select operation from entry where seq > $1 and seq <= $2 and kind <> 'note') \
               order by b.operation desc limit $3";
    let values = [
        Value::Int(mark),
        Value::Int(newest),
        Value::Int(limit.into()),
    ];
    let rows = database.rows(sql, &values).await?;
    rows.iter().rev().map(operation).collect()
}

/// Ends the operations whose programs have ended without ending them; answers those.
pub(super) async fn end_interrupted(database: &Database, this: &Owner) -> Result<Vec<Operation>> {
    let sql = "select operation from entry where kind = 'begin' except \
               select operation from entry where kind = 'end'";
    let open = database.rows(sql, &[]).await?;
    let mut ended = Vec::new();
    for row in open {
        let number = row.int(0)?;
        let sql = "select token, body from entry where kind = 'begin' and operation = $1";
        let rows = database.rows(sql, &[Value::Int(number)]).await?;
        let Some(row) = rows.first() else { continue };
        let Ok(begin) = row.text(1).and_then(|text| parse::<Begin>(&text)) else {
            continue;
        };
        let is_over = match begin.owner.life(this) {
            Life::Ended => true,
            Life::Lives => false,
            Life::Unknown => is_silent(database, &begin.owner).await?,
        };
        if !is_over {
            continue;
        }
        let end = End::of(&Outcome::Interrupted, Timestamp::now(), None);
        let mut pen = Pen::take(database).await?;
        pen.end(number, &row.text(0)?, &end).await?;
        pen.commit().await?;
        ended.push(begin.into_operation(number.unsigned_abs(), Some(end)));
    }
    Ok(ended)
}

/// Tells the other machines of a shared log that this program lives.
pub(super) async fn beat(database: &Database, this: &Owner) -> Result<()> {
    let owner = json(this)?;
    database.run(BEAT, &[Value::Text(&owner)]).await?;
    database.run(FORGET, &[]).await.map(drop)
}

/// Whether nothing was heard for long of a program that runs or ran on another machine. Of a log
/// that is not shared nobody is heard.
async fn is_silent(database: &Database, owner: &Owner) -> Result<bool> {
    if !database.is_shared() {
        return Ok(false);
    }
    let owner = json(owner)?;
    let heard = database.rows(HEARD, &[Value::Text(&owner)]).await?;
    Ok(heard.is_empty())
}

/// A remembered value.
pub(super) async fn setting(database: &Database, key: &str) -> Result<Option<String>> {
    let rows = database
        .rows(
            "select value from setting where key = $1",
            &[Value::Text(key)],
        )
        .await?;
    rows.first().map(|row| row.text(0)).transpose()
}

/// Remembers a value.
pub(super) async fn set_setting(database: &Database, key: &str, value: &str) -> Result<()> {
    let sql = "insert into setting (key, value) values ($1, $2) \
               on conflict (key) do update set value = excluded.value";
    database
        .run(sql, &[Value::Text(key), Value::Text(value)])
        .await?;
    Ok(())
}

/// An operation from the columns number, begin, end. One whose entries were damaged is shown as
/// such: it must not hide the others.
fn operation(row: &Row) -> Result<Operation> {
    let number = row.int(0)?.unsigned_abs();
    let begin = row.text(1).and_then(|text| parse::<Begin>(&text));
    let end = row
        .maybe_text(2)
        .and_then(|text| text.map(|text| parse::<End>(&text)).transpose());
    Ok(match (begin, end) {
        (Ok(begin), Ok(end)) => begin.into_operation(number, end),
        (Ok(begin), Err(_)) => Operation {
            outcome: Outcome::Failed {
                done: 0,
                failed: 0,
                detail: "the record of its end is damaged".to_owned(),
            },
            ..begin.into_operation(number, None)
        },
        (Err(_), _) => Operation {
            number,
            at: Timestamp::UNIX_EPOCH,
            origin: Origin::default(),
            sentence: "(a damaged record: see `wharf audit verify`)".to_owned(),
            targets: Vec::new(),
            reason: None,
            outcome: Outcome::Failed {
                done: 0,
                failed: 0,
                detail: "its record is damaged".to_owned(),
            },
            duration_ms: None,
        },
    })
}

/// Reads what an entry holds.
pub(super) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Writes what an entry holds.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// Runs something that waits for the disk where that holds up nobody.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| sqlx::Error::WorkerCrashed)
}
