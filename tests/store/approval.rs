//! Approvals: what is asked for and what is said of it, on both databases.

use std::{collections::BTreeMap, time::Duration};

use wharf::{
    model::{
        ContainerId, HostName, Maintenance, Moved, Rested, Timestamp, Withdrawn,
        app::{AppName, Restart, ServiceName, Spec},
        release::{Release, ReleaseNumber, Request, Scope, Standing, Target, Verdict},
    },
    store::Store,
};

use crate::ground::Ground;

on_both!(requests_and_what_is_said_of_them, hosts_in_maintenance);

fn request(environment: &str, digest: &str) -> Request {
    let app = AppName::new("shop").unwrap();
    let at = Timestamp::from_second(1_790_000_000).unwrap();
    Request {
        digest: digest.to_owned(),
        release: Release {
            scope: Scope {
                app: app.clone(),
                environment: environment.into(),
            },
            number: ReleaseNumber(2),
            spec: Spec::new(app),
            pins: BTreeMap::new(),
            targets: Vec::new(),
            stack: None,
            fronts: BTreeMap::new(),
            at,
            by: "ann@ops".to_owned(),
            source: "shop.yaml".to_owned(),
            reason: Some("why not".to_owned()),
        },
        by: "ann@ops".to_owned(),
        needed: 2,
        at,
        until: at.checked_add(Duration::from_hours(72)).unwrap(),
        verdicts: Vec::new(),
    }
}

async fn says(
    store: &Store,
    scope: &Scope,
    by: &str,
    approves: bool,
    reason: Option<&str>,
) -> bool {
    let verdict = Verdict {
        by: by.to_owned(),
        approves,
        reason: reason.map(str::to_owned),
        at: Timestamp::UNIX_EPOCH,
    };
    store.judge(scope, "aaaa", &verdict).await.unwrap()
}

async fn standing(store: &Store, scope: &Scope) -> Standing {
    let all = store.requests(Some(scope), 10).await.unwrap();
    all[0].standing(Timestamp::now())
}

async fn requests_and_what_is_said_of_them(ground: Ground) {
    let store = ground.store().await;
    let asked = request("prod", "aaaa");
    let scope = asked.scope().clone();
    assert!(
        !says(&store, &scope, "bob@ops", true, None).await,
        "nobody asked yet"
    );
    store.ask_approval(&asked).await.unwrap();
    store.ask_approval(&request("stage", "bbbb")).await.unwrap();
    let read = store.requests(Some(&scope), 10).await.unwrap();
    assert_eq!(read.len(), 1);
    // It is read as it was written, with the times of the database.
    let lasts = read[0].until.duration_since(read[0].at);
    assert_eq!(lasts.as_hours(), 72);
    let age = Timestamp::now().duration_since(read[0].at).as_secs();
    assert!((-5..60).contains(&age), "{age}");
    assert_eq!(read[0].release, asked.release);
    assert_eq!(store.requests(None, 10).await.unwrap().len(), 2);
    // Each person counts once, by the last word.
    assert!(says(&store, &scope, "bob@ops", true, Some("looked at it")).await);
    assert!(says(&store, &scope, "bob@laptop", true, None).await);
    assert_eq!(standing(&store, &scope).await, Standing::Waiting(1));
    assert!(says(&store, &scope, "eve@ops", false, Some("not on a friday")).await);
    let Standing::Rejected(verdict) = standing(&store, &scope).await else {
        panic!("eve is against it");
    };
    assert_eq!(verdict.reason.as_deref(), Some("not on a friday"));
    assert!(says(&store, &scope, "eve@ops", true, None).await);
    assert_eq!(standing(&store, &scope).await, Standing::Approved);
    // Asked for anew, it begins anew.
    store.ask_approval(&asked).await.unwrap();
    assert_eq!(standing(&store, &scope).await, Standing::Waiting(2));
}

async fn hosts_in_maintenance(ground: Ground) {
    let store = ground.store().await;
    assert!(store.maintenances().await.unwrap().is_empty());
    let host = HostName::new("ams-1");
    let at = |host: &str| Target {
        service: ServiceName::new("web").unwrap(),
        replica: 1,
        host: HostName::new(host),
    };
    let mut one = Maintenance {
        host: host.clone(),
        by: "ann@ops".to_owned(),
        reason: None,
        since: Timestamp::from_second(1_790_000_000).unwrap(),
        stopped: vec![Rested {
            id: ContainerId::new("aa"),
            name: "web-1".into(),
            restart: Restart::OnFailure(Some(3)),
        }],
        servers: vec![Withdrawn {
            balancer: "edge".into(),
            server: "shop_stable/s1".to_owned(),
        }],
        moved: vec![Moved {
            scope: request("prod", "aaaa").release.scope,
            release: ReleaseNumber(7),
            replicas: vec![(at("ams-1"), at("ams-2"))],
        }],
    };
    store.rest_host(&one).await.unwrap();
    one.reason = Some("a new kernel".to_owned());
    store.rest_host(&one).await.unwrap();
    assert_eq!(store.maintenances().await.unwrap(), [one]);
    assert!(store.wake_host(&host).await.unwrap());
    assert!(!store.wake_host(&host).await.unwrap());
}
