//! What is seen from the machine of an nginx: who it is, which servers can be reached, and what they still have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use serde::Serialize;

use super::{Error, ErrorKind, Nginx, document::Server};
use crate::model::{Admin, Counters, ServerName, Slot, Standing, printable};

/// Who an nginx is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its version: `1.22.1`.
    pub version: String,
    /// Workers that take requests.
    pub workers: u32,
    /// Workers that end what they have.
    pub ending: u32,
}

/// What was seen of servers.
#[derive(Debug, Default)]
pub(super) struct Sights {
    up: BTreeSet<SocketAddr>,
    sessions: BTreeMap<SocketAddr, u64>,
    /// Nothing there can try a connection.
    is_blind: bool,
    /// A change was not taken to its end.
    pub is_unfinished: bool,
}

impl Sights {
    /// A server with what was seen of it.
    pub fn slot(&self, name: ServerName, server: &Server) -> Slot {
        let address = server.address();
        let is_up = address.is_none_or(|address| self.up.contains(&address)) || self.is_blind;
        let (standing, check) = match (is_up, self.is_blind || address.is_none()) {
            (true, true) => (Standing::Up, "not tried"),
            (true, false) => (Standing::Up, "L4OK"),
            (false, _) => (Standing::Down, "L4CON"),
        };
        let sessions = address
            .and_then(|address| self.sessions.get(&address))
            .copied();
        Slot {
            name,
            address,
            admin: server.admin,
            standing: match server.admin {
                Admin::Maintenance => Standing::Down,
                Admin::Ready | Admin::Drain => standing,
            },
            checked: true,
            check: Arc::from(check),
            weight: server.weight.into(),
            sessions: sessions.unwrap_or(0),
            queue: 0,
            counters: Counters::default(),
        }
    }
}

/// An address as the kernel's table of connections has it; none for those of IPv6, which are not looked for.
fn in_table(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    let [a, b, c, d] = ip.octets();
    Some(format!(
        "{d:02X}{c:02X}{b:02X}{a:02X}:{:04X}",
        address.port()
    ))
}

impl Nginx {
    /// Who it is, and whether it runs.
    ///
    /// # Errors
    /// When its machine cannot be reached, or no nginx runs there.
    pub async fn about(&self) -> Result<About, Error> {
        let script = format!(
            "PATH=$PATH:/usr/sbin:/usr/local/sbin\n\
             nginx -v 2>&1 | sed -n 's|.*nginx/||p' | head -n 1 | sed 's/^/wharf-version /'\n\
             m=$(cat {pid}) || {{ echo 'there is no {pid}: it does not run'; exit 1; }}\n\
             [ -e /proc/$m ] || {{ echo \"it does not run: nobody is $m\"; exit 1; }}\n\
             for p in $(cat /proc/$m/task/$m/children); do tr '\\0' ' ' </proc/$p/cmdline 2>/dev/null | sed 's/^/wharf-worker /'; echo; done",
            pid = self.own.pid
        );
        let doing = "asking who it is";
        let said = self.reach.run(&self.spec.machine, &script).await;
        let said = said.map_err(|trouble| self.of_machine(doing, &trouble))?;
        let mut about = About {
            version: String::new(),
            workers: 0,
            ending: 0,
        };
        for line in said.lines() {
            if let Some(version) = line.strip_prefix("wharf-version ") {
                about.version = printable(version.trim());
            }
            if let Some(worker) = line.strip_prefix("wharf-worker ") {
                if worker.contains("shutting") {
                    about.ending += 1;
                } else if worker.contains("worker") {
                    about.workers += 1;
                }
            }
        }
        if about.workers == 0 {
            return Err(self.error(ErrorKind::Offline, doing, "it has no workers"));
        }
        Ok(about)
    }

    /// Looks at servers from its machine.
    pub(super) async fn see(&self, addresses: &[SocketAddr]) -> Result<Sights, Error> {
        let mut all = addresses.to_vec();
        all.sort_unstable();
        all.dedup();
        let (dir, base) = self
            .own
            .file
            .rsplit_once('/')
            .unwrap_or(("", &self.own.file));
        let mut script = format!(
            "for m in old none; do [ -e '{dir}/.{base}.wharf-'$m ] && echo wharf-unfinished; done\n\
             if command -v bash >/dev/null; then try() {{ timeout 2 bash -c \": </dev/tcp/$1/$2\" 2>/dev/null; }}\n\
             elif command -v nc >/dev/null; then try() {{ nc -z -w 2 \"$1\" \"$2\"; }}\n\
             else try() {{ false; }}; echo wharf-blind; fi\n"
        );
        for address in &all {
            let (ip, port) = (address.ip(), address.port());
            let _ = writeln!(script, "try {ip} {port} && echo 'wharf-up {address}' &");
        }
        let patterns: Vec<String> = all.iter().filter_map(|one| in_table(*one)).collect();
        if !patterns.is_empty() {
            let _ = writeln!(
                script,
                "grep -oE ' ({}) 01 ' /proc/net/tcp | sed 's/^/wharf-has/'",
                patterns.join("|")
            );
        }
        script.push_str("wait\ntrue");
        let said = self.reach.run(&self.spec.machine, &script).await;
        let said = said.map_err(|trouble| self.of_machine("looking at servers", &trouble))?;
        let mut sights = Sights::default();
        for line in said.lines() {
            match line.trim().split_once(' ') {
                None if line == "wharf-blind" => sights.is_blind = true,
                None if line == "wharf-unfinished" => sights.is_unfinished = true,
                Some(("wharf-up", address)) => sights.up.extend(address.parse::<SocketAddr>()),
                Some(("wharf-has", rest)) => {
                    let of = all
                        .iter()
                        .find(|one| in_table(**one).is_some_and(|text| rest.starts_with(&text)));
                    if let Some(address) = of {
                        *sights.sessions.entry(*address).or_default() += 1;
                    }
                }
                Some(_) | None => {}
            }
        }
        Ok(sights)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn an_address_is_written_as_the_kernel_does() {
        let of = |text: &str| in_table(text.parse().unwrap());
        assert_eq!(of("10.77.0.1:18100").unwrap(), "01004D0A:46B4");
        assert_eq!(of("[::1]:80"), None);
    }
}
