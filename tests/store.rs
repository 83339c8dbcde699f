//! The store on real files: what is recorded, found again, shared, checked, and survived.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use wharf::{
    model::{Operation, Origin, Outcome, Place, Timestamp},
    store::{Filter, Mark, Store},
};

fn place(directory: &Path) -> Place {
    Place::in_directories(&directory.join("data"), &directory.join("state"))
}

fn act(sentence: &str) -> Operation {
    Operation {
        number: 0,
        at: Timestamp::from_second(1_790_000_000).unwrap(),
        origin: Origin {
            operator: "ann".into(),
            place: "ops-1 pts/3".into(),
            through: "console".into(),
        },
        sentence: sentence.into(),
        targets: vec!["web@ams-1".into()],
        reason: Some("it leaks".into()),
        outcome: Outcome::Running,
        duration_ms: None,
    }
}

fn done() -> Outcome {
    Outcome::Done {
        detail: String::new(),
    }
}

#[tokio::test]
async fn an_act_is_recorded_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&place(directory.path())).await.unwrap();
    let ticket = store
        .begin(&act("container restart web@ams-1"))
        .await
        .unwrap();
    assert_eq!(ticket.number, Some(1));
    let running = store
        .operations(10, None, &Filter::default())
        .await
        .unwrap();
    assert_eq!(running[0].outcome, Outcome::Running);
    store.finish(&ticket, &done(), 1200).await.unwrap();
    let read = store
        .operations(10, None, &Filter::default())
        .await
        .unwrap();
    let expected = Operation {
        number: 1,
        outcome: done(),
        duration_ms: Some(1200),
        ..act("container restart web@ams-1")
    };
    assert_eq!(read, [expected]);
    let check = store.verify().await.unwrap();
    assert_eq!((check.entries, check.faults), (2, vec![]));
}

#[tokio::test]
async fn another_console_sees_it_by_its_mark() {
    let directory = tempfile::tempdir().unwrap();
    let here = Store::open(&place(directory.path())).await.unwrap();
    let there = Store::open(&place(directory.path())).await.unwrap();
    let start = here.changed_since(Mark::default()).await.unwrap();
    assert!(start.operations.is_empty());
    let ticket = there.begin(&act("container stop web@ams-1")).await.unwrap();
    let began = here.changed_since(start.mark).await.unwrap();
    assert_eq!(began.operations[0].outcome, Outcome::Running);
    there.finish(&ticket, &done(), 3).await.unwrap();
    let ended = here.changed_since(began.mark).await.unwrap();
    assert_eq!(ended.operations[0].outcome, done());
    let quiet = here.changed_since(ended.mark).await.unwrap();
    assert_eq!((quiet.mark, quiet.operations), (ended.mark, vec![]));
}
