//! What the loop needs of a host, and what can go wrong with it.

use std::{net::IpAddr, path::Path, time::Duration};

use futures_util::stream::BoxStream;

use super::{swarm::Swarms, traffic::Move};
use crate::{
    clients::{self, haproxy::Sample},
    engine,
    model::{
        Backend, ContainerId, HostName, Listing, Rules, Said, Share, Timestamp,
        app::Restart,
        release::{Converge, Found, Front, Lease, Pin, Scope},
    },
};

/// Why something on a host did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Why, and what to do.
    pub why: String,
    /// It may work in a moment: the host cannot be reached now, or did not answer.
    pub passes: bool,
}

impl From<engine::Error> for Trouble {
    fn from(error: engine::Error) -> Self {
        use engine::ErrorKind as Kind;
        let passes = matches!(
            error.kind,
            Kind::Offline | Kind::Busy | Kind::Timeout | Kind::Lost
        );
        Self {
            why: error.to_string(),
            passes,
        }
    }
}

impl From<clients::Error> for Trouble {
    fn from(error: clients::Error) -> Self {
        Self {
            passes: error.kind == clients::ErrorKind::Offline,
            why: error.to_string(),
        }
    }
}

/// A fleet of hosts as the loop uses them: the engines, or a stand-in for tests.
pub trait Place: Swarms {
    /// All containers of an app on a host.
    fn observe(
        &self,
        host: &HostName,
        scope: &Scope,
    ) -> impl Future<Output = Result<Vec<Found>, Trouble>> + Send;

    /// What a pinned image is called on a host; none when it is not there.
    fn image(
        &self,
        host: &HostName,
        pin: &Pin,
    ) -> impl Future<Output = Result<Option<String>, Trouble>> + Send;

    /// Has a host fetch a pinned image; from a bundle of this machine, where there is one.
    fn pull(
        &self,
        host: &HostName,
        pin: &Pin,
        bundle: Option<&Path>,
        say: &(dyn Fn(Said) + Sync),
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Makes the container of a target, of an image that is called so there; a balancer finds it at that port.
    fn make(
        &self,
        converge: &Converge,
        image: &str,
        port: Option<u16>,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Starts a container.
    fn start(
        &self,
        host: &HostName,
        one: &Found,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Stops a container, as long as it was set up to be waited for.
    fn stop(
        &self,
        host: &HostName,
        one: &Found,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Removes a container that does not run, with its anonymous volumes.
    fn remove(
        &self,
        host: &HostName,
        one: &Found,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Changes when the engine starts a container by itself.
    fn set_restart(
        &self,
        host: &HostName,
        one: &Found,
        restart: Option<Restart>,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// The last lines of a container, for whoever has to find out why it is not well.
    fn last_words(
        &self,
        host: &HostName,
        id: &ContainerId,
    ) -> impl Future<Output = Vec<String>> + Send;

    /// What a container logged since a moment of its host's clock, each line with its time.
    fn log(
        &self,
        host: &HostName,
        id: &ContainerId,
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<(Timestamp, String)>, Trouble>> + Send;

    /// Marks a host for the time of a deploy.
    fn mark(
        &self,
        host: &HostName,
        lease: &Lease,
        by: &str,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Takes the mark off.
    fn unmark(
        &self,
        host: &HostName,
        scope: &Scope,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// Whether somebody keeps a list of the targets of an app.
    fn is_listed(&self, _: &Scope) -> bool {
        false
    }

    /// Where others reach a host.
    fn address(&self, host: &HostName) -> impl Future<Output = Result<IpAddr, Trouble>> + Send;

    /// Brings a list of targets to all who keep it; answers what is to be known of that. With `leaving`, their readers get
    /// the time that they need.
    fn publish(
        &self,
        listing: &Listing,
        leaving: bool,
    ) -> impl Future<Output = Result<Vec<String>, Trouble>> + Send;

    /// The backends of a front that there are: the stable one, then that of a gray release.
    fn backends(&self, front: &Front)
    -> impl Future<Output = Result<Vec<Backend>, Trouble>> + Send;

    /// Does something to the balancer of a front.
    fn balance(
        &self,
        front: &Front,
        what: &Move,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// The share that a gray release has now.
    fn share(&self, front: &Front) -> impl Future<Output = Result<Share, Trouble>> + Send;

    /// Follows what both backends of a front do, and what is to be thought of the gray release. It goes on until it is
    /// dropped.
    fn watch(
        &self,
        front: &Front,
        every: Duration,
        rules: Rules,
    ) -> BoxStream<'static, Result<Sample, Trouble>>;

    /// How long is waited before it is looked again.
    fn pace(&self) -> Duration {
        Duration::from_millis(500)
    }
}
