//! `app autoscale`: services whose replicas follow their load, and what was decided of them last.

use serde::Serialize;

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure},
    output::Out,
    table::plain,
};
use crate::model::{
    Timestamp, ago,
    scaling::{Decision, Scaling},
    setting::written_length,
};

#[derive(Serialize)]
struct ScalingJson<'a> {
    app: &'a str,
    environment: &'a str,
    service: &'a str,
    min: u32,
    max: u32,
    metric: String,
    target: u32,
    up: String,
    down: String,
    /// Null as long as no worker looked.
    last: Option<&'a Decision>,
}

/// Answers it.
pub(super) async fn autoscale(session: &Session) -> Result<Exit, Failure> {
    let decisions = session.store().decisions().await?;
    let last = |one: &Scaling| {
        let key = one.key();
        let mut all = decisions.iter();
        all.find(|(of, _)| *of == key).map(|(_, decision)| decision)
    };
    let all = &session.config.scalings;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(all.iter().map(|one| ScalingJson {
            app: one.scope.app.as_str(),
            environment: &one.scope.environment,
            service: one.service.as_str(),
            min: one.min,
            max: one.max,
            metric: one.metric.to_string(),
            target: one.target,
            up: written_length(one.up),
            down: written_length(one.down),
            last: last(one),
        }))?,
        Output::Name => out.lines(all.iter().map(Scaling::key))?,
        Output::Table | Output::Wide => {
            let now = Timestamp::now();
            let rows = all.iter().map(|one| row(one, last(one), now));
            let titles = [
                "APP",
                "ENV",
                "SERVICE",
                "NOW",
                "BOUNDS",
                "BY",
                "LAST LOOK",
                "DECISION",
            ];
            out.lines(plain(&titles, "   >  > ", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn row(one: &Scaling, last: Option<&Decision>, now: Timestamp) -> Vec<String> {
    let decided = match last {
        None => "no worker has looked yet".to_owned(),
        Some(Decision {
            to: Some(to), why, ..
        }) => format!("to {to}: {why}"),
        Some(Decision { why, .. }) => format!("stays: {why}"),
    };
    vec![
        one.scope.app.to_string(),
        one.scope.environment.to_string(),
        one.service.to_string(),
        last.map_or_else(String::new, |last| last.replicas.to_string()),
        format!("{} to {}", one.min, one.max),
        format!("{} {}", one.metric, one.written(one.target.into())),
        last.map_or_else(String::new, |last| ago(now, last.at)),
        decided,
    ]
}
