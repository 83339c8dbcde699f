//! Hosts in maintenance in SQL: every console and every worker knows of them.

use super::{
    Store,
    database::Value,
    error::Error,
    log::{json, parse},
};
use crate::model::{HostName, Maintenance};

impl Store {
    /// The hosts that are in maintenance, by name.
    pub async fn maintenances(&self) -> Result<Vec<Maintenance>, Error> {
        self.reading("read which hosts are in maintenance in", async |database| {
            let sql = "select body from maintenance order by host";
            let rows = database.rows(sql, &[]).await?;
            rows.iter().map(|row| parse(&row.text(0)?)).collect()
        })
        .await
    }

    /// Records that a host is in maintenance; what was recorded of it before goes.
    pub async fn rest_host(&self, maintenance: &Maintenance) -> Result<(), Error> {
        self.reading("record a maintenance in", async |database| {
            let mut writer = database.write().await?;
            let host = Value::Text(maintenance.host.as_str());
            let sql = "delete from maintenance where host = $1";
            writer.run(sql, &[host]).await?;
            let body = json(maintenance)?;
            let sql = "insert into maintenance (host, body) values ($1, $2)";
            writer.run(sql, &[host, Value::Text(&body)]).await?;
            writer.commit().await
        })
        .await
    }

    /// Records that a host is back; false when it was in no maintenance.
    pub async fn wake_host(&self, host: &HostName) -> Result<bool, Error> {
        self.reading("record the end of a maintenance in", async |database| {
            let mut writer = database.write().await?;
            let sql = "delete from maintenance where host = $1";
            let gone = writer.run(sql, &[Value::Text(host.as_str())]).await?;
            writer.commit().await?;
            Ok(gone > 0)
        })
        .await
    }
}
