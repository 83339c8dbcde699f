//! Which lines are shown: terms that must all hold.

use std::str::FromStr as _;

use super::{Level, Pattern, PatternError};
use crate::model::Stream;

/// Terms that must all hold: texts and expressions as [`Pattern`] reads them, `!` before one for lines without it,
/// `level:warn` for that level and graver ones, `stream:stderr`, `from:name` for lines of containers with that in
/// their name. Terms are parted by spaces; quotes and slashes hold spaces together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    typed: String,
    pub(super) terms: Vec<Term>,
}

/// One term; `is_not` turns it round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub is_not: bool,
    pub test: Test,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Pattern(Pattern),
    Level(Level),
    Stream(Stream),
    From(String),
}

impl Filter {
    /// Reads a filter. A level or stream that does not exist is refused.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut terms = Vec::new();
        for word in words(text) {
            let (is_not, word) = match word.strip_prefix('!') {
                Some(rest) if !rest.is_empty() => (true, rest),
                _ => (false, word),
            };
            if let Some(test) = test(word)? {
                terms.push(Term { is_not, test });
            }
        }
        let typed = text.trim().to_owned();
        Ok(Self { typed, terms })
    }

    /// As it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Whether every line is shown.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The patterns that shown lines have, for highlighting.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.terms.iter().filter_map(|term| match &term.test {
            Test::Pattern(pattern) if !term.is_not => Some(pattern),
            _ => None,
        })
    }

    /// Whether one line is shown; `name` is its container's.
    pub fn shows(&self, stream: Stream, name: &str, text: &[u8]) -> bool {
        self.terms.iter().all(|term| {
            let holds = match &term.test {
                Test::Pattern(pattern) => pattern.is_in(text),
                Test::Level(least) => Level::of(text).is_some_and(|level| level >= *least),
                Test::Stream(wanted) => stream == *wanted,
                Test::From(part) => name.contains(part.as_str()),
            };
            holds != term.is_not
        })
    }

    /// What a byte costs to be filtered; see [`Pattern::cost`].
    pub(super) fn cost(&self) -> usize {
        let cost = |term: &Term| match &term.test {
            Test::Pattern(pattern) => pattern.cost(),
            Test::Level(_) => 8,
            Test::Stream(_) | Test::From(_) => 1,
        };
        self.terms.iter().map(cost).sum::<usize>().max(1)
    }
}

fn test(word: &str) -> Result<Option<Test>, PatternError> {
    let refused = |why: &str| PatternError::new(word, why);
    Ok(Some(match word.split_once(':') {
        Some(("level", name)) => {
            Test::Level(Level::from_str(name).map_err(|()| {
                refused("the levels are trace, debug, info, warn, error and fatal")
            })?)
        }
        Some(("stream", name)) => Test::Stream(match name {
            "stdout" | "out" => Stream::Stdout,
            "stderr" | "err" => Stream::Stderr,
            _ => return Err(refused("the streams are stdout and stderr")),
        }),
        Some(("from", name)) => Test::From(name.to_owned()),
        Some(_) | None => return Ok(Pattern::parse(word)?.map(Test::Pattern)),
    }))
}

/// The words of a filter; what begins with a quote or a slash goes to the next one of them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let body = rest.strip_prefix('!').unwrap_or(rest);
        let held = match body.chars().next() {
            Some(mark @ ('"' | '/')) => closing(&body[1..], mark).map(|end| end + 1),
            Some(_) | None => None,
        };
        let skipped = rest.len() - body.len();
        let end = held.map_or(0, |held| skipped + held);
        let end = rest[end..]
            .find(char::is_whitespace)
            .map_or(rest.len(), |at| end + at);
        words.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    words
}

/// Behind the mark that closes; one after a backslash does not, nor one in the middle of a word.
fn closing(text: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        let after = &text[at + c.len_utf8()..];
        let ends = after.is_empty()
            || after.starts_with(char::is_whitespace)
            || after
                .strip_prefix('i')
                .is_some_and(|more| more.is_empty() || more.starts_with(char::is_whitespace));
        if c == mark && !escaped && ends {
            return Some(at + 1);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn shows(filter: &str, text: &str) -> bool {
        Filter::parse(filter)
            .unwrap()
            .shows(Stream::Stderr, "web-1@ams", text.as_bytes())
    }

    #[test]
    fn all_terms_must_hold() {
        assert!(shows("", "anything"));
        assert!(shows("get 200", "GET /x 200"));
        assert!(!shows("get 404", "GET /x 200"));
        assert!(shows("!health get", "GET /x 200"));
        assert!(!shows("!health", "GET /health"));
        assert!(shows("\"two words\" !three", "two words"));
        assert!(shows(r"/a b\/c/ level:warn", "ERROR: a b/c"));
        assert!(!shows("level:error", "WARN: x"));
        assert!(!shows("level:info", "no level"));
        assert!(shows("stream:stderr from:web", "x"));
        assert!(!shows("!from:web", "x"));
        assert!(shows("!", "hey!"));
        assert!(shows("/usr/bin", "in /usr/bin"));
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        for text in ["level:loud", "stream:3", "/(/"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
