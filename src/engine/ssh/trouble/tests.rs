//! The texts of OpenSSH 9.2, as they came from real connections, and what is made of them.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use super::*;

/// The story that a stderr text tells.
fn story(text: &str) -> Story {
    let mut story = Story::default();
    text.lines().for_each(|line| story.hear(line));
    story
}

fn direct() -> Site {
    Site::parse("hostname 10.0.0.7\nport 22\nuser alice\n")
}

fn behind_a_jump() -> Site {
    Site::parse("hostname 10.0.0.7\nport 22\nuser alice\nproxyjump bastion\n")
}

fn failed(site: &Site, text: &str) -> (TroubleKind, String, String) {
    let scene = Scene {
        by_hand: "ssh web",
        site,
        story: &story(text),
    };
    let trouble = scene.login_failed(End::Exit(Some(ExitStatus::from_raw(255 << 8))));
    (trouble.kind, trouble.reason, trouble.remedy)
}

const HELLO: &str = "debug1: Connection established.\n\
    debug1: Authenticating to 10.0.0.7:22 as 'alice'\n\
    debug1: Server host key: ssh-ed25519 SHA256:abc\n";

#[test]
fn host_keys() {
    let unknown = format!("{HELLO}Host key verification failed.\r\n");
    let (kind, reason, remedy) = failed(&direct(), &unknown);
    assert_eq!(kind, TroubleKind::HostKeyUnknown);
    assert_eq!(
        reason,
        "the host key of 10.0.0.7 is not known (ssh-ed25519 SHA256:abc)"
    );
    assert!(remedy.ends_with("accept it once: ssh web"), "{remedy}");

    // What a site with StrictHostKeyChecking yes sees.
    let strict = format!(
        "{HELLO}No ED25519 host key is known for 10.0.0.7 and you have requested strict checking.\n\
         Host key verification failed."
    );
    assert_eq!(failed(&direct(), &strict).0, TroubleKind::HostKeyUnknown);

    let changed = format!(
        "{HELLO}@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n\
         The fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc.\n\
         Offending ED25519 key in /home/alice/.ssh/known_hosts:7\n\
         Host key for 10.0.0.7 has changed and you have requested strict checking.\n\
         Host key verification failed.\n"
    );
    let (kind, _, remedy) = failed(&direct(), &changed);
    assert_eq!(kind, TroubleKind::HostKeyChanged);
    assert!(
        remedy.contains("ssh-keygen -f '/home/alice/.ssh/known_hosts' -R '10.0.0.7'"),
        "{remedy}"
    );
    // Debian prints the command itself.
    let debian = changed + "  ssh-keygen -f \"/home/alice/.ssh/known_hosts\" -R \"10.0.0.7\"\n";
    let (_, _, remedy) = failed(&direct(), &debian);
    assert!(
        remedy.contains(": ssh-keygen -f \"/home/alice/.ssh/known_hosts\" -R \"10.0.0.7\","),
        "{remedy}"
    );
}

#[test]
fn permissions() {
    let (kind, reason, _) = failed(
        &direct(),
        &format!("{HELLO}alice@10.0.0.7: Permission denied (publickey,gssapi-with-mic).\n"),
    );
    assert_eq!(kind, TroubleKind::AuthFailed);
    assert_eq!(
        reason,
        "alice@10.0.0.7 accepts none of our keys (publickey,gssapi-with-mic)"
    );
    for methods in ["publickey,password", "keyboard-interactive"] {
        let text = format!("{HELLO}alice@10.0.0.7: Permission denied ({methods}).\n");
        assert_eq!(failed(&direct(), &text).0, TroubleKind::LoginNeeded);
    }
    let many = format!(
        "{HELLO}Received disconnect from 10.0.0.7 port 22:2: Too many authentication failures\n\
         Disconnected from 10.0.0.7 port 22\n"
    );
    let (kind, _, remedy) = failed(&direct(), &many);
    assert_eq!(kind, TroubleKind::AuthFailed);
    assert!(remedy.contains("IdentitiesOnly"));
    let agent = "sign_and_send_pubkey: signing failed for ED25519 \"/k\" from agent: agent refused operation\n\
         alice@10.0.0.7: Permission denied (publickey).\n";
    assert!(failed(&direct(), agent).2.contains("refused to sign"));
}

#[test]
fn networks() {
    for (text, kind, reason) in [
        (
            "ssh: Could not resolve hostname nosuch.invalid: Name or service not known",
            TroubleKind::Dns,
            "the name of nosuch.invalid is not found: Name or service not known",
        ),
        (
            "ssh: connect to host 10.0.0.7 port 2299: Connection refused",
            TroubleKind::Unreachable,
            "10.0.0.7:2299 is not reached: Connection refused",
        ),
        (
            "ssh: connect to host 10.0.0.7 port 22: No route to host",
            TroubleKind::Unreachable,
            "10.0.0.7 is not reached: No route to host",
        ),
        (
            "ssh: connect to host 10.0.0.7 port 22: Connection timed out",
            TroubleKind::Timeout,
            "10.0.0.7 is not reached: Connection timed out",
        ),
        (
            "Connection timed out during banner exchange\nConnection to 10.0.0.7 port 22 timed out",
            TroubleKind::Timeout,
            "10.0.0.7 is reached, but no sshd greets there",
        ),
        (
            "kex_exchange_identification: read: Connection reset by peer\n\
             Connection reset by 10.0.0.7 port 22",
            TroubleKind::Throttled,
            "sshd turns us away before its greeting: kex_exchange_identification: read: Connection reset by peer",
        ),
        (
            "debug1: kex_exchange_identification: banner line 0: Not allowed at this time\n\
             kex_exchange_identification: Connection closed by remote host",
            TroubleKind::Throttled,
            "sshd turns us away for now: Not allowed at this time",
        ),
        (
            "Unable to negotiate with 10.0.0.7 port 22: no matching key exchange method found. Their offer: diffie-hellman-group1-sha1",
            TroubleKind::Other,
            "no common cryptography: Unable to negotiate with 10.0.0.7 port 22: no matching key exchange method found. Their offer: diffie-hellman-group1-sha1",
        ),
    ] {
        let (found, words, _) = failed(&direct(), text);
        assert_eq!((found, words.as_str()), (kind, reason));
    }
}

#[test]
fn jumps() {
    let closed = "kex_exchange_identification: Connection closed by remote host\n\
        Connection closed by UNKNOWN port 65535\n";
    let proxy = "debug1: Executing proxy command: exec ssh -W '[10.0.0.7]:22' bastion\n";
    for (text, kind, reason) in [
        (
            "ssh: connect to host 10.0.0.1 port 22: Connection refused\n",
            TroubleKind::JumpFailed,
            "the jump host 10.0.0.1 is not reached: Connection refused",
        ),
        (
            "ssh: Could not resolve hostname bastion: Name or service not known\n",
            TroubleKind::JumpFailed,
            "the name of the jump host bastion is not found: Name or service not known",
        ),
        (
            "debug1: Authenticating to bastion:22 as 'alice'\n\
             debug1: Server host key: ssh-ed25519 SHA256:j\nHost key verification failed.\n",
            TroubleKind::HostKeyUnknown,
            "the host key of the jump host bastion is not known (ssh-ed25519 SHA256:j)",
        ),
        (
            "debug1: Authenticating to bastion:22 as 'alice'\n\
             alice@bastion: Permission denied (publickey).\n",
            TroubleKind::AuthFailed,
            "the jump host (alice@bastion) accepts none of our keys (publickey)",
        ),
        (
            "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\n",
            TroubleKind::Unreachable,
            "10.0.0.7 is not reached from the jump host bastion: Connection refused",
        ),
        (
            "channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed\n",
            TroubleKind::JumpFailed,
            "the jump host bastion does not let connections through",
        ),
        (
            "nc: getaddrinfo: no address\n",
            TroubleKind::JumpFailed,
            "the way through bastion failed: nc: getaddrinfo: no address",
        ),
        (
            "Authenticated to bastion ([10.0.0.1]:22) using \"publickey\".\n",
            TroubleKind::Throttled,
            "sshd turns us away before its greeting: kex_exchange_identification: Connection closed by remote host",
        ),
    ] {
        let (found, words, _) = failed(&behind_a_jump(), &format!("{proxy}{text}{closed}"));
        assert_eq!((found, words.as_str()), (kind, reason));
    }
}

#[test]
fn configurations_and_the_rest() {
    let (kind, reason, _) = failed(
        &direct(),
        "/home/a/.ssh/config: line 3: Bad configuration option: nosuch\n\
         /home/a/.ssh/config: terminating, 1 bad configuration options\n",
    );
    assert_eq!(kind, TroubleKind::Other);
    assert!(
        reason.contains("line 3: Bad configuration option: nosuch"),
        "{reason}"
    );
    let (kind, reason, remedy) = failed(&direct(), "something new\n");
    assert_eq!((kind, &*reason), (TroubleKind::Other, "ssh: something new"));
    assert_eq!(remedy, "try it by hand: ssh web");
    assert_eq!(failed(&direct(), "").1, "ssh ended (exit status: 255)");
}

#[test]
fn deadlines() {
    let site = direct();
    let text = story(HELLO);
    let scene = Scene {
        by_hand: "ssh web",
        site: &site,
        story: &text,
    };
    let trouble = scene.login_failed(End::Deadline(25));
    assert_eq!(trouble.kind, TroubleKind::Timeout);
    assert_eq!(trouble.reason, "10.0.0.7 did not finish the login in 25 s");
    let scene = Scene {
        story: &Story::default(),
        ..scene
    };
    let trouble = scene.login_failed(End::Deadline(25));
    assert_eq!(trouble.reason, "10.0.0.7 did not answer in 25 s");
}

#[test]
fn losses() {
    let site = direct();
    for (text, reason) in [
        (
            "Timeout, server 10.0.0.7 not responding.",
            "10.0.0.7 no longer answers (no reply to three ssh keep-alives)",
        ),
        (
            "Connection to 10.0.0.7 closed by remote host.",
            "sshd closed the connection",
        ),
        (
            "client_loop: send disconnect: Broken pipe",
            "the connection broke: client_loop: send disconnect: Broken pipe",
        ),
        (
            "Read from remote host 10.0.0.7: Connection reset by peer",
            "the connection broke: Read from remote host 10.0.0.7: Connection reset by peer",
        ),
        (
            "Connection to bastion closed by remote host.\nConnection closed by UNKNOWN port 65535",
            "the way through the proxy broke",
        ),
        ("", "the connection ended: ssh ended (signal: 9 (SIGKILL))"),
    ] {
        let heard = story(&format!("{HELLO}{text}"));
        let scene = Scene {
            by_hand: "ssh web",
            site: &site,
            story: &heard,
        };
        let lost = scene.lost(End::Exit(Some(ExitStatus::from_raw(9))));
        assert_eq!(
            (lost.kind, lost.reason.as_str()),
            (TroubleKind::Lost, reason)
        );
        assert!(lost.raw.iter().all(|line| !line.starts_with("debug")));
    }
}
