//! Pipelines: runs are asked for, carried out step by step wherever a worker is, and answered by people.
//!
//! There is one loop for a run ([`work`]): whoever has its lease looks how far its steps are, begins those whose turn it
//! is, and writes down how they end. Whoever takes over a run that was left goes on with the same loop; what ran in
//! containers is found there again.

mod container;
mod deploy;
mod drive;
mod gate;
mod image;
mod jenkins;
mod junit;
mod prepare;
mod said;
mod say;
mod seen;
mod step;
mod tell;
#[cfg(test)]
mod tests;
mod work;

pub use drive::Drive;
pub(super) use gate::{Look, results};
pub use prepare::{Act, check, known, prepare};
pub use say::Program;
pub use seen::{Watch, watch};
pub(super) use step::commit;
pub use work::{Shop, grounds, work};
