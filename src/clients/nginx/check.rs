//! Whether an nginx is as Wharf needs it: each point with what was seen, and what to do.

use super::Nginx;
use crate::{
    clients::finding::{Finding, finding},
    model::Mark,
};

impl Nginx {
    /// Looks at all of it; nothing is changed.
    pub async fn check(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let machine = &self.spec.machine;
        match self.about().await {
            Ok(about) => {
                let saw = format!("nginx {}, {} workers", about.version, about.workers);
                found.push(finding("nginx", Mark::Ok, saw, ""));
            }
            Err(error) => {
                let remedy = error.remedy.unwrap_or_else(|| {
                    "start it, or write pid = \"/run/nginx.pid\" into its [[balancer]]".to_owned()
                });
                found.push(finding("nginx", Mark::Failed, error.why, remedy));
            }
        }
        let checked = format!(
            "PATH=$PATH:/usr/sbin; said=$({} 2>&1) || {{ printf '%s' \"$said\" | tr '\\n' ' '; echo; exit 1; }}",
            self.own.check
        );
        found.push(match self.reach.run(machine, &checked).await {
            Ok(_) => finding("configuration", Mark::Ok, self.own.check.to_string(), ""),
            Err(trouble) => finding(
                "configuration",
                Mark::Failed,
                trouble.reason,
                "nothing is changed while its configuration is wrong; or let the account that logs in there run that check",
            ),
        });
        let (dir, _) = self.own.file.rsplit_once('/').unwrap_or(("/", ""));
        let writes =
            format!("[ -w '{dir}' ] || {{ echo \"$(id -un) may not write into {dir}\"; exit 1; }}");
        found.push(match self.reach.run(machine, &writes).await {
            Ok(_) => finding("directory", Mark::Ok, dir, ""),
            Err(trouble) => finding(
                "directory",
                Mark::Failed,
                trouble.reason,
                "let the account that logs in there write it: the new file is put beside the old one",
            ),
        });
        match self.backends().await {
            Ok(backends) if backends.is_empty() => found.push(finding(
                "upstreams",
                Mark::Failed,
                format!("{} has none", self.own.file),
                format!(
                    "`wharf balancer render APP --balancer {}` writes them",
                    self.spec.name
                ),
            )),
            Ok(backends) => found.extend(backends.iter().map(|one| {
                let down: Vec<&str> = one
                    .slots
                    .iter()
                    .filter(|slot| slot.is_serving() || slot.admin == crate::model::Admin::Ready)
                    .filter(|slot| !slot.is_up())
                    .map(|slot| &*slot.name.server)
                    .collect();
                let saw = format!(
                    "{} servers, {} of them take traffic",
                    one.slots.len(),
                    one.serving()
                );
                let what = format!("servers of {}", one.name);
                if down.is_empty() {
                    finding(&what, Mark::Ok, saw, "")
                } else {
                    let saw = format!("{saw}; {} cannot be reached", down.join(", "));
                    finding(
                        &what,
                        Mark::Warning,
                        saw,
                        "look at them; nginx tries the next one for requests that may be repeated",
                    )
                }
            })),
            Err(error) => {
                let remedy = error.remedy.unwrap_or_default();
                found.push(finding("upstreams", Mark::Failed, error.why, remedy));
            }
        }
        found
    }
}
