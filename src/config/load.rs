//! Puts the configuration together from flags, variables and files.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Backups, Config, Env, Flags, Log, Notice, Paths, Pipelines, access,
    document::nearest,
    file::{self, File},
    fleet,
};
use crate::model::{
    Access, DatabasePlace, EnvironmentSpec, HostSpec, Place, Settings, Vault,
    release::{Admission, Trust},
    setting::{Key, Source},
};

/// The keymap when none is chosen.
const KEYMAP: &str = "default";
/// The theme when none is chosen.
const THEME: &str = "dark";

impl Config {
    /// Reads the configuration. Never fails: what is wrong becomes a notice, and the rest holds.
    /// What is wrong with a policy (an environment, `read_only`) closes and never opens.
    pub fn load(flags: &Flags, env: &Env) -> Self {
        let chosen = flags.config.clone().or_else(|| env.path("WHARF_CONFIG"));
        let paths = Paths::of(env, chosen.as_deref());
        let mut file = read(&paths, chosen.is_some());
        if file.backups.directory == Backups::default().directory {
            file.backups.directory = Vault::Here(paths.data_dir.join("backups"));
        }
        file.backups.notes = paths.data_dir.join("backups-elsewhere");
        let origin = super::origin(env, "");
        file.backups.operator.clone_from(&origin.operator);
        let gathered = fleet::gather(flags, env, &paths, &file);
        let mut notices = std::mem::take(&mut file.notices);
        notices.extend(gathered.notices);
        notices.extend(unknown_environments(&gathered.hosts, &file.environments));
        let settings = settings(flags, &file, &paths);
        let usual = Place::in_directories(&paths.data_dir, &paths.state_dir);
        let database = match env.text("WHARF_DATABASE") {
            Some(text) => {
                let place = file::database_place(&text, |path| PathBuf::from(path));
                notices.extend(unusable("$WHARF_DATABASE", &place));
                place
            }
            None => file.database.unwrap_or(usual.database),
        };
        Self {
            environments: all_environments(file.environments, &gathered.hosts),
            site_ranges: file.site_ranges,
            registries: file.registries,
            balancers: file.balancers,
            jenkins: file.jenkins,
            discoveries: file.discoveries,
            scalings: file.scalings,
            channels: file.channels,
            catalogs: {
                let copies = paths.cache_dir.join("catalogs");
                let all = file.catalogs.into_iter();
                all.map(|one| one.below(&copies)).collect()
            },
            pipelines: Pipelines {
                directory: file
                    .pipelines
                    .directory
                    .unwrap_or_else(|| paths.config_file.with_file_name("pipelines")),
                at_once: file.pipelines.at_once.unwrap_or(4),
                per_host: file.pipelines.per_host.unwrap_or(4),
                console: file.pipelines.console.unwrap_or(true),
                repositories: file.pipelines.repositories,
            },
            trust: Trust {
                key: paths.data_dir.join("bundle-key"),
                keys: file.trusted,
            },
            hosts: gathered.hosts,
            configured: gathered.configured,
            read_only: flags.read_only || env.is_set("WHARF_READ_ONLY") || file.read_only,
            access: Access {
                grants: access::resolved(file.grants, env),
                who: origin.signature(),
                by: super::origin::actor(env),
            },
            keymap: file.keymap.unwrap_or_else(|| KEYMAP.to_owned()),
            theme: file.theme.unwrap_or_else(|| THEME.to_owned()),
            start: flags.start.clone().or(file.start),
            mouse: file.mouse,
            glyphs: file.glyphs,
            baud: flags.baud.or(file.baud),
            columns: file.columns,
            refresh: file.refresh,
            settings,
            ssh: file.ssh,
            store: Place {
                database: with_password(database, file.password_file),
                spill: file.spill.unwrap_or(usual.spill),
            },
            backups: file.backups,
            logs: file.logs,
            log: Log {
                file: file
                    .log
                    .file
                    .unwrap_or_else(|| paths.state_dir.join("wharf.log")),
                level: env
                    .text("WHARF_LOG")
                    .or(file.log.level)
                    .unwrap_or_else(|| "info".to_owned()),
                max_size: file.log.max_size.unwrap_or(10 << 20),
            },
            paths,
            notices,
        }
    }

    /// The policy of an environment.
    pub fn environment(&self, name: &str) -> Option<&EnvironmentSpec> {
        self.environments
            .iter()
            .find(|environment| &*environment.name == name)
    }
}

/// A database on a server, with the file that its password is in.
fn with_password(place: DatabasePlace, file: Option<PathBuf>) -> DatabasePlace {
    match place {
        DatabasePlace::Server { url, .. } => DatabasePlace::Server {
            url,
            password_file: file,
        },
        DatabasePlace::File(_) | DatabasePlace::Unusable { .. } => place,
    }
}

/// The notice of a variable that names a database that cannot be used.
fn unusable(variable: &str, place: &DatabasePlace) -> Option<Notice> {
    let DatabasePlace::Unusable { why } = place else {
        return None;
    };
    Some(Notice {
        place: variable.to_owned(),
        line: None,
        what: format!("it cannot be used: {why}"),
        remedy: file::UNUSABLE.to_owned(),
    })
}

/// The settings with their values and where each comes from.
fn settings(flags: &Flags, file: &File, paths: &Paths) -> Settings {
    let name = paths.config_file.file_name().unwrap_or_default();
    let mut settings = Settings::default();
    settings.file = paths.config_file.display().to_string();
    settings.vault.clone_from(&file.backups.directory);
    for (key, (value, line)) in &file.settings {
        let source = Source::File {
            file: name.to_string_lossy().into_owned(),
            line: *line,
        };
        settings.tell(*key, value.clone(), source);
    }
    if let Some(start) = &flags.start {
        settings.tell(
            Key::Start,
            start.clone(),
            Source::Given("--start".to_owned()),
        );
    }
    settings
}

/// The files of the user's own in a directory, such as themes: their names without `.toml`, and their paths.
pub fn own_names(directory: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".toml").filter(|name| !name.is_empty())?;
            Some((name.to_owned(), entry.path()))
        })
        .collect();
    names.sort();
    names
}

/// Reads `wharf.toml`. That there is none is fine, unless it was asked for.
fn read(paths: &Paths, was_asked_for: bool) -> File {
    let path = &paths.config_file;
    match read_regular(path) {
        Ok(bytes) => File::read(path, &bytes, &paths.home),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !was_asked_for => File::default(),
        Err(error) => File::unreadable(
            &path.display().to_string(),
            format!("it cannot be read: {error}"),
        ),
    }
}

/// Reads a file, but no pipe or device: those might never end.
fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.is_file() {
        fs::read(path)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is no regular file",
        ))
    }
}

/// Environments that hosts name and no `[[environment]]` does, when some are written: likely a slip,
/// and the host would be without its policy.
fn unknown_environments(hosts: &[HostSpec], environments: &[EnvironmentSpec]) -> Vec<Notice> {
    let mut told = HashSet::new();
    let wrong = hosts
        .iter()
        .filter_map(|host| Some((host, host.environment.as_deref()?)));
    wrong
        .filter(|(_, name)| {
            !environments
                .iter()
                .any(|environment| &*environment.name == *name)
        })
        .filter_map(|(host, name)| {
            let near = nearest(
                name,
                environments.iter().map(|environment| &*environment.name),
            )?;
            told.insert(name).then(|| Notice {
                place: host.source.to_string(),
                line: None,
                what: format!(
                    "the environment {name} of host {} has no [[environment]]",
                    host.name
                ),
                remedy: format!("did you mean {near}?"),
            })
        })
        .collect()
}

/// The environments written, and one for each other that a host names. Of those, production asks
/// for more than a yes before something is taken away, as long as nobody says otherwise.
fn all_environments(
    mut environments: Vec<EnvironmentSpec>,
    hosts: &[HostSpec],
) -> Vec<EnvironmentSpec> {
    for name in hosts.iter().filter_map(|host| host.environment.as_ref()) {
        if !environments
            .iter()
            .any(|environment| environment.name == *name)
        {
            environments.push(EnvironmentSpec {
                name: Arc::clone(name),
                guarded: is_production(name),
                read_only: false,
                deny: Vec::new(),
                worker_only: false,
                deploys: None,
                tags: Vec::new(),
                admission: Admission::default(),
            });
        }
    }
    environments
}

fn is_production(name: &str) -> bool {
    let name = name.to_lowercase();
    name.starts_with("prod") || name == "prd" || name == "live"
}

/// A file of the user's own, such as a keymap: its text, or nothing when there is none. The error
/// names the reason.
pub fn own_file(path: &Path) -> Result<Option<String>, String> {
    let said = |why: String| format!("it cannot be used: {why}");
    match read_regular(path) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| said("it is not UTF-8".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(said(error.to_string())),
    }
}
