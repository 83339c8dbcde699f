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
    /// Lines are masked whole.
    all: bool,
}

/// An expression that cannot be a rule. What stands in for it masks more than it was meant to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no expression: {why}")]
pub struct MaskError {
    /// The expression.
    text: String,
    /// What is wrong with it.
    why: String,
    /// All lines are masked whole, because nothing is known of what it was to match.
    pub masks_all: bool,
}

impl Default for Masks {
    fn default() -> Self {
        Self::new(true)
    }
}

impl PartialEq for Masks {
    fn eq(&self, other: &Self) -> bool {
        let texts = |masks: &Self| -> Vec<String> {
            let own = masks.own.iter();
            own.map(|rule| rule.as_str().to_owned()).collect()
        };
        (self.common, self.all) == (other.common, other.all) && texts(self) == texts(other)
    }
}

impl Masks {
    /// The common shapes where `common`, and none else.
    pub fn new(common: bool) -> Self {
        Self {
            common,
            own: Vec::new(),
            all: false,
        }
    }

    /// Adds a rule: what the expression matches is masked, or of that the group `secret`. For one that is not
    /// understood another is added that masks more: lines from where its beginning matches, else all lines.
    pub fn add(&mut self, expression: &str) -> Result<(), MaskError> {
        let error = match Regex::new(expression) {
            Ok(rule) => {
                self.own.push(rule);
                return Ok(());
            }
            Err(error) => error.to_string(),
        };
        let why = error.lines().last().unwrap_or_default();
        let beginning = beginning(expression);
        let masks_all = beginning.is_none();
        match beginning {
            Some(rule) => self.own.push(rule),
            None => self.add_all(),
        }
        Err(MaskError {
            text: expression.to_owned(),
            why: why.trim_start_matches("error: ").to_owned(),
            masks_all,
        })
    }

    /// From now on all lines are masked whole: nobody knows what was to be masked.
    pub fn add_all(&mut self) {
        self.all = true;
    }

    /// The text with its secrets masked; itself, without a copy, when there are none.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.all && !text.is_empty() {
            return Cow::Owned(MASK.to_owned());
        }
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

/// The beginning of an expression that is understood, and all of the line behind it. None when there is no such, or
/// when the whole might match without it.
fn beginning(expression: &str) -> Option<Regex> {
    if expression.contains('|') {
        return None;
    }
    let mut ends = expression.char_indices().rev();
    let (beginning, end) = ends.find_map(|(end, _)| {
        let beginning = Regex::new(&expression[..end]).ok()?;
        Some((beginning, end))
    })?;
    let is_sure = !beginning.is_match("") && !expression[end..].starts_with('{');
    is_sure.then(|| Regex::new(&format!("{}(?s:.*)", &expression[..end])).ok())?
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::Masks;

    #[test]
    fn common_shapes_and_own_rules_are_masked() {
        let own = [r"\bCUST-\d+", r"pin is (?<secret>\d+)!"];
        let with = |common| {
            let mut masks = Masks::new(common);
            for rule in own {
                masks.add(rule).unwrap();
            }
            masks
        };
        let masks = with(true);
        assert_eq!(masks.apply("password=hunter2 ok"), "password=**** ok");
        assert_eq!(masks.apply("CUST-12 pin is 4711!"), "**** pin is ****!");
        assert_eq!(masks.apply("nothing"), "nothing");
        let masks = with(false);
        assert_eq!(masks.apply("password=hunter2"), "password=hunter2");
        assert!(masks != Masks::default() && masks == with(false));
    }

    #[test]
    fn a_rule_that_is_not_understood_masks_more_and_not_less() {
        for (rule, line, masked) in [
            (r"pin=(?<secret>\d+", "the pin=4711 is", "the ****"),
            (r"pin=(?<secret>\d+", "nothing", "nothing"),
            ("CUST-[0-9", "see CUST-17, 18", "see ****"),
            (r"(?<=password )\S+", "password x", "****"),
            (r"CUST-\d{3,2}", "CUST-1", "****"),
            ("a|(b", "b", "****"),
            ("x*(", "y", "****"),
            ("(", "any line", "****"),
        ] {
            let mut masks = Masks::new(false);
            let error = masks.add(rule).unwrap_err();
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("'{rule}' is no expression: "))
            );
            assert_eq!(masks.apply(line), masked, "{rule}");
            assert_eq!(error.masks_all, masks.apply("y") != "y", "{rule}");
        }
    }
}
