//! Logs over real SSH: a host that is cut off in the middle of a stream and comes back, and many streams at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wharf::engine::{Settings, ssh};
use wharf::model::{ContainerId, Feed, HostName, HostSpec, LogRange, Payload};
use wharf_lab::Host;

use crate::desk::Desk;
use crate::subject::lab;

fn settings() -> Settings {
    Settings {
        ssh: ssh::Settings {
            config: Some(lab().ssh_config()),
            runtime_dir: PathBuf::from(format!("/tmp/wl{}", std::process::id())),
            ..ssh::Settings::default()
        },
        ..Settings::default()
    }
}

fn spec(name: &str) -> HostSpec {
    HostSpec::new(name, format!("ssh://{name}").parse().unwrap(), "test")
}

/// Starts containers that say `n 0`, `n 1` …: so many at once, then a rest, so often.
fn counting(node: &Host<'_>, names: &[String], burst: u32, rest: &str, rounds: u32) {
    let script = format!(
        "i=0; r=0; while [ $r -lt {rounds} ]; do j=0; while [ $j -lt {burst} ]; do echo n $i; i=$((i+1)); j=$((j+1)); \
         done; sleep {rest}; r=$((r+1)); done; sleep 1000"
    );
    for name in names {
        node.docker(&[
            "run",
            "--detach",
            "--name",
            name,
            "lab/busybox:1",
            "sh",
            "-c",
            &script,
        ]);
    }
}

fn remove(node: &Host<'_>, names: &[String]) {
    let mut words = vec!["rm", "--force"];
    words.extend(names.iter().map(String::as_str));
    node.docker(&words);
}

fn names(word: &str, count: usize) -> Vec<String> {
    let name = |at| format!("{word}-{}-{at}", std::process::id());
    (0..count).map(name).collect()
}

fn id(desk: &Desk, host: &HostName, name: &str) -> ContainerId {
    let host = desk.fleet.host(host).expect("the host is there");
    let found = host.containers.values().find(|one| &*one.name == name);
    found
        .unwrap_or_else(|| panic!("there is no {name}"))
        .id
        .clone()
}

/// The numbers that a log brought, and what was said between them.
#[derive(Default)]
struct Heard {
    numbers: Vec<u32>,
    said: Vec<Payload>,
}

impl Heard {
    fn take(&mut self, payloads: Vec<Payload>) {
        for payload in payloads {
            let Payload::Lines(lines) = payload else {
                self.said.push(payload);
                continue;
            };
            for line in lines.iter() {
                let text = String::from_utf8_lossy(line.text);
                let number = text.strip_prefix("n ").and_then(|text| text.parse().ok());
                self.numbers
                    .push(number.unwrap_or_else(|| panic!("what is '{text}'?")));
            }
        }
    }

    /// Fails at the first number that is missing, doubled or out of order.
    fn is_whole(&self, count: u32) {
        for (at, number) in (0..).zip(&self.numbers) {
            let about = &self.numbers[at.max(3) as usize - 3..];
            assert_eq!(at, *number, "{:?} …", &about[..about.len().min(8)]);
        }
        assert_eq!(self.numbers.len(), count as usize);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_cut_off_in_the_middle_of_a_stream_loses_and_doubles_no_line() {
    const LINES: u32 = 40_000;
    let node = lab().disturb("node2");
    let spec = spec("node2");
    let names = names("count", 1);
    let mut desk = Desk::with(spec.clone(), settings()).await;
    // Two thousand a second, for twenty seconds.
    counting(&node, &names, 100, "0.048", LINES / 100);
    desk.until("it is listed", |fleet| {
        let mut all = fleet.containers();
        all.any(|(_, one)| *one.name == *names[0])
    })
    .await;
    let feed = Feed::Logs(
        spec.name.clone(),
        id(&desk, &spec.name, &names[0]),
        LogRange::All,
    );
    desk.want([feed.clone()]);
    let mut heard = Heard::default();
    let began = Instant::now();
    let patience = Duration::from_mins(3);
    let mut cut = None;
    while heard.numbers.last() != Some(&(LINES - 1)) {
        assert!(
            desk.turn(began + patience).await,
            "{} lines, then {:?}",
            heard.numbers.len(),
            heard.said
        );
        heard.take(desk.take(&feed));
        let is_online = desk.fleet.hosts()[0].link.is_online();
        match cut {
            None if heard.numbers.len() > 5000 => {
                node.cut();
                cut = Some(heard.numbers.len());
            }
            Some(at) if !is_online && at != usize::MAX => {
                node.heal();
                cut = Some(usize::MAX);
            }
            None | Some(_) => {}
        }
    }
    heard.is_whole(LINES);
    assert!(
        matches!(&heard.said[..], [Payload::Failed(_), Payload::Resumed(_)]),
        "{:?}",
        heard.said
    );
    remove(&node, &names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_containers_are_followed_at_once() {
    const LINES: u32 = 600;
    let shares = [("node1", 18), ("node2", 18), ("node3", 6), ("node4", 8)];
    let nodes = shares.map(|(name, _)| lab().host(name));
    let mut desk = Desk::open(shares.map(|(name, _)| spec(name)).to_vec(), settings());
    let names = shares.map(|(name, count)| names(&format!("many-{name}"), count));
    for (node, names) in nodes.iter().zip(&names) {
        counting(node, names, 50, "1", LINES / 50);
    }
    desk.until("all are listed", |fleet| {
        let counted = |(_, one): &(_, &wharf::model::Container)| one.name.starts_with("many-");
        fleet.containers().filter(counted).count() >= 50
    })
    .await;
    let mut heard: BTreeMap<Feed, Heard> = BTreeMap::new();
    for (spec, names) in shares.map(|(name, _)| spec(name)).iter().zip(&names) {
        for name in names {
            let id = id(&desk, &spec.name, name);
            let feed = Feed::Logs(spec.name.clone(), id, LogRange::All);
            heard.insert(feed, Heard::default());
        }
    }
    assert_eq!(heard.len(), 50);
    desk.want(heard.keys().cloned());
    let began = Instant::now();
    let lacking = |heard: &BTreeMap<Feed, Heard>| {
        let lacks = |one: &&Heard| one.numbers.len() < LINES as usize;
        heard.values().filter(lacks).count()
    };
    while lacking(&heard) > 0 {
        let told = desk.turn(began + Duration::from_mins(2)).await;
        for (feed, heard) in &mut heard {
            heard.take(desk.take(feed));
        }
        let said: Vec<_> = heard.values().flat_map(|one| &one.said).take(5).collect();
        assert!(told, "{} lack lines; {said:?}", lacking(&heard));
    }
    for heard in heard.values() {
        heard.is_whole(LINES);
        assert_eq!(heard.said, []);
    }
    for (node, names) in nodes.iter().zip(&names) {
        remove(node, names);
    }
}
