//! Connections to a PostgreSQL server, kept for the next call: few, checked before they are used, and closed
//! when anything went wrong on them.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _,
    postgres::{PgConnectOptions, PgConnection},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// How many connections one console has at most: one that writes, one that reads, one that checks.
const MOST: usize = 3;
/// How many are kept while nobody uses them: a team of many consoles shares one server.
const KEPT: usize = 1;
/// How long a kept connection may take to say that it is alive.
const SIGN: Duration = Duration::from_secs(1);

/// How a connection is made: anew each time, so that a changed password counts. The options hold the
/// password and are therefore nowhere kept or printed.
pub(super) type Options = dyn Fn() -> Result<PgConnectOptions, sqlx::Error> + Send + Sync;

/// The connections of one store.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    options: Box<Options>,
    /// How long making a connection may take.
    wait: Duration,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<PgConnection>>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

/// A connection in use. Dropping it closes it, which undoes what was begun on it.
pub(in crate::store) struct Line {
    connection: PgConnection,
    home: Lines,
    _place: OwnedSemaphorePermit,
}

impl Lines {
    pub(super) fn new(options: Box<Options>, wait: Duration) -> Self {
        Self(Arc::new(Shared {
            options,
            wait,
            places: Arc::new(Semaphore::new(MOST)),
            idle: Mutex::new(Vec::new()),
        }))
    }

    /// A connection that was alive a moment ago.
    pub(super) async fn take(&self) -> Result<Line, sqlx::Error> {
        let places = Arc::clone(&self.0.places);
        let place = places
            .acquire_owned()
            .await
            .map_err(|_| sqlx::Error::PoolClosed)?;
        while let Some(mut kept) = self.kept() {
            if matches!(timeout(SIGN, kept.ping()).await, Ok(Ok(()))) {
                return Ok(self.line(kept, place));
            }
            // The server was restarted, or the network forgot the connection: so it is with the others.
            self.forget();
        }
        let options = (self.0.options)()?;
        let made = timeout(self.0.wait, options.connect()).await;
        let connection = made.map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))??;
        Ok(self.line(connection, place))
    }

    /// Closes the connections that nobody uses.
    pub(super) async fn close(&self) {
        while let Some(kept) = self.kept() {
            // It is closed either way; the server only hears of it sooner.
            let _ = kept.close().await;
        }
    }

    fn line(&self, connection: PgConnection, place: OwnedSemaphorePermit) -> Line {
        Line {
            connection,
            home: self.clone(),
            _place: place,
        }
    }

    fn kept(&self) -> Option<PgConnection> {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    fn forget(&self) {
        let mut idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clear();
    }
}

impl Line {
    /// The connection.
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Keeps the connection for the next call. Nothing may be under way on it.
    pub(super) fn keep(self) {
        let mut idle = self
            .home
            .0
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(self.connection);
        }
    }
}
