//! Checks the operations log from its first entry to its last.
//!
//! Found is: every changed, removed, inserted or exchanged entry, for the hashes after it no longer
//! fit; a missing number; an end without a beginning; a log cut at its end, as long as the head row
//! in the database or the head file beside it still tells of more; missing triggers; damage that
//! the database's own check sees. Not found is what somebody does who may write all three files and
//! computes every hash anew: against that, write down the head hash elsewhere now and then, and compare.

use super::{
    chain::{Entry, GENESIS},
    database::{Database, Row, Snapshot, Value},
    error::Error,
    head::{self, Head},
};
use crate::model::Verification;

/// Entries read at once.
const PAGE: i64 = 1000;
/// Faults reported; more say nothing new.
const ENOUGH: usize = 100;

/// The check of a log so far.
struct Check {
    entries: u64,
    seq: i64,
    operation: i64,
    /// The hash of the entry before; none when that could not be read.
    hash: Option<String>,
    /// Whether the end of the log was reached.
    complete: bool,
    faults: Vec<String>,
}

/// Checks the whole log. What cannot be read is a fault as well, not an error.
pub(super) async fn verify(database: &Database) -> Result<Verification, Error> {
    // Read before the log: it may lag behind it, but must never be ahead.
    let path = database.head().to_owned();
    let file = tokio::task::spawn_blocking(move || head::read(&path)).await;
    let mut check = Check {
        entries: 0,
        seq: 0,
        operation: 0,
        hash: Some(GENESIS.to_owned()),
        complete: false,
        faults: Vec::new(),
    };
    let mut of_file = None;
    match file {
        Ok(Ok(head)) => of_file = head,
        Ok(Err(error)) => check.fault(format!("head file: {error}")),
        Err(error) => check.fault(format!("head file: {error}")),
    }
    let read = async {
        let mut snapshot = database.snapshot().await?;
        check.entries(&mut snapshot, of_file.as_ref()).await?;
        check.head_row(&mut snapshot).await
    };
    if let Err(error) = read.await {
        let error = Error::sql("read", database.subject(), &error);
        check.fault(format!("after entry {}: {error}", check.seq));
    }
    check.head_file(of_file.as_ref(), database.is_shared());
    match database.faults().await {
        Ok(faults) => faults.into_iter().for_each(|fault| check.fault(fault)),
        Err(error) => check.fault(format!("database: {error}")),
    }
    Ok(Verification {
        entries: check.entries,
        head: check.hash.unwrap_or_default(),
        faults: check.faults,
    })
}

impl Check {
    fn fault(&mut self, fault: String) {
        if self.faults.len() < ENOUGH {
            self.faults.push(fault);
        }
    }

    async fn entries(
        &mut self,
        snapshot: &mut Snapshot,
        file: Option<&Head>,
    ) -> Result<(), sqlx::Error> {
        let sql = "select seq, operation, kind, token, previous, hash, body from entry \
                   where seq > $1 order by seq limit $2";
        let mut last = i64::MIN;
        loop {
            let rows = snapshot
                .rows(sql, &[Value::Int(last), Value::Int(PAGE)])
                .await?;
            if rows.is_empty() {
                self.complete = true;
                return Ok(());
            }
            for row in rows {
                last = row.int(0)?;
                match read(&row) {
                    Ok(entry) => self.entry(entry, file),
                    Err(error) => self.unreadable(last, &error),
                }
            }
        }
    }

    /// An entry whose columns are no texts or numbers any more.
    fn unreadable(&mut self, seq: i64, error: &sqlx::Error) {
        self.fault(format!("entry {seq} cannot be read: {error}"));
        self.entries += 1;
        self.seq = seq;
        self.hash = None;
    }

    /// Checks one entry against the one before. After a fault the check goes on from what is
    /// there, so that one change is reported once and not for all the rest.
    fn entry(&mut self, entry: Entry, file: Option<&Head>) {
        let seq = entry.seq;
        match seq - self.seq {
            1 => {}
            2 => self.fault(format!("entry {} is missing", seq - 1)),
            _ => self.fault(format!(
                "entries {} to {} are missing",
                self.seq + 1,
                seq - 1
            )),
        }
        if self
            .hash
            .as_ref()
            .is_some_and(|hash| entry.previous != *hash)
        {
            self.fault(format!("entry {seq} does not continue the one before"));
        }
        if entry.hash != entry.expected_hash() {
            self.fault(format!("entry {seq} was changed"));
        }
        match entry.kind.as_str() {
            "begin" if entry.operation != self.operation + 1 => {
                self.fault(format!(
                    "entry {seq} begins operation {} after {}",
                    entry.operation, self.operation
                ));
            }
            "end" if entry.operation < 1 || entry.operation > self.operation => {
                self.fault(format!(
                    "entry {seq} ends operation {}, which has not begun",
                    entry.operation
                ));
            }
            _ => {}
        }
        if file.is_some_and(|head| head.seq == seq && head.hash != entry.hash) {
            self.fault(format!(
                "entry {seq} is not the one that the head file names"
            ));
        }
        self.entries += 1;
        self.operation = self.operation.max(entry.operation);
        self.seq = seq;
        self.hash = Some(entry.hash);
    }

    async fn head_row(&mut self, snapshot: &mut Snapshot) -> Result<(), sqlx::Error> {
        let rows = snapshot
            .rows("select seq, operation, hash from head", &[])
            .await?;
        let Some(row) = rows.first() else {
            self.fault("the head row is missing".to_owned());
            return Ok(());
        };
        let (seq, operation, hash) = (row.int(0)?, row.int(1)?, row.text(2)?);
        if (seq, operation, Some(&hash)) != (self.seq, self.operation, self.hash.as_ref()) {
            self.fault(format!(
                "the head row names entry {seq} and operation {operation}, the log ends with entry {} and operation {}",
                self.seq, self.operation
            ));
        }
        Ok(())
    }

    /// On a machine that has never written to a shared log there is no head file yet.
    fn head_file(&mut self, file: Option<&Head>, is_shared: bool) {
        match file {
            Some(head) if self.complete && head.seq > self.seq => self.fault(format!(
                "the log ends with entry {}, but the head file names entry {}: it was cut",
                self.seq, head.seq
            )),
            None if self.entries > 0 && self.faults.is_empty() && !is_shared => {
                self.fault("the head file is missing".to_owned());
            }
            Some(_) | None => {}
        }
    }
}

/// An entry from the columns in the order of the table.
fn read(row: &Row) -> Result<Entry, sqlx::Error> {
    Ok(Entry {
        seq: row.int(0)?,
        operation: row.int(1)?,
        kind: row.text(2)?,
        token: row.text(3)?,
        previous: row.text(4)?,
        hash: row.text(5)?,
        body: row.text(6)?,
    })
}
