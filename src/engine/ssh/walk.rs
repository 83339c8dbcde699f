//! Walks the way over ssh for a checkup: each hop's name, port, key and login, then session, socket and forwarding.

use std::sync::Arc;

use super::{
    Ssh, address,
    connect::{Address, Target},
    diagnosis::allow_forwarding,
    heard::{Heard, Hop, Milestone},
    master::Master,
    open::Visit,
    preflight::Facts,
    site::Site,
    tunnel::Tunnel,
};
use crate::{
    engine::checkup::{Ended, Walk, resolved},
    model::{Check, Mark, Trouble, TroubleKind, Way},
};

/// More jump hosts than this are a circle.
const HOPS: usize = 8;

impl Ssh {
    /// Walks to the engine of a host and tells of each step.
    pub(in crate::engine) async fn walk(
        &self,
        destination: &str,
        port: Option<u16>,
        socket: Option<&str>,
        walk: &mut Walk<'_>,
    ) -> Result<Tunnel, Ended> {
        let asked = self.shared.fresh_target(address(destination, port)).await;
        let target = match asked {
            Ok(target) => target,
            Err(trouble) => return Err(walk.fail(Check::Configuration, None, &trouble)),
        };
        walk.ok(Check::Configuration, &told_site(&target.site));
        self.names(&target.site, walk).await?;
        let master = connected(&target, walk).await?;
        let visit = Visit {
            target,
            master,
            wanted: socket,
        };
        look_around(&visit, walk).await
    }

    /// The names on the way: the first hop's is looked up here, the others' by the hop before.
    async fn names(&self, site: &Arc<Site>, walk: &mut Walk<'_>) -> Result<(), Ended> {
        let mut sites = vec![Arc::clone(site)];
        while let Some(proxy) = sites.last().and_then(|site| site.proxy.clone()) {
            let is_jump = sites.last().is_some_and(|site| site.jumps);
            if !is_jump || sites.len() > HOPS {
                walk.skip(Check::Name, &format!("looked up on the way: {proxy}"));
                return Ok(());
            }
            let first = proxy.split(',').next().unwrap_or(&proxy);
            match self.shared.target(jump(first)).await {
                Ok(target) => sites.push(target.site),
                Err(trouble) => return Err(walk.fail(Check::Name, Some(first), &trouble)),
            }
        }
        let Some(first) = sites.pop() else {
            return Ok(());
        };
        let hop = (!sites.is_empty()).then(|| first.address());
        resolved(&first.hostname, first.port, walk, hop.as_deref()).await?;
        let mut before = first.address();
        while let Some(site) = sites.pop() {
            let saw = format!("{} is looked up by the jump host {before}", site.hostname);
            before = site.address();
            walk.tell(Check::Name, Some(&before), Mark::Ok, &saw, "");
        }
        Ok(())
    }
}

/// The account, the address, and the way there.
fn told_site(site: &Site) -> String {
    let through = match &site.proxy {
        Some(proxy) => format!(" through {proxy}"),
        None => String::new(),
    };
    format!(
        "ssh goes to {}@{}:{}{through}",
        site.user, site.hostname, site.port
    )
}

/// A jump host as `ProxyJump` writes it: `[user@]host[:port]`, or with `ssh://` before.
fn jump(text: &str) -> Address {
    let text = text.strip_prefix("ssh://").unwrap_or(text);
    let named = text.rsplit_once(':').and_then(|(host, port)| {
        let is_plain = !host.contains(':') || host.ends_with(']');
        is_plain.then_some((host, port.parse::<u16>().ok()?))
    });
    let (host, port) = match named {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    address(&host.replace(['[', ']'], ""), port)
}

/// Connects, and tells of each hop what ssh says of it.
async fn connected(target: &Target, walk: &mut Walk<'_>) -> Result<Arc<Master>, Ended> {
    if let Some(master) = target.ready_made().await {
        for check in [Check::Tcp, Check::HostKey, Check::Login] {
            walk.skip(check, "over the connection that a person opened before");
        }
        return Ok(master);
    }
    let heard = Heard::new();
    let mut follower = Follower {
        heard: heard.clone(),
        many: target.site.proxy.is_some(),
        told: 0,
        hop: None,
        key_told: true,
    };
    let mut passed = heard.passed();
    let start = target.start_heard(heard);
    tokio::pin!(start);
    let started = loop {
        tokio::select! {
            started = &mut start => break started,
            _ = passed.changed() => follower.tell(walk),
        }
    };
    follower.tell(walk);
    match started {
        Ok(master) => Ok(Arc::new(master)),
        Err(trouble) => Err(follower.fail(&trouble, walk)),
    }
}

/// Makes findings of what ssh says.
struct Follower {
    heard: Heard,
    /// There is more than one hop, so each is named.
    many: bool,
    told: usize,
    hop: Option<Hop>,
    /// Whether the key of the hop was told of.
    key_told: bool,
}

impl Follower {
    /// Tells what was come past since the last time.
    fn tell(&mut self, walk: &mut Walk<'_>) {
        let milestones = self.heard.story().milestones;
        for milestone in milestones.into_iter().skip(self.told) {
            self.told += 1;
            match milestone {
                Milestone::Greeted(hop, software) => {
                    let saw = format!("{} answers: {software}", hop.address);
                    self.hop = Some(hop);
                    self.key_told = false;
                    self.found(walk, Check::Tcp, Mark::Ok, &saw, "");
                }
                Milestone::Known(hop) => {
                    let saw = format!("{} is in known_hosts", key(&hop));
                    self.key_told = true;
                    self.found(walk, Check::HostKey, Mark::Ok, &saw, "");
                }
                Milestone::Accepted(hop, method) => {
                    if !self.key_told {
                        self.unknown_key(&hop, walk);
                    }
                    let saw = format!("{} is let in by {method}", hop.user);
                    self.found(walk, Check::Login, Mark::Ok, &saw, "");
                }
            }
        }
    }

    /// The site's rules accept a key that nobody vouched for.
    fn unknown_key(&mut self, hop: &Hop, walk: &mut Walk<'_>) {
        let saw = format!("{} was accepted without being known", key(hop));
        let remedy = "compare its fingerprint with its owner's; StrictHostKeyChecking in ssh_config lets it in";
        self.key_told = true;
        self.found(walk, Check::HostKey, Mark::Warning, &saw, remedy);
    }

    fn found(&self, walk: &mut Walk<'_>, check: Check, mark: Mark, saw: &str, remedy: &str) {
        let name = self.name();
        walk.tell(check, name.as_deref(), mark, saw, remedy);
    }

    fn name(&self) -> Option<String> {
        let hop = self.hop.as_ref().filter(|_| self.many)?;
        let address = &hop.address;
        Some(address.strip_suffix(":22").unwrap_or(address).to_owned())
    }

    /// Where the login came to its end.
    fn fail(&self, trouble: &Trouble, walk: &mut Walk<'_>) -> Ended {
        let check = match trouble.kind {
            TroubleKind::HostKeyUnknown | TroubleKind::HostKeyChanged => Check::HostKey,
            TroubleKind::AuthFailed | TroubleKind::LoginNeeded => Check::Login,
            // After a jump host let us in, the next thing is the port of the next hop.
            _ => match walk.next() {
                Some(next @ (Check::Tcp | Check::HostKey | Check::Login)) => next,
                Some(_) | None => Check::Tcp,
            },
        };
        let name = self.name().filter(|_| check != Check::Tcp);
        walk.fail(check, name.as_deref(), trouble)
    }
}

fn key(hop: &Hop) -> &str {
    hop.key.as_deref().unwrap_or("the key")
}

/// Session, socket, access and forwarding, with the same eyes as when the way is opened for use.
async fn look_around(visit: &Visit<'_>, walk: &mut Walk<'_>) -> Result<Tunnel, Ended> {
    let facts = visit.look().await;
    let facts = facts.as_ref().map_err(String::as_str);
    let socket = visit.socket(facts);
    match facts {
        Ok(facts) => seen(visit, socket, facts, walk)?,
        Err(why) => {
            let remedy = "the engine is reached all the same if sshd forwards; give the account a shell to have Wharf look";
            walk.warn(
                Check::Session,
                &format!("no session could look around: {why}"),
                remedy,
            );
            walk.skip(Check::Socket, &format!("{socket} is tried unseen"));
            walk.skip(Check::Access, "not seen without a session");
        }
    }
    let reached = visit.reach(socket, facts, None).await;
    // A connection that broke meanwhile is the reason for whatever else went wrong.
    let reached = reached.map_err(|trouble| match visit.master.end() {
        Some(end) => visit.target.scene(&visit.master, |scene| scene.lost(end)),
        None => trouble,
    });
    match reached {
        Ok(tunnel) => {
            forwarding(visit, &tunnel, walk);
            Ok(tunnel)
        }
        Err(trouble) if trouble.kind == TroubleKind::ForwardForbidden => {
            Err(walk.fail(Check::Forwarding, None, &trouble))
        }
        Err(trouble) => {
            walk.skip(Check::Forwarding, "nothing answers that could be forwarded");
            Err(walk.fail(Check::Engine, None, &trouble))
        }
    }
}

/// What the session saw: account, sockets, groups.
fn seen(visit: &Visit<'_>, socket: &str, facts: &Facts, walk: &mut Walk<'_>) -> Result<(), Ended> {
    let user = if facts.user.is_empty() {
        &visit.target.site.user
    } else {
        &facts.user
    };
    walk.ok(Check::Session, &format!("{user} has a shell"));
    let hopeless = visit.patient(socket, Ok(facts)).hopeless();
    let groups = facts.groups.join(", ");
    match hopeless {
        Some(trouble) if trouble.kind == TroubleKind::SocketDenied => {
            walk.ok(Check::Socket, &told_sockets(socket, facts));
            let trouble = Trouble {
                reason: format!("{} (groups of {user}: {groups})", trouble.reason),
                ..trouble
            };
            return Err(walk.fail(Check::Access, None, &trouble));
        }
        Some(trouble) => return Err(walk.fail(Check::Socket, None, &trouble)),
        None => {}
    }
    match facts.socket(socket) {
        Some(_) => walk.ok(Check::Socket, &told_sockets(socket, facts)),
        None => walk.warn(
            Check::Socket,
            &format!("{socket} is not seen; {}", told_sockets(socket, facts)),
            "correct the socket in the endpoint if it is wrong",
        ),
    }
    if facts.socket(socket).is_some() {
        walk.ok(
            Check::Access,
            &format!("{user} may use it (groups: {groups})"),
        );
    } else {
        walk.skip(Check::Access, "not seen");
    }
    Ok(())
}

/// All sockets, the one in use first.
fn told_sockets(socket: &str, facts: &Facts) -> String {
    let mut sockets: Vec<_> = facts.sockets.iter().collect();
    sockets.sort_by_key(|one| one.path != socket);
    let told = sockets.into_iter().map(|one| {
        let usable = if one.usable { "usable" } else { "not for us" };
        format!("{} ({usable})", one.path)
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Whether sshd forwards, or streams have to go in sessions.
fn forwarding(visit: &Visit<'_>, tunnel: &Tunnel, walk: &mut Walk<'_>) {
    let socket = tunnel.socket();
    match tunnel.way() {
        Way::SshStdio => walk.warn(
            Check::Forwarding,
            &format!(
                "sshd forbids it; `docker system dial-stdio` carries {} streams at most",
                tunnel.max_streams()
            ),
            &allow_forwarding(&visit.target.site),
        ),
        Way::SshForward | Way::Unix | Way::Tcp | Way::Tls => {
            walk.ok(Check::Forwarding, &format!("sshd forwards {socket}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_are_read_as_ssh_writes_them() {
        for (text, destination, port) in [
            ("bastion", "bastion", None),
            ("ann@bastion:2222", "ann@bastion", Some(2222)),
            ("ssh://bastion:22", "bastion", Some(22)),
            ("ann@[::1]:2222", "ann@::1", Some(2222)),
            ("::1", "::1", None),
        ] {
            let address = jump(text);
            assert_eq!(
                (address.destination.as_str(), address.port),
                (destination, port),
                "{text}"
            );
        }
    }
}
