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
    assert_eq!(
        (&*spec.to.vault.to_string(), spec.keep),
        ("/srv/b", Some(3))
    );
    // Without another word it goes where the configuration says.
    fleet.settings.vault = "/var/backups".parse().unwrap();
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

#[test]
fn backups_may_be_on_a_host_that_ssh_reaches() {
    let mut fleet = fleet();
    let plan = |fleet: &Fleet, line: &str| sentence(line).plan(fleet, &[]);
    let line = "volume backup data@ams-1 --to ams-2:/srv/b";
    let made = plan(&fleet, line).unwrap();
    assert_eq!(made.sentence, line);
    assert_eq!(made.steps[0].action.to_string(), "back up to ams-2:/srv/b");
    let Action::Volume(VolumeAction::Backup(spec)) = &made.steps[0].action else {
        panic!("{:?}", made.steps);
    };
    let endpoint = spec.to.endpoint.as_ref().map(ToString::to_string);
    assert_eq!(endpoint.as_deref(), Some("ssh://ams-2:2222"));
    for (to, kind) in [
        ("fra-1:/srv/b", RefusalKind::Kind),
        ("dev-1:/srv/b", RefusalKind::Kind),
        ("nas:/srv/b", RefusalKind::Unknown),
    ] {
        for line in [
            format!("volume backup data@ams-1 --to {to}"),
            format!("volume verify data@ams-1 --from {to}"),
            format!("volume restore data@ams-1 data-2@ams-1 --from {to}"),
        ] {
            let refusal = plan(&fleet, &line).unwrap_err();
            assert_eq!(refusal.kind, kind, "{line}: {refusal}");
        }
    }
    // Its engine may be away, and what the configuration says is taken, too.
    fleet.settings.vault = "off-1:/srv/b".parse().unwrap();
    assert!(plan(&fleet, "volume backup data@ams-1").is_ok());
    // Where nothing may be changed, nothing is written.
    let mut specs: Vec<_> = fleet.hosts().iter().map(|host| host.spec.clone()).collect();
    for spec in &mut specs {
        spec.read_only = spec.name.as_str() == "off-1";
    }
    fleet.apply(Event::Hosts(specs));
    let refusal = plan(&fleet, "volume backup data@ams-1").unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::ReadOnly, "{refusal}");
    assert!(plan(&fleet, "volume verify data@ams-1").is_ok());
}

/// A fleet in which db@ams-1 mounts data, and there is data-2.
pub(super) fn switchable() -> Fleet {
    let mut fleet = fleet();
    use_volume(&mut fleet, "db", "data");
    let host = HostName::new("ams-1");
    let mut volumes = fleet.host(&host).unwrap().volumes.clone().unwrap();
    let mut another = volumes[0].clone();
    another.name = "data-2".into();
    volumes.push(another);
    fleet.apply(Event::Volumes(host, volumes));
    fleet
}

#[test]
fn a_switch_says_what_is_lost_and_who_does_not_know() {
    let fleet = switchable();
    let plan = |line: &str| sentence(line).plan(&fleet, &[]);
    let made = plan("volume switch data data-2 db@ams-1").unwrap();
    assert_eq!(
        made.title,
        "Make db@ams-1 anew with the volume data-2 in the place of data"
    );
    assert_eq!(made.sentence, "volume switch data data-2 db@ams-1");
    assert!(
        made.loses[0].contains("wrote outside of its volumes"),
        "{:?}",
        made.loses
    );
    assert!(
        made.loses.iter().any(|loss| loss.contains("the next `up`")),
        "{:?}",
        made.loses
    );
    assert_eq!(made.steps[0].action.to_string(), "switch data to data-2");
    for (line, why) in [
        (
            "volume switch data data db@ams-1",
            "in its own place already",
        ),
        (
            "volume switch other data-2 db@ams-1",
            "does not mount other",
        ),
        (
            "volume switch data data-9 db@ams-1",
            "ams-1 has no volume data-9",
        ),
    ] {
        let refusal = plan(line).unwrap_err();
        assert!(refusal.why.contains(why), "{line}: {refusal}");
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
