//! Everything of this machine that a build needs, gathered before a host is bothered.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::Ground;
use super::git::{Held, Wanted, within};
use super::ignore::Ignore;
use super::recipe::Recipe;
use super::tree::{Entry, FOREIGN, RULES, Text, Tree};
use crate::model::{Build, BuildSource, MASK, Said, SecretSource, bytes, printable, redact};

/// What the Dockerfile is called where BuildKit asks for it.
pub(super) const DOCKERFILE: &str = "Dockerfile";

/// A build of which everything is known that this machine knows.
pub(super) struct Job {
    /// The files, without what stays at home.
    pub context: Arc<Tree>,
    /// The Dockerfile, and the rules that are its own.
    pub recipe_tree: Arc<Tree>,
    /// The rules of the directory.
    pub rules_tree: Arc<Tree>,
    /// What the Dockerfile is called in `context`; none where it is of another directory.
    pub inside: Option<PathBuf>,
    /// The Dockerfile, read.
    pub recipe: Recipe,
    /// What it is called here.
    pub shown: String,
    /// Secrets by their names.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// What tells the directory apart from others of this machine.
    pub place: String,
    /// The commit, where the files are those of a repository.
    pub commit: Option<String>,
    /// What must not be shown.
    hidden: Vec<String>,
    _checkout: Option<Held>,
}

impl Job {
    /// A text in which nothing secret stands, and nothing that moves a terminal.
    pub fn hide(&self, text: &str) -> String {
        let hidden = self.hidden.iter();
        let text = hidden.fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
        printable(&redact(&text))
    }

    /// The files in one archive, with a Dockerfile in it, and what that is called there.
    pub fn packed(&self) -> (Tree, String) {
        let mut tree = Tree::clone(&self.context);
        let recipe = self.recipe_tree.entries.first().cloned();
        let rules = self.rules_tree.entries.first();
        let name = match &self.inside {
            Some(name) => name.clone(),
            None => PathBuf::from(FOREIGN),
        };
        if let Some(recipe) = recipe {
            tree.put(Entry {
                name: name.clone(),
                ..recipe
            });
        }
        match (rules, self.inside.is_some()) {
            (Some(rules), true) => tree.put(rules.clone()),
            (None, true) => {}
            // Neither is for COPY: the builder takes away what the rules name.
            (rules, false) => {
                let text = rules.map(Entry::read).transpose();
                let mut text = text.ok().flatten().unwrap_or_else(|| RULES.into());
                text.extend_from_slice(format!("\n{FOREIGN}\n").as_bytes());
                let text = Text {
                    bytes: Arc::from(text),
                    mtime: 0,
                };
                tree.put(Entry::text(RULES, &text));
            }
        }
        (tree, name.display().to_string())
    }
}

/// Gathers it; a repository is fetched first.
pub(super) async fn prepare(
    ground: &Ground,
    build: &Build,
    say: &(dyn Fn(Said) + Sync),
) -> Result<Job, String> {
    let mut checkout = None;
    let root = match &build.source {
        BuildSource::Directory(path) => path.clone(),
        BuildSource::Git {
            url,
            reference,
            directory,
        } => {
            let shown = build.source.to_string();
            say(Said::Line(format!("fetching {shown}")));
            let wanted = Wanted {
                url,
                reference: reference.as_deref(),
            };
            let held = ground.checkouts.get(wanted).await?;
            say(Said::Line(format!(
                "{shown} is at {}",
                held.checkout.commit
            )));
            let tree = held.checkout.tree();
            checkout = Some(held);
            match directory {
                Some(directory) => within(&tree, Path::new(directory))?,
                None => tree,
            }
        }
    };
    let secrets = secrets(ground, build)?;
    let (wanted, is_foreign) = (build.clone(), checkout.is_some());
    let gathered = spawn_blocking(move || gather(&wanted, &root, is_foreign, secrets)).await;
    let (job, odd) = gathered.map_err(|error| error.to_string())??;
    if !odd.is_empty() {
        let names: Vec<String> = odd.iter().map(|path| path.display().to_string()).collect();
        say(Said::Line(printable(&format!(
            "left out, for they are no files: {}",
            names.join(", ")
        ))));
    }
    say(Said::Line(format!(
        "{} files, {}, by {}",
        job.context.files(),
        bytes(job.context.bytes),
        job.shown
    )));
    Ok(Job {
        commit: checkout.as_ref().map(|held| held.checkout.commit.clone()),
        _checkout: checkout,
        ..job
    })
}

/// Reads the secrets; none of them is ever shown, whatever a build prints.
fn secrets(ground: &Ground, build: &Build) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut secrets = BTreeMap::new();
    for secret in &build.secrets {
        let value = match &secret.from {
            SecretSource::File(path) => Text::read(path)
                .map_err(|error| format!("the secret {}: {error}", secret.id))?
                .bytes
                .to_vec(),
            SecretSource::Variable(name) => (ground.variables.0)(name)
                .ok_or_else(|| format!("the secret {}: ${name} is not set", secret.id))?
                .into_bytes(),
        };
        secrets.insert(secret.id.to_string(), value);
    }
    Ok(secrets)
}

/// What must not be shown: each line of a secret, and the values of arguments whose names say so.
fn hidden(build: &Build, secrets: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let texts = secrets.values().map(|value| String::from_utf8_lossy(value));
    let lines: Vec<String> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let args = build.args.iter().filter(|arg| arg.is_secret());
    let mut hidden: Vec<String> = lines
        .into_iter()
        .map(|line| line.trim().to_owned())
        .chain(args.map(|arg| arg.value.to_string()))
        // A short one would hide half of what is printed.
        .filter(|text| text.len() >= 4)
        .collect();
    // The longest first: one may be a part of another.
    hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
    hidden
}

/// Reads the Dockerfile and looks the directory through.
fn gather(
    build: &Build,
    root: &Path,
    is_foreign: bool,
    secrets: BTreeMap<String, Vec<u8>>,
) -> Result<(Job, Vec<PathBuf>), String> {
    let shown_root = build.source.to_string();
    let real = fs::canonicalize(root).map_err(|error| format!("{shown_root}: {error}"))?;
    if !real.is_dir() {
        return Err(format!("{shown_root} is no directory"));
    }
    let file = dockerfile(build, &real, is_foreign)?;
    let text = |path: &Path| Text::read(path).map_err(|error| error.to_string());
    let recipe = text(&file)?;
    let own = PathBuf::from(format!("{}.dockerignore", file.display()));
    let own_rules = own.is_file().then(|| text(&own)).transpose()?;
    let rules_path = real.join(RULES);
    let rules = rules_path
        .is_file()
        .then(|| text(&rules_path))
        .transpose()?;
    let (holds, name) = match (&own_rules, &rules) {
        (Some(own), _) => (own.text(), format!("{}.dockerignore", file.display())),
        (None, Some(rules)) => (rules.text(), RULES.to_owned()),
        (None, None) => (String::new(), String::new()),
    };
    let ignore = Ignore::read(&holds).map_err(|why| format!("{name}, {why}"))?;
    let mut context = Tree::of(&real, &ignore).map_err(|error| error.to_string())?;
    let odd = std::mem::take(&mut context.odd);

    let mut recipe_tree = Tree::default();
    recipe_tree.put(Entry::text(DOCKERFILE, &recipe));
    if let Some(own) = &own_rules {
        recipe_tree.put(Entry::text(format!("{DOCKERFILE}.dockerignore"), own));
    }
    let mut rules_tree = Tree::default();
    if let Some(rules) = &rules {
        rules_tree.put(Entry::text(RULES, rules));
    }
    let inside = file.strip_prefix(&real).ok().map(Path::to_owned);
    let shown = match &build.file {
        Some(file) => file.display().to_string(),
        None => DOCKERFILE.to_owned(),
    };
    Ok((
        Job {
            context: Arc::new(context),
            recipe_tree: Arc::new(recipe_tree),
            rules_tree: Arc::new(rules_tree),
            inside,
            recipe: Recipe::read(&recipe.text()),
            shown,
            hidden: hidden(build, &secrets),
            secrets,
            place: if is_foreign {
                shown_root
            } else {
                real.display().to_string()
            },
            commit: None,
            _checkout: None,
        },
        odd,
    ))
}

/// Where the Dockerfile really is. That of a repository is within it.
fn dockerfile(build: &Build, root: &Path, is_foreign: bool) -> Result<PathBuf, String> {
    let said = build.file.as_deref();
    let name = said.unwrap_or(Path::new(DOCKERFILE));
    if is_foreign {
        return within(root, name).map_err(|why| missing(build, &why));
    }
    let inside = root.join(name);
    // As docker does: seen from here, or else from the directory.
    let path = match said {
        Some(path) if path.exists() => path,
        Some(_) | None => &inside,
    };
    fs::canonicalize(path).map_err(|error| {
        let why = format!("{}: {error}", path.display());
        missing(build, &why)
    })
}

fn missing(build: &Build, why: &str) -> String {
    match build.file {
        Some(_) => why.to_owned(),
        None => format!("{why}; name the Dockerfile with --file if it is called otherwise"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::engine::Variables;
    use crate::model::{BuildArg, BuildSecret};

    fn build(source: &Path) -> Build {
        Build {
            source: BuildSource::Directory(source.to_owned()),
            file: None,
            tags: Vec::new(),
            args: Vec::new(),
            target: None,
            labels: Vec::new(),
            platform: None,
            no_cache: false,
            pull: false,
            secrets: Vec::new(),
            builder: None,
        }
    }

    async fn prepared(build: &Build) -> Result<Job, String> {
        let variables = Variables::new(|name| (name == "TOKEN").then(|| "s3cret-of-env".into()));
        let ground = Ground::new(&std::env::temp_dir(), variables);
        prepare(&ground, build, &|_| ()).await
    }

    fn names(tree: &Tree) -> Vec<String> {
        let names = tree
            .entries
            .iter()
            .map(|one| one.name.display().to_string());
        names.collect()
    }

    #[tokio::test]
    async fn a_dockerfile_that_stays_at_home_is_known_to_the_builder_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("Dockerfile"), "FROM scratch\n").unwrap();
        fs::write(at("a"), "a").unwrap();
        fs::write(at(".dockerignore"), "Dockerfile\n.dockerignore\n").unwrap();
        let job = prepared(&build(dir.path())).await.unwrap();
        assert_eq!(names(&job.context), ["a"]);
        let (packed, name) = job.packed();
        assert_eq!(name, "Dockerfile");
        assert_eq!(names(&packed), ["a", "Dockerfile", ".dockerignore"]);
    }

    #[tokio::test]
    async fn a_dockerfile_of_another_place_has_rules_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("ctx")).unwrap();
        for name in ["ctx/a", "ctx/b", "ctx/c"] {
            fs::write(at(name), "x").unwrap();
        }
        fs::write(at("ctx/.dockerignore"), "a\n").unwrap();
        fs::write(at("x.Dockerfile"), "FROM scratch\n").unwrap();
        let wanted = Build {
            file: Some(at("x.Dockerfile")),
            ..build(&at("ctx"))
        };
        let job = prepared(&wanted).await.unwrap();
        assert_eq!(names(&job.context), [".dockerignore", "b", "c"]);
        fs::write(at("x.Dockerfile.dockerignore"), "b\n").unwrap();
        let job = prepared(&wanted).await.unwrap();
        assert_eq!(names(&job.context), [".dockerignore", "a", "c"]);
        let (packed, name) = job.packed();
        assert_eq!(name, FOREIGN);
        let rules = packed
            .entries
            .iter()
            .find(|one| one.name == Path::new(RULES));
        let rules = String::from_utf8(rules.unwrap().read().unwrap()).unwrap();
        assert_eq!(rules, format!("a\n\n{FOREIGN}\n"));
    }

    #[tokio::test]
    async fn secrets_are_read_and_hidden_in_whatever_is_said() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Dockerfile"), "FROM scratch\n").unwrap();
        let file = dir.path().join("key");
        fs::write(&file, "first-line\nsecond-line\n").unwrap();
        let secret = |id: &str, from| BuildSecret {
            id: id.into(),
            from,
        };
        let mut wanted = Build {
            args: vec![BuildArg {
                name: "MY_PASSWORD".into(),
                value: "hunter22".into(),
            }],
            secrets: vec![
                secret("a", SecretSource::File(file)),
                secret("b", SecretSource::Variable("TOKEN".into())),
            ],
            ..build(dir.path())
        };
        let job = prepared(&wanted).await.unwrap();
        assert_eq!(job.secrets["b"], b"s3cret-of-env");
        let said = job.hide("x second-line s3cret-of-env hunter22 \u{1b}[2J");
        assert_eq!(said, "x **** **** **** ·[2J");
        wanted.secrets = vec![secret("c", SecretSource::Variable("NONE".into()))];
        let why = prepared(&wanted).await.err().unwrap();
        assert_eq!(why, "the secret c: $NONE is not set");
    }

    #[tokio::test]
    async fn what_is_missing_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let why = prepared(&build(dir.path())).await.err().unwrap();
        assert!(
            why.contains("Dockerfile") && why.contains("--file"),
            "{why}"
        );
        let why = prepared(&build(Path::new("/nowhere/x")))
            .await
            .err()
            .unwrap();
        assert!(why.starts_with("/nowhere/x: "), "{why}");
        fs::write(dir.path().join("Dockerfile"), "FROM a\n").unwrap();
        fs::write(dir.path().join(RULES), "ok\n[\n").unwrap();
        let why = prepared(&build(dir.path())).await.err().unwrap();
        assert!(why.starts_with(".dockerignore, line 2"), "{why}");
    }
}
