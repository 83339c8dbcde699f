//! bollard over our own wire: for what it reads well (info, images, networks, volumes, top, changes).
//!
//! Its defects, measured with 0.21: it never sends the API version, opens a connection per request,
//! and its deadline does not cover bodies. The wire cures the first two; [`asked`] the third.

use std::time::Duration;

use bollard::errors::Error as Bollard;
use bollard::{BollardRequest, ClientVersion, Docker};
use tokio::time::timeout;

use super::error::Fault;
use super::session::Api;
use super::wire::Wire;

/// bollard itself gives up later than any deadline of ours.
const NEVER: u64 = 24 * 3600;

/// A bollard client that sends its requests over that wire.
pub(super) fn over(wire: &Wire, api: Api) -> Docker {
    let wire = wire.clone();
    let transport = move |request: BollardRequest| {
        let wire = wire.clone();
        async move {
            wire.forward(request)
                .await
                .map_err(|fault| Bollard::IOError {
                    err: std::io::Error::other(Carried(fault)),
                })
        }
    };
    let version = ClientVersion {
        major_version: 1,
        minor_version: usize::from(api.0),
    };
    Docker::connect_with_custom_transport(transport, Some("http://docker"), NEVER, &version)
        .expect("a custom transport opens nothing")
}

/// Waits for one of bollard's answers, its body included, and reads its errors.
pub(super) async fn asked<T>(
    deadline: Duration,
    question: impl Future<Output = Result<T, Bollard>>,
) -> Result<T, Fault> {
    match timeout(deadline, question).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(fault(error)),
        Err(_) => Err(Fault::Late(deadline)),
    }
}

fn fault(error: Bollard) -> Fault {
    match error {
        Bollard::DockerResponseServerError {
            status_code,
            message,
        } => Fault::Refused {
            status: status_code,
            message,
        },
        Bollard::IOError { err } => match err
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Carried>())
        {
            Some(Carried(fault)) => fault.clone(),
            None => Fault::Cut(err.to_string()),
        },
        Bollard::RequestTimeoutError => Fault::Late(Duration::from_secs(NEVER)),
        other => Fault::Garbled(other.to_string()),
    }
}

/// A fault of the wire on its way through bollard.
#[derive(Debug)]
struct Carried(Fault);

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carried {}
