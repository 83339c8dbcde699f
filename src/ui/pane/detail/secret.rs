//! Masks what looks like a secret in an inspection: by the name of a value, else by its form.

use std::borrow::Cow;

use serde_json::Value;

use crate::model::{MASK, is_secret_name, redact};

/// The value of a named thing, masked when the name or its own form says that it is a secret.
pub fn value<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if !value.is_empty() && is_secret_name(name) {
        Cow::Borrowed(MASK)
    } else {
        redact(value)
    }
}

/// The words of a command; also what follows an option that names a secret.
pub fn words(words: &[String]) -> Vec<String> {
    let mut follows = false;
    words
        .iter()
        .map(|word| {
            let masked = if follows && !word.starts_with('-') {
                MASK.into()
            } else {
                redact(word).into_owned()
            };
            follows = word.starts_with('-') && !word.contains('=') && is_secret_name(word);
            masked
        })
        .collect()
}

/// The same JSON with its secrets masked: values of names that tell, variables, words of commands.
pub fn json(value: &Value) -> Value {
    match value {
        Value::Object(all) => Value::Object(
            all.iter()
                .map(|(key, inner)| (key.clone(), named(key, inner)))
                .collect(),
        ),
        Value::Array(all) if all.iter().all(Value::is_string) => {
            let plain: Vec<String> = all.iter().filter_map(Value::as_str).map(variable).collect();
            Value::Array(words(&plain).into_iter().map(Value::String).collect())
        }
        Value::Array(all) => Value::Array(all.iter().map(json).collect()),
        Value::String(text) => Value::String(redact(text).into_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn named(key: &str, inner: &Value) -> Value {
    match inner {
        Value::String(text) => Value::String(value(key, text).into_owned()),
        other => json(other),
    }
}

/// `NAME=value` with a value that the name tells to be a secret; all else as it is.
fn variable(text: &str) -> String {
    match text.split_once('=') {
        Some((name, inner)) => format!("{name}={}", value(name, inner)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json as of;

    use super::*;

    #[test]
    fn secrets_are_masked_wherever_an_inspection_has_them() {
        let inspection = of!({
            "Args": ["--listen", ":80", "--db-password", "hunter2", "--token=abc123"],
            "Config": {
                "Env": ["PATH=/bin", "DB_PASSWORD=hunter2", "URL=postgres://u:hunter2@db/x", "EMPTY"],
                "Labels": { "com.example.api-key": "hunter2", "com.example.role": "web" },
            },
            "State": { "Pid": 12 },
        });
        let masked = json(&inspection);
        let text = masked.to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("abc123"),
            "{text}"
        );
        assert_eq!(masked["Config"]["Env"][0], "PATH=/bin");
        assert_eq!(masked["Config"]["Env"][1], format!("DB_PASSWORD={MASK}"));
        assert_eq!(masked["Config"]["Labels"]["com.example.role"], "web");
        assert_eq!(masked["State"]["Pid"], 12);
    }
}
