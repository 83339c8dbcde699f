//! What a container uses now: charts of CPU and memory, and what went over network and disks.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    model::{Container, History, Timestamp, Usage, ago, bytes},
    ui::{
        look::Look,
        widget::{
            chart::{self, Chart},
            line::{self, Ink, Line},
            place,
        },
    },
};

/// With fewer rows the charts stand side by side.
const STACKED: u16 = 14;

/// Samples older than this are not live any more, in seconds.
const FRESH: i64 = 6;

/// The figures of a container.
pub struct Live<'f> {
    /// The container; none when it is gone.
    pub container: Option<&'f Container>,
    /// The time.
    pub now: Timestamp,
    /// Its host is not heard of.
    pub stale: bool,
}

impl Live<'_> {
    /// Draws charts and totals.
    pub fn draw(&self, look: &Look, buffer: &mut Buffer, area: Rect) {
        let Some(container) = self.container else {
            return;
        };
        let Some(usage) = container.usage else {
            let text = match (container.state.is_live(), self.stale) {
                (true, false) => "Waiting for the first sample…",
                (true, true) => "There are no figures of it.",
                (false, _) => "It does not run: there are no figures.",
            };
            return Line::of(text, Ink::FAINT).draw(look, buffer, area);
        };
        let totals = self.totals(container, &usage, area.height >= STACKED);
        let rows = u16::try_from(totals.len()).unwrap_or(0);
        let (cpu, memory, below) = if area.height >= STACKED {
            let height = ((area.height - rows) / 2).min(10);
            let (cpu, rest) = place::above(area, height);
            let (memory, below) = place::above(rest, height);
            (above_blank(cpu), above_blank(memory), below)
        } else {
            let (charts, below) = place::above(area, area.height.saturating_sub(rows));
            let (cpu, memory) = place::left(charts, charts.width / 2 - 1, 2);
            (cpu, memory, below)
        };
        self.cpu(container, &usage, look, buffer, cpu);
        self.memory(container, &usage, look, buffer, memory);
        line::draw(&totals, look, buffer, below);
    }

    /// Where the chart ends on the right: now, or the newest sample while it is fresh.
    fn end(&self, usage: &Usage) -> Timestamp {
        let fresh = self.now.as_second() - usage.at.as_second() < FRESH;
        if fresh { usage.at } else { self.now }
    }

    fn values(
        &self,
        container: &Container,
        usage: &Usage,
        width: u16,
        of: impl Fn(&Usage) -> Option<f64>,
    ) -> Vec<Option<f64>> {
        let history = container.history.as_deref();
        let samples = history.into_iter().flat_map(History::iter);
        let samples = samples.map(|sample| (sample.at, of(sample)));
        chart::seconds(samples, self.end(usage), Chart::room(width))
    }

    fn cpu(
        &self,
        container: &Container,
        usage: &Usage,
        look: &Look,
        buffer: &mut Buffer,
        area: Rect,
    ) {
        let values = self.values(container, usage, area.width, |one| one.cpu.map(f64::from));
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        let top = chart::round_up(most.max(5.0));
        let value = usage
            .cpu
            .map_or_else(|| "…".to_owned(), |cpu| format!("{cpu:.1} % of a core"));
        let known = values.iter().flatten().next().is_some();
        let peak = if known {
            format!("most {most:.1} %")
        } else {
            String::new()
        };
        let chart = Chart {
            title: "CPU",
            value: &self.said(&value, usage),
            note: &peak,
            values: &values,
            top,
            top_text: &format!("{top:.0}%"),
        };
        chart.draw(look, buffer, area);
    }

    fn memory(
        &self,
        container: &Container,
        usage: &Usage,
        look: &Look,
        buffer: &mut Buffer,
        area: Rect,
    ) {
        let values = self.values(container, usage, area.width, |one| {
            Some(as_number(one.memory))
        });
        let most = values.iter().flatten().copied().fold(0.0, f64::max);
        let top = chart::round_up_bytes(most);
        let share = usage
            .memory_percent()
            .map(|share| format!("{share:.1} % of {}", bytes(usage.memory_limit)));
        let chart = Chart {
            title: "Memory",
            value: &self.said(&bytes(usage.memory), usage),
            note: &share.unwrap_or_default(),
            values: &values,
            top,
            top_text: &bytes(as_bytes(top)).replace(".00", "").replace(".0", ""),
        };
        chart.draw(look, buffer, area);
    }

    /// The value; with its age when it is not live.
    fn said(&self, value: &str, usage: &Usage) -> String {
        let fresh = self.now.as_second() - usage.at.as_second() < FRESH;
        if fresh {
            value.to_owned()
        } else {
            format!("{value}, {} ago", ago(self.now, usage.at))
        }
    }

    /// What went over network and disks; where there is little room only how fast.
    fn totals(&self, container: &Container, usage: &Usage, roomy: bool) -> Vec<Line> {
        let rates = container.rates.unwrap_or_default();
        let ink = if self.stale { Ink::Stale } else { Ink::PLAIN };
        let net = (rates.net_in, rates.net_out);
        let block = (rates.block_in, rates.block_out);
        if !roomy {
            let fast = |(a, b): (u64, u64), (to, from): (&str, &str)| {
                format!("{}/s {to}, {}/s {from}", bytes(a), bytes(b))
            };
            let line = Line::of("Network ", Ink::Label)
                .then(&fast(net, ("in", "out")), ink)
                .then("  Disk ", Ink::Label)
                .then(&fast(block, ("read", "written")), ink);
            return vec![line];
        }
        let part = |word: &str, total, fast| format!("{word} {} ({}/s)", bytes(total), bytes(fast));
        let net = format!(
            "{}  {}",
            part("in", usage.net_in, net.0),
            part("out", usage.net_out, net.1)
        );
        let block = format!(
            "{}  {}",
            part("read", usage.block_in, block.0),
            part("written", usage.block_out, block.1)
        );
        [
            ("Network", net),
            ("Disk", block),
            ("Processes", usage.pids.to_string()),
        ]
        .map(|(name, text)| Line::of(name, Ink::Label).at(11, &text, ink))
        .to_vec()
    }
}

/// The area without its last row.
fn above_blank(area: Rect) -> Rect {
    place::above(area, area.height.saturating_sub(1)).0
}

#[expect(clippy::cast_precision_loss, reason = "a chart shows three digits")]
fn as_number(bytes: u64) -> f64 {
    bytes as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a power of two below 2⁶⁴"
)]
fn as_bytes(number: f64) -> u64 {
    number as u64
}
