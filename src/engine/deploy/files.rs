//! Configs and secrets of a service as files in its container, put there before it is started.

use secrecy::ExposeSecret as _;

use crate::engine::image::spool::header;
use crate::model::app::{AppFile, FileFrom, FileUse, Spec};
use crate::model::release::{Release, Scope, SecretOf, Secrets, Target};

/// An archive of all files of a target's service; none when it has none. The error says which one is not known.
pub(super) fn archive(
    release: &Release,
    target: &Target,
    secrets: &Secrets,
) -> Result<Option<Vec<u8>>, String> {
    let Some(service) = release.spec.services.get(&target.service) else {
        return Ok(None);
    };
    let spec = &release.spec;
    let configs = service
        .configs
        .iter()
        .map(|one| (one, File::config(spec, one)));
    let files = service
        .secrets
        .iter()
        .map(|one| (one, File::secret(spec, one)));
    let all: Vec<_> = configs.chain(files).collect();
    if all.is_empty() {
        return Ok(None);
    }
    let mut archive = tar::Builder::new(Vec::new());
    for (used, file) in all {
        let file = file.ok_or_else(|| format!("the app has no file {}", used.source))?;
        let text = file.text(&release.scope, secrets)?;
        let mut entry = header(text.len() as u64);
        entry.set_mode(used.mode.unwrap_or(0o444));
        entry.set_uid(number(used.uid.as_deref())?);
        entry.set_gid(number(used.gid.as_deref())?);
        let path = file.path.trim_start_matches('/');
        let done = archive.append_data(&mut entry, path, text.as_bytes());
        done.map_err(|error| format!("{}: {error}", file.path))?;
    }
    let done = archive.into_inner();
    done.map(Some).map_err(|error| error.to_string())
}

/// What is in a config of an app.
pub(in crate::engine) fn config_text(
    release: &Release,
    key: &str,
    secrets: &Secrets,
) -> Result<String, String> {
    let file = release.spec.configs.get(key);
    File::called(key, file)?.text(&release.scope, secrets)
}

/// What is in a secret of an app.
pub(in crate::engine) fn secret_text(
    release: &Release,
    key: &str,
    secrets: &Secrets,
) -> Result<String, String> {
    let file = release.spec.secrets.get(key);
    File::called(key, file)?.text(&release.scope, secrets)
}

/// A number of a user or group; none is root.
fn number(text: Option<&str>) -> Result<u64, String> {
    match text {
        None => Ok(0),
        Some(text) => text
            .parse()
            .map_err(|_| format!("'{text}' is no number of a user or group")),
    }
}

/// A file, and where it is inside.
struct File<'s> {
    name: &'s str,
    file: &'s AppFile,
    path: String,
}

impl<'s> File<'s> {
    /// One that is not put anywhere by us.
    fn called(name: &'s str, file: Option<&'s AppFile>) -> Result<Self, String> {
        Ok(Self {
            name,
            file: file.ok_or_else(|| format!("the app has no file {name}"))?,
            path: String::new(),
        })
    }

    fn config(spec: &'s Spec, used: &'s FileUse) -> Option<Self> {
        let path = used.target.clone();
        Some(Self {
            name: &used.source,
            file: spec.configs.get(&used.source)?,
            path: path.unwrap_or_else(|| format!("/{}", used.source)),
        })
    }

    fn secret(spec: &'s Spec, used: &'s FileUse) -> Option<Self> {
        let path = used.target.as_deref().unwrap_or(&used.source);
        Some(Self {
            name: &used.source,
            file: spec.secrets.get(&used.source)?,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/run/secrets/{path}")
            },
        })
    }

    /// What is in it.
    fn text(&self, scope: &Scope, secrets: &Secrets) -> Result<String, String> {
        let told = |of: SecretOf<'_>| {
            let value = secrets.value(&of)?;
            Ok(value.expose_secret().to_owned())
        };
        match &self.file.from {
            FileFrom::Text(text) => text
                .resolve(|name| told(SecretOf::App(scope, name)).ok())
                .map_err(|name| format!("the secret {name} is not known")),
            FileFrom::File(path) => told(SecretOf::File(path)),
            FileFrom::Variable(name) => told(SecretOf::Variable(name)),
            FileFrom::External => {
                let name = self.file.name.as_deref().unwrap_or(self.name);
                match crate::model::app::SecretName::new(name) {
                    Some(name) => told(SecretOf::App(scope, &name)),
                    None => Err(format!("'{name}' cannot be the name of a secret")),
                }
            }
        }
    }
}
