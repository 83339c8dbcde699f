//! What has to be known of containers before a host is put to rest: when they rise by themselves, and which are lost.

use futures_util::future::join_all;
use serde::Deserialize;

use super::{
    Engines,
    error::{Deed, Error},
    inspect,
};
use crate::model::{ContainerId, HostName, app::Restart};

/// What a stop does to a container beyond stopping it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestFacts {
    /// Which.
    pub id: ContainerId,
    /// When its engine starts it by itself.
    pub restart: Restart,
    /// It is gone once it is stopped.
    pub is_fleeting: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    restart_policy: Policy,
    auto_remove: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Policy {
    name: String,
    maximum_retry_count: u32,
}

impl Policy {
    fn read(&self) -> Restart {
        match self.name.as_str() {
            "always" => Restart::Always,
            "unless-stopped" => Restart::UnlessStopped,
            "on-failure" => {
                let times = self.maximum_retry_count;
                Restart::OnFailure((times > 0).then_some(times))
            }
            _ => Restart::No,
        }
    }
}

impl Engines {
    /// What is to be known of containers before they are stopped; those that are gone are left out.
    pub async fn rest_facts(
        &self,
        host: &HostName,
        ids: &[ContainerId],
    ) -> Result<Vec<RestFacts>, Error> {
        let deed = Deed::on(host, "look at", "its containers");
        let session = self.session(&deed).await?;
        let wire = &session.wire;
        let all = ids.iter().map(|id| async move {
            match wire.get(inspect::path(id)).json::<Inspected>().await {
                Ok(found) => Ok(Some(RestFacts {
                    id: id.clone(),
                    restart: found.host_config.restart_policy.read(),
                    is_fleeting: found.host_config.auto_remove,
                })),
                Err(fault) if fault.is_missing() => Ok(None),
                Err(fault) => Err(fault),
            }
        });
        let all: Result<Vec<_>, _> = join_all(all).await.into_iter().collect();
        let all = all.map_err(|fault| deed.fault(fault))?;
        Ok(all.into_iter().flatten().collect())
    }
}
