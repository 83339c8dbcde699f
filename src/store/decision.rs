//! Decisions about scaling in SQL: the last one of each service, for whoever asks.

use super::{
    Store,
    database::Value,
    error::Error,
    log::{json, parse},
};
use crate::model::scaling::Decision;

impl Store {
    /// The last decision about each service, by its key.
    pub async fn decisions(&self) -> Result<Vec<(String, Decision)>, Error> {
        self.reading("read decisions about scaling in", async |database| {
            let sql = "select key, body from decision order by key";
            let rows = database.rows(sql, &[]).await?;
            rows.iter()
                .map(|row| Ok((row.text(0)?, parse(&row.text(1)?)?)))
                .collect()
        })
        .await
    }

    /// Records the last decision about a service.
    pub async fn decided(&self, key: &str, decision: &Decision) -> Result<(), Error> {
        self.reading("record a decision about scaling in", async |database| {
            let sql = "insert into decision (key, body) values ($1, $2) \
                       on conflict (key) do update set body = excluded.body";
            let body = json(decision)?;
            let values = [Value::Text(key), Value::Text(&body)];
            database.run(sql, &values).await.map(drop)
        })
        .await
    }
}
