//! Reads what an app is made of: a template with its answers, or Compose files with what they name.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    catalog::{
        Catalog, Disk,
        compose::{Files as _, Given, Loaded, Profiles, Purpose, Request, dotenv, load},
        fill, make,
    },
    model::{
        app::{AppFile, AppName, CatalogSource, FileFrom, SecretName, Source, Spec, Told, Value},
        nearest,
    },
    ops::{
        plan::{Refusal, RefusalKind},
        sentence::DeployArgs,
    },
};

use super::prepare::refusal;

/// The largest file that may be a config, in bytes.
const LARGEST_CONFIG: usize = 1 << 20;

/// An app as it was read.
pub(super) struct Read {
    pub spec: Spec,
    pub source: String,
    pub told: Vec<Told>,
    pub generate: Vec<(SecretName, usize)>,
}

/// Errors of files, all at once.
fn wrong(told: &[Told]) -> Refusal {
    let lines: Vec<String> = told.iter().map(ToString::to_string).collect();
    Refusal::new(RefusalKind::Sentence, lines.join("\n"), "")
}

pub(super) fn from_template(
    catalogs: &[CatalogSource],
    name: &crate::model::app::TemplateName,
    args: &DeployArgs,
    app: AppName,
) -> Result<Read, Refusal> {
    let catalog = Catalog::read(catalogs);
    let Some(template) = catalog.find(name) else {
        let names = catalog.templates.iter().map(|one| one.name.as_str());
        let near = nearest(name.as_str(), names).map(|near| format!("did you mean {near}?"));
        let remedy =
            near.unwrap_or_else(|| "`template list` lists those that are there".to_owned());
        return Err(Refusal::new(
            RefusalKind::Unknown,
            format!("there is no template {name}"),
            remedy,
        ));
    };
    let answers: BTreeMap<String, String> = args
        .set
        .iter()
        .map(|pair| (pair.key.clone(), pair.value.clone()))
        .collect();
    let secret = template.parameters.iter().find(|one| {
        one.kind == crate::model::app::ParameterKind::Secret && answers.contains_key(&one.name)
    });
    if let Some(secret) = secret {
        return Err(refusal(
            format!(
                "{} is a secret, which is not said in a sentence: it would be read in its log",
                secret.name
            ),
            format!(
                "leave it out; it is made, or looked for in files and in WHARF_SECRET_{}",
                secret.name
            ),
        ));
    }
    let filled = fill(template, &answers, Purpose::Deploy).map_err(|told| wrong(&told))?;
    let loaded = make(template, app, &answers, Purpose::Deploy).map_err(|told| wrong(&told))?;
    Ok(Read {
        spec: loaded.spec,
        source: format!("template {name} {}", template.version)
            .trim_end()
            .to_owned(),
        told: loaded.told,
        generate: filled.generate,
    })
}

pub(super) fn from_files(args: &DeployArgs, app: AppName) -> Result<Read, Refusal> {
    let unread = |file: &str, why: String| refusal(format!("{file} cannot be read: {why}"), "");
    let mut sources = Vec::new();
    for file in &args.files {
        let path = file.display().to_string();
        let text = Disk.read(&path).map_err(|why| unread(&path, why))?;
        sources.push(Source { path, text });
    }
    let beside = args.files.first().map(|file| file.with_file_name(".env"));
    let beside = beside
        .map(|file| file.display().to_string())
        .unwrap_or_default();
    let mut known: BTreeMap<String, Given> = BTreeMap::new();
    if let Ok(text) = Disk.read(&beside) {
        let read = dotenv(&text, &|_| None).map_err(|error| unread(&beside, error.to_string()))?;
        let said = read
            .into_iter()
            .filter_map(|(name, text)| Some((name, Given::Plain(text?))));
        known.extend(said);
    }
    known.extend(
        args.set
            .iter()
            .map(|pair| (pair.key.clone(), Given::Plain(pair.value.clone()))),
    );
    let Loaded { mut spec, told } = load(&Request {
        sources: &sources,
        name: Some(app),
        variables: &|name| known.get(name).cloned(),
        profiles: Profiles::Only(args.profiles.clone()),
        purpose: Purpose::Deploy,
        files: &Disk,
    })
    .map_err(|told| wrong(&told))?;
    inline(&mut spec, &args.files)?;
    let names: Vec<String> = args
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    Ok(Read {
        spec,
        source: names.join(" "),
        told,
        generate: Vec::new(),
    })
}

/// Puts the text of configs that are files of this machine into the spec: whoever goes on with the deploy may be on
/// another one. Secrets stay where they are.
fn inline(spec: &mut Spec, files: &[PathBuf]) -> Result<(), Refusal> {
    let home = files
        .first()
        .and_then(|file| file.parent())
        .map(PathBuf::from)
        .unwrap_or_default();
    let placed = |path: &str| {
        let path = home.join(path);
        path.display().to_string()
    };
    for (name, config) in &mut spec.configs {
        if let AppFile {
            from: from @ FileFrom::File(_),
            ..
        } = config
        {
            let FileFrom::File(path) = &*from else {
                continue;
            };
            let path = placed(path);
            let text = Disk.read(&path).map_err(|why| {
                refusal(
                    format!("the config {name}: {path} cannot be read: {why}"),
                    "",
                )
            })?;
            if text.len() > LARGEST_CONFIG {
                return Err(refusal(
                    format!("the config {name} has more than 1 MB"),
                    "put it into a volume",
                ));
            }
            *from = FileFrom::Text(Value::plain(text));
        }
    }
    for secret in spec.secrets.values_mut() {
        if let FileFrom::File(path) = &mut secret.from {
            *path = placed(path);
        }
    }
    Ok(())
}
