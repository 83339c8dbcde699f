//! What was told and what was not, for people: deliveries, how channels stand, trying again.

use std::collections::BTreeMap;

use super::{Result, Store, moment};
use crate::{
    model::notify::{Delivery, DeliveryState, Standing},
    store::{
        database::{Row, Value},
        error::Error,
        log::parse,
    },
};

/// The columns of a delivery as [`delivery`] reads them.
macro_rules! columns {
    () => {
        "number, channel, state, held, count, created, due, tries, message, told, ended, body"
    };
}

impl Store {
    /// Deliveries, newest first: of a channel or of all, in a state or in any.
    pub async fn deliveries(
        &self,
        channel: Option<&str>,
        state: Option<DeliveryState>,
        newest: u32,
    ) -> std::result::Result<Vec<Delivery>, Error> {
        self.reading("read notifications in", async |database| {
            let sql = concat!(
                "select ",
                columns!(),
                " from delivery where (channel = $1 or $1 = '') and (state = $2 or $2 = '') \
                 order by number desc limit $3"
            );
            let values = [
                Value::Text(channel.unwrap_or_default()),
                Value::Text(state.map_or("", DeliveryState::word)),
                Value::Int(newest.into()),
            ];
            let rows = database.rows(sql, &values).await?;
            rows.iter().map(delivery).collect()
        })
        .await
    }

    /// Has what failed, and what waits for its next try, tried now; answers how many those are. With numbers only those.
    pub async fn retry_deliveries(
        &self,
        channel: Option<&str>,
        numbers: &[u64],
    ) -> std::result::Result<u64, Error> {
        self.reading("try notifications again in", async |database| {
            let mut writer = database.write().await?;
            let now = writer.now().await?;
            let sql = "select number from delivery where (channel = $1 or $1 = '') and until <= $2 \
                       and (state = 'failed' or (state = 'waiting' and tries > 0))";
            let of = Value::Text(channel.unwrap_or_default());
            let rows = writer.rows(sql, &[of, Value::Int(now)]).await?;
            let mut count = 0;
            for row in &rows {
                let number = row.int(0)?;
                let is_meant = numbers.is_empty() || numbers.contains(&number.unsigned_abs());
                if is_meant {
                    let sql = "update delivery set state = 'waiting', due = $2, began = 0, tries = 0, ended = 0 \
                               where number = $1";
                    let values = [Value::Int(number), Value::Int(now)];
                    count += writer.run(sql, &values).await?;
                }
            }
            writer.commit().await?;
            Ok(count)
        })
        .await
    }

    /// How each channel stands that ever had something to deliver.
    pub async fn channel_standings(
        &self,
    ) -> std::result::Result<BTreeMap<String, Standing>, Error> {
        self.reading("read how notifications stand in", async |database| {
            let mut all: BTreeMap<String, Standing> = BTreeMap::new();
            let sql = "select channel, state, count(*), max(number), min(due) from delivery group by channel, state";
            for row in database.rows(sql, &[]).await? {
                let one = all.entry(row.text(0)?).or_default();
                let count = row.int(2)?.unsigned_abs();
                match DeliveryState::parse(&row.text(1)?) {
                    Some(DeliveryState::Waiting) => {
                        one.waiting = count;
                        one.due = Some(moment(row.int(4)?)?);
                    }
                    Some(DeliveryState::Failed) => one.failed = count,
                    Some(DeliveryState::Sent) | None => {}
                }
            }
            for (channel, one) in &mut all {
                let of = Value::Text(channel);
                let sql = "select ended, told from delivery where channel = $1 and state = 'sent' \
                           order by ended desc, number desc limit 1";
                if let Some(row) = database.rows(sql, &[of]).await?.first() {
                    one.sent = Some((moment(row.int(0)?)?, row.text(1)?));
                }
                let sql = "select told from delivery where channel = $1 and (state = 'failed' \
                           or (state = 'waiting' and tries > 0)) order by number desc limit 1";
                if let Some(row) = database.rows(sql, &[of]).await?.first() {
                    one.error = Some(row.text(0)?);
                }
            }
            Ok(all)
        })
        .await
    }
}

/// A delivery from its columns.
fn delivery(row: &Row) -> Result<Delivery> {
    let ended = row.int(10)?;
    Ok(Delivery {
        number: row.int(0)?.unsigned_abs(),
        channel: row.text(1)?,
        state: DeliveryState::parse(&row.text(2)?).unwrap_or(DeliveryState::Failed),
        held: row.int(3)? != 0,
        count: u32::try_from(row.int(4)?).unwrap_or(u32::MAX),
        created: moment(row.int(5)?)?,
        due: moment(row.int(6)?)?,
        tries: u32::try_from(row.int(7)?).unwrap_or(u32::MAX),
        message: row.text(8)?,
        told: row.text(9)?,
        ended: if ended == 0 {
            None
        } else {
            Some(moment(ended)?)
        },
        notice: parse(&row.text(11)?)?,
    })
}
