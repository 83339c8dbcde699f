//! What an inspection says of a container, read leniently: engines differ, and a missing part is no error.

use serde_json::Value;

use crate::model::Timestamp;

/// What is shown of an inspection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Its full id.
    pub id: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The image as its creator named it.
    pub image: String,
    /// The id of that image.
    pub image_id: String,
    /// The state of its main process.
    pub run: Run,
    /// What is run first.
    pub entrypoint: Vec<String>,
    /// Its arguments, or the command itself.
    pub command: Vec<String>,
    /// Hostname, user, working directory and the like, as far as they are set.
    pub setup: Vec<(&'static str, String)>,
    /// When the engine starts it again.
    pub restart_policy: String,
    /// What it may use at most; empty when nothing is limited.
    pub limits: Vec<(&'static str, String)>,
    /// What it may do beyond, or less than, an ordinary container.
    pub rights: Vec<(&'static str, String)>,
    /// Its ports, and where the host publishes them.
    pub ports: Vec<String>,
    /// Its volumes and bind mounts.
    pub mounts: Vec<Mount>,
    /// The networks it is attached to.
    pub networks: Vec<Attachment>,
    /// The mode of its network: `bridge`, `host`, `container:…`.
    pub network_mode: String,
    /// Its environment, in order; none for a name without a value.
    pub env: Vec<(String, Option<String>)>,
    /// Its labels, by name.
    pub labels: Vec<(String, String)>,
    /// How its health is checked.
    pub check: Option<Check>,
    /// It was not inspected: what is missing here is not known.
    pub is_partial: bool,
}

/// The state of the main process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Its process number on the host, while it lives.
    pub pid: Option<i64>,
    /// The exit code of the last run.
    pub exit: Option<i64>,
    /// The kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Why the engine could not start it.
    pub error: String,
    /// When the last run began.
    pub started: Option<Timestamp>,
    /// When the last run ended.
    pub finished: Option<Timestamp>,
    /// How often the engine restarted it.
    pub restarts: Option<i64>,
}

/// A volume or a bind mount.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mount {
    /// `volume`, `bind`, `tmpfs` …
    pub kind: String,
    /// The volume's name, or the path on the host.
    pub source: String,
    /// Where it is in the container.
    pub destination: String,
    /// Whether the container may write to it.
    pub writable: bool,
    /// Driver and mode, as far as they say something.
    pub more: String,
}

/// A network, as the container sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attachment {
    /// The network's name.
    pub network: String,
    /// Its addresses on it, with the length of the prefix.
    pub addresses: Vec<String>,
    /// The way out.
    pub gateway: String,
    /// Its hardware address.
    pub mac: String,
    /// The names by which others find it there.
    pub aliases: Vec<String>,
}

/// How health is checked, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// The command.
    pub test: Vec<String>,
    /// How often, how long at most, how many failures, how long after a start: what is set.
    pub timing: Vec<(&'static str, String)>,
    /// `healthy`, `unhealthy`, `starting`.
    pub status: String,
    /// How many checks failed one after another.
    pub failing: i64,
    /// The last checks, newest first.
    pub rounds: Vec<Round>,
}

/// One health check.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Round {
    /// When it began.
    pub start: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<i64>,
    /// 0 when all is well.
    pub exit: i64,
    /// What it printed.
    pub output: String,
}

impl Facts {
    /// Reads an inspection.
    pub fn read(json: &Value) -> Self {
        Self {
            id: text(json, "/Id"),
            created: moment(json, "/Created"),
            image: text(json, "/Config/Image"),
            image_id: text(json, "/Image"),
            run: Run::read(json),
            entrypoint: words(json, "/Config/Entrypoint"),
            command: words(json, "/Config/Cmd"),
            setup: setup(json),
            restart_policy: restart_policy(json),
            limits: super::limits::limits(json),
            rights: super::limits::rights(json),
            ports: ports(json),
            mounts: list(json, "/Mounts").iter().map(Mount::read).collect(),
            networks: networks(json),
            network_mode: text(json, "/HostConfig/NetworkMode"),
            env: words(json, "/Config/Env")
                .into_iter()
                .map(variable)
                .collect(),
            labels: labels(json),
            check: Check::read(json),
            is_partial: false,
        }
    }
}

impl Run {
    fn read(json: &Value) -> Self {
        Self {
            pid: number(json, "/State/Pid").filter(|pid| *pid > 0),
            exit: number(json, "/State/ExitCode"),
            oom_killed: flag(json, "/State/OOMKilled"),
            error: text(json, "/State/Error"),
            started: moment(json, "/State/StartedAt"),
            finished: moment(json, "/State/FinishedAt"),
            restarts: number(json, "/RestartCount"),
        }
    }
}

impl Mount {
    fn read(json: &Value) -> Self {
        let name = text(json, "/Name");
        let source = if name.is_empty() {
            text(json, "/Source")
        } else {
            name
        };
        let driver = text(json, "/Driver");
        let more = [
            driver.as_str(),
            &text(json, "/Mode"),
            &text(json, "/Propagation"),
        ]
        .into_iter()
        .filter(|word| !matches!(*word, "" | "local" | "rw" | "ro" | "z" | "rprivate"))
        .collect::<Vec<_>>()
        .join(", ");
        Self {
            kind: text(json, "/Type"),
            source,
            destination: text(json, "/Destination"),
            writable: json.pointer("/RW").and_then(Value::as_bool).unwrap_or(true),
            more,
        }
    }
}

impl Check {
    /// None when there is neither a check nor a result of one.
    fn read(json: &Value) -> Option<Self> {
        // Podman 4 calls it Healthcheck.
        let state = json
            .pointer("/State/Health")
            .or_else(|| json.pointer("/State/Healthcheck"));
        let test = words(json, "/Config/Healthcheck/Test");
        if test.first().is_some_and(|word| word == "NONE") || (test.is_empty() && state.is_none()) {
            return None;
        }
        let state = state.unwrap_or(&Value::Null);
        let mut rounds: Vec<Round> = list(state, "/Log").iter().map(Round::read).collect();
        rounds.reverse();
        Some(Self {
            test: test
                .into_iter()
                .filter(|word| !matches!(word.as_str(), "CMD" | "CMD-SHELL"))
                .collect(),
            timing: timing(json),
            status: text(state, "/Status"),
            failing: number(state, "/FailingStreak").unwrap_or(0),
            rounds,
        })
    }
}

impl Round {
    fn read(json: &Value) -> Self {
        let (start, end) = (moment(json, "/Start"), moment(json, "/End"));
        let took = start
            .zip(end)
            .map(|(start, end)| end.as_millisecond() - start.as_millisecond());
        Self {
            start,
            took_ms: took.filter(|ms| *ms >= 0),
            exit: number(json, "/ExitCode").unwrap_or(0),
            output: text(json, "/Output").trim_end().to_owned(),
        }
    }
}

fn timing(json: &Value) -> Vec<(&'static str, String)> {
    let of =
        |key: &str| number(json, &format!("/Config/Healthcheck/{key}")).filter(|value| *value > 0);
    let time = |key| of(key).map(|nanos| duration(nanos / 1_000_000));
    [
        ("every", time("Interval")),
        ("timeout", time("Timeout")),
        ("retries", of("Retries").map(|count| count.to_string())),
        ("start period", time("StartPeriod")),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

/// Milliseconds as people say them.
pub fn duration(ms: i64) -> String {
    match ms {
        ..1000 => format!("{ms}ms"),
        1000..60_000 if ms % 1000 != 0 => format!("{}.{}s", ms / 1000, ms % 1000 / 100),
        _ => crate::model::span(ms / 1000),
    }
}

fn restart_policy(json: &Value) -> String {
    let name = text(json, "/HostConfig/RestartPolicy/Name");
    let most = number(json, "/HostConfig/RestartPolicy/MaximumRetryCount").unwrap_or(0);
    match name.as_str() {
        "" | "no" if flag(json, "/HostConfig/AutoRemove") => "no; removed when it ends".into(),
        "" | "no" => "no".into(),
        "on-failure" if most > 0 => format!("on-failure, {most} times at most"),
        _ => name,
    }
}

fn setup(json: &Value) -> Vec<(&'static str, String)> {
    let terminal = if flag(json, "/Config/Tty") { "yes" } else { "" };
    let signal = text(json, "/Config/StopSignal");
    let grace = number(json, "/Config/StopTimeout").map(|seconds| format!("{seconds}s"));
    let stop = [Some(signal), grace]
        .into_iter()
        .flatten()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>();
    let init = if flag(json, "/HostConfig/Init") {
        "yes"
    } else {
        ""
    };
    [
        ("hostname", text(json, "/Config/Hostname")),
        ("user", text(json, "/Config/User")),
        ("directory", text(json, "/Config/WorkingDir")),
        ("stop", stop.join(" after ")),
        ("terminal", terminal.to_owned()),
        ("init", init.to_owned()),
        ("log driver", text(json, "/HostConfig/LogConfig/Type")),
        ("platform", text(json, "/Platform")),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .collect()
}

fn ports(json: &Value) -> Vec<String> {
    let Some(Value::Object(all)) = json.pointer("/NetworkSettings/Ports") else {
        return Vec::new();
    };
    let mut ports: Vec<(u32, String)> = Vec::new();
    for (inner, bound) in all {
        let order = inner
            .split('/')
            .next()
            .and_then(|port| port.parse().ok())
            .unwrap_or(u32::MAX);
        let bound: Vec<&Value> = bound
            .as_array()
            .map(|all| all.iter().collect())
            .unwrap_or_default();
        if bound.is_empty() {
            ports.push((order, inner.clone()));
        }
        let everywhere = |ip: &str| matches!(ip, "" | "0.0.0.0" | "::");
        let mut seen: Vec<String> = Vec::new();
        for one in bound {
            let (ip, port) = (text(one, "/HostIp"), text(one, "/HostPort"));
            let outer = match &*ip {
                ip if everywhere(ip) => port,
                ip if ip.contains(':') => format!("[{ip}]:{port}"),
                ip => format!("{ip}:{port}"),
            };
            if !seen.contains(&outer) {
                ports.push((order, format!("{outer} → {inner}")));
                seen.push(outer);
            }
        }
    }
    ports.sort();
    ports.into_iter().map(|(_, text)| text).collect()
}

fn networks(json: &Value) -> Vec<Attachment> {
    let Some(Value::Object(all)) = json.pointer("/NetworkSettings/Networks") else {
        return Vec::new();
    };
    let address = |one: &Value, ip: &str, length: &str| {
        let ip = text(one, ip);
        let length = number(one, length).unwrap_or(0);
        (!ip.is_empty()).then(|| {
            if length > 0 {
                format!("{ip}/{length}")
            } else {
                ip
            }
        })
    };
    all.iter()
        .map(|(name, one)| Attachment {
            network: name.clone(),
            addresses: [
                address(one, "/IPAddress", "/IPPrefixLen"),
                address(one, "/GlobalIPv6Address", "/GlobalIPv6PrefixLen"),
            ]
            .into_iter()
            .flatten()
            .collect(),
            gateway: text(one, "/Gateway"),
            mac: text(one, "/MacAddress"),
            aliases: words(one, "/Aliases"),
        })
        .collect()
}

fn labels(json: &Value) -> Vec<(String, String)> {
    let Some(Value::Object(all)) = json.pointer("/Config/Labels") else {
        return Vec::new();
    };
    let mut labels: Vec<(String, String)> = all
        .iter()
        .map(|(key, value)| (key.clone(), plain(value)))
        .collect();
    labels.sort();
    labels
}

fn variable(text: String) -> (String, Option<String>) {
    match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
        None => (text, None),
    }
}

/// The text at a place; empty when there is none.
pub(super) fn text(json: &Value, place: &str) -> String {
    json.pointer(place).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The number at a place, also when it is written as text.
pub(super) fn number(json: &Value, place: &str) -> Option<i64> {
    let value = json.pointer(place)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Whether it says true there.
pub(super) fn flag(json: &Value, place: &str) -> bool {
    json.pointer(place)
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// The words at a place: a list of texts, or one text (as Podman writes an entrypoint).
pub(super) fn words(json: &Value, place: &str) -> Vec<String> {
    match json.pointer(place) {
        Some(Value::Array(all)) => all.iter().map(plain).collect(),
        Some(Value::String(one)) if !one.is_empty() => vec![one.clone()],
        _ => Vec::new(),
    }
}

fn list<'j>(json: &'j Value, place: &str) -> &'j [Value] {
    json.pointer(place)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A moment; Docker writes the year 1 for never.
fn moment(json: &Value, place: &str) -> Option<Timestamp> {
    let at: Timestamp = json.pointer(place)?.as_str()?.parse().ok()?;
    (at > Timestamp::UNIX_EPOCH).then_some(at)
}
