//! The way to what runs on a machine beside Docker: its sockets and its files, whoever carries the bytes.

use std::fmt;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use super::ErrorKind;
use crate::model::{Machine, Placing, Trouble, TroubleKind};

/// A stream of bytes in both directions.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A stream, whatever carries it.
pub type Stream = Box<dyn Bytes>;

/// What comes of a way.
pub type Way<'a, T> = BoxFuture<'a, Result<T, Trouble>>;

/// What kind of failure it is that something could not be done on a machine: what would be refused again is not worth
/// another try.
pub(super) fn kind_of(trouble: &Trouble) -> ErrorKind {
    let passes = ["sessions that sshd allows", "did not answer"];
    let is_other = trouble.kind == TroubleKind::Other;
    if is_other && !passes.iter().any(|words| trouble.reason.contains(words)) {
        ErrorKind::Refused
    } else {
        ErrorKind::Offline
    }
}

/// Who reaches machines: directly, or over ssh.
pub trait Reach: fmt::Debug + Send + Sync {
    /// Opens a stream to a unix socket of a machine.
    fn connect<'a>(&'a self, machine: &'a Machine, socket: &'a str) -> Way<'a, Stream>;

    /// Says why a socket that could be opened was closed before it answered.
    fn explain<'a>(
        &'a self,
        machine: &'a Machine,
        socket: &'a str,
    ) -> BoxFuture<'a, Option<Trouble>>;

    /// Reads a file of a machine.
    fn read<'a>(&'a self, machine: &'a Machine, path: &'a str) -> Way<'a, String>;

    /// Puts a file on a machine, found good and taken by its reader there, or leaves all as it was; whether something was to
    /// be done.
    fn place<'a>(&'a self, machine: &'a Machine, placing: &'a Placing) -> Way<'a, bool>;

    /// Runs a short script on a machine; what it printed, or its last words.
    fn run<'a>(&'a self, machine: &'a Machine, script: &'a str) -> Way<'a, String>;

    /// Writes a file of a machine so that nobody ever sees half of it; it keeps its owner and mode.
    fn write<'a>(&'a self, machine: &'a Machine, path: &'a str, text: &'a str) -> Way<'a, ()>;
}
