//! A release in a Swarm: which Swarm, and what is found there of its app.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Print, ReleaseNumber};
use crate::model::{
    HostName, Share,
    app::{Order, ServiceName},
    swarm::{Facts, Mode, Node, Task, Update},
};

/// The Swarm that a release is for. Its targets name one manager, which is told what is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stack {
    /// The Swarm's id.
    pub cluster: Arc<str>,
    /// The hosts of the fleet that are nodes of it, by the ids of those: they fetch images before anything is changed.
    pub nodes: BTreeMap<Arc<str>, HostName>,
    /// Which goes first when tasks are replaced, by rule.
    pub orders: BTreeMap<ServiceName, Order>,
}

impl Stack {
    /// Which goes first; the old one where nothing is known.
    pub fn order(&self, service: &ServiceName) -> Order {
        let known = self.orders.get(service).copied();
        known.unwrap_or(Order::StopFirst)
    }
}

/// All that is found of an app in a Swarm, and what it needs to know of that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stacked {
    /// The Swarm's id.
    pub cluster: Arc<str>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The services of the app's stack.
    pub services: Vec<StackService>,
    /// The ports that services of others publish on every node, and whose they are.
    pub ports: BTreeMap<(String, u16), Arc<str>>,
    /// The names of all secrets.
    pub secrets: Vec<Arc<str>>,
    /// The names of all configs.
    pub configs: Vec<Arc<str>>,
    /// The names of all networks of the whole Swarm.
    pub networks: Vec<Arc<str>>,
}

impl Stacked {
    /// A service by what the app calls it.
    pub fn service(&self, name: &ServiceName) -> Option<&StackService> {
        self.part(name, false)
    }

    /// The one that stands for a service: the first, or the second one beside it that is tried.
    pub fn part(&self, name: &ServiceName, tried: bool) -> Option<&StackService> {
        self.services
            .iter()
            .find(|one| *one.service == *name.as_str() && one.tried == tried)
    }
}

/// A service of an app's stack as a manager has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackService {
    /// Its id.
    pub id: Arc<str>,
    /// Its name in the Swarm.
    pub name: Arc<str>,
    /// What the app calls it.
    pub service: Arc<str>,
    /// It stands beside the first one, which it is to replace when it is as good.
    pub tried: bool,
    /// The version that a change has to name.
    pub version: u64,
    /// What we wrote on it; none when somebody else made it.
    pub mark: Option<StackMark>,
    /// What it is made of.
    pub facts: Facts,
    /// How many tasks it is to have.
    pub mode: Mode,
    /// How far its newest update is.
    pub update: Option<Update>,
    /// Its tasks, the newest first, also those that are over.
    pub tasks: Vec<Task>,
}

/// What we write on a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackMark {
    /// The release that it was changed for.
    pub release: ReleaseNumber,
    /// Its environment.
    pub environment: String,
    /// What its tasks are made of.
    pub print: Print,
}

/// A step of a gray release in a Swarm: a second service gets so many tasks beside those of the first, which stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The share that is wanted; of several that come to the same the last.
    pub share: Share,
    /// Tasks of the second service.
    pub tasks: u32,
    /// Tasks of the first.
    pub beside: u32,
}

impl Trial {
    /// The steps by which shares are come near to, beside so many tasks and with so many at most. Each is of another
    /// number of tasks: shares that come to the same are one step.
    pub fn steps(shares: &[Share], beside: u32, most: u32) -> Vec<Self> {
        let mut steps: Vec<Self> = Vec::new();
        for share in shares {
            let tasks = nearest(*share, beside).clamp(1, most.max(1));
            let step = Self {
                share: *share,
                tasks,
                beside,
            };
            match steps.last_mut() {
                Some(last) if last.tasks == tasks => last.share = *share,
                // There is no way down.
                Some(last) if last.tasks > tasks => {}
                Some(_) | None => steps.push(step),
            }
        }
        steps
    }

    /// The share that it comes to, in percent: one of all tasks is as good as any other.
    pub fn comes_to(&self) -> u32 {
        let all = self.tasks.saturating_add(self.beside).max(1);
        (self.tasks.saturating_mul(200) / all).div_ceil(2)
    }
}

/// So many tasks beside others come nearest to a share.
fn nearest(share: Share, beside: u32) -> u32 {
    let percent = u64::from(share.percent().min(99));
    let beside = u64::from(beside);
    // How far so many of all are from the share, as a fraction of (tasks + beside) hundredths.
    let off = |tasks: u64| {
        let all = tasks + beside;
        ((tasks * 100).abs_diff(percent * all), all)
    };
    let low = percent * beside / (100 - percent);
    let (below, above) = (off(low), off(low + 1));
    let tasks = if low > 0 && below.0 * above.1 <= above.0 * below.1 {
        low
    } else {
        low + 1
    };
    u32::try_from(tasks).unwrap_or(u32::MAX)
}

/// How a service is brought to what it is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a new release: the Swarm takes it back by itself when it fails while nobody looks.
    Forth,
    /// Back to the one before: the Swarm must never take that back, for that would be the bad one again.
    Back,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn shares_are_come_near_to_by_numbers_of_tasks() {
        let steps = |shares: &[u8], beside, most| {
            let shares: Vec<Share> = shares.iter().map(|one| Share::new(*one).unwrap()).collect();
            let steps = Trial::steps(&shares, beside, most);
            let told = |one: &Trial| (one.share.percent(), one.tasks, one.comes_to());
            steps.iter().map(told).collect::<Vec<_>>()
        };
        // Of four, one beside is a fifth: nothing is nearer to 5 % nor to 25 %, and both are one step.
        assert_eq!(steps(&[5, 25, 50], 4, 4), [(25, 1, 20), (50, 4, 50)]);
        assert_eq!(
            steps(&[5, 25, 50], 20, 20),
            [(5, 1, 5), (25, 7, 26), (50, 20, 50)]
        );
        assert_eq!(steps(&[10, 100], 2, 2), [(10, 1, 33), (100, 2, 50)]);
        // Where no more have a place, it is less.
        assert_eq!(steps(&[10, 50], 4, 1), [(50, 1, 20)]);
    }
}
