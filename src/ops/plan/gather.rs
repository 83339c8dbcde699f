//! Which of the named targets take part, and why the others do not.

use super::{Confirm, LeftOut, Refusal, RefusalKind, resource::Chosen};
use crate::{
    model::{Access, Container, Fleet, Host, Outcome, Resource, Spot},
    ops::{
        sentence::{Accepts, Danger, Sentence},
        target::{Target, container_text, resource_text},
    },
};

/// An operation that began longer ago than this and has not ended no longer keeps others off its
/// targets: its program is most likely gone.
const BUSY_SECONDS: i64 = 15 * 60;

/// What takes part and what does not.
pub(super) struct Gathered<T> {
    pub chosen: Vec<T>,
    pub left_out: Vec<LeftOut>,
}

impl<T> Gathered<T> {
    fn new() -> Self {
        Self {
            chosen: Vec::new(),
            left_out: Vec::new(),
        }
    }

    fn take(&mut self, target: impl FnOnce() -> String, one: T, refusal: Option<Refusal>) {
        match refusal {
            None => self.chosen.push(one),
            Some(refusal) => self.left_out.push(LeftOut {
                target: target(),
                refusal,
            }),
        }
    }

    /// Leaves one out.
    pub fn leave_out(&mut self, target: String, refusal: Refusal) {
        self.left_out.push(LeftOut { target, refusal });
    }

    /// Refuses the whole when nothing is left.
    pub fn or_refuse(self) -> Result<Self, Refusal> {
        if !self.chosen.is_empty() {
            return Ok(self);
        }
        let count = self.left_out.len();
        let Some(first) = self.left_out.into_iter().next() else {
            return Err(Refusal::new(
                RefusalKind::Nothing,
                "nothing is left to do",
                "",
            ));
        };
        Err(if count == 1 {
            first.refusal
        } else {
            Refusal {
                why: format!(
                    "none of the {count} targets can take part: {}",
                    first.refusal.why
                ),
                ..first.refusal
            }
        })
    }

    /// Whether something could not take part though it should: it is not merely already as wanted.
    fn misses_some(&self) -> bool {
        self.left_out
            .iter()
            .any(|one| one.refusal.kind != RefusalKind::State)
    }

    /// What has to be asked for doing it on those hosts.
    pub fn confirm<'h>(
        &self,
        danger: Danger,
        fleet: &Fleet,
        hosts: impl Iterator<Item = &'h Host>,
    ) -> Confirm {
        let mut guarded: Vec<String> = Vec::new();
        for host in hosts {
            let environment = fleet.environment(host.environment());
            if environment.guarded && !guarded.iter().any(|one| **one == *environment.name) {
                guarded.push(environment.name.to_string());
            }
        }
        Confirm::for_act(danger, self.chosen.len(), &guarded, self.misses_some())
    }
}

/// The containers that take part in an act.
pub(super) fn containers<'f>(
    sentence: &Sentence,
    fleet: &'f Fleet,
    selection: &[Target],
) -> Result<Gathered<(&'f Host, &'f Container)>, Refusal> {
    let mut gathered = Gathered::new();
    for target in sentence.targets(fleet, selection)? {
        let Target::Container(host_name, id) = &target else {
            continue;
        };
        let found = fleet
            .host(host_name)
            .and_then(|host| host.containers.get(id).map(|container| (host, container)));
        let Some((host, container)) = found else {
            gathered.left_out.push(LeftOut {
                target: target.text(fleet),
                refusal: Refusal::new(
                    RefusalKind::Unknown,
                    format!("{} is gone", target.text(fleet)),
                    "",
                ),
            });
            continue;
        };
        let text = container_text(host, container);
        let refusal = forbidden(sentence, fleet, host)
            .or_else(|| offline(host))
            .or_else(|| unfit(sentence, container, &text))
            .or_else(|| busy(sentence, fleet, &text));
        gathered.take(|| text, (host, container), refusal);
    }
    gathered.or_refuse()
}

/// The hosts that take part in an act on them as a whole.
pub(super) fn hosts<'f>(
    sentence: &Sentence,
    fleet: &'f Fleet,
    selection: &[Target],
) -> Result<Gathered<&'f Host>, Refusal> {
    those_hosts(sentence, fleet, selection, offline)
}

/// The hosts that take part in an act on them as a whole, but for those that are unfit for it.
pub(super) fn those_hosts<'f>(
    sentence: &Sentence,
    fleet: &'f Fleet,
    selection: &[Target],
    unfit: impl Fn(&Host) -> Option<Refusal>,
) -> Result<Gathered<&'f Host>, Refusal> {
    let mut gathered = Gathered::new();
    for target in sentence.targets(fleet, selection)? {
        let Some(host) = target.host().and_then(|name| fleet.host(name)) else {
            gathered.left_out.push(LeftOut {
                target: target.text(fleet),
                refusal: Refusal::new(
                    RefusalKind::Unknown,
                    format!("{} is no longer in the configuration", target.text(fleet)),
                    "",
                ),
            });
            continue;
        };
        let text = format!("@{}", host.name());
        let refusal = forbidden(sentence, fleet, host)
            .or_else(|| unfit(host))
            .or_else(|| busy(sentence, fleet, &text));
        gathered.take(|| text, host, refusal);
    }
    gathered.or_refuse()
}

/// The images, networks or volumes that take part in an act, but for those that are unfit for it.
pub(super) fn resources<'f>(
    sentence: &Sentence,
    fleet: &'f Fleet,
    selection: &[Target],
    kind: Resource,
    unfit: impl Fn(&Host, &str) -> Option<Refusal>,
) -> Result<Gathered<Chosen<'f>>, Refusal> {
    let mut gathered = Gathered::new();
    for target in sentence.targets(fleet, selection)? {
        let Target::Resource(_, host, id) = &target else {
            continue;
        };
        let Some(host) = fleet.host(host) else {
            continue;
        };
        let text = resource_text(host, kind, id);
        let refusal = forbidden(sentence, fleet, host)
            .or_else(|| offline(host))
            .or_else(|| unfit(host, id))
            .or_else(|| busy(sentence, fleet, &text));
        gathered.take(|| text, (host, id.clone()), refusal);
    }
    gathered.or_refuse()
}

/// Why that host must not be changed.
pub(super) fn forbidden(sentence: &Sentence, fleet: &Fleet, host: &Host) -> Option<Refusal> {
    if sentence.danger() == Danger::Reads {
        return None;
    }
    if fleet.read_only {
        return Some(Refusal::read_only());
    }
    let closed = fleet.forbids_change(host).map(|why| {
        Refusal::new(
            RefusalKind::ReadOnly,
            why,
            "change `read_only` in wharf.toml if that is wrong",
        )
    });
    closed.or_else(|| unpermitted(sentence, fleet, Spot::Host(&host.spec)))
}

/// Why whoever says it may not say it there.
pub(in crate::ops) fn unpermitted(
    sentence: &Sentence,
    fleet: &Fleet,
    spot: Spot<'_>,
) -> Option<Refusal> {
    let permission = sentence.permission()?;
    let why = fleet.access.denies(permission, spot)?;
    Some(Refusal::new(
        RefusalKind::Forbidden,
        why,
        Access::remedy(permission),
    ))
}

/// Why that host cannot be reached.
pub(super) fn offline(host: &Host) -> Option<Refusal> {
    if host.link.is_online() {
        return None;
    }
    let name = host.name();
    Some(match host.link.trouble() {
        Some(trouble) => Refusal::new(
            RefusalKind::Offline,
            format!("{name} is {}: {}", host.link.word(), trouble.reason),
            trouble.remedy.clone(),
        ),
        None => Refusal::new(
            RefusalKind::Offline,
            format!("{name} is not online: {}", host.link.word()),
            "wait until it is",
        ),
    })
}

/// Why the container is not in a state for it.
fn unfit(sentence: &Sentence, container: &Container, text: &str) -> Option<Refusal> {
    let Accepts::Containers { unfit, .. } = sentence.accepts() else {
        return None;
    };
    unfit(container).map(|why| {
        let (why, remedy) = why.split_once("; ").unwrap_or((why, ""));
        Refusal::new(RefusalKind::State, format!("{text} {why}"), remedy)
    })
}

/// The operation that runs on that target now. A session in a container, or a look at it, keeps
/// nobody off.
fn busy(sentence: &Sentence, fleet: &Fleet, text: &str) -> Option<Refusal> {
    if sentence.danger() == Danger::Reads {
        return None;
    }
    fleet
        .operations()
        .filter(|operation| operation.outcome == Outcome::Running)
        .filter(|operation| fleet.now.as_second() - operation.at.as_second() < BUSY_SECONDS)
        .filter(|operation| {
            !["container exec", "container show", "logs"]
                .iter()
                .any(|words| operation.sentence.starts_with(words))
        })
        .find(|operation| operation.targets.iter().any(|target| target == text))
        .map(|operation| {
            Refusal::new(
                RefusalKind::Busy,
                format!(
                    "operation {} of {} runs on {text}: {}",
                    operation.number_text(),
                    operation.origin.operator,
                    operation.sentence
                ),
                "wait until it has ended",
            )
        })
}
