//! What comes of an engine's bytes, however they are cut, and cut off, and begun again.

#![expect(clippy::unwrap_used, reason = "tests")]
use proptest::prelude::*;

use super::*;

/// The lines that come of a stream when it arrives in chunks of that size.
fn lines(tty: bool, bytes: &[u8], chunk: usize) -> Vec<(Stream, Option<String>, String)> {
    let (mut reader, mut out) = (LogReader::new(tty), LogBatch::default());
    for chunk in bytes.chunks(chunk) {
        reader.read(chunk, &mut out).unwrap();
    }
    reader.finish(&mut out);
    told(&out)
}

fn told(batch: &LogBatch) -> Vec<(Stream, Option<String>, String)> {
    let line = |line: crate::model::LogText<'_>| {
        let text = String::from_utf8_lossy(line.text).into_owned();
        (line.stream, line.time().map(|at| at.to_string()), text)
    };
    batch.iter().map(line).collect()
}

fn frame(kind: u8, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[kind, 0, 0, 0][..], &length, text.as_bytes()].concat()
}

#[test]
fn frames_become_lines_however_they_are_cut() {
    let stream = [
        frame(1, "2026-11-21T10:00:00.000000001Z one\n"),
        frame(2, "2026-11-21T10:00:00.5Z two two\n"),
        frame(1, ""),
        frame(1, "2026-11-21T10:00:01Z \n"),
        frame(1, "2026-11-21T10:00:02.123456789+02:00 no end"),
    ]
    .concat();
    let at = |text: &str| Some(text.to_owned());
    let expected = vec![
        (
            Stream::Stdout,
            at("2026-11-21T10:00:00.000000001Z"),
            "one".to_owned(),
        ),
        (
            Stream::Stderr,
            at("2026-11-21T10:00:00.5Z"),
            "two two".to_owned(),
        ),
        (Stream::Stdout, at("2026-11-21T10:00:01Z"), String::new()),
        (
            Stream::Stdout,
            at("2026-11-21T08:00:02.123456789Z"),
            "no end".to_owned(),
        ),
    ];
    for chunk in 1..=stream.len() {
        assert_eq!(
            lines(false, &stream, chunk),
            expected,
            "in chunks of {chunk}"
        );
    }
}

#[test]
fn a_long_line_in_several_messages_is_one_line() {
    let long = "x".repeat(16384);
    let stream = [
        frame(1, &format!("2026-11-21T10:00:00Z {long}")),
        frame(2, "2026-11-21T10:00:00Z between\n"),
        frame(1, &format!("2026-11-21T10:00:00.1Z {long}")),
        frame(1, "2026-11-21T10:00:00.2Z end\n"),
        frame(1, "2026-11-21T10:00:03Z next\n"),
    ]
    .concat();
    for chunk in [1, 7, 100, 40000] {
        let texts: Vec<String> = lines(false, &stream, chunk)
            .into_iter()
            .map(|line| line.2)
            .collect();
        assert_eq!(
            texts,
            [
                "between".to_owned(),
                format!("{long}{long}end"),
                "next".to_owned()
            ]
        );
    }
}

#[test]
fn a_terminal_has_no_frames_and_loses_no_byte() {
    let stream = b"2026-11-21T10:00:00Z \x01\x02rest\r\n\x01\0\0\0\0\0\0\x05hello\r\n$ ";
    for chunk in 1..stream.len() {
        let texts: Vec<String> = lines(true, stream, chunk)
            .into_iter()
            .map(|line| line.2)
            .collect();
        assert_eq!(
            texts,
            ["\u{1}\u{2}rest", "\u{1}\0\0\0\0\0\0\u{5}hello", "$ "]
        );
    }
}

#[test]
fn lines_without_stamps_are_left_alone() {
    let stream = [frame(1, "plain words\n"), frame(1, "2026 is no stamp\n")].concat();
    let found: Vec<_> = lines(false, &stream, 5)
        .into_iter()
        .map(|line| (line.1, line.2))
        .collect();
    assert_eq!(
        found,
        [
            (None, "plain words".to_owned()),
            (None, "2026 is no stamp".to_owned())
        ]
    );
}

#[test]
fn an_endless_line_is_given_in_parts() {
    let part = "y".repeat(LONGEST);
    let all = lines(
        false,
        &frame(1, &format!("2026-11-21T10:00:00Z {part}{part}\n")),
        1 << 16,
    );
    let lengths: Vec<usize> = all.iter().map(|line| line.2.len()).collect();
    assert_eq!(lengths, [LONGEST, LONGEST]);
    assert!(all.iter().all(|line| line.1.is_some()));
}

#[test]
fn what_is_no_frame_is_refused() {
    let mut demux = Demux::new(false);
    assert!(demux.feed(b"hello, world", |_, _| ()).is_err());
}

/// A message as an engine has it in its log.
#[derive(Clone, Debug)]
struct Message {
    at: i64,
    stream: Stream,
    text: Vec<u8>,
    ends: bool,
}

const BEGAN: i64 = 1_795_303_154_000_000_000;

impl Message {
    /// As it is sent.
    fn sent(&self, tty: bool) -> Vec<u8> {
        let at = jiff::Timestamp::from_nanosecond(self.at.into()).unwrap();
        let mut line = format!("{at:.9} ").into_bytes();
        line.extend_from_slice(&self.text);
        match (self.ends, tty) {
            (false, _) => {}
            (true, true) => line.extend_from_slice(b"\r\n"),
            (true, false) => line.push(b'\n'),
        }
        if tty {
            return line;
        }
        let kind = if self.stream == Stream::Stderr { 2 } else { 1 };
        let length = u32::try_from(line.len()).unwrap().to_be_bytes();
        [&[kind, 0, 0, 0][..], &length, &line].concat()
    }
}

/// All that an engine sends which is asked for its log since a moment, that moment included.
fn sent(log: &[Message], tty: bool, since: Option<i64>) -> Vec<u8> {
    let wanted = log.iter().filter(|one| Some(one.at) >= since);
    wanted.flat_map(|one| one.sent(tty)).collect()
}

/// Messages of which some have the same time, with any bytes but line ends; some go on in the next one.
fn messages(tty: bool) -> impl Strategy<Value = Vec<Message>> {
    let byte = any::<u8>().prop_map(|byte| if byte == b'\n' { 0 } else { byte });
    let text = prop_oneof![
        8 => prop::collection::vec(byte, 0..40),
        1 => (0..3 * MESSAGE).prop_map(|length| vec![b'x'; length]),
    ];
    let message = (0_i64..3, any::<bool>(), text, prop::bool::weighted(0.9));
    prop::collection::vec(message, 1..12).prop_map(move |all| {
        let mut at = BEGAN;
        let mut log = Vec::new();
        for (later, error, text, ends) in all {
            at += later;
            let stream = if error && !tty {
                Stream::Stderr
            } else {
                Stream::Stdout
            };
            let parts: Vec<&[u8]> = if text.is_empty() {
                vec![&[]]
            } else {
                text.chunks(MESSAGE).collect()
            };
            let count = parts.len();
            for (nth, part) in parts.into_iter().enumerate() {
                log.push(Message {
                    at,
                    stream,
                    text: part.to_vec(),
                    // A terminal's messages end with their lines, unless they are full.
                    ends: nth + 1 == count && (ends || tty) && part.len() < MESSAGE,
                });
            }
        }
        log
    })
}

fn read_in(reader: &mut LogReader, bytes: &[u8], chunk: usize, out: &mut LogBatch) {
    for chunk in bytes.chunks(chunk) {
        reader.read(chunk, out).unwrap();
    }
}

/// The lines of a log that is read as a whole.
fn whole(log: &[Message], tty: bool) -> LogBatch {
    let (mut reader, mut out) = (LogReader::new(tty), LogBatch::default());
    reader.read(&sent(log, tty, None), &mut out).unwrap();
    reader.finish(&mut out);
    out
}

/// The lines of a log that is cut off after so many bytes, again and again.
fn cut(log: &[Message], tty: bool, cuts: &[usize], chunk: usize) -> LogBatch {
    let (mut reader, mut out) = (LogReader::new(tty), LogBatch::default());
    for cut in cuts {
        let bytes = sent(log, tty, reader.since());
        read_in(
            &mut reader,
            &bytes[..(*cut).min(bytes.len())],
            chunk,
            &mut out,
        );
        reader.again();
    }
    let bytes = sent(log, tty, reader.since());
    read_in(&mut reader, &bytes, chunk, &mut out);
    assert_eq!(reader.gap(), None);
    reader.finish(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn however_a_stream_is_cut_its_lines_are_the_same(log in messages(false), chunk in 1_usize..5000) {
        prop_assert_eq!(cut(&log, false, &[], chunk), whole(&log, false));
    }

    #[test]
    fn however_a_terminal_s_stream_is_cut_its_lines_are_the_same(log in messages(true), chunk in 1_usize..5000) {
        prop_assert_eq!(cut(&log, true, &[], chunk), whole(&log, true));
    }

    #[test]
    fn a_stream_that_is_cut_off_loses_and_doubles_nothing(
        log in messages(false), cuts in prop::collection::vec(0_usize..600, 1..5), chunk in 1_usize..700
    ) {
        prop_assert_eq!(cut(&log, false, &cuts, chunk), whole(&log, false));
    }

    #[test]
    fn a_terminal_s_stream_that_is_cut_off_loses_and_doubles_nothing(
        log in messages(true), cuts in prop::collection::vec(0_usize..40_000, 1..5), chunk in 1_usize..7000
    ) {
        prop_assert_eq!(cut(&log, true, &cuts, chunk), whole(&log, true));
    }

    #[test]
    fn what_is_no_log_is_refused_or_read_but_breaks_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..400), tty in any::<bool>(), chunk in 1_usize..50
    ) {
        let (mut reader, mut out) = (LogReader::new(tty), LogBatch::default());
        let is_read = bytes.chunks(chunk).all(|chunk| reader.read(chunk, &mut out).is_ok());
        reader.finish(&mut out);
        if is_read && tty {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            prop_assert!(out.len() <= lines);
        }
    }
}

#[test]
fn a_line_of_ten_megabytes_arrives_in_parts_and_whole() {
    let text: Vec<u8> = (0..10 << 20)
        .map(|at: u32| b"a\0\xff\x1b"[at as usize % 4])
        .collect();
    let mut log: Vec<Message> = text
        .chunks(MESSAGE)
        .map(|part| Message {
            at: BEGAN,
            stream: Stream::Stdout,
            text: part.to_vec(),
            ends: false,
        })
        .collect();
    log.push(Message {
        at: BEGAN + 1,
        stream: Stream::Stdout,
        text: b"end".to_vec(),
        ends: true,
    });
    for tty in [false, true] {
        let lines = cut(&log, tty, &[3 << 20, 5 << 20], 70_000);
        assert!(lines.iter().all(|line| line.text.len() <= LONGEST));
        assert_eq!(lines.len(), 41);
        let mut all = text.clone();
        all.extend_from_slice(b"end");
        assert!(lines.bytes() == all, "terminal: {tty}");
    }
}

#[test]
fn a_prompt_that_was_shown_is_not_shown_again_after_a_cut() {
    let prompt = Message {
        at: BEGAN,
        stream: Stream::Stdout,
        text: b"login: ".to_vec(),
        ends: false,
    };
    for tty in [false, true] {
        let (mut reader, mut out) = (LogReader::new(tty), LogBatch::default());
        reader.read(&prompt.sent(tty), &mut out).unwrap();
        assert!(out.is_empty() && reader.has_rest());
        reader.flush(&mut out);
        reader.again();
        let answered = Message {
            text: b"login: root".to_vec(),
            ends: true,
            ..prompt.clone()
        };
        let rest = Message {
            text: b"root".to_vec(),
            ends: true,
            ..prompt.clone()
        };
        let log = if tty {
            answered.sent(tty)
        } else {
            [prompt.sent(tty), rest.sent(tty)].concat()
        };
        reader.read(&log, &mut out).unwrap();
        let texts: Vec<&[u8]> = out.iter().map(|line| line.text).collect();
        assert_eq!(texts, [&b"login: "[..], b"root"], "terminal: {tty}");
        assert!(out.iter().all(|line| line.at == Some(BEGAN)));
    }
}

#[test]
fn what_stalls_in_the_middle_of_a_message_is_no_line_yet() {
    let (mut reader, mut out) = (LogReader::new(false), LogBatch::default());
    let bytes = frame(1, "2026-11-21T10:00:00Z half of it\n");
    reader.read(&bytes[..35], &mut out).unwrap();
    assert!(!reader.has_rest());
    reader.read(&bytes[35..], &mut out).unwrap();
    assert_eq!(out.len(), 1);
}

#[test]
fn what_the_engine_has_dropped_is_a_gap() {
    let message = |at, text: &str| Message {
        at,
        stream: Stream::Stdout,
        text: text.as_bytes().to_vec(),
        ends: true,
    };
    let (mut reader, mut out) = (LogReader::new(false), LogBatch::default());
    let first = sent(
        &[message(BEGAN, "one"), message(BEGAN + 1, "two")],
        false,
        None,
    );
    reader.read(&first[..first.len() - 2], &mut out).unwrap();
    reader.again();
    assert_eq!(reader.gap(), None);
    let later = sent(&[message(BEGAN + 9, "nine")], false, None);
    reader.read(&later, &mut out).unwrap();
    assert_eq!(reader.gap(), Some((BEGAN + 1, BEGAN + 9)));
    assert_eq!(reader.gap(), None, "it is told once");
    let texts: Vec<&[u8]> = out.iter().map(|line| line.text).collect();
    assert_eq!(texts, [&b"one"[..], b"tw", b"nine"]);
}

#[test]
fn what_dockerd_repeats_when_it_rotates_a_file_is_left_out() {
    let message = |at: i64| Message {
        at: BEGAN + at * 1009,
        stream: if at % 3 == 0 {
            Stream::Stderr
        } else {
            Stream::Stdout
        },
        text: at.to_string().into_bytes(),
        ends: true,
    };
    let times = (0..60).chain(40..90).chain([200, 150, 201]);
    let log: Vec<Message> = times.map(message).collect();
    let lines = whole(&log, false);
    let numbers: Vec<i64> = lines
        .iter()
        .map(|line| std::str::from_utf8(line.text).unwrap().parse().unwrap())
        .collect();
    assert_eq!(
        cut(&log[..112], false, &[5600, usize::MAX], 100),
        whole(&log[..112], false)
    );
    // The one that is late, but was not had, is no repetition.
    let expected: Vec<i64> = (0..90).chain([200, 150, 201]).collect();
    assert_eq!(numbers, expected);
}
