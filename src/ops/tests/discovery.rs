//! Plans about discovery: what is named, and who may not.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{
    model::{DiscoveryKind, DiscoverySpec, EtcdSpec},
    ops::RefusalKind,
};

/// A list of all apps in etcd.
pub(super) fn lists() -> DiscoverySpec {
    DiscoverySpec {
        name: Arc::from("lists"),
        app: Arc::from("*"),
        environment: Arc::from("*"),
        kind: DiscoveryKind::Etcd(EtcdSpec {
            endpoints: vec![Arc::from("http://127.0.0.1:2379")],
            prefix: Arc::from("/svc/{{ environment }}/{{ app }}/"),
            key: Arc::from("{{ service }}"),
            value: None,
            ca: None,
            login: None,
        }),
        warns: false,
        grace: Duration::ZERO,
        read_only: false,
    }
}

#[test]
fn a_list_is_named_and_completed() {
    let plan = plan("discovery push lists shop --env prod");
    assert_eq!(plan.sentence, "discovery push lists shop --env prod");
    let refusal = sentence("discovery push list")
        .plan(&fleet(), &[])
        .unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.to_string().as_str()),
        (
            RefusalKind::Unknown,
            "no discovery is called 'list'; there is lists"
        )
    );
    let mut closed = fleet();
    closed.read_only = true;
    let refusal = sentence("discovery push lists")
        .plan(&closed, &[])
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::ReadOnly);
    let offers = Sentence::complete("discovery check l", &fleet(), &[]);
    assert_eq!(offers[0].line, "discovery check lists ");
}
