//! Files of variables: `.env` and `env_file`.

use super::{Given, Variables, interpolate::expand};

/// What is wrong with such a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct DotenvError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// Variables in their order; without a value those that are the environment's.
pub type Dotenv = Vec<(String, Option<String>)>;

/// Reads `NAME=value` by lines: comments after `#`, `export` before, single quotes as they are, double quotes and none
/// with `$` and variables of lines before. A name alone has no value: it is the environment's.
pub fn dotenv(text: &str, variables: &Variables<'_>) -> Result<Dotenv, DotenvError> {
    let mut read = Dotenv::new();
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let wrong = |what: String| DotenvError {
            line: index + 1,
            what,
        };
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(at) = line.find(['=', ':']) else {
            read.push((name(line).map_err(wrong)?, None));
            continue;
        };
        let key = name(line[..at].trim_end()).map_err(wrong)?;
        let mut raw = line[at + 1..].trim().to_owned();
        if let Some(quote) = raw.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            while closing(&raw, quote).is_none() {
                let (_, more) = lines
                    .next()
                    .ok_or_else(|| wrong(format!("the {quote} of {key} is never closed")))?;
                raw.push('\n');
                raw.push_str(more);
            }
        }
        let known = |name: &str| {
            let before = read.iter().rev().find(|(known, _)| known == name);
            match before {
                Some((_, Some(value))) => Some(Given::Plain(value.clone())),
                Some((_, None)) | None => variables(name),
            }
        };
        let value = value(&raw, &known).map_err(wrong)?;
        read.push((key, Some(value)));
    }
    Ok(read)
}

fn name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
    if text.is_empty() || !text.chars().all(fits) {
        return Err(format!("'{text}' is no name of a variable"));
    }
    Ok(text.to_owned())
}

/// Where the quote that a text begins with is closed.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, sign)| {
        let closes = sign == quote && !escaped;
        escaped = quote == '"' && sign == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn value(raw: &str, variables: &Variables<'_>) -> Result<String, String> {
    if raw.starts_with('\'') {
        let end = closing(raw, '\'').unwrap_or(raw.len());
        return Ok(raw[1..end].to_owned());
    }
    if raw.starts_with('"') {
        let end = closing(raw, '"').unwrap_or(raw.len());
        let text = unescaped(&raw[1..end]);
        return expand(&text, variables);
    }
    let end = raw.find(" #").unwrap_or(raw.len());
    expand(raw[..end].trim_end(), variables)
}

/// Text between double quotes without its backslashes; `\$` is a `$` for the interpolation after it.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            out.push(sign);
            continue;
        }
        match signs.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('$') => out.push_str("$$"),
            Some(other @ ('"' | '\\')) => out.push(other),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}
