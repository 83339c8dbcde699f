//! Questions about volumes: one as it is, the files in it, its backups.

use glob::Pattern;
use serde_json::json;

use super::{
    Session,
    args::Output,
    exit::{Exit, Failure},
    json::OnHost,
    output::Out,
    table::{facts, plain},
};
use crate::{
    console::engine_settings,
    engine::{Engines, backup::vault},
    model::{
        FileEntry, FileKind, FileList, Fleet, Host, HostName, HostSpec, Manifest, Resource, Volume,
        ago, bytes, printable,
    },
    ops::{
        Sentence, Target,
        sentence::{BackupsArgs, BrowseArgs},
        way_to,
    },
};

/// `volume show`.
pub(super) async fn show(session: &Session, sentence: &Sentence) -> Result<Exit, Failure> {
    let (reached, targets) = asked(session, sentence).await?;
    let fleet = &reached.fleet;
    let shown: Vec<(&Host, &Volume)> = targets
        .iter()
        .filter_map(|target| known(fleet, target))
        .collect();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => {
            let values: Vec<serde_json::Value> = shown
                .iter()
                .map(|(host, volume)| {
                    let users: Vec<&str> =
                        volume.users(host).iter().map(|one| &*one.name).collect();
                    json!({"volume": OnHost::of(host, *volume), "used_by": users})
                })
                .collect();
            out.json(&values)?;
        }
        Output::Name => out.lines(
            shown
                .iter()
                .map(|(host, volume)| format!("{}@{}", volume.name, host.name())),
        )?,
        Output::Table | Output::Wide => {
            for (at, (host, volume)) in shown.iter().enumerate() {
                if at > 0 {
                    out.lines([""])?;
                }
                let known = volume_facts(host, volume, fleet);
                out.lines(facts(&known, &session.screen))?;
            }
        }
    }
    out.flush()?;
    Ok(super::missing(&reached))
}

fn volume_facts(host: &Host, volume: &Volume, fleet: &Fleet) -> Vec<(&'static str, String)> {
    let pairs = |map: &std::collections::BTreeMap<Box<str>, Box<str>>| {
        let pairs: Vec<String> = map
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.join(", ")
    };
    let users: Vec<String> = volume
        .users(host)
        .iter()
        .map(|one| format!("{} ({})", one.name, one.state.word()))
        .collect();
    let since = |at| format!("{} ago", ago(fleet.now, at));
    vec![
        ("volume", format!("{}@{}", volume.name, host.name())),
        ("driver", volume.driver.to_string()),
        ("scope", volume.scope.to_string()),
        ("options", pairs(&volume.options)),
        ("labels", pairs(&volume.labels)),
        ("app", volume.app.as_deref().unwrap_or("").to_owned()),
        ("mountpoint", volume.mountpoint.to_string()),
        ("created", volume.created.map(since).unwrap_or_default()),
        ("size", volume.size.map(bytes).unwrap_or_default()),
        (
            "used by",
            if users.is_empty() {
                "nobody".to_owned()
            } else {
                users.join(", ")
            },
        ),
        (
            "backup",
            volume.backup.map_or_else(|| "never".to_owned(), since),
        ),
    ]
}

fn known<'f>(fleet: &'f Fleet, target: &Target) -> Option<(&'f Host, &'f Volume)> {
    let Target::Resource(Resource::Volume, host, id) = target else {
        return None;
    };
    let host = fleet.host(host)?;
    let volume = host.volumes.iter().flatten().find(|one| one.name == *id)?;
    Some((host, volume))
}

/// Reaches what the sentence is about; answers its targets.
async fn asked(
    session: &Session,
    sentence: &Sentence,
) -> Result<(super::reach::Reached, Vec<Target>), Failure> {
    if !sentence.names_targets() {
        // There is no selection in a shell, so this says what is missing.
        sentence.plan(&super::reach::empty_fleet(&session.config), &[])?;
    }
    let touches = |spec: &HostSpec| sentence.touches(spec);
    let reached = session.reach_resources(touches).await?;
    sentence.plan(&reached.fleet, &[])?;
    let targets = sentence.targets(&reached.fleet, &[])?;
    Ok((reached, targets))
}

/// `volume browse`.
pub(super) async fn browse(
    session: &Session,
    sentence: &Sentence,
    args: &BrowseArgs,
) -> Result<Exit, Failure> {
    let (reached, targets) = asked(session, sentence).await?;
    let Some(Target::Resource(_, host, volume)) = targets.first() else {
        return Ok(Exit::Usage);
    };
    let path = args.place.as_ref().map_or("", |place| &*place.path);
    let mut out = Out::take();
    if let Some(name) = &args.cat {
        let whole = match name.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("{path}/{name}").trim_matches('/').to_owned(),
        };
        let content = reached.engines.file(host, volume, &whole).await;
        reached.engines.settle(host).await;
        out.bytes(&content?)?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    let list = reached.engines.files(host, volume).await;
    reached.engines.settle(host).await;
    let list = list?;
    if let Some(cut) = &list.cut {
        super::complain(&format!("warning: the list is not complete: {cut}"));
    }
    let inside = within(&list, path, host, volume)?;
    match session.options.output {
        Output::Json => out.json(&json!({
            "volume": format!("{volume}@{host}"),
            "path": format!("/{path}"),
            "cut": list.cut,
            "files": inside,
        }))?,
        Output::Name => out.lines(inside.iter().map(|one| printable(one.name())))?,
        Output::Table | Output::Wide => out.lines(inside.iter().map(|one| line(one)))?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What is in a directory; a file stands for itself.
fn within<'l>(
    list: &'l FileList,
    path: &str,
    host: &HostName,
    volume: &str,
) -> Result<Vec<&'l FileEntry>, Failure> {
    let it = list.entries.iter().find(|one| *one.path == *path);
    match it {
        Some(file) if file.kind != FileKind::Directory => return Ok(vec![file]),
        None if !path.is_empty() => {
            return Err(Failure::Failed(format!(
                "there is no /{path} in {volume}@{host}"
            )));
        }
        Some(_) | None => {}
    }
    let inside = list.entries.iter().filter(|one| !one.path.is_empty());
    Ok(inside.filter(|one| one.parent() == path).collect())
}

/// As `ls -l` would show it.
fn line(file: &FileEntry) -> String {
    let changed = file.changed.strftime("%Y-%m-%d %H:%M");
    let (user, group) = file.owner;
    let mark = match file.kind {
        FileKind::Directory => "/",
        FileKind::File | FileKind::Link | FileKind::Other => "",
    };
    let link = file.link.as_ref().map(|link| format!(" → {link}"));
    format!(
        "{:04o} {user:>5} {group:>5} {:>8}  {changed}  {}{mark}{}",
        file.mode,
        bytes(file.size),
        printable(file.name()),
        printable(&link.unwrap_or_default())
    )
}

/// `volume backups`.
pub(super) async fn backups(session: &Session, args: &BackupsArgs) -> Result<Exit, Failure> {
    let patterns: Vec<Pattern> = args
        .names
        .iter()
        .map(|name| {
            let whole = if name.contains('@') {
                name.clone()
            } else {
                format!("{name}@*")
            };
            Pattern::new(&whole)
                .map_err(|error| Failure::Usage(format!("'{name}' is no pattern: {error}")))
        })
        .collect::<Result<_, _>>()?;
    let directories = match &args.from {
        Some(directory) => vec![directory.clone()],
        None => session.config.backups.directories(),
    };
    let (mut found, mut exit) = (Vec::new(), Exit::Done);
    // No engine is asked, and none has to be there.
    let (inbox, _signals) = tokio::sync::mpsc::channel(1);
    let engines = Engines::start(engine_settings(&session.config), inbox);
    let fleet = super::reach::empty_fleet(&session.config);
    for directory in directories {
        let way = way_to(&directory, &fleet)?;
        let (here, wrong) = match engines.backups(&way).await {
            Ok(listed) => listed,
            // One that cannot be reached hides none of the others.
            Err(error) if args.from.is_none() => (Vec::new(), vec![error.to_string()]),
            Err(error) => return Err(error.into()),
        };
        found.extend(here);
        for why in wrong {
            super::complain(&why);
            exit = Exit::Failed;
        }
    }
    let fits = |manifest: &Manifest| {
        let name = format!("{}@{}", manifest.volume, manifest.host);
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&name))
    };
    found.retain(|one| fits(&one.manifest));
    let mut out = Out::take();
    match session.options.output {
        Output::Json => {
            let values = found.iter().map(|one| {
                json!({"backup": one.manifest.name(), "file": one.archive, "manifest": one.manifest})
            });
            out.array(values)?;
        }
        Output::Name => out.lines(found.iter().map(|one| one.manifest.name()))?,
        Output::Table | Output::Wide => out.lines(rows(session, &found))?,
    }
    out.flush()?;
    Ok(exit)
}

fn rows(session: &Session, found: &[vault::Found]) -> Vec<String> {
    let now = crate::model::Timestamp::now();
    let rows = found.iter().map(|one| {
        let manifest = &one.manifest;
        vec![
            manifest.name(),
            ago(now, manifest.at),
            manifest.contents.files.to_string(),
            bytes(manifest.contents.bytes),
            bytes(manifest.archive.bytes),
            manifest.by.clone(),
        ]
    });
    let titles = ["BACKUP", "AGE", "FILES", "BYTES", "PACKED", "BY"];
    plain(&titles, " >>>> ", rows, &session.screen)
}
