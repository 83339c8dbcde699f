//! Targets of an app on two real hosts, listed in a file over ssh and in Debian's etcd with TLS and a password, while
//! somebody asks whoever is listed.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, sleep},
    time::{Duration, Instant},
};

use wharf_lab::Lab;

use crate::{
    bench::{Answer, Bench, until, within},
    scaling::Working,
};

const APP: &str = "
services:
  web:
    image: lab/busybox:1
    command:
      - sh
      - -c
      - trap 'exit 0' TERM; mkdir /srv; echo -n $$RELEASE >/srv/index.html; httpd -f -p 80 -h /srv & wait
    environment: {RELEASE: '${RELEASE}'}
    ports: ['80']
    stop_grace_period: 1s
    restart: unless-stopped
";

const TEMPLATE: &str = "# {{ app }}\n{% for t in targets %}\nserver {{ t.address }}:{{ t.port }} # {{ t.host }}\n{% endfor %}\n";

/// Debian's etcd, with TLS and users.
struct Etcd {
    child: Child,
    dir: PathBuf,
    port: u16,
}

fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Etcd {
    fn start(dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).unwrap();
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -out cert -days 2".split(' '))
            .args("-subj /CN=etcd -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE".split(' '))
            .current_dir(&dir)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let (port, peer) = (free(), free());
        let url = format!("https://127.0.0.1:{port}");
        let peer = format!("http://127.0.0.1:{peer}");
        let child = Command::new("etcd")
            .args(["--data-dir", "data", "--log-level", "error"])
            .args([
                "--listen-client-urls",
                &url,
                "--advertise-client-urls",
                &url,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("default={peer}")])
            .args([
                "--cert-file",
                "cert",
                "--key-file",
                "key",
                "--unsafe-no-fsync",
            ])
            .current_dir(&dir)
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let etcd = Self { child, dir, port };
        until("etcd answers", || etcd.try_ctl("endpoint health").is_some());
        for line in [
            "user add root:secret",
            "user grant-role root root",
            "role add wharf",
            "role grant-permission wharf readwrite /svc/ --prefix",
            "user add wharf:hunter22",
            "user grant-role wharf wharf",
            "auth enable",
        ] {
            etcd.ctl(line);
        }
        etcd
    }

    fn try_ctl(&self, line: &str) -> Option<String> {
        let ran = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--cacert", "cert", "--endpoints"])
            .arg(format!("https://127.0.0.1:{}", self.port))
            .args(line.split(' '))
            .current_dir(&self.dir)
            .output()
            .unwrap();
        ran.status
            .success()
            .then(|| String::from_utf8(ran.stdout).unwrap())
    }

    fn ctl(&self, line: &str) -> String {
        self.try_ctl(line)
            .unwrap_or_else(|| panic!("etcdctl {line}"))
    }

    /// The keys below that, with their revisions.
    fn keys(&self, below: &str) -> Vec<(String, u64)> {
        let told = self.ctl(&format!(
            "--user root:secret get --prefix {below} -w fields"
        ));
        let of = |name: &str| -> Vec<String> {
            let lines = told
                .lines()
                .filter_map(|line| line.strip_prefix(&format!("\"{name}\" : ")));
            lines
                .map(|text| text.trim_matches('"').to_owned())
                .collect()
        };
        let revisions = of("ModRevision");
        let pairs = of("Key").into_iter().zip(revisions);
        pairs
            .map(|(key, revision)| (key, revision.parse().unwrap()))
            .collect()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Scene {
    bench: Bench,
    lab: Lab,
    etcd: Etcd,
    file: PathBuf,
}

const HOSTS: [&str; 2] = ["node1", "node2"];

impl Scene {
    fn new() -> Self {
        let (lab, bench) = (Lab::shared(), Bench::new());
        let etcd = Etcd::start(bench.home().join("etcd"));
        let home = bench.home().display().to_string();
        // Its host is reached as somebody who is not root.
        fs::create_dir(bench.home().join("lists")).unwrap();
        for (path, mode) in [("", 0o755), ("lists", 0o777)] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(bench.home().join(path), mode).unwrap();
        }
        let entry = |host: &&str| {
            format!(
                "[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"listed\"\n"
            )
        };
        let hosts: String = HOSTS.iter().map(entry).collect();
        let text = format!(
            "[ssh]\nconfig = \"{}\"\n{hosts}\
             [[discovery]]\nname = \"files\"\nkind = \"file\"\napp = \"list*\"\nenvironment = \"listed\"\nhosts = [\"node1\"]\n\
             template = \"{home}/list.j2\"\npath = \"{home}/lists/{{{{ app }}}}.conf\"\nmode = \"0640\"\ngrace = \"1s\"\n\
             check = \"! grep broken {{new}}\"\nreload = \"echo again >>{home}/lists/reloads\"\n\
             [[discovery]]\nname = \"keys\"\nkind = \"etcd\"\napp = \"listed\"\nenvironment = \"listed\"\n\
             endpoints = [\"https://127.0.0.1:1\", \"https://127.0.0.1:{}\"]\nprefix = \"/svc/{{{{ app }}}}/\"\n\
             ca = \"{}/cert\"\nuser = \"wharf\"\npassword_file = \"{home}/password\"\n",
            lab.ssh_config().display(),
            etcd.port,
            etcd.dir.display(),
        );
        fs::write(bench.file(), text).unwrap();
        fs::write(bench.home().join("list.j2"), TEMPLATE).unwrap();
        let password = bench.home().join("password");
        fs::write(&password, "hunter22\n").unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        let file = bench.home().join("compose.yaml");
        fs::write(&file, APP).unwrap();
        let scene = Self {
            bench,
            lab,
            etcd,
            file,
        };
        scene.clear();
        scene
    }

    fn say(&self, line: &str) -> Answer {
        let start = Instant::now();
        let answer = self.bench.say(line);
        eprintln!("{:?}: {line}: {answer:?}", start.elapsed());
        answer
    }

    fn deploy(&self, release: u32, words: &str) -> Answer {
        self.say(&format!(
            "app deploy listed --env listed --file {} --set RELEASE=v{release} --settle 0s --bake 0s --yes {words}",
            self.file.display()
        ))
    }

    fn list(&self) -> PathBuf {
        self.bench.home().join("lists/listed.conf")
    }

    fn reloads(&self) -> usize {
        let text = fs::read_to_string(self.bench.home().join("lists/reloads")).unwrap_or_default();
        text.lines().count()
    }

    /// The keys say what the file says; whom that is.
    fn agree(&self) -> Vec<String> {
        let all = listed(&self.list());
        let mut keys: Vec<String> = self
            .etcd
            .keys("/svc/")
            .into_iter()
            .map(|(key, _)| key.strip_prefix("/svc/listed/web/").unwrap().to_owned())
            .collect();
        keys.sort();
        assert_eq!(all, keys);
        all
    }

    fn clear(&self) {
        for host in HOSTS {
            let docker = |words: &[&str]| self.lab.command(&[&["docker", host], words].concat());
            let mine = "label=io.wharf.environment=listed";
            for id in docker(&["ps", "-aq", "--filter", mine]).split_whitespace() {
                docker(&["rm", "-f", "-v", id]);
            }
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The targets in a file.
fn listed(file: &std::path::Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("server "));
    let mut all: Vec<String> = lines
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    all.sort();
    all
}

/// On how many hosts targets are.
fn hosts(targets: &[String]) -> usize {
    let hosts: BTreeSet<&str> = targets
        .iter()
        .map(|one| one.split(':').next().unwrap())
        .collect();
    hosts.len()
}

/// What a target answers.
fn ask(target: &str) -> Result<String, String> {
    let asked = || -> std::io::Result<String> {
        let mut stream =
            TcpStream::connect_timeout(&target.parse().unwrap(), Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = asked().map_err(|error| format!("{target}: {error}"))?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("{target}: {text:?}"))?;
    if head.contains(" 200 ") {
        Ok(body.to_owned())
    } else {
        Err(format!("{target}: {head}"))
    }
}

/// Reads the list and asks all who are on it, again and again; tells how often, and what went wrong.
fn reader(file: PathBuf, end: Arc<AtomicBool>) -> JoinHandle<(u64, Vec<String>)> {
    std::thread::spawn(move || {
        let (mut asked, mut wrong) = (0, Vec::new());
        while !end.load(Ordering::SeqCst) {
            let all = listed(&file);
            if all.is_empty() {
                wrong.push("nobody is listed".to_owned());
            }
            for target in &all {
                asked += 1;
                wrong.extend(ask(target).err());
            }
            sleep(Duration::from_millis(5));
        }
        (asked, wrong)
    })
}

#[test]
fn whoever_asks_those_on_a_list_is_answered_through_releases() {
    let scene = Scene::new();
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.disturb("node2"));
    scene
        .say("discovery list")
        .ended(0)
        .says("files")
        .says("keys");
    scene.deploy(1, "--hosts node1,node2").ended(0);
    let first = scene.agree();
    assert_eq!(first.len(), 2);
    assert!(first.iter().all(|target| ask(target).unwrap() == "v1"));
    assert_eq!(fs::metadata(scene.list()).unwrap().mode() & 0o777, 0o640);
    scene
        .say("discovery check files")
        .ended(0)
        .says("as it should be");
    let shown = scene.say("discovery show keys -o json").ended(0).json();
    assert_eq!(shown[0]["kept"][0]["state"], "same");

    // Nothing is written that is there.
    let before = (scene.reloads(), scene.etcd.keys("/svc/"));
    scene
        .say("discovery push files")
        .ended(0)
        .says("was so already");
    scene
        .say("discovery push keys listed --env listed")
        .ended(0)
        .says("was so already");
    assert_eq!((scene.reloads(), scene.etcd.keys("/svc/")), before);

    // A release and a scaling, under load.
    let end = Arc::new(AtomicBool::new(false));
    let reading = reader(scene.list(), Arc::clone(&end));
    scene.deploy(2, "").ended(0);
    let second = scene.agree();
    assert!(
        second.iter().all(|target| ask(target).unwrap() == "v2"),
        "{second:?}"
    );
    assert!(first.iter().all(|target| !second.contains(target)));
    scene
        .say("app scale listed web=1 --env listed --settle 0s --bake 0s --yes")
        .ended(0);
    assert_eq!(scene.agree().len(), 1);
    end.store(true, Ordering::SeqCst);
    let (asked, wrong) = reading.join().unwrap();
    eprintln!("{asked} asked, {wrong:?}");
    assert!(asked > 100 && wrong.is_empty(), "{asked}: {wrong:?}");

    // A host that is drained leaves the list, what runs elsewhere in its place is on it, and it comes back.
    scene
        .say("app scale listed web=2 --env listed --hosts node1,node2 --settle 0s --bake 0s --yes")
        .ended(0);
    assert_eq!(scene.agree().len(), 2);
    let spread = scene.agree();
    assert_eq!(hosts(&spread), 2, "{spread:?}");
    scene.say("host drain @node2 --yes").ended(0);
    let drained = scene.agree();
    assert_eq!((drained.len(), hosts(&drained)), (2, 1), "{drained:?}");
    scene.say("host activate @node2 --wait 20 --yes").ended(0);
    assert_eq!(scene.agree().len(), 2);

    // What is not found good there changes nothing, and the deploy does not begin.
    let good = fs::read_to_string(scene.list()).unwrap();
    fs::write(
        scene.bench.home().join("list.j2"),
        format!("{TEMPLATE}broken\n"),
    )
    .unwrap();
    scene
        .deploy(3, "")
        .ended(1)
        .complains("nothing was changed")
        .complains("its check refuses it: broken");
    assert_eq!(fs::read_to_string(scene.list()).unwrap(), good);
    fs::write(scene.bench.home().join("list.j2"), TEMPLATE).unwrap();

    // Somebody else's keys are deleted, and what was lost is there again.
    scene
        .etcd
        .ctl("--user root:secret put /svc/listed/web/10.9.9.9:1 x");
    scene.etcd.ctl("--user root:secret put /other x");
    scene.say("discovery show keys").ended(1).says("differs");
    scene
        .say("discovery push keys")
        .ended(0)
        .says("0 keys and 1 deletions");
    scene.agree();
    assert_eq!(scene.etcd.keys("/other").len(), 1);

    a_worker_keeps_them(&scene);

    // A wrong password is told, and not the password.
    fs::write(scene.bench.home().join("password"), "hunter23").unwrap();
    let refused = scene
        .say("discovery check keys")
        .ended(1)
        .says("does not let wharf in");
    assert!(!format!("{refused:?}").contains("hunter23"));
}

/// What was stopped falls off, what is back, by another port, is listed again.
fn a_worker_keeps_them(scene: &Scene) {
    let worker = Working::start(&scene.bench);
    let docker = |words: &[&str]| scene.lab.command(&[&["docker", "node2"], words].concat());
    let ours = docker(&["ps", "-q", "--filter", "label=io.wharf.environment=listed"]);
    let is_listed = |count: usize| {
        let keys = scene.etcd.keys("/svc/listed/web/").len();
        (listed(&scene.list()).len(), keys) == (count, count)
    };
    docker(&["stop", ours.trim()]);
    let patience = Duration::from_mins(1);
    within(patience, "it falls off", || is_listed(1));
    docker(&["start", ours.trim()]);
    within(patience, "it is listed again", || is_listed(2));
    drop(worker);
    assert_eq!(hosts(&scene.agree()), 2);
    let acts = scene
        .say("audit list operator:worker -o json")
        .ended(0)
        .json()
        .to_string();
    assert!(
        acts.contains("discovery push keys listed --env listed"),
        "{acts}"
    );
}
