//! Apps from a shell: a list, and one with its services and replicas.

use super::{
    Session,
    exit::{Exit, Failure},
    list::Listing,
};
use crate::{
    model::Fleet,
    ops::{
        app::{App, apps, named},
        column::{AppRow, Apps},
        sentence::ListArgs,
    },
};

/// `app list`.
pub(super) async fn list(session: &Session, args: &ListArgs) -> Result<Exit, Failure> {
    let listing = Listing::<Apps>::read(args, session.options.output, &[])?;
    let mut reached = session.reach(|_| true).await?;
    session.know_deploys(&mut reached.fleet).await;
    let all = apps(&reached.fleet);
    let rows = listing.arrange(all.iter().map(|app| AppRow::App(app, false)));
    write(session, &reached.fleet, &listing, &rows)?;
    Ok(super::missing(&reached))
}

/// `app show`.
pub(super) async fn show(
    session: &Session,
    name: &str,
    env: Option<&str>,
) -> Result<Exit, Failure> {
    let fits = named(name, env).map_err(Failure::Usage)?;
    let args = ListArgs::default();
    let listing = Listing::<Apps>::read(&args, session.options.output, &[])?;
    let mut reached = session.reach(|_| true).await?;
    session.know_deploys(&mut reached.fleet).await;
    let fleet = &reached.fleet;
    let all: Vec<App> = apps(fleet).into_iter().filter(fits).collect();
    if all.is_empty() {
        let exit = super::missing(&reached);
        return match exit {
            Exit::Done => Err(Failure::Failed(format!("no app is called {name}"))),
            other => Ok(other),
        };
    }
    let mut rows = Vec::new();
    for app in &all {
        rows.push(AppRow::App(app, true));
        for service in &app.services {
            rows.push(AppRow::Service(app, service, true));
            rows.extend(service.replicas.iter().filter_map(|one| {
                let (host, container) =
                    (fleet.host(&one.host)?, fleet.container(&one.host, &one.id)?);
                Some(AppRow::Replica(app, service, host, container))
            }));
        }
    }
    write(session, fleet, &listing, &rows)?;
    Ok(super::missing(&reached))
}

fn write(
    session: &Session,
    fleet: &Fleet,
    listing: &Listing<Apps>,
    rows: &[AppRow<'_>],
) -> Result<(), Failure> {
    let whole = rows.iter().filter_map(|row| match row {
        AppRow::App(app, _) => Some(*app),
        AppRow::Service(..) | AppRow::Replica(..) => None,
    });
    let name = |row: &AppRow<'_>| match row {
        AppRow::App(app, _) => app.key.name.to_string(),
        AppRow::Service(app, service, _) => format!("{}/{}", app.key.name, service.name),
        AppRow::Replica(_, _, host, container) => format!("{}@{}", container.name, host.name()),
    };
    listing.write(session, fleet, rows, |out| out.array(whole), name)
}
