//! Releases and their deploys in SQL: what was made, and who brings it to its hosts now.
//!
//! The row of a deploy is the lock of its app in its environment: one may be open at a time. Who works on it renews it;
//! when it is not renewed in time, or its program is seen to have ended, anybody may take it over. Each taking raises its
//! token, and whoever has an older one is told so with the next word it wants to say.

use super::{
    Store,
    database::{Row, Value, Writer},
    error::Error,
    log::{json, parse},
    owner::{Life, Owner},
};
use crate::model::{
    Timestamp,
    app::AppName,
    release::{Held, Lease, Phase, Release, ReleaseNumber, Rollout, Scope, Wish},
};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// So many seconds a worker is believed to live after its last sign.
const LEASE: i64 = 30;

/// What came of wanting to work on a deploy.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// It may be worked on.
    Lease(Lease),
    /// Another one is open: somebody works on it, it stands still, or it was left.
    Held(Held),
    /// So many others go on in its environment as may.
    Full(Vec<Held>),
    /// Somebody made a release meanwhile; it has to be planned anew.
    Overtaken,
}

/// The columns of a deploy as [`held`] reads them.
macro_rules! columns {
    () => {
        "app, environment, number, phase, wish, worker, since, detail, until, owner, token"
    };
}
pub(super) use columns;

/// What the open deploy of an app is read with, its body last.
const OPEN: &str = concat!(
    "select ",
    columns!(),
    ", body from deploy where app = $1 and environment = $2 ",
    "and phase in ('rolling', 'rolling-back', 'paused')"
);

/// An app in an environment, for the first two placeholders.
pub(super) fn key(scope: &Scope) -> [Value<'_>; 2] {
    [
        Value::Text(scope.app.as_str()),
        Value::Text(&scope.environment),
    ]
}

/// A release of an app in an environment, for the first three placeholders.
pub(super) fn numbered(scope: &Scope, number: ReleaseNumber) -> [Value<'_>; 3] {
    let [app, environment] = key(scope);
    [app, environment, Value::Int(number.0.into())]
}

impl Store {
    /// The releases of an app in an environment with how far their deploys are, newest first.
    pub async fn releases(
        &self,
        scope: &Scope,
        newest: u32,
    ) -> std::result::Result<Vec<(Release, Held)>, Error> {
        let owner = &self.0.owner;
        self.reading("read the releases in", async |database| {
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let sql = concat!(
                "select d.app, d.environment, d.number, phase, wish, worker, since, detail, until, owner, token, ",
                "r.body from deploy d join release r on r.app = d.app and r.environment = d.environment ",
                "and r.number = d.number where d.app = $1 and d.environment = $2 ",
                "order by d.number desc limit $3"
            );
            let values = [
                Value::Text(scope.app.as_str()),
                Value::Text(&scope.environment),
                Value::Int(newest.into()),
            ];
            let rows = reader.rows(sql, &values).await?;
            rows.iter()
                .map(|row| Ok((parse(&row.text(11)?)?, held(row, now, owner)?)))
                .collect()
        })
        .await
    }

    /// The deploys of all apps, those that are open first, then by age.
    pub async fn deploys(&self, open: bool, newest: u32) -> std::result::Result<Vec<Held>, Error> {
        let owner = &self.0.owner;
        self.reading("read the deploys in", async |database| {
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let sql = if open {
                concat!(
                    "select ",
                    columns!(),
                    " from deploy where phase in ('rolling', 'rolling-back', 'paused') ",
                    "order by since desc, app, number desc limit $1"
                )
            } else {
                concat!(
                    "select ",
                    columns!(),
                    " from deploy order by since desc, app, number desc limit $1"
                )
            };
            let rows = reader.rows(sql, &[Value::Int(newest.into())]).await?;
            rows.iter().map(|row| held(row, now, owner)).collect()
        })
        .await
    }

    /// The open deploy of an app, with what it does.
    pub async fn open_deploy(
        &self,
        scope: &Scope,
    ) -> std::result::Result<Option<(Held, Rollout)>, Error> {
        let owner = &self.0.owner;
        self.reading("read the deploys in", async |database| {
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let rows = reader.rows(OPEN, &key(scope)).await?;
            let row = rows.first();
            row.map(|row| Ok((held(row, now, owner)?, parse(&row.text(11)?)?)))
                .transpose()
        })
        .await
    }

    /// The environments in which an app has releases.
    pub async fn environments_of(&self, app: &AppName) -> std::result::Result<Vec<String>, Error> {
        self.reading("read the releases in", async |database| {
            let sql =
                "select distinct environment from release where app = $1 order by environment";
            let rows = database.rows(sql, &[Value::Text(app.as_str())]).await?;
            rows.iter().map(|row| row.text(0)).collect()
        })
        .await
    }

    /// Begins a deploy with its release, unless another one of its app and environment is open or was made meanwhile.
    pub async fn begin_deploy(&self, rollout: &Rollout) -> std::result::Result<Begun, Error> {
        let owner = &self.0.owner;
        self.reading("begin a deploy in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let release = &rollout.release;
            let scope = &release.scope;
            if let Some(row) = open(&mut writer, scope).await? {
                return Ok(Begun::Held(held(&row, now, owner)?));
            }
            if let Some(most) = rollout.policy.at_once {
                let others = others(&mut writer, scope, now, owner).await?;
                if others.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
                    return Ok(Begun::Full(others));
                }
            }
            let newest = newest(&mut writer, scope).await?;
            if i64::from(release.number.0) != newest + 1 {
                return Ok(Begun::Overtaken);
            }
            let key = numbered(scope, release.number);
            let body = json(&**release)?;
            let sql = "insert into release (app, environment, number, body) values ($1, $2, $3, $4)";
            let values = [&key[..], &[Value::Text(&body)]].concat();
            writer.run(sql, &values).await?;
            let (this, body) = (json(owner)?, json(rollout)?);
            let sql = "insert into deploy (app, environment, number, phase, wish, detail, worker, owner, token, \
                       until, since, body) values ($1, $2, $3, 'rolling', 'go', '', $4, $5, 1, $6, $7, $8)";
            let values = [
                &key[..],
                &[
                    Value::Text(&release.by),
                    Value::Text(&this),
                    Value::Int(now + LEASE),
                    Value::Int(now),
                    Value::Text(&body),
                ],
            ]
            .concat();
            writer.run(sql, &values).await?;
            writer.commit().await?;
            Ok(Begun::Lease(Lease {
                scope: scope.clone(),
                number: release.number,
                token: 1,
            }))
        })
        .await
    }

    /// Takes over the open deploy of an app that nobody works on; none when none is open.
    pub async fn take_deploy(
        &self,
        scope: &Scope,
        by: &str,
    ) -> std::result::Result<Option<(Begun, Rollout, Phase)>, Error> {
        let owner = &self.0.owner;
        self.reading("take over a deploy in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let Some(row) = open(&mut writer, scope).await? else {
                return Ok(None);
            };
            let found = held(&row, now, owner)?;
            let rollout: Rollout = parse(&row.text(11)?)?;
            let phase = found.phase;
            if found.is_live() {
                return Ok(Some((Begun::Held(found), rollout, phase)));
            }
            let token = row.int(10)? + 1;
            let this = json(owner)?;
            let sql = "update deploy set token = $4, owner = $5, worker = $6, until = $7, wish = 'go' \
                       where app = $1 and environment = $2 and number = $3";
            let [app, environment, number] = numbered(scope, found.number);
            let values = [
                app,
                environment,
                number,
                Value::Int(token),
                Value::Text(&this),
                Value::Text(by),
                Value::Int(now + LEASE),
            ];
            writer.run(sql, &values).await?;
            writer.commit().await?;
            let lease = Lease {
                scope: scope.clone(),
                number: found.number,
                token,
            };
            Ok(Some((Begun::Lease(lease), rollout, phase)))
        })
        .await
    }

    /// Says that a deploy goes on, and how far it is; answers what is wished of it. None when somebody else has taken it.
    pub async fn renew_deploy(
        &self,
        lease: &Lease,
        phase: Phase,
        detail: &str,
    ) -> std::result::Result<Option<Wish>, Error> {
        self.reading("say how far a deploy is in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            if !told(&mut writer, lease, phase, detail, now + LEASE).await? {
                return Ok(None);
            }
            let sql = "select wish from deploy where app = $1 and environment = $2 and number = $3";
            let values = numbered(&lease.scope, lease.number);
            let rows = writer.rows(sql, &values).await?;
            let word = rows.first().map(|row| row.text(0)).transpose()?;
            writer.commit().await?;
            Ok(Some(
                word.and_then(|word| Wish::parse(&word)).unwrap_or_default(),
            ))
        })
        .await
    }

    /// Says how a deploy ended, or that it stands still; nobody works on it any more. False when somebody else has taken it.
    pub async fn end_deploy(
        &self,
        lease: &Lease,
        phase: Phase,
        detail: &str,
    ) -> std::result::Result<bool, Error> {
        self.reading("say how a deploy ended in", async |database| {
            let mut writer = database.write().await?;
            let is_ours = told(&mut writer, lease, phase, detail, 0).await?;
            writer.commit().await?;
            Ok(is_ours)
        })
        .await
    }

    /// Wishes something of the open deploy of an app; answers how it is, and none when none is open.
    pub async fn wish_deploy(
        &self,
        scope: &Scope,
        wish: Wish,
    ) -> std::result::Result<Option<Held>, Error> {
        let owner = &self.0.owner;
        self.reading("wish something of a deploy in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let Some(row) = open(&mut writer, scope).await? else {
                return Ok(None);
            };
            let sql =
                "update deploy set wish = $4 where app = $1 and environment = $2 and number = $3";
            let found = held(&row, now, owner)?;
            let [app, environment, number] = numbered(scope, found.number);
            let values = [app, environment, number, Value::Text(wish.word())];
            writer.run(sql, &values).await?;
            writer.commit().await?;
            Ok(Some(Held { wish, ..found }))
        })
        .await
    }

    /// Gives up the open deploy of an app, whoever works on it; none when none is open. What it did stays as it is.
    pub async fn break_deploy(
        &self,
        scope: &Scope,
        detail: &str,
    ) -> std::result::Result<Option<Held>, Error> {
        let owner = &self.0.owner;
        self.reading("give up a deploy in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let Some(row) = open(&mut writer, scope).await? else {
                return Ok(None);
            };
            let found = held(&row, now, owner)?;
            let lease = Lease {
                scope: scope.clone(),
                number: found.number,
                token: row.int(10)?,
            };
            told(&mut writer, &lease, Phase::Failed, detail, 0).await?;
            // Whoever worked on it is told with its next word.
            let sql = "update deploy set token = token + 1 where app = $1 and environment = $2 and number = $3";
            let values = numbered(scope, found.number);
            writer.run(sql, &values).await?;
            writer.commit().await?;
            Ok(Some(found))
        })
        .await
    }
}

/// The open deploy of an app, with its body last.
async fn open(writer: &mut Writer, scope: &Scope) -> Result<Option<Row>> {
    Ok(writer.rows(OPEN, &key(scope)).await?.into_iter().next())
}

/// The deploys that go on in the environment; those that stand still wait for people and keep nobody off.
async fn others(writer: &mut Writer, scope: &Scope, now: i64, owner: &Owner) -> Result<Vec<Held>> {
    let sql = concat!(
        "select ",
        columns!(),
        " from deploy where environment = $1 and phase in ('rolling', 'rolling-back') order by since, app"
    );
    let rows = writer.rows(sql, &[Value::Text(&scope.environment)]).await?;
    rows.iter().map(|row| held(row, now, owner)).collect()
}

/// The number of the newest release of an app; 0 when it has none.
async fn newest(writer: &mut Writer, scope: &Scope) -> Result<i64> {
    let sql = "select number from release where app = $1 and environment = $2 order by number desc limit 1";
    let rows = writer.rows(sql, &key(scope)).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// Writes how far a deploy is; false when the lease is not the newest.
async fn told(
    writer: &mut Writer,
    lease: &Lease,
    phase: Phase,
    detail: &str,
    until: i64,
) -> Result<bool> {
    let sql = "update deploy set phase = $5, detail = $6, until = $7 \
               where app = $1 and environment = $2 and number = $3 and token = $4";
    let [app, environment, number] = numbered(&lease.scope, lease.number);
    let values = [
        app,
        environment,
        number,
        Value::Int(lease.token),
        Value::Text(phase.word()),
        Value::Text(detail),
        Value::Int(until),
    ];
    Ok(writer.run(sql, &values).await? > 0)
}

/// A deploy from its columns. A worker that is seen to have ended is not waited for.
pub(super) fn held(row: &Row, now: i64, this: &Owner) -> Result<Held> {
    let word = |column| row.text(column);
    let bad = |what: &str| sqlx::Error::Decode(format!("a deploy's {what} is damaged").into());
    let app = AppName::new(&word(0)?).map_err(|_| bad("app"))?;
    let number = u32::try_from(row.int(2)?).map_err(|_| bad("number"))?;
    let left = row.int(8)? - now;
    let owner: Option<Owner> = serde_json::from_str(&word(9)?).ok();
    let is_gone = owner.is_some_and(|owner| owner.life(this) == Life::Ended);
    Ok(Held {
        scope: Scope {
            app,
            environment: word(1)?.into(),
        },
        number: ReleaseNumber(number),
        phase: Phase::parse(&word(3)?).ok_or_else(|| bad("phase"))?,
        wish: Wish::parse(&word(4)?).unwrap_or_default(),
        by: word(5)?,
        since: Timestamp::from_second(row.int(6)?).map_err(|_| bad("time"))?,
        detail: word(7)?,
        seconds_left: if is_gone { left.min(0) } else { left },
    })
}
