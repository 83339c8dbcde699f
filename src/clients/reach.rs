//! The way to what runs on a machine beside Docker: its sockets and its files, whoever carries the bytes.

use std::fmt;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::model::{Machine, Trouble};

/// A stream of bytes in both directions.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// A stream, whatever carries it.
pub type Stream = Box<dyn Bytes>;

/// What comes of a way.
pub type Way<'a, T> = BoxFuture<'a, Result<T, Trouble>>;

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

    /// Writes a file of a machine so that nobody ever sees half of it; it keeps its owner and mode.
    fn write<'a>(&'a self, machine: &'a Machine, path: &'a str, text: &'a str) -> Way<'a, ()>;
}
