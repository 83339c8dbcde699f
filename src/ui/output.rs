//! What a run said, kept while and after it goes on: lines and findings, by step.

use crate::{
    model::{Amount, Finding, Mark, Outcome, Said, Timestamp},
    ops::{Plan, Progress, column::Tone},
    ui::{
        runs::RunId,
        widget::line::{Ink, Line, wrap},
    },
};

/// So many lines are kept of a step; of a longer one the oldest go.
const KEPT: usize = 2000;
/// Where the name of a check and what was seen begin.
const TITLE: usize = 14;
const SAW: usize = 32;
/// With fewer cells what was seen stands below.
const NARROW: usize = 76;

/// What one step said.
#[derive(Clone, Debug)]
struct Part {
    target: String,
    /// Whether its turn has come.
    begun: bool,
    said: Vec<Said>,
    dropped: usize,
    /// How far it has come, and since when that is counted.
    amount: Option<(Timestamp, Amount)>,
    result: Option<Result<String, String>>,
}

/// What a run said.
#[derive(Clone, Debug)]
pub struct Output {
    /// The run.
    pub id: RunId,
    title: String,
    parts: Vec<Part>,
    outcome: Option<Outcome>,
}

impl Output {
    /// Of a run that begins.
    pub fn new(id: RunId, plan: &Plan) -> Self {
        // Where one step waits for another it is said; a question is begun with its asking.
        let part = |target: String| Part {
            target,
            begun: plan.deploy.is_none(),
            said: Vec::new(),
            dropped: 0,
            amount: None,
            result: None,
        };
        let mut parts: Vec<Part> = plan.steps.iter().map(|step| part(step.target())).collect();
        if parts.is_empty() {
            // A question has an answer, and no steps.
            parts.push(part(plan.sentence.clone()));
        }
        Self {
            id,
            title: plan.title.clone(),
            parts,
            outcome: None,
        }
    }

    /// Takes in how far the run is.
    pub fn take(&mut self, progress: &Progress, now: Timestamp) {
        match progress {
            Progress::Said(step, said) => {
                if let Some(part) = self.parts.get_mut(*step) {
                    if let Said::Amount(amount) = said {
                        return part.measure(amount, now);
                    }
                    if part.said.len() == KEPT {
                        part.said.remove(0);
                        part.dropped += 1;
                    }
                    part.said.push(said.clone());
                }
            }
            Progress::StepEnded(step, result, _) => {
                if let Some(part) = self.parts.get_mut(*step) {
                    part.result = Some(result.clone());
                }
            }
            Progress::Ended(outcome) => self.outcome = Some(outcome.clone()),
            Progress::StepBegan(step) => {
                if let Some(part) = self.parts.get_mut(*step) {
                    (part.begun, part.result) = (true, None);
                }
            }
            Progress::Began(_) | Progress::Waits(_) => {}
        }
    }

    /// The title, with how the run stands.
    pub fn title(&self) -> String {
        match &self.outcome {
            None => format!("{}: running", self.title),
            Some(outcome) => format!("{}: {}", self.title, outcome.word()),
        }
    }

    /// How far the steps have come that say so and have not ended: the target of each, and how it stands.
    pub fn amounts(&self, now: Timestamp) -> impl Iterator<Item = (&str, String)> {
        let open = self.parts.iter().filter(|part| part.result.is_none());
        open.filter_map(move |part| Some((part.target.as_str(), part.standing(now)?)))
    }

    /// Whether the run has not ended.
    pub fn goes_on(&self) -> bool {
        self.outcome.is_none()
    }

    /// All of it as lines of at most `cells`.
    pub fn lines(&self, ascii: bool, cells: usize, now: Timestamp) -> Vec<Line> {
        let mut lines = Vec::new();
        for part in &self.parts {
            if !lines.is_empty() {
                lines.push(Line::new());
            }
            lines.push(part.heading());
            if part.dropped > 0 {
                let text = format!("{} earlier lines are not kept", part.dropped);
                lines.push(Line::of(&text, Ink::FAINT));
            }
            for said in &part.said {
                match said {
                    Said::Line(text) => {
                        lines.extend(
                            wrap(text, cells)
                                .iter()
                                .map(|one| Line::of(one, Ink::PLAIN)),
                        );
                    }
                    Said::Finding(finding) => lines.extend(found(finding, ascii, cells)),
                    Said::Amount(_) => {}
                }
            }
            if let (None, Some(text)) = (&part.result, part.standing(now)) {
                let bar = part.bar(ascii).unwrap_or_default();
                lines.push(Line::of(&bar, Ink::BUSY).then(&format!(" {text}"), Ink::PLAIN));
            }
            // Findings have said why.
            if let Some(Err(why)) = part.result.as_ref().filter(|_| !part.looks()) {
                lines.extend(wrap(why, cells).iter().map(|one| Line::of(one, Ink::BAD)));
            }
        }
        lines
    }
}

impl Part {
    fn heading(&self) -> Line {
        let line = Line::of(&self.target, Ink::Title);
        match &self.result {
            None if !self.begun => line.then("  waiting for its turn", Ink::FAINT),
            None => line.then("  running", Ink::BUSY),
            Some(Ok(text)) if text.is_empty() => line.then("  done", Ink::GOOD),
            Some(Ok(text)) if self.looks() => line.then(&format!("  usable: {text}"), Ink::GOOD),
            Some(Ok(text)) => line.then(&format!("  {text}"), Ink::GOOD),
            Some(Err(_)) if self.looks() => line.then("  cannot be used", Ink::BAD),
            Some(Err(_)) => line.then("  failed", Ink::BAD),
        }
    }

    /// Takes in how far it has come; what is measured anew is timed anew.
    fn measure(&mut self, amount: &Amount, now: Timestamp) {
        let since = match &self.amount {
            Some((since, before)) if before.what == amount.what => *since,
            Some(_) | None => now,
        };
        self.amount = Some((since, amount.clone()));
    }

    /// How it stands, with speed and the time that is left.
    fn standing(&self, now: Timestamp) -> Option<String> {
        let (since, amount) = self.amount.as_ref()?;
        let elapsed = now.as_millisecond() - since.as_millisecond();
        Some(amount.text(u64::try_from(elapsed).unwrap_or(0)))
    }

    /// How much is done as a bar, where the whole is known.
    fn bar(&self, ascii: bool) -> Option<String> {
        let share = self.amount.as_ref()?.1.share()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share is between 0 and 1"
        )]
        let full = (share * 20.0).round() as usize;
        let (done, open) = if ascii { ("#", "-") } else { ("█", "░") };
        Some(format!("{}{}", done.repeat(full), open.repeat(20 - full)))
    }

    fn looks(&self) -> bool {
        self.said
            .iter()
            .any(|said| matches!(said, Said::Finding(_)))
    }
}

/// A finding: sign and word, the step, what was seen; below it the remedy.
fn found(finding: &Finding, ascii: bool, cells: usize) -> Vec<Line> {
    let ink = Ink::Tone(match finding.mark {
        Mark::Ok => Tone::Good,
        Mark::Warning => Tone::Warn,
        Mark::Failed => Tone::Bad,
        Mark::NotReached | Mark::Skipped => Tone::Faint,
    });
    let mark = format!("{} {}", finding.mark.glyph(ascii), finding.mark.word());
    let mut first = Line::of(&mark, ink).at(TITLE, &finding.title(), Ink::Label);
    let narrow = cells < NARROW;
    let at = if narrow { 2 } else { SAW };
    let room = cells.saturating_sub(at).max(8);
    let saw_ink = match finding.mark {
        Mark::Failed => Ink::BAD,
        Mark::Ok | Mark::Warning => Ink::PLAIN,
        Mark::NotReached | Mark::Skipped => Ink::FAINT,
    };
    let mut saw = wrap(&finding.saw, room).into_iter();
    let mut lines = Vec::new();
    if !narrow && let Some(text) = saw.next() {
        first = first.at(at, &text, saw_ink);
    }
    lines.push(first);
    let rest = saw.filter(|text| !text.is_empty());
    lines.extend(rest.map(|text| Line::new().at(at, &text, saw_ink)));
    if !finding.remedy.is_empty() {
        let remedy = wrap(&format!("do: {}", finding.remedy), room);
        lines.extend(
            remedy
                .iter()
                .map(|text| Line::new().at(at, text, Ink::BUSY)),
        );
    }
    lines
}
