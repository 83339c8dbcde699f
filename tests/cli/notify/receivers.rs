//! What receives notifications in tests: an HTTP server that answers as it is told, and real servers of Debian.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// A request as it came: the lines of its head, and its body.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub head: Vec<String>,
    pub body: String,
}

impl Heard {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An HTTP server: the n-th request gets the n-th answer, those after them the last; none is no answer at all.
pub(crate) struct Hook {
    pub port: u16,
    heard: Receiver<Heard>,
}

impl Hook {
    pub fn new(answers: &[Option<u16>], pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, heard) = channel();
        let answers = answers.to_vec();
        thread::spawn(move || {
            let mut kept = Vec::new();
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let answer = answers[number.min(answers.len() - 1)];
                let Some(request) = request(&stream) else {
                    continue;
                };
                if sender.send(request).is_err() {
                    return;
                }
                thread::sleep(pause);
                match answer {
                    Some(code) => respond(stream, code),
                    None => kept.push(stream),
                }
            }
        });
        Self { port, heard }
    }

    /// The next request; none when there is none in time.
    pub fn next(&self, patience: Duration) -> Option<Heard> {
        self.heard.recv_timeout(patience).ok()
    }

    /// The next one, which has to come.
    #[track_caller]
    pub fn must(&self) -> Heard {
        self.next(Duration::from_secs(20))
            .expect("a request in time")
    }
}

fn request(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let mut heard = Heard {
        head,
        body: String::new(),
    };
    let length = heard.header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    heard.body = String::from_utf8(body).ok()?;
    Some(heard)
}

fn respond(mut stream: TcpStream, code: u16) {
    let text =
        format!("HTTP/1.1 {code} So\r\ncontent-length: 6\r\nconnection: close\r\n\r\nthanks");
    let _ = stream.write_all(text.as_bytes());
}

/// A server of Debian; it ends with its test.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    pub fn start(program: &str, words: &[&str], log: &Path) -> Self {
        let said = fs::File::create(log).unwrap();
        let child = Command::new(program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{program}: {error}; tests/lab/install.sh installs what tests need")
        });
        Self { child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until a port answers.
#[track_caller]
pub(crate) fn until_open(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "port {port}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The text of a file once it holds something.
#[track_caller]
pub(crate) fn until_holds(path: &Path, part: &str) -> String {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.contains(part) {
            return text;
        }
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{part:?} is not in {}: {text}",
            path.display()
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// A certificate for `localhost` and its key, signed by itself.
pub(crate) fn certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    (cert, key)
}
