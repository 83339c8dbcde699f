//! What services of a release stand on in a Swarm: networks, secrets and configs. All of it may be there already.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use crate::engine::deploy::{config_text, label, network_name, network_spec, secret_text};
use crate::engine::error::{Deed, Error, ErrorKind};
use crate::engine::network;
use crate::engine::session::Session;
use crate::engine::swarm::act::DEADLINE;
use crate::engine::swarm::list::ask;
use crate::engine::swarm::read::STACK;
use crate::engine::swarm::{failed, stored};
use crate::engine::wire::escape;
use crate::model::app::{AppFile, AppNetwork, FileFrom};
use crate::model::release::{Release, Scope, Secrets};
use crate::model::{NetworkSpec, Resource, hex};

/// So long tasks that end may keep a network.
const PATIENCE: Duration = Duration::from_secs(25);

/// The longest name of a secret or config without the digits that tell its text apart.
const LONGEST: usize = 53;

/// So often the text of a secret is digested for its name, so that nobody finds the text by trying.
const ROUNDS: usize = 20_000;

/// What the Swarm calls what a release needs: networks by id or name, secrets and configs by id and name.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub networks: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, (String, String)>,
    pub configs: BTreeMap<String, (String, String)>,
}

/// A secret or config that is to be there.
struct Wanted {
    kind: Resource,
    key: String,
    name: String,
    /// None for what has to be there already.
    text: Option<SecretString>,
    labels: BTreeMap<String, String>,
}

impl Known {
    /// As it will be, before anything is made: everything goes by its name.
    pub fn by_name(release: &Release, secrets: &Secrets) -> Result<Self, String> {
        let mut known = Self::default();
        for key in release.spec.networks.keys() {
            let name = network_name(&release.spec, key);
            known.networks.insert(key.clone(), name);
        }
        for one in wanted(release, secrets)? {
            let of = known.of(one.kind);
            of.insert(one.key, (one.name.clone(), one.name));
        }
        Ok(known)
    }

    fn of(&mut self, kind: Resource) -> &mut BTreeMap<String, (String, String)> {
        if kind == Resource::Secret {
            &mut self.secrets
        } else {
            &mut self.configs
        }
    }
}

/// The secrets and configs that services use. What is in them never changes in a Swarm: another text has another name.
fn wanted(release: &Release, secrets: &Secrets) -> Result<Vec<Wanted>, String> {
    let spec = &release.spec;
    let mut all = Vec::new();
    for (kind, files) in [
        (Resource::Secret, &spec.secrets),
        (Resource::Config, &spec.configs),
    ] {
        for (key, file) in files {
            let uses = spec.services.values().any(|service| {
                let uses = match kind {
                    Resource::Secret => &service.secrets,
                    _ => &service.configs,
                };
                uses.iter().any(|one| one.source == *key)
            });
            if uses {
                all.push(one(release, secrets, kind, key, file)?);
            }
        }
    }
    Ok(all)
}

fn one(
    release: &Release,
    secrets: &Secrets,
    kind: Resource,
    key: &str,
    file: &AppFile,
) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        kind,
        key: key.to_owned(),
        name: file.name.clone().unwrap_or_else(|| key.to_owned()),
        text: None,
        labels: file.labels.clone(),
    };
    if file.from == FileFrom::External {
        return Ok(wanted);
    }
    let text = match kind {
        Resource::Secret => secret_text(release, key, secrets)?,
        _ => config_text(release, key, secrets)?,
    };
    let base = file.name.clone();
    let base = base.unwrap_or_else(|| format!("{}_{key}", release.scope.app));
    let base: String = base.chars().take(LONGEST).collect();
    wanted.name = format!("{base}_{}", digits(kind, &base, &text));
    wanted.text = Some(SecretString::from(text));
    Ok(wanted)
}

/// Ten digits that tell a text from others.
fn digits(kind: Resource, base: &str, text: &str) -> String {
    let rounds = if kind == Resource::Secret { ROUNDS } else { 1 };
    let mut digest = Sha256::digest(format!("{base}\0{text}").as_bytes());
    for _ in 1..rounds {
        digest = Sha256::digest(digest.as_slice());
    }
    hex(digest.as_slice())[..10].to_owned()
}

/// What we write on what is made for an app.
fn ours(scope: &Scope) -> [(String, String); 3] {
    [
        (STACK.to_owned(), scope.app.to_string()),
        (label::APP.to_owned(), scope.app.to_string()),
        (label::ENVIRONMENT.to_owned(), scope.environment.to_string()),
    ]
}

/// Makes what is not there, and answers what all of it is called.
pub(super) async fn lay(
    session: &Session,
    release: &Release,
    secrets: &Secrets,
    deed: &Deed,
) -> Result<Known, Error> {
    let mut known = Known::default();
    // Secrets may be read from a disk, on a thread of its own.
    let (of, by) = (release.clone(), secrets.clone());
    let files = tokio::task::spawn_blocking(move || wanted(&of, &by)).await;
    let files = files.unwrap_or_else(|error| Err(error.to_string()));
    let files = files.map_err(|why| deed.failed(ErrorKind::Local, why))?;
    let joined = release.spec.services.values();
    let joined = joined.flat_map(|service| service.networks.keys());
    for key in joined {
        if !known.networks.contains_key(key) {
            let id = network(session, release, key, deed).await?;
            known.networks.insert(key.clone(), id);
        }
    }
    for kind in [Resource::Secret, Resource::Config] {
        if !files.iter().any(|one| one.kind == kind) {
            continue;
        }
        let path = format!("/{}s", kind.word());
        let there: Vec<Value> = ask(session, &path)
            .await
            .map_err(|fault| failed(deed, fault))?;
        for one in files.iter().filter(|one| one.kind == kind) {
            let found = there.iter().find(|each| each["Spec"]["Name"] == *one.name);
            let id = match (found.and_then(|each| each["ID"].as_str()), &one.text) {
                (Some(id), _) => id.to_owned(),
                (None, Some(text)) => {
                    let mut labels: Map<String, Value> = Map::new();
                    let said = one.labels.clone().into_iter().chain(ours(&release.scope));
                    labels.extend(said.map(|(key, text)| (key, json!(text))));
                    let text = text.expose_secret().as_bytes();
                    stored::make(session, kind, &one.name, text, labels, deed).await?
                }
                (None, None) => {
                    let why = format!(
                        "the app needs a {} {}, which has to be there",
                        kind.word(),
                        one.name
                    );
                    return Err(deed.failed(ErrorKind::Rejected, why));
                }
            };
            known
                .of(kind)
                .insert(one.key.clone(), (id, one.name.clone()));
        }
    }
    Ok(known)
}

/// The id of a network of the app, which is made when it is not there. Names of networks are not unique: it is looked
/// for by its label first.
async fn network(
    session: &Session,
    release: &Release,
    key: &str,
    deed: &Deed,
) -> Result<String, Error> {
    let plain = AppNetwork::default();
    let wanted = release.spec.networks.get(key).unwrap_or(&plain);
    let name = network_name(&release.spec, key);
    if let Some(id) = find(session, release, &name, deed).await? {
        return Ok(id);
    }
    if wanted.external {
        let why = format!("the app needs a network {name}, which has to be there");
        return Err(deed.failed(ErrorKind::Rejected, why));
    }
    let spec = network_spec(&release.spec, key, wanted);
    let spec = spec.map_err(|why| deed.failed(ErrorKind::Rejected, why))?;
    let mut labels = spec.labels.clone();
    labels.retain(|name, _| !name.starts_with("com.docker.compose."));
    for (name, text) in ours(&release.scope) {
        labels.insert(name.into(), text.into());
    }
    let spec = NetworkSpec {
        driver: Some(spec.driver.unwrap_or_else(|| "overlay".into())),
        labels,
        ..spec
    };
    match network::create(session, &name, &spec, deed).await {
        Ok(_) => {}
        Err(error) if error.kind == ErrorKind::Conflict => {}
        Err(error) => return Err(error),
    }
    let made = find(session, release, &name, deed).await?;
    made.ok_or_else(|| {
        let why = format!("the network {name} was made and is not there");
        deed.failed(ErrorKind::Engine, why)
    })
}

async fn find(
    session: &Session,
    release: &Release,
    name: &str,
    deed: &Deed,
) -> Result<Option<String>, Error> {
    let all: Vec<Value> = ask(session, "/networks")
        .await
        .map_err(|fault| failed(deed, fault))?;
    let mut named: Vec<&Value> = all.iter().filter(|one| one["Name"] == *name).collect();
    let app = release.scope.app.as_str();
    named.sort_by_key(|one| one["Labels"][STACK] != app);
    let first = named.first().and_then(|one| one["Id"].as_str());
    Ok(first.map(str::to_owned))
}

/// Removes what was made for an app and what none of the releases has.
pub(super) async fn sweep(
    session: &Session,
    scope: &Scope,
    kept: &[&Release],
    secrets: &Secrets,
    deed: &Deed,
) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = Vec::new();
    for release in kept {
        let (of, by) = ((*release).clone(), secrets.clone());
        let files = tokio::task::spawn_blocking(move || wanted(&of, &by)).await;
        let files = files.unwrap_or_else(|error| Err(error.to_string()));
        let files = files.map_err(|why| deed.failed(ErrorKind::Local, why))?;
        names.extend(files.into_iter().map(|one| one.name));
        let networks = release.spec.networks.keys();
        names.extend(networks.map(|key| network_name(&release.spec, key)));
    }
    let mut told = Vec::new();
    let until = Instant::now() + PATIENCE;
    for (path, name, id, labels) in [
        ("secrets", "/Spec/Name", "/ID", "/Spec/Labels"),
        ("configs", "/Spec/Name", "/ID", "/Spec/Labels"),
        ("networks", "/Name", "/Id", "/Labels"),
    ] {
        let all: Vec<Value> = ask(session, &format!("/{path}"))
            .await
            .map_err(|fault| failed(deed, fault))?;
        for one in all {
            let text = |at: &str| one.pointer(at).and_then(Value::as_str).unwrap_or_default();
            let is_ours = ours(scope).iter().all(|(key, value)| {
                let its = one
                    .pointer(labels)
                    .and_then(|all| all[key.as_str()].as_str());
                its == Some(value.as_str())
            });
            if !is_ours || names.iter().any(|kept| kept == text(name)) {
                continue;
            }
            // Tasks that end keep their network for a while.
            loop {
                let address = format!("/{path}/{}", escape(text(id)));
                let done = session.wire.delete(address).within(DEADLINE).status().await;
                match done {
                    Ok(_) => break,
                    Err(fault) if fault.is_missing() => break,
                    Err(_) if Instant::now() < until => sleep(Duration::from_millis(700)).await,
                    Err(fault) => {
                        let why = failed(deed, fault).why;
                        told.push(format!("{} stays: {why}", text(name)));
                        break;
                    }
                }
            }
        }
    }
    Ok(told)
}
