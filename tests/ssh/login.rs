//! Logins that a person makes at the terminal, and connections that the person has already.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use wharf::model::TroubleKind;

use super::{
    engine::Engine,
    ground::{Ground, keygen},
};

/// A person who answers when the terminal shows something.
struct Person {
    screen: DuplexStream,
    keys: DuplexStream,
    seen: String,
}

impl Person {
    /// With the two ends for the login.
    fn new() -> (Self, DuplexStream, DuplexStream) {
        let (screen, output) = duplex(4096);
        let (keys, input) = duplex(4096);
        let person = Self {
            screen,
            keys,
            seen: String::new(),
        };
        (person, input, output)
    }

    /// Waits for a text on the screen, then types.
    async fn answer(&mut self, question: &str, answer: &str) {
        let wait = async {
            let mut bytes = [0; 512];
            while !self.seen.contains(question) {
                let count = self.screen.read(&mut bytes).await.unwrap();
                assert!(count > 0, "no '{question}' in {}", self.seen);
                self.seen += &String::from_utf8_lossy(&bytes[..count]);
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait)
            .await
            .unwrap();
        self.keys.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn the_login_a_person_makes_is_the_connection_in_use() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    keygen(&ground.path("locked"), "open sesame");
    std::fs::copy(ground.path("locked.pub"), ground.path("allowed")).unwrap();
    let locked = format!("IdentityFile {}", ground.path("locked").display());
    ground.stranger("web", &sshd, &locked);
    let engine = Engine::listen(&ground.path("e"));
    let ssh = ground.ssh();
    let open = async || ssh.open("web", None, Some(engine.socket()), |_| {}).await;
    let trouble = open().await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::HostKeyUnknown);

    let (mut person, input, output) = Person::new();
    let (login, ()) = tokio::join!(ssh.login("web", None, input, output), async {
        person.answer("(yes/no/[fingerprint])?", "yes\r").await;
        person
            .answer("Enter passphrase for key", "open sesame\r")
            .await;
    });
    login.unwrap();
    assert!(
        person.seen.contains("ED25519 key fingerprint is SHA256:"),
        "{}",
        person.seen
    );
    assert!(!person.seen.contains("open sesame"), "{}", person.seen);

    // The connection serves tunnel after tunnel, without another login.
    for _ in 0..2 {
        let tunnel = open().await.unwrap();
        let answer = tunnel.run("echo here", Duration::from_secs(5)).await;
        assert_eq!(answer.as_deref(), Ok("here\n"));
    }
    assert_eq!(sshd.logins(), 1);

    // When it is lost the reason is known, and the next attempt asks nobody.
    let tunnel = open().await.unwrap();
    sshd.signal(rustix::process::Signal::KILL);
    let lost = tokio::time::timeout(Duration::from_secs(5), tunnel.closed())
        .await
        .unwrap();
    // ssh notices it by reading or by writing, whichever comes first.
    let noticed = ["closed the connection", "the connection broke"];
    assert!(
        noticed.iter().any(|words| lost.reason.contains(words)),
        "{lost}"
    );
    let trouble = open().await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::AuthFailed);
    drop((tunnel, ssh));
    ground.nothing_left(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_login_ends_with_the_transport() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.host("web", &sshd, "");
    let ssh = ground.ssh();
    let (_person, input, output) = Person::new();
    ssh.login("web", None, input, output).await.unwrap();
    assert_eq!(ground.processes().len(), 1);
    drop(ssh);
    ground.nothing_left(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_login_can_be_broken_off() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    ground.stranger("web", &sshd, "");
    let ssh = ground.ssh();
    let (mut person, input, output) = Person::new();
    let login = tokio::select! {
        login = ssh.login("web", None, input, output) => login,
        () = async {
            person.answer("(yes/no/[fingerprint])?", "").await;
            // ssh misses one that comes between its question and its reading.
            loop {
                tokio::time::sleep(Duration::from_millis(300)).await;
                person.answer("", "\x03").await;
            }
        } => unreachable!("people press it until it works"),
    };
    let trouble = login.unwrap_err();
    assert_eq!(trouble.reason, "the login was broken off");
    ground.nothing_left(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn a_wrong_password_is_a_failed_login() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("PasswordAuthentication yes");
    std::fs::copy(ground.path("stranger.pub"), ground.path("allowed")).unwrap();
    ground.host("web", &sshd, "NumberOfPasswordPrompts 1");
    let ssh = ground.ssh();
    let (mut person, input, output) = Person::new();
    let (login, ()) = tokio::join!(
        ssh.login("web", None, input, output),
        person.answer("password:", "wrong\r")
    );
    let trouble = login.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::LoginNeeded);
    assert!(!format!("{trouble:?}").contains("wrong"), "{trouble:?}");
}

#[tokio::test]
async fn the_persons_own_master_is_used_and_left_alone() {
    let mut ground = Ground::new();
    let sshd = ground.sshd("");
    let control = ground.path("own-%p").display().to_string();
    ground.host("web", &sshd, &format!("ControlPath {control}"));
    let config = ground.path("config");
    let mut own = std::process::Command::new("ssh")
        .arg("-F")
        .arg(&config)
        .args(["-M", "-N", "web"])
        .spawn()
        .unwrap();
    let path = ground.path(&format!("own-{}", sshd.port));
    while std::os::unix::net::UnixStream::connect(&path).is_err() {
        assert!(own.try_wait().unwrap().is_none(), "{}", sshd.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let engine = Engine::listen(&ground.path("e"));
    let tunnel = ground.open("web", engine.socket()).await.unwrap();
    assert_eq!(sshd.logins(), 1);
    drop(tunnel);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        own.try_wait().unwrap().is_none(),
        "the person's master must live on"
    );
    let tunnel = ground.open("web", engine.socket()).await.unwrap();
    own.kill().unwrap();
    own.wait().unwrap();
    let lost = tokio::time::timeout(Duration::from_secs(5), tunnel.closed())
        .await
        .unwrap();
    assert_eq!(lost.kind, TroubleKind::Lost);
}
