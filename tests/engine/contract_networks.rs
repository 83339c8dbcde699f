//! What every engine promises of networks.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;
use wharf::engine::{Engines, Error, ErrorKind};
use wharf::model::{
    Action, Feed, Network, NetworkAction, NetworkSpec, Pool, Resource, State, Step, Subject as What,
};

use crate::desk::Desk;
use crate::subject::{IDLE, Made, Subject, fresh};

/// A while in which a feed tells what it had to tell.
const PAUSE: Duration = Duration::from_millis(200);

/// A step that makes a network.
fn making(subject: &Subject, name: &str, spec: NetworkSpec) -> Step {
    Step {
        host: subject.host(),
        subject: What::Resource {
            kind: Resource::Network,
            id: Arc::from(""),
            name: Arc::from(name),
        },
        action: Action::Network(NetworkAction::Create(Box::new(spec))),
    }
}

fn removing(subject: &Subject, network: &Network) -> Step {
    Step {
        host: subject.host(),
        subject: What::Resource {
            kind: Resource::Network,
            id: network.id.clone(),
            name: network.name.clone(),
        },
        action: Action::Network(NetworkAction::Remove),
    }
}

async fn act(engines: &Engines, step: &Step) -> Result<String, Error> {
    engines.act(step, &|_| {}).await
}

fn with(pool: Pool) -> NetworkSpec {
    NetworkSpec {
        subnets: vec![pool],
        ..NetworkSpec::default()
    }
}

/// The networks of a name, as the engine lists them now.
async fn named(desk: &mut Desk, subject: &Subject, name: &str) -> Vec<Network> {
    desk.want([]);
    let before = desk.fleet.hosts()[0].networks.is_some();
    if before {
        // A feed that is wanted anew asks anew.
        desk.listen(PAUSE).await;
    }
    desk.want([Feed::Resources(subject.host())]);
    let is_told = |event: &wharf::model::Event| matches!(event, wharf::model::Event::Networks(..));
    let patience = Instant::now() + Duration::from_secs(30);
    while !desk.listen(PAUSE).await.iter().any(is_told) {
        let late = Instant::now() > patience;
        assert!(!late, "the networks are told again");
    }
    let all = desk.fleet.hosts()[0].networks.clone().unwrap_or_default();
    all.into_iter().filter(|one| *one.name == *name).collect()
}

async fn connect(
    desk: &Desk,
    subject: &Subject,
    made: &Made,
    network: &Network,
    ipv4: Option<&str>,
) -> Result<String, Error> {
    let action = NetworkAction::Connect {
        network: network.id.clone(),
        name: network.name.clone(),
        ipv4: ipv4.map(|text| text.parse().unwrap()),
        ipv6: None,
        aliases: vec![Arc::from("other")],
    };
    desk.act(subject, made, Action::Network(action)).await
}

pub async fn a_network_is_made_as_it_was_said_and_removed(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    let name = fresh("net");
    let pool = Pool {
        gateway: Some("10.213.7.1".parse().unwrap()),
        ip_range: Some("10.213.7.128/25".parse().unwrap()),
        aux: [(Arc::from("nas"), "10.213.7.9".parse().unwrap())].into(),
        ..Pool::new("10.213.7.0/24".parse().unwrap())
    };
    let spec = NetworkSpec {
        internal: true,
        labels: [(Arc::from("team"), Arc::from("web"))].into(),
        options: [(
            Arc::from("com.docker.network.driver.mtu"),
            Arc::from("1400"),
        )]
        .into(),
        ..with(pool.clone())
    };
    act(&desk.engines, &making(&subject, &name, spec.clone()))
        .await
        .unwrap();
    let found = named(&mut desk, &subject, &name).await;
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(one.subnets, [pool]);
    assert!(one.internal);
    assert_eq!((&one.labels, &one.options), (&spec.labels, &spec.options));

    let again = act(
        &desk.engines,
        &making(&subject, &name, NetworkSpec::default()),
    )
    .await
    .unwrap_err();
    assert_eq!(again.kind, ErrorKind::Conflict, "{again}");
    assert!(again.why.contains("already"), "{again}");

    let overlapping = with(Pool::new("10.213.7.0/25".parse().unwrap()));
    let refused = act(&desk.engines, &making(&subject, &fresh("net"), overlapping))
        .await
        .unwrap_err();
    assert!(refused.why.to_lowercase().contains("overlap"), "{refused}");

    act(&desk.engines, &removing(&subject, one)).await.unwrap();
    assert!(named(&mut desk, &subject, &name).await.is_empty());
}

pub async fn a_container_is_attached_with_its_address_and_detached(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let name = fresh("net");
    let spec = with(Pool::new("10.213.9.0/24".parse().unwrap()));
    act(&desk.engines, &making(&subject, &name, spec))
        .await
        .unwrap();
    let network = named(&mut desk, &subject, &name).await.remove(0);

    connect(&desk, &subject, &made, &network, Some("10.213.9.77"))
        .await
        .unwrap();
    let address = "10.213.9.77".parse().unwrap();
    desk.sees(&made, "its address there", |one| {
        network
            .attachment(one)
            .is_some_and(|place| place.ipv4 == Some(address) && place.mac.is_some())
    })
    .await;
    let inspection = desk
        .engines
        .inspect(&subject.host(), &made.id)
        .await
        .unwrap();
    let place = &inspection["NetworkSettings"]["Networks"][&name];
    let aliases = place["Aliases"].as_array().unwrap();
    assert!(aliases.contains(&json!("other")), "{place}");

    let again = connect(&desk, &subject, &made, &network, None).await;
    assert!(again.unwrap_err().why.contains(&name));
    let in_use = act(&desk.engines, &removing(&subject, &network))
        .await
        .unwrap_err();
    assert!(in_use.why.contains("active endpoints"), "{in_use}");

    let off = NetworkAction::Disconnect {
        network: network.id.clone(),
        name: network.name.clone(),
        force: false,
    };
    desk.act(&subject, &made, Action::Network(off.clone()))
        .await
        .unwrap();
    desk.sees(&made, "it is detached", |one| !network.has(one))
        .await;
    desk.act(&subject, &made, Action::Network(off))
        .await
        .unwrap_err();

    // Who is stopped holds nothing.
    connect(&desk, &subject, &made, &network, None)
        .await
        .unwrap();
    desk.act(&subject, &made, Action::Stop { grace: Some(5) })
        .await
        .unwrap();
    desk.sees(&made, "it is stopped", |one| {
        one.state == State::Exited && network.has(one)
    })
    .await;
    act(&desk.engines, &removing(&subject, &network))
        .await
        .unwrap();
    subject.remove(&made).await;
}

pub async fn an_address_is_only_chosen_where_the_subnet_was(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let mut desk = Desk::at(&subject).await;
    let name = fresh("net");
    act(
        &desk.engines,
        &making(&subject, &name, NetworkSpec::default()),
    )
    .await
    .unwrap();
    let network = named(&mut desk, &subject, &name).await.remove(0);
    let subnet = network.subnets[0].subnet;
    let IpAddr::V4(first) = subnet.span().first else {
        panic!("{subnet}");
    };
    let wanted = Ipv4Addr::from(u32::from(first) + 9).to_string();
    let refused = connect(&desk, &subject, &made, &network, Some(&wanted))
        .await
        .unwrap_err();
    assert!(refused.why.contains("user configured subnets"), "{refused}");
    act(&desk.engines, &removing(&subject, &network))
        .await
        .unwrap();
    subject.remove(&made).await;
}

pub async fn of_many_who_make_one_name_at_once_one_wins(subject: Subject) {
    const MAKERS: usize = 8;
    let mut desk = Desk::at(&subject).await;
    let name = fresh("race");
    let mut makers = JoinSet::new();
    for _ in 0..MAKERS {
        let step = making(&subject, &name, NetworkSpec::default());
        let engines = desk.engines.clone();
        makers.spawn(async move { act(&engines, &step).await });
    }
    let ended = makers.join_all().await;
    let won = ended.iter().filter(|one| one.is_ok()).count();
    assert!(won <= 1, "{ended:?}");
    for error in ended.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        let told = error.why.contains("same moment") || error.why.contains("already");
        assert!(told, "{error}");
    }
    let left = named(&mut desk, &subject, &name).await;
    assert_eq!(left.len(), won, "{left:?}");
    for one in &left {
        act(&desk.engines, &removing(&subject, one)).await.unwrap();
    }
}

pub async fn who_makes_a_name_past_us_keeps_it(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    let name = fresh("race");
    let step = making(&subject, &name, NetworkSpec::default());
    let body = json!({"Name": name});
    let (raw, path) = (&subject.raw, "/v1.41/networks/create");
    let (ours, theirs) = tokio::join!(
        act(&desk.engines, &step),
        raw.ask(Method::POST, path, Some(body))
    );
    let left = named(&mut desk, &subject, &name).await;
    // Who does not look may come when ours has looked: then both stay. But theirs is never removed.
    let (status, answer) = theirs;
    let made = usize::from(ours.is_ok()) + usize::from(status < 400);
    assert_eq!(
        left.len(),
        made,
        "{left:?}; ours: {ours:?}, theirs: {answer}"
    );
    assert_ne!(made, 0, "ours: {ours:?}, theirs: {answer}");
    if status < 400 {
        let stays = |one: &Network| answer["Id"] == *one.id;
        assert!(left.iter().any(stays), "{left:?}; theirs: {answer}");
    }
    for one in &left {
        act(&desk.engines, &removing(&subject, one)).await.unwrap();
    }
}

pub async fn a_path_is_probed_from_inside(subject: Subject) {
    let made = subject.run(IDLE, json!({})).await;
    let other = subject
        .run("while :; do nc -l -p 7777 </dev/null; done", json!({}))
        .await;
    let mut desk = Desk::at(&subject).await;
    desk.sees(&other, "its address", |one| {
        one.networks.iter().any(|place| place.ipv4.is_some())
    })
    .await;
    let address = desk.container(&other).unwrap().networks[0].address();
    let probe = |to: &str, port, helper: Option<&str>| {
        Action::Network(NetworkAction::Probe {
            to: Arc::from(to),
            port,
            seconds: 2,
            helper: helper.map(Arc::from),
        })
    };
    let said = desk
        .act(&subject, &made, probe(&address, 7777, None))
        .await
        .unwrap();
    assert!(said.starts_with("it answers (seen with nc"), "{said}");
    let refused = desk
        .act(&subject, &made, probe("nobody.invalid", 7777, None))
        .await
        .unwrap_err();
    assert!(refused.why.starts_with("no answer: nc: "), "{refused}");
    if !subject.is_sim() {
        let refused = desk
            .act(&subject, &made, probe(&address, 7778, None))
            .await
            .unwrap_err();
        assert!(refused.why.contains("refused"), "{refused}");
        let image = subject.image.clone();
        let said = desk
            .act(&subject, &made, probe(&address, 7777, Some(&image)))
            .await
            .unwrap();
        assert!(said.starts_with("it answers"), "{said}");
        let missing = desk
            .act(&subject, &made, probe(&address, 7777, Some("no/such:1")))
            .await
            .unwrap_err();
        assert_eq!(missing.kind, ErrorKind::NotFound, "{missing}");
        let filters = wharf_filters("label", "wharf.helper=probe");
        let left = subject
            .raw
            .must(
                Method::GET,
                &format!("/v1.41/containers/json?all=1&filters={filters}"),
                None,
            )
            .await;
        assert_eq!(left, json!([]), "helpers are removed");
    }
    subject.remove(&made).await;
    subject.remove(&other).await;
}

/// Filters of a list, as they stand in a query.
fn wharf_filters(key: &str, value: &str) -> String {
    let filters = json!({key: [value]}).to_string();
    ["\"", "{", "}", "[", "]"]
        .iter()
        .fold(filters, |text, sign| {
            text.replace(sign, &format!("%{:02X}", sign.as_bytes()[0]))
        })
}
