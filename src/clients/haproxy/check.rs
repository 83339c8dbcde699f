//! Whether a running balancer is as Wharf needs it: each point with what was seen, and what to do.

use super::{
    Balancer, Error, ErrorKind, Level,
    config::{Section, sections},
};
use crate::{
    clients::finding::{Finding, finding},
    model::{Backend, Mark},
};

impl Balancer {
    /// Looks at all of it. What cannot be seen is said, and fails nothing.
    pub async fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        match self.about().await {
            Err(error) => {
                let remedy = error.remedy.unwrap_or_default();
                found.push(finding("socket", Mark::Failed, error.why, remedy));
                return found;
            }
            Ok(about) => {
                let saw = format!("HAProxy {} on {}", about.version, about.node);
                found.push(finding("socket", Mark::Ok, saw, ""));
                let mark = if about.level == Level::Admin {
                    Mark::Ok
                } else {
                    Mark::Failed
                };
                let remedy = format!(
                    "write `level admin` behind `stats socket {}`",
                    self.spec.socket
                );
                found.push(finding("level", mark, about.level.word(), remedy));
            }
        }
        match self.backends().await {
            Ok(backends) => {
                if backends.is_empty() {
                    let remedy =
                        "write a backend with a server-template; see `wharf balancer render`";
                    found.push(finding(
                        "backends",
                        Mark::Failed,
                        "no backend has servers",
                        remedy,
                    ));
                }
                found.extend(backends.iter().flat_map(of_backend));
            }
            Err(error) => found.push(not_seen("backends", &error)),
        }
        found.push(self.check_map().await);
        found.extend(self.check_config().await);
        found
    }

    async fn check_map(&self) -> Finding {
        let Some(map) = &self.spec.map else {
            let remedy = "write map = \"/etc/haproxy/ops/canary.map\" into its [[balancer]], if canaries get shares there";
            return finding(
                "map",
                Mark::Skipped,
                "the configuration of Wharf names none",
                remedy,
            );
        };
        match self.maps().await {
            Ok(maps) if maps.contains(&map.to_string()) => match self.shares(map).await {
                Ok(shares) => finding(
                    "map",
                    Mark::Ok,
                    format!("{map} with {} keys", shares.len()),
                    "",
                ),
                Err(error) => not_seen("map", &error),
            },
            Ok(maps) => {
                let saw = match maps.as_slice() {
                    [] => "it has read no map".to_owned(),
                    some => format!("it has read {}, not {map}", some.join(", ")),
                };
                let remedy = "use the map in its configuration (see `wharf balancer render`), or correct map in [[balancer]]";
                finding("map", Mark::Failed, saw, remedy)
            }
            Err(error) => not_seen("map", &error),
        }
    }

    /// What a running `HAProxy` does not tell, from its configuration.
    async fn check_config(&self) -> Vec<Finding> {
        let path = self
            .spec
            .config
            .as_deref()
            .unwrap_or("/etc/haproxy/haproxy.cfg");
        let text = match self.reach.read(&self.spec.machine, path).await {
            Ok(text) => text,
            Err(trouble) => {
                let saw = format!("reload safety is not known: {}", trouble.reason);
                let remedy = format!(
                    "let the account that logs in there read {path}, or name another file as config of its [[balancer]]"
                );
                return vec![finding("configuration", Mark::Skipped, saw, remedy)];
            }
        };
        let all = sections(&text);
        let mut found = vec![state_file(&all, self.spec.state.as_deref())];
        found.push(templates(&all));
        let states = ["load-server-state-from-file", "global"];
        found.push(every(
            &all,
            "server states",
            Section::is_backend,
            &states,
            "a reload loses the addresses of the slots; write `load-server-state-from-file global` into defaults",
        ));
        found.push(every(
            &all,
            "kept connections",
            Section::is_frontend,
            &["option", "idle-close-on-response"],
            "a reload breaks connections that clients keep open; write `option idle-close-on-response` into the frontend",
        ));
        found
    }
}

fn of_backend(backend: &Backend) -> Vec<Finding> {
    let unchecked: Vec<String> = backend
        .slots
        .iter()
        .filter(|slot| !slot.checked)
        .map(|slot| slot.name.server.to_string())
        .collect();
    let checks = if unchecked.is_empty() {
        finding(
            &format!("checks of {}", backend.name),
            Mark::Ok,
            format!("all {} servers are checked", backend.slots.len()),
            "",
        )
    } else {
        finding(
            &format!("checks of {}", backend.name),
            Mark::Failed,
            format!(
                "{} {} not checked",
                unchecked.join(", "),
                if unchecked.len() == 1 { "is" } else { "are" }
            ),
            "write `option httpchk GET /healthz` and `default-server check inter 500ms fall 2 rise 2` into that backend",
        )
    };
    let free = backend
        .slots
        .iter()
        .filter(|slot| backend.is_free(slot))
        .count();
    let slots = finding(
        &format!("slots of {}", backend.name),
        if free == 0 { Mark::Warning } else { Mark::Ok },
        format!(
            "{} servers, {} of them take traffic, {free} are free",
            backend.slots.len(),
            backend.serving()
        ),
        "a release needs a free slot beside those in use; write a larger `server-template … disabled` and reload",
    );
    vec![checks, slots]
}

fn state_file(all: &[Section], wanted: Option<&str>) -> Finding {
    let what = "server-state-file";
    let global = all.iter().filter(|one| one.kind == "global");
    let named = global
        .flat_map(|one| {
            one.after(&["server-state-file"])
                .filter_map(<[String]>::first)
        })
        .next();
    match (named, wanted) {
        (None, _) => finding(
            what,
            Mark::Failed,
            "it reads no states of servers when it starts",
            "a reload loses the addresses of the slots; write `server-state-file /var/lib/haproxy/ops.state` into global",
        ),
        (Some(named), Some(wanted)) if named != wanted => finding(
            what,
            Mark::Failed,
            format!("it reads {named}, and `balancer save` writes {wanted}"),
            format!("write state = \"{named}\" into its [[balancer]]"),
        ),
        (Some(named), None) => finding(
            what,
            Mark::Warning,
            format!("it reads {named}, and nobody writes it"),
            format!(
                "write state = \"{named}\" into its [[balancer]], so that `wharf balancer save` can"
            ),
        ),
        (Some(named), Some(_)) => finding(what, Mark::Ok, named.as_str(), ""),
    }
}

/// Slots that the configuration gives an address have that again after a reload, with the port that they had.
fn templates(all: &[Section]) -> Finding {
    let what = "addresses of slots";
    let fixed: Vec<&str> = all
        .iter()
        .filter(|one| {
            let addresses = one
                .after(&["server-template"])
                .filter_map(|words| words.get(2));
            addresses
                .map(|text| text.rsplit_once(':').map_or(text.as_str(), |(ip, _)| ip))
                .any(|ip| {
                    ip.trim_matches(['[', ']'])
                        .parse::<std::net::IpAddr>()
                        .is_ok()
                })
        })
        .map(|one| one.name.as_str())
        .collect();
    if fixed.is_empty() {
        return finding(
            what,
            Mark::Ok,
            "no server-template has an address that a reload would bring back",
            "",
        );
    }
    finding(
        what,
        Mark::Failed,
        format!(
            "a reload brings back the address of the server-template in {}",
            fixed.join(", ")
        ),
        "give it a name instead: `server-template s 1-8 free.invalid:1 init-addr last,192.0.2.1 disabled`",
    )
}

/// Whether all sections of a kind say something.
fn every(
    all: &[Section],
    what: &str,
    is_meant: impl Fn(&Section) -> bool,
    words: &[&str],
    remedy: &str,
) -> Finding {
    let silent: Vec<String> = all
        .iter()
        .filter(|one| is_meant(one) && !one.says(words))
        .map(|one| format!("{} {}", one.kind, one.name))
        .collect();
    if silent.is_empty() {
        finding(what, Mark::Ok, words.join(" "), "")
    } else {
        let saw = format!("{} without `{}`", silent.join(", "), words.join(" "));
        finding(what, Mark::Warning, saw, remedy)
    }
}

fn not_seen(what: &str, error: &Error) -> Finding {
    let mark = match error.kind {
        ErrorKind::Offline | ErrorKind::Wrong | ErrorKind::Missing => Mark::Failed,
        ErrorKind::Login | ErrorKind::Refused => Mark::Skipped,
    };
    finding(
        what,
        mark,
        error.why.clone(),
        error.remedy.clone().unwrap_or_default(),
    )
}
