//! Images as steps: built of the workspace, and given other names.

use super::{
    container::Scratch,
    step::{Ended, Turn, words},
};
use crate::model::{
    Image,
    pipeline::{BuildStep, PromoteStep, Status},
};

impl Turn<'_> {
    /// An image of the workspace.
    pub(super) async fn build(&self, build: &BuildStep) -> Result<Ended, String> {
        let yard = self.yard()?;
        let dir = Scratch::new(self.shop.scratch)?;
        let context = self.fill(&build.context)?;
        let fetched = self.shop.engines.yard_fetch(&yard, &context, &dir.0).await;
        fetched.map_err(|error| error.to_string())?;
        let tag = self.fill(&build.tag)?;
        let mut words = words(["image", "build", &dir.0.display().to_string(), "--on"]);
        words.extend([format!("@{}", yard.host), "--tag".to_owned(), tag.clone()]);
        if let Some(file) = &build.dockerfile {
            let file = dir.0.join(self.fill(file)?);
            words.extend(["--file".to_owned(), file.display().to_string()]);
        }
        for (name, value) in self.fill_all(&build.args)? {
            words.push(format!("--build-arg={name}={value}"));
        }
        if let Some(target) = &build.target {
            words.extend(["--target".to_owned(), self.fill(target)?]);
        }
        if let Some(ended) = self.said(words).await? {
            return Ok(ended);
        }
        let digest = if build.push {
            let push = [
                "image".to_owned(),
                "push".to_owned(),
                format!("{tag}@{}", yard.host),
            ];
            if let Some(ended) = self.said(push.to_vec()).await? {
                return Ok(ended);
            }
            self.shop.digest(&tag).await?
        } else {
            let images = self.shop.engines.images(&yard.host).await;
            let images = images.map_err(|error| error.to_string())?;
            let named = |image: &&Image| image.tags.iter().any(|one| **one == *tag);
            let found = images.iter().find(named).map(|image| image.id.to_string());
            found.ok_or_else(|| format!("{tag} was built, but {} does not have it", yard.host))?
        };
        let mut ended = Ended::new(Status::Success, format!("{tag} is {}", brief(&digest)));
        ended.variables.insert("CI_IMAGE".to_owned(), tag.clone());
        ended
            .variables
            .insert("CI_IMAGE_DIGEST".to_owned(), digest.clone());
        ended.images.insert(tag, digest);
        Ok(ended)
    }

    /// Another name for the same image.
    pub(super) async fn promote(&self, promote: &PromoteStep) -> Result<Ended, String> {
        let image = self.fill(&promote.image)?;
        let (from, to) = (self.fill(&promote.from)?, self.fill(&promote.to)?);
        let source = if from.contains(':') {
            format!("{image}@{from}")
        } else {
            format!("{image}:{from}")
        };
        let target = format!("{image}:{to}");
        // What the run knows of a name holds: a tag that was moved since stops it.
        let digest = match self.run.images.get(&source) {
            Some(digest) => digest.clone(),
            None => self.shop.digest(&source).await?,
        };
        let words = words(["registry", "promote", &source, &target, "--expect", &digest]);
        if let Some(ended) = self.said(words).await? {
            return Ok(ended);
        }
        let mut ended = Ended::new(Status::Success, format!("{target} is {}", brief(&digest)));
        ended.images.insert(source, digest.clone());
        ended.images.insert(target, digest);
        Ok(ended)
    }
}

/// The first digits of a digest.
fn brief(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..12).unwrap_or(digits)
}
