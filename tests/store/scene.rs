//! What the tests of the store share: an act, and what is asked of a store again and again.

use wharf::{
    model::{Operation, Origin, Outcome, Timestamp},
    store::{Filter, Store},
};

pub(crate) fn act(sentence: &str) -> Operation {
    Operation {
        number: 0,
        at: Timestamp::from_second(1_790_000_000).unwrap(),
        origin: Origin {
            operator: "ann".into(),
            place: "ops-1 pts/3".into(),
            through: "console".into(),
            step: None,
        },
        sentence: sentence.into(),
        targets: vec!["web@ams-1".into()],
        reason: Some("it leaks".into()),
        outcome: Outcome::Running,
        duration_ms: None,
    }
}

pub(crate) fn done() -> Outcome {
    Outcome::Done {
        detail: String::new(),
    }
}

/// Begins and ends an act.
pub(crate) async fn perform(store: &Store, sentence: &str) {
    let ticket = store.begin(&act(sentence)).await.unwrap();
    store.finish(&ticket, &done(), 7).await.unwrap();
}

pub(crate) async fn all(store: &Store) -> Vec<Operation> {
    store
        .operations(100_000, None, &Filter::default())
        .await
        .unwrap()
}

pub(crate) async fn faults(store: &Store) -> Vec<String> {
    store.verify().await.unwrap().faults
}
