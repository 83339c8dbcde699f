//! How lines of logs are written: which, what of them, with secrets masked, and harmless for a terminal.

use std::{borrow::Cow, io};

use serde_json::{Map, Value, json};
use tokio::io::{AsyncWriteExt as _, Stdout};

use crate::{
    cli::Session,
    logs::{self, Filter, Masks},
    model::{LogText, Stream},
    ops::LogsCommand,
};

/// So many bytes are written at once.
const PIECE: usize = 64 << 10;

/// Writes lines.
pub(super) struct Writer<'s> {
    json: bool,
    /// With the name of each line's container.
    pub named: bool,
    timestamps: bool,
    /// As they are, because no terminal can be harmed.
    raw: bool,
    filter: Option<&'s Filter>,
    fields: &'s [String],
    /// What masks secrets; none when they are shown.
    masks: Option<&'s Masks>,
    /// Written but not passed on yet.
    ready: Vec<u8>,
    /// The text of a line without escape sequences.
    plain: Vec<u8>,
    /// Written in a thread of its own: whoever does not read holds up nothing but the lines.
    out: Stdout,
}

impl<'s> Writer<'s> {
    /// Writes as the sentence says.
    pub fn new(session: &'s Session, args: &'s LogsCommand, named: bool) -> Self {
        Self {
            json: session.options.output.is_json(),
            named,
            timestamps: args.timestamps,
            raw: session.screen.width.is_none(),
            filter: args.filter.as_ref(),
            fields: &args.fields,
            masks: (!args.reveal).then_some(&session.config.logs.masks),
            ready: Vec::with_capacity(PIECE),
            plain: Vec::new(),
            out: tokio::io::stdout(),
        }
    }

    /// Writes a line of that container, if it is wanted.
    pub async fn line(&mut self, name: &str, line: LogText<'_>) -> io::Result<()> {
        self.plain.clear();
        logs::strip(line.text, &mut self.plain, |_, _| {});
        let is_wanted = |filter: &Filter| filter.shows(line.stream, name, &self.plain);
        if self.filter.is_none_or(is_wanted) {
            self.write(name, line);
        }
        if self.ready.len() >= PIECE {
            self.pass_on().await?;
        }
        Ok(())
    }

    /// Passes on what was written.
    pub async fn pass_on(&mut self) -> io::Result<()> {
        if !self.ready.is_empty() {
            self.out.write_all(&self.ready).await?;
            self.out.flush().await?;
            self.ready.clear();
        }
        Ok(())
    }

    fn write(&mut self, name: &str, line: LogText<'_>) {
        let text = masked(self.masks, line.text, &self.plain);
        let out = &mut self.ready;
        if self.json {
            return write_json(out, name, line, &text, self.fields);
        }
        if self.named {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b" | ");
        }
        if self.timestamps
            && let Some(at) = line.time()
        {
            out.extend_from_slice(at.to_string().as_bytes());
            out.push(b' ');
        }
        let between = if self.raw { "\t" } else { "  " };
        let text = match values(&text, self.fields) {
            Some(values) => Cow::Owned(values.join(between).into_bytes()),
            None => text,
        };
        if self.raw {
            out.extend_from_slice(&text);
        } else {
            out.extend_from_slice(harmless(&String::from_utf8_lossy(&text)).as_bytes());
        }
        out.push(b'\n');
    }
}

/// The line with its secrets masked: as it came when it has none, else without colours.
fn masked<'t>(masks: Option<&Masks>, text: &'t [u8], plain: &[u8]) -> Cow<'t, [u8]> {
    let Some(masks) = masks else {
        return Cow::Borrowed(text);
    };
    match masks.apply(&String::from_utf8_lossy(plain)) {
        Cow::Owned(masked) => Cow::Owned(masked.into_bytes()),
        Cow::Borrowed(_) => Cow::Borrowed(text),
    }
}

/// The wanted values of a line that has fields, each on one line.
fn values(text: &[u8], names: &[String]) -> Option<Vec<String>> {
    if names.is_empty() {
        return None;
    }
    let values = logs::values(text, names)?;
    let flat = |value: String| {
        if value.contains(['\n', '\r', '\t']) {
            let value = value.replace('\n', "\\n").replace('\r', "\\r");
            value.replace('\t', "\\t")
        } else {
            value
        }
    };
    Some(values.into_iter().map(flat).collect())
}

fn write_json(out: &mut Vec<u8>, name: &str, line: LogText<'_>, text: &[u8], names: &[String]) {
    let stream = match line.stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    };
    let mut object = json!({"target": name, "time": line.time(), "stream": stream});
    let values = (!names.is_empty())
        .then(|| logs::values(text, names))
        .flatten();
    match values {
        Some(values) => {
            let pairs = names
                .iter()
                .cloned()
                .zip(values.into_iter().map(Value::from));
            object["fields"] = pairs.collect::<Map<_, _>>().into();
        }
        None => object["text"] = String::from_utf8_lossy(text).into(),
    }
    out.extend_from_slice(object.to_string().as_bytes());
    out.push(b'\n');
}

/// Text for a terminal: colours stay, all other control characters become `·`, so that a log can
/// neither move the cursor nor talk to the terminal.
fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let mut colored = false;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = color(rest) {
            clean.push_str(&rest[..length]);
            rest = &rest[length..];
            colored = true;
            continue;
        }
        match c {
            '\t' => clean.push(c),
            c if c.is_control() || turns(c) => clean.push('·'),
            c => clean.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    if colored {
        clean.push_str("\x1b[0m");
    }
    clean
}

/// Whether a character turns round what stands beside it.
fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The length of the colour sequence (`ESC [ digits and semicolons m`) that the text begins with.
fn color(text: &str) -> Option<usize> {
    let body = text.strip_prefix("\x1b[")?;
    let end = body.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    body[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_whatever_colours_and_bytes_stand_between_and_all_else_is_as_it_was() {
        let masks = Masks::default();
        let masked = |text: &'static [u8]| {
            let mut plain = Vec::new();
            logs::strip(text, &mut plain, |_, _| {});
            masked(Some(&masks), text, &plain)
        };
        assert_eq!(
            *masked(b"password=hunter2 \xff"),
            *"password=**** \u{fffd}".as_bytes()
        );
        assert_eq!(
            *masked(b"\x1b[1mpassword=\x1b[31mhunter2\x1b[0m"),
            *b"password=****"
        );
        let plain: &[u8] = b"\x1b[1mnothing\x1b[0m \xff\0";
        assert_eq!(*masked(plain), *plain);
    }

    #[test]
    fn values_stay_on_their_line() {
        let names = ["msg".to_owned(), "level".to_owned()];
        let line = br#"{"level":"info","msg":"a\n\tb"}"#;
        assert_eq!(
            values(line, &names).unwrap_or_default(),
            ["a\\n\\tb", "info"]
        );
        assert_eq!(values(b"no fields", &names), None);
        assert_eq!(values(line, &[]), None);
    }

    #[test]
    fn a_log_cannot_talk_to_the_terminal() {
        for (text, clean) in [
            ("plain\ttext", "plain\ttext"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
            ("\x1b]52;c;aGk=\x07", "·]52;c;aGk=·"),
            ("\x1b[2J\x1b[1;1H", "·[2J·[1;1H"),
            ("a\rb\u{9b}31m", "a·b·31m"),
            ("\u{202e}evil", "·evil"),
        ] {
            assert_eq!(harmless(text), clean);
        }
    }
}
