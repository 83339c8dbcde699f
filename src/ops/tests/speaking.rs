//! Lines become sentences, or errors that help.

use super::*;
use crate::ops::{
    Danger, Role,
    sentence::{ContainerCommand, CopySide, HostCommand, Moment},
};

#[test]
fn a_sentence_may_begin_with_the_program() {
    assert_eq!(
        sentence("wharf container restart web-1@ams-1 --grace 0"),
        sentence("container restart web-1@ams-1 --grace 0")
    );
}

#[test]
fn a_wrong_word_is_refused_in_one_line_with_a_suggestion() {
    for (line, summary) in [
        (
            "container restrat web",
            "unrecognized subcommand 'restrat'; did you mean restart?",
        ),
        (
            "contaner restart web",
            "unrecognized subcommand 'contaner'; did you mean container?",
        ),
        (
            "container restart web --grase 3",
            "unexpected argument '--grase' found; did you mean --grace?",
        ),
        ("container", "the sentence is not complete"),
        ("container stop 'web", "a quotation mark is not closed"),
        (
            "container rename",
            "the following required arguments were not provided: <NEW>",
        ),
    ] {
        let error = Sentence::parse(line).unwrap_err();
        assert_eq!(error.summary(), summary, "{line}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_wrong_value_says_what_would_be_right() {
    for (line, part) in [
        ("container kill web --signal PING", "name such as HUP"),
        ("container stop web --grace soon", "invalid digit"),
        ("container stop @ams-1", "say *@ams-1 for all of the host"),
        ("container rename web .hidden", "begins with a letter"),
        ("host show web@ams-1", "a container where a host is needed"),
        ("host add x carrier-pigeon://x", "its scheme is unknown"),
        ("logs web --since yesterday", "write 30s, 10m"),
        ("container exec web@ams-1 ls", "unexpected argument 'ls'"),
    ] {
        let error = Sentence::parse(line).unwrap_err();
        assert!(
            error.summary().contains(part),
            "{line}: {}",
            error.summary()
        );
    }
}

#[test]
fn help_is_no_error_of_the_operator() {
    let error = Sentence::parse("container restart --help").unwrap_err();
    assert!(error.is_help());
    assert!(error.to_string().contains("--grace <SECONDS>"), "{error}");
}

#[test]
fn exec_keeps_the_options_of_its_command() {
    let Sentence::Container(ContainerCommand::Exec(args)) =
        sentence("container exec web@ams-1 -u root -- ls -u -l --all")
    else {
        panic!("not exec");
    };
    assert_eq!(args.command, ["ls", "-u", "-l", "--all"]);
    assert_eq!(args.user.as_deref(), Some("root"));
    let Sentence::Container(ContainerCommand::Exec(args)) = sentence("container exec -- top")
    else {
        panic!("not exec");
    };
    assert_eq!(args.target, None);
}

#[test]
fn signals_are_read_as_people_write_them() {
    for (text, signal) in [("sighup", "HUP"), ("KILL", "KILL"), ("9", "9")] {
        let Sentence::Container(ContainerCommand::Kill(args)) =
            sentence(&format!("container kill web -s {text}"))
        else {
            panic!("not kill");
        };
        assert_eq!(args.signal.as_str(), signal);
    }
}

#[test]
fn a_side_of_a_copy_is_in_a_container_when_it_says_so() {
    let side = |text: &str| text.parse::<CopySide>().unwrap();
    assert!(matches!(side("./a:/b"), CopySide::Local(_)));
    assert!(matches!(side("/etc/hosts"), CopySide::Local(_)));
    assert!(matches!(side("a:b"), CopySide::Local(_)));
    let CopySide::Inside { targets, path } = side("web@env:prod,db@ams-1:/etc/x") else {
        panic!("not inside");
    };
    assert_eq!(path, "/etc/x");
    let texts: Vec<String> = targets.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["web@env:prod", "db@ams-1"]);
    assert!(matches!(side(":/srv"), CopySide::Inside { targets, .. } if targets.is_empty()));
}

#[test]
fn moments_are_spans_or_times() {
    for (text, moment) in [
        ("90s", Moment::Ago(90)),
        ("1h30m", Moment::Ago(5400)),
        ("3d", Moment::Ago(3 * 86_400)),
        ("2023-11-14T22:13:20Z", Moment::At(at(0))),
    ] {
        assert_eq!(text.parse::<Moment>().unwrap(), moment, "{text}");
    }
    assert_eq!(Moment::Ago(10).at(at(0)), at(10));
    for wrong in ["", "10", "5y", "m"] {
        assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
    }
}

#[test]
fn a_host_needs_no_endpoint_when_ssh_knows_its_name() {
    let Sentence::Host(HostCommand::Add(args)) = sentence("host add web-7 -e prod -g edge -g eu")
    else {
        panic!("not add");
    };
    assert_eq!(args.endpoint, None);
    assert_eq!(args.groups, ["edge", "eu"]);
}

#[test]
fn the_reason_can_be_said_with_every_act() {
    for line in [
        "container restart web@ams-1 --reason 'it hangs'",
        "container remove web@ams-1 --reason 'it hangs'",
        "container exec web@ams-1 --reason 'it hangs' -- sh",
        "container copy a web@ams-1:/b --reason 'it hangs'",
        "host prune @ams-1 --reason 'it hangs'",
        "host remove @ams-1 --reason 'it hangs'",
    ] {
        assert_eq!(sentence(line).reason(), Some("it hangs"), "{line}");
    }
}

#[test]
fn every_sentence_states_danger_and_role_that_fit_each_other() {
    for entry in Sentence::catalogue() {
        match entry.role {
            Role::Query | Role::Look => assert_eq!(entry.danger, Danger::Reads, "{}", entry.words),
            Role::Act | Role::Configure | Role::Deploy => {
                assert!(entry.danger > Danger::Reads, "{}", entry.words);
            }
            Role::Terminal => {}
        }
    }
}
