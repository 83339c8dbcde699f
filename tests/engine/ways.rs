//! The ways to a host: what works over each, what is said when one does not, and how it comes back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use wharf::engine::{ErrorKind, ExecSpec, Settings, ssh};
use wharf::model::{
    Action, Container, ContainerId, Endpoint, Feed, HostSpec, LogRange, Payload, State, Step,
    Subject, TlsFiles, Trouble, TroubleKind, Way,
};

use crate::desk::Desk;
use crate::subject::{docker, lab};

fn host(name: &str, endpoint: &str) -> HostSpec {
    HostSpec::new(name, endpoint.parse().unwrap(), "test")
}

/// Settings with ssh's files of the lab, and sockets in a short path of this process.
fn settings() -> Settings {
    Settings {
        ssh: ssh::Settings {
            config: Some(lab().ssh_config()),
            runtime_dir: PathBuf::from(format!("/tmp/wt{}", std::process::id())),
            ..ssh::Settings::default()
        },
        ..Settings::default()
    }
}

fn tls(directory: &str, skip_verify: bool) -> HostSpec {
    let lab = lab();
    let endpoint: Endpoint = lab.engine("tls").parse().unwrap();
    let Endpoint::Tcp { host, port } = endpoint else {
        panic!("the lab writes tcp://");
    };
    let file = |name: &str| Some(lab.dir().join(directory).join(name));
    let files = TlsFiles {
        ca: file("ca.pem"),
        cert: file("cert.pem"),
        key: file("key.pem"),
        skip_verify,
    };
    HostSpec::new("tls", Endpoint::Tls { host, port, files }, "test")
}

/// The container of that name on the only host.
fn named<'d>(desk: &'d Desk, name: &str) -> &'d Container {
    let mut all = desk.fleet.containers().map(|(_, one)| one);
    all.find(|one| &*one.name == name)
        .unwrap_or_else(|| panic!("there is no {name}"))
}

/// All that a host is good for, over that way.
async fn works_over(spec: HostSpec, way: Way) {
    let mut desk = Desk::with(spec.clone(), settings()).await;
    let seen = &desk.fleet.hosts()[0];
    assert_eq!(seen.way, Some(way));
    assert!(seen.link.is_online());
    assert!(seen.containers.len() >= 4, "{:?}", seen.containers);
    let ticker = named(&desk, "ticker-1").id.clone();
    desk.until("who it is", |fleet| fleet.hosts()[0].engine.is_some())
        .await;

    let logs = Feed::Logs(spec.name.clone(), ticker.clone(), LogRange::Tail(1));
    let load = Feed::Load(spec.name.clone());
    desk.want([
        logs.clone(),
        load,
        Feed::Stats(spec.name.clone(), ticker.clone()),
    ]);
    let mut ticks = 0;
    desk.brought("ticks", &logs, |payload| {
        if let Payload::Lines(lines) = payload {
            assert!(
                lines.iter().all(|line| line.text.starts_with(b"tick ")),
                "{lines:?}"
            );
            ticks += lines.len();
        }
        (ticks > 2).then_some(())
    })
    .await;
    desk.until("a sample", |fleet| {
        fleet
            .container(&spec.name, &ticker)
            .is_some_and(|one| one.usage.is_some())
    })
    .await;
    if matches!(way, Way::SshForward | Way::SshStdio) {
        desk.until("the host's load", |fleet| {
            fleet.hosts()[0].load.is_some_and(|load| load.cpu.is_some())
        })
        .await;
        let load = desk.fleet.hosts()[0].load.unwrap();
        assert!(load.memory_total > 0 && load.disk_total > 0, "{load:?}");
    }
    exec_works(&desk, &spec, &ticker).await;
    desk.until("the last words of what is broken", |fleet| {
        fleet
            .containers()
            .any(|(_, one)| &*one.name == "broken-1" && one.last_line.is_some())
    })
    .await;
    assert_eq!(
        named(&desk, "broken-1").last_line.as_deref(),
        Some("cannot open /etc/app.conf")
    );
}

async fn exec_works(desk: &Desk, spec: &HostSpec, id: &ContainerId) {
    let command = ["sh", "-c", "wc -c"].map(Into::into).to_vec();
    let request = ExecSpec {
        command,
        ..ExecSpec::default()
    };
    let mut exec = desk
        .engines
        .exec(&spec.name, id, request)
        .await
        .expect("exec");
    // More than any buffer on the way, then the end of input alone: output has to come still.
    for _ in 0..64 {
        exec.input.write(&[b'x'; 16384]).await.unwrap();
    }
    exec.input.close().await.unwrap();
    let mut said = Vec::new();
    while let Some((_, bytes)) = exec.output.next().await.unwrap() {
        said.extend_from_slice(&bytes);
    }
    assert_eq!(String::from_utf8_lossy(&said).trim(), "1048576");
    assert_eq!(exec.control.exit_code().await.unwrap(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_over_tcp() {
    let _borrowed = lab().host("plain");
    works_over(host("tcp", &lab().engine("tcp")), Way::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_over_tls() {
    let _borrowed = lab().host("tls");
    works_over(tls("tls", false), Way::Tls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_over_ssh() {
    let _borrowed = lab().host("node1");
    works_over(host("node1", "ssh://node1"), Way::SshForward).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_over_a_jump_host() {
    let _borrowed = (lab().host("node1"), lab().host("node3"));
    works_over(host("node3", "ssh://node3"), Way::SshForward).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_sshd_forbids_forwarding() {
    let _borrowed = lab().host("node4");
    works_over(host("node4", "ssh://node4"), Way::SshStdio).await;
}

/// Rows on the screen, more than sshd allows sessions: all of them show figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_rows_than_streams_take_turns() {
    let node = lab().host("node4");
    let names: Vec<String> = (0..22)
        .map(|at| format!("crowd-{}-{at}", std::process::id()))
        .collect();
    for name in &names {
        node.docker(&[
            "run",
            "--detach",
            "--name",
            name,
            "lab/busybox:1",
            "sleep",
            "1000",
        ]);
    }
    let spec = host("node4", "ssh://node4");
    let mut desk = Desk::with(spec.clone(), settings()).await;
    let ids: Vec<ContainerId> = names
        .iter()
        .map(|name| named(&desk, name).id.clone())
        .collect();
    desk.want(
        ids.iter()
            .map(|id| Feed::Stats(spec.name.clone(), id.clone())),
    );
    let began = Instant::now();
    let sampled = |desk: &Desk| {
        let host = &desk.fleet.hosts()[0];
        assert!(host.link.is_online(), "{:?}", host.link);
        ids.iter()
            .filter(|id| host.containers[*id].usage.is_some())
            .count()
    };
    while sampled(&desk) < ids.len() {
        let patience = Duration::from_mins(1);
        assert!(
            desk.turn(began + patience).await,
            "{} of {} are sampled",
            sampled(&desk),
            ids.len()
        );
    }
    let mut rid = vec!["rm", "--force"];
    rid.extend(names.iter().map(String::as_str));
    node.docker(&rid);
}

/// What is said of a host that cannot be reached.
async fn trouble_of(spec: HostSpec) -> Trouble {
    let mut desk = Desk::open(vec![spec], settings());
    desk.until("it is given up", |fleet| {
        fleet
            .hosts()
            .first()
            .is_some_and(|host| host.link.trouble().is_some())
    })
    .await;
    let step = Step {
        host: desk.fleet.hosts()[0].spec.name.clone(),
        subject: Subject::Container(ContainerId::new("x"), "web".into()),
        action: Action::Start,
    };
    let error = desk.engines.act(&step, &|_| ()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Offline, "{error}");
    assert!(error.remedy.is_some(), "{error}");
    let trouble = desk.fleet.hosts()[0].link.trouble().unwrap().clone();
    assert!(!trouble.reason.is_empty() && !trouble.remedy.is_empty());
    trouble
}

#[tokio::test]
async fn sockets_that_do_not_answer() {
    let trouble = trouble_of(host("gone", "unix:///no/such/docker.sock")).await;
    assert_eq!(trouble.kind, TroubleKind::SocketMissing, "{trouble}");
    let path = scratch("refused");
    drop(UnixListener::bind(&path).unwrap());
    let trouble = trouble_of(host("down", &format!("unix://{}", path.display()))).await;
    assert_eq!(trouble.kind, TroubleKind::DaemonDown, "{trouble}");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn addresses_that_do_not_answer() {
    let trouble = trouble_of(host("refused", "tcp://127.0.0.1:1")).await;
    assert_eq!(trouble.kind, TroubleKind::DaemonDown, "{trouble}");
    let trouble = trouble_of(host("nameless", "tcp://bad..name:2375")).await;
    assert_eq!(trouble.kind, TroubleKind::Dns, "{trouble}");
}

#[tokio::test]
async fn an_engine_that_accepts_and_says_nothing() {
    let path = scratch("silent");
    let listener = UnixListener::bind(&path).unwrap();
    let keep = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
        }
    });
    let began = Instant::now();
    let trouble = trouble_of(host("silent", &format!("unix://{}", path.display()))).await;
    assert_eq!(trouble.kind, TroubleKind::Timeout, "{trouble}");
    assert!(
        (4..8).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
    keep.abort();
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn what_is_no_engine_and_what_is_too_old() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let trouble = trouble_of(speaking("other", answer)).await;
    assert_eq!(trouble.kind, TroubleKind::Other, "{trouble}");
    assert!(trouble.reason.contains("not a Docker Engine"), "{trouble}");
    let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.18\r\nContent-Length: 2\r\n\r\nOK";
    let trouble = trouble_of(speaking("old", answer)).await;
    assert_eq!(trouble.kind, TroubleKind::ApiVersion, "{trouble}");
    assert!(trouble.reason.contains("1.18"), "{trouble}");
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nForbidden";
    let trouble = trouble_of(speaking("proxied", answer)).await;
    assert!(trouble.reason.contains("Forbidden"), "{trouble}");
}

/// A server that answers everything so.
fn speaking(name: &str, answer: &'static str) -> HostSpec {
    let path = scratch(name);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    host(name, &format!("unix://{}", path.display()))
}

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("wharf-{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_do_not_fit() {
    let _borrowed = lab().host("tls");
    // The engine does not know the authority that signed ours.
    let trouble = trouble_of(tls("tls-other", false)).await;
    assert_eq!(trouble.kind, TroubleKind::Tls, "{trouble}");
    assert!(
        trouble
            .reason
            .contains("does not accept our client certificate"),
        "{trouble}"
    );

    // We show none.
    let mut spec = tls("tls", false);
    change_files(&mut spec, |files| (files.cert, files.key) = (None, None));
    let trouble = trouble_of(spec).await;
    assert!(
        trouble.reason.contains("wants a client certificate"),
        "{trouble}"
    );

    // We do not know the authority that signed the engine's.
    let mut spec = tls("tls", false);
    change_files(&mut spec, |files| files.ca = files.cert.clone());
    let trouble = trouble_of(spec).await;
    assert!(
        trouble.reason.contains("unknown authority") || trouble.reason.contains("not accepted"),
        "{trouble}"
    );

    let mut spec = tls("tls", false);
    change_files(&mut spec, |files| {
        files.key = Some(PathBuf::from("/no/such/key.pem"));
    });
    let trouble = trouble_of(spec).await;
    assert!(trouble.reason.contains("/no/such/key.pem"), "{trouble}");
}

fn change_files(spec: &mut HostSpec, change: impl FnOnce(&mut TlsFiles)) {
    if let Endpoint::Tls { files, .. } = &mut spec.endpoint {
        change(files);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_where_there_is_none_and_none_where_there_is() {
    let _borrowed = (lab().host("plain"), lab().host("tls"));
    let mut spec = tls("tls", true);
    let plain: Endpoint = lab().engine("tcp").parse().unwrap();
    if let (Endpoint::Tls { host, port, .. }, Endpoint::Tcp { host: h, port: p }) =
        (&mut spec.endpoint, &plain)
    {
        (*host, *port) = (h.clone(), *p);
    }
    let trouble = trouble_of(spec).await;
    assert_eq!(trouble.kind, TroubleKind::Tls, "{trouble}");
    assert!(trouble.reason.contains("does not speak TLS"), "{trouble}");
    let trouble = trouble_of(host("clear", &lab().engine("tls"))).await;
    assert_eq!(trouble.kind, TroubleKind::Tls, "{trouble}");
    assert!(trouble.reason.contains("wants TLS"), "{trouble}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_version_is_really_sent() {
    let subject = docker().await;
    let Endpoint::Unix(real) = &subject.spec.endpoint else {
        panic!("a socket");
    };
    let (path, mut heard) = (scratch("heard"), Vec::new());
    let mut requests = overhear(&path, real);
    let spec = host("heard", &format!("unix://{}", path.display()));
    let mut desk = Desk::with(spec.clone(), Settings::default()).await;
    desk.want([Feed::Resources(spec.name.clone())]);
    desk.until("images", |fleet| fleet.hosts()[0].images.is_some())
        .await;
    while let Ok(line) = requests.try_recv() {
        heard.push(line);
    }
    let (first, rest) = heard.split_first().unwrap();
    assert_eq!(first, "GET /_ping HTTP/1.1");
    assert!(
        rest.iter()
            .any(|line| line.starts_with("GET /v1.41/containers/json")),
        "{heard:?}"
    );
    assert!(
        rest.iter()
            .any(|line| line.starts_with("GET /v1.41/images/json")),
        "bollard's too: {heard:?}"
    );
    assert!(
        rest.iter().all(|line| line.contains(" /v1.41/")),
        "{heard:?}"
    );
    std::fs::remove_file(path).unwrap();
}

/// Stands between us and an engine and tells the first line of each request. (A request whose head
/// comes in two parts would be missed; ours are small.)
fn overhear(path: &Path, real: &Path) -> mpsc::UnboundedReceiver<String> {
    let (told, heard) = mpsc::unbounded_channel();
    let listener = UnixListener::bind(path).unwrap();
    let real = real.to_owned();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (real, told) = (real.clone(), told.clone());
            tokio::spawn(async move {
                let mut engine = UnixStream::connect(real).await.unwrap();
                let (mut from, to) = client.into_split();
                let (near, mut far) = tokio::io::duplex(1 << 16);
                tokio::spawn(async move {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(count @ 1..) = from.read(&mut buffer).await {
                        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                        if let Some(line) = text
                            .lines()
                            .next()
                            .filter(|line| line.ends_with("HTTP/1.1"))
                        {
                            let _ = told.send(line.to_owned());
                        }
                        if far.write_all(&buffer[..count]).await.is_err() {
                            break;
                        }
                    }
                });
                let mut joined = tokio::io::join(near, to);
                let _ = copy_bidirectional(&mut joined, &mut engine).await;
            });
        }
    });
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_restarts_is_found_again() {
    let plain = lab().disturb("plain");
    let spec = host("plain", &lab().engine("unix"));
    let mut desk = Desk::with(spec.clone(), Settings::default()).await;
    let ticker = named(&desk, "ticker-1").id.clone();
    plain.stop_dockerd();
    desk.until("it is offline", |fleet| {
        fleet.hosts()[0].link.trouble().is_some()
    })
    .await;
    let kind = desk.fleet.hosts()[0].link.trouble().unwrap().kind;
    desk.until("it is tried again by itself", |fleet| {
        match &fleet.hosts()[0].link {
            wharf::model::Link::Offline {
                next_try, trouble, ..
            } => next_try.is_some() && trouble.kind != TroubleKind::Lost,
            _ => false,
        }
    })
    .await;
    assert!(
        fleet_knows(&desk, &ticker),
        "what was known is kept: {kind:?}"
    );
    plain.start_dockerd();
    let took = desk
        .until("it is back", |fleet| fleet.hosts()[0].link.is_online())
        .await;
    assert!(took < Duration::from_secs(8), "{took:?}");

    // Events flow again.
    plain.docker(&["start", "ticker-1"]);
    desk.until("it runs again", |fleet| {
        fleet
            .container(&spec.name, &ticker)
            .is_some_and(|one| one.state == State::Running)
    })
    .await;
    plain.docker(&["kill", "ticker-1"]);
    let took = desk
        .until("its end is seen", |fleet| {
            fleet
                .container(&spec.name, &ticker)
                .is_some_and(|one| one.state == State::Exited)
        })
        .await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

fn fleet_knows(desk: &Desk, id: &ContainerId) -> bool {
    desk.fleet.hosts()[0].containers.contains_key(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_engine_is_noticed() {
    let plain = lab().disturb("plain");
    let spec = host("plain", &lab().engine("unix"));
    let settings = Settings {
        heartbeat: Duration::from_millis(500),
        ..Settings::default()
    };
    let mut desk = Desk::with(spec, settings).await;
    plain.freeze_dockerd();
    desk.until("it is offline", |fleet| {
        fleet.hosts()[0].link.trouble().is_some()
    })
    .await;
    let trouble = desk.fleet.hosts()[0].link.trouble().unwrap().clone();
    assert_eq!(trouble.kind, TroubleKind::Timeout, "{trouble}");
    plain.thaw_dockerd();
    desk.until("it is back", |fleet| fleet.hosts()[0].link.is_online())
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_killed_over_ssh_is_seen_within_a_second() {
    let node = lab().host("node1");
    let name = format!("victim-{}", std::process::id());
    node.docker(&[
        "run",
        "--detach",
        "--name",
        &name,
        "lab/busybox:1",
        "sleep",
        "1000",
    ]);
    let spec = host("node1", "ssh://node1");
    let mut desk = Desk::with(spec.clone(), settings()).await;
    let id = named(&desk, &name).id.clone();
    node.docker(&["kill", &name]);
    let took = desk
        .until("its end is seen", |fleet| {
            fleet
                .container(&spec.name, &id)
                .is_some_and(|one| one.state == State::Exited)
        })
        .await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    node.docker(&["rm", &name]);
}
