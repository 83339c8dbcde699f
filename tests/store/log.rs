//! What is recorded is found again, here and in other consoles.

use wharf::{
    model::{Operation, Outcome},
    store::{Filter, Mark},
};

use crate::{
    ground::Ground,
    scene::{act, all, done, faults, perform},
};

on_both!(
    an_act_is_recorded_and_found_again,
    another_console_sees_it_by_its_mark,
    pages_and_filters_go_from_the_newest_back,
    secrets_are_not_recorded,
    settings_are_remembered,
    the_log_goes_on_after_it_was_closed,
    what_a_step_says_once_begins_once_and_builds_are_found,
    what_no_text_of_a_database_holds_is_recorded_all_the_same,
);

async fn an_act_is_recorded_and_found_again(ground: Ground) {
    let store = ground.store().await;
    let ticket = store
        .begin(&act("container restart web@ams-1"))
        .await
        .unwrap();
    assert_eq!(ticket.number, Some(1));
    assert_eq!(all(&store).await[0].outcome, Outcome::Running);
    store.finish(&ticket, &done(), 1200).await.unwrap();
    let expected = Operation {
        number: 1,
        outcome: done(),
        duration_ms: Some(1200),
        ..act("container restart web@ams-1")
    };
    assert_eq!(all(&store).await, [expected]);
    let check = store.verify().await.unwrap();
    assert_eq!((check.entries, check.faults), (2, vec![]));
    assert!(ground.entries().await[1].contains(&check.head));
}

async fn what_a_step_says_once_begins_once_and_builds_are_found(ground: Ground) {
    let (here, there) = (ground.store().await, ground.store().await);
    let said = |saying: &str, sentence: &str| {
        let mut act = act(sentence);
        act.origin.step = Some(saying.parse().unwrap());
        act
    };
    let token = "42-1f/go/1/7/once".parse::<wharf::model::pipeline::Saying>();
    let token = token.unwrap().token().unwrap();
    assert_eq!(there.act_of(&token).await.unwrap(), None);
    let restart = "container restart web@ams-1";
    let (one, two) = (
        said("42-1f/go/1/7/once", restart),
        said("42-1f/go/1/8/once", restart),
    );
    // Both at the same time: one worker that was killed left its program, another one says it again.
    let (one, two) = tokio::join!(here.begin(&one), there.begin(&two));
    let (ticket, refused) = match (one, two) {
        (Ok(ticket), Err(refused)) | (Err(refused), Ok(ticket)) => (ticket, refused),
        other => panic!("one of them begins: {other:?}"),
    };
    assert!(
        refused
            .to_string()
            .contains("begun it before, as operation 1"),
        "{refused}"
    );
    let found = there.act_of(&token).await.unwrap().unwrap();
    assert_eq!((found.number, found.outcome), (1, Outcome::Running));
    here.finish(&ticket, &done(), 3).await.unwrap();
    let found = there.act_of(&token).await.unwrap().unwrap();
    assert_eq!(found.outcome, done());
    assert_eq!(found.origin.step.unwrap().number().0, 42);
    // Another try is another act; what may be said again begins as often as it is said.
    for saying in ["42-1f/go/2/8/once", "42-1f/go/1/7", "42-1f/go/1/7"] {
        here.begin(&said(saying, restart)).await.unwrap();
    }
    perform(&here, "image build ./shop --on @ams-1 --tag shop:1").await;
    perform(&here, "image pull shop:1 --to @ams-1").await;
    let builds = there.builds(u64::MAX, 10).await.unwrap();
    let numbers: Vec<u64> = builds.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [5]);
    assert!(there.builds(5, 10).await.unwrap().is_empty());
    assert_eq!(faults(&here).await, Vec::<String>::new());
}

async fn another_console_sees_it_by_its_mark(ground: Ground) {
    let (here, there) = (ground.store().await, ground.store().await);
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

async fn pages_and_filters_go_from_the_newest_back(ground: Ground) {
    let store = ground.store().await;
    for number in 1..=20 {
        perform(
            &store,
            &format!(
                "container {} web@ams-1",
                if number % 5 == 0 { "stop" } else { "start" }
            ),
        )
        .await;
    }
    let numbers = async |newest, before, filter: Filter| -> Vec<u64> {
        let found = store.operations(newest, before, &filter).await.unwrap();
        found.iter().map(|operation| operation.number).collect()
    };
    let text = |text: &str| Filter {
        text: Some(text.into()),
        ..Filter::default()
    };
    assert_eq!(numbers(3, None, Filter::default()).await, [20, 19, 18]);
    assert_eq!(numbers(3, Some(18), Filter::default()).await, [17, 16, 15]);
    assert_eq!(numbers(9, Some(3), Filter::default()).await, [2, 1]);
    assert_eq!(numbers(2, None, text("STOP")).await, [20, 15]);
    assert_eq!(numbers(9, Some(15), text("stop")).await, [10, 5]);
    let none = [
        Filter {
            host: Some("ams".into()),
            ..Filter::default()
        },
        Filter {
            operator: Some("bob".into()),
            ..Filter::default()
        },
        Filter {
            outcome: Some("failed".into()),
            ..Filter::default()
        },
        Filter {
            until: Some(act("").at),
            ..Filter::default()
        },
    ];
    for filter in none {
        assert_eq!(numbers(9, None, filter).await, Vec::<u64>::new());
    }
    let some = Filter {
        host: Some("ams-1".into()),
        operator: Some("Ann".into()),
        outcome: Some("done".into()),
        since: Some(act("").at),
        ..text("leaks")
    };
    assert_eq!(numbers(1, None, some).await, [20]);
}

async fn secrets_are_not_recorded(ground: Ground) {
    let store = ground.store().await;
    let mut operation = act("container exec web@ams-1 -- login --password hunter2");
    operation.reason = Some("token=hunter2".into());
    let ticket = store.begin(&operation).await.unwrap();
    let detail = "https://ann:hunter2@git refused".to_owned();
    let outcome = Outcome::Failed {
        done: 0,
        failed: 1,
        detail,
    };
    store.finish(&ticket, &outcome, 3).await.unwrap();
    let stored = ground.entries().await.join("\n");
    assert!(!stored.contains("hunter2"), "{stored}");
    assert_eq!(
        all(&store).await[0].sentence,
        "container exec web@ams-1 -- login --password ****"
    );
}

async fn settings_are_remembered(ground: Ground) {
    let one = ground.store().await;
    assert_eq!(one.setting("columns").await.unwrap(), None);
    one.set_setting("columns", "name").await.unwrap();
    one.set_setting("columns", "name,cpu").await.unwrap();
    let other = ground.store().await;
    assert_eq!(
        other.setting("columns").await.unwrap().as_deref(),
        Some("name,cpu")
    );
}

async fn the_log_goes_on_after_it_was_closed(ground: Ground) {
    for number in 1..=3 {
        let store = ground.store().await;
        let ticket = store
            .begin(&act("container start web@ams-1"))
            .await
            .unwrap();
        assert_eq!(ticket.number, Some(number));
        store.finish(&ticket, &done(), 1).await.unwrap();
        store.close().await;
    }
    assert_eq!(faults(&ground.store().await).await, Vec::<String>::new());
}

async fn what_no_text_of_a_database_holds_is_recorded_all_the_same(ground: Ground) {
    let store = ground.store().await;
    let sentence = "container rename web\0@ams-1 \u{1F40B}\\u0000 '\"; drop table entry; --";
    perform(&store, sentence).await;
    assert_eq!(all(&store).await[0].sentence, sentence);
    assert_eq!(faults(&store).await, Vec::<String>::new());
}
