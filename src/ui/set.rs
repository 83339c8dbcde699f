//! How the console takes in settings: what is chosen holds at once, and is kept if it can be.

use super::{
    Effect, Ui,
    message::Level,
    nav::Nav,
    overlay::{Chooser, Editor, Overlay, mistake},
    pane::PaneId,
};
use crate::{
    model::setting::{Form, Key, Source},
    ops::{
        Listing, RefusalKind, Sentence, SettingCommand,
        setting::{check, shown},
    },
};

impl Ui {
    /// Carries out a sentence about settings.
    pub(super) fn setting(&mut self, sentence: &Sentence, command: &SettingCommand) -> Vec<Effect> {
        match (command, command.change()) {
            (_, Some((key, value))) => self.change(sentence, key, value),
            (SettingCommand::List(list), None) => {
                self.go(PaneId::Settings);
                self.pane_nav(&Nav::Filter {
                    text: vec![list.filter()],
                })
            }
            (SettingCommand::Set { .. } | SettingCommand::Reset { .. }, None) => Vec::new(),
        }
    }

    /// A setting becomes different: in this run at once, and in the file, if that may be changed.
    fn change(&mut self, sentence: &Sentence, key: Key, value: Option<String>) -> Vec<Effect> {
        let said = value.unwrap_or_else(|| key.default_value().to_owned());
        let value = match (check(key, &said, &self.fleet.settings), mistake(key, &said)) {
            (Ok(value), None) => value,
            (Err(why), _) | (Ok(_), Some(why)) => {
                self.say(Level::Warning, why);
                return Vec::new();
            }
        };
        let plan = sentence.plan(&self.fleet, &[]);
        let mut effects = Vec::new();
        if let Source::Given(by) = &self.fleet.settings.get(key).source {
            let text = format!("{by} counts in this run; {key} is kept for the next one");
            self.say(Level::Warning, text);
        } else {
            effects = self.show_setting(key, &value);
            self.fleet.settings.tell(key, value.clone(), Source::Held);
        }
        match plan {
            Ok(plan) => effects.push(Effect::Configure(
                Box::new(sentence.clone()),
                Box::new(plan),
            )),
            Err(refusal) if refusal.kind == RefusalKind::ReadOnly => {
                let value = shown(key, &value);
                let text = format!("{key} is {value} in this run only: {refusal}");
                self.say(Level::Warning, text);
            }
            Err(refusal) => self.say(Level::Warning, refusal.to_string()),
        }
        effects
    }

    /// Makes a value hold now.
    fn show_setting(&mut self, key: Key, value: &str) -> Vec<Effect> {
        if key.form() != Form::Columns {
            return vec![Effect::Apply(key, value.to_owned())];
        }
        if let Err(why) = self.panes.set_columns(key, value) {
            self.say(Level::Warning, why);
        }
        Vec::new()
    }

    /// Opens what a setting is changed with.
    pub(super) fn edit_setting(&mut self, key: Key) {
        let setting = self.fleet.settings.get(key);
        let listing = key.pane().and_then(Listing::named);
        self.overlay = Some(match listing {
            None => Overlay::Editor(Editor::new(setting.clone())),
            Some(listing) => {
                let all = listing.described();
                let value = shown(key, &setting.value);
                let known = |name: &str| all.iter().find(|(one, _)| *one == name);
                let ticked = value
                    .split(',')
                    .filter_map(known)
                    .map(|(name, _)| *name)
                    .collect();
                Overlay::Columns(Chooser::new(all, ticked, Some(key)).of_setting())
            }
        });
    }

    /// Shows the columns that the settings tell. What is wrong with those of the file was told when it was read.
    pub(super) fn take_columns(&mut self) {
        for key in Key::ALL
            .into_iter()
            .filter(|key| key.form() == Form::Columns)
        {
            let setting = self.fleet.settings.get(key);
            if setting.source != Source::Default {
                let _ = self.panes.set_columns(key, &setting.value);
            }
        }
    }

    /// Takes a value remembered from an earlier session. Columns that the file tells are not replaced; those
    /// of another version of the program mean nothing, and the default is right.
    pub(super) fn remembered(&mut self, name: &str, value: &str) {
        let columns = name.strip_suffix(".columns").and_then(Key::columns_of);
        let Some(key) = columns else {
            return self.panes.remembered(name, value);
        };
        let is_free = self.fleet.settings.get(key).source == Source::Default;
        if is_free && self.panes.set_columns(key, value).is_ok() {
            self.fleet.settings.tell(key, value, Source::Remembered);
        }
    }

    /// Remembers a value for later sessions; of columns it is said where they are kept.
    pub(super) fn remember(&mut self, name: String, value: String) -> Vec<Effect> {
        let columns = name.strip_suffix(".columns").and_then(Key::columns_of);
        if let Some(key) = columns {
            let is_default = Listing::named(self.here.name())
                .is_some_and(|listing| listing.shown_by_default().join(",") == value);
            let source = match self.fleet.settings.get(key).source {
                Source::File { .. } | Source::Held => Source::Held,
                Source::Default | Source::Remembered | Source::Given(_) if is_default => {
                    Source::Default
                }
                Source::Default | Source::Remembered | Source::Given(_) => Source::Remembered,
            };
            if source == Source::Held {
                let text = format!(
                    "for this run; in the choice of columns, w keeps them in {}",
                    self.fleet.settings.file
                );
                self.say(Level::Info, text);
            }
            self.fleet.settings.tell(key, value.clone(), source);
        }
        vec![Effect::Remember(name, value)]
    }
}
