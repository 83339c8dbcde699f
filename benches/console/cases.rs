//! The cases that are measured, and how: start, idleness, keys, the end.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use regex::Regex;
use wharf::sim;

use super::{
    Arguments,
    client::{Chunk, Client, End, Running},
    process,
    replay::Replay,
};

/// Between the start and the time of doing nothing.
const SETTLE: Duration = Duration::from_secs(8);
/// Between two presses, less or more by a quarter.
const GAP: Duration = Duration::from_millis(450);
/// So many presses down, then so many up.
const SPAN: usize = 8;
/// Containers on each host of the large fleet.
const ON_EACH: usize = 40;

/// An engine, or a fleet of them, with containers.
pub struct Case {
    /// What it is called in the table.
    pub name: String,
    /// The engine's socket; none for a fleet.
    pub socket: Option<PathBuf>,
    /// A wharf.toml that names the hosts of a fleet.
    pub configuration: PathBuf,
    names: BTreeSet<String>,
    /// How many containers the fleet has, if it is one.
    whole: Option<usize>,
    /// The processes of a real engine.
    engine: Vec<u32>,
    sim: Option<sim::Fleet>,
    _dir: Option<tempfile::TempDir>,
}

impl Case {
    /// One host of the sim.
    pub async fn sim(containers: usize) -> Self {
        let mut case = Self::served(1, containers).await;
        case.name = format!("{containers}");
        let socket = case.sim.as_ref().expect("it was served").hosts()[0]
            .socket
            .clone();
        case.names = tokio::task::spawn_blocking({
            let socket = socket.clone();
            move || names(&socket)
        })
        .await
        .expect("the sim answers");
        case.socket = Some(socket);
        case
    }

    /// Many hosts of the sim.
    pub async fn fleet(hosts: usize) -> Self {
        let mut case = Self::served(hosts, ON_EACH).await;
        case.name = format!("{hosts} × {ON_EACH}");
        case.whole = Some(hosts * ON_EACH);
        let sockets: Vec<PathBuf> = case
            .sim
            .as_ref()
            .expect("it was served")
            .hosts()
            .iter()
            .map(|host| host.socket.clone())
            .collect();
        case.names = tokio::task::spawn_blocking(move || {
            sockets.iter().flat_map(|socket| names(socket)).collect()
        })
        .await
        .expect("the sim answers");
        case
    }

    /// A real engine, with the containers it has.
    pub fn real(socket: &Path) -> Self {
        let names = names(socket);
        Self {
            name: format!("real {}", names.len()),
            socket: Some(socket.to_owned()),
            configuration: PathBuf::new(),
            names,
            whole: None,
            engine: process::listeners(socket),
            sim: None,
            _dir: None,
        }
    }

    async fn served(hosts: usize, containers: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory for sockets");
        let spec = sim::Spec {
            hosts,
            containers,
            api: sim::Api::Minor(41),
            cgroup: sim::Cgroup::V2,
            ..sim::Spec::default()
        };
        let sim = sim::serve(dir.path(), spec)
            .await
            .expect("the sim is served");
        let configuration = dir.path().join("wharf.toml");
        let entry = |host: &sim::SimHost| {
            format!(
                "[[host]]\nname = \"{}\"\nendpoint = \"unix://{}\"\n",
                host.name,
                host.socket.display()
            )
        };
        let text: String = sim.hosts().iter().map(entry).collect();
        fs::write(&configuration, text).expect("a configuration");
        Self {
            name: String::new(),
            socket: None,
            configuration,
            names: BTreeSet::new(),
            whole: None,
            engine: Vec::new(),
            sim: Some(sim),
            _dir: Some(dir),
        }
    }

    /// Requests that the engines had so far.
    fn requests(&self) -> Option<u64> {
        let sim = self.sim.as_ref()?;
        let of = |host: &sim::SimHost| sim.engine(&host.name).map(|engine| engine.requests());
        Some(sim.hosts().iter().filter_map(of).sum())
    }

    /// Processor that a real engine took so far, in seconds.
    fn engine_cpu(&self) -> Option<f64> {
        (!self.engine.is_empty()).then(|| self.engine.iter().map(|pid| process::cpu(*pid)).sum())
    }
}

/// The names of an engine's containers.
fn names(socket: &Path) -> BTreeSet<String> {
    let mut stream = UnixStream::connect(socket).expect("the engine listens");
    let request = b"GET /containers/json?all=1 HTTP/1.0\r\nHost: d\r\n\r\n";
    stream.write_all(request).expect("the engine reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the engine answers");
    let text = String::from_utf8_lossy(&answer);
    let body = text.split_once("\r\n\r\n").expect("an answer").1;
    let list: serde_json::Value = serde_json::from_str(body).expect("a list");
    let entries = list.as_array().expect("a list").iter();
    let name = |entry: &serde_json::Value| {
        entry["Names"][0]
            .as_str()
            .map(|name| name.trim_start_matches('/').to_owned())
    };
    entries.filter_map(name).collect()
}

/// What one client did in one case. Times in seconds, memory in MB of 2^20, latencies in milliseconds.
#[derive(Debug, Default)]
pub struct Measured {
    /// The client.
    pub client: &'static str,
    /// The case.
    pub case: String,
    /// How many names the screen had at most.
    pub rows: usize,
    /// From the start until it had as many names as it ever has; of a fleet, until all containers are counted.
    pub list: Option<f64>,
    /// Until as many rows showed figures as ever do, and how many those are.
    pub figures: Option<(f64, usize)>,
    /// Of a minute.
    pub idle_cpu: f64,
    /// Of a minute: what a real engine takes more than without a client.
    pub engine_cpu: Option<f64>,
    /// A second.
    pub idle_bytes: f64,
    /// A minute.
    pub requests: Option<f64>,
    /// Open connections to the engine.
    pub connections: Option<usize>,
    /// The largest seen while idle.
    pub pss: f64,
    /// At any time.
    pub peak: f64,
    /// From a key until the selection stands where it stays: half of them, and 95 of 100, are faster.
    pub key: Option<(f64, f64)>,
    /// The same with a busy loop on each processor.
    pub busy_key: Option<(f64, f64)>,
    /// Presses that moved nothing.
    pub missed: usize,
    /// From the key to the end.
    pub quit: Option<f64>,
    /// What was not as before afterwards.
    pub left: Vec<&'static str>,
}

/// When what was done.
struct Presses {
    quiet: Vec<Instant>,
    busy: Vec<Instant>,
}

/// Runs a client through a case.
pub fn measure(client: &Client, case: &Case, arguments: &Arguments) -> Measured {
    eprintln!("{} on {} …", client.name, case.name);
    let before = engine_alone(case, arguments);
    let running = Running::start(client, case);
    thread::sleep(SETTLE);
    let idle_from = Instant::now();
    let mut measured = idle(&running, case, Duration::from_secs(arguments.idle));
    measured.engine_cpu = measured
        .engine_cpu
        .zip(before)
        .map(|(with, without)| (with - without).max(0.0));
    let presses = Presses {
        quiet: press(&running, arguments.presses),
        busy: {
            let _load = Load::start();
            press(&running, arguments.presses / 2)
        },
    };
    measured.peak = process::peak(running.pid());
    let started = running.started;
    let end = running.quit("q");
    measured.client = client.name;
    measured.case.clone_from(&case.name);
    read(
        &mut measured,
        client,
        case,
        &end,
        started,
        idle_from,
        &presses,
        arguments.screens.as_deref(),
    );
    measured
}

/// What a real engine takes by itself, in seconds of a minute; measured once.
fn engine_alone(case: &Case, arguments: &Arguments) -> Option<f64> {
    static ALONE: OnceLock<f64> = OnceLock::new();
    let before = case.engine_cpu()?;
    Some(*ALONE.get_or_init(|| {
        let time = Duration::from_secs(arguments.idle);
        thread::sleep(time);
        (case.engine_cpu().unwrap_or(before) - before) / time.as_secs_f64() * 60.0
    }))
}

fn idle(running: &Running, case: &Case, time: Duration) -> Measured {
    let pid = running.pid();
    let (cpu, bytes, requests, engine) = (
        process::cpu(pid),
        running.written(),
        case.requests(),
        case.engine_cpu(),
    );
    let from = Instant::now();
    let mut pss: f64 = 0.0;
    while from.elapsed() < time {
        thread::sleep(Duration::from_secs(5).min(time));
        pss = pss.max(process::pss(pid));
    }
    let seconds = from.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let a_minute = |count: u64| count as f64 / seconds * 60.0;
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let idle_bytes = (running.written() - bytes) as f64 / seconds;
    Measured {
        idle_cpu: (process::cpu(pid) - cpu) / seconds * 60.0,
        engine_cpu: case
            .engine_cpu()
            .zip(engine)
            .map(|(now, before)| (now - before) / seconds * 60.0),
        idle_bytes,
        requests: case
            .requests()
            .zip(requests)
            .map(|(now, before)| a_minute(now - before)),
        connections: case.socket.as_deref().map(process::connections),
        pss,
        ..Measured::default()
    }
}

/// Presses down and up, and answers when; the last moment is the end of the last wait.
fn press(running: &Running, count: usize) -> Vec<Instant> {
    let mut moments = Vec::new();
    for at in 0..count {
        moments.push(Instant::now());
        running.write(if (at / SPAN).is_multiple_of(2) {
            "\x1b[B"
        } else {
            "\x1b[A"
        });
        // Not in step with anything that happens each second; the same for all clients.
        let part = u32::try_from((at * 37 + 11) % 51).expect("small");
        thread::sleep(GAP * (75 + part) / 100);
    }
    moments.push(Instant::now());
    moments
}

/// A busy loop for each processor, as important as the client; it ends with this.
struct Load(Vec<Child>);

impl Load {
    fn start() -> Self {
        let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let spin = || {
            Command::new("sh")
                .args(["-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
        };
        let load = Self((0..processors).filter_map(|_| spin().ok()).collect());
        thread::sleep(Duration::from_secs(1));
        load
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for one in &mut self.0 {
            // It has no other end.
            let _ = one.kill();
            let _ = one.wait();
        }
    }
}

/// Finds in what was written when what was on the screen.
#[expect(clippy::too_many_arguments, reason = "all that is known of a run")]
fn read(
    measured: &mut Measured,
    client: &Client,
    case: &Case,
    end: &End,
    started: Instant,
    idle_from: Instant,
    presses: &Presses,
    screens: Option<&Path>,
) {
    let opening = end.chunks.iter().take_while(|(at, _)| *at < idle_from);
    read_opening(measured, client, case, opening, started);
    let (quiet, missed) = latencies(&end.chunks, &presses.quiet, &case.names);
    let (busy, more) = latencies(&end.chunks, &presses.busy, &case.names);
    measured.key = percentiles(quiet);
    measured.busy_key = percentiles(busy);
    measured.missed = missed + more;
    measured.quit = end.seconds;
    let mut replay = Replay::new();
    end.chunks
        .iter()
        .filter(|(at, _)| *at < presses.quiet[0])
        .for_each(|chunk| replay.feed(chunk));
    if let Some(dir) = screens {
        let file = dir.join(format!(
            "{}-{}.txt",
            client.name,
            case.name.replace(' ', "")
        ));
        fs::create_dir_all(dir)
            .and_then(|()| fs::write(file, replay.text()))
            .expect("the screens are kept");
    }
    end.chunks
        .iter()
        .filter(|(at, _)| *at >= presses.quiet[0])
        .for_each(|chunk| replay.feed(chunk));
    measured.left = replay.left_behind();
    if !end.restored {
        measured.left.push("the terminal's modes");
    }
    if end.left_children {
        measured.left.push("a process");
    }
}

fn read_opening<'c>(
    measured: &mut Measured,
    client: &Client,
    case: &Case,
    chunks: impl Iterator<Item = &'c Chunk>,
    started: Instant,
) {
    let counted = Regex::new(r"[Cc]ontainers[ \[]+([\d,.' ]+)").expect("it is well formed");
    let mut replay = Replay::new();
    for chunk in chunks {
        replay.feed(chunk);
        let since = (chunk.0 - started).as_secs_f64();
        let rows = replay.names(&case.names).len();
        let whole = case.whole.is_none_or(|whole| {
            let text = replay.text();
            let mut counts = counted.captures_iter(&text).filter_map(|found| {
                found[1]
                    .chars()
                    .filter(char::is_ascii_digit)
                    .collect::<String>()
                    .parse()
                    .ok()
            });
            counts.any(|count: usize| count == whole)
        });
        if rows > measured.rows {
            measured.rows = rows;
            measured.list = None;
        }
        if whole && rows == measured.rows && rows > 0 && measured.list.is_none() {
            measured.list = Some(since);
        }
        if let Some(figures) = &client.figures {
            let shown = replay.with_figures(&case.names, figures).len();
            if shown > measured.figures.map_or(0, |(_, most)| most) {
                measured.figures = Some((since, shown));
            }
        }
    }
}

/// From each press until the names stand as they do just before the next press, in milliseconds; and how many
/// presses changed nothing.
fn latencies(chunks: &[Chunk], presses: &[Instant], names: &BTreeSet<String>) -> (Vec<f64>, usize) {
    let mut replay = Replay::new();
    let mut chunks = chunks.iter().peekable();
    let mut times = Vec::new();
    let mut missed = 0;
    for pair in presses.windows(2) {
        while let Some(chunk) = chunks.next_if(|(at, _)| *at <= pair[0]) {
            replay.feed(chunk);
        }
        let before = replay.standing(names);
        let mut seen = Vec::new();
        while let Some(chunk) = chunks.next_if(|(at, _)| *at <= pair[1]) {
            replay.feed(chunk);
            seen.push((
                (chunk.0 - pair[0]).as_secs_f64() * 1000.0,
                replay.standing(names),
            ));
        }
        let last = seen.last().map_or(&before, |(_, standing)| standing);
        if *last == before {
            missed += 1;
        } else if let Some((time, _)) = seen.iter().find(|(_, standing)| standing == last) {
            times.push(*time);
        }
    }
    (times, missed)
}

/// The middle one, and the one that 95 of 100 do not exceed.
fn percentiles(mut times: Vec<f64>) -> Option<(f64, f64)> {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        times
            .get((times.len() * percent).div_ceil(100).saturating_sub(1))
            .copied()
    };
    Some((at(50)?, at(95)?))
}
