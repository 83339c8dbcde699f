//! What every Swarm manager promises: nodes, services with their tasks, secrets and configs; and who is no manager says so.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use wharf::engine::{Error, ErrorKind};
use wharf::model::swarm::{Availability, Mode, NewStored, Swarm, SwarmAction};
use wharf::model::{Action, Feed, Resource, Said, SecretSource, Step, Subject as Of};

use crate::desk::Desk;
use crate::subject::{IDLE, Subject, fresh};

async fn act(
    desk: &Desk,
    subject: &Subject,
    (kind, id, name): (Resource, &str, &str),
    action: SwarmAction,
) -> Result<String, Error> {
    let step = Step {
        host: subject.host(),
        subject: Of::Resource {
            kind,
            id: Arc::from(id),
            name: Arc::from(name),
        },
        action: Action::Swarm(action),
    };
    desk.engines.act(&step, &|_: Said| {}).await
}

fn told(desk: &Desk) -> Option<&Swarm> {
    desk.fleet.hosts().first()?.swarm.as_deref()
}

/// Waits until the manager tells it so.
async fn sees(desk: &mut Desk, what: &str, looks: impl Fn(&Swarm) -> bool) {
    desk.until(what, |fleet| {
        let host = fleet.hosts().first();
        host.and_then(|host| host.swarm.as_deref())
            .is_some_and(&looks)
    })
    .await;
}

/// A service of that many tasks that do nothing, made past Wharf.
async fn service(subject: &Subject, name: &str, replicas: u64) -> String {
    let body = json!({
        "Name": name,
        "Labels": {"com.docker.stack.namespace": "contract"},
        "TaskTemplate": {
            "ContainerSpec": {"Image": subject.image, "Args": ["sh", "-c", IDLE], "StopGracePeriod": 1_000_000_000},
            "RestartPolicy": {"Condition": "any", "Delay": 500_000_000},
        },
        "Mode": {"Replicated": {"Replicas": replicas}},
    });
    let path = "/v1.41/services/create";
    let made = subject.raw.must(Method::POST, path, Some(body)).await;
    made["ID"].as_str().unwrap().to_owned()
}

async fn init(subject: &Subject) {
    let body = json!({"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1"});
    let path = "/v1.41/swarm/init";
    subject.raw.must(Method::POST, path, Some(body)).await;
}

/// All of it, on an engine of its own: a Swarm is one for all that use the engine.
pub async fn a_manager_does_what_it_is_told(subject: Subject) {
    who_is_no_manager_says_so(&subject).await;
    init(&subject).await;
    let mut desk = Desk::at(&subject).await;
    desk.until("the host says that it manages", |fleet| {
        fleet
            .hosts()
            .first()
            .is_some_and(wharf::model::Host::is_manager)
    })
    .await;
    desk.want([Feed::Swarm(subject.host())]);
    sees(
        &mut desk,
        "one node that leads",
        |swarm| matches!(swarm.nodes.as_slice(), [one] if one.leads && one.takes_tasks()),
    )
    .await;
    services_have_tasks(&mut desk, &subject).await;
    nodes_are_drained(&mut desk, &subject).await;
    secrets_and_configs_come_and_go(&mut desk, &subject).await;
    let path = "/v1.41/swarm/leave?force=1";
    subject.raw.must(Method::POST, path, None).await;
}

async fn who_is_no_manager_says_so(subject: &Subject) {
    let desk = Desk::at(subject).await;
    let scale = SwarmAction::Scale { to: 3 };
    let error = act(&desk, subject, (Resource::Service, "none", "none"), scale)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert_eq!(
        error.why,
        format!("{} is no Swarm manager", subject.host()),
        "{error}"
    );
    assert!(told(&desk).is_none());
}

async fn services_have_tasks(desk: &mut Desk, subject: &Subject) {
    let name = fresh("s");
    let id = service(subject, &name, 2).await;
    let of = (Resource::Service, id.as_str(), name.as_str());
    sees(desk, "two tasks run", |swarm| {
        swarm
            .service(&id)
            .is_some_and(|one| one.running == 2 && one.wanted == 2)
    })
    .await;
    let swarm = told(desk).unwrap();
    let one = swarm.service(&id).unwrap();
    assert_eq!(one.app.as_deref(), Some("contract"));
    assert_eq!(one.mode, Mode::Replicated(2));
    let mut names: Vec<String> = swarm
        .tasks_of(&id, false)
        .map(|task| swarm.task_name(task))
        .collect();
    names.sort();
    assert_eq!(names, [format!("{name}.1"), format!("{name}.2")]);
    let container = swarm.tasks_of(&id, false).next().unwrap().container.clone();
    assert!(container.is_some(), "a task that runs has a container");
    // More, and so many already.
    act(desk, subject, of, SwarmAction::Scale { to: 3 })
        .await
        .unwrap();
    let again = act(desk, subject, of, SwarmAction::Scale { to: 3 }).await;
    assert_eq!(again.as_deref(), Ok("had 3 already"));
    sees(desk, "three tasks run", |swarm| {
        swarm.service(&id).is_some_and(|one| one.running == 3)
    })
    .await;
    // Made anew: none of the tasks of before runs any more.
    let ids = |swarm: &Swarm| -> Vec<Arc<str>> {
        let running = swarm.tasks_of(&id, false).filter(|task| task.is_running());
        running.map(|task| task.id.clone()).collect()
    };
    let before = ids(told(desk).unwrap());
    act(desk, subject, of, SwarmAction::Restart).await.unwrap();
    sees(desk, "all tasks were made anew", |swarm| {
        let now = ids(swarm);
        now.len() == 3 && !now.iter().any(|one| before.contains(one))
    })
    .await;
    // Who changes it from an older version does not overrule anybody.
    let path = format!("/v1.41/services/{id}");
    let now = subject.raw.must(Method::GET, &path, None).await;
    let old = now["Version"]["Index"].as_u64().unwrap() - 1;
    let path = format!("/v1.41/services/{id}/update?version={old}");
    let (status, answer) = subject
        .raw
        .ask(Method::POST, &path, Some(now["Spec"].clone()))
        .await;
    assert_eq!(status, 500, "{answer}");
    assert!(
        answer.to_string().contains("update out of sequence"),
        "{answer}"
    );
    act(desk, subject, of, SwarmAction::Remove(Resource::Service))
        .await
        .unwrap();
    sees(desk, "it is gone", |swarm| swarm.service(&id).is_none()).await;
    let error = act(desk, subject, of, SwarmAction::Restart)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
}

async fn nodes_are_drained(desk: &mut Desk, subject: &Subject) {
    let name = fresh("d");
    let id = service(subject, &name, 1).await;
    sees(desk, "its task runs", |swarm| {
        swarm.service(&id).is_some_and(|one| one.running == 1)
    })
    .await;
    let node = told(desk).unwrap().nodes[0].clone();
    let of = (Resource::Node, &*node.id, &*node.name);
    let drain = SwarmAction::Availability {
        to: Availability::Drain,
        wait: 30,
    };
    let said = act(desk, subject, of, drain.clone()).await.unwrap();
    // The only node there is: the task finds no other place, and that is told.
    assert!(
        said.contains(&name) && said.contains("no suitable node"),
        "{said}"
    );
    let again = act(desk, subject, of, drain).await;
    assert!(again.is_ok(), "{again:?}");
    sees(desk, "the task waits, and says why", |swarm| {
        let mut tasks = swarm.tasks_of(&id, false);
        swarm.nodes[0].availability == Availability::Drain
            && tasks.any(|task| {
                task.node.is_none()
                    && task
                        .trouble()
                        .is_some_and(|why| why.contains("no suitable node"))
            })
    })
    .await;
    let back = SwarmAction::Availability {
        to: Availability::Active,
        wait: 0,
    };
    act(desk, subject, of, back).await.unwrap();
    sees(desk, "it runs again", |swarm| {
        swarm.service(&id).is_some_and(|one| one.running == 1)
    })
    .await;
    let remove = SwarmAction::Remove(Resource::Service);
    act(desk, subject, (Resource::Service, &id, &name), remove)
        .await
        .unwrap();
}

async fn secrets_and_configs_come_and_go(desk: &mut Desk, subject: &Subject) {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("value");
    std::fs::write(&file, "hunter22").unwrap();
    for kind in [Resource::Secret, Resource::Config] {
        let name = fresh("x");
        let wanted = NewStored {
            kind,
            from: SecretSource::File(file.clone()),
            labels: vec![("tier".into(), "db".into())],
        };
        let create = SwarmAction::Create(wanted);
        let of = (kind, "", name.as_str());
        act(desk, subject, of, create.clone()).await.unwrap();
        let error = act(desk, subject, of, create).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        sees(desk, "it is told", |swarm| {
            swarm.stored(kind).iter().any(|one| *one.name == *name)
        })
        .await;
        let stored = told(desk).unwrap().stored(kind).to_vec();
        let id = stored
            .iter()
            .find(|one| *one.name == *name)
            .unwrap()
            .id
            .clone();
        if kind == Resource::Secret {
            let all: Value = subject.raw.must(Method::GET, "/v1.41/secrets", None).await;
            assert!(!all.to_string().contains("Data"), "{all}");
        }
        used_ones_stay(desk, subject, kind, &id, &name).await;
        act(desk, subject, (kind, &id, &name), SwarmAction::Remove(kind))
            .await
            .unwrap();
        sees(desk, "it is gone", |swarm| {
            !swarm.stored(kind).iter().any(|one| one.id == id)
        })
        .await;
    }
    let wanted = NewStored {
        kind: Resource::Config,
        from: SecretSource::Variable("NOT_SET_HERE".into()),
        labels: Vec::new(),
    };
    let error = act(
        desk,
        subject,
        (Resource::Config, "", "x"),
        SwarmAction::Create(wanted),
    )
    .await
    .unwrap_err();
    assert_eq!(error.why, "$NOT_SET_HERE is not set");
}

/// One that a service uses is not removed.
async fn used_ones_stay(desk: &mut Desk, subject: &Subject, kind: Resource, id: &str, name: &str) {
    let (field, key, called) = if kind == Resource::Secret {
        ("Secrets", "SecretID", "SecretName")
    } else {
        ("Configs", "ConfigID", "ConfigName")
    };
    let user = fresh("u");
    let file = json!({"Name": "/value", "UID": "0", "GID": "0", "Mode": 0o444});
    let body = json!({
        "Name": user,
        "TaskTemplate": {"ContainerSpec": {"Image": subject.image, "Args": ["sh", "-c", IDLE],
            (field): [{"File": file, (key): id, (called): name}]}},
        "Mode": {"Replicated": {"Replicas": 0}},
    });
    subject
        .raw
        .must(Method::POST, "/v1.41/services/create", Some(body))
        .await;
    let error = act(desk, subject, (kind, id, name), SwarmAction::Remove(kind))
        .await
        .unwrap_err();
    assert!(error.why.contains(&user), "{error}");
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    sees(desk, "who uses it is told", |swarm| {
        let mut all = swarm.stored(kind).iter();
        all.any(|one| *one.id == *id && one.used_by.iter().any(|name| **name == *user))
    })
    .await;
    let path = format!("/v1.41/services/{user}");
    subject.raw.must(Method::DELETE, &path, None).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
}
