//! Puts a Docker Engine on a host over ssh: look, refuse or send, run one fixed script, see that an engine answers.

mod bundle;
mod release;
mod working;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::actor::Common;
use super::dial::Dialer;
use super::session::Session;
use super::ssh::{Broken, Shell};
use super::trouble::trouble;
use crate::model::{
    Endpoint, HostName, HostSpec, Install, Product, Said, Trouble, TroubleKind, bytes,
};
use bundle::Package;
use release::{Family, Release};
pub(super) use working::Working;

/// What is looked for on the host before anything is done.
const LOOK: &str = include_str!("look.sh");

/// What is done there when the engine is to be replaced by a newer one.
const UPGRADE: &str = concat!(include_str!("common.sh"), include_str!("upgrade.sh"));

/// What is done there.
const SCRIPT: &str = concat!(include_str!("common.sh"), include_str!("install.sh"));

/// How long the look may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long an engine may take from its start to its first answer, and how often it is asked.
const WARMING: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_secs(1);

/// So many lines of the script are kept for the host's row when it fails.
const LAST_LINES: usize = 20;

/// What the look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    release: Release,
    user: String,
    root: Root,
    has: Vec<String>,
}

/// How the account becomes root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Root {
    /// It is root.
    Itself,
    /// `sudo -n` works.
    Sudo,
    /// sudo asks for a password.
    Password,
    /// There is no sudo.
    #[default]
    No,
}

impl Found {
    fn parse(text: &str) -> Self {
        let tagged = || text.lines().filter_map(|line| line.strip_prefix("wharf "));
        let values = |key: &str| {
            let key = format!("{key} ");
            tagged().filter_map(move |line| line.strip_prefix(&key).map(str::to_owned))
        };
        let os: Vec<String> = values("os").collect();
        Self {
            release: Release::parse(os.iter().map(String::as_str)),
            user: values("user").next().unwrap_or_default(),
            root: match values("root").next().as_deref() {
                Some("self") => Root::Itself,
                Some("sudo") => Root::Sudo,
                Some("password") => Root::Password,
                Some(_) | None => Root::No,
            },
            has: values("has").collect(),
        }
    }

    fn has(&self, what: &str) -> bool {
        self.has.iter().any(|one| one == what)
    }
}

/// Installs; what goes on is told. The answer says what was achieved.
pub(super) async fn install(
    spec: &HostSpec,
    what: &Install,
    common: &Common,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Trouble> {
    let Endpoint::Ssh {
        destination, port, ..
    } = &spec.endpoint
    else {
        return Err(refused(
            format!("{} is not reached over ssh", spec.name),
            "give it an endpoint such as ssh://root@host",
        ));
    };
    let tell = |text: &str| say(Said::Line(text.to_owned()));
    tell("== looking at the host");
    let shell = common.ssh()?.shell(destination, *port).await?;
    let work = Work {
        name: &spec.name,
        what,
        shell,
        say,
    };
    let before = work.run().await?;
    // A new login sees the new group; the connection of a person's login stays as it is.
    drop(work);
    tell("== asking the engine");
    let answer = answers_soon(spec, common).await;
    let answer = answer.map_err(|why| unusable(what, &spec.name, why))?;
    tell(&answer);
    Ok(match before {
        Done::Nothing if what.upgrade => {
            format!("nothing was to be done: {answer}, and there is nothing newer")
        }
        Done::Nothing => format!("nothing was to be done: {answer} already"),
        Done::Installed => answer,
    })
}

/// Whether something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Nothing,
    Installed,
}

struct Work<'w> {
    name: &'w HostName,
    what: &'w Install,
    shell: Shell,
    say: &'w (dyn Fn(Said) + Sync),
}

impl Work<'_> {
    async fn run(&self) -> Result<Done, Trouble> {
        let looked = self.shell.ask(LOOK, PATIENCE).await;
        let looked = looked.map_err(|why| self.broken("looking at the host", why, Vec::new()))?;
        let found = Found::parse(&looked);
        self.tell(&format!(
            "{}; logged in as {}",
            found.release.name, found.user
        ));
        let upgrades = self.what.upgrade;
        if found.has("dockerd") && found.has("engine") && !self.what.add_to_group && !upgrades {
            return Ok(Done::Nothing);
        }
        let orders = orders(&found, self.what)?;
        let place = match &self.what.bundle {
            Some(path) if upgrades || !found.has("dockerd") => {
                Some(self.send_bundle(path, orders.family).await?)
            }
            Some(_) | None => None,
        };
        self.carry_out(&orders, place.as_deref()).await
    }

    fn tell(&self, text: &str) {
        (self.say)(Said::Line(text.to_owned()));
    }

    /// Sends the bundle's packages with their digests; answers where they are.
    async fn send_bundle(&self, path: &Path, family: Family) -> Result<String, Trouble> {
        let from = path.to_owned();
        let read = tokio::task::spawn_blocking(move || bundle::read(&from, family)).await;
        let packages = read
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|why| {
                refused(
                    why,
                    "give a directory or a tar archive of the host's packages",
                )
            })?;
        self.tell(&format!("== sending {} packages", packages.len()));
        let make = "umask 077; for d in /var/tmp /tmp; do mktemp -d $d/wharf-install.XXXXXXXX && break; done 2>/dev/null";
        let place = self.shell.ask(make, PATIENCE).await;
        let place = place.map_err(|why| self.broken("making a directory", why, Vec::new()))?;
        let place = place
            .lines()
            .rfind(|line| is_place(line))
            .map(str::to_owned);
        let place = place.ok_or_else(|| {
            refused(
                "no directory could be made in /var/tmp or /tmp of the host",
                "make room there",
            )
        })?;
        for package in &packages {
            self.send(&place, package).await?;
        }
        let sums = bundle::sums(&packages);
        let sent = self
            .shell
            .send(&format!("{place}/SHA256SUMS"), sums.as_bytes())
            .await;
        sent.map_err(|why| self.broken("sending the digests", why, Vec::new()))?;
        Ok(place)
    }

    async fn send(&self, place: &str, package: &Package) -> Result<(), Trouble> {
        let doing = format!("sending {}", package.name);
        let bytes_of = package.bytes().await;
        let source =
            bytes_of.map_err(|error| refused(format!("{doing}: {error}"), "look at the bundle"))?;
        let sent = self
            .shell
            .send(&format!("{place}/{}", package.name), source)
            .await;
        sent.map_err(|why| self.broken(&doing, why, Vec::new()))?;
        self.tell(&format!("sent {}, {}", package.name, bytes(package.size)));
        Ok(())
    }

    /// Runs the script as root.
    async fn carry_out(&self, orders: &Orders, place: Option<&str>) -> Result<Done, Trouble> {
        let mut last = VecDeque::new();
        let mut failed = None;
        let mut is_whole = false;
        let mut done = Done::Installed;
        let tell = |line: &str| match line.strip_prefix("wharf ").and_then(|l| l.split_once(' ')) {
            Some(("step", text)) => self.tell(&format!("== {text}")),
            Some(("fail", text)) => failed = Some(text.to_owned()),
            _ if line == "wharf end" => is_whole = true,
            _ if line == "wharf same" => done = Done::Nothing,
            _ => {
                if last.len() == LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line.to_owned());
                self.tell(line);
            }
        };
        let script = if self.what.upgrade { UPGRADE } else { SCRIPT };
        let ended = self.shell.run(&orders.command(place), script, tell).await;
        let last: Vec<String> = last.into();
        if let Some(text) = failed {
            let (why, remedy) = text.split_once('|').unwrap_or((&text, ""));
            return Err(Trouble {
                raw: last,
                ..refused(why, remedy)
            });
        }
        match ended {
            Ok(()) if is_whole => Ok(done),
            Ok(()) => {
                let why = Broken::Failed("the script ended early".to_owned());
                Err(self.broken("installing", why, last))
            }
            Err(why) => Err(self.broken("installing", why, last)),
        }
    }

    /// Something came to nothing on the host, or the way to it was lost.
    fn broken(&self, doing: &str, why: Broken, raw: Vec<String>) -> Trouble {
        match why {
            Broken::Failed(words) => Trouble {
                raw,
                ..refused(
                    format!(
                        "{doing} failed: {}",
                        if words.is_empty() {
                            "without a word"
                        } else {
                            &words
                        }
                    ),
                    "look at the output; it is safe to run this again",
                )
            },
            Broken::Lost(lost) => Trouble {
                kind: TroubleKind::Lost,
                reason: format!("the connection was lost while {doing}: {}", lost.reason),
                remedy: format!(
                    "say `host {} @{}` again: what is there already is not done again",
                    if self.what.upgrade {
                        "upgrade"
                    } else {
                        "install"
                    },
                    self.name
                ),
                raw: if raw.is_empty() { lost.raw } else { raw },
            },
        }
    }
}

/// Whether a line is the path that `mktemp` made, and nothing that a shell said.
fn is_place(line: &str) -> bool {
    line.starts_with('/')
        && line.contains("/wharf-install.")
        && line
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/.-".contains(c))
}

/// The arguments of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Orders {
    family: Family,
    root: Root,
    manager: &'static str,
    /// All packages are wanted, rather than the first that is to be had.
    all: bool,
    packages: Vec<String>,
    account: Option<String>,
}

/// What is to be done on a host like that, or why nothing can be.
fn orders(found: &Found, what: &Install) -> Result<Orders, Trouble> {
    let name = &found.release.name;
    let Some(family) = found.release.family() else {
        let shown = if name.is_empty() {
            "a system without /etc/os-release"
        } else {
            name
        };
        return Err(refused(
            format!(
                "the host runs {shown}, and how packages are installed there is not known here"
            ),
            "install Docker Engine by hand; Debian, Ubuntu, RHEL and their kin are known",
        ));
    };
    match found.root {
        Root::Itself | Root::Sudo => {}
        Root::Password | Root::No => return Err(not_root(found)),
    }
    let managers: &[&'static str] = match (family, what.bundle.is_some()) {
        (Family::Debian, false) => &["apt-get"],
        (Family::Debian, true) => &["dpkg"],
        (Family::RedHat, false) => &["dnf", "yum"],
        (Family::RedHat, true) => &["rpm"],
    };
    let manager = managers.iter().find(|manager| found.has(manager));
    let Some(manager) = manager.copied() else {
        return Err(refused(
            format!("there is no {} on the host ({name})", managers.join(" or ")),
            "install Docker Engine by hand",
        ));
    };
    if what.bundle.is_some() && !found.has("sha256sum") {
        return Err(refused(
            "there is no sha256sum on the host to check the packages with",
            "install coreutils there",
        ));
    }
    let all = !what.packages.is_empty();
    let packages: Vec<String> = if all {
        what.packages.iter().map(ToString::to_string).collect()
    } else {
        let usual = found.release.engines().iter();
        usual.map(|name| (*name).to_owned()).collect()
    };
    if let Some(bad) = packages
        .iter()
        .chain([&found.user])
        .find(|word| !is_plain(word))
    {
        return Err(refused(
            format!("'{bad}' cannot be given to the host's shell"),
            "",
        ));
    }
    Ok(Orders {
        family,
        root: found.root,
        manager,
        all,
        packages,
        // root needs no group.
        account: (what.add_to_group && found.root != Root::Itself).then(|| found.user.clone()),
    })
}

fn not_root(found: &Found) -> Trouble {
    let user = &found.user;
    let why = match found.root {
        Root::Password => "sudo asks for a password",
        Root::No | Root::Itself | Root::Sudo => "there is no sudo",
    };
    refused(
        format!("{user} is not root on the host, and {why}"),
        format!("log in as root (ssh://root@host), or let {user} use `sudo -n`"),
    )
}

/// A word that every login shell takes as it is.
fn is_plain(word: &str) -> bool {
    let first = word
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    first
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-._:=~".contains(c))
}

impl Orders {
    /// The command that reads the script: plain words only, which any login shell splits alike.
    fn command(&self, place: Option<&str>) -> String {
        let shell = match self.root {
            Root::Sudo => "sudo -n /bin/sh -s --",
            Root::Itself | Root::Password | Root::No => "/bin/sh -s --",
        };
        let which = if self.all { "all" } else { "first" };
        let account = self.account.as_deref().unwrap_or("-");
        let place = place.unwrap_or("-");
        let packages = self.packages.join(" ");
        format!(
            "{shell} {} {which} {place} {account} {packages}",
            self.manager
        )
    }
}

/// Asks the engine until it answers: one that was just started takes a while to read what it has.
async fn answers_soon(spec: &HostSpec, common: &Common) -> Result<String, Trouble> {
    let end = tokio::time::Instant::now() + WARMING;
    loop {
        match answers(spec, common).await {
            Err(trouble) if starts(trouble.kind) && tokio::time::Instant::now() < end => {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// Whether it is the trouble of an engine that is about to be there.
fn starts(kind: TroubleKind) -> bool {
    matches!(
        kind,
        TroubleKind::Timeout | TroubleKind::DaemonDown | TroubleKind::Lost
    )
}

/// Asks the engine in the way that it is used from now on.
async fn answers(spec: &HostSpec, common: &Common) -> Result<String, Trouble> {
    let Endpoint::Ssh {
        destination,
        port,
        socket,
    } = &spec.endpoint
    else {
        return Err(refused("there is no way to it", ""));
    };
    let ssh = common.ssh()?;
    let tunnel = ssh
        .open(destination, *port, socket.as_deref(), |_| ())
        .await?;
    let session = Session::open(Dialer::Ssh(Arc::new(tunnel))).await?;
    let product = match session.product {
        Product::Docker => "Docker",
        Product::Podman => "Podman",
    };
    let version = session
        .wire
        .get("/version")
        .json::<serde_json::Value>()
        .await;
    let version = version.ok();
    let version = version
        .as_ref()
        .and_then(|value| value.get("Version")?.as_str());
    Ok(format!("{product} {} answers", version.unwrap_or("Engine")))
}

/// The engine is there, and the account cannot use it.
fn unusable(what: &Install, name: &HostName, why: Trouble) -> Trouble {
    let mut remedy = why.remedy;
    if why.kind == TroubleKind::SocketDenied && !what.add_to_group {
        remedy = format!("say `host install @{name} --add-to-group`, or {remedy}");
    }
    Trouble {
        reason: format!("Docker is installed, but {}", why.reason),
        remedy,
        ..why
    }
}

fn refused(why: impl Into<String>, remedy: impl Into<String>) -> Trouble {
    trouble(TroubleKind::Other, why, remedy)
}

#[cfg(test)]
mod tests;
