//! How the console takes in messages: keys become commands, commands become changes and effects.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use super::{
    Effect, Masked, Msg, Ui,
    command::Command,
    keymap::{Lookup, Press},
    message::Level,
    nav::Nav,
    overlay::{About, Answer, Chooser, Form, Help, Messages, Overlay, Replace},
    pane::{Pane as _, PaneId, Reply},
    prompt::{Kind, Over, Prompt, Typed, pasted},
};
use crate::{
    model::{Event, Feed, HostName, Resource, setting::Key},
    ops::{Listing, target::Target},
};

/// What a line that is typed over a pane says to it.
fn line_nav(kind: Kind, text: String) -> Option<Nav> {
    let text = vec![text];
    Some(match kind {
        Kind::Palette => return None,
        Kind::Filter => Nav::Filter { text },
        Kind::Search { back: false } => Nav::Search { text },
        Kind::Search { back: true } => Nav::SearchBack { text },
    })
}

impl Ui {
    /// Takes in a message. What the console must do is the answer.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Key(key) => self.key(key),
            Msg::Paste(text) => self.paste(&text),
            Msg::Resize(width, height) => {
                self.size = ratatui::layout::Rect::new(0, 0, width, height);
                self.settled = false;
                Vec::new()
            }
            Msg::Event(event) => {
                let settings = matches!(event, Event::Settings(_));
                let templates = matches!(event, Event::Templates(..));
                if let Event::Link(host, link) = &event {
                    self.tell_link(host, link);
                }
                self.fleet.apply(event);
                if templates {
                    self.take_templates();
                }
                if settings {
                    self.take_columns();
                }
                self.settled = false;
                Vec::new()
            }
            Msg::Theme(theme) => {
                self.look.theme = *theme;
                Vec::new()
            }
            Msg::Keymap(keymap) => {
                self.keymap = *keymap;
                self.pressed.clear();
                self.tell_keys();
                Vec::new()
            }
            Msg::Found(found) => {
                self.panes.welcome.show(*found);
                self.settled = false;
                Vec::new()
            }
            Msg::Prepared(sentence, planned) => {
                self.prepared(*sentence, planned);
                Vec::new()
            }
            Msg::Taken => {
                self.leave_welcome();
                Vec::new()
            }
            Msg::Reopen => vec![Effect::Reopen],
            Msg::Feed(feed, payload) => {
                let pane = self.panes.get_mut(self.here);
                pane.feed(&feed, payload, &self.fleet);
                self.settled = false;
                Vec::new()
            }
            Msg::Run(id, progress) => self.run_progress(id, &progress),
            Msg::RunRefused(id, why) => {
                self.not_busy(id, None);
                self.runs.forget(id);
                self.say(Level::Error, why);
                Vec::new()
            }
            Msg::Revealed(masked) => {
                self.revealed(&masked);
                Vec::new()
            }
            Msg::Exists(path, size, effect) => {
                self.ask_to_replace(path, size, effect);
                Vec::new()
            }
            Msg::Say(level, text) => {
                self.say(level, text);
                Vec::new()
            }
            Msg::StepLog(run, step, read) => {
                self.panes.pipelines.take_log(run, &step, read);
                self.settled = false;
                Vec::new()
            }
            Msg::Remembered(values) => {
                for (key, value) in values {
                    self.remembered(&key, &value);
                }
                self.settled = false;
                Vec::new()
            }
        }
    }

    /// What is recorded is shown now, if it is still looked at.
    fn revealed(&mut self, masked: &Masked) {
        self.settle();
        self.settled = false;
        match masked {
            Masked::Values(host, id) => {
                if self.here == PaneId::Detail && self.panes.detail.reveal(host, id) {
                    self.say(Level::Info, "values are shown; that is recorded");
                }
            }
            Masked::Lines(targets) => {
                let is_recorded = |target: &Target| targets.contains(target);
                if self.here == PaneId::Logs && self.followed().iter().all(is_recorded) {
                    self.panes.logs.reveal(true);
                    self.say(Level::Info, "secrets are shown; that is recorded");
                }
            }
        }
    }

    /// The containers whose logs are on the screen.
    pub(super) fn followed(&self) -> Vec<Target> {
        let feeds = self.panes.logs.wants(&self.fleet);
        let targets = feeds.into_iter().filter_map(|feed| match feed {
            Feed::Logs(host, id, _) => Some(Target::Container(host, id)),
            _ => None,
        });
        let mut targets: Vec<Target> = targets.collect();
        targets.dedup();
        targets
    }

    /// Keys that are meant for something else must not be the answer.
    fn ask_to_replace(&mut self, path: PathBuf, size: u64, effect: Box<Effect>) {
        if self.overlay.is_none() && self.prompt.is_none() {
            self.overlay = Some(Overlay::Replace(Replace::new(path, size, effect)));
        } else {
            let text = format!("{} is there already; nothing was written", path.display());
            self.say(Level::Warning, text);
        }
    }

    /// Brings the pane on the screen up to date.
    pub(super) fn settle(&mut self) {
        if !self.settled {
            let area = self.body();
            self.panes.get_mut(self.here).settle(&self.fleet, area);
            self.settled = true;
        }
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        self.settled = false;
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        if let Some(overlay) = &mut self.overlay {
            let answer = overlay.key(key);
            return self.answered(answer);
        }
        self.pressed.push(Press::from(key));
        match self.keymap.lookup(self.here.name(), &self.pressed) {
            Lookup::More => Vec::new(),
            Lookup::Found(command) => {
                self.pressed.clear();
                self.carry_out(*command)
            }
            Lookup::Nothing => {
                if self.pressed.len() > 1 {
                    let keys: Vec<String> = self.pressed.iter().map(ToString::to_string).collect();
                    self.say(
                        Level::Warning,
                        format!("'{}' means nothing here; ? for help", keys.join(" ")),
                    );
                }
                self.pressed.clear();
                Vec::new()
            }
        }
    }

    fn paste(&mut self, text: &str) -> Vec<Effect> {
        self.settled = false;
        let line = pasted(text);
        if let Some(prompt) = &mut self.prompt {
            let typed = prompt.paste(&line, &self.fleet);
            return self.prompt_typed(typed);
        }
        let is_taken = match &mut self.overlay {
            Some(overlay) => overlay.paste(&line),
            None => false,
        };
        if !is_taken && !line.is_empty() {
            let text =
                "what is pasted is never taken as keys; open a filter or a sentence for it first";
            self.say(Level::Warning, text);
        }
        Vec::new()
    }

    fn prompt_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(prompt) = &mut self.prompt else {
            return Vec::new();
        };
        let typed = prompt.key(key, &self.history, &self.fleet);
        self.prompt_typed(typed)
    }

    fn prompt_typed(&mut self, typed: Typed) -> Vec<Effect> {
        match typed {
            Typed::More(text) => {
                let kind = self.prompt.as_ref().map(Prompt::kind);
                if let Some(nav) = kind.and_then(|kind| line_nav(kind, text)) {
                    self.while_typing(&nav);
                }
                Vec::new()
            }
            Typed::Left(kind, before) => {
                self.prompt = None;
                line_nav(kind, before).map_or_else(Vec::new, |nav| self.nav(&nav))
            }
            Typed::Taken(Kind::Palette, text) => self.palette_taken(&text),
            Typed::Taken(kind, text) => {
                let Some(nav) = line_nav(kind, text) else {
                    return Vec::new();
                };
                match self.panes.get_mut(self.here).nav(&nav, &self.fleet) {
                    Reply::Refuse(why) => self.refuse_line(why),
                    _ => {
                        self.prompt = None;
                        if matches!(kind, Kind::Search { .. }) {
                            self.panes.get_mut(self.here).find();
                        }
                    }
                }
                Vec::new()
            }
        }
    }

    fn while_typing(&mut self, nav: &Nav) {
        let reply = self.panes.get_mut(self.here).nav(nav, &self.fleet);
        if let Reply::Refuse(why) = reply {
            self.refuse_line(why);
        }
    }

    fn refuse_line(&mut self, why: String) {
        if let Some(prompt) = &mut self.prompt {
            prompt.refuse(why);
        }
    }

    fn palette_taken(&mut self, text: &str) -> Vec<Effect> {
        if text.trim().is_empty() {
            self.prompt = None;
            return Vec::new();
        }
        match Command::parse(text) {
            Ok(command) => {
                self.history.push(text);
                self.prompt = None;
                self.carry_out(command)
            }
            Err(error) => {
                self.refuse_line(error.summary().to_owned());
                Vec::new()
            }
        }
    }

    fn answered(&mut self, answer: Answer) -> Vec<Effect> {
        match answer {
            Answer::Stay => Vec::new(),
            Answer::Close => {
                self.overlay = None;
                Vec::new()
            }
            Answer::Say(line) => {
                self.overlay = None;
                self.say_line(&line)
            }
            Answer::Try(key, value) => vec![Effect::Apply(key, value)],
            Answer::GiveUp(key, value) => {
                self.overlay = None;
                vec![Effect::Apply(key, value)]
            }
            Answer::Do(effect) => {
                self.overlay = None;
                vec![*effect]
            }
            Answer::Run(sentence, plan) => {
                self.overlay = None;
                self.start(&sentence, *plan)
            }
        }
    }

    /// Carries out a line as if it had been typed.
    pub fn say_line(&mut self, line: &str) -> Vec<Effect> {
        match Command::parse(line) {
            Ok(command) => self.carry_out(command),
            Err(error) => {
                self.say(Level::Error, error.summary().to_owned());
                Vec::new()
            }
        }
    }

    fn carry_out(&mut self, command: Command) -> Vec<Effect> {
        self.settle();
        self.settled = false;
        let effects = match command {
            Command::Nav(nav) => self.nav(&nav),
            Command::Op(sentence) => self.sentence(&sentence),
        };
        if self.here != PaneId::Detail {
            self.panes.detail.conceal();
        }
        if self.here != PaneId::Logs {
            self.panes.logs.rest();
        }
        effects
    }

    fn nav(&mut self, nav: &Nav) -> Vec<Effect> {
        match nav {
            Nav::Pane { name } => self.go_named(name),
            Nav::Help => {
                let selection = self.panes.get(self.here).selection(&self.fleet);
                self.overlay = Some(Overlay::Help(Help::new(About {
                    pane: self.here.name(),
                    keymap: &self.keymap,
                    fleet: &self.fleet,
                    selection: &selection,
                })));
                Vec::new()
            }
            Nav::Palette { text } => {
                let mut text = text.join(" ");
                if !text.is_empty() {
                    text.push(' ');
                }
                self.prompt = Some(Prompt::new(Kind::Palette, &text, self.over(), &self.fleet));
                Vec::new()
            }
            Nav::Filter { text } if text.is_empty() => {
                let before = self.panes.get(self.here).filter().to_owned();
                self.prompt = Some(Prompt::new(Kind::Filter, &before, self.over(), &self.fleet));
                Vec::new()
            }
            Nav::Search { text } | Nav::SearchBack { text } if text.is_empty() => {
                if !self.panes.get(self.here).has_search() {
                    return self.nav(&Nav::Filter { text: Vec::new() });
                }
                let back = matches!(nav, Nav::SearchBack { .. });
                let over = self.over();
                self.prompt = Some(Prompt::new(Kind::Search { back }, "", over, &self.fleet));
                Vec::new()
            }
            Nav::Menu => {
                self.open_menu();
                Vec::new()
            }
            Nav::Messages => {
                self.overlay = Some(Overlay::Messages(Messages::new(
                    self.messages.iter().cloned().collect(),
                )));
                Vec::new()
            }
            Nav::Output => {
                self.show_output();
                Vec::new()
            }
            Nav::Back => self.back(),
            Nav::Quit => self.quit(),
            Nav::Exit => vec![Effect::Quit],
            Nav::Last => {
                self.go(self.last);
                Vec::new()
            }
            Nav::Redraw => vec![Effect::Redraw],
            Nav::Suspend => vec![Effect::Suspend],
            Nav::Refresh => self.refresh(),
            Nav::Copy => self.copy(),
            Nav::Cancel => self.cancel(),
            Nav::Demo => self.demo(),
            _ => self.pane_nav(nav),
        }
    }

    /// What a line would be typed over.
    fn over(&self) -> Over {
        Over {
            rows: Listing::named(self.panes.get(self.here).rows()),
            selected: self.panes.get(self.here).selection(&self.fleet),
        }
    }

    pub(super) fn pane_nav(&mut self, nav: &Nav) -> Vec<Effect> {
        let reply = self.panes.get_mut(self.here).nav(nav, &self.fleet);
        match reply {
            Reply::Done => {}
            Reply::Pass => match nav {
                Nav::Next => self.go(self.here.next()),
                Nav::Previous => self.go(self.here.previous()),
                _ => {}
            },
            Reply::Detail(Target::Container(host, id)) => {
                self.panes.detail.show(&host, &id);
                self.enter(PaneId::Detail);
            }
            Reply::Detail(Target::Host(host)) => {
                self.panes.hosts.go_to(&host);
                self.enter(PaneId::Hosts);
            }
            // These have no detail of their own.
            Reply::Detail(Target::Resource(Resource::Network, host, id)) => {
                self.panes.subnets.open(&host, &id);
                self.enter(PaneId::Subnets);
            }
            Reply::Detail(Target::Resource(..)) => {}
            Reply::Detail(Target::Operation(number)) => {
                self.panes.operations.go_to(number);
                self.enter(PaneId::Operations);
            }
            Reply::Containers(filter) => {
                if let Err(why) = self.panes.containers.set_filter(&filter) {
                    self.say(Level::Error, why);
                }
                self.enter(PaneId::Containers);
            }
            Reply::Logs(targets) => self.show_logs(&targets),
            Reply::Tell(text) => self.say(Level::Info, text),
            Reply::Refuse(why) => self.say(Level::Warning, why),
            Reply::Reveal if self.here == PaneId::Logs => return self.say_line("logs --reveal"),
            Reply::Reveal => return self.say_line("container show --reveal"),
            Reply::Say(line) => return self.say_line(&line),
            Reply::Edit(key) => self.edit_setting(key),
            Reply::Fill(name) => self.fill(&name),
            Reply::Start(pipeline) => self.overlay = Some(Overlay::Form(Form::start(&pipeline))),
            Reply::Take(lines) => return self.take(&lines),
            Reply::Remember(key, value) => return self.remember(key, value),
            Reply::Copy(text) => return vec![Effect::Copy(text)],
            Reply::CopyText(text, lines) => return self.copy_lines(text, lines),
            Reply::Save(path, lines, replace) => {
                let text = format!("saving {} lines", lines.len());
                self.say(Level::Info, text);
                return vec![Effect::Save {
                    path,
                    lines: Box::new(lines),
                    replace,
                }];
            }
            Reply::ChooseColumns(all, shown) => {
                let key = Key::columns_of(self.panes.get(self.here).rows());
                self.overlay = Some(Overlay::Columns(Chooser::new(all, shown, key)));
            }
        }
        Vec::new()
    }

    fn go_named(&mut self, name: &str) -> Vec<Effect> {
        let named = |pane: &&PaneId| pane.name().starts_with(name);
        match PaneId::NAMED.iter().find(named) {
            Some(PaneId::Welcome) => return self.welcome(),
            Some(pane) => self.go(*pane),
            None => {
                let names: Vec<_> = PaneId::NAMED.iter().map(|pane| pane.name()).collect();
                self.say(
                    Level::Error,
                    format!("there is no pane '{name}'; there are {}", names.join(", ")),
                );
            }
        }
        Vec::new()
    }

    /// Goes to a pane side by side with this one.
    pub(super) fn go(&mut self, pane: PaneId) {
        if pane == PaneId::Logs && self.here != PaneId::Logs && self.panes.logs.is_empty() {
            let selection = self.panes.get(self.here).selection(&self.fleet);
            self.panes.logs.show(&selection, None, &self.fleet);
        }
        if pane != self.here {
            self.last = self.here;
            self.trail.clear();
            self.here = pane;
        }
    }

    /// Goes into a pane from which `back` leads here again.
    pub(super) fn enter(&mut self, pane: PaneId) {
        if pane != self.here {
            self.last = self.here;
            self.trail.push(self.here);
            self.here = pane;
        }
    }

    pub(super) fn back(&mut self) -> Vec<Effect> {
        if self.panes.get_mut(self.here).back() {
            return Vec::new();
        }
        if !self.panes.get(self.here).filter().is_empty() {
            self.panes.get_mut(self.here).nav(
                &Nav::Filter {
                    text: vec![String::new()],
                },
                &self.fleet,
            );
            return Vec::new();
        }
        if let Some(pane) = self.trail.pop() {
            self.last = self.here;
            self.here = pane;
        } else if self.pressed.is_empty() {
            self.panes.get_mut(self.here).nav(&Nav::Unmark, &self.fleet);
        }
        Vec::new()
    }

    fn quit(&mut self) -> Vec<Effect> {
        if !self.trail.is_empty() {
            return self.back();
        }
        if self.runs.count() > 0 {
            let text = format!(
                "{} operations run; ctrl-x stops them, ctrl-c leaves at once",
                self.runs.count()
            );
            self.say(Level::Warning, text);
            return Vec::new();
        }
        vec![Effect::Quit]
    }

    fn refresh(&mut self) -> Vec<Effect> {
        let selection = self.panes.get(self.here).selection(&self.fleet);
        let mut hosts: Vec<HostName> = selection.iter().filter_map(Target::host).cloned().collect();
        hosts.sort();
        hosts.dedup();
        if hosts.is_empty() {
            hosts = self
                .fleet
                .hosts()
                .iter()
                .map(|host| host.name().clone())
                .collect();
        }
        let what = if hosts.len() == 1 {
            hosts[0].to_string()
        } else {
            format!("{} hosts", hosts.len())
        };
        self.say(Level::Info, format!("asking {what} again"));
        vec![Effect::Reconnect(hosts)]
    }

    fn copy(&mut self) -> Vec<Effect> {
        let reply = self.panes.get_mut(self.here).nav(&Nav::Copy, &self.fleet);
        match reply {
            Reply::Copy(text) => return vec![Effect::Copy(text)],
            Reply::CopyText(text, lines) => return self.copy_lines(text, lines),
            Reply::Refuse(why) => {
                self.say(Level::Warning, why);
                return Vec::new();
            }
            _ => {}
        }
        let selection = self.panes.get(self.here).selection(&self.fleet);
        let text: Vec<String> = selection
            .iter()
            .map(|target| target.text(&self.fleet))
            .collect();
        if text.is_empty() {
            return Vec::new();
        }
        self.say(Level::Info, format!("copied {}", text.join(" ")));
        vec![Effect::Copy(text.join(" "))]
    }

    fn copy_lines(&mut self, text: String, lines: usize) -> Vec<Effect> {
        let lines = if lines == 1 {
            "1 line".to_owned()
        } else {
            format!("{lines} lines")
        };
        self.say(Level::Info, format!("copied {lines}"));
        vec![Effect::Copy(text)]
    }

    fn cancel(&mut self) -> Vec<Effect> {
        match self.runs.newest() {
            Some(run) => vec![Effect::Cancel(run.id)],
            None => {
                self.say(Level::Info, "nothing runs");
                Vec::new()
            }
        }
    }

    fn show_logs(&mut self, targets: &[Target]) {
        self.panes.logs.show(targets, None, &self.fleet);
        self.enter(PaneId::Logs);
    }
}
