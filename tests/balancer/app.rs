//! Small web servers that count what comes to them, and clients that count what they are answered.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{
        AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite,
        AsyncWriteExt as _, BufReader,
    },
    net::{TcpListener, UnixStream},
    task::JoinSet,
    time::sleep,
};

/// A web server; its clones are the same one. It ends with the runtime of its test.
#[derive(Clone)]
pub struct App {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    name: String,
    healthy: AtomicBool,
    status: AtomicU16,
    delay_ms: AtomicU64,
    hits: AtomicU64,
    /// Requests that are being answered.
    busy: AtomicU64,
    checks: AtomicU64,
}

impl App {
    /// Listens; whether its check answers well is said.
    pub async fn start(name: &str, healthy: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            name: name.to_owned(),
            healthy: AtomicBool::new(healthy),
            status: AtomicU16::new(200),
            delay_ms: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            checks: AtomicU64::new(0),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                tokio::spawn(async move { state.serve(stream).await });
            }
        });
        Self { address, state }
    }

    pub fn set_healthy(&self, healthy: bool) {
        self.state.healthy.store(healthy, Ordering::SeqCst);
    }

    pub fn set_status(&self, status: u16) {
        self.state.status.store(status, Ordering::SeqCst);
    }

    pub fn set_delay(&self, delay: Duration) {
        let ms = u64::try_from(delay.as_millis()).unwrap();
        self.state.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// Requests that came, checks not counted.
    pub fn hits(&self) -> u64 {
        self.state.hits.load(Ordering::SeqCst)
    }

    pub fn busy(&self) -> u64 {
        self.state.busy.load(Ordering::SeqCst)
    }

    /// Checks that came.
    pub fn checks(&self) -> u64 {
        self.state.checks.load(Ordering::SeqCst)
    }
}

impl State {
    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut stream = BufReader::new(stream);
        while let Some(path) = request(&mut stream).await {
            let is_check = path == "/healthz";
            let (status, body) = if is_check {
                self.checks.fetch_add(1, Ordering::SeqCst);
                let healthy = self.healthy.load(Ordering::SeqCst);
                (if healthy { 200 } else { 503 }, "")
            } else {
                self.hits.fetch_add(1, Ordering::SeqCst);
                self.busy.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst))).await;
                (self.status.load(Ordering::SeqCst), &*self.name)
            };
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let sent = stream.get_mut().write_all(answer.as_bytes()).await;
            if !is_check {
                self.busy.fetch_sub(1, Ordering::SeqCst);
            }
            if sent.is_err() {
                return;
            }
        }
    }
}

/// The path of the next request; none when no more comes.
async fn request(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut first = String::new();
    if stream.read_line(&mut first).await.ok()? == 0 {
        return None;
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            return first.split(' ').nth(1).map(str::to_owned);
        }
    }
}

/// What clients were answered: `200 name`, how often; what broke is `broken` with the reason.
pub type Answers = BTreeMap<String, u64>;

/// Clients that ask all the time, on connections that they keep.
pub struct Load {
    answers: Arc<Mutex<Answers>>,
    ending: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    /// So many clients of the frontend at that socket.
    pub fn start(front: &Path, clients: usize) -> Self {
        let (answers, ending) = (
            Arc::<Mutex<Answers>>::default(),
            Arc::new(AtomicBool::new(false)),
        );
        let mut all = JoinSet::new();
        for _ in 0..clients {
            let (answers, ending, front) =
                (Arc::clone(&answers), Arc::clone(&ending), front.to_owned());
            all.spawn(async move {
                let mut client = Client::new(front, "");
                while !ending.load(Ordering::SeqCst) {
                    let answer = client.ask().await;
                    *answers.lock().unwrap().entry(answer).or_default() += 1;
                    sleep(Duration::from_millis(1)).await;
                }
            });
        }
        Self {
            answers,
            ending,
            clients: all,
        }
    }

    /// Lets the clients end what they do, and tells what they were answered.
    pub async fn stop(mut self) -> Answers {
        self.ending.store(true, Ordering::SeqCst);
        while self.clients.join_next().await.is_some() {}
        self.answers.lock().unwrap().clone()
    }

    /// How much they were answered until now.
    pub fn answered(&self) -> u64 {
        self.answers.lock().unwrap().values().sum()
    }
}

/// How many answers were not `200`.
pub fn failed(answers: &Answers) -> u64 {
    let bad = answers
        .iter()
        .filter(|(answer, _)| !answer.starts_with("200 "));
    bad.map(|(_, count)| count).sum()
}

/// How many came from that server.
pub fn from(answers: &Answers, name: &str) -> u64 {
    answers.get(&format!("200 {name}")).copied().unwrap_or(0)
}

/// Asks so often, over several connections, with that header.
pub async fn ask(front: &Path, times: u64, header: &str) -> Answers {
    const CLIENTS: u64 = 16;
    let mut all = JoinSet::new();
    for client in 0..CLIENTS {
        let (front, header) = (front.to_owned(), header.to_owned());
        let own = times / CLIENTS + u64::from(client < times % CLIENTS);
        all.spawn(async move {
            let mut client = Client::new(front, &header);
            let mut answers = Answers::new();
            for _ in 0..own {
                *answers.entry(client.ask().await).or_default() += 1;
            }
            answers
        });
    }
    let mut sum = Answers::new();
    while let Some(answers) = all.join_next().await {
        for (answer, count) in answers.unwrap() {
            *sum.entry(answer).or_default() += count;
        }
    }
    sum
}

/// One client with one connection, which is opened anew where it was ended between two requests.
struct Client {
    front: PathBuf,
    header: String,
    stream: Option<BufReader<UnixStream>>,
}

impl Client {
    fn new(front: PathBuf, header: &str) -> Self {
        Self {
            front,
            header: header.to_owned(),
            stream: None,
        }
    }

    async fn ask(&mut self) -> String {
        match self.try_ask().await {
            Ok((answer, keep)) => {
                if !keep {
                    self.stream = None;
                }
                answer
            }
            Err(error) => {
                self.stream = None;
                format!("broken {error}")
            }
        }
    }

    async fn try_ask(&mut self) -> std::io::Result<(String, bool)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => none.insert(BufReader::new(UnixStream::connect(&self.front).await?)),
        };
        let request = format!("GET / HTTP/1.1\r\nHost: shop\r\n{}\r\n", self.header);
        stream.get_mut().write_all(request.as_bytes()).await?;
        let (mut status, mut length, mut keep) = (String::new(), 0, true);
        stream.read_line(&mut status).await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.parse().unwrap();
            }
            keep &= line != "connection: close";
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let code = status.split(' ').nth(1).unwrap_or("").to_owned();
        let body = if code == "503" && length > 20 {
            Vec::new()
        } else {
            body
        };
        Ok((format!("{code} {}", String::from_utf8_lossy(&body)), keep))
    }
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let start = tokio::time::Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
