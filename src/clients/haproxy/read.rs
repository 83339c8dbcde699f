//! Reads what the admin socket prints: tables by the names of their columns, whatever their order and number.

use std::{collections::HashMap, net::IpAddr, net::SocketAddr, sync::Arc};

use serde::Serialize;

use crate::model::{Admin, Backend, Counters, ServerName, Slot, Standing, printable};

/// Bits of `srv_admin_state` that keep a server out: by order, with another server, by a name that does not resolve.
/// (Bit 4 says only that the configuration began with `disabled`.)
const MAINTENANCE: u32 = 0x63;
/// Bits of `srv_admin_state` of a server that takes nothing new.
const DRAIN: u32 = 0x18;
/// Bits of `srv_check_state` of a server that is checked: configured, and not switched off.
const CHECKED: u32 = 0x06;
/// `type` of a row of `show stat`.
const OF_BACKEND: &str = "1";
const OF_SERVER: &str = "2";

/// Who a balancer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct About {
    /// Its version: `2.6.12-1+deb12u4`.
    pub version: String,
    /// How long it has been up, in seconds: since its start or its last reload.
    pub uptime: u64,
    /// The machine as it calls itself.
    pub node: String,
    /// Connections now.
    pub connections: u64,
    /// What its socket lets us do.
    pub level: Level,
}

/// What an admin socket lets its users do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Look at what is harmless.
    User,
    /// Look at everything.
    Operator,
    /// Everything.
    Admin,
}

impl Level {
    /// As `HAProxy` calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Reads `show info` and `show cli level`.
pub(super) fn about(info: &str, level: &str) -> Result<About, String> {
    let facts: HashMap<&str, &str> = info
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let number = |key: &str| {
        facts
            .get(key)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    if facts.get("Name") != Some(&"HAProxy") {
        return Err("what answers there is no HAProxy".to_owned());
    }
    let level = match level.trim() {
        "admin" => Level::Admin,
        "operator" => Level::Operator,
        "user" => Level::User,
        other => {
            return Err(format!(
                "its socket is of an unknown level: {}",
                printable(other)
            ));
        }
    };
    Ok(About {
        version: facts
            .get("Version")
            .copied()
            .map(printable)
            .unwrap_or_default(),
        uptime: number("Uptime_sec"),
        node: facts
            .get("node")
            .copied()
            .map(printable)
            .unwrap_or_default(),
        connections: number("CurrConns"),
        level,
    })
}

/// Reads `show map`: `0 (/etc/haproxy/ops/canary.map) pattern loaded …`; in the order of its ids.
pub(super) fn maps(text: &str) -> Vec<String> {
    let files = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (_, rest) = line.split_once(" (")?;
            let (file, _) = rest.split_once(')')?;
            (!file.is_empty()).then(|| file.to_owned())
        });
    files.collect()
}

/// Reads `show map FILE`: `0x557211358940 shop 25`.
pub(super) fn map(text: &str) -> Vec<(String, String)> {
    let entries = text.lines().filter_map(|line| {
        let (_, entry) = line.split_once(' ')?;
        let (key, value) = entry.split_once(' ')?;
        Some((printable(key), printable(value.trim())))
    });
    entries.collect()
}

/// Reads `show servers state` and `show stat` into backends that have servers.
pub(super) fn backends(states: &str, stat: &str) -> Result<Vec<Backend>, String> {
    let states = States::read(states)?;
    let table = Table::read(stat)?;
    let mut backends: Vec<Backend> = Vec::new();
    let mut servers: HashMap<Arc<str>, Vec<Slot>> = HashMap::new();
    for row in table.rows() {
        match row.text("type") {
            OF_SERVER => {
                let Some(slot) = slot(&row, &states)? else {
                    continue;
                };
                let of_backend = servers.entry(slot.name.backend.clone()).or_default();
                of_backend.push(slot);
            }
            OF_BACKEND => backends.push(Backend {
                name: Arc::from(row.text("pxname")),
                slots: Vec::new(),
                elastic: false,
                queue: row.number("qcur"),
                sessions: row.number("scur"),
                counters: counters(&row),
            }),
            _ => {}
        }
    }
    for backend in &mut backends {
        backend.slots = servers.remove(&backend.name).unwrap_or_default();
    }
    backends.retain(|backend| !backend.slots.is_empty());
    Ok(backends)
}

/// One server; none where the two answers do not agree on it: it was added or removed between them.
fn slot(row: &Row<'_>, states: &States<'_>) -> Result<Option<Slot>, String> {
    let (backend, server) = (row.text("pxname"), row.text("svname"));
    let Some(state) = states.servers.get(&(backend, server)) else {
        return Ok(None);
    };
    let field = |name: &str| states.field(state, name);
    let number = |name: &str| -> Result<u32, String> {
        let text = field(name)?;
        text.parse()
            .map_err(|_| format!("{name} of {backend}/{server} is {text:?}"))
    };
    let ip: Option<IpAddr> = field("srv_addr")?.parse().ok();
    let port: Option<u16> = field("srv_port")?.parse().ok();
    let admin = match number("srv_admin_state")? {
        bits if bits & MAINTENANCE != 0 => Admin::Maintenance,
        bits if bits & DRAIN != 0 => Admin::Drain,
        _ => Admin::Ready,
    };
    let standing = match number("srv_op_state")? {
        0 => Standing::Down,
        1 => Standing::Starting,
        2 => Standing::Up,
        3 => Standing::Stopping,
        other => return Err(format!("srv_op_state of {backend}/{server} is {other}")),
    };
    let check = format!("{} {}", row.text("check_status"), row.text("last_chk"));
    Ok(Some(Slot {
        name: ServerName {
            backend: Arc::from(backend),
            server: Arc::from(server),
        },
        address: ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port)),
        admin,
        standing,
        checked: number("srv_check_state")? & CHECKED == CHECKED,
        check: Arc::from(printable(check.trim().trim_start_matches("* "))),
        weight: number("srv_uweight")?,
        sessions: row.number("scur"),
        queue: row.number("qcur"),
        counters: counters(row),
    }))
}

fn counters(row: &Row<'_>) -> Counters {
    let answers = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];
    let answered = answers
        .iter()
        .map(|kind| row.number(&format!("hrsp_{kind}")))
        .sum();
    // Servers do not count requests, and backends that look into none have no answers to count.
    let requests = match (row.text("mode"), row.text("req_tot")) {
        ("http", "") => answered,
        ("http", total) => total.parse().unwrap_or(answered),
        _ => row.number("stot"),
    };
    Counters {
        requests,
        errors_5xx: row.number("hrsp_5xx"),
        connect_errors: row.number("econ"),
        response_errors: row.number("eresp"),
        retries: row.number("wretr"),
        connect_ms: row.number("ctime"),
        response_ms: row.number("rtime"),
        total_ms: row.number("ttime"),
    }
}

/// `show servers state`, version 1: a number, a line of names, a line of values for each server.
struct States<'t> {
    columns: HashMap<&'t str, usize>,
    servers: HashMap<(&'t str, &'t str), Vec<&'t str>>,
}

impl<'t> States<'t> {
    fn read(text: &'t str) -> Result<Self, String> {
        let mut lines = text.lines();
        let version = lines.next().unwrap_or_default().trim();
        if version != "1" {
            return Err(format!(
                "states of servers of version {:?}",
                printable(version)
            ));
        }
        let head = lines.next().and_then(|line| line.strip_prefix("# "));
        let head = head.ok_or("the states of servers have no names")?;
        let columns = head
            .split(' ')
            .enumerate()
            .map(|(at, name)| (name, at))
            .collect();
        let mut states = Self {
            columns,
            servers: HashMap::new(),
        };
        for line in lines.filter(|line| !line.is_empty()) {
            let fields: Vec<&str> = line.split(' ').collect();
            let name = (
                states.field(&fields, "be_name")?,
                states.field(&fields, "srv_name")?,
            );
            states.servers.insert(name, fields);
        }
        Ok(states)
    }

    fn field(&self, fields: &[&'t str], name: &str) -> Result<&'t str, String> {
        let at = self
            .columns
            .get(name)
            .ok_or_else(|| format!("there is no {name}"))?;
        let value = fields.get(*at).copied();
        value.ok_or_else(|| format!("a server has no {name}"))
    }
}

/// `show stat`: comma separated values below a line of names that begins with `# `.
struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

/// A row of it.
struct Row<'t> {
    columns: &'t HashMap<String, usize>,
    fields: &'t [String],
}

impl Table {
    fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let head = lines.next().and_then(|line| line.strip_prefix("# "));
        let head = head.ok_or("the statistics have no names")?;
        let columns = fields(head).into_iter().enumerate();
        Ok(Self {
            columns: columns.map(|(at, name)| (name, at)).collect(),
            rows: lines.filter(|line| !line.is_empty()).map(fields).collect(),
        })
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|fields| Row {
            columns: &self.columns,
            fields,
        })
    }
}

impl Row<'_> {
    fn text(&self, name: &str) -> &str {
        let field = self.columns.get(name).and_then(|at| self.fields.get(*at));
        field.map_or("", String::as_str)
    }

    /// What is empty was not counted, and is 0.
    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }
}

/// The fields of a line; quoted ones may hold commas, and two quotes for one.
fn fields(line: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    all.push(field);
    all
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const STATES: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight \
        srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state \
        srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port \
        srv_check_addr srv_agent_addr srv_agent_port\n\
        3 shop 1 s1 10.0.0.7 2 0 30 1 99 6 3 4 6 0 0 0 - 8080 - 0 0 - - 0\n\
        3 shop 2 s2 10.0.0.8 0 12 1 1 9 6 0 0 6 0 0 0 - 8080 - 0 0 - - 0\n\
        3 shop 3 s3 192.0.2.1 0 5 1 1 9 1 0 0 14 0 0 0 - 1 - 0 0 - - 0\n\
        5 raw 1 one - 2 0 1 1 0 1 0 2 0 0 0 0 - 0 - 0 0 - - 0\n";

    const STAT: &str = "# pxname,svname,qcur,scur,stot,econ,eresp,status,type,check_status,last_chk,hrsp_2xx,hrsp_5xx,\
        ttime,mode,req_tot,\n\
        web,FRONTEND,,3,9,,,OPEN,0,,,9,0,,http,9,\n\
        shop,s1,0,2,40,1,2,UP,2,L7OK,\"fine, \"\"really\"\"\",30,4,17,http,,\n\
        shop,s2,0,0,0,0,0,DOWN,2,* L4CON,Connection refused,0,0,0,http,,\n\
        shop,s3,0,0,0,0,0,MAINT,2,,,0,0,0,http,,\n\
        shop,new,0,0,0,0,0,MAINT,2,,,0,0,0,http,,\n\
        shop,BACKEND,1,2,44,1,2,UP,1,,,30,8,17,http,41,\n\
        raw,one,0,1,7,0,0,no check,2,,,,,5,tcp,,\n\
        raw,BACKEND,0,1,7,0,0,UP,1,,,,,5,tcp,,\n";

    #[test]
    fn backends_are_read_by_the_names_of_columns() {
        let all = backends(STATES, STAT).unwrap();
        let [shop, raw] = &*all else {
            panic!("{all:?}")
        };
        assert_eq!(
            (shop.queue, shop.sessions, shop.counters.requests),
            (1, 2, 41)
        );
        assert_eq!(shop.counters.errors_5xx, 8);
        let [s1, s2, s3] = &*shop.slots else {
            panic!("{shop:?}")
        };
        assert_eq!(s1.address, Some("10.0.0.7:8080".parse().unwrap()));
        assert!(s1.is_serving() && s1.checked && s1.is_up());
        assert_eq!((s1.weight, s1.sessions, s1.counters.requests), (30, 2, 34));
        assert_eq!(&*s1.check, "L7OK fine, \"really\"");
        assert_eq!((s2.admin, s2.standing), (Admin::Drain, Standing::Down));
        assert_eq!(&*s2.check, "L4CON Connection refused");
        assert_eq!(s3.admin, Admin::Maintenance);
        assert!(shop.is_free(s3));
        assert_eq!(raw.counters.requests, 7);
        assert!(!raw.slots[0].checked && !raw.slots[0].is_up());
        assert_eq!(raw.slots[0].address, None);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let of_other_version = STATES.replacen('1', "2", 1);
        assert!(
            backends(&of_other_version, STAT)
                .unwrap_err()
                .contains("version")
        );
        assert!(
            backends(&STATES.replace("srv_op_state", "x"), STAT)
                .unwrap_err()
                .contains("srv_op_state")
        );
        let odd = STATES.replace("10.0.0.7 2 0", "10.0.0.7 9 0");
        assert!(
            backends(&odd, STAT)
                .unwrap_err()
                .contains("srv_op_state of shop/s1 is 9")
        );
        assert!(backends("", "").is_err() && backends(STATES, "").is_err());
    }

    #[test]
    fn maps_and_levels_are_read() {
        let text = "# id (file) description\n0 (/etc/h/canary.map) pattern loaded from file '/etc/h/canary.map' used by map\n-1 () acl\n";
        assert_eq!(maps(text), ["/etc/h/canary.map"]);
        assert_eq!(
            map("0x557211358940 shop 25\n0x55 a b c\n"),
            [
                ("shop".to_owned(), "25".to_owned()),
                ("a".to_owned(), "b c".to_owned())
            ]
        );
        let info = "Name: HAProxy\nVersion: 2.6.12-1\nUptime_sec: 7\nCurrConns: 3\nnode: lb-1";
        let about = about(info, "operator").unwrap();
        assert_eq!(
            (about.version.as_str(), about.uptime, about.level),
            ("2.6.12-1", 7, Level::Operator)
        );
        assert!(
            super::about("Name: other", "admin")
                .unwrap_err()
                .contains("no HAProxy")
        );
    }
}
