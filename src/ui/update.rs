//! How the console takes in messages: keys become commands, commands become changes and effects.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use super::{
    Act, Effect, Known, Masked, Msg, Ui,
    command::Command,
    keymap::{Lookup, Press},
    message::Level,
    nav::Nav,
    overlay::{
        About, Answer, Choice, Chooser, Form, Help, Live, Menu, Messages, Overlay, Question,
        Replace,
    },
    pane::{Pane as _, PaneId, Reply, logs::Range as LogRange, pipelines::Wish},
    prompt::{Kind, Over, Prompt, Typed, pasted},
    runs::RunId,
};
use crate::{
    model::{Event, Feed, HostName, Resource, app::TemplateName, setting::Key},
    ops::{
        Confirm, Danger, Entry, Export, HostCommand, Listing, LogsCommand, PipelineCommand, Plan,
        Progress, Role, Sentence,
        sentence::{ExportArgs, ListArgs},
        subnet,
        target::Target,
    },
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
    fn followed(&self) -> Vec<Target> {
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

    /// Offers what fits the selection.
    fn open_menu(&mut self) {
        if let Some((title, lines)) = self.panes.get(self.here).actions(&self.fleet) {
            let choices = lines.into_iter().map(|(line, about)| Choice {
                keys: self
                    .keymap
                    .keys_for(self.here.name(), &line)
                    .unwrap_or_default(),
                name: line.strip_prefix("say ").map(str::to_owned),
                about: about.to_owned(),
                line,
            });
            self.overlay = Some(Overlay::Menu(Menu::new(title, choices.collect())));
            return;
        }
        let selection = self.panes.get(self.here).selection(&self.fleet);
        let choices = Sentence::catalogue()
            .iter()
            .filter_map(|entry| self.choice(entry, &selection))
            .collect();
        let title = match &selection[..] {
            [] => "Nothing is selected".to_owned(),
            [one] => one.text(&self.fleet),
            many => format!("{} selected", many.len()),
        };
        self.overlay = Some(Overlay::Menu(Menu::new(title, choices)));
    }

    /// A sentence as a choice for the selection, if it fits. One that needs more words is finished in the palette.
    fn choice(&self, entry: &Entry, selection: &[Target]) -> Option<Choice> {
        let fits = selection
            .iter()
            .any(|target| entry.accepts.takes(&self.fleet, target));
        let allowed = entry.is_for_readers() || !self.fleet.read_only;
        if !fits || !allowed {
            return None;
        }
        let whole = Sentence::parse(entry.words).is_ok();
        let line = if whole {
            entry.words.to_owned()
        } else {
            format!("palette {}", entry.words)
        };
        let keys = self
            .keymap
            .keys_for(self.here.name(), &line)
            .unwrap_or_default();
        Some(Choice {
            line,
            keys,
            about: entry.about.clone(),
            name: None,
        })
    }

    fn sentence(&mut self, sentence: &Sentence) -> Vec<Effect> {
        let selection = self.panes.get(self.here).selection(&self.fleet);
        let (said, sentence) = (sentence, &sentence.about_app(self.app_meant(&selection)));
        if said != sentence
            && let Some(effects) = self.ask_of_app(sentence)
        {
            return effects;
        }
        if let Some(effects) = self.view_sentence(sentence, &selection) {
            return effects;
        }
        let plan = match sentence.plan(&self.fleet, &selection) {
            Ok(plan) => plan,
            Err(refusal) => {
                self.say(Level::Warning, refusal.to_string());
                return Vec::new();
            }
        };
        // Who only looks disturbs nobody.
        let busy = plan.targets.iter().find(|target| self.runs.is_busy(target));
        if let Some(busy) = busy.filter(|_| sentence.role() != Role::Look) {
            self.say(
                Level::Warning,
                format!("an operation still runs on {busy}; wait for it, or ctrl-x stops it"),
            );
            return Vec::new();
        }
        match sentence.role() {
            Role::Deploy => self.prepare(&sentence.naming(&selection)),
            Role::Configure if plan.confirm == Confirm::No => vec![Effect::Configure(
                Box::new(sentence.clone()),
                Box::new(plan),
            )],
            Role::Act | Role::Terminal | Role::Configure if plan.confirm != Confirm::No => {
                self.overlay = Some(Overlay::Question(Box::new(Question::new(
                    plan,
                    sentence.clone(),
                ))));
                Vec::new()
            }
            Role::Act | Role::Look => self.start(sentence, plan),
            Role::Terminal => Self::hand_over(sentence, plan),
            Role::Query | Role::Configure => self.host_query(sentence, &plan),
        }
    }

    /// Has a deploy planned. It is told at once that it is, because hosts and registries are asked.
    fn prepare(&mut self, sentence: &Sentence) -> Vec<Effect> {
        self.say(Level::Info, format!("planning: {}", sentence.words()));
        let known = Known(Box::new(self.fleet.bare()));
        vec![Effect::Prepare(Box::new(sentence.clone()), known)]
    }

    /// Asks whether a deploy that was planned is to be done. What is on the screen meanwhile is not taken away.
    fn prepared(&mut self, sentence: Sentence, planned: Result<Box<Plan>, String>) {
        match planned {
            Err(why) => {
                let mut lines = why.lines();
                self.say(Level::Warning, lines.next().unwrap_or_default().to_owned());
                let rest: Vec<String> = lines.map(str::to_owned).collect();
                if !rest.is_empty() {
                    self.say(Level::Warning, why);
                }
            }
            Ok(plan) => {
                let question = Question::new(*plan, sentence);
                self.overlay = Some(Overlay::Question(Box::new(question)));
            }
        }
        self.settled = false;
    }

    /// Sentences that a pane answers better than a text would.
    fn view_sentence(&mut self, sentence: &Sentence, selection: &[Target]) -> Option<Vec<Effect>> {
        use crate::ops::{
            AppCommand, AuditCommand, ContainerCommand, ImageCommand, NetworkCommand,
            SubnetCommand, TemplateCommand, VolumeCommand,
        };
        match sentence {
            Sentence::Host(HostCommand::List(list)) => Some(self.show_list(PaneId::Hosts, list)),
            Sentence::Container(ContainerCommand::List(list)) => {
                Some(self.show_list(PaneId::Containers, list))
            }
            Sentence::App(AppCommand::List(list)) => Some(self.show_list(PaneId::Apps, list)),
            Sentence::App(AppCommand::Show { name, env }) => {
                self.show_app(name, env.as_deref());
                Some(Vec::new())
            }
            Sentence::Pipeline(command) => self.pipeline(command),
            Sentence::Audit(AuditCommand::List { list, .. }) => {
                Some(self.show_list(PaneId::Operations, list))
            }
            Sentence::Audit(AuditCommand::Verify) => Some(vec![Effect::Audit]),
            Sentence::Setting(command) => Some(self.setting(sentence, command)),
            Sentence::Logs(args) => Some(self.logs(sentence, args, selection)),
            Sentence::Image(ImageCommand::List(list)) => Some(self.show_list(PaneId::Images, list)),
            Sentence::Image(ImageCommand::Builds(args)) if args.since.is_none() => {
                let shown = self.panes.pipelines.show_builds(&args.list.filter());
                self.enter(PaneId::Pipelines);
                if let Err(why) = shown {
                    self.say(Level::Warning, why);
                }
                Some(Vec::new())
            }
            Sentence::Image(ImageCommand::BuildLog { number }) => {
                let is_here = self.panes.pipelines.show_build(*number, &self.fleet);
                is_here.then(|| {
                    self.enter(PaneId::Pipelines);
                    Vec::new()
                })
            }
            Sentence::Network(NetworkCommand::List(list)) => {
                Some(self.show_list(PaneId::Subnets, list))
            }
            Sentence::Network(NetworkCommand::Show { .. }) => {
                Some(self.show_network(sentence, selection))
            }
            Sentence::Subnet(SubnetCommand::List(list)) => {
                Some(self.show_list(PaneId::Subnets, list))
            }
            Sentence::Subnet(SubnetCommand::Check) => {
                let list = ListArgs {
                    filter: vec!["is:flagged".to_owned()],
                    ..ListArgs::default()
                };
                Some(self.show_list(PaneId::Subnets, &list))
            }
            Sentence::Subnet(SubnetCommand::Free(args)) => {
                match subnet::free(&self.fleet, args) {
                    Ok(blocks) => self.say(Level::Info, format!("free: {}", blocks.join(", "))),
                    Err(refusal) => self.say(Level::Warning, refusal.to_string()),
                }
                Some(Vec::new())
            }
            Sentence::Volume(VolumeCommand::List(list)) => {
                Some(self.show_list(PaneId::Volumes, list))
            }
            Sentence::Template(TemplateCommand::List(list)) => {
                Some(self.show_list(PaneId::Templates, list))
            }
            Sentence::Template(TemplateCommand::Show { name }) => {
                self.show_template(name.clone());
                Some(Vec::new())
            }
            Sentence::Host(_)
            | Sentence::Container(_)
            | Sentence::Image(_)
            | Sentence::Network(_)
            | Sentence::Volume(_)
            | Sentence::Registry(_)
            | Sentence::Balancer(_)
            | Sentence::Jenkins(_)
            | Sentence::Discovery(_)
            | Sentence::Swarm(_)
            | Sentence::Node(_)
            | Sentence::Service(_)
            | Sentence::Secret(_)
            | Sentence::SwarmConfig(_)
            | Sentence::App(_)
            | Sentence::Notify(_)
            | Sentence::Template(_) => None,
        }
    }

    /// What the pane of pipelines answers.
    fn pipeline(&mut self, command: &PipelineCommand) -> Option<Vec<Effect>> {
        match command {
            PipelineCommand::List
            | PipelineCommand::Runs {
                pipeline: None,
                open: false,
                ..
            } => {
                self.panes.pipelines.show_all();
                self.go(PaneId::Pipelines);
                Some(Vec::new())
            }
            PipelineCommand::Runs {
                pipeline: Some(name),
                open: false,
                ..
            } => self.show_runs(Wish::Runs(name.clone())),
            PipelineCommand::Show { run } => self.show_runs(Wish::Run(*run, None, false)),
            PipelineCommand::Logs { run, step, .. } => {
                self.show_runs(Wish::Run(*run, step.clone(), true))
            }
            PipelineCommand::Runs { open: true, .. }
            | PipelineCommand::Run(_)
            | PipelineCommand::Cancel(_)
            | PipelineCommand::Retry { .. }
            | PipelineCommand::Approve(_)
            | PipelineCommand::Reject(_)
            | PipelineCommand::Check { .. } => None,
        }
    }

    /// Shows runs; those that are too old to be here are told of as a shell would.
    fn show_runs(&mut self, wish: Wish) -> Option<Vec<Effect>> {
        let is_here = self.panes.pipelines.show(wish, &self.fleet);
        is_here.then(|| {
            self.enter(PaneId::Pipelines);
            Vec::new()
        })
    }

    /// Puts the cursor on a template, as soon as it is known which there are.
    fn show_template(&mut self, name: TemplateName) {
        if self.fleet.templates.is_none() {
            self.to_show = Some(name);
            self.enter(PaneId::Templates);
        } else if self.panes.templates.show(&name, &self.fleet) {
            self.enter(PaneId::Templates);
        } else {
            self.say(Level::Warning, format!("there is no template {name}"));
        }
    }

    /// Templates are known now: what waited for them goes on.
    fn take_templates(&mut self) {
        if let Some(name) = self.to_show.take() {
            self.show_template(name);
        }
        if let Some(prompt) = &mut self.prompt {
            prompt.refresh(&self.fleet);
        }
    }

    /// Opens the form of a template.
    fn fill(&mut self, name: &TemplateName) {
        let Some(template) = self.fleet.template(name) else {
            return;
        };
        let form = Form::new(
            format!("{}: what it asks", template.title),
            format!("app deploy {name} --template {name}"),
            "--hosts",
            &template.parameters,
        );
        self.overlay = Some(Overlay::Form(form));
    }

    /// Shows apps with their services.
    fn show_app(&mut self, name: &str, env: Option<&str>) {
        match crate::ops::app::named(name, env) {
            Err(why) => self.say(Level::Warning, why),
            Ok(fits) if self.panes.apps.go_to(&self.fleet, &fits) => self.enter(PaneId::Apps),
            Ok(_) => self.say(Level::Warning, format!("no app is called {name}")),
        }
    }

    /// Shows a network in detail.
    fn show_network(&mut self, sentence: &Sentence, selection: &[Target]) -> Vec<Effect> {
        match sentence.targets(&self.fleet, selection) {
            Err(refusal) => self.say(Level::Warning, refusal.to_string()),
            Ok(targets) => {
                if let Some(Target::Resource(_, host, id)) = targets.first() {
                    self.panes.subnets.open(host, id);
                    self.enter(PaneId::Subnets);
                }
            }
        }
        Vec::new()
    }

    /// Shows the rows of a pane that a list asks for.
    fn show_list(&mut self, pane: PaneId, list: &ListArgs) -> Vec<Effect> {
        self.go(pane);
        if pane == PaneId::Subnets {
            self.panes.subnets.close();
        }
        self.pane_nav(&Nav::Filter {
            text: vec![list.filter()],
        })
    }

    /// Shows logs, and what is masked in them if that is wanted: of those on the screen when none is named there.
    fn logs(
        &mut self,
        sentence: &Sentence,
        args: &LogsCommand,
        selection: &[Target],
    ) -> Vec<Effect> {
        let stays = args.reveal && args.targets.is_empty() && self.here == PaneId::Logs;
        let plan = if stays {
            sentence.plan(&self.fleet, &self.followed())
        } else {
            sentence.plan(&self.fleet, selection)
        };
        let plan = match plan {
            Ok(plan) => plan,
            Err(refusal) => {
                self.say(Level::Warning, refusal.to_string());
                return Vec::new();
            }
        };
        let named = plan.targets.iter();
        let targets: Vec<Target> = named
            .filter_map(|text| self.container_named(text))
            .collect();
        if !stays {
            let (logs, range) = (&mut self.panes.logs, LogRange::said(args, self.fleet.now));
            if args.targets.is_empty() {
                logs.show(&targets, range, &self.fleet);
            } else {
                logs.show_fitting(args.targets.clone(), range, &self.fleet);
            }
            self.enter(PaneId::Logs);
        }
        if !args.fields.is_empty() {
            let names = args.fields.clone();
            self.pane_nav(&Nav::Fields { names });
        }
        if let Some(filter) = &args.filter {
            let text = vec![filter.typed().to_owned()];
            self.pane_nav(&Nav::Filter { text });
        }
        if !plan.recorded {
            return Vec::new();
        }
        let reason = sentence.reason().map(str::to_owned);
        let act = Box::new(Act { plan, reason });
        vec![Effect::Reveal(act, Masked::Lines(targets))]
    }

    fn host_query(&mut self, sentence: &Sentence, plan: &Plan) -> Vec<Effect> {
        use crate::ops::{ContainerCommand, VolumeCommand};
        match sentence {
            Sentence::Host(HostCommand::Export(args)) => self.export(args),
            Sentence::Host(HostCommand::Reconnect { .. }) => {
                let hosts = plan
                    .targets
                    .iter()
                    .map(|target| HostName::new(target.trim_start_matches('@')));
                vec![Effect::Reconnect(hosts.collect())]
            }
            Sentence::Volume(VolumeCommand::Show { .. } | VolumeCommand::Browse(_)) => {
                self.volume(sentence, plan)
            }
            Sentence::Container(
                ContainerCommand::Show(_)
                | ContainerCommand::Top { .. }
                | ContainerCommand::Changes { .. },
            ) => {
                let named = plan
                    .targets
                    .first()
                    .and_then(|text| self.container_named(text));
                let Some(Target::Container(host, id)) = named else {
                    return Vec::new();
                };
                // What is recorded is what is shown: one container.
                if plan.recorded && plan.targets.len() > 1 {
                    let text = "values are shown of one container at a time; choose one";
                    self.say(Level::Warning, text);
                    return Vec::new();
                }
                self.panes.detail.show(&host, &id);
                self.enter(PaneId::Detail);
                if !plan.recorded {
                    return Vec::new();
                }
                let act = Act {
                    plan: plan.clone(),
                    reason: sentence.reason().map(str::to_owned),
                };
                vec![Effect::Reveal(Box::new(act), Masked::Values(host, id))]
            }
            _ => self.ask(plan),
        }
    }

    /// Asks what no pane answers, and shows the answer as a shell would.
    fn ask(&mut self, plan: &Plan) -> Vec<Effect> {
        let id = self.runs.begin(plan);
        self.show_output();
        vec![Effect::Ask(id, plan.sentence.clone())]
    }

    /// Shows a volume, or the files in it.
    fn volume(&mut self, sentence: &Sentence, plan: &Plan) -> Vec<Effect> {
        let first = plan.targets.first().and_then(|text| text.rsplit_once('@'));
        let Some((name, host)) = first else {
            return Vec::new();
        };
        let (name, host) = (std::sync::Arc::from(name), HostName::new(host));
        match sentence {
            Sentence::Volume(crate::ops::VolumeCommand::Browse(args)) => {
                if args.cat.is_some() {
                    return self.ask(plan);
                }
                let path = args.place.as_ref().map_or("", |place| &*place.path);
                self.panes.volumes.browse(&host, &name, path);
            }
            _ => self.panes.volumes.go_to(&host, &name),
        }
        self.go(PaneId::Volumes);
        Vec::new()
    }

    /// Here a file has to be named: there is nothing else to write to.
    fn export(&mut self, args: &ExportArgs) -> Vec<Effect> {
        let Some(path) = args.to.clone() else {
            let text = "say into which file, as in `host export --to hosts.csv`";
            self.say(Level::Warning, text);
            return Vec::new();
        };
        match Export::of(args, &self.fleet) {
            Ok(export) => vec![Effect::Export(path, export)],
            Err(refusal) => {
                self.say(Level::Warning, refusal.to_string());
                Vec::new()
            }
        }
    }

    /// The container that a plan names as `name@host`.
    fn container_named(&self, text: &str) -> Option<Target> {
        let (name, host) = text.rsplit_once('@')?;
        let host = self.fleet.host(&HostName::new(host))?;
        let one = host
            .containers
            .values()
            .find(|one| &*one.name == name || one.id.as_str() == name)?;
        Some(Target::Container(host.name().clone(), one.id.clone()))
    }

    fn hand_over(sentence: &Sentence, plan: Plan) -> Vec<Effect> {
        if let Sentence::Host(_) = sentence {
            let host = plan
                .targets
                .first()
                .map(|target| HostName::new(target.trim_start_matches('@')));
            return host.map(Effect::Login).into_iter().collect();
        }
        match plan.steps.first().cloned() {
            Some(step) => {
                let reason = sentence.reason().map(str::to_owned);
                vec![Effect::Terminal(
                    Box::new(Act { plan, reason }),
                    Box::new(step),
                )]
            }
            None => Vec::new(),
        }
    }

    /// Goes on after a yes.
    fn start(&mut self, sentence: &Sentence, plan: Plan) -> Vec<Effect> {
        match sentence.role() {
            Role::Configure => {
                return vec![Effect::Configure(
                    Box::new(sentence.clone()),
                    Box::new(plan),
                )];
            }
            Role::Terminal => return Self::hand_over(sentence, plan),
            Role::Act | Role::Look | Role::Query | Role::Deploy => {}
        }
        let id = self.runs.begin(&plan);
        for step in plan.steps.iter().filter(|_| plan.danger > Danger::Reads) {
            let container = step.container().map(|(id, _)| id);
            self.fleet.set_busy(&step.host, container, Some(plan.busy));
        }
        if plan.danger >= Danger::Changes {
            self.panes.containers.clear_marks();
        }
        if says_much(&plan) {
            self.show_output();
        }
        let reason = sentence.reason().map(str::to_owned);
        vec![Effect::Run(id, Box::new(Act { plan, reason }))]
    }

    fn show_output(&mut self) {
        match self.runs.output() {
            Some(output) => {
                let live = Live::new(output.clone());
                self.overlay = Some(Overlay::Output(Box::new(live)));
            }
            None => self.say(Level::Info, "nothing was run yet"),
        }
    }

    /// Takes the mark off the rows that a run worked on: of one step, or of all.
    fn not_busy(&mut self, id: RunId, step: Option<usize>) {
        for (host, container) in self.runs.places(id, step) {
            self.fleet.set_busy(&host, container.as_ref(), None);
        }
        self.settled = false;
    }

    fn run_progress(&mut self, id: RunId, progress: &Progress) -> Vec<Effect> {
        match progress {
            Progress::StepEnded(step, ..) => self.not_busy(id, Some(*step)),
            Progress::Ended(_) => self.not_busy(id, None),
            Progress::Began(_)
            | Progress::StepBegan(_)
            | Progress::Said(..)
            | Progress::Waits(_) => {}
        }
        if let Some(Overlay::Output(live)) = &mut self.overlay {
            live.take(id, progress, self.fleet.now);
        }
        if let Some((well, text)) = self.runs.progress(id, progress, self.fleet.now) {
            self.say(if well { Level::Info } else { Level::Error }, text);
        }
        Vec::new()
    }
}

/// Whether the steps of a plan say so much that it is shown.
fn says_much(plan: &Plan) -> bool {
    use crate::model::{Action, ImageAction};
    let says = |action: &Action| {
        matches!(
            action,
            Action::Examine
                | Action::Install(_)
                | Action::Deploy(_)
                | Action::Image(ImageAction::Look)
        )
    };
    plan.steps.iter().any(|step| says(&step.action))
}
