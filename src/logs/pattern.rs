//! What is looked for in lines: a text or a regular expression.

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

/// A text or a regular expression, as it was typed.
///
/// `text` is found in any case as long as it has no capital letter (as `less` and Vim's smartcase do), `"text"` as it
/// stands, `/expression/` as a regular expression with the same rule for capitals; `/expression/i` in any case.
#[derive(Clone, Debug)]
pub struct Pattern {
    typed: String,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Text(Box<Finder<'static>>),
    Expression(Regex),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not understood: {why}")]
pub struct PatternError {
    /// What was typed.
    text: String,
    /// What is wrong with it.
    why: String,
}

impl PatternError {
    pub(super) fn new(text: &str, why: &str) -> Self {
        let (text, why) = (text.to_owned(), why.to_owned());
        Self { text, why }
    }
}

/// No expression is compiled to more than this.
const LARGEST: usize = 4 << 20;

impl Pattern {
    /// Reads a pattern; none for an empty text.
    pub fn parse(text: &str) -> Result<Option<Self>, PatternError> {
        let quoted = |text: &str| -> Option<String> {
            Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        };
        let matcher = if let Some((expression, any_case)) = expression(text) {
            Matcher::Expression(compile(text, expression, any_case)?)
        } else if let Some(exact) = quoted(text).filter(|exact| !exact.is_empty()) {
            literal(&exact)
        } else if text.is_empty() || text == "\"\"" || text == "//" {
            return Ok(None);
        } else if text.chars().any(char::is_uppercase) || !text.chars().any(char::is_alphabetic) {
            literal(text)
        } else {
            Matcher::Expression(compile(text, &regex::escape(text), true)?)
        };
        Ok(Some(Self {
            typed: text.to_owned(),
            matcher,
        }))
    }

    /// As it was typed.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Whether it is in the line.
    pub fn is_in(&self, line: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Text(finder) => finder.find(line).is_some(),
            Matcher::Expression(regex) => regex.is_match(line),
        }
    }

    /// Where it is in the line: start and end of each place, none of them empty.
    pub fn places(&self, line: &[u8]) -> Vec<(usize, usize)> {
        match &self.matcher {
            Matcher::Text(finder) => {
                let length = finder.needle().len();
                finder.find_iter(line).map(|at| (at, at + length)).collect()
            }
            Matcher::Expression(regex) => regex
                .find_iter(line)
                .map(|found| (found.start(), found.end()))
                .filter(|(start, end)| start < end)
                .collect(),
        }
    }

    /// How many bytes cost as much as one would for a plain text, about: expressions without a text in them are
    /// thirty times slower.
    pub(super) fn cost(&self) -> usize {
        match &self.matcher {
            Matcher::Text(_) => 1,
            Matcher::Expression(_) => 8,
        }
    }

    /// The next place at or after `from` in a text of many lines; it may reach beyond its line.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        match &self.matcher {
            Matcher::Text(finder) => {
                let at = from + finder.find(text.get(from..)?)?;
                Some((at, at + finder.needle().len()))
            }
            Matcher::Expression(regex) => {
                let found = (from <= text.len()).then(|| regex.find_at(text, from))??;
                Some((found.start(), found.end()))
            }
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.typed == other.typed
    }
}

fn literal(text: &str) -> Matcher {
    Matcher::Text(Box::new(Finder::new(text.as_bytes()).into_owned()))
}

/// The expression between slashes, and whether case does not count.
fn expression(text: &str) -> Option<(&str, bool)> {
    let body = text.strip_prefix('/')?;
    let (body, any_case) = match body.strip_suffix("/i") {
        Some(body) => (body, true),
        None => {
            let body = body.strip_suffix('/')?;
            (body, !has_capital(body))
        }
    };
    (!body.is_empty()).then_some((body, any_case))
}

/// Whether an expression has a capital letter that is not a class like `\S`.
fn has_capital(expression: &str) -> bool {
    let mut escaped = false;
    expression.chars().any(|c| {
        let counts = !escaped && c.is_uppercase();
        escaped = c == '\\' && !escaped;
        counts
    })
}

fn compile(typed: &str, expression: &str, any_case: bool) -> Result<Regex, PatternError> {
    RegexBuilder::new(expression)
        .case_insensitive(any_case)
        .multi_line(true)
        .size_limit(LARGEST)
        .build()
        .map_err(|error| PatternError {
            text: typed.to_owned(),
            why: error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned(),
        })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::Pattern;

    fn is_in(pattern: &str, line: &str) -> bool {
        Pattern::parse(pattern)
            .unwrap()
            .unwrap()
            .is_in(line.as_bytes())
    }

    #[test]
    fn capitals_count_where_one_is_typed() {
        assert!(is_in("error", "an ERROR"));
        assert!(!is_in("Error", "an ERROR"));
        assert!(!is_in("\"error\"", "an ERROR"));
        assert!(is_in("\"two words\"", "the two words"));
        assert!(is_in(r"/time\Sut/", "TIME-OUT: Time-ut"));
        assert!(!is_in("/Time/", "time"));
        assert!(is_in("/Time/i", "time"));
        assert!(is_in("a.b(", "xa.b(x"));
        assert!(is_in("/", "a/b"));
        assert!(is_in("größe", "GRÖSSE Größe"));
    }

    #[test]
    fn nothing_is_no_pattern_and_a_broken_one_says_why() {
        assert_eq!(Pattern::parse("").unwrap(), None);
        assert_eq!(Pattern::parse("//").unwrap(), None);
        let said = Pattern::parse("/a(b/").unwrap_err().to_string();
        assert!(
            said.contains("/a(b/") && said.contains("unclosed group"),
            "{said}"
        );
    }

    #[test]
    fn places_are_told_within_a_line() {
        let pattern = Pattern::parse("ab").unwrap().unwrap();
        assert_eq!(pattern.places(b"abxAB"), [(0, 2), (3, 5)]);
        let pattern = Pattern::parse("/x*/").unwrap().unwrap();
        assert_eq!(pattern.places(b"axxb"), [(1, 3)]);
    }
}
