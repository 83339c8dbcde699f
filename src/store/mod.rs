//! Remembers: operations in a hash-chained log, releases of apps and their deploys, settings of the console.
//!
//! ```no_run
//! # async fn example(place: wharf::model::Place, operation: wharf::model::Operation) -> Result<(), wharf::store::Error> {
//! use wharf::{model::Outcome, store::Store};
//! let store = match Store::open(&place).await {
//!     Ok(store) => store,
//!     // The console goes on: acts are recorded in the spill until the database can be opened.
//!     Err(error) => { eprintln!("{error}"); Store::detached(&place) }
//! };
//! let ticket = store.begin(&operation).await?;   // an error here means: do not act
//! // … the act itself …
//! store.finish(&ticket, &Outcome::Done { detail: String::new() }, 120).await?;
//! # Ok(()) }
//! ```

mod approval;
mod chain;
mod database;
mod decision;
mod deployed;
mod error;
mod head;
mod log;
mod maintenance;
mod notify;
mod owner;
mod release;
mod run;
mod run_log;
mod spill;
mod verify;

use std::{
    hash::{BuildHasher, RandomState},
    io,
    path::Path,
    sync::{Arc, Once, Weak},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{sleep, timeout},
};

pub use self::error::{Error, ErrorKind};
pub use self::notify::{Claimed, News, NewsMarks, Tried};
pub use self::release::Begun;
pub use self::run::{Kept, Taker};
use self::{
    chain::{Begin, End},
    database::Database,
    error::Subject,
    log::Pen,
    owner::Owner,
    spill::Record,
};
use crate::model::{
    DatabasePlace, Operation, Outcome, Place, Timestamp, Verification, pipeline::Saying,
};

/// How long a call may take, unless it says otherwise.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long a check of the whole log may take.
const LONG: Duration = Duration::from_mins(10);
/// How many operations are read at once when a filter throws some away.
const PAGE: u32 = 500;
/// What is being done when acts go from the spill into the log.
const TAKE_IN: &str = "take the acts that wait into";
const READ_WAITING: &str = "read the acts that wait in";
const EMPTY: &str = "empty";

/// The store of one place. Clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    place: Place,
    owner: Owner,
    /// Begun with the first act: signs of life for the other machines of a shared log.
    beating: Once,
    database: Mutex<Slot>,
}

/// Where the open database is kept.
#[derive(Debug, Default)]
struct Slot {
    /// None while it cannot be opened.
    database: Option<Database>,
    /// Its disk was full: it is to be opened anew, and kept until then. Were it closed, SQLite would make the index of
    /// its write-ahead log anew, for which there is no room, and nobody could read it any more.
    is_worn: bool,
}

/// The record of an operation that has begun; needed to record its end.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// Its number in the log; none while the record waits in the spill.
    pub number: Option<u64>,
    /// Why the record waits in the spill, if it does: to be shown to the operator.
    pub waits: Option<Error>,
    token: String,
}

/// Up to where which log was read. The default is the beginning of any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    entry: i64,
    /// What tells this log from others ([`Database::identity`]).
    log: Option<(u64, u64)>,
}

/// What came into the log since a mark.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// Where to go on from the next time.
    pub mark: Mark,
    /// It is another log than the one that was read up to the mark (it was lost and begun anew, or
    /// a backup is in its place): these operations are all there is to know.
    pub another: bool,
    /// The operations that began or ended, as they are now, oldest first; the last 500 at most.
    pub operations: Vec<Operation>,
    /// Another number when any run of a pipeline has changed.
    pub runs: i64,
    /// Other numbers when somebody asked for an approval.
    pub requests: (i64, i64),
}

/// Which operations are asked for; the default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// That acted on this host or something on it.
    pub host: Option<String>,
    /// Of this operator: the name, or a part of it.
    pub operator: Option<String>,
    /// With this text in the sentence, a target, the reason or the result, in any case.
    pub text: Option<String>,
    /// With this outcome, as [`Outcome::word`] says it.
    pub outcome: Option<String>,
    /// Begun at this moment or later.
    pub since: Option<Timestamp>,
    /// Begun before this moment.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Whether an operation is among those asked for.
    pub fn accepts(&self, operation: &Operation) -> bool {
        let asked =
            |wanted: Option<&String>, test: &dyn Fn(&str) -> bool| wanted.is_none_or(|w| test(w));
        let holds = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        asked(self.host.as_ref(), &|host| {
            let of_host = |target: &String| {
                target
                    .rsplit_once('@')
                    .is_some_and(|(_, name)| name == host)
            };
            operation.targets.iter().any(of_host)
        }) && asked(self.operator.as_ref(), &|name| {
            holds(&operation.origin.operator, name)
        }) && asked(self.outcome.as_ref(), &|word| {
            operation.outcome.word() == word
        }) && asked(self.text.as_ref(), &|part| {
            holds(&operation.sentence, part)
                || operation.targets.iter().any(|target| holds(target, part))
                || operation
                    .reason
                    .as_deref()
                    .is_some_and(|reason| holds(reason, part))
                || holds(operation.outcome.detail(), part)
        }) && self.since.is_none_or(|since| operation.at >= since)
            && self.until.is_none_or(|until| operation.at < until)
    }
}

impl Store {
    /// Opens the database of a place, making it when there never was one. A damaged, lost or
    /// foreign database is left as it is: the error says so and offers a new file
    /// ([`Error::beside`]).
    pub async fn open(place: &Place) -> Result<Self, Error> {
        let store = Self::detached(place);
        store
            .limited("open the operations log", DEADLINE, store.database())
            .await?;
        Ok(store)
    }

    /// A store that has not opened its database yet: it tries with every call, and records acts
    /// in the spill until it succeeds.
    pub fn detached(place: &Place) -> Self {
        Self(Arc::new(Shared {
            place: place.clone(),
            owner: Owner::this(),
            beating: Once::new(),
            database: Mutex::default(),
        }))
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Whether consoles on several machines may share it.
    pub fn is_shared(&self) -> bool {
        matches!(self.0.place.database, DatabasePlace::Server { .. })
    }

    /// Records that an operation begins, before it does. When the database cannot take it, it is
    /// written to the spill and the ticket says so; when that fails, too, the act must not be done.
    pub async fn begin(&self, operation: &Operation) -> Result<Ticket, Error> {
        // What a step of a run says once is told from all else by that; it goes into the log or is not done at all.
        let once = operation.origin.step.as_ref().and_then(Saying::token);
        let is_once = once.is_some();
        let token = once.unwrap_or_else(new_token);
        let body = Begin::of(operation, self.0.owner.clone());
        if self.is_shared() {
            let shared = Arc::downgrade(&self.0);
            self.0
                .beating
                .call_once(|| drop(tokio::spawn(beat(shared))));
        }
        let recorded = self
            .limited(
                "record the act",
                DEADLINE,
                self.log_begin(&token, &body, is_once),
            )
            .await;
        match recorded {
            Ok(number) => Ok(Ticket {
                number: Some(number),
                waits: None,
                token,
            }),
            Err(error) if is_once => Err(error),
            Err(error) => {
                let record = Record::Begin {
                    token: token.clone(),
                    body,
                };
                self.spill(record, &error).await?;
                Ok(Ticket {
                    number: None,
                    waits: Some(error),
                    token,
                })
            }
        }
    }

    /// Records how an operation ended; to the spill when the database cannot take it. An error
    /// means that the end is recorded nowhere and the operation will count as interrupted.
    pub async fn finish(
        &self,
        ticket: &Ticket,
        outcome: &Outcome,
        duration_ms: u64,
    ) -> Result<(), Error> {
        let body = End::of(outcome, Timestamp::now(), Some(duration_ms));
        let recorded = self
            .limited(
                "record the end of the act",
                DEADLINE,
                self.log_end(&ticket.token, &body),
            )
            .await;
        match recorded {
            Ok(()) => Ok(()),
            Err(error) => {
                let record = Record::End {
                    token: ticket.token.clone(),
                    body,
                };
                self.spill(record, &error).await
            }
        }
    }

    /// The newest operations that a filter accepts, newest first; with `before`, those with smaller numbers.
    pub async fn operations(
        &self,
        newest: u32,
        before: Option<u64>,
        filter: &Filter,
    ) -> Result<Vec<Operation>, Error> {
        let newest = newest as usize;
        let mut before = before
            .and_then(|number| i64::try_from(number).ok())
            .unwrap_or(i64::MAX);
        self.reading("read the operations log", async |database| {
            let mut found = Vec::new();
            while found.len() < newest {
                let page = log::page(database, before, PAGE).await?;
                let Some(last) = page.last() else { break };
                before = i64::try_from(last.number).unwrap_or(0);
                found.extend(
                    page.into_iter()
                        .filter(|operation| filter.accepts(operation)),
                );
            }
            found.truncate(newest);
            Ok(found)
        })
        .await
    }

    /// Numbers that are others when anything was done, and when a run has changed.
    pub async fn marks(&self) -> Result<(i64, i64), Error> {
        self.reading("read the operations log", async |database| {
            let newest = log::newest(database).await?;
            Ok((newest.entry, newest.runs))
        })
        .await
    }

    /// The newest acts with smaller numbers than `before` that build images, newest first.
    pub async fn builds(&self, before: u64, newest: u32) -> Result<Vec<Operation>, Error> {
        let before = i64::try_from(before).unwrap_or(i64::MAX);
        self.reading("read the builds in", async |database| {
            log::builds(database, before, newest).await
        })
        .await
    }

    /// What came into the log since `mark`, by this program or another. Cheap when it is nothing:
    /// one row is read. The first call, with the default mark, gives the newest 500.
    pub async fn changed_since(&self, mark: Mark) -> Result<Changes, Error> {
        self.reading("read the operations log", async |database| {
            let log::Newest {
                entry: newest,
                runs,
                requests,
            } = log::newest(database).await?;
            let log = database.identity();
            let another = mark.log.is_some_and(|known| known != log) || newest < mark.entry;
            let read = if another { 0 } else { mark.entry };
            let operations = if newest > read {
                log::changed(database, read, newest, PAGE).await?
            } else {
                Vec::new()
            };
            Ok(Changes {
                mark: Mark {
                    entry: newest,
                    log: Some(log),
                },
                another,
                operations,
                runs,
                requests,
            })
        })
        .await
    }

    /// The operations that wait in the spill, oldest first, with the number 0.
    pub async fn waiting(&self) -> Result<Vec<Operation>, Error> {
        let path = self.0.place.spill.clone();
        let lines = self.limited(READ_WAITING, DEADLINE, async {
            let place = path.clone();
            file_work(READ_WAITING, &path, move || spill::read(&place)).await
        });
        Ok(spill_operations(lines.await?))
    }

    /// Takes what waits in the spill into the log, without waiting for the next act.
    pub async fn take_in(&self) -> Result<(), Error> {
        self.writing(TAKE_IN, async |_| Ok(())).await
    }

    /// Checks the whole log: its chain of hashes, its numbers, its end, the database's own check
    /// and the rules in it.
    ///
    /// Found is every changed, removed, inserted or exchanged entry; an end cut off, as long as the
    /// head row in the database or the head file beside it tells of more; missing rules; damage.
    /// Not found is what somebody does who may write all these files and computes every hash anew,
    /// or removes all of them: against that, write [`Verification::head`] down elsewhere and compare.
    pub async fn verify(&self) -> Result<Verification, Error> {
        self.limited("verify the operations log", LONG, async {
            verify::verify(&self.database().await?).await
        })
        .await
    }

    /// Takes in what waits in the spill, then ends the operations whose programs died, as
    /// [`Outcome::Interrupted`]; answers those. Never touches an operation whose program lives. One that
    /// may live where this one cannot see (another machine, another container) counts as dead when
    /// the log is shared and nothing was heard of it for two minutes; else never.
    pub async fn interrupted(&self) -> Result<Vec<Operation>, Error> {
        let owner = &self.0.owner;
        self.writing("end the interrupted operations in", async |database| {
            log::end_interrupted(database, owner).await
        })
        .await
    }

    /// A remembered value.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, Error> {
        let key = self.setting_key(key);
        self.reading("read a setting in", async |database| {
            log::setting(database, &key).await
        })
        .await
    }

    /// Remembers a value.
    pub async fn set_setting(&self, key: &str, value: &str) -> Result<(), Error> {
        let key = self.setting_key(key);
        self.reading("remember a setting in", async |database| {
            log::set_setting(database, &key, value).await
        })
        .await
    }

    /// In a shared database everybody has settings of their own, as with a file of their own.
    fn setting_key(&self, key: &str) -> String {
        if self.is_shared() {
            format!("{} {key}", self.0.owner.user())
        } else {
            key.to_owned()
        }
    }

    /// Closes the database, folding its write-ahead log into it. Dropping the store without it
    /// loses nothing.
    pub async fn close(&self) {
        if let Some(database) = self.0.database.lock().await.database.take() {
            // A disk that does not answer must not keep the program from ending.
            let _ = timeout(DEADLINE, database.close()).await;
        }
    }

    async fn log_begin(&self, token: &str, body: &Begin, once: bool) -> Result<u64, Error> {
        const DOING: &str = "record the act";
        let number = self.writing(DOING, async |database| {
            let mut pen = Pen::take(database).await?;
            if once && let Some(number) = pen.number_of(token).await? {
                return Ok(Err(number));
            }
            let number = pen.begin(token, body).await?;
            pen.commit().await?;
            Ok(Ok(number.unsigned_abs()))
        });
        number.await?.map_err(|number| {
            let why = format!("this step of the run has begun it before, as operation {number}");
            Error::new(ErrorKind::Other, DOING, &self.subject(), why)
        })
    }

    /// The act that was begun with a token, as it is now.
    pub async fn act_of(&self, token: &str) -> Result<Option<Operation>, Error> {
        self.reading("look for an act in", async |database| {
            log::act_of(database, token).await
        })
        .await
    }

    async fn log_end(&self, token: &str, body: &End) -> Result<(), Error> {
        const DOING: &str = "record the end of the act";
        let known = self.writing(DOING, async |database| {
            let mut pen = Pen::take(database).await?;
            let Some(number) = pen.number_of(token).await? else {
                return Ok(false);
            };
            pen.end(number, token, body).await?;
            pen.commit().await?;
            Ok(true)
        });
        if known.await? {
            return Ok(());
        }
        let why = "its beginning is not in this log".to_owned();
        Err(Error::new(ErrorKind::Other, DOING, &self.subject(), why))
    }

    /// Works on the open database.
    async fn reading<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&Database) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        self.limited(doing, DEADLINE, async {
            worked(&self.database().await?, doing, work).await
        })
        .await
    }

    /// Works on the open database after what waits in the spill was taken in: first come, first recorded.
    async fn writing<T>(
        &self,
        doing: &'static str,
        work: impl AsyncFnOnce(&Database) -> Result<T, sqlx::Error>,
    ) -> Result<T, Error> {
        self.limited(doing, DEADLINE, async {
            let database = self.database().await?;
            take_in(&database, &self.0.place.spill).await?;
            worked(&database, doing, work).await
        })
        .await
    }

    /// The open database; opens it when it is not, or when another file is in its place.
    async fn database(&self) -> Result<Database, Error> {
        let mut slot = self.0.database.lock().await;
        if let Some(database) = &slot.database {
            if !database.is_in_place().await {
                *slot = Slot::default();
            } else if !slot.is_worn {
                return Ok(database.clone());
            }
        }
        let database = Database::open(&self.0.place, DEADLINE / 2).await?;
        *slot = Slot {
            database: Some(database.clone()),
            is_worn: false,
        };
        drop(slot);
        let spill = self.0.place.spill.clone();
        let prepared = file_work("prepare", &self.0.place.spill, move || {
            spill::prepare(&spill)
        });
        if let Err(error) = prepared.await {
            tracing::warn!(%error, "the spill has no reserve for a full disk");
        }
        Ok(database)
    }

    /// The database, as errors name it.
    fn subject(&self) -> Subject {
        Subject::of(&self.0.place)
    }

    async fn spill(&self, record: Record, error: &Error) -> Result<(), Error> {
        let path = self.0.place.spill.clone();
        let place = path.clone();
        let work = file_work("record the act", &path, move || {
            spill::append(&place, &record)
        });
        let spilled = self.limited("record the act", DEADLINE, work).await;
        spilled.map_err(|spill| Error::unrecordable(error, &spill))
    }

    /// Works within a deadline. After a failure the database is opened anew the next time: a
    /// transaction that broke off (a full disk ends it by itself) leaves its connection unusable.
    async fn limited<T>(
        &self,
        doing: &'static str,
        limit: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let late = || Error::late(doing, &self.subject(), limit.as_secs());
        let done = timeout(limit, work).await.unwrap_or_else(|_| Err(late()));
        if let Err(error) = &done
            && let Ok(mut slot) = self.0.database.try_lock()
        {
            slot.is_worn |= error.kind == ErrorKind::Full;
            if !slot.is_worn {
                slot.database = None;
            }
        }
        done
    }
}

/// Says again and again that this program lives, as long as its store is in use.
async fn beat(shared: Weak<Shared>) {
    loop {
        sleep(log::BEAT_EVERY).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let store = Store(shared);
        let owner = &store.0.owner;
        let told = store.reading("say that this program lives in", async |database| {
            log::beat(database, owner).await
        });
        if let Err(error) = told.await {
            tracing::debug!(%error, "no sign of life was given");
        }
    }
}

/// Works on a database, and tells what was being done when it failed.
async fn worked<T>(
    database: &Database,
    doing: &'static str,
    work: impl AsyncFnOnce(&Database) -> Result<T, sqlx::Error>,
) -> Result<T, Error> {
    work(database)
        .await
        .map_err(|error| Error::sql(doing, database.subject(), &error))
}

/// Takes the records of the spill into the log, marked as late, then empties it. A record that is
/// in the log already is not taken twice, so this may break off anywhere.
async fn take_in(database: &Database, path: &Path) -> Result<(), Error> {
    let place = path.to_owned();
    let Some((taking, lines)) =
        file_work(READ_WAITING, path, move || spill::Taking::start(&place)).await?
    else {
        return Ok(());
    };
    let work = async {
        let mut pen = Pen::take(database).await?;
        for line in lines {
            take_line(&mut pen, line).await?;
        }
        pen.commit().await
    };
    work.await
        .map_err(|error| Error::sql(TAKE_IN, database.subject(), &error))?;
    file_work(EMPTY, path, move || taking.done()).await
}

/// Takes one line of the spill into the log.
async fn take_line(pen: &mut Pen, line: spill::Line) -> Result<(), sqlx::Error> {
    let late = Some(Timestamp::now());
    match line {
        Ok(Record::Begin { token, body }) => {
            pen.begin(&token, &Begin { late, ..body }).await?;
            Ok(())
        }
        Ok(Record::End { token, body }) => {
            if let Some(number) = pen.number_of(&token).await? {
                pen.end(number, &token, &End { late, ..body }).await
            } else {
                let text = format!("an act of another log ended: {}", body.result);
                pen.note(text).await
            }
        }
        Err(text) => {
            pen.note(format!("a record in the spill cannot be read: {text}"))
                .await
        }
    }
}

/// The operations in lines of the spill.
fn spill_operations(lines: Vec<spill::Line>) -> Vec<Operation> {
    let mut operations: Vec<(String, Begin, Option<End>)> = Vec::new();
    for record in lines.into_iter().flatten() {
        match record {
            Record::Begin { token, body } => operations.push((token, body, None)),
            Record::End { token, body } => {
                if let Some(operation) = operations.iter_mut().find(|(begun, ..)| *begun == token) {
                    operation.2 = Some(body);
                }
            }
        }
    }
    operations
        .into_iter()
        .map(|(_, begin, end)| begin.into_operation(0, end))
        .collect()
}

/// Works on a file where waiting for the disk holds up nobody.
async fn file_work<T: Send + 'static>(
    doing: &'static str,
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::io(doing, path, &error)),
        Err(error) => {
            let subject = Subject::File(path.to_owned());
            Err(Error::new(
                ErrorKind::Other,
                doing,
                &subject,
                error.to_string(),
            ))
        }
    }
}

/// A text that no other operation has.
fn new_token() -> String {
    let random = RandomState::new().hash_one(0);
    format!("{:x}-{random:016x}", Timestamp::now().as_nanosecond())
}
