//! What every engine promises of volumes: made, removed, backed up, restored, looked into.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use wharf::engine::{Error, ErrorKind, Settings, backup::vault};
use wharf::model::{
    Action, Backup, BackupName, FileKind, NewVolume, Resource, Said, State, Step, Subject as Of,
    Volume, VolumeAction,
};

use crate::desk::Desk;
use crate::subject::{IDLE, Made, Subject, fresh};

/// Does something to a volume.
async fn act(
    desk: &Desk,
    subject: &Subject,
    name: &str,
    action: VolumeAction,
) -> Result<String, Error> {
    let step = Step {
        host: subject.host(),
        subject: Of::Resource {
            kind: Resource::Volume,
            id: Arc::from(name),
            name: Arc::from(name),
        },
        action: Action::Volume(action),
    };
    desk.engines.act(&step, &|_: Said| {}).await
}

fn backup(to: &Path) -> Backup {
    Backup {
        to: to.to_owned().into(),
        pause: false,
        before: None,
        keep: None,
        size: None,
    }
}

fn newest(name: &str, subject: &Subject) -> BackupName {
    format!("{name}@{}", subject.host()).parse().unwrap()
}

fn restore(name: &str, subject: &Subject, from: &Path) -> VolumeAction {
    VolumeAction::Restore {
        backup: newest(name, subject),
        from: from.to_owned().into(),
    }
}

/// A running container that mounts that volume at `/v`.
async fn user(subject: &Subject, volume: &str) -> Made {
    let binds = json!({"HostConfig": {"Binds": [format!("{volume}:/v")]}});
    subject.run(IDLE, binds).await
}

/// Puts files into a volume past Wharf, through a container that mounts it.
async fn fill(desk: &Desk, subject: &Subject, made: &Made, files: &[(&str, &str)]) {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::create_dir(scratch.path().join("in")).unwrap();
    for (name, text) in files {
        std::fs::write(scratch.path().join("in").join(name), text).unwrap();
    }
    let action = Action::CopyIn {
        from: scratch.path().join("in"),
        to: "/v".into(),
    };
    desk.act(subject, made, action).await.unwrap();
}

/// Containers of ours that are left on the engine for a volume.
async fn helpers(subject: &Subject, volume: &str) -> usize {
    let path = "/v1.41/containers/json?all=1";
    let all = subject.raw.must(Method::GET, path, None).await;
    let label = format!("volume {volume}");
    let is_ours = |one: &&Value| one["Labels"]["io.wharf.helper"] == *label;
    all.as_array().unwrap().iter().filter(is_ours).count()
}

async fn drop_volume(subject: &Subject, name: &str) {
    let path = format!("/v1.41/volumes/{name}?force=1");
    subject.raw.ask(Method::DELETE, &path, None).await;
}

pub async fn a_volume_is_made_and_removed_and_never_made_twice(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let name = fresh("v");
    let wanted = NewVolume {
        labels: vec![("tier".into(), "db".into())],
        ..NewVolume::default()
    };
    let create = VolumeAction::Create(wanted);
    act(&desk, &subject, &name, create.clone()).await.unwrap();
    let path = format!("/v1.41/volumes/{name}");
    let made = subject.raw.must(Method::GET, &path, None).await;
    assert_eq!(made["Labels"]["tier"], "db");
    let again = act(&desk, &subject, &name, create).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::Conflict, "{again}");
    let user = user(&subject, &name).await;
    let used = act(&desk, &subject, &name, VolumeAction::Remove).await;
    assert_eq!(used.unwrap_err().kind, ErrorKind::Conflict);
    subject.remove(&user).await;
    act(&desk, &subject, &name, VolumeAction::Remove)
        .await
        .unwrap();
    let gone = act(&desk, &subject, &name, VolumeAction::Remove).await;
    assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
}

pub async fn what_was_backed_up_is_restored_file_by_file(subject: Subject) {
    let vault = tempfile::tempdir().unwrap();
    let settings = Settings {
        operator: "ann".to_owned(),
        ..Settings::default()
    };
    let desk = Desk::with(subject.spec.clone(), settings).await;
    let (name, copy) = (fresh("v"), fresh("v"));
    let made = user(&subject, &name).await;
    fill(&desk, &subject, &made, &[("a", "hello"), ("b", "12345678")]).await;
    let spec = Backup {
        pause: true,
        before: Some("true".into()),
        ..backup(vault.path())
    };
    let action = VolumeAction::Backup(spec);
    let said = act(&desk, &subject, &name, action).await.unwrap();
    assert!(said.starts_with("2 files, "), "{said}");
    let found = vault::find(vault.path(), &newest(&name, &subject)).unwrap();
    let manifest = &found.manifest;
    assert_eq!((manifest.contents.files, manifest.contents.bytes), (2, 13));
    assert_eq!((&*manifest.by, &manifest.volume), ("ann", &name));
    assert_eq!(manifest.paused, [made.name.as_str()]);
    assert_eq!(helpers(&subject, &name).await, 0);
    let state = format!("/v1.41/containers/{}/json", made.id.as_str());
    let state = subject.raw.must(Method::GET, &state, None).await;
    assert_eq!(state["State"]["Status"], "running", "it goes on");

    let action = restore(&name, &subject, vault.path());
    let used = act(&desk, &subject, &name, action.clone()).await;
    assert_eq!(used.unwrap_err().kind, ErrorKind::Conflict, "it is in use");
    act(&desk, &subject, &copy, action.clone()).await.unwrap();
    assert_eq!(helpers(&subject, &copy).await, 0);
    let files = desk.engines.files(&subject.host(), &copy).await.unwrap();
    let list: Vec<(&str, FileKind, u64)> = files
        .entries
        .iter()
        .filter(|one| one.kind == FileKind::File)
        .map(|one| (&*one.path, one.kind, one.size))
        .collect();
    let expected = [("in/a", FileKind::File, 5), ("in/b", FileKind::File, 8)];
    assert_eq!(list, expected);
    let content = desk.engines.file(&subject.host(), &copy, "in/b").await;
    assert_eq!(content.unwrap(), b"12345678");
    let full = act(&desk, &subject, &copy, action).await.unwrap_err();
    assert!(full.why.contains("is not empty"), "{full}");
    assert_eq!(helpers(&subject, &copy).await, 0);
    subject.remove(&made).await;
    for name in [name, copy] {
        drop_volume(&subject, &name).await;
    }
}

pub async fn a_damaged_backup_is_found_and_not_restored(subject: Subject) {
    let vault = tempfile::tempdir().unwrap();
    let desk = Desk::at(&subject).await;
    let (name, copy) = (fresh("v"), fresh("v"));
    let made = user(&subject, &name).await;
    fill(&desk, &subject, &made, &[("a", "hello")]).await;
    let action = VolumeAction::Backup(backup(vault.path()));
    act(&desk, &subject, &name, action).await.unwrap();
    let verify = VolumeAction::Verify {
        backup: newest(&name, &subject),
        from: vault.path().to_owned().into(),
    };
    let whole = act(&desk, &subject, &name, verify.clone()).await;
    assert!(whole.unwrap().contains("is whole: 1 files"));
    let found = vault::find(vault.path(), &newest(&name, &subject)).unwrap();
    let mut bytes = std::fs::read(&found.archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&found.archive, bytes).unwrap();
    let damaged = act(&desk, &subject, &name, verify).await.unwrap_err();
    assert!(damaged.why.contains("is damaged"), "{damaged}");
    let action = restore(&name, &subject, vault.path());
    let refused = act(&desk, &subject, &copy, action).await.unwrap_err();
    assert!(refused.why.contains("is damaged"), "{refused}");
    let path = format!("/v1.41/volumes/{copy}");
    let (status, _) = subject.raw.ask(Method::GET, &path, None).await;
    assert_eq!(status, 404, "nothing was made");
    subject.remove(&made).await;
    drop_volume(&subject, &name).await;
}

pub async fn what_fails_leaves_nothing_and_lets_go_on(subject: Subject) {
    let vault = tempfile::tempdir().unwrap();
    let mut desk = Desk::at(&subject).await;
    let name = fresh("v");
    let made = user(&subject, &name).await;
    desk.sees(&made, "it runs", |one| one.state == State::Running)
        .await;
    // Its command fails before anything is read.
    let spec = Backup {
        before: Some("exit 3".into()),
        pause: true,
        ..backup(vault.path())
    };
    let failed = act(&desk, &subject, &name, VolumeAction::Backup(spec)).await;
    let failed = failed.unwrap_err();
    assert!(failed.why.contains("nothing was backed up"), "{failed}");
    // It is given up in the middle.
    let spec = Backup {
        pause: true,
        ..backup(vault.path())
    };
    for milliseconds in [1, 5, 20, 60] {
        let action = VolumeAction::Backup(spec.clone());
        let work = act(&desk, &subject, &name, action);
        let time = Duration::from_millis(milliseconds);
        drop(tokio::time::timeout(time, work).await);
        desk.engines.settle(&subject.host()).await;
        assert_eq!(helpers(&subject, &name).await, 0, "after {milliseconds} ms");
        let path = format!("/v1.41/containers/{}/json", made.id.as_str());
        let one = subject.raw.must(Method::GET, &path, None).await;
        assert_eq!(one["State"]["Status"], "running", "after {milliseconds} ms");
    }
    let (found, wrong) = vault::all(vault.path()).unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    for one in found {
        assert!(one.archive.exists());
    }
    let folder = vault.path().join(subject.host().as_str()).join(&name);
    let left = std::fs::read_dir(folder).unwrap();
    let half = left.filter(|one| {
        let name = one.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with('.')
    });
    assert_eq!(half.count(), 0, "nothing half-written is left");
    let none = fresh("none");
    let missing = act(
        &desk,
        &subject,
        &none,
        VolumeAction::Backup(backup(vault.path())),
    );
    assert_eq!(missing.await.unwrap_err().kind, ErrorKind::NotFound);
    subject.remove(&made).await;
    drop_volume(&subject, &name).await;
}

pub async fn a_volume_is_told_with_its_users(subject: Subject) {
    let vault = tempfile::tempdir().unwrap();
    let settings = Settings {
        vaults: vec![vault.path().to_owned()],
        ..Settings::default()
    };
    let mut desk = Desk::with(subject.spec.clone(), settings).await;
    let name = fresh("v");
    let made = user(&subject, &name).await;
    fill(&desk, &subject, &made, &[("a", "hello")]).await;
    let action = VolumeAction::Backup(backup(vault.path()));
    act(&desk, &subject, &name, action).await.unwrap();
    desk.want([wharf::model::Feed::Resources(subject.host())]);
    let is_told = |volume: &Volume| {
        *volume.name == *name && volume.backup.is_some() && !volume.mountpoint.is_empty()
    };
    desk.until("the volume is told with its backup", |fleet| {
        let host = &fleet.hosts()[0];
        let volume = host.volumes.iter().flatten().find(|one| is_told(one));
        volume.is_some_and(|volume| {
            let users = volume.users(host);
            users.len() == 1 && *users[0].name == *made.name
        })
    })
    .await;
    subject.remove(&made).await;
    drop_volume(&subject, &name).await;
}

/// A directory with room for half a megabyte.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]);
        let done = mount.arg(dir.path()).status().unwrap();
        assert!(done.success(), "tests of full disks mount one, as root");
        Self(dir)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let mut umount = std::process::Command::new("umount");
        let _ = umount.arg(self.0.path()).status();
    }
}

/// Text that hardly becomes smaller.
fn noise(length: usize) -> String {
    let mut state = 7_u64;
    let letters = std::iter::from_fn(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        Some(char::from(b'0' + u8::try_from(state >> 58).unwrap()))
    });
    letters.take(length).collect()
}

pub async fn a_full_disk_leaves_nothing_and_says_what_to_do(subject: Subject) {
    let small = Small::mount();
    let vault = small.0.path();
    let desk = Desk::at(&subject).await;
    let name = fresh("v");
    let made = user(&subject, &name).await;
    fill(&desk, &subject, &made, &[("little", "text")]).await;
    let action = || VolumeAction::Backup(backup(vault));
    act(&desk, &subject, &name, action()).await.unwrap();
    fill(&desk, &subject, &made, &[("large", &noise(3_000_000))]).await;
    let full = act(&desk, &subject, &name, action()).await.unwrap_err();
    assert!(full.why.contains("No space left on device"), "{full}");
    let remedy = full.remedy.clone().unwrap();
    assert!(
        remedy.contains("make room there") && remedy.contains("--to"),
        "{full}"
    );
    desk.engines.settle(&subject.host()).await;
    let folder = vault.join(subject.host().as_str()).join(&name);
    let left = std::fs::read_dir(folder).unwrap();
    let left: Vec<String> = left
        .map(|one| one.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left.len(), 2, "the first one and its manifest: {left:?}");
    let verify = VolumeAction::Verify {
        backup: newest(&name, &subject),
        from: vault.to_owned().into(),
    };
    act(&desk, &subject, &name, verify).await.unwrap();
    assert_eq!(helpers(&subject, &name).await, 0);
    subject.remove(&made).await;
    drop_volume(&subject, &name).await;
}

/// The volumes that a container mounts are changed.
async fn switch(
    desk: &Desk,
    subject: &Subject,
    made: &Made,
    (from, to): (&str, &str),
) -> Result<String, Error> {
    let action = VolumeAction::Switch {
        from: from.into(),
        to: to.into(),
    };
    desk.act(subject, made, Action::Volume(action)).await
}

/// What has a name. Podman finds one that was just removed by its name for a moment, and then tells that it is none.
async fn inspected(subject: &Subject, name: &str) -> Value {
    let path = format!("/v1.41/containers/{name}/json");
    let start = Instant::now();
    loop {
        let (status, answer) = subject.raw.ask(Method::GET, &path, None).await;
        if status < 400 {
            return answer;
        }
        let late = start.elapsed() > Duration::from_secs(5);
        assert!(!late, "{path}: {status} {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The containers whose names begin so.
async fn named_like(subject: &Subject, name: &str) -> usize {
    let path = "/v1.41/containers/json?all=1";
    let all = subject.raw.must(Method::GET, path, None).await;
    let is_like = |one: &&Value| one["Names"][0].as_str().unwrap().contains(name);
    all.as_array().unwrap().iter().filter(is_like).count()
}

/// What is mounted where, and whether it may be written.
fn mounts(value: &Value) -> Vec<(String, String, bool)> {
    let all = value["Mounts"].as_array().unwrap().iter();
    let mut all: Vec<(String, String, bool)> = all
        .map(|one| {
            let text = |key: &str| one[key].as_str().unwrap().to_owned();
            let may_write = one["RW"].as_bool().unwrap();
            (text("Destination"), text("Name"), may_write)
        })
        .collect();
    all.sort();
    all
}

pub async fn a_container_is_made_anew_with_another_volume(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let (old, new, side) = (fresh("v"), fresh("v"), fresh("v"));
    for volume in [&old, &new, &side] {
        let create = VolumeAction::Create(NewVolume::default());
        act(&desk, &subject, volume, create).await.unwrap();
    }
    let (back, front) = (fresh("n"), fresh("n"));
    for network in [&back, &front] {
        let body = json!({"Name": network, "CheckDuplicate": true});
        let path = "/v1.41/networks/create";
        subject.raw.must(Method::POST, path, Some(body)).await;
    }
    let more = json!({
        "Env": ["COLOUR=blue"],
        "HostConfig": {
            "Binds": [format!("{old}:/v"), format!("{side}:/side:ro")],
            "NetworkMode": back,
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
        },
        "NetworkingConfig": {"EndpointsConfig": {back.as_str(): {"Aliases": ["shop"]}}},
    });
    let made = subject.run(IDLE, more).await;
    let plug = json!({"Container": made.id.as_str(), "EndpointConfig": {"Aliases": ["till"]}});
    let path = format!("/v1.41/networks/{front}/connect");
    subject.raw.must(Method::POST, &path, Some(plug)).await;
    let before = inspected(&subject, &made.name).await;

    let none = switch(&desk, &subject, &made, (&old, "nothing-there")).await;
    assert_eq!(none.unwrap_err().kind, ErrorKind::NotFound);
    let other = switch(&desk, &subject, &made, (&new, &old)).await;
    assert!(other.unwrap_err().why.contains("does not mount"));
    assert_eq!(inspected(&subject, &made.name).await["Id"], before["Id"]);

    let told = switch(&desk, &subject, &made, (&old, &new)).await.unwrap();
    assert!(
        told.contains(&format!("mounts {new} instead of {old}")),
        "{told}"
    );
    let after = inspected(&subject, &made.name).await;
    assert_ne!(after["Id"], before["Id"]);
    assert_eq!(after["State"]["Running"], true);
    let wanted = [
        ("/side".to_owned(), side.clone(), false),
        ("/v".to_owned(), new.clone(), true),
    ];
    assert_eq!(mounts(&after), wanted);
    assert_eq!(after["Config"]["Cmd"], before["Config"]["Cmd"]);
    assert_eq!(after["Config"]["Labels"], before["Config"]["Labels"]);
    assert_eq!(
        after["HostConfig"]["RestartPolicy"],
        before["HostConfig"]["RestartPolicy"]
    );
    let environment = after["Config"]["Env"].as_array().unwrap();
    assert!(
        environment.contains(&json!("COLOUR=blue")),
        "{environment:?}"
    );
    let networks = &after["NetworkSettings"]["Networks"];
    assert_eq!(networks.as_object().unwrap().len(), 2, "{networks}");
    for (network, alias) in [(&back, "shop"), (&front, "till")] {
        let aliases = networks[network.as_str()]["Aliases"].as_array().unwrap();
        // The sim has no ear for aliases.
        let is_there = subject.is_sim() || aliases.contains(&json!(alias));
        assert!(is_there, "{network}: {aliases:?}");
    }
    assert_eq!(
        named_like(&subject, &made.name).await,
        1,
        "the old one is gone"
    );

    // One that does not run is made anew, too, and is not started.
    let now = Made {
        id: wharf::model::ContainerId::new(after["Id"].as_str().unwrap()),
        name: made.name.clone(),
    };
    subject.post(&now, "stop").await;
    switch(&desk, &subject, &now, (&new, &old)).await.unwrap();
    let still = inspected(&subject, &made.name).await;
    assert_eq!(still["State"]["Running"], false);
    assert_eq!(mounts(&still)[1].1, old);
    let path = format!("/v1.41/containers/{}?force=1", made.name);
    subject.raw.ask(Method::DELETE, &path, None).await;
    for volume in [&old, &new, &side] {
        drop_volume(&subject, volume).await;
    }
    for network in [&back, &front] {
        let path = format!("/v1.41/networks/{network}");
        subject.raw.ask(Method::DELETE, &path, None).await;
    }
}

pub async fn a_container_that_fails_with_another_volume_is_put_back(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let (old, new) = (fresh("v"), fresh("v"));
    for volume in [&old, &new] {
        let create = VolumeAction::Create(NewVolume::default());
        act(&desk, &subject, volume, create).await.unwrap();
    }
    let script = format!("[ -e /v/in/ok ] || [ -e /tmp/first ] || exit 7; {IDLE}");
    let binds = json!({"HostConfig": {"Binds": [format!("{old}:/v")]}});
    let filler = user(&subject, &old).await;
    fill(&desk, &subject, &filler, &[("ok", "yes")]).await;
    subject.remove(&filler).await;
    let made = subject.run(&script, binds).await;
    let failed = switch(&desk, &subject, &made, (&old, &new))
        .await
        .unwrap_err();
    assert!(failed.why.contains("ended with code 7"), "{failed}");
    assert!(failed.why.contains("is as it was"), "{failed}");
    let now = inspected(&subject, &made.name).await;
    assert_eq!(now["Id"], made.id.as_str());
    assert_eq!(now["State"]["Running"], true);
    assert_eq!(
        named_like(&subject, &made.name).await,
        1,
        "the new one is gone"
    );

    // Nobody waits for it any more: it is put back all the same.
    {
        let work = switch(&desk, &subject, &made, (&old, &new));
        let _ = tokio::time::timeout(Duration::from_millis(600), work).await;
    }
    desk.engines.settle(&subject.host()).await;
    let now = inspected(&subject, &made.name).await;
    assert_eq!(now["Id"], made.id.as_str());
    assert_eq!(now["State"]["Running"], true);
    assert_eq!(named_like(&subject, &made.name).await, 1);
    subject.remove(&made).await;

    // Its health check tells (Podman has nobody here who runs them).
    if !subject.is_podman {
        let check = json!({
            "Healthcheck": {"Test": ["CMD-SHELL", "test -e /v/in/ok"], "Interval": 1_000_000_000_u64, "Retries": 1},
            "HostConfig": {"Binds": [format!("{old}:/v")]},
        });
        let made = subject.run(IDLE, check).await;
        let failed = switch(&desk, &subject, &made, (&old, &new))
            .await
            .unwrap_err();
        assert!(failed.why.contains("is not healthy"), "{failed}");
        assert_eq!(
            inspected(&subject, &made.name).await["Id"],
            made.id.as_str()
        );
        subject.remove(&made).await;
    }
    for volume in [&old, &new] {
        drop_volume(&subject, volume).await;
    }
}

pub async fn files_of_podman_s_volumes_are_not_read_and_it_says_why(subject: Subject) {
    let vault = tempfile::tempdir().unwrap();
    let desk = Desk::at(&subject).await;
    let name = fresh("v");
    let create = VolumeAction::Create(NewVolume::default());
    act(&desk, &subject, &name, create).await.unwrap();
    let action = VolumeAction::Backup(backup(vault.path()));
    let refused = act(&desk, &subject, &name, action).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported, "{refused}");
    assert!(refused.why.contains("owners would be lost"), "{refused}");
    let listed = desk.engines.files(&subject.host(), &name).await;
    assert!(listed.unwrap_err().why.contains("Podman"));
    drop_volume(&subject, &name).await;
}

/// What a script says in a container that mounts a volume.
async fn within(desk: &Desk, subject: &Subject, volume: &str, script: &str) -> String {
    let binds = json!({"HostConfig": {"Binds": [format!("{volume}:/v")]}});
    let made = subject.run(script, binds).await;
    let path = format!("/v1.41/containers/{}/wait", made.id.as_str());
    subject.raw.must(Method::POST, &path, None).await;
    let lines = desk
        .log(subject, &made, wharf::engine::LogOptions::default())
        .await;
    let lines = lines
        .iter()
        .map(|line| String::from_utf8_lossy(line.text).into_owned());
    let said = lines.collect::<Vec<_>>().join("\n");
    subject.remove(&made).await;
    said
}

pub async fn a_backup_of_docker_s_is_restored_on_podman(subject: Subject) {
    let vault = tempfile::tempdir().unwrap();
    let docker = crate::subject::docker().await;
    let (desk, there) = (Desk::at(&docker).await, Desk::at(&subject).await);
    let name = fresh("v");
    let long = "x".repeat(120);
    let make = format!(
        "mkdir -p /v/d/{long}; echo hello >/v/d/{long}/{long}; ln -s {long} /v/d/l; \
         ln /v/d/{long}/{long} /v/h; mkfifo /v/p; chown -R 1000:7 /v; chmod 4751 /v/h; chmod 2710 /v"
    );
    within(&desk, &docker, &name, &make).await;
    let action = VolumeAction::Backup(backup(vault.path()));
    act(&desk, &docker, &name, action).await.unwrap();
    let action = restore(&name, &docker, vault.path());
    act(&there, &subject, &name, action.clone()).await.unwrap();
    let look = "cd /v; find . | sort | xargs stat -c '%n %a %u %g %h %F'; cat h; readlink d/l";
    let before = within(&desk, &docker, &name, look).await;
    assert!(
        before.contains("./h 4751 1000 7 2 regular file"),
        "{before}"
    );
    let after = within(&there, &subject, &name, look).await;
    // Podman gives the directory of a new volume itself to the user of the first container that is started with it.
    let below = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(below(&after), below(&before));
    assert!(after.starts_with(". 2710 "), "{after}");
    drop_volume(&docker, &name).await;
    drop_volume(&subject, &name).await;
}
