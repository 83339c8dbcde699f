//! Templates: Compose files with a header that says what they are and what they ask.

mod parameter;
use std::{collections::BTreeMap, sync::Arc};

use super::compose::{
    self, Fields, File, Given, Loaded, NoFiles, Node, Profiles, Purpose, Request,
};
use crate::model::{
    app::{
        Answers, AppName, ImageReference, ParameterKind, SecretName, ServiceName, Severity, Source,
        Template, TemplateName, Told, Visibility, Where,
    },
    nearest,
};

/// The name of the header in a Compose file.
const HEADER: &str = "x-wharf";

/// What the answers make of the parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// What each parameter stands for in the file.
    pub given: BTreeMap<String, Given>,
    /// Secrets that were not said and are made, each of so many characters.
    pub generate: Vec<(SecretName, usize)>,
    /// Secrets that were not said and have to be asked for before a deploy.
    pub asked: Vec<SecretName>,
}

/// Reads a template. Warnings come with it; errors come all at once. None when the file has no header.
///
/// # Panics
/// Never: names of templates follow the rule of apps.
pub fn read(source: Source, catalog: &str) -> Result<Option<(Template, Vec<Told>)>, Vec<Told>> {
    let file = Arc::new(File {
        name: source.path.clone(),
        directory: String::new(),
    });
    let documents = compose::parse(&file, &source.text).map_err(|told| vec![told])?;
    let Some(header) = documents.first().and_then(|whole| whole.get(HEADER)) else {
        return Ok(None);
    };
    let mut told = Vec::new();
    let mut template = header_of(header, source, catalog, &mut told);
    if let Some(template) = &mut template
        && !Told::any_error(&told)
    {
        let name = AppName::new(template.name.as_str()).expect("the rule is the same");
        match make(template, name, &Answers::new(), Purpose::Check) {
            Ok(loaded) => template.makes = Some(loaded.spec),
            Err(wrong) => told.extend(wrong),
        }
    }
    match template {
        Some(template) if !Told::any_error(&told) => Ok(Some((template, told))),
        Some(_) | None => Err(told),
    }
}

/// What the answers make of its parameters. The errors come all at once: what is missing, unknown or does not fit.
pub fn fill(template: &Template, answers: &Answers, purpose: Purpose) -> Result<Filled, Vec<Told>> {
    let mut filled = Filled::default();
    let mut told = Vec::new();
    let mut wrong = |name: &str, what: String, remedy: String| {
        told.push(Told {
            severity: Severity::Error,
            place: Where {
                file: format!("template {}", template.name),
                line: None,
                path: name.to_owned(),
            },
            what,
            remedy,
        });
    };
    for name in answers.keys() {
        if !template.parameters.iter().any(|one| one.name == *name) {
            let names = template.parameters.iter().map(|one| one.name.as_str());
            let remedy = match nearest(name, names) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("see `template show {}`", template.name),
            };
            wrong(
                name,
                format!("the template does not ask for {name}"),
                remedy,
            );
        }
    }
    for one in &template.parameters {
        let answer = answers.get(&one.name).or(one.default.as_ref());
        let answer = answer.map_or("", String::as_str);
        let secret = match one.kind {
            ParameterKind::Secret => SecretName::new(&one.name),
            _ => None,
        };
        let missing = answer.is_empty();
        if let Some(name) = secret.clone().filter(|_| missing) {
            let given = match one.generate {
                Some(length) => {
                    filled.generate.push((name.clone(), length));
                    Given::Secret(name)
                }
                None if one.required => {
                    filled.asked.push(name.clone());
                    Given::Secret(name)
                }
                None => Given::Plain(String::new()),
            };
            filled.given.insert(one.name.clone(), given);
            continue;
        }
        if let Err(why) = one.check(answer) {
            if !(missing && purpose == Purpose::Check) {
                let remedy = format!("say --set {}=…", one.name);
                wrong(&one.name, format!("{}: {why}", one.label), remedy);
            }
            continue;
        }
        let given = secret.map_or_else(|| Given::Plain(answer.to_owned()), Given::Secret);
        filled.given.insert(one.name.clone(), given);
    }
    if told.is_empty() {
        Ok(filled)
    } else {
        Err(told)
    }
}

/// The app that it makes. With [`Purpose::Check`] what is not answered is a warning.
pub fn make(
    template: &Template,
    name: AppName,
    answers: &Answers,
    purpose: Purpose,
) -> Result<Loaded, Vec<Told>> {
    let filled = fill(template, answers, purpose)?;
    let mut loaded = compose::load(&request(
        template,
        Some(name),
        &|name| filled.look_up(name),
        purpose,
    ))?;
    for (service, digest) in &template.digests {
        let service = ServiceName::new(service).ok();
        let service = service.and_then(|name| loaded.spec.services.get_mut(&name));
        if let Some(service) = service
            && let Some(image) = &service.image
            && image.digest().is_none()
        {
            service.image = ImageReference::new(&format!("{image}@{digest}")).ok();
        }
    }
    Ok(loaded)
}

/// Its Compose file with the answers in it and without the header; secrets are `${NAME}`.
pub fn render(
    template: &Template,
    answers: &Answers,
    purpose: Purpose,
) -> Result<String, Vec<Told>> {
    let filled = fill(template, answers, purpose)?;
    compose::render(&request(
        template,
        None,
        &|name| filled.look_up(name),
        purpose,
    ))
}

fn request<'r>(
    template: &'r Template,
    name: Option<AppName>,
    variables: &'r compose::Variables<'r>,
    purpose: Purpose,
) -> Request<'r> {
    Request {
        sources: std::slice::from_ref(&template.source),
        name,
        variables,
        profiles: Profiles::Only(Vec::new()),
        purpose,
        files: &NoFiles,
    }
}

impl Filled {
    /// What stands for a parameter.
    pub fn look_up(&self, name: &str) -> Option<Given> {
        self.given.get(name).cloned()
    }
}

fn header_of(
    header: &Node,
    source: Source,
    catalog: &str,
    told: &mut Vec<Told>,
) -> Option<Template> {
    let mut fields = Fields::open(header, HEADER, told)?;
    let id = fields.text("id");
    let name = match id.as_deref().map(TemplateName::new) {
        Some(Ok(name)) => Some(name),
        Some(Err(error)) => {
            fields.wrong(&header.at, "id", error.to_string(), "rename it");
            None
        }
        None => {
            fields.wrong(&header.at, "id", "it has no id", "write id: NAME");
            None
        }
    };
    // What it is for is read with the rest of the file.
    fields.take("engine");
    let title = fields.text("title");
    let version = fields.text("version").unwrap_or_default();
    let categories = fields.texts("category");
    let words = [
        ("public", Visibility::Public),
        ("private", Visibility::Private),
    ];
    let visibility = fields.word("visibility", &words).unwrap_or_default();
    let icon = fields.text("icon").unwrap_or_default();
    let description = fields.text("description").unwrap_or_default();
    let notes = fields.text("notes").unwrap_or_default();
    let digests = fields.labels("images");
    let parameters = parameter::parameters(&mut fields);
    fields.done(&[]);
    let name = name?;
    Some(Template {
        title: title.unwrap_or_else(|| name.to_string()),
        name,
        version,
        categories,
        visibility,
        icon,
        description: description.trim().to_owned(),
        notes: notes.trim().to_owned(),
        parameters,
        digests,
        catalog: catalog.to_owned(),
        source,
        makes: None,
    })
}
