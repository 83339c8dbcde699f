//! Approvals in SQL: what somebody wants to deploy, and what others said of it.

use super::{
    Store,
    database::{Row, Value},
    error::Error,
    log::{json, parse},
};
use crate::model::{
    Timestamp,
    release::{Release, Request, Scope, Verdict, person},
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// Seconds as the database counts them.
fn seconds(time: std::time::Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn moment(row: &Row, column: usize) -> Result<Timestamp> {
    let bad = |_| sqlx::Error::Decode("an approval's time is damaged".into());
    Timestamp::from_second(row.int(column)?).map_err(bad)
}

/// The first three placeholders.
fn key<'a>(scope: &'a Scope, digest: &'a str) -> [Value<'a>; 3] {
    [
        Value::Text(scope.app.as_str()),
        Value::Text(&scope.environment),
        Value::Text(digest),
    ]
}

impl Store {
    /// Records that somebody wants to deploy a release that others have to approve. Asked for anew, what was said of the
    /// same one before counts no more.
    pub async fn ask_approval(&self, request: &Request) -> std::result::Result<(), Error> {
        self.reading("ask for an approval in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let key = key(request.scope(), &request.digest);
            let sql = "delete from verdict where app = $1 and environment = $2 and digest = $3";
            writer.run(sql, &key).await?;
            let sql = "delete from request where app = $1 and environment = $2 and digest = $3";
            writer.run(sql, &key).await?;
            let body = json(&request.release)?;
            let lasts = request.until.duration_since(request.at).unsigned_abs();
            let sql = "insert into request (app, environment, digest, asker, needed, since, until, body) \
                       values ($1, $2, $3, $4, $5, $6, $7, $8)";
            let values = [
                &key[..],
                &[
                    Value::Text(&request.by),
                    Value::Int(request.needed.into()),
                    Value::Int(now),
                    Value::Int(now.saturating_add(seconds(lasts))),
                    Value::Text(&body),
                ],
            ]
            .concat();
            writer.run(sql, &values).await?;
            writer.commit().await
        })
        .await
    }

    /// Records what somebody says of a request; the last word of each person counts. False when there is no such request.
    pub async fn judge(
        &self,
        scope: &Scope,
        digest: &str,
        verdict: &Verdict,
    ) -> std::result::Result<bool, Error> {
        self.reading("record an approval in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let key = key(scope, digest);
            let sql = "select asker from request where app = $1 and environment = $2 and digest = $3";
            if writer.rows(sql, &key).await?.is_empty() {
                return Ok(false);
            }
            let who = person(&verdict.by);
            let of_person = [&key[..], &[Value::Text(who)]].concat();
            let sql = "delete from verdict where app = $1 and environment = $2 and digest = $3 and person = $4";
            writer.run(sql, &of_person).await?;
            let reason = verdict.reason.as_deref().unwrap_or_default();
            let sql = "insert into verdict (app, environment, digest, person, signature, approves, reason, since) \
                       values ($1, $2, $3, $4, $5, $6, $7, $8)";
            let values = [
                &of_person[..],
                &[
                    Value::Text(&verdict.by),
                    Value::Int(verdict.approves.into()),
                    Value::Text(reason),
                    Value::Int(now),
                ],
            ]
            .concat();
            writer.run(sql, &values).await?;
            writer.commit().await?;
            Ok(true)
        })
        .await
    }

    /// What was asked for, newest first, with what was said of it; of one app in one environment, or of all.
    pub async fn requests(
        &self,
        scope: Option<&Scope>,
        newest: u32,
    ) -> std::result::Result<Vec<Request>, Error> {
        self.reading("read the approvals in", async |database| {
            let mut reader = database.snapshot().await?;
            let rows = match scope {
                Some(scope) => {
                    let sql = "select app, environment, digest, asker, needed, since, until, body from request \
                               where app = $1 and environment = $2 order by since desc, digest limit $3";
                    let values = [
                        Value::Text(scope.app.as_str()),
                        Value::Text(&scope.environment),
                        Value::Int(newest.into()),
                    ];
                    reader.rows(sql, &values).await?
                }
                None => {
                    let sql = "select app, environment, digest, asker, needed, since, until, body from request \
                               order by since desc, digest limit $1";
                    reader.rows(sql, &[Value::Int(newest.into())]).await?
                }
            };
            let mut requests = Vec::new();
            for row in &rows {
                let mut request = request(row)?;
                let sql = "select signature, approves, reason, since from verdict \
                           where app = $1 and environment = $2 and digest = $3 order by since, person";
                let key = [row.text(0)?, row.text(1)?, row.text(2)?];
                let values = [
                    Value::Text(&key[0]),
                    Value::Text(&key[1]),
                    Value::Text(&key[2]),
                ];
                let said = reader.rows(sql, &values).await?;
                request.verdicts = said.iter().map(verdict).collect::<Result<_>>()?;
                requests.push(request);
            }
            Ok(requests)
        })
        .await
    }
}

/// A request from its columns, without what was said of it.
fn request(row: &Row) -> Result<Request> {
    let release: Release = parse(&row.text(7)?)?;
    Ok(Request {
        digest: row.text(2)?,
        release,
        by: row.text(3)?,
        needed: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        at: moment(row, 5)?,
        until: moment(row, 6)?,
        verdicts: Vec::new(),
    })
}

fn verdict(row: &Row) -> Result<Verdict> {
    Ok(Verdict {
        by: row.text(0)?,
        approves: row.int(1)? != 0,
        reason: row.maybe_text(2)?.filter(|reason| !reason.is_empty()),
        at: moment(row, 3)?,
    })
}
