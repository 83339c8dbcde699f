//! Networks are made, attached to, removed and probed, or refused with the reason.

use std::sync::Arc;

use super::*;
use crate::{
    model::{Action, NetworkAction, Pool, SiteRange},
    ops::{Confirm, RefusalKind},
};

/// A network with an id of its letter.
fn network(id: &str, name: &str, subnet: &str) -> Network {
    Network {
        id: Arc::from(id.repeat(64)),
        name: Arc::from(name),
        driver: Arc::from(match name {
            "host" | "none" => name,
            _ => "bridge",
        }),
        scope: Arc::from("local"),
        subnets: subnet
            .parse()
            .ok()
            .map(|one| Pool {
                gateway: Some(
                    subnet
                        .replace("0/24", "1")
                        .replace("0/16", "1")
                        .parse()
                        .unwrap(),
                ),
                ..Pool::new(one)
            })
            .into_iter()
            .collect(),
        ..Network::default()
    }
}

/// `web` and `db` run on `back` of ams-1, `old` was on it; `solo` shares the network of its host. fra-1 has a free bridge.
fn wired() -> Fleet {
    let mut fleet = fleet();
    let back = network("b", "back", "10.20.0.0/24");
    let place = |address: &str| {
        Attachment::read(
            back.name.clone(),
            back.id.clone(),
            address,
            "",
            "02:42:0a:14:00:02",
        )
    };
    let on = |id: &str, name: &str, state, address: &str| Container {
        networks: Box::new([place(address)]),
        ..container(id, name, state)
    };
    let mut solo = container("a7", "solo", State::Running);
    solo.networks = Box::new([Attachment::read(
        "host".into(),
        "e".repeat(64).into(),
        "",
        "",
        "",
    )]);
    let mut lone = container("a8", "lone", State::Running);
    lone.networks = Box::default();
    let containers = vec![
        on("a1", "web", State::Running, "10.20.0.2"),
        on("a2", "db", State::Running, "10.20.0.3"),
        on("a3", "old", State::Exited, ""),
        solo,
        lone,
    ];
    let ams = HostName::new("ams-1");
    fleet.apply(Event::Containers(ams.clone(), containers));
    let mut swarm = network("5", "mesh", "10.0.9.0/24");
    swarm.scope = "swarm".into();
    swarm.driver = "overlay".into();
    let all = vec![
        network("a", "bridge", "172.17.0.0/16"),
        network("e", "host", ""),
        back.clone(),
        network("c", "front", "10.20.1.0/24"),
        network("d", "twin", "10.20.2.0/24"),
        network("f", "twin", "10.20.3.0/24"),
        network("9", "bare", ""),
        swarm,
    ];
    fleet.apply(Event::Networks(ams, all));
    let fra = vec![
        network("1", "bridge", "172.17.0.0/16"),
        network("2", "lab", "10.30.0.0/24"),
    ];
    fleet.apply(Event::Networks(HostName::new("fra-1"), fra));
    fleet.apply(Event::Networks(HostName::new("dev-1"), Vec::new()));
    let range = |name: &str, cidr: &str, deal| SiteRange {
        name: Arc::from(name),
        cidr: cidr.parse().unwrap(),
        deal,
    };
    fleet.site_ranges = vec![
        range("office", "10.50.0.0/16", false),
        range("containers", "10.20.0.0/22", true),
    ];
    fleet
}

fn planned(line: &str) -> Plan {
    sentence(line)
        .plan(&wired(), &[])
        .unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
}

fn refused(line: &str) -> String {
    refusal_in(&wired(), line).to_string()
}

#[test]
fn a_network_is_made_as_it_is_said() {
    let line = "network create edge --on @fra-1 --driver bridge --subnet 10.40.0.0/24 --gateway 10.40.0.1 \
        --ip-range 10.40.0.128/25 --internal --aux router=10.40.0.254 --option mtu=1400 --label team=web";
    let plan = planned(line);
    assert_eq!(plan.title, "Create network edge@fra-1");
    assert_eq!(plan.confirm, Confirm::No);
    assert_eq!(
        plan.docker,
        [
            "docker -H unix:///run/docker.sock network create -d bridge --subnet 10.40.0.0/24 --gateway 10.40.0.1 \
          --ip-range 10.40.0.128/25 --aux-address router=10.40.0.254 -o mtu=1400 --label team=web --internal edge"
        ]
    );
    assert_eq!(
        sentence(&plan.sentence),
        sentence(line),
        "{}",
        plan.sentence
    );
    assert_eq!(plan.steps[0].action.to_string(), "create with 10.40.0.0/24");
}

#[test]
fn blocks_are_dealt_to_each_host_another() {
    let plan =
        planned("network create pool --on @fra-1 --on @dev-1 --subnet auto --in 10.30.0.0/16");
    let dealt: Vec<String> = plan
        .steps
        .iter()
        .map(|step| step.action.to_string())
        .collect();
    // One is in use there.
    assert_eq!(
        dealt,
        ["create with 10.30.1.0/24", "create with 10.30.2.0/24"]
    );
    assert_eq!(plan.targets, ["pool@fra-1", "pool@dev-1"]);
    assert!(
        refused("network create pool --on @dev-1 --subnet auto")
            .contains("no /24 is free in 10.20.0.0/22")
    );
    assert!(
        refused("network create pool --on @dev-1 --subnet auto --in nowhere")
            .contains("office, containers")
    );
}

#[test]
fn a_block_in_a_range_of_the_site_is_told_and_asked_for() {
    let plan = planned("network create x --on @dev-1 --subnet 10.50.3.0/24");
    assert_eq!(
        plan.loses,
        ["the way from @dev-1 to 10.50.3.0/24 in site range office (10.50.0.0/16)"]
    );
    assert_eq!(plan.confirm, Confirm::Ask);
    let lan = planned("network create x --on @dev-1 --driver macvlan --subnet 10.50.3.0/24");
    assert!(
        lan.loses.is_empty(),
        "a network on the LAN has its addresses"
    );
}

#[test]
fn what_cannot_be_made_is_refused_before_the_engine_does() {
    for (line, part) in [
        (
            "network create back --on @ams-1",
            "back@ams-1 exists already",
        ),
        (
            "network create x --on @ams-1 --subnet 10.20.0.0/16",
            "10.20.0.0/16 overlaps 10.20.0.0/24 of back@ams-1",
        ),
        (
            "network create x --on @ams-1 --subnet 10.60.0.0/24 --gateway 10.61.0.1",
            "the gateway 10.61.0.1 is outside of 10.60.0.0/24",
        ),
        (
            "network create x --on @ams-1 --gateway 10.61.0.1",
            "needs a subnet that is named",
        ),
        (
            "network create x --on @ams-1 --subnet 10.60.0.0/24 --ip-range 10.60.0.0/23",
            "the ip range 10.60.0.0/23 is outside",
        ),
        (
            "network create x --on @ams-1 --subnet 10.60.0.0/24 --aux r=10.61.0.1",
            "the address 10.61.0.1 is outside",
        ),
        (
            "network create x --on @ams-1 --subnet 10.60.0.0/24 --subnet 10.60.0.0/25",
            "10.60.0.0/25 overlaps 10.60.0.0/24",
        ),
        (
            "network create host --on @ams-1",
            "a network of the engine itself",
        ),
        (
            "network create a@b --on @ams-1",
            "cannot be a network's name",
        ),
        (
            "network create x --on @ams-1 --driver host",
            "there is one host network",
        ),
        (
            "network create x --on @ams-1 --ipv6",
            "chooses no IPv6 addresses",
        ),
        (
            "network create x --on @ams-1 --in office",
            "say `--subnet auto`",
        ),
        ("network create x --on @ro-1", "read-only"),
        ("network create x --on @off-1", "off-1 is offline"),
        (
            "network create x --on @ams-2 --subnet auto --in 10.0.0.0/30",
            "larger than 10.0.0.0/30",
        ),
    ] {
        let told = refused(line);
        assert!(told.contains(part), "{line}: {told}");
    }
}

#[test]
fn containers_are_attached_by_the_name_of_a_network_of_their_host() {
    let plan = planned("network connect front web@ams-1 db@ams-1 --alias shop");
    assert_eq!(plan.title, "Connect 2 containers to front");
    let Action::Network(NetworkAction::Connect {
        network, aliases, ..
    }) = &plan.steps[0].action
    else {
        panic!("{plan:?}");
    };
    assert_eq!((network.len(), &**aliases), (64, &[Arc::from("shop")][..]));
    assert!(
        plan.docker[0].ends_with("network connect --alias shop front web"),
        "{:?}",
        plan.docker
    );
    assert_eq!(
        plan.sentence,
        "network connect front web@ams-1 db@ams-1 --alias shop"
    );
    let by_id = planned("network connect ffff lone@ams-1 --ip 10.20.3.9");
    assert!(by_id.docker[0].ends_with("network connect --ip 10.20.3.9 twin lone"));
    let off = planned("network disconnect back web@ams-1");
    assert_eq!(off.confirm, Confirm::Ask);
    assert_eq!(
        off.loses,
        ["its address there, and the connections over it"]
    );
}

#[test]
fn what_cannot_be_attached_is_refused_with_the_reason() {
    for (line, part) in [
        (
            "network connect back web@ams-1",
            "web@ams-1 is attached to back already",
        ),
        (
            "network connect gone web@ams-1",
            "ams-1 has no network gone",
        ),
        (
            "network connect twin web@ams-1",
            "several networks twin: dddddddddddd, ffffffffffff",
        ),
        (
            "network connect back@ams-1 lone@ams-1",
            "names a host where only a network is needed",
        ),
        (
            "network connect host lone@ams-1",
            "nothing can be connected to network host",
        ),
        ("network connect front solo@ams-1", "is on network host"),
        (
            "network connect mesh lone@ams-1",
            "services of its Swarm only",
        ),
        (
            "network connect bridge lone@ams-1 --ip 172.17.0.9",
            "no subnet of its own",
        ),
        (
            "network connect bare lone@ams-1 --ip 172.17.0.9",
            "no subnet of its own",
        ),
        (
            "network connect bridge lone@ams-1 --alias x",
            "containers have no names",
        ),
        (
            "network connect back lone@ams-1 --ip 10.21.0.9",
            "outside of back (10.20.0.0/24)",
        ),
        (
            "network connect back lone@ams-1 --ip 10.20.0.1",
            "the gateway of back",
        ),
        (
            "network connect back lone@ams-1 --ip 10.20.0.255",
            "no address of one container",
        ),
        (
            "network connect back lone@ams-1 --ip 10.20.0.3",
            "10.20.0.3 belongs to db@ams-1",
        ),
        (
            "network connect front lone@ams-1 web@ams-1 --ip 10.20.1.7",
            "2 containers cannot have one address",
        ),
        (
            "network connect front lone@ams-1 --ip 10.20.1.7 --ip 10.20.1.8",
            "one address of a family",
        ),
        (
            "network disconnect front web@ams-1",
            "web@ams-1 is not attached to front",
        ),
        (
            "network disconnect host solo@ams-1",
            "cannot leave the network of its host",
        ),
    ] {
        let told = refused(line);
        assert!(told.contains(part), "{line}: {told}");
    }
    let part = planned("network connect back web@ams-1 lone@ams-1");
    assert_eq!(
        (part.steps.len(), part.left_out.len()),
        (1, 1),
        "who is there already is left out"
    );
}

#[test]
fn a_network_in_use_is_not_removed_and_says_by_whom() {
    let told = refused("network remove back@ams-1");
    assert!(
        told.contains("back@ams-1 is in use by db, web; stop them"),
        "{told}"
    );
    let plan = planned("network remove front@ams-1");
    assert_eq!(
        plan.loses,
        ["its addresses: containers that name it will not start"]
    );
    let mut fleet = wired();
    let ams = HostName::new("ams-1");
    for id in ["a1", "a2"] {
        let id = ContainerId::new(&format!("{id:0<64}"));
        fleet.apply(Event::ContainerGone(ams.clone(), id));
    }
    let plan = sentence("network remove back@ams-1")
        .plan(&fleet, &[])
        .unwrap();
    assert_eq!(plan.loses, ["its addresses: old will not start without it"]);
    let prune = sentence("network prune @ams-1").plan(&fleet, &[]).unwrap();
    assert_eq!(prune.title, "Remove unused networks of @ams-1");
    assert_eq!(prune.loses, ["@ams-1: back, front, twin, twin, bare"]);
    assert!(prune.docker[0].ends_with("network prune -f"));
}

#[test]
fn a_path_is_checked_to_the_address_that_the_other_one_has_there() {
    let action = |line: &str| planned(line).steps[0].action.to_string();
    assert_eq!(
        action("network probe web@ams-1 db@ams-1:5432"),
        "probe 10.20.0.3:5432"
    );
    assert_eq!(action("network probe web@ams-1 db:5432"), "probe db:5432");
    assert_eq!(
        action("network probe web@ams-1 [fd00::7]:80"),
        "probe [fd00::7]:80"
    );
    assert_eq!(
        action("network probe lone@ams-1 db@ams-1:5432"),
        "probe 10.20.0.3:5432",
        "on one host there may be a way"
    );
    let plan = planned("network probe web@ams-1 db:5432 --helper busybox --wait 2");
    assert_eq!(plan.confirm, Confirm::No);
    assert!(
        plan.docker[0].ends_with("run --rm --network container:web busybox nc -w 2 db 5432"),
        "{:?}",
        plan.docker
    );
    assert_eq!(
        plan.sentence,
        "network probe web@ams-1 db:5432 --wait 2 --helper busybox"
    );
    for (line, part) in [
        ("network probe old@ams-1 db:5432", "is not running"),
        (
            "network probe web@ams-1 old@ams-1:80",
            "does not run, so it has no address",
        ),
        (
            "network probe solo@ams-2 db@ams-1:80",
            "no address that solo@ams-2 could see",
        ),
    ] {
        let told = refused(line);
        assert!(told.contains(part), "{line}: {told}");
    }
    for line in [
        "network probe web@ams-1 db",
        "network probe web@ams-1 db:0",
        "network probe a@b fd00::7:80",
    ] {
        let error = Sentence::parse(line).unwrap_err();
        assert!(
            error.summary().contains("10.0.0.7:80"),
            "{line}: {}",
            error.summary()
        );
    }
}

#[test]
fn networks_need_to_be_known() {
    let kind = refusal_in(&wired(), "network create x --on @ro-1").kind;
    assert_eq!(kind, RefusalKind::ReadOnly);
    let mut fleet = fleet();
    fleet.apply(Event::Link(
        HostName::new("dev-1"),
        Link::Online { since: at(1) },
    ));
    let told = refusal_in(&fleet, "network create x --on @dev-1");
    assert_eq!(told.kind, RefusalKind::Offline);
    assert!(
        told.why.contains("the networks of dev-1 are not known"),
        "{told}"
    );
}

#[test]
fn free_blocks_keep_off_networks_and_the_site() {
    use crate::ops::{Sentence, SubnetCommand, subnet};
    let free = |line: &str| {
        let Sentence::Subnet(SubnetCommand::Free(args)) = sentence(line) else {
            panic!("{line}");
        };
        subnet::free(&wired(), &args).map_err(|refusal| refusal.to_string())
    };
    assert_eq!(
        free("subnet free --in 10.0.0.0/8 -n 2").unwrap(),
        ["10.0.0.0/24", "10.0.1.0/24"]
    );
    assert_eq!(
        free("subnet free /16 --in 10.48.0.0/14").unwrap(),
        ["10.48.0.0/16"]
    );
    assert_eq!(
        free("subnet free 16 --in 10.50.0.0/15").unwrap(),
        ["10.51.0.0/16"],
        "not the office"
    );
    assert_eq!(free("subnet free --in office").unwrap(), ["10.50.0.0/24"]);
    assert!(
        free("subnet free /24")
            .unwrap_err()
            .contains("no /24 is free in 10.20.0.0/22")
    );
    assert_eq!(free("subnet free /64").unwrap(), ["fd00::/64"]);
    assert!(
        free("subnet free /8 --in office")
            .unwrap_err()
            .contains("larger than 10.50.0.0/16")
    );
    assert!(
        Sentence::parse("subnet free /0").is_err() && Sentence::parse("subnet free /129").is_err()
    );
}
