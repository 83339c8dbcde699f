//! The file of upstreams and shares that Wharf changes: read and written line by line, so that all else in it stays.

use std::{fmt::Write as _, net::SocketAddr};

use crate::model::{
    Admin, Share,
    balancer::{NOWHERE, is_name},
};

/// What stands behind the line that keeps an upstream from being empty, which nginx refuses.
const NONE: &str = "# none";
/// What begins the comment behind a block of shares.
const SHARE: &str = "# wharf share ";

/// A server of an upstream, as the file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// Its address as it is written.
    pub text: String,
    /// What is wanted of it.
    pub admin: Admin,
    /// Its part among the servers of its upstream.
    pub weight: u16,
    /// What else is said of it, which stays: `max_fails=2`.
    pub rest: Vec<String>,
}

impl Server {
    /// A new one, which takes nothing yet.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            text: address.to_string(),
            admin: Admin::Drain,
            weight: 1,
            rest: Vec::new(),
        }
    }

    /// Where it is; none for a name.
    pub fn address(&self) -> Option<SocketAddr> {
        self.text.parse().ok()
    }

    /// What it is called among the servers of its upstream: its address, without what a name may not have.
    pub fn name(&self) -> String {
        self.text.replace(['[', ']'], "")
    }

    fn read(line: &str) -> Option<Self> {
        let (code, comment) = line.split_once('#').unwrap_or((line, ""));
        let code = code.trim().strip_prefix("server ")?.strip_suffix(';')?;
        let mut words = code.split_whitespace();
        let text = words.next()?.to_owned();
        let (mut weight, mut down, mut rest) = (1, false, Vec::new());
        for word in words {
            match word
                .strip_prefix("weight=")
                .and_then(|text| text.parse().ok())
            {
                Some(number) => weight = number,
                None if word == "down" => down = true,
                None => rest.push(word.to_owned()),
            }
        }
        let admin = match (down, comment.trim()) {
            (false, _) => Admin::Ready,
            (true, "drain") => Admin::Drain,
            (true, _) => Admin::Maintenance,
        };
        Some(Self {
            text,
            admin,
            weight,
            rest,
        })
    }

    fn line(&self) -> String {
        let mut line = format!("  server {}", self.text);
        if self.weight != 1 {
            let _ = write!(line, " weight={}", self.weight);
        }
        for word in &self.rest {
            line.push(' ');
            line.push_str(word);
        }
        match self.admin {
            Admin::Ready => line.push(';'),
            Admin::Drain => line.push_str(" down; # drain"),
            Admin::Maintenance => line.push_str(" down; # maintenance"),
        }
        line
    }
}

/// A part of a share with its upstream; none is the rest.
type Part = (Option<Share>, String);

/// The file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    lines: Vec<String>,
}

impl Document {
    /// Of its text.
    pub fn read(text: &str) -> Self {
        Self {
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Its text.
    pub fn text(&self) -> String {
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    /// The upstreams with their servers.
    pub fn upstreams(&self) -> Vec<(String, Vec<Server>)> {
        let begins = self.lines.iter().enumerate();
        let begins = begins.filter_map(|(at, line)| Some((at, upstream(line)?.to_owned())));
        let all = begins.map(|(at, name)| {
            let inner = &self.lines[at + 1..self.end(at)];
            let servers = inner.iter().filter(|line| !is_none(line));
            (
                name,
                servers.filter_map(|line| Server::read(line)).collect(),
            )
        });
        all.collect()
    }

    /// The servers of one of them.
    pub fn servers(&self, name: &str) -> Option<Vec<Server>> {
        let mut all = self.upstreams().into_iter();
        all.find(|(one, _)| one == name).map(|(_, servers)| servers)
    }

    /// Writes a server down, new or changed; false where there is no such upstream.
    pub fn put(&mut self, name: &str, server: &Server) -> bool {
        let Some(begin) = self.begin(name) else {
            return false;
        };
        let end = self.end(begin);
        match self.at(begin, &server.text) {
            Some(at) => self.lines[at] = server.line(),
            None => self.lines.insert(end, server.line()),
        }
        true
    }

    /// Takes a server out of an upstream, which is never left empty.
    pub fn remove(&mut self, name: &str, text: &str) {
        let Some(begin) = self.begin(name) else {
            return;
        };
        if let Some(at) = self.at(begin, text) {
            self.lines.remove(at);
        }
        let end = self.end(begin);
        let inner = &self.lines[begin + 1..end];
        if !inner.iter().any(|line| Server::read(line).is_some()) {
            self.lines.insert(end, none());
        }
    }

    /// The keys of all shares.
    pub fn keys(&self) -> Vec<String> {
        self.lines
            .iter()
            .filter_map(|line| share(line))
            .map(str::to_owned)
            .collect()
    }

    /// The upstreams of a share: of the canary, and of the rest.
    pub fn sides(&self, key: &str) -> Option<(String, String)> {
        let (parts, _) = self.parts(key)?;
        let other = |rest: bool| {
            let mut of = parts.iter().filter(|(share, _)| share.is_none() == rest);
            of.next().map(|(_, name)| name.clone())
        };
        Some((other(false)?, other(true)?))
    }

    /// The share below a key.
    pub fn share(&self, key: &str) -> Option<Share> {
        let (parts, _) = self.parts(key)?;
        parts.iter().find_map(|(share, _)| *share)
    }

    /// Sets the share below a key; false where there is none.
    pub fn set_share(&mut self, key: &str, share: Share) -> bool {
        let (Some((canary, rest)), Some((_, begin))) = (self.sides(key), self.parts(key)) else {
            return false;
        };
        let end = self.end(begin);
        // nginx knows no part of nothing.
        let comment = if share == Share::NONE { "# " } else { "" };
        let lines = [
            format!("  {comment}{share} {canary};"),
            format!("  * {rest};"),
        ];
        self.lines.splice(begin + 1..end, lines);
        true
    }

    /// The parts of a share, and where its block begins.
    fn parts(&self, key: &str) -> Option<(Vec<Part>, usize)> {
        let begin = self
            .lines
            .iter()
            .position(|line| self::share(line) == Some(key))?;
        let inner = self.lines[begin + 1..self.end(begin)].iter();
        let parts = inner.filter_map(|line| {
            let line = line.trim().trim_start_matches("# ").strip_suffix(';')?;
            let (part, name) = line.split_once(' ')?;
            let part = match part {
                "*" => None,
                part => Some(part.parse().ok()?),
            };
            Some((part, name.trim().to_owned()))
        });
        Some((parts.collect(), begin))
    }

    fn begin(&self, name: &str) -> Option<usize> {
        self.lines
            .iter()
            .position(|line| upstream(line) == Some(name))
    }

    /// The line that ends what begins there.
    fn end(&self, begin: usize) -> usize {
        let after = self.lines[begin + 1..].iter();
        let length = after.take_while(|line| line.trim() != "}").count();
        begin + 1 + length
    }

    /// The line of a server.
    fn at(&self, begin: usize, text: &str) -> Option<usize> {
        (begin + 1..self.end(begin)).find(|at| {
            let line = &self.lines[*at];
            !is_none(line) && Server::read(line).is_some_and(|one| one.text == text)
        })
    }
}

/// The line that keeps an upstream from being empty.
pub(super) fn none() -> String {
    format!("  server {NOWHERE} down; {NONE}")
}

fn is_none(line: &str) -> bool {
    line.trim_end().ends_with(NONE)
}

/// The name of an upstream that begins on that line.
fn upstream(line: &str) -> Option<&str> {
    let name = line
        .trim()
        .strip_prefix("upstream ")?
        .strip_suffix('{')?
        .trim();
    is_name(name).then_some(name)
}

/// The key of a block of shares that begins on that line.
fn share(line: &str) -> Option<&str> {
    let (code, key) = line.split_once(SHARE)?;
    (code.trim().starts_with("split_clients ") && code.trim().ends_with('{')).then(|| key.trim())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TEXT: &str = "# ours\n\
        upstream shop_stable {\n  zone shop 64k;\n  server 192.0.2.1:1 down; # none\n  server 10.0.0.1:80 weight=3 max_fails=2;\n  server 10.0.0.2:80 down; # drain\n  keepalive 8;\n}\n\
        upstream shop_canary {\n  server 192.0.2.1:1 down; # none\n}\n\
        split_clients \"$request_id\" $shop_share { # wharf share shop\n  # 0% shop_canary;\n  * shop_stable;\n}\nserver {\n  listen 80;\n}\n";

    #[test]
    fn what_people_wrote_stays_and_reading_what_was_written_is_the_same() {
        let mut document = Document::read(TEXT);
        assert_eq!(document.text(), TEXT);
        let servers = document.servers("shop_stable").unwrap();
        assert_eq!(servers.len(), 2);
        let admins: Vec<Admin> = servers.iter().map(|one| one.admin).collect();
        assert_eq!(admins, [Admin::Ready, Admin::Drain]);
        assert_eq!((servers[0].weight, &*servers[0].name()), (3, "10.0.0.1:80"));
        for server in &servers {
            assert!(document.put("shop_stable", server));
        }
        assert_eq!(document.text(), TEXT);
        let new = Server::new("10.0.0.3:80".parse().unwrap());
        assert!(document.put("shop_stable", &new) && !document.put("other", &new));
        let text = document.text();
        assert!(
            text.contains("  keepalive 8;\n  server 10.0.0.3:80 down; # drain\n}\n"),
            "{text}"
        );
        document.remove("shop_stable", "10.0.0.3:80");
        assert_eq!(document.text(), TEXT);
    }

    #[test]
    fn an_upstream_is_never_left_empty() {
        let mut document = Document::read("upstream a {\n  server 10.0.0.1:80;\n}\n");
        document.remove("a", "10.0.0.1:80");
        assert_eq!(
            document.text(),
            "upstream a {\n  server 192.0.2.1:1 down; # none\n}\n"
        );
        assert_eq!(document.servers("a").unwrap(), []);
    }

    #[test]
    fn a_share_comes_and_goes() {
        let mut document = Document::read(TEXT);
        assert_eq!(document.keys(), ["shop"]);
        assert_eq!(document.share("shop"), Some(Share::NONE));
        let sides = ("shop_canary".to_owned(), "shop_stable".to_owned());
        assert_eq!(document.sides("shop"), Some(sides));
        assert!(document.set_share("shop", Share::new(25).unwrap()));
        assert!(
            document
                .text()
                .contains("  25% shop_canary;\n  * shop_stable;\n}")
        );
        assert_eq!(document.share("shop").unwrap().percent(), 25);
        assert!(document.set_share("shop", Share::NONE));
        assert_eq!(document.text(), TEXT);
        assert!(!document.set_share("pay", Share::NONE));
    }
}
