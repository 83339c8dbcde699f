//! What variables and the machine say.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use wharf::config::{Colors, Env, Flags, Multiplexer, Paths, Terminal, origin};

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
