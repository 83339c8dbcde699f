//! The ground of these tests: keys, an sshd of our own with the wanted rules, an `ssh_config`.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Read as _,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wharf::engine::ssh::{Settings, Ssh, Tunnel};
use wharf::model::Trouble;

/// What a remote `docker` has to be able to do here, with Docker's own words on failure.
const DOCKER: &str = r#"
import os, socket, sys, threading
assert sys.argv[1] == "-H" and sys.argv[3:] == ["system", "dial-stdio"], sys.argv
path = sys.argv[2].removeprefix("unix://")
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(path)
except OSError as e:
    sys.exit(f"failed to open the raw stream connection: dial unix {path}: connect: {os.strerror(e.errno).lower()}")
def up():
    while chunk := os.read(0, 65536):
        s.sendall(chunk)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while chunk := s.recv(65536):
    sys.stdout.buffer.write(chunk); sys.stdout.buffer.flush()
"#;

/// A directory with keys and a configuration; everything in it is gone when it is dropped.
pub struct Ground {
    dir: TempDir,
    config: String,
}

/// A running sshd; it and its connections end when dropped.
pub struct Sshd {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    log: PathBuf,
}

impl Ground {
    /// With a key of a host and a key of a person.
    pub fn new() -> Self {
        // Short, for the sake of socket paths.
        let dir = tempfile::Builder::new()
            .prefix("wssh")
            .tempdir_in("/tmp")
            .unwrap();
        for name in ["host", "person", "stranger"] {
            keygen(&dir.path().join(name), "");
        }
        fs::copy(dir.path().join("person.pub"), dir.path().join("allowed")).unwrap();
        Self {
            dir,
            config: String::new(),
        }
    }

    /// A path on this ground.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts an sshd with the common rules after `rules`; the first value wins.
    pub fn sshd(&self, rules: &str) -> Sshd {
        self.sshd_without(&[], rules)
    }

    /// The same, where root has lost some capabilities (`dac_override`).
    pub fn sshd_without(&self, capabilities: &[&str], rules: &str) -> Sshd {
        Sshd::start(self, capabilities, rules)
    }

    /// Adds a host to the configuration, with a known key.
    pub fn host(&mut self, alias: &str, sshd: &Sshd, rules: &str) {
        self.stranger(alias, sshd, rules);
        let key = fs::read_to_string(self.path("host.pub")).unwrap();
        self.know(&format!("[127.0.0.1]:{} {key}", sshd.port));
    }

    /// Adds a host whose key is not known.
    pub fn stranger(&mut self, alias: &str, sshd: &Sshd, rules: &str) {
        self.host_at(alias, sshd.port, rules);
    }

    /// Adds a host at a port.
    pub fn host_at(&mut self, alias: &str, port: u16, rules: &str) {
        let dir = self.dir.path().display();
        write!(
            self.config,
            "Host {alias}\n{rules}\nHostName 127.0.0.1\nPort {port}\nUser {}\n\
             IdentityFile {dir}/person\nIdentitiesOnly yes\nIdentityAgent none\n\
             UserKnownHostsFile {dir}/known\nGlobalKnownHostsFile /dev/null\n",
            user()
        )
        .unwrap();
        fs::write(self.path("config"), &self.config).unwrap();
    }

    /// Adds a line to `known_hosts`.
    pub fn know(&self, line: &str) {
        let known = fs::read_to_string(self.path("known")).unwrap_or_default();
        fs::write(self.path("known"), format!("{known}{}\n", line.trim())).unwrap();
    }

    /// The settings of a transport on this ground.
    pub fn settings(&self) -> Settings {
        Settings {
            config: Some(self.path("config")),
            runtime_dir: self.path("run"),
            ..Settings::default()
        }
    }

    /// A transport on this ground.
    pub fn ssh(&self) -> Ssh {
        Ssh::new(self.settings()).unwrap()
    }

    /// Opens the way to the engine at `socket` on `alias`.
    pub async fn open(&self, alias: &str, socket: &str) -> Result<Tunnel, Trouble> {
        self.ssh().open(alias, None, Some(socket), |_| {}).await
    }

    /// Puts a `docker` that can `dial-stdio` into a directory, and returns the sshd rule that makes
    /// it the remote `PATH`.
    pub fn docker(&self) -> String {
        let python = Command::new("python3")
            .args(["-c", "import sys; print(sys.executable)"])
            .output()
            .expect("python3 is needed for the remote `docker` of these tests");
        let python = String::from_utf8(python.stdout).unwrap();
        let bin = self.path("bin");
        fs::create_dir_all(&bin).unwrap();
        let docker = bin.join("docker");
        fs::write(&docker, format!("#!{}\n{DOCKER}", python.trim())).unwrap();
        fs::set_permissions(&docker, PermissionsExt::from_mode(0o755)).unwrap();
        format!("SetEnv PATH={}:/usr/bin:/bin\n", bin.display())
    }

    /// The ssh processes that belong to this ground.
    pub fn processes(&self) -> Vec<String> {
        let mark = self.path("run").display().to_string();
        processes()
            .into_iter()
            .map(|pid| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&mark))
            .collect()
    }

    /// Waits until no ssh of this ground is left.
    pub async fn nothing_left(&self, within: Duration) {
        let start = Instant::now();
        while !self.processes().is_empty() {
            assert!(
                start.elapsed() < within,
                "still there: {:?}",
                self.processes()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Sshd {
    fn start(ground: &Ground, without: &[&str], rules: &str) -> Self {
        let program = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("there is no sshd: install the package openssh-server to run these tests");
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = free_port();
        let dir = ground.dir.path().display();
        let config = ground.path(&format!("sshd-{port}"));
        // sshd heeds one SetEnv only. Another home keeps the start files of this machine's shell
        // out of the tests.
        let (mut variables, mut others) = (format!("HOME={dir}"), String::new());
        for rule in rules.lines() {
            match rule.strip_prefix("SetEnv ") {
                Some(variable) => write!(variables, " {variable}").unwrap(),
                None => writeln!(others, "{rule}").unwrap(),
            }
        }
        let text = format!(
            "{others}SetEnv {variables}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {dir}/host\nPidFile none\n\
             AuthorizedKeysFile {dir}/allowed\nStrictModes no\nUsePAM no\nLogLevel VERBOSE\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        );
        fs::write(&config, text).unwrap();
        let log = ground.path(&format!("log-{port}"));
        let mut command = Command::new("setpriv");
        // So that it ends with the test, however that ends.
        command.args(["--pdeathsig", "KILL"]);
        if !without.is_empty() {
            let list: Vec<_> = without.iter().map(|c| format!("-{c}")).collect();
            command.arg(format!("--bounding-set={}", list.join(",")));
        }
        command.arg(program);
        let child = command
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stderr(File::create(&log).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("setpriv is needed: install util-linux");
        let sshd = Self { child, port, log };
        let start = Instant::now();
        while !sshd.log().contains("Server listening on") {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", sshd.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        sshd
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How many logins it accepted.
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// Its processes that serve connections.
    pub fn connections(&self) -> Vec<i32> {
        let ours = self.child.id().to_string();
        processes()
            .into_iter()
            .filter(|pid| parent(*pid).as_deref() == Some(&ours))
            .collect()
    }

    /// Sends a signal to all processes that serve connections, privileged and not.
    pub fn signal(&self, signal: rustix::process::Signal) {
        for pid in descendants(self.child.id().cast_signed()) {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for pid in descendants(self.child.id().cast_signed()) {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Makes a key pair.
pub fn keygen(path: &Path, passphrase: &str) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", passphrase, "-f"])
        .arg(path)
        .status()
        .expect("ssh-keygen is needed: install openssh-client");
    assert!(made.success());
}

/// Whether these tests run as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn user() -> String {
    let name = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(name.stdout).unwrap().trim().to_owned()
}

/// A port of loopback that nobody listens on, and that no other test of this process gets: below
/// those that the kernel gives to outgoing connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 12_000 + (std::process::id().wrapping_mul(61) + turn) % 20_000;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn parent(pid: i32) -> Option<String> {
    let mut stat = String::new();
    File::open(format!("/proc/{pid}/stat"))
        .ok()?
        .read_to_string(&mut stat)
        .ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split(' ').nth(2).map(str::to_owned)
}

fn descendants(pid: i32) -> Vec<i32> {
    let of = pid.to_string();
    let children = processes()
        .into_iter()
        .filter(|child| parent(*child).as_deref() == Some(&of));
    children
        .flat_map(|child| [vec![child], descendants(child)].concat())
        .collect()
}
