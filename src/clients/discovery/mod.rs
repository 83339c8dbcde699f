//! Lists of the targets of apps outside of Wharf: files on machines, made of templates, and keys in etcd.
//!
//! A list is of one app in one environment. It is compared with what is there, and nothing is written that is there. What is
//! written has no lifetime: a Wharf that is gone empties nothing.

mod etcd;
mod render;

use std::{fmt, sync::Arc};

use serde::Serialize;

pub use self::render::Rendered;
use self::{etcd::Etcd, render::render};
use super::{
    Error, ErrorKind,
    reach::{Reach, kind_of},
};
use crate::model::{
    DiscoveryKind, DiscoverySpec, FileSpec, Listing, Machine, Placing, Trouble,
    release::{Scope, Secrets},
};

/// All that keep lists; cheap to clone.
#[derive(Clone, Debug)]
pub struct Discoveries {
    specs: Arc<[Arc<DiscoverySpec>]>,
    reach: Arc<dyn Reach>,
    secrets: Secrets,
}

impl Discoveries {
    /// Those that the configuration describes, reached so.
    pub fn new(
        specs: impl IntoIterator<Item = DiscoverySpec>,
        reach: Arc<dyn Reach>,
        secrets: Secrets,
    ) -> Self {
        Self {
            specs: specs.into_iter().map(Arc::new).collect(),
            reach,
            secrets,
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Discovery> {
        self.specs.iter().map(|spec| Discovery {
            spec: Arc::clone(spec),
            reach: Arc::clone(&self.reach),
            secrets: self.secrets.clone(),
        })
    }

    /// Those that list an app.
    pub fn of(&self, scope: &Scope) -> impl Iterator<Item = Discovery> {
        self.all().filter(|one| one.spec.lists(scope))
    }

    /// One of them by name.
    ///
    /// # Errors
    /// When the configuration has none of that name.
    pub fn open(&self, name: &str) -> Result<Discovery, Error> {
        let found = self.all().find(|one| *one.spec.name == *name);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.specs.iter().map(|spec| &*spec.name).collect();
            let remedy = if known.is_empty() {
                "write a [[discovery]] into wharf.toml".to_owned()
            } else {
                format!("there is {}", known.join(", "))
            };
            let why = format!("no discovery is called '{name}'");
            Error::new(ErrorKind::Missing, "opening a discovery", why).with(remedy)
        })
    }
}

/// One of them; cheap to clone.
#[derive(Clone)]
pub struct Discovery {
    spec: Arc<DiscoverySpec>,
    reach: Arc<dyn Reach>,
    secrets: Secrets,
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}

/// How a list is at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where.
    pub place: String,
    /// How.
    pub state: KeptState,
    /// What differs, or why it is not known.
    pub detail: String,
}

/// How a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeptState {
    /// As it is to be.
    Same,
    /// Otherwise.
    Differs,
    /// It is not known.
    Unknown,
}

impl KeptState {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Unknown => "unknown",
        }
    }
}

impl Discovery {
    /// As configured.
    pub fn spec(&self) -> &DiscoverySpec {
        &self.spec
    }

    /// What a list comes to: the text of a file, or keys with what stands below them.
    ///
    /// # Errors
    /// When a template cannot be read, or does not fit.
    pub async fn render(&self, listing: &Listing) -> Result<Rendered, Error> {
        let template = match &self.spec.kind {
            DiscoveryKind::Etcd(_) => String::new(),
            DiscoveryKind::File(file) => {
                let read = tokio::fs::read_to_string(&file.template).await;
                read.map_err(|error| {
                    let why = format!("{}: {error}", file.template.display());
                    let remedy = "name a file of this machine as its template";
                    self.error(ErrorKind::Missing, "reading its template", why)
                        .with(remedy)
                })?
            }
        };
        render(&self.spec, &template, listing).map_err(|why| {
            let doing = format!("rendering {} for", listing.scope);
            self.error(ErrorKind::Wrong, &doing, why)
        })
    }

    /// Brings a list to where it is kept; answers what was written there, nothing when all was so already.
    ///
    /// # Errors
    /// When it cannot be rendered, its place cannot be reached, or it is refused there.
    pub async fn push(&self, listing: &Listing) -> Result<Vec<String>, Error> {
        let doing = format!("listing {} in", listing.scope);
        if self.spec.read_only {
            return Err(self.error(ErrorKind::Refused, &doing, "it is read-only"));
        }
        let mut done = Vec::new();
        match (self.render(listing).await?, &self.spec.kind) {
            (Rendered::File { path, text }, DiscoveryKind::File(file)) => {
                let placing = placing(file, path, text);
                for machine in &file.machines {
                    let placed = self.reach.place(machine, &placing).await;
                    let placed =
                        placed.map_err(|trouble| self.of_machine(&doing, machine, &trouble))?;
                    if placed {
                        done.push(format!("{} on {machine}", placing.path));
                    }
                }
            }
            (Rendered::Keys { prefix, keys }, DiscoveryKind::Etcd(spec)) => {
                let etcd = Etcd::open(&self.spec.name, spec, &self.secrets)?;
                let changed = etcd.put(&doing, &prefix, &keys).await?;
                if !changed.is_nothing() {
                    done.push(format!("{changed} below {prefix}"));
                }
            }
            // What is rendered is of its kind.
            (Rendered::File { .. } | Rendered::Keys { .. }, _) => {}
        }
        Ok(done)
    }

    /// Compares a list with what is kept, place by place.
    ///
    /// # Errors
    /// When it cannot be rendered.
    pub async fn compare(&self, listing: &Listing) -> Result<Vec<Kept>, Error> {
        let mut all = Vec::new();
        match (self.render(listing).await?, &self.spec.kind) {
            (Rendered::File { path, text }, DiscoveryKind::File(file)) => {
                for machine in &file.machines {
                    let (state, detail) = match self.reach.read(machine, &path).await {
                        Ok(now) if now == text => (KeptState::Same, String::new()),
                        Ok(now) => (KeptState::Differs, difference(&now, &text)),
                        Err(trouble) => (KeptState::Unknown, trouble.reason),
                    };
                    let place = format!("{path} on {machine}");
                    all.push(Kept {
                        place,
                        state,
                        detail,
                    });
                }
            }
            (Rendered::Keys { prefix, keys }, DiscoveryKind::Etcd(spec)) => {
                let asked = async {
                    let etcd = Etcd::open(&self.spec.name, spec, &self.secrets)?;
                    etcd.differs("reading", &prefix, &keys).await
                };
                let (state, detail) = match asked.await {
                    Ok(changes) if changes.is_nothing() => (KeptState::Same, String::new()),
                    Ok(changes) => (KeptState::Differs, format!("{changes} would be written")),
                    Err(error) => (KeptState::Unknown, error.reason()),
                };
                let place = format!("{prefix} in {}", spec.endpoints.join(", "));
                all.push(Kept {
                    place,
                    state,
                    detail,
                });
            }
            (Rendered::File { .. } | Rendered::Keys { .. }, _) => {}
        }
        Ok(all)
    }

    fn error(&self, kind: ErrorKind, doing: &str, why: impl Into<String>) -> Error {
        Error::new(kind, &format!("{doing} {}", self.spec.name), why)
    }

    fn of_machine(&self, doing: &str, machine: &Machine, trouble: &Trouble) -> Error {
        let why = format!("{machine}: {}", trouble.reason);
        let error = self.error(kind_of(trouble), doing, why);
        if trouble.remedy.is_empty() {
            error
        } else {
            error.with(&*trouble.remedy)
        }
    }
}

/// How two texts differ, in a few words.
fn difference(now: &str, wanted: &str) -> String {
    let only = |one: &str, other: &str| {
        let lines = one.lines();
        lines
            .filter(|line| !other.lines().any(|other| other == *line))
            .count()
    };
    let (more, fewer) = (only(wanted, now), only(now, wanted));
    format!("{more} lines would come, {fewer} would go")
}

fn placing(file: &FileSpec, path: String, text: String) -> Placing {
    let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
    Placing {
        path,
        text,
        mode: file.mode,
        owner: owned(&file.owner),
        check: owned(&file.check),
        reload: owned(&file.reload),
        was: None,
    }
}
