//! Load balancers: Debian's HAProxy with small web servers behind it, and clients that count what they are answered.
#![expect(clippy::unwrap_used, reason = "tests")]

mod app;
mod moving;
mod nginx;
mod over_ssh;
mod proxy;
mod refusing;
mod reloading;
mod sharing;
#[expect(dead_code, reason = "more than these tests need")]
#[path = "../ssh/ground.rs"]
mod ssh;
mod web;

use std::sync::Arc;

use tokio::sync::mpsc;
use wharf::{
    clients::{
        balancer::{self, Balancers},
        haproxy::Balancer,
    },
    engine::{self, Engines},
    model::{BalancerSpec, HostSpec, ServerName, Slot},
    ops,
};

use app::{App, until};
use proxy::Proxy;

/// The balancers of a test, reached as the program reaches them.
struct Reached {
    _engines: Engines,
    all: Balancers,
}

impl Reached {
    fn of(spec: BalancerSpec) -> Self {
        Self::through(spec, engine::Settings::default(), Vec::new())
    }

    fn through(spec: BalancerSpec, settings: engine::Settings, hosts: Vec<HostSpec>) -> Self {
        let (to_us, mut inbox) = mpsc::channel(64);
        tokio::spawn(async move { while inbox.recv().await.is_some() {} });
        let engines = Engines::start(settings, to_us);
        engines.know_hosts(hosts);
        Self {
            all: ops::balancers_over(&engines, [spec]),
            _engines: engines,
        }
    }

    fn edge(&self) -> Balancer {
        match self.all.open("edge").unwrap() {
            balancer::Balancer::Haproxy(edge) => edge,
            balancer::Balancer::Nginx(_) => panic!("it is no HAProxy"),
        }
    }
}

/// The proxy's own balancer.
fn edge(proxy: &Proxy) -> Balancer {
    Reached::of(proxy.spec()).edge()
}

fn name(text: &str) -> ServerName {
    text.parse().unwrap()
}

/// Brings a server into traffic as a deploy would.
async fn bring(edge: &Balancer, backend: &str, app: &App) -> Slot {
    let slot = edge.enter(backend, app.address).await.unwrap();
    wait_up(edge, &slot).await;
    edge.admit(&slot).await.unwrap();
    edge.slot(&slot.name).await.unwrap()
}

async fn wait_up(edge: &Balancer, slot: &Slot) {
    until("the server is up", || async {
        edge.slot(&slot.name).await.unwrap().is_up()
    })
    .await;
}

/// Who hears what is said.
fn deaf() -> impl Fn(wharf::model::Said) + Sync {
    |_| {}
}

/// A list that a test can look into while it is filled.
type Shared<T> = Arc<std::sync::Mutex<Vec<T>>>;
