//! The catalog: the templates that Wharf brings, and those of the directories and files that the configuration names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    compose::Files,
    embedded,
    kept::kept_commit,
    portainer::{Outcome, convert},
    template,
};
use crate::model::{
    app::{CatalogSource, Severity, Source, Template, TemplateName, Told, Where},
    redact,
};

/// What the catalog of Wharf's own templates is called.
const OWN: &str = "wharf";
/// How many directories deep a catalog is looked through.
const DEEPEST: usize = 3;
/// What is to be done about a catalog that cannot be read.
const CORRECT: &str = "correct [[catalog]] in wharf.toml";
/// The largest file that is read, in bytes.
pub(super) const LARGEST: u64 = 8 << 20;

/// All templates, sorted by name, and what was wrong with others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// The templates; of two with one name, the one of the catalog that is named later.
    pub templates: Vec<Template>,
    /// What could not be read, and why.
    pub told: Vec<Told>,
}

/// The files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        read(Path::new(path))
    }
}

impl Catalog {
    /// The templates that Wharf brings.
    pub fn own() -> Self {
        let mut catalog = Self::default();
        for (file, text) in embedded::ALL {
            let source = Source {
                path: (*file).to_owned(),
                text: (*text).to_owned(),
            };
            catalog.add(source, OWN, None);
        }
        catalog
    }

    /// Those, and those of the catalogs that the configuration names. Reads files.
    pub fn read(sources: &[CatalogSource]) -> Self {
        let mut catalog = Self::own();
        for source in sources {
            let mut files = Vec::new();
            let name = &source.name;
            if let Some(repository) = &source.repository
                && kept_commit(repository).is_none()
            {
                let what = format!("catalog {name} was not fetched yet");
                let remedy = format!("say `wharf template update {name}`");
                catalog.wrong(&redact(&repository.url), what, &remedy);
                continue;
            }
            if let Err(why) = collect(&source.path, DEEPEST, &mut files) {
                let path = source.path.display();
                let what = format!("catalog {name}: {why}");
                catalog.wrong(&path.to_string(), what, CORRECT);
            }
            files.sort();
            for path in files {
                catalog.file(&path, source);
            }
        }
        catalog
    }

    /// The template of a name.
    pub fn find(&self, name: &TemplateName) -> Option<&Template> {
        self.templates.iter().find(|one| one.name == *name)
    }

    fn wrong(&mut self, file: &str, what: String, remedy: &str) {
        self.told.push(Told {
            severity: Severity::Error,
            place: Where {
                file: file.to_owned(),
                ..Where::default()
            },
            what,
            remedy: remedy.to_owned(),
        });
    }

    fn file(&mut self, path: &Path, from: &CatalogSource) {
        let name = path.display().to_string();
        let text = match read(path) {
            Ok(text) => text,
            Err(why) => return self.wrong(&name, why, CORRECT),
        };
        if path.extension().is_some_and(|ending| ending == "json") {
            match convert(&text, &name) {
                Ok(all) => {
                    for one in all {
                        match one.outcome {
                            Outcome::Template(text) => {
                                let path = format!("{name}#{}", one.name);
                                self.add(Source { path, text }, &from.name, Some(from));
                            }
                            Outcome::Left(why) => self.told.push(Told {
                                severity: Severity::Note,
                                place: Where {
                                    file: name.clone(),
                                    line: None,
                                    path: one.title,
                                },
                                what: why,
                                remedy: String::new(),
                            }),
                        }
                    }
                }
                Err(told) => self.told.push(told),
            }
            return;
        }
        self.add(Source { path: name, text }, &from.name, Some(from));
    }

    fn add(&mut self, source: Source, catalog: &str, from: Option<&CatalogSource>) {
        match template::read(source, catalog) {
            // A Compose file that is no template may lie beside those that are.
            Ok(None) => {}
            Ok(Some((mut template, told))) => {
                if let Some(visibility) = from.and_then(|from| from.visibility) {
                    template.visibility = visibility;
                }
                self.told.extend(told);
                let place = self
                    .templates
                    .binary_search_by(|one| one.name.cmp(&template.name));
                match place {
                    Ok(index) => self.templates[index] = template,
                    Err(index) => self.templates.insert(index, template),
                }
            }
            Err(told) => self.told.extend(told),
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let why = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    };
    let about = fs::metadata(path).map_err(why)?;
    if !about.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if about.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    fs::read_to_string(path).map_err(why)
}

/// The files of a catalog that may be templates: YAML, and JSON where it is named itself.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let about = fs::metadata(path).map_err(|error| error.to_string())?;
    if about.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json")
        {
            files.push(path);
        }
    }
    Ok(())
}
