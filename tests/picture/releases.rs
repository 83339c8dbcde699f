//! The releases of an app of the fleet for pictures, with one on its way.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use wharf::model::{
    Container, Event, Fleet, HostName, Share, Timestamp,
    app::{AppName, ImageReference, Service, ServiceName, Spec},
    release::{
        Deploys, Gray, Held, History, Open, Phase, Pin, Policy, Release, ReleaseNumber, Rollout,
        Scope, Target, Wish,
    },
};

/// Number, age in hours, the versions of `web`, `api` and `worker`, the source, the reason.
type Made<'m> = (u32, i64, [&'m str; 3], &'m str, Option<&'m str>);

const RELEASES: [Made<'_>; 5] = [
    (
        42,
        0,
        ["4.13.0", "4.12.0", "4.12.1"],
        "shop.yaml",
        Some("CHG-4502 new checkout"),
    ),
    (
        41,
        50,
        ["4.12.0", "4.12.0", "4.11.3"],
        "shop.yaml",
        Some("CHG-4487"),
    ),
    (
        40,
        146,
        ["4.11.3", "4.11.3", "4.11.3"],
        "r000038 again",
        None,
    ),
    (
        39,
        147,
        ["4.12.0-rc1", "4.12.0-rc1", "4.11.3"],
        "shop.yaml",
        None,
    ),
    (
        38,
        290,
        ["4.11.3", "4.11.3", "4.11.3"],
        "shop.yaml",
        Some("CHG-4390"),
    ),
];

const HOSTS: [(&str, &[&str]); 4] = [
    ("web", &["ams-2", "ams-3", "fra-1", "fra-2"]),
    ("api", &["ams-1", "ams-2", "ams-3", "fra-2"]),
    ("worker", &["ams-1", "ams-3", "fra-1", "fra-2"]),
    ("redis", &["ams-1", "ams-2", "ams-3", "fra-1"]),
];

fn scope() -> Scope {
    Scope {
        app: AppName::new("shop").unwrap(),
        environment: "prod".into(),
    }
}

fn release(made: &Made<'_>, now: Timestamp) -> Arc<Release> {
    let (number, hours, [web, api, worker], source, reason) = made;
    let versions = BTreeMap::from([("web", *web), ("api", *api), ("worker", *worker)]);
    let mut spec = Spec::new(scope().app);
    let mut pins = BTreeMap::new();
    let mut targets = Vec::new();
    for (service, hosts) in HOSTS {
        let image = match versions.get(service) {
            Some(version) => format!("registry.corp.example/shop/{service}:{version}"),
            None => "redis:7.2-alpine".to_owned(),
        };
        let digits = image.bytes().fold(7_u64, |sum, byte| {
            sum.wrapping_mul(0x0100_0000_01b3)
                .wrapping_add(u64::from(byte))
        });
        let (name, image) = (
            ServiceName::new(service).unwrap(),
            ImageReference::new(&image).unwrap(),
        );
        let described = Service {
            image: Some(image.clone()),
            ..Service::default()
        };
        spec.services.insert(name.clone(), described);
        let pin = Pin {
            image,
            digest: Some(format!("sha256:{digits:016x}{digits:048x}")),
            id: None,
        };
        pins.insert(name.clone(), pin);
        targets.extend(hosts.iter().map(|host| Target {
            service: name.clone(),
            replica: 1,
            host: HostName::new(host),
        }));
    }
    Arc::new(Release {
        scope: scope(),
        number: ReleaseNumber(*number),
        spec,
        pins,
        targets,
        stack: None,
        fronts: BTreeMap::new(),
        at: Timestamp::from_second(now.as_second() - hours * 3_600 - 372).unwrap(),
        by: "ann@ops-1".to_owned(),
        source: (*source).to_owned(),
        reason: reason.map(str::to_owned),
    })
}

fn held(release: &Release, phase: Phase, detail: &str) -> Held {
    Held {
        scope: scope(),
        number: release.number,
        phase,
        wish: Wish::Go,
        by: release.by.clone(),
        since: release.at,
        detail: detail.to_owned(),
        seconds_left: 21,
    }
}

/// Gives the containers of the app their release, and tells its deploys.
pub fn deployed(fleet: &mut Fleet, now: Timestamp) {
    let all = RELEASES.map(|made| release(&made, now));
    let [new, current, before, ..] = &all;
    let changed: Vec<(HostName, Container)> = fleet
        .containers()
        .filter(|(host, one)| host.environment() == "prod" && one.app.as_deref() == Some("shop"))
        .filter_map(|(host, one)| {
            let service = one.service.as_deref()?;
            let of = match (service, host.name().as_str()) {
                // Somebody started it by hand.
                ("redis", "fra-1") => return None,
                // It was not there when the release came.
                ("api", "fra-2") => before,
                // New already.
                ("web", "ams-2" | "ams-3") => new,
                _ => current,
            };
            let mut one = one.clone();
            one.release = Some(of.number);
            let name = ServiceName::new(service).ok()?;
            one.print = of.print(&name);
            let pin = of.pins.get(&name)?;
            one.image = Arc::from(pin.image.as_str());
            Some((host.name().clone(), one))
        })
        .collect();
    for (host, one) in changed {
        fleet.apply(Event::Container(host, Box::new(one)));
    }
    let steps = [5, 25, 50].into_iter().filter_map(Share::new).collect();
    let rollout = Rollout {
        release: new.clone(),
        previous: Some(current.clone()),
        policy: Policy {
            gray: Some(Gray {
                steps,
                every: Duration::from_mins(10),
                requests: 200,
            }),
            ..Policy::default()
        },
        adopt: false,
        generate: Vec::new(),
        bundle: None,
        seen: BTreeMap::new(),
        trials: BTreeMap::new(),
    };
    let judge = "web at 25% for 4m10s more: 812 requests, 1 failed, 12 ms; beside 2430 requests, 2 failed, 11 ms: success";
    let mut told = [
        (Phase::Rolling, judge),
        (Phase::Succeeded, ""),
        (Phase::Succeeded, ""),
        (
            Phase::RolledBack,
            "worker.1@fra-1: it ended with exit code 137 (killed), 3 times",
        ),
        (Phase::Succeeded, ""),
    ]
    .into_iter();
    let releases: Vec<(Arc<Release>, Held)> = all
        .iter()
        .filter_map(|release| {
            let (phase, detail) = told.next()?;
            Some((release.clone(), held(release, phase, detail)))
        })
        .collect();
    let open = Open {
        held: releases[0].1.clone(),
        rollout: Arc::new(rollout),
    };
    fleet.apply(Event::Deploys(Box::new(Deploys {
        open: [(scope(), open)].into(),
        current: [(scope(), current.clone())].into(),
        history: Some(History {
            scope: scope(),
            releases,
        }),
    })));
}
