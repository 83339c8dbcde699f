//! A connection that speaks in lines, with TLS where that is wanted.

use std::{path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{Error, ErrorKind, authorities};
use crate::clients::reach::Stream;

/// No line of a server is longer.
const LONGEST: u64 = 64 << 10;

/// A connection to a server.
pub(super) struct Line<'d> {
    doing: &'d str,
    host: String,
    stream: BufReader<Stream>,
}

impl<'d> Line<'d> {
    /// Opens one.
    pub(super) async fn open(host: &str, port: u16, doing: &'d str) -> Result<Self, Error> {
        let stream = TcpStream::connect((host, port)).await.map_err(|error| {
            let why = format!("{host}:{port} cannot be reached: {error}");
            Error::new(ErrorKind::Offline, doing, why)
        })?;
        Ok(Self {
            doing,
            host: host.to_owned(),
            stream: BufReader::new(Box::new(stream)),
        })
    }

    /// The same by TLS from now on. What the server said before in the open is not believed.
    pub(super) async fn encrypted(self, ca: Option<&Path>) -> Result<Self, Error> {
        let failed = |why: String| {
            let why = format!("TLS with {}: {why}", self.host);
            Error::new(ErrorKind::Wrong, self.doing, why)
                .with("name who signed its certificate as ca of its [[notify]]")
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(authorities(ca, self.doing)?);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|error| failed(error.to_string()))?;
        if !self.stream.buffer().is_empty() {
            return Err(failed("it spoke before it was encrypted".to_owned()));
        }
        let stream = self.stream.into_inner();
        let connector = TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await.map_err(|error| {
            let why = format!("TLS with {}: {error}", self.host);
            Error::new(ErrorKind::Wrong, self.doing, why)
                .with("name who signed its certificate as ca of its [[notify]]")
        })?;
        Ok(Self {
            stream: BufReader::new(Box::new(stream)),
            doing: self.doing,
            host: self.host,
        })
    }

    /// Says something.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = async {
            self.stream.get_mut().write_all(bytes).await?;
            self.stream.get_mut().flush().await
        };
        written.await.map_err(|error| self.broken(&error))
    }

    /// The next line without its end.
    pub(super) async fn hear(&mut self) -> Result<String, Error> {
        let mut bytes = Vec::new();
        let mut limited = (&mut self.stream).take(LONGEST);
        let read = limited.read_until(b'\n', &mut bytes).await;
        read.map_err(|error| self.broken(&error))?;
        if bytes.last() != Some(&b'\n') {
            let why = format!("{} closed the connection", self.host);
            return Err(Error::new(ErrorKind::Offline, self.doing, why));
        }
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    fn broken(&self, error: &std::io::Error) -> Error {
        let why = format!("the connection to {} broke: {error}", self.host);
        Error::new(ErrorKind::Offline, self.doing, why)
    }
}
