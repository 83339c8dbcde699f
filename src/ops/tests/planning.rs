//! Plans say what would be done, what is lost, and how docker would say it.

use super::*;
use crate::{
    model::{Action, Prune},
    ops::{Confirm, Danger},
};

#[test]
fn a_plan_names_its_targets_steps_and_docker_commands() {
    let plan = plan("container restart web-*@ams-* --grace 0 --reason 'it hangs'");
    assert_eq!(
        plan.sentence,
        "container restart web-1@ams-1 web-2@ams-1 web-10@ams-2 --grace 0"
    );
    assert_eq!(plan.title, "Restart 3 containers on 2 hosts");
    assert_eq!(plan.danger, Danger::Disrupts);
    assert_eq!(plan.busy, "restarting");
    let steps: Vec<String> = plan.steps.iter().map(crate::model::Step::target).collect();
    assert_eq!(steps, plan.targets);
    assert!(
        plan.steps
            .iter()
            .all(|step| step.action == Action::Restart { grace: Some(0) })
    );
    assert_eq!(
        plan.docker,
        [
            "docker -H ssh://ops@ams-1 restart -t 0 web-1 web-2",
            "docker -H ssh://ams-2:2222 restart -t 0 web-10",
        ]
    );
}

#[test]
fn titles_tell_one_many_and_where() {
    for (line, title) in [
        ("container stop db@ams-1", "Stop db@ams-1"),
        ("container stop web-*@ams-1", "Stop 2 containers on ams-1"),
        ("container stop web-1@*", "Stop 3 containers on 3 hosts"),
        ("container kill db@ams-1 -s HUP", "Send HUP to db@ams-1"),
        (
            "container rename db@ams-1 db-old",
            "Rename db@ams-1 to db-old",
        ),
        ("container copy ./a db@ams-1:/b", "Copy ./a into db@ams-1"),
        ("container copy db@ams-1:/b .", "Copy /b out of db@ams-1"),
        ("container exec db@ams-1", "Enter db@ams-1"),
        ("host prune @ams-1", "Clean up @ams-1"),
        ("host prune @env:prod", "Clean up 2 hosts"),
        ("host add x", "Add host x"),
        ("host remove @ams-1", "Take @ams-1 out of wharf.toml"),
    ] {
        assert_eq!(plan(line).title, title, "{line}");
    }
}

#[test]
fn docker_commands_reach_the_same_engine() {
    for (line, command) in [
        (
            "container pause web-1@fra-1",
            "docker -H unix:///run/docker.sock pause web-1",
        ),
        (
            "container stop web-1@dev-1 --grace 9",
            "docker -H tcp://10.0.0.9:2375 stop -t 9 web-1",
        ),
        (
            "container kill db@ams-1 -s 15",
            "docker -H ssh://ops@ams-1 kill -s 15 db",
        ),
        (
            "container remove old@ams-1 -v",
            "docker -H ssh://ops@ams-1 rm -v old",
        ),
        (
            "container copy ./a db@ams-1:/etc/b",
            "docker -H ssh://ops@ams-1 cp ./a db:/etc/b",
        ),
        (
            "container exec db@ams-1 -u root -- sh -c 'ls; id'",
            "docker -H ssh://ops@ams-1 exec -it -u root db sh -c 'ls; id'",
        ),
        (
            "container exec db@ams-1",
            "docker -H ssh://ops@ams-1 exec -it db sh",
        ),
        (
            "host prune @fra-1 --volumes --all",
            "docker -H unix:///run/docker.sock volume prune -f -a",
        ),
    ] {
        assert_eq!(plan(line).docker, [command], "{line}");
    }
}

#[test]
fn secrets_on_a_command_line_are_masked_in_what_is_shown_but_not_in_the_step() {
    let plan = plan("container exec db@ams-1 -- mysql --password hunter22");
    assert!(!plan.sentence.contains("hunter22"), "{}", plan.sentence);
    assert!(!plan.docker[0].contains("hunter22"), "{}", plan.docker[0]);
    let Action::Exec { command, .. } = &plan.steps[0].action else {
        panic!("not exec");
    };
    assert_eq!(&*command[2], "hunter22");
}

#[test]
fn what_is_lost_is_told_target_by_target_where_it_differs() {
    for (line, loses) in [
        (
            "container remove old@ams-1 -v",
            &["its writable layer, its log, its anonymous volumes"][..],
        ),
        (
            "container remove --force old@ams-1 db@ams-1 web-1@ams-1",
            &[
                "old@ams-1: its writable layer, its log",
                "db@ams-1, web-1@ams-1: its running processes, its writable layer, its log",
            ],
        ),
        (
            "container restart db@ams-1 web-1@ams-1",
            &["of each: its open connections, and what its processes hold in memory"],
        ),
        ("container start old@ams-1", &[]),
        (
            "container copy ./a db@ams-1:/etc/",
            &["files of the same name in /etc/"],
        ),
        (
            "container pause db@ams-1",
            &["it does not answer until it is unpaused"],
        ),
    ] {
        assert_eq!(plan(line).loses, loses, "{line}");
    }
}

#[test]
fn pruning_says_what_would_be_freed() {
    let fleet = fleet_with_disk();
    let plan = sentence("host prune @fra-1 --containers --images --volumes")
        .plan(&fleet, &[])
        .unwrap();
    assert_eq!(
        plan.loses,
        [
            "@fra-1: 2 stopped containers with their writable layers and logs, 5.00M at most",
            "@fra-1: the data of anonymous volumes that no container uses, 1.00G at most",
            "@fra-1: images without a tag that no container uses, 3.00G at most",
        ]
    );
}

#[test]
fn pruning_nothing_in_particular_spares_volumes_and_tagged_images() {
    let plan = plan("host prune @fra-1");
    let kinds: Vec<&Action> = plan.steps.iter().map(|step| &step.action).collect();
    assert_eq!(
        kinds,
        [
            &Action::Prune(Prune::Containers),
            &Action::Prune(Prune::Networks),
            &Action::Prune(Prune::Images { all: false }),
            &Action::Prune(Prune::BuildCache),
        ]
    );
}

#[test]
fn confirmation_grows_with_danger_environment_and_number() {
    let mut fleet = fleet();
    for n in 0..11 {
        let many = container(&format!("{n:x}f"), &format!("job-{n}"), State::Exited);
        fleet.apply(Event::Container(HostName::new("dev-1"), Box::new(many)));
    }
    for (line, confirm) in [
        ("container list", Confirm::No),
        ("container start old@ams-1", Confirm::No),
        ("container start job-*@dev-1", Confirm::Ask),
        ("container exec db@ams-1", Confirm::No),
        ("container stop db@ams-1", Confirm::Ask),
        ("container restart web-1@dev-1", Confirm::Ask),
        (
            "container restart job-*@dev-1",
            Confirm::Phrase("11".into()),
        ),
        ("container remove job-1@dev-1", Confirm::Ask),
        ("container remove job-*@dev-1", Confirm::Phrase("11".into())),
        ("container remove old@ams-1", Confirm::Phrase("prod".into())),
        (
            "container remove job-*@dev-1 old@ams-1",
            Confirm::Phrase("prod".into()),
        ),
        ("host prune @fra-1", Confirm::Ask),
        ("host prune @env:prod", Confirm::Phrase("prod".into())),
        ("host remove @ams-1", Confirm::Ask),
        ("host add new", Confirm::No),
    ] {
        let plan = sentence(line).plan(&fleet, &[]).unwrap();
        assert_eq!(plan.confirm, confirm, "{line}");
    }
}

#[test]
fn every_sentence_that_disrupts_or_destroys_asks() {
    let fleet = fleet();
    for (line, danger) in [
        ("container stop db@ams-1", Danger::Disrupts),
        ("container restart db@ams-1", Danger::Disrupts),
        ("container pause db@ams-1", Danger::Disrupts),
        ("container kill db@ams-1", Danger::Disrupts),
        ("container remove old@ams-1", Danger::Destroys),
        ("host prune @ams-1", Danger::Destroys),
        ("host remove @ams-1", Danger::Disrupts),
        ("image remove shop:1@ams-1", Danger::Destroys),
        ("image prune @ams-1", Danger::Destroys),
        ("network remove back@ams-1", Danger::Destroys),
        ("network prune @ams-1", Danger::Destroys),
        (
            "network disconnect back web-1@ams-1 --force",
            Danger::Disrupts,
        ),
        ("volume remove data@ams-1", Danger::Destroys),
        ("volume prune @ams-1", Danger::Destroys),
        ("volume backup data@ams-1 --pause", Danger::Disrupts),
        (
            "registry delete registry.example.org/shop/api:1.2",
            Danger::Destroys,
        ),
        ("node drain ams-2", Danger::Disrupts),
        ("service scale shop_web --replicas 0", Danger::Disrupts),
        ("service restart shop_web", Danger::Disrupts),
        ("service remove shop_web", Danger::Destroys),
        ("secret remove old-key", Danger::Destroys),
        ("swarm-config remove site", Danger::Destroys),
        ("balancer drain edge shop_stable/s1", Danger::Disrupts),
        ("balancer maintenance edge shop_stable/s1", Danger::Disrupts),
        ("jenkins run pay/regression@ci", Danger::Disrupts),
        ("jenkins abort pay/regression@ci 41", Danger::Disrupts),
        ("host drain @ams-1", Danger::Disrupts),
        ("app deploy shop --file shop.yaml", Danger::Disrupts),
        ("app rollback shop", Danger::Disrupts),
        ("app scale shop web=5", Danger::Disrupts),
        ("app install shop.bundle", Danger::Disrupts),
        ("app promote shop", Danger::Disrupts),
        ("app abort shop", Danger::Disrupts),
        ("app unlock shop", Danger::Disrupts),
        ("pipeline run delivery", Danger::Disrupts),
        ("pipeline retry 42", Danger::Disrupts),
        ("pipeline cancel 42", Danger::Disrupts),
    ] {
        let sentence = sentence(line);
        assert_eq!(sentence.danger(), danger, "{line}");
        let plan = sentence.plan(&fleet, &[]).unwrap();
        assert_ne!(plan.confirm, Confirm::No, "{line}");
    }
    let switch = sentence("volume switch data data-2 db@ams-1");
    assert_eq!(switch.danger(), Danger::Destroys);
    let plan = switch.plan(&super::volumes::switchable(), &[]).unwrap();
    assert_ne!(plan.confirm, Confirm::No);
    // It would stop what runs there, and asks for a drain before it asks for anything else.
    let upgrade = sentence("host upgrade @ams-1");
    assert_eq!(upgrade.danger(), Danger::Disrupts);
    let refused = upgrade.plan(&fleet, &[]).unwrap_err();
    assert!(refused.to_string().contains("host drain"), "{refused}");
    let asking = Sentence::catalogue()
        .iter()
        .filter(|one| one.danger > Danger::Changes);
    assert_eq!(asking.count(), 38, "a new one belongs into the table above");
}

#[test]
fn questions_have_targets_and_no_steps() {
    let plan = plan("logs web-1@* --follow");
    assert_eq!(plan.targets.len(), 3);
    assert!(plan.steps.is_empty());
    assert!(!plan.recorded);
    assert_eq!(plan.confirm, Confirm::No);
}

#[test]
fn revealing_secrets_is_recorded() {
    assert!(!plan("container show db@ams-1").recorded);
    assert!(plan("container show db@ams-1 --reveal").recorded);
}

#[test]
fn a_plan_is_a_value_that_can_be_printed() {
    let json = serde_json::to_value(plan("container remove old@ams-1")).unwrap();
    assert_eq!(json["danger"], "destroys");
    assert_eq!(json["confirm"]["phrase"], "prod");
    assert_eq!(json["steps"][0]["action"]["remove"]["force"], false);
    assert_eq!(json["steps"][0]["host"], "ams-1");
}
