//! A shell of a dozen commands, to have something to talk to in a simulated container.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::clock::{self, Nanos};
use super::container::Container;
use super::files::{self, Content, Tree};

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

/// Whether a container's command is one that this shell knows whole, and that ends by itself: a
/// program of its own, or a script of nothing else.
pub fn ends_by_itself(words: &[&str]) -> bool {
    let known = |name: &str| PROGRAMS.contains(&name) || matches!(name, "exit" | ":" | "cd");
    match words {
        [shell, "-c", script] if is_shell(shell) => {
            let commands = script.split(['\n', ';']).flat_map(|line| line.split("&&"));
            let mut names = commands.filter_map(|command| command.split_whitespace().next());
            names.all(known)
        }
        // Without an argument it waits for its input.
        ["cat"] | [] => false,
        [name, ..] => known(name),
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

    /// What a container's command does from beginning to end.
    pub fn whole_life(mut self, words: &[&str]) -> Outcome {
        match words {
            [shell, "-c", script] if is_shell(shell) => self.script(script),
            words => self.run(words),
        }
    }

    /// Runs a script: commands apart by `;`, `&&` or ends of lines.
    pub fn script(&mut self, script: &str) -> Outcome {
        let mut all = Outcome::default();
        'lines: for line in script.split(['\n', ';']) {
            for command in line.split("&&") {
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
                    break;
                }
            }
        }
        all
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
        let outcome = self.run(&words);
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
            "printf" => Outcome::said(escapes(rest.first().copied().unwrap_or_default())),
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
    fn sequences_have_one_or_two_ends() {
        assert_eq!(sequence(&["3"]), "1\n2\n3\n");
        assert_eq!(sequence(&["2", "3"]), "2\n3\n");
    }
}
