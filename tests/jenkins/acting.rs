//! What is done on a server: builds are begun, followed and stopped, and it is in the log of acts.

use std::time::Duration;

use serde_json::json;

use crate::{
    bench::{Answer, Bench, until},
    know,
    stub::{Jenkins, PASSWORD, Script},
    with_token,
};

fn slow(lines: usize) -> Script {
    Script {
        lines: (1..=lines).map(|number| format!("line {number}")).collect(),
        pace: Duration::from_millis(200),
        ..Script::default()
    }
}

fn followed(bench: &Bench, job: &str) -> Answer {
    bench.say(&format!("jenkins run {job}@ci --follow --yes"))
}

#[test]
fn a_build_asks_first_is_followed_and_recorded() {
    let jenkins = Jenkins::start();
    jenkins.job("pay/regression", slow(3).text("WHO", "world"));
    let red = Script {
        result: "FAILURE",
        ..Script::default()
    };
    jenkins.job("red", red);
    let bench = with_token(&jenkins);
    let run = "jenkins run pay/regression@ci --set WHO=you";
    bench
        .say(run)
        .ended(3)
        .complains("'Build pay/regression@ci' has to be confirmed");
    bench
        .say(&format!("{run} --dry-run"))
        .ended(0)
        .says("Build pay/regression@ci");
    assert_eq!(jenkins.asked(), 0);
    bench
        .say("jenkins run pay/regression@ci --set WHOO=you --yes")
        .ended(1)
        .says("has no parameter WHOO, and Jenkins would drop it; did you mean WHO?");
    let told = bench
        .say(&format!("{run} --follow --yes --reason 'release 7'"))
        .ended(0);
    for part in [
        "build 1",
        "line 1",
        "line 3",
        "Finished: SUCCESS",
        "build 1: SUCCESS",
    ] {
        assert!(told.out.contains(part), "{part}: {told:?}");
    }
    assert_eq!(jenkins.given("pay/regression", 1)["WHO"], "you");
    followed(&bench, "red").ended(1).says("build 1: FAILURE");
    followed(&bench, "pay")
        .ended(1)
        .says("it is a folder; see `wharf jenkins jobs ci pay`");
    let acts = bench.say("audit list -o json").ended(0).out;
    for part in [
        "jenkins run pay/regression@ci --set WHO=you --follow",
        "release 7",
        "build 1: SUCCESS",
    ] {
        assert!(acts.contains(part), "{part}: {acts}");
    }
}

#[test]
fn what_cannot_be_built_says_why() {
    let jenkins = Jenkins::start();
    let off = Script {
        disabled: true,
        ..Script::default()
    };
    jenkins.job("off", off);
    jenkins.job("pick", slow(1).choice("WHERE", &["qa", "stage"]));
    let bench = with_token(&jenkins);
    followed(&bench, "off")
        .ended(1)
        .says("it cannot be built now; see on its page whether it is disabled");
    bench
        .say("jenkins run pick@ci --set WHERE=prod --yes")
        .ended(1)
        .says("WHERE cannot be 'prod'; one of qa, stage");
    assert_eq!(jenkins.asked(), 0);
    let more = "user = \"ann\"\ntoken_file = \"ci-token\"\nread_only = true";
    know(&bench, &jenkins, more);
    bench
        .say("jenkins run pick@ci --yes")
        .ended(3)
        .complains("ci is read-only");
    bench
        .say("jenkins run pick@cii --yes")
        .ended(3)
        .complains("no Jenkins server is called 'cii'; there is ci");
}

#[test]
fn a_build_is_stopped_and_what_waits_is_taken_out() {
    let jenkins = Jenkins::start();
    jenkins.job("long", slow(500));
    let bench = with_token(&jenkins);
    bench
        .say("jenkins run long@ci --yes")
        .ended(0)
        .says("build 1 began");
    // It waits for the first one.
    let second = bench.say("jenkins run long@ci --yes").ended(0);
    assert!(
        second
            .out
            .contains("it is 2 in the queue: Build #1 is already in progress"),
        "{second:?}"
    );
    let queue = bench.say("jenkins queue ci -o json").ended(0).json();
    assert_eq!(
        (&queue[0]["id"], &queue[0]["job"]),
        (&json!(2), &json!("long"))
    );
    bench
        .say("jenkins abort long@ci 1")
        .ended(3)
        .complains("has to be confirmed");
    bench.say("jenkins abort long@ci").ended(2);
    bench
        .say("jenkins abort long@ci --queued 2 --yes")
        .ended(0)
        .says("2 is taken out of the queue");
    bench
        .say("jenkins abort long@ci --queued 2 --yes")
        .ended(0)
        .says("somebody else took it out");
    bench
        .say("jenkins abort long@ci --queued 77 --yes")
        .ended(1)
        .says("it does not wait there");
    bench
        .say("jenkins abort long@ci 1 --yes")
        .ended(0)
        .says("build 1 is told to end");
    until("it ends", || {
        jenkins.result("long", 1).as_deref() == Some("ABORTED")
    });
    bench
        .say("jenkins abort long@ci 1 --yes")
        .ended(0)
        .says("is over already (ABORTED)");
    assert_eq!(bench.say("jenkins queue ci -o name").ended(0).out, "");
}

#[test]
fn a_build_is_found_after_its_item_was_forgotten_and_after_jenkins_was_started_anew() {
    let jenkins = Jenkins::start();
    jenkins.job("smoke", slow(2));
    jenkins.forgets_after(Duration::ZERO);
    let bench = with_token(&jenkins);
    crate::keep(&bench, "ci", PASSWORD);
    know(&bench, &jenkins, "user = \"ann\"\npassword_file = \"ci\"");
    followed(&bench, "smoke").ended(0).says("build 1: SUCCESS");
    jenkins.restart();
    followed(&bench, "smoke").ended(0).says("build 2: SUCCESS");
}
