//! Takes what looks like a secret out of text before it is recorded or shown.
//!
//! Rules that guess err on the side of hiding: a masked word is a nuisance, a leaked one is worse.

use std::{
    borrow::Cow,
    sync::{LazyLock, OnceLock},
};

use regex::{Captures, Regex, RegexSet};

/// What stands where a secret was.
pub const MASK: &str = "****";

/// Names that mark their value as a secret, as part of an identifier in any case.
const NAMES: &str = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|authorization|[_-]auth(?-u:\b))";

/// A value: in quotes, or up to the next space or separator.
const VALUE: &str = r#"(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;&"']+)"#;

/// One kind of secret: how it looks. The named group `secret` is masked, all else is kept.
struct Rules {
    any: RegexSet,
    /// Each by itself, made when it is first needed.
    each: Vec<OnceLock<Regex>>,
}

/// Secrets are of ASCII signs: with the letters of all scripts (`\w`) the rules would take a tenth of a second and 20 MB
/// to make.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let patterns = [
        // Private keys in PEM, whole or cut off.
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?<secret>.*?)(?:-----END|\z)".to_owned(),
        // https://user:secret@host
        r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#:@]*:(?<secret>[^\s/?#]+)@".to_owned(),
        // Authorization headers.
        r"(?i)(?-u:\b)(?:bearer|basic)\s+(?<secret>[A-Za-z0-9._~+/=-]{6,})".to_owned(),
        // Environment given on a command line: the names stay.
        format!(r"(?:^|\s)(?:-e|--env)[ =]['\x22]?[A-Za-z_][A-Za-z0-9_.-]*=(?<secret>{VALUE})"),
        // password=…, "apiKey": "…", TOKEN: …
        format!(r#"(?i)(?<name>[A-Za-z0-9_.-]*{NAMES}[A-Za-z0-9_.-]*)["']?\s*[=:]\s*(?<secret>{VALUE})"#),
        // --password …
        format!(r"(?i)(?<name>--[a-z0-9-]*{NAMES}[a-z0-9-]*)\s+(?<secret>[^\s-]\S*)"),
        // Well-known tokens: AWS, GitHub, GitLab, Slack, Docker Hub, Stripe, JSON web tokens.
        r"(?-u:\b)(?<secret>(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abeoprs]-[A-Za-z0-9_-]{10,}|dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}|[sr]k_live_[A-Za-z0-9_]{16,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
            .to_owned(),
    ];
    Rules {
        any: RegexSet::new(&patterns).expect("the patterns are constants that a test compiles"),
        each: patterns.iter().map(|_| OnceLock::new()).collect(),
    }
});

impl Rules {
    fn one(&self, index: usize) -> &Regex {
        let make = || Regex::new(&self.any.patterns()[index]);
        self.each[index]
            .get_or_init(|| make().expect("the patterns are constants that a test compiles"))
    }
}

static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("(?i){NAMES}")).expect("a constant that a test compiles"));

/// The text with its secrets masked; the text itself, without a copy, when there are none.
pub fn redact(text: &str) -> Cow<'_, str> {
    // Most texts need none of the rules, which take a while to make.
    if !may_hold_secret(text) {
        return Cow::Borrowed(text);
    }
    let found = RULES.any.matches(text);
    let mut redacted = Cow::Borrowed(text);
    for index in &found {
        if let Cow::Owned(masked) = RULES.one(index).replace_all(&redacted, mask) {
            redacted = Cow::Owned(masked);
        }
    }
    redacted
}

/// Whether any rule could find something: each needs one of these.
fn may_hold_secret(text: &str) -> bool {
    const SIGNS: [&str; 14] = [
        "=", ":", "--", "AKIA", "ASIA", "gh", "glpat-", "xox", "dckr_", "k_live_", "eyJ", "bearer",
        "basic", "_pat_",
    ];
    let lower = text.to_lowercase();
    SIGNS
        .iter()
        .any(|sign| text.contains(sign) || lower.contains(sign))
}

/// Whether a variable of this name is likely to hold a secret. `…_FILE` names a file, not a secret.
pub fn is_secret_name(name: &str) -> bool {
    NAME.is_match(name) && !names_a_file(name)
}

fn names_a_file(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("_file") || name.ends_with("-file") || name.ends_with("_path")
}

/// The whole match with its secret replaced, quotes kept.
fn mask(found: &Captures<'_>) -> String {
    let whole = &found[0];
    let Some(secret) = found.name("secret") else {
        return whole.to_owned();
    };
    let name = found.name("name").map(|name| name.as_str());
    // `--secret id=npm,env=NPM_TOKEN` says where a secret is, and not what it is.
    let says_where = name == Some("--secret") && secret.as_str().starts_with("id=");
    if says_where || name.is_some_and(names_a_file) {
        return whole.to_owned();
    }
    let start = secret.start() - found.get_match().start();
    let quote = match secret.as_str().as_bytes() {
        [b'"', .., b'"'] => "\"",
        [b'\'', .., b'\''] => "'",
        _ => "",
    };
    let (before, after) = (&whole[..start], &whole[start + secret.len()..]);
    format!("{before}{quote}{MASK}{quote}{after}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        for (text, expected) in [
            (
                "container exec web -- login password=hunter2 now",
                "container exec web -- login password=**** now",
            ),
            ("DB_PASSWORD='a b' x", "DB_PASSWORD='****' x"),
            (
                r#"{"apiKey": "k\"1", "a": 1}"#,
                r#"{"apiKey": "****", "a": 1}"#,
            ),
            (
                "mysql --password hunter2 -u root",
                "mysql --password **** -u root",
            ),
            ("mysql --password -u root", "mysql --password -u root"),
            (
                "run -e NAME=value -e OTHER=x",
                "run -e NAME=**** -e OTHER=****",
            ),
            ("run --env=A=b", "run --env=A=****"),
            (
                "git clone https://ann:pw@git.example/x",
                "git clone https://ann:****@git.example/x",
            ),
            (
                "postgres://u:p%40:x@db:5432/app",
                "postgres://u:****@db:5432/app",
            ),
            (
                "curl -H 'Authorization: Bearer abc.def-123'",
                "curl -H 'Authorization: **** ****'",
            ),
            ("key AKIAIOSFODNN7EXAMPLE end", "key **** end"),
            ("ghp_0123456789012345678901234567890123ab", "****"),
            (
                "MY_SECRET_FILE=/run/secrets/x",
                "MY_SECRET_FILE=/run/secrets/x",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
                "-----BEGIN RSA PRIVATE KEY-----****-----END RSA PRIVATE KEY-----",
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl",
                "-----BEGIN OPENSSH PRIVATE KEY-----****",
            ),
        ] {
            assert_eq!(redact(text), expected, "{text}");
        }
    }

    #[test]
    fn text_without_secrets_is_not_copied() {
        for text in [
            "container restart web@ams-1 --grace 0",
            "ssh://ann@host:22/run/docker.sock",
            "container exec web -- psql -U author",
            "",
        ] {
            assert!(
                matches!(redact(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn names_tell_secrets() {
        for name in [
            "POSTGRES_PASSWORD",
            "apiKey",
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "REGISTRY_AUTH",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in ["PATH", "AUTHOR", "KEYMAP", "DB_PASSWORD_FILE", "HOME"] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_masking_twice_is_masking_once(text in "(?s).{0,200}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }

        #[test]
        fn a_password_never_comes_through(
            before in "[a-z ]{0,20}", secret in "[A-Za-z0-9!%^*()_+.?-]{8,30}", after in "( [a-z]{1,9}){0,3}",
        ) {
            let text = format!("{before} --db-password={secret}{after}");
            prop_assert!(!redact(&text).contains(&secret));
        }
    }
}
