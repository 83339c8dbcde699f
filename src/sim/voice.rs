//! The words of a container's log, line by line, as a function of the line's number.

use super::blueprint::Voice;
use super::clock::{self, MILLI, Nanos};
use super::container::{Container, Ending};
use super::seed::Seed;

/// A line: whether on stderr, and its text.
pub type Line = (bool, String);

/// How often a voice speaks: the time between two groups of lines, and how many are in a group.
pub const fn rhythm(voice: Voice) -> (Nanos, u64) {
    match voice {
        Voice::Access => (420 * MILLI, 1),
        Voice::Json => (1900 * MILLI, 3),
        Voice::Java => (7000 * MILLI, 6),
        Voice::Postgres => (11_000 * MILLI, 2),
        Voice::Colour => (2600 * MILLI, 4),
        Voice::Quiet => (47_000 * MILLI, 1),
    }
}

/// How many lines a process says when it begins.
pub const OPENING: u64 = 3;

/// What a process says when it begins.
pub fn opening(container: &Container, nth: u64) -> Line {
    let plan = &container.plan;
    let text = match nth {
        0 => format!("starting {} ({})", plan.argv().join(" "), plan.image),
        1 => "configuration read, 0 warnings".to_owned(),
        _ => match plan.ports.first() {
            Some(port) => format!("listening on 0.0.0.0:{}", port.private),
            None => "ready".to_owned(),
        },
    };
    (false, text)
}

/// What a process says last.
pub fn closing(ending: Ending) -> &'static [(bool, &'static str)] {
    match ending {
        Ending::Finished => &[(false, "work done, bye")],
        Ending::Stopped => &[
            (false, "received SIGTERM, shutting down"),
            (false, "all connections closed, bye"),
        ],
        Ending::Killed | Ending::Frozen => &[],
        Ending::OutOfMemory => &[(
            true,
            "WARN heap is at 97 % of its limit, last collection freed 0.4 %",
        )],
        Ending::Crashed(_) => &[
            (
                true,
                "ERROR cannot reach db:5432: connection refused (attempt 5 of 5)",
            ),
            (true, "panic: giving up after 5 attempts"),
            (true, "    at connect (/app/db.js:41:11)"),
            (true, "    at main (/app/server.js:12:3)"),
        ],
    }
}

/// The `nth` line of a process at work, said at `at`.
pub fn line(container: &Container, nth: u64, at: Nanos) -> Line {
    let seed = container.seed.of("log").at(nth);
    match container.plan.voice {
        Voice::Access => access(seed, at),
        Voice::Json => json(seed, nth, at),
        Voice::Java => java(container.seed.of("log").at(nth / 6), nth % 6, at),
        Voice::Postgres => postgres(seed, at),
        Voice::Colour => colour(seed, nth),
        Voice::Quiet => quiet(seed, nth),
    }
}

/// A line of a flood: numbered, so that a reader can tell whether any is missing.
pub fn flood(nth: u64) -> Line {
    (
        false,
        format!(
            "line {:09} of the flood: the quick brown fox jumps over the lazy dog and runs on",
            nth + 1
        ),
    )
}

const PATHS: [&str; 10] = [
    "/",
    "/products",
    "/products/42",
    "/cart",
    "/cart/items",
    "/checkout",
    "/search?q=lamp",
    "/static/app.3f9a.js",
    "/api/v1/orders/9913",
    "/healthz",
];

fn access(seed: Seed, at: Nanos) -> Line {
    let status = match seed.of("status").below(200) {
        0 => 502,
        1..4 => 500,
        4..12 => 404,
        12..30 => 304,
        30..36 => 302,
        _ => 200,
    };
    if status == 502 {
        let text = format!(
            "{} [error] 29#29: *{} upstream timed out (110: Connection timed out) while reading \
             response header from upstream, request: \"GET {} HTTP/1.1\"",
            clock::rfc3339_seconds(at)
                .replace('T', " ")
                .trim_end_matches('Z'),
            seed.below(90_000),
            seed.of("path").pick(&PATHS),
        );
        return (true, text);
    }
    let method = if seed.of("method").below(6) == 0 {
        "POST"
    } else {
        "GET"
    };
    let text = format!(
        "10.{}.{}.{} - - [{}] \"{method} {} HTTP/1.1\" {status} {} \"-\" \"Mozilla/5.0\" {:.3}",
        seed.at(1).below(256),
        seed.at(2).below(256),
        seed.at(3).below(256),
        clock::rfc3339_seconds(at),
        seed.of("path").pick(&PATHS),
        seed.of("bytes").below(60_000),
        seed.of("time").unit().powi(4) * 3.0,
    );
    (false, text)
}

fn json(seed: Seed, nth: u64, at: Nanos) -> Line {
    let (level, message) = match seed.of("level").below(60) {
        0 => ("error", "payment provider answered 503, will try again"),
        1..4 => ("warn", "slow query: 1.8 s for SELECT … FROM orders"),
        4..20 => ("debug", "cache miss for price list, größe=12 kB"),
        _ => ("info", "request served"),
    };
    let text = format!(
        "{{\"time\":\"{}\",\"level\":\"{level}\",\"msg\":\"{message}\",\"request\":{nth},\"ms\":{},\"path\":\"{}\"}}",
        clock::rfc3339(at),
        seed.of("ms").below(900),
        seed.of("path").pick(&PATHS),
    );
    (level == "error", text)
}

fn java(group: Seed, place: u64, at: Nanos) -> Line {
    let stamp = clock::rfc3339_fixed(at)[..23].replace('T', " ");
    let trouble = group.of("trouble").below(14) == 0;
    let text = match (trouble, place) {
        (true, 0) => format!(
            "{stamp} ERROR [http-nio-8080-exec-{}] c.c.b.InvoiceService - invoice {} failed",
            group.below(20),
            group.of("id").below(99_999)
        ),
        (true, 1) => "java.lang.IllegalStateException: ledger is closed for 2026-10".into(),
        (true, 2) => "\tat com.corp.billing.Ledger.append(Ledger.java:118)".into(),
        (true, 3) => "\tat com.corp.billing.InvoiceService.book(InvoiceService.java:77)".into(),
        (true, 4) => "\tat java.base/java.lang.Thread.run(Thread.java:1583)".into(),
        _ => format!(
            "{stamp}  INFO [http-nio-8080-exec-{}] c.c.b.InvoiceService - invoice {} booked in {} ms",
            group.at(place).below(20),
            group.of("id").below(99_999) + place,
            group.at(place).of("ms").below(400)
        ),
    };
    (trouble && place < 5, text)
}

fn postgres(seed: Seed, at: Nanos) -> Line {
    let stamp = clock::rfc3339_fixed(at)[..23].replace('T', " ");
    let text = match seed.of("kind").below(30) {
        0 => format!(
            "{stamp} UTC [{}] ERROR:  deadlock detected",
            60 + seed.below(900)
        ),
        1 => format!(
            "{stamp} UTC [{}] FATAL:  password authentication failed for user \"report\"",
            60 + seed.below(900)
        ),
        2..10 => format!("{stamp} UTC [27] LOG:  checkpoint starting: time"),
        _ => format!(
            "{stamp} UTC [27] LOG:  checkpoint complete: wrote {} buffers ({:.1}%); 0 WAL file(s) added",
            seed.of("buffers").below(900),
            seed.of("part").unit() * 9.0
        ),
    };
    (true, text)
}

fn colour(seed: Seed, nth: u64) -> Line {
    match seed.of("level").below(40) {
        0 => (
            true,
            format!("\x1b[31mERROR\x1b[0m job {nth} failed: \x1b[1mtimeout\x1b[0m after 30 s"),
        ),
        1..5 => (
            false,
            format!(
                "\x1b[33mWARN\x1b[0m  job {nth} is slow: {} s",
                5 + seed.below(20)
            ),
        ),
        5..9 => (
            false,
            format!(
                "\x1b[36mDEBUG\x1b[0m batch of {} done – 日本語の商品名 ✓",
                seed.below(500)
            ),
        ),
        _ => (
            false,
            format!(
                "\x1b[32mINFO\x1b[0m  job {nth} done in {} ms",
                seed.below(2000)
            ),
        ),
    }
}

fn quiet(seed: Seed, nth: u64) -> Line {
    (
        false,
        format!(
            "level=info component=main msg=\"housekeeping\" round={nth} took={}ms",
            seed.below(90)
        ),
    )
}
