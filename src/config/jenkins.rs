//! `[[jenkins]]`: which Jenkins servers there are, how each is reached, and where the secret for it is.

use std::{path::PathBuf, sync::Arc};

use super::{document::Section, file::environment_name};
use crate::model::{
    balancer::is_name,
    jenkins::{JenkinsLogin, JenkinsSpec, Kept},
};

const UNTIL: &str = "until then it does not count";

/// Reads one, and adds it to those that are known. `path` makes paths of the file absolute.
pub(super) fn read(
    section: &mut Section<'_, '_>,
    path: impl Fn(&str) -> PathBuf,
    known: &mut Vec<JenkinsSpec>,
) {
    let name = section.text("name");
    if let Some(name) = &name {
        section.rename(format!("[[jenkins]] {name}"));
    }
    let url = section.text("url");
    let (environment, is_unsure) = environment_name(section);
    let read_only = section.strict("read_only") || is_unsure;
    let ca = section.text("ca").map(|text| path(&text));
    let skip_verify = section.flag("skip_verify").unwrap_or(false);
    let login = login(section, path);
    let Some(name) = name.filter(|name| is_name(name)) else {
        let remedy = format!("write name = \"ci\"; {UNTIL}");
        return section.complain("needs a name of letters, digits and -_.:", remedy);
    };
    let Some(url) = url.as_deref().and_then(address) else {
        let remedy = format!("write url = \"https://ci.example.org/jenkins\"; {UNTIL}");
        // What stands there is repeated nowhere.
        return if url.is_some_and(|url| url.contains('@')) {
            section.complain_of("url", "holds a user or a secret", remedy);
        } else {
            let what = "needs an address that begins with http:// or https://";
            section.complain(what, remedy);
        };
    };
    let Some(login) = login else { return };
    if known.iter().any(|one| *one.name == *name) {
        return section.complain(
            "is there twice",
            "give it another name; only the first counts",
        );
    }
    known.push(JenkinsSpec {
        name: Arc::from(name),
        url: Arc::from(url),
        login,
        ca,
        skip_verify,
        environment,
        read_only,
    });
}

/// An address without a user in it, without a slash at its end.
fn address(url: &str) -> Option<&str> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let is_one = !rest.is_empty()
        && !rest.starts_with('/')
        && !rest.contains(['@', '?', '#'])
        && !rest.contains(char::is_whitespace);
    is_one.then(|| url.trim_end_matches('/'))
}

/// Who we are: `user`, and one of four ways to say where the secret is. None when that makes no sense.
fn login(section: &mut Section<'_, '_>, path: impl Fn(&str) -> PathBuf) -> Option<JenkinsLogin> {
    let user: Option<Arc<str>> = section.text("user").map(Arc::from);
    let token = section
        .text("token_file")
        .map(|text| Kept::File(path(&text)));
    let token_variable = section.text("token_variable");
    let password = section
        .text("password_file")
        .map(|text| Kept::File(path(&text)));
    let password_variable = section.text("password_variable");
    for key in ["token", "password"] {
        if section.item(key).is_some() {
            let remedy = format!(
                "write {key}_file = \"…\" (mode 600) or {key}_variable = \"…\", and take the secret out of this file; {UNTIL}"
            );
            section.complain_of(key, "is not kept here", remedy);
            return None;
        }
    }
    let variable = |name: String| Kept::Variable(Arc::from(name));
    let tokens = token.into_iter().chain(token_variable.map(variable));
    let passwords = password.into_iter().chain(password_variable.map(variable));
    let mut all: Vec<(bool, Kept)> = tokens.map(|kept| (true, kept)).collect();
    all.extend(passwords.map(|kept| (false, kept)));
    if all.len() > 1 {
        let remedy = format!(
            "keep one of token_file, token_variable, password_file and password_variable; {UNTIL}"
        );
        section.complain("says several times where its secret is", remedy);
        return None;
    }
    match (user, all.pop()) {
        (None, None) => Some(JenkinsLogin::Nobody),
        (Some(user), Some((true, kept))) => Some(JenkinsLogin::Token { user, kept }),
        (Some(user), Some((false, kept))) => Some(JenkinsLogin::Password { user, kept }),
        (None, Some(_)) => {
            let remedy = format!("write user = \"wharf\"; {UNTIL}");
            section.complain("has a secret and no user", remedy);
            None
        }
        (Some(_), None) => {
            let remedy = format!("write token_file = \"…\" or token_variable = \"…\"; {UNTIL}");
            section.complain("has a user and no secret", remedy);
            None
        }
    }
}
