//! Where others reach the ports that containers of a host publish.

use std::net::IpAddr;

use tokio::{net::lookup_host, sync::oneshot, time::timeout};

use super::{
    Engines,
    error::{Deed, Error, ErrorKind},
    registry::Command,
};
use crate::model::{Endpoint, HostName};

/// How long a name server may take.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(5);

impl Engines {
    /// The address at which others reach a host: the one that the configuration says, else that of its endpoint; names
    /// are looked up on this machine.
    ///
    /// # Errors
    /// When it is not known, as of a socket of this machine.
    pub async fn address(&self, host: &HostName) -> Result<IpAddr, Error> {
        let deed = Deed::on(host, "find the address of", host.as_str());
        let remedy = format!("write address = \"…\" into its [[host]], or leave {host} out");
        let unknown = |why: String| Error {
            remedy: Some(remedy.clone()),
            ..deed.failed(ErrorKind::Rejected, why)
        };
        let Some(door) = self.door(host).await else {
            return Err(unknown("there is no such host".to_owned()));
        };
        if let Some(address) = door.spec.address {
            return Ok(address);
        }
        let name = match &door.spec.endpoint {
            Endpoint::Unix(_) => {
                let why = "it is reached over a socket of this machine, which says no address";
                return Err(unknown(why.to_owned()));
            }
            Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } => host.clone(),
            Endpoint::Ssh {
                destination, port, ..
            } => self.ssh_name(destination, *port).await.map_err(unknown)?,
        };
        if let Ok(address) = name.parse() {
            return Ok(address);
        }
        let found = timeout(DEADLINE, lookup_host((name.as_str(), 0))).await;
        let first = match found {
            Ok(Ok(mut all)) => all.next(),
            Ok(Err(_)) | Err(_) => None,
        };
        let first = first.map(|one| one.ip());
        first.ok_or_else(|| unknown(format!("no name server knows {name}")))
    }

    /// The name or address that the configuration of ssh has for an alias.
    async fn ssh_name(&self, destination: &str, port: Option<u16>) -> Result<String, String> {
        let (reply, answer) = oneshot::channel();
        self.order(Command::Common(reply));
        let common = answer.await;
        let common = common.map_err(|_| "the program is about to end".to_owned())?;
        let ssh = common.ssh().map_err(|trouble| trouble.reason)?;
        let name = ssh.name_of(destination, port).await;
        name.map_err(|trouble| trouble.reason)
    }
}
