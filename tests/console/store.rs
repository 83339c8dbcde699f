//! The disk and the database of the log of acts fail under a running console: it goes on, says so, and no act is
//! lost silently.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use wharf::sim::{Fleet, Spec, serve};

use super::terminal::Terminal;

/// What the header says of one act that the log cannot take.
const WAITS: &str = "1 act waits to be recorded";

/// A host from memory, for as long as it is wanted.
struct Sim {
    fleet: Fleet,
    _runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

impl Sim {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let spec = Spec {
            hosts: 1,
            containers: 4,
            ..Spec::default()
        };
        let fleet = runtime.block_on(serve(dir.path(), spec)).unwrap();
        Self {
            fleet,
            _runtime: runtime,
            _dir: dir,
        }
    }

    /// Its host for `-H`, called `sim`.
    fn host(&self) -> String {
        format!("sim={}", self.fleet.hosts()[0].socket.display())
    }
}

/// The console with the cursor on a running container, once it has told of its log.
fn begin(mut console: Terminal) -> Terminal {
    console.wait_for("hosts 1/1");
    console.keys("3/state:running\r");
    console.wait("a running container", |screen| {
        screen.contains("</state:running>") && screen.contains("● running")
    });
    assert!(console.shell(&["audit", "verify"]).0);
    console
}

/// Restarts the container under the cursor, and waits for what is said then.
fn restart(console: &mut Terminal, said: &str) {
    console.keys("r");
    console.wait("the question", |screen| screen.contains("@sim?"));
    console.keys("y");
    console.wait_for(said);
}

/// The acts in the log of a console, and those that wait beside it.
fn acts(console: &Terminal) -> usize {
    let (_, log) = console.shell(&["audit", "list", "-o", "json"]);
    log.matches("container restart ").count()
}

fn database(console: &Terminal) -> PathBuf {
    console.home().join(".local/share/wharf/wharf.db")
}

fn head(console: &Terminal) -> PathBuf {
    console.home().join(".local/share/wharf/wharf.db.head")
}

/// A disk that is full, and stays so when somebody frees a little.
struct FullDisk {
    path: PathBuf,
    stop: mpsc::Sender<()>,
    filler: thread::JoinHandle<()>,
}

impl FullDisk {
    fn of(console: &Terminal) -> Self {
        let path = console.home().join("ballast");
        let mut file = File::create(&path).unwrap();
        let (stop, stopped) = mpsc::channel();
        let (full, is_full) = mpsc::channel();
        let filler = thread::spawn(move || {
            let short = Duration::from_millis(1);
            while stopped.recv_timeout(short) == Err(RecvTimeoutError::Timeout) {
                while file.write_all(&[b'.'; 512]).is_ok() {}
                // Nobody waits any more after the first time.
                let _ = full.send(());
            }
        });
        is_full.recv().unwrap();
        Self { path, stop, filler }
    }

    fn free(self) {
        drop(self.stop);
        self.filler.join().unwrap();
        fs::remove_file(self.path).unwrap();
    }
}

#[test]
fn on_a_full_disk_acts_are_done_wait_and_are_taken_in_when_there_is_room() {
    let sim = Sim::new();
    let mut console = begin(Terminal::start_on_small_disk(&["-H", &sim.host()], 120, 30));
    restart(&mut console, "Done: Restart");
    let disk = FullDisk::of(&console);
    restart(&mut console, "@sim; recorded beside the log for now");
    console.wait_for(WAITS);
    console.keys("8");
    console.wait(
        "the act that waits stands before the recorded one",
        |screen| screen.contains("waits ") && screen.contains("    1  "),
    );
    console.keys("3");
    restart(&mut console, "2 acts wait to be recorded");
    assert_eq!(acts(&console), 3);
    assert!(
        console
            .shell(&["audit", "verify"])
            .1
            .contains("2 acts wait")
    );

    disk.free();
    console.wait("they are recorded", |screen| {
        !screen.contains("to be recorded")
    });
    console.keys("8");
    console.wait("with numbers", |screen| {
        screen.contains("    3  ") && screen.contains("    1  ") && !screen.contains("waits ")
    });
    let (whole, said) = console.shell(&["audit", "verify"]);
    assert!(whole && !said.contains("wait"), "{said}");
    assert_eq!(acts(&console), 3);
    console.keys("q");
    assert!(console.wait_end());
}

#[test]
fn on_a_full_disk_a_file_is_whole_or_not_there() {
    let sim = Sim::new();
    let mut console = begin(Terminal::start_on_small_disk(&["-H", &sim.host()], 120, 30));
    let (file, disk) = (console.home().join("hosts.toml"), FullDisk::of(&console));
    let said = ":host export --to ~/hosts.toml\r";
    console.keys(said);
    console.wait_for("the disk is full; make room or name another place");
    let names = || -> Vec<_> {
        let entries = fs::read_dir(file.parent().unwrap()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains("wharf-")).collect()
    };
    assert!(!file.exists() && names().is_empty(), "{:?}", names());
    disk.free();
    console.keys(said);
    console.wait_for("1 hosts are in ");
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("name = \"sim\"")
    );
    console.keys(said);
    console.wait_for("is there already; name another file");
}

#[test]
fn a_database_that_is_lost_is_missed_and_one_that_is_put_back_gets_what_waited() {
    let sim = Sim::new();
    let mut console = begin(Terminal::start(&["-H", &sim.host()], 120, 30));
    restart(&mut console, "Done: Restart");
    let (file, away) = (database(&console), console.home().join("away.db"));
    // With its write-ahead log, as a person moves it.
    let aside = |from: &PathBuf, to: &PathBuf| {
        for ending in ["", "-wal", "-shm"] {
            let name = |path: &PathBuf| PathBuf::from(format!("{}{ending}", path.display()));
            fs::rename(name(from), name(to)).unwrap();
        }
    };
    aside(&file, &away);
    console.wait_for("it is gone");
    restart(&mut console, WAITS);
    let (well, said) = console.shell(&["audit", "verify"]);
    assert!(!well && said.contains("it is gone"), "{said}");

    aside(&away, &file);
    console.wait("it is recorded", |screen| !screen.contains(WAITS));
    assert_eq!(acts(&console), 2);
    assert!(console.shell(&["audit", "verify"]).0);
}

#[test]
fn a_log_that_is_begun_anew_is_shown_from_its_beginning() {
    let sim = Sim::new();
    let mut console = begin(Terminal::start(&["-H", &sim.host()], 120, 30));
    for count in 1..=3 {
        console.keys("3");
        restart(&mut console, "Done: Restart");
        console.keys("8");
        console.wait("it has ended", |screen| {
            screen.contains(&format!("Operations[{count}]")) && !screen.contains("running")
        });
    }
    fs::remove_file(database(&console)).unwrap();
    console.wait_for("it is gone");
    console.keys("3");
    restart(&mut console, WAITS);
    fs::remove_file(head(&console)).unwrap();
    console.wait("a new log has it", |screen| !screen.contains(WAITS));
    console.keys("8");
    console.wait_for("Operations[1]");
    assert_eq!(acts(&console), 1);
    assert!(console.shell(&["audit", "verify"]).0);
}

#[test]
fn what_can_be_recorded_nowhere_is_not_done() {
    let sim = Sim::new();
    let mut console = begin(Terminal::start(&["-H", &sim.host()], 120, 30));
    // Neither the database nor the spill has a directory, nor can one be made.
    let places = ["share", "state"].map(|part| console.home().join(".local").join(part));
    let aside = places.clone().map(|place| place.with_extension("aside"));
    for (place, aside) in places.iter().zip(&aside) {
        fs::rename(place, aside).unwrap();
        File::create(place).unwrap();
    }
    restart(
        &mut console,
        "nothing was done, because the act cannot be recorded",
    );
    for (place, aside) in places.iter().zip(&aside) {
        fs::remove_file(place).unwrap();
        fs::rename(aside, place).unwrap();
    }
    restart(&mut console, "Done: Restart");
    assert_eq!(acts(&console), 1);
    assert!(console.shell(&["audit", "verify"]).0);
}
