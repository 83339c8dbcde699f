//! Does the steps of plans about balancers, and says what there is to say beyond that they are done.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Balancer, Balancers, Error, ErrorKind};
use crate::model::{Admin, Amount, BalancerAction, BalancerStep, Said, ServerName, Share, Slot};

/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(200);

/// Who is told what goes on.
type Say<'s> = &'s (dyn Fn(Said) + Sync);

impl Balancers {
    /// Does what is to be done to a balancer.
    ///
    /// # Errors
    /// When it is refused, by a rule of ours or by the balancer, or fails.
    pub async fn act(&self, step: &BalancerStep, say: Say<'_>) -> Result<String, Error> {
        let balancer = self.open(&step.balancer)?;
        match &step.action {
            BalancerAction::Ready { server, wait } => balancer.make_ready(server, *wait, say).await,
            BalancerAction::Drain { server, wait } => balancer.empty(server, *wait, say).await,
            BalancerAction::Maintenance { server } => {
                let before = balancer.slot(server).await?;
                balancer.rest(server).await?;
                Ok(before_it(before.admin.word(), Admin::Maintenance.word()))
            }
            BalancerAction::Weight { server, weight } => {
                let before = balancer.slot(server).await?.weight;
                balancer.weight(server, *weight).await?;
                Ok(before_it(&before.to_string(), &weight.to_string()))
            }
            BalancerAction::Share { key, share, map } => {
                let map = match map {
                    Some(map) => map,
                    None => balancer.own_map()?,
                };
                balancer.give(map, key, *share).await
            }
            BalancerAction::Save => Ok(balancer.save().await?.join(", ")),
        }
    }
}

fn before_it(before: &str, now: &str) -> String {
    if before == now {
        format!("{now} it was already")
    } else {
        format!("{now}, before it {before}")
    }
}

impl Balancer {
    async fn give(&self, map: &str, key: &str, share: Share) -> Result<String, Error> {
        let before = self.share(map, key).await?;
        self.set_share(map, key, share).await?;
        let before = before.map_or_else(|| "none".to_owned(), |before| before.to_string());
        let told = before_it(&before, &share.to_string());
        let name = &self.spec.name;
        Ok(format!(
            "{told}; a reload forgets it unless `balancer save {name}` writes it down"
        ))
    }

    /// Gives traffic to a server, once its checks find it up.
    async fn make_ready(
        &self,
        server: &ServerName,
        wait: u32,
        say: Say<'_>,
    ) -> Result<String, Error> {
        let doing = format!("making {server} ready");
        let mut slot = self.slot(server).await?;
        if slot.admin == Admin::Ready {
            return Ok("ready it was already".to_owned());
        }
        if !slot.checked {
            self.order(&format!("set server {server} state ready"))
                .await?;
            return Ok(
                "it is not checked: it takes traffic at once, whether it works or not".to_owned(),
            );
        }
        if slot.admin == Admin::Maintenance {
            let Some(address) = slot.address.filter(|address| address.port() > 1) else {
                let why = "it is a slot without an address";
                return Err(self.error(ErrorKind::Refused, &doing, why));
            };
            self.start_over(server, address).await?;
            slot = self.slot(server).await?;
        }
        let until = Instant::now() + Duration::from_secs(wait.into());
        let mut told = String::new();
        while !slot.is_up() {
            if Instant::now() >= until {
                let why = format!("its checks did not find it up in {wait} s ({})", slot.check);
                let remedy = "look at the server; it stays in drain, without traffic";
                return Err(self.error(ErrorKind::Refused, &doing, why).with(remedy));
            }
            let line = format!("{} ({})", slot.standing.word(), slot.check);
            if line != told {
                say(Said::Line(line.clone()));
                told = line;
            }
            sleep(PAUSE).await;
            slot = self.slot(server).await?;
        }
        self.admit(&slot).await?;
        Ok(format!("up ({})", slot.check))
    }

    /// Gives a server nothing new, and waits for what it has.
    async fn empty(&self, server: &ServerName, wait: u32, say: Say<'_>) -> Result<String, Error> {
        let before = self.slot(server).await?;
        if before.admin == Admin::Maintenance {
            let why = "it is in maintenance, where it takes nothing either";
            let doing = format!("draining {server}");
            return Err(self.error(ErrorKind::Refused, &doing, why));
        }
        self.drain(server).await?;
        if wait == 0 {
            return Ok(before_it(before.admin.word(), Admin::Drain.word()));
        }
        self.emptied(server, Duration::from_secs(wait.into()), say)
            .await?;
        Ok("it has nothing to do any more".to_owned())
    }

    /// Waits until a server has nothing to do any more.
    ///
    /// # Errors
    /// When it still has something when the time is up, or the balancer cannot be reached.
    pub async fn emptied(
        &self,
        server: &ServerName,
        wait: Duration,
        say: Say<'_>,
    ) -> Result<Slot, Error> {
        let until = Instant::now() + wait;
        let mut most = 0;
        loop {
            let slot = self.slot(server).await?;
            let left = slot.sessions + slot.queue;
            if left == 0 {
                return Ok(slot);
            }
            most = left.max(most);
            say(Said::Amount(Amount::count(
                "ending",
                most - left,
                Some(most),
            )));
            if Instant::now() >= until {
                let why = format!("{left} sessions go on after {} s", wait.as_secs());
                let remedy = "it takes nothing new; wait longer, or put it into maintenance and let them end by themselves";
                let doing = format!("draining {server}");
                return Err(self.error(ErrorKind::Refused, &doing, why).with(remedy));
            }
            sleep(PAUSE).await;
        }
    }
}
