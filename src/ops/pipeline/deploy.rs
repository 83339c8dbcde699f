//! A deploy as a step: said as a sentence, waited for while people approve it, gone on with and never begun twice.

use tokio::time::sleep;

use super::step::{Ended, LOOK, Turn, line, words};
use crate::model::{
    Timestamp,
    app::AppName,
    pipeline::{DeployStep, Status, Verb},
    release::{Held, Phase, ReleaseNumber, Scope, Standing},
};

impl Turn<'_> {
    /// A release comes to its hosts. What was begun before is gone on with and not begun again.
    pub(super) async fn deploy(&self, deploy: &DeployStep) -> Result<Ended, String> {
        let app = self.fill(&deploy.app)?;
        let app = AppName::new(&app).map_err(|error| error.to_string())?;
        let environment = deploy
            .environment
            .as_ref()
            .map(|text| self.fill(text))
            .transpose()?;
        let scope = Scope {
            app: app.clone(),
            environment: environment.clone().unwrap_or_default().into(),
        };
        let mut place = words(["app", "deploy", app.as_str()]);
        if let Some(environment) = &environment {
            place.extend(["--env".to_owned(), environment.clone()]);
        }
        let began = self.run.steps[self.index]
            .started
            .unwrap_or_else(Timestamp::now);
        if self.goes_on
            && let Some(ended) = self.went_on(&scope, began).await?
        {
            return Ok(ended);
        }
        let _dir;
        let mut words = place;
        for (service, image) in &deploy.images {
            let image = self.fill(image)?;
            let image = match self.run.images.get(&image) {
                Some(digest) if !image.contains('@') && self.is_remote(digest, &image) => {
                    format!("{image}@{digest}")
                }
                Some(_) | None => image,
            };
            let service = match service.as_str() {
                "" => self.only_service(&scope).await?,
                service => service.to_owned(),
            };
            words.push(format!("--image={service}={image}"));
        }
        for host in &deploy.hosts {
            words.extend(["--hosts".to_owned(), self.fill(host)?]);
        }
        if let Some(template) = &deploy.template {
            words.extend(["--template".to_owned(), self.fill(template)?]);
        }
        if let Some(file) = &deploy.file {
            let file = self.fill(file)?;
            let (dir, files) = self.gathered(&self.yard()?, &file).await?;
            let (_, path) = files
                .first()
                .ok_or_else(|| format!("{file} is not in the workspace"))?;
            words.extend(["--file".to_owned(), path.display().to_string()]);
            _dir = dir;
        }
        for (name, value) in self.fill_all(&deploy.set)? {
            words.push(format!("--set={name}={value}"));
        }
        if !deploy.canary.is_empty() {
            let shares: Vec<String> = deploy.canary.iter().map(ToString::to_string).collect();
            words.extend(["--canary".to_owned(), shares.join(",")]);
            if let Some(every) = deploy.every {
                words.extend(["--every".to_owned(), format!("{}s", every.as_secs())]);
            }
            if let Some(requests) = deploy.requests {
                words.extend(["--requests".to_owned(), requests.to_string()]);
            }
        }
        if let Some(environment) = &environment {
            words.extend(["--confirm".to_owned(), environment.clone()]);
        }
        loop {
            if !self.has_room(&scope).await? {
                return Ok(Ended::new(Status::Canceled, "it was canceled"));
            }
            let Some(ended) = self.said(words.clone()).await? else {
                let newest = self.newest(&scope).await?;
                let detail =
                    newest.map_or_else(String::new, |(number, ..)| format!("{number} of {scope}"));
                return Ok(Ended::new(Status::Success, detail));
            };
            // It may have asked for approvals: then it is done when they are given, and not before.
            if self.waited(&scope).await? {
                continue;
            }
            // What was said before by whoever was killed may have begun it just now.
            if self.goes_on
                && !self.wish.is_cancelled()
                && let Some(ended) = self.went_on(&scope, began).await?
            {
                return Ok(ended);
            }
            // Somebody else may have been quicker where only so many may deploy.
            let newest = self.newest(&scope).await?;
            let is_begun = newest.is_some_and(|(_, _, at, _)| at >= began);
            if is_begun || self.wish.is_cancelled() || self.others(&scope).await?.is_none() {
                return Ok(ended);
            }
        }
    }

    /// Waits until the environment takes one more deploy; false when the run is to end before.
    async fn has_room(&self, scope: &Scope) -> Result<bool, String> {
        let mut said = String::new();
        while let Some(others) = self.others(scope).await? {
            if others != said {
                self.write(&[line(others.clone())], "").await;
                self.note(false, others.clone(), None).await;
                said = others;
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The deploys that keep this one off because its environment takes no more at once; none when it takes one more.
    async fn others(&self, scope: &Scope) -> Result<Option<String>, String> {
        let environment = self.shop.fleet.environment(&scope.environment);
        let Some(most) = environment.deploys else {
            return Ok(None);
        };
        let open = self.shop.store.deploys(true, 1000).await;
        let mut open = open.map_err(|error| error.to_string())?;
        open.retain(|held| {
            held.scope.environment == scope.environment
                && held.scope != *scope
                && held.phase != Phase::Paused
        });
        if open.len() < usize::try_from(most).unwrap_or(usize::MAX) {
            return Ok(None);
        }
        let told: Vec<String> = open.iter().map(Held::told).collect();
        Ok(Some(format!(
            "waits for {}, which takes {most} at once: {}",
            environment.name,
            told.join(", ")
        )))
    }

    /// Whether a digest is one that registries know: what was built and not pushed has an id only.
    fn is_remote(&self, digest: &str, image: &str) -> bool {
        let built = self
            .run
            .variables
            .get("CI_IMAGE")
            .is_some_and(|one| one == image);
        let is_id = built
            && self.run.pipeline.steps.iter().any(|step| {
                matches!(&step.verb, Verb::Build(build) if !build.push
                    && self.fill(&build.tag).is_ok_and(|tag| tag == image))
            });
        !is_id && digest.starts_with("sha256:")
    }

    /// The one service of an app.
    async fn only_service(&self, scope: &Scope) -> Result<String, String> {
        let releases = self.shop.store.releases(scope, 1).await;
        let releases = releases.map_err(|error| error.to_string())?;
        let services: Vec<String> = releases
            .first()
            .map(|(release, _)| release.pins.keys().map(ToString::to_string).collect())
            .unwrap_or_default();
        match &services[..] {
            [service] => Ok(service.clone()),
            [] => Err(format!(
                "{scope} has no release yet: write images: {{SERVICE: image}}"
            )),
            many => Err(format!(
                "{scope} has several services: write images: {{SERVICE: image}}, of {}",
                many.join(", ")
            )),
        }
    }

    async fn newest(
        &self,
        scope: &Scope,
    ) -> Result<Option<(ReleaseNumber, Phase, Timestamp, String)>, String> {
        let newest = self.shop.store.releases(scope, 1).await;
        let newest = newest.map_err(|error| error.to_string())?;
        let newest = newest.into_iter().next();
        Ok(newest.map(|(release, held)| (release.number, held.phase, release.at, held.detail)))
    }

    /// What came of a deploy that this step began before, and goes on with it when nobody does; none when it began none.
    pub(super) async fn went_on(
        &self,
        scope: &Scope,
        began: Timestamp,
    ) -> Result<Option<Ended>, String> {
        loop {
            let Some((number, phase, at, detail)) = self.newest(scope).await? else {
                return Ok(None);
            };
            if at < began {
                return Ok(None);
            }
            match phase {
                Phase::Succeeded => {
                    return Ok(Some(Ended::new(
                        Status::Success,
                        format!("{number} of {scope}"),
                    )));
                }
                phase if !phase.is_open() => {
                    return Ok(Some(Ended::failed(format!(
                        "{number} of {scope} is {}: {detail}",
                        phase.word()
                    ))));
                }
                _ => {}
            }
            let open = self.shop.store.open_deploy(scope).await;
            let open = open.map_err(|error| error.to_string())?;
            match open {
                Some((held, _)) if !held.is_live() && held.phase != Phase::Paused => {
                    let mut words = words(["app", "continue", scope.app.as_str()]);
                    if !scope.environment.is_empty() {
                        let environment = scope.environment.to_string();
                        words.extend(["--env".to_owned(), environment.clone()]);
                        words.extend(["--confirm".to_owned(), environment]);
                    }
                    // Somebody else may have been quicker: what came of it is looked up.
                    if let Some(ended) = self.said(words).await?
                        && self.wish.is_cancelled()
                    {
                        return Ok(Some(ended));
                    }
                }
                Some((held, _)) => {
                    let paused = held.phase == Phase::Paused;
                    self.note(
                        paused,
                        format!("{number} of {scope}: {}", held.phase.word()),
                        None,
                    )
                    .await;
                }
                None => {}
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => return Ok(Some(Ended::new(Status::Canceled, "the deploy goes on by itself"))),
            }
        }
    }

    /// Waits while a deploy waits for approvals; whether it is to be said again.
    async fn waited(&self, scope: &Scope) -> Result<bool, String> {
        let mut has_waited = false;
        loop {
            let requests = self.shop.store.requests(Some(scope), 20).await;
            let requests = requests.map_err(|error| error.to_string())?;
            let now = Timestamp::now();
            let waiting = requests.iter().find_map(|one| match one.standing(now) {
                Standing::Waiting(missing) => Some((one, missing)),
                Standing::Approved | Standing::Rejected(_) | Standing::Expired => None,
            });
            let Some((request, missing)) = waiting else {
                let newest = requests.first().map(|one| one.standing(now));
                return Ok(has_waited && newest == Some(Standing::Approved));
            };
            has_waited = true;
            let detail = format!(
                "{scope} asks for {missing} more approvals: app approve {} --env {} {}",
                scope.app, scope.environment, request.digest
            );
            self.note(true, detail, None).await;
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => return Ok(false),
            }
        }
    }
}
