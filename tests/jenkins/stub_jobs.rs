//! What stands below the jobs of the stub: what they are, their builds, and what is done to them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Answer, Build, Item, Job, NOTE, Request, Script, State, USER, goes_to, lacks, now, plain, told,
};

impl State {
    /// What stands at `job/a/job/b/…`.
    pub(super) fn below(&mut self, request: &Request, path: &[&str], user: &str) -> Answer {
        let mut rest = path;
        let mut names: Vec<&str> = Vec::new();
        while let ["job", name, more @ ..] = rest {
            names.push(name);
            rest = more;
        }
        let name = names.join("/");
        if !name.is_empty() && !self.jobs.contains_key(&name) {
            return plain(404, "<html>Not Found</html>");
        }
        let may_act = user == USER;
        match rest {
            ["api", "json"] if name.is_empty() => {
                let value = json!({"_class": "hudson.model.Hudson", "mode": "NORMAL", "url": format!("{}/", self.url),
                    "numExecutors": 2, "useSecurity": true, "useCrumbs": true, "jobs": self.children("")});
                told(request, value)
            }
            ["api", "json"] => told(request, self.job_json(&name)),
            // `View.doCreateItem`, `Folder.doCreateItem`.
            ["createItem"] if request.method == "POST" && may_act => self.create(request, &name),
            ["doDelete"] if request.method == "POST" && may_act => {
                self.jobs
                    .retain(|path, _| *path != name && !path.starts_with(&format!("{name}/")));
                goes_to(302, format!("{}/", self.url))
            }
            ["config.xml"] => (
                200,
                vec![("Content-Type", "application/xml".to_owned())],
                b"<project/>".to_vec(),
            ),
            ["build" | "buildWithParameters", ..] if !may_act => {
                lacks(user, "hudson.model.Item.Build")
            }
            ["build"] => self.build(request, &name, user, false),
            ["buildWithParameters"] => self.build(request, &name, user, true),
            [number, what @ ..] => self.of_build(request, &name, number, what, user),
            [] => plain(200, "<html>a page</html>"),
        }
    }

    fn children(&self, of: &str) -> Vec<Value> {
        let inside = |path: &String| match of {
            "" => !path.contains('/'),
            of => path
                .strip_prefix(&format!("{of}/"))
                .is_some_and(|rest| !rest.contains('/')),
        };
        let paths: Vec<String> = self
            .jobs
            .keys()
            .filter(|path| inside(path))
            .cloned()
            .collect();
        paths.iter().map(|path| self.job_json(path)).collect()
    }

    fn job_json(&self, path: &str) -> Value {
        let job = &self.jobs[path];
        let url = self.url_of(path);
        let name = path.rsplit('/').next().unwrap();
        let Some(script) = &job.script else {
            return json!({"_class": "com.cloudbees.hudson.plugins.folder.Folder", "name": name, "fullName": path,
                "url": url, "description": "", "jobs": self.children(path)});
        };
        let definitions: Vec<Value> = script
            .parameters
            .iter()
            .map(|(name, kind, default, choices)| {
                let mut one = json!({"_class": format!("hudson.model.{kind}"), "name": name, "type": kind,
                    "description": "", "defaultParameterValue": {"_class": "hudson.model.StringParameterValue",
                        "name": name, "value": default}});
                if !choices.is_empty() {
                    one["choices"] = json!(choices);
                }
                one
            })
            .collect();
        let mut property = vec![json!({})];
        if !definitions.is_empty() {
            property.push(json!({"_class": "hudson.model.ParametersDefinitionProperty", "parameterDefinitions": definitions}));
        }
        // `Job.getNewBuilds`: the newest hundred, newest first.
        let builds: Vec<Value> = job
            .builds
            .iter()
            .rev()
            .map(|build| build.json(&url))
            .collect();
        let over = job
            .builds
            .iter()
            .rev()
            .find(|build| build.result().is_some());
        json!({"_class": "hudson.model.FreeStyleProject", "name": name, "fullName": path, "url": url,
            "displayName": name, "fullDisplayName": path, "description": "", "buildable": !script.disabled,
            "color": if script.disabled { "disabled" } else { "blue" },
            "inQueue": self.items.iter().any(|item| item.job == path && item.left.is_none()),
            "nextBuildNumber": job.next, "property": property,
            "builds": builds.iter().take(100).collect::<Vec<_>>(), "allBuilds": builds,
            "firstBuild": builds.last(), "lastBuild": builds.first(),
            "lastCompletedBuild": over.map(|build| build.json(&url))})
    }

    /// Reads of a job's XML what matters here: whether it is a folder, and its text parameters.
    fn create(&mut self, request: &Request, below: &str) -> Answer {
        let Some(name) = request.query.get("name") else {
            return plain(400, "Query parameter 'name' is required");
        };
        let path = match below {
            "" => name.clone(),
            below => format!("{below}/{name}"),
        };
        if self.jobs.contains_key(&path) {
            // `ItemGroupMixIn.createTopLevelItem`.
            return plain(400, "A job already exists with that name");
        }
        let is_folder = request.body.contains("folder.Folder")
            || request
                .form
                .get("mode")
                .is_some_and(|mode| mode.contains("folder.Folder"));
        let mut script = Script {
            lines: (1..=4)
                .map(|number| format!("line {number} $WHO"))
                .collect(),
            pace: Duration::from_millis(400),
            ..Script::default()
        };
        for part in request
            .body
            .split("<hudson.model.StringParameterDefinition>")
            .skip(1)
        {
            let of = |tag: &str| {
                let (_, rest) = part.split_once(&format!("<{tag}>"))?;
                Some(rest.split_once('<')?.0.to_owned())
            };
            script = script.text(
                &of("name").unwrap_or_default(),
                &of("defaultValue").unwrap_or_default(),
            );
        }
        let job = Job::new((!is_folder).then_some(script));
        self.jobs.insert(path, job);
        plain(200, "")
    }

    /// `ParameterizedJobMixIn.doBuild` and `doBuildWithParameters`.
    fn build(&mut self, request: &Request, path: &str, user: &str, with: bool) -> Answer {
        let Some(script) = self.jobs[path].script.clone() else {
            return plain(404, "<html>Not Found</html>");
        };
        if script.disabled {
            return plain(409, &format!("{path} is not buildable"));
        }
        // `BuildAuthorizationToken.checkPermission`.
        if request.method != "POST" {
            return plain(405, "<html>Form post required</html>");
        }
        match (with, script.parameters.is_empty()) {
            // `ParametersDefinitionProperty._doBuild`: it looks for a form that people fill in.
            (false, false) => return plain(400, "This page expects a form submission"),
            // `IllegalStateException` of `doBuildWithParameters`.
            (true, true) => return plain(500, "<html>This build is not parameterized!</html>"),
            _ => {}
        }
        let mut given = BTreeMap::new();
        // Those that are not defined are dropped without a word; those that are not said have their defaults.
        for (name, _, default, choices) in &script.parameters {
            let said = request.form.get(name).or_else(|| request.query.get(name));
            let value = said.unwrap_or(default);
            // `ChoiceParameterDefinition.checkValue`.
            if !choices.is_empty() && !choices.contains(value) {
                return plain(
                    400,
                    &format!("Illegal choice for parameter {name}: {value}"),
                );
            }
            given.insert(name.clone(), value.clone());
        }
        self.asked += 1;
        // `Queue.scheduleInternal`: what waits already with the same parameters is not put in twice.
        let same = |item: &&Item| item.job == path && item.left.is_none() && item.given == given;
        let id = match self.items.iter().find(same) {
            Some(item) => item.id,
            None => {
                self.last_item += 1;
                self.items.push(Item {
                    id: self.last_item,
                    job: path.to_owned(),
                    given,
                    user: user.to_owned(),
                    since: Instant::now(),
                    at: now(),
                    build: None,
                    left: None,
                    cancelled: false,
                });
                self.last_item
            }
        };
        goes_to(201, format!("{}/queue/item/{id}/", self.url))
    }

    fn of_build(
        &mut self,
        request: &Request,
        path: &str,
        number: &str,
        what: &[&str],
        user: &str,
    ) -> Answer {
        let url = self.url_of(path);
        let missing = || plain(404, "<html>Not Found</html>");
        let Some(job) = self.jobs.get_mut(path) else {
            return missing();
        };
        // `Job.getDynamic`: a number or a permalink.
        let found = match number {
            "lastBuild" => job.builds.iter_mut().next_back(),
            "lastCompletedBuild" => {
                let mut all = job.builds.iter_mut().rev();
                all.find(|build| build.result().is_some())
            }
            number => job
                .builds
                .iter_mut()
                .find(|one| one.number.to_string() == number),
        };
        let Some(build) = found else { return missing() };
        match what {
            ["api", "json"] => {
                let value = build.json(&url);
                told(request, value)
            }
            ["logText", "progressiveText"] => progressive(request, build),
            ["consoleText"] => {
                let (lines, _) = build.lines();
                let text: String = lines
                    .iter()
                    .map(|line| line.replace(NOTE, "") + "\n")
                    .collect();
                plain(200, &text)
            }
            // `Executor.doStop`.
            ["stop"] if request.method != "POST" => plain(405, ""),
            ["stop"] if user != USER => lacks(user, "hudson.model.Item.Cancel"),
            ["stop"] => {
                if build.result().is_none() {
                    build.aborted = Some((Instant::now(), user.to_owned()));
                }
                goes_to(302, format!("{url}{}/", build.number))
            }
            ["testReport", "api", "json"] => match (&build.script.report, build.result()) {
                (Some(report), Some(_)) => {
                    let report = report.clone();
                    told(request, report)
                }
                _ => missing(),
            },
            ["artifact", file @ ..] => {
                let file = file.join("/");
                let found = build
                    .script
                    .artifacts
                    .iter()
                    .find(|(path, _)| *path == file);
                found.map_or_else(missing, |(_, bytes)| (200, Vec::new(), bytes.to_vec()))
            }
            [] => plain(200, "<html>a page</html>"),
            _ => missing(),
        }
    }
}

/// `LargeText.doProgressText`, `AnnotatedLargeText`: places are bytes of the file, notes included, which are not in what
/// is given out; a start after the end is taken for 0; while it goes on, only whole lines.
fn progressive(request: &Request, build: &Build) -> Answer {
    let start = request
        .query
        .get("start")
        .or_else(|| request.form.get("start"));
    let mut start: usize = start.and_then(|text| text.parse().ok()).unwrap_or(0);
    let (lines, is_over) = build.lines();
    let file = lines.join(
        "
",
    ) + "
";
    if start > file.len() {
        start = 0;
    }
    let text = String::from_utf8_lossy(&file.as_bytes()[start..]).replace(NOTE, "");
    let mut headers = vec![
        ("Content-Type", "text/plain;charset=UTF-8".to_owned()),
        ("X-Text-Size", file.len().to_string()),
    ];
    if !is_over {
        headers.push(("X-More-Data", "true".to_owned()));
    }
    (200, headers, text.into_bytes())
}
