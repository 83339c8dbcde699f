//! What every engine promises.

use std::time::Duration;

use serde_json::json;
use wharf::engine::ErrorKind;
use wharf::model::{Action, Feed, LogRange, Payload, State};

use crate::desk::Desk;
use crate::subject::{IDLE, Subject};

pub async fn a_container_is_listed_with_its_facts(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let one = desk.container(&made).expect("it is in the list");
    assert_eq!(&*one.name, made.name);
    assert_eq!(one.state, State::Running);
    assert_eq!(&*one.image, subject.image);
    assert_eq!(one.app.as_deref(), Some("contract"));
    assert_eq!(one.service.as_deref(), Some("web"));
    assert!(one.image_id.len() >= 64, "{}", one.image_id);
    let host = &desk.fleet.hosts()[0];
    assert!(host.link.is_online() && host.latency_ms.is_some() && host.heard.is_some());
    subject.remove(&made).await;
}

pub async fn acts_change_the_state(subject: Subject) {
    let made = subject.create(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    desk.sees(&made, "it is created", |one| one.state == State::Created)
        .await;
    let grace = Some(5);
    for (action, state) in [
        (Action::Start, State::Running),
        (Action::Pause, State::Paused),
        (Action::Unpause, State::Running),
        (Action::Restart { grace }, State::Running),
        (Action::Stop { grace }, State::Exited),
        (Action::Start, State::Running),
        (
            Action::Kill {
                signal: "KILL".into(),
            },
            State::Exited,
        ),
    ] {
        let done = desk.act(&subject, &made, action.clone()).await;
        assert_eq!(done.as_deref(), Ok(""), "{action}");
        desk.sees(&made, &format!("{state:?} after {action}"), |one| {
            one.state == state
        })
        .await;
    }
    desk.sees(&made, "its exit code", |one| one.exit == Some(137))
        .await;
    assert!(desk.container(&made).unwrap().trouble().is_some());
    let remove = Action::Remove {
        force: false,
        volumes: true,
    };
    desk.act(&subject, &made, remove).await.unwrap();
    desk.until("it is gone", |fleet| {
        fleet.container(&subject.host(), &made.id).is_none()
    })
    .await;
}

pub async fn what_is_done_already_is_no_error(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let again = desk.act(&subject, &made, Action::Start).await;
    assert_eq!(again.as_deref(), Ok("was running already"));
    let grace = Some(5);
    desk.act(&subject, &made, Action::Stop { grace })
        .await
        .unwrap();
    let again = desk.act(&subject, &made, Action::Stop { grace }).await;
    assert_eq!(again.as_deref(), Ok("was stopped already"));
    subject.remove(&made).await;
}

pub async fn refusals_are_told_with_a_remedy(subject: Subject) {
    let (made, other) = (
        subject.run(IDLE, json!({})).await,
        subject.run(IDLE, json!({})).await,
    );
    let desk = Desk::at(&subject).await;

    let remove = Action::Remove {
        force: false,
        volumes: false,
    };
    let error = desk.act(&subject, &made, remove).await.unwrap_err();
    if !subject.is_podman {
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(error.remedy.is_some(), "{error}");
    }
    let story = error.to_string();
    assert!(
        story.starts_with(&format!("remove {}@{}: ", made.name, subject.host())),
        "{story}"
    );

    let rename = Action::Rename {
        to: other.name.as_str().into(),
    };
    let error = desk.act(&subject, &made, rename).await.unwrap_err();
    assert!(error.why.contains(&other.name), "{error}");

    let error = desk
        .act(&subject, &made, Action::Unpause)
        .await
        .unwrap_err();
    assert!(!error.why.is_empty());

    subject.remove(&made).await;
    let error = desk.act(&subject, &made, Action::Start).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    subject.remove(&other).await;
}

pub async fn a_killed_container_is_seen_within_a_second(subject: Subject) {
    let script = "echo one; echo the last words; sleep 1000";
    let made = subject.run(script, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Logs(subject.host(), made.id.clone(), LogRange::All);
    desk.want([feed.clone()]);
    desk.brought("its words", &feed, |payload| match payload {
        Payload::Lines(lines) => lines
            .iter()
            .any(|line| *line.text == *b"the last words")
            .then_some(()),
        _ => None,
    })
    .await;
    subject.post(&made, "kill").await;
    let took = desk
        .sees(&made, "it is seen as ended", |one| {
            one.state == State::Exited
        })
        .await;
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    desk.sees(&made, "why", |one| {
        one.trouble().is_some_and(|why| why.contains("137"))
    })
    .await;
    desk.sees(&made, "its last words", |one| {
        one.last_line.as_deref() == Some("the last words")
    })
    .await;
    subject.remove(&made).await;
}

pub async fn a_renamed_container_keeps_its_id(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let name = subject.fresh("renamed");
    let rename = Action::Rename {
        to: name.as_str().into(),
    };
    desk.act(&subject, &made, rename).await.unwrap();
    desk.sees(&made, "its new name", |one| *one.name == *name)
        .await;
    subject.remove(&made).await;
}
