//! Questions about lists of targets that are kept outside.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use super::{
    Session,
    act::crew,
    args::Output,
    balancer::told,
    exit::{Exit, Failure},
    output::Out,
    reach::empty_fleet,
    table::plain,
};
use crate::{
    clients::{
        Finding,
        discovery::{Kept, KeptState, Rendered},
    },
    model::{DatabasePlace, HostName, Listing, Mark},
    ops::{
        Crew, DiscoveryCommand, Sentence,
        discovery::{Wanted, chosen, look, wanted},
        sentence::DiscoveryPlace,
    },
};

/// A question about discovery.
pub(super) async fn ask(session: &Session, command: &DiscoveryCommand) -> Result<Exit, Failure> {
    // What is wrong without looking anywhere is told before anything is opened.
    Sentence::Discovery(command.clone()).plan(&empty_fleet(&session.config), &[])?;
    match command {
        DiscoveryCommand::List => list(session).await,
        DiscoveryCommand::Show(place) => show(session, place).await,
        DiscoveryCommand::Render(place) => render(session, place).await,
        DiscoveryCommand::Check(place) => check(session, place).await,
        // Its role is not that of questions.
        DiscoveryCommand::Push(_) => Ok(Exit::Usage),
    }
}

/// The lists that there are to be; none where there is no store yet.
async fn lists(session: &Session) -> Result<Vec<Wanted>, Failure> {
    if let DatabasePlace::File(path) = &session.config.store.database
        && !path.exists()
    {
        return Ok(Vec::new());
    }
    Ok(wanted(&session.store(), &session.config.discoveries).await?)
}

async fn list(session: &Session) -> Result<Exit, Failure> {
    let all = lists(session).await?;
    let specs = &session.config.discoveries;
    let apps = |name: &str| -> Vec<String> {
        let of = all.iter().filter(|one| *one.spec.name == *name);
        of.map(|one| one.scope.to_string()).collect()
    };
    let on_error = |warns| if warns { "warn" } else { "stop" };
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(specs.iter().map(|spec| {
            json!({"discovery": &*spec.name, "kind": spec.kind.word(), "place": spec.place(),
                "on_error": on_error(spec.warns), "grace_seconds": spec.grace.as_secs(),
                "read_only": spec.read_only, "apps": apps(&spec.name)})
        }))?,
        Output::Name => out.lines(specs.iter().map(|spec| &spec.name))?,
        Output::Table | Output::Wide if specs.is_empty() => super::complain(
            "no discovery is known; write a [[discovery]] into wharf.toml (`wharf config example` shows one)",
        ),
        Output::Table | Output::Wide => {
            let rows = specs.iter().map(|spec| {
                vec![
                    spec.name.to_string(),
                    spec.kind.word().to_owned(),
                    on_error(spec.warns).to_owned(),
                    spec.place(),
                    apps(&spec.name).join(", "),
                ]
            });
            let titles = ["DISCOVERY", "KIND", "ON ERROR", "PLACE", "APPS"];
            out.lines(plain(&titles, "", rows, &session.screen))?;
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// A list with what belongs into it, or why that is not known.
type Looked = (Wanted, Result<Listing, String>);

/// Looks at the hosts of the lists that are meant.
async fn looked(session: &Session, place: &DiscoveryPlace) -> Result<(Crew, Vec<Looked>), Failure> {
    let chosen = chosen(lists(session).await?, place)?;
    let hosts: BTreeSet<&HostName> = chosen.iter().flat_map(|one| &one.hosts).collect();
    let reached = session.reach(|spec| hosts.contains(&spec.name)).await?;
    let (_, engines, _drained) = reached.drain();
    let crew = crew(session, engines);
    let looks = chosen.iter().map(|one| look(&crew, one));
    let listings = join_all(looks).await;
    Ok((crew, chosen.into_iter().zip(listings).collect()))
}

/// The listing, or a failure.
fn known(looked: Looked) -> Result<(Wanted, Listing), Failure> {
    let (wanted, listing) = looked;
    let listing = listing.map_err(|why| Failure::Failed(format!("{}: {why}", wanted.scope)))?;
    Ok((wanted, listing))
}

async fn show(session: &Session, place: &DiscoveryPlace) -> Result<Exit, Failure> {
    let (crew, all) = looked(session, place).await?;
    let discovery = crew.discoveries.open(&place.name)?;
    let mut shown: Vec<(Listing, Vec<Kept>)> = Vec::new();
    for looked in all {
        let (_, listing) = known(looked)?;
        let kept = discovery.compare(&listing).await?;
        shown.push((listing, kept));
    }
    let is_same = |one: &Kept| one.state == KeptState::Same;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(shown.iter().map(|(listing, kept)| {
            json!({"app": listing.scope.app, "environment": &*listing.scope.environment,
                "services": listing.services, "kept": kept})
        }))?,
        Output::Name => out.lines(
            shown
                .iter()
                .flat_map(|(listing, _)| listing.targets())
                .map(|one| format!("{}:{}", one.address, one.port)),
        )?,
        Output::Table | Output::Wide => {
            let rows = shown.iter().flat_map(|(listing, _)| {
                listing.targets().map(|one| {
                    vec![
                        listing.scope.to_string(),
                        one.service.clone(),
                        format!("{}:{}", one.address, one.port),
                        format!("{}.{}", one.host, one.replica),
                        one.release.to_string(),
                    ]
                })
            });
            let titles = ["APP", "SERVICE", "ADDRESS", "REPLICA", "RELEASE"];
            out.lines(plain(&titles, "", rows, &session.screen))?;
            for kept in shown.iter().flat_map(|(_, kept)| kept) {
                let mut line = format!("{}: {}", kept.place, kept.state.word());
                if !kept.detail.is_empty() {
                    line = format!("{line} ({})", kept.detail);
                }
                out.lines([line])?;
            }
        }
    }
    out.flush()?;
    Ok(if shown.iter().flat_map(|(_, kept)| kept).all(is_same) {
        Exit::Done
    } else {
        Exit::Failed
    })
}

async fn render(session: &Session, place: &DiscoveryPlace) -> Result<Exit, Failure> {
    let (crew, all) = looked(session, place).await?;
    let discovery = crew.discoveries.open(&place.name)?;
    let mut rendered = Vec::new();
    for looked in all {
        let (wanted, listing) = known(looked)?;
        rendered.push((wanted.scope, discovery.render(&listing).await?));
    }
    let mut out = Out::take();
    if session.options.output.is_json() {
        out.array(rendered.iter().map(|(scope, one)| {
            json!({"app": scope.app, "environment": &*scope.environment, "rendered": one})
        }))?;
    } else {
        let is_alone = rendered.len() == 1;
        for (scope, one) in &rendered {
            match one {
                Rendered::File { path, text } => {
                    if !is_alone {
                        out.lines([format!("# {scope}: {path}")])?;
                    }
                    out.lines(text.lines())?;
                }
                Rendered::Keys { keys, .. } => {
                    out.lines(keys.iter().map(|(key, value)| format!("{key} {value}")))?;
                }
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// What is found of one list.
async fn found(crew: &Crew, name: &str, looked: Looked) -> Vec<Finding> {
    let (wanted, listing) = looked;
    let finding = |what: String, mark, saw: String, remedy: &str| Finding {
        what,
        mark,
        saw,
        remedy: remedy.to_owned(),
    };
    let what = format!("targets of {}", wanted.scope);
    let listing = match listing {
        Ok(listing) => listing,
        Err(why) => {
            let remedy = "mend the way to it; nothing is listed anew until then";
            return vec![finding(what, Mark::Failed, why, remedy)];
        }
    };
    let empty: Vec<&str> = listing
        .services
        .iter()
        .filter(|one| one.targets.is_empty())
        .map(|one| one.name.as_str())
        .collect();
    let count = listing.targets().count();
    let mut all = vec![if count == 0 {
        let remedy = "publish a port of a service, or let it stand behind a balancer";
        finding(
            what,
            Mark::Warning,
            "none is well and publishes a port".to_owned(),
            remedy,
        )
    } else if empty.is_empty() {
        finding(what, Mark::Ok, format!("{count}"), "")
    } else {
        let saw = format!("{count}; none of {}", empty.join(", "));
        finding(what, Mark::Ok, saw, "")
    }];
    let compared = match crew.discoveries.open(name) {
        Ok(discovery) => discovery.compare(&listing).await,
        Err(error) => Err(error),
    };
    match compared {
        Err(error) => {
            let remedy = error.remedy.clone().unwrap_or_default();
            let what = format!("template for {}", wanted.scope);
            all.push(finding(what, Mark::Failed, error.why, &remedy));
        }
        Ok(kept) => all.extend(kept.into_iter().map(|one| match one.state {
            KeptState::Same => finding(one.place, Mark::Ok, "as it should be".to_owned(), ""),
            KeptState::Differs => {
                let remedy = format!("`wharf discovery push {name}` brings it there");
                finding(one.place, Mark::Warning, one.detail, &remedy)
            }
            KeptState::Unknown => {
                let remedy = "mend that; where it was never written, `discovery push` does it";
                finding(one.place, Mark::Failed, one.detail, remedy)
            }
        })),
    }
    all
}

/// `discovery check`: ends badly where something does not work.
async fn check(session: &Session, place: &DiscoveryPlace) -> Result<Exit, Failure> {
    let (crew, all) = looked(session, place).await?;
    let looks = all.into_iter().map(|one| found(&crew, &place.name, one));
    let findings: Vec<Finding> = join_all(looks).await.into_iter().flatten().collect();
    let is_bad = |one: &&Finding| one.mark == Mark::Failed;
    let mut out = Out::take();
    match session.options.output {
        Output::Json => out.array(findings.iter())?,
        Output::Name => out.lines(findings.iter().filter(is_bad).map(|one| &one.what))?,
        Output::Table | Output::Wide => {
            let ascii = session.screen.ascii;
            out.lines(findings.iter().flat_map(|one| told(one, ascii)))?;
        }
    }
    out.flush()?;
    Ok(if findings.iter().any(|one| is_bad(&one)) {
        Exit::Failed
    } else {
        Exit::Done
    })
}
