//! Compose files into specs: parse, interpolate, include, extend, merge, read. Pure: files come through [`Files`].
//!
//! Nothing is dropped silently. Every key of the Compose specification is read, or told as known and ignored with the
//! reason, or told as unknown with the nearest that is known.

mod dotenv;
mod fields;
mod interpolate;
mod join;
mod merge;
mod read;
#[cfg(test)]
mod tests;
mod write;
mod yaml;

pub use dotenv::{Dotenv, DotenvError, dotenv};
pub use interpolate::{Given, Variables};

use crate::model::app::{AppName, Severity, Source, Spec, Told, Where};

pub(super) use fields::Fields;
pub(super) use write::write;
pub(super) use yaml::{At, File, Kind, Name, Node, Tag, parse};

/// Where the files that a Compose file names come from: env_file, extended and included files, configs.
pub trait Files {
    /// The text of a file. The path is joined of the naming file's directory and what stands there. The error says why.
    fn read(&self, path: &str) -> Result<String, String>;
}

/// No files at all: for templates, which stand for themselves.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<String, String> {
        Err("a template stands for itself; it has no files beside it".to_owned())
    }
}

/// Which services with profiles are part of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profiles {
    /// All.
    All,
    /// Those of these profiles.
    Only(Vec<String>),
}

/// How strict it is with what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It shall run: variables that must be set and files must be there.
    Deploy,
    /// It is looked at by itself: what is not there is a warning.
    Check,
}

/// What is asked of the loader.
pub struct Request<'r> {
    /// The files, each over the ones before.
    pub sources: &'r [Source],
    /// The app's name, over that of the files and of the directory.
    pub name: Option<AppName>,
    /// What `${…}` stands for.
    pub variables: &'r Variables<'r>,
    /// Which services with profiles are part of it.
    pub profiles: Profiles,
    /// How strict it is.
    pub purpose: Purpose,
    /// Other files.
    pub files: &'r dyn Files,
}

/// A spec, with everything that has to be said about it; none of that is an error.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The app.
    pub spec: Spec,
    /// Warnings and notes, in the order of the files.
    pub told: Vec<Told>,
}

/// Loads Compose files. The errors come all at once, with the warnings between them, in the order of the files.
pub fn load(request: &Request<'_>) -> Result<Loaded, Vec<Told>> {
    let mut told = Vec::new();
    let spec = join::whole(request, &mut told).and_then(|whole| {
        // A file that could not be read would only bring errors that are none.
        if Told::any_error(&told) {
            return None;
        }
        Some(read::spec(&whole, request, &mut told))
    });
    sort(&mut told);
    match spec {
        Some(spec) if !Told::any_error(&told) => Ok(Loaded { spec, told }),
        Some(_) | None => Err(told),
    }
}

/// The files as one, interpolated and without extensions: a Compose file again. Secrets are written as `${NAME}`.
pub fn render(request: &Request<'_>) -> Result<String, Vec<Told>> {
    let mut told = Vec::new();
    let whole = join::whole(request, &mut told);
    sort(&mut told);
    let Some(mut whole) = whole.filter(|_| !Told::any_error(&told)) else {
        return Err(told);
    };
    if let Kind::Map(entries) = &mut whole.kind {
        entries.retain(|(name, _)| !name.text.starts_with("x-"));
    }
    Ok(write(&whole))
}

/// In the order of the files, each once.
fn sort(told: &mut Vec<Told>) {
    let mut seen = std::collections::HashSet::new();
    told.retain(|one| seen.insert(one.clone()));
    told.sort_by_key(|one| one.place.line);
    let mut files: Vec<String> = Vec::new();
    for one in told.iter() {
        if !files.contains(&one.place.file) {
            files.push(one.place.file.clone());
        }
    }
    told.sort_by_key(|one| files.iter().position(|file| *file == one.place.file));
}

/// One thing to tell.
pub(super) fn tell(
    severity: Severity,
    at: &At,
    path: &str,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> Told {
    Told {
        severity,
        place: Where {
            file: at.file.name.clone(),
            line: (at.line > 0).then_some(at.line),
            path: path.to_owned(),
        },
        what: what.into(),
        remedy: remedy.into(),
    }
}
