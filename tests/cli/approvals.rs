//! Freezes and approvals from a shell: on real hosts, with two people.

use std::fs;

use crate::{
    bench::{Answer, answer},
    deploys::{QUICK, Scene},
};

/// Says that as somebody.
fn say(scene: &Scene, who: &str, line: &str) -> Answer {
    let mut command = scene.bench.command(line);
    answer(command.env("SUDO_USER", who).spawn().unwrap())
}

/// Writes what the environment asks of releases into wharf.toml.
fn ask_for(scene: &Scene, text: &str) {
    let file = scene.bench.file();
    let whole = fs::read_to_string(&file).unwrap();
    let hosts = whole.split("[[environment]]").next().unwrap();
    fs::write(
        &file,
        format!("{hosts}[[environment]]\nname = \"dev\"\n{text}\n"),
    )
    .unwrap();
}

#[test]
fn another_person_approves_exactly_what_is_deployed() {
    let scene = Scene::new("approvals-a");
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    ask_for(&scene, "approvals = 1");
    let first = scene.line("--hosts env:dev --set PORT=8191");
    // The first time it only asks, and says so to whoever waits.
    let asked = say(&scene, "ann", &first)
        .ended(3)
        .says("nothing is deployed");
    drop(asked);
    assert!(scene.running().is_empty());
    let waiting = say(&scene, "bob", "app approvals -o json").ended(0).json();
    assert_eq!(waiting[0]["state"], "waiting", "{waiting}");
    assert!(
        waiting[0]["by"].as_str().unwrap().starts_with("ann"),
        "{waiting}"
    );
    let digest = waiting[0]["digest"].as_str().unwrap().to_owned();
    let approve = format!("app approve {} {digest} --env dev --yes", scene.app);
    say(&scene, "ann", &first).ended(3).complains(&format!(
        "wharf app approve {} {digest} --env dev",
        scene.app
    ));
    say(&scene, "ann", &approve)
        .ended(3)
        .complains("another person has to");
    say(&scene, "bob", &approve).ended(0);
    // Something else is not what was approved.
    let other = format!("{first} --set GREETING=other --dry-run");
    say(&scene, "ann", &other)
        .ended(0)
        .says(&format!("the approval of {digest} does not hold for this"));
    say(&scene, "ann", &first).ended(0);
    assert_eq!(scene.running(), scene.wanted(1, 1));
    // What ran there before needs none: fewer replicas, and back again.
    say(
        &scene,
        "ann",
        &format!("app scale {} worker=1 {QUICK}", scene.app),
    )
    .ended(0);
    // Rejected, it stays where it is.
    let second = scene.line("--hosts env:dev --set PORT=8191 --set GREETING=two");
    say(&scene, "ann", &second).ended(3);
    say(
        &scene,
        "bob",
        &format!("app reject {} --reason 'not today' --yes", scene.app),
    )
    .ended(0);
    say(&scene, "ann", &second).ended(3).complains("not today");
    // All of it is in the log of acts.
    let acts = scene.bench.say("audit list -o json").ended(0).json();
    let said: Vec<&str> = acts
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|act| act["sentence"].as_str())
        .collect();
    for part in [
        "app approve approvals-a",
        "app reject approvals-a",
        "app deploy approvals-a",
    ] {
        assert!(
            said.iter().any(|sentence| sentence.starts_with(part)),
            "{part}: {said:?}"
        );
    }
}

#[test]
fn nothing_is_deployed_in_a_freeze_but_in_an_emergency() {
    let scene = Scene::new("approvals-b");
    let (_one, _two) = (scene.lab.host("node1"), scene.lab.host("node2"));
    ask_for(
        &scene,
        "freeze = [{ from = \"2020-01-01\", to = \"2099-12-31\", zone = \"Europe/Amsterdam\", reason = \"year end\" }]",
    );
    let line = scene.line("--hosts node1 --set PORT=8192");
    let refused = say(&scene, "ann", &line).ended(3);
    refused.complains("dev is frozen until Fri 2100-01-01 00:00 Europe/Amsterdam: year end");
    let urgent = format!("{line} --emergency 'the shop is down'");
    let refused = say(&scene, "ann", &urgent).ended(3);
    refused.complains("--confirm 'dev'");
    let urgent = urgent.replace("--yes", "--confirm dev");
    say(&scene, "ann", &urgent).ended(0);
    assert_eq!(scene.running().len(), 2);
    // Other acts of the app are refused as well, and the emergency is in the log.
    let scale = format!("app scale {} worker=0 {QUICK}", scene.app);
    say(&scene, "ann", &scale).ended(3).complains("year end");
    let acts = scene.bench.say("audit list -o json").ended(0).json();
    let told = acts.to_string();
    assert!(told.contains("the shop is down"), "{told}");
    // What is not understood keeps it closed.
    ask_for(&scene, "freeze = [{ days = \"someday\", reason = \"x\" }]");
    say(&scene, "ann", &line)
        .ended(3)
        .complains("freeze window in wharf.toml is not understood");
}
