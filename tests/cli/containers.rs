//! In containers: commands between pipes, files in and out.

use std::fs;

use crate::bench::Bench;

#[test]
fn a_command_runs_between_pipes_and_gives_its_code() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let said = bench
        .say(&format!("container exec {target} -- echo one two"))
        .ended(0);
    assert_eq!(said.out, "one two\n");
    bench
        .say(&format!("container exec {target} -- sh -c 'exit 7'"))
        .ended(7);
    let failed = bench.say(&format!("container exec {target} -- cat /no/such/file"));
    assert_ne!(failed.code, 0);
    assert!(
        failed.out.is_empty() && !failed.err.is_empty(),
        "{failed:?}"
    );
    let acts = bench.say("audit list -o json").ended(0).json();
    assert_eq!(acts[1]["detail"], "exit code 7");
    assert_eq!(
        acts[1]["sentence"],
        format!("container exec {target} -- sh -c 'exit 7'")
    );
}

#[test]
fn a_command_reads_what_is_piped_into_it() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let said = bench.say_with(
        &format!("container exec {target} -- sh"),
        b"echo from here\nexit 3\n",
    );
    assert!(said.out.contains("from here"), "{said:?}");
    assert_eq!(said.code, 3);
}

#[test]
fn files_are_copied_in_and_out() {
    let bench = Bench::new();
    let target = bench.running("ams-1");
    let file = bench.home().join("motd");
    fs::write(&file, "hello\n").unwrap();
    bench
        .say(&format!("container copy motd {target}:/etc/motd"))
        .ended(0);
    let seen = bench
        .say(&format!("container exec {target} -- cat /etc/motd"))
        .ended(0);
    assert_eq!(seen.out, "hello\n");
    bench
        .say(&format!("container copy {target}:/etc/motd back"))
        .ended(0);
    assert_eq!(
        fs::read_to_string(bench.home().join("back")).unwrap(),
        "hello\n"
    );
    bench
        .say(&format!("container copy missing {target}:/etc/x"))
        .ended(1);
    bench
        .say("container copy a b")
        .ended(2)
        .complains("neither side");
}
