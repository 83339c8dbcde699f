//! The columns of templates.

use std::borrow::Cow;

use super::{Align, Column, Row, Rows, Tone, between, growing, natural};
use crate::model::app::{Template, Visibility};

/// A template.
#[derive(Clone, Copy, Debug)]
pub struct TemplateRow<'a> {
    /// The template.
    pub template: &'a Template,
}

/// Rows of templates.
#[derive(Clone, Copy, Debug)]
pub struct Templates;

impl Rows for Templates {
    type Row<'a> = TemplateRow<'a>;

    const NAME: &'static str = "templates";

    fn columns() -> &'static [Column<Self>] {
        &TEMPLATES
    }
}

impl TemplateRow<'_> {
    /// What it is for, with commas between.
    pub fn categories(&self) -> String {
        self.template.categories.join(", ")
    }

    /// How many services it makes.
    pub fn services(&self) -> usize {
        let makes = self.template.makes.as_ref();
        makes.map_or(0, |spec| spec.services.len())
    }
}

static TEMPLATES: [Column<Templates>; 8] = [
    Column {
        name: "name",
        title: "NAME",
        about: "The name by which it is said",
        align: Align::Left,
        width: between(12, 24),
        text: |row, _| Cow::Borrowed(row.template.name.as_str()),
        tone: |_| Tone::Accent,
        order: |a, b| natural(a.template.name.as_str(), b.template.name.as_str()),
        shown: true,
        priority: 0,
    },
    Column {
        name: "title",
        title: "TITLE",
        about: "What it is called",
        align: Align::Left,
        width: growing(16, 30),
        text: |row, _| Cow::Borrowed(row.template.title.as_str()),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.template.title, &b.template.title),
        shown: true,
        priority: 0,
    },
    Column {
        name: "category",
        title: "CATEGORY",
        about: "What it is for",
        align: Align::Left,
        width: between(10, 20),
        text: |row, _| row.categories().into(),
        tone: |_| Tone::Plain,
        order: |a, b| natural(&a.categories(), &b.categories()),
        shown: true,
        priority: 1,
    },
    Column {
        name: "services",
        title: "SERVICES",
        about: "How many services it makes",
        align: Align::Right,
        width: between(8, 8),
        text: |row, _| row.services().to_string().into(),
        tone: |_| Tone::Plain,
        order: |a, b| a.services().cmp(&b.services()),
        shown: true,
        priority: 2,
    },
    Column {
        name: "visibility",
        title: "FOR",
        about: "Whether it is everybody's or one's own",
        align: Align::Left,
        width: between(7, 8),
        text: |row, _| Cow::Borrowed(row.template.visibility.name()),
        tone: |row| match row.template.visibility {
            Visibility::Public => Tone::Faint,
            Visibility::Private => Tone::Warn,
        },
        order: |a, b| a.template.visibility.cmp(&b.template.visibility),
        shown: true,
        priority: 3,
    },
    Column {
        name: "catalog",
        title: "CATALOG",
        about: "The catalog that it is of",
        align: Align::Left,
        width: between(8, 16),
        text: |row, _| Cow::Borrowed(row.template.catalog.as_str()),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&a.template.catalog, &b.template.catalog),
        shown: true,
        priority: 4,
    },
    Column {
        name: "version",
        title: "VERSION",
        about: "Its version",
        align: Align::Left,
        width: between(7, 10),
        text: |row, _| Cow::Borrowed(row.template.version.as_str()),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&a.template.version, &b.template.version),
        shown: false,
        priority: 5,
    },
    Column {
        name: "about",
        title: "WHAT IT IS",
        about: "What it is",
        align: Align::Left,
        width: growing(20, 60),
        text: |row, _| Cow::Borrowed(row.template.description.as_str()),
        tone: |_| Tone::Faint,
        order: |a, b| natural(&a.template.description, &b.template.description),
        shown: true,
        priority: 5,
    },
];

impl Row for TemplateRow<'_> {
    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        Some(match key {
            "name" => Cow::Borrowed(self.template.name.as_str()),
            "title" => Cow::Borrowed(self.template.title.as_str()),
            "category" => self.categories().into(),
            "for" => Cow::Borrowed(self.template.visibility.name()),
            "catalog" => Cow::Borrowed(self.template.catalog.as_str()),
            _ => return None,
        })
    }

    fn number(&self, key: &str) -> Option<f64> {
        match key {
            "services" => u32::try_from(self.services()).ok().map(f64::from),
            _ => None,
        }
    }

    fn searched(&self) -> impl Iterator<Item = Cow<'_, str>> {
        [
            Cow::Borrowed(self.template.name.as_str()),
            Cow::Borrowed(self.template.title.as_str()),
            self.categories().into(),
            Cow::Borrowed(self.template.description.as_str()),
        ]
        .into_iter()
    }

    fn keys() -> &'static [&'static str] {
        &["name", "title", "category", "for", "catalog"]
    }

    fn figures() -> &'static [&'static str] {
        &["services"]
    }

    fn words(key: &str) -> &'static [&'static str] {
        match key {
            "for" => &["public", "private"],
            _ => &[],
        }
    }
}
