//! A container is made anew with another volume in the place of one that it mounts, and is otherwise as it was.
//!
//! Mounts of a container are for life. So a second one is made of what the engine says of the first, which stands aside
//! under another name until the new one runs, and is healthy where it can say so; else everything is put back.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use super::actor::Common;
use super::backup::Cleaning;
use super::error::{Deed, Error, ErrorKind, Fault};
use super::session::Session;
use super::wire::{Wire, escape, query};
use crate::model::{ContainerId, Said, bytes};

/// A busy engine is slow.
const DEADLINE: Duration = Duration::from_mins(3);

/// Stopping waits as long as the container was set up to be waited for.
const STOPPED: Duration = Duration::from_mins(11);

/// What runs so long, and did not start anew, has started.
const STEADY: Duration = Duration::from_secs(3);

/// How often it is looked how the new one is.
const PACE: Duration = Duration::from_millis(300);

/// No health check is waited for longer.
const LONGEST: Duration = Duration::from_mins(10);

/// Added to the name of the one that stands aside.
const ASIDE: &str = ".before-switch";

/// Added to the name of the one that is being made.
const COMING: &str = ".switching";

/// Labels of what a swarm makes, and makes anew by itself.
const SWARM: &str = "com.docker.swarm.";

/// Makes the container anew with the volume `to` where it mounts `from`; says what there is to say of it.
pub(super) async fn switch(
    session: &Session,
    common: &Common,
    id: &ContainerId,
    (from, to): (&str, &str),
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<String, Error> {
    let fault = |fault: Fault| deed.fault(fault);
    let path = format!("/containers/{}/json?size=1", id.as_str());
    let before: Value = session
        .wire
        .get(path)
        .within(DEADLINE)
        .json()
        .await
        .map_err(fault)?;
    let before = Before(before);
    before.check(from).map_err(|(why, remedy)| Error {
        remedy: Some(remedy.to_owned()),
        ..deed.failed(ErrorKind::Conflict, why)
    })?;
    // The engine would make one that is missing, and it would be empty.
    let volume = format!("/volumes/{}", escape(to));
    session.wire.get(volume).status().await.map_err(fault)?;
    let image = image(session, &before).await;

    let mut work = Work::new(session, &common.cleaning, id, &before);
    let done = work.run(&before, &image, (from, to), say).await;
    if let Err(failed) = done {
        let error = deed.fault(failed);
        let why = match work.put_back().await {
            Ok(()) => format!("{}; it was put back and is as it was", error.why),
            Err(fault) => format!(
                "{}; and it could not be put back: {fault}; it is there as {}{ASIDE}",
                error.why, work.name
            ),
        };
        return Err(Error { why, ..error });
    }
    let removed = work.finish().await;
    let size = before.0["SizeRw"].as_u64().filter(|size| *size > 0);
    let lost = size.map_or_else(String::new, |size| {
        format!(
            "; {} that it wrote outside of its volumes are gone",
            bytes(size)
        )
    });
    let left = removed.err().map_or_else(String::new, |fault| {
        format!(
            "; the old one could not be removed and is there as {}{ASIDE}: {fault}",
            work.name
        )
    });
    Ok(format!("it mounts {to} instead of {from}{lost}{left}"))
}

/// The image it is of, by the name it was made with if that still means it.
async fn image(session: &Session, before: &Before) -> String {
    let bare = |id: &str| id.trim_start_matches("sha256:").to_owned();
    let (id, name) = (before.text("/Image"), before.text("/Config/Image"));
    let path = format!("/images/{}/json", escape(name));
    let known: Result<Value, Fault> = session.wire.get(path).json().await;
    match known {
        Ok(known) if bare(known["Id"].as_str().unwrap_or("")) == bare(id) => name.to_owned(),
        Ok(_) | Err(_) => id.to_owned(),
    }
}

/// What the engine says of the container that there is.
struct Before(Value);

impl Before {
    fn text(&self, pointer: &str) -> &str {
        let found = self.0.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or("")
    }

    fn name(&self) -> &str {
        self.text("/Name").trim_start_matches('/')
    }

    fn ran(&self) -> bool {
        self.0["State"]["Running"].as_bool().unwrap_or(false)
    }

    /// Why it cannot be made anew, and what to do.
    fn check(&self, from: &str) -> Result<(), (String, &'static str)> {
        let mounts = self.0["Mounts"].as_array().into_iter().flatten();
        let mut names = mounts.filter_map(|mount| mount["Name"].as_str());
        let labels = self.0["Config"]["Labels"].as_object();
        let mut labels = labels.into_iter().flatten().map(|(label, _)| label);
        let automatic = self.0["HostConfig"]["AutoRemove"].as_bool();
        if !names.any(|name| name == from) {
            let remedy = "name a volume that it mounts; `container show` lists them";
            Err((format!("it does not mount the volume {from}"), remedy))
        } else if labels.any(|label| label.starts_with(SWARM)) {
            let remedy = "change the service: `docker service update --mount-rm … --mount-add …`";
            Err((
                "a swarm made it, and would make it anew by itself".to_owned(),
                remedy,
            ))
        } else if automatic == Some(true) {
            let remedy = "start it anew with the other volume";
            Err((
                "it is removed when it stops (--rm), so it could not be put back".to_owned(),
                remedy,
            ))
        } else if self.0["State"]["Paused"].as_bool() == Some(true) {
            Err(("it is paused".to_owned(), "unpause it first"))
        } else {
            Ok(())
        }
    }

    /// What the new one is made of.
    fn body(&self, image: &str, from: &str, to: &str) -> Value {
        let mut body = self.0["Config"].clone();
        let host = self.host_config(from, to);
        let mode = host["NetworkMode"].as_str().unwrap_or("").to_owned();
        let shares = mode == "host" || mode.starts_with("container:");
        if shares || self.text("/Id").starts_with(self.text("/Config/Hostname")) {
            // It was named after the old one's id, or has the name of what it shares the network with.
            if let Some(config) = body.as_object_mut() {
                config.remove("Hostname");
            }
        }
        let mut host = host;
        body["Image"] = json!(image);
        let first = self.networks().find(|(_, is_first, _)| *is_first);
        if let Some((name, _, endpoint)) = first {
            host["NetworkMode"] = json!(name);
            body["NetworkingConfig"] = json!({"EndpointsConfig": {(name): endpoint}});
        }
        body["HostConfig"] = host;
        body
    }

    /// Its settings on the host with the one mount changed. Volumes without a name, which the engine made for it, are
    /// mounted by the names that they have, so that they stay its own.
    fn host_config(&self, from: &str, to: &str) -> Value {
        let mut host = self.0["HostConfig"].clone();
        let mut named: Vec<String> = Vec::new();
        let mut binds: Vec<Value> = host["Binds"].as_array().cloned().unwrap_or_default();
        for bind in &mut binds {
            let text = bind.as_str().unwrap_or("").to_owned();
            let (source, rest) = text.split_once(':').unwrap_or((&text, ""));
            named.push(source.to_owned());
            if source == from {
                *bind = json!(format!("{to}:{rest}"));
            }
        }
        for mount in host["Mounts"].as_array_mut().into_iter().flatten() {
            let source = mount["Source"].as_str().unwrap_or("").to_owned();
            if mount["Type"] == "volume" && source == from {
                mount["Source"] = json!(to);
            }
            named.push(source);
        }
        for mount in self.0["Mounts"].as_array().into_iter().flatten() {
            let name = mount["Name"].as_str().unwrap_or("");
            if mount["Type"] != "volume" || named.iter().any(|one| one == name) {
                continue;
            }
            let name = if name == from { to } else { name };
            let place = mount["Destination"].as_str().unwrap_or("");
            let mode = if mount["RW"].as_bool() == Some(false) {
                ":ro"
            } else {
                ""
            };
            binds.push(json!(format!("{name}:{place}{mode}")));
        }
        host["Binds"] = json!(binds);
        host
    }

    /// The networks that it is to be attached to: name, whether it is made with it, and what was chosen there. Addresses
    /// that the engine dealt are dealt anew.
    fn networks(&self) -> impl Iterator<Item = (&str, bool, Value)> {
        let mode = self.text("/HostConfig/NetworkMode");
        let id = self.text("/Id");
        let all = self.0["NetworkSettings"]["Networks"].as_object();
        // Podman says `bridge` also of one that is on networks of its own alone.
        let is_default = |name: &str| ["bridge", "podman"].contains(&name);
        let is_usual = ["default", "bridge", ""].contains(&mode);
        let is_on_default = all.is_some_and(|all| all.keys().any(|name| is_default(name)));
        let mut is_first_free = is_usual && !is_on_default;
        let is_ours = !(mode == "host" || mode == "none" || mode.starts_with("container:"));
        let all = all.filter(|_| is_ours).into_iter().flatten();
        all.filter_map(move |(name, known)| {
            let is_default = is_default(name);
            if is_default && is_usual {
                return None;
            }
            let takes_first = std::mem::take(&mut is_first_free);
            let is_first = takes_first || name == mode || known["NetworkID"] == mode;
            let mut endpoint = Map::new();
            for key in ["IPAMConfig", "Links", "DriverOpts"] {
                if !known[key].is_null() {
                    endpoint.insert(key.to_owned(), known[key].clone());
                }
            }
            let aliases = known["Aliases"].as_array().into_iter().flatten();
            let aliases: Vec<&Value> = aliases
                .filter(|alias| !alias.as_str().is_some_and(|alias| id.starts_with(alias)))
                .collect();
            if !aliases.is_empty() && !is_default {
                endpoint.insert("Aliases".to_owned(), json!(aliases));
            }
            Some((name.as_str(), is_first, endpoint.into()))
        })
    }

    /// How long the new one's health check may take to say something.
    fn patience(&self) -> Duration {
        let check = &self.0["Config"]["Healthcheck"];
        let nanos = |key: &str, usual: u64| match check[key].as_u64() {
            Some(0) | None => Duration::from_secs(usual),
            Some(nanos) => Duration::from_nanos(nanos),
        };
        let tries = check["Retries"]
            .as_u64()
            .filter(|tries| *tries > 0)
            .unwrap_or(3);
        let tries = u32::try_from(tries.min(100)).unwrap_or(100) + 1;
        let whole =
            nanos("StartPeriod", 0) + (nanos("Interval", 30) + nanos("Timeout", 30)) * tries;
        whole.min(LONGEST)
    }
}

/// What was done so far, so that it can be undone; it is, when dropped before the end.
struct Work {
    wire: Wire,
    cleaning: Cleaning,
    old: String,
    name: String,
    ran: bool,
    /// The new one was asked for.
    is_made: bool,
    /// The old one was asked to stop.
    is_stopped: bool,
    /// The old one was given another name.
    is_aside: bool,
    /// The new one has the old one's name.
    is_named: bool,
    is_over: bool,
}

impl Work {
    fn new(session: &Session, cleaning: &Cleaning, id: &ContainerId, before: &Before) -> Self {
        Self {
            wire: session.wire.clone(),
            cleaning: cleaning.clone(),
            old: id.as_str().to_owned(),
            name: before.name().to_owned(),
            ran: before.ran(),
            is_made: false,
            is_stopped: false,
            is_aside: false,
            is_named: false,
            is_over: false,
        }
    }

    async fn run(
        &mut self,
        before: &Before,
        image: &str,
        (from, to): (&str, &str),
        say: &(dyn Fn(Said) + Sync),
    ) -> Result<(), Fault> {
        let name = self.name.clone();
        // What the engine refuses is known before anything stands still.
        let coming = format!("{name}{COMING}");
        let path = format!("/containers/create{}", query(&[("name", &coming)]));
        let made = self
            .wire
            .post(path)
            .json_body(&before.body(image, from, to));
        // From here on it is removed, even if nobody waits for the answer any more.
        self.is_made = true;
        let made: Result<Value, Fault> = made.within(DEADLINE).json().await;
        // One of that name which was refused is somebody else's.
        self.is_made = !matches!(made, Err(Fault::Refused { .. }));
        let made = made?;
        let new = made["Id"].as_str().unwrap_or(&coming).to_owned();
        for (network, _, endpoint) in before.networks().filter(|(_, is_first, _)| !is_first) {
            let body = json!({"Container": new, "EndpointConfig": endpoint});
            let path = format!("/networks/{}/connect", escape(network));
            self.wire
                .post(path)
                .json_body(&body)
                .within(DEADLINE)
                .status()
                .await?;
        }
        if self.ran {
            say(Said::Line(format!("stopping {name}")));
            self.is_stopped = true;
            let path = format!("/containers/{}/stop", self.old);
            self.wire.post(path).within(STOPPED).status().await?;
        }
        self.is_aside = true;
        rename(&self.wire, &self.old, &format!("{name}{ASIDE}")).await?;
        self.is_named = true;
        rename(&self.wire, &new, &name).await?;
        if self.ran {
            say(Said::Line(format!("starting {name} with {to}")));
            let path = format!("/containers/{new}/start");
            self.wire.post(path).within(DEADLINE).status().await?;
            self.wait(&new, before.patience()).await?;
        }
        Ok(())
    }

    /// Waits until the new one runs, and is healthy where it can say so.
    async fn wait(&self, new: &str, patience: Duration) -> Result<(), Fault> {
        let began = Instant::now();
        loop {
            let path = format!("/containers/{new}/json");
            let now: Value = self.wire.get(path).json().await?;
            let state = &now["State"];
            let failed = |why: String| Err(Fault::Garbled(format!("the new one {why}")));
            let is_running = state["Running"].as_bool() == Some(true);
            if !is_running || now["RestartCount"].as_u64().unwrap_or(0) > 0 {
                return failed(format!("ended with code {}", state["ExitCode"]));
            }
            let health = state["Health"]["Status"].as_str();
            match health.or_else(|| state["Healthcheck"]["Status"].as_str()) {
                Some("healthy") => return Ok(()),
                Some("unhealthy") => return failed("is not healthy".to_owned()),
                Some("starting") if began.elapsed() > patience => {
                    return failed(format!("was not healthy within {} s", patience.as_secs()));
                }
                Some("starting") => {}
                Some(_) | None if began.elapsed() > STEADY => return Ok(()),
                Some(_) | None => {}
            }
            sleep(PACE).await;
        }
    }

    /// The new one is there: the old one goes. Its volumes stay.
    async fn finish(&mut self) -> Result<(), Fault> {
        self.is_over = true;
        let path = format!("/containers/{}", self.old);
        let gone = self.wire.delete(path).within(DEADLINE).status().await;
        gone.map(drop)
    }

    /// As it was before.
    async fn put_back(&mut self) -> Result<(), Fault> {
        let back = self.back();
        self.is_over = true;
        back.await
    }

    fn back(&self) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let (wire, old, name) = (self.wire.clone(), self.old.clone(), self.name.clone());
        let (is_made, is_aside, is_named) = (self.is_made, self.is_aside, self.is_named);
        let starts = self.ran && self.is_stopped;
        async move {
            if is_made {
                // Nobody knows how far a rename came that was broken off; the old one is known by its id.
                for new in [format!("{name}{COMING}"), name.clone()] {
                    if new == name && !is_named {
                        continue;
                    }
                    let path = format!("/containers/{new}/json");
                    let known: Result<Value, Fault> = wire.get(path).json().await;
                    if let Ok(known) = known
                        && known["Id"] != *old
                    {
                        let path = format!("/containers/{new}?force=1");
                        wire.delete(path).within(DEADLINE).status().await?;
                    }
                }
            }
            if is_aside {
                match rename(&wire, &old, &name).await {
                    // It has its name still.
                    Err(Fault::Refused { .. }) | Ok(()) => {}
                    Err(fault) => return Err(fault),
                }
            }
            if starts {
                let path = format!("/containers/{old}/start");
                wire.post(path).within(DEADLINE).status().await?;
            }
            Ok(())
        }
    }
}

async fn rename(wire: &Wire, id: &str, name: &str) -> Result<(), Fault> {
    let path = format!("/containers/{id}/rename{}", query(&[("name", name)]));
    wire.post(path).within(DEADLINE).status().await.map(drop)
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let back = self.back();
        self.cleaning.spawn(async move {
            // Nobody is left to be told; what stands aside has a telling name.
            drop(back.await);
        });
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn before() -> Before {
        Before(json!({
            "Id": "0123456789abcdef0123",
            "Name": "/web",
            "Image": "sha256:aa",
            "State": {"Running": true},
            "Config": {
                "Hostname": "0123456789ab", "Image": "app:1", "Env": ["A=b"], "Labels": {"x": "y"},
                "Volumes": {"/cache": {}},
                "Healthcheck": {"Interval": 1_000_000_000, "Timeout": 1_000_000_000, "Retries": 2},
            },
            "HostConfig": {
                "Binds": ["data:/data:ro", "/srv:/srv", "database:/db"],
                "Mounts": [{"Type": "volume", "Source": "data", "Target": "/again"}],
                "NetworkMode": "back",
                "RestartPolicy": {"Name": "always"},
            },
            "Mounts": [
                {"Type": "volume", "Name": "data", "Destination": "/data", "RW": false},
                {"Type": "volume", "Name": "f00d", "Destination": "/cache", "RW": true},
                {"Type": "bind", "Source": "/srv", "Destination": "/srv", "RW": true},
                {"Type": "volume", "Name": "database", "Destination": "/db", "RW": true},
                {"Type": "volume", "Name": "data", "Destination": "/again", "RW": true},
            ],
            "NetworkSettings": {"Networks": {
                "back": {"IPAMConfig": {"IPv4Address": "10.9.0.5"}, "Aliases": ["api", "0123456789ab"],
                         "IPAddress": "10.9.0.5", "NetworkID": "n1"},
                "front": {"IPAMConfig": null, "Aliases": null, "IPAddress": "10.8.0.7", "NetworkID": "n2"},
            }},
        }))
    }

    #[test]
    fn the_one_mount_is_changed_and_all_else_is_as_it_was() {
        let before = before();
        let body = before.body("app:1", "data", "data-2");
        assert_eq!(
            body["HostConfig"]["Binds"],
            json!([
                "data-2:/data:ro",
                "/srv:/srv",
                "database:/db",
                "f00d:/cache"
            ])
        );
        assert_eq!(body["HostConfig"]["Mounts"][0]["Source"], "data-2");
        assert_eq!(body["HostConfig"]["RestartPolicy"]["Name"], "always");
        assert_eq!(
            (&body["Env"][0], &body["Labels"]["x"]),
            (&json!("A=b"), &json!("y"))
        );
        assert!(body.get("Hostname").is_none(), "it was the old one's id");
        assert_eq!(
            body["NetworkingConfig"]["EndpointsConfig"],
            json!({"back": {"IPAMConfig": {"IPv4Address": "10.9.0.5"}, "Aliases": ["api"]}})
        );
        let others: Vec<_> = before
            .networks()
            .filter(|(_, is_first, _)| !is_first)
            .collect();
        assert_eq!(others, [("front", false, json!({}))]);
        // One that has no name of a person's is switched, too.
        let body = before.body("app:1", "f00d", "cache");
        assert_eq!(body["HostConfig"]["Binds"][3], "cache:/cache");
        assert_eq!(before.patience(), Duration::from_secs(6));
    }

    #[test]
    fn what_cannot_be_put_back_is_not_begun() {
        assert!(before().check("data").is_ok());
        for (pointer, value, why) in [
            ("/Mounts", json!([]), "does not mount"),
            ("/HostConfig/AutoRemove", json!(true), "--rm"),
            ("/State/Paused", json!(true), "paused"),
            (
                "/Config/Labels",
                json!({"com.docker.swarm.task.id": "t"}),
                "a swarm made it",
            ),
        ] {
            let mut one = before();
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            let parent = one.0.pointer_mut(parent).unwrap();
            parent[key] = value;
            let (told, _) = one.check("data").unwrap_err();
            assert!(told.contains(why), "{told}");
        }
    }
}
