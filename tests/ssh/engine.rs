//! An engine as small as the transport needs: it answers pings, lists and follow-streams.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};
use wharf::engine::ssh::Stream;

/// A body as long as the list of 23 containers.
pub const LIST: usize = 14_000;

/// A fake engine on a unix socket; it ends when dropped.
pub struct Engine {
    path: PathBuf,
    served: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Engine {
    /// Listens at `path`.
    pub fn listen(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream));
            }
        });
        Self {
            path: path.to_owned(),
            served,
            task,
        }
    }

    /// Its socket.
    pub fn socket(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// How many connections it took.
    pub fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: UnixStream) {
    let mut pending = Vec::new();
    loop {
        let Some(end) = pending.windows(4).position(|w| w == b"\r\n\r\n") else {
            match stream.read_buf(&mut pending).await {
                Ok(count) if count > 0 => continue,
                _ => return,
            }
        };
        let head = String::from_utf8(pending.drain(..end + 4).collect()).unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let sent = match path {
            "/_ping" => send(&mut stream, b"OK").await,
            "/list" => send(&mut stream, &[b'x'; LIST]).await,
            "/follow" => follow(&mut stream).await,
            "/echo" => echo(&mut stream, std::mem::take(&mut pending)).await,
            _ => return,
        };
        if sent.is_err() || head.contains("Connection: close") {
            return;
        }
    }
}

/// In pieces, as an engine that makes its answer while it sends it.
async fn send(stream: &mut UnixStream, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    for piece in body.chunks(4096) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        stream.write_all(piece).await?;
    }
    Ok(())
}

/// A line every 20 ms until the reader goes.
async fn follow(stream: &mut UnixStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    loop {
        stream.write_all(b"line\n").await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Sends back what it gets, after the other side has closed its half.
async fn echo(stream: &mut UnixStream, mut bytes: Vec<u8>) -> std::io::Result<()> {
    stream.read_to_end(&mut bytes).await?;
    stream.write_all(&bytes).await?;
    stream.shutdown().await
}

/// Asks for `path` and reads a body of `length` bytes.
pub async fn get(stream: &mut Stream, path: &str, length: usize) -> std::io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        let head = answer.windows(4).position(|w| w == b"\r\n\r\n");
        if head.is_some_and(|head| answer.len() >= head + 4 + length) {
            return Ok(());
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
