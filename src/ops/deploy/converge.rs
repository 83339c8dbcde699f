//! Brings one target to a release: looks, does the first thing that is missing, looks again.

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    listen::{Ear, Heard},
    place::{Place, Trouble},
    teller::Teller,
    traffic::{Move, WayIn, left_behind, take_out, way_in},
};
use crate::model::{
    Backend, Health, HostName, Said, ServerName, Slot, State,
    app::Restart,
    release::{Converge, Found, Front, Lane, Print, Release, Strategy, Target},
};

/// So often it is tried again when a host cannot be reached, each time after three times as long.
const TRIES: u32 = 3;

/// Before the first of these.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What is said of a target at which nothing was to be done.
pub(super) const SO_ALREADY: &str = "was so already";

/// So many lines of a container that did not get well are told.
const TOLD: usize = 5;

/// What has been seen of the new container while this loop runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// It was started here.
    pub started: bool,
    /// For so long it has been seen running without a break.
    pub running: Duration,
    /// How often it had been restarted when it was first seen running.
    pub restarts: Option<u64>,
    /// For so long it is waited for.
    pub waited: Duration,
    /// What its log said.
    pub heard: Heard,
}

/// The next thing to do for a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Make its container; a balancer finds it at that port.
    Make(Option<u16>),
    /// Remove one that is as wanted, and whose port another one has now.
    Discard(Found),
    /// Start it.
    Start(Found),
    /// Have a balancer check it.
    Enter(SocketAddr),
    /// Give it traffic.
    Admit(Slot),
    /// Free a server of a balancer behind which nothing runs any more.
    Retire(ServerName),
    /// Stop one that is in its way, once it is out of traffic.
    Stop(Found),
    /// Let the engine not start an old one by itself any more.
    Hush(Found),
    /// Let the engine start this one by itself again: it was hushed when it was replaced.
    Rouse(Found),
    /// Wait; the text says for what.
    Wait(String),
    /// It did not get well, and has to go.
    Fail(Option<Found>, String),
    /// Nothing is missing.
    Done,
}

/// The next thing to do for a target, from what there is, what its balancer says, and what was seen.
pub fn next(converge: &Converge, all: &[Found], backends: &[Backend], seen: &Seen) -> Next {
    let Some(print) = converge.release.print(&converge.target.service) else {
        let service = &converge.target.service;
        return Next::Fail(None, format!("the release has no service {service}"));
    };
    let (new, old) = sides(converge, &print, all);
    if let Some(foreign) = old.iter().find(|one| one.mark.is_none() && !converge.adopt) {
        let why = format!(
            "{} was made by somebody else and runs in its place; --adopt replaces it",
            foreign.name
        );
        return Next::Fail(None, why);
    }
    let live: Vec<u16> = all
        .iter()
        .filter(|one| one.is_live())
        .filter_map(Found::port)
        .collect();
    let in_the_way = old.iter().find(|one| one.is_live());
    let Some(new) = new else {
        if let Some(next) = before_sharing(converge, &old, all, seen) {
            return next;
        }
        return Next::Make(converge.front().map(|front| port(front, converge, &live)));
    };
    if new.state == State::Removing {
        return Next::Wait("an old container of it to be gone".to_owned());
    }
    if !new.is_live() {
        // Both ports of the pair were had in turn; an old release that comes back may find its own one taken.
        if new.port().is_some_and(|port| live.contains(&port)) && !seen.started {
            return Next::Discard(new.clone());
        }
        return not_running(converge, new, in_the_way.copied(), seen);
    }
    let gate = match health(converge, new, seen) {
        Gate::Passed => admission(converge, new, backends, seen),
        not_yet => Err(not_yet),
    };
    match gate {
        Err(Gate::Waits(why)) => Next::Wait(why),
        Err(Gate::Failed(why)) => Next::Fail(Some(new.clone()), why),
        Err(Gate::Passed) | Ok(None) => {
            beside(converge, new, &old, in_the_way.copied(), backends, &live)
        }
        Ok(Some(next)) => next,
    }
}

/// What has to be done before a container is made in the network of another one: that runs, and none of its name is in
/// the network of one that is gone.
fn before_sharing(converge: &Converge, old: &[&Found], all: &[Found], seen: &Seen) -> Option<Next> {
    let Converge {
        release, target, ..
    } = converge;
    let other = release.shares(&target.service)?;
    if release.lender(target, all).is_none() {
        return Some(
            match in_time(converge, seen, format!("a container of {other}")) {
                Gate::Waits(why) => Next::Wait(why),
                Gate::Failed(why) => Next::Fail(None, why),
                Gate::Passed => Next::Done,
            },
        );
    }
    let name = release.container(target);
    let stale = old.iter().find(|one| one.name == name)?;
    Some(if stale.is_live() {
        Next::Stop((*stale).clone())
    } else {
        Next::Discard((*stale).clone())
    })
}

/// What is left to be done once the new one takes its traffic.
fn beside(
    converge: &Converge,
    new: &Found,
    old: &[&Found],
    in_the_way: Option<&Found>,
    backends: &[Backend],
    live: &[u16],
) -> Next {
    if converge.lane == Lane::Canary {
        return Next::Done;
    }
    if let Some(one) = in_the_way {
        return Next::Stop(one.clone());
    }
    let Target { host, replica, .. } = &converge.target;
    let dead = converge
        .front()
        .and_then(|front| left_behind(front, host, *replica, live, backends));
    match dead {
        Some(server) => Next::Retire(server),
        None => settled(converge, new, old),
    }
}

/// The port of the pair that a new container gets: the one that nothing has.
fn port(front: &Front, converge: &Converge, live: &[u16]) -> u16 {
    let [first, second] = front.pair(converge.target.replica);
    if live.contains(&first) { second } else { first }
}

/// What a well container lacks to take its traffic; nothing when it stands behind no balancer.
fn admission(
    converge: &Converge,
    new: &Found,
    backends: &[Backend],
    seen: &Seen,
) -> Result<Option<Next>, Gate> {
    let Some(front) = converge.front() else {
        return Ok(None);
    };
    let (lane, host) = (converge.lane, &converge.target.host);
    match way_in(front, lane, host, new, backends) {
        Err(why) => Err(Gate::Failed(why)),
        Ok(WayIn::There) => Ok(None),
        Ok(WayIn::Enter(address)) => Ok(Some(Next::Enter(address))),
        Ok(WayIn::Admit(slot)) => Ok(Some(Next::Admit(slot))),
        Ok(WayIn::Wait(why)) => Err(in_time(converge, seen, why)),
    }
}

/// It waits, unless it has waited long enough.
fn in_time(converge: &Converge, seen: &Seen, why: String) -> Gate {
    let deadline = converge.gate.deadline;
    if seen.waited > deadline {
        let seconds = deadline.as_secs();
        Gate::Failed(format!("after {seconds} s it still waited for {why}"))
    } else {
        Gate::Waits(why)
    }
}

/// The container that is as the release wants it, and all others of the target.
pub(super) fn sides<'f>(
    converge: &Converge,
    print: &Print,
    all: &'f [Found],
) -> (Option<&'f Found>, Vec<&'f Found>) {
    let Target {
        service, replica, ..
    } = &converge.target;
    let ours: Vec<&Found> = all
        .iter()
        .filter(|one| one.service == service.as_str() && one.replica == *replica)
        .collect();
    let release = &converge.release;
    let lender = release.lender(&converge.target, all);
    let shares = release.shares(service).is_some();
    // What runs since before the other one does is in a network that is gone.
    let joins = |one: &Found| match lender {
        Some(lender) => {
            let lives = !one.is_live() || one.started >= lender.started;
            one.joins.as_ref() == Some(&lender.id) && lives
        }
        None => !shares,
    };
    let is_new = |one: &Found| {
        let is_made_so = one.mark.as_ref().is_some_and(|mark| mark.print == *print);
        is_made_so && joins(one)
    };
    // Of several that are the same, the one that runs counts, then the newest.
    let new = ours
        .iter()
        .copied()
        .filter(|one| is_new(one))
        .max_by_key(|one| {
            let release = one.mark.as_ref().map(|mark| mark.release);
            (one.is_live(), release)
        });
    let id = new.map(|one| &one.id);
    let old = ours.into_iter().filter(|one| Some(&one.id) != id);
    (new, old.collect())
}

/// What is next while the new one does not run.
fn not_running(converge: &Converge, new: &Found, in_the_way: Option<&Found>, seen: &Seen) -> Next {
    let has_run = !new.is_new();
    if converge.strategy == Strategy::Job && has_run {
        return match new.exit {
            0 => Next::Done,
            code => Next::Fail(Some(new.clone()), ended(new, code)),
        };
    }
    if seen.started && has_run {
        return Next::Fail(Some(new.clone()), ended(new, new.exit));
    }
    match (converge.strategy, in_the_way) {
        (Strategy::StopFirst, Some(old)) => Next::Stop(old.clone()),
        (Strategy::StopFirst | Strategy::StartFirst | Strategy::Job, _) => Next::Start(new.clone()),
    }
}

fn ended(one: &Found, code: i64) -> String {
    if one.oom {
        return "it was killed for want of memory".to_owned();
    }
    format!("it ended with exit code {code}")
}

enum Gate {
    Passed,
    Waits(String),
    Failed(String),
}

/// Whether a running container is well.
fn health(converge: &Converge, new: &Found, seen: &Seen) -> Gate {
    let gate = &converge.gate;
    if seen.restarts.is_some_and(|before| new.restarts > before) || new.state == State::Restarting {
        let why = match ended(new, new.exit) {
            why if new.restarts > 0 => format!("{why}, and was restarted"),
            why => why,
        };
        return Gate::Failed(why);
    }
    let waits = |why: String| in_time(converge, seen, why);
    if let Some(line) = &seen.heard.fault {
        return Gate::Failed(format!("its log says: {line}"));
    }
    if converge.strategy == Strategy::Job {
        return waits("its end".to_owned());
    }
    if let Some(line) = gate.log.ready.as_ref().filter(|_| !seen.heard.ready) {
        return waits(format!("its log to say '{line}'"));
    }
    match new.health {
        Health::Healthy => Gate::Passed,
        Health::Starting => waits("its health check".to_owned()),
        Health::Unhealthy => Gate::Failed("its health check fails".to_owned()),
        Health::None if seen.running >= gate.settle => Gate::Passed,
        Health::None => waits(format!("{} s without a fault", gate.settle.as_secs())),
    }
}

/// What is left when the new one is well and nothing is in its way: who rises by itself.
fn settled(converge: &Converge, new: &Found, old: &[&Found]) -> Next {
    let wants = converge.strategy != Strategy::Job
        && wanted(&converge.release, &converge.target).is_some_and(|one| one != Restart::No);
    if wants && !new.rises {
        return Next::Rouse(new.clone());
    }
    match old.iter().find(|one| one.rises) {
        Some(one) => Next::Hush((*one).clone()),
        None => Next::Done,
    }
}

/// When the engine is to start a target's container by itself.
fn wanted(release: &Release, target: &Target) -> Option<Restart> {
    release.spec.services.get(&target.service)?.restarts()
}

/// Brings a target to its release. What it waits for goes to `say`. The error says why it did not get there; the new
/// container is gone then, and an old one that could stay was left alone.
pub async fn converge<P: Place>(
    converge: &Converge,
    place: &P,
    teller: &Teller<'_, P>,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Trouble> {
    let mut run = Run {
        converge,
        place,
        teller,
        say,
        seen: Seen::default(),
        ear: Ear::new(&converge.gate),
        since: Instant::now(),
        up_since: None,
        told: String::new(),
        changed: false,
    };
    run.go().await
}

/// The loop for one target.
struct Run<'r, P> {
    converge: &'r Converge,
    place: &'r P,
    teller: &'r Teller<'r, P>,
    say: &'r (dyn Fn(Said) + Sync),
    seen: Seen,
    ear: Ear,
    since: Instant,
    up_since: Option<Instant>,
    /// What was said last.
    told: String,
    changed: bool,
}

impl<P: Place> Run<'_, P> {
    async fn go(&mut self) -> Result<String, Trouble> {
        let host = &self.converge.target.host;
        let scope = &self.converge.release.scope;
        loop {
            let all = patiently(|| self.place.observe(host, scope)).await?;
            let backends = match self.converge.front() {
                Some(front) => patiently(|| self.place.backends(front)).await?,
                None => Vec::new(),
            };
            self.look(&all);
            self.listen(&all).await?;
            match next(self.converge, &all, &backends, &self.seen) {
                Next::Done => return Ok(self.story()),
                Next::Wait(why) => {
                    self.tell(format!("waiting for {why}"));
                    sleep(self.place.pace()).await;
                }
                Next::Fail(one, why) => return Err(self.give_up(one, why).await),
                other => {
                    self.changed = true;
                    self.act(other).await?;
                }
            }
        }
    }

    /// Keeps time of the new container.
    fn look(&mut self, all: &[Found]) {
        self.seen.waited = self.since.elapsed();
        let Some(print) = self.converge.release.print(&self.converge.target.service) else {
            return;
        };
        match sides(self.converge, &print, all).0 {
            Some(new) if new.is_live() => {
                self.teller.stays(&new.id);
                // What runs already before anything was done here was well before.
                let is_old = !self.changed
                    && self.up_since.is_none()
                    && has_run_for(new, self.converge.gate.settle);
                // One that has run for longer than it may take is well, whatever is left of its log.
                if !self.changed && has_run_for(new, self.converge.gate.deadline) {
                    self.ear.trust();
                }
                let now = Instant::now();
                let up = *self.up_since.get_or_insert(now);
                self.seen.running = if is_old {
                    self.converge.gate.settle
                } else {
                    self.seen.running.max(up.elapsed())
                };
                self.seen.restarts.get_or_insert(new.restarts);
            }
            Some(_) | None => {
                self.up_since = None;
                self.seen.running = Duration::ZERO;
            }
        }
    }

    /// Hears what the new container logs, where its gate asks for it.
    async fn listen(&mut self, all: &[Found]) -> Result<(), Trouble> {
        let print = self.converge.release.print(&self.converge.target.service);
        let new = print.and_then(|print| sides(self.converge, &print, all).0);
        if let Some(new) = new.filter(|one| one.is_live()) {
            let host = &self.converge.target.host;
            self.ear.listen(self.place, host, new).await?;
        }
        self.seen.heard = self.ear.heard.clone();
        Ok(())
    }

    /// Does a single thing.
    async fn act(&mut self, next: Next) -> Result<(), Trouble> {
        let (place, host, lane) = (self.place, &self.converge.target.host, self.converge.lane);
        match next {
            Next::Make(port) => {
                self.tell("making its container".to_owned());
                let image = self.image().await?;
                patiently(|| place.make(self.converge, &image, port)).await
            }
            Next::Discard(one) => patiently(|| place.remove(host, &one)).await,
            Next::Enter(address) => {
                let backend = self.converge.front().and_then(|front| front.backend(lane));
                let backend = backend.unwrap_or_default().to_owned();
                self.tell(format!("entering {address} into {backend}"));
                self.balance(Move::Enter { backend, address }).await
            }
            Next::Admit(slot) => {
                self.tell(format!("giving traffic to {}", slot.name));
                self.balance(Move::Admit(slot)).await
            }
            Next::Retire(server) => self.balance(Move::Retire(server)).await,
            Next::Start(one) => {
                self.tell(format!("starting {}", one.name));
                // It gets all of its time from here.
                (self.seen, self.since) = (Seen::default(), Instant::now());
                self.seen.started = true;
                self.ear.forget();
                match patiently(|| place.start(host, &one)).await {
                    Err(trouble) if !trouble.passes => {
                        // A port that is taken leaves it there, never started.
                        drop(place.remove(host, &one).await);
                        Err(trouble)
                    }
                    done => done,
                }
            }
            Next::Stop(one) => {
                self.part(&one).await?;
                self.tell(format!("stopping {}", one.name));
                patiently(|| place.stop(host, &one)).await
            }
            Next::Hush(one) => patiently(|| place.set_restart(host, &one, None)).await,
            Next::Rouse(one) => {
                let restart = wanted(&self.converge.release, &self.converge.target);
                patiently(|| place.set_restart(host, &one, restart)).await
            }
            Next::Wait(_) | Next::Fail(..) | Next::Done => Ok(()),
        }
    }

    /// Does something to the balancer that the target stands behind.
    async fn balance(&self, what: Move) -> Result<(), Trouble> {
        match self.converge.front() {
            Some(front) => patiently(|| self.place.balance(front, &what)).await,
            None => Ok(()),
        }
    }

    /// Takes a container out of traffic: off all lists first, then out of its balancers.
    async fn part(&self, one: &Found) -> Result<(), Trouble> {
        self.teller.leaves(one, self.say).await?;
        let (host, fronts) = (&self.converge.target.host, self.converge.fronts());
        take_out(self.place, &fronts, None, (host, one), self.say).await
    }

    /// What the image is called on the host; it is fetched when it is not there.
    async fn image(&self) -> Result<String, Trouble> {
        let (place, target) = (self.place, &self.converge.target);
        let Some(pin) = self.converge.release.pins.get(&target.service) else {
            return Err(Trouble {
                why: format!("the release knows no image of {}", target.service),
                passes: false,
            });
        };
        let host = &target.host;
        if let Some(name) = patiently(|| place.image(host, pin)).await? {
            return Ok(name);
        }
        patiently(|| place.pull(host, pin, None, self.say)).await?;
        let name = patiently(|| place.image(host, pin)).await?;
        name.ok_or_else(|| Trouble {
            why: format!("{pin} was fetched to {host} and is not there"),
            passes: false,
        })
    }

    /// Takes away what did not get well, and tells its last words.
    async fn give_up(&mut self, one: Option<Found>, why: String) -> Trouble {
        let host = &self.converge.target.host;
        let Some(one) = one else {
            return Trouble { why, passes: false };
        };
        let words = self.place.last_words(host, &one.id).await;
        for word in &words {
            (self.say)(Said::Line(format!("{}: {word}", one.name)));
        }
        let place = self.place;
        let parted = self.part(&one).await;
        let stopped = match parted {
            Ok(()) => patiently(|| place.stop(host, &one)).await,
            failed => failed,
        };
        let gone = match stopped {
            Ok(()) => patiently(|| place.remove(host, &one)).await,
            failed => failed,
        };
        let mut why = format!("{} did not get well: {why}", one.name);
        let last = words.iter().rev().take(TOLD).rev();
        let last: Vec<&str> = last
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
            .collect();
        if !last.is_empty() {
            why = format!("{why}; its last lines: {}", last.join(" / "));
        }
        if let Err(trouble) = gone {
            why = format!("{why}; it is still there: {}", trouble.why);
        }
        Trouble { why, passes: false }
    }

    fn tell(&mut self, text: String) {
        if text != self.told {
            (self.say)(Said::Line(text.clone()));
            self.told = text;
        }
    }

    fn story(&self) -> String {
        if self.changed {
            String::new()
        } else {
            SO_ALREADY.to_owned()
        }
    }
}

/// Whether a container has been running for so long, even if its host's clock is wrong by a minute.
fn has_run_for(one: &Found, time: Duration) -> bool {
    const WRONG: u64 = 60;
    let now = crate::model::Timestamp::now().as_second();
    let least = i64::try_from(time.as_secs().saturating_add(WRONG)).unwrap_or(i64::MAX);
    one.started
        .is_some_and(|started| now - started.as_second() > least)
}

/// Tries again what may work in a moment.
pub(super) async fn patiently<T, F>(work: impl Fn() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        match work().await {
            Err(trouble) if trouble.passes => sleep(pause).await,
            done => return done,
        }
        pause *= 3;
    }
    work().await
}

/// Takes the containers of a target that a release does not have out of traffic and stops them; with `revive`, those of
/// somebody else that had to make room run again.
pub(super) async fn withdraw<P: Place>(
    release: &Release,
    target: &Target,
    place: &P,
    teller: &Teller<'_, P>,
    fronts: &[&Front],
    revive: bool,
) -> Result<String, Trouble> {
    let host = &target.host;
    let all = patiently(|| place.observe(host, &release.scope)).await?;
    let of_target =
        |one: &&Found| one.service == target.service.as_str() && one.replica == target.replica;
    let mut stopped = 0;
    for one in all
        .iter()
        .filter(of_target)
        .filter(|one| one.mark.is_some())
    {
        if one.rises {
            patiently(|| place.set_restart(host, one, None)).await?;
        }
        if one.is_live() {
            teller.leaves(one, &|_| {}).await?;
            take_out(place, fronts, None, (host, one), &|_| {}).await?;
            patiently(|| place.stop(host, one)).await?;
            stopped += 1;
        }
    }
    if revive {
        for one in all
            .iter()
            .filter(of_target)
            .filter(|one| one.mark.is_none())
        {
            if !one.is_live() {
                patiently(|| place.start(host, one)).await?;
            }
        }
    }
    Ok(match stopped {
        0 => "nothing of it ran".to_owned(),
        _ => String::new(),
    })
}

/// Removes the containers of replaced releases of a host, but for the newest `keep` of each target.
pub(super) async fn prune(
    release: &Release,
    host: &HostName,
    place: &impl Place,
    keep: u32,
) -> Result<String, Trouble> {
    let mut all = patiently(|| place.observe(host, &release.scope)).await?;
    all.retain(|one| one.mark.is_some() && !one.is_live());
    all.sort_by_key(|one| std::cmp::Reverse(one.mark.as_ref().map(|mark| mark.release)));
    let mut removed = 0;
    for (at, one) in all.iter().enumerate() {
        let same = |other: &&Found| other.service == one.service && other.replica == one.replica;
        let newer = all[..at].iter().filter(same).count();
        // The one that runs counts, too.
        if newer + 1 >= keep as usize && !is_of(release, one) {
            patiently(|| place.remove(host, one)).await?;
            removed += 1;
        }
    }
    Ok(match removed {
        0 => String::new(),
        1 => "1 old container was removed".to_owned(),
        many => format!("{many} old containers were removed"),
    })
}

/// Whether a container is what the release has: jobs that ended well do not run any more.
fn is_of(release: &Release, one: &Found) -> bool {
    let service = crate::model::app::ServiceName::new(&one.service).ok();
    let print = service.and_then(|name| release.print(&name));
    one.mark
        .as_ref()
        .is_some_and(|mark| Some(&mark.print) == print.as_ref())
}
