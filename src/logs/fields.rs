//! Lines that are JSON or logfmt: their fields, laid out for reading.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// The fields of a line, in their order: of a JSON object, or of logfmt with at least two pairs. None for other lines.
pub fn fields(line: &[u8]) -> Option<Vec<(String, Value)>> {
    let text = std::str::from_utf8(line).ok()?.trim();
    if text.starts_with('{') {
        return serde_json::from_str::<Ordered>(text).ok().map(|all| all.0);
    }
    let pairs = logfmt(text);
    (pairs.len() >= 2).then_some(pairs)
}

/// The values of some fields, as texts; `a.b` is field `b` of the object `a`. None when the line has no fields.
pub fn values(line: &[u8], names: &[String]) -> Option<Vec<String>> {
    let fields = fields(line)?;
    let value = |name: &String| -> String {
        let direct = fields.iter().find(|(one, _)| one == name);
        let found = match direct {
            Some((_, value)) => Some(value),
            None => name.split_once('.').and_then(|(first, rest)| {
                let (_, object) = fields.iter().find(|(one, _)| one == first)?;
                object.pointer(&format!("/{}", rest.replace('.', "/")))
            }),
        };
        found.map(plain).unwrap_or_default()
    };
    Some(names.iter().map(value).collect())
}

/// The lines of a JSON text laid out with two spaces a step; none for what is no JSON object or list.
pub fn pretty(line: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(line).ok()?.trim();
    if !text.starts_with(['{', '[']) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    let mut out = Layout::default();
    out.lay(text);
    Some(out.lines)
}

/// A value without quotes round a text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// An object's members in the order of the text.
struct Ordered(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut all = Vec::new();
                while let Some(member) = map.next_entry()? {
                    all.push(member);
                }
                Ok(Ordered(all))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// `key=value key="a text"`; words without `=` are passed over.
fn logfmt(text: &str) -> Vec<(String, Value)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let key = rest[..equals]
            .rsplit(char::is_whitespace)
            .next()
            .unwrap_or("");
        rest = &rest[equals + 1..];
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if key.is_empty() || !key.chars().all(is_key) {
            continue;
        }
        let (value, length) = quoted(rest).unwrap_or_else(|| {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (rest[..end].to_owned(), end)
        });
        pairs.push((key.to_owned(), Value::String(value)));
        rest = &rest[length..];
    }
    pairs
}

/// The text in quotes at the beginning, and how long it is with them.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.strip_prefix('"')?.char_indices() {
        match c {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '"' if !escaped => return Some((value, at + 2)),
            '"' | '\\' => value.push(c),
            c if escaped => value.extend(['\\', c]),
            c => value.push(c),
        }
        escaped = false;
    }
    None
}

/// JSON on several lines.
#[derive(Default)]
struct Layout {
    lines: Vec<String>,
    line: String,
    depth: usize,
}

/// Deeper nesting is no longer indented.
const DEEPEST: usize = 16;

impl Layout {
    fn lay(&mut self, text: &str) {
        let (mut in_text, mut escaped) = (false, false);
        let mut opened = false;
        for c in text.chars() {
            if in_text {
                self.line.push(c);
                in_text = c != '"' || escaped;
                escaped = c == '\\' && !escaped;
                continue;
            }
            if c.is_whitespace() {
                continue;
            }
            let closes = matches!(c, '}' | ']');
            if opened && !closes {
                self.end();
            }
            match c {
                '{' | '[' => {
                    self.line.push(c);
                    self.depth += 1;
                }
                '}' | ']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if !opened {
                        self.end();
                    }
                    self.line.push(c);
                }
                ',' => {
                    self.line.push(c);
                    self.end();
                }
                ':' => self.line.push_str(": "),
                c => {
                    self.line.push(c);
                    in_text = c == '"';
                }
            }
            opened = matches!(c, '{' | '[');
        }
        self.end();
    }

    fn end(&mut self) {
        if !self.line.trim().is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
        self.line = "  ".repeat(self.depth.min(DEEPEST));
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_in_its_order() {
        let line = br#"{"z":1,"a":{"b":[1,2],"e":{}},"t":"x, \"y\": {"}"#;
        let expected = [
            "{",
            "  \"z\": 1,",
            "  \"a\": {",
            "    \"b\": [",
            "      1,",
            "      2",
            "    ],",
            "    \"e\": {}",
            "  },",
            "  \"t\": \"x, \\\"y\\\": {\"",
            "}",
        ];
        assert_eq!(pretty(line).unwrap(), expected);
        assert_eq!(pretty(b"{}").unwrap(), ["{}"]);
        assert_eq!(pretty(b"{broken"), None);
        assert_eq!(pretty(b"text"), None);
    }

    #[test]
    fn fields_of_json_and_logfmt_are_found() {
        let names = ["level".to_owned(), "msg".to_owned(), "req.id".to_owned()];
        let json = br#"{"msg":"up","level":"info","req":{"id":7}}"#;
        assert_eq!(values(json, &names).unwrap(), ["info", "up", "7"]);
        let logfmt = br#"ts=1 level=warn msg="two \"words\"" path="C:\new\\x" ok"#;
        assert_eq!(
            values(logfmt, &names).unwrap(),
            ["warn", "two \"words\"", ""]
        );
        assert_eq!(values(logfmt, &["path".to_owned()]).unwrap(), [r"C:\new\x"]);
        assert_eq!(values(b"no fields, a=1 only", &names), None);
        assert_eq!(values(b"{}", &names).unwrap(), ["", "", ""]);
    }
}
