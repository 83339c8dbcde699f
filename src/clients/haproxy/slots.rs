//! What is done to servers and shares: each answered only when it is certain that it was done.

use std::net::SocketAddr;

use super::{Balancer, Error, ErrorKind};
use crate::model::{
    Admin, ServerName, Share, Slot,
    balancer::{NOWHERE, is_name},
};

/// How an order to change an address begins to tell what it did.
const MOVED: [&str; 4] = [
    "IP changed",
    "no need to change",
    "port changed",
    "nothing changed",
];

impl Balancer {
    /// Puts an address into a free slot of a backend: in drain and down until its own checks find it up, so that no
    /// request comes to it before. An address that stands in a slot already is left as it is; one that rests there in
    /// maintenance is begun with anew. [`Balancer::admit`] gives it traffic.
    ///
    /// # Errors
    /// When all slots are taken, the backend is not checked, or the balancer cannot be reached or refuses.
    pub async fn enter(&self, backend: &str, address: SocketAddr) -> Result<Slot, Error> {
        let _turn = self.turn.lock().await;
        let found = self.backend(backend).await?;
        let doing = format!("entering {address} into {backend}");
        let slot = match found.slot_of(address) {
            Some(slot) if slot.admin != Admin::Maintenance => return Ok(slot.clone()),
            Some(slot) => slot,
            None => found.free_slot().ok_or_else(|| self.full(&found, &doing))?,
        };
        if !slot.checked {
            let why = format!(
                "{} is not checked: nobody would know whether it works",
                slot.name
            );
            let remedy = "write `default-server check` and `option httpchk` into that backend; see `wharf balancer render`";
            return Err(self.error(ErrorKind::Refused, &doing, why).with(remedy));
        }
        self.start_over(&slot.name, address).await?;
        let entered = self.slot(&slot.name).await?;
        if entered.address == Some(address) && entered.admin == Admin::Drain {
            return Ok(entered);
        }
        let why = format!("{} was given to somebody else meanwhile", slot.name);
        Err(self
            .error(ErrorKind::Refused, &doing, why)
            .with("try again"))
    }

    /// Has a server begin with its checks: no state of before lets it pass for up.
    pub(super) async fn start_over(
        &self,
        name: &ServerName,
        address: SocketAddr,
    ) -> Result<(), Error> {
        let (ip, port) = (address.ip(), address.port());
        let line = format!(
            "set server {name} addr {ip} port {port}; set server {name} weight 100%; \
             set server {name} state drain; set server {name} health down"
        );
        self.order_told(&line, &MOVED).await
    }

    fn full(&self, backend: &crate::model::Backend, doing: &str) -> Error {
        let count = |admin| {
            backend
                .slots
                .iter()
                .filter(|slot| slot.admin == admin)
                .count()
        };
        let why = format!(
            "none of its {} slots is free: {} ready, {} in drain, {} in maintenance with an address of their own or something to end",
            backend.slots.len(),
            count(Admin::Ready),
            count(Admin::Drain),
            count(Admin::Maintenance),
        );
        let remedy = format!(
            "retire one, or give {} a larger server-template and reload",
            backend.name
        );
        self.error(ErrorKind::Refused, doing, why).with(remedy)
    }

    /// Gives traffic to a server whose checks found it up; refuses any other one, for a server that is made ready
    /// before its first check is sent requests at once.
    ///
    /// # Errors
    /// When it is not up, its slot stands for another address than it did, or the balancer cannot be reached or refuses.
    pub async fn admit(&self, slot: &Slot) -> Result<(), Error> {
        let doing = format!("admitting {}", slot.name);
        let now = self.slot(&slot.name).await?;
        if now.address != slot.address {
            let why = "it stands for another address by now";
            return Err(self
                .error(ErrorKind::Refused, &doing, why)
                .with("enter it again"));
        }
        if now.admin == Admin::Ready {
            return Ok(());
        }
        if now.admin == Admin::Maintenance || !now.is_up() {
            let why = if !now.checked {
                "it is not checked: nobody knows whether it works".to_owned()
            } else if now.admin == Admin::Maintenance {
                "it is in maintenance, and not checked there".to_owned()
            } else {
                format!("its checks do not find it up ({})", now.check)
            };
            return Err(self
                .error(ErrorKind::Refused, &doing, why)
                .with("wait until it is up"));
        }
        self.order(&format!("set server {} state ready", slot.name))
            .await
    }

    /// Gives a server nothing new; what it has goes on.
    ///
    /// # Errors
    /// When the balancer cannot be reached or refuses.
    pub async fn drain(&self, name: &ServerName) -> Result<(), Error> {
        self.order(&format!("set server {name} state drain")).await
    }

    /// Takes a server out of traffic and checks; it keeps its address, and nobody else is given its slot.
    ///
    /// # Errors
    /// When the balancer cannot be reached or refuses.
    pub async fn rest(&self, name: &ServerName) -> Result<(), Error> {
        self.order(&format!("set server {name} state maint")).await
    }

    /// Takes a server out for good: its slot is free for another address as soon as what it has has ended.
    ///
    /// # Errors
    /// When the balancer cannot be reached or refuses.
    pub async fn retire(&self, name: &ServerName) -> Result<(), Error> {
        let (ip, port) = (NOWHERE.ip(), NOWHERE.port());
        let line = format!(
            "set server {name} state maint; set server {name} addr {ip} port {port}; set server {name} weight 100%"
        );
        self.order_told(&line, &MOVED).await
    }

    /// Gives a server another part of its backend's traffic, 0 to 256.
    ///
    /// # Errors
    /// When the balancer cannot be reached or refuses.
    pub async fn weight(&self, name: &ServerName, weight: u16) -> Result<(), Error> {
        self.order(&format!("set server {name} weight {weight}"))
            .await
    }

    /// Sets the share below a key of a map, which is added where it is missing. It lasts until the next reload, unless
    /// the map's file says the same: see [`Balancer::save`].
    ///
    /// # Errors
    /// When the balancer cannot be reached, has no such map, or refuses.
    pub async fn set_share(&self, map: &str, key: &str, share: Share) -> Result<(), Error> {
        let map = self.path(map)?;
        if !is_name(key) {
            let why = format!("'{key}' is no key; letters, digits and -_.: are");
            return Err(self.error(ErrorKind::Wrong, "setting a share", why));
        }
        let percent = share.percent();
        let set = self.order(&format!("set map {map} {key} {percent}")).await;
        match set {
            // A map that is there and has no such key.
            Err(error) if error.why.starts_with("entry not found") => {
                self.order(&format!("add map {map} {key} {percent}"))
                    .await?;
            }
            set => set?,
        }
        match self.share(map, key).await? {
            Some(now) if now == share => Ok(()),
            now => {
                let now = now.map_or_else(|| "none".to_owned(), |now| now.to_string());
                let why = format!("it is {now} after it was set to {share}");
                Err(self.error(ErrorKind::Wrong, "setting a share", why))
            }
        }
    }
}
