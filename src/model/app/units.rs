//! Amounts as Compose writes them: bytes, lengths of time, processors.

use std::time::Duration;

use super::super::size;

/// Bytes as `512`, `64m`, `1gb`, `1.5GiB`; all units are binary.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is above zero, and below what 53 bits hold exactly"
)]
pub fn bytes(text: &str) -> Option<u64> {
    let bytes = size(text.trim())?;
    (0.0..9e15).contains(&bytes).then_some(bytes as u64)
}

/// A length of time as `30s`, `1m30s`, `1h`, `500ms`, `2d`; `0` needs no unit.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let length = unit
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(unit.len());
        let each = match &unit[..length] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            "d" => 86_400e9,
            "w" => 604_800e9,
            _ => return None,
        };
        nanoseconds += number * each;
        rest = &unit[length..];
    }
    let time = Duration::try_from_secs_f64(nanoseconds / 1e9).ok()?;
    (!text.trim().is_empty()).then_some(time)
}

/// Processors as `0.5`, in billionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between zero and 1e15"
)]
pub fn nano_cpus(text: &str) -> Option<u64> {
    let cpus: f64 = text.trim().parse().ok()?;
    (0.0..1e6)
        .contains(&cpus)
        .then(|| (cpus * 1e9).round() as u64)
}

/// A truth as YAML 1.1 and 1.2 write it.
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}
