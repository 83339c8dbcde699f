//! BuildKit: it asks for the files that it does not have yet, and for secrets, while it tells how it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::interval;

use super::prepare::DOCKERFILE;
use super::serve::{Gone, METHODS, Offer, serve};
use super::trace::Trace;
use super::{Building, QUIET, TOLD};
use crate::engine::error::{Error, ErrorKind, Fault};
use crate::engine::task::Task;
use crate::engine::wire::{Wire, query};
use crate::model::{Amount, Said, hex};

/// No line of what is told is longer; more is passed over.
const LONGEST: usize = 8 << 20;

impl Building<'_> {
    /// Builds; answers the image's id, and nothing where the engine has no BuildKit after all.
    pub(super) async fn by_buildkit(self) -> Result<Option<String>, Error> {
        let name = fresh();
        let wire = &self.session.wire;
        let mut ask = wire
            .post("/session")
            .header("X-Docker-Expose-Session-Uuid", &*name)
            .header("X-Docker-Expose-Session-Name", "wharf")
            .header("X-Docker-Expose-Session-Sharedkey", shared(&self.job.place));
        for method in METHODS {
            ask = ask.header("X-Docker-Expose-Session-Grpc-Method", method);
        }
        let connection = match ask.upgrade_to("h2c").await {
            Ok(connection) => connection,
            Err(Fault::Refused {
                status: 400 | 404 | 405 | 501,
                ..
            }) => return Ok(None),
            Err(fault) => return Err(self.deed.fault(fault)),
        };
        let gone = Arc::new(Gone::default());
        let offer = Offer {
            context: Arc::clone(&self.job.context),
            recipe: Arc::clone(&self.job.recipe_tree),
            rules: Arc::clone(&self.job.rules_tree),
            secrets: self.job.secrets.clone(),
            keys: self.engines.keys(),
            gone: Arc::clone(&gone),
        };
        let _serving = Task::spawn(async move {
            if let Err(error) = serve(connection, Arc::new(offer)).await {
                tracing::debug!(%error, "the connection that BuildKit asked over has ended");
            }
        });
        let mut ending = Ending::of(wire, &name);
        let path = self.asked(&[
            ("version", "2"),
            ("session", &name),
            ("buildid", &name),
            ("remote", "client-session"),
            ("dockerfile", DOCKERFILE),
        ]);
        let answered = wire.post(path).within(QUIET).response().await;
        let body = match answered {
            Ok(response) => response.into_body(),
            Err(fault @ Fault::Refused { .. }) => {
                ending.is_over = true;
                let error = self.deed.fault(fault);
                return Err(self.failed(None, &error.why));
            }
            Err(fault) => return Err(self.deed.fault(fault)),
        };
        let mut hearing = Hearing::default();
        let told = AtomicU64::new(0);
        let tell = || {
            let (done, total) = (&gone.done, &gone.total);
            let (done, total) = (done.load(Ordering::Relaxed), total.load(Ordering::Relaxed));
            if told.swap(done, Ordering::Relaxed) != done {
                let total = (total > 0).then_some(total);
                (self.say)(Said::Amount(Amount::bytes("sending", done, total)));
                return true;
            }
            false
        };
        let heard = hearing.listen(self, body, QUIET, tell).await;
        ending.is_over = heard.is_ok() || hearing.failed;
        heard?;
        hearing.id(self).map(Some)
    }
}

/// Ends a build that nobody waits for any more: engines notice a closed connection, but not all of them at once.
struct Ending {
    wire: Wire,
    name: String,
    is_over: bool,
}

impl Ending {
    fn of(wire: &Wire, name: &str) -> Self {
        Self {
            wire: wire.clone(),
            name: name.to_owned(),
            is_over: false,
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if self.is_over {
            return;
        }
        let (wire, name) = (self.wire.clone(), std::mem::take(&mut self.name));
        runtime.spawn(async move {
            let path = format!("/build/cancel{}", query(&[("id", &name)]));
            // It may be over already, or the link be gone.
            let _ = wire.post(path).status().await;
        });
    }
}

/// A name that no other build has.
fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_nanos();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("wharf{now:x}p{:x}n{number:x}", std::process::id())
}

/// What BuildKit keeps the files of a directory under, so that it asks for those only that changed.
fn shared(place: &str) -> String {
    hex(&Sha256::digest(place.as_bytes()))
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    aux: Option<Value>,
}

/// What an engine tells while it builds, and what it told in the end.
#[derive(Default)]
pub(super) struct Hearing {
    trace: Trace,
    left: Vec<u8>,
    /// A line of a step that has not ended yet.
    open: String,
    /// The step that is done now, as the older builder names it.
    step: Option<String>,
    image: Option<String>,
    /// Whether the engine itself said that it failed.
    pub failed: bool,
    shown: Option<(u64, u64)>,
}

impl Hearing {
    /// Listens until the engine has finished, and tells on what it says. `tell` is called now and then, and answers
    /// whether it had something to tell.
    pub async fn listen(
        &mut self,
        building: Building<'_>,
        mut body: Incoming,
        patience: Duration,
        tell: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let mut tick = interval(TOLD);
        let mut heard = Instant::now();
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                _ = tick.tick() => {
                    self.told(tell(), building);
                    if heard.elapsed() > patience {
                        return Err(building.deed.fault(Fault::Late(patience)));
                    }
                    continue;
                }
            };
            heard = Instant::now();
            self.told(tell(), building);
            match frame {
                None => break,
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.take(&data, building)?;
                }
                Some(Err(error)) => return Err(building.deed.fault(Fault::Cut(error.to_string()))),
            }
        }
        let rest = std::mem::take(&mut self.left);
        self.line(&rest, building)?;
        let rest = std::mem::take(&mut self.open);
        self.printed(&rest, building);
        Ok(())
    }

    fn take(&mut self, data: &[u8], building: Building<'_>) -> Result<(), Error> {
        self.left.extend_from_slice(data);
        while let Some(end) = self.left.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.left.drain(..=end).collect();
            self.line(&line, building)?;
        }
        if self.left.len() > LONGEST {
            self.left.clear();
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], building: Building<'_>) -> Result<(), Error> {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            return Ok(());
        };
        if let Some(error) = line.error {
            self.failed = true;
            let step = self.trace.failed.as_ref().or(self.step.as_ref());
            return Err(building.failed(step.map(String::as_str), &error));
        }
        match (line.id.as_deref(), &line.aux) {
            (Some("moby.buildkit.trace"), Some(Value::String(text))) => {
                if let Ok(message) = STANDARD.decode(text) {
                    for line in self.trace.take(&message) {
                        building.line(&line);
                    }
                    self.progress(self.trace.progress(), building);
                }
            }
            (_, Some(aux)) => {
                let id = aux["ID"].as_str().map(str::to_owned);
                self.image = id.or(self.image.take());
            }
            (_, None) => {}
        }
        for piece in line
            .stream
            .iter()
            .flat_map(|text| text.split_inclusive('\n'))
        {
            self.open.push_str(piece);
            if piece.ends_with('\n') {
                let text = std::mem::take(&mut self.open);
                self.printed(&text, building);
            }
        }
        Ok(())
    }

    /// A line of the older builder.
    fn printed(&mut self, text: &str, building: Building<'_>) {
        let text = text.trim_end();
        let text = text.rsplit('\r').next().unwrap_or(text);
        let bare = text.trim();
        if let Some((place, _)) = step(bare) {
            self.step = Some(match bare.split_once(": ") {
                Some((_, instruction)) => format!("Step : {instruction}"),
                None => bare.to_owned(),
            });
            self.progress(place, building);
            return building.line(bare);
        }
        let arrow = bare.strip_prefix("--->").or(bare.strip_prefix("-->"));
        match arrow.map(str::trim) {
            Some(said) if said.starts_with("Using cache") => building.line("  CACHED"),
            // Layers and containers that stand between one image and the next.
            Some(said) if said.starts_with("Running in ") || is_id(said) => {}
            _ if bare.starts_with("Removing intermediate container") || bare.is_empty() => {}
            Some(_) | None => building.line(&format!("  {text}")),
        }
        if let Some(id) = bare.strip_prefix("Successfully built ") {
            self.image.get_or_insert_with(|| id.to_owned());
        }
    }

    /// Once files are no longer sent, the steps are what is waited for.
    fn told(&mut self, is_sending: bool, building: Building<'_>) {
        if is_sending {
            self.shown = None;
        } else {
            self.progress(self.trace.progress(), building);
        }
    }

    fn progress(&mut self, (done, total): (u64, u64), building: Building<'_>) {
        if total > 0 && self.shown != Some((done, total)) {
            self.shown = Some((done, total));
            let amount = Amount::count("steps", done, Some(total));
            (building.say)(Said::Amount(amount));
        }
    }

    /// The image that was made.
    pub fn id(self, building: Building<'_>) -> Result<String, Error> {
        self.image.ok_or_else(|| {
            let why = "the engine ended the build and named no image";
            building.deed.failed(ErrorKind::Engine, why)
        })
    }
}

/// The numbers of `Step 3/9 : RUN make`: those before it, and all.
fn step(line: &str) -> Option<((u64, u64), &str)> {
    let rest = line.strip_prefix("Step ").or(line.strip_prefix("STEP "))?;
    let (numbers, text) = rest.split_once(':')?;
    let (now, all) = numbers.trim().split_once('/')?;
    let now: u64 = now.parse().ok()?;
    Some(((now.saturating_sub(1), all.parse().ok()?), text.trim()))
}

fn is_id(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_builders_steps_are_counted() {
        assert_eq!(step("Step 3/9 : RUN make"), Some(((2, 9), "RUN make")));
        assert_eq!(step("STEP 1/2: FROM a"), Some(((0, 2), "FROM a")));
        assert_eq!(step("Stepping over"), None);
    }

    #[test]
    fn no_two_builds_have_one_name() {
        assert_ne!(fresh(), fresh());
        assert_eq!(shared("/a"), shared("/a"));
        assert_ne!(shared("/a"), shared("/b"));
    }
}
