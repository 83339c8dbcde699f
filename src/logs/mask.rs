//! Secrets in lines: what masks them.

use std::borrow::Cow;

use regex::{Captures, Regex};

use crate::model::{MASK, redact};

/// The rules by which secrets are masked in lines that are shown or saved.
#[derive(Clone, Debug)]
pub struct Masks {
    /// The common shapes of tokens and passwords too.
    common: bool,
    own: Vec<Regex>,
}

impl Default for Masks {
    fn default() -> Self {
        Self {
            common: true,
            own: Vec::new(),
        }
    }
}

impl Masks {
    /// The common shapes where `common`, and these expressions: what they match is masked, or of that the group
    /// `secret`. An expression that is not understood is told, and no rule is made of any.
    pub fn new(common: bool, own: &[String]) -> Result<Self, String> {
        let compile = |text: &String| {
            Regex::new(text).map_err(|error| {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default();
                format!(
                    "'{text}' is no expression: {}",
                    why.trim_start_matches("error: ")
                )
            })
        };
        let own = own.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { common, own })
    }

    /// The text with its secrets masked; itself, without a copy, when there are none.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = if self.common {
            redact(text)
        } else {
            Cow::Borrowed(text)
        };
        for rule in &self.own {
            if let Cow::Owned(more) = rule.replace_all(&masked, mask) {
                masked = Cow::Owned(more);
            }
        }
        masked
    }
}

fn mask(found: &Captures<'_>) -> String {
    let whole = found.get_match();
    match found.name("secret") {
        Some(secret) => {
            let (before, after) = (secret.start() - whole.start(), secret.end() - whole.start());
            let text = whole.as_str();
            format!("{}{MASK}{}", &text[..before], &text[after..])
        }
        None => MASK.to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::Masks;

    #[test]
    fn common_shapes_and_own_rules_are_masked() {
        let own = [
            r"\bCUST-\d+".to_owned(),
            r"pin is (?<secret>\d+)!".to_owned(),
        ];
        let masks = Masks::new(true, &own).unwrap();
        assert_eq!(masks.apply("password=hunter2 ok"), "password=**** ok");
        assert_eq!(masks.apply("CUST-12 pin is 4711!"), "**** pin is ****!");
        assert_eq!(masks.apply("nothing"), "nothing");
        let masks = Masks::new(false, &own).unwrap();
        assert_eq!(masks.apply("password=hunter2"), "password=hunter2");
        assert!(
            Masks::new(true, &["(".to_owned()])
                .unwrap_err()
                .contains("'('")
        );
    }
}
