//! Values as YAML that Compose reads back as the same.

use super::{Kind, Node};
use crate::model::app::Value;

/// A whole file. Secrets are written as `${NAME}`, every other `$` as `$$`; but extensions, which are not
/// interpolated, as they are.
pub(in crate::catalog) fn write(node: &Node) -> String {
    let mut out = String::new();
    block(node, 0, false, &mut out);
    out.trim_start_matches('\n').to_owned()
}

/// What stands below a key or a dash: on the same line, or in lines of its own.
fn block(node: &Node, indent: usize, raw: bool, out: &mut String) {
    match &node.kind {
        Kind::Null => out.push('\n'),
        Kind::Text(text) => scalar(text, indent, raw, out),
        Kind::List(items) if items.is_empty() => out.push_str(" []\n"),
        Kind::Map(entries) if entries.is_empty() => out.push_str(" {}\n"),
        Kind::List(items) => {
            out.push('\n');
            for item in items {
                pad(indent, out);
                out.push('-');
                // A map in a list begins beside its dash.
                if let Kind::Map(entries) = &item.kind
                    && !entries.is_empty()
                {
                    let mut below = String::new();
                    block(item, indent + 1, raw, &mut below);
                    out.push(' ');
                    out.push_str(below.trim_start());
                } else {
                    block(item, indent + 1, raw, out);
                }
            }
        }
        Kind::Map(entries) => {
            out.push('\n');
            for (name, value) in entries {
                pad(indent, out);
                out.push_str(&quoted(&name.text));
                out.push(':');
                let raw = raw || (indent == 0 && name.text.starts_with("x-"));
                block(value, indent + 1, raw, out);
            }
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", indent));
}

fn scalar(text: &str, indent: usize, raw: bool, out: &mut String) {
    let text = if raw {
        text.to_owned()
    } else {
        Value::read(text).written()
    };
    let lines = text.contains('\n')
        && text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
        && text.chars().all(|c| c == '\n' || !c.is_control());
    if lines {
        out.push_str(" |\n");
        for line in text.lines() {
            if !line.is_empty() {
                pad(indent, out);
                out.push_str(line);
            }
            out.push('\n');
        }
        return;
    }
    out.push(' ');
    out.push_str(&quoted(&text));
    out.push('\n');
}

/// A scalar in double quotes where it would be something else without them.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./@$%+=~{}".contains(c);
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || "_/.$".contains(c));
    let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null" | "~"
    );
    if begins && text.chars().all(plain) && !number && !word {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for sign in text.chars() {
        match sign {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.extend(format!("\\x{:02x}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
