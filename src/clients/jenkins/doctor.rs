//! Whether a server is as Wharf needs it: each point with what was seen. Nothing is changed there.

use super::{Error, JenkinsLogin, Server};
use crate::{
    clients::finding::{Finding, finding},
    model::{
        Mark, Timestamp,
        jenkins::{Job, JobPath},
    },
};

/// So many seconds clocks may be apart.
const APART: i64 = 30;
/// Folders are looked into so deep for a build.
const DEEP: usize = 3;
/// So many folders are looked into.
const FOLDERS: usize = 20;

impl Server {
    /// Looks at all of it. What cannot be seen is said, and fails nothing.
    pub async fn doctor(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let asked = Timestamp::now();
        let who = match self.who().await {
            Ok(who) => who,
            Err(error) => {
                let remedy = error.remedy.unwrap_or_default();
                let what = match error.kind {
                    super::ErrorKind::Login => "who",
                    _ => "reachable",
                };
                found.push(finding(what, Mark::Failed, error.why, remedy));
                return found;
            }
        };
        let answered = Timestamp::now();
        found.push(if who.version.is_empty() {
            let remedy = "let whatever stands before Jenkins pass the header X-Jenkins";
            finding(
                "reachable",
                Mark::Warning,
                "it answers, and does not say that it is a Jenkins",
                remedy,
            )
        } else {
            let saw = format!("Jenkins {} at {}", who.version, self.spec.url);
            finding("reachable", Mark::Ok, saw, "")
        });
        found.push(self.tls());
        found.push(if who.anonymous {
            let remedy = "write user and token_file into its [[jenkins]]";
            finding("who", Mark::Warning, "we are nobody to it", remedy)
        } else {
            let groups = match who.groups.len() {
                0 => String::new(),
                _ => format!(", in {}", who.groups.join(", ")),
            };
            finding("who", Mark::Ok, format!("{}{groups}", who.user), "")
        });
        found.push(self.crumbs().await);
        let jobs = self.jobs(None).await;
        found.push(self.permissions(&jobs).await);
        let some = self.look_in(jobs.unwrap_or_default(), &mut found).await;
        found.push(self.consoles(some).await);
        found.push(clock(asked, answered, who.at));
        found
    }

    fn tls(&self) -> Finding {
        let host = self.base.host_str().unwrap_or_default();
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match self.base.scheme() {
            "https" if self.spec.skip_verify => {
                let remedy =
                    "name its authority as ca of its [[jenkins]], and take skip_verify out";
                finding(
                    "tls",
                    Mark::Warning,
                    "its certificate is not looked at",
                    remedy,
                )
            }
            "https" => {
                let saw = match &self.spec.ca {
                    Some(ca) => format!(
                        "its certificate is vouched for, by {} or this machine",
                        ca.display()
                    ),
                    None => "its certificate is vouched for by this machine".to_owned(),
                };
                finding("tls", Mark::Ok, saw, "")
            }
            _ if is_here => finding(
                "tls",
                Mark::Skipped,
                "it is on this machine, without TLS",
                "",
            ),
            _ => {
                let remedy = "reach it by https, so that nobody on the way reads what opens it";
                finding("tls", Mark::Warning, "without TLS", remedy)
            }
        }
    }

    async fn crumbs(&self) -> Finding {
        match &self.spec.login {
            JenkinsLogin::Nobody => finding("crumb", Mark::Skipped, "nobody changes nothing", ""),
            JenkinsLogin::Token { .. } => finding("crumb", Mark::Ok, "a token needs none", ""),
            JenkinsLogin::Password { .. } => {
                let doing = format!("asking {} for a crumb", self.spec.name);
                let fetched = async {
                    let headers = self.login.headers(&doing).await?;
                    self.fetch_crumb(&doing, headers).await
                };
                match fetched.await {
                    Ok(()) if !self.login.has_crumb() => {
                        let remedy = "switch the protection against forged requests on there";
                        finding("crumb", Mark::Warning, "the server wants none", remedy)
                    }
                    Ok(()) if self.login.has_session() => {
                        finding("crumb", Mark::Ok, "given out, with a session", "")
                    }
                    Ok(()) => {
                        let remedy =
                            "let whatever stands before Jenkins pass its cookies, or use a token";
                        finding("crumb", Mark::Failed, "given out without a session", remedy)
                    }
                    Err(error) => not_seen("crumb", &error),
                }
            }
        }
    }

    async fn permissions(&self, jobs: &Result<Vec<Job>, Error>) -> Finding {
        let listed = match jobs {
            Ok(jobs) => jobs.len(),
            Err(error) => return not_seen("permissions", error),
        };
        if listed == 0 {
            let remedy = "let somebody grant Job/Read where its jobs are";
            return finding("permissions", Mark::Warning, "no job can be seen", remedy);
        }
        match self.queue().await {
            Ok(waiting) => {
                let saw = format!(
                    "{listed} at the top and a queue of {} can be read; whether it may build and stop is known when it does (Job/Build, Job/Cancel)",
                    waiting.len()
                );
                finding("permissions", Mark::Ok, saw, "")
            }
            Err(error) => not_seen("permissions", &error),
        }
    }

    /// Looks into folders, as far as one needs to see a build.
    async fn look_in(&self, top: Vec<Job>, found: &mut Vec<Finding>) -> Option<(JobPath, u64)> {
        let (mut folders, mut failed, mut some) = (0, None, None);
        let mut level = top;
        for _ in 0..DEEP {
            let mut next = Vec::new();
            for job in level {
                if some.is_none() {
                    some = job
                        .last
                        .as_ref()
                        .map(|build| (job.path.clone(), build.number));
                }
                if job.is_folder && folders < FOLDERS {
                    folders += 1;
                    match self.jobs(Some(&job.path)).await {
                        Ok(jobs) => next.extend(jobs),
                        Err(error) => failed = Some(error),
                    }
                }
            }
            level = next;
        }
        found.push(match failed {
            Some(error) => not_seen("folders", &error),
            None if folders == 0 => {
                finding("folders", Mark::Skipped, "it has none that can be seen", "")
            }
            None => finding(
                "folders",
                Mark::Ok,
                format!("{folders} were looked into"),
                "",
            ),
        });
        some
    }

    async fn consoles(&self, some: Option<(JobPath, u64)>) -> Finding {
        let Some((job, number)) = some else {
            return finding("console", Mark::Skipped, "there is no build to look at", "");
        };
        match self.console_size(&job, number).await {
            Ok(size) => {
                let saw = format!("build {number} of {job} tells its {size} bytes piece by piece");
                finding("console", Mark::Ok, saw, "")
            }
            Err(error) => not_seen("console", &error),
        }
    }
}

/// Whether its clock goes as ours.
fn clock(asked: Timestamp, answered: Timestamp, at: Option<Timestamp>) -> Finding {
    let Some(at) = at else {
        return finding(
            "clock",
            Mark::Skipped,
            "it does not say what time it is",
            "",
        );
    };
    // It tells whole seconds.
    let ahead = at.as_second() - answered.as_second();
    let behind = asked.as_second() - at.as_second();
    match ahead.max(behind) {
        apart if apart <= APART => finding("clock", Mark::Ok, "it goes as ours", ""),
        apart => {
            let word = if ahead > 0 { "ahead" } else { "behind" };
            let remedy = "have both machines keep time by the same servers";
            finding(
                "clock",
                Mark::Warning,
                format!("it is {apart} s {word}"),
                remedy,
            )
        }
    }
}

fn not_seen(what: &str, error: &Error) -> Finding {
    let remedy = error.remedy.clone().unwrap_or_default();
    finding(what, Mark::Failed, error.why.clone(), remedy)
}
