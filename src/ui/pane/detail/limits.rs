//! What an inspection says of a container's limits, and of rights beyond or below the ordinary.

use serde_json::Value;

use super::facts::{flag, number, text, words};
use crate::model::bytes;

/// What it may use at most; empty when nothing is limited.
pub fn limits(json: &Value) -> Vec<(&'static str, String)> {
    let of = |key: &str| number(json, &format!("/HostConfig/{key}")).filter(|value| *value > 0);
    let size = |key: &str| {
        of(key)
            .and_then(|value| u64::try_from(value).ok())
            .map(bytes)
    };
    [
        ("memory", size("Memory")),
        ("memory and swap", swap(json)),
        ("memory reserved", size("MemoryReservation")),
        ("cpus", cpus(json)),
        (
            "cpu set",
            Some(text(json, "/HostConfig/CpusetCpus")).filter(|set| !set.is_empty()),
        ),
        (
            "cpu shares",
            of("CpuShares").map(|shares| shares.to_string()),
        ),
        ("processes", of("PidsLimit").map(|count| count.to_string())),
        ("open files", open_files(json)),
        (
            "shared memory",
            size("ShmSize").filter(|size| size != "64.0M"),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Swap counts together with memory; −1 is without limit, and twice the memory is Docker's default.
fn swap(json: &Value) -> Option<String> {
    let memory = number(json, "/HostConfig/Memory")?;
    let both = number(json, "/HostConfig/MemorySwap")?;
    match both {
        -1 if memory > 0 => Some("unlimited".into()),
        both if both > 0 && both != memory * 2 => u64::try_from(both).ok().map(bytes),
        _ => None,
    }
}

/// As a number of processors, from `--cpus` or from quota and period.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn cpus(json: &Value) -> Option<String> {
    let of = |key: &str| number(json, &format!("/HostConfig/{key}")).filter(|value| *value > 0);
    let share = match (of("NanoCpus"), of("CpuQuota")) {
        (Some(nanos), _) => nanos as f64 / 1e9,
        (None, Some(quota)) => quota as f64 / of("CpuPeriod").unwrap_or(100_000) as f64,
        (None, None) => return None,
    };
    Some(format!("{share:.2}"))
}

fn open_files(json: &Value) -> Option<String> {
    let all = json.pointer("/HostConfig/Ulimits")?.as_array()?;
    let one = all.iter().find(|one| text(one, "/Name") == "nofile")?;
    Some(format!(
        "{} ({} hard)",
        text(one, "/Soft"),
        text(one, "/Hard")
    ))
}

/// What it may do beyond, or less than, an ordinary container.
pub fn rights(json: &Value) -> Vec<(&'static str, String)> {
    let host = |key: &str| text(json, &format!("/HostConfig/{key}")) == "host";
    let shared: Vec<&str> = [
        ("NetworkMode", "network"),
        ("PidMode", "processes"),
        ("IpcMode", "ipc"),
        ("UTSMode", "hostname"),
    ]
    .into_iter()
    .filter_map(|(key, word)| host(key).then_some(word))
    .collect();
    let said = |is: bool| if is { "yes".to_owned() } else { String::new() };
    [
        ("privileged", said(flag(json, "/HostConfig/Privileged"))),
        (
            "read-only root",
            said(flag(json, "/HostConfig/ReadonlyRootfs")),
        ),
        ("host's own", shared.join(", ")),
        ("added", words(json, "/HostConfig/CapAdd").join(", ")),
        ("dropped", words(json, "/HostConfig/CapDrop").join(", ")),
        (
            "security",
            words(json, "/HostConfig/SecurityOpt").join(", "),
        ),
        ("devices", devices(json)),
        (
            "extra hosts",
            words(json, "/HostConfig/ExtraHosts").join(", "),
        ),
        ("dns", words(json, "/HostConfig/Dns").join(", ")),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn devices(json: &Value) -> String {
    let Some(Value::Array(all)) = json.pointer("/HostConfig/Devices") else {
        return String::new();
    };
    all.iter()
        .map(|one| text(one, "/PathOnHost"))
        .collect::<Vec<_>>()
        .join(", ")
}
