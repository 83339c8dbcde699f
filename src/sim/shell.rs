//! A shell of a dozen commands, to have something to talk to in a simulated container.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::clock::{self, Nanos};
use super::container::Container;
use super::files::{self, Content, Entry, Tree};

/// What a command did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Its output.
    pub stdout: Vec<u8>,
    /// Its complaints.
    pub stderr: Vec<u8>,
    /// Its exit code.
    pub code: i64,
    /// How long it took.
    pub took: Duration,
    /// Whether the shell ends with it.
    pub exits: bool,
}

impl Outcome {
    fn said(text: impl Into<Vec<u8>>) -> Self {
        Self {
            stdout: text.into(),
            ..Self::default()
        }
    }

    fn failed(code: i64, text: impl Into<Vec<u8>>) -> Self {
        Self {
            stderr: text.into(),
            code,
            ..Self::default()
        }
    }
}

/// Where a command runs.
#[derive(Clone, Debug)]
pub struct Shell {
    container: Container,
    host_cpus: u32,
    tree: Tree,
    directory: String,
    last_code: i64,
    /// The first command that fails ends a script.
    stops_at_failures: bool,
    /// What was written, in order.
    written: Vec<(String, Entry)>,
    /// Rows and columns of the terminal, where there is one.
    pub size: Option<(u16, u16)>,
    /// The moment of the look at the container.
    now: Nanos,
}

/// Commands that are programs in the image; the others are the shell's own.
const PROGRAMS: [&str; 18] = [
    "cat", "date", "echo", "env", "false", "head", "hostname", "id", "ls", "nproc", "printf", "ps",
    "pwd", "seq", "sleep", "stty", "true", "uname",
];

/// Whether the image has this program.
pub fn has_program(container: &Container, name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    match name {
        // Small images come without it, which is why a client tries several shells.
        "bash" => !container.plan.image.contains("alpine"),
        "sh" | "ash" => true,
        name => PROGRAMS.contains(&name),
    }
}

/// Whether this program is a shell.
pub fn is_shell(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some("sh" | "ash" | "bash"))
}

/// Whether it is a command of this shell.
fn knows(name: &str) -> bool {
    PROGRAMS.contains(&name) || matches!(name, "exit" | ":" | "cd")
}

/// Whether a container's command is one that this shell knows whole, and that ends by itself: a
/// program of its own, or a script of nothing else.
pub fn ends_by_itself(words: &[&str]) -> bool {
    match words {
        [shell, "-c", script] if is_shell(shell) => {
            let commands = chains(script).into_iter().flatten();
            let mut names = commands.filter_map(|command| command.split_whitespace().next());
            names.all(knows)
        }
        // Without an argument it waits for its input.
        ["cat"] | [] => false,
        [name, ..] => knows(name),
    }
}

impl Shell {
    /// A shell in a container as it is now.
    pub fn new(container: &Container, host_cpus: u32, now: Nanos, directory: &str) -> Self {
        Self {
            tree: files::tree(container, now),
            container: container.clone(),
            host_cpus,
            directory: files::normal(directory),
            last_code: 0,
            stops_at_failures: false,
            written: Vec::new(),
            size: None,
            now,
        }
    }

    /// What it asks with.
    pub fn prompt(&self) -> String {
        let directory = if self.directory.is_empty() {
            "/"
        } else {
            &self.directory
        };
        format!("{directory} # ")
    }

    /// The code of the last command.
    pub const fn last_code(&self) -> i64 {
        self.last_code
    }

    /// What a container's command does from beginning to end, and what it wrote, with all files that it sees.
    pub fn whole_life(mut self, words: &[&str], tree: Tree) -> (Outcome, Vec<(String, Entry)>) {
        self.tree = tree;
        files::add_parents(&mut self.tree, &format!("{}/", self.directory), self.now);
        let outcome = match words {
            [shell, "-c", script] if is_shell(shell) => self.script(script),
            [shell, "-e", "-c", script] if is_shell(shell) => {
                self.stops_at_failures = true;
                self.script(script)
            }
            [name, ..] if !knows(name) => Outcome {
                took: Duration::from_secs(1),
                ..Outcome::default()
            },
            words => self.run(words),
        };
        (outcome, self.written)
    }

    /// Runs a script: commands apart by `;`, `&&` or ends of lines.
    pub fn script(&mut self, script: &str) -> Outcome {
        let mut all = Outcome::default();
        'lines: for chain in chains(script) {
            let last = chain.len() - 1;
            for (nth, command) in chain.into_iter().enumerate() {
                let one = self.line(command);
                all.stdout.extend(one.stdout);
                all.stderr.extend(one.stderr);
                all.took += one.took;
                all.code = one.code;
                if one.exits {
                    all.exits = true;
                    break 'lines;
                }
                if one.code != 0 {
                    if self.stops_at_failures && nth == last {
                        break 'lines;
                    }
                    break;
                }
            }
        }
        all
    }

    /// Sends output where the words want it: `> FILE`, `>> FILE`, `>&2`.
    fn redirected(&mut self, words: &[&str]) -> Outcome {
        let sign = |word: &&str| matches!(*word, ">" | ">>" | ">&2" | "1>&2");
        let Some(place) = words.iter().position(sign) else {
            return self.run(words);
        };
        let mut outcome = self.run(&words[..place]);
        let said = std::mem::take(&mut outcome.stdout);
        match (words[place], words.get(place + 1)) {
            (">&2" | "1>&2", _) => outcome.stderr.extend(said),
            (sign, Some(path)) => {
                let complaint = self.write(path, said, sign == ">>");
                if !complaint.is_empty() {
                    outcome = Outcome::failed(1, complaint);
                }
            }
            (_, None) => outcome = Outcome::failed(2, "sh: syntax error: unexpected newline\n"),
        }
        outcome
    }

    /// Writes a file; what it says when it cannot.
    fn write(&mut self, path: &str, bytes: Vec<u8>, appends: bool) -> String {
        let place = self.absolute(path);
        let parent = place.rsplit_once('/').map_or("", |(parent, _)| parent);
        let is_directory = |place: &str| matches!(self.tree.get(place), Some(one) if one.content == Content::Directory);
        if !is_directory(parent) || is_directory(&place) {
            return format!("sh: can't create {path}: nonexistent directory\n");
        }
        let mut whole = match self.tree.get(&place).map(|entry| &entry.content) {
            Some(Content::File(old)) if appends => old.to_vec(),
            _ => Vec::new(),
        };
        whole.extend(bytes);
        self.put(place, Content::File(whole.into()), 0o644);
        String::new()
    }

    fn put(&mut self, place: String, content: Content, mode: u32) {
        let changed = self.now;
        let entry = Entry {
            content,
            mode,
            changed,
        };
        self.written.push((place.clone(), entry.clone()));
        self.tree.insert(place, entry);
    }

    /// `mkdir [-p] PATH…`
    fn make_directories(&mut self, words: &[&str]) -> Outcome {
        for path in words.iter().filter(|word| !word.starts_with('-')) {
            let place = self.absolute(path);
            let ends = place.match_indices('/').map(|(end, _)| end).skip(1);
            let parts: Vec<String> = ends
                .chain([place.len()])
                .map(|end| place[..end].to_owned())
                .collect();
            for part in parts {
                if !self.tree.contains_key(&part) {
                    self.put(part, Content::Directory, 0o755);
                }
            }
        }
        Outcome::default()
    }

    /// `test -e PATH`, `-f`, `-d`, `-n TEXT`, `-z TEXT`.
    fn test(&self, words: &[&str]) -> Outcome {
        let (what, of) = match words {
            [what, of] | [what, of, "]"] => (*what, *of),
            _ => ("", ""),
        };
        let there = self.tree.get(&self.absolute(of)).map(|one| &one.content);
        let holds = match what {
            "-e" => there.is_some(),
            "-f" => matches!(there, Some(Content::File(_))),
            "-d" => matches!(there, Some(Content::Directory)),
            "-n" => !of.is_empty(),
            "-z" => of.is_empty(),
            _ => false,
        };
        Outcome {
            code: i64::from(!holds),
            ..Outcome::default()
        }
    }

    /// Runs one command of a line.
    fn line(&mut self, line: &str) -> Outcome {
        let line = line.replace("$?", &self.last_code.to_string());
        let Some(mut words) = shlex::split(&line) else {
            return Outcome::failed(2, "sh: syntax error: unterminated quoted string\n");
        };
        if words.is_empty() {
            return Outcome {
                code: self.last_code,
                ..Outcome::default()
            };
        }
        let environment: BTreeMap<&str, &str> = self
            .container
            .plan
            .env
            .iter()
            .filter_map(|one| one.split_once('='))
            .collect();
        for word in &mut words {
            if let Some(name) = word.strip_prefix('$') {
                *word = environment
                    .get(name)
                    .copied()
                    .unwrap_or_default()
                    .to_owned();
            }
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let outcome = self.redirected(&words);
        self.last_code = outcome.code;
        outcome
    }

    /// Runs a program or one of the shell's own commands.
    pub fn run(&mut self, words: &[&str]) -> Outcome {
        let Some((name, rest)) = words.split_first() else {
            return Outcome::default();
        };
        let ok = Outcome::said;
        match name.rsplit('/').next().unwrap_or(name) {
            "echo" => ok(rest.join(" ") + "\n"),
            "printf" => Outcome::said(formatted(rest)),
            "mkdir" => self.make_directories(rest),
            "test" | "[" => self.test(rest),
            "false" => Outcome {
                code: 1,
                ..Outcome::default()
            },
            "exit" => Outcome {
                code: rest
                    .first()
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(self.last_code),
                exits: true,
                ..Outcome::default()
            },
            "pwd" => ok(format!("/{}\n", self.directory.trim_start_matches('/'))),
            "cd" => self.change_directory(rest.first().copied().unwrap_or("/")),
            "ls" => self.list(rest),
            "cat" | "head" => self.print(rest),
            "hostname" => ok(format!("{}\n", &self.container.id[..12])),
            "uname" => ok(self.kernel(rest)),
            "nproc" => ok(format!("{}\n", self.host_cpus)),
            "date" => ok(clock::rfc3339_seconds(self.now) + "\n"),
            "env" => ok(self.container.plan.env.join("\n") + "\n"),
            "id" => Outcome::said("uid=0(root) gid=0(root) groups=0(root)\n"),
            "ps" => ok(format!(
                "PID   USER     COMMAND\n    1 root     {}\n",
                self.container.plan.argv().join(" ")
            )),
            "stty" if rest.first() == Some(&"size") => self.terminal_size(),
            "true" | ":" | "stty" => Outcome::default(),
            "seq" => ok(sequence(rest)),
            "sleep" => Outcome {
                took: rest
                    .first()
                    .and_then(|text| text.parse().ok())
                    .and_then(seconds)
                    .unwrap_or_default(),
                ..Outcome::default()
            },
            "sh" | "ash" | "bash" => match rest {
                ["-c", script, ..] => Outcome {
                    exits: false,
                    ..self.script(script)
                },
                _ => Outcome::default(),
            },
            other => Outcome::failed(127, format!("sh: {other}: not found\n")),
        }
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            files::normal(path)
        } else {
            files::normal(&format!("{}/{path}", self.directory))
        }
    }

    fn change_directory(&mut self, path: &str) -> Outcome {
        let wanted = self.absolute(path);
        match self.tree.get(&wanted).map(|entry| &entry.content) {
            Some(Content::Directory) => {
                self.directory = wanted;
                Outcome::default()
            }
            _ => Outcome::failed(
                2,
                format!("sh: cd: can't cd to {path}: No such file or directory\n"),
            ),
        }
    }

    fn list(&self, words: &[&str]) -> Outcome {
        let path = words
            .iter()
            .find(|word| !word.starts_with('-'))
            .copied()
            .unwrap_or(".");
        let wanted = self.absolute(path);
        match self.tree.get(&wanted).map(|entry| &entry.content) {
            None => Outcome::failed(1, format!("ls: {path}: No such file or directory\n")),
            Some(Content::Directory) => {
                let prefix = format!("{wanted}/");
                let below = self.tree.range(prefix.clone()..).map(|(path, _)| path);
                let below = below.take_while(|path| path.starts_with(&prefix));
                let names = below.map(|path| &path[prefix.len()..]);
                let names = names.filter(|name| !name.is_empty() && !name.contains('/'));
                Outcome::said(lines(names))
            }
            Some(_) => Outcome::said(format!("{path}\n")),
        }
    }

    fn print(&self, words: &[&str]) -> Outcome {
        let mut outcome = Outcome::default();
        for path in words.iter().filter(|word| !word.starts_with('-')) {
            match self
                .tree
                .get(&self.absolute(path))
                .map(|entry| &entry.content)
            {
                Some(Content::File(bytes)) => outcome.stdout.extend_from_slice(bytes),
                Some(Content::Link(target)) => outcome.stdout.extend_from_slice(target.as_bytes()),
                Some(Content::Directory) => {
                    outcome
                        .stderr
                        .extend(format!("cat: read error: Is a directory: {path}\n").bytes());
                    outcome.code = 1;
                }
                None => {
                    outcome.stderr.extend(
                        format!("cat: can't open '{path}': No such file or directory\n").bytes(),
                    );
                    outcome.code = 1;
                }
            }
        }
        outcome
    }

    fn kernel(&self, words: &[&str]) -> String {
        match words {
            ["-a"] => format!(
                "Linux {} 6.1.0-25-amd64 #1 SMP x86_64 GNU/Linux\n",
                &self.container.id[..12]
            ),
            ["-m"] => "x86_64\n".into(),
            ["-r"] => "6.1.0-25-amd64\n".into(),
            _ => "Linux\n".into(),
        }
    }

    fn terminal_size(&self) -> Outcome {
        match self.size {
            None => Outcome::failed(1, "stty: standard input: Not a tty\n"),
            Some((rows, columns)) => Outcome::said(format!("{rows} {columns}\n")),
        }
    }
}

/// Each on a line of its own.
fn lines(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    items.fold(String::new(), |mut all, item| {
        let _ = writeln!(all, "{item}");
        all
    })
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

/// `seq LAST` and `seq FIRST LAST`, at most a million numbers.
fn sequence(words: &[&str]) -> String {
    let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let (first, last) = match numbers[..] {
        [last] => (1, last),
        [first, last] => (first, last),
        _ => return String::new(),
    };
    lines((first..=last).take(1_000_000))
}

/// `printf FORMAT TEXT…`, with `%s` only.
fn formatted(words: &[&str]) -> Vec<u8> {
    let (format, texts) = words.split_first().unwrap_or((&"", &[]));
    let mut texts = texts.iter();
    let mut parts = format.split("%s");
    let mut out = escapes(parts.next().unwrap_or_default());
    for part in parts {
        out.extend(texts.next().map_or(&b""[..], |text| text.as_bytes()));
        out.extend(escapes(part));
    }
    out
}

/// The commands of a script: chains of `&&`, apart by `;` or ends of lines that no quotes are around.
fn chains(script: &str) -> Vec<Vec<&str>> {
    let (mut all, mut chain) = (Vec::new(), Vec::new());
    let (mut begin, mut quote, mut escaped) = (0, None, false);
    let bytes = script.as_bytes();
    for (nth, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            _ if escaped => escaped = false,
            (None | Some(b'"'), b'\\') => escaped = true,
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(*byte),
            (None, b'\n' | b';') => {
                chain.push(&script[begin..nth]);
                all.push(std::mem::take(&mut chain));
                begin = nth + 1;
            }
            (None, b'&') if bytes.get(nth + 1) == Some(&b'&') => {
                chain.push(&script[begin..nth]);
                begin = nth + 2;
            }
            (None, _) => {}
        }
    }
    chain.push(&script[begin..]);
    all.push(chain);
    all
}

/// `printf`'s escapes: `\n`, `\t`, `\r`, `\e`, `\\`, `\xHH`.
fn escapes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'e') => out.push(0x1b),
            Some(b'x') => {
                let digits: String = letters.by_ref().take(2).map(char::from).collect();
                out.extend(u8::from_str_radix(&digits, 16));
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printf_writes_bytes_by_number() {
        assert_eq!(escapes(r"\x01\x02rest\n"), b"\x01\x02rest\n");
        assert_eq!(escapes(r"a\\b"), b"a\\b");
    }

    #[test]
    fn scripts_are_taken_apart_outside_of_quotes() {
        assert_eq!(
            chains("a 'x; y\nz' && b \"&&\"; c\nd"),
            [vec!["a 'x; y\nz' ", " b \"&&\""], vec![" c"], vec!["d"]]
        );
        assert_eq!(formatted(&["%s\\n", "+ a\\n"]), b"+ a\\n\n");
    }

    #[test]
    fn sequences_have_one_or_two_ends() {
        assert_eq!(sequence(&["3"]), "1\n2\n3\n");
        assert_eq!(sequence(&["2", "3"]), "2\n3\n");
    }
}
