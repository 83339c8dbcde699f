//! Sets engines up for tests: plain requests on a unix socket, without any of Wharf.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

/// An engine's socket.
#[derive(Clone, Debug)]
pub struct Raw(PathBuf);

impl Raw {
    pub fn new(socket: &Path) -> Self {
        Self(socket.to_owned())
    }

    /// Sends a request and answers status and body; JSON is read, other bodies are a string.
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let stream = UnixStream::connect(&self.0)
            .await
            .expect("the engine's socket answers");
        let (mut send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "docker")
            .header("Content-Type", "application/json")
            .body(Full::new(Bytes::from(
                body.map_or(String::new(), |body| body.to_string()),
            )))
            .unwrap();
        let answer = send
            .send_request(request)
            .await
            .expect("the engine answers");
        let status = answer.status().as_u16();
        let bytes = answer
            .into_body()
            .collect()
            .await
            .expect("the answer ends")
            .to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
        )
    }

    /// Sends a request that has to work.
    pub async fn must(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.ask(method.clone(), path, body).await;
        assert!(status < 400, "{method} {path}: {status} {answer}");
        answer
    }
}
