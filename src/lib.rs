//! Wharf: an operations console for fleets of Docker hosts, in the terminal, agentless.
//!
//! The layers, from the values up (`tests/architecture.rs` checks the direction):
//!
//! | layer | knows | its sentence |
//! |---|---|---|
//! | [`cli`] | all but ui | The same sentences from a shell; tables or JSON. |
//! | [`worker`] | all but ui | What is done without anybody there: backups by schedule. |
//! | [`console`] | all | Terminal, the single-owner loop, performing effects. |
//! | [`ui`] | model, logs, ops | State, update, view; no I/O, no async, no clock. |
//! | [`ops`] | the layers below, model | What can be done: parse, plan (pure), run. |
//! | [`logs`] | model | Lines of logs: held within bounds, merged, searched, filtered, masked. |
//! | [`engine`] | model | Speaks with one Docker host: watch, feed, act. bollard and ssh are named here only. |
//! | [`catalog`] | model | Templates: Compose and Portainer files into app specs. |
//! | [`clients`] | model | Systems beside Docker: image registries. reqwest is named here only. |
//! | [`store`] | model | Remembers: operations and settings. SQL is named here only. |
//! | [`config`] | model | The only reader of files and environment variables that configure Wharf. |
//! | [`model`] | nothing | The fleet as plain values. `Event` is the only way in, `Step` the only way out. |
//! | [`sim`] | nothing of ours | Docker Engines served from memory over unix sockets, with latency and faults on demand. |

pub mod catalog;
pub mod cli;
pub mod clients;
pub mod config;
pub mod console;
pub mod engine;
pub mod logs;
pub mod model;
pub mod ops;
pub mod sim;
pub mod store;
pub mod ui;
pub mod worker;
