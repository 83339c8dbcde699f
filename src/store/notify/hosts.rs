//! Who delivers, who looks at hosts, and which hosts are lost.

use super::{ALIVE, Store, is_gone, post, put_state};
use crate::{
    model::{HostName, notify::Notice},
    store::{database::Value, error::Error, log::json},
};

impl Store {
    /// Says that this program delivers notifications.
    pub async fn delivers(&self) -> std::result::Result<(), Error> {
        let owner = &self.0.owner;
        self.reading(
            "say that notifications are delivered in",
            async |database| {
                let mut writer = database.write().await?;
                let now = writer.now().await?;
                put_state(&mut writer, "worker", "", &json(owner)?, now + ALIVE).await?;
                writer.commit().await
            },
        )
        .await
    }

    /// Whether some program delivers notifications now.
    pub async fn is_delivering(&self) -> std::result::Result<bool, Error> {
        let owner = &self.0.owner;
        self.reading("look who delivers notifications in", async |database| {
            let mut reader = database.snapshot().await?;
            let now = reader.now().await?;
            let sql = "select until, owner from notify_state where key = 'worker'";
            let rows = reader.rows(sql, &[]).await?;
            let Some(row) = rows.first() else {
                return Ok(false);
            };
            Ok(row.int(0)? > now && !is_gone(&row.text(1)?, owner))
        })
        .await
    }

    /// Takes or keeps the right to look whether hosts are lost: one program has it.
    pub async fn watches_hosts(&self) -> std::result::Result<bool, Error> {
        let owner = &self.0.owner;
        self.reading("say who looks at hosts in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let this = json(owner)?;
            let sql = "select until, owner from notify_state where key = 'watch'";
            let rows = writer.rows(sql, &[]).await?;
            if let Some(row) = rows.first() {
                let by = row.text(1)?;
                if by != this && row.int(0)? > now && !is_gone(&by, owner) {
                    return Ok(false);
                }
            }
            put_state(&mut writer, "watch", "", &this, now + ALIVE).await?;
            writer.commit().await?;
            Ok(true)
        })
        .await
    }

    /// The hosts that are known to be lost.
    pub async fn lost_hosts(&self) -> std::result::Result<Vec<HostName>, Error> {
        self.reading("read which hosts are lost in", async |database| {
            let sql = "select key from notify_state where value = 'lost' order by key";
            let rows = database.rows(sql, &[]).await?;
            let mut lost = Vec::new();
            for row in &rows {
                let key = row.text(0)?;
                lost.extend(key.strip_prefix("host ").map(HostName::new));
            }
            Ok(lost)
        })
        .await
    }

    /// Keeps that a host is lost or back, with the notice of it; once.
    pub async fn host_turned(
        &self,
        host: &HostName,
        is_lost: bool,
        notice: &Notice,
    ) -> std::result::Result<bool, Error> {
        let turned = [(host.clone(), is_lost)];
        self.hosts_turned(&turned, std::slice::from_ref(notice))
            .await
    }

    /// Keeps that hosts are lost or back, with what is told of that; once.
    pub async fn hosts_turned(
        &self,
        hosts: &[(HostName, bool)],
        notices: &[Notice],
    ) -> std::result::Result<bool, Error> {
        self.reading("keep that hosts are lost or back in", async |database| {
            let mut writer = database.write().await?;
            let mut is_new = false;
            for (host, is_lost) in hosts {
                let key = format!("host {host}");
                let sql = "select value from notify_state where key = $1";
                let rows = writer.rows(sql, &[Value::Text(&key)]).await?;
                let was = rows.first().map(|row| row.text(0)).transpose()?;
                let is = if *is_lost { "lost" } else { "back" };
                if was.as_deref().unwrap_or("back") != is {
                    put_state(&mut writer, &key, is, "", 0).await?;
                    is_new = true;
                }
            }
            if is_new {
                post(&mut writer, notices).await?;
                writer.commit().await?;
            }
            Ok(is_new)
        })
        .await
    }
}
