//! `template update`: the catalogs that are repositories, fetched anew.

use futures_util::future::join_all;
use serde::Serialize;

use super::{
    Session, args::Output, complain, exit::Exit, exit::Failure, output::Out, reach::Reached,
    table::plain,
};
use crate::{
    catalog::{Catalog, keep, kept_commit},
    model::{
        app::{CatalogRepository, CatalogSource},
        nearest, printable, redact,
    },
};

/// What became of a catalog.
#[derive(Serialize)]
struct Updated<'c> {
    catalog: &'c str,
    url: String,
    /// The commit that its copy was of; none when there was no copy.
    before: Option<String>,
    /// The commit that its copy is of now.
    commit: Option<String>,
    /// How many templates of it there are.
    templates: usize,
    /// Why it was not fetched; then the copy before still counts.
    why: Option<String>,
}

/// Fetches them beside each other.
pub(super) async fn update(session: &Session, names: &[String]) -> Result<Exit, Failure> {
    let chosen = chosen(&session.config.catalogs, names)?;
    if chosen.is_empty() {
        complain("no catalog is a repository; write url = \"…\" into a [[catalog]] of wharf.toml");
        return Ok(Exit::Done);
    }
    let reached = Reached::beside(&session.config, session.options.timeout);
    let all = chosen.into_iter();
    let fetched = all.map(|(source, repository)| fetch(&reached, source, repository));
    let mut all = join_all(fetched).await;
    let catalog = Catalog::read(&session.config.catalogs);
    for one in &mut all {
        let of = |template: &&crate::model::app::Template| *template.catalog == *one.catalog;
        one.templates = catalog.templates.iter().filter(of).count();
    }
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.json(&all)?,
        Output::Name => out.lines(all.iter().map(|one| one.catalog))?,
        Output::Table | Output::Wide => {
            let titles = ["CATALOG", "TEMPLATES", "COMMIT", "BEFORE", "DETAIL"];
            out.lines(plain(
                &titles,
                " >   ",
                all.iter().map(row),
                &session.screen,
            ))?;
        }
    }
    out.flush()?;
    let is_left = all.iter().any(|one| one.why.is_some());
    Ok(if is_left { Exit::Failed } else { Exit::Done })
}

/// Those of these names that are repositories; all without names.
fn chosen<'c>(
    all: &'c [CatalogSource],
    names: &[String],
) -> Result<Vec<(&'c CatalogSource, &'c CatalogRepository)>, Failure> {
    let pair = |one: &'c CatalogSource| Some((one, one.repository.as_ref()?));
    if names.is_empty() {
        return Ok(all.iter().filter_map(pair).collect());
    }
    let find = |name: &String| {
        let found = all.iter().find(|one| one.name == *name).ok_or_else(|| {
            let near = nearest(name, all.iter().map(|one| one.name.as_str()));
            let hint = near.map_or_else(
                || "[[catalog]] of wharf.toml names them".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            Failure::Usage(format!("there is no catalog {name}; {hint}"))
        })?;
        pair(found).ok_or_else(|| {
            let what = "is no repository: its files are read from where they are";
            Failure::Usage(format!("catalog {name} {what}"))
        })
    };
    names.iter().map(find).collect()
}

async fn fetch<'c>(
    reached: &Reached,
    source: &'c CatalogSource,
    repository: &CatalogRepository,
) -> Updated<'c> {
    let before = kept_commit(repository);
    let fetched = async {
        let reference = repository.reference.as_deref();
        let tree = reached
            .engines
            .check_out(&repository.url, reference)
            .await?;
        keep(&tree.path(), tree.commit(), source)?;
        Ok::<String, String>(tree.commit().to_owned())
    };
    let (commit, why) = match fetched.await {
        Ok(commit) => (Some(commit), None),
        Err(why) => (before.clone(), Some(why)),
    };
    Updated {
        catalog: &source.name,
        url: redact(&repository.url).into_owned(),
        before,
        commit,
        templates: 0,
        why,
    }
}

fn row(one: &Updated<'_>) -> Vec<String> {
    let short = |commit: &Option<String>| {
        let commit = commit.as_deref().unwrap_or("-");
        commit.get(..8).unwrap_or(commit).to_owned()
    };
    let detail = match &one.why {
        Some(why) => format!("not fetched: {}", printable(why)),
        None if one.before == one.commit => "nothing new".to_owned(),
        None => String::new(),
    };
    vec![
        printable(one.catalog),
        one.templates.to_string(),
        short(&one.commit),
        short(&one.before),
        detail,
    ]
}
