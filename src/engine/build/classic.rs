//! The engine's older builder, which is sent all files in one archive. Podman's is spoken with in the same way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::interval;

use super::{Building, QUIET, TOLD};
use crate::engine::build::kit::Hearing;
use crate::engine::error::{Error, ErrorKind, Fault};
use crate::engine::image::trade;
use crate::engine::pipe::{ON_THE_WAY, Pipe, poured};
use crate::model::registry::registry_of;
use crate::model::{Amount, Said};

impl Building<'_> {
    /// Builds; answers the image's id.
    pub(super) async fn by_classic(self) -> Result<String, Error> {
        let (tree, name) = self.job.packed();
        let keys = self.registries().await?;
        let path = self.asked(&[("dockerfile", &name)]);
        let total = tree.bytes;
        let gone = Arc::new(AtomicU64::new(0));
        let (sender, receiver) = mpsc::channel(ON_THE_WAY);
        let counted = Arc::clone(&gone);
        let packing = spawn_blocking(move || tree.pack(Pipe(sender), &counted));
        let asked = self
            .session
            .wire
            .post(path)
            .header("X-Registry-Config", keys)
            .body("application/x-tar", poured(receiver))
            .within(Duration::from_hours(24))
            .response();
        let answered = self.sending(asked, &gone, total).await;
        let response = match answered {
            Ok(response) => response,
            Err(fault @ Fault::Refused { .. }) => {
                let error = self.deed.fault(fault);
                return Err(self.failed(None, &error.why));
            }
            Err(fault) => {
                // A file that cannot be read ends the sending, and says so itself.
                let packed = packing.await;
                return Err(match packed {
                    Ok(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => self
                        .deed
                        .failed(ErrorKind::Local, format!("sending the files: {error}")),
                    _ => self.deed.fault(fault),
                });
            }
        };
        let mut hearing = Hearing::default();
        let heard = hearing
            .listen(self, response.into_body(), QUIET, || false)
            .await;
        if let Ok(Err(error)) = packing.await
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            let why = format!("sending the files: {error}");
            return Err(self.deed.failed(ErrorKind::Local, why));
        }
        heard?;
        hearing.id(self)
    }

    /// Waits for the answer, and tells meanwhile how much has gone.
    async fn sending(
        self,
        asked: impl Future<Output = Result<Response<Incoming>, Fault>>,
        gone: &AtomicU64,
        total: u64,
    ) -> Result<Response<Incoming>, Fault> {
        let mut asked = std::pin::pin!(asked);
        let mut tick = interval(TOLD);
        let mut told = 0;
        loop {
            tokio::select! {
                answered = &mut asked => return answered,
                _ = tick.tick() => {
                    let done = gone.load(Ordering::Relaxed);
                    if done != told {
                        told = done;
                        (self.say)(Said::Amount(Amount::bytes("sending", done, Some(total))));
                    }
                }
            }
        }
    }

    /// What opens the registries of the images that it is built on, as the engine wants to have it.
    async fn registries(self) -> Result<String, Error> {
        let args = self.build.args.iter();
        let args: Vec<(&str, &str)> = args.map(|arg| (&*arg.name, &*arg.value)).collect();
        let bases = self.job.recipe.bases(&args);
        let hosts: BTreeSet<&str> = bases.iter().map(|image| registry_of(image)).collect();
        let mut keys = Map::new();
        for host in hosts {
            let key = trade::opens(&self.engines.keys(), host).await;
            let key = key.map_err(|why| self.deed.failed(ErrorKind::Local, why))?;
            let name = match host {
                "docker.io" => "https://index.docker.io/v1/",
                host => host,
            };
            keys.extend(key.map(|key| (name.to_owned(), key)));
        }
        Ok(URL_SAFE.encode(Value::from(keys).to_string()))
    }
}
