//! Docker Engines served from memory over real unix sockets, with latency and faults on demand.
//!
//! The sim is the demo's fleet, the load of benchmarks, and what tests talk to where no real
//! engine is wanted. It speaks the Engine API 1.41 to 1.44 as far as a console needs it and knows
//! nothing of the rest of Wharf. Everything in it is a function of the seed and of time: stats and
//! logs are made when they are read, so a still fleet of twenty thousand containers costs nothing.
//!
//! Other processes change it over HTTP: on each host's socket, and for all hosts (with `?host=`)
//! on `sim.control` beside them, which answers even while a host is frozen.
//!
//! | request | effect |
//! |---|---|
//! | `GET /sim/hosts` | the names (only on `sim.control`) |
//! | `GET /sim/faults`, `GET /sim/requests` | what is wrong, how many requests there were |
//! | `POST /sim/faults?latency_ms=&jitter_ms=&refuse=&freeze=&error_rate=` | sets all; what is not named is off |
//! | `POST /sim/containers/{id}/die?exit=137&oom=1` | ends it, and it stays down |
//! | `POST /sim/containers/{id}/crash?exit=1` | ends it; its restart policy decides what follows |
//! | `POST /sim/containers/{id}/health?healthy=0` | healthy or unhealthy |
//! | `POST /sim/containers/{id}/log?stderr=1&text=` | a line in its log, or the body's lines |
//! | `POST /sim/containers/{id}/flood?lines=&rate=` | numbered lines, so many a second |
//!
//! Not modelled: swarm, build, attach, export, plugins, TLS, pulling what is not there, and the
//! events of each health check. A volume that two containers mount holds nothing in common.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use wharf::sim;
//!
//! let fleet = sim::serve("/tmp/fleet".as_ref(), sim::Spec::default()).await?;
//! for host in fleet.hosts() {
//!     println!("{} {}", host.name, host.socket.display());
//! }
//! # Ok(())
//! # }
//! ```

mod acts;
mod archive;
mod blueprint;
mod build;
mod clock;
mod container;
mod containers;
mod control;
mod create;
mod door;
mod engine;
mod events;
mod exec;
mod fate;
mod faults;
mod files;
mod fleet;
mod host;
mod http;
mod image_archive;
mod images;
mod images_table;
mod inspect;
mod life;
mod load;
mod logs;
mod networks;
mod place;
mod plans;
mod processes;
mod route;
mod seed;
mod session;
mod shell;
mod sift;
mod stats;
mod swarm;
mod system;
mod voice;
mod volumes;
mod world;

pub use control::Engine;
pub use faults::Faults;
pub use fleet::{Api, CONTROL_SOCKET, Cgroup, Fleet, SimHost, Spare, Spec, serve};
