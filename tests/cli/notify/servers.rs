//! Real servers: a mail server, rsyslogd, NATS.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use super::{
    configure,
    receivers::{Server, certificate, free_port, until_holds, until_open},
};
use crate::bench::Bench;

#[test]
fn mails_go_to_a_server_by_tls_and_with_a_login() {
    let bench = Bench::new();
    let home = bench.home();
    let (cert, key) = certificate(home);
    let (port, out) = (free_port(), home.join("mails"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/notify/smtpd.py");
    let words = [
        script,
        &port.to_string(),
        cert.to_str().unwrap(),
        key.to_str().unwrap(),
        out.to_str().unwrap(),
    ];
    let _server = Server::start("/usr/bin/python3", &words, &home.join("smtpd.log"));
    until_open(port);
    let channel = |name: &str, more: &str| {
        format!(
            "[[notify]]\nname = \"{name}\"\nsmtp = \"localhost:{port}\"\nfrom = \"wharf@example.org\"\n\
             user = \"wharf\"\npassword = \"env:MAIL\"\n{more}\n"
        )
    };
    let ca = format!("ca = \"{}\"", cert.display());
    let both = format!("to = [\"ops@example.org\", \"nobody@example.org\"]\n{ca}");
    let nobody = format!("to = [\"nobody@example.org\"]\n{ca}");
    configure(&bench, &channel("mail", &both));
    configure(&bench, &channel("nobody", &nobody));
    configure(&bench, &channel("trust", "to = [\"ops@example.org\"]"));
    configure(
        &bench,
        &channel("open", "to = [\"ops@example.org\"]\ntls = \"none\""),
    );
    let say = |line: &str, password: &str| {
        let child = bench.command(line).env("MAIL", password).spawn();
        crate::bench::answer(child.unwrap())
    };
    say("notify test mail", "geheim")
        .ended(0)
        .says("queued as 4711; not for nobody@example.org: 550");
    let text = until_holds(&out, "subject");
    let mail: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        mail["subject"],
        "[wharf] this is a test of the channel mail"
    );
    assert_eq!(mail["to"], serde_json::json!(["ops@example.org"]));
    assert_eq!(mail["tls"], true);
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert!(mail["longest"].as_u64().unwrap() <= 78, "{mail}");
    let text = mail["text"].as_str().unwrap();
    assert!(
        text.contains("If you read this, the channel works."),
        "{text}"
    );
    assert!(mail["id"].as_str().unwrap().starts_with("test-"));
    // What goes wrong is told, without the password.
    let told = say("notify test mail", "false-1").ended(1);
    let told = told.complains("does not let wharf in: 535");
    assert!(!told.err.contains("false-1"), "{told:?}");
    say("notify test nobody", "geheim")
        .ended(1)
        .complains("550 5.1.1 no such mailbox");
    say("notify test trust", "geheim")
        .ended(1)
        .complains("name who signed its certificate");
    say("notify test open", "geheim")
        .ended(1)
        .complains("sending to open");
    bench
        .say("notify test mail")
        .ended(1)
        .complains("the variable MAIL is not set");
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 1);
}

#[test]
fn rsyslogd_reads_what_comes_over_udp_tcp_and_its_socket() {
    let bench = Bench::new();
    let home = bench.home();
    let (udp, tcp, socket) = (free_port(), free_port(), home.join("log.sock"));
    let (out, conf) = (home.join("out"), home.join("rsyslog.conf"));
    let text = format!(
        "module(load=\"imudp\")\nmodule(load=\"imtcp\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imudp\" port=\"{udp}\" address=\"127.0.0.1\")\n\
         input(type=\"imtcp\" port=\"{tcp}\" address=\"127.0.0.1\")\n\
         input(type=\"imuxsock\" Socket=\"{}\")\n\
         template(name=\"all\" type=\"string\" string=\"%inputname%|%pri-text%|%app-name%|%msgid%|%structured-data%|%msg%\\n\")\n\
         action(type=\"omfile\" file=\"{}\" template=\"all\")\n",
        socket.display(),
        out.display()
    );
    fs::write(&conf, text).unwrap();
    let pid = home.join("rsyslog.pid");
    let words = [
        "-n",
        "-f",
        conf.to_str().unwrap(),
        "-i",
        pid.to_str().unwrap(),
    ];
    let _server = Server::start("/usr/sbin/rsyslogd", &words, &home.join("rsyslog.log"));
    until_open(tcp);
    for (name, to) in [
        ("udp", format!("udp://127.0.0.1:{udp}")),
        ("tcp", format!("tcp://127.0.0.1:{tcp}")),
        ("unix", format!("unix://{}", socket.display())),
    ] {
        configure(
            &bench,
            &format!("[[notify]]\nname = \"{name}\"\nsyslog = \"{to}\"\nfacility = \"local3\"\n"),
        );
        bench.say(&format!("notify test {name}")).ended(0);
        let text = until_holds(&out, &format!("this is a test of the channel {name}"));
        let line = text
            .lines()
            .find(|line| line.contains(&format!("channel {name}")))
            .unwrap();
        assert!(line.contains("|local3.info|wharf|"), "{line}");
        if name == "unix" {
            assert!(line.contains("[test-"), "{line}");
        } else {
            assert!(line.contains("|test|[wharf@32473 id=\"test-"), "{line}");
            assert!(line.contains("outcome=\"success\" count=\"1\"]|"), "{line}");
        }
    }
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"none\"\nsyslog = \"tcp://127.0.0.1:{}\"\n",
            free_port()
        ),
    );
    bench
        .say("notify test none")
        .ended(1)
        .complains("the log cannot be reached");
}

#[test]
fn a_bus_gets_messages_that_its_subscribers_read() {
    let bench = Bench::new();
    let home = bench.home();
    let (cert, key) = certificate(home);
    let (port, closed) = (free_port(), free_port());
    let start = |port: u16, more: &[&str]| {
        let port = port.to_string();
        let mut words = vec![
            "-a",
            "127.0.0.1",
            "-p",
            &port,
            "--user",
            "wharf",
            "--pass",
            "geheim",
        ];
        words.extend(more);
        let log = home.join(format!("nats-{port}.log"));
        let server = Server::start("/usr/sbin/nats-server", &words, &log);
        until_open(port.parse().unwrap());
        server
    };
    let _open = start(port, &[]);
    let tls = [
        "--tls",
        "--tlscert",
        cert.to_str().unwrap(),
        "--tlskey",
        key.to_str().unwrap(),
    ];
    let _closed = start(closed, &tls);
    configure(
        &bench,
        &format!(
            "[[notify]]\nname = \"bus\"\nnats = \"nats://127.0.0.1:{port}\"\nsubject = \"ops.wharf\"\n\
             user = \"wharf\"\npassword = \"env:BUS\"\n\
             [[notify]]\nname = \"secure\"\nnats = \"tls://localhost:{closed}\"\nca = \"{}\"\n\
             user = \"wharf\"\npassword = \"env:BUS\"\n",
            cert.display()
        ),
    );
    let mut subscriber = TcpStream::connect(("127.0.0.1", port)).unwrap();
    subscriber
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let hello = "CONNECT {\"verbose\":false,\"user\":\"wharf\",\"pass\":\"geheim\",\"headers\":true}\r\nSUB ops.> 1\r\nPING\r\n";
    subscriber.write_all(hello.as_bytes()).unwrap();
    let mut reader = BufReader::new(subscriber);
    let mut line = String::new();
    while line != "PONG\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    let say = |line: &str, password: &str| {
        let child = bench.command(line).env("BUS", password).spawn();
        crate::bench::answer(child.unwrap())
    };
    say("notify test bus", "geheim").ended(0).says("took it");
    line.clear();
    reader.read_line(&mut line).unwrap();
    // HMSG subject sid bytes-of-headers bytes-of-all
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[..3], ["HMSG", "ops.wharf", "1"], "{line}");
    let (head, all): (usize, usize) = (words[3].parse().unwrap(), words[4].parse().unwrap());
    let mut bytes = vec![0; all];
    reader.read_exact(&mut bytes).unwrap();
    let body: Value = serde_json::from_slice(&bytes[head..]).unwrap();
    assert_eq!(body["title"], "this is a test of the channel bus");
    let head = String::from_utf8(bytes[..head].to_vec()).unwrap();
    assert!(head.contains(&format!("Nats-Msg-Id: {}", body["id"].as_str().unwrap())));
    say("notify test secure", "geheim").ended(0).says("took it");
    let told = say("notify test bus", "false-1").ended(1);
    assert!(
        told.err.contains("Authorization") && !told.err.contains("false-1"),
        "{told:?}"
    );
}
