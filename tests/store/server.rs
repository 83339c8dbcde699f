//! A PostgreSQL server for tests: in a directory of its own, on a free port, ended with the tests however they end.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, OnceLock},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

/// The user that Debian's package makes; PostgreSQL does not run as root.
const USER: &str = "postgres";
/// The password of the role `wharf`, which is asked over TCP; through the socket nobody is asked.
pub(crate) const PASSWORD: &str = "hunter2";

/// Waits until its standard input ends, then ends the server of a directory and removes it: also when the
/// tests were killed, and when the server is stopped by a signal at that moment.
const GUARDIAN: &str = r#"
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && grep -qa "$1" "/proc/$pid/cmdline"; then
  kill -CONT "$pid" $(ps -o pid= --ppid "$pid") 2>/dev/null
  kill -QUIT "$pid"
  for _ in $(seq 200); do
    [ -e "$1/data/postmaster.pid" ] || break
    sleep 0.05
  done
fi
rm -rf "$1"
"#;

/// A server with a cluster of its own.
pub(crate) struct Server {
    directory: PathBuf,
    settings: Vec<String>,
    port: u16,
    postmaster: Mutex<Option<Child>>,
    guardian: Option<(Child, ChildStdin)>,
}

impl Server {
    /// The server that the tests of this process share. It does not wait for the disk.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["fsync=off"]))
    }

    /// A server for one test, which may stop it.
    pub(crate) fn start(settings: &[&str]) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("wharf-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        let mut server = Self {
            guardian: Some(guardian(&directory)),
            settings: settings.iter().map(ToString::to_string).collect(),
            directory,
            port: 0,
            postmaster: Mutex::new(None),
        };
        server.initialise();
        // Another program may take the port before the server does.
        server.port = (0..5)
            .map(|_| free_port())
            .find(|port| server.up(*port).is_ok())
            .expect("a PostgreSQL server starts on one of five free ports");
        server.sql(
            "postgres",
            &format!("create role wharf login password '{PASSWORD}'"),
        );
        server
    }

    /// The directory of its socket.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database through the socket, which asks for no password.
    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        let (port, directory) = (self.port, self.directory.display());
        format!("postgres://{role}@localhost:{port}/{database}?host={directory}")
    }

    /// Makes a database that belongs to the role `wharf`; answers its name.
    pub(crate) fn new_database(&self) -> String {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("log_{number}");
        self.sql("postgres", &format!("create database {name} owner wharf"));
        name
    }

    /// Runs SQL as the server's superuser.
    pub(crate) fn sql(&self, database: &str, sql: &str) {
        let output = Command::new(program("psql"))
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                USER,
                "-d",
                database,
                "-c",
                sql,
            ])
            .arg("-h")
            .arg(&self.directory)
            .args(["-p", &self.port.to_string()])
            .output()
            .expect("psql is there (tests/lab/install.sh)");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {told}");
    }

    /// Ends it, as an administrator does: open connections are cut.
    pub(crate) fn stop(&self) {
        if let Some(mut postmaster) = self.postmaster.lock().unwrap().take() {
            signal(postmaster.id(), Signal::INT);
            postmaster.wait().unwrap();
        }
    }

    /// Starts it again, at the same place.
    pub(crate) fn start_again(&self) {
        self.up(self.port).unwrap();
    }

    /// All its processes stand still until the answer is dropped: connections stay, nobody answers.
    pub(crate) fn freeze(&self) -> Frozen {
        let id = self.postmaster.lock().unwrap().as_ref().unwrap().id();
        // The first one forks no more, so its children are all there are.
        signal(id, Signal::STOP);
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let mut ids: Vec<u32> = children
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        for id in &ids {
            signal(*id, Signal::STOP);
        }
        ids.push(id);
        Frozen(ids)
    }

    fn initialise(&self) {
        if rustix::process::getuid().is_root() {
            let id = |flag| {
                let output = Command::new("id").args([flag, USER]).output().unwrap();
                String::from_utf8(output.stdout)
                    .unwrap()
                    .trim()
                    .parse::<u32>()
            };
            let owner = id("-u").expect("the user postgres is there (tests/lab/install.sh)");
            chown(&self.directory, Some(owner), Some(id("-g").unwrap())).unwrap();
        }
        let output = as_user(&program("initdb"))
            .args([
                "--username",
                USER,
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
            ])
            .args(["--no-sync", "--no-locale", "--encoding=UTF8", "--pgdata"])
            .arg(self.directory.join("data"))
            .current_dir(&self.directory)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {told}");
    }

    /// Starts the server and returns when it says that it is ready; the error is what it said instead.
    fn up(&self, port: u16) -> Result<(), String> {
        let mut command = as_user(&program("postgres"));
        command
            .arg("-D")
            .arg(self.directory.join("data"))
            .arg("-k")
            .arg(&self.directory)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "lc_messages=C", "-c", "logging_collector=off"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut postmaster = command.spawn().unwrap();
        let mut said = BufReader::new(postmaster.stderr.take().unwrap());
        let mut all = String::new();
        while !all.contains("database system is ready to accept connections") {
            if said.read_line(&mut all).unwrap() == 0 {
                postmaster.wait().unwrap();
                return Err(all);
            }
        }
        // Nobody reads it, but the server must not wait for a reader.
        thread::spawn(move || said.read_to_end(&mut Vec::new()));
        *self.postmaster.lock().unwrap() = Some(postmaster);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if let Some((mut guardian, stdin)) = self.guardian.take() {
            drop(stdin);
            // It removes the directory.
            let _ = guardian.wait();
        }
    }
}

/// The processes of a server that stand still; dropping it lets them go on.
pub(crate) struct Frozen(Vec<u32>);

impl Drop for Frozen {
    fn drop(&mut self) {
        for id in &self.0 {
            signal(*id, Signal::CONT);
        }
    }
}

fn signal(id: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    // It may have ended by itself.
    let _ = kill_process(pid, signal);
}

fn guardian(directory: &Path) -> (Child, ChildStdin) {
    let mut guardian = Command::new("sh")
        .args(["-c", GUARDIAN, "guardian"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let stdin = guardian.stdin.take().unwrap();
    (guardian, stdin)
}

/// A command as the user of the server, when we are root.
fn as_user(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", USER, "--init-groups"])
        .arg(program);
    command
}

/// A program of the newest PostgreSQL that is installed.
fn program(name: &str) -> PathBuf {
    let pattern = format!("/usr/lib/postgresql/*/bin/{name}");
    let versions = glob::glob(&pattern).unwrap().map(Result::unwrap);
    versions
        .max_by_key(|path| {
            let version = path.iter().nth(4).and_then(|part| part.to_str());
            version.and_then(|version| version.parse::<u32>().ok())
        })
        .unwrap_or_else(|| panic!("PostgreSQL is installed (tests/lab/install.sh): {pattern}"))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// What answers a connection and never says a word.
pub(crate) struct Mute(TcpListener);

impl Mute {
    pub(crate) fn listen() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}

/// A server's own certificate for 127.0.0.1 as `server.crt` and `server.key`, and another as `other.crt`.
pub(crate) fn certificates(directory: &Path) {
    for name in ["server", "other"] {
        let output = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=127.0.0.1",
            ])
            .args([
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                "basicConstraints=CA:FALSE",
            ])
            .args([
                "-keyout",
                &format!("{name}.key"),
                "-out",
                &format!("{name}.crt"),
            ])
            .current_dir(directory)
            .output()
            .expect("openssl is there (tests/lab/install.sh)");
        assert!(output.status.success());
    }
    let owner = fs::metadata(directory).unwrap();
    for file in ["server.key", "server.crt"] {
        chown(directory.join(file), Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

impl Server {
    /// Writes into its configuration; it counts from the next start on.
    pub(crate) fn configure(&self, lines: &str) {
        let path = self.directory.join("data/postgresql.conf");
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }
}
