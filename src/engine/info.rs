//! What an engine says of itself and of its host.

use std::sync::Arc;
use std::time::Duration;

use super::docker::asked;
use super::error::Fault;
use super::inspect::moment;
use super::session::Session;
use crate::model::swarm::Membership;
use crate::model::{AddressPool, EngineInfo, Skew, Timestamp, printable};

/// Podman runs helpers for this, so it may take its time.
const DEADLINE: Duration = Duration::from_secs(20);

/// Asks the engine who it is, and what time it is there.
pub(super) async fn info(session: &Session) -> Result<(EngineInfo, Option<Skew>), Fault> {
    let before = Timestamp::now();
    let said = asked(DEADLINE, session.docker.info()).await?;
    let after = Timestamp::now();
    let told = said.system_time.as_deref().and_then(moment);
    let skew = told.and_then(|told| {
        let [before, told, after] =
            [before, told, after].map(|at| i64::try_from(at.as_nanosecond()).ok());
        Some(Skew::measured(before?, told?, after?))
    });
    Ok((read(session, said), skew))
}

/// What it is in a Swarm; none when it is in none.
fn membership(said: bollard::models::SwarmInfo) -> Option<Membership> {
    let text = |text: Option<String>| Arc::from(printable(text.as_deref().unwrap_or("")));
    let state: Arc<str> = said
        .local_node_state
        .map_or_else(|| Arc::from(""), |state| Arc::from(state.to_string()));
    if matches!(&*state, "" | "inactive") {
        return None;
    }
    let managers = said.remote_managers.unwrap_or_default();
    Some(Membership {
        node: text(said.node_id),
        cluster: said
            .cluster
            .and_then(|one| one.id)
            .filter(|id| !id.is_empty())
            .map(|id| Arc::from(printable(&id))),
        manages: said.control_available.unwrap_or(false),
        state,
        managers: managers.into_iter().map(|one| text(one.node_id)).collect(),
        error: text(said.error),
    })
}

fn read(session: &Session, said: bollard::models::SystemInfo) -> EngineInfo {
    let text = |text: Option<String>| printable(text.as_deref().unwrap_or(""));
    EngineInfo {
        product: session.product,
        version: text(said.server_version),
        api: session.api.to_string(),
        hostname: text(said.name),
        os: text(said.operating_system),
        kernel: text(said.kernel_version),
        arch: text(said.architecture),
        cpus: said
            .ncpu
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(0),
        memory: said
            .mem_total
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(0),
        storage_driver: text(said.driver),
        root_dir: text(said.docker_root_dir),
        cgroup_version: said
            .cgroup_version
            .and_then(|version| version.to_string().parse().ok())
            .unwrap_or(0),
        id: text(said.id),
        address_pools: said
            .default_address_pools
            .unwrap_or_default()
            .into_iter()
            .filter_map(|pool| {
                let base = pool.base?.parse().ok()?;
                let size = u8::try_from(pool.size?).ok()?;
                Some(AddressPool { base, size })
            })
            .collect(),
        swarm: said.swarm.and_then(membership),
        warnings: said
            .warnings
            .unwrap_or_default()
            .iter()
            .map(|line| printable(line))
            .collect(),
        live_restore: said.live_restore_enabled.unwrap_or(false),
    }
}
