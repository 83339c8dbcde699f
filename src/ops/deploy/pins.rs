//! Binds the images of a release: from the hosts that have them, else from what their registry says.

use std::collections::BTreeMap;

use super::Draft;
use crate::{
    model::{
        Fleet, HostName, Image, RemoteImage,
        app::{ImageReference, PullPolicy, Service, ServiceName},
        registry::Label,
        release::Pin,
    },
    ops::plan::{Refusal, RefusalKind},
};

/// An image as a host has it.
struct There<'f> {
    host: &'f HostName,
    id: &'f str,
    digest: Option<String>,
}

/// The images of a host that a name means.
fn there<'f>(host: &'f HostName, images: &'f [Image], name: &RemoteImage) -> Option<There<'f>> {
    let found = images.iter().find(|image| match &name.label {
        Label::Tag(_) => image
            .tags
            .iter()
            .any(|tag| tag.parse().as_ref() == Ok(name)),
        Label::Digest(_) => image
            .digests
            .iter()
            .any(|one| one.parse().as_ref() == Ok(name)),
    })?;
    let digest = found.digests.iter().find_map(|text| {
        let one: RemoteImage = text.parse().ok()?;
        match one.label {
            Label::Digest(digest) if one.repository == name.repository => Some(digest.to_string()),
            Label::Digest(_) | Label::Tag(_) => None,
        }
    });
    Some(There {
        host,
        id: &found.id,
        digest,
    })
}

/// Which names registries have to be asked for: those that no chosen host has, and those that are always fetched.
pub(super) fn to_ask(draft: &Draft, always: bool) -> Vec<ImageReference> {
    let services = draft.spec.services.values();
    let mut asked: Vec<ImageReference> = services
        .filter_map(|service| {
            let image = service.image.as_ref()?;
            let wants = always || service.pull_policy == Some(PullPolicy::Always);
            let known = image.digest().is_some() || (!wants && is_somewhere(image, draft));
            (!known).then(|| image.clone())
        })
        .collect();
    asked.sort();
    asked.dedup();
    asked
}

fn is_somewhere(image: &ImageReference, draft: &Draft) -> bool {
    let name = image.as_str().parse::<RemoteImage>();
    name.is_ok_and(|name| !found(draft, &name).is_empty())
}

/// Binds the image of each service.
pub(super) fn pins(draft: &Draft, fleet: &Fleet) -> Result<BTreeMap<ServiceName, Pin>, Refusal> {
    let mut pins = BTreeMap::new();
    for (name, service) in &draft.spec.services {
        pins.insert(name.clone(), pin(draft, fleet, name, service)?);
    }
    Ok(pins)
}

fn pin(
    draft: &Draft,
    fleet: &Fleet,
    service_name: &ServiceName,
    service: &Service,
) -> Result<Pin, Refusal> {
    let Some(image) = &service.image else {
        return Err(refusal(
            format!("{service_name} names no image: it is to be built"),
            format!("`image build` it, then say --image {service_name}=NAME"),
        ));
    };
    // What comes back is what it was, whatever its tag means now.
    let kept = draft
        .keeps
        .as_ref()
        .and_then(|one| one.pins.get(service_name));
    if let Some(kept) = kept.filter(|pin| pin.image == *image) {
        return Ok(kept.clone());
    }
    let found = match image.as_str().parse::<RemoteImage>() {
        Ok(name) => found(draft, &name),
        Err(_) => Vec::new(),
    };
    let asked = draft.digests.get(image.as_str());
    if let Some(digest) = image.digest().or(match asked {
        Some(Ok(digest)) => Some(digest),
        Some(Err(_)) | None => None,
    }) {
        let id = found
            .iter()
            .find(|one| one.digest.as_deref() == Some(digest));
        let pin = Pin {
            image: image.clone(),
            digest: Some(digest.to_owned()),
            id: id.map(|one| one.id.to_owned()),
        };
        return Ok(as_before(draft, service_name, pin));
    }
    let Some(first) = found.first() else {
        return Err(nowhere(draft, fleet, image, asked));
    };
    let same = |one: &There<'_>| {
        one.id == first.id || (one.digest.is_some() && one.digest == first.digest)
    };
    if let Some(other) = found.iter().find(|one| !same(one)) {
        return Err(refusal(
            format!(
                "{image} is not the same image on {} and on {}",
                first.host, other.host
            ),
            format!(
                "say which one with --image {service_name}=REPOSITORY@DIGEST, or --pull to ask its registry"
            ),
        ));
    }
    let pin = Pin {
        image: image.clone(),
        digest: found.iter().find_map(|one| one.digest.clone()),
        id: Some(first.id.to_owned()),
    };
    let everywhere = draft.everywhere(fleet);
    let lacking: Vec<&str> = everywhere
        .iter()
        .filter(|host| !found.iter().any(|one| *one.host == **host))
        .map(HostName::as_str)
        .collect();
    if pin.digest.is_none() && !lacking.is_empty() {
        return Err(refusal(
            format!(
                "{image} comes from no registry and is not on {}",
                lacking.join(", ")
            ),
            format!(
                "bring it there with `image copy {image}@{} --to {}`",
                first.host,
                lacking.join(" ")
            ),
        ));
    }
    Ok(as_before(draft, service_name, pin))
}

/// The pin of the release before, when it is the same image: what is known of it must not make a difference.
fn as_before(draft: &Draft, service: &ServiceName, pin: Pin) -> Pin {
    let before = draft.current().and_then(|one| one.pins.get(service));
    match before.filter(|before| before.is(&pin)) {
        Some(before) => Pin {
            image: pin.image,
            ..before.clone()
        },
        None => pin,
    }
}

fn found<'d>(draft: &'d Draft, name: &RemoteImage) -> Vec<There<'d>> {
    // Those of a Swarm's nodes are known of all hosts that were looked at.
    let is_its = |host: &HostName| draft.stack.is_some() || draft.hosts.contains(host);
    let images = draft.images.iter().filter(|(host, _)| is_its(host));
    images
        .filter_map(|(host, images)| there(host, images, name))
        .collect()
}

/// Why an image cannot be had.
fn nowhere(
    draft: &Draft,
    fleet: &Fleet,
    image: &ImageReference,
    asked: Option<&Result<String, String>>,
) -> Refusal {
    let elsewhere = image.as_str().parse::<RemoteImage>().ok().and_then(|name| {
        let mut hosts = fleet.hosts().iter();
        hosts.find_map(|host| there(host.name(), host.images.as_ref()?, &name))
    });
    let why = match asked {
        Some(Err(why)) => format!("{image} is on none of the hosts, and its registry: {why}"),
        Some(Ok(_)) | None => format!("{image} is on none of the hosts"),
    };
    let hosts: Vec<&str> = draft.hosts.iter().map(HostName::as_str).collect();
    let remedy = match elsewhere {
        Some(one) => format!(
            "bring it there with `image copy {image}@{} --to {}`",
            one.host,
            hosts.join(" ")
        ),
        None => "bring it with `image copy` or `image load`, or name another one with --image"
            .to_owned(),
    };
    refusal(why, remedy)
}

fn refusal(why: String, remedy: String) -> Refusal {
    Refusal::new(RefusalKind::State, why, remedy)
}
