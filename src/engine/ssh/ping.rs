//! Asks whether an engine is at the other end of a byte stream.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

/// An engine that is up answers a ping within milliseconds; a busy one within seconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no engine.
#[derive(Debug)]
pub enum NoEngine {
    /// The stream ended or broke before an answer.
    Closed(io::Error),
    /// It is open, and nothing answers.
    Silent,
    /// Something answered, and not as an engine does.
    Strange(String),
}

/// Sends `GET /_ping`. The stream is used up.
pub async fn ping(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), NoEngine> {
    timeout(DEADLINE, exchange(&mut stream))
        .await
        .unwrap_or(Err(NoEngine::Silent))
}

async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), NoEngine> {
    const REQUEST: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n";
    stream.write_all(REQUEST).await.map_err(NoEngine::Closed)?;
    stream.flush().await.map_err(NoEngine::Closed)?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < 512 {
        if stream
            .read_buf(&mut answer)
            .await
            .map_err(NoEngine::Closed)?
            == 0
        {
            break;
        }
    }
    if answer.is_empty() {
        return Err(NoEngine::Closed(io::ErrorKind::UnexpectedEof.into()));
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    if line.starts_with("HTTP/1.") && line.split(' ').nth(1) == Some("200") {
        Ok(())
    } else {
        Err(NoEngine::Strange(crate::model::printable(line)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    async fn answered(answer: &'static [u8]) -> Result<(), NoEngine> {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let serve = async {
            let mut request = [0; 64];
            let _ = theirs.read(&mut request).await.unwrap();
            theirs.write_all(answer).await.unwrap();
            drop(theirs);
        };
        tokio::join!(ping(ours), serve).0
    }

    #[tokio::test]
    async fn an_engine_answers_with_200() {
        assert!(answered(b"HTTP/1.1 200 OK\r\n\r\nOK").await.is_ok());
        let strange = answered(b"This account is currently not available.\n").await;
        assert!(matches!(strange, Err(NoEngine::Strange(line)) if line.starts_with("This")));
        let closed = answered(b"").await;
        assert!(matches!(closed, Err(NoEngine::Closed(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_has_an_end() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        assert!(matches!(ping(ours).await, Err(NoEngine::Silent)));
    }
}
