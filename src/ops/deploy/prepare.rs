//! Reads what a deploy is planned from: files, releases, hosts, registries; then plans it.

use std::{collections::BTreeMap, path::Path, time::Duration};

use super::{
    Draft, Task,
    draft::current,
    fronts::plainly,
    gray::tried,
    hold::busy,
    permit::{Judging, judge},
    plan::{again, plan},
    read::Read,
    wishes::{unlock, wish},
};
use crate::{
    model::{
        Fleet, HostName, Rules, Spot, Timestamp,
        app::{CatalogSource, FileFrom, SecretName},
        nearest,
        pipeline::SuiteResult,
        release::{
            self, Direction, Found, Gray, Held, OnFailure, Phase, Policy, Release, Rollout, Scope,
            SecretOf, Target, Trust, Wish,
        },
    },
    ops::{
        Crew, discovery, maintenance, pipeline,
        plan::{Confirm, Plan, Refusal, RefusalKind, unpermitted, unplanned},
        sentence::{
            AppCommand, AppPlace, DeployArgs, HowArgs, JudgeArgs, RollbackArgs, ScaleArgs, Sentence,
        },
        target::HostPattern,
    },
    store::Store,
};

/// So many releases are looked at.
const RELEASES: u32 = 200;

/// Where everything is that is read for a deploy.
pub struct Desk<'d> {
    /// The hosts and registries.
    pub crew: &'d Crew,
    /// The releases.
    pub store: &'d Store,
    /// The fleet as it is known, with the images of its hosts.
    pub fleet: &'d Fleet,
    /// The catalogs of templates.
    pub catalogs: &'d [CatalogSource],
    /// The directory of the pipelines.
    pub pipelines: &'d Path,
    /// Who signs bundles, and whose are trusted.
    pub trust: &'d Trust,
    /// Who does it, `user@machine`.
    pub by: &'d str,
}

/// Reads what a sentence about a deploy needs, and plans it; refuses what whoever says it may not do there.
pub async fn prepare(desk: &Desk<'_>, sentence: &Sentence) -> Result<Plan, Refusal> {
    if let Some(refusal) = unpermitted(sentence, desk.fleet, Spot::Somewhere) {
        return Err(refusal);
    }
    let planned = match (prepared(desk, sentence).await, sentence) {
        (Ok(plan), _) => plan,
        (Err(refusal), Sentence::App(command)) => {
            let environment = command.place().and_then(|place| place.environment);
            let environment = environment.unwrap_or_default();
            unplanned(sentence, &environment, desk.fleet, refusal)?
        }
        (Err(refusal), _) => return Err(refusal),
    };
    let plan = sentence.permitted(planned, desk.fleet)?;
    // What has steps was judged by its hosts.
    let refusal = match plan.deploy.as_deref() {
        Some(Task::Ask(request)) => {
            let hosts = request.release.hosts().into_iter();
            let mut hosts = hosts.filter_map(|name| desk.fleet.host(name));
            hosts.find_map(|host| unpermitted(sentence, desk.fleet, Spot::Host(&host.spec)))
        }
        Some(Task::Wish(scope, _) | Task::Unlock(scope) | Task::Judge { scope, .. }) => {
            unpermitted(sentence, desk.fleet, Spot::Environment(&scope.environment))
        }
        Some(Task::Run(_) | Task::Upkeep(_) | Task::Pipeline(_)) | None => None,
    };
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(plan),
    }
}

async fn prepared(desk: &Desk<'_>, sentence: &Sentence) -> Result<Plan, Refusal> {
    if let Sentence::Host(command) = sentence {
        return maintenance::prepare(desk, sentence, command).await;
    }
    if let Sentence::Discovery(command) = sentence {
        return discovery::prepare(desk, sentence, command).await;
    }
    if let Sentence::Pipeline(command) = sentence {
        return pipeline::prepare(desk, sentence, command).await;
    }
    let Sentence::App(command) = sentence else {
        return Err(refusal("this is no deploy", ""));
    };
    if let AppCommand::Install(args) = command {
        let draft = desk.install(args).await?;
        return plan(sentence, &draft, desk.fleet);
    }
    let Some(place) = command.place() else {
        return Err(refusal("this is no deploy", ""));
    };
    match command {
        AppCommand::Deploy(args) => {
            let draft = desk.deploy(args, &place).await?;
            plan(sentence, &draft, desk.fleet)
        }
        AppCommand::Rollback(args) => {
            let draft = desk.rollback(args, &place).await?;
            plan(sentence, &draft, desk.fleet)
        }
        AppCommand::Bundle(args) => desk.bundle(sentence, args).await,
        AppCommand::Scale(args) => {
            let draft = desk.scale(args).await?;
            plan(sentence, &draft, desk.fleet)
        }
        AppCommand::Continue(_) => {
            let (held, rollout) = desk.open(&place).await?;
            if held.is_live() {
                return Err(Refusal::new(RefusalKind::Busy, busy(&held), ""));
            }
            let plan = again(sentence, rollout, &held, Direction::Forth);
            Ok(desk.guarded(plan, &held.scope))
        }
        AppCommand::Abort(_) => {
            let (held, rollout) = desk.open(&place).await?;
            if held.is_live() {
                return Ok(wish(sentence, &held, Wish::Abort));
            }
            Ok(again(sentence, rollout, &held, Direction::Back))
        }
        AppCommand::Promote(_) => {
            let (held, rollout) = desk.open(&place).await?;
            let tries = tried(&rollout).is_some() || !rollout.trials.is_empty();
            if !tries || held.phase == Phase::RollingBack {
                let why = format!("{} of {} is no gray release", held.number, held.scope);
                return Err(refusal(why, "`app continue` goes on with it"));
            }
            if held.is_live() {
                return Ok(desk.guarded(wish(sentence, &held, Wish::Promote), &held.scope));
            }
            let plan = again(sentence, rollout, &held, Direction::Promote);
            Ok(desk.guarded(plan, &held.scope))
        }
        AppCommand::Pause(_) => {
            let (held, _) = desk.open(&place).await?;
            if !held.is_live() {
                return Err(Refusal::new(RefusalKind::State, busy(&held), ""));
            }
            Ok(wish(sentence, &held, Wish::Pause))
        }
        AppCommand::Unlock(_) => {
            let (held, _) = desk.open(&place).await?;
            Ok(unlock(sentence, &held))
        }
        AppCommand::Approve(args) => desk.judge(sentence, args, true).await,
        AppCommand::Reject(args) => desk.judge(sentence, args, false).await,
        AppCommand::List(_)
        | AppCommand::Install(_)
        | AppCommand::Show { .. }
        | AppCommand::Releases(_)
        | AppCommand::Autoscale
        | AppCommand::Approvals { .. }
        | AppCommand::Deploys { .. } => Err(refusal("this is no deploy", "")),
    }
}

pub(super) fn refusal(why: impl Into<String>, remedy: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::State, why, remedy)
}

impl Desk<'_> {
    /// A plan that brings something new to an environment, which may want to be asked by its name. The way back is
    /// never made longer.
    fn guarded(&self, plan: Plan, scope: &Scope) -> Plan {
        let environment = self.fleet.environment(&scope.environment);
        let confirm = if environment.guarded {
            Confirm::Phrase(environment.name.to_string())
        } else {
            plan.confirm
        };
        Plan { confirm, ..plan }
    }

    /// The open deploy of an app.
    async fn open(&self, place: &AppPlace) -> Result<(Held, Rollout), Refusal> {
        let scope = self.scope(place, &[]).await?;
        let environment = self.fleet.environment(&scope.environment);
        if environment.read_only {
            let why = format!(
                "environment {} is read-only by configuration",
                environment.name
            );
            return Err(Refusal::new(RefusalKind::ReadOnly, why, ""));
        }
        let open = self.store.open_deploy(&scope).await;
        match open.map_err(|error| refusal(error.to_string(), ""))? {
            Some(found) => Ok(found),
            None => Err(refusal(
                format!("no deploy of {scope} is open"),
                "`app deploys` lists those that are",
            )),
        }
    }

    pub(super) async fn scope(
        &self,
        place: &AppPlace,
        hosts: &[HostName],
    ) -> Result<Scope, Refusal> {
        scope(self.store, self.fleet, place, hosts).await
    }

    pub(super) async fn releases(&self, scope: &Scope) -> Result<Vec<(Release, Held)>, Refusal> {
        let read = self.store.releases(scope, RELEASES).await;
        read.map_err(|error| {
            refusal(
                error.to_string(),
                "a deploy needs the store; see `config show`",
            )
        })
    }

    /// What was asked for of an app, where its environment asks for approvals.
    pub(super) async fn requests(&self, scope: &Scope) -> Result<Vec<release::Request>, Refusal> {
        let admission = self.fleet.environment(&scope.environment).admission;
        if admission.approvals == 0 {
            return Ok(Vec::new());
        }
        let read = self.store.requests(Some(scope), RELEASES).await;
        read.map_err(|error| refusal(error.to_string(), ""))
    }

    /// What the suites said last that an app's environment asks for.
    async fn suites(&self, scope: &Scope) -> Result<Vec<Vec<SuiteResult>>, Refusal> {
        let mut suites = Vec::new();
        for gate in self.fleet.environment(&scope.environment).admission.gates {
            let environment = gate.environment.unwrap_or_default();
            let read = self
                .store
                .suite_results(&gate.suite, &environment, gate.consecutive)
                .await;
            suites.push(read.map_err(|error| refusal(error.to_string(), ""))?);
        }
        Ok(suites)
    }

    /// Somebody says of what others want to deploy whether that may be.
    async fn judge(
        &self,
        sentence: &Sentence,
        args: &JudgeArgs,
        approves: bool,
    ) -> Result<Plan, Refusal> {
        let read = self.store.requests(None, RELEASES).await;
        let mut requests = read.map_err(|error| refusal(error.to_string(), ""))?;
        let place = &args.place;
        requests.retain(|one| {
            let scope = one.scope();
            let is_there = |name: &String| **name == *scope.environment;
            scope.app == place.name && place.environment.as_ref().is_none_or(is_there)
        });
        let releases = match requests.first() {
            Some(first) => self.releases(first.scope()).await?,
            None => Vec::new(),
        };
        let judging = Judging {
            args,
            approves,
            requests: &requests,
            current: current(&releases),
            by: self.by,
            at: Timestamp::now(),
        };
        judge(sentence, &judging)
    }

    /// The plan by which the replicas of a release are elsewhere; one host may come back from maintenance for it. With it
    /// what was found of the app.
    pub(in crate::ops) async fn elsewhere(
        &self,
        sentence: &Sentence,
        now: &Release,
        to: (Vec<Target>, String),
        back: Option<&HostName>,
    ) -> Result<(Plan, BTreeMap<HostName, Vec<Found>>), Refusal> {
        let (targets, source) = to;
        let scope = now.scope.clone();
        let read = Read {
            spec: now.spec.clone(),
            source,
            told: Vec::new(),
            generate: Vec::new(),
        };
        let releases = self.releases(&scope).await?;
        let mut hosts: Vec<HostName> = targets.iter().map(|one| one.host.clone()).collect();
        hosts.sort();
        hosts.dedup();
        let draft = Draft {
            targets: Some(targets),
            keeps: Some(now.clone()),
            // The same containers ran well elsewhere.
            policy: Policy {
                bake: Duration::ZERO,
                ..self.policy(&scope, &HowArgs::default())
            },
            requests: self.requests(&scope).await?,
            suites: self.suites(&scope).await?,
            ..self.draft(scope, read, hosts, releases)
        };
        let mut draft = self.looked(draft, false).await;
        draft.resting.retain(|one| Some(&one.host) != back);
        let plan = plan(sentence, &draft, self.fleet)?;
        let found = draft.found.into_iter();
        let found = found.filter_map(|(host, found)| Some((host, found.ok()?)));
        Ok((plan, found.collect()))
    }

    /// The newest release that is everywhere.
    fn current<'r>(scope: &Scope, releases: &'r [(Release, Held)]) -> Result<&'r Release, Refusal> {
        current(releases).ok_or_else(|| {
            let why = format!("{scope} has no release that succeeded");
            Refusal::new(RefusalKind::Unknown, why, "`app deploy` makes one")
        })
    }

    /// Which app in which environment is meant, and the hosts that are said.
    pub(super) async fn placed(
        &self,
        place: &AppPlace,
        patterns: &[HostPattern],
    ) -> Result<(Scope, Vec<HostName>), Refusal> {
        let mut hosts = Vec::new();
        for pattern in patterns {
            let found = pattern.resolve(self.fleet)?;
            hosts.extend(found.into_iter().map(|host| host.name().clone()));
        }
        hosts.sort();
        hosts.dedup();
        Ok((self.scope(place, &hosts).await?, hosts))
    }

    /// The hosts that are said, else those of the newest release.
    pub(super) fn hosts_or_before(
        hosts: Vec<HostName>,
        scope: &Scope,
        releases: &[(Release, Held)],
    ) -> Result<Vec<HostName>, Refusal> {
        if !hosts.is_empty() {
            return Ok(hosts);
        }
        let Some(before) = current(releases) else {
            return Err(Refusal::new(
                RefusalKind::Nothing,
                format!("it is not said where {scope} is to be"),
                "say --hosts, such as --hosts 'web-*' or --hosts env:dev",
            ));
        };
        Ok(before.hosts().into_iter().cloned().collect())
    }

    async fn deploy(&self, args: &DeployArgs, place: &AppPlace) -> Result<Draft, Refusal> {
        let (scope, hosts) = self.placed(place, &args.hosts).await?;
        let releases = self.releases(&scope).await?;
        let before = current(&releases);
        let mut read = self.read(args, &scope, before).await?;
        for one in &args.images {
            let Some(service) = read.spec.services.get_mut(&one.service) else {
                let names = read
                    .spec
                    .services
                    .keys()
                    .map(crate::model::app::ServiceName::as_str);
                let near = nearest(one.service.as_str(), names)
                    .map(|near| format!("did you mean {near}?"));
                let why = format!("the app has no service {}", one.service);
                return Err(Refusal::new(
                    RefusalKind::Unknown,
                    why,
                    near.unwrap_or_default(),
                ));
            };
            service.image = Some(one.image.clone());
        }
        let hosts = Self::hosts_or_before(hosts, &scope, &releases)?;
        let asked = if args.swarm {
            Some("--swarm is said")
        } else if read.spec.swarm {
            Some("its file says engine: swarm")
        } else {
            None
        };
        let (hosts, stack) = self.stacking(&scope, hosts, before, asked).await?;
        read.spec.swarm = stack.is_some();
        let draft = Draft {
            stack,
            keeps: (args.template.is_none() && args.files.is_empty())
                .then(|| before.cloned())
                .flatten(),
            policy: self.limited(&scope, &args.how),
            adopt: args.adopt,
            reason: args.why.reason.clone(),
            requests: self.requests(&scope).await?,
            suites: self.suites(&scope).await?,
            emergency: args.how.emergency.clone(),
            ..self.draft(scope, read, hosts, releases)
        };
        Ok(self.looked(draft, args.pull).await)
    }

    async fn rollback(&self, args: &RollbackArgs, place: &AppPlace) -> Result<Draft, Refusal> {
        let scope = self.scope(place, &[]).await?;
        let releases = self.releases(&scope).await?;
        let now = Self::current(&scope, &releases)?.number;
        let good = |(release, held): &&(Release, Held)| match args.to {
            Some(to) => release.number == to,
            None => held.phase == Phase::Succeeded && release.number < now,
        };
        let Some((to, _)) = releases.iter().find(good) else {
            let why = match args.to {
                Some(to) => format!("{scope} has no release {to}"),
                None => format!("{scope} has no release before {now}"),
            };
            return Err(Refusal::new(
                RefusalKind::Unknown,
                why,
                "`app releases` lists them",
            ));
        };
        let to = to.clone();
        let read = Read {
            spec: to.spec.clone(),
            source: format!("{} again", to.number),
            told: Vec::new(),
            generate: Vec::new(),
        };
        let hosts = to.hosts().into_iter().cloned().collect();
        let before = current(&releases);
        let asked = to.stack.is_some().then_some("the release was there");
        let (hosts, stack) = self.stacking(&scope, hosts, before, asked).await?;
        let draft = Draft {
            stack,
            keeps: Some(to),
            policy: self.policy(&scope, &args.how),
            reason: args.why.reason.clone(),
            requests: self.requests(&scope).await?,
            suites: self.suites(&scope).await?,
            emergency: args.how.emergency.clone(),
            ..self.draft(scope, read, hosts, releases)
        };
        Ok(self.looked(draft, false).await)
    }

    async fn scale(&self, args: &ScaleArgs) -> Result<Draft, Refusal> {
        let scope = self.scope(&args.place, &[]).await?;
        let releases = self.releases(&scope).await?;
        let now = Self::current(&scope, &releases)?.clone();
        let mut spec = now.spec.clone();
        for one in &args.counts {
            let Some(service) = spec.services.get_mut(&one.service) else {
                let why = format!("{scope} has no service {}", one.service);
                return Err(Refusal::new(RefusalKind::Unknown, why, ""));
            };
            service.deploy.replicas = Some(one.count);
        }
        let counts: Vec<String> = args.counts.iter().map(ToString::to_string).collect();
        let read = Read {
            spec,
            source: format!("{} with {}", now.number, counts.join(", ")),
            told: Vec::new(),
            generate: Vec::new(),
        };
        let mut hosts = Vec::new();
        for pattern in &args.hosts {
            let found = pattern.resolve(self.fleet)?;
            hosts.extend(found.into_iter().map(|host| host.name().clone()));
        }
        if hosts.is_empty() {
            hosts = now.hosts().into_iter().cloned().collect();
        }
        hosts.sort();
        hosts.dedup();
        let (hosts, stack) = self.stacking(&scope, hosts, Some(&now), None).await?;
        let draft = Draft {
            stack,
            keeps: Some(now),
            policy: self.policy(&scope, &args.how),
            reason: args.why.reason.clone(),
            requests: self.requests(&scope).await?,
            suites: self.suites(&scope).await?,
            emergency: args.how.emergency.clone(),
            ..self.draft(scope, read, hosts, releases)
        };
        Ok(self.looked(draft, false).await)
    }

    pub(super) fn draft(
        &self,
        scope: Scope,
        mut read: Read,
        hosts: Vec<HostName>,
        releases: Vec<(Release, Held)>,
    ) -> Draft {
        let plain = if read.spec.swarm {
            Vec::new()
        } else {
            plainly(self.fleet, &scope, &mut read.spec)
        };
        let mut unknown = Vec::new();
        let made = |name: &SecretName| read.generate.iter().any(|(one, _)| one == name);
        for name in read.spec.secrets_needed() {
            if let Err(why) = self.crew.secrets.value(&SecretOf::App(&scope, &name))
                && !made(&name)
            {
                unknown.push(why);
            }
        }
        for (name, file) in &read.spec.secrets {
            let known = match &file.from {
                FileFrom::Text(_) => Ok(()),
                FileFrom::File(path) => self.crew.secrets.value(&SecretOf::File(path)).map(drop),
                FileFrom::Variable(name) => {
                    self.crew.secrets.value(&SecretOf::Variable(name)).map(drop)
                }
                // The Swarm keeps it itself.
                FileFrom::External if read.spec.swarm => Ok(()),
                FileFrom::External => {
                    let name = file.name.as_deref().unwrap_or(name);
                    match SecretName::new(name) {
                        Some(name) => self
                            .crew
                            .secrets
                            .value(&SecretOf::App(&scope, &name))
                            .map(drop),
                        None => Err(format!("'{name}' cannot be the name of a secret")),
                    }
                }
            };
            unknown.extend(known.err());
        }
        unknown.sort();
        unknown.dedup();
        Draft {
            scope,
            spec: read.spec,
            source: read.source,
            keeps: None,
            told: read.told,
            generate: read.generate,
            unknown,
            hosts,
            targets: None,
            stack: None,
            releases,
            digests: BTreeMap::new(),
            found: BTreeMap::new(),
            plain,
            bundle: None,
            fronts: BTreeMap::new(),
            images: BTreeMap::new(),
            policy: Policy::default(),
            adopt: false,
            at: Timestamp::now(),
            by: self.by.to_owned(),
            reason: None,
            requests: Vec::new(),
            suites: Vec::new(),
            resting: Vec::new(),
            emergency: None,
        }
    }

    /// The same for what is new there: beside so many others as the environment takes, unless it is an emergency. What goes
    /// back waits for nobody.
    pub(super) fn limited(&self, scope: &Scope, how: &HowArgs) -> Policy {
        let most = self.fleet.environment(&scope.environment).deploys;
        Policy {
            at_once: most.filter(|_| how.emergency.is_none()),
            ..self.policy(scope, how)
        }
    }

    /// How it is brought there: as said, else as the environment has it.
    pub(super) fn policy(&self, scope: &Scope, how: &HowArgs) -> Policy {
        let usual = Policy::default();
        let guarded = self.fleet.environment(&scope.environment).guarded;
        let bake = if guarded { usual.bake * 6 } else { usual.bake };
        let on_failure = if guarded {
            OnFailure::Pause
        } else {
            OnFailure::Rollback
        };
        Policy {
            batches: if how.batches.is_empty() {
                usual.batches
            } else {
                how.batches.clone()
            },
            wait: how.wait.unwrap_or(usual.wait),
            bake: how.bake.unwrap_or(bake),
            settle: how.settle.unwrap_or(usual.settle),
            deadline: how.deadline,
            on_failure: how.on_failure.unwrap_or(on_failure),
            keep: how.keep.unwrap_or(usual.keep),
            at_once: None,
            gray: (!how.canary.is_empty()).then(|| Gray {
                steps: how.canary.clone(),
                every: how.every.unwrap_or(Duration::from_mins(10)),
                requests: how.requests.unwrap_or(Rules::default().requests),
            }),
        }
    }
}

/// Which app in which environment is meant: as said, as the hosts are, or as the only one that has releases.
pub async fn scope(
    store: &Store,
    fleet: &Fleet,
    place: &AppPlace,
    hosts: &[HostName],
) -> Result<Scope, Refusal> {
    let of = |environment: &str| Scope {
        app: place.name.clone(),
        environment: environment.into(),
    };
    if let Some(environment) = &place.environment {
        let names = fleet.environment_names();
        if !names.iter().any(|name| **name == **environment) {
            let names = names.iter().map(AsRef::as_ref);
            let near = nearest(environment, names).map(|near| format!("did you mean {near}?"));
            let why = format!("there is no environment {environment}");
            return Err(Refusal::new(
                RefusalKind::Unknown,
                why,
                near.unwrap_or_default(),
            ));
        }
        return Ok(of(environment));
    }
    let mut found: Vec<&str> = hosts
        .iter()
        .filter_map(|host| Some(fleet.host(host)?.environment()))
        .collect();
    let known = store.environments_of(&place.name).await;
    let known = known.map_err(|error| refusal(error.to_string(), ""))?;
    if found.is_empty() {
        found = known.iter().map(String::as_str).collect();
    }
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [only] => Ok(of(only)),
        [] => Err(Refusal::new(
            RefusalKind::Unknown,
            format!("{} has no releases yet", place.name),
            "`app deploy` makes the first one: say of what, and with --hosts where",
        )),
        several => Err(Refusal::new(
            RefusalKind::Ambiguous,
            format!("{} may be meant in {}", place.name, several.join(", ")),
            "say which with --env",
        )),
    }
}
