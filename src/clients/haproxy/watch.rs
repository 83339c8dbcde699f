//! Follows a canary: what it and its stable neighbour did since the beginning, and what is to be thought of it.

use std::time::Duration;

use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::{Balancer, Error};
use crate::model::{
    Counters, Verdict,
    balancer::{Rules, judge},
};

/// What is watched, and by which rules.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The backend of what ran before.
    pub stable: String,
    /// The backend of the canary.
    pub canary: String,
    /// Between two looks.
    pub every: Duration,
    /// When it is good enough.
    pub rules: Rules,
}

/// What was seen at one look.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// What the stable servers did since the beginning.
    pub stable: Counters,
    /// What the canary did.
    pub canary: Counters,
    /// What is to be thought of it by now.
    pub verdict: Verdict,
}

impl Balancer {
    /// Looks again and again, and judges each time by all that was counted since the beginning. A reload of the balancer
    /// begins the counters anew: what was counted before it is kept. A look that fails is an item too; the next one is
    /// taken all the same. It goes on until it is dropped.
    pub fn watch(&self, watched: Watched) -> BoxStream<'static, Result<Sample, Error>> {
        let watch = Watch {
            balancer: self.clone(),
            watched,
            next: Instant::now(),
            stable: Tally::default(),
            canary: Tally::default(),
        };
        stream::unfold(watch, |mut watch| async {
            let seen = watch.next().await;
            Some((seen, watch))
        })
        .boxed()
    }

    /// What two backends have done since the balancer started.
    async fn pair(&self, stable: &str, canary: &str) -> Result<(Counters, Counters), Error> {
        let all = self.backends().await?;
        let of = |name: &str| {
            all.iter()
                .find(|one| *one.name == *name)
                .map(|one| one.counters)
        };
        match (of(stable), of(canary)) {
            (Some(stable), Some(canary)) => Ok((stable, canary)),
            // Says which there are.
            (None, _) => self.counters(stable).await.map(|one| (one, one)),
            (_, None) => self.counters(canary).await.map(|one| (one, one)),
        }
    }
}

struct Watch {
    balancer: Balancer,
    watched: Watched,
    next: Instant,
    stable: Tally,
    canary: Tally,
}

impl Watch {
    async fn next(&mut self) -> Result<Sample, Error> {
        if self.stable.last.is_none() {
            self.look().await?;
            self.next = Instant::now();
        }
        self.next += self.watched.every;
        sleep_until(self.next).await;
        self.look().await?;
        let (stable, canary) = (self.stable.all, self.canary.all);
        Ok(Sample {
            stable,
            canary,
            verdict: judge(&stable, &canary, &self.watched.rules),
        })
    }

    async fn look(&mut self) -> Result<(), Error> {
        let names = (&self.watched.stable, &self.watched.canary);
        let looked = self.balancer.pair(names.0, names.1).await;
        if looked.is_err() && self.stable.last.is_none() {
            // Whoever asks again at once is not to ask without a pause.
            sleep_until(Instant::now() + self.watched.every).await;
        }
        let (stable, canary) = looked?;
        self.stable.add(stable);
        self.canary.add(canary);
        Ok(())
    }
}

/// What was counted since the beginning, over reloads.
#[derive(Debug, Default)]
struct Tally {
    all: Counters,
    last: Option<Counters>,
}

impl Tally {
    fn add(&mut self, now: Counters) {
        if let Some(last) = self.last {
            // Counters that began anew count from nothing.
            let news = now.since(&last).unwrap_or(now);
            self.all = Counters {
                connect_ms: now.connect_ms,
                response_ms: now.response_ms,
                total_ms: now.total_ms,
                ..self.all.plus(&news)
            };
        }
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_goes_on_over_a_reload() {
        let did = |requests, total_ms| Counters {
            requests,
            total_ms,
            ..Counters::default()
        };
        let mut tally = Tally::default();
        for now in [did(1000, 5), did(1100, 6), did(30, 7), did(40, 8)] {
            tally.add(now);
        }
        assert_eq!((tally.all.requests, tally.all.total_ms), (140, 8));
    }
}
