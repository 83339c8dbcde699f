//! What variables and the machine say.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use wharf::{
    config::{
        Colors, Env, Flags, Multiplexer, Paths, Terminal, found, is_first_start, origin,
        remember_start,
    },
    model::found::{Answer, Kind},
};

use crate::machine::Machine;

#[test]
fn read_only_comes_from_flag_variable_and_file() {
    assert!(
        Machine::new()
            .load(&Flags {
                read_only: true,
                ..Flags::default()
            })
            .read_only
    );
    assert!(Machine::new().set("WHARF_READ_ONLY", "1").plain().read_only);
    assert!(!Machine::new().set("WHARF_READ_ONLY", "0").plain().read_only);
    assert!(Machine::with("read_only = true").plain().read_only);
}

#[test]
fn files_are_where_xdg_says_or_variables_do() {
    let machine = Machine::new()
        .set("XDG_STATE_HOME", "/s")
        .set("XDG_DATA_HOME", "relative")
        .set("WHARF_CONFIG", "/c.toml");
    let paths = Paths::of(&machine.env(), None);
    assert_eq!(paths.state_dir, Path::new("/s/wharf"));
    assert_eq!(
        paths.data_dir,
        machine.path("home/ann/.local/share/wharf"),
        "relative ones do not count"
    );
    let config = machine.plain();
    assert_eq!(config.paths.config_file, Path::new("/c.toml"));
    let flags = Flags {
        config: Some("/d.toml".into()),
        ..Flags::default()
    };
    assert_eq!(machine.load(&flags).paths.config_file, Path::new("/d.toml"));
}

#[test]
fn the_runtime_directory_is_for_its_owner_alone() {
    let machine = Machine::new();
    symlink("/proc", machine.path("proc")).unwrap();
    fs::create_dir(machine.path("run")).unwrap();
    let machine = {
        let run = machine.path("run").display().to_string();
        machine.set("XDG_RUNTIME_DIR", run)
    };
    let (env, paths) = (machine.env(), Paths::of(&machine.env(), None));
    paths.make_runtime_dir(&env).unwrap();
    paths.make_runtime_dir(&env).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&paths.runtime_dir), 0o700);
    fs::set_permissions(&paths.runtime_dir, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        paths
            .make_runtime_dir(&env)
            .unwrap_err()
            .contains("open to others")
    );
    fs::remove_dir(&paths.runtime_dir).unwrap();
    symlink("/tmp", &paths.runtime_dir).unwrap();
    assert!(
        paths
            .make_runtime_dir(&env)
            .unwrap_err()
            .contains("not a directory")
    );
}

#[test]
fn the_operator_is_who_the_kernel_says() {
    let machine = Machine::new()
        .set("USER", "mallory")
        .set("SSH_CONNECTION", "10.1.2.3 50000 10.0.0.1 22");
    symlink("/proc/self", machine.path("self")).unwrap();
    machine.write("proc/sys/kernel/hostname", "ops-1\n");
    machine.write("proc/self/loginuid", "1000");
    fs::create_dir_all(machine.path("proc/self/fd")).unwrap();
    symlink("/dev/pts/3", machine.path("proc/self/fd/0")).unwrap();
    // The directory stands for this process, so the test's own user is the one who acts.
    let uid =
        std::os::unix::fs::MetadataExt::uid(&fs::metadata(machine.path("proc/self")).unwrap());
    machine.write(
        "etc/passwd",
        format!("boss:x:{uid}:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"),
    );
    let found = origin(&machine.env(), "console");
    assert_eq!(found.operator, "ann (boss)");
    assert_eq!(found.place, "ops-1 pts/3 from 10.1.2.3");
    assert_eq!(found.through, "console");
    machine.write("proc/self/loginuid", "4294967295");
    assert_eq!(origin(&machine.env(), "shell").operator, "boss");
}

#[test]
fn the_terminal_is_what_the_variables_say() {
    let of = |variables: &[(&str, &str)]| {
        Terminal::of(&Env::new(Path::new("/"), variables.iter().copied()))
    };
    assert_eq!(
        of(&[("TERM", "xterm-256color"), ("LANG", "de_DE.UTF-8")]).colors,
        Colors::Many
    );
    assert!(!of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).utf8);
    assert!(of(&[("LC_ALL", ""), ("LANG", "C.utf8")]).utf8);
    assert_eq!(of(&[("COLORTERM", "truecolor")]).colors, Colors::All);
    assert_eq!(
        of(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]).colors,
        Colors::None
    );
    assert_eq!(
        of(&[("COLORTERM", "truecolor"), ("NO_COLOR", "")]).colors,
        Colors::All
    );
    assert_eq!(
        of(&[("TMUX", "x"), ("STY", "y")]).multiplexer,
        Some(Multiplexer::Tmux)
    );
    assert_eq!(
        of(&[("VISUAL", "code -w"), ("EDITOR", "vi")]).editor,
        "code -w"
    );
}

#[test]
fn a_first_start_is_one_without_any_word_of_the_user() {
    let is_first = |machine: &Machine, flags: &Flags| {
        let env = machine.env();
        let paths = Paths::of(&env, flags.config.as_deref());
        is_first_start(flags, &env, &paths)
    };
    let plain = Flags::default();
    let machine = Machine::new();
    assert!(is_first(&machine, &plain));
    for flags in [
        Flags {
            hosts: vec!["a".into()],
            ..Flags::default()
        },
        Flags {
            start: Some("pane hosts".into()),
            ..Flags::default()
        },
        Flags {
            config: Some("/nowhere".into()),
            ..Flags::default()
        },
    ] {
        assert!(!is_first(&machine, &flags), "{flags:?}");
    }
    assert!(!is_first(
        &Machine::new().set("DOCKER_HOST", "tcp://x:1"),
        &plain
    ));
    assert!(
        !is_first(&Machine::with(""), &plain),
        "an empty file is a word, too"
    );
    remember_start(&Paths::of(&machine.env(), None));
    assert!(!is_first(&machine, &plain), "it is shown once");
}

#[test]
fn what_could_be_hosts_is_found_and_none_of_it_is_asked() {
    let machine = Machine::new();
    let _docker = machine.socket("var/run/docker.sock");
    let meta = r#"{"Name":"build","Endpoints":{"docker":{"Host":"ssh://ci@build"}}}"#;
    machine.write("home/ann/.docker/contexts/meta/x/meta.json", meta);
    machine.write(
        "home/ann/.ssh/config",
        "Host web-1 db-1\nHost web-* !old\nHost *\n",
    );
    let found = found(&machine.plain(), &machine.env());
    let told: Vec<_> = found
        .candidates
        .iter()
        .map(|one| (one.kind, one.name.as_str(), &one.answer))
        .collect();
    assert_eq!(
        told,
        [
            (Kind::Engine, "local", &Answer::Asked),
            (Kind::Context, "build", &Answer::NotAsked),
            (Kind::Alias, "web-1", &Answer::NotAsked),
            (Kind::Alias, "db-1", &Answer::NotAsked),
        ]
    );
    assert_eq!(found.places.len(), 7);
    assert!(found.file.0.ends_with("wharf.toml") && !found.file.1);
}
