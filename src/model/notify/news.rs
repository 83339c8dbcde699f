//! What is told of operations, runs, approvals and hosts.

use std::collections::BTreeMap;

use super::{Kind, Notice, Turn};
use crate::model::{
    HostName, HostSpec, Operation, Outcome, Timestamp,
    pipeline::{Run, Status, Verb},
    release::Request,
};

/// The hosts that the configuration names, for the environments that things are about.
#[derive(Clone, Copy, Debug)]
pub struct Places<'h>(pub &'h [HostSpec]);

impl Places<'_> {
    /// The hosts that a notice is about.
    pub fn of<'a>(&'a self, notice: &'a Notice) -> impl Iterator<Item = &'a HostSpec> {
        self.0
            .iter()
            .filter(|spec| notice.hosts.iter().any(|name| name == spec.name.as_str()))
    }

    /// Names the hosts, and their environments beside those that are named.
    fn put(self, notice: &mut Notice, hosts: impl IntoIterator<Item = String>) {
        for host in hosts {
            if !notice.hosts.contains(&host) {
                notice.hosts.push(host);
            }
        }
        let of: Vec<String> = self
            .of(notice)
            .filter_map(|spec| spec.environment.as_deref().map(str::to_owned))
            .collect();
        for environment in of {
            if !notice.environments.contains(&environment) {
                notice.environments.push(environment);
            }
        }
    }
}

/// What is told of an operation; nothing as long as it runs.
pub fn of_operation(operation: &Operation, places: Places<'_>) -> Option<Notice> {
    let turn = match &operation.outcome {
        Outcome::Running => return None,
        Outcome::Done { .. } => Turn::Success,
        Outcome::Failed { .. } | Outcome::Cancelled { .. } | Outcome::Interrupted => Turn::Failure,
    };
    let sentence = operation.sentence.as_str();
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let kind = if words.first() == Some(&"app") {
        Kind::Deploy
    } else {
        Kind::Operation
    };
    let key = format!("operation {} {}", operation.number, operation.at);
    let title = format!("{sentence}: {}", operation.outcome.word());
    let mut text = operation.outcome.detail().to_owned();
    if let Some(reason) = &operation.reason {
        text = format!("{text}\nreason: {reason}");
    }
    if !operation.targets.is_empty() {
        text = format!("{text}\ntargets: {}", operation.targets.join(", "));
    }
    let mut notice = Notice::new(kind, turn, operation.at, key, &title)
        .by(&operation.origin.signature())
        .saying(text.trim());
    notice.same = format!("operation {sentence} {}", turn.word());
    notice.environments = words
        .windows(2)
        .filter(|pair| pair[0] == "--env")
        .map(|pair| pair[1].to_owned())
        .collect();
    let hosts = operation.targets.iter();
    let hosts = hosts.filter_map(|target| target.rsplit_once('@'));
    places.put(&mut notice, hosts.map(|(_, host)| host.to_owned()));
    Some(notice)
}

/// What is told of a run: that it is over, or whom its steps ask.
pub fn of_run(run: &Run, places: Places<'_>) -> Vec<Notice> {
    let which = format!("run {} of {}", run.number, run.name());
    let tag = format!("{} {}", run.number.0, run.key);
    let mut all = Vec::new();
    if run.status.is_over() {
        let turn = if run.status.is_bad() {
            Turn::Failure
        } else {
            Turn::Success
        };
        let ended = run.ended.unwrap_or(run.created);
        let failed = run.steps.iter().filter(|step| step.status.is_bad());
        let failed: Vec<String> = failed
            .map(|step| format!("{}: {}: {}", step.name, step.status, step.detail))
            .collect();
        let text = format!("{}\n{}", run.detail, failed.join("\n"));
        let title = format!("{which}: {}", run.status);
        let notice = Notice::new(Kind::Run, turn, ended, format!("run {tag} {ended}"), &title);
        all.push(notice.by(&run.by).saying(text.trim()));
    }
    for step in run.asks() {
        let began = step.started.unwrap_or(run.created);
        let digest = step.digest.as_deref().unwrap_or_default();
        let key = format!("ask {tag} {} {digest} {began}", step.name);
        let title = format!("{which} asks for an approval: {}", step.name);
        let text = format!(
            "{}\nwharf pipeline approve {} {}",
            step.detail, run.number.0, step.name
        );
        let notice = Notice::new(Kind::Approval, Turn::Asked, began, key, &title);
        all.push(notice.by(&run.by).saying(text.trim()));
    }
    for notice in &mut all {
        notice.environments = environments(run);
        let hosts = run.host.iter().map(ToString::to_string);
        places.put(notice, hosts);
    }
    all
}

/// The environments that a run deploys to.
fn environments(run: &Run) -> Vec<String> {
    let steps = run.pipeline.steps.iter().zip(&run.steps);
    let mut all = Vec::new();
    for (step, done) in steps {
        if let Verb::Deploy(deploy) = &step.verb
            && done.status != Status::Skipped
            && let Some(environment) = &deploy.environment
            && !environment.contains('$')
            && !all.contains(environment)
        {
            all.push(environment.clone());
        }
    }
    all
}

/// What is told of somebody who wants to deploy and needs approvals.
pub fn of_request(request: &Request, places: Places<'_>) -> Notice {
    let scope = request.scope();
    let key = format!("approval {scope} {} {}", request.digest, request.at);
    let title = format!(
        "{} asks for an approval: {} of {scope}",
        request.by, request.release.number
    );
    let place = if scope.environment.is_empty() {
        String::new()
    } else {
        format!(" --env {}", scope.environment)
    };
    let text = format!(
        "{} needed, until {}\nwharf app approve {} {}{place}",
        request.needed, request.until, scope.app, request.digest
    );
    let mut notice = Notice::new(Kind::Approval, Turn::Asked, request.at, key, &title)
        .by(&request.by)
        .saying(&text);
    if !scope.environment.is_empty() {
        notice.environments.push(scope.environment.to_string());
    }
    let hosts = request.release.hosts().into_iter();
    places.put(&mut notice, hosts.map(ToString::to_string));
    notice
}

/// So many hosts of an environment are told one by one; more are one notice.
const ONE_BY_ONE: usize = 3;
/// So many hosts are named in a title.
const NAMED: usize = 5;

/// A host with what is told of it alone, and why it is lost.
type One<'h> = (&'h HostName, Notice, &'h str);

/// What is told of hosts that are lost together, each with why, or back together: of many in one environment once.
pub fn host_notices(
    hosts: &[(HostName, Option<String>)],
    at: Timestamp,
    places: Places<'_>,
) -> Vec<Notice> {
    let mut groups: BTreeMap<(bool, Vec<String>), Vec<One<'_>>> = BTreeMap::new();
    for (host, why) in hosts {
        let notice = host_notice(host, why.as_deref(), at, places);
        let group = (why.is_some(), notice.environments.clone());
        let one = (host, notice, why.as_deref().unwrap_or_default());
        groups.entry(group).or_default().push(one);
    }
    let mut all = Vec::new();
    for ((is_lost, environments), group) in groups {
        if group.len() <= ONE_BY_ONE {
            all.extend(group.into_iter().map(|(_, notice, _)| notice));
            continue;
        }
        let (turn, word) = if is_lost {
            (Turn::Failure, "lost")
        } else {
            (Turn::Success, "back")
        };
        let names: Vec<&str> = group.iter().map(|(host, ..)| host.as_str()).collect();
        let of = match &environments[..] {
            [] => String::new(),
            some => format!(" of {}", some.join(", ")),
        };
        let more = if names.len() > NAMED { " …" } else { "" };
        let title = format!(
            "{} hosts{of} are {word}: {}{more}",
            names.len(),
            names[..names.len().min(NAMED)].join(", ")
        );
        let lines = group.iter().map(|(host, _, why)| match *why {
            "" => host.to_string(),
            why => format!("{host}: {why}"),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let key = format!("hosts {} {word} {at}", environments.join(" "));
        let mut notice = Notice::new(Kind::Host, turn, at, key, &title).saying(&text);
        notice.same = format!("hosts {}", environments.join(" "));
        places.put(&mut notice, names.iter().map(ToString::to_string));
        all.push(notice);
    }
    all
}

/// What is told of a host that is lost, and why, or that is back.
pub fn host_notice(
    host: &HostName,
    why: Option<&str>,
    at: Timestamp,
    places: Places<'_>,
) -> Notice {
    let (turn, word) = match why {
        Some(_) => (Turn::Failure, "lost"),
        None => (Turn::Success, "back"),
    };
    let key = format!("host {host} {word} {at}");
    let title = format!("host {host} is {word}");
    let mut notice = Notice::new(Kind::Host, turn, at, key, &title).saying(why.unwrap_or_default());
    // One that flaps is told once, with a count.
    notice.same = format!("host {host}");
    places.put(&mut notice, [host.to_string()]);
    notice
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::Endpoint;

    #[test]
    fn a_hundred_hosts_lost_at_once_are_one_notice_for_each_environment() {
        let spec = |name: &str, environment: &str| {
            let mut spec = HostSpec::new(name, Endpoint::Unix("/run/d.sock".into()), "test");
            spec.environment = Some(environment.into());
            spec
        };
        let mut specs: Vec<HostSpec> = (0..100)
            .map(|n| spec(&format!("web-{n}"), "prod"))
            .collect();
        specs.extend([spec("qa-1", "qa"), spec("qa-2", "qa")]);
        let lost: Vec<(HostName, Option<String>)> = specs
            .iter()
            .map(|spec| (spec.name.clone(), Some("no route".to_owned())))
            .collect();
        let at = Timestamp::UNIX_EPOCH;
        let all = host_notices(&lost, at, Places(&specs));
        let titles: Vec<&str> = all.iter().map(|one| &*one.title).collect();
        assert_eq!(
            titles,
            [
                "100 hosts of prod are lost: web-0, web-1, web-2, web-3, web-4 …",
                "host qa-1 is lost",
                "host qa-2 is lost"
            ]
        );
        assert_eq!(all[0].hosts.len(), 100);
        assert_eq!(all[0].environments, ["prod"]);
        assert!(all[0].text.starts_with("web-0: no route\nweb-1: no route"));
        let back: Vec<_> = lost
            .iter()
            .take(4)
            .map(|(name, _)| (name.clone(), None))
            .collect();
        let all = host_notices(&back, at, Places(&specs));
        assert_eq!(all.len(), 1);
        let first = all.first().unwrap();
        assert_eq!(
            first.title,
            "4 hosts of prod are back: web-0, web-1, web-2, web-3"
        );
        assert_eq!(first.turn, Turn::Success);
    }
}
