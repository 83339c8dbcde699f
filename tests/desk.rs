//! The console as a value: keys in, screen and effects out.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "picture/fleet.rs"]
mod fleet;

use std::time::Duration;

use wharf::{
    logs::{Book, Shown},
    model::{
        Action, Check, Container, ContainerId, Event, Feed, Finding, Fleet, HostName, HostSpec,
        Link, Mark, Outcome, Said, State, Timestamp, Trouble, TroubleKind, Usage,
        setting::{Key, Source},
    },
    ops::Progress,
    ui::{Effect, Masked, Msg, desk::Desk},
};

fn desk(width: u16, height: u16) -> Desk {
    Desk::new(fleet::demo(), width, height).at(fleet::now())
}

/// The container of that name.
fn named(desk: &mut Desk, host: &HostName, name: &str) -> Container {
    let mut all = desk.ui().fleet.host(host).unwrap().containers.values();
    all.find(|one| &*one.name == name).unwrap().clone()
}

#[test]
fn a_restart_is_two_keys_and_names_its_target() {
    let mut desk = desk(120, 30).keys("3 / s h o p - a p i space h o s t : a m s - 2 enter r");
    let screen = desk.screen();
    assert!(
        screen.contains("Restart") && screen.contains("shop-api-1@ams-2"),
        "{screen}"
    );
    assert!(desk.effects().is_empty(), "nothing is done before the yes");
    let mut desk = desk.keys("y");
    let effects = desk.effects();
    let [Effect::Run(_, act)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(act.plan.sentence, "container restart shop-api-1@ams-2");
    assert!(matches!(act.plan.steps[0].action, Action::Restart { .. }));
}

#[test]
fn enter_alone_is_a_no() {
    let mut desk = desk(120, 30).keys("3 r enter");
    assert!(desk.effects().is_empty());
    assert!(!desk.screen().contains("Restart "));
}

#[test]
fn marked_rows_of_several_hosts_are_acted_on_together() {
    let mut desk = desk(120, 30).keys("3 space space space x x y");
    let effects = desk.effects();
    let [Effect::Run(_, act)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(act.plan.steps.len(), 3);
    let hosts: std::collections::BTreeSet<_> =
        act.plan.steps.iter().map(|step| &step.host).collect();
    assert_eq!(hosts.len(), 3);
    assert!(!desk.screen().contains("marked"), "marks go with the act");
}

#[test]
fn removing_in_a_guarded_environment_wants_its_name() {
    let mut desk = desk(120, 30)
        .keys("3 :")
        .type_text("container remove search-index-1@ams-1 --force")
        .keys("enter");
    let screen = desk.screen();
    assert!(
        screen.contains("Type 'prod'") && screen.contains("What is lost"),
        "{screen}"
    );
    let mut desk = desk.keys("y enter");
    assert!(desk.effects().is_empty(), "a yes is not enough");
    let mut desk = desk.keys("backspace p r o d enter");
    assert!(matches!(&desk.effects()[..], [Effect::Run(..)]));
}

#[test]
fn read_only_takes_changes_away() {
    let mut fleet = fleet::demo();
    fleet.read_only = true;
    let mut desk = Desk::new(fleet, 120, 40).at(fleet::now()).keys("3 a");
    let menu = desk.screen();
    assert!(
        menu.contains("READ-ONLY") && menu.contains("container show"),
        "{menu}"
    );
    assert!(!menu.contains("container restart"), "{menu}");
    let mut desk = desk.keys("esc r");
    assert!(desk.effects().is_empty());
    assert!(desk.screen().contains("read-only"), "{}", desk.screen());
    let help = desk.keys("?").screen();
    assert!(!help.contains("container remove"), "{help}");
}

#[test]
fn copying_out_only_reads() {
    let mut fleet = fleet::demo();
    fleet.read_only = true;
    let mut desk = Desk::new(fleet, 120, 60).at(fleet::now()).keys("3 a");
    assert!(
        desk.screen().contains("container copy"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc ? pagedown pagedown pagedown");
    let help = desk.screen();
    assert!(
        help.contains("container copy") && !help.contains("container remove"),
        "{help}"
    );
    let say = |desk: Desk, line: &str| desk.keys("esc :").type_text(line).keys("enter");
    let mut desk = say(desk, "container copy /etc/hosts :/tmp/");
    assert_eq!(desk.effects(), []);
    assert!(desk.screen().contains("read-only"), "{}", desk.screen());
    let mut desk = say(desk, "container copy :/etc/hosts /tmp/");
    let effects = desk.effects();
    assert!(matches!(&effects[..], [Effect::Run(..)]), "{effects:?}");
}

#[test]
fn values_are_masked_until_their_showing_is_recorded() {
    let mut desk = desk(120, 40).keys("3 / l e d g e r enter enter");
    fleet::inspected(&mut desk);
    let mut desk = desk.keys("tab");
    assert!(
        desk.screen().contains("LEDGER_SIGNING_KEY  ****"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("V");
    let effects = desk.effects();
    let [Effect::Reveal(act, masked)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(
        act.plan.recorded && act.plan.sentence.ends_with(" --reveal"),
        "{act:?}"
    );
    assert!(!format!("{effects:?}").contains("s3cr3t"), "{effects:?}");
    assert!(
        !desk.screen().contains("s3cr3t"),
        "not before it is recorded"
    );
    desk.send(Msg::Revealed(masked.clone()));
    assert!(desk.screen().contains("s3cr3t"), "{}", desk.screen());
    // Whoever leaves and comes back has to ask anew.
    let mut desk = desk.keys("2 -");
    assert!(
        desk.screen().contains("LEDGER_SIGNING_KEY  ****"),
        "{}",
        desk.screen()
    );
    desk.send(Msg::Revealed(masked.clone()));
    let mut desk = desk.keys("V");
    assert!(!desk.screen().contains("s3cr3t") && desk.effects().is_empty());
    // What is recorded after somebody left is not shown when they come back.
    let mut desk = desk.keys("2");
    desk.send(Msg::Revealed(masked.clone()));
    assert!(!desk.keys("-").screen().contains("s3cr3t"));
}

#[test]
fn secrets_in_logs_are_shown_when_that_is_recorded_and_the_same_logs_are_on_the_screen() {
    let mut desk = desk(120, 30).keys("3 l");
    desk.effects();
    let line = "logs --reveal --reason TICKET-1";
    let mut desk = desk.keys(":").type_text(line).keys("enter");
    let effects = desk.effects();
    let [Effect::Reveal(act, masked)] = &effects[..] else {
        panic!("{effects:?}")
    };
    let Masked::Lines(targets) = masked else {
        panic!("{masked:?}")
    };
    assert_eq!((targets.len(), act.plan.targets.len()), (1, 1));
    assert!(act.plan.recorded && act.plan.sentence.ends_with(" --reveal"));
    assert_eq!(act.reason.as_deref(), Some("TICKET-1"));
    let told = "secrets are shown; that is recorded";
    desk.send(Msg::Revealed(Masked::Lines(Vec::new())));
    assert!(!desk.screen().contains(told), "others were recorded");
    desk.send(Msg::Revealed(masked.clone()));
    assert!(desk.screen().contains(told), "{}", desk.screen());
    let mut desk = self::desk(120, 30);
    desk.send(Msg::Revealed(masked.clone()));
    assert!(!desk.screen().contains(told), "nobody looks at logs");
}

#[test]
fn a_file_is_written_over_only_after_a_yes() {
    let shown = Shown {
        all: true,
        names: false,
        zone: None,
        masks: None,
    };
    let agreed = Effect::Save {
        path: "/srv/web.log".into(),
        lines: Box::new(Book::new(1 << 20).excerpt(shown)),
        replace: true,
    };
    let exists = Msg::Exists("/srv/web.log".into(), 3000, Box::new(agreed.clone()));
    let mut desk = desk(80, 24);
    desk.send(exists.clone());
    let screen = desk.screen();
    for part in [
        "Replace the file?",
        "/srv/web.log",
        "its 2.93K would be lost",
    ] {
        assert!(screen.contains(part), "{part}: {screen}");
    }
    let mut desk = desk.keys("enter");
    assert!(desk.effects().is_empty() && !desk.screen().contains("Replace"));
    desk.send(exists.clone());
    let mut desk = desk.keys("y");
    assert_eq!(desk.effects(), [agreed]);
    // What is typed elsewhere is no answer.
    let mut desk = desk.keys(":");
    desk.send(exists);
    let mut desk = desk.keys("y");
    assert!(desk.effects().is_empty());
    assert!(desk.keys("esc").screen().contains("nothing was written"));
}

#[test]
fn rows_that_are_worked_on_say_so_until_it_is_over() {
    let mut desk = desk(120, 30).keys("3 / h o s t : a m s - 2 enter r y");
    let effects = desk.effects();
    let [Effect::Run(id, act)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(desk.screen().contains("↻ restarting"), "{}", desk.screen());
    let host = act.plan.steps[0].host.clone();
    let again: Vec<Container> = desk
        .ui()
        .fleet
        .host(&host)
        .unwrap()
        .containers
        .values()
        .cloned()
        .collect();
    desk.send(Msg::Event(Event::Containers(host, again)));
    assert!(
        desk.screen().contains("↻ restarting"),
        "a list does not take it off"
    );
    desk.send(Msg::Run(
        *id,
        Progress::StepEnded(0, Ok(String::new()), Duration::ZERO),
    ));
    assert!(!desk.screen().contains("↻ restarting"), "{}", desk.screen());
}

#[test]
fn a_filter_completes_its_keys_and_their_values() {
    let mut desk = desk(120, 30).keys("3 /").type_text("web sta");
    let screen = desk.screen();
    assert!(screen.contains("state:"), "{screen}");
    let mut desk = desk.keys("tab").type_text("ex").keys("tab");
    let screen = desk.screen();
    assert!(screen.contains("/web state:exited"), "{screen}");
    let mut desk = desk.keys("enter");
    assert!(
        desk.screen().contains("</web state:exited>"),
        "{}",
        desk.screen()
    );
    let screen = desk.keys("2 /").type_text("env:").screen();
    assert!(
        screen.contains("prod") && screen.contains("hosts"),
        "{screen}"
    );
}

#[test]
fn rows_are_sorted_by_any_column() {
    let mut desk = desk(120, 40).keys("3 :").type_text("sort mem").keys("tab");
    assert!(desk.screen().contains(":sort memory"), "{}", desk.screen());
    let mut desk = desk.keys("esc o j s");
    let [Effect::Remember(key, value)] = &desk.effects()[..] else {
        panic!("nothing is remembered")
    };
    assert_eq!((key.as_str(), value.as_str()), ("containers.sort", "app"));
    assert!(desk.screen().contains("APP↑"), "{}", desk.screen());
}

#[test]
fn escape_closes_the_popup_then_the_filter_then_goes_back() {
    let mut desk = desk(120, 30).keys("3 / w e b enter enter a");
    assert!(desk.screen().contains("container show"));
    let mut desk = desk.keys("esc");
    assert!(!desk.screen().contains("container show"));
    let mut desk = desk.keys("esc");
    assert!(
        desk.screen().contains("</web>"),
        "back in the grid with its filter"
    );
    let mut desk = desk.keys("esc");
    assert!(!desk.screen().contains("</web>"));
}

#[test]
fn a_filter_narrows_while_it_is_typed_and_says_what_is_wrong_with_it() {
    let mut desk = desk(120, 30).keys("3 / i s : b r o k e n");
    let screen = desk.screen();
    assert!(
        screen.contains("[4 of") && screen.contains("exited 137"),
        "{screen}"
    );
    let screen = desk.keys("esc / / (").screen();
    assert!(screen.contains("/("), "{screen}");
}

#[test]
fn the_palette_says_what_is_wrong_and_keeps_the_line() {
    let mut desk = desk(120, 30)
        .keys(":")
        .type_text("container restrat")
        .keys("enter");
    let screen = desk.screen();
    assert!(
        screen.contains("restart") && screen.contains(":container restrat"),
        "{screen}"
    );
}

#[test]
fn the_cursor_stays_on_its_container_while_others_come_and_go() {
    let mut desk = desk(120, 30).keys("3 j j j");
    let host = HostName::new("ams-1");
    let gone = named(&mut desk, &host, "billing-ledger-1").id;
    let before = highlighted(&mut desk);
    desk.send(Msg::Event(Event::ContainerGone(host, gone)));
    assert_eq!(highlighted(&mut desk), before);
}

#[test]
fn what_is_empty_says_why_and_what_helps() {
    let says = |fleet: Fleet, keys: &str, text: &str| {
        let screen = Desk::new(fleet, 80, 24)
            .at(fleet::now())
            .keys(keys)
            .screen();
        assert!(screen.contains(text), "{keys}: {text}\n{screen}");
    };
    for keys in ["1", "2", "3"] {
        says(Fleet::new(), keys, ":host add NAME ENDPOINT");
    }
    says(Fleet::new(), "4", "then say :logs");
    for keys in ["5", "6", "7"] {
        says(Fleet::new(), keys, ":host add NAME ENDPOINT");
    }
    says(Fleet::new(), "8", "No acts yet.");
    for keys in ["2 / z z z", "3 / z z z", "3 t / z z z", "8 / z z z"] {
        says(fleet::demo(), keys, "matches 'zzz'. Esc clears the filter.");
    }
    says(fleet::demo(), "3 l & z z z", "No line passes 'zzz'");
    says(
        fleet::demo(),
        "3 l",
        "Nothing logged yet. New lines appear here.",
    );
    says(fleet::demo(), "3 l 2", ":range 1 reads from the start");
    let mut empty = Fleet::new();
    let name = HostName::new("ams-1");
    let spec = HostSpec::new("ams-1", "unix:///run/docker.sock".parse().unwrap(), "test");
    empty.apply(Event::Hosts(vec![spec]));
    says(empty.clone(), "3", "Connecting to ams-1…");
    let since = fleet::now();
    empty.apply(Event::Link(name.clone(), Link::Online { since }));
    empty.apply(Event::Containers(name, Vec::new()));
    says(
        empty,
        "3",
        "No containers on these hosts. New ones appear here",
    );
}

#[test]
fn help_shows_only_keys_that_mean_it_here() {
    let mut desk = desk(120, 60).keys("3 l");
    assert!(!desk.screen().contains("3 containers"), "3 is a range here");
    let help = desk.keys("f1").screen();
    assert!(
        help.contains("range 3") && !help.contains("pane containers"),
        "{help}"
    );
}

#[test]
fn help_says_what_can_be_done_now_and_why_the_rest_cannot() {
    let mut stopped = desk(160, 60).keys("3 / s t a t e : e x i t e d enter");
    let hints = stopped.screen();
    assert!(
        hints.contains("x s start") && !hints.contains("s shell"),
        "{hints}"
    );
    let help = stopped.keys("?").screen();
    let of = |help: &str, words: &str| {
        help.lines()
            .find(|line| line.contains(words))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        of(&help, " container start ").contains("Start containers"),
        "{help}"
    );
    assert!(
        of(&help, " container pause ").contains("not now:"),
        "{help}"
    );
    let mut running = desk(160, 60).keys("3 / s t a t e : r u n n i n g enter");
    assert!(running.screen().contains("s shell"), "{}", running.screen());
    let help = running.keys("?").screen();
    assert!(
        of(&help, " container start ").contains("already runs"),
        "{help}"
    );
    assert!(of(&help, " container pause ").contains("Freeze"), "{help}");
}

#[test]
fn help_is_searched_by_typing() {
    let mut desk = desk(100, 30).keys("3 ?").type_text("rename");
    let screen = desk.screen();
    assert!(
        screen.contains("/rename") && screen.contains("palette container rename"),
        "{screen}"
    );
    assert!(!screen.contains("half-down"), "{screen}");
    let mut desk = desk.type_text("zzz");
    assert!(
        desk.screen().contains("Nothing here is called so."),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc pagedown");
    assert!(
        desk.screen().contains("type to search"),
        "{}",
        desk.screen()
    );
    assert!(!desk.keys("esc").screen().contains("Help:"));
}

#[test]
fn help_knows_the_keys_in_force() {
    let mut desk = desk(120, 50).keys("3");
    let k9s = wharf::ui::keymap::Keymap::embedded("k9s").unwrap();
    desk.send(Msg::Keymap(Box::new(k9s)));
    let screen = desk.keys("?").type_text("container remove").screen();
    assert!(screen.contains("ctrl-d"), "{screen}");
}

#[test]
fn the_first_sample_of_a_stream_does_not_take_the_cpu_off_the_screen() {
    let mut desk = desk(120, 30).keys("3 / s e a r c h space h o s t : a m s - 1 enter");
    let host = HostName::new("ams-1");
    let one = named(&mut desk, &host, "search-index-1");
    let (id, usage) = (one.id.clone(), one.usage.unwrap());
    let mut sample = |seconds: i64, cpu| {
        let at = Timestamp::from_second(usage.at.as_second() + seconds).unwrap();
        let usage = Usage { at, cpu, ..usage };
        desk.send(Msg::Event(Event::Usages(
            host.clone(),
            vec![(id.clone(), usage)],
        )));
        desk.screen()
    };
    assert!(sample(1, Some(61.5)).contains("61.5"));
    assert!(sample(60, None).contains("61.5"), "until the next sample");
    assert!(sample(61, Some(0.5)).contains("  0.5"));
    assert!(!sample(1000, None).contains("  0.5"), "but not for ever");
}

/// The text of the line under the cursor.
fn highlighted(desk: &mut Desk) -> String {
    let buffer = desk.buffer();
    let plain = buffer[(2, 3)].bg;
    let y = (3..buffer.area.height)
        .find(|y| buffer[(2, *y)].bg != plain)
        .unwrap_or(3);
    (0..40)
        .map(|x| buffer[(x, y)].symbol().to_owned())
        .collect()
}

#[test]
fn only_what_is_on_the_screen_has_a_stats_stream() {
    let mut desk = desk(120, 24).keys("3");
    let streams = |desk: &mut Desk| {
        desk.wants()
            .iter()
            .filter(|feed| matches!(feed, Feed::Stats(..)))
            .count()
    };
    let shown = streams(&mut desk);
    assert!(shown > 5 && shown <= 18, "{shown}");
    let mut desk = desk.keys("2");
    assert_eq!(streams(&mut desk), 0);
}

#[test]
fn a_container_that_dies_is_shown_broken_at_once() {
    let mut desk = desk(120, 30).keys("3 / s e a r c h space h o s t : a m s - 1 enter");
    assert!(desk.screen().contains("running"));
    let host = HostName::new("ams-1");
    let mut one = named(&mut desk, &host, "search-index-1");
    one.state = State::Exited;
    one.exit = Some(139);
    desk.send(Msg::Event(Event::Container(host, Box::new(one))));
    assert!(desk.screen().contains("exited 139"), "{}", desk.screen());
}

#[test]
fn messages_fade_and_are_kept() {
    let mut desk = desk(120, 30).keys("3 / z z z enter r");
    assert!(
        desk.screen().contains("needs a container"),
        "{}",
        desk.screen()
    );
    let later = Timestamp::from_second(fleet::now().as_second() + 60).unwrap();
    let mut desk = desk.at(later);
    assert!(!desk.screen().contains("warning"));
    assert!(desk.keys("m").screen().contains("warning"));
}

#[test]
fn the_row_under_the_cursor_is_the_first_target_that_is_offered() {
    let mut desk = desk(120, 30).keys("3 j j j : c o n t a i n e r space s t o p space");
    let screen = desk.screen();
    let row = screen.lines().nth(6).unwrap().to_owned();
    let words: Vec<&str> = row.split_whitespace().collect();
    let target = format!("{}@{}", words[3], words[1]);
    assert!(
        screen.contains(&format!(":container stop {target}")),
        "{target}: {screen}"
    );
}

#[test]
fn every_pane_survives_every_small_size() {
    every_pane_at(&[(1, 1), (19, 4), (20, 5), (40, 12), (80, 24)]);
}

#[test]
fn every_pane_survives_every_large_size() {
    every_pane_at(&[(133, 37), (400, 120)]);
}

fn every_pane_at(sizes: &[(u16, u16)]) {
    for &(width, height) in sizes {
        for keys in [
            "1",
            "2",
            "3",
            "3 t",
            "3 enter",
            "3 enter tab tab",
            "4",
            "8",
            "3 ?",
            "3 a",
            "3 :",
            "3 r",
            "3 o",
            "m",
        ] {
            let mut desk = desk(width, height).keys(keys);
            assert_eq!(desk.buffer().area.width, width);
        }
    }
}

#[test]
fn a_large_fleet_is_sorted_once_a_second_and_at_once_when_asked() {
    let big = HostName::new("big");
    let mut fleet = Fleet::new();
    let spec = HostSpec::new("big", "unix:///run/docker.sock".parse().unwrap(), "test");
    fleet.apply(Event::Hosts(vec![spec]));
    let second = |past: i64| Timestamp::from_second(fleet::now().as_second() + past).unwrap();
    let one = |n: usize| {
        let id = ContainerId::new(&format!("{n:064x}"));
        Container::new(id, &format!("c-{n:06}"), State::Running, second(-60))
    };
    let many = (0..3000).map(one).collect();
    fleet.apply(Event::Containers(big.clone(), many));
    let mut desk = Desk::new(fleet, 100, 20).at(second(0)).keys("3");
    assert!(desk.screen().contains("Containers[3000]"));
    desk.send(Msg::Event(Event::Container(
        big.clone(),
        Box::new(one(99_999)),
    )));
    assert!(desk.screen().contains("Containers[3000]"), "not yet");
    let mut desk = desk.keys("N g");
    assert!(desk.screen().contains("c-099999"), "turned round at once");
    desk.send(Msg::Event(Event::Container(big, Box::new(one(100_000)))));
    let mut desk = desk.at(second(1)).keys("g");
    assert!(desk.screen().contains("c-100000"));
}

#[test]
fn a_checkup_is_one_key_and_its_findings_are_seen_as_they_come() {
    let mut desk = desk(120, 30).keys("2 w");
    let effects = desk.effects();
    let [Effect::Run(id, act)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(act.plan.steps[0].action, Action::Examine);
    assert!(!act.plan.recorded, "nothing is changed");
    assert!(
        desk.screen().contains("Examine the way to"),
        "{}",
        desk.screen()
    );
    desk.send(Msg::Run(
        *id,
        Progress::Said(
            0,
            Said::Finding(Finding {
                check: Check::HostKey,
                hop: None,
                mark: Mark::Failed,
                saw: "the host key is not known".to_owned(),
                remedy: "compare the fingerprint".to_owned(),
                ms: 3,
            }),
        ),
    ));
    let screen = desk.screen();
    assert!(
        screen.contains("✗ failed") && screen.contains("host key"),
        "{screen}"
    );
    assert!(screen.contains("do: compare the fingerprint"), "{screen}");
    let why = Err("the host key is not known".to_owned());
    desk.send(Msg::Run(
        *id,
        Progress::StepEnded(0, why, std::time::Duration::ZERO),
    ));
    desk.send(Msg::Run(
        *id,
        Progress::Ended(Outcome::Failed {
            done: 0,
            failed: 1,
            detail: String::new(),
        }),
    ));
    assert!(
        desk.screen().contains("cannot be used"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc");
    assert!(!desk.screen().contains("do: compare"));
    let mut desk = desk.keys("ctrl-o");
    assert!(
        desk.screen().contains("do: compare"),
        "what was said can be seen again"
    );
}

fn set(desk: &mut Desk) -> Vec<String> {
    let said = |effect: Effect| match effect {
        Effect::Configure(sentence, plan) => format!("{} | {}", plan.sentence, sentence.words()),
        Effect::Apply(key, value) => format!("{key}={value}"),
        other => format!("{other:?}"),
    };
    desk.effects().into_iter().map(said).collect()
}

/// A console that knows the names of themes and keymaps, as the program tells them.
fn choosing(mut fleet: Fleet, width: u16, height: u16) -> Desk {
    let choices = |names: &[&str]| {
        names
            .iter()
            .map(|name| ((*name).to_owned(), String::new()))
            .collect()
    };
    fleet
        .settings
        .offer(Key::Theme, choices(&["dark", "light", "mono"]));
    fleet
        .settings
        .offer(Key::Keymap, choices(&["default", "k9s"]));
    Desk::new(fleet, width, height).at(fleet::now())
}

#[test]
fn a_theme_is_seen_while_it_is_chosen_and_esc_takes_it_back() {
    let mut desk = choosing(fleet::demo(), 100, 30).keys("9 enter j");
    assert_eq!(set(&mut desk), ["theme=light"]);
    let mut desk = desk.keys("esc");
    assert_eq!(set(&mut desk), ["theme=dark"]);
    let mut desk = desk.keys("enter j enter");
    assert_eq!(
        set(&mut desk),
        [
            "theme=light",
            "theme=light",
            "setting set theme light | setting set"
        ]
    );
    let screen = desk.screen();
    assert!(
        screen.contains("this run only"),
        "until the file is written\n{screen}"
    );
}

#[test]
fn an_installation_asks_and_its_failure_stays_on_the_hosts_row() {
    let mut fleet = Fleet::new();
    let endpoint = "ssh://root@bare".parse().unwrap();
    fleet.apply(Event::Hosts(vec![HostSpec::new("bare", endpoint, "test")]));
    let mut desk = Desk::new(fleet, 120, 30).at(fleet::now()).keys("2 x i");
    let screen = desk.screen();
    assert!(
        screen.contains("Install Docker Engine on @bare?"),
        "{screen}"
    );
    assert!(desk.effects().is_empty(), "nothing is done before the yes");
    let mut desk = desk.keys("y");
    let effects = desk.effects();
    let [Effect::Run(id, act)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(act.plan.recorded && matches!(act.plan.steps[0].action, Action::Install(_)));
    let link = |link: Link| Msg::Event(Event::Link(HostName::new("bare"), link));
    desk.send(link(Link::Installing {
        since: fleet::now(),
    }));
    let line = Said::Line("Unpacking docker.io".to_owned());
    desk.send(Msg::Run(*id, Progress::Said(0, line)));
    assert!(
        desk.screen().contains("Unpacking docker.io"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc");
    assert!(desk.screen().contains("installing"), "{}", desk.screen());
    desk.send(link(Link::InstallFailed {
        trouble: Trouble {
            kind: TroubleKind::Other,
            reason: "its package source has no docker.io".to_owned(),
            remedy: "give the packages with --bundle".to_owned(),
            raw: Vec::new(),
        },
    }));
    let mut desk = desk.keys("3 2");
    let screen = desk.screen();
    assert!(screen.contains("install failed"), "{screen}");
    assert!(
        screen.contains("its package source has no docker.io"),
        "{screen}"
    );
    assert!(
        screen.contains("give the packages with --bundle"),
        "{screen}"
    );
}

/// Types a line into the palette and says it.
fn said(line: &str) -> Desk {
    desk(120, 30).keys(":").type_text(line).keys("enter")
}

#[test]
fn the_fleet_is_exported_into_a_file_that_has_to_be_named() {
    let mut desk = said("host export");
    assert!(desk.effects().is_empty());
    assert!(
        desk.screen().contains("say into which file"),
        "{}",
        desk.screen()
    );
    let effects = said("host export env:prod --to fleet.csv").effects();
    let [Effect::Export(path, export)] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(path.to_str(), Some("fleet.csv"));
    assert!(export.hosts > 0 && export.text.starts_with("name,endpoint,environment"));
    assert_eq!(export.text.lines().count(), export.hosts + 1);
}

#[test]
fn an_import_asks_first() {
    let mut desk = said("host import cmdb.csv");
    assert!(desk.effects().is_empty());
    assert!(
        desk.screen().contains("Import cmdb.csv into wharf.toml"),
        "{}",
        desk.screen()
    );
    let effects = desk.keys("y").effects();
    assert!(
        matches!(&effects[..], [Effect::Configure(_, plan)] if plan.sentence == "host import cmdb.csv"),
        "{effects:?}"
    );
}

#[test]
fn what_is_typed_for_a_setting_is_checked_as_it_is_typed() {
    let mut desk = choosing(fleet::demo(), 100, 30)
        .keys("9 G enter")
        .type_text("x");
    assert!(
        desk.screen().contains("'2sx' is not a length of time"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("enter");
    assert_eq!(
        set(&mut desk),
        Vec::<String>::new(),
        "what is wrong is not taken"
    );
    let mut desk = desk.keys("backspace backspace backspace 9 0 s enter");
    assert_eq!(
        set(&mut desk),
        [
            "refresh.load=90s",
            "setting set refresh.load 90s | setting set"
        ]
    );
    let mut desk = desk.keys("9 g j j enter").type_text("pane nowhere at all");
    assert!(
        desk.screen().contains("unexpected argument"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("esc d");
    assert_eq!(
        set(&mut desk),
        ["setting reset start | setting reset"],
        "--start counts in this run"
    );
}

#[test]
fn columns_are_put_in_order_and_kept() {
    let mut desk = choosing(fleet::demo(), 200, 40).keys("2 o");
    assert!(
        desk.screen().contains("w keep in wharf.toml"),
        "{}",
        desk.screen()
    );
    let mut desk = desk.keys("J space w");
    let said = set(&mut desk);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("setting set columns.hosts "),
        "{said:?}"
    );
    assert!(!said[0].contains("name,"), "{said:?}");
    assert!(
        !desk.screen().contains("HOST↑"),
        "it is shown at once {said:?}\n{}",
        desk.screen()
    );
    let mut desk = desk.keys("9 / c o l u m n s enter enter space enter");
    let said = set(&mut desk);
    assert!(
        said[0].starts_with("setting set columns.hosts "),
        "{said:?}"
    );
}

#[test]
fn a_setting_holds_for_a_run_where_nothing_may_be_changed() {
    let mut fleet = fleet::demo();
    fleet.read_only = true;
    let mut desk = choosing(fleet, 120, 30)
        .keys(":")
        .type_text("setting set theme light")
        .keys("enter");
    assert_eq!(set(&mut desk), ["theme=light"]);
    assert!(
        desk.screen().contains("theme is light in this run only"),
        "{}",
        desk.screen()
    );
}

#[test]
fn what_an_option_says_is_not_overwritten_silently() {
    let mut fleet = fleet::demo();
    fleet
        .settings
        .tell(Key::Start, "pane hosts", Source::Given("--start".into()));
    let mut desk = choosing(fleet, 120, 30)
        .keys(":")
        .type_text("setting set start pane logs")
        .keys("enter");
    assert_eq!(
        set(&mut desk),
        ["setting set start 'pane logs' | setting set"]
    );
    assert!(
        desk.screen().contains("--start counts in this run"),
        "{}",
        desk.screen()
    );
    let screen = desk.keys("9 j j").screen();
    assert!(
        screen.contains("pane hosts") && screen.contains("--start, for this run"),
        "{screen}"
    );
}

#[test]
fn settings_are_completed_with_their_values() {
    let mut desk = choosing(fleet::demo(), 120, 30)
        .keys(":")
        .type_text("setting set the");
    assert!(desk.screen().contains("theme"), "{}", desk.screen());
    let mut desk = desk.keys("tab").type_text("li").keys("tab enter");
    assert_eq!(
        set(&mut desk),
        ["theme=light", "setting set theme light | setting set"]
    );
    let screen = desk
        .keys(":")
        .type_text("setting set columns.hosts name,la")
        .screen();
    assert!(screen.contains("latency"), "{screen}");
}

#[test]
fn columns_of_the_file_are_shown_and_remembered_ones_are_not() {
    let mut fleet = fleet::demo();
    let line = Source::File {
        file: "wharf.toml".into(),
        line: 7,
    };
    fleet
        .settings
        .tell(Key::HostColumns, "name,ping", line.clone());
    fleet
        .settings
        .tell(Key::ContainerColumns, "host,name", line);
    let mut desk = choosing(fleet, 120, 30).keys("3");
    desk.send(Msg::Remembered(vec![
        ("containers.columns".into(), "image".into()),
        ("operations.columns".into(), "sentence".into()),
    ]));
    let screen = desk.screen();
    assert!(
        screen.contains("HOST") && !screen.contains("IMAGE"),
        "{screen}"
    );
    let screen = desk.keys("9").screen();
    assert!(
        screen.contains("wharf.toml:7") && screen.contains("remembered"),
        "{screen}"
    );
}

#[test]
fn what_was_found_is_taken_in_as_sentences() {
    let mut desk = Desk::new(Fleet::new(), 100, 30)
        .at(fleet::now())
        .keys(":")
        .type_text("pane welcome")
        .keys("enter");
    assert_eq!(desk.effects(), [Effect::Look]);
    assert!(
        desk.screen().contains("Looking what is here"),
        "{}",
        desk.screen()
    );
    desk.send(Msg::Found(Box::new(fleet::found())));
    let screen = desk.screen();
    assert!(
        screen.contains("Docker 28.2.2, 12 containers") && screen.contains("What to press"),
        "{screen}"
    );
    let mut desk = desk.keys("space j j j space enter");
    let effects = desk.effects();
    let [Effect::Take(taken)] = &effects[..] else {
        panic!("{effects:?}")
    };
    let said: Vec<&str> = taken
        .iter()
        .map(|(_, plan)| plan.sentence.as_str())
        .collect();
    assert_eq!(
        said,
        [
            "host add local unix:///var/run/docker.sock",
            "host add ams-1"
        ]
    );
    desk.send(Msg::Taken);
    assert!(desk.screen().contains("No hosts."), "{}", desk.screen());
    let mut desk = desk.keys(":").type_text("pane wel").keys("enter d");
    assert_eq!(desk.effects(), [Effect::Look, Effect::Demo]);
}
