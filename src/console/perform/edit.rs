//! Changes of settings and of the configuration file: kept, recorded, and in force at once.

use super::Performer;
use crate::{
    config::{self, Config, Flags, Paths},
    console::{engine_pace, looks, opening::fitted},
    model::{
        Event, Outcome,
        setting::{Key, length},
    },
    ops::{self, Plan, Sentence},
    store::Store,
    ui::{Msg, message::Level},
};

impl Performer {
    /// Makes a setting hold now.
    pub(super) fn apply(&mut self, key: Key, value: &str) -> Vec<Msg> {
        let mut complaints: Vec<config::Notice> = Vec::new();
        let shown = match key {
            Key::Theme => {
                let theme = looks::theme(&self.config, value, &mut complaints);
                Some(Msg::Theme(Box::new(fitted(&theme, &self.terminal))))
            }
            Key::Keymap => {
                let keymap = looks::keymap(&self.config, value, &mut complaints);
                Some(Msg::Keymap(Box::new(keymap)))
            }
            Key::Resync | Key::Resources | Key::Load => {
                let refresh = &mut self.config.refresh;
                let time = match key {
                    Key::Resync => &mut refresh.resync,
                    Key::Resources => &mut refresh.resources,
                    _ => &mut refresh.load,
                };
                *time = length(value).unwrap_or(*time);
                self.engines.set_pace(engine_pace(&self.config));
                None
            }
            // The screen takes the mouse; columns are the panes', and the first line was said.
            Key::Mouse
            | Key::Start
            | Key::HostColumns
            | Key::ContainerColumns
            | Key::OperationColumns => None,
        };
        let said = complaints
            .into_iter()
            .map(|notice| Msg::Say(Level::Warning, notice.to_string()));
        shown.into_iter().chain(said).collect()
    }

    /// The file that a sentence edits, what it was read with, and the log in which that is recorded.
    fn edited(&self, sentence: &Sentence) -> (Paths, Flags, Store) {
        let (config, flags) = (&self.config, &self.flags);
        match sentence {
            Sentence::Setting(_) if self.own.store != config.store => {
                let store = Store::detached(&self.own.store);
                (self.own.paths.clone(), self.own.flags.clone(), store)
            }
            _ => (config.paths.clone(), flags.clone(), self.store.clone()),
        }
    }

    /// Edits the configuration file, reads it again and shows the hosts it names now.
    pub(super) fn configure(&mut self, sentence: Sentence, plan: Plan) {
        let (engines, origin, inbox) = (
            self.engines.clone(),
            self.origin.clone(),
            self.inbox.clone(),
        );
        let (paths, flags, store) = self.edited(&sentence);
        self.work(async move {
            let work = async {
                match ops::configure(&sentence, &plan, &paths) {
                    Ok(detail) => Outcome::Done { detail },
                    Err(detail) => Outcome::Failed {
                        done: 0,
                        failed: 1,
                        detail,
                    },
                }
            };
            let ended =
                ops::recorded(&plan, &origin, sentence.reason(), &store, &|_| {}, work).await;
            let said = match ended {
                Ok(Outcome::Done { detail }) => {
                    let config = Config::load(&flags, &config::Env::of_process());
                    let settings = Box::new(looks::settings(&config));
                    if !matches!(sentence, Sentence::Setting(_)) {
                        engines.set_hosts(config.hosts);
                    }
                    // A console that is gone needs no news.
                    let _ = inbox.send(Msg::Event(Event::Settings(settings))).await;
                    Msg::Say(Level::Info, detail)
                }
                Ok(outcome) => Msg::Say(Level::Error, unkept(&sentence, outcome.detail())),
                Err(error) => Msg::Say(Level::Error, unkept(&sentence, &error.to_string())),
            };
            let _ = inbox.send(said).await;
        });
    }
}

/// What is said of a file that was not changed; a setting holds all the same, as long as this runs.
fn unkept(sentence: &Sentence, why: &str) -> String {
    match sentence {
        Sentence::Setting(_) => format!("in this run only: {why}"),
        _ => why.to_owned(),
    }
}
