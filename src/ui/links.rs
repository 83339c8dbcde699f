//! Hosts that are lost or back are said as it happens: in one breath when they are many.

use super::{Ui, message::Level};
use crate::model::{HostName, Link};

/// What is said within so many seconds is one breath.
const BREATH: i64 = 3;
/// So many hosts are named.
const NAMED: usize = 5;

/// The hosts that were said last.
#[derive(Debug, Default)]
pub(super) struct Turned {
    is_lost: bool,
    hosts: Vec<HostName>,
    /// As it was said.
    text: String,
}

impl Turned {
    fn say(&self, why: &str) -> String {
        let word = if self.is_lost { "lost" } else { "back" };
        let named = self.hosts.iter().take(NAMED).map(ToString::to_string);
        let named = named.collect::<Vec<_>>().join(", ");
        match self.hosts.len() {
            1 => format!("host {named} is {word}{why}"),
            count if count <= NAMED => format!("hosts {named} are {word}"),
            count => format!("{count} hosts are {word}: {named} …"),
        }
    }
}

impl Ui {
    /// Says that a host is lost that answered, or is back. One in maintenance is taken down on purpose.
    pub(super) fn tell_link(&mut self, host: &HostName, link: &Link) {
        let Some(known) = self.fleet.host(host) else {
            return;
        };
        let (is_lost, why) = match (&known.link, link) {
            (Link::Online { .. }, Link::Offline { trouble, .. }) => (true, format!(": {trouble}")),
            (Link::Offline { .. }, Link::Online { .. }) => (false, String::new()),
            _ => return,
        };
        if known.maintenance.is_some() {
            return;
        }
        let now = self.fleet.now.as_second();
        // Other news may have come between.
        let same = self.messages.iter().position(|last| {
            let is_fresh = now - last.at.as_second() <= BREATH;
            is_fresh && last.text == self.turned.text && self.turned.is_lost == is_lost
        });
        match same {
            Some(at) => drop(self.messages.remove(at)),
            None => self.turned.hosts.clear(),
        }
        self.turned.is_lost = is_lost;
        if !self.turned.hosts.contains(host) {
            self.turned.hosts.push(host.clone());
        }
        let text = crate::model::printable(&self.turned.say(&why));
        self.turned.text.clone_from(&text);
        let level = if is_lost { Level::Error } else { Level::Info };
        self.say(level, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Event,
        ui::{Msg, desk::Desk, pane::stage},
    };

    fn turn(desk: &mut Desk, number: usize, link: Link) {
        let host = HostName::new(&format!("web-{number}"));
        desk.send(Msg::Event(Event::Link(host, link)));
    }

    fn lost() -> Link {
        Link::Offline {
            trouble: stage::trouble(),
            since: stage::now(),
            next_try: None,
        }
    }

    #[test]
    fn a_hundred_hosts_lost_at_once_are_one_message_and_news_between_change_nothing() {
        let since = stage::before(60);
        let mut desk = Desk::new(stage::quiet(100, 0), 120, 30);
        for number in 1..=100 {
            turn(&mut desk, number, lost());
            if number == 50 {
                desk.send(Msg::Say(Level::Error, "run #3 of shop: failure".to_owned()));
            }
        }
        let said: Vec<String> = desk
            .ui()
            .messages
            .iter()
            .map(|one| one.text.clone())
            .collect();
        assert_eq!(
            said,
            [
                "100 hosts are lost: web-1, web-2, web-3, web-4, web-5 …",
                "run #3 of shop: failure"
            ]
        );
        assert!(
            desk.screen().contains("100 hosts are lost"),
            "{}",
            desk.screen()
        );
        for number in 1..=100 {
            turn(&mut desk, number, Link::Online { since });
        }
        let newest = desk.ui().messages.front().map(|one| one.text.clone());
        assert_eq!(
            newest.as_deref(),
            Some("100 hosts are back: web-1, web-2, web-3, web-4, web-5 …")
        );
    }
}
