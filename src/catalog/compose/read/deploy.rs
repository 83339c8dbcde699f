//! `deploy`, and the older keys beside it that say the same.

use std::collections::BTreeMap;

use super::super::{Fields, Kind, Node};
use crate::model::app::{
    Deploy, DeployMode, DeviceRequest, Failure, Limits, Order, Placement, Resources, RestartWish,
    Told, Update,
};

/// Replicas, bounds, places and updates of a service.
pub(super) fn deploy(service: &mut Fields<'_, '_>) -> Deploy {
    let mut deploy = service
        .open_below("deploy")
        .map(section)
        .unwrap_or_default();
    let older = Limits {
        nano_cpus: service.cpus("cpus"),
        memory: service.bytes("mem_limit"),
        pids: service.number("pids_limit"),
    };
    fill(service, &mut deploy.resources.limits, older);
    let reserved = Limits {
        memory: service.bytes("mem_reservation"),
        ..Limits::default()
    };
    fill(service, &mut deploy.resources.reservations, reserved);
    let scale = service.number("scale");
    deploy.replicas = deploy.replicas.or(scale);
    deploy.resources.devices.extend(gpus(service));
    deploy
}

/// What `deploy` says counts; the older keys fill what it does not say.
fn fill(service: &mut Fields<'_, '_>, said: &mut Limits, older: Limits) {
    let differ = |said: bool, same: bool| said && !same;
    let clash = differ(
        said.memory.is_some() && older.memory.is_some(),
        said.memory == older.memory,
    ) || differ(
        said.nano_cpus.is_some() && older.nano_cpus.is_some(),
        said.nano_cpus == older.nano_cpus,
    );
    if clash {
        let at = service.at.clone();
        let what = "deploy.resources and the older keys beside it differ; deploy counts";
        service.warn(&at, "deploy.resources", what, "keep one of them");
    }
    said.memory = said.memory.or(older.memory);
    said.nano_cpus = said.nano_cpus.or(older.nano_cpus);
    said.pids = said.pids.or(older.pids);
}

fn section(mut fields: Fields<'_, '_>) -> Deploy {
    let modes = [
        ("replicated", DeployMode::Replicated),
        ("global", DeployMode::Global),
        ("replicated-job", DeployMode::ReplicatedJob),
        ("global-job", DeployMode::GlobalJob),
    ];
    let deploy = Deploy {
        mode: fields.word("mode", &modes).unwrap_or_default(),
        replicas: fields.number("replicas"),
        endpoint_mode: fields.text("endpoint_mode"),
        labels: fields.labels("labels"),
        resources: fields
            .open_below("resources")
            .map(resources)
            .unwrap_or_default(),
        restart: fields.open_below("restart_policy").map(restart),
        update: fields.open_below("update_config").map(update),
        rollback: fields.open_below("rollback_config").map(update),
        placement: fields
            .open_below("placement")
            .map(placement)
            .unwrap_or_default(),
    };
    fields.done(&[]);
    deploy
}

fn resources(mut fields: Fields<'_, '_>) -> Resources {
    let mut resources = Resources::default();
    if let Some(mut limits) = fields.open_below("limits") {
        resources.limits = amounts(&mut limits);
        limits.done(&[]);
    }
    if let Some(mut kept) = fields.open_below("reservations") {
        resources.reservations = amounts(&mut kept);
        if let Some(node) = kept.take("devices") {
            let path = kept.below("devices");
            resources.devices = devices(node, &path, kept.told);
        }
        resources.generic = generic(&mut kept);
        kept.done(&[]);
    }
    fields.done(&[]);
    resources
}

fn amounts(fields: &mut Fields<'_, '_>) -> Limits {
    Limits {
        nano_cpus: fields.cpus("cpus"),
        memory: fields.bytes("memory"),
        pids: fields.number("pids"),
    }
}

fn devices(node: &Node, path: &str, told: &mut Vec<Told>) -> Vec<DeviceRequest> {
    let Kind::List(items) = &node.kind else {
        return Vec::new();
    };
    let one = |(index, item): (usize, &Node)| {
        let mut fields = Fields::open(item, &format!("{path}[{index}]"), told)?;
        let count = fields.take("count").and_then(Node::text) != Some("all");
        let request = DeviceRequest {
            driver: fields.text("driver"),
            count: if count { fields.number("count") } else { None },
            ids: fields.texts("device_ids"),
            capabilities: fields.texts("capabilities"),
            options: fields.labels("options"),
        };
        fields.done(&[]);
        Some(request)
    };
    items.iter().enumerate().filter_map(one).collect()
}

/// `gpus: all`, or a list as of `devices`.
fn gpus(service: &mut Fields<'_, '_>) -> Vec<DeviceRequest> {
    let Some(node) = service.take("gpus") else {
        return Vec::new();
    };
    let gpu = || vec!["gpu".to_owned()];
    if node.text() == Some("all") {
        return vec![DeviceRequest {
            capabilities: gpu(),
            ..DeviceRequest::default()
        }];
    }
    let path = service.below("gpus");
    let mut all = devices(node, &path, service.told);
    for one in &mut all {
        if one.capabilities.is_empty() {
            one.capabilities = gpu();
        }
    }
    all
}

fn generic(fields: &mut Fields<'_, '_>) -> BTreeMap<String, i64> {
    let Some(node) = fields.take("generic_resources") else {
        return BTreeMap::new();
    };
    let Kind::List(items) = &node.kind else {
        fields.wrong(
            &node.at,
            "generic_resources",
            "a list is expected",
            "begin each with '- '",
        );
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{}[{index}]", fields.below("generic_resources"));
        let Some(mut one) = Fields::open(item, &path, fields.told) else {
            continue;
        };
        if let Some(mut spec) = one.open_below("discrete_resource_spec") {
            let kind = spec.text("kind");
            let value = spec.number("value");
            spec.done(&[]);
            all.extend(kind.zip(value));
        }
        one.done(&[]);
    }
    all
}

fn restart(mut fields: Fields<'_, '_>) -> RestartWish {
    let words = [
        ("none", "none"),
        ("on-failure", "on-failure"),
        ("any", "any"),
    ];
    let wish = RestartWish {
        condition: fields.word("condition", &words).map(str::to_owned),
        delay: fields.duration("delay"),
        max_attempts: fields.number("max_attempts"),
        window: fields.duration("window"),
    };
    fields.done(&[]);
    wish
}

fn update(mut fields: Fields<'_, '_>) -> Update {
    let failures = [
        ("continue", Failure::Continue),
        ("rollback", Failure::Rollback),
        ("pause", Failure::Pause),
    ];
    let orders = [
        ("stop-first", Order::StopFirst),
        ("start-first", Order::StartFirst),
    ];
    let share = "a share from 0 to 1";
    let update = Update {
        parallelism: fields.number("parallelism"),
        delay: fields.duration("delay"),
        on_failure: fields.word("failure_action", &failures),
        monitor: fields.duration("monitor"),
        max_failure_ratio: fields.parsed("max_failure_ratio", share, |text| {
            text.parse()
                .ok()
                .filter(|share| (0.0..=1.0).contains(share))
        }),
        order: fields.word("order", &orders),
    };
    fields.done(&[]);
    update
}

fn placement(mut fields: Fields<'_, '_>) -> Placement {
    let mut placement = Placement {
        constraints: fields.texts("constraints"),
        spread: Vec::new(),
        max_per_node: fields.number("max_replicas_per_node"),
    };
    if let Some(node) = fields.take("preferences") {
        let path = fields.below("preferences");
        if let Kind::List(items) = &node.kind {
            for (index, item) in items.iter().enumerate() {
                let one = Fields::open(item, &format!("{path}[{index}]"), fields.told);
                let Some(mut one) = one else { continue };
                placement.spread.extend(one.text("spread"));
                one.done(&[]);
            }
        } else {
            fields.wrong(
                &node.at,
                "preferences",
                "a list is expected",
                "write - spread: LABEL",
            );
        }
    }
    fields.done(&[]);
    placement
}
