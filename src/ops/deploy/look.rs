//! Looks at what a deploy is about to change: its hosts, registries and balancers.

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::{
    Draft, Place,
    draft::current,
    fronts::fronts,
    pins,
    prepare::Desk,
    prepare::refusal,
    read::{Read, from_files, from_template},
};
use crate::{
    model::{
        HostName, RemoteImage,
        app::ImageReference,
        release::{Release, Scope},
    },
    ops::{
        plan::{Refusal, RefusalKind},
        sentence::DeployArgs,
    },
};

/// So many hosts are looked at at the same time.
const HOSTS: usize = 32;

impl Desk<'_> {
    /// With what hosts and registries say.
    pub(super) async fn looked(&self, mut draft: Draft, always: bool) -> Draft {
        let everywhere = draft.everywhere(self.fleet);
        let mut hosts: Vec<&HostName> = everywhere.iter().collect();
        hosts.extend(current(&draft.releases).iter().flat_map(|one| one.hosts()));
        hosts.sort();
        hosts.dedup();
        let gate = Semaphore::new(HOSTS);
        let (gate, scope) = (&gate, &draft.scope);
        let looks = hosts.into_iter().map(|host| async move {
            let _turn = gate.acquire().await;
            let found = self.crew.observe(host, scope).await;
            let images = self.crew.engines.images(host).await;
            (
                host.clone(),
                found.map_err(|trouble| trouble.why),
                images.ok(),
            )
        });
        let looked = join_all(looks).await;
        // Whoever has read the releases a moment ago can read this, too.
        let resting = self.store.maintenances().await.unwrap_or_default();
        for (host, found, images) in looked {
            draft
                .images
                .extend(images.map(|images| (host.clone(), images)));
            draft.found.insert(host, found);
        }
        let kept = |image: &ImageReference| {
            let mut pins = draft.keeps.iter().flat_map(|one| one.pins.values());
            pins.any(|pin| pin.image == *image)
        };
        if draft.stack.is_none() {
            draft.fronts = fronts(self.crew, self.fleet, &draft).await;
        }
        let asked = pins::to_ask(&draft, always);
        let asked = asked.into_iter().filter(|image| always || !kept(image));
        let answers = asked.map(|image| async move {
            let digest = self.digest(image.as_str()).await;
            (image.to_string(), digest)
        });
        draft.resting = resting;
        draft.digests = join_all(answers).await.into_iter().collect();
        self.made_of(&mut draft).await;
        draft
    }

    /// What a registry says that a name means now.
    async fn digest(&self, name: &str) -> Result<String, String> {
        let image: RemoteImage = name.parse()?;
        let registry = self.crew.registries.open(&image.repository.registry);
        let registry = registry.map_err(|error| error.reason())?;
        let doing = format!("asking what {image} is");
        let answer = registry.digest(&doing, &image).await;
        answer
            .map(|(digest, _)| digest)
            .map_err(|error| error.reason())
    }

    /// The app that is to be, from its template, its files, or the newest release.
    pub(super) async fn read(
        &self,
        args: &DeployArgs,
        scope: &Scope,
        before: Option<&Release>,
    ) -> Result<Read, Refusal> {
        let (args, app) = (args.clone(), scope.app.clone());
        let catalogs = self.catalogs.to_vec();
        if let Some(template) = &args.template {
            let template = template.clone();
            let read = tokio::task::spawn_blocking(move || {
                from_template(&catalogs, &template, &args, app)
            });
            return read
                .await
                .unwrap_or_else(|error| Err(refusal(error.to_string(), "")));
        }
        if !args.files.is_empty() {
            let read = tokio::task::spawn_blocking(move || from_files(&args, app));
            return read
                .await
                .unwrap_or_else(|error| Err(refusal(error.to_string(), "")));
        }
        let Some(before) = before else {
            return Err(Refusal::new(
                RefusalKind::Nothing,
                format!("it is not said what {scope} is made of"),
                "say --template NAME or --file compose.yaml",
            ));
        };
        if !args.set.is_empty() || !args.profiles.is_empty() {
            return Err(refusal(
                "--set and --profile go with --template or --file",
                "",
            ));
        }
        let source = match args.images.as_slice() {
            [] => format!("{} again", before.number),
            images => {
                let images: Vec<String> = images.iter().map(ToString::to_string).collect();
                format!("{} with {}", before.number, images.join(", "))
            }
        };
        Ok(Read {
            spec: before.spec.clone(),
            source,
            told: Vec::new(),
            generate: Vec::new(),
        })
    }
}
