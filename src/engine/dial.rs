//! One stream of bytes to an engine: over a unix socket, TCP, TLS or an ssh tunnel.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::certificate::{self, Certificate};
use super::ssh::Tunnel;
use super::{tls, trouble};
use crate::model::{Endpoint, TlsFiles, Trouble, TroubleKind, Way};

/// How long opening a stream may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// A silent TCP connection is asked for a sign of life this often.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Streams to an engine that is reached without ssh; more than a screen has rows.
const STREAMS: usize = 256;

/// What is needed to open streams to one engine, any number of them.
#[derive(Clone)]
pub(super) enum Dialer {
    /// To a socket of this machine.
    Unix(PathBuf),
    /// To an address, in clear.
    Tcp(Address),
    /// To an address, through TLS.
    Tls(Address, Arc<ClientConfig>, ServerName<'static>),
    /// Through an ssh connection that is open already.
    Ssh(Arc<Tunnel>),
}

/// A name or address with a port.
#[derive(Clone, Debug)]
pub(super) struct Address {
    host: String,
    port: u16,
}

impl Dialer {
    /// To a unix socket.
    pub fn unix(path: PathBuf) -> Self {
        Self::Unix(path)
    }

    /// To an address without TLS.
    pub fn tcp(host: &str, port: u16) -> Self {
        let host = host.to_owned();
        Self::Tcp(Address { host, port })
    }

    /// To an address with TLS; reads the certificates.
    pub fn tls(host: &str, port: u16, files: &TlsFiles) -> Result<Self, Trouble> {
        let config = tls::client(files)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            trouble::trouble(
                TroubleKind::Tls,
                format!("{host} is neither a name nor an address"),
                "correct the host's endpoint in the configuration",
            )
        })?;
        let host = host.to_owned();
        Ok(Self::Tls(Address { host, port }, config, name))
    }

    /// What HTTP puts into its `Host` header.
    pub fn authority(&self) -> String {
        match self {
            Self::Unix(_) | Self::Ssh(_) => "docker".to_owned(),
            Self::Tcp(at) | Self::Tls(at, ..) => at.to_string(),
        }
    }

    /// Whether it shows the engine a certificate.
    pub fn shows_certificate(&self) -> bool {
        match self {
            Self::Tls(_, config, _) => config.client_auth_cert_resolver.has_certs(),
            Self::Unix(_) | Self::Tcp(_) | Self::Ssh(_) => false,
        }
    }

    /// The way in use.
    pub fn way(&self) -> Way {
        match self {
            Self::Unix(_) => Way::Unix,
            Self::Tcp(_) => Way::Tcp,
            Self::Tls(..) => Way::Tls,
            Self::Ssh(tunnel) => tunnel.way(),
        }
    }

    /// The tunnel it goes through, if any.
    pub fn tunnel(&self) -> Option<Arc<Tunnel>> {
        match self {
            Self::Ssh(tunnel) => Some(tunnel.clone()),
            Self::Unix(_) | Self::Tcp(_) | Self::Tls(..) => None,
        }
    }

    /// How many streams may be open at once.
    pub fn max_streams(&self) -> usize {
        match self {
            Self::Unix(_) | Self::Tcp(_) | Self::Tls(..) => STREAMS,
            Self::Ssh(tunnel) => tunnel.max_streams(),
        }
    }

    /// The certificate that the engine shows, whether it is to be trusted or not; none where there
    /// is none, or none that is understood.
    pub async fn peer_certificate(&self, files: &TlsFiles) -> Result<Option<Certificate>, Trouble> {
        let Self::Tls(at, _, name) = self else {
            return Ok(None);
        };
        let config = tls::client(&TlsFiles {
            skip_verify: true,
            ..files.clone()
        })?;
        let look = async {
            let tcp = at.connect().await?;
            let known = config.client_auth_cert_resolver.has_certs();
            let tls = TlsConnector::from(config).connect(name.clone(), tcp).await;
            let tls = tls.map_err(|error| {
                trouble::of_tls(&at.to_string(), known, &error)
                    .unwrap_or_else(|| trouble::of_address(&at.endpoint(), &error))
            })?;
            let (_, connection) = tls.get_ref();
            let shown = connection.peer_certificates().and_then(<[_]>::first);
            Ok(shown.and_then(|der| certificate::read(der)))
        };
        timeout(DEADLINE, look)
            .await
            .unwrap_or_else(|_| Err(trouble::late("TLS with the engine", DEADLINE)))
    }

    /// Why the engine cut an encrypted stream, if it says so to one who listens only: what is said while a request is
    /// being written is lost when the engine closes before it read all of that. Waits five seconds for a word.
    pub async fn refusal(&self) -> Option<Trouble> {
        let Self::Tls(at, ..) = self else {
            return None;
        };
        let listen = async {
            let error = match self.open().await {
                Ok(mut stream) => stream.read_u8().await.err()?,
                Err(DialError::Way(trouble)) => return Some(trouble),
                Err(DialError::Busy(_)) => return None,
            };
            trouble::of_tls(&at.to_string(), self.shows_certificate(), &error)
        };
        timeout(DEADLINE, listen).await.ok().flatten()
    }

    /// Opens a stream, within five seconds.
    pub async fn open(&self) -> Result<Stream, DialError> {
        timeout(DEADLINE, self.open_slowly())
            .await
            .unwrap_or_else(|_| Err(trouble::late("the way to the engine", DEADLINE).into()))
    }

    async fn open_slowly(&self) -> Result<Stream, DialError> {
        match self {
            Self::Unix(path) => match UnixStream::connect(path).await {
                Ok(stream) => Ok(Stream(Box::new(stream))),
                Err(error) => Err(trouble::of_socket(path, &error).into()),
            },
            Self::Tcp(at) => Ok(Stream(Box::new(at.connect().await?))),
            Self::Tls(at, config, name) => {
                let tcp = at.connect().await?;
                let tls = TlsConnector::from(config.clone())
                    .connect(name.clone(), tcp)
                    .await;
                let tls = tls.map_err(|error| {
                    trouble::of_tls(
                        &at.to_string(),
                        config.client_auth_cert_resolver.has_certs(),
                        &error,
                    )
                    .unwrap_or_else(|| trouble::of_address(&at.endpoint(), &error))
                })?;
                Ok(Stream(Box::new(tls)))
            }
            Self::Ssh(tunnel) => match tunnel.connect().await {
                Ok(stream) => Ok(Stream(Box::new(stream))),
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    Err(DialError::Busy(error.to_string()))
                }
                Err(error) => Err(trouble::lost(&error.to_string()).into()),
            },
        }
    }
}

impl Address {
    async fn connect(&self) -> Result<TcpStream, Trouble> {
        let found = lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|error| trouble::of_name(&self.host, &error))?;
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in found {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    return Ok(tuned(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(trouble::of_address(&self.endpoint(), &last))
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp {
            host: self.host.clone(),
            port: self.port,
        }
    }
}

/// Requests go out at once, and a stream on which nothing happens is noticed when the way is gone.
/// What the system does not let us set is no reason to do without the stream.
fn tuned(stream: TcpStream) -> TcpStream {
    use rustix::net::sockopt;
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(&stream, true);
    let _ = sockopt::set_tcp_keepidle(&stream, KEEPALIVE);
    let _ = sockopt::set_tcp_keepintvl(&stream, KEEPALIVE);
    let _ = sockopt::set_tcp_keepcnt(&stream, 3);
    stream
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An open stream to an engine, whatever carries it.
pub(super) struct Stream(Box<dyn Bytes>);

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Why a stream could not be opened.
#[derive(Debug)]
pub(super) enum DialError {
    /// The engine cannot be reached.
    Way(Trouble),
    /// It can, but not by one stream more.
    Busy(String),
}

impl From<Trouble> for DialError {
    fn from(trouble: Trouble) -> Self {
        Self::Way(trouble)
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Way(trouble) => f.write_str(&trouble.reason),
            Self::Busy(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for DialError {}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Stream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.open().await.map(TokioIo::new) })
    }
}
