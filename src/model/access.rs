//! Who may do what, and where: roles that people have in environments and groups of hosts.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{HostSpec, release::people};

/// Stands for everybody where people are named.
const EVERYBODY: &str = "*";

/// What somebody has to be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Act on what runs: start, stop, restart, clean up, drain.
    Operate,
    /// Bring something new: releases, images, runs of pipelines.
    Deploy,
    /// Say whether what others want to deploy may be deployed.
    Approve,
    /// Change who and what there is: hosts in wharf.toml, engines, locks of others.
    Administer,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operate => "act",
            Self::Deploy => "deploy",
            Self::Approve => "approve",
            Self::Administer => "administer",
        })
    }
}

/// What people are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks at everything, changes nothing.
    Viewer,
    /// Acts on what runs.
    Operator,
    /// Acts, and deploys.
    Deployer,
    /// Approves what others deploy, and does nothing else.
    Approver,
    /// May do everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Operator,
        Self::Deployer,
        Self::Approver,
        Self::Admin,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Deployer => "deployer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        }
    }

    fn includes(self, permission: Permission) -> bool {
        match self {
            Self::Viewer => false,
            Self::Operator => permission == Permission::Operate,
            Self::Deployer => matches!(permission, Permission::Operate | Permission::Deploy),
            Self::Approver => permission == Permission::Approve,
            Self::Admin => true,
        }
    }

    /// The first role that is enough.
    fn enough_for(permission: Permission) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|role| role.includes(permission))
            .unwrap_or(Self::Admin)
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Self::ALL.into_iter();
        all.clone().find(|role| role.word() == text).ok_or_else(|| {
            let words: Vec<&str> = all.map(Self::word).collect();
            format!("'{text}' is no role; there are {}", words.join(", "))
        })
    }
}

/// A role that some people have somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The accounts; `*` is everybody.
    pub people: Vec<Arc<str>>,
    /// What they are.
    pub role: Role,
    /// In which environments; in all when none is named.
    pub environments: Vec<Arc<str>>,
    /// On hosts of which groups; on all when none is named.
    pub groups: Vec<Arc<str>>,
}

impl Grant {
    fn is_for(&self, person: &str) -> bool {
        let mut people = self.people.iter();
        people.any(|one| **one == *person || **one == *EVERYBODY)
    }

    fn holds_at(&self, place: &Spot<'_>) -> bool {
        let names = |all: &[Arc<str>], one: &str| all.iter().any(|name| **name == *one);
        match place {
            Spot::Somewhere => true,
            Spot::Environment(name) => {
                self.groups.is_empty()
                    && (self.environments.is_empty() || names(&self.environments, name))
            }
            Spot::Host(host) => {
                let environment = host.environment.as_deref().unwrap_or_default();
                let is_there =
                    self.environments.is_empty() || names(&self.environments, environment);
                let is_among = self.groups.is_empty()
                    || host.groups.iter().any(|group| names(&self.groups, group));
                is_there && is_among
            }
        }
    }
}

/// Where something is done.
#[derive(Clone, Copy, Debug)]
pub enum Spot<'s> {
    /// Nowhere in particular: whoever may do it anywhere may.
    Somewhere,
    /// In an environment as a whole; a role that is for some of its hosts only does not reach.
    Environment(&'s str),
    /// On a host.
    Host(&'s HostSpec),
}

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Somewhere => Ok(()),
            Self::Environment("") => f.write_str(" outside of any environment"),
            Self::Environment(name) => write!(f, " in {name}"),
            Self::Host(host) => match &host.environment {
                Some(name) => write!(f, " on {} in {name}", host.name),
                None => write!(f, " on {}", host.name),
            },
        }
    }
}

/// Who may do what, and who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The roles that are given; everybody may do everything where none was ever written.
    pub grants: Option<Arc<[Grant]>>,
    /// Who acts, `ann@ops-1`, `ann (root)@ops-1`, `ann (via wharf)@ops-1`: what is done for somebody else has to be
    /// allowed to both.
    pub who: String,
    /// By what.
    pub by: Actor,
}

/// By what something is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Actor {
    /// By a person.
    #[default]
    Person,
    /// By a worker, which may change what only workers change.
    Worker,
    /// By somebody's console that carries out runs because no worker is there.
    Console,
}

impl Access {
    /// Why who acts may not do that there; none when they may.
    pub fn denies(&self, permission: Permission, spot: Spot<'_>) -> Option<String> {
        self.denies_to(&self.who, permission, spot)
    }

    /// Why somebody may not do that there; none when they may.
    pub fn denies_to(
        &self,
        signature: &str,
        permission: Permission,
        spot: Spot<'_>,
    ) -> Option<String> {
        let grants = self.grants.as_deref()?;
        let may = |person: &&str| {
            let mut own = grants.iter().filter(|grant| grant.is_for(person));
            own.any(|grant| grant.role.includes(permission) && grant.holds_at(&spot))
        };
        let person = people(signature).find(|person| !may(person))?;
        let roles = self.roles(person, spot);
        let roles = match &roles[..] {
            [] => "viewer".to_owned(),
            roles => roles
                .iter()
                .map(|role| role.word())
                .collect::<Vec<_>>()
                .join(" and "),
        };
        Some(format!(
            "{person} is {roles}{spot} and may not {permission}"
        ))
    }

    /// What helps against it.
    pub fn remedy(permission: Permission) -> String {
        format!(
            "whoever keeps wharf.toml gives the role {} in a [[grant]]",
            Role::enough_for(permission).word()
        )
    }

    /// What somebody is there, each once.
    pub fn roles(&self, person: &str, spot: Spot<'_>) -> Vec<Role> {
        let grants = self.grants.iter().flat_map(|all| all.iter());
        let mut roles: Vec<Role> = grants
            .filter(|grant| grant.is_for(person) && grant.holds_at(&spot))
            .map(|grant| grant.role)
            .collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::Endpoint;

    fn grant(people: &[&str], role: Role, environments: &[&str], groups: &[&str]) -> Grant {
        let all = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        Grant {
            people: all(people),
            role,
            environments: all(environments),
            groups: all(groups),
        }
    }

    fn host(environment: &str, group: &str) -> HostSpec {
        let mut spec = HostSpec::new("web-1", Endpoint::Unix("/run/docker.sock".into()), "test");
        spec.environment = Some(environment.into());
        spec.groups = vec![group.into()];
        spec
    }

    fn access(who: &str) -> Access {
        let grants = [
            grant(&["*"], Role::Viewer, &[], &[]),
            grant(&["ann"], Role::Deployer, &["qa"], &[]),
            grant(&["ann"], Role::Operator, &["prod"], &["edge"]),
            grant(&["bob"], Role::Approver, &["prod"], &[]),
            grant(&["root", "wharf"], Role::Admin, &[], &[]),
        ];
        Access {
            grants: Some(Arc::from(grants)),
            who: who.to_owned(),
            by: Actor::Person,
        }
    }

    #[test]
    fn without_grants_everybody_may_do_everything() {
        let open = Access::default();
        assert_eq!(open.denies(Permission::Administer, Spot::Somewhere), None);
    }

    #[test]
    fn roles_hold_where_they_are_given() {
        let may =
            |who: &str, permission, spot: Spot<'_>| access(who).denies(permission, spot).is_none();
        let (edge, core) = (host("prod", "edge"), host("prod", "core"));
        assert!(may("ann", Permission::Deploy, Spot::Environment("qa")));
        assert!(!may("ann", Permission::Deploy, Spot::Environment("prod")));
        assert!(may("ann", Permission::Deploy, Spot::Somewhere));
        assert!(may("ann", Permission::Operate, Spot::Host(&edge)));
        assert!(!may("ann", Permission::Operate, Spot::Host(&core)));
        // A role on some hosts is none in the environment.
        assert!(!may("ann", Permission::Operate, Spot::Environment("prod")));
        assert!(may("bob", Permission::Approve, Spot::Environment("prod")));
        assert!(!may("bob", Permission::Operate, Spot::Host(&edge)));
        assert!(!may("carol", Permission::Operate, Spot::Somewhere));
        assert!(may("root", Permission::Administer, Spot::Somewhere));
        // Being root does not make an operator of a viewer.
        assert!(!may("carol (root)", Permission::Operate, Spot::Somewhere));
    }

    #[test]
    fn what_is_done_for_somebody_has_to_be_allowed_to_both() {
        let qa = Spot::Environment("qa");
        assert_eq!(
            access("ann (via wharf)").denies(Permission::Deploy, qa),
            None
        );
        let why = access("ann (via carol)").denies(Permission::Deploy, qa);
        assert_eq!(why.unwrap(), "carol is viewer in qa and may not deploy");
        let why = access("carol (via wharf)").denies(Permission::Deploy, qa);
        assert_eq!(why.unwrap(), "carol is viewer in qa and may not deploy");
    }

    #[test]
    fn words_are_read_and_wrong_ones_told() {
        for role in Role::ALL {
            assert_eq!(role.word().parse::<Role>(), Ok(role));
        }
        let why = "boss".parse::<Role>().unwrap_err();
        assert!(
            why.contains("viewer, operator, deployer, approver, admin"),
            "{why}"
        );
    }
}
