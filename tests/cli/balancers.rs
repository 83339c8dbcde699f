//! Load balancers from a shell: Debian's HAProxy behind its admin socket.

use std::{fs, net::TcpListener, path::PathBuf};

use serde_json::Value;

use crate::{bench::Bench, proxy::Proxy};

/// A bench whose wharf.toml knows a balancer.
fn bench(proxy: &Proxy, more: &str) -> Bench {
    let bench = Bench::new();
    let text = fs::read_to_string(bench.file()).unwrap();
    let own = format!(
        "[[balancer]]\nname = \"edge\"\nsocket = \"{}\"\nmap = \"{}\"\nstate = \"{}\"\nconfig = \"{}\"\n{more}",
        proxy.text("admin.sock"),
        proxy.text("canary.map"),
        proxy.text("ops.state"),
        proxy.text("haproxy.cfg"),
    );
    fs::write(bench.file(), format!("{text}{own}")).unwrap();
    bench
}

/// A web server that answers every request well, and its address for a slot.
fn server() -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    port
}

/// Puts servers into the first slots of the stable backend, where they rest.
fn fill(proxy: &Proxy, servers: usize) {
    for slot in 1..=servers {
        let port = server();
        proxy.raw(&format!(
            "set server shop_stable/s{slot} addr 127.0.0.1 port {port}"
        ));
    }
}

fn admin(bench: &Bench, server: &str) -> Value {
    let shown = bench
        .say("balancer show edge shop_stable -o json")
        .ended(0)
        .json();
    let slots = shown["backends"][0]["slots"].as_array().unwrap().clone();
    let slot = slots
        .into_iter()
        .find(|slot| slot["name"] == format!("shop_stable/{server}"));
    slot.unwrap()["admin"].clone()
}

#[test]
fn servers_are_given_traffic_and_the_last_one_is_not_taken_unasked() {
    let proxy = Proxy::start(3, 1);
    let bench = bench(&proxy, "");
    fill(&proxy, 2);
    let done = bench
        .say("balancer ready edge shop_stable/s1 shop_stable/s2")
        .ended(0);
    assert!(
        done.out.contains("up (L7OK") || done.err.contains("up (L7OK"),
        "{done:?}"
    );
    assert_eq!(admin(&bench, "s1"), "ready");

    // Another one takes the traffic: nothing is asked.
    bench
        .say("balancer drain edge shop_stable/s1 --wait 5")
        .ended(0);
    assert_eq!(admin(&bench, "s1"), "drain");
    // This one is the last.
    let last = "s2 none of its servers takes any, and it answers 503";
    bench
        .say("balancer drain edge shop_stable/s2 --dry-run")
        .ended(0)
        .says(last)
        .says("it would ask");
    let refused = bench.say("balancer maintenance edge shop_stable/s2");
    assert_ne!(refused.code, 0, "{refused:?}");
    assert_eq!(admin(&bench, "s2"), "ready");
    bench
        .say("balancer maintenance edge shop_stable/s2 --yes")
        .ended(0);
    assert_eq!(admin(&bench, "s2"), "maintenance");

    let log = bench.say("audit list -o json").ended(0).json();
    let sentences: Vec<&str> = log
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["sentence"].as_str())
        .collect();
    assert!(
        sentences.contains(&"balancer maintenance edge shop_stable/s2"),
        "{sentences:?}"
    );
}

#[test]
fn a_balancer_is_listed_shown_checked_and_saved() {
    let proxy = Proxy::start(3, 1);
    let bench = bench(
        &proxy,
        "[[balancer]]\nname = \"gone\"\nsocket = \"/nowhere.sock\"\n",
    );
    fill(&proxy, 1);
    bench.say("balancer ready edge shop_stable/s1").ended(0);
    let list = bench
        .say("balancer list")
        .says("HAProxy 2.")
        .says("there is no socket /nowhere.sock");
    assert_ne!(list.code, 0, "one cannot be reached");
    bench.say("balancer weight edge shop_stable/s1 7").ended(0);
    bench.say("balancer share edge shop 25").ended(0);
    let shown = bench.say("balancer show edge -o json").ended(0).json();
    assert_eq!(
        (
            &shown["shares"]["shop"],
            &shown["backends"][0]["slots"][0]["weight"]
        ),
        (&"25".into(), &7.into())
    );
    bench
        .say("balancer show edge")
        .ended(0)
        .says("shop_stable/s1")
        .says("2 of 3 free")
        .says("share of the canary of shop: 25 %");
    bench.say("balancer save edge").ended(0);
    assert!(
        fs::read_to_string(proxy.path("canary.map"))
            .unwrap()
            .contains("shop 25")
    );
    assert!(
        fs::read_to_string(proxy.path("ops.state"))
            .unwrap()
            .contains(" s1 127.0.0.1 ")
    );
    // The backend of the tests that nobody checks.
    bench
        .say("balancer check edge")
        .ended(1)
        .says("checks of unchecked")
        .says("option httpchk");
    bench
        .say("balancer check edge -o name")
        .says("checks of unchecked");
}

#[test]
fn what_does_not_go_is_refused_with_what_to_do() {
    let proxy = Proxy::start(2, 1);
    let closed = format!(
        "read_only = true\n[[balancer]]\nname = \"looker\"\nsocket = \"{}\"\n",
        proxy.text("operator.sock")
    );
    let bench = bench(&proxy, &closed);
    let refused = bench.say("balancer share edge shop 5");
    assert_ne!(refused.code, 0, "{refused:?}");
    refused.complains("edge is read-only");
    let refused = bench.say("balancer share nobody shop 5");
    refused.complains("no balancer is called 'nobody'; there is edge, looker");
    bench
        .say("balancer ready looker shop_stable/s9")
        .ended(1)
        .says("shop_stable has no server s9");
    bench
        .say("balancer weight looker shop_stable/s1 5")
        .ended(1)
        .says("level admin");
    bench
        .say("balancer share looker shop 5")
        .ended(1)
        .says("it is not known which map holds its shares");
    bench.say("balancer share looker shop 101").ended(2);
    bench
        .say("balancer drain looker 'shop_stable/s1;x' --yes")
        .ended(2);
}

#[test]
fn what_is_rendered_is_taken_by_haproxy() {
    let proxy = Proxy::start(2, 1);
    let bench = bench(&proxy, "");
    let subnets: PathBuf = bench.home().join("branches.lst");
    fs::write(&subnets, "10.20.0.0/16\n").unwrap();
    let line = format!(
        "balancer render my-shop --balancer edge --servers 6 --port 8080 --sources {}",
        subnets.display()
    );
    let text = bench.say(&line).ended(0).out;
    // The lines that it says belong above are taken too.
    let head = text.lines().filter_map(|line| {
        line.strip_prefix("# ")
            .or_else(|| line.strip_prefix("#   "))
    });
    let head: Vec<&str> = head
        .filter(|line| !line.contains(" is ") && !line.contains("The map"))
        .collect();
    let head = head.join("\n").replace("[global]", "global").replace(
        "[defaults]",
        "defaults\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s",
    );
    let file = bench.home().join("h.cfg");
    fs::write(&file, format!("{head}\n{text}")).unwrap();
    let checked = std::process::Command::new("/usr/sbin/haproxy")
        .args(["-c", "-f"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        checked.status.success() && !said.contains("WARNING"),
        "{said}\n{head}\n{text}"
    );
}
