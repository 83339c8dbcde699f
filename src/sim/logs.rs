//! `GET /containers/{id}/logs`: made line by line when it is read, so that a long log takes no memory.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use hyper::StatusCode;

use super::clock::{self, MILLI, Nanos, SECOND};
use super::container::{Burst, Container, Run};
use super::host::Host;
use super::http::{self, Answer, Refusal};
use super::route::Call;
use super::voice;

/// About how many bytes are sent at once while a reader catches up.
const PIECE: usize = 64 << 10;

/// Said lines begin this long after the start, when the opening is over.
const WARM_UP: Nanos = SECOND;

/// Last words are said in this last moment of a run, a microsecond apart.
const LAST_WORDS: Nanos = 10_000;

/// One source of lines: each is a function of its number, and numbers are in order of time.
#[derive(Clone, Copy)]
enum Source<'a> {
    Run(&'a Container, Run),
    Burst(Burst),
    Pushed(&'a Container),
}

impl Source<'_> {
    /// When the `nth` line is said; none after the last one that is planned.
    fn moment(self, nth: u64) -> Option<Nanos> {
        match self {
            Self::Run(container, run) => run_moment(container, run, nth),
            Self::Burst(burst) => (nth < burst.lines).then(|| {
                burst.began
                    + burst
                        .step
                        .saturating_mul(i64::try_from(nth).unwrap_or(i64::MAX))
            }),
            Self::Pushed(container) => {
                let pushed = &container.extras.as_ref()?.pushed;
                Some(pushed.get(usize::try_from(nth).ok()?)?.at)
            }
        }
    }

    fn line(self, nth: u64, at: Nanos) -> voice::Line {
        match self {
            Self::Run(container, run) => run_line(container, run, nth, at),
            Self::Burst(_) => voice::flood(nth),
            Self::Pushed(container) => {
                let pushed = container.extras.as_ref().map(|extras| &extras.pushed);
                let place = usize::try_from(nth).unwrap_or(usize::MAX);
                let line = pushed.and_then(|pushed| pushed.get(place));
                line.map_or((false, String::new()), |line| {
                    (line.stderr, line.text.clone())
                })
            }
        }
    }

    /// How many lines are said before `moment`.
    fn before(self, moment: Nanos) -> u64 {
        let said = |nth| self.moment(nth).is_some_and(|at| at < moment);
        let mut high = 1;
        while said(high - 1) && high < 1 << 62 {
            high *= 2;
        }
        let mut low = high / 2;
        // Everything below `low` is said, `high - 1` is not.
        while low < high {
            let middle = low + (high - low) / 2;
            if said(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// How many lines of a run are said before its last words: all whose moment has come by then.
fn spoken(container: &Container, run: Run) -> u64 {
    let Some((end, _)) = run.ended else {
        return u64::MAX;
    };
    let last = end - LAST_WORDS;
    let (period, group) = rhythm(container);
    // No round begins more than half a period late, so only the last one can be cut short.
    let rounds = u64::try_from((last - run.began - WARM_UP).div_euclid(period)).unwrap_or(0);
    let whole = if rounds > 0 {
        opening(run) + rounds * group
    } else {
        0
    };
    let begun = opening(run) + (rounds + 1) * group;
    (whole..begun)
        .find(|nth| steady_moment(container, run, *nth) >= last)
        .unwrap_or(begun)
}

/// How many lines a run begins with: a process that goes on after a pause says nothing of it.
const fn opening(run: Run) -> u64 {
    if run.fresh { voice::OPENING } else { 0 }
}

fn rhythm(container: &Container) -> (Nanos, u64) {
    let (period, group) = voice::rhythm(container.plan.voice);
    // From half to one and a half, container by container.
    let pace = i64::try_from(container.seed.of("pace").below(100)).unwrap_or(0);
    (period * (50 + pace) / 100, group)
}

/// When the `nth` line of a run without an end is said.
fn steady_moment(container: &Container, run: Run, nth: u64) -> Nanos {
    if nth < opening(run) {
        return run.began + [15, 120, 380][usize::try_from(nth).unwrap_or(0)] * MILLI;
    }
    let (period, group) = rhythm(container);
    let nth = nth - opening(run);
    let (round, place) = (nth / group, nth % group);
    let wobble = container
        .seed
        .of("wobble")
        .at(round)
        .below(period.unsigned_abs() / 2);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    run.began
        + WARM_UP
        + signed(round).saturating_mul(period)
        + signed(wobble)
        + signed(place) * 2 * MILLI
}

fn run_moment(container: &Container, run: Run, nth: u64) -> Option<Nanos> {
    if run.silent {
        return None;
    }
    let spoken = spoken(container, run);
    if nth < spoken {
        return Some(steady_moment(container, run, nth));
    }
    let (end, ending) = run.ended?;
    let words = voice::closing(ending).len() as u64;
    let place = nth - spoken;
    (place < words).then(|| end - i64::try_from(words - place).unwrap_or(0) * 1000)
}

fn run_line(container: &Container, run: Run, nth: u64, at: Nanos) -> voice::Line {
    let spoken = spoken(container, run);
    match run.ended {
        Some((_, ending)) if nth >= spoken => {
            let place = usize::try_from(nth - spoken).unwrap_or(0);
            let last = voice::closing(ending).get(place);
            last.map_or((false, String::new()), |(stderr, text)| {
                (*stderr, (*text).to_owned())
            })
        }
        _ if nth < opening(run) => voice::opening(container, nth),
        _ => voice::line(container, nth - opening(run), at),
    }
}

/// A reader's place: how many lines of each source it has had. Sources only ever grow at their end.
#[derive(Clone, Debug, Default)]
struct Place {
    runs: Vec<(Nanos, u64)>,
    bursts: Vec<u64>,
    pushed: u64,
}

/// What a reader asked for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    shape: Shape,
    stamps: bool,
    until: Option<Nanos>,
    follow: bool,
}

/// How lines are handed over.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// As a terminal shows them: both streams in one.
    Raw,
    /// In frames, those of the streams that are wanted.
    Frames { stdout: bool, stderr: bool },
}

impl Shape {
    const fn wants(self, error: bool) -> bool {
        match self {
            Self::Raw => true,
            Self::Frames { stdout, stderr } => {
                if error {
                    stderr
                } else {
                    stdout
                }
            }
        }
    }
}

/// A source with the place of the next line in it.
struct Cursor<'a> {
    source: Source<'a>,
    next: u64,
}

fn cursors<'a>(container: &'a Container, place: &Place) -> Vec<Cursor<'a>> {
    let had = |run: &Run| {
        place
            .runs
            .iter()
            .find(|(began, _)| *began == run.began)
            .map_or(0, |(_, count)| *count)
    };
    let runs = container.runs.iter().map(|run| Cursor {
        source: Source::Run(container, *run),
        next: had(run),
    });
    let bursts = container
        .extras
        .iter()
        .flat_map(|extras| &extras.bursts)
        .enumerate();
    let bursts = bursts.map(|(nth, burst)| Cursor {
        source: Source::Burst(*burst),
        next: place.bursts.get(nth).copied().unwrap_or(0),
    });
    let pushed = Cursor {
        source: Source::Pushed(container),
        next: place.pushed,
    };
    runs.chain(bursts).chain([pushed]).collect()
}

fn place_of(cursors: &[Cursor]) -> Place {
    let mut place = Place::default();
    for cursor in cursors {
        match cursor.source {
            Source::Run(_, run) => place.runs.push((run.began, cursor.next)),
            Source::Burst(_) => place.bursts.push(cursor.next),
            Source::Pushed(_) => place.pushed = cursor.next,
        }
    }
    place
}

/// Where a reader begins who wants the lines since `since`, and of these the last `tail`.
fn beginning(container: &Container, since: Option<Nanos>, end: Nanos, tail: Option<u64>) -> Place {
    let mut cursors = cursors(container, &Place::default());
    let ends: Vec<u64> = cursors.iter().map(|one| one.source.before(end)).collect();
    if let Some(since) = since {
        for cursor in &mut cursors {
            cursor.next = cursor.source.before(since);
        }
    }
    let Some(tail) = tail else {
        return place_of(&cursors);
    };
    // Backwards from the end, always the latest line of any source.
    let mut lasts = ends;
    let mut wanted = tail;
    let starts: Vec<u64> = cursors.iter().map(|one| one.next).collect();
    while wanted > 0 {
        let latest = (0..cursors.len())
            .filter(|nth| lasts[*nth] > starts[*nth])
            .max_by_key(|nth| cursors[*nth].source.moment(lasts[*nth] - 1));
        let Some(latest) = latest else { break };
        lasts[latest] -= 1;
        wanted -= 1;
    }
    for (cursor, last) in cursors.iter_mut().zip(lasts) {
        cursor.next = cursor.next.max(last);
    }
    place_of(&cursors)
}

/// Writes what is said up to `now` and was not had; says when the next line comes.
fn catch_up(
    container: &Container,
    place: &mut Place,
    wish: Wish,
    now: Nanos,
    out: &mut BytesMut,
) -> Option<Nanos> {
    let mut cursors = cursors(container, place);
    let next = loop {
        let moments = cursors
            .iter()
            .enumerate()
            .filter_map(|(nth, one)| Some((one.source.moment(one.next)?, nth)));
        let Some((at, nth)) = moments.min() else {
            break None;
        };
        if at > now || out.len() >= PIECE {
            break Some(at);
        }
        let cursor = &mut cursors[nth];
        let (stderr, text) = cursor.source.line(cursor.next, at);
        cursor.next += 1;
        if wish.shape.wants(stderr) {
            frame(wish, at, stderr, &text, out);
        }
    };
    *place = place_of(&cursors);
    next
}

fn frame(wish: Wish, at: Nanos, stderr: bool, text: &str, out: &mut BytesMut) {
    let stamp = if wish.stamps {
        format!("{} ", clock::rfc3339_fixed(at))
    } else {
        String::new()
    };
    if matches!(wish.shape, Shape::Raw) {
        out.extend_from_slice(stamp.as_bytes());
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
        return;
    }
    let length = u32::try_from(stamp.len() + text.len() + 1).unwrap_or(u32::MAX);
    out.extend_from_slice(&[if stderr { 2 } else { 1 }, 0, 0, 0]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(stamp.as_bytes());
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\n");
}

/// Somebody reading a log.
struct Reader {
    host: Arc<Host>,
    id: String,
    place: Place,
    wish: Wish,
    over: bool,
}

impl Reader {
    /// The next piece of the log; none at its end.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if self.over {
            return None;
        }
        let mut changed = self.host.changes();
        loop {
            changed.mark_unchanged();
            let host = Arc::clone(&self.host);
            let mut out = BytesMut::new();
            let (limit, now, next, alive) = host.read(|engine, now| {
                let limit = self.wish.until.map_or(now, |until| until.min(now));
                let Ok(container) = engine.get(&self.id) else {
                    return (limit, now, None, false);
                };
                let next = catch_up(container, &mut self.place, self.wish, limit, &mut out);
                (limit, now, next, container.state.alive())
            });
            let more = next.is_some_and(|next| next <= limit);
            let past = self.wish.until.is_some_and(|until| until <= now);
            self.over = !more && (!self.wish.follow || !alive || past);
            if !out.is_empty() {
                return Some((out.freeze(), self));
            }
            if self.over {
                return None;
            }
            let next = next.into_iter().chain(self.wish.until).min();
            let wait = next.map_or(Duration::from_hours(1), |next| clock::until(next, now));
            tokio::select! {
                change = changed.changed() => change.ok()?,
                // At most some hundred pieces a second, also of a flood.
                () = tokio::time::sleep(wait.max(Duration::from_millis(2))) => {}
            }
        }
    }
}

/// `GET /containers/{id}/logs`
pub fn logs(call: &Call, id: &str) -> Answer {
    let query = &call.query;
    let (stdout, stderr) = (query.flag("stdout"), query.flag("stderr"));
    let (since, until) = (query.moment("since")?, query.moment("until")?);
    // What is no number means everything, as it does to Docker.
    let tail = query.get("tail").and_then(|text| text.parse().ok());
    let (id, place, wish) = call.host.read(|engine, now| {
        let container = engine.get(id)?;
        if !stdout && !stderr {
            return Err(Refusal::bad(
                "Bad parameters: you must choose at least one stream",
            ));
        }
        if !["json-file", "local", "journald"].contains(&container.plan.log_driver.as_str()) {
            return Err(Refusal::new(
                StatusCode::NOT_IMPLEMENTED,
                "configured logging driver does not support reading",
            ));
        }
        let follow = query.flag("follow");
        let stamps = query.flag("timestamps");
        let shape = if container.plan.tty {
            Shape::Raw
        } else {
            Shape::Frames { stdout, stderr }
        };
        let end = until.map_or(now, |until| until.min(now));
        let wish = Wish {
            shape,
            stamps,
            // What is said while it is read belongs to those who follow.
            until: if follow { until } else { Some(end) },
            follow,
        };
        Ok((
            container.id.clone(),
            beginning(container, since, end + 1, tail),
            wish,
        ))
    })?;
    let kind = match (call.minor, wish.shape) {
        (..42, _) => None,
        (_, Shape::Raw) => Some("application/vnd.docker.raw-stream"),
        (_, Shape::Frames { .. }) => Some("application/vnd.docker.multiplexed-stream"),
    };
    let reader = Reader {
        host: Arc::clone(&call.host),
        id,
        place,
        wish,
        over: false,
    };
    Ok(http::stream(kind, stream::unfold(reader, Reader::next)))
}

/// The last `count` lines of a log, oldest first.
pub fn last_lines(container: &Container, now: Nanos, count: u64) -> Vec<String> {
    let place = beginning(container, None, now + 1, Some(count));
    let mut cursors = cursors(container, &place);
    let mut lines = Vec::new();
    loop {
        let moments = cursors
            .iter()
            .enumerate()
            .filter_map(|(nth, one)| Some((one.source.moment(one.next)?, nth)));
        let Some((at, nth)) = moments.min().filter(|(at, _)| *at <= now) else {
            return lines;
        };
        let cursor = &mut cursors[nth];
        lines.push(cursor.source.line(cursor.next, at).1);
        cursor.next += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sim::blueprint::Voice;
    use crate::sim::container::{Ending, Plan};
    use crate::sim::fleet::{Spec, profiles};
    use crate::sim::seed::Seed;
    use crate::sim::world;

    const VOICES: [Voice; 6] = [
        Voice::Access,
        Voice::Json,
        Voice::Java,
        Voice::Postgres,
        Voice::Colour,
        Voice::Quiet,
    ];

    fn container(seed: u64, voice: Voice) -> Container {
        let spec = Spec {
            containers: 1,
            hosts: 1,
            ..Spec::default()
        };
        let engine = world::populate(&Arc::new(profiles(&spec).remove(0)));
        let any = engine.containers.values().next().expect("a container");
        let plan = Plan {
            voice,
            ..(*any.plan).clone()
        };
        Container {
            seed: Seed::new(seed),
            plan: Arc::new(plan),
            runs: Vec::new(),
            ..any.clone()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_run_s_lines_are_in_order_and_its_end_takes_none_back(
            seed in any::<u64>(),
            voice in prop::sample::select(VOICES.as_slice()),
            length in 1_i64..900_000,
            probe in 1_i64..900_000,
            fresh in any::<bool>(),
        ) {
            let container = container(seed, voice);
            let began = 1_790_000_000 * SECOND;
            let open = Run { began, fresh, silent: false, ended: None };
            let (end, probe) = (began + length * MILLI, began + probe * MILLI);
            let over = Run { ended: Some((end, Ending::Stopped)), ..open };
            let moments = |run| {
                let source = Source::Run(&container, run);
                (0_u64..).map_while(|nth| source.moment(nth)).take_while(|at| *at < end).collect::<Vec<_>>()
            };
            let (said, all) = (moments(open), moments(over));
            prop_assert!(said.is_sorted() && all.is_sorted());
            let words = voice::closing(Ending::Stopped).len();
            prop_assert!(all.len() >= words);
            let (before, last) = all.split_at(all.len() - words);
            let kept: Vec<Nanos> = said.into_iter().filter(|at| *at < end - LAST_WORDS).collect();
            prop_assert_eq!(before, &kept[..]);
            prop_assert!(last.iter().all(|at| (end - LAST_WORDS..end).contains(at)));
            let counted = all.iter().filter(|at| **at < probe).count() as u64;
            prop_assert_eq!(Source::Run(&container, over).before(probe), counted);
        }

        #[test]
        fn a_tail_is_the_end_of_the_whole(
            seed in any::<u64>(),
            voice in prop::sample::select(VOICES.as_slice()),
            tail in 0_u64..40,
        ) {
            let mut container = container(seed, voice);
            let began = 1_790_000_000 * SECOND;
            let now = began + 600 * SECOND;
            container.begin_run(began, true);
            container.end_run(began + 200 * SECOND, Ending::Crashed(1));
            container.begin_run(began + 201 * SECOND, true);
            container.push_line(began + 300 * SECOND, true, "pushed".into());
            container.extras_mut().bursts.push(Burst { began: began + 400 * SECOND, lines: 9, step: MILLI });
            let whole = last_lines(&container, now, u64::MAX);
            prop_assert!(whole.contains(&"pushed".to_owned()));
            let skipped = whole.len().saturating_sub(usize::try_from(tail).unwrap_or(0));
            prop_assert_eq!(last_lines(&container, now, tail), whole[skipped..].to_vec());
        }
    }
}
