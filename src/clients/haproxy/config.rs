//! Reads HAProxy's own configuration as far as it says what a running one does not tell.

/// A section: its kind, its name, and its lines as words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    /// `global`, `defaults`, `frontend`, `backend`, `listen`.
    pub kind: String,
    /// Its name; empty where it has none.
    pub name: String,
    lines: Vec<Vec<String>>,
    /// The defaults that it goes by.
    defaults: Vec<Vec<String>>,
}

/// The words that begin a section.
const KINDS: [&str; 14] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "resolvers",
    "peers",
    "mailers",
    "userlist",
    "ring",
    "http-errors",
    "cache",
    "program",
    "fcgi-app",
];

impl Section {
    /// Whether a line begins with those words, in it or in the defaults it goes by; `no …` takes those back.
    pub fn says(&self, words: &[&str]) -> bool {
        let begins = |line: &[String]| {
            line.len() >= words.len() && line.iter().zip(words).all(|(word, wanted)| word == wanted)
        };
        let denies =
            |line: &[String]| line.first().is_some_and(|no| no == "no") && begins(&line[1..]);
        let last = |lines: &[Vec<String>]| {
            let of_it = lines.iter().rev().find(|line| begins(line) || denies(line));
            of_it.map(|line| begins(line))
        };
        last(&self.lines)
            .or_else(|| last(&self.defaults))
            .unwrap_or(false)
    }

    /// What stands after those words, of all lines of its own that begin with them.
    pub fn after<'s>(&'s self, words: &'s [&str]) -> impl Iterator<Item = &'s [String]> {
        self.lines.iter().filter_map(move |line| {
            let begins = line.len() >= words.len()
                && line.iter().zip(words).all(|(word, wanted)| word == wanted);
            begins.then(|| &line[words.len()..])
        })
    }

    /// Whether it takes requests.
    pub fn is_frontend(&self) -> bool {
        matches!(self.kind.as_str(), "frontend" | "listen")
    }

    /// Whether it has servers.
    pub fn is_backend(&self) -> bool {
        matches!(self.kind.as_str(), "backend" | "listen")
    }
}

/// The sections of a configuration.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    let mut defaults: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let words = words(line);
        let Some(first) = words.first() else {
            continue;
        };
        if KINDS.contains(&first.as_str()) {
            // Later sections go by the newest defaults.
            if let Some(last) = all.last().filter(|last| last.kind == "defaults") {
                defaults.clone_from(&last.lines);
            }
            all.push(Section {
                kind: first.clone(),
                name: words.get(1).cloned().unwrap_or_default(),
                lines: Vec::new(),
                defaults: defaults.clone(),
            });
        } else if let Some(section) = all.last_mut() {
            section.lines.push(words);
        }
    }
    all
}

/// The words of a line: quotes keep blanks, a backslash takes the next character as it is, `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, '#') => break,
            (None, c) if c.is_whitespace() => all.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "global\n  stats socket /run/h.sock mode 660 level admin # all\n  server-state-file '/var/a b'\n\
        defaults\n  option idle-close-on-response\n  load-server-state-from-file global\n\
        frontend one\n  bind :80\nfrontend two\n  no option idle-close-on-response\nbackend b\n  server a 10.0.0.1:80 check\n";

    #[test]
    fn options_come_from_defaults_and_can_be_taken_back() {
        let all = sections(TEXT);
        let of = |name: &str| all.iter().find(|one| one.name == name);
        let option = ["option", "idle-close-on-response"];
        assert!(of("one").is_some_and(|one| one.is_frontend() && one.says(&option)));
        assert!(of("two").is_some_and(|two| !two.says(&option)));
        assert!(
            of("b").is_some_and(
                |b| b.is_backend() && b.says(&["load-server-state-from-file", "global"])
            )
        );
        assert!(!all[0].says(&option));
    }

    #[test]
    fn words_are_split_as_haproxy_does() {
        let all = sections(TEXT);
        let sockets: Vec<_> = all[0].after(&["stats", "socket"]).collect();
        assert_eq!(sockets, [["/run/h.sock", "mode", "660", "level", "admin"]]);
        let files: Vec<_> = all[0].after(&["server-state-file"]).collect();
        assert_eq!(files, [["/var/a b"]]);
    }
}
