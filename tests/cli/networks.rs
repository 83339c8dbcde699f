//! Networks and subnets from a shell: on simulated hosts, and on real ones over real ssh.

use std::fs;

use serde_json::Value;
use wharf_lab::Lab;

use crate::bench::Bench;

/// Adds ranges of the site to a bench's configuration.
fn with_ranges(bench: &Bench) {
    let mut text = fs::read_to_string(bench.file()).unwrap();
    text.push_str(
        "\n[[site_range]]\nname = \"office\"\ncidr = \"10.77.0.0/16\"\n\
         [[site_range]]\nname = \"containers\"\ncidr = \"10.78.0.0/22\"\ndeal = true\n",
    );
    fs::write(bench.file(), text).unwrap();
}

fn subnets(bench: &Bench, name: &str) -> Vec<(String, String)> {
    let all = bench
        .say(&format!("subnet list name:{name} -o json"))
        .ended(0)
        .json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = all.as_array().unwrap().iter();
    rows.map(|one| (text(&one["hosts"][0]), text(&one["subnet"])))
        .collect()
}

#[test]
fn blocks_are_dealt_to_hosts_and_come_back_when_they_are_free() {
    let bench = Bench::new();
    with_ranges(&bench);
    assert_eq!(
        bench.say("subnet free --in containers").ended(0).out,
        "10.78.0.0/24\n"
    );
    let made = bench
        .say("network create pool --on @ams-1 --on @ams-2 --subnet auto --in containers --label team=web")
        .ended(0);
    assert!(
        made.out.contains("pool@ams-1") && made.out.contains("pool@ams-2"),
        "{made:?}"
    );
    let dealt = subnets(&bench, "pool");
    assert_eq!(
        dealt,
        [
            ("ams-1".to_owned(), "10.78.0.0/24".to_owned()),
            ("ams-2".to_owned(), "10.78.1.0/24".to_owned())
        ]
    );
    assert_eq!(
        bench.say("subnet free").ended(0).out,
        "10.78.2.0/24\n",
        "from the range to deal from"
    );
    let more = bench.say("subnet free /24 -n 3").ended(3);
    more.complains("no /24 is free in 10.78.0.0/22");
    bench
        .say("network create other --on @ams-1 --subnet 10.78.0.0/25")
        .ended(3)
        .complains("10.78.0.0/25 overlaps 10.78.0.0/24 of pool@ams-1");
    bench
        .say("network create pool --on @ams-1")
        .ended(3)
        .complains("pool@ams-1 exists already");
    bench
        .say("network remove pool@ams-1 --yes")
        .ended(3)
        .complains("--confirm 'prod'");
    bench.say("network remove 'pool@*' --confirm prod").ended(0);
    assert!(subnets(&bench, "pool").is_empty());
    let acts = bench.say("audit list -o json").ended(0).json();
    let first = acts.as_array().unwrap().first().unwrap();
    assert_eq!(
        first["sentence"],
        "network create pool --on @ams-1 --on @ams-2 --subnet auto --in containers --label team=web"
    );
}

#[test]
fn a_network_says_who_is_attached_and_what_is_wrong() {
    let bench = Bench::new();
    with_ranges(&bench);
    let target = bench.running("ams-3");
    bench
        .say("network create shadow --on @ams-3 --subnet 10.77.4.0/24")
        .ended(3)
        .complains("say --yes");
    bench
        .say("network create shadow --on @ams-3 --subnet 10.77.4.0/24 --yes")
        .ended(0);
    bench
        .say(&format!(
            "network connect shadow {target} --ip 10.77.4.9 --alias front"
        ))
        .ended(0);
    let shown = bench
        .say("network show shadow@ams-3 -o json")
        .ended(0)
        .json();
    let one = &shown[0];
    assert_eq!(one["attached"][0]["ipv4"], "10.77.4.9");
    assert!(
        one["attached"][0]["aliases"]
            .as_array()
            .unwrap()
            .contains(&Value::from("front")),
        "{one}"
    );
    assert_eq!(one["findings"][0]["kind"], "site");
    let told = bench.say("network show shadow@ams-3").ended(0);
    assert!(
        told.out.contains("10.77.4.9") && told.out.contains("hides site range office"),
        "{told:?}"
    );
    let found = bench.say("subnet check").ended(0);
    assert!(
        found.out.contains("site      shadow (10.77.4.0/24) hides"),
        "{found:?}"
    );
    bench
        .say("network remove shadow@ams-3 --yes")
        .ended(3)
        .complains("is in use by");
    let (name, _) = target.split_once('@').unwrap();
    let probed = bench
        .say(&format!("network probe {target} {name}:80"))
        .ended(0);
    assert!(probed.out.contains("it answers"), "{probed:?}");
    let lost = bench
        .say(&format!("network probe {target} nobody:80"))
        .ended(1);
    assert!(lost.out.contains("no answer"), "{lost:?}");
    bench
        .say(&format!("network disconnect shadow {target} --yes"))
        .ended(0);
    bench.say("network prune @ams-3 --yes").ended(0);
    assert!(subnets(&bench, "shadow").is_empty());
}

#[test]
fn networks_on_real_hosts_have_blocks_of_their_own_and_a_path() {
    let lab = Lab::shared();
    let hosts = ["node1", "node2", "node3"].map(|name| lab.host(name));
    let bench = Bench::new();
    fs::write(
        bench.file(),
        fs::read_to_string(lab.wharf_config()).unwrap(),
    )
    .unwrap();
    bench
        .say("network create dealt --on @node1 --on @node2 --on @node3 --subnet auto --in 10.213.64.0/20")
        .ended(0);
    for (at, host) in hosts.iter().enumerate() {
        let said = host.docker(&[
            "network",
            "inspect",
            "-f",
            "{{(index .IPAM.Config 0).Subnet}}",
            "dealt",
        ]);
        assert_eq!(said.trim(), format!("10.213.{}.0/24", 64 + at));
    }
    let run = |name: &str, script: &str| {
        let line = [
            "run",
            "-d",
            "--name",
            name,
            "--network",
            "dealt",
            "lab/busybox:1",
            "sh",
            "-c",
            script,
        ];
        hosts[0].docker(&line);
    };
    run("net-a", "sleep 600");
    run("net-b", "while :; do nc -l -p 7777 </dev/null; done");
    let probed = bench
        .say("network probe net-a@node1 net-b@node1:7777")
        .ended(0);
    assert!(
        probed.out.contains("it answers (seen with nc"),
        "{probed:?}"
    );
    let by_name = bench
        .say("network probe net-a@node1 net-b:7777 --helper lab/busybox:1")
        .ended(0);
    assert!(by_name.out.contains("it answers"), "{by_name:?}");
    let closed = bench
        .say("network probe net-a@node1 net-b@node1:7778")
        .ended(1);
    assert!(closed.out.contains("refused"), "{closed:?}");
    bench
        .say("network remove dealt@node1 --yes")
        .ended(3)
        .complains("dealt@node1 is in use by net-a, net-b");
    hosts[0].docker(&["rm", "-f", "net-a", "net-b"]);
    bench
        .say("network remove 'dealt@*' --confirm prod")
        .ended(0);
    for host in &hosts {
        assert_eq!(
            host.docker(&["network", "ls", "-q", "-f", "name=dealt"]),
            ""
        );
    }
}
