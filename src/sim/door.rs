//! Accepts connections on the sockets and speaks HTTP on them, under the host's faults.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::control;
use super::faults;
use super::host::Host;
use super::http::Body;
use super::route;

/// Serves a host's socket until the end of the fleet.
pub async fn serve_host(host: Arc<Host>, listener: UnixListener) {
    loop {
        let connection = tokio::select! {
            () = host.ended.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match connection {
            Ok((socket, _)) => {
                let host = Arc::clone(&host);
                tokio::spawn(async move {
                    let (faults, ended) = (host.faults.subscribe(), host.ended.clone());
                    faults::under(
                        faults,
                        ended,
                        speak(socket, move |request| {
                            let host = Arc::clone(&host);
                            async move { answer(&host, request).await }
                        }),
                    )
                    .await;
                });
            }
            // Out of file descriptors: wait for some to be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Serves the sim's own socket until the end of the fleet.
pub async fn serve_control(
    hosts: Vec<Arc<Host>>,
    listener: UnixListener,
    ended: CancellationToken,
) {
    let hosts: Arc<[Arc<Host>]> = hosts.into();
    loop {
        let connection = tokio::select! {
            () = ended.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((socket, _)) = connection else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (hosts, ended) = (Arc::clone(&hosts), ended.clone());
        tokio::spawn(async move {
            let speaking = speak(socket, move |request| {
                let hosts = Arc::clone(&hosts);
                async move { control::answer_for(&hosts, request).await }
            });
            tokio::select! {
                () = ended.cancelled() => {}
                () = speaking => {}
            }
        });
    }
}

/// One connection, request by request.
async fn speak<F, A>(socket: UnixStream, answer: F)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    // A client that goes away in the middle is everyday life for a server.
    let _ = connection.with_upgrades().await;
}

/// One request to a host: its latency and errors first, then the answer.
async fn answer(host: &Arc<Host>, request: Request<Incoming>) -> Response<Body> {
    if request.uri().path().starts_with("/sim/") {
        return control::answer(host, request).await;
    }
    let number = host.count_request();
    let faults = host.faults.borrow().clone();
    let delay = faults.delay(host.profile.seed, number);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match faults.failure(host.profile.seed, number) {
        Some(refusal) => refusal.answer(),
        None => route::answer(host, request).await,
    }
}
