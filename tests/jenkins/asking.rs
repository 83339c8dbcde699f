//! What is asked of a server: who we are, what is there, what went on.

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    bench, keep, know,
    stub::{Jenkins, PASSWORD, READERS_TOKEN, Script, TOKEN},
    with_token,
};

fn some(jenkins: &Jenkins) {
    let script = Script {
        lines: vec!["hello".to_owned(), "\u{1b}[32mgreen\u{1b}[0m".to_owned()],
        report: Some(json!({"duration": 1.5, "suites": [{"cases": [
            {"className": "pay.Api", "name": "pays", "status": "PASSED"},
            {"className": "pay.Api", "name": "refunds", "status": "FAILED", "errorDetails": "it was 3"}]}]})),
        artifacts: vec![("target/pay.jar", b"jar"), ("target/deep/log.txt", b"log")],
        result: "UNSTABLE",
        ..Script::default()
    };
    let script = script
        .text("IMAGE", "shop/web:1")
        .choice("WHERE", &["qa", "stage"]);
    jenkins.job("pay/regression", script);
    jenkins.job("smoke", Script::default());
    let off = Script {
        disabled: true,
        ..Script::default()
    };
    jenkins.job("pay/old", off);
}

#[test]
fn servers_jobs_builds_consoles_and_artifacts_are_told() {
    let jenkins = Jenkins::start();
    some(&jenkins);
    let bench = with_token(&jenkins);
    let listed = bench.say("jenkins list").ended(0);
    assert!(
        listed.out.contains("ci") && listed.out.contains("2.479.3"),
        "{listed:?}"
    );
    let listed = bench.say("jenkins list -o json").ended(0).json();
    assert_eq!(
        (&listed[0]["state"], &listed[0]["about"]["user"]),
        (&json!("online"), &json!("ann"))
    );

    let top = bench.say("jenkins jobs ci -o name").ended(0);
    assert_eq!(top.lines(), ["pay@ci", "smoke@ci"]);
    let inside = bench.say("jenkins jobs ci pay -o json").ended(0).json();
    let states: Vec<&Value> = inside
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["buildable"])
        .collect();
    assert_eq!(states, [&json!(false), &json!(true)]);
    let shown = bench.say("jenkins show pay/regression@ci").ended(0);
    for part in ["IMAGE", "shop/web:1", "qa, stage", "FreeStyleProject"] {
        assert!(shown.out.contains(part), "{part}: {shown:?}");
    }
    bench
        .say("jenkins logs smoke@ci")
        .ended(3)
        .complains("smoke@ci has no build yet");
    bench
        .say("jenkins show nothing@ci")
        .ended(1)
        .complains("it is not there, or ann may not see it; see `wharf jenkins jobs ci`");
    bench
        .say("jenkins jobs cii")
        .ended(1)
        .complains("no Jenkins server is called 'cii'; there is ci");

    let ran = bench
        .say("jenkins run pay/regression@ci --set WHERE=stage --yes")
        .ended(0);
    assert!(ran.out.contains("build 1 began"), "{ran:?}");
    assert_eq!(jenkins.given("pay/regression", 1)["IMAGE"], "shop/web:1");
    let builds = bench
        .say("jenkins builds pay/regression@ci -o json")
        .ended(0)
        .json();
    assert_eq!(
        (
            &builds[0]["result"],
            &builds[0]["queued"],
            &builds[0]["parameters"]["WHERE"]
        ),
        (&json!("UNSTABLE"), &json!(1), &json!("stage"))
    );
    let build = bench.say("jenkins show pay/regression@ci 1").ended(0);
    for part in [
        "UNSTABLE",
        "Started by user ann",
        "pay.Api refunds",
        "it was 3",
    ] {
        assert!(build.out.contains(part), "{part}: {build:?}");
    }
    let log = bench.say("jenkins logs pay/regression@ci").ended(0);
    assert_eq!(
        log.lines(),
        [
            "Started by user ann",
            "hello",
            "green",
            "Finished: UNSTABLE"
        ]
    );
    let kept = bench.say("jenkins artifacts pay/regression@ci").ended(0);
    assert_eq!(kept.lines(), ["target/pay.jar", "target/deep/log.txt"]);
    bench
        .say("jenkins artifacts pay/regression@ci 1 --match '*.jar' --to kept")
        .ended(0);
    let file = bench.home().join("kept/target/pay.jar");
    assert_eq!(fs::read(&file).unwrap(), b"jar");
    bench
        .say("jenkins artifacts pay/regression@ci --to kept")
        .ended(3)
        .complains("is there already; --replace writes over it");
    bench
        .say("jenkins artifacts pay/regression@ci --to kept --replace")
        .ended(0);
    assert_eq!(
        fs::read(bench.home().join("kept/target/deep/log.txt")).unwrap(),
        b"log"
    );
}

#[test]
fn the_doctor_says_what_it_saw_and_what_it_was_checked_against() {
    let jenkins = Jenkins::start();
    some(&jenkins);
    let bench = with_token(&jenkins);
    bench.say("jenkins run pay/regression@ci --yes").ended(0);
    let told = bench.say("jenkins doctor ci").ended(0);
    for part in [
        "reachable: Jenkins 2.479.3",
        "who: ann",
        "crumb: a token needs none",
        "folders: 1 were looked into",
        "console: build 1 of pay/regression tells its",
        "clock: it goes as ours",
        "not yet against a live Jenkins",
    ] {
        assert!(told.out.contains(part), "{part}: {told:?}");
    }
    let json = bench.say("jenkins doctor ci -o json").ended(0).json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 8, "{json:#}");
    know(&bench, &jenkins, "user = \"ann\"\npassword_file = \"ci\"");
    keep(&bench, "ci", PASSWORD);
    bench
        .say("jenkins doctor ci")
        .ended(0)
        .says("crumb: given out, with a session");
    // It has changed nothing there.
    assert_eq!(jenkins.asked(), 1);
    jenkins.is_starting(true);
    bench
        .say("jenkins doctor ci")
        .ended(1)
        .says("it may be starting");
    bench.say("jenkins list").ended(4).says("offline");
}

#[test]
fn who_we_are_is_told_when_it_is_wrong_and_never_the_secret() {
    let jenkins = Jenkins::start();
    some(&jenkins);
    let bench = bench(&jenkins, "user = \"ann\"\npassword_file = \"ci\"");
    let jobs = "jenkins jobs ci";
    bench.say(jobs).ended(1).complains("there is no file");
    keep(&bench, "ci", "another-one");
    let told = bench
        .say(jobs)
        .ended(1)
        .complains("ci does not take the password of ann; put the right one into");
    assert!(!told.err.contains("another-one"), "{told:?}");
    bench.say("jenkins list").ended(0).says("closed");
    keep(&bench, "ci", PASSWORD);
    bench.say(jobs).ended(0);
    // A password needs a crumb and its session for what changes something.
    bench
        .say("jenkins run smoke@ci --yes")
        .ended(0)
        .says("build 1 began");
    know(
        &bench,
        &jenkins,
        "user = \"ann\"\ntoken_variable = \"CI_TOKEN\"",
    );
    let with = |token: &str| {
        let child = bench
            .command("jenkins run smoke@ci --yes")
            .env("CI_TOKEN", token)
            .spawn();
        crate::bench::answer(child.unwrap())
    };
    with("wrong")
        .ended(1)
        .says("does not take the token of ann");
    with(TOKEN).ended(0).says("build 2 began");
    know(&bench, &jenkins, "user = \"ben\"\ntoken_file = \"ben\"");
    keep(&bench, "ben", READERS_TOKEN);
    bench.say(jobs).ended(0);
    bench
        .say("jenkins run smoke@ci --yes")
        .ended(1)
        .says("ben lacks Item/Build on ci");
    know(&bench, &jenkins, "");
    bench
        .say(jobs)
        .ended(1)
        .complains("nobody lacks Hudson/Read on ci");
    bench
        .say("jenkins doctor ci")
        .ended(1)
        .says("we are nobody to it");
}

#[test]
fn what_is_wrong_in_the_configuration_is_told_and_secrets_are_not_kept_there() {
    let jenkins = Jenkins::start();
    let bench = with_token(&jenkins);
    for (more, what) in [
        (
            "user = \"ann\"\ntoken = \"geheim-9\"",
            "token is not kept here",
        ),
        ("user = \"ann\"", "has a user and no secret"),
        ("token_file = \"x\"", "has a secret and no user"),
        (
            "user = \"ann\"\ntoken_file = \"x\"\npassword_file = \"y\"",
            "says several times",
        ),
        ("usr = \"ann\"", "usr"),
    ] {
        know(&bench, &jenkins, more);
        let told = bench.say("jenkins list").complains(what);
        assert!(!told.err.contains("geheim-9"), "{told:?}");
    }
    let text = fs::read_to_string(bench.file()).unwrap();
    let text = text.replace("http://", "http://ann:geheim-9@");
    fs::write(bench.file(), text).unwrap();
    let told = bench
        .say("jenkins list")
        .complains("url holds a user or a secret");
    assert!(!told.err.contains("geheim-9"), "{told:?}");
    // What nobody else may read only counts.
    know(&bench, &jenkins, "user = \"ann\"\ntoken_file = \"open\"");
    fs::write(bench.file().with_file_name("open"), TOKEN).unwrap();
    bench
        .say("jenkins jobs ci")
        .ended(1)
        .complains("can be read by others");
}

fn openssl(dir: &Path, line: &str) {
    let mut command = Command::new("openssl");
    let made = command
        .args(line.split_whitespace())
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(made.status.success(), "{line}: {made:?}");
}

#[test]
fn a_private_authority_vouches_for_a_server() {
    let dir = tempfile::tempdir().unwrap();
    openssl(
        dir.path(),
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=site -keyout ca.key -out ca.pem",
    );
    openssl(
        dir.path(),
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout site.key -out site.csr",
    );
    fs::write(dir.path().join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(
        dir.path(),
        "x509 -req -in site.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out site.pem",
    );
    let path = |name: &str| dir.path().join(name);
    let jenkins = Jenkins::with_tls(&path("site.pem"), &path("site.key"));
    jenkins.job("smoke", Script::default());
    let bench = with_token(&jenkins);
    bench
        .say("jenkins jobs ci")
        .ended(1)
        .complains("UnknownIssuer; name its authority in wharf.toml: ca of its [[jenkins]]");
    let login = "user = \"ann\"\ntoken_file = \"ci-token\"";
    know(
        &bench,
        &jenkins,
        &format!("{login}\nca = \"{}\"", path("ca.pem").display()),
    );
    bench
        .say("jenkins jobs ci -o name")
        .ended(0)
        .says("smoke@ci");
    bench
        .say("jenkins doctor ci")
        .ended(0)
        .says("tls: its certificate is vouched for");
    know(&bench, &jenkins, &format!("{login}\nskip_verify = true"));
    bench
        .say("jenkins doctor ci")
        .ended(0)
        .says("its certificate is not looked at");
}

#[test]
fn a_console_is_followed_to_its_end() {
    let jenkins = Jenkins::start();
    let script = Script {
        lines: (1..=6).map(|number| format!("line {number}")).collect(),
        pace: Duration::from_millis(500),
        ..Script::default()
    };
    jenkins.job("slow", script);
    let bench = with_token(&jenkins);
    bench.say("jenkins run slow@ci --yes").ended(0);
    let now = bench.say("jenkins logs slow@ci").ended(0);
    assert!(now.lines().len() < 7, "{now:?}");
    let all = bench
        .say("jenkins logs slow@ci --follow")
        .ended(0)
        .complains("build 1 of slow@ci: SUCCESS");
    let lines: Vec<String> = (1..=6).map(|number| format!("line {number}")).collect();
    assert_eq!(all.lines()[1..7], lines);
}
