//! What the book holds, however it comes.

#![expect(clippy::unwrap_used, clippy::cast_possible_wrap, reason = "tests")]
use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

/// A batch of lines with these times, in seconds.
fn batch(lines: &[(i64, &str)]) -> LogBatch {
    let mut batch = LogBatch::default();
    for (at, text) in lines {
        batch.push(Some(at * SECOND), Stream::Stdout, text.as_bytes());
    }
    batch
}

fn book() -> Book {
    let mut book = Book::new(64 << 20);
    for name in ["web@a", "db@b", "mq@c"] {
        book.source(name);
    }
    book
}

fn settle(book: &mut Book) {
    book.settle(&mut []);
    while book.work(usize::MAX) {}
}

/// All shown lines.
fn texts(book: &Book) -> Vec<String> {
    (0..book.shown())
        .map(|at| {
            let line = book.line(book.nth(at).unwrap()).unwrap();
            String::from_utf8_lossy(line.text).into_owned()
        })
        .collect()
}

#[test]
fn lines_of_several_come_in_the_order_of_time_however_they_arrive() {
    let mut book = book();
    book.add(0, batch(&[(1, "a1"), (4, "a4")]), 0);
    book.add(1, batch(&[(2, "b2"), (3, "b3")]), 0);
    settle(&mut book);
    assert_eq!(texts(&book), ["a1", "b2", "b3", "a4"]);
    // Late ones are put between, at the same time behind.
    book.add(2, batch(&[(0, "c0"), (3, "c3"), (5, "c5")]), 0);
    settle(&mut book);
    assert_eq!(texts(&book), ["c0", "a1", "b2", "b3", "c3", "a4", "c5"]);
    // Older ones of a source go before its own.
    book.add_older(0, batch(&[(-1, "a-1"), (0, "a0")]), 0);
    settle(&mut book);
    assert_eq!(texts(&book)[..4], ["a-1", "c0", "a0", "a1"]);
    // A clock that is ahead is put right.
    book.add(1, batch(&[(14, "b4.5")]), 10 * SECOND - SECOND / 2);
    settle(&mut book);
    assert_eq!(texts(&book)[7..], ["a4", "b4.5", "c5"]);
}

#[test]
fn what_a_source_said_stays_in_its_order() {
    let mut book = book();
    book.add(0, batch(&[(10, "first"), (7, "set back")]), 0);
    settle(&mut book);
    book.add(0, batch(&[(6, "back again")]), 0);
    settle(&mut book);
    assert_eq!(texts(&book), ["first", "set back", "back again"]);
    // Lines without a time stay where they came.
    let mut untimed = LogBatch::default();
    untimed.push(None, Stream::Stdout, b"prompt");
    book.add(0, untimed, 0);
    settle(&mut book);
    assert_eq!(texts(&book)[3], "prompt");
    assert_eq!(book.line(book.nth(3).unwrap()).unwrap().at, None);
}

#[test]
fn a_stack_trace_is_one() {
    let mut book = book();
    book.add(
        0,
        batch(&[(1, "Error: gone"), (3, "\tat main"), (4, "Caused by: x")]),
        0,
    );
    book.add(1, batch(&[(2, "between")]), 0);
    settle(&mut book);
    assert_eq!(
        texts(&book),
        ["Error: gone", "\tat main", "Caused by: x", "between"]
    );
    // What one of its lines has, it has.
    book.set_filter(Filter::parse("main").unwrap());
    settle(&mut book);
    assert_eq!(texts(&book).len(), 3);
    book.set_filter(Filter::parse("!main").unwrap());
    settle(&mut book);
    assert_eq!(texts(&book), ["between"]);
    // Also when its end comes later.
    book.set_filter(Filter::parse("late").unwrap());
    settle(&mut book);
    assert!(texts(&book).is_empty());
    book.add(0, batch(&[(5, "\tat late")]), 0);
    settle(&mut book);
    assert_eq!(texts(&book).len(), 4);
}

#[test]
fn filters_and_searches_hold_for_old_and_new_lines() {
    let mut book = book();
    let web: Vec<(i64, String)> = (0..100)
        .map(|at| (at, format!("line {at} ERROR")))
        .collect();
    let web: Vec<(i64, &str)> = web.iter().map(|(at, text)| (*at, text.as_str())).collect();
    book.add(0, batch(&web[..60]), 0);
    book.set_filter(Filter::parse("/line \\d5/").unwrap());
    book.set_search(Pattern::parse("45").unwrap());
    settle(&mut book);
    assert_eq!((book.shown(), book.hits()), (5, 1));
    book.add(0, batch(&web[60..]), 0);
    settle(&mut book);
    assert_eq!(book.shown(), 9);
    let hit = book.hit(0).unwrap();
    assert_eq!(book.line(hit).unwrap().text, b"line 45 ERROR");
    assert_eq!(book.shown_before(hit), 3);
    assert_eq!((book.hits_before(hit), book.hits_before(hit + 1)), (0, 1));
    assert_eq!(book.hit_parts(9).iter().position(|mark| *mark), Some(3));
    book.set_filter(Filter::default());
    settle(&mut book);
    assert_eq!(book.shown(), 100);
    // What the view says itself is shown always.
    book.set_filter(Filter::parse("nothing has this").unwrap());
    book.note(0, 200 * SECOND, "── web ended ──");
    settle(&mut book);
    assert_eq!(texts(&book), ["── web ended ──"]);
}

#[test]
fn a_hit_never_reaches_over_the_end_of_its_line() {
    let mut book = book();
    book.add(0, batch(&[(1, "a"), (2, "b"), (3, "a b"), (4, "yx")]), 0);
    for (search, hits) in [
        (r"/a\sb/", 1),
        (r"/[^z]+x/", 1),
        ("/^b$/", 1),
        ("/$/", 4),
        (r"/b[^c]/", 0),
    ] {
        book.set_search(Pattern::parse(search).unwrap());
        settle(&mut book);
        assert_eq!(book.hits(), hits, "{search}");
    }
}

#[test]
fn the_oldest_go_when_there_are_too_many_and_pins_follow() {
    let mut book = Book::new(3 << 20);
    let source = book.source("web@a");
    let text = "x".repeat(1000);
    let mut pins = [Some(0), None];
    for at in 0..5000 {
        book.add(source, batch(&[(at, &text)]), 0);
    }
    book.settle(&mut pins);
    assert!(book.size() <= 3 << 20);
    assert!(book.dropped() > 1000);
    assert_eq!(book.dropped() + book.len(), 5000);
    assert_eq!(pins, [Some(book.first()), None]);
    let pinned = book.end() - 3;
    let before = book.line(pinned).unwrap().at;
    let mut pins = [Some(pinned)];
    let late = book.source("late@b");
    book.add(late, batch(&[(4900, "a"), (4950, "b")]), 0);
    book.settle(&mut pins);
    assert_eq!(pins, [Some(pinned + 2)]);
    assert_eq!(book.line(pins[0].unwrap()).unwrap().at, before);
    // Marks go with their lines too.
    assert!(book.mark(pins[0].unwrap()));
    book.add(late, batch(&[(4960, "c")]), 0);
    book.settle(&mut pins);
    assert!(book.line(pins[0].unwrap()).unwrap().is_marked);
    assert_eq!(book.next_marked(0), pins[0]);
}

#[test]
fn colours_stay_with_their_text() {
    let mut book = book();
    book.add(0, batch(&[(2, "a \x1b[31mred\x1b[0m b")]), 0);
    settle(&mut book);
    book.add(1, batch(&[(1, "\x1b[1mbold")]), 0);
    settle(&mut book);
    let line = book.line(book.nth(1).unwrap()).unwrap();
    assert_eq!(line.text, b"a red b");
    let places: Vec<usize> = line.inks.iter().map(|(at, _)| *at).collect();
    assert_eq!(places, [2, 5]);
}

/// Lines of three sources, in portions, each source's in the order of time.
fn portions() -> impl Strategy<Value = Vec<(u16, Vec<(i64, String)>)>> {
    let text = prop_oneof![
        Just("\tat frame".to_owned()),
        "[a-c]{0,3}",
        "[ -~\u{e4}\u{1b}]{0,12}",
    ];
    let portion = (0_u16..3, prop::collection::vec((0_i64..4, text), 0..8));
    prop::collection::vec(portion, 0..12).prop_map(|portions| {
        let mut clocks = [0_i64; 3];
        let run = |(source, lines): (u16, Vec<(i64, String)>)| {
            let clock = &mut clocks[usize::from(source)];
            let lines = lines
                .into_iter()
                .map(|(step, text)| {
                    *clock += step;
                    (*clock, text)
                })
                .collect();
            (source, lines)
        };
        portions.into_iter().map(run).collect()
    })
}

proptest! {
    #[test]
    fn any_portions_make_one_log_in_order(portions in portions(), filter in "[a-c!]{0,2}", settle_each in any::<bool>()) {
        let mut book = book();
        book.set_filter(Filter::parse(&filter).unwrap());
        book.set_search(Pattern::parse("a").unwrap());
        let mut pins = [None];
        let mut pinned = None;
        let mut count = 0;
        for (source, lines) in &portions {
            let lines: Vec<(i64, &str)> = lines.iter().map(|(at, text)| (*at, text.as_str())).collect();
            book.add(*source, batch(&lines), 0);
            count += lines.len();
            if settle_each {
                book.settle(&mut pins);
                while book.work(1) {}
                if pins[0].is_none() && !book.is_empty() {
                    pins[0] = Some(book.end() - 1);
                    pinned = pins[0].and_then(|pin| book.line(pin)).map(|line| (line.source, line.text.to_vec()));
                }
            }
        }
        book.settle(&mut pins);
        while book.work(1) {}
        prop_assert_eq!(book.len(), count);
        prop_assert_eq!(book.end() - book.first(), count as i64);
        let lines: Vec<Line<'_>> = (book.first()..book.end()).map(|at| book.line(at).unwrap()).collect();
        // In the order of time, and of each source all that it said in its order.
        prop_assert!(lines.windows(2).all(|two| two[0].at <= two[1].at));
        for source in 0..3 {
            let mut said = Vec::new();
            for (_, lines) in portions.iter().filter(|(one, _)| *one == source) {
                for (_, text) in lines {
                    let mut clean = Vec::new();
                    super::super::strip(text.as_bytes(), &mut clean, |_, _| {});
                    said.push(clean);
                }
            }
            let held: Vec<Vec<u8>> = lines.iter().filter(|line| line.source == source).map(|line| line.text.to_vec()).collect();
            prop_assert_eq!(held, said);
        }
        if let (Some(pin), Some(pinned)) = (pins[0], pinned) {
            let line = book.line(pin).unwrap();
            prop_assert_eq!((line.source, line.text.to_vec()), pinned);
        }
        // What is shown is what fits; a trace as a whole.
        let filter = book.filter().clone();
        let has_trace = lines.iter().any(|line| line.continues);
        if !has_trace {
            let fits: Vec<i64> = lines
                .iter()
                .filter(|line| filter.shows(Stream::Stdout, "", line.text))
                .map(|line| line.number)
                .collect();
            let shown: Vec<i64> = (0..book.shown()).map(|at| book.nth(at).unwrap()).collect();
            prop_assert_eq!(&shown, &fits);
            let hits: Vec<i64> = (0..book.hits()).map(|at| book.hit(at).unwrap()).collect();
            let found: Vec<i64> = fits.into_iter().filter(|at| book.search().unwrap().is_in(book.line(*at).unwrap().text)).collect();
            prop_assert_eq!(hits, found);
        }
        for at in 0..book.shown() {
            prop_assert_eq!(book.shown_before(book.nth(at).unwrap()), at);
        }
    }
}
