//! What BuildKit asks of us while it builds: files, secrets and what opens registries, by gRPC over one connection.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use hyper::http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use super::proto::{Message, fields};
use super::tree::{Entry, RULES, Tree, What};
use crate::engine::image::trade::opens;
use crate::model::registry::Keys;

/// What BuildKit may call here.
pub(super) const METHODS: [&str; 4] = [HEALTH, SYNC, CREDENTIALS, SECRET];

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const SYNC: &str = "/moby.filesync.v1.FileSync/DiffCopy";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
const SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";

/// gRPC's own numbers for why not.
const NOT_FOUND: u16 = 5;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;

/// So much of a file goes in one message.
const PIECE: usize = 32 << 10;

/// No message to us is larger.
const LARGEST: usize = 1 << 20;

/// Packets of a directory on their way from the thread that reads it.
const ON_THE_WAY: usize = 16;

/// Go's bits of a file's mode.
const GO_DIRECTORY: u32 = 1 << 31;
const GO_LINK: u32 = 1 << 27;

/// What a build is given.
pub(super) struct Offer {
    /// The directory, without what stays at home.
    pub context: Arc<Tree>,
    /// The Dockerfile, and the rules that are its own.
    pub recipe: Arc<Tree>,
    /// The directory's rules.
    pub rules: Arc<Tree>,
    /// Secrets by their names.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// Who knows what opens registries.
    pub keys: Keys,
    /// How much of the directory has gone.
    pub gone: Arc<Gone>,
}

/// How much has gone.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// Bytes of files that were sent.
    pub done: AtomicU64,
    /// Bytes of files that were asked for.
    pub total: AtomicU64,
}

/// Answers until the connection ends.
pub(super) async fn serve(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    offer: Arc<Offer>,
) -> Result<(), h2::Error> {
    let mut server = h2::server::Builder::new();
    server.initial_window_size(1 << 20);
    let mut connection = server.handshake::<_, Bytes>(connection).await?;
    let mut answers = JoinSet::new();
    while let Some(call) = connection.accept().await {
        let (request, respond) = call?;
        answers.spawn(answer(request, respond, Arc::clone(&offer)));
        // Those that have ended are let go.
        while answers.try_join_next().is_some() {}
    }
    Ok(())
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    offer: Arc<Offer>,
) -> Result<(), h2::Error> {
    let method = request.uri().path().to_owned();
    if method == SYNC {
        let (parts, body) = request.into_parts();
        return match offer.directory(&parts.headers) {
            Some(tree) => sync(body, respond, tree, Arc::clone(&offer.gone)).await,
            None => refuse(&mut respond, NOT_FOUND, "there is no such directory"),
        };
    }
    let asked = read_one(request.into_body()).await?;
    let said = match method.as_str() {
        HEALTH => Ok(Message::default().number(1, 1)),
        CREDENTIALS => offer.credentials(&asked).await,
        SECRET => offer.secret(&asked),
        _ => Err((UNIMPLEMENTED, format!("{method} is not offered"))),
    };
    match said {
        Ok(message) => {
            let mut stream = respond.send_response(head(), false)?;
            send(&mut stream, framed(message)).await?;
            stream.send_trailers(status(0, ""))
        }
        Err((code, why)) => refuse(&mut respond, code, &why),
    }
}

impl Offer {
    /// The directory that is asked for.
    fn directory(&self, headers: &HeaderMap) -> Option<Arc<Tree>> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let only_rules = {
            let mut wanted = headers.get_all("followpaths").iter().peekable();
            wanted.peek().is_some() && wanted.all(|path| path.as_bytes() == RULES.as_bytes())
        };
        match text("dir-name")? {
            "dockerfile" => Some(Arc::clone(&self.recipe)),
            "context" if only_rules => Some(Arc::clone(&self.rules)),
            "context" => Some(Arc::clone(&self.context)),
            _ => None,
        }
    }

    fn secret(&self, asked: &[u8]) -> Result<Message, (u16, String)> {
        let id = fields(asked).find(|(field, _)| *field == 1);
        let id = id.map(|(_, value)| value.text()).unwrap_or_default();
        match self.secrets.get(&id) {
            Some(value) => Ok(Message::default().bytes(1, value)),
            None => Err((NOT_FOUND, format!("no secret {id} was given"))),
        }
    }

    async fn credentials(&self, asked: &[u8]) -> Result<Message, (u16, String)> {
        let host = fields(asked).find(|(field, _)| *field == 1);
        let host = host.map(|(_, value)| value.text()).unwrap_or_default();
        let host = match host.as_str() {
            "registry-1.docker.io" | "https://index.docker.io/v1/" => "docker.io".to_owned(),
            _ => host,
        };
        let key = opens(&self.keys, &host).await;
        let key = key.map_err(|why| (INTERNAL, why))?;
        let Some(key) = key else {
            return Ok(Message::default());
        };
        let text = |name: &str| key[name].as_str().unwrap_or("").as_bytes();
        Ok(match text("identitytoken") {
            [] => Message::default()
                .bytes(1, text("username"))
                .bytes(2, text("password")),
            token => Message::default().bytes(2, token),
        })
    }
}

/// What is asked for in a directory.
enum Wish {
    /// The file of that number.
    File(usize),
    /// Nothing more.
    End,
}

/// Tells what is in a directory and sends the files that are asked for: those that BuildKit does not have yet.
async fn sync(
    body: RecvStream,
    mut respond: SendResponse<Bytes>,
    tree: Arc<Tree>,
    gone: Arc<Gone>,
) -> Result<(), h2::Error> {
    let mut stream = respond.send_response(head(), false)?;
    let (wish, wishes) = mpsc::unbounded_channel();
    let (packets, mut ready) = mpsc::channel(ON_THE_WAY);
    let reading = spawn_blocking(move || feed(&tree, wishes, &packets, &gone));
    let writing = async {
        while let Some(packet) = ready.recv().await {
            send(&mut stream, packet).await?;
        }
        stream.send_trailers(status(0, ""))
    };
    let (heard, written) = tokio::join!(hear(body, wish), writing);
    // It has nothing to say but that nobody listens any more.
    let _ = reading.await;
    heard.and(written)
}

/// Reads what is asked for.
async fn hear(mut body: RecvStream, wish: mpsc::UnboundedSender<Wish>) -> Result<(), h2::Error> {
    let mut left = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        left.extend_from_slice(&data);
        while let Some(message) = unframed(&mut left) {
            let (mut kind, mut id) = (0, 0);
            for (field, value) in fields(&message) {
                match field {
                    1 => kind = value.number(),
                    3 => id = value.number(),
                    _ => {}
                }
            }
            let wished = match kind {
                1 => Wish::File(usize::try_from(id).unwrap_or(usize::MAX)),
                // What went wrong there is told as the build's own failure.
                3 | 4 => Wish::End,
                _ => continue,
            };
            let _ = wish.send(wished);
        }
    }
    Ok(())
}

/// Tells the directory, then reads files as they are asked for.
fn feed(
    tree: &Tree,
    mut wishes: mpsc::UnboundedReceiver<Wish>,
    packets: &mpsc::Sender<Bytes>,
    gone: &Gone,
) -> Option<()> {
    let say = |packet: Message| packets.blocking_send(framed(packet)).ok();
    for entry in &tree.entries {
        say(Message::default().bytes(2, &stat(entry).done()))?;
    }
    say(Message::default())?;
    while let Some(Wish::File(nth)) = wishes.blocking_recv() {
        let entry = tree.entries.get(nth)?;
        gone.total.fetch_add(entry.size(), Ordering::Relaxed);
        let number = nth as u64;
        let packet = || Message::default().number(1, 2).number(3, number);
        let mut buffer = vec![0; PIECE];
        let sent = entry.open().and_then(|mut from| {
            loop {
                let count = from.read(&mut buffer)?;
                if count == 0 || say(packet().bytes(4, &buffer[..count])).is_none() {
                    return Ok(());
                }
                gone.done.fetch_add(count as u64, Ordering::Relaxed);
            }
        });
        match sent {
            Ok(()) => say(packet())?,
            Err(error) => {
                let why = error.to_string();
                return say(Message::default().number(1, 4).bytes(4, why.as_bytes()));
            }
        }
    }
    say(Message::default().number(1, 3))
}

/// What BuildKit is told of a file.
fn stat(entry: &Entry) -> Message {
    use std::os::unix::ffi::OsStrExt as _;
    let mut mode = entry.mode & 0o777;
    for (unix, go) in [(0o4000, 1 << 23), (0o2000, 1 << 22), (0o1000, 1 << 20)] {
        mode |= if entry.mode & unix == 0 { 0 } else { go };
    }
    mode |= match &entry.what {
        What::Directory => GO_DIRECTORY,
        What::Link(_) => GO_LINK,
        What::File(..) | What::Text(_) => 0,
    };
    let stat = Message::default()
        .bytes(1, entry.name.as_os_str().as_bytes())
        .number(2, mode.into())
        .number(5, entry.size())
        .number(6, entry.mtime.cast_unsigned());
    match &entry.what {
        What::Link(to) => stat.bytes(7, to.as_os_str().as_bytes()),
        What::Directory | What::File(..) | What::Text(_) => stat,
    }
}

/// A message with its length before it.
fn framed(message: Message) -> Bytes {
    let message = message.done();
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = Vec::with_capacity(message.len() + 5);
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&message);
    Bytes::from(framed)
}

/// The first message of what has come, once it is whole.
fn unframed(left: &mut BytesMut) -> Option<Bytes> {
    let length = left.get(1..5)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let length = usize::try_from(length).ok()?;
    if left.len() < 5 + length {
        return None;
    }
    let mut message = left.split_to(5 + length).freeze();
    Some(message.split_off(5))
}

async fn read_one(mut body: RecvStream) -> Result<Bytes, h2::Error> {
    let mut left = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        if left.len() + data.len() <= LARGEST {
            left.extend_from_slice(&data);
        }
    }
    Ok(unframed(&mut left).unwrap_or_default())
}

/// Sends as fast as it is taken.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Result<(), h2::Error> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        while stream.capacity() == 0 {
            match poll_fn(|context| stream.poll_capacity(context)).await {
                Some(capacity) => capacity?,
                None => return Err(h2::Reason::CANCEL.into()),
            };
        }
        let count = stream.capacity().min(data.len());
        stream.send_data(data.split_to(count), false)?;
    }
    Ok(())
}

fn head() -> Response<()> {
    let mut response = Response::new(());
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}

fn status(code: u16, why: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("grpc-status", HeaderValue::from(code));
    if let Ok(why) = HeaderValue::from_str(why)
        && !why.is_empty()
    {
        headers.insert("grpc-message", why);
    }
    headers
}

fn refuse(respond: &mut SendResponse<Bytes>, code: u16, why: &str) -> Result<(), h2::Error> {
    let mut response = head();
    response.headers_mut().extend(status(code, why));
    respond.send_response(response, true).map(|_| ())
}
