//! Inventories: hosts from one into wharf.toml, and the fleet as one.

use std::{fs::OpenOptions, io::Write as _, path::Path};

use serde_json::json;

use super::{
    Session,
    exit::{Exit, Failure, of_outcome},
    output::Out,
    reach::empty_fleet,
    report::Report,
};
use crate::{
    model::Outcome,
    ops::{
        self, Export, Import, Sentence,
        sentence::{ExportArgs, ImportArgs},
    },
};

/// `host import`.
pub(super) async fn import(
    session: &Session,
    sentence: &Sentence,
    args: &ImportArgs,
) -> Result<Exit, Failure> {
    let paths = &session.config.paths;
    let fleet = empty_fleet(&session.config);
    let import = Import::prepare(sentence, args, &fleet, paths)?;
    for skipped in &import.inventory.skipped {
        super::complain(&format!("left out: {skipped}"));
    }
    if session.options.output.is_json() && (session.options.dry_run || is_nothing(&import)) {
        let mut out = Out::take();
        out.json(&described(&import))?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    if !session.options.output.is_json() {
        let mut out = Out::take();
        out.lines(import.lines())?;
        out.flush()?;
    }
    if session.options.dry_run {
        return session.preview(&import.plan);
    }
    if is_nothing(&import) {
        let mut out = Out::take();
        out.lines([format!("nothing to do: {}", import.summary())])?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    if !session.is_confirmed(&import.plan).await? {
        return Ok(Exit::Interrupted);
    }
    let store = session.store();
    let work = async {
        match import.apply(paths) {
            Ok(detail) => Outcome::Done { detail },
            Err(detail) => Outcome::Failed {
                done: 0,
                failed: 1,
                detail,
            },
        }
    };
    let report = Report::new(session, &import.plan);
    let origin = session.origin("shell");
    let take = |progress| report.take(progress);
    let plan = &import.plan;
    let ended = ops::recorded(plan, &origin, sentence.reason(), &store, &take, work).await;
    store.close().await;
    let outcome = ended?;
    report.finish(&outcome)?;
    Ok(of_outcome(&outcome))
}

fn is_nothing(import: &Import) -> bool {
    import.comparison.is_nothing()
}

/// All of an import, for machines.
fn described(import: &Import) -> serde_json::Value {
    let names = |hosts: &[(String, Vec<_>)]| -> Vec<String> {
        hosts.iter().map(|(name, _)| name.clone()).collect()
    };
    let taken = import.inventory.taken.iter();
    let taken: Vec<_> = taken
        .map(|(field, column)| json!({"field": field.to_string(), "column": column}))
        .collect();
    let skipped = import.inventory.skipped.iter();
    let skipped: Vec<String> = skipped.map(ToString::to_string).collect();
    json!({
        "new": names(&import.comparison.new),
        "changed": names(&import.comparison.changed),
        "unchanged": import.comparison.unchanged,
        "columns": taken,
        "left_out": skipped,
        "plan": import.plan,
    })
}

/// `host export`.
pub(super) fn export(session: &Session, args: &ExportArgs) -> Result<Exit, Failure> {
    let fleet = empty_fleet(&session.config);
    let export = Export::of(args, &fleet)?;
    let mut out = Out::take();
    match &args.to {
        None => out.bytes(export.text.as_bytes())?,
        Some(path) => {
            write(path, &export.text, session.options.yes)?;
            out.lines([format!("{} hosts are in {}", export.hosts, path.display())])?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Writes a file that is not there yet; over one that is only when that was said.
fn write(path: &Path, text: &str, is_confirmed: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    if is_confirmed {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let remedy = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "; name another, or say --yes to write over it"
        } else {
            ""
        };
        let place = path.display();
        Failure::Failed(format!("cannot write {place}: {error}{remedy}"))
    })
}
