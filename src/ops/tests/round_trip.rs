//! What the log keeps can be said again and means the same.

use proptest::prelude::*;

use super::*;
use crate::ops::LeftOut;

/// Verbs with options, as they could be said of any selection.
fn acts() -> impl Strategy<Value = String> {
    let grace = prop::option::of(0_u32..100);
    let grace = grace.prop_map(|grace| grace.map_or(String::new(), |n| format!(" --grace {n}")));
    prop_oneof![
        Just("container start".to_owned()),
        grace
            .clone()
            .prop_map(|grace| format!("container stop{grace}")),
        grace.prop_map(|grace| format!("container restart{grace}")),
        Just("container pause".to_owned()),
        Just("container unpause".to_owned()),
        (1_u8..64).prop_map(|signal| format!("container kill --signal {signal}")),
        Just("container remove".to_owned()),
        Just("container remove --force --volumes".to_owned()),
        Just("container top".to_owned()),
        Just("container show --reveal".to_owned()),
        (1_u32..9).prop_map(|n| format!("logs -n {n} -t")),
        "[a-z]{2,6}".prop_map(|name| format!("container rename new-{name}")),
        "[a-z '\"$;*?]{1,9}".prop_map(|file| {
            format!(
                "container copy {} :/srv/x",
                shlex::try_quote(&format!("./{file}")).unwrap()
            )
        }),
        prop::collection::vec("[a-z '\"$;&|*?\\-]{1,9}", 0..4).prop_map(|words| {
            let quoted: Vec<_> = words
                .iter()
                .map(|word| shlex::try_quote(word).unwrap())
                .collect();
            if quoted.is_empty() {
                "container exec".to_owned()
            } else {
                format!("container exec -u 1000 -- {}", quoted.join(" "))
            }
        }),
        Just("host prune".to_owned()),
        Just("host prune --images --volumes --all".to_owned()),
        Just("host show".to_owned()),
        Just("host remove".to_owned()),
    ]
}

fn selections() -> impl Strategy<Value = Vec<Target>> {
    let ids = [
        ("ams-1", "a1"),
        ("ams-1", "a2"),
        ("ams-1", "a3"),
        ("ams-1", "a4"),
        ("ams-1", "a5"),
        ("ams-2", "b1"),
        ("ams-2", "b2"),
        ("fra-1", "c1"),
        ("fra-1", "c2"),
        ("fra-1", "c3"),
        ("dev-1", "d1"),
        ("ro-1", "e1"),
    ];
    let containers = prop::sample::subsequence(ids.to_vec(), 1..6).prop_shuffle();
    let hosts = prop::sample::subsequence(vec!["ams-1", "fra-1", "dev-1", "ro-1"], 1..4);
    prop_oneof![
        4 => containers.prop_map(|all| all.into_iter().map(|(h, id)| target(h, id)).collect()),
        1 => hosts.prop_map(|all| all.into_iter().map(host).collect()),
    ]
}

proptest! {
    #[test]
    fn the_sentence_of_a_plan_gives_the_same_plan(line in acts(), selection in selections()) {
        let fleet = fleet();
        if let Ok(plan) = sentence(&line).plan(&fleet, &selection) {
            let again = sentence(&plan.sentence).plan(&fleet, &[]).unwrap();
            let told = Plan { left_out: Vec::<LeftOut>::new(), confirm: again.confirm.clone(), ..plan };
            prop_assert_eq!(told, again);
        }
    }

    #[test]
    fn any_line_is_a_sentence_or_an_error_but_no_panic(line in "\\PC{0,60}") {
        let _ = Sentence::parse(&line);
        let _ = Sentence::complete(&line, &fleet(), &[]);
    }

    #[test]
    fn a_sentence_of_known_words_is_read_or_refused(words in prop::collection::vec(
        prop::sample::select(vec![
            "container", "host", "logs", "stop", "copy", "exec", "--", "-u", "a@b", "@ams-1", ":/x",
            "--grace", "9", "list", "prune", "--all", "-n", "rename", "web-1@*", "edit", "--tls", "",
        ]), 0..7)) {
        let line = crate::ops::sentence::join(words.iter().copied());
        let _ = Sentence::complete(&line, &fleet(), &[]);
        if let Ok(sentence) = Sentence::parse(&line) {
            let _ = sentence.plan(&fleet(), &[target("ams-1", "a1")]);
        }
    }
}

#[test]
fn sentences_about_the_configuration_come_back_too() {
    for line in [
        "host add new ssh://a@b:22 --environment prod --group x --group 'y z' --protected",
        "host add new",
        "host edit ams-1 --environment= --protected false",
        "host edit ams-1 --rename ams-9 --endpoint tcp://1.2.3.4:5 --tls /etc/certs",
    ] {
        let plan = plan(line);
        assert_eq!(sentence(&plan.sentence), sentence(line), "{line}");
    }
}
