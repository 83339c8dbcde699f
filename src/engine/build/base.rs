//! The images that a build begins with: whether a host has them, or can have them, told before it is waited for.

use std::time::Duration;

use super::Building;
use crate::engine::error::{Error, ErrorKind, Fault};
use crate::engine::image::trade;
use crate::engine::wire::escape;
use crate::model::registry::registry_of;
use crate::model::{Builder, HostName};

/// So long a registry may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(15);

/// How engines say that they do not reach a registry.
const UNREACHED: [&str; 10] = [
    "dial tcp",
    "no such host",
    "server misbehaving",
    "i/o timeout",
    "connection refused",
    "no route to host",
    "network is unreachable",
    "Client.Timeout",
    "request canceled while waiting",
    "proxyconnect",
];

impl Building<'_> {
    /// Refuses at once where an image is not there and cannot be fetched, instead of after a minute.
    pub(super) async fn bases(self, builder: Builder) -> Result<(), Error> {
        let args = self.build.args.iter();
        let args: Vec<(&str, &str)> = args.map(|arg| (&*arg.name, &*arg.value)).collect();
        let mut wanted = self.job.recipe.bases(&args);
        // What reads the Dockerfile is an image, too.
        let syntax = self.job.recipe.syntax.clone();
        wanted.extend(syntax.filter(|_| builder == Builder::Buildkit));
        for image in wanted {
            if !self.has(&image).await? || self.build.pull {
                self.reach(&image).await?;
            }
        }
        Ok(())
    }

    async fn has(self, image: &str) -> Result<bool, Error> {
        let path = format!("/images/{}/json", escape(image));
        match self.session.wire.get(path).status().await {
            Ok(_) => Ok(true),
            Err(Fault::Refused { .. }) => Ok(false),
            Err(fault) => Err(self.deed.fault(fault)),
        }
    }

    /// Whether the engine reaches the image's registry. What the registry says of it, the builder tells.
    async fn reach(self, image: &str) -> Result<(), Error> {
        let key = trade::header(self.engines, image, self.deed).await?;
        let path = format!("/distribution/{}/json", escape(image));
        let asked = self.session.wire.get(path).registry_auth(key);
        let why = match asked.within(PATIENCE).status().await {
            Err(Fault::Refused { message, .. }) if is_unreached(&message) => message,
            Err(Fault::Late(after)) => format!("no answer within {} s", after.as_secs()),
            Ok(_) | Err(_) => return Ok(()),
        };
        let host = &self.deed.host;
        let there = if self.has(image).await? {
            "is to be asked for at its registry"
        } else {
            "is not there"
        };
        let text = format!(
            "{image} {there}, and {host} does not reach {}: {}",
            registry_of(image),
            last(&why)
        );
        Err(Error {
            remedy: Some(bring(image, host)),
            ..self.deed.failed(ErrorKind::NotFound, text)
        })
    }
}

fn is_unreached(message: &str) -> bool {
    UNREACHED.iter().any(|sign| message.contains(sign))
}

/// What an engine says of the network, from where it becomes about the network.
fn last(message: &str) -> &str {
    let begin = message.find("dial tcp").unwrap_or(0);
    message[begin..].trim()
}

fn bring(image: &str, host: &HostName) -> String {
    format!(
        "bring it: image copy {image} --to @{host} from a host that has it, or image load FILE --to @{host}"
    )
}

/// What helps where a build failed for want of an image.
pub(super) fn remedy(why: &str, host: &HostName) -> Option<String> {
    is_unreached(why).then(|| bring("IMAGE", host))
}
