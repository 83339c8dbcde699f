//! Approvals: what an environment asks of a release before it lets it in, and what others said of one.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Pin, Release, Scope};
use crate::model::{
    HostName, Timestamp,
    app::{ServiceName, Spec},
    freeze::Freeze,
    hex,
    pipeline::GateStep,
};

/// What an environment asks of releases before it lets them in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Admission {
    /// When it lets none in.
    pub freezes: Vec<Freeze>,
    /// Suites that have to be good; the same for whatever brings a release there.
    pub gates: Vec<GateStep>,
    /// So many others have to approve.
    pub approvals: u32,
    /// For so long an approval holds after it was asked for.
    pub lasts: Duration,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            freezes: Vec::new(),
            gates: Vec::new(),
            approvals: 0,
            lasts: Duration::from_hours(72),
        }
    }
}

/// What somebody wants to deploy and others have to approve. It is bound to everything that decides about what would
/// run: another image under the same tag or a changed file is another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Tells it from others: 12 hexadecimal digits of [`digest`].
    pub digest: String,
    /// What is to be deployed.
    pub release: Release,
    /// Who asks, `user@machine`.
    pub by: String,
    /// So many others have to approve.
    pub needed: u32,
    /// When it was asked for, by the clock of the store.
    pub at: Timestamp,
    /// When it holds no longer.
    pub until: Timestamp,
    /// What was said of it, oldest first.
    pub verdicts: Vec<Verdict>,
}

/// What one person said of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Who, `user@machine`.
    pub by: String,
    /// It may be deployed.
    pub approves: bool,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// How a request stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// So many approvals are missing.
    Waiting(u32),
    /// It may be deployed.
    Approved,
    /// Somebody is against it, or it was withdrawn.
    Rejected(Verdict),
    /// It was asked for too long ago.
    Expired,
}

impl Standing {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting(_) => "waiting",
            Self::Approved => "approved",
            Self::Rejected(_) => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// The person in a signature `user@machine`: from another machine, or as another user there, it is the same one.
pub fn person(signature: &str) -> &str {
    let operator = signature.rsplit_once('@').map_or(signature, |(one, _)| one);
    operator.split_once(" (").map_or(operator, |(one, _)| one)
}

/// Everybody who has a part in what a signature says: the person, and who acts for them (`ann (via wharf)@ops-1`).
pub fn people(signature: &str) -> impl Iterator<Item = &str> {
    let operator = signature.rsplit_once('@').map_or(signature, |(one, _)| one);
    let via = operator
        .split_once(" (via ")
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    std::iter::once(person(signature)).chain(via)
}

impl Request {
    /// Of which app in which environment.
    pub fn scope(&self) -> &Scope {
        &self.release.scope
    }

    /// How it stands at a moment. An approval of who asks does not count, and one person counts once.
    pub fn standing(&self, now: Timestamp) -> Standing {
        if let Some(against) = self.verdicts.iter().find(|one| !one.approves) {
            return Standing::Rejected(against.clone());
        }
        if now >= self.until {
            return Standing::Expired;
        }
        let mut others: Vec<&str> = self.verdicts.iter().map(|one| person(&one.by)).collect();
        others.retain(|one| people(&self.by).all(|asks| asks != *one));
        others.sort_unstable();
        others.dedup();
        let given = u32::try_from(others.len()).unwrap_or(u32::MAX);
        match self.needed.saturating_sub(given) {
            0 => Standing::Approved,
            missing => Standing::Waiting(missing),
        }
    }
}

/// What tells apart what would run: app, environment, specification, images and the hosts it may use. Which of them
/// has which replica is not part of it.
pub fn digest(release: &Release, hosts: &[HostName]) -> String {
    let mut hosts = hosts.to_vec();
    hosts.sort();
    hosts.dedup();
    let scope = &release.scope;
    let pins: BTreeMap<&ServiceName, &str> = release
        .pins
        .iter()
        .map(|(name, pin)| (name, bound(pin)))
        .collect();
    let parts = (
        scope.app.as_str(),
        &*scope.environment,
        release.hash().to_string(),
        pins,
        hosts,
    );
    // Such a tuple is JSON always.
    let text = serde_json::to_vec(&parts).unwrap_or_default();
    hex(Sha256::digest(text).as_slice())[..12].to_owned()
}

/// What an image is bound to by whoever approves it: its digest where that is known.
fn bound(pin: &Pin) -> &str {
    let known = pin.digest.as_deref().or(pin.id.as_deref());
    known.unwrap_or_else(|| pin.image.as_str())
}

/// Whether two releases run the same on the same hosts, apart from how many replicas there are.
pub fn runs_the_same(one: &Release, other: &Release) -> bool {
    let bare = |spec: &Spec| {
        let mut spec = spec.clone();
        for service in spec.services.values_mut() {
            service.deploy.replicas = None;
        }
        spec
    };
    let same_pins = one.pins.len() == other.pins.len()
        && one.pins.iter().all(|(name, pin)| {
            other
                .pins
                .get(name)
                .is_some_and(|its| its.is(pin) || its == pin)
        });
    let hosts = other.hosts();
    same_pins
        && one.hosts().iter().all(|host| hosts.contains(host))
        && bare(&one.spec) == bare(&other.spec)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::{
        app::{AppName, ImageReference, Service},
        release::{ReleaseNumber, Target},
    };

    fn release(image: &str, digest: Option<&str>, replicas: u32) -> Release {
        let app = AppName::new("shop").unwrap();
        let web = ServiceName::new("web").unwrap();
        let mut spec = Spec::new(app.clone());
        let mut service = Service {
            image: Some(ImageReference::new(image).unwrap()),
            ..Service::default()
        };
        service.deploy.replicas = Some(replicas);
        spec.services.insert(web.clone(), service);
        let pin = Pin {
            image: ImageReference::new(image).unwrap(),
            digest: digest.map(str::to_owned),
            id: None,
        };
        Release {
            scope: Scope {
                app,
                environment: "prod".into(),
            },
            number: ReleaseNumber(3),
            spec,
            pins: [(web.clone(), pin)].into(),
            targets: vec![Target {
                service: web,
                replica: 1,
                host: HostName::new("ams-1"),
            }],
            stack: None,
            fronts: BTreeMap::new(),
            at: Timestamp::UNIX_EPOCH,
            by: "ann@ops".to_owned(),
            source: "shop.yaml".to_owned(),
            reason: None,
        }
    }

    fn request(needed: u32, verdicts: &[(&str, bool)]) -> Request {
        let release = release("shop:1", Some("sha256:aa"), 1);
        Request {
            digest: digest(&release, &[]),
            release,
            by: "ann@ops".to_owned(),
            needed,
            at: Timestamp::UNIX_EPOCH,
            until: Timestamp::from_second(100).unwrap(),
            verdicts: verdicts
                .iter()
                .map(|(by, approves)| Verdict {
                    by: (*by).to_owned(),
                    approves: *approves,
                    reason: None,
                    at: Timestamp::from_second(50).unwrap(),
                })
                .collect(),
        }
    }

    fn standing(needed: u32, verdicts: &[(&str, bool)], second: i64) -> Standing {
        request(needed, verdicts).standing(Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn others_approve_each_once_and_in_time() {
        assert_eq!(standing(2, &[], 60), Standing::Waiting(2));
        assert_eq!(
            standing(1, &[("ann@laptop", true)], 60),
            Standing::Waiting(1)
        );
        assert_eq!(
            standing(1, &[("ann (root)@ops", true)], 60),
            Standing::Waiting(1)
        );
        let twice = [("bob@ops", true), ("bob@laptop", true)];
        assert_eq!(standing(2, &twice, 60), Standing::Waiting(1));
        let both = [("bob@ops", true), ("eve@ops", true)];
        assert_eq!(standing(2, &both, 60), Standing::Approved);
        assert_eq!(standing(2, &both, 100), Standing::Expired);
        let against = [("bob@ops", true), ("eve@ops", false)];
        assert_eq!(standing(1, &against, 60).word(), "rejected");
    }

    #[test]
    fn another_image_or_another_file_is_another_release() {
        let one = release("shop:1", Some("sha256:aa"), 1);
        let hosts = [HostName::new("ams-1"), HostName::new("ams-2")];
        let of = |release: &Release| digest(release, &hosts);
        assert_eq!(
            of(&one),
            of(&Release {
                number: ReleaseNumber(9),
                ..one.clone()
            })
        );
        assert_ne!(of(&one), of(&release("shop:1", Some("sha256:bb"), 1)));
        assert_ne!(of(&one), of(&release("shop:1", Some("sha256:aa"), 2)));
        assert_ne!(of(&one), digest(&one, &hosts[..1]));
        assert_eq!(of(&one).len(), 12);
    }

    #[test]
    fn a_number_of_replicas_changes_nothing_of_what_runs() {
        let one = release("shop:1", Some("sha256:aa"), 1);
        assert!(runs_the_same(
            &release("shop:1", Some("sha256:aa"), 5),
            &one
        ));
        assert!(!runs_the_same(
            &release("shop:1", Some("sha256:bb"), 1),
            &one
        ));
        let mut wider = one.clone();
        wider.targets[0].host = HostName::new("ams-2");
        assert!(!runs_the_same(&wider, &one), "a host that did not have it");
    }
}
