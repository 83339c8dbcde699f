//! The URL of a PostgreSQL database, shown without its password.

use std::fmt;

/// What a URL may say after the question mark; what nobody knows is refused and not passed over.
const KEYS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full`, as PostgreSQL's own programs read it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    whole: String,
    shown: String,
    /// Which database of which server, whoever asks: `host-port-database`.
    slug: String,
}

/// Without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Without the password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown)
    }
}

impl DatabaseUrl {
    /// Whether a text is meant as the URL of a database, of whichever kind, and not as a file.
    pub fn is_meant_by(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| {
            !scheme.is_empty()
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '+')
        })
    }

    /// Reads a URL. The error says what is wrong with it and never repeats it, for where it is wrong
    /// nobody knows which part of it is the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(format!(
                "{scheme}:// is no kind of database that Wharf knows; write a file, or postgres://USER@HOST/DATABASE"
            ));
        }
        if rest.contains('#') {
            return Err(reserved("#"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        if database.contains(['/', '@']) {
            return Err(reserved("/ and @"));
        }
        let (user, server) = match authority.rsplit_once('@') {
            Some((login, _)) if login.contains('@') => return Err(reserved("@")),
            Some((login, server)) => (login.split(':').next().unwrap_or_default(), server),
            None => ("", authority),
        };
        let port = port_of(server)?;
        if query.contains('@') {
            return Err(reserved("@"));
        }
        let pairs = pairs_of(query)?;
        let told = |key: &str| pairs.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        let host = told("host").or(told("hostaddr"));
        let slug = [
            host.unwrap_or(server.strip_suffix(&format!(":{port}")).unwrap_or(server)),
            told("port").unwrap_or(port),
            told("dbname").unwrap_or(database),
        ];
        let at = if user.is_empty() { "" } else { "@" };
        let slash = if place.contains('/') { "/" } else { "" };
        let mut shown = format!("{scheme}://{user}{at}{server}{slash}{database}");
        let mut mark = "?";
        for (key, value) in pairs.iter().filter(|(key, _)| *key != "password") {
            shown.extend([mark, key, "=", value]);
            mark = "&";
        }
        Ok(Self {
            whole: text.to_owned(),
            shown,
            slug: slug.join("-").replace(
                |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'),
                "_",
            ),
        })
    }

    /// All of it, with the password: for the database's driver alone.
    pub fn with_password(&self) -> &str {
        &self.whole
    }

    /// A part of a file name that tells this database from others.
    pub fn slug(&self) -> &str {
        &self.slug
    }
}

/// How the characters that cut a password short are written.
const ESCAPES: &str =
    "in a password write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25";

fn reserved(which: &str) -> String {
    format!("it has {which} where none may be; {ESCAPES}")
}

/// The port in `host:port` or `[v6]:port`; empty when none is written.
fn port_of(server: &str) -> Result<&str, String> {
    let after_v6 = server.rfind(']').map_or(0, |end| end + 1);
    let Some((_, port)) = server[after_v6..].split_once(':') else {
        return Ok("");
    };
    if port.parse::<u16>().is_ok() {
        Ok(port)
    } else {
        Err(format!("its port is not a number up to 65535; {ESCAPES}"))
    }
}

/// The `key=value` after the question mark.
fn pairs_of(query: &str) -> Result<Vec<(&str, &str)>, String> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (key, value) = part.split_once('=').ok_or_else(|| reserved("?"))?;
            if KEYS.contains(&key) {
                Ok((key, value))
            } else {
                Err(format!(
                    "it says something after the question mark that is not known; known are {}",
                    KEYS.join(", ")
                ))
            }
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        for (text, shown, slug) in [
            (
                "postgres://ann:hunter2@db/wharf",
                "postgres://ann@db/wharf",
                "db--wharf",
            ),
            (
                "postgresql://ann@db.example.org:6432/wharf?sslmode=require",
                "postgresql://ann@db.example.org:6432/wharf?sslmode=require",
                "db.example.org-6432-wharf",
            ),
            (
                "postgres:///wharf?host=/run/pg&user=ann&password=hunter2&port=7",
                "postgres:///wharf?host=/run/pg&user=ann&port=7",
                "_run_pg-7-wharf",
            ),
            (
                "postgres://:hunter2@[fd00::1]:5433",
                "postgres://[fd00::1]:5433",
                "_fd00__1_-5433-",
            ),
        ] {
            let url = DatabaseUrl::parse(text).unwrap();
            assert_eq!((url.to_string().as_str(), url.slug()), (shown, slug));
            assert!(!format!("{url:?}").contains("hunter2"));
            assert_eq!(url.with_password(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_what_was_written() {
        for (text, why) in [
            ("mysql://ann:hunter2@db/wharf", "mysql:// is no kind"),
            ("postgres://ann:hunter/2@db/wharf", "/ and @"),
            ("postgres://ann:1/hunter2@db/wharf", "/ and @"),
            ("postgres://ann:hunter2#@db/wharf", "#"),
            ("postgres://ann:hunter2@x@db/wharf", "@"),
            ("postgres://ann:hunter2?@db/wharf", "not a number"),
            ("postgres://ann@db/wharf?pasword=hunter2", "not known"),
            ("postgres://ann@db:99999/wharf", "not a number"),
        ] {
            let told = DatabaseUrl::parse(text).unwrap_err();
            assert!(told.contains(why) && !told.contains("hunter"), "{told}");
        }
    }

    #[test]
    fn a_file_is_no_url() {
        for (text, is_url) in [
            ("postgres://db/wharf", true),
            ("mysql://db", true),
            ("/var/lib/wharf.db", false),
            ("~/a://b/wharf.db", false),
        ] {
            assert_eq!(DatabaseUrl::is_meant_by(text), is_url, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_password_whatever_it_is_made_of_is_shown_or_told(password in "[ -~]{0,4}Zq7xK[ -~]{0,4}") {
            let text = format!("postgres://ann:{password}@db/wharf");
            match DatabaseUrl::parse(&text) {
                Ok(url) => prop_assert_eq!(url.to_string(), "postgres://ann@db/wharf"),
                Err(told) => prop_assert!(!told.contains("Zq7xK"), "{}", told),
            }
        }
    }
}
