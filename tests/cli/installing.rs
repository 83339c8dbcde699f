//! `host install` on a host of the lab that has sshd and no Docker: out of a package source, out of a bundle.
//!
//! apt-get, dpkg and the engine are real; the packages are ones that the test makes, which bring the engine
//! that the machine has. dnf is a stand-in.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use tokio::{runtime::Runtime, sync::mpsc};
use wharf::{
    engine::{self, Engines, Signal, ssh},
    model::{Action, Event, HostName, HostSpec, Install, Link, Step, Subject},
};
use wharf_lab::Lab;

use crate::bench::{Bench, answer};

/// Starts the engine that the lab has put aside.
const DOCKERD: &str = "#!/bin/sh\nexec /usr/lib/dockerd-lab --data-root /run/lab/docker --pidfile /run/docker.pid \
    --exec-opt native.cgroupdriver=cgroupfs \"$@\"\n";

/// As the package of Debian has one, for hosts without systemd.
const INIT: &str = "#!/bin/sh\n[ \"$1\" = start ] || { kill $(cat /run/docker.pid); while [ -e /run/docker.pid ]; do sleep 0.1; done; }\n\
    setsid dockerd </dev/null >/var/log/docker.log 2>&1 &\n";

/// Puts another file in the place of the engine's, as each version does. Takes its time where a test wants that.
const POSTINST: &str = "#!/bin/sh\ncp --remove-destination /run/lab/real/dockerd /usr/lib/dockerd-lab\nwhile [ -e /run/lab/slow ]; do sleep 0.2; done\n";

/// A lab of its own, because a host of it becomes another one.
struct Ground {
    lab: Lab,
    bench: Bench,
}

impl Ground {
    fn new() -> Self {
        let lab = Lab::start(&["--hosts", "1"]);
        let bench = Bench::new();
        let text = format!(
            "[ssh]\nconfig = \"{}\"\n{}{}",
            lab.ssh_config().display(),
            host("bare", "ssh://root@bad-nodocker"),
            host("guest", "ssh://guest@bad-nodocker"),
        );
        fs::write(bench.file(), text).unwrap();
        Self { lab, bench }
    }

    /// A directory that the lab's hosts see too.
    fn dir(&self, name: &str) -> PathBuf {
        let dir = self.lab.dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// Runs a shell line on the bare host as root.
    fn on_bare(&self, line: &str) -> String {
        self.lab.command(&["exec", "bare", "sh", "-ec", line])
    }
}

fn host(name: &str, endpoint: &str) -> String {
    format!("[[host]]\nname = \"{name}\"\nendpoint = \"{endpoint}\"\n")
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes `docker.io_99.0_all.deb` in a directory; `more` goes into its control file.
fn package(dir: &Path, version: &str, more: &str) -> PathBuf {
    let tree = tempfile::tempdir().unwrap();
    fs::set_permissions(tree.path(), fs::Permissions::from_mode(0o755)).unwrap();
    write(&tree.path().join("usr/sbin/dockerd"), DOCKERD, 0o755);
    write(&tree.path().join("etc/init.d/docker"), INIT, 0o755);
    write(&tree.path().join("DEBIAN/postinst"), POSTINST, 0o755);
    let control = format!(
        "Package: docker.io\nVersion: {version}\nArchitecture: all\nMaintainer: The lab <lab@localhost>\n\
         {more}Description: starts the engine of the lab\n"
    );
    write(&tree.path().join("DEBIAN/control"), &control, 0o644);
    let file = dir.join(format!("docker.io_{version}_all.deb"));
    let built = Command::new("dpkg-deb")
        .args(["--root-owner-group", "--build"])
        .arg(tree.path())
        .arg(&file)
        .output()
        .expect("dpkg-deb is there: this test needs Debian's package tools");
    assert!(built.status.success(), "{built:?}");
    file
}

/// Makes a package source of a directory with that package.
fn source(dir: &Path, version: &str, package: &Path) {
    let sum = Command::new("sha256sum").arg(package).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let sum = sum.split(' ').next().unwrap();
    let size = fs::metadata(package).unwrap().len();
    let name = package.file_name().unwrap().to_str().unwrap();
    let text = format!(
        "Package: docker.io\nVersion: {version}\nArchitecture: all\nMaintainer: The lab <lab@localhost>\n\
         Filename: ./{name}\nSize: {size}\nSHA256: {sum}\nDescription: starts the engine of the lab\n"
    );
    fs::write(dir.join("Packages"), text).unwrap();
}

#[test]
fn a_bare_host_gets_an_engine_from_its_package_source() {
    let ground = Ground::new();
    let bench = &ground.bench;
    let repository = ground.dir("repository");
    // The host's own sources are somewhere in the world: it has none but ours.
    ground.on_bare(&format!(
        "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d /var/lib/apt/lists/*; mkdir /etc/apt/sources.list.d
         echo 'APT::Sandbox::User \"root\";' >/etc/apt/apt.conf.d/99lab
         echo 'deb [trusted=yes] file:{} ./' >/etc/apt/sources.list",
        repository.display()
    ));
    bench
        .say("host install @bare")
        .ended(3)
        .complains("has to be confirmed");
    let shown = bench.say("--dry-run host install @bare").ended(0);
    assert!(
        shown.out.contains("apt-get install -y docker.io"),
        "{shown:?}"
    );

    fs::write(repository.join("Packages"), "").unwrap();
    let none = bench.say("--yes host install @bare").ended(1);
    assert!(
        none.out
            .contains("its package source has none of: docker.io docker-ce"),
        "{none:?}"
    );

    source(&repository, "99.0", &package(&repository, "99.0", ""));
    is_interrupted_and_run_again(&ground);
    let shown = bench.say("-o json host show @bare").ended(0).json();
    assert_eq!(shown[0]["state"], "online", "{shown}");
    let again = bench.say("--yes host install @bare").ended(0);
    assert!(again.out.contains("nothing was to be done"), "{again:?}");
    let acts = bench.say("audit list -o json").ended(0).json();
    let outcomes: Vec<_> = acts
        .as_array()
        .unwrap()
        .iter()
        .map(|act| &act["outcome"])
        .collect();
    assert_eq!(outcomes.len(), 4, "{acts}");
    assert_eq!(acts[0]["sentence"], "host install @bare");
    it_is_upgraded(&ground, &repository);
}

/// A newer engine takes the place of the old one, and what runs goes on; the newest stays as it is.
fn it_is_upgraded(ground: &Ground, repository: &Path) {
    let bench = &ground.bench;
    let same = bench.say("--yes host upgrade @bare").ended(0);
    assert!(same.out.contains("there is nothing newer"), "{same:?}");
    // The host has no client of its own.
    let client = ground.dir("client").join("docker");
    fs::copy("/usr/bin/docker", &client).unwrap();
    let docker = client.display();
    ground.on_bare(&format!(
        "mkdir -p /etc/docker; echo '{{\"live-restore\": true}}' >/etc/docker/daemon.json; kill -HUP $(cat /run/docker.pid)
         mkdir -p /tmp/root/bin; cp $(command -v busybox) /tmp/root/bin/sleep
         tar -C /tmp/root -c . | {docker} import - kept:1; {docker} run -d --name kept kept:1 sleep 1000"
    ));
    let state = "'{{.State.Pid}} {{.State.Status}}'";
    let pid = || ground.on_bare(&format!("{docker} inspect kept --format {state}"));
    let before = pid();
    let newer = package(repository, "99.1", "");
    source(repository, "99.1", &newer);
    let shown = bench.say("--dry-run host upgrade @bare").ended(0);
    assert!(
        shown.out.contains("its 1 containers go on (live-restore)"),
        "{shown:?}"
    );
    let done = bench.say("--yes host upgrade @bare").ended(0);
    for part in [
        "docker.io 99.0",
        "docker.io 99.1",
        "starting the new engine in the place of the old one",
    ] {
        assert!(done.out.contains(part), "{part}: {done:?}");
    }
    assert!(before.contains("running"), "{before}");
    assert_eq!(pid(), before);
    let gone = "readlink /proc/$(cat /run/docker.pid)/exe";
    assert_eq!(ground.on_bare(gone).trim(), "/usr/lib/dockerd-lab");
    let same = bench.say("--yes host upgrade @bare").ended(0);
    assert!(same.out.contains("there is nothing newer"), "{same:?}");
}

/// The connection is lost in the middle, with all that ran in it; the next run finishes the work.
fn is_interrupted_and_run_again(ground: &Ground) {
    ground.on_bare("touch /run/lab/slow");
    let mut child = ground
        .bench
        .command("--yes host install @bare")
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !said.contains("Setting up docker.io") {
        assert_ne!(
            out.read_line(&mut said).unwrap(),
            0,
            "it ended early: {said}"
        );
    }
    ground.lab.command(&["kill-sshd-sessions", "bare"]);
    std::io::Read::read_to_string(&mut out, &mut said).unwrap();
    let broken = answer(child).ended(1);
    assert!(
        said.contains("the connection was lost while installing"),
        "{said} {broken:?}"
    );
    assert!(said.contains("say `host install @bare` again"), "{said}");
    ground.on_bare("rm /run/lab/slow");
    let done = ground.bench.say("--yes host install @bare").ended(0);
    assert!(
        done.out.contains("finishing what dpkg began before"),
        "{done:?}"
    );
    assert!(done.out.contains("Docker 2"), "{done:?}");
    assert!(
        ground
            .on_bare("dpkg -s docker.io")
            .contains("install ok installed")
    );
}

#[test]
fn a_bare_host_gets_an_engine_from_a_bundle() {
    let ground = Ground::new();
    let bench = &ground.bench;
    let bundle = ground.dir("bundle");
    let line = format!("--yes host install @guest --bundle {}", bundle.display());
    let said = bench.say(&line).ended(1);
    assert!(
        said.out.contains("guest is not root on the host"),
        "{said:?}"
    );
    sudo(&ground);

    let said = bench.say(&line).ended(1);
    assert!(said.out.contains("has no .deb packages"), "{said:?}");
    package(&bundle, "99.0", "Depends: not-in-the-bundle\n");
    let said = bench.say(&line).ended(1);
    assert!(
        said.out.contains("not-in-the-bundle is not installed"),
        "{said:?}"
    );
    assert!(
        said.out.contains("dpkg could not install the bundle"),
        "{said:?}"
    );
    assert_eq!(
        ground
            .on_bare("ls -d /var/tmp/wharf-install.* 2>/dev/null || echo none")
            .trim(),
        "none"
    );
    ground.on_bare("dpkg -r docker.io");

    let file = package(&bundle, "99.0", "");
    fs::write(
        bundle.join("SHA256SUMS"),
        format!("{}  docker.io_99.0_all.deb\n", "0".repeat(64)),
    )
    .unwrap();
    let said = bench.say(&line).ended(1);
    assert!(said.out.contains("is not what SHA256SUMS says"), "{said:?}");
    fs::remove_file(bundle.join("SHA256SUMS")).unwrap();

    let said = bench.say(&line).ended(1);
    assert!(said.out.contains("sent docker.io_99.0_all.deb"), "{said:?}");
    assert!(
        said.out
            .contains("Docker is installed, but guest may not use"),
        "{said:?}"
    );
    assert!(
        said.out.contains("host install @guest --add-to-group"),
        "{said:?}"
    );
    let archive = ground.lab.dir().join("bundle.tar");
    let tar = Command::new("tar")
        .arg("-cf")
        .arg(&archive)
        .arg("-C")
        .arg(&bundle)
        .arg(".")
        .status();
    assert!(tar.unwrap().success() && file.exists());
    let line = format!(
        "--yes host install @guest --add-to-group --bundle {}",
        archive.display()
    );
    let said = bench.say(&line).ended(0);
    assert!(
        said.out.contains("guest is to be in the group docker"),
        "{said:?}"
    );
    assert!(said.out.contains("nothing is installed"), "{said:?}");
    bench.say("host doctor @guest").ended(0);
}

/// sudo as a stand-in: the machine need not have one. It lets everybody be root, and asks nothing.
fn sudo(ground: &Ground) {
    let dir = ground.dir("sudo");
    write(
        &dir.join("sudo.c"),
        "#include <unistd.h>\nint main(int c, char **v) {\n\
         return c > 2 && !setgid(0) && !setuid(0) ? execvp(v[2], v + 2) : 1; }\n",
        0o644,
    );
    let built = Command::new("cc")
        .args(["-static", "-o", "sudo", "sudo.c"])
        .current_dir(&dir)
        .status();
    assert!(built.unwrap().success());
    let install = format!("install -m 4755 {}/sudo /usr/local/bin/sudo", dir.display());
    ground.on_bare(&install);
}

#[test]
fn a_host_of_another_kind_is_refused_or_served_by_its_own_manager() {
    let ground = Ground::new();
    let bench = &ground.bench;
    ground.on_bare(
        "rm /etc/os-release; printf 'ID=alpine\\nPRETTY_NAME=\"Alpine Linux\"\\n' >/etc/os-release",
    );
    let said = bench.say("--yes host install @bare").ended(1);
    assert!(said.out.contains("the host runs Alpine Linux"), "{said:?}");

    with_dnf(&ground);
    let said = bench
        .say("-o json --yes host install @bare")
        .ended(0)
        .json();
    let output = said["steps"][0]["output"].to_string();
    assert!(output.contains("installing moby-engine"), "{output}");
    assert!(
        ground
            .on_bare("cat /run/lab/dnf")
            .contains("-y install moby-engine")
    );
    assert_eq!(said["outcome"], "done", "{said}");
}

/// Makes it a kind of RHEL, whose dnf is a stand-in that has no docker-ce.
fn with_dnf(ground: &Ground) {
    let tools = ground.dir("tools");
    write(&tools.join("dockerd"), DOCKERD, 0o755);
    write(&tools.join("docker"), INIT, 0o755);
    let dnf = format!(
        "#!/bin/sh\necho \"$*\" >>/run/lab/dnf\ncase \"$*\" in *'list --available docker-ce') exit 1 ;;\n\
         *install*) cp {0}/dockerd /usr/sbin/; cp {0}/docker /etc/init.d/; cp /run/lab/real/dockerd /usr/lib/dockerd-lab; echo Complete! ;; esac\n",
        tools.display()
    );
    write(&tools.join("dnf"), &dnf, 0o755);
    ground.on_bare(&format!(
        "cp {}/dnf /usr/local/bin/; printf 'ID=rocky\\nID_LIKE=\"rhel centos fedora\"\\n' >/etc/os-release",
        tools.display()
    ));
}

#[test]
fn only_over_ssh_is_anything_installed() {
    let bench = Bench::new();
    bench
        .say("--yes host install @ams-1")
        .ended(3)
        .complains("an engine is installed over ssh");
    bench
        .say("--read-only host install @ams-1")
        .ended(3)
        .complains("read-only");
    bench
        .say("host install @ams-1 --package '--force'")
        .ended(2);
}

/// What a console is told of the host's way.
struct Watch {
    engines: Engines,
    signals: mpsc::Receiver<Signal>,
    _dir: tempfile::TempDir,
}

impl Watch {
    fn on(ground: &Ground) -> Self {
        // Short, for the sake of socket paths.
        let dir = tempfile::Builder::new()
            .prefix("wi")
            .tempdir_in("/tmp")
            .unwrap();
        let settings = engine::Settings {
            ssh: ssh::Settings {
                config: Some(ground.lab.ssh_config()),
                runtime_dir: dir.path().to_owned(),
                ..ssh::Settings::default()
            },
            ..engine::Settings::default()
        };
        let (inbox, signals) = mpsc::channel(1024);
        let engines = Engines::start(settings, inbox);
        let endpoint = "ssh://root@bad-nodocker".parse().unwrap();
        engines.set_hosts(vec![HostSpec::new("bare", endpoint, "test")]);
        Self {
            engines,
            signals,
            _dir: dir,
        }
    }

    async fn install(&self) -> Result<String, engine::Error> {
        let step = Step {
            host: HostName::new("bare"),
            subject: Subject::Host,
            action: Action::Install(Install::default()),
        };
        self.engines.act(&step, &|_| ()).await
    }

    /// Waits until the link is as wanted; answers the words of all on the way.
    async fn until(&mut self, wanted: &str) -> (Vec<&'static str>, Link) {
        let mut words = Vec::new();
        loop {
            let next = tokio::time::timeout(std::time::Duration::from_mins(1), self.signals.recv());
            let signal = next
                .await
                .unwrap_or_else(|_| panic!("not {wanted}: {words:?}"));
            if let Some(Signal::Event(Event::Link(_, link))) = signal {
                words.push(link.word());
                if link.word() == wanted {
                    return (words, link);
                }
            }
        }
    }
}

#[test]
fn the_hosts_link_tells_how_the_installation_stands() {
    let ground = Ground::new();
    ground.on_bare("rm /etc/os-release; echo ID=alpine >/etc/os-release");
    Runtime::new().unwrap().block_on(async {
        let mut watch = Watch::on(&ground);
        watch.until("offline").await;
        let error = watch.install().await.unwrap_err();
        assert!(error.why.contains("the host runs alpine"), "{error}");
        let (words, link) = watch.until("install failed").await;
        assert_eq!(words.first(), Some(&"installing"), "{words:?}");
        let trouble = link.trouble().unwrap();
        assert!(
            trouble.reason.contains("alpine") && !trouble.remedy.is_empty(),
            "{trouble}"
        );
        // It stays so when the host is tried again by itself, until a person tries it.
        watch.until("install failed").await;
        watch.engines.reconnect(&HostName::new("bare"));
        watch.until("offline").await;

        with_dnf(&ground);
        watch.install().await.unwrap();
        let (words, _) = watch.until("online").await;
        assert!(words.contains(&"installing"), "{words:?}");
    });
}
