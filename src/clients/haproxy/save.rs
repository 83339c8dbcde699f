//! Writes down what a balancer knows only until its next reload: where its slots point, and the shares of canaries.

use super::{Balancer, Error, ErrorKind};
use crate::model::Trouble;

impl Balancer {
    /// Writes the states of its servers into the file that it reads them from, and its shares into the map's file.
    /// Answers what was written.
    ///
    /// # Errors
    /// When it cannot be reached, the configuration names no such file, or one cannot be written.
    pub async fn save(&self) -> Result<Vec<String>, Error> {
        let Some(state) = &self.spec.state else {
            let why = "it is not known which file its states belong into";
            let remedy = "write state = \"/var/lib/haproxy/ops.state\" into its [[balancer]], the file that its server-state-file names";
            return Err(self.error(ErrorKind::Missing, "saving", why).with(remedy));
        };
        let states = self.show("show servers state").await?;
        self.write(state, &format!("{states}\n")).await?;
        let servers = states.lines().count().saturating_sub(2);
        let mut done = vec![format!("{servers} servers to {state}")];
        if let Some(map) = &self.spec.map {
            let shares = self.shares(map).await?;
            let before = self.reach.read(&self.spec.machine, map).await;
            let before = before.map_err(|trouble| self.failed("reading", map, &trouble))?;
            let after = merged(&before, &shares);
            if after != before {
                self.write(map, &after).await?;
            }
            done.push(format!("{} shares to {map}", shares.len()));
        }
        Ok(done)
    }

    async fn write(&self, path: &str, text: &str) -> Result<(), Error> {
        let written = self.reach.write(&self.spec.machine, path, text).await;
        written.map_err(|trouble| self.failed("writing", path, &trouble))
    }

    pub(super) fn failed(&self, doing: &str, path: &str, trouble: &Trouble) -> Error {
        let doing = format!("{doing} {path}");
        let error = self.error(ErrorKind::Offline, &doing, &*trouble.reason);
        if trouble.remedy.is_empty() {
            error.with(format!("let the account that logs in there use {path}"))
        } else {
            error.with(&*trouble.remedy)
        }
    }
}

/// A map's file with those entries: their lines are changed where they differ, and those that are missing come last.
fn merged(file: &str, entries: &[(String, String)]) -> String {
    let value_of = |key: &str| {
        entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    };
    let mut text = String::new();
    let mut seen = Vec::new();
    for line in file.lines() {
        let key = line
            .split_whitespace()
            .next()
            .filter(|key| !key.starts_with('#'));
        let now = line
            .trim()
            .split_once(char::is_whitespace)
            .map(|(_, value)| value.trim());
        match key.and_then(|key| Some((key, value_of(key)?))) {
            Some((key, value)) if now != Some(value) => text.extend([key, " ", value]),
            _ => text.push_str(line),
        }
        text.push('\n');
        seen.extend(key);
    }
    for (key, value) in entries
        .iter()
        .filter(|(key, _)| !seen.contains(&key.as_str()))
    {
        text.extend([key, " ", value, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_keeps_what_people_wrote_into_it() {
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let file = "# shares\nshop   0\nother 5\n";
        assert_eq!(
            merged(
                file,
                &[entry("shop", "25"), entry("other", "5"), entry("new", "1")]
            ),
            "# shares\nshop 25\nother 5\nnew 1\n"
        );
        assert_eq!(merged(file, &[entry("shop", "0")]), file);
        assert_eq!(merged("", &[entry("a", "1")]), "a 1\n");
    }
}
