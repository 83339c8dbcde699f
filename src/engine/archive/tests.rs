//! Archives that come from a container are not trusted; places follow `docker cp`'s rules.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// An archive with these entries: kind, name, mode, content or link target.
fn archive(entries: &[(tar::EntryType, &str, u32, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, mode, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(*mode);
        // `set_path` refuses what a hostile archive may well contain.
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_size(0);
            header.as_gnu_mut().unwrap().linkname[..content.len()]
                .copy_from_slice(content.as_bytes());
            header.set_cksum();
            builder.append(&header, io::empty()).unwrap();
        } else {
            header.set_size(content.len() as u64);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

const FILE: tar::EntryType = tar::EntryType::Regular;
const DIRECTORY: tar::EntryType = tar::EntryType::Directory;
const SYMLINK: tar::EntryType = tar::EntryType::Symlink;
const HARD_LINK: tar::EntryType = tar::EntryType::Link;

#[test]
fn what_was_packed_is_unpacked_with_its_modes() {
    let here = tempfile::tempdir().unwrap();
    let from = here.path().join("from");
    fs::create_dir_all(from.join("a/b")).unwrap();
    fs::write(from.join("a/b/file"), "text").unwrap();
    set_mode(&from.join("a/b/file"), 0o640).unwrap();
    set_mode(&from.join("a"), 0o500).unwrap();
    std::os::unix::fs::symlink("b/file", from.join("a/link")).unwrap();
    let mut packed = Vec::new();
    let copied = pack(&from, "site", &mut packed).unwrap();
    assert_eq!(copied, Copied { files: 1, bytes: 4 });

    let to = here.path().join("to");
    assert_eq!(unpack(&packed[..], &to).unwrap(), copied);
    let mode = |path: &str| fs::metadata(to.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("a/b/file"), mode("a")), (0o640, 0o500));
    assert_eq!(fs::read_to_string(to.join("a/link")).unwrap(), "text");
    // Once more, into what is there already: a directory takes it under its own name.
    unpack(&packed[..], &to).unwrap();
    assert_eq!(
        fs::read_to_string(to.join("site/a/b/file")).unwrap(),
        "text"
    );
}

#[test]
fn nothing_is_written_outside() {
    let here = tempfile::tempdir().unwrap();
    let outside = here.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    let target = outside.to_str().unwrap();
    let directory = here.path().to_str().unwrap();
    let hostile: [&[_]; 6] = [
        &[(FILE, "x/../../outside", 0o644, "evil")],
        &[(FILE, target, 0o644, "evil")],
        &[
            (DIRECTORY, "x", 0o755, ""),
            (SYMLINK, "x/out", 0o777, directory),
            (FILE, "x/out/outside", 0o644, "evil"),
        ],
        &[
            (SYMLINK, "x", 0o777, directory),
            (FILE, "x/outside", 0o644, "evil"),
        ],
        &[
            (DIRECTORY, "x", 0o755, ""),
            (HARD_LINK, "x/copy", 0o644, "../outside"),
            (FILE, "x/copy", 0o644, "evil"),
        ],
        &[
            (DIRECTORY, "x", 0o755, ""),
            (SYMLINK, "x/up", 0o777, directory),
            (HARD_LINK, "x/copy", 0o644, "x/up/outside"),
        ],
    ];
    for (number, entries) in hostile.into_iter().enumerate() {
        let to = here.path().join(format!("to-{number}"));
        let result = unpack(&archive(entries)[..], &to);
        assert_eq!(
            fs::read_to_string(&outside).unwrap(),
            "precious",
            "archive {number}"
        );
        assert!(result.is_err(), "archive {number} is refused");
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
    let here = tempfile::tempdir().unwrap();
    let outside = here.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    let to = here.path().join("to");
    let entries = [
        (DIRECTORY, "x", 0o755, ""),
        (SYMLINK, "x/file", 0o777, outside.to_str().unwrap()),
        (FILE, "x/file", 0o644, "new"),
    ];
    unpack(&archive(&entries)[..], &to).unwrap();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "new");
}

#[test]
fn devices_are_left_out_and_no_file_becomes_set_user_id() {
    let here = tempfile::tempdir().unwrap();
    let to = here.path().join("to");
    let entries = [
        (DIRECTORY, "x", 0o755, ""),
        (tar::EntryType::Char, "x/null", 0o666, ""),
        (tar::EntryType::Fifo, "x/pipe", 0o666, ""),
        (FILE, "x/su", 0o4755, "#!"),
        (HARD_LINK, "x/twin", 0o4755, "x/su"),
    ];
    unpack(&archive(&entries)[..], &to).unwrap();
    assert!(!to.join("null").exists() && !to.join("pipe").exists());
    let mode = fs::metadata(to.join("su")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    assert_eq!(fs::read_to_string(to.join("twin")).unwrap(), "#!");
}

#[test]
fn a_copy_goes_where_docker_cp_puts_it() {
    let directory = Some(Stat {
        mode: GO_DIRECTORY | 0o755,
        link_target: String::new(),
    });
    let file = Some(Stat {
        mode: 0o644,
        link_target: String::new(),
    });
    let put = |is_dir, to, there: &Option<Stat>| {
        place(Path::new("/home/me/site"), is_dir, to, there.clone())
    };
    let at = |directory: &str, name: &str| Ok((directory.to_owned(), name.to_owned()));
    assert_eq!(put(false, "/etc", &directory), at("/etc", "site"));
    assert_eq!(put(true, "/srv/", &directory), at("/srv/", "site"));
    assert_eq!(put(false, "/etc/conf", &file), at("/etc", "conf"));
    assert_eq!(put(false, "/etc/new", &None), at("/etc", "new"));
    assert_eq!(put(true, "/new/", &None), at("/", "new"));
    assert!(put(true, "/etc/conf", &file).is_err());
    assert!(put(false, "/no/such/", &None).is_err());
    assert!(put(false, "relative", &None).is_err());
}
