//! What is special about a server: it is stopped, hangs, refuses, and is shared by several machines.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;
use wharf::{
    model::{DatabasePlace, DatabaseUrl, Outcome, Place},
    store::{Error, ErrorKind, Mark, Store},
};

use crate::{
    ground::Ground,
    scene::{act, all, done, faults, perform},
    server::{Mute, PASSWORD, Server, certificates},
};

/// A call waits for the database for five seconds at most, and as long for the spill.
const LONGEST: Duration = Duration::from_secs(8);

fn own_server() -> (Server, Ground) {
    let server = Server::start(&["fsync=off"]);
    let ground = Ground::at(&server.url("wharf", &server.new_database()));
    (server, ground)
}

async fn error_of(url: &str) -> Error {
    Store::open(&Ground::at(url).place()).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_is_stopped_and_started_again_loses_no_act() {
    let (server, ground) = own_server();
    let store = ground.store().await;
    perform(&store, "container start first@ams-1").await;
    let begun = store
        .begin(&act("container start across@ams-1"))
        .await
        .unwrap();
    let mark = store.changed_since(Mark::default()).await.unwrap().mark;
    server.stop();
    store.finish(&begun, &done(), 1).await.unwrap();
    let ticket = store
        .begin(&act("container start away@ams-1"))
        .await
        .unwrap();
    let why = ticket.waits.as_ref().unwrap();
    assert_eq!(why.kind, ErrorKind::Unreachable, "{why}");
    assert!(why.to_string().contains("acts wait in the spill"), "{why}");
    store.finish(&ticket, &done(), 1).await.unwrap();
    assert!(store.changed_since(mark).await.is_err());
    assert!(store.verify().await.is_err());
    server.start_again();
    perform(&store, "container start last@ams-1").await;
    let changes = store.changed_since(mark).await.unwrap();
    assert!(!changes.another);
    assert_eq!(changes.operations.len(), 3, "{changes:?}");
    let operations = all(&store).await;
    assert_eq!(operations.len(), 4);
    assert!(operations.iter().all(|one| one.outcome == done()));
    assert_eq!(faults(&store).await, Vec::<String>::new());
    assert!(store.waiting().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_restart_between_two_acts_goes_unnoticed() {
    let (server, ground) = own_server();
    let store = ground.store().await;
    perform(&store, "container start before@ams-1").await;
    server.stop();
    server.start_again();
    let ticket = store
        .begin(&act("container start after@ams-1"))
        .await
        .unwrap();
    assert_eq!((ticket.number, ticket.waits), (Some(2), None));
}

#[tokio::test]
async fn a_server_that_hangs_delays_an_act_for_seconds_and_loses_none() {
    let (server, ground) = own_server();
    let store = ground.store().await;
    perform(&store, "container start before@ams-1").await;
    let frozen = server.freeze();
    for sentence in ["container start one@ams-1", "container start two@ams-1"] {
        let clock = Instant::now();
        let ticket = store.begin(&act(sentence)).await.unwrap();
        assert!(clock.elapsed() < LONGEST, "{:?}", clock.elapsed());
        let why = ticket.waits.as_ref().unwrap();
        assert_eq!(why.kind, ErrorKind::Timeout, "{why}");
    }
    let clock = Instant::now();
    let error = store.changed_since(Mark::default()).await.unwrap_err();
    assert!(
        clock.elapsed() < LONGEST && error.kind == ErrorKind::Timeout,
        "{error}"
    );
    let clock = Instant::now();
    store.close().await;
    assert!(clock.elapsed() < LONGEST);
    drop(frozen);
    perform(&store, "container start after@ams-1").await;
    assert_eq!(all(&store).await.len(), 4);
    assert_eq!(faults(&store).await, Vec::<String>::new());
}

/// A console that stands still with the right to write does not keep the others from writing for long.
#[tokio::test]
async fn a_console_that_hangs_in_the_middle_of_an_act_is_cut_off() {
    let ground = Ground::server().await;
    let store = ground.store().await;
    let mut hung = ground.behind().await;
    // As the sessions of a console are set up.
    hung.run("set idle_in_transaction_session_timeout = 5000")
        .await;
    hung.hold().await;
    let waited = store
        .begin(&act("container start one@ams-1"))
        .await
        .unwrap();
    assert_eq!(waited.waits.unwrap().kind, ErrorKind::Locked);
    let clock = Instant::now();
    while store.take_in().await.is_err() {
        assert!(clock.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(all(&store).await.len(), 1);
    assert!(!hung.try_run("commit").await, "its session is over");
}

#[tokio::test]
async fn a_connection_that_nobody_answers_is_given_up() {
    let mute = Mute::listen();
    let url = format!("postgres://ann@127.0.0.1:{}/wharf", mute.port());
    let clock = Instant::now();
    let error = error_of(&url).await;
    assert!(clock.elapsed() < LONGEST);
    assert_eq!(error.kind, ErrorKind::Timeout, "{error}");
}

#[tokio::test]
async fn each_refusal_tells_what_where_why_and_what_to_do() {
    let server = Server::start(&["fsync=off"]);
    let name = server.new_database();
    let tcp = |login: &str, database: &str| {
        format!("postgres://{login}@127.0.0.1:{}/{database}", server.port())
    };
    server.sql("postgres", "create role guest login");
    server.sql("postgres", "create database plain; ");
    server.sql("postgres", "create database foreign_schema");
    server.sql("foreign_schema", "create schema wharf");
    server.sql("postgres", "create database standby owner wharf");
    server.sql(
        "postgres",
        "alter database standby set default_transaction_read_only to on",
    );
    server.sql("postgres", "create role nobody nologin");
    let secret = format!("wharf:{PASSWORD}");
    let mut told = Vec::new();
    for (case, url) in [
        ("wrong password", tcp("wharf:wrong-hunter2", &name)),
        ("no such user", tcp("stranger:wrong-hunter2", &name)),
        ("may not log in", server.url("nobody", &name)),
        ("no such database", tcp(&secret, "absent")),
        ("may not make the schema", server.url("guest", "plain")),
        (
            "may not use the schema",
            server.url("guest", "foreign_schema"),
        ),
        ("read-only", server.url("wharf", "standby")),
        ("no TLS", tcp(&secret, &format!("{name}?sslmode=require"))),
        (
            "no server",
            format!("postgres://{secret}@127.0.0.1:1/wharf"),
        ),
        (
            "no socket",
            "postgres://wharf@localhost/wharf?host=/absent".to_owned(),
        ),
        (
            "no such host",
            format!("postgres://{secret}@host.invalid/wharf"),
        ),
    ] {
        let error = error_of(&url).await;
        assert!(error.beside().is_none());
        told.push(format!("{case} ({:?})\n    {error}", error.kind));
    }
    let told = told.join("\n");
    assert!(!told.contains("hunter2"), "{told}");
    let told = told
        .replace(&server.port().to_string(), "PORT")
        .replace(&server.directory().display().to_string(), "DIR")
        .replace(&name, "DATABASE");
    // How a name is not found is the resolver's own wording.
    let told = regex::Regex::new("failed to lookup address information: [^;]*")
        .unwrap()
        .replace(&told, "failed to lookup address information: …")
        .into_owned();
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn the_password_comes_from_the_url_or_a_file() {
    let server = Server::start(&["fsync=off"]);
    let name = server.new_database();
    let ground = Ground::file();
    let file = ground.directory().join("password");
    let place = |login: &str, password_file| Place {
        database: DatabasePlace::Server {
            url: DatabaseUrl::parse(&format!(
                "postgres://{login}@127.0.0.1:{}/{name}",
                server.port()
            ))
            .unwrap(),
            password_file,
        },
        ..ground.place()
    };
    Store::open(&place(&format!("wharf:{PASSWORD}"), None))
        .await
        .unwrap();
    fs::write(&file, format!("{PASSWORD}\nand a second line")).unwrap();
    let store = Store::open(&place("wharf", Some(file.clone())))
        .await
        .unwrap();
    perform(&store, "container start web@ams-1").await;
    assert!(!format!("{store:?}").contains(PASSWORD));
    fs::remove_file(&file).unwrap();
    let error = Store::open(&place("wharf", Some(file))).await.unwrap_err();
    assert!(
        error.to_string().contains("database_password_file"),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "a child of `the_password_comes_from_where_postgresql_itself_looks`"]
async fn child_opens() {
    Store::open(&Ground::given()).await.unwrap();
}

#[tokio::test]
async fn the_password_comes_from_where_postgresql_itself_looks() {
    let server = Server::start(&["fsync=off"]);
    let url = format!(
        "postgres://wharf@127.0.0.1:{}/{}",
        server.port(),
        server.new_database()
    );
    let ground = Ground::at(&url);
    let pgpass = ground.directory().join("pgpass");
    fs::write(&pgpass, format!("127.0.0.1:*:*:wharf:{PASSWORD}\n")).unwrap();
    fs::set_permissions(&pgpass, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for (name, value) in [
        ("PGPASSWORD", PASSWORD.to_owned()),
        ("PGPASSFILE", pgpass.display().to_string()),
    ] {
        let status = ground
            .child("postgres::child_opens")
            .env(name, value)
            .status();
        assert!(status.unwrap().success(), "{name}");
    }
    let status = ground.child("postgres::child_opens").status().unwrap();
    assert!(!status.success(), "without either it is refused");
}

#[tokio::test]
async fn tls_is_spoken_and_the_certificate_looked_at() {
    let server = Server::start(&["fsync=off"]);
    let name = server.new_database();
    certificates(server.directory());
    server.stop();
    let directory = server.directory().display();
    server.configure(&format!(
        "ssl = on\nssl_cert_file = '{directory}/server.crt'\nssl_key_file = '{directory}/server.key'\n"
    ));
    server.start_again();
    let url = |more: &str| {
        format!(
            "postgres://wharf:{PASSWORD}@127.0.0.1:{}/{name}?{more}",
            server.port()
        )
    };
    for good in [
        "sslmode=require".to_owned(),
        format!("sslmode=verify-full&sslrootcert={directory}/server.crt"),
    ] {
        let ground = Ground::at(&url(&good));
        perform(&ground.store().await, "container start web@ams-1").await;
        let mut behind = ground.behind().await;
        let used = behind
            .texts("select ssl::text from pg_stat_ssl where pid = pg_backend_pid()")
            .await;
        assert_eq!(used, ["true"], "{good}");
    }
    let other = url(&format!(
        "sslmode=verify-full&sslrootcert={directory}/other.crt"
    ));
    let error = error_of(&other).await;
    assert!(
        error.kind == ErrorKind::Denied && error.to_string().contains("sslrootcert"),
        "{error}"
    );
}

#[tokio::test]
async fn a_log_that_is_gone_is_missed_and_none_takes_its_place() {
    let ground = Ground::server().await;
    let store = ground.store().await;
    perform(&store, "container start first@ams-1").await;
    let mark = store.changed_since(Mark::default()).await.unwrap().mark;
    let mut behind = ground.behind().await;
    behind.run("alter schema wharf rename to aside").await;
    for _ in 0..2 {
        let ticket = store
            .begin(&act("container start second@ams-1"))
            .await
            .unwrap();
        let why = ticket.waits.as_ref().unwrap();
        assert_eq!(why.kind, ErrorKind::Lost, "{why}");
        store.finish(&ticket, &done(), 1).await.unwrap();
    }
    let error = Store::open(&ground.place()).await.unwrap_err();
    assert!(
        error.to_string().contains("it is gone; it held 2 entries"),
        "{error}"
    );
    behind.run("alter schema aside rename to wharf").await;
    store.take_in().await.unwrap();
    let changes = store.changed_since(mark).await.unwrap();
    assert_eq!((changes.another, changes.operations.len()), (false, 2));
    assert_eq!(faults(&store).await, Vec::<String>::new());

    // Who means it removes the head file.
    behind.run("drop schema wharf cascade").await;
    fs::remove_file(ground.head()).unwrap();
    assert!(store.changed_since(changes.mark).await.is_err());
    let anew = store.changed_since(changes.mark).await.unwrap();
    assert_eq!((anew.another, anew.operations), (true, vec![]));
}

#[tokio::test]
async fn another_machine_sees_the_same_log_and_both_see_that_it_was_cut() {
    let here = Ground::server().await;
    let DatabasePlace::Server { url, .. } = here.place().database else {
        unreachable!()
    };
    let there = Ground::at(url.with_password());
    perform(&here.store().await, "container start one@ams-1").await;
    let far = there.store().await;
    assert_eq!(
        faults(&far).await,
        Vec::<String>::new(),
        "it has no head file yet"
    );
    perform(&far, "container start two@ams-1").await;
    perform(&here.store().await, "container start three@ams-1").await;
    assert_eq!(all(&far).await.len(), 3);
    assert_eq!(faults(&far).await, Vec::<String>::new());
    let notes = here.entries().await;
    assert!(
        !notes.iter().any(|entry| entry.contains(" note ")),
        "{notes:?}"
    );
    let mut behind = here.without_rules().await;
    behind
        .run("delete from entry where seq > 2; update head set seq = 2, operation = 1, hash = (select hash from entry where seq = 2)")
        .await;
    for ground in [here, there] {
        let found = faults(&ground.store().await).await;
        assert!(
            found.iter().any(|fault| fault.contains("it was cut")),
            "{found:?}"
        );
    }
}

#[tokio::test]
#[ignore = "a child of `an_act_of_another_machine_is_interrupted_when_nothing_is_heard_of_it`"]
async fn child_begins_and_waits() {
    let store = Store::open(&Ground::given()).await.unwrap();
    let ticket = store
        .begin(&act("container stop theirs@ams-1"))
        .await
        .unwrap();
    println!("begun");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    if line.contains("finish") {
        store.finish(&ticket, &done(), 5).await.unwrap();
    }
}

/// A program that begins an act where this one cannot see it: in a process namespace of its own, as in a
/// container or on another machine. It waits for a line, and ends its act if that says `finish`.
fn elsewhere(ground: &Ground) -> Child {
    let inner = ground.child("postgres::child_begins_and_waits");
    let mut child = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--pid",
            "--fork",
            "--kill-child",
        ])
        .arg(inner.get_program())
        .args(inner.get_args())
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare (util-linux) is there");
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("begun")));
    child
}

#[tokio::test]
async fn an_act_of_another_machine_is_interrupted_when_nothing_is_heard_of_it() {
    let ground = Ground::server().await;
    let here = ground.store().await;
    let mut dies = elsewhere(&ground);
    let mut lives = elsewhere(&ground);
    dies.kill().unwrap();
    dies.wait().unwrap();
    assert_eq!(
        here.interrupted().await.unwrap(),
        [],
        "it was heard of just now"
    );
    let mut behind = ground.behind().await;
    behind
        .run("update alive set seen = seen - interval '1 hour'")
        .await;
    behind.run("update alive set seen = clock_timestamp() where owner = (select max(owner) from alive)").await;
    let ended = here.interrupted().await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].outcome, Outcome::Interrupted);
    behind.run("delete from alive").await;
    assert_eq!(here.interrupted().await.unwrap().len(), 1, "no sign at all");
    assert_eq!(here.interrupted().await.unwrap(), [], "once is enough");

    // One of them was only cut off for a while.
    lives.stdin.take().unwrap().write_all(b"finish\n").unwrap();
    assert!(
        spawn_blocking(move || lives.wait())
            .await
            .unwrap()
            .unwrap()
            .success()
    );
    let entries = ground.entries().await;
    let noted = entries
        .iter()
        .filter(|entry| entry.contains("was taken for interrupted, and ended: done"));
    assert_eq!(noted.count(), 1, "{entries:?}");
    assert_eq!(faults(&here).await, Vec::<String>::new());
}

/// The schema may be made by an administrator for a role that has no right to make one.
#[tokio::test]
async fn a_schema_that_was_made_before_is_filled() {
    let server = Server::start(&["fsync=off"]);
    server.sql("postgres", "create database shared");
    server.sql("shared", "create schema wharf authorization wharf");
    server.sql("shared", "create table public.entry (other text)");
    let ground = Ground::at(&server.url("wharf", "shared"));
    perform(&ground.store().await, "container start web@ams-1").await;
    assert_eq!(all(&ground.store().await).await.len(), 1);
}

/// A role that may write and not take away, as README says how to make it.
#[tokio::test]
async fn a_role_with_the_rights_of_readme_can_do_everything_but_change_the_past() {
    let server = Server::start(&["fsync=off"]);
    let name = server.new_database();
    let owner = Ground::at(&server.url("wharf", &name));
    perform(&owner.store().await, "container start one@ams-1").await;
    server.sql("postgres", "create role operator login");
    let readme = include_str!("../../README.md");
    let grants: Vec<&str> = readme
        .lines()
        .filter(|line| line.trim_start().starts_with("grant "))
        .collect();
    assert!(grants.len() >= 3, "{grants:?}");
    server.sql(&name, &grants.join("\n"));
    let operator = Ground::at(&server.url("operator", &name));
    let store = operator.store().await;
    perform(&store, "container start two@ams-1").await;
    store.set_setting("columns", "name").await.unwrap();
    store.interrupted().await.unwrap();
    assert_eq!(all(&store).await.len(), 2);
    assert_eq!(faults(&store).await, Vec::<String>::new());
    let mut behind = operator.behind().await;
    for sql in [
        "update entry set body = '{}'",
        "delete from entry",
        "truncate entry",
        "drop trigger entry_stays on entry",
        "alter table entry disable trigger all",
        "delete from head",
    ] {
        assert!(!behind.try_run(sql).await, "{sql}");
    }
}
