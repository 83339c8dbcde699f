//! A real HAProxy of Debian for one test, in a directory of its own.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use wharf::model::{BalancerKind, BalancerSpec, Machine};

/// A running `HAProxy`; it ends when dropped. Its frontend is a socket, so that no port can be taken.
pub struct Proxy {
    dir: tempfile::TempDir,
    child: Child,
}

impl Proxy {
    /// As `wharf balancer render` has it, with so many slots, and a backend whose servers nobody checks.
    pub fn start(stable: usize, canary: usize) -> Self {
        Self::with(|dir| skeleton(dir, stable, canary))
    }

    /// With a configuration that is made for its directory.
    pub fn with(config: impl FnOnce(&Path) -> String) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("whap")
            .tempdir_in("/tmp")
            .unwrap();
        fs::write(
            dir.path().join("canary.map"),
            "# shares of canaries\nshop 0\n",
        )
        .unwrap();
        fs::write(dir.path().join("ops.state"), "1\n").unwrap();
        fs::write(dir.path().join("haproxy.cfg"), config(dir.path())).unwrap();
        let child = Command::new("setpriv")
            // So that it ends with the test, however that ends.
            .args([
                "--pdeathsig",
                "TERM",
                "/usr/sbin/haproxy",
                "-W",
                "-db",
                "-f",
            ])
            .arg(dir.path().join("haproxy.cfg"))
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .expect("setpriv is needed: install util-linux");
        let proxy = Self { dir, child };
        let start = Instant::now();
        while UnixStream::connect(proxy.path("admin.sock")).is_err() {
            let log = fs::read_to_string(proxy.path("log")).unwrap();
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "haproxy is installed by tests/lab/install.sh: {log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// How it would be configured, reached on this machine.
    pub fn spec(&self) -> BalancerSpec {
        BalancerSpec {
            name: Arc::from("edge"),
            kind: BalancerKind::Haproxy,
            machine: Machine::Here,
            socket: Arc::from(self.text("admin.sock")),
            map: Some(Arc::from(self.text("canary.map"))),
            state: Some(Arc::from(self.text("ops.state"))),
            config: Some(Arc::from(self.text("haproxy.cfg"))),
            environment: None,
            read_only: false,
        }
    }

    /// What it answers to a line when nobody stands between.
    pub fn raw(&self, line: &str) -> String {
        let mut socket = UnixStream::connect(self.path("admin.sock")).unwrap();
        socket.write_all(format!("{line}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Reloads it, and waits until the new process answers.
    pub fn reload(&self) {
        let pid = |proxy: &Self| {
            let info = proxy.raw("show info");
            info.lines()
                .find_map(|line| line.strip_prefix("Pid: "))
                .map(str::to_owned)
        };
        let before = pid(self);
        let master = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(master, rustix::process::Signal::USR2).unwrap();
        let start = Instant::now();
        while UnixStream::connect(self.path("admin.sock")).is_err() || pid(self) == before {
            let log = fs::read_to_string(self.path("log")).unwrap();
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "no reload: {log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it; its sockets stay behind.
    pub fn kill(&mut self) {
        let master = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(master, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The master ends its worker when it is asked, not when it is killed.
        let master = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(master, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// What stands above every frontend.
pub fn head(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "global\n  stats socket {dir}/admin.sock mode 660 level admin expose-fd listeners\n  \
         stats socket {dir}/operator.sock mode 660 level operator\n  \
         server-state-file {dir}/ops.state\n  hard-stop-after 5s\n\
         defaults\n  mode http\n  timeout connect 2s\n  timeout client 20s\n  timeout server 20s\n  \
         load-server-state-from-file global\n\n"
    )
}

fn skeleton(dir: &Path, stable: usize, canary: usize) -> String {
    let rendered = wharf::clients::haproxy::render(&wharf::clients::haproxy::Blueprint {
        app: "shop".to_owned(),
        slots: u16::try_from(stable).unwrap(),
        port: 80,
        check: "/healthz".to_owned(),
        map: dir.join("canary.map").to_str().unwrap().to_owned(),
        state: dir.join("ops.state").to_str().unwrap().to_owned(),
        socket: dir.join("admin.sock").to_str().unwrap().to_owned(),
        sources: None,
    });
    let rendered = rendered
        .unwrap()
        .replace(
            "bind :80",
            &format!("bind unix@{}/front.sock", dir.display()),
        )
        .replace(
            &format!("server-template c 1-{stable}"),
            &format!("server-template c 1-{canary}"),
        )
        // Checks that take no time to wait for.
        .replace("inter 500ms", "inter 100ms");
    format!(
        "{}{rendered}\nbackend unchecked\n  server one 192.0.2.1:1 disabled\n",
        head(dir)
    )
}
