//! Sentences as steps. One that acts is begun once for each try of its step, however many workers are killed meanwhile: who
//! goes on looks into the log of acts what came of it, and waits for it where it still goes on.

use tokio::{sync::mpsc, time::sleep};

use super::{
    say::Words,
    step::{Ended, LOOK, Turn, line},
};
use crate::{
    model::{
        Operation, Outcome,
        app::AppName,
        pipeline::{LogLine, Saying, Status},
        printable,
        release::Scope,
    },
    ops::sentence::{AppCommand, Sentence},
};

/// So many lines are written at once.
const LINES: usize = 500;

/// What may be said again after whoever said it was killed.
enum Again {
    /// It changes nothing that it did not change before, even while the first one still goes on.
    Freely,
    /// A deploy: there is at most one of an app, which is gone on with.
    Deploy(AppName, Option<String>),
    /// Only when it is sure that it never began.
    Never,
}

/// What came of an act that was begun before.
enum Earlier {
    /// There was none.
    Nothing,
    /// It came to an end, or nobody knows.
    Ended(Ended),
    /// It was cut off, and has changed nothing.
    Undone,
}

fn again(sentence: &Sentence) -> Again {
    match sentence {
        Sentence::App(AppCommand::Deploy(args)) => match &args.place.name {
            Some(app) => Again::Deploy(app.clone(), args.place.environment.clone()),
            None => Again::Never,
        },
        sentence if sentence.may_be_repeated() => Again::Freely,
        _ => Again::Never,
    }
}

impl Turn<'_> {
    /// Any sentence.
    pub(super) async fn sentence(&self, line: &str) -> Result<Ended, String> {
        let line = self.fill(line)?;
        let sentence = parse(&line).map_err(|error| format!("'{line}' is no sentence: {error}"))?;
        let words = shlex::split(&line)
            .ok_or_else(|| format!("'{line}' has a quote without its other one"))?;
        let words = match words.first().map(String::as_str) {
            Some("wharf") => words[1..].to_vec(),
            _ => words,
        };
        let well = || Ended::new(Status::Success, "");
        let again = again(&sentence);
        if matches!(again, Again::Freely) {
            return Ok(self.said(words).await?.unwrap_or_else(well));
        }
        let saying = self.saying(true)?;
        loop {
            let before = if self.goes_on {
                self.earlier(&saying, &again).await?
            } else {
                Earlier::Nothing
            };
            let ended = match before {
                Earlier::Ended(ended) => return Ok(ended),
                Earlier::Undone => return Ok(self.said(words).await?.unwrap_or_else(well)),
                Earlier::Nothing => self.say_as(words.clone(), &saying).await?,
            };
            let Some(ended) = ended else {
                return Ok(well());
            };
            // Whoever was killed may have left it to a program that began just now: that one counts.
            let found = self.found(&saying).await?;
            let is_others = found.is_some_and(|act| {
                let by = act.origin.step.map(|step| step.lease);
                by != Some(self.lease.token)
            });
            if !self.goes_on || !is_others || self.wish.is_cancelled() {
                return Ok(ended);
            }
        }
    }

    /// What came of an act that this try of the step began before.
    async fn earlier(&self, saying: &Saying, again: &Again) -> Result<Earlier, String> {
        let mut is_told = false;
        loop {
            let Some(act) = self.found(saying).await? else {
                return Ok(Earlier::Nothing);
            };
            let number = act.number_text();
            match &act.outcome {
                Outcome::Running => {}
                Outcome::Done { detail } => {
                    self.tell_line(format!("operation {number}, begun before, is done"))
                        .await;
                    return Ok(Earlier::Ended(Ended::new(Status::Success, detail)));
                }
                outcome @ (Outcome::Failed { .. } | Outcome::Cancelled { .. }) => {
                    let why = format!("operation {number}: {outcome}");
                    return Ok(Earlier::Ended(Ended::failed(why)));
                }
                Outcome::Interrupted => {
                    let Some(scope) = self.scope(again).await? else {
                        return Ok(Earlier::Ended(self.lost(&act)));
                    };
                    // Without a release since then it was cut off before it changed anything.
                    let ended = self.went_on(&scope, act.at).await?;
                    return Ok(ended.map_or(Earlier::Undone, Earlier::Ended));
                }
            }
            if !is_told {
                is_told = true;
                let told = format!("operation {number}, begun before, goes on");
                self.tell_line(told.clone()).await;
                self.note(false, told, None).await;
            }
            // It is written down as interrupted when its program is gone as well.
            if let Err(error) = self.shop.store.interrupted().await {
                tracing::warn!(%error, "what became of an act is not known");
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.wish.cancelled() => {
                    let why = format!("operation {number} goes on by itself");
                    return Ok(Earlier::Ended(Ended::new(Status::Canceled, why)));
                }
            }
        }
    }

    /// What a deploy is about; none of what is no deploy, or whose environment nobody can tell.
    async fn scope(&self, again: &Again) -> Result<Option<Scope>, String> {
        let Again::Deploy(app, environment) = again else {
            return Ok(None);
        };
        let environment = match environment {
            Some(environment) => environment.clone(),
            None => {
                let all = self.shop.store.environments_of(app).await;
                match &all.map_err(|error| error.to_string())?[..] {
                    [] => String::new(),
                    [only] => only.clone(),
                    _ => return Ok(None),
                }
            }
        };
        Ok(Some(Scope {
            app: app.clone(),
            environment: environment.into(),
        }))
    }

    async fn found(&self, saying: &Saying) -> Result<Option<Operation>, String> {
        let Some(token) = saying.token() else {
            return Ok(None);
        };
        let found = self.shop.store.act_of(&token).await;
        found.map_err(|error| error.to_string())
    }

    /// Nobody knows what came of it.
    fn lost(&self, act: &Operation) -> Ended {
        let Operation { at, sentence, .. } = act;
        let why = format!(
            "'{sentence}' (operation {}) began at {} and was cut off, so that nobody knows what came of it: look at {}, \
             then `pipeline retry {} --from {}` says it again",
            act.number_text(),
            at.strftime("%H:%M:%S UTC"),
            match act.targets.as_slice() {
                [] => "what it acts on".to_owned(),
                targets => targets.join(", "),
            },
            self.run.number.0,
            self.step.name
        );
        Ended::new(Status::Lost, why)
    }

    async fn tell_line(&self, text: String) {
        self.write(&[line(text)], "").await;
    }

    /// Which step of which run speaks.
    fn saying(&self, once: bool) -> Result<Saying, String> {
        Ok(Saying {
            run: self.run.tag().ok_or("the run has no name")?,
            step: self.step.name.clone(),
            attempt: self.attempt,
            lease: self.lease.token,
            once,
        })
    }

    /// Says a sentence; none when it went well.
    pub(super) async fn said(&self, words: Vec<String>) -> Result<Option<Ended>, String> {
        self.say_as(words, &self.saying(false)?).await
    }

    async fn say_as(
        &self,
        mut words: Vec<String>,
        saying: &Saying,
    ) -> Result<Option<Ended>, String> {
        let told = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
        self.tell_line(format!("+ wharf {told}")).await;
        let reason = format!(
            "run {} of {}, {}",
            self.run.number,
            self.run.name(),
            self.run.by
        );
        let mut with = words.clone();
        with.extend(["--reason".to_owned(), reason]);
        let whole = shlex::try_join(
            with.iter()
                .filter(|word| !word.starts_with("--confirm"))
                .map(String::as_str),
        );
        let is_confirmed = words.iter().any(|word| word == "--confirm");
        if is_confirmed || whole.is_ok_and(|whole| Sentence::parse(&whole).is_ok()) {
            words = with;
        }
        if !is_confirmed {
            words.push("--yes".to_owned());
        }
        let (sender, mut heard) = mpsc::channel(1024);
        let spoken = Words {
            words: &words,
            by: &self.run.by,
            saying,
        };
        let saying = self
            .shop
            .program
            .say(spoken, sender, &self.wish, &self.left);
        let mut last = String::new();
        let writing = async {
            let mut batch = Vec::new();
            while heard.recv_many(&mut batch, LINES).await > 0 {
                let lines: Vec<LogLine> = batch
                    .drain(..)
                    .map(|(error, text): (bool, String)| LogLine {
                        error,
                        ..line(printable(&text))
                    })
                    .collect();
                if let Some(line) = lines.iter().rfind(|line| !line.text.trim().is_empty()) {
                    last.clone_from(&line.text);
                    self.note(false, last.clone(), None).await;
                }
                self.write(&lines, "").await;
            }
        };
        let (code, ()) = tokio::join!(saying, writing);
        let code = code?;
        if self.wish.is_cancelled() {
            return Ok(Some(Ended::new(Status::Canceled, "it was stopped")));
        }
        Ok(match code {
            0 => None,
            code => Some(Ended::failed(match last.trim() {
                "" => format!("it ended with {code}"),
                last => last.strip_prefix("wharf: ").unwrap_or(last).to_owned(),
            })),
        })
    }
}

/// Reads a sentence as a step may say it: with `--confirm` and what would be asked for.
pub(super) fn parse(line: &str) -> Result<Sentence, String> {
    let mut words = shlex::split(line).unwrap_or_default();
    if let Some(at) = words.iter().position(|word| word == "--confirm") {
        words.drain(at..words.len().min(at + 2));
    } else {
        return Sentence::parse(line).map_err(|error| error.to_string());
    }
    let line = shlex::try_join(words.iter().map(String::as_str));
    let line = line.map_err(|error| error.to_string())?;
    Sentence::parse(&line).map_err(|error| error.to_string())
}
