//! What is ordered of which host, and the script run against package managers that only note what they are told.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

fn found(text: &str) -> Found {
    Found::parse(text)
}

const BOOKWORM: &str = "a chatty shell\nwharf os PRETTY_NAME=\"Debian GNU/Linux 12\"\nwharf os ID=debian\n\
    wharf user ops\nwharf root sudo\nwharf has apt-get\nwharf has dpkg\nwharf has sha256sum\n";
const ROCKY: &str = "wharf os ID=\"rocky\"\nwharf os ID_LIKE=\"rhel centos fedora\"\nwharf user root\n\
    wharf root self\nwharf has dnf\nwharf has yum\nwharf has rpm\n";

#[test]
fn each_distribution_gets_its_own_orders() {
    let usual = Install::default();
    let debian = orders(&found(BOOKWORM), &usual).unwrap();
    assert_eq!(
        debian.command(None),
        "sudo -n /bin/sh -s -- apt-get first - - docker.io docker-ce"
    );
    let rocky = orders(&found(ROCKY), &usual).unwrap();
    assert_eq!(
        rocky.command(None),
        "/bin/sh -s -- dnf first - - docker-ce moby-engine"
    );
    let old = ROCKY.replace("wharf has dnf\n", "");
    assert_eq!(orders(&found(&old), &usual).unwrap().manager, "yum");
    let named = Install {
        packages: vec!["docker-ce=5:27.1-1~debian".into(), "docker-ce-cli".into()],
        add_to_group: true,
        bundle: Some("/b".into()),
        upgrade: false,
    };
    assert_eq!(
        orders(&found(BOOKWORM), &named)
            .unwrap()
            .command(Some("/var/tmp/wharf-install.abc")),
        "sudo -n /bin/sh -s -- dpkg all /var/tmp/wharf-install.abc ops docker-ce=5:27.1-1~debian docker-ce-cli"
    );
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    let usual = Install::default();
    let why = |text: &str| orders(&found(text), &usual).unwrap_err();
    let alpine = BOOKWORM.replace("ID=debian", "ID=alpine");
    assert!(why(&alpine).reason.contains("not known here"));
    assert!(
        why("wharf user ops\n")
            .reason
            .contains("without /etc/os-release")
    );
    let locked = why(&BOOKWORM.replace("root sudo", "root password"));
    assert!(
        locked
            .reason
            .contains("ops is not root on the host, and sudo asks for a password")
    );
    assert!(locked.remedy.contains("ssh://root@host"));
    assert!(
        why(&BOOKWORM.replace("root sudo", "root none"))
            .reason
            .contains("there is no sudo")
    );
    assert!(
        why(&BOOKWORM.replace("has apt-get", "has nothing"))
            .reason
            .contains("no apt-get")
    );
    let odd = why(&BOOKWORM.replace("user ops", "user ops;reboot"));
    assert!(odd.reason.contains("cannot be given to the host's shell"));
    let bundle = Install {
        bundle: Some("/b".into()),
        ..Install::default()
    };
    assert!(
        orders(&found(ROCKY), &bundle)
            .unwrap_err()
            .reason
            .contains("no sha256sum")
    );
}

#[test]
fn only_a_path_that_mktemp_made_is_one() {
    assert!(is_place("/var/tmp/wharf-install.a1B2"));
    for bad in [
        "",
        "welcome",
        "/var/tmp/x",
        "/tmp/wharf-install.$(x)",
        "/tmp/wharf-install.a b",
    ] {
        assert!(!is_place(bad), "{bad}");
    }
}

/// A directory of programs that note what they are told and do as little as they can.
struct Stand {
    dir: tempfile::TempDir,
}

impl Stand {
    fn new(programs: &[(&str, &str)]) -> Self {
        let stand = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        for (name, body) in programs {
            let path = stand.dir.path().join(name);
            let text = format!(
                "#!/bin/sh\necho \"{name} $*\" >>{}/told\n{body}\n",
                stand.path()
            );
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        stand
    }

    fn path(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// Runs the script with these arguments, where only the programs of the stand and the plainest of
    /// the system's are to be found; answers what it printed.
    fn run(&self, arguments: &str) -> String {
        let plain = self.dir.path().join("plain");
        std::fs::create_dir_all(&plain).unwrap();
        for name in [
            "sh",
            "grep",
            "sed",
            "id",
            "rm",
            "sha256sum",
            "getent",
            "sleep",
        ] {
            let real = ["/usr/bin", "/bin"]
                .iter()
                .map(|dir| format!("{dir}/{name}"));
            let real = real
                .into_iter()
                .find(|path| Path::new(path).exists())
                .unwrap();
            let _ = std::os::unix::fs::symlink(real, plain.join(name));
        }
        // Of the system it must neither find nor touch anything: not the programs in its usual
        // directories, not its Docker, not its services.
        let mut script = SCRIPT.to_owned();
        let nothing = format!("{}/nothing", self.path());
        for (system, here) in [
            (
                "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
                ":",
            ),
            ("/var/run/docker.sock", &nothing),
            ("/etc/init.d/docker", &nothing),
            ("/run/systemd/system", &nothing),
        ] {
            assert!(script.contains(system), "{system}");
            script = script.replace(system, here);
        }
        let output = Command::new("/bin/sh")
            .args(["-c", &script, "sh"])
            .args(arguments.split(' '))
            .env("PATH", format!("{}:{}", self.path(), plain.display()))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What the programs were told.
    fn told(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("told")).unwrap_or_default()
    }
}

#[test]
fn dnf_is_asked_for_the_first_package_that_is_to_be_had() {
    let stand = Stand::new(&[(
        "dnf",
        "case \"$*\" in *'list --available docker-ce') exit 1 ;; esac; exit 0",
    )]);
    let said = stand.run("dnf first - - docker-ce moby-engine");
    assert!(said.contains("wharf step installing moby-engine"), "{said}");
    assert!(
        stand.told().contains("dnf -y install moby-engine\n"),
        "{}",
        stand.told()
    );
    // This dnf brings nothing, and that is seen.
    assert!(
        said.contains("wharf fail what was installed brought no dockerd|"),
        "{said}"
    );
    assert!(!said.contains("wharf end"), "{said}");
}

#[test]
fn a_source_without_an_engine_is_told_before_anything_is_installed() {
    let stand = Stand::new(&[("yum", "case \"$*\" in *list*) exit 1 ;; esac")]);
    let said = stand.run("yum first - - docker-ce moby-engine");
    assert!(
        said.contains("wharf fail its package source has none of: docker-ce moby-engine|"),
        "{said}"
    );
    assert!(!stand.told().contains("install"), "{}", stand.told());
    let said = stand.run("yum all - - docker-ce");
    assert!(
        said.contains("wharf fail its package source has no docker-ce|"),
        "{said}"
    );
}

#[test]
fn apt_is_given_the_version_and_asked_for_the_name() {
    let stand = Stand::new(&[
        ("dpkg", "[ \"$1\" != --audit ] || echo half"),
        ("apt-get", ""),
        ("apt-cache", "echo '  Candidate: 1.2'"),
    ]);
    stand.run("apt-get all - - docker-ce=5:27.1");
    let told = stand.told();
    assert!(told.contains("dpkg --configure -a\n"), "{told}");
    assert!(told.contains("apt-cache policy docker-ce\n"), "{told}");
    assert!(told.contains("install docker-ce=5:27.1\n"), "{told}");
    assert!(told.contains("--no-install-recommends"), "{told}");
}

#[test]
fn a_bundle_that_arrived_damaged_is_not_installed() {
    let stand = Stand::new(&[("rpm", "")]);
    let place = stand.dir.path().join("wharf-install.x");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("docker.rpm"), "cut").unwrap();
    std::fs::write(
        place.join("SHA256SUMS"),
        format!("{}  docker.rpm\n", "0".repeat(64)),
    )
    .unwrap();
    let said = stand.run(&format!("rpm all {} - docker", place.display()));
    assert!(
        said.contains("wharf fail a package did not arrive as it was sent|run it again"),
        "{said}"
    );
    assert_eq!(stand.told(), "");
    assert!(!place.exists(), "what was sent is taken away again");
}

#[test]
fn an_rpm_bundle_is_tested_before_it_is_installed() {
    let stand = Stand::new(&[(
        "rpm",
        "case \"$*\" in *--test*) echo 'needs libx'; exit 1 ;; esac",
    )]);
    let place = stand.dir.path().join("wharf-install.x");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("docker.rpm"), "").unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    std::fs::write(place.join("SHA256SUMS"), format!("{empty}  docker.rpm\n")).unwrap();
    let said = stand.run(&format!("rpm all {} - docker", place.display()));
    assert!(said.contains("needs libx"), "{said}");
    assert!(
        said.contains("wharf fail the bundle lacks what its packages need|"),
        "{said}"
    );
    assert_eq!(stand.told().lines().count(), 1, "{}", stand.told());
}

#[test]
fn an_engine_that_is_there_is_started_and_not_installed() {
    let stand = Stand::new(&[("dnf", ""), ("dockerd", ""), ("sleep", "")]);
    let said = stand.run("dnf first - - docker-ce");
    assert!(
        said.contains("wharf step dockerd is there already: nothing is installed"),
        "{said}"
    );
    assert!(!stand.told().contains("dnf"), "{}", stand.told());
    assert!(
        said.contains("wharf fail Docker is installed, and no engine listens"),
        "{said}"
    );
    assert!(said.contains("there is no systemd to start it"), "{said}");
}
