//! What every engine promises.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use serde_json::json;
use wharf::engine::{ErrorKind, ExecSpec};
use wharf::model::{Action, Feed, LogRange, State, Stream};

use crate::desk::Desk;
use crate::subject::{IDLE, Subject, fresh, scratch};

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
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let feed = Feed::Logs(subject.host(), made.id.clone(), LogRange::All);
    desk.want([feed.clone()]);
    subject.say(&made, Stream::Stderr, "the last words").await;
    desk.brought_line("its words", &feed, "the last words")
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
    // A simulated program may have had one more thing to say.
    desk.sees(&made, "its last words", |one| match &one.last_line {
        Some(line) => subject.is_sim() || **line == *"the last words",
        None => false,
    })
    .await;
    subject.remove(&made).await;
}

pub async fn a_renamed_container_keeps_its_id(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let name = fresh("renamed");
    let rename = Action::Rename {
        to: name.as_str().into(),
    };
    desk.act(&subject, &made, rename).await.unwrap();
    desk.sees(&made, "its new name", |one| *one.name == *name)
        .await;
    subject.remove(&made).await;
}

pub async fn a_command_has_its_output_and_its_exit_code(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let command = ["sh", "-c", "echo hello; exit 7"].map(Into::into).to_vec();
    let spec = ExecSpec {
        command,
        ..ExecSpec::default()
    };
    let mut exec = desk
        .engines
        .exec(&subject.host(), &made.id, spec)
        .await
        .unwrap();
    let mut said = Vec::new();
    while let Some((stream, bytes)) = exec.output.next().await.unwrap() {
        assert_eq!(stream, Stream::Stdout);
        said.extend_from_slice(&bytes);
    }
    assert_eq!(said, b"hello\n");
    assert_eq!(exec.control.exit_code().await.unwrap(), Some(7));
    subject.remove(&made).await;
}

pub async fn a_shell_has_a_size_and_an_end(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let spec = ExecSpec {
        tty: true,
        size: Some((111, 33)),
        ..ExecSpec::default()
    };
    let mut exec = desk
        .engines
        .exec(&subject.host(), &made.id, spec)
        .await
        .unwrap();
    assert!(exec.command[0].ends_with("sh"), "{:?}", exec.command);
    let mut said = String::new();
    // Its first size may reach a shell of an older engine a moment after its start.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for (columns, rows, expected) in [(111, 33, "33 111"), (200, 50, "50 200")] {
        exec.control.resize(columns, rows).await.unwrap();
        exec.input.write(b"stty size\n").await.unwrap();
        while !said.contains(expected) {
            let (_, bytes) = exec
                .output
                .next()
                .await
                .unwrap()
                .expect("the shell goes on");
            said.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    exec.input.write(b"exit 4\n").await.unwrap();
    while exec.output.next().await.unwrap().is_some() {}
    assert_eq!(exec.control.exit_code().await.unwrap(), Some(4));
    subject.remove(&made).await;
}

pub async fn files_go_in_and_come_out_with_their_modes(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let desk = Desk::at(&subject).await;
    let here = scratch();
    let tree = here.join("site");
    fs::create_dir_all(tree.join("deep/er")).unwrap();
    fs::write(tree.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(tree.join("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::write(tree.join("deep/er/secret"), vec![7; 300_000]).unwrap();
    fs::set_permissions(
        tree.join("deep/er/secret"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    std::os::unix::fs::symlink("run.sh", tree.join("link")).unwrap();

    let copy = Action::CopyIn {
        from: tree.clone(),
        to: "/tmp".into(),
    };
    let told = desk.act(&subject, &made, copy).await.unwrap();
    assert_eq!(told, "2 files, 293K");
    let back = here.join("back");
    let copy = Action::CopyOut {
        from: "/tmp/site".into(),
        to: back.clone(),
    };
    let told = desk.act(&subject, &made, copy).await.unwrap();
    assert_eq!(told, "2 files, 293K");
    let mode = |path: &str| fs::metadata(back.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run.sh"), mode("deep/er/secret")), (0o750, 0o600));
    assert_eq!(
        fs::read(back.join("deep/er/secret")).unwrap(),
        vec![7; 300_000]
    );
    assert_eq!(
        fs::read_link(back.join("link")).unwrap().to_str(),
        Some("run.sh")
    );

    // A file under another name, and out again into a directory.
    let copy = Action::CopyIn {
        from: tree.join("run.sh"),
        to: "/etc/start.sh".into(),
    };
    desk.act(&subject, &made, copy).await.unwrap();
    let copy = Action::CopyOut {
        from: "/etc/start.sh".into(),
        to: here.clone(),
    };
    desk.act(&subject, &made, copy).await.unwrap();
    assert_eq!(
        fs::read_to_string(here.join("start.sh")).unwrap(),
        "#!/bin/sh\n"
    );

    let copy = Action::CopyOut {
        from: "/no/such/thing".into(),
        to: here.clone(),
    };
    let error = desk.act(&subject, &made, copy).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    let copy = Action::CopyIn {
        from: here.join("nothing"),
        to: "/tmp".into(),
    };
    let error = desk.act(&subject, &made, copy).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Local, "{error}");
    let copy = Action::CopyIn {
        from: tree.join("run.sh"),
        to: "/no/such/dir/".into(),
    };
    let error = desk.act(&subject, &made, copy).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected, "{error}");
    subject.remove(&made).await;
    fs::remove_dir_all(here).unwrap();
}
