//! YAML as it is written: every scalar with its text and its line, aliases and merge keys resolved within bounds.
//!
//! Scalars stay texts: whether `1.10`, `012` or `yes` is a number or a word is known by who reads it, and after
//! interpolation only.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use granit_parser::{Event, Parser, ScalarStyle, StrInput};

use super::tell;
use crate::model::app::{Severity, Told, Value};

/// How deep a file may be nested.
const DEEPEST: usize = 64;
/// How many values a file may have once its aliases are resolved.
const MOST: usize = 200_000;

/// A file that was read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::catalog) struct File {
    /// As people name it.
    pub(in crate::catalog) name: String,
    /// From where its relative paths count; empty for here.
    pub(in crate::catalog) directory: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog) struct At {
    /// The file.
    pub(in crate::catalog) file: Arc<File>,
    /// The line, from 1; 0 for the whole.
    pub(in crate::catalog) line: usize,
}

/// What a file says of how a value is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::catalog) enum Tag {
    /// Nothing.
    None,
    /// `!reset`: it is as if it had never been said.
    Reset,
    /// `!override`: it replaces, where it would be merged.
    Override,
    /// A variable in it is not set, so that a check cannot judge it.
    Unset,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog) struct Node {
    /// Where it begins.
    pub(in crate::catalog) at: At,
    /// How it is merged.
    pub(in crate::catalog) tag: Tag,
    /// What it is.
    pub(in crate::catalog) kind: Kind,
}

/// A name in a map, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog) struct Name {
    /// The name.
    pub(in crate::catalog) text: String,
    /// Where it is.
    pub(in crate::catalog) at: At,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog) enum Kind {
    /// Nothing.
    Null,
    /// A scalar.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, each name once.
    Map(Vec<(Name, Node)>),
}

impl Node {
    /// What a map has under a name.
    pub(in crate::catalog) fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.text == name)
                .map(|(_, node)| node),
            Kind::Null | Kind::Text(_) | Kind::List(_) => None,
        }
    }

    /// A scalar's text.
    pub(in crate::catalog) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// How many values it has, itself included.
    fn size(&self) -> usize {
        match &self.kind {
            Kind::Null | Kind::Text(_) => 1,
            Kind::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Kind::Map(entries) => 1 + entries.iter().map(|(_, node)| node.size()).sum::<usize>(),
        }
    }
}

/// Reads the documents of a file; the first thing that is wrong ends it.
pub(in crate::catalog) fn parse(file: &Arc<File>, text: &str) -> Result<Vec<Node>, Told> {
    let whole = At {
        file: Arc::clone(file),
        line: 0,
    };
    if Value::is_marked(text) {
        let what = "it has the characters U+F8F0 or U+F8F1 in it, which are Wharf's own";
        return Err(tell(Severity::Error, &whole, "", what, "take them out"));
    }
    let mut builder = Builder {
        events: Parser::new_from_str(text),
        file,
        anchors: HashMap::new(),
        nodes: 0,
    };
    builder.documents()
}

struct Builder<'t> {
    events: Parser<'t, StrInput<'t>>,
    file: &'t Arc<File>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn documents(&mut self) -> Result<Vec<Node>, Told> {
        let mut documents = Vec::new();
        while let Some((event, line)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                event => documents.push(self.node(event, line, 0)?),
            }
        }
        Ok(documents)
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, usize)>, Told> {
        match self.events.next() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((event, span.start.line()))),
            Some(Err(error)) => {
                let remedy = "mind indentation, quotes and colons there and in the lines before";
                let what = format!("this is no YAML: {}", error.info());
                Err(self.wrong(error.marker().line(), what, remedy))
            }
        }
    }

    fn at(&self, line: usize) -> At {
        At {
            file: Arc::clone(self.file),
            line,
        }
    }

    fn wrong(&self, line: usize, what: impl Into<String>, remedy: &str) -> Told {
        tell(Severity::Error, &self.at(line), "", what, remedy)
    }

    fn node(&mut self, event: Event<'t>, line: usize, depth: usize) -> Result<Node, Told> {
        if depth > DEEPEST {
            let what = format!("it is nested more than {DEEPEST} deep");
            return Err(self.wrong(line, what, "make it flatter"));
        }
        self.count(1, line)?;
        let (kind, tag, anchor) = match event {
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    let what = "the alias is within what it stands for";
                    return Err(self.wrong(line, what, "name something that stands before it"));
                };
                self.count(size, line)?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(Cow::into_owned);
                let said = tag.as_ref().map(|tag| tag.suffix().to_owned());
                let is_text = said.as_deref() == Some("str");
                let plain = style == ScalarStyle::Plain && !is_text;
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let kind = if null {
                    Kind::Null
                } else {
                    Kind::Text(text.into_owned())
                };
                (kind, said, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = tag.map(|tag| tag.suffix().to_owned());
                (Kind::List(self.list(depth)?), tag, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = tag.map(|tag| tag.suffix().to_owned());
                (Kind::Map(self.map(depth)?), tag, anchor)
            }
            other => {
                let what = format!("this is no YAML: {other:?} out of place");
                return Err(self.wrong(line, what, "write it again"));
            }
        };
        let node = Node {
            at: self.at(line),
            tag: self.tag(tag.as_deref(), line)?,
            kind,
        };
        if anchor != 0 {
            let size = node.size();
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn tag(&self, tag: Option<&str>, line: usize) -> Result<Tag, Told> {
        match tag {
            None
            | Some("str" | "int" | "float" | "bool" | "null" | "seq" | "map" | "merge" | "") => {
                Ok(Tag::None)
            }
            Some("reset") => Ok(Tag::Reset),
            Some("override") => Ok(Tag::Override),
            Some(other) => {
                let what = format!("the tag !{other} is not known");
                Err(self.wrong(line, what, "Compose knows !reset and !override"))
            }
        }
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), Told> {
        self.nodes += nodes;
        if self.nodes > MOST {
            let what = format!("its aliases make more than {MOST} values of it");
            return Err(self.wrong(line, what, "write it without aliases of aliases"));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Told> {
        let mut items = Vec::new();
        while let Some((event, line)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, line, depth + 1)?);
        }
        Ok(items)
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Name, Node)>, Told> {
        let mut entries: Vec<(Name, Node)> = Vec::new();
        let mut merged: Vec<(Name, Node)> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        while let Some((event, line)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, line, depth + 1)?;
            let text = match key.kind {
                Kind::Text(text) => text,
                Kind::Null => "null".to_owned(),
                Kind::List(_) | Kind::Map(_) => {
                    let what = "a list or a map cannot be a name";
                    return Err(self.wrong(line, what, "quote braces: '{…}' or \"{{…}}\""));
                }
            };
            let Some((event, value_line)) = self.next()? else {
                break;
            };
            let value = self.node(event, value_line, depth + 1)?;
            if text == "<<" {
                merged.extend(self.merged(value, line)?);
                continue;
            }
            if let Some(first) = seen.insert(text.clone(), line) {
                let what = format!("'{text}' stands here twice, first in line {first}");
                return Err(self.wrong(line, what, "keep one of them"));
            }
            let at = self.at(line);
            entries.push((Name { text, at }, value));
        }
        let mut known: HashSet<String> = seen.into_keys().collect();
        merged.retain(|(name, _)| known.insert(name.text.clone()));
        entries.extend(merged);
        Ok(entries)
    }

    /// What a merge key brings: of a list, the first map that has a name wins.
    fn merged(&self, value: Node, line: usize) -> Result<Vec<(Name, Node)>, Told> {
        match value.kind {
            Kind::Map(entries) => Ok(entries),
            Kind::List(items) => {
                let mut all = Vec::new();
                for item in items {
                    let Kind::Map(entries) = item.kind else {
                        let what = "'<<' takes maps only";
                        return Err(self.wrong(line, what, "name maps there"));
                    };
                    all.extend(entries);
                }
                Ok(all)
            }
            Kind::Null => Ok(Vec::new()),
            Kind::Text(_) => Err(self.wrong(line, "'<<' takes maps only", "name a map there")),
        }
    }
}
