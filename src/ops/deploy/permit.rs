//! Whether an environment lets a release in now: its freeze windows, and the approvals that it asks for.

use crate::{
    model::{
        EnvironmentSpec,
        freeze::frozen,
        release::{
            Phase, Release, Request, Scope, Standing, Verdict, diff, digest, people, runs_the_same,
        },
        span,
    },
    ops::{
        pipeline::{Look, results},
        plan::{Confirm, Plan, Refusal, RefusalKind},
        sentence::{Danger, JudgeArgs, Sentence, join},
    },
};

use super::{Draft, Task};

/// So many differences from what was approved are named.
const CHANGES: usize = 3;

/// What an environment says to a release.
#[derive(Debug, Default)]
pub(super) struct Permit {
    /// What speaks against it.
    pub against: Vec<Refusal>,
    /// What is to be known.
    pub told: Vec<String>,
    /// Others have to be asked first.
    pub ask: Option<Box<Request>>,
    /// It is let in although something speaks against it, in an emergency.
    pub forced: bool,
}

/// What its environment says to a release.
pub(super) fn permit(draft: &Draft, release: &Release, environment: &EnvironmentSpec) -> Permit {
    let mut permit = Permit::default();
    let name = &environment.name;
    if let Some(frozen) = frozen(&environment.admission.freezes, draft.at) {
        permit.object(
            draft,
            format!("{name} is {frozen}"),
            "wait, or say --emergency 'WHY' when it cannot wait",
        );
    }
    let admission = &environment.admission;
    if admission.approvals == 0 && admission.gates.is_empty() {
        return permit;
    }
    let before = draft
        .releases
        .iter()
        .find(|(before, held)| held.phase == Phase::Succeeded && runs_the_same(release, before));
    if let Some((before, _)) = before {
        let told = format!(
            "neither tests nor approvals are asked for: {} ran the same there",
            before.number
        );
        permit.told.push(told);
        return permit;
    }
    gates(draft, release, environment, &mut permit);
    if admission.approvals > 0 {
        approvals(draft, release, environment, &mut permit);
    }
    permit
}

/// Whether the suites that the environment asks for were good, for the images of the release.
fn gates(draft: &Draft, release: &Release, environment: &EnvironmentSpec, permit: &mut Permit) {
    let pins = release.pins.values();
    let images: Vec<&str> = pins
        .flat_map(|pin| [pin.digest.as_deref(), pin.id.as_deref()])
        .flatten()
        .collect();
    let all = environment.admission.gates.iter().enumerate();
    for (index, gate) in all {
        let known = draft.suites.get(index).map_or(&[][..], Vec::as_slice);
        match results(gate, known, &images) {
            Look::Open(why) => permit.told.push(why),
            Look::Shut(why) | Look::Closed(why) => {
                let of = gate.environment.as_ref();
                let of = of.map_or_else(String::new, |name| format!(" (tested in {name})"));
                let remedy =
                    "run the suite until it is, or say --emergency 'WHY' when it cannot wait";
                let name = &environment.name;
                permit.object(
                    draft,
                    format!("{name} asks for good tests: {why}{of}"),
                    remedy,
                );
            }
        }
    }
}

impl Permit {
    /// Something speaks against it, unless it is an emergency.
    fn object(&mut self, draft: &Draft, why: String, remedy: &str) {
        match &draft.emergency {
            Some(reason) => {
                self.told
                    .push(format!("in an emergency ({reason}), although {why}"));
                self.forced = true;
            }
            None => {
                let refusal = Refusal::new(RefusalKind::State, why, remedy);
                self.against.push(refusal);
            }
        }
    }
}

/// Whether others approved exactly this.
fn approvals(draft: &Draft, release: &Release, environment: &EnvironmentSpec, permit: &mut Permit) {
    let digest = digest(release, &draft.hosts);
    let request = draft.requests.iter().find(|one| one.digest == digest);
    let admission = &environment.admission;
    // More may be asked for since.
    let request = request.map(|one| Request {
        needed: one.needed.max(admission.approvals),
        ..one.clone()
    });
    let name = &environment.name;
    match request.as_ref().map(|one| (one, one.standing(draft.at))) {
        Some((request, Standing::Approved)) => {
            let by: Vec<&str> = request.verdicts.iter().map(|one| one.by.as_str()).collect();
            permit
                .told
                .push(format!("{digest} is approved by {}", by.join(", ")));
        }
        Some((request, Standing::Waiting(missing))) => {
            let why = format!(
                "{name} asks for {}, and {missing} of {digest} {} missing (asked for by {}); another person says `{}`",
                counted(request.needed),
                if missing == 1 { "is" } else { "are" },
                request.by,
                sentence(&release.scope, &digest)
            );
            permit.object(draft, why, "then deploy again");
        }
        Some((_, Standing::Rejected(verdict))) => {
            let why = format!("{digest} was rejected by {}", told(&verdict));
            permit.object(draft, why, "deploy something else");
        }
        Some((_, Standing::Expired)) | None if draft.emergency.is_some() => {
            let why = format!("{name} asks for {}", counted(admission.approvals));
            permit.object(draft, why, "");
        }
        Some((_, Standing::Expired)) | None => {
            permit.told.extend(void(draft, release));
            permit.ask = Some(Box::new(Request {
                digest,
                release: release.clone(),
                by: draft.by.clone(),
                needed: admission.approvals,
                at: draft.at,
                until: draft.at.checked_add(admission.lasts).unwrap_or(draft.at),
                verdicts: Vec::new(),
            }));
        }
    }
}

/// That what was approved before is another one, and how it differs.
fn void(draft: &Draft, release: &Release) -> Option<String> {
    let approved = draft
        .requests
        .iter()
        .find(|one| one.standing(draft.at) == Standing::Approved)?;
    let changes = diff(Some(&approved.release), release);
    let mut told: Vec<String> = changes
        .iter()
        .take(CHANGES)
        .map(ToString::to_string)
        .collect();
    if changes.len() > CHANGES {
        told.push(format!("and {} more", changes.len() - CHANGES));
    }
    if told.is_empty() {
        told.push("images or hosts differ".to_owned());
    }
    Some(format!(
        "the approval of {} does not hold for this: {}",
        approved.digest,
        told.join("; ")
    ))
}

fn counted(approvals: u32) -> String {
    match approvals {
        1 => "an approval of another person".to_owned(),
        several => format!("approvals of {several} others"),
    }
}

/// What another person says.
fn sentence(scope: &Scope, digest: &str) -> String {
    let mut words = vec!["wharf", "app", "approve", scope.app.as_str(), digest];
    if !scope.environment.is_empty() {
        words.extend(["--env", &scope.environment]);
    }
    join(words)
}

fn told(verdict: &Verdict) -> String {
    match &verdict.reason {
        Some(reason) => format!("{}: {reason}", verdict.by),
        None => verdict.by.clone(),
    }
}

/// The plan of asking others, in the place of the deploy.
pub(super) fn ask(words: &Sentence, request: Box<Request>, changes: Vec<String>) -> Plan {
    let scope = request.scope().clone();
    let lasts = request.until.duration_since(request.at).as_secs();
    let mut told = vec![
        format!(
            "{scope} asks for {}; nothing is deployed by this",
            counted(request.needed)
        ),
        format!(
            "another person says `{}`, then this is said again",
            sentence(&scope, &request.digest)
        ),
        format!(
            "an approval holds for {}, and for exactly this specification, these images and hosts",
            span(lasts)
        ),
    ];
    told.extend(changes);
    Plan {
        title: format!(
            "Ask for approval of {} of {scope}, {}",
            request.release.number, request.digest
        ),
        told,
        deploy: Some(Box::new(Task::Ask(request))),
        ..super::wishes::bare(words, String::new(), Danger::Changes, Confirm::Ask, &scope)
    }
}

/// What somebody says of a request is planned from.
pub(super) struct Judging<'j> {
    /// Of which app, and what of it.
    pub args: &'j JudgeArgs,
    /// It may be deployed.
    pub approves: bool,
    /// All that was asked for of that app.
    pub requests: &'j [Request],
    /// What runs there now.
    pub current: Option<&'j Release>,
    /// Who says it.
    pub by: &'j str,
    /// When.
    pub at: crate::model::Timestamp,
}

/// Whether somebody has a part in both.
fn is_of_same(one: &str, other: &str) -> bool {
    people(one).any(|person| people(other).any(|other| other == person))
}

/// The plan of approving or rejecting what somebody wants to deploy.
pub(super) fn judge(words: &Sentence, judging: &Judging<'_>) -> Result<Plan, Refusal> {
    let Judging {
        args, approves, by, ..
    } = judging;
    let request = judging.meant()?;
    let scope = request.scope().clone();
    let is_own = is_of_same(by, &request.by);
    if people(by).count() > 1 {
        let why = format!("{by} speaks for somebody else");
        return Err(Refusal::new(
            RefusalKind::State,
            why,
            "whoever approves says it themselves",
        ));
    }
    if *approves && is_own {
        return Err(Refusal::new(
            RefusalKind::State,
            format!(
                "{} was asked for by {}, who cannot approve it",
                request.digest, request.by
            ),
            "another person has to",
        ));
    }
    let verb = match (approves, is_own) {
        (true, _) => "Approve",
        (false, false) => "Reject",
        (false, true) => "Withdraw",
    };
    let mut told = vec![format!(
        "{} of {scope}, {}, asked for by {}{}",
        request.release.number,
        request.release.source,
        request.by,
        request
            .release
            .reason
            .as_ref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default()
    )];
    let changes = diff(judging.current, &request.release);
    told.extend(changes.iter().map(|change| format!("  {change}")));
    let pins = request.release.pins.iter();
    told.extend(pins.map(|(service, pin)| format!("  {service} runs {pin}")));
    let hosts: Vec<String> = request
        .release
        .hosts()
        .iter()
        .map(ToString::to_string)
        .collect();
    told.push(format!("on {}", hosts.join(", ")));
    let verdict = Verdict {
        by: (*by).to_owned(),
        approves: *approves,
        reason: args.why.reason.clone(),
        at: judging.at,
    };
    Ok(Plan {
        title: format!("{verb} {} of {scope}", request.digest),
        told,
        deploy: Some(Box::new(Task::Judge {
            scope: scope.clone(),
            digest: request.digest.clone(),
            verdict,
        })),
        ..super::wishes::bare(words, String::new(), Danger::Changes, Confirm::Ask, &scope)
    })
}

impl Judging<'_> {
    /// The request that is meant: as said, or the only one that waits; if none does, the only one that was approved.
    fn meant(&self) -> Result<&Request, Refusal> {
        let all = |is_meant: &dyn Fn(&Request) -> bool| -> Vec<&Request> {
            self.requests.iter().filter(|one| is_meant(one)).collect()
        };
        let found = match &self.args.digest {
            Some(digest) => all(&|one| one.digest.starts_with(digest.as_str())),
            None => {
                let waiting = all(&|one| matches!(one.standing(self.at), Standing::Waiting(_)));
                if waiting.is_empty() {
                    all(&|one| one.standing(self.at) == Standing::Approved)
                } else {
                    waiting
                }
            }
        };
        let app = &self.args.place.name;
        let listed = "`app approvals` lists what was asked for";
        let one = match found.as_slice() {
            [] => {
                let why = format!("nothing of {app} waits for an approval");
                return Err(Refusal::new(RefusalKind::Unknown, why, listed));
            }
            [one] => *one,
            several => {
                let all: Vec<&str> = several.iter().map(|one| one.digest.as_str()).collect();
                let why = format!("{app} may mean {}", all.join(", "));
                return Err(Refusal::new(
                    RefusalKind::Ambiguous,
                    why,
                    "say which, and --env",
                ));
            }
        };
        match one.standing(self.at) {
            Standing::Waiting(_) | Standing::Approved => Ok(one),
            Standing::Expired => Err(Refusal::new(
                RefusalKind::State,
                format!("{} was asked for too long ago", one.digest),
                format!("{} deploys again to ask anew", one.by),
            )),
            Standing::Rejected(verdict) => Err(Refusal::new(
                RefusalKind::State,
                format!("{} was rejected by {}", one.digest, told(&verdict)),
                "",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::super::{
        plan,
        tests::{THREE, draft, fleet, release},
    };
    use super::*;
    use crate::model::{
        Fleet, Timestamp,
        freeze::{Freeze, WrittenFreeze},
        pipeline::{GateStep, RunNumber, SuiteResult, TestReport},
        release::Admission,
    };

    fn strict(approvals: u32, freezes: Vec<Freeze>) -> Fleet {
        let mut fleet = fleet();
        let mut environment = fleet.environment("dev");
        environment.admission = Admission {
            freezes,
            approvals,
            ..Admission::default()
        };
        fleet.environments = vec![environment];
        fleet
    }

    fn sentence() -> Sentence {
        Sentence::parse("app deploy shop --file shop.yaml").unwrap()
    }

    #[test]
    fn a_frozen_environment_lets_nothing_in_but_in_an_emergency() {
        let written = WrittenFreeze {
            from: Some("1970-01-01".to_owned()),
            to: Some("1970-01-02".to_owned()),
            reason: "new year".to_owned(),
            ..WrittenFreeze::default()
        };
        let fleet = strict(0, vec![Freeze::try_from(written).unwrap()]);
        let one = release(1, &THREE, &[("web", "web:1")], None);
        let mut draft = draft(&one, None);
        let why = plan(&sentence(), &draft, &fleet).unwrap_err().to_string();
        assert!(
            why.contains("dev is frozen until Sat 1970-01-03 00:00 UTC: new year"),
            "{why}"
        );
        draft.emergency = Some("the shop is down".to_owned());
        let forced = plan(&sentence(), &draft, &fleet).unwrap();
        assert_eq!(forced.confirm, Confirm::Phrase("dev".to_owned()));
        assert!(
            forced.told[0].contains("in an emergency (the shop is down), although dev is frozen"),
            "{:?}",
            forced.told
        );
        (draft.emergency, draft.at) = (None, Timestamp::from_second(3 * 86_400).unwrap());
        plan(&sentence(), &draft, &fleet).unwrap();
    }

    #[test]
    fn an_environment_asks_for_good_tests_of_the_same_image() {
        let mut fleet = strict(0, Vec::new());
        fleet.environments[0].admission.gates = vec![GateStep {
            suite: "regression".to_owned(),
            environment: Some("qa".to_owned()),
            consecutive: 2,
            pass_rate: 100,
            skipped_pass: false,
            limits: vec!["p95_ms <= 200".parse().unwrap()],
            same_digest: true,
            wait: false,
        }];
        let one = release(1, &THREE, &[("web", "web:1")], None);
        let mut draft = draft(&one, None);
        let good = plan(&sentence(), &draft, &fleet).unwrap_err().to_string();
        assert!(
            good.contains("dev asks for good tests: 0 of 2 good runs of regression (tested in qa)"),
            "{good}"
        );
        let pin = one.pins.values().next().unwrap();
        let digest = pin.digest.clone().or_else(|| pin.id.clone());
        let result = |run: u64, digest: Option<String>, p95: i64| SuiteResult {
            run: RunNumber(run),
            step: "regression".parse().unwrap(),
            at: draft.at,
            digest,
            report: Some(TestReport {
                tests: 3,
                metrics: [("p95_ms".to_owned(), p95)].into(),
                ..TestReport::default()
            }),
        };
        let cases = [
            (result(2, digest.clone(), 150_000), None),
            (
                result(2, digest.clone(), 200_500),
                Some("run #2 had p95_ms 200.5, not p95_ms <= 200"),
            ),
            (
                result(2, Some("sha256:0".to_owned()), 1),
                Some("run #2 tested another one"),
            ),
        ];
        for (newest, why) in cases {
            draft.suites = vec![vec![newest, result(1, digest.clone(), 1)]];
            match (plan(&sentence(), &draft, &fleet), why) {
                (Ok(plan), None) => assert!(
                    plan.told
                        .contains(&"the last 2 runs of regression were good".to_owned()),
                    "{:?}",
                    plan.told
                ),
                (Err(refusal), Some(why)) => assert!(refusal.why.contains(why), "{refusal}"),
                (other, why) => panic!("{why:?}: {other:?}"),
            }
        }
        draft.emergency = Some("it burns".to_owned());
        let forced = plan(&sentence(), &draft, &fleet).unwrap();
        assert_eq!(forced.confirm, Confirm::Phrase("dev".to_owned()));
    }

    #[test]
    fn a_release_waits_for_others_and_for_nothing_that_ran_there_before() {
        let fleet = strict(1, Vec::new());
        let one = release(1, &THREE, &[("web", "web:1")], None);
        let two = release(2, &THREE, &[("web", "web:2")], None);
        let mut draft = draft(&two, Some(&one));
        let asks = plan(&sentence(), &draft, &fleet).unwrap();
        let Some(Task::Ask(request)) = asks.deploy.as_deref() else {
            panic!("{asks:?}");
        };
        let mut request = (**request).clone();
        assert!(
            asks.told[1].contains(&format!(
                "wharf app approve shop {} --env dev",
                request.digest
            )),
            "{:?}",
            asks.told
        );
        draft.requests = vec![request.clone()];
        let why = plan(&sentence(), &draft, &fleet).unwrap_err().to_string();
        assert!(why.contains("1 of ") && why.contains("is missing"), "{why}");
        request.verdicts.push(Verdict {
            by: "bob@ops".to_owned(),
            approves: true,
            reason: None,
            at: draft.at,
        });
        draft.requests = vec![request];
        let approved = plan(&sentence(), &draft, &fleet).unwrap();
        assert!(
            approved.told[0].contains("is approved by bob@ops"),
            "{:?}",
            approved.told
        );
        // Another image is another request, and the plan says what became of the approval.
        let three = release(2, &THREE, &[("web", "web:3")], None);
        let other = super::super::tests::draft(&three, Some(&one));
        let other = Draft {
            requests: draft.requests.clone(),
            ..other
        };
        let asks = plan(&sentence(), &other, &fleet).unwrap();
        assert!(
            asks.told
                .iter()
                .any(|line| line.contains("does not hold for this: web: image web:2 → web:3")),
            "{:?}",
            asks.told
        );
    }

    #[test]
    fn nobody_approves_their_own() {
        let two = release(2, &THREE, &[("web", "web:2")], None);
        let hosts: Vec<_> = two.hosts().into_iter().cloned().collect();
        let request = Request {
            digest: digest(&two, &hosts),
            release: (*two).clone(),
            by: "ann@ops".to_owned(),
            needed: 1,
            at: Timestamp::UNIX_EPOCH,
            until: Timestamp::from_second(100).unwrap(),
            verdicts: Vec::new(),
        };
        let words = Sentence::parse("app approve shop").unwrap();
        let Sentence::App(crate::ops::AppCommand::Approve(args)) = &words else {
            panic!("{words:?}");
        };
        let judging = |by: &'static str, approves: bool, second: i64| {
            let judging = Judging {
                args,
                approves,
                requests: std::slice::from_ref(&request),
                current: None,
                by,
                at: Timestamp::from_second(second).unwrap(),
            };
            judge(&words, &judging).map(|plan| plan.title)
        };
        let why = judging("ann@laptop", true, 50).unwrap_err().to_string();
        assert!(why.contains("another person has to"), "{why}");
        assert!(
            judging("ann@laptop", false, 50)
                .unwrap()
                .starts_with("Withdraw")
        );
        assert!(judging("bob@ops", true, 50).unwrap().starts_with("Approve"));
        let why = judging("bob@ops", true, 150).unwrap_err().to_string();
        assert!(why.contains("nothing of shop waits"), "{why}");
    }
}
