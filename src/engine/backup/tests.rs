//! What is promised of archives, manifests and their directory, whatever comes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use tempfile::TempDir;

use super::files::read;
use super::helper::is_forsaken;
use super::stream::{below, check, pack, unpack};
use super::vault::{self, Draft};
use crate::model::{BackupName, Contents, FileKind, Manifest, Sum, Timestamp};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn manifest(at: Timestamp) -> Manifest {
    Manifest {
        version: Manifest::VERSION,
        tool: "wharf test".into(),
        volume: "data".into(),
        host: "ams-1".into(),
        driver: "local".into(),
        labels: [("a".to_owned(), "b".to_owned())].into(),
        options: [].into(),
        at,
        duration_ms: 1,
        by: "ann".into(),
        paused: Vec::new(),
        before: None,
        contents: Contents::default(),
        archive: Sum::default(),
        tar: Sum::default(),
    }
}

/// A tar as an engine sends it.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_size(0);
    archive
        .append_data(&mut header, "wharf-volume/", std::io::empty())
        .unwrap();
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o640);
        header.set_size(bytes.len() as u64);
        // A hostile name is not what the library would write.
        let path = format!("wharf-volume/{name}");
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        archive.append(&header, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Backs a tar up as a run does.
fn keep(root: &Path, second: i64, tar: &[u8], keep: Option<u32>) -> std::io::Result<Manifest> {
    let mut draft = Draft::begin(root, "ams-1", "data", at(second))?;
    let packed = pack(tar, draft.file(), &AtomicU64::new(0))?;
    let manifest = Manifest {
        contents: packed.contents,
        archive: packed.archive,
        tar: packed.tar,
        ..manifest(at(second))
    };
    draft.commit(manifest.clone(), keep)?;
    Ok(manifest)
}

fn names(root: &Path) -> Vec<String> {
    let folder = root.join("ams-1/data");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn newest() -> BackupName {
    "data@ams-1".parse().unwrap()
}

#[test]
fn what_was_backed_up_is_found_checked_and_read_back() {
    let dir = TempDir::new().unwrap();
    let tar = tar(&[("a", b"hello"), ("b/c", &[7; 5000])]);
    let written = keep(dir.path(), 0, &tar, None).unwrap();
    assert_eq!(
        (written.contents.files, written.contents.directories),
        (2, 1)
    );
    assert_eq!(written.contents.bytes, 5005);
    let found = vault::find(dir.path(), &newest()).unwrap();
    assert_eq!(found.manifest, written);
    check(
        fs::File::open(&found.archive).unwrap(),
        &found.manifest,
        &AtomicU64::new(0),
    )
    .unwrap();
    let mut back = Vec::new();
    unpack(
        fs::File::open(&found.archive).unwrap(),
        &found.manifest,
        &mut back,
        &AtomicU64::new(0),
    )
    .unwrap();
    assert_eq!(back, tar);
    let named: BackupName = found.manifest.name().parse().unwrap();
    assert_eq!(vault::find(dir.path(), &named).unwrap(), found);
    let by_file = BackupName::File(found.archive.clone());
    assert_eq!(vault::find(Path::new("/nowhere"), &by_file).unwrap(), found);
    assert_eq!(vault::all(dir.path()).unwrap(), (vec![found], vec![]));
}

#[test]
fn a_tar_that_ends_in_the_middle_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    // What was cut may end with zeros of a file's own.
    let whole = tar(&[("a", &[0; 4096]), ("b", &[0; 4096])]);
    for length in [
        0,
        100,
        512,
        1024,
        5000,
        5632,
        6144,
        whole.len() - 1024,
        whole.len() - 512,
    ] {
        let error = keep(dir.path(), 0, &whole[..length], None);
        assert!(
            error.is_err(),
            "{length} bytes of {} were taken",
            whole.len()
        );
        assert_eq!(names(dir.path()), Vec::<String>::new(), "{length}");
    }
    // As dockerd does when its own reading fails: an error behind the half of a tar.
    let mut spoilt = whole[..1536].to_vec();
    spoilt.extend_from_slice(b"{\"message\":\"no\"}");
    keep(dir.path(), 0, &spoilt, None).unwrap_err();
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn the_newest_are_kept_and_what_killed_runs_left_is_removed() {
    let dir = TempDir::new().unwrap();
    let tar = tar(&[("a", b"1")]);
    for second in 0..5 {
        keep(dir.path(), second, &tar, Some(2)).unwrap();
    }
    assert_eq!(names(dir.path()).len(), 4, "two archives, two manifests");
    let folder = dir.path().join("ams-1/data");
    fs::write(folder.join(".20200101T000000Z.part"), "half").unwrap();
    fs::write(folder.join("20200101T000000Z.tar.zst"), "no manifest").unwrap();
    fs::write(folder.join("notes.txt"), "not ours").unwrap();
    let alive = Draft::begin(dir.path(), "ams-1", "data", at(9)).unwrap();
    let left = names(dir.path());
    assert_eq!(
        left.iter().filter(|name| name.contains("20200101")).count(),
        0
    );
    // Another run is told from a killed one.
    let second = keep(dir.path(), 9, &tar, None).unwrap();
    assert!(names(dir.path()).iter().any(|name| name.starts_with('.')));
    drop(alive);
    let left = names(dir.path());
    assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
    assert!(left.contains(&"notes.txt".to_owned()));
    assert_eq!(
        vault::find(dir.path(), &newest()).unwrap().manifest.at,
        second.at
    );
}

#[tokio::test]
async fn volumes_are_told_their_last_backup() {
    let dir = TempDir::new().unwrap();
    keep(dir.path(), 5, &tar(&[]), None).unwrap();
    let volume = |name: &str| crate::model::Volume {
        name: name.into(),
        ..Default::default()
    };
    let mut volumes = [volume("data"), volume("other")];
    let roots = [dir.path().to_owned(), dir.path().join("none")];
    vault::date(&roots, &crate::model::HostName::new("ams-1"), &mut volumes).await;
    assert_eq!(volumes.map(|one| one.backup), [Some(at(5)), None]);
}

#[test]
fn what_leads_out_of_the_volume_is_refused() {
    for name in ["../../etc/passwd", "a/../../../x", ".."] {
        let dir = TempDir::new().unwrap();
        let error = keep(dir.path(), 0, &tar(&[(name, b"x")]), None).unwrap_err();
        assert!(error.to_string().contains("not in the volume"), "{error}");
        assert_eq!(read(&tar(&[(name, b"x")])[..]).unwrap().entries.len(), 1);
    }
    assert_eq!(below(Path::new("wharf-volume/./a")), Some("a".into()));
    for name in ["/wharf-volume/a", "etc/passwd", "", "wharf-volumes/a"] {
        assert_eq!(below(Path::new(name)), None, "{name}");
    }
}

#[test]
fn files_are_listed_by_path_with_their_kinds() {
    let list = read(&tar(&[("b", b"12345"), ("a", b"")])[..]).unwrap();
    let shown = list
        .entries
        .iter()
        .map(|one| (&*one.path, one.kind, one.size));
    let expected = [
        ("", FileKind::Directory, 0),
        ("a", FileKind::File, 0),
        ("b", FileKind::File, 5),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!(list.cut, None);
}

#[test]
fn a_helper_is_forsaken_when_its_process_is_gone() {
    let ours = super::helper::owner_for_tests();
    assert!(!is_forsaken(&ours, 1_000_000), "we live");
    let mut parts: Vec<&str> = ours.split(' ').collect();
    parts[4] = "1";
    assert!(
        is_forsaken(&parts.join(" "), 0),
        "another process of our number"
    );
    let mut parts: Vec<&str> = ours.split(' ').collect();
    parts[0] = "elsewhere";
    assert!(!is_forsaken(&parts.join(" "), 3600), "nobody here can know");
    assert!(is_forsaken(&parts.join(" "), 2 * 86_400));
    assert!(!is_forsaken("", 60));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whichever byte of an archive is another one, or missing, it is seen.
    #[test]
    fn any_damage_is_seen(place in any::<prop::sample::Index>(), flip in 1_u8.., cut in any::<bool>()) {
        let dir = TempDir::new().unwrap();
        let written = keep(dir.path(), 0, &tar(&[("a", b"hello"), ("b", &[9; 900])]), None).unwrap();
        let found = vault::find(dir.path(), &newest()).unwrap();
        let mut bytes = fs::read(&found.archive).unwrap();
        let at = place.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= flip;
        }
        fs::File::create(&found.archive).unwrap().write_all(&bytes).unwrap();
        prop_assert!(check(fs::File::open(&found.archive).unwrap(), &written, &AtomicU64::new(0)).is_err());
    }

    /// Whatever is sent in place of a tar, nothing panics, and what is taken has an end.
    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
        let dir = TempDir::new().unwrap();
        prop_assert!(keep(dir.path(), 0, &bytes, None).is_err());
        let _ = read(&bytes[..]);
        prop_assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written(volume in "\\PC{1,30}", by in "\\PC*", label in "\\PC*") {
        let mut one = manifest(at(0));
        one.volume = volume;
        one.by = by;
        one.labels.insert(label.clone(), label);
        let text = serde_json::to_string(&one).unwrap();
        prop_assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), one);
    }
}
