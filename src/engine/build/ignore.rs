//! Which files of a directory stay at home: the rules of `.dockerignore`, as Docker reads them.

use regex::Regex;

use crate::engine::image::spool::clean;

/// The rules of one file, in its order: the last that fits decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    takes_back: bool,
    fits: Regex,
    /// As it is written, cleaned.
    text: String,
}

impl Ignore {
    /// Reads the rules of a file.
    ///
    /// # Errors
    /// When a line is no rule; says which.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim_start_matches('\u{feff}');
        let mut rules = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            // A comment begins in the first column; Docker takes ` #` for a name.
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let rule =
                Rule::read(line.trim()).map_err(|why| format!("line {number}, '{line}': {why}"))?;
            rules.extend(rule);
        }
        Ok(Self { rules })
    }

    /// Whether what has that name, with `/` between its parts, stays at home.
    pub fn leaves_out(&self, name: &str) -> bool {
        let parents: Vec<&str> = name.match_indices('/').map(|(at, _)| &name[..at]).collect();
        let fits = |rule: &Rule| {
            rule.fits.is_match(name) || parents.iter().any(|parent| rule.fits.is_match(parent))
        };
        self.rules.iter().fold(false, |out, rule| {
            // Only a rule that would change something has to be looked at.
            if out == rule.takes_back && fits(rule) {
                !rule.takes_back
            } else {
                out
            }
        })
    }

    /// Whether something below a directory that stays at home may go along all the same.
    pub fn may_take_back_below(&self, directory: &str) -> bool {
        self.rules.iter().any(|rule| {
            rule.takes_back && {
                // Before its first wildcard a rule says where it is about.
                let end = rule.text.find(['*', '?', '[', '\\']);
                let plain = &rule.text[..end.unwrap_or(rule.text.len())];
                let below = format!("{directory}/");
                match end {
                    None => plain.starts_with(&below),
                    Some(_) => plain.starts_with(&below) || below.starts_with(plain),
                }
            }
        })
    }
}

impl Rule {
    /// A line without the spaces around it; nothing where it says nothing.
    fn read(line: &str) -> Result<Option<Self>, String> {
        let (takes_back, pattern) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        if pattern.is_empty() {
            return Err("there is nothing after the !".to_owned());
        }
        let text = clean(pattern);
        if text.is_empty() {
            return Ok(None);
        }
        let fits = Regex::new(&expression(&text))
            .map_err(|_| "it is no pattern: is a [ left open?".to_owned())?;
        Ok(Some(Self {
            takes_back,
            fits,
            text,
        }))
    }
}

/// A pattern as an expression: `*` and `?` stay within a part, `**` goes over any number of them.
fn expression(pattern: &str) -> String {
    let mut out = String::from("(?s)^");
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '*' if letters.peek() == Some(&'*') => {
                while letters.next_if_eq(&'*').is_some() {}
                letters.next_if_eq(&'/');
                out.push_str(if letters.peek().is_none() {
                    ".*"
                } else {
                    "(?:.*/)?"
                });
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => {
                let next = letters.next().unwrap_or('\\');
                out.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
            }
            '[' => {
                out.push('[');
                let mut is_open = true;
                for inner in letters.by_ref() {
                    match inner {
                        ']' => {
                            out.push(']');
                            is_open = false;
                            break;
                        }
                        // What means more to the expression than to the pattern.
                        '[' | '&' | '~' => {
                            out.push('\\');
                            out.push(inner);
                        }
                        inner => out.push(inner),
                    }
                }
                if is_open {
                    // The expression stays open, and is refused.
                    return out;
                }
            }
            plain => out.push_str(&regex::escape(plain.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Rules, what stays at home, what goes along.
    const TABLE: &[(&str, &[&str], &[&str])] = &[
        ("", &[], &["a", ".git/config"]),
        (
            "# comment\n\n  target  \n",
            &["target", "target/debug/x"],
            &["src/target", "targets"],
        ),
        ("/target/", &["target", "target/x"], &["src/target"]),
        ("*.log", &["a.log", "a.log/x"], &["sub/a.log", "a.logs"]),
        ("*/*.log", &["sub/a.log"], &["a.log", "sub/sub/a.log"]),
        ("**/*.log", &["a.log", "sub/sub/a.log"], &["a.log2"]),
        ("**", &["a", "a/b"], &[]),
        ("**/", &["a", "a/b"], &[]),
        ("a/**", &["a/b", "a/b/c"], &["a", "b"]),
        ("a/**/z", &["a/z", "a/b/z", "a/b/c/z/x"], &["a/zz", "z"]),
        (
            "temp?",
            &["tempa", "tempb/x"],
            &["temp", "temp/x", "tempaa"],
        ),
        ("[a-c].txt", &["a.txt", "c.txt"], &["d.txt", "aa.txt"]),
        ("[^a].txt", &["b.txt"], &["a.txt"]),
        ("a\\*b", &["a*b"], &["aXb"]),
        ("a.b$(c)", &["a.b$(c)"], &["aXb$(c)"]),
        ("./src/../docs//x", &["docs/x"], &["src/docs/x"]),
        (
            "*.md\n!README.md\nREADME-secret.md",
            &["x.md", "README-secret.md"],
            &["README.md"],
        ),
        (
            "*.md\n!README*.md\nREADME-secret.md",
            &["README-secret.md"],
            &["README.md", "README-2.md"],
        ),
        (
            "*\n!src\n!Cargo.*",
            &["x", "y/z"],
            &["src", "src/a/b", "Cargo.toml"],
        ),
        ("**\n!**/*.rs", &["a/b.c"], &["a/b.rs", "b.rs"]),
        (
            "src\n!src/keep",
            &["src", "src/x"],
            &["src/keep", "src/keep/y"],
        ),
        ("!keep\nkeep", &["keep"], &[]),
        ("! keep", &[], &["keep"]),
        ("\u{feff}first", &["first"], &[]),
        (".", &[], &["a"]),
    ];

    #[test]
    fn the_rules_are_dockers() {
        for (rules, out, along) in TABLE {
            let ignore = Ignore::read(rules).unwrap();
            for name in *out {
                assert!(ignore.leaves_out(name), "{rules:?} leaves {name} out");
            }
            for name in *along {
                assert!(!ignore.leaves_out(name), "{rules:?} sends {name}");
            }
        }
    }

    #[test]
    fn what_is_no_rule_is_told_with_its_line() {
        for (text, line) in [("a\n!", "line 2, '!'"), ("[a", "line 1, '[a'")] {
            let why = Ignore::read(text).unwrap_err();
            assert!(why.starts_with(line), "{why}");
        }
    }

    #[test]
    fn directories_are_gone_through_only_where_something_is_taken_back() {
        let below = |rules: &str, directory: &str| {
            Ignore::read(rules).unwrap().may_take_back_below(directory)
        };
        assert!(!below("target", "target"));
        assert!(below("src\n!src/keep", "src"));
        assert!(!below("src\n!src/keep", "target"));
        assert!(!below("src\n!src", "src/x"), "it is not left out then");
        assert!(below("**\n!**/*.rs", "any/where"));
        assert!(below("a\n!a/*/c", "a/b"));
        assert!(!below("a\n!a/*/c", "b"));
    }
}
