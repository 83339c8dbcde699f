//! The core of the log tail, by divan: taking lines in, searching and filtering a million of them, weaving, drawing.
#![expect(clippy::unwrap_used, reason = "lines made up")]

use divan::{AllocProfiler, Bencher, counter::BytesCount, counter::ItemsCount};
use wharf::{
    logs::{Book, Filter, Pattern},
    model::{LogBatch, Stream},
};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Lines of which a book of a million is made, 117 bytes each on the average, as measured on services.
const MILLION: usize = 1_000_000;
/// Lines that an engine's answer brings at once.
const BATCH: usize = 2_000;

fn main() {
    divan::main();
}

/// Line number `n` of a log: of every ten one with colours, of every 5 000 one with an error.
fn text(n: usize) -> String {
    let level = if n.is_multiple_of(5_000) {
        "ERROR"
    } else {
        "INFO"
    };
    let (on, off) = if n.is_multiple_of(10) {
        ("\x1b[32m", "\x1b[0m")
    } else {
        ("", "")
    };
    format!(
        "2026-11-22 10:{:02}:{:02}.{:03} {on}{level}{off} [worker-{:03}] shop.cart: processed {} items in {}ms trace={:016x}",
        n / 60_000 % 60,
        n / 1000 % 60,
        n % 1000,
        n % 150,
        n % 997,
        n % 89,
        n * 7919
    )
}

fn batches(lines: usize) -> Vec<LogBatch> {
    (0..lines / BATCH)
        .map(|batch| {
            let mut lines = LogBatch::default();
            for n in batch * BATCH..(batch + 1) * BATCH {
                let at = i64::try_from(n).unwrap() * 1_000_000;
                lines.push(Some(at), Stream::Stdout, text(n).as_bytes());
            }
            lines
        })
        .collect()
}

fn book(lines: usize) -> Book {
    let mut book = Book::new(512 << 20);
    book.source("web@ams-1");
    for batch in batches(lines) {
        book.add(0, batch, 0);
    }
    book.settle(&mut []);
    book
}

/// A burst that is taken in by a book that is full: each batch pushes the oldest lines out.
#[divan::bench(sample_count = 20)]
fn take_in(bencher: Bencher<'_, '_>) {
    let all = batches(200_000);
    let bytes: usize = all.iter().map(LogBatch::size).sum();
    let mut book = Book::new(16 << 20);
    book.source("web@ams-1");
    bencher
        .counter(ItemsCount::new(200_000_usize))
        .counter(BytesCount::new(bytes))
        .with_inputs(|| all.clone())
        .bench_local_values(|all| {
            for batch in all {
                book.add(0, batch, 0);
                book.settle(&mut []);
            }
        });
}

/// Fifty sources whose lines come in turn, a little out of order.
#[divan::bench(sample_count = 20)]
fn weave_50(bencher: Bencher<'_, '_>) {
    const SOURCES: usize = 50;
    let small: Vec<Vec<LogBatch>> = (0..40)
        .map(|turn| {
            (0..SOURCES)
                .map(|source| {
                    let mut lines = LogBatch::default();
                    for n in 0..100 {
                        let at = i64::try_from((turn * 100 + n) * 1000 + source * 17).unwrap();
                        lines.push(Some(at * 1000), Stream::Stdout, text(n).as_bytes());
                    }
                    lines
                })
                .collect()
        })
        .collect();
    bencher
        .counter(ItemsCount::new(40 * SOURCES * 100))
        .with_inputs(|| small.clone())
        .bench_local_values(|turns| {
            let mut book = Book::new(64 << 20);
            for source in 0..SOURCES {
                book.source(&format!("web-{source}@ams-1"));
            }
            for turn in turns {
                for (source, batch) in turn.into_iter().enumerate() {
                    book.add(u16::try_from(source).unwrap(), batch, 0);
                }
                book.settle(&mut []);
            }
            book.len()
        });
}

/// A search over a million lines, from nothing.
#[divan::bench(
    sample_count = 10,
    args = ["ERROR", "error", "/ERROR|panic|fatal/", "/worker-1[0-5].*99\\d items/", "/[a-z]+=[89]\\d{2}ms/", "processed"]
)]
fn search_million(bencher: Bencher<'_, '_>, typed: &str) {
    let mut book = book(MILLION);
    let pattern = Pattern::parse(typed).unwrap();
    bencher.counter(ItemsCount::new(MILLION)).bench_local(|| {
        book.set_search(None);
        book.set_search(pattern.clone());
        while book.work(16 << 20) {}
        book.hits()
    });
}

/// A filter over a million lines, from nothing.
#[divan::bench(sample_count = 10, args = ["ERROR", "!INFO", "worker-1 items", "level:warn"])]
fn filter_million(bencher: Bencher<'_, '_>, typed: &str) {
    let mut book = book(MILLION);
    let filter = Filter::parse(typed).unwrap();
    bencher.counter(ItemsCount::new(MILLION)).bench_local(|| {
        book.set_filter(Filter::default());
        book.set_filter(filter.clone());
        while book.work(16 << 20) {}
        book.shown()
    });
}

/// The longest that a key can wait for one portion of a search.
#[divan::bench(sample_count = 10, args = ["ERROR", "/[a-z]+=[89]\\d{2}ms/"])]
fn one_portion(bencher: Bencher<'_, '_>, typed: &str) {
    let mut book = book(MILLION);
    let pattern = Pattern::parse(typed).unwrap();
    bencher.bench_local(|| {
        book.set_search(None);
        book.set_search(pattern.clone());
        book.work(16 << 20)
    });
}
