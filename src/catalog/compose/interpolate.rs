//! `$NAME`, `${NAME}`, defaults, requirements and alternatives in the scalars of a file.

use super::{Kind, Node, Purpose, Tag, tell};
use crate::model::app::{SecretName, Severity, Told, Value};

/// What a variable is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// A text.
    Plain(String),
    /// A secret, of which only the name is known.
    Secret(SecretName),
}

/// Looks a variable up.
pub type Variables<'v> = dyn Fn(&str) -> Option<Given> + 'v;

/// Interpolates every scalar below a value.
pub(super) fn interpolate(
    node: &mut Node,
    path: &str,
    variables: &Variables<'_>,
    purpose: Purpose,
    told: &mut Vec<Told>,
) {
    match &mut node.kind {
        Kind::Null => {}
        Kind::Text(text) => {
            if !text.contains('$') {
                return;
            }
            let mut reading = Reading {
                variables,
                purpose,
                said: Vec::new(),
            };
            match reading.text(text, false) {
                Ok((new, _)) => *text = new,
                Err(Wrong { what, remedy }) => {
                    reading.said.push((Severity::Error, what, remedy));
                }
            }
            if purpose == Purpose::Check && node.tag == Tag::None && !reading.said.is_empty() {
                node.tag = Tag::Unset;
            }
            let said = reading.said.into_iter();
            told.extend(said.map(|(how, what, remedy)| tell(how, &node.at, path, what, remedy)));
        }
        Kind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, &format!("{path}[{index}]"), variables, purpose, told);
            }
        }
        Kind::Map(entries) => {
            for (name, value) in entries {
                // Extensions are not ours; what aliases brought elsewhere was copied there.
                if path.is_empty() && name.text.starts_with("x-") {
                    continue;
                }
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{}", name.text);
                interpolate(value, &path, variables, purpose, told);
            }
        }
    }
}

/// The text with its variables in it, for files that are not YAML (`.env`). The error says what is wrong.
pub(super) fn expand(text: &str, variables: &Variables<'_>) -> Result<String, String> {
    let mut reading = Reading {
        variables,
        purpose: Purpose::Check,
        said: Vec::new(),
    };
    reading
        .text(text, false)
        .map(|(text, _)| text)
        .map_err(|wrong| wrong.what)
}

struct Reading<'v> {
    variables: &'v Variables<'v>,
    purpose: Purpose,
    said: Vec<(Severity, String, String)>,
}

struct Wrong {
    what: String,
    remedy: String,
}

fn lone(rest: &str) -> Wrong {
    let sign = rest.chars().next().map(String::from).unwrap_or_default();
    Wrong {
        what: format!("'${sign}' is no variable"),
        remedy: "write $$ for a '$' that stands for itself".to_owned(),
    }
}

impl Reading<'_> {
    /// Reads up to the end, or up to the brace that closes when within braces. Gives the text and what is left.
    fn text<'t>(&mut self, text: &'t str, within: bool) -> Result<(String, &'t str), Wrong> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        loop {
            let stop = |c: char| c == '$' || (within && c == '}');
            let Some(at) = rest.find(stop) else {
                out.push_str(rest);
                return Ok((out, ""));
            };
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if rest[at..].starts_with('}') {
                return Ok((out, &rest[at..]));
            }
            rest = if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                after
            } else if let Some(after) = after.strip_prefix('{') {
                self.braces(after, &mut out)?
            } else {
                let name = name(after);
                if name.is_empty() {
                    return Err(lone(after));
                }
                out.push_str(&self.value(name));
                &after[name.len()..]
            };
        }
    }

    /// Reads `NAME}`, `NAME:-text}` and so on, after the opening brace.
    fn braces<'t>(&mut self, text: &'t str, out: &mut String) -> Result<&'t str, Wrong> {
        let name = name(text);
        let rest = &text[name.len()..];
        let unclosed = || Wrong {
            what: format!("'${{{text}' is no variable"),
            remedy:
                "write ${NAME}, ${NAME:-default}, ${NAME:?error} or ${NAME:+other}; $$ for a '$'"
                    .to_owned(),
        };
        if name.is_empty() {
            return Err(unclosed());
        }
        if let Some(rest) = rest.strip_prefix('}') {
            out.push_str(&self.value(name));
            return Ok(rest);
        }
        let (empty_counts, rest) = match rest.strip_prefix(':') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let mut signs = rest.chars();
        let sign = signs.next();
        let given = self.look_up(name);
        let set = given
            .as_ref()
            .is_some_and(|text| !(empty_counts && text.is_empty()));
        // What is not taken is read too, but neither warns nor requires.
        let taken = match sign {
            Some('-' | '?') => !set,
            Some('+') => set,
            _ => return Err(unclosed()),
        };
        let before = self.said.len();
        let (word, rest) = self.text(signs.as_str(), true)?;
        if !taken {
            self.said.truncate(before);
        }
        let rest = rest.strip_prefix('}').ok_or_else(unclosed)?;
        match sign {
            Some('-') if !set => out.push_str(&word),
            Some('+') if set => out.push_str(&word),
            Some('+') => {}
            Some('?') if !set => self.required(name, &word),
            _ => out.push_str(&given.unwrap_or_default()),
        }
        Ok(rest)
    }

    fn required(&mut self, name: &str, why: &str) {
        let severity = match self.purpose {
            Purpose::Deploy => Severity::Error,
            Purpose::Check => Severity::Warning,
        };
        let gap = if why.is_empty() { "" } else { ": " };
        let what = format!("{name} must be set{gap}{why}");
        let remedy = format!("set it, as with --set {name}=…");
        self.said.push((severity, what, remedy));
    }

    fn value(&mut self, name: &str) -> String {
        self.look_up(name).unwrap_or_else(|| {
            let what = format!("{name} is not set; nothing stands for it");
            let remedy = format!("set it, or write ${{{name}:-default}}");
            self.said.push((Severity::Warning, what, remedy));
            String::new()
        })
    }

    fn look_up(&self, name: &str) -> Option<String> {
        Some(match (self.variables)(name)? {
            Given::Plain(text) => text,
            Given::Secret(name) => Value::mark(&name),
        })
    }
}

/// The name of a variable at the beginning of a text; empty when there is none.
fn name(text: &str) -> &str {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return "";
    }
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}
