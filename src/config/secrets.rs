//! Where the values of secrets are on this machine: files that nobody else may read, and variables.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::Env;
use crate::model::{
    app::{SecretName, generated},
    release::{Keeper, Scope, SecretOf},
};

/// What the variable of a secret begins with.
const VARIABLE: &str = "WHARF_SECRET_";

/// Secrets in a directory of this machine, and in variables.
#[derive(Clone, Debug)]
pub struct SecretFiles {
    directory: PathBuf,
    env: Env,
}

impl SecretFiles {
    /// Those of a directory.
    pub fn new(directory: PathBuf, env: Env) -> Self {
        Self { directory, env }
    }

    /// Where a secret of an app may be, the nearest first: of the app in its environment, of the environment, of the
    /// app, of all.
    fn places(&self, scope: &Scope, name: &SecretName) -> Vec<PathBuf> {
        let (app, environment) = (scope.app.as_str(), &*scope.environment);
        let mut places = Vec::new();
        if !environment.is_empty() {
            places.push(
                self.directory
                    .join(environment)
                    .join(app)
                    .join(name.as_str()),
            );
            places.push(self.directory.join(environment).join(name.as_str()));
        }
        places.push(self.directory.join(app).join(name.as_str()));
        places.push(self.directory.join(name.as_str()));
        places
    }
}

impl Keeper for SecretFiles {
    fn value(&self, of: &SecretOf<'_>) -> Result<SecretString, String> {
        match of {
            SecretOf::App(scope, name) => {
                let variable = format!("{VARIABLE}{name}");
                if let Some(value) = self.env.text(&variable) {
                    return Ok(value.into());
                }
                let places = self.places(scope, name);
                for place in &places {
                    if let Some(value) = read(place)? {
                        return Ok(value);
                    }
                }
                Err(format!(
                    "the secret {name} is not known; write it into {} (mode 600), or set {variable}",
                    places[0].display()
                ))
            }
            SecretOf::File(path) => match read(Path::new(path))? {
                Some(value) => Ok(value),
                None => Err(format!("there is no file {path}")),
            },
            SecretOf::Variable(name) => match self.env.text(name) {
                Some(value) => Ok(value.into()),
                None => Err(format!("the variable {name} is not set")),
            },
        }
    }

    fn make(&self, scope: &Scope, name: &SecretName, length: usize) -> Result<(), String> {
        if self.value(&SecretOf::App(scope, name)).is_ok() {
            return Ok(());
        }
        let place = self.places(scope, name).swap_remove(0);
        let failed = |error: io::Error| format!("writing {}: {error}", place.display());
        if let Some(directory) = place.parent() {
            let mut builder = fs::DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(failed)?;
        }
        let text = random(length).map_err(failed)?;
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&place);
        match file {
            Ok(mut file) => {
                let written = file
                    .write_all(text.as_bytes())
                    .and_then(|()| file.sync_all());
                written.map_err(|error| {
                    // Half a secret would be taken for a whole one.
                    drop(fs::remove_file(&place));
                    failed(error)
                })
            }
            // Another deploy made it at the same moment.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// What is in a file that nobody else may read, without the end of its last line.
fn read(path: &Path) -> Result<Option<SecretString>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A directory of that name is none.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(format!("reading {}: {error}", path.display())),
    };
    let mode = fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        return Err(format!(
            "{0} can be read by others; `chmod 600 {0}`",
            path.display()
        ));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Some(text.to_owned().into()))
}

/// So many random letters and digits.
fn random(length: usize) -> io::Result<String> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(generated(&bytes))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::model::app::AppName;

    fn scope() -> Scope {
        Scope {
            app: AppName::new("shop").unwrap(),
            environment: "prod".into(),
        }
    }

    #[test]
    fn a_made_secret_stays_and_nobody_else_may_read_it() {
        let home = tempfile::tempdir().unwrap();
        let files = SecretFiles::new(home.path().join("secrets"), Env::new(home.path(), []));
        let name = SecretName::new("PASSWORD").unwrap();
        let value = || {
            let value = files.value(&SecretOf::App(&scope(), &name))?;
            Ok::<String, String>(value.expose_secret().to_owned())
        };
        let why = value().unwrap_err();
        assert!(
            why.contains("secrets/prod/shop/PASSWORD (mode 600)"),
            "{why}"
        );
        files.make(&scope(), &name, 100).unwrap();
        let made = value().unwrap();
        assert_eq!(made.len(), 100);
        files.make(&scope(), &name, 100).unwrap();
        assert_eq!(value().unwrap(), made);
        let place = home.path().join("secrets/prod/shop/PASSWORD");
        assert_eq!(
            fs::metadata(&place).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&place, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(value().unwrap_err().contains("chmod 600"));
    }

    #[test]
    fn the_nearest_one_counts() {
        let home = tempfile::tempdir().unwrap();
        let files = SecretFiles::new(home.path().to_owned(), Env::new(home.path(), []));
        let name = SecretName::new("TOKEN").unwrap();
        for (place, value) in [
            ("TOKEN", "all"),
            ("shop/TOKEN", "app"),
            ("prod/TOKEN", "env"),
            ("prod/shop/TOKEN", "both"),
        ] {
            let path = home.path().join(place);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("{value}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let found = files.value(&SecretOf::App(&scope(), &name)).unwrap();
            assert_eq!(found.expose_secret(), value);
        }
    }
}
