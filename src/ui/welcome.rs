//! The first start in the console: what was found is shown, and what is chosen of it is taken in.

use super::{
    Effect, Ui,
    message::Level,
    pane::{PaneId, welcome::OFFERS},
};
use crate::{model::Fleet, ops::Sentence};

impl Ui {
    /// Shows what could be hosts; it is looked for each time.
    pub(super) fn welcome(&mut self) -> Vec<Effect> {
        self.enter(PaneId::Welcome);
        self.tell_keys();
        vec![Effect::Look]
    }

    /// Goes on to the hosts that were taken in.
    pub(super) fn leave_welcome(&mut self) {
        self.settled = false;
        if self.here == PaneId::Welcome {
            self.go(PaneId::Hosts);
        }
    }

    /// Tells the first start which keys do what it offers.
    pub(super) fn tell_keys(&mut self) {
        let name = PaneId::Welcome.name();
        let offer = |(line, about): &(&str, &'static str)| {
            let keys = self.keymap.keys_for(name, line)?;
            Some((keys, *about))
        };
        let keys = OFFERS.iter().filter_map(offer).collect();
        self.panes.welcome.set_keys(keys);
    }

    /// Takes hosts in. They are planned on an empty fleet: what is on the screen may be a demo.
    pub(super) fn take(&mut self, lines: &[String]) -> Vec<Effect> {
        let mut empty = Fleet::new();
        empty.read_only = self.fleet.read_only;
        let mut taken = Vec::new();
        for line in lines {
            let Ok(sentence) = Sentence::parse(line) else {
                self.say(
                    Level::Error,
                    format!("'{line}' cannot be said; add it by hand"),
                );
                return Vec::new();
            };
            match sentence.plan(&empty, &[]) {
                Ok(plan) => taken.push((sentence, plan)),
                Err(refusal) => {
                    self.say(Level::Warning, refusal.to_string());
                    return Vec::new();
                }
            }
        }
        vec![Effect::Take(taken)]
    }

    /// Looks at the demo: the one that is on the screen already, or one that is opened.
    pub(super) fn demo(&mut self) -> Vec<Effect> {
        match self.around.label {
            Some(_) if self.here == PaneId::Welcome => self.back(),
            Some(label) => {
                self.say(
                    super::message::Level::Info,
                    format!("this is the {label} already"),
                );
                Vec::new()
            }
            None => vec![Effect::Demo],
        }
    }
}
