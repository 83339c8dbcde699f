//! The parameters of a template's header, read with everything that can be wrong with them.

use super::super::compose::{Fields, Kind, Node, tell};
use crate::model::app::{Choice, Parameter, ParameterKind, SecretName, Severity, Told, pattern};

/// The parameters of a header.
pub(super) fn parameters(header: &mut Fields<'_, '_>) -> Vec<Parameter> {
    let Some(node) = header.take("params") else {
        return Vec::new();
    };
    let Kind::List(items) = &node.kind else {
        header.wrong(
            &node.at,
            "params",
            "a list is expected",
            "begin each with '- name:'",
        );
        return Vec::new();
    };
    let mut all: Vec<Parameter> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{}[{index}]", header.below("params"));
        let Some(one) = parameter(item, &path, header.told) else {
            continue;
        };
        if all.iter().any(|other| other.name == one.name) {
            let what = format!("{} is asked twice", one.name);
            header.wrong(&item.at, "params", what, "keep one of them");
            continue;
        }
        all.push(one);
    }
    all
}

fn parameter(node: &Node, path: &str, told: &mut Vec<Told>) -> Option<Parameter> {
    let mut fields = Fields::open(node, path, told)?;
    let name = fields.parsed("name", "a name of letters, digits and _", |text| {
        SecretName::new(text).map(|name| name.to_string())
    });
    if node.get("name").is_none() {
        fields.wrong(&node.at, "name", "it has no name", "write name: NAME");
    }
    let choices = choices(&mut fields);
    let kind = kind(&mut fields, choices);
    let default = fields.text("default");
    let generate = fields.parsed("generate", "a number of characters from 8 to 128", |text| {
        text.parse()
            .ok()
            .filter(|length| (8..=128).contains(length))
    });
    let required = fields.truth("required");
    let pattern = fields.parsed("pattern", "a regular expression", |text| {
        pattern(text).map(|_| text.to_owned())
    });
    let label = fields.text("label");
    let help = fields.text("help").unwrap_or_default();
    let (min, max) = (fields.number("min"), fields.number("max"));
    let at = node.at.clone();
    if generate.is_some() && kind != Some(ParameterKind::Secret) {
        fields.wrong(&at, "generate", "only secrets are made", "say type: secret");
    }
    if kind == Some(ParameterKind::Secret) && default.is_some() {
        let what = "a secret with a default is no secret";
        fields.wrong(&at, "default", what, "say generate: 24 instead");
    }
    let name = name?;
    let one = Parameter {
        label: label.unwrap_or_else(|| name.clone()),
        name,
        help,
        kind: kind?,
        required: required.unwrap_or(default.is_none() && generate.is_none()),
        default,
        generate,
        pattern,
        min,
        max,
    };
    if let Some(default) = &one.default
        && let Err(why) = one.check(default)
        && !default.is_empty()
    {
        let what = format!("the default does not fit: {why}");
        fields.wrong(&at, "default", what, "correct it");
    }
    fields.done(&[]);
    Some(one)
}

fn kind(fields: &mut Fields<'_, '_>, choices: Vec<Choice>) -> Option<ParameterKind> {
    let at = fields.at.clone();
    let words = [
        ("string", ParameterWord::Text),
        ("int", ParameterWord::Int),
        ("port", ParameterWord::Port),
        ("bool", ParameterWord::Bool),
        ("choice", ParameterWord::Choice),
        ("secret", ParameterWord::Secret),
        ("host-path", ParameterWord::HostPath),
        ("size", ParameterWord::Size),
        ("duration", ParameterWord::Duration),
    ];
    let said = fields.take("type").is_some();
    let word = fields.word("type", &words);
    let usual = if choices.is_empty() {
        ParameterWord::Text
    } else {
        ParameterWord::Choice
    };
    let word = if said { word? } else { usual };
    if word == ParameterWord::Choice && choices.is_empty() {
        fields.wrong(&at, "choices", "it has none", "write choices: [one, two]");
        return None;
    }
    if word != ParameterWord::Choice && !choices.is_empty() {
        let what = "only type: choice has choices";
        fields.wrong(&at, "choices", what, "say type: choice");
    }
    Some(match word {
        ParameterWord::Text => ParameterKind::Text,
        ParameterWord::Int => ParameterKind::Int,
        ParameterWord::Port => ParameterKind::Port,
        ParameterWord::Bool => ParameterKind::Bool,
        ParameterWord::Choice => ParameterKind::Choice(choices),
        ParameterWord::Secret => ParameterKind::Secret,
        ParameterWord::HostPath => ParameterKind::HostPath,
        ParameterWord::Size => ParameterKind::Size,
        ParameterWord::Duration => ParameterKind::Duration,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ParameterWord {
    Text,
    Int,
    Port,
    Bool,
    Choice,
    Secret,
    HostPath,
    Size,
    Duration,
}

/// Texts, or maps of `value` and `label`.
fn choices(fields: &mut Fields<'_, '_>) -> Vec<Choice> {
    let Some(node) = fields.take("choices") else {
        return Vec::new();
    };
    let Kind::List(items) = &node.kind else {
        fields.wrong(
            &node.at,
            "choices",
            "a list is expected",
            "write [one, two]",
        );
        return Vec::new();
    };
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(text) = item.text() {
            all.push(Choice {
                value: text.to_owned(),
                label: text.to_owned(),
            });
            continue;
        }
        let path = format!("{}[{index}]", fields.below("choices"));
        let Some(mut long) = Fields::open(item, &path, fields.told) else {
            continue;
        };
        let value = long.text("value");
        let label = long.text("label");
        long.done(&[]);
        match value {
            Some(value) => all.push(Choice {
                label: label.unwrap_or_else(|| value.clone()),
                value,
            }),
            None => fields.told.push(tell(
                Severity::Error,
                &item.at,
                &path,
                "it has no value",
                "write value: TEXT",
            )),
        }
    }
    all
}
