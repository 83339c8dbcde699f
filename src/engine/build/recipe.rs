//! What a Dockerfile says of itself: its instructions with their lines, and the images that it begins with.

use std::collections::HashMap;

/// An instruction, as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// The line of the file that it begins in, from 1.
    pub line: usize,
    /// Its text with single spaces, its continuations joined.
    pub text: String,
}

/// A Dockerfile, read as far as is needed to speak of it. The engine reads it for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Its instructions in their order.
    pub instructions: Vec<Instruction>,
    /// The image of `# syntax=`, which BuildKit reads the rest with.
    pub syntax: Option<String>,
}

impl Recipe {
    /// Reads it.
    pub fn read(text: &str) -> Self {
        let mut recipe = Self::default();
        let mut escape = '\\';
        let mut directives = true;
        let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
        while let Some((line, said)) = lines.next() {
            let said = said.trim();
            if let Some(comment) = said.strip_prefix('#') {
                let pair = comment.split_once('=').filter(|_| directives);
                match pair.map(|(key, value)| (key.trim().to_lowercase(), value.trim())) {
                    Some((key, value)) if key == "syntax" => recipe.syntax = Some(value.to_owned()),
                    Some((key, value)) if key == "escape" => {
                        escape = value.chars().next().unwrap_or('\\');
                    }
                    Some(_) => {}
                    None => directives = false,
                }
                continue;
            }
            directives = false;
            if said.is_empty() {
                continue;
            }
            let text = whole(said, escape, &mut lines);
            for end in heredocs(&text) {
                // What is written in it is no instruction.
                lines.by_ref().find(|(_, line)| line.trim() == end);
            }
            recipe.instructions.push(Instruction {
                line,
                text: spaced(&text),
            });
        }
        recipe
    }

    /// The images that it is built on, but for those that it makes itself. What no argument is known for is left out.
    pub fn bases(&self, arguments: &[(&str, &str)]) -> Vec<String> {
        let mut known: HashMap<&str, String> = HashMap::new();
        let mut stages: Vec<String> = Vec::new();
        let mut bases: Vec<String> = Vec::new();
        for one in &self.instructions {
            let (word, rest) = one.text.split_once(' ').unwrap_or((&one.text, ""));
            match word.to_ascii_uppercase().as_str() {
                // Those within a stage say nothing for FROM.
                "ARG" if stages.is_empty() => {
                    let (name, usual) = rest.split_once('=').unwrap_or((rest, ""));
                    let said = arguments.iter().find(|(key, _)| *key == name);
                    let value = said.map_or(usual, |(_, value)| value);
                    known.insert(name, value.trim_matches(['"', '\'']).to_owned());
                }
                "FROM" => {
                    let words = rest.split(' ').filter(|word| !word.starts_with("--"));
                    let words: Vec<&str> = words.collect();
                    let image = words.first().and_then(|image| expanded(image, &known));
                    add(image, &stages, &mut bases);
                    stages.push(match words.as_slice() {
                        [_, word, name] if word.eq_ignore_ascii_case("as") => name.to_lowercase(),
                        _ => String::new(),
                    });
                }
                "COPY" => {
                    let from = rest
                        .split(' ')
                        .find_map(|word| word.strip_prefix("--from="));
                    // A number is a stage.
                    let image = from.filter(|from| from.parse::<usize>().is_err());
                    add(image.map(str::to_owned), &stages, &mut bases);
                }
                _ => {}
            }
        }
        bases
    }

    /// The instruction that a builder names in its own words, `[build 2/4] RUN make` or `Step 3/9 : RUN make`.
    pub fn find(&self, said: &str) -> Option<&Instruction> {
        let text = match said.split_once("] ") {
            Some((_, text)) if said.starts_with('[') => text,
            _ => said.split_once(" : ").map_or(said, |(_, text)| text),
        };
        let text = spaced(text);
        let word = text.split(' ').next().unwrap_or("");
        let same = |one: &&Instruction| one.text.eq_ignore_ascii_case(&text);
        // BuildKit puts values in the place of variables: then the first words have to do.
        let like = |one: &&Instruction| {
            let begin = one.text.split('$').next().unwrap_or("").to_lowercase();
            one.text.contains('$')
                && begin.len() > word.len() + 1
                && text.to_lowercase().starts_with(&begin)
        };
        let all = &self.instructions;
        all.iter().find(same).or_else(|| all.iter().find(like))
    }
}

/// A line with those that continue it; comments and empty lines among them are passed over.
fn whole<'t>(
    said: &str,
    escape: char,
    lines: &mut impl Iterator<Item = (usize, &'t str)>,
) -> String {
    let mut text = said.to_owned();
    while text.ends_with(escape) {
        text.pop();
        let mut next = lines.map(|(_, next)| next.trim());
        let Some(next) = next.find(|next| !next.is_empty() && !next.starts_with('#')) else {
            break;
        };
        text.push(' ');
        text.push_str(next);
    }
    text
}

fn add(image: Option<String>, stages: &[String], bases: &mut Vec<String>) {
    let Some(image) = image.filter(|image| !image.is_empty() && image != "scratch") else {
        return;
    };
    let is_stage = stages.contains(&image.to_lowercase());
    if !is_stage && !bases.contains(&image) {
        bases.push(image);
    }
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words that end the documents which an instruction begins: `<<EOF`, `<<-"EOF"`.
fn heredocs(text: &str) -> Vec<String> {
    let is_word = |word: &str| {
        let begin = text.get(..word.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(word))
    };
    if !["RUN ", "COPY ", "ADD "].into_iter().any(is_word) {
        return Vec::new();
    }
    let mut ends = Vec::new();
    for (at, _) in text.match_indices("<<") {
        // `<<<` is a shell's own.
        if text[at + 2..].starts_with('<') || text[..at].ends_with('<') {
            continue;
        }
        let rest = text[at + 2..].trim_start_matches('-');
        let rest = rest.trim_start_matches(['"', '\'']);
        let end: String = rest.chars().take_while(|c| is_letter(*c)).collect();
        if end.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            ends.push(end);
        }
    }
    ends
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A word with the values of its variables, `$V`, `${V}`, `${V:-usual}`; nothing where one is not known.
fn expanded(word: &str, known: &HashMap<&str, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, usual);
        if let Some(braced) = after.strip_prefix('{') {
            let (inside, behind) = braced.split_once('}')?;
            (name, usual) = match inside.split_once(":-") {
                Some((name, usual)) => (name, Some(usual)),
                None => (inside, None),
            };
            rest = behind;
        } else {
            let end = after.find(|c| !is_letter(c)).unwrap_or(after.len());
            (name, usual) = (&after[..end], None);
            rest = &after[end..];
        }
        let value = known.get(name).filter(|value| !value.is_empty());
        out.push_str(value.map(String::as_str).or(usual)?);
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const RECIPE: &str = "# syntax=docker/dockerfile:1
# escape=\\
ARG BASE=debian
ARG TAG=\"12\"
FROM --platform=$BUILDPLATFORM ${BASE}:$TAG AS build
# a comment
RUN apt-get update && \\
    # one within

    apt-get install make
COPY --from=reg.example.org:5000/tools:3 /bin/x /bin/
RUN <<EOF
FROM nothing
EOF
WORKDIR $HOME/src
FROM scratch
COPY --from=build /x /
FROM ${NEVER} as other
FROM Build
COPY --from=0 /x /
";

    #[test]
    fn instructions_have_their_lines() {
        let recipe = Recipe::read(RECIPE);
        let lines: Vec<(usize, &str)> = recipe
            .instructions
            .iter()
            .map(|one| (one.line, &*one.text))
            .collect();
        let from = "FROM --platform=$BUILDPLATFORM ${BASE}:$TAG AS build";
        assert_eq!(lines[2], (5, from));
        assert_eq!(lines[3], (7, "RUN apt-get update && apt-get install make"));
        assert_eq!(lines[5], (12, "RUN <<EOF"));
        assert_eq!(lines[6], (15, "WORKDIR $HOME/src"));
        assert_eq!(recipe.syntax.as_deref(), Some("docker/dockerfile:1"));
    }

    #[test]
    fn bases_are_images_and_not_stages() {
        let recipe = Recipe::read(RECIPE);
        let tools = "reg.example.org:5000/tools:3";
        assert_eq!(recipe.bases(&[]), ["debian:12", tools]);
        assert_eq!(recipe.bases(&[("TAG", "13")]), ["debian:13", tools]);
    }

    #[test]
    fn what_builders_say_is_found_again() {
        let recipe = Recipe::read(RECIPE);
        let line = |said: &str| recipe.find(said).map(|one| one.line);
        let run = "RUN apt-get update &&     apt-get install make";
        assert_eq!(line(&format!("[build 2/4] {run}")), Some(7));
        assert_eq!(line(&format!("Step 4/9 : {run}")), Some(7));
        assert_eq!(line("[build 4/4] WORKDIR /root/src"), None);
        assert_eq!(recipe.find("[internal] load metadata"), None);
        let recipe = Recipe::read("FROM a\nRUN make V=$V all\n");
        assert_eq!(recipe.find("[2/2] RUN make V=3 all").unwrap().line, 2);
    }
}
