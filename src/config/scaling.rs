//! `[[autoscale]]`: services whose replicas follow their load.

use std::{sync::Arc, time::Duration};

use super::document::Section;
use crate::model::{
    app::{AppName, ServiceName},
    release::Scope,
    scaling::{Metric, Scaling},
};

const UNTIL: &str = "until then it is not scaled";

/// Reads one, and adds it to those that are known.
pub(super) fn read(section: &mut Section<'_, '_>, known: &mut Vec<Scaling>) {
    let (app, service) = (section.text("app"), section.text("service"));
    let environment = section.text("environment").unwrap_or_default();
    if let (Some(app), Some(service)) = (&app, &service) {
        section.rename(format!("[[autoscale]] {app} {service}"));
    }
    let count = |number: Option<i64>| number.and_then(|one| u32::try_from(one).ok());
    let min = count(section.number("min", 0..1001));
    let max = count(section.number("max", 1..1001));
    let cpu = count(section.number("cpu", 1..10_001));
    let queue = count(section.number("queue", 1..100_001));
    let backend = section.text("backend");
    let hosts = section.texts("hosts");
    let up = section.duration("up").unwrap_or(Duration::from_mins(1));
    let down = section.duration("down").unwrap_or(Duration::from_mins(10));
    let names = app.as_deref().and_then(|app| AppName::new(app).ok()).zip(
        service
            .as_deref()
            .and_then(|one| ServiceName::new(one).ok()),
    );
    let Some((app, service)) = names else {
        let remedy = format!("write app = \"shop\" and service = \"web\"; {UNTIL}");
        return section.complain("needs an app and a service", remedy);
    };
    let (Some(min), Some(max)) = (min, max) else {
        let remedy = format!("write min = 2 and max = 6; {UNTIL}");
        return section.complain("needs the fewest and the most replicas", remedy);
    };
    if min > max {
        return section.complain_of("min", "is more than max", UNTIL);
    }
    let at = backend.as_deref().and_then(|text| text.split_once(':'));
    let (metric, target) = match (cpu, queue, at) {
        (Some(cpu), None, None) if backend.is_none() => (Metric::Cpu, cpu),
        (None, Some(queue), Some((balancer, backend))) => {
            let metric = Metric::Queue {
                balancer: Arc::from(balancer),
                backend: Arc::from(backend),
            };
            (metric, queue)
        }
        _ => {
            let remedy = format!(
                "write either cpu = 70, or queue = 4 and backend = \"edge:shop_stable\"; {UNTIL}"
            );
            return section.complain("does not say by what", remedy);
        }
    };
    let scaling = Scaling {
        scope: Scope {
            app,
            environment: environment.as_str().into(),
        },
        service,
        hosts,
        min,
        max,
        metric,
        target,
        up,
        down,
    };
    if known.iter().any(|one| one.key() == scaling.key()) {
        return section.complain("is there twice", "remove one; only the first counts");
    }
    known.push(scaling);
}
