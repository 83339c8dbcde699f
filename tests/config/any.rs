//! Whatever the files hold, there is a configuration.

use std::fs;

use proptest::prelude::*;
use wharf::config::{Flags, Paths, edit};

use crate::machine::{Machine, hosts_flags};

/// Pieces that are likely to meet the reader's corners when thrown together.
fn likely() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "[[host]]\n",
        "[host]\n",
        "[[environment]]\n",
        "[ssh]\n",
        "[ui.columns]\n",
        "[[import]]\n",
        "name = \"a\"\n",
        "name = 1\n",
        "endpoint = \"ssh://ü:\"\n",
        "from = [\"ssh:*\", 1]\n",
        "import = \"x\"\n",
        "host = [{}, 1]\n",
        "host = 3\n",
        "read_only = 2\n",
        "\"\"\"",
        "'",
        "[",
        "]",
        "=",
        "#",
        "\n",
        "\r",
        "ä",
        "\0",
        "load = \"5\"\n",
        "environment = [[1]]\n",
        "a.b.c = 1\n",
        "groups = [\n",
        "tls = \"/\"\n",
        "[host.x]\n",
    ]);
    prop::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_a_configuration(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let machine = Machine::new();
        machine.write("home/ann/.config/wharf/wharf.toml", &bytes);
        machine.write("home/ann/.ssh/config", &bytes);
        machine.write("home/ann/.docker/config.json", &bytes);
        machine.write("home/ann/.docker/contexts/meta/x/meta.json", &bytes);
        machine.load(&Flags { all_contexts: true, ..hosts_flags(&[&String::from_utf8_lossy(&bytes), "ssh:*"]) });
    }

    #[test]
    fn any_pieces_are_a_configuration(text in likely(), flag in likely()) {
        let config = Machine::with(&text).load(&Flags { also: true, ..hosts_flags(&[&flag]) });
        let lines = text.lines().count() + 1;
        prop_assert!(config.notices.iter().all(|notice| notice.line.is_none_or(|line| (1..=lines).contains(&line))));
    }

    #[test]
    fn a_host_that_is_added_and_removed_leaves_the_text_as_it_was(text in likely()) {
        let machine = Machine::with(&text);
        let paths = Paths::of(&machine.env(), None);
        if edit::add_host(&paths, "new-1", &[]).is_ok() {
            prop_assert_eq!(&fs::read_to_string(machine.toml()).unwrap()[..text.len()], text.as_str());
            edit::remove_host(&paths, "new-1").unwrap();
        }
        let left = fs::read_to_string(machine.toml()).unwrap();
        prop_assert_eq!(left.trim_end(), text.trim_end());
    }
}
