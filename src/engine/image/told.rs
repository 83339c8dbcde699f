//! What an engine tells while it pulls, pushes or builds: lines of JSON, with how far each layer is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;

use super::source::frame;
use crate::engine::error::{Deed, Error, ErrorKind};
use crate::model::{Amount, Said, printable};

/// So often it is said how far it is.
const TOLD: Duration = Duration::from_millis(250);

/// No line is longer; more is passed over.
const LONGEST: usize = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    progress_detail: Option<Detail>,
    #[serde(default)]
    aux: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Detail {
    #[serde(default)]
    current: Option<u64>,
    #[serde(default)]
    total: Option<u64>,
}

/// What was told in the end.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The last thing said of the whole: `Status: Downloaded newer image for …`, `Digest: sha256:…`.
    pub last: String,
    /// What programs are told: digests and ids.
    pub aux: Vec<Value>,
}

/// Listens until the engine has finished, and tells on how far it is.
pub(super) async fn listen(
    mut body: Incoming,
    what: &str,
    deed: &Deed,
    say: &(dyn Fn(Said) + Sync),
) -> Result<Told, Error> {
    let mut hearing = Hearing::new(what);
    // The first word may take as long as all later ones together: a registry is asked meanwhile.
    while let Some(data) = frame(&mut body, true)
        .await
        .map_err(|fault| deed.fault(fault))?
    {
        hearing
            .take(&data, say)
            .map_err(|why| deed.failed(ErrorKind::Engine, why))?;
    }
    hearing
        .end(say)
        .map_err(|why| deed.failed(ErrorKind::Engine, why))
}

/// What was heard so far.
struct Hearing<'w> {
    what: &'w str,
    left: Vec<u8>,
    layers: BTreeMap<String, (u64, u64)>,
    shown: Instant,
    told: Told,
}

impl<'w> Hearing<'w> {
    fn new(what: &'w str) -> Self {
        Self {
            what,
            left: Vec::new(),
            layers: BTreeMap::new(),
            shown: Instant::now(),
            told: Told::default(),
        }
    }

    fn take(&mut self, data: &[u8], say: &(dyn Fn(Said) + Sync)) -> Result<(), String> {
        self.left.extend_from_slice(data);
        while let Some(end) = self.left.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.left.drain(..=end).collect();
            self.line(&line, say)?;
        }
        if self.left.len() > LONGEST {
            self.left.clear();
        }
        Ok(())
    }

    fn end(mut self, say: &(dyn Fn(Said) + Sync)) -> Result<Told, String> {
        let rest = std::mem::take(&mut self.left);
        self.line(&rest, say)?;
        Ok(self.told)
    }

    fn line(&mut self, line: &[u8], say: &(dyn Fn(Said) + Sync)) -> Result<(), String> {
        let Ok(line) = serde_json::from_slice::<Line>(line) else {
            return Ok(());
        };
        if let Some(error) = line.error {
            return Err(printable(error.trim()));
        }
        self.told.aux.extend(line.aux);
        for text in line.stream.iter().flat_map(|text| text.lines()) {
            if !text.trim().is_empty() {
                say(Said::Line(printable(text)));
            }
        }
        let Some(status) = line.status else {
            return Ok(());
        };
        match line.id {
            None => self.told.last = printable(&status),
            Some(id) => self.layer(&status, id, &line.progress_detail.unwrap_or_default(), say),
        }
        Ok(())
    }

    fn layer(&mut self, status: &str, id: String, detail: &Detail, say: &(dyn Fn(Said) + Sync)) {
        match (status, detail.current, detail.total) {
            ("Downloading" | "Pushing", Some(done), Some(total)) => {
                self.layers.insert(id, (done, total));
            }
            // What has arrived is unpacked; that is not counted again.
            ("Download complete" | "Pull complete" | "Pushed", ..) => {
                if let Some((done, total)) = self.layers.get_mut(&id) {
                    *done = *total;
                }
            }
            _ => return,
        }
        if self.shown.elapsed() >= TOLD {
            self.shown = Instant::now();
            let sum = self
                .layers
                .values()
                .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            say(Said::Amount(Amount::bytes(self.what, sum.0, Some(sum.1))));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::Mutex;

    use super::*;

    fn hear(text: &str) -> (Result<Told, String>, Vec<Said>) {
        let said = Mutex::new(Vec::new());
        let say = |one: Said| said.lock().unwrap().push(one);
        let mut hearing = Hearing::new("pulling");
        hearing.shown -= TOLD;
        // In pieces that end anywhere.
        let told = text
            .as_bytes()
            .chunks(7)
            .try_for_each(|piece| hearing.take(piece, &say))
            .and_then(|()| hearing.end(&say));
        (told, said.into_inner().unwrap())
    }

    #[test]
    fn layers_are_summed_and_the_end_is_told() {
        let (told, said) = hear(concat!(
            "{\"status\":\"Pulling from app\",\"id\":\"1\"}\r\n",
            "{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"current\":10,\"total\":100}}\r\n",
            "{\"status\":\"Digest: sha256:00\"}\r\n",
            "{\"status\":\"Status: Downloaded newer image for app:1\"}",
        ));
        assert_eq!(
            told.unwrap().last,
            "Status: Downloaded newer image for app:1"
        );
        assert_eq!(
            said,
            [Said::Amount(Amount::bytes("pulling", 10, Some(100)))]
        );
    }

    #[test]
    fn a_failure_within_is_one() {
        let (told, _) =
            hear("{\"status\":\"x\"}\n{\"errorDetail\":{},\"error\":\"no space\\u001b left\"}\n");
        assert_eq!(told, Err("no space· left".to_owned()));
        let (told, said) = hear("{\"stream\":\"Step 1/2 : FROM a\\n\"}\nno json\n");
        assert_eq!(told.unwrap(), Told::default());
        assert_eq!(said, [Said::Line("Step 1/2 : FROM a".to_owned())]);
    }
}
