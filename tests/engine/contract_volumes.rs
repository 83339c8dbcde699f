//! What every engine promises of volumes: made, removed, backed up, restored, looked into.

use std::path::Path;
use std::sync::Arc;

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
        to: to.to_owned(),
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
        from: from.to_owned(),
    }
}

pub async fn files_of_podman_s_volumes_are_left_alone_and_it_says_so(subject: Subject) {
    let vault = tempfile::tempdir().unwrap();
    let desk = Desk::at(&subject).await;
    let name = fresh("v");
    let create = VolumeAction::Create(NewVolume::default());
    act(&desk, &subject, &name, create).await.unwrap();
    let action = VolumeAction::Backup(backup(vault.path()));
    let refused = act(&desk, &subject, &name, action).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported, "{refused}");
    let listed = desk.engines.files(&subject.host(), &name).await;
    assert!(listed.unwrap_err().why.contains("Podman"));
    drop_volume(&subject, &name).await;
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
        from: vault.path().to_owned(),
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
        let time = std::time::Duration::from_millis(milliseconds);
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
        from: vault.to_owned(),
    };
    act(&desk, &subject, &name, verify).await.unwrap();
    assert_eq!(helpers(&subject, &name).await, 0);
    subject.remove(&made).await;
    drop_volume(&subject, &name).await;
}
