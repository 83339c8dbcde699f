//! What a template is, asks and makes, and which hosts have its images.

use crate::{
    model::{
        Fleet, Host,
        app::{ImageReference, Parameter, ParameterKind, Service, Spec, Template},
        bytes,
    },
    ui::widget::line::{Ink, Line, field, heading},
};

/// Cells of the names of values.
const LABELS: usize = 12;

/// All lines.
pub fn lines(template: &Template, fleet: &Fleet, cells: usize) -> Vec<Line> {
    let name = format!("{} {}", template.name, template.version);
    let mut lines = vec![heading(&template.title, name.trim(), cells)];
    let mut put = |label: &str, text: &str, ink| {
        if !text.is_empty() {
            lines.extend(field(label, text, ink, LABELS, cells));
        }
    };
    put("is", &template.description, Ink::PLAIN);
    if let Some(spec) = &template.makes {
        makes(spec, fleet, &mut put);
    }
    for one in &template.parameters {
        put("asks", &asked(one), Ink::FAINT);
    }
    put("note", &template.notes, Ink::FAINT);
    let of = format!(
        "{}, {}, {}",
        template.catalog,
        template.visibility.name(),
        template.source.path
    );
    put("of", &of, Ink::FAINT);
    lines
}

/// What it makes: services with their images, ports, volumes, networks.
fn makes(spec: &Spec, fleet: &Fleet, put: &mut impl FnMut(&str, &str, Ink)) {
    for (name, service) in &spec.services {
        put(
            "service",
            &format!("{name} · {}", about(service)),
            Ink::PLAIN,
        );
        if let Some(image) = &service.image {
            let (text, ink) = known(image, fleet);
            put("", &text, ink);
        }
    }
    let named = |names: Vec<&String>| {
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        names.join(", ")
    };
    put("volumes", &named(spec.volumes.keys().collect()), Ink::PLAIN);
    put(
        "networks",
        &named(spec.networks.keys().collect()),
        Ink::PLAIN,
    );
    put("configs", &named(spec.configs.keys().collect()), Ink::PLAIN);
    let secrets: Vec<String> = spec
        .secrets_needed()
        .iter()
        .map(ToString::to_string)
        .collect();
    put("secrets", &secrets.join(", "), Ink::PLAIN);
}

fn about(service: &Service) -> String {
    let image = service.image.as_ref().map(ToString::to_string);
    let mut parts = vec![image.unwrap_or_else(|| "an image to be built".to_owned())];
    let ports: Vec<String> = service.ports.iter().map(ToString::to_string).collect();
    if !ports.is_empty() {
        parts.push(ports.join(", "));
    }
    let memory = service.deploy.resources.limits.memory;
    parts.extend(memory.map(bytes));
    parts.join(" · ")
}

/// How many of the hosts that told their images have this one.
fn known(image: &ImageReference, fleet: &Fleet) -> (String, Ink) {
    let told: Vec<&Host> = fleet
        .hosts()
        .iter()
        .filter(|host| host.images.is_some())
        .collect();
    if told.is_empty() {
        return ("no host has told its images yet".to_owned(), Ink::FAINT);
    }
    let is_it = |name: &str| match image.digest() {
        Some(digest) => name.ends_with(digest),
        None => name == image.as_str(),
    };
    let has = |host: &&&Host| {
        let mut images = host.images.iter().flatten();
        images.any(|one| one.tags.iter().chain(&one.digests).any(|name| is_it(name)))
    };
    let having = told.iter().filter(has).count();
    let all = told.len();
    match having {
        0 => (
            format!("on none of {all} hosts: it has to be pulled"),
            Ink::WARN,
        ),
        having if having == all => (format!("on all {all} hosts"), Ink::GOOD),
        having => (format!("on {having} of {all} hosts"), Ink::PLAIN),
    }
}

/// A parameter in a line.
fn asked(one: &Parameter) -> String {
    let kind = match &one.kind {
        ParameterKind::Choice(choices) => {
            let all: Vec<&str> = choices.iter().map(|one| one.value.as_str()).collect();
            all.join(" | ")
        }
        other => other.to_string(),
    };
    let value = match (&one.default, one.generate) {
        (Some(default), _) if !default.is_empty() => format!(", {default}"),
        (_, Some(_)) => ", made by itself".to_owned(),
        (_, None) if one.required => ", has to be said".to_owned(),
        (_, None) => String::new(),
    };
    format!("{} ({kind}{value})", one.label)
}
