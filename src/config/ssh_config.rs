//! Finds the names of hosts in OpenSSH's configuration; ssh itself decides what they mean.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{Env, Paths};

/// How deep `Include` may nest, as in OpenSSH.
const DEPTH: usize = 16;
/// How many files are read at most: an include that matches the world must not hang the start.
const FILES: usize = 1000;

/// The aliases that `Host` lines name, in the order of the files. Patterns with wildcards and
/// negations (`web-*`, `!web-1`) are no hosts.
pub(super) fn aliases(env: &Env, paths: &Paths, config: Option<&Path>) -> Vec<String> {
    let user = paths.home.join(".ssh");
    let system = env.at("/etc/ssh");
    let mut reader = Reader {
        home: &paths.home,
        aliases: Vec::new(),
        seen: BTreeSet::new(),
        files: 0,
    };
    if let Some(config) = config {
        reader.file(config, &user, 0);
    } else {
        reader.file(&user.join("config"), &user, 0);
        reader.file(&system.join("ssh_config"), &system, 0);
    }
    reader.aliases
}

struct Reader<'a> {
    home: &'a Path,
    aliases: Vec<String>,
    seen: BTreeSet<String>,
    files: usize,
}

impl Reader<'_> {
    /// Reads one file; what cannot be read is ssh's business, not ours.
    fn file(&mut self, path: &Path, base: &Path, depth: usize) {
        self.files += 1;
        if depth > DEPTH || self.files > FILES {
            return;
        }
        let Ok(bytes) = fs::read(path) else { return };
        for line in String::from_utf8_lossy(&bytes).lines() {
            let mut words = words(line).into_iter();
            match words.next().map(|word| word.to_lowercase()).as_deref() {
                Some("host") => words.for_each(|word| self.alias(word)),
                Some("include") => words.for_each(|word| self.include(&word, base, depth)),
                Some(_) | None => {}
            }
        }
    }

    fn alias(&mut self, word: String) {
        let is_pattern = word.starts_with('!') || word.contains(['*', '?']);
        if !is_pattern && !word.is_empty() && self.seen.insert(word.clone()) {
            self.aliases.push(word);
        }
    }

    fn include(&mut self, word: &str, base: &Path, depth: usize) {
        let pattern = match word.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            // An absolute path replaces the base.
            None => base.join(word),
        };
        let files: Vec<PathBuf> = glob::glob(&pattern.to_string_lossy())
            .map(|found| found.flatten().collect())
            .unwrap_or_default();
        for file in files {
            self.file(&file, base, depth + 1);
        }
    }
}

/// The words of a line: the keyword may be followed by `=`, arguments may be in quotes, and `#`
/// begins a comment.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let is_end = |c: char| c.is_whitespace() || (words.is_empty() && c == '=');
        let (word, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted.split_once('"').unwrap_or((quoted, ""))
        } else {
            rest.split_at(rest.find(is_end).unwrap_or(rest.len()))
        };
        words.push(word.to_owned());
        rest = after.trim_start();
        if words.len() == 1 {
            rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_ssh_reads_them() {
        assert_eq!(
            words("Host web-1 \"web 2\" # x"),
            ["Host", "web-1", "web 2"]
        );
        assert_eq!(words("  host=web-1"), ["host", "web-1"]);
        assert_eq!(words("Host = web-1"), ["Host", "web-1"]);
        assert_eq!(words("Host a=b"), ["Host", "a=b"]);
        assert!(words("# Host no").is_empty());
        assert!(words("").is_empty());
    }
}
