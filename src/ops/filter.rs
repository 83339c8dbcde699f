//! Filters over rows: terms with blanks between, which all must hold.

use std::{borrow::Cow, fmt};

use regex::{Regex, RegexBuilder};

use super::sentence::seconds;
use crate::model::size;

/// A row as filters see it.
pub trait Row {
    /// The text of a key; several values are joined by commas. None when the row has no such value.
    fn value(&self, key: &str) -> Option<Cow<'_, str>>;

    /// The number of a key: bytes, seconds or percent. None when the row has no such number.
    fn number(&self, key: &str) -> Option<f64>;

    /// The texts in which a term without a key is searched.
    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>>;

    /// All keys with a text that rows of this kind know.
    fn keys() -> &'static [&'static str];

    /// All keys with a number.
    fn figures() -> &'static [&'static str];

    /// The words that a key is known to have, whether or not a row has them now.
    fn words(_key: &str) -> &'static [&'static str] {
        &[]
    }
}

/// What rows have to fit: `web !canary env:prod state:running /api-\d+/ cpu>50 mem>=500M`.
///
/// - `text`: somewhere in the row, in any case of letters; `"two words"` holds blanks
/// - `!term`: the term must not hold
/// - `key:value`: the value of that key. `env`, `group`, `state`, `health`, `is`, `port`,
///   `network`, `way` and `outcome` are compared as whole words, all others in part; `*` and `?`
///   are wildcards; without a value, the row must have any. A word before the colon that is no key of the row is ordinary text, so that
///   `nginx:1.25` finds an image.
/// - `/regex/`: somewhere in the row
/// - `key>number`, `<`, `>=`, `<=`, `=`: bytes may be written `500M`, `2G`; times `90s`, `10m`, `3d`
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    terms: Vec<Term>,
}

/// Filters are equal when they say the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    /// The text in small letters.
    Text(String),
    Regex(Regex),
    Value {
        key: String,
        value: Value,
        /// The whole term in small letters, for rows that do not know the key.
        term: String,
    },
    Number {
        key: String,
        relation: Relation,
        number: f64,
        term: String,
    },
}

#[derive(Clone, Debug)]
enum Value {
    Part(String),
    Whole(String),
    Glob(glob::Pattern),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Above,
    AtLeast,
    Below,
    AtMost,
    Equal,
}

/// Keys whose values are compared as whole words.
const WHOLE: [&str; 11] = [
    "env",
    "environment",
    "group",
    "state",
    "health",
    "is",
    "port",
    "network",
    "way",
    "outcome",
    "scope",
];

/// Keys whose numbers are times, so that `m` says minutes.
const TIMES: [&str; 4] = ["uptime", "age", "duration", "latency"];

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at '{term}')")]
pub struct FilterError {
    /// What is wrong.
    pub what: String,
    /// The term.
    pub term: String,
    /// Where the term begins in the filter, in bytes.
    pub at: usize,
}

impl Filter {
    /// Reads a filter.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let terms = split(text)?
            .into_iter()
            .map(|(at, term)| parse_term(at, term))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: text.trim().to_owned(),
            terms,
        })
    }

    /// Whether it holds for every row.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the row fits.
    pub fn matches<R: Row>(&self, row: &R) -> bool {
        self.terms
            .iter()
            .all(|term| term.test.holds(row) != term.negated)
    }

    /// Whether it asks for one of these keys.
    pub fn mentions(&self, keys: &[&str]) -> bool {
        self.terms.iter().any(|term| match &term.test {
            Test::Text(_) | Test::Regex(_) => false,
            Test::Value { key, .. } | Test::Number { key, .. } => keys.contains(&&**key),
        })
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The terms with their places; quotation marks and slashes hold blanks together.
fn split(text: &str) -> Result<Vec<(usize, &str)>, FilterError> {
    let mut terms = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(terms);
        }
        let at = text.len() - rest.len();
        let body = rest.trim_start_matches('!');
        let signs = rest.len() - body.len();
        let end = match body.chars().next() {
            Some(mark @ ('/' | '"')) => closing(body, mark).ok_or_else(|| FilterError {
                what: format!("the closing {mark} is missing"),
                term: rest.to_owned(),
                at,
            })?,
            _ => body.find(char::is_whitespace).unwrap_or(body.len()),
        };
        let (term, behind) = rest.split_at(signs + end);
        terms.push((at, term));
        rest = behind;
    }
}

/// Where the text that begins with the mark ends, behind the closing mark.
fn closing(text: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if mark == '/' => escaped = true,
            c if c == mark => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn parse_term(at: usize, term: &str) -> Result<Term, FilterError> {
    let error = |what: String| FilterError {
        what,
        term: term.to_owned(),
        at,
    };
    let body = term.trim_start_matches('!');
    let negated = (term.len() - body.len()) % 2 == 1;
    if body.is_empty() {
        return Err(error("after ! a term is missing".to_owned()));
    }
    let test = if let Some(regex) = enclosed(body, '/') {
        let regex = RegexBuilder::new(&regex.replace("\\/", "/"))
            .case_insensitive(true)
            .build()
            .map_err(|cause| error(why_no_regex(&cause)))?;
        Test::Regex(regex)
    } else if let Some(text) = enclosed(body, '"') {
        Test::Text(text.to_lowercase())
    } else if let Some(test) = parse_number(body) {
        test
    } else {
        parse_value(body).map_err(error)?
    };
    Ok(Term { negated, test })
}

fn enclosed(text: &str, mark: char) -> Option<&str> {
    text.strip_prefix(mark)?.strip_suffix(mark)
}

/// The last line of what regex says; the lines before draw the place.
fn why_no_regex(cause: &regex::Error) -> String {
    let text = cause.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("no regular expression: {last}")
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'%'))
}

fn parse_number(body: &str) -> Option<Test> {
    let at = body.find(['<', '>', '='])?;
    let (key, rest) = body.split_at(at);
    let (relation, value) = if let Some(value) = rest.strip_prefix(">=") {
        (Relation::AtLeast, value)
    } else if let Some(value) = rest.strip_prefix("<=") {
        (Relation::AtMost, value)
    } else if let Some(value) = rest.strip_prefix('>') {
        (Relation::Above, value)
    } else if let Some(value) = rest.strip_prefix('<') {
        (Relation::Below, value)
    } else {
        (Relation::Equal, rest.strip_prefix('=')?)
    };
    let number = quantity(value, TIMES.contains(&key))?;
    is_key(key).then(|| Test::Number {
        key: key.to_owned(),
        relation,
        number,
        term: body.to_lowercase(),
    })
}

/// Reads `50`, `12.5%`, `500M`, `2GiB`; for times `90s`, `10m`, `3d`.
fn quantity(text: &str, is_time: bool) -> Option<f64> {
    if is_time && let Some(seconds) = seconds(text) {
        return i32::try_from(seconds).ok().map(f64::from);
    }
    size(text.strip_suffix('%').unwrap_or(text))
}

fn parse_value(body: &str) -> Result<Test, String> {
    let Some((key, value)) = body.split_once(':') else {
        return Ok(Test::Text(body.to_lowercase()));
    };
    if !is_key(key) {
        return Ok(Test::Text(body.to_lowercase()));
    }
    let small = value.to_lowercase();
    let value = if small.contains(['*', '?']) {
        let pattern = glob::Pattern::new(&small).map_err(|error| error.msg.to_owned())?;
        Value::Glob(pattern)
    } else if WHOLE.contains(&key) && !small.is_empty() {
        Value::Whole(small)
    } else {
        Value::Part(small)
    };
    Ok(Test::Value {
        key: key.to_owned(),
        value,
        term: body.to_lowercase(),
    })
}

impl Test {
    fn holds<R: Row>(&self, row: &R) -> bool {
        let knows = |key: &str| R::keys().contains(&key) || R::figures().contains(&key);
        match self {
            Self::Text(text) => contains(row, text),
            Self::Regex(regex) => row.searched().any(|text| regex.is_match(&text)),
            Self::Value { key, term, .. } if !knows(key) => contains(row, term),
            Self::Number { key, term, .. } if !knows(key) => contains(row, term),
            Self::Value { key, value, .. } => row.value(key).is_some_and(|has| value.fits(&has)),
            Self::Number {
                key,
                relation,
                number,
                ..
            } => row
                .number(key)
                .is_some_and(|has| relation.holds(has, *number)),
        }
    }
}

fn contains<R: Row>(row: &R, small: &str) -> bool {
    row.searched()
        .any(|text| contains_in_any_case(&text, small))
}

/// Whether the text holds the other, which is in small letters.
fn contains_in_any_case(text: &str, small: &str) -> bool {
    if text.is_ascii() {
        let (text, small) = (text.as_bytes(), small.as_bytes());
        small.is_empty()
            || text
                .windows(small.len())
                .any(|part| part.eq_ignore_ascii_case(small))
    } else {
        text.to_lowercase().contains(small)
    }
}

impl Value {
    fn fits(&self, has: &str) -> bool {
        match self {
            Self::Part(part) => contains_in_any_case(has, part),
            Self::Whole(whole) => has
                .split(',')
                .any(|one| one.trim().to_lowercase() == *whole),
            Self::Glob(pattern) => has
                .split(',')
                .any(|one| pattern.matches(&one.trim().to_lowercase())),
        }
    }
}

impl Relation {
    fn holds(self, has: f64, wanted: f64) -> bool {
        match self {
            Self::Above => has > wanted,
            Self::AtLeast => has >= wanted,
            Self::Below => has < wanted,
            Self::AtMost => has <= wanted,
            Self::Equal => (has - wanted).abs() < f64::EPSILON * wanted.abs().max(1.0),
        }
    }
}
