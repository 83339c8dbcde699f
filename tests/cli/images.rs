//! Images between real hosts, over real ssh: copied while a link breaks, bundled, carried, damaged and loaded.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use wharf_lab::{Host, Lab};

use crate::bench::Bench;

/// A bench whose hosts are the lab's.
fn bench(lab: &Lab) -> Bench {
    let bench = Bench::new();
    let config = fs::read_to_string(lab.wharf_config()).unwrap();
    // A dead link is noticed soon.
    let config = config.replacen("[ssh]\n", "[ssh]\nkeep_alive = \"2s\"\n", 1);
    fs::write(bench.file(), config).unwrap();
    bench
}

/// Builds an image with layers of so many megabytes each, which nothing can compress.
fn build(host: &Host<'_>, name: &str, layers: &[usize]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut lines = vec!["FROM lab/busybox:1".to_owned()];
    let mut noise = fs::File::open("/dev/urandom").unwrap();
    for (at, megabytes) in layers.iter().enumerate() {
        let mut bytes = vec![0; megabytes << 20];
        noise.read_exact(&mut bytes).unwrap();
        fs::write(dir.path().join(format!("f{at}")), bytes).unwrap();
        lines.push(format!("COPY f{at} /f{at}"));
    }
    fs::write(dir.path().join("Dockerfile"), lines.join("\n")).unwrap();
    host.docker(&["build", "-q", "-t", name, &dir.path().display().to_string()]);
    id(host, name)
}

fn id(host: &Host<'_>, name: &str) -> String {
    let said = host.docker(&["image", "inspect", "-f", "{{.Id}}", name]);
    said.trim().to_owned()
}

/// The sums of what is in an image, by a container of it.
fn sums(host: &Host<'_>, name: &str) -> String {
    host.docker(&[
        "run",
        "--rm",
        "--network",
        "none",
        name,
        "sh",
        "-c",
        "sha256sum /f*",
    ])
}

/// Images that are parts of one on its way.
fn parts(host: &Host<'_>) -> String {
    host.docker(&["images", "-aq", "--filter", "label=io.wharf.part-of"])
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn an_image_is_copied_to_two_hosts_and_goes_on_after_a_cut() {
    let lab = Lab::shared();
    let (source, other) = (lab.host("node1"), lab.host("node3"));
    let cut = lab.disturb("node2");
    let bench = bench(&lab);
    let built = build(&source, "copied:1", &[40, 40, 40, 40, 40]);

    let line = "image copy copied:1 --to node2 --to node3 --limit 16M";
    let mut copying = bench.command(line).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(copying.stdout.take().unwrap()).lines();
    until("a part has arrived", || !parts(&cut).is_empty());
    cut.cut();
    let broke = said.find(|line| line.as_ref().unwrap().contains("copied:1@node2"));
    let broke = broke.unwrap().unwrap();
    cut.heal();
    assert!(broke.contains("the link broke"), "{broke}");
    let rest: Vec<String> = said.map(Result::unwrap).collect();
    assert!(copying.wait().unwrap().success(), "{rest:?}");

    // What had arrived was not sent again: the parts make up the whole.
    let story = rest
        .iter()
        .find(|line| line.contains("copied:1@node2"))
        .unwrap();
    assert!(story.ends_with("200M of 202M sent"), "{story}");
    for host in [&*cut, &other] {
        assert_eq!(id(host, "copied:1"), built);
        assert_eq!(sums(host, "copied:1"), sums(&source, "copied:1"));
        assert_eq!(parts(host), "", "parts are taken away");
    }
    let again = bench.say("image copy copied:1 --to node3").ended(3);
    again.complains("@node3 has copied:1 already");
    for host in [&source, &*cut, &other] {
        host.docker(&["rmi", "-f", "copied:1"]);
    }
}

#[test]
fn a_bundle_is_whole_or_refused() {
    let lab = Lab::shared();
    let (source, target) = (lab.host("node1"), lab.host("node4"));
    let bench = bench(&lab);
    let built = build(&source, "carried:1", &[3, 5]);
    let file = bench.home().join("release.tar");
    bench
        .say("image bundle carried:1 --to release.tar")
        .ended(0);
    bench
        .say("image bundle carried:1 --to release.tar")
        .ended(1)
        .complains("failed");
    let left = fs::read_dir(bench.home()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.contains("release")).count(), 1);

    damage(&file);
    let refused = bench.say("image load release.tar --to node4").ended(1);
    assert!(refused.out.contains("a layer is damaged"), "{refused:?}");
    assert_eq!(target.docker(&["images", "-q", "carried:1"]), "");

    bench
        .say("image bundle carried:1 --to release.tar --replace --yes")
        .ended(0);
    let loaded = bench.say("image unbundle release.tar --to node4").ended(0);
    assert!(loaded.out.contains("8.00M of 9.92M sent"), "{loaded:?}");
    assert_eq!(id(&target, "carried:1"), built);
    assert_eq!(sums(&target, "carried:1"), sums(&source, "carried:1"));

    // What Docker's own client makes of it.
    target.docker(&["rmi", "carried:1"]);
    target.docker(&["load", "-i", &file.display().to_string()]);
    assert_eq!(id(&target, "carried:1"), built);
    for host in [&source, &target] {
        host.docker(&["rmi", "-f", "carried:1"]);
    }
}

/// Turns one byte in the middle of a file into another.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn names_come_and_go() {
    let lab = Lab::shared();
    let host = lab.host("node1");
    let bench = bench(&lab);
    build(&host, "named:1", &[1]);
    bench.say("image tag named:1@node1 named:stable").ended(0);
    assert_eq!(id(&host, "named:stable"), id(&host, "named:1"));
    bench.say("image remove named:1@node1 --yes").ended(0);
    assert_eq!(host.docker(&["images", "-q", "named:1"]), "");
    host.docker(&["create", "--name", "holds-image", "named:stable"]);
    let refused = bench.say("image remove named:stable@node1 --yes").ended(3);
    refused.complains("named:stable@node1 is used by holds-image");
    host.docker(&["rm", "holds-image"]);
    bench.say("image remove named:stable@node1 --yes").ended(0);
    assert_eq!(host.docker(&["images", "-q", "named"]), "");
}
