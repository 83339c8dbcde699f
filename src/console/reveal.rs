//! Showing masked values is an act: it is recorded first, and shown only then.

use std::sync::Mutex;

use crate::{
    model::{Origin, Outcome},
    ops::{self, Ledger, Progress},
    ui::{Act, Masked, Msg, message::Level},
};

/// Records that something masked is shown. What comes of it is for the console: it is shown, or it
/// stays masked because that could be recorded nowhere.
pub(super) async fn reveal(
    act: &Act,
    masked: Masked,
    origin: &Origin,
    store: &impl Ledger,
) -> Vec<Msg> {
    let waiting = Mutex::new(None);
    let report = |progress| {
        if let (Progress::Waits(why), Ok(mut waiting)) = (progress, waiting.lock()) {
            *waiting = Some(why);
        }
    };
    let done = async {
        Outcome::Done {
            detail: String::new(),
        }
    };
    let reason = act.reason.as_deref();
    let ended = ops::recorded(&act.plan, origin, reason, store, &report, done).await;
    let waits = waiting.into_inner().ok().flatten();
    let shown = match ended {
        Ok(_) => Msg::Revealed(masked),
        Err(error) => Msg::Say(Level::Error, format!("secrets stay masked: {error}")),
    };
    let waits = waits.map(|why| Msg::Say(Level::Warning, why));
    [shown].into_iter().chain(waits).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::{
        model::{
            Container, ContainerId, Event, Fleet, HostName, HostSpec, Link, Place, State, Timestamp,
        },
        ops::{Sentence, Target},
        store::{Filter, Store},
    };

    /// The act of revealing something of `web@ams-1`, as a pane asks for it.
    fn act(line: &str) -> (Act, HostName, ContainerId) {
        let (host, id) = (HostName::new("ams-1"), ContainerId::new(&"a".repeat(64)));
        let mut fleet = Fleet::new();
        let spec = HostSpec::new("ams-1", "unix:///run/docker.sock".parse().unwrap(), "test");
        fleet.apply(Event::Hosts(vec![spec]));
        let since = Timestamp::UNIX_EPOCH;
        fleet.apply(Event::Link(host.clone(), Link::Online { since }));
        let web = Container::new(id.clone(), "web", State::Running, since);
        fleet.apply(Event::Containers(host.clone(), vec![web]));
        let sentence = Sentence::parse(line).unwrap();
        let selection = [Target::Container(host.clone(), id.clone())];
        let plan = sentence.plan(&fleet, &selection).unwrap();
        let reason = sentence.reason().map(str::to_owned);
        (Act { plan, reason }, host, id)
    }

    fn ann() -> Origin {
        Origin {
            operator: "ann".into(),
            place: "ops-1".into(),
            through: "console".into(),
            step: None,
        }
    }

    fn store_below(path: &std::path::Path) -> Store {
        Store::detached(&Place {
            database: crate::model::DatabasePlace::File(path.join("log.db")),
            spill: path.join("spill"),
        })
    }

    #[tokio::test]
    async fn who_sees_secrets_is_in_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let store = store_below(dir.path());
        let (act, host, id) = act("container show --reveal --reason TICKET-1");
        let masked = Masked::Values(host, id);
        let said = reveal(&act, masked.clone(), &ann(), &store).await;
        assert!(
            matches!(&said[..], [Msg::Revealed(shown)] if *shown == masked),
            "{said:?}"
        );
        let log = store
            .operations(10, None, &Filter::default())
            .await
            .unwrap();
        let [entry] = &log[..] else { panic!("{log:?}") };
        assert!(
            entry
                .sentence
                .starts_with("container show web@ams-1 --reveal"),
            "{entry:?}"
        );
        assert_eq!(entry.targets, ["web@ams-1"]);
        assert_eq!(entry.origin, ann());
        assert_eq!(entry.reason.as_deref(), Some("TICKET-1"));
        assert!(matches!(entry.outcome, Outcome::Done { .. }), "{entry:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_recorded_is_not_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (act, host, id) = act("logs --reveal");
        let store = store_below(&file.path().join("below-a-file"));
        let masked = Masked::Lines(vec![Target::Container(host, id)]);
        let said = reveal(&act, masked, &ann(), &store).await;
        let [Msg::Say(Level::Error, why)] = &said[..] else {
            panic!("{said:?}")
        };
        assert!(
            why.starts_with("secrets stay masked: ") && why.contains("cannot be recorded"),
            "{why}"
        );
    }
}
