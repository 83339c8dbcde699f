//! Releases in files: made at one site, installed at another that knows nothing of it, over real ssh.

use std::fs;

use wharf_lab::Lab;

use crate::bench::Bench;

/// An app of one service, whose image no registry has.
const APP: &str = "
services:
  web:
    image: lab/parcel:${VERSION}
    command: [sh, -c, \"trap 'exit 0' TERM; while true; do sleep 1 & wait; done\"]
    stop_grace_period: 1s
    restart: unless-stopped
";

const QUICK: &str = "--bake 0s --settle 0s --yes";

/// A site: a home of its own, with its own store and key, and one host of the lab.
fn site(lab: &Lab, host: &str, environment: &str) -> Bench {
    let bench = Bench::new();
    let text = format!(
        "[ssh]\nconfig = \"{}\"\n[[host]]\nname = \"{host}\"\nendpoint = \"ssh://{host}\"\nenvironment = \"{environment}\"\n",
        lab.ssh_config().display()
    );
    fs::write(bench.file(), text).unwrap();
    bench
}

struct Images<'l>(&'l Lab);

impl Images<'_> {
    fn docker(&self, words: &[&str]) -> String {
        self.0.command(&[&["docker"], words].concat())
    }

    /// An image that only the first host has; its id.
    fn make(&self, version: &str) -> String {
        let (name, label) = (
            format!("lab/parcel:{version}"),
            format!("LABEL v={version}"),
        );
        let from = ["node1", "create", "--name", "parcel-base", "lab/busybox:1"];
        self.docker(&from);
        self.docker(&["node1", "commit", "-c", &label, "parcel-base", &name]);
        self.docker(&["node1", "rm", "parcel-base"]);
        self.id("node1", &name)
    }

    fn id(&self, host: &str, name: &str) -> String {
        let id = self.docker(&[host, "image", "inspect", "-f", "{{.Id}}", name]);
        id.trim().to_owned()
    }

    /// The image of the container that runs there.
    fn running(&self, host: &str) -> String {
        let mine = ["--filter", "label=io.wharf.app=parcel", "-q"];
        let id = self.docker(&[&[host, "ps"], &mine[..]].concat());
        let of = self.docker(&[host, "inspect", "-f", "{{.Image}}", id.trim()]);
        of.trim().to_owned()
    }
}

impl Drop for Images<'_> {
    fn drop(&mut self) {
        for host in ["node1", "node2"] {
            let mine = [host, "ps", "-aq", "--filter", "label=io.wharf.app=parcel"];
            for id in self.docker(&mine).split_whitespace() {
                self.docker(&[host, "rm", "-f", id]);
            }
            let images = [host, "images", "-q", "lab/parcel"];
            for id in self.docker(&images).split_whitespace() {
                self.docker(&[host, "rmi", "-f", id]);
            }
        }
    }
}

#[test]
fn a_release_is_carried_to_a_site_that_has_nothing_of_it() {
    let lab = Lab::shared();
    let (_one, _two) = (lab.host("node1"), lab.host("node2"));
    let images = Images(&lab);
    let (maker, customer) = (site(&lab, "node1", "dev"), site(&lab, "node2", "site"));
    let compose = maker.home().join("compose.yaml");
    fs::write(&compose, APP).unwrap();
    let bundle = maker.home().join("parcel.bundle");
    let release = |version: &str, more: &str| {
        let id = images.make(version);
        let line = format!(
            "app deploy parcel --file {} --set VERSION={version} --hosts node1 {QUICK}",
            compose.display()
        );
        maker.say(&line).ended(0);
        let line = format!("app bundle parcel --to {} {more}", bundle.display());
        let told = maker.say(&line).ended(0);
        (id, told)
    };
    let (first, _) = release("1", "");
    // Written once, not over what is there.
    let again = format!("app bundle parcel --to {}", bundle.display());
    maker.say(&again).ended(1).says("say --replace");

    let install = format!("app install {} --hosts node2 {QUICK}", bundle.display());
    let refused = customer.say(&install).ended(3);
    let key = refused.err.split("--trust ").nth(1).unwrap();
    let key = key.split(',').next().unwrap().to_owned();
    let trusted = format!("{install} --trust {key}");
    let previewed = customer.say(&format!("{trusted} --dry-run")).ended(0);
    assert!(
        previewed.out.contains("parcel in site: nothing → r000001"),
        "{previewed:?}"
    );
    customer.say(&trusted).ended(0);
    assert_eq!(images.running("node2"), first);

    // The next version over it, by a key that the site has written down; and back.
    let (second, _) = release("2", "--replace --yes");
    let text = fs::read_to_string(customer.file()).unwrap();
    let text = format!("{text}[bundle]\ntrust = [\"{key}\"]\n");
    fs::write(customer.file(), text).unwrap();
    let line = format!("app install {} {QUICK}", bundle.display());
    customer.say(&line).ended(0);
    assert_eq!(images.running("node2"), second);
    customer
        .say(&format!("app rollback parcel --env site {QUICK}"))
        .ended(0);
    assert_eq!(images.running("node2"), first);

    // One byte of the release is another.
    let mut bytes = fs::read(&bundle).unwrap();
    let part = b"\"image\": \"lab/parcel:2\"";
    let found = bytes.windows(part.len()).position(|one| one == part);
    let at = found.unwrap() + part.len() - 2;
    bytes[at] = b'3';
    fs::write(&bundle, bytes).unwrap();
    customer.say(&line).ended(3).complains("changed or damaged");
}
