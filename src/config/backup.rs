//! `[vault]` and `[[backup]]` of `wharf.toml`.

use super::{BackupJob, document::Section, file::Base};
use crate::model::{Schedule, Vault};

/// A directory of backups, of this machine or of a host.
pub(super) fn vault(section: &mut Section<'_, '_>, base: Base<'_>) -> Option<Vault> {
    let text = section.text("directory")?;
    if !Vault::names_a_host(&text) {
        return Some(Vault::Here(base.path(&text)));
    }
    match text.parse() {
        Ok(vault) => Some(vault),
        Err(why) => {
            section.complain_of("directory", "is no directory of backups", why);
            None
        }
    }
}

/// `[[backup]]`: what cannot be read of one is told, and it is not done.
pub(super) fn backup_job(section: &mut Section<'_, '_>, base: Base<'_>) -> Option<BackupJob> {
    let volumes = section.texts("volumes");
    if let Some(first) = volumes.first() {
        section.rename(format!("[[backup]] {first}"));
    }
    let schedule = ["every", "cron"].map(|key| (key, section.text(key)));
    let directory = vault(section, base);
    let keep = section.number("keep", 1..1_000_000);
    let pause = section.flag("pause").unwrap_or(false);
    let before = section.text("before");
    if volumes.is_empty() {
        let remedy = "write volumes = [\"data@ams-1\", \"db-*@env:prod\"]";
        section.complain("names no volumes, so it is not done", remedy);
        return None;
    }
    let when = match &schedule {
        [(_, Some(text)), (_, None)] => Schedule::every(text).map_err(|why| ("every", why)),
        [(_, None), (_, Some(text))] => Schedule::cron(text).map_err(|why| ("cron", why)),
        [(_, Some(_)), (_, Some(_))] | [(_, None), (_, None)] => {
            let remedy = "write either every = \"6h\" or cron = \"30 3 * * *\"";
            section.complain("does not say when, so it is not done", remedy);
            return None;
        }
    };
    match when {
        Ok(when) => Some(BackupJob {
            volumes,
            when,
            directory,
            keep: keep.and_then(|keep| u32::try_from(keep).ok()),
            pause,
            before,
        }),
        Err((key, why)) => {
            section.complain_of(key, "is no schedule, so it is not done", why);
            None
        }
    }
}
