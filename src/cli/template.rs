//! Templates and Compose files from a shell: list, show, check, render, convert.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Serialize;
use serde_json::json;

use super::{
    Session,
    args::Output,
    complain,
    exit::{Exit, Failure},
    list::Listing,
    output::Out,
    table::facts,
};
use crate::{
    catalog::{
        Catalog, Disk, Outcome,
        compose::{Files as _, Given, Loaded, Profiles, Purpose, Request, dotenv, load},
        convert, fill, policy, read, render,
    },
    model::{
        app::{
            Answers, Parameter, ParameterKind, Rule, Severity, Source, Spec, Template,
            TemplateName, Told,
        },
        bytes, nearest, printable,
    },
    ops::{
        TemplateCommand,
        column::{TemplateRow, Templates, Tone},
        sentence::{CheckTemplateArgs, ConvertArgs, ListArgs, Pair, RenderArgs},
    },
};

/// Answers what is asked of templates.
pub(super) async fn template(
    session: &Session,
    command: &TemplateCommand,
) -> Result<Exit, Failure> {
    match command {
        TemplateCommand::List(args) => list(session, args),
        TemplateCommand::Show { name } => show(session, name),
        TemplateCommand::Check(args) => check(session, args),
        TemplateCommand::Render(args) => rendered(session, args),
        TemplateCommand::Update { catalogs } => super::catalog::update(session, catalogs).await,
        TemplateCommand::Convert(args) => converted(session, args),
    }
}

/// The catalogs, with what is wrong in them said.
fn catalog(session: &Session) -> Catalog {
    let catalog = Catalog::read(&session.config.catalogs);
    for told in &catalog.told {
        if told.severity != Severity::Note {
            complain(&told.to_string());
        }
    }
    catalog
}

fn find<'c>(catalog: &'c Catalog, name: &TemplateName) -> Result<&'c Template, Failure> {
    catalog.find(name).ok_or_else(|| {
        let names = catalog.templates.iter().map(|one| one.name.as_str());
        let hint = match nearest(name.as_str(), names) {
            Some(near) => format!("did you mean {near}?"),
            None => "`wharf template list` lists those that are there".to_owned(),
        };
        Failure::Usage(format!("there is no template {name}; {hint}"))
    })
}

/// A template as `template list` and `template show` tell it.
#[derive(Serialize)]
struct TemplateJson<'a> {
    name: &'a str,
    title: &'a str,
    version: &'a str,
    categories: &'a [String],
    visibility: &'a str,
    catalog: &'a str,
    file: &'a str,
    description: &'a str,
    notes: &'a str,
    parameters: Vec<ParameterJson<'a>>,
    /// What it makes when nothing is answered.
    makes: Option<&'a Spec>,
}

#[derive(Serialize)]
struct ParameterJson<'a> {
    name: &'a str,
    label: &'a str,
    help: &'a str,
    #[serde(rename = "type")]
    kind: String,
    choices: Vec<&'a str>,
    default: Option<&'a str>,
    required: bool,
    generated: Option<usize>,
}

impl<'a> TemplateJson<'a> {
    fn of(template: &'a Template) -> Self {
        Self {
            name: template.name.as_str(),
            title: &template.title,
            version: &template.version,
            categories: &template.categories,
            visibility: template.visibility.name(),
            catalog: &template.catalog,
            file: &template.source.path,
            description: &template.description,
            notes: &template.notes,
            parameters: template.parameters.iter().map(parameter_json).collect(),
            makes: template.makes.as_ref(),
        }
    }
}

fn parameter_json(one: &Parameter) -> ParameterJson<'_> {
    let choices = match &one.kind {
        ParameterKind::Choice(choices) => choices.iter().map(|one| one.value.as_str()).collect(),
        _ => Vec::new(),
    };
    ParameterJson {
        name: &one.name,
        label: &one.label,
        help: &one.help,
        kind: one.kind.to_string(),
        choices,
        default: one.default.as_deref(),
        required: one.required,
        generated: one.generate,
    }
}

/// `template list`.
fn list(session: &Session, args: &ListArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Templates>::read(args, session.options.output, &[])?;
    let catalog = catalog(session);
    let fleet = super::reach::empty_fleet(&session.config);
    let rows = catalog.templates.iter();
    let rows = listing.arrange(rows.map(|template| TemplateRow { template }));
    let json = |out: &mut Out| out.array(rows.iter().map(|row| TemplateJson::of(row.template)));
    let name = |row: &TemplateRow<'_>| row.template.name.to_string();
    listing.write(session, &fleet, &rows, json, name)?;
    Ok(Exit::Done)
}

/// `template show`.
fn show(session: &Session, name: &TemplateName) -> Result<Exit, Failure> {
    let catalog = catalog(session);
    let template = find(&catalog, name)?;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&TemplateJson::of(template))?,
        Output::Name => out.lines([template.name.as_str()])?,
        Output::Table | Output::Wide => {
            out.lines(facts(&template_facts(template), &session.screen))?;
            section(&mut out, session, "asks", asked(template))?;
            if let Some(spec) = &template.makes {
                section(&mut out, session, "makes", made(spec))?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn section(
    out: &mut Out,
    session: &Session,
    title: &str,
    rows: Vec<(String, String)>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let title = session.screen.paint(title, Tone::Accent).into_owned();
    out.lines([String::new(), title])?;
    let rows: Vec<(&str, String)> = rows
        .iter()
        .map(|(name, text)| (name.as_str(), text.clone()))
        .collect();
    let lines = facts(&rows, &session.screen).into_iter();
    out.lines(lines.map(|line| format!("  {line}")))?;
    Ok(())
}

fn template_facts(template: &Template) -> Vec<(&'static str, String)> {
    vec![
        ("template", template.name.to_string()),
        ("title", template.title.clone()),
        ("version", template.version.clone()),
        ("category", template.categories.join(", ")),
        ("for", template.visibility.name().to_owned()),
        ("catalog", template.catalog.clone()),
        ("file", template.source.path.clone()),
        ("is", template.description.clone()),
        ("note", template.notes.clone()),
    ]
}

/// What it asks, parameter by parameter.
fn asked(template: &Template) -> Vec<(String, String)> {
    let one = |one: &Parameter| {
        let mut parts = vec![one.label.clone(), one.kind.to_string()];
        if let ParameterKind::Choice(choices) = &one.kind {
            let all: Vec<&str> = choices.iter().map(|one| one.value.as_str()).collect();
            parts[1] = all.join(" | ");
        }
        match (&one.default, one.generate) {
            (Some(default), _) => parts.push(format!("default {default}")),
            (None, Some(length)) => parts.push(format!("made of {length} characters")),
            (None, None) if one.required => parts.push("has to be said".to_owned()),
            (None, None) => {}
        }
        parts.push(one.help.clone());
        parts.retain(|part| !part.is_empty());
        (one.name.clone(), parts.join(" · "))
    };
    template.parameters.iter().map(one).collect()
}

/// What a spec makes, in lines.
fn made(spec: &Spec) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (name, service) in &spec.services {
        let image = service.image.as_ref().map(ToString::to_string);
        let mut parts = vec![image.unwrap_or_else(|| "an image to be built".to_owned())];
        let ports: Vec<String> = service.ports.iter().map(ToString::to_string).collect();
        parts.extend((!ports.is_empty()).then(|| format!("ports {}", ports.join(", "))));
        let memory = service.deploy.resources.limits.memory;
        parts.extend(memory.map(|memory| format!("memory {}", bytes(memory))));
        rows.push((format!("service {name}"), parts.join(" · ")));
    }
    let mut names = |kind: &str, names: Vec<&String>| {
        rows.extend(
            names
                .into_iter()
                .map(|name| (kind.to_owned(), name.clone())),
        );
    };
    names("volume", spec.volumes.keys().collect());
    names("network", spec.networks.keys().collect());
    names("config", spec.configs.keys().collect());
    names("secret", spec.secrets.keys().collect());
    let secrets = spec.secrets_needed();
    let secrets = secrets
        .iter()
        .map(|name| ("secret".to_owned(), name.to_string()));
    rows.extend(secrets);
    rows
}

/// What became of one check.
#[derive(Serialize)]
struct CheckJson {
    files: Vec<String>,
    /// Whether it can be used.
    ok: bool,
    hash: Option<String>,
    spec: Option<Spec>,
    told: Vec<Told>,
}

/// `template check`.
fn check(session: &Session, args: &CheckTemplateArgs) -> Result<Exit, Failure> {
    let rules = rules(session, args)?;
    let groups: Vec<&[std::path::PathBuf]> = if args.together {
        vec![&args.files]
    } else {
        args.files.chunks(1).collect()
    };
    let checks: Vec<CheckJson> = groups
        .into_iter()
        .map(|files| one_check(files, args, &rules))
        .collect();
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&checks)?,
        Output::Name => {
            let good = checks.iter().filter(|check| check.ok);
            out.lines(good.map(|check| check.files.join(" ")))?;
        }
        Output::Table | Output::Wide => {
            for check in &checks {
                out.lines(check_lines(check, session))?;
            }
            if checks.len() > 1 {
                let good = checks.iter().filter(|check| check.ok).count();
                out.lines([format!("{good} of {} load", checks.len())])?;
            }
        }
    }
    out.flush()?;
    let all = checks.iter().all(|check| check.ok);
    Ok(if all { Exit::Done } else { Exit::Failed })
}

/// What the environment that is asked for denies.
fn rules(session: &Session, args: &CheckTemplateArgs) -> Result<Vec<Rule>, Failure> {
    let Some(name) = &args.environment else {
        return Ok(Vec::new());
    };
    match session.config.environment(name) {
        Some(environment) => Ok(environment.deny.clone()),
        None => {
            let names = session.config.environments.iter().map(|one| &*one.name);
            let hint = match nearest(name, names) {
                Some(near) => format!("did you mean {near}?"),
                None => "write an [[environment]] in wharf.toml".to_owned(),
            };
            Err(Failure::Usage(format!(
                "there is no environment {name}; {hint}"
            )))
        }
    }
}

fn check_lines(check: &CheckJson, session: &Session) -> Vec<String> {
    let mut lines: Vec<String> = check
        .told
        .iter()
        .map(|one| {
            let tone = match one.severity {
                Severity::Error => Tone::Bad,
                Severity::Warning => Tone::Warn,
                Severity::Note => Tone::Faint,
            };
            session
                .screen
                .paint(&printable(&one.to_string()), tone)
                .into_owned()
        })
        .collect();
    let file = check.files.join(" ");
    lines.push(match &check.spec {
        Some(spec) if check.ok => {
            let services = spec.services.len();
            format!(
                "{file}: loads as {}, {services} services, {} told",
                spec.name,
                check.told.len()
            )
        }
        Some(_) | None => {
            let wrong = check
                .told
                .iter()
                .filter(|one| one.severity == Severity::Error)
                .count();
            format!("{file}: {wrong} errors")
        }
    });
    lines
}

fn one_check(files: &[std::path::PathBuf], args: &CheckTemplateArgs, rules: &[Rule]) -> CheckJson {
    let names: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let (loaded, mut told) = match loaded(&names, args) {
        Ok(mut loaded) => {
            let told = std::mem::take(&mut loaded.told);
            (Some(loaded), told)
        }
        Err(told) => (None, told),
    };
    if let Some(loaded) = &loaded {
        let denied = policy(&loaded.spec, rules).into_iter().map(|mut one| {
            one.place.file = names.join(" ");
            one
        });
        told.extend(denied);
    }
    let ok = loaded.is_some() && !Told::any_error(&told);
    CheckJson {
        files: names,
        ok,
        hash: loaded.as_ref().map(|loaded| loaded.spec.hash().to_string()),
        spec: loaded.map(|loaded| loaded.spec),
        told,
    }
}

fn loaded(names: &[String], args: &CheckTemplateArgs) -> Result<Loaded, Vec<Told>> {
    let mut sources = Vec::new();
    for name in names {
        match Disk.read(name) {
            Ok(text) => sources.push(Source {
                path: name.clone(),
                text,
            }),
            Err(why) => return Err(vec![unread(name, &why)]),
        }
    }
    let mut known: BTreeMap<String, Given> = beside(&sources[0].path)?
        .into_iter()
        .chain(pairs(&args.set))
        .map(|(name, text)| (name, Given::Plain(text)))
        .collect();
    // The parameters of a template are variables, with their defaults and secrets.
    let mut header = Vec::new();
    if let Some((template, told)) = read(sources[0].clone(), "")? {
        header = told;
        let mut answers = pairs(&args.set);
        answers.retain(|name, _| template.parameter(name).is_some());
        known.extend(fill(&template, &answers, Purpose::Check)?.given);
    }
    let profiles = if args.profiles.is_empty() {
        Profiles::All
    } else {
        Profiles::Only(args.profiles.clone())
    };
    let mut loaded = load(&Request {
        sources: &sources,
        name: None,
        variables: &|name| known.get(name).cloned(),
        profiles,
        purpose: Purpose::Check,
        files: &Disk,
    })?;
    loaded.told.splice(0..0, header);
    Ok(loaded)
}

/// The variables of the `.env` beside a file.
fn beside(path: &str) -> Result<BTreeMap<String, String>, Vec<Told>> {
    let file = Path::new(path).with_file_name(".env").display().to_string();
    let Ok(text) = Disk.read(&file) else {
        return Ok(BTreeMap::new());
    };
    let read = dotenv(&text, &|_| None).map_err(|error| vec![unread(&file, &error.to_string())])?;
    let read = read.into_iter();
    Ok(read
        .filter_map(|(name, text)| Some((name, text?)))
        .collect())
}

fn unread(file: &str, why: &str) -> Told {
    Told {
        severity: Severity::Error,
        place: crate::model::app::Where {
            file: file.to_owned(),
            ..crate::model::app::Where::default()
        },
        what: format!("it cannot be read: {why}"),
        remedy: String::new(),
    }
}

fn pairs(set: &[Pair]) -> Answers {
    let pairs = set.iter();
    pairs
        .map(|pair| (pair.key.clone(), pair.value.clone()))
        .collect()
}

/// `template render`.
fn rendered(session: &Session, args: &RenderArgs) -> Result<Exit, Failure> {
    let catalog = catalog(session);
    let template = find(&catalog, &args.name)?;
    let answers = pairs(&args.set);
    let wrong = |told: Vec<Told>| {
        let lines: Vec<String> = told.iter().map(ToString::to_string).collect();
        Failure::Usage(lines.join("\n"))
    };
    let mut out = Out::take();
    match session.options.output {
        Output::Json => {
            let name = crate::model::app::AppName::new(template.name.as_str())
                .map_err(|error| Failure::Failed(error.to_string()))?;
            let loaded = crate::catalog::make(template, name, &answers, Purpose::Deploy);
            let loaded = loaded.map_err(wrong)?;
            let hash = loaded.spec.hash();
            out.json(&json!({"spec": loaded.spec, "hash": hash, "told": loaded.told}))?;
        }
        Output::Table | Output::Wide | Output::Name => {
            let text = render(template, &answers, Purpose::Deploy).map_err(wrong)?;
            out.bytes(text.as_bytes())?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What became of an entry of a list.
#[derive(Serialize)]
struct ConvertedJson {
    title: String,
    name: String,
    file: Option<String>,
    /// Why it is none.
    why: Option<String>,
    notes: Vec<String>,
}

/// `template convert`. What is there already is not replaced.
fn converted(session: &Session, args: &ConvertArgs) -> Result<Exit, Failure> {
    let name = args.file.display().to_string();
    let text = Disk
        .read(&name)
        .map_err(|why| Failure::Failed(format!("{name}: {why}")))?;
    let all = convert(&text, &name).map_err(|told| Failure::Failed(told.to_string()))?;
    let failed = |path: &Path, error: std::io::Error| {
        Failure::Failed(format!("{} cannot be written: {error}", path.display()))
    };
    fs::create_dir_all(&args.to).map_err(|error| failed(&args.to, error))?;
    let mut done = Vec::new();
    for one in all {
        let mut json = ConvertedJson {
            title: one.title,
            name: one.name,
            file: None,
            why: None,
            notes: one.notes,
        };
        match one.outcome {
            Outcome::Left(why) => json.why = Some(why),
            Outcome::Template(text) => {
                let path = args.to.join(format!("{}.yaml", json.name));
                match write_new(&path, &text) {
                    Ok(()) => json.file = Some(path.display().to_string()),
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                        json.why = Some(format!("{} is there already", path.display()));
                    }
                    Err(error) => return Err(failed(&path, error)),
                }
            }
        }
        done.push(json);
    }
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&done)?,
        Output::Name => out.lines(done.iter().filter_map(|one| one.file.as_ref()))?,
        Output::Table | Output::Wide => {
            for one in &done {
                out.lines(converted_lines(one))?;
            }
            let made = done.iter().filter(|one| one.file.is_some()).count();
            out.lines([format!("{made} of {} are templates now", done.len())])?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())
}

fn converted_lines(one: &ConvertedJson) -> Vec<String> {
    let became = one.file.as_ref().or(one.why.as_ref());
    let first = format!(
        "{}: {}",
        printable(&one.title),
        became.map_or("", String::as_str)
    );
    let notes = one
        .notes
        .iter()
        .map(|note| format!("  {}", printable(note)));
    std::iter::once(first).chain(notes).collect()
}
