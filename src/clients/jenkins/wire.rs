//! What Jenkins says, as it says it, and what that is in our words.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::{
    Timestamp,
    jenkins::{self, BuildResult, JobParameter, JobPath, Waiting},
    pipeline::{Failure, TestReport},
    printable, redact,
};

/// What is asked of a build.
pub(super) const BUILD: &str = "number,result,building,timestamp,duration,queueId,artifacts[relativePath],\
    actions[parameters[name,value],causes[shortDescription,userId]]";
/// What is asked of a job, before what is asked of its last build.
pub(super) const JOB: &str = "name,fullName,description,buildable,inQueue,nextBuildNumber,jobs[name]{0,1},\
    property[parameterDefinitions[name,type,description,choices,defaultParameterValue[value]]]";
/// What is asked of the queue.
pub(super) const QUEUE: &str = "items[id,why,inQueueSince,stuck,task[url],\
    actions[parameters[name,value],causes[shortDescription,userId]]]";
/// What is asked of a report.
pub(super) const CASES: &str =
    "duration,suites[cases[className,name,status,duration,errorDetails,errorStackTrace]]";

#[derive(Deserialize)]
pub(super) struct Crumb {
    #[serde(rename = "crumbRequestField")]
    pub field: String,
    pub crumb: String,
}

#[derive(Deserialize)]
pub(super) struct Me {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub anonymous: bool,
    #[serde(default)]
    pub authorities: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Jobs {
    pub jobs: Vec<Job>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Job {
    #[serde(rename = "_class")]
    class: String,
    name: Option<String>,
    full_name: Option<String>,
    description: Option<String>,
    buildable: bool,
    in_queue: bool,
    next_build_number: u64,
    jobs: Option<Vec<Value>>,
    property: Vec<Property>,
    last_build: Option<Build>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Property {
    parameter_definitions: Vec<Definition>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Definition {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    description: Option<String>,
    choices: Option<Vec<String>>,
    default_parameter_value: Option<Given>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    name: String,
    value: Value,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Builds {
    pub builds: Vec<Build>,
    pub all_builds: Vec<Build>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Build {
    number: u64,
    result: Option<String>,
    building: bool,
    timestamp: i64,
    duration: i64,
    queue_id: i64,
    artifacts: Vec<Artifact>,
    actions: Vec<Option<Deed>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Artifact {
    relative_path: String,
}

/// What hangs on a build or on an item of the queue; most of them are of no use here.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Deed {
    parameters: Vec<Given>,
    causes: Vec<Cause>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Cause {
    short_description: Option<String>,
    user_id: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Queue {
    pub items: Vec<Item>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Item {
    id: u64,
    why: Option<String>,
    in_queue_since: i64,
    stuck: bool,
    pub cancelled: bool,
    pub executable: Option<Executable>,
    task: Option<TaskOf>,
    actions: Vec<Option<Deed>>,
}

#[derive(Deserialize)]
pub(super) struct Executable {
    pub number: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TaskOf {
    url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Report {
    duration: f64,
    suites: Vec<Suite>,
    child_reports: Vec<Child>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Child {
    result: Option<Box<Report>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Suite {
    cases: Vec<Case>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Case {
    class_name: Option<String>,
    name: Option<String>,
    status: String,
    error_details: Option<String>,
    error_stack_trace: Option<String>,
}

fn said(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_default()
}

/// `hudson.model.FreeStyleProject` without where it comes from.
fn short(class: &str) -> String {
    let last = class.rsplit(['.', '$']).next().unwrap_or(class);
    printable(last)
}

fn parameters(deeds: &[Option<Deed>]) -> BTreeMap<String, String> {
    let given = deeds.iter().flatten().flat_map(|deed| &deed.parameters);
    let told = given.filter_map(|one| Some((printable(&one.name), said(&one.value)?)));
    told.collect()
}

fn causes(deeds: &[Option<Deed>]) -> impl Iterator<Item = &Cause> {
    deeds.iter().flatten().flat_map(|deed| &deed.causes)
}

fn users(deeds: &[Option<Deed>]) -> Vec<String> {
    let users = causes(deeds).filter_map(|cause| cause.user_id.clone());
    users.collect()
}

impl Job {
    /// In our words; none when it has no name.
    pub fn read(self) -> Option<jenkins::Job> {
        let path = self.full_name.or(self.name)?.parse().ok()?;
        let definitions = self.property.into_iter();
        let definitions = definitions.flat_map(|one| one.parameter_definitions);
        Some(jenkins::Job {
            path,
            kind: short(&self.class),
            is_folder: self.jobs.is_some(),
            buildable: self.buildable,
            queued: self.in_queue,
            about: printable(&self.description.unwrap_or_default()),
            next: self.next_build_number,
            parameters: definitions.map(Definition::read).collect(),
            last: self.last_build.map(Build::read),
        })
    }
}

impl Definition {
    fn read(self) -> JobParameter {
        let kind = short(&self.kind);
        JobParameter {
            name: self.name,
            kind: kind
                .strip_suffix("ParameterDefinition")
                .unwrap_or(&kind)
                .to_owned(),
            default: self
                .default_parameter_value
                .and_then(|given| said(&given.value)),
            choices: self.choices.unwrap_or_default(),
            about: printable(&self.description.unwrap_or_default()),
        }
    }
}

impl Build {
    /// In our words.
    pub fn read(self) -> jenkins::Build {
        let told = causes(&self.actions).filter_map(|cause| cause.short_description.as_deref());
        jenkins::Build {
            number: self.number,
            // A word that is not known is none that is good.
            result: self
                .result
                .as_deref()
                .map(|word| BuildResult::parse(word).unwrap_or(BuildResult::Failure)),
            building: self.building,
            started: moment(self.timestamp),
            milliseconds: u64::try_from(self.duration).unwrap_or(0),
            queued: u64::try_from(self.queue_id).unwrap_or(0),
            causes: told.map(printable).collect(),
            users: users(&self.actions),
            parameters: parameters(&self.actions),
            artifacts: self
                .artifacts
                .into_iter()
                .map(|one| one.relative_path)
                .collect(),
        }
    }
}

impl Item {
    /// In our words.
    pub fn read(self) -> Waiting {
        let url = self.task.and_then(|task| task.url).unwrap_or_default();
        Waiting {
            id: self.id,
            job: job_of(&url).map(|job| job.to_string()).unwrap_or_default(),
            why: printable(&self.why.unwrap_or_default()),
            since: moment(self.in_queue_since),
            stuck: self.stuck,
            users: users(&self.actions),
            parameters: parameters(&self.actions),
        }
    }
}

/// The job that an address is of, `https://ci/job/pay/job/regression/`, whatever the server believes its own to be.
fn job_of(url: &str) -> Option<JobPath> {
    let url = reqwest::Url::parse(url).ok()?;
    let parts: Vec<&str> = url.path_segments()?.collect();
    let at = parts.iter().position(|part| *part == "job")?;
    let names = parts[at..].chunks(2).map_while(|pair| match pair {
        ["job", name] => Some(decoded(name)),
        _ => None,
    });
    let names: Vec<String> = names.collect();
    names.join("/").parse().ok()
}

/// A part of an address without its per cent signs.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, more @ ..] = rest {
        let code = (*first == b'%').then(|| more.get(..2)).flatten();
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Report {
    /// In our words: what several parts of a build said counts together.
    pub fn read(self) -> TestReport {
        let mut report = TestReport {
            milliseconds: milliseconds(self.duration),
            ..TestReport::default()
        };
        for case in self.suites.into_iter().flat_map(|suite| suite.cases) {
            report.tests += 1;
            match case.status.as_str() {
                "SKIPPED" => report.skipped += 1,
                "PASSED" | "FIXED" => {}
                // FAILED, REGRESSION, and what nobody knows.
                _ => {
                    report.failures += 1;
                    let text = case.error_details.or(case.error_stack_trace);
                    let text = text.unwrap_or_default();
                    let lines: Vec<String> = text.lines().map(printable).collect();
                    report.fail(Failure {
                        class: printable(&case.class_name.unwrap_or_default()),
                        name: printable(&case.name.unwrap_or_default()),
                        text: redact(&lines.join("\n")).into_owned(),
                    });
                }
            }
        }
        for child in self.child_reports {
            if let Some(one) = child.result {
                report.add(one.read());
            }
        }
        report
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped to what fits"
)]
fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).clamp(0.0, 1e12).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_known_by_their_addresses_wherever_the_server_believes_to_be() {
        for (url, job) in [
            (
                "http://old:8080/jenkins/job/pay/job/regression/",
                Some("pay/regression"),
            ),
            (
                "https://ci/job/pay/job/feature%252Fx/",
                Some("pay/feature%2Fx"),
            ),
            ("https://ci/computer/1/", None),
            ("", None),
        ] {
            assert_eq!(
                job_of(url).map(|job| job.to_string()).as_deref(),
                job,
                "{url}"
            );
        }
    }

    #[test]
    fn reports_of_several_parts_count_together() {
        let text = r#"{"childReports": [{"result": {"duration": 1.5, "suites": [{"cases": [
            {"className": "a.B", "name": "one", "status": "PASSED"},
            {"className": "a.B", "name": "two", "status": "REGRESSION", "errorDetails": "it is 2"}]}]}},
            {"result": {"duration": 0.25, "suites": [{"cases": [{"name": "three", "status": "SKIPPED"}]}]}}]}"#;
        let report: Report = serde_json::from_str(text).unwrap_or_default();
        let report = report.read();
        assert_eq!((report.tests, report.failures, report.skipped), (3, 1, 1));
        assert_eq!(
            (report.milliseconds, &*report.failed[0].text),
            (1750, "it is 2")
        );
    }
}
