//! Keys, pastes and answers as terminals send them, whole and in pieces.

use proptest::prelude::*;

use super::*;

/// What is heard of bytes that come in these pieces.
fn heard<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Vec<Heard> {
    let mut decoder = Decoder::default();
    for piece in pieces {
        decoder.read(piece);
    }
    decoder.give_up();
    assert!(!decoder.is_waiting());
    std::iter::from_fn(|| decoder.next()).collect()
}

fn keys(bytes: &[u8]) -> Vec<(KeyCode, KeyModifiers)> {
    heard([bytes])
        .into_iter()
        .map(|one| match one {
            Heard::Event(Event::Key(key)) => (key.code, key.modifiers),
            other => panic!("{other:?} is no key"),
        })
        .collect()
}

#[test]
fn the_keys_of_xterm_linux_screen_and_rxvt_are_known() {
    const NONE: KeyModifiers = KeyModifiers::NONE;
    const CTRL: KeyModifiers = KeyModifiers::CONTROL;
    const ALT: KeyModifiers = KeyModifiers::ALT;
    const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
    for (bytes, code, modifiers) in [
        (&b"j"[..], KeyCode::Char('j'), NONE),
        (b"G", KeyCode::Char('G'), SHIFT),
        ("é".as_bytes(), KeyCode::Char('é'), NONE),
        ("漢".as_bytes(), KeyCode::Char('漢'), NONE),
        (b"\r", KeyCode::Enter, NONE),
        (b"\n", KeyCode::Char('j'), CTRL),
        (b"\t", KeyCode::Tab, NONE),
        (b"\x7f", KeyCode::Backspace, NONE),
        (b"\x08", KeyCode::Char('h'), CTRL),
        (b"\x00", KeyCode::Char(' '), CTRL),
        (b"\x03", KeyCode::Char('c'), CTRL),
        (b"\x1f", KeyCode::Char('7'), CTRL),
        (b"\x1b", KeyCode::Esc, NONE),
        (b"\x1bx", KeyCode::Char('x'), ALT),
        (b"\x1b[", KeyCode::Char('['), ALT),
        (b"\x1b[A", KeyCode::Up, NONE),
        (b"\x1bOA", KeyCode::Up, NONE),
        (b"\x1bOM", KeyCode::Enter, NONE),
        (b"\x1b[1;5C", KeyCode::Right, CTRL),
        (b"\x1b[Z", KeyCode::BackTab, SHIFT),
        (b"\x1b[H", KeyCode::Home, NONE),
        (b"\x1b[1~", KeyCode::Home, NONE),
        (b"\x1b[8~", KeyCode::End, NONE),
        (b"\x1b[5~", KeyCode::PageUp, NONE),
        (b"\x1b[3;2~", KeyCode::Delete, SHIFT),
        (b"\x1bOP", KeyCode::F(1), NONE),
        (b"\x1b[[A", KeyCode::F(1), NONE),
        (b"\x1b[[E", KeyCode::F(5), NONE),
        (b"\x1b[11~", KeyCode::F(1), NONE),
        (b"\x1b[1;2R", KeyCode::F(3), SHIFT),
        (b"\x1b[15~", KeyCode::F(5), NONE),
        (b"\x1b[24~", KeyCode::F(12), NONE),
        (b"\x1b[27;5;106~", KeyCode::Char('j'), CTRL),
        (b"\x1b[106;5u", KeyCode::Char('j'), CTRL),
    ] {
        let found = keys(bytes);
        assert_eq!(
            found,
            [(code, modifiers)],
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
}

#[test]
fn answers_and_what_is_not_known_are_no_keys() {
    assert_eq!(heard([&b"\x1b[?2026;2$y"[..]]), [Heard::Synchronized(true)]);
    assert_eq!(
        heard([&b"\x1b[?2026;0$y"[..]]),
        [Heard::Synchronized(false)]
    );
    assert_eq!(
        heard([&b"\x1b]11;rgb:ffff/ffff/ffff\x07"[..]]),
        [Heard::Background(255)]
    );
    assert_eq!(
        heard([&b"\x1b]11;rgb:10/15/1c\x1b\\"[..]]),
        [Heard::Background(20)]
    );
    for silent in [
        &b"\x1b[?62;22;52c"[..],
        b"\x1b[0n",
        b"\x1b[12;40R",
        b"\x1b[>0;276;0c",
        b"\x1b]52;c;YWJj\x07",
        b"\x1bP1$r0m\x1b\\",
        b"\x1b[999~",
        b"\xff\xfe\x80",
        b"\x1b[12",
    ] {
        assert_eq!(heard([silent]), [], "{:?}", String::from_utf8_lossy(silent));
    }
    assert_eq!(
        keys(b"\x1b[?1;2cq"),
        [(KeyCode::Char('q'), KeyModifiers::NONE)]
    );
    assert_eq!(keys(b"\x1b[1\x1b[B"), [(KeyCode::Down, KeyModifiers::NONE)]);
}

#[test]
fn nothing_in_a_paste_is_a_key() {
    let pasted = |text: &str| Heard::Event(Event::Paste(text.to_owned()));
    let bytes = b"\x1b[200~rm -rf\r\n\x1b[A\x1bq\x03\x1b[201~";
    assert_eq!(heard([&bytes[..]]), [pasted("rm -rf\n\x1b[A\x1bq\x03")]);
    assert_eq!(heard([&b"\x1b[200~lost"[..]]), [pasted("lost")]);
    let fast = b"docker ps -a | head\rdocker rm -f everything\r";
    let text = "docker ps -a | head\ndocker rm -f everything\n";
    assert_eq!(
        heard([&fast[..]]),
        [pasted(text)],
        "without the marks of a paste"
    );
    assert_eq!(keys(b"/web-1\r").len(), 7, "short lines are typed");
    assert_eq!(
        keys(b":container restart web-1@ams-1\r").len(),
        31,
        "and one line is"
    );
}

#[test]
fn the_mouse_says_where_it_is() {
    let event = |kind, column, row| {
        Heard::Event(Event::Mouse(MouseEvent {
            kind,
            column,
            row,
            modifiers: KeyModifiers::NONE,
        }))
    };
    let down = MouseEventKind::Down(MouseButton::Left);
    assert_eq!(heard([&b"\x1b[<0;10;5M"[..]]), [event(down, 9, 4)]);
    let up = MouseEventKind::Up(MouseButton::Left);
    assert_eq!(heard([&b"\x1b[<0;10;5m"[..]]), [event(up, 9, 4)]);
    assert_eq!(
        heard([&b"\x1b[<65;1;1M"[..]]),
        [event(MouseEventKind::ScrollDown, 0, 0)]
    );
    assert_eq!(heard([&b"\x1b[<0;0;0M"[..]]), []);
}

proptest! {
    /// Where the bytes are cut does not matter, and no bytes make it fail.
    #[test]
    fn pieces_mean_what_the_whole_means(
        parts in proptest::collection::vec(prop_oneof![
            Just(b"\x1b[A".to_vec()), Just(b"\x1b[200~a\rb\x1b[201~".to_vec()), Just(b"j".to_vec()),
            Just("漢".as_bytes().to_vec()), Just(b"\x1b[?2026;2$y".to_vec()), Just(b"\x1b]11;rgb:0/0/0\x07".to_vec()),
            Just(b"\x1b[<0;3;4M".to_vec()), Just(b"\x1bx".to_vec()),
        ], 0..8),
        size in 1_usize..9,
    ) {
        let bytes: Vec<u8> = parts.concat();
        prop_assert_eq!(heard(bytes.chunks(size)), heard([&bytes[..]]));
        prop_assert_eq!(heard([&bytes[..]]).len(), parts.len());
    }

    #[test]
    fn no_bytes_make_it_fail(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
        heard(pieces.iter().map(Vec::as_slice));
    }
}
