//! A client that does nothing but HTTP on a unix socket.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// A client of one socket; each request has its own connection.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// A whole answer.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and Docker's message.
    pub fn refusal(&self) -> (u16, String) {
        let message = self.json()["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (self.status.as_u16(), message)
    }
}

impl Client {
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Sends a request and hands out the answer as soon as its head is there.
    pub async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> hyper::Result<Response<Incoming>> {
        let socket = UnixStream::connect(&self.socket).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "sim");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        sender
            .send_request(request.body(Full::new(body.into())).unwrap())
            .await
    }

    pub async fn send(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Reply {
        let response = self.open(method, path, &[], body).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "").await
    }

    pub async fn post(&self, path: &str) -> Reply {
        self.send("POST", path, "").await
    }

    pub async fn json(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()
    }

    /// The rows of a list.
    pub async fn rows(&self, path: &str) -> Vec<Value> {
        self.json(path).await.as_array().unwrap().clone()
    }

    /// A stream, after its head.
    pub async fn stream(&self, path: &str) -> Incoming {
        let response = self.open("GET", path, &[], "").await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.into_body()
    }

    /// The state of a container as inspected.
    pub async fn state(&self, id: &str) -> Value {
        self.json(&format!("/containers/{id}/json")).await["State"].clone()
    }

    /// The name of a running container of the list that `wanted` accepts.
    pub async fn pick(&self, wanted: impl Fn(&Value) -> bool) -> String {
        let rows = self.rows("/containers/json?all=1").await;
        let found = rows
            .iter()
            .find(|row| wanted(row))
            .expect("a container that fits");
        found["Names"][0]
            .as_str()
            .unwrap()
            .trim_start_matches('/')
            .to_owned()
    }

    /// The name of a container that runs and has a health check.
    pub async fn healthy(&self) -> String {
        self.pick(|row| row["Status"].as_str().unwrap().ends_with("(healthy)"))
            .await
    }
}

/// The next piece of a stream; none at its end.
pub async fn piece(body: &mut Incoming) -> Option<Bytes> {
    loop {
        match body.frame().await {
            None => return None,
            Some(frame) => {
                if let Ok(data) = frame.unwrap().into_data() {
                    return Some(data);
                }
            }
        }
    }
}

/// Takes Docker's frames of eight bytes and payload apart: stream and text.
pub fn frames(bytes: &[u8]) -> Vec<(u8, String)> {
    let (frames, rest) = whole_frames(bytes);
    assert!(rest.is_empty(), "a frame is cut off");
    frames
}

/// The frames that are there whole, and the bytes after them.
pub fn whole_frames(mut bytes: &[u8]) -> (Vec<(u8, String)>, &[u8]) {
    let mut out = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        assert_eq!(&head[1..4], [0, 0, 0]);
        let Some((text, rest)) = rest.split_at_checked(length) else {
            break;
        };
        out.push((head[0], String::from_utf8(text.to_vec()).unwrap()));
        bytes = rest;
    }
    (out, bytes)
}
