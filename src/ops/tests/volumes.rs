//! Volumes are made, removed, backed up and restored only where that makes sense, and plans say what it means.

use super::{fleet, sentence};
use crate::{
    model::{Action, Event, Fleet, HostName, VolumeAction},
    ops::{Confirm, RefusalKind},
};

#[test]
fn a_volume_in_use_is_not_removed_and_who_uses_it_is_said() {
    let mut fleet = fleet();
    use_volume(&mut fleet, "db", "data");
    let refusal = sentence("volume remove data@ams-1").plan(&fleet, &[]);
    let refusal = refusal.unwrap_err().to_string();
    assert_eq!(
        refusal,
        "data@ams-1 is used by db; remove what uses it first"
    );
    let sentence = sentence("volume remove data@ams-2");
    assert!(sentence.plan(&fleet, &[]).is_ok());
}

#[test]
fn a_backup_says_where_to_what_stands_still_and_where_its_command_runs() {
    let mut fleet = fleet();
    let line = "volume backup data@ams-1 --to /srv/b --pause --before 'pg_dump >/x' --keep 3";
    let refusal = sentence(line).plan(&fleet, &[]).unwrap_err();
    assert!(refusal.why.contains("no container that uses"), "{refusal}");
    use_volume(&mut fleet, "db", "data");
    let plan = sentence(line).plan(&fleet, &[]).unwrap();
    assert_eq!(plan.title, "Back up volume data@ams-1");
    assert_eq!(plan.loses, ["db stand still while it is read"]);
    assert_eq!(plan.sentence, line);
    let Action::Volume(VolumeAction::Backup(spec)) = &plan.steps[0].action else {
        panic!("{:?}", plan.steps);
    };
    assert_eq!((spec.to.to_str(), spec.keep), (Some("/srv/b"), Some(3)));
    // Without another word it goes where the configuration says.
    fleet.settings.vault = "/var/backups".into();
    let plan = sentence("volume backup data@ams-1").plan(&fleet, &[]);
    let plan = plan.unwrap();
    assert_eq!(plan.confirm, Confirm::No);
    assert_eq!(plan.steps[0].action.to_string(), "back up to /var/backups");
}

#[test]
fn volumes_are_made_on_hosts_by_name_and_never_twice() {
    let fleet = fleet();
    let plan = |line: &str| sentence(line).plan(&fleet, &[]);
    let made = plan("volume create new@ams-1 --driver nfs --option type=nfs4 --label a=b").unwrap();
    assert_eq!(made.title, "Make volume new@ams-1");
    assert!(
        made.docker[0].ends_with("volume create --driver nfs --opt type=nfs4 --label a=b new"),
        "{:?}",
        made.docker
    );
    let many = plan("volume create new@*").unwrap_err();
    assert_eq!(many.kind, RefusalKind::Offline, "one of them is not online");
    for (line, why) in [
        ("volume create data@ams-1", "data@ams-1 is there already"),
        ("volume create new", "on which host is new to be?"),
        (
            "volume create 'n*@ams-1'",
            "n* cannot be the name of a volume",
        ),
        (
            "volume create ../x@ams-1",
            "../x cannot be the name of a volume",
        ),
    ] {
        assert_eq!(plan(line).unwrap_err().why, why, "{line}");
    }
}

#[test]
fn a_backup_is_not_restored_over_what_is_in_use() {
    let mut fleet = fleet();
    use_volume(&mut fleet, "db", "data");
    let plan = |line: &str| sentence(line).plan(&fleet, &[]);
    let refusal = plan("volume restore data@ams-1 data@ams-1").unwrap_err();
    assert_eq!(refusal.why, "data@ams-1 is there already, and db uses it");
    let plan = plan("volume restore data@ams-1/20261122T114501Z data-2@ams-2 --from /b").unwrap();
    assert_eq!(
        plan.title,
        "Restore data@ams-1/20261122T114501Z as volume data-2@ams-2"
    );
    assert_eq!(plan.targets, ["data-2@ams-2"]);
}

#[test]
fn to_verify_reaches_no_host() {
    let fleet = fleet();
    let sentence = sentence("volume verify data@ams-1 ./x.tar.zst --from /b");
    let plan = sentence.plan(&Fleet::new(), &[]).unwrap();
    assert_eq!(plan.title, "Verify 2 backups");
    assert_eq!(
        plan.sentence,
        "volume verify data@ams-1 ./x.tar.zst --from /b"
    );
    for host in fleet.hosts() {
        assert!(!sentence.touches(&host.spec));
    }
}

/// Lets a container of ams-1 mount a volume.
fn use_volume(fleet: &mut Fleet, container: &str, volume: &str) {
    let host = HostName::new("ams-1");
    let found = fleet.host(&host).unwrap().containers.values();
    let mut one = found
        .clone()
        .find(|one| &*one.name == container)
        .unwrap()
        .clone();
    one.volumes = Box::from([std::sync::Arc::from(volume)]);
    fleet.apply(Event::Container(host, Box::new(one)));
}
