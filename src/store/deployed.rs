//! What consoles show of deploys, read again and again: only what is not known yet is read as a whole.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Store,
    database::Value,
    error::Error,
    log::parse,
    release::{columns, held, key, numbered},
};
use crate::model::{
    app::AppName,
    release::{Deploys, Held, History, Open, Release, ReleaseNumber, Rollout, Scope},
};

/// So many open deploys are told of.
const OPEN: u32 = 1000;

/// So many releases of an app are told of.
const HISTORY: u32 = 20;

impl Store {
    /// What is known of deploys now, when this was known before: the open ones, with `all` also which releases are
    /// everywhere, and how the app that somebody looks at came to be as it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn deployed(
        &self,
        before: &Deploys,
        looked_at: Option<&Scope>,
        all: bool,
    ) -> Result<Deploys, Error> {
        let mut now = Deploys::default();
        for held in self.deploys(true, OPEN).await? {
            let known = before.open.get(&held.scope);
            let known = known.filter(|one| one.held.number == held.number);
            let rollout = match known {
                Some(one) => Some(Arc::clone(&one.rollout)),
                None => self.rollout(&held.scope, held.number).await?.map(Arc::new),
            };
            if let Some(rollout) = rollout {
                let scope = held.scope.clone();
                now.open.insert(scope, Open { held, rollout });
            }
        }
        now.current = if all {
            self.current(before).await?
        } else {
            before.current.clone()
        };
        if let Some(scope) = looked_at {
            now.history = Some(self.history(before, scope).await?);
        }
        Ok(now)
    }

    /// The releases that are everywhere, by app.
    async fn current(&self, before: &Deploys) -> Result<BTreeMap<Scope, Arc<Release>>, Error> {
        let mut current = BTreeMap::new();
        for (scope, number) in self.succeeded().await? {
            let known = before.current.get(&scope);
            let release = match known.filter(|one| one.number == number) {
                Some(release) => Some(Arc::clone(release)),
                None => self.release(&scope, number).await?.map(Arc::new),
            };
            current.extend(release.map(|release| (scope, release)));
        }
        Ok(current)
    }

    /// The newest releases of an app.
    async fn history(&self, before: &Deploys, scope: &Scope) -> Result<History, Error> {
        let known = before.history(scope).unwrap_or(&[]);
        let told = self.deploys_of(scope).await?;
        let mut releases = Vec::new();
        for held in told {
            let of = known.iter().find(|(one, _)| one.number == held.number);
            let release = match of {
                Some((release, _)) => Some(Arc::clone(release)),
                None => self.release(scope, held.number).await?.map(Arc::new),
            };
            releases.extend(release.map(|release| (release, held)));
        }
        Ok(History {
            scope: scope.clone(),
            releases,
        })
    }

    /// The newest release of each app that came everywhere.
    async fn succeeded(&self) -> Result<Vec<(Scope, ReleaseNumber)>, Error> {
        self.reading("read the deploys in", async |database| {
            let sql = "select app, environment, max(number) from deploy where phase = 'succeeded' \
                       group by app, environment";
            let rows = database.rows(sql, &[]).await?;
            let damaged = || sqlx::Error::Decode("a deploy's app or number is damaged".into());
            rows.iter()
                .map(|row| {
                    let scope = Scope {
                        app: AppName::new(&row.text(0)?).map_err(|_| damaged())?,
                        environment: row.text(1)?.into(),
                    };
                    let number = u32::try_from(row.int(2)?).map_err(|_| damaged())?;
                    Ok((scope, ReleaseNumber(number)))
                })
                .collect()
        })
        .await
    }

    /// The newest deploys of an app. Of those that ended nobody is waited for.
    async fn deploys_of(&self, scope: &Scope) -> Result<Vec<Held>, Error> {
        let owner = &self.0.owner;
        self.reading("read the deploys in", async |database| {
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let sql = concat!(
                "select ",
                columns!(),
                " from deploy where app = $1 and environment = $2 order by number desc limit $3"
            );
            let [app, environment] = key(scope);
            let values = [app, environment, Value::Int(HISTORY.into())];
            let rows = reader.rows(sql, &values).await?;
            let all = rows.iter().map(|row| {
                let held = held(row, now, owner)?;
                let seconds_left = if held.phase.is_open() {
                    held.seconds_left
                } else {
                    0
                };
                Ok(Held {
                    seconds_left,
                    ..held
                })
            });
            all.collect()
        })
        .await
    }

    /// A release as a whole.
    async fn release(
        &self,
        scope: &Scope,
        number: ReleaseNumber,
    ) -> Result<Option<Release>, Error> {
        self.reading("read a release in", async |database| {
            let sql =
                "select body from release where app = $1 and environment = $2 and number = $3";
            let rows = database.rows(sql, &numbered(scope, number)).await?;
            rows.first().map(|row| parse(&row.text(0)?)).transpose()
        })
        .await
    }

    /// What a deploy does.
    async fn rollout(
        &self,
        scope: &Scope,
        number: ReleaseNumber,
    ) -> Result<Option<Rollout>, Error> {
        self.reading("read a deploy in", async |database| {
            let sql = "select body from deploy where app = $1 and environment = $2 and number = $3";
            let rows = database.rows(sql, &numbered(scope, number)).await?;
            rows.first().map(|row| parse(&row.text(0)?)).transpose()
        })
        .await
    }
}
