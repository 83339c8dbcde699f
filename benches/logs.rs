//! The way of a log's lines through the engine layer, by divan: frames apart, stamps read, lines put into a batch.
#![expect(clippy::unwrap_used, reason = "a log made up")]

use divan::{AllocProfiler, Bencher, black_box, counter::BytesCount, counter::ItemsCount};
use wharf::{engine::LogReader, model::LogBatch};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Lines of a log, of 117 bytes each beside their stamps.
const LINES: usize = 100_000;

/// What arrives at once.
const PIECE: usize = 64 << 10;

/// What goes out at once.
const BATCH: usize = 256 << 10;

fn main() {
    divan::main();
}

/// A log as Docker sends it, with frames or, of a terminal, without.
fn log(tty: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in 0..LINES {
        let stamp = format!(
            "2026-11-22T08:{:02}:{:02}.{:09}Z ",
            n / 60_000 % 60,
            n / 1000 % 60,
            n % 1000 * 1_000_003
        );
        let text = format!(
            "INFO  worker-{:02} handled GET /api/items/{n:07} in 12ms status=200 ",
            n % 16
        );
        let line = format!("{stamp}{text:x<117}{}\n", if tty { "\r" } else { "" });
        if !tty {
            let kind = if n % 10 == 0 { 2 } else { 1 };
            bytes.extend_from_slice(&[kind, 0, 0, 0]);
            bytes.extend_from_slice(&u32::try_from(line.len()).unwrap().to_be_bytes());
        }
        bytes.extend_from_slice(line.as_bytes());
    }
    bytes
}

/// Reads it as it would arrive; says how many lines there were.
fn read(bytes: &[u8], tty: bool, piece: usize) -> usize {
    let (mut reader, mut batch) = (LogReader::new(tty), LogBatch::default());
    let mut lines = 0;
    for piece in bytes.chunks(piece) {
        reader.read(piece, &mut batch).unwrap();
        if batch.weight() >= BATCH {
            lines += batch.len();
            black_box(batch.take());
        }
    }
    reader.finish(&mut batch);
    lines + batch.len()
}

/// In large pieces, as from a proxy or a fast network.
#[divan::bench(args = [false, true])]
fn lines(bencher: Bencher<'_, '_>, tty: bool) {
    let bytes = log(tty);
    assert_eq!(read(&bytes, tty, PIECE), LINES);
    bencher
        .counter(ItemsCount::new(LINES))
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| read(black_box(&bytes), tty, PIECE));
}

/// In pieces of about a line, as dockerd writes them.
#[divan::bench(args = [false, true])]
fn lines_one_by_one(bencher: Bencher<'_, '_>, tty: bool) {
    let bytes = log(tty);
    bencher
        .counter(ItemsCount::new(LINES))
        .bench_local(|| read(black_box(&bytes), tty, 157));
}
