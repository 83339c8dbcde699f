//! How the console says sentences: looked at in a pane, planned, asked for, begun, and told of while they go on.

use super::{
    Act, Effect, Known, Masked, Ui,
    message::Level,
    nav::Nav,
    overlay::{Choice, Form, Live, Menu, Overlay, Question},
    pane::{PaneId, logs::Range as LogRange, pipelines::Wish},
    runs::RunId,
};
use crate::{
    model::{HostName, app::TemplateName},
    ops::{
        Confirm, Danger, Entry, Export, HostCommand, LogsCommand, PipelineCommand, Plan, Progress,
        Role, Sentence,
        sentence::{ExportArgs, ListArgs},
        subnet,
        target::Target,
    },
};

impl Ui {
    /// Offers what fits the selection.
    pub(super) fn open_menu(&mut self) {
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
    pub(super) fn choice(&self, entry: &Entry, selection: &[Target]) -> Option<Choice> {
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

    pub(super) fn sentence(&mut self, sentence: &Sentence) -> Vec<Effect> {
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
    pub(super) fn prepare(&mut self, sentence: &Sentence) -> Vec<Effect> {
        self.say(Level::Info, format!("planning: {}", sentence.words()));
        let known = Known(Box::new(self.fleet.bare()));
        vec![Effect::Prepare(Box::new(sentence.clone()), known)]
    }

    /// Asks whether a deploy that was planned is to be done. What is on the screen meanwhile is not taken away.
    pub(super) fn prepared(&mut self, sentence: Sentence, planned: Result<Box<Plan>, String>) {
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
    pub(super) fn view_sentence(
        &mut self,
        sentence: &Sentence,
        selection: &[Target],
    ) -> Option<Vec<Effect>> {
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
    pub(super) fn pipeline(&mut self, command: &PipelineCommand) -> Option<Vec<Effect>> {
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
    pub(super) fn show_runs(&mut self, wish: Wish) -> Option<Vec<Effect>> {
        let is_here = self.panes.pipelines.show(wish, &self.fleet);
        is_here.then(|| {
            self.enter(PaneId::Pipelines);
            Vec::new()
        })
    }

    /// Puts the cursor on a template, as soon as it is known which there are.
    pub(super) fn show_template(&mut self, name: TemplateName) {
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
    pub(super) fn take_templates(&mut self) {
        if let Some(name) = self.to_show.take() {
            self.show_template(name);
        }
        if let Some(prompt) = &mut self.prompt {
            prompt.refresh(&self.fleet);
        }
    }

    /// Opens the form of a template.
    pub(super) fn fill(&mut self, name: &TemplateName) {
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
    pub(super) fn show_app(&mut self, name: &str, env: Option<&str>) {
        match crate::ops::app::named(name, env) {
            Err(why) => self.say(Level::Warning, why),
            Ok(fits) if self.panes.apps.go_to(&self.fleet, &fits) => self.enter(PaneId::Apps),
            Ok(_) => self.say(Level::Warning, format!("no app is called {name}")),
        }
    }

    /// Shows a network in detail.
    pub(super) fn show_network(
        &mut self,
        sentence: &Sentence,
        selection: &[Target],
    ) -> Vec<Effect> {
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
    pub(super) fn show_list(&mut self, pane: PaneId, list: &ListArgs) -> Vec<Effect> {
        self.go(pane);
        if pane == PaneId::Subnets {
            self.panes.subnets.close();
        }
        self.pane_nav(&Nav::Filter {
            text: vec![list.filter()],
        })
    }

    /// Shows logs, and what is masked in them if that is wanted: of those on the screen when none is named there.
    pub(super) fn logs(
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

    pub(super) fn host_query(&mut self, sentence: &Sentence, plan: &Plan) -> Vec<Effect> {
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
    pub(super) fn ask(&mut self, plan: &Plan) -> Vec<Effect> {
        let id = self.runs.begin(plan);
        self.show_output();
        vec![Effect::Ask(id, plan.sentence.clone())]
    }

    /// Shows a volume, or the files in it.
    pub(super) fn volume(&mut self, sentence: &Sentence, plan: &Plan) -> Vec<Effect> {
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
    pub(super) fn export(&mut self, args: &ExportArgs) -> Vec<Effect> {
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
    pub(super) fn container_named(&self, text: &str) -> Option<Target> {
        let (name, host) = text.rsplit_once('@')?;
        let host = self.fleet.host(&HostName::new(host))?;
        let one = host
            .containers
            .values()
            .find(|one| &*one.name == name || one.id.as_str() == name)?;
        Some(Target::Container(host.name().clone(), one.id.clone()))
    }

    pub(super) fn hand_over(sentence: &Sentence, plan: Plan) -> Vec<Effect> {
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
    pub(super) fn start(&mut self, sentence: &Sentence, plan: Plan) -> Vec<Effect> {
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

    pub(super) fn show_output(&mut self) {
        match self.runs.output() {
            Some(output) => {
                let live = Live::new(output.clone());
                self.overlay = Some(Overlay::Output(Box::new(live)));
            }
            None => self.say(Level::Info, "nothing was run yet"),
        }
    }

    /// Takes the mark off the rows that a run worked on: of one step, or of all.
    pub(super) fn not_busy(&mut self, id: RunId, step: Option<usize>) {
        for (host, container) in self.runs.places(id, step) {
            self.fleet.set_busy(&host, container.as_ref(), None);
        }
        self.settled = false;
    }

    pub(super) fn run_progress(&mut self, id: RunId, progress: &Progress) -> Vec<Effect> {
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
