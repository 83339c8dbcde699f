//! What a first start shows, and what is said to take it.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::{
    model::{
        TlsFiles, Trouble, TroubleKind,
        found::{Answer, Kind},
    },
    ui::pane::stage::spec,
};

fn candidate(kind: Kind, name: &str, endpoint: &str) -> Candidate {
    Candidate {
        kind,
        name: name.into(),
        endpoint: endpoint.parse().unwrap(),
        answer: Answer::NotAsked,
    }
}

#[test]
fn what_is_taken_is_said_as_it_would_be_by_hand() {
    let fleet = Fleet::new();
    let said = |candidate: &Candidate| sentence(candidate, &fleet).unwrap();
    let alias = candidate(Kind::Alias, "web-1", "ssh://web-1");
    assert_eq!(said(&alias), "host add web-1");
    let context = candidate(Kind::Context, "build", "ssh://ci@build.example:2222");
    assert_eq!(said(&context), "host add build ssh://ci@build.example:2222");
    let engine = candidate(Kind::Engine, "local", "unix:///var/run/docker.sock");
    assert_eq!(said(&engine), "host add local unix:///var/run/docker.sock");
    let mut tls = candidate(Kind::Context, "old", "https://10.0.0.7:2376");
    let files = |skip_verify| TlsFiles {
        ca: Some("/home/ann/.docker/tls/ca.pem".into()),
        skip_verify,
        ..TlsFiles::default()
    };
    let endpoint = |files| Endpoint::Tls {
        host: "10.0.0.7".into(),
        port: 2376,
        files,
    };
    tls.endpoint = endpoint(files(false));
    assert_eq!(
        said(&tls),
        "host add old https://10.0.0.7:2376 --tls /home/ann/.docker/tls"
    );
    tls.endpoint = endpoint(files(true));
    assert!(sentence(&tls, &fleet).is_err_and(|why| why.contains("tls_verify")));
}

#[test]
fn a_host_that_is_there_is_not_taken_again() {
    let mut fleet = Fleet::new();
    fleet.apply(crate::model::Event::Hosts(vec![spec("web-1", None)]));
    let known = candidate(Kind::Context, "other-name", "ssh://ops@web-1.example.org");
    assert_eq!(sentence(&known, &fleet), Err("in wharf.toml already"));
}

#[test]
fn what_is_chosen_is_taken_else_the_row_under_the_cursor() {
    let mut welcome = Welcome::default();
    let fleet = Fleet::new();
    let area = Rect::new(0, 0, 78, 19);
    welcome.settle(&fleet, area);
    assert!(
        matches!(welcome.nav(&Nav::Open, &fleet), Reply::Refuse(_)),
        "nothing is there"
    );
    let aliases =
        ["a", "b", "c"].map(|name| candidate(Kind::Alias, name, &format!("ssh://{name}")));
    welcome.show(Found {
        candidates: aliases.into(),
        ..Found::default()
    });
    welcome.settle(&fleet, area);
    assert_eq!(
        welcome.nav(&Nav::Open, &fleet),
        Reply::Take(vec!["host add a".into()])
    );
    for _ in 0..2 {
        welcome.nav(&Nav::Mark, &fleet);
    }
    let both = ["host add a", "host add b"].map(str::to_owned);
    assert_eq!(welcome.nav(&Nav::Open, &fleet), Reply::Take(both.into()));
}

#[test]
fn why_an_engine_does_not_answer_is_read_on_a_narrow_screen_too() {
    let mut welcome = Welcome::default();
    let mut engine = candidate(Kind::Engine, "local", "unix:///var/run/docker.sock");
    engine.answer = Answer::Silent(Trouble {
        kind: TroubleKind::SocketDenied,
        reason: "this user may not use /var/run/docker.sock".into(),
        remedy: "add the user to the group docker".into(),
        raw: Vec::new(),
    });
    welcome.show(Found {
        candidates: vec![engine],
        places: ["/a.sock", "/contexts", "/ssh/config"]
            .map(str::to_owned)
            .into(),
        file: ("wharf.toml".into(), false),
    });
    welcome.settle(&Fleet::new(), Rect::new(0, 0, 78, 19));
    let text: Vec<String> = welcome.lines.iter().map(Line::text).collect();
    let text = text.join("\n");
    assert!(
        text.contains("✕ this user may not use /var/run/docker.sock; add the user"),
        "{text}"
    );
    assert!(
        text.contains("none in /contexts") && text.contains("wildcards in /ssh/config"),
        "{text}"
    );
}
