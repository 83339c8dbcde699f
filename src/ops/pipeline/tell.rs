//! A step that tells people something: it is queued for their channels, and the step is done.

use super::step::{Ended, Turn, line};
use crate::model::{
    Timestamp,
    notify::{self, Kind, Notice},
    pipeline::{NotifyStep, Run, Status},
};

impl Turn<'_> {
    /// Queues what is told. Told twice by a step that was killed on the way, it is queued once.
    pub(super) async fn tell(&self, step: &NotifyStep) -> Result<Ended, String> {
        let known = self.shop.channels;
        let mut to = Vec::new();
        for name in &step.to {
            let name = self.fill(name)?;
            if !known.iter().any(|one| *one.name == *name) {
                let names: Vec<&str> = known.iter().map(|one| &*one.name).collect();
                let there = if names.is_empty() {
                    "the worker's wharf.toml has no [[notify]]".to_owned()
                } else {
                    format!("there are {}", names.join(", "))
                };
                return Err(format!("no channel is called {name}; {there}"));
            }
            to.push(name);
        }
        let text = match &step.text {
            Some(text) => self.fill(text)?,
            None => standing(&self.run),
        };
        let run = &self.run;
        let turn = if run.steps.iter().any(|step| step.status.is_bad()) {
            notify::Turn::Failure
        } else {
            notify::Turn::Success
        };
        let first = text.lines().next().unwrap_or_default();
        let title = format!("run {} of {}: {first}", run.number, run.name());
        for name in &to {
            let key = format!(
                "step {} {} {} {} {name}",
                run.number.0, run.key, self.step.name, self.attempt
            );
            let mut notice = Notice::new(Kind::Step, turn, Timestamp::now(), key, &title)
                .by(&run.by)
                .saying(&text);
            notice.to = Some(name.clone());
            notice.hosts = run.host.iter().map(ToString::to_string).collect();
            let kept = self.shop.store.post_notice(&notice).await;
            kept.map_err(|error| error.to_string())?;
        }
        let said = format!("queued for {}", to.join(", "));
        self.write(&[line(said.clone())], "").await;
        Ok(Ended::new(Status::Success, said))
    }
}

/// How a run goes: what failed so far, and why.
fn standing(run: &Run) -> String {
    let failed = run.steps.iter().filter(|step| step.status.is_bad());
    let failed: Vec<String> = failed
        .map(|step| format!("{}: {}: {}", step.name, step.status, step.detail))
        .collect();
    if failed.is_empty() {
        "all went well so far".to_owned()
    } else {
        format!("it failed\n{}", failed.join("\n"))
    }
}
