//! What opens image registries: `auths` of Docker's own configuration, and the credential helpers that it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::model::registry::{HUB as DOCKERS_OWN, Key};

/// The name under which Docker keeps what opens its own registry.
const HUB: &str = "https://index.docker.io/v1/";

/// Where keys are looked for. Nothing is read before somebody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registries {
    dir: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    username: String,
    secret: String,
}

impl Registries {
    /// Of Docker's configuration in that directory.
    pub fn of(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The registries that the configuration has a login for. Nothing is asked of any helper.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn names(&self) -> Result<Vec<String>, String> {
        let file = self.read()?.unwrap_or_default();
        let named = file.auths.keys().chain(file.cred_helpers.keys());
        let named = named.map(|name| match name.as_str() {
            HUB => DOCKERS_OWN,
            other => bare(other),
        });
        let names: BTreeSet<&str> = named.collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn read(&self) -> Result<Option<File>, String> {
        let path = self.file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
        };
        // serde's own message could quote what stands there.
        let file = serde_json::from_str(&text).map_err(|error| {
            format!(
                "{} is not understood in line {}",
                path.display(),
                error.line()
            )
        });
        file.map(Some)
    }

    fn file(&self) -> PathBuf {
        self.dir.join("config.json")
    }

    /// The key of a registry, `registry.example.org:5000`; none where none is known. Runs a helper where one is named.
    ///
    /// # Errors
    /// When the configuration cannot be read, or a helper fails; never with a secret in it.
    pub fn key(&self, registry: &str) -> Result<Option<Key>, String> {
        let Some(file) = self.read()? else {
            return Ok(None);
        };
        let named = if matches!(registry, DOCKERS_OWN | "index.docker.io") {
            HUB
        } else {
            registry
        };
        let helper = file.cred_helpers.get(named).or(file.creds_store.as_ref());
        if let Some(helper) = helper
            && let Some(key) = ask(helper, named)?
        {
            return Ok(Some(key));
        }
        let is_it = |name: &str| bare(name) == bare(named);
        let found = file.auths.into_iter().find(|(name, _)| is_it(name));
        found.map_or(Ok(None), |(_, auth)| read(auth, &self.file()))
    }
}

/// The host of a registry, however it is written.
fn bare(name: &str) -> &str {
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
    let rest = rest.trim_end_matches('/');
    rest.strip_suffix("/v1")
        .or_else(|| rest.strip_suffix("/v2"))
        .unwrap_or(rest)
}

fn read(auth: Auth, path: &Path) -> Result<Option<Key>, String> {
    if !auth.identitytoken.is_empty() {
        return Ok(Some(Key::Token(auth.identitytoken.into())));
    }
    if !auth.username.is_empty() {
        let password = auth.password.into();
        return Ok(Some(Key::Password {
            user: auth.username,
            password,
        }));
    }
    if auth.auth.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        format!(
            "an `auth` in {} is no base64 of user:password",
            path.display()
        )
    };
    let bytes = STANDARD.decode(auth.auth.trim()).map_err(|_| wrong())?;
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let (user, password) = text.split_once(':').ok_or_else(wrong)?;
    let password = password.trim_end_matches('\0').to_owned().into();
    Ok(Some(Key::Password {
        user: user.to_owned(),
        password,
    }))
}

/// Asks a credential helper, `docker-credential-NAME get`; none where it knows none.
fn ask(helper: &str, registry: &str) -> Result<Option<Key>, String> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: String| format!("{program} does not tell what opens {registry}: {why}");
    let spawned = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = spawned.map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not listen says so by its end.
        let _ = stdin.write_all(registry.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        if text.contains("credentials not found") {
            return Ok(None);
        }
        return Err(failed(format!("it ended with {}", output.status)));
    }
    let told: Told = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("its answer is not understood".to_owned()))?;
    let secret = told.secret.into();
    Ok(Some(if told.username == "<token>" {
        Key::Token(secret)
    } else {
        Key::Password {
            user: told.username,
            password: secret,
        }
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use secrecy::ExposeSecret as _;

    use super::*;

    fn key(config: &str, registry: &str) -> Result<Option<(String, String)>, String> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), config).unwrap();
        let key = Registries::of(dir.path()).key(registry)?;
        Ok(key.map(|key| match key {
            Key::Password { user, password } => (user, password.expose_secret().to_owned()),
            Key::Token(token) => (String::new(), token.expose_secret().to_owned()),
        }))
    }

    #[test]
    fn keys_are_found_however_the_registry_is_written() {
        // ann:s3cret
        let config = r#"{"auths": {"https://reg.example.org:5000/v2/": {"auth": "YW5uOnMzY3JldA=="},
            "https://index.docker.io/v1/": {"identitytoken": "tok"}}}"#;
        let ann = Some(("ann".to_owned(), "s3cret".to_owned()));
        assert_eq!(key(config, "reg.example.org:5000"), Ok(ann));
        assert_eq!(key(config, "reg.example.org"), Ok(None));
        assert_eq!(
            key(config, "docker.io"),
            Ok(Some((String::new(), "tok".to_owned())))
        );
        assert_eq!(key("{}", "docker.io"), Ok(None));
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        let wrong = key(r#"{"auths": {"r": {"auth": "!!s3cret"}}}"#, "r").unwrap_err();
        assert!(
            wrong.contains("config.json") && !wrong.contains("s3cret"),
            "{wrong}"
        );
        let wrong = key(r#"{"auths": {"r": "s3cret"}}"#, "r").unwrap_err();
        assert!(
            wrong.contains("not understood in line 1") && !wrong.contains("s3cret"),
            "{wrong}"
        );
        let none = key(r#"{"credsStore": "is-not-there"}"#, "r").unwrap_err();
        assert!(none.contains("docker-credential-is-not-there"), "{none}");
    }
}
