//! Sentences about apps that ask before they are planned: which release comes back, which images are deployed.

use super::{
    Effect, Ui,
    overlay::{Choice, Form, Menu, Overlay},
    pane::{PaneId, apps::told},
};
use crate::{
    model::{
        ago,
        app::{Parameter, ParameterKind},
        release::{Phase, Scope, diff},
    },
    ops::{
        AppCommand, Sentence,
        app::selected,
        sentence::{AppPlace, DeployArgs},
        target::Target,
    },
};

impl Ui {
    /// The app that a sentence is about which names none: that of the selection, else the one under the cursor, which
    /// may have no containers yet.
    pub(super) fn app_meant(&self, selection: &[Target]) -> Option<Scope> {
        match self.here {
            PaneId::Apps if selection.is_empty() => self.panes.apps.scope(),
            _ => selected(&self.fleet, selection),
        }
    }

    /// Asks for what a sentence about the selected app does not say; none when nothing has to be asked. Whoever names the
    /// app says all that is to be said.
    pub(super) fn ask_of_app(&mut self, sentence: &Sentence) -> Option<Vec<Effect>> {
        let Sentence::App(command) = sentence else {
            return None;
        };
        let scope = self.scope_of(&command.place()?)?;
        let line = sentence.plan(&self.fleet, &[]).ok()?.sentence;
        self.overlay = Some(match command {
            AppCommand::Rollback(args) if args.to.is_none() => {
                Overlay::Menu(self.choose_release(&scope, &line)?)
            }
            AppCommand::Deploy(args) if is_bare(args) => {
                Overlay::Form(self.ask_images(&scope, line)?)
            }
            _ => return None,
        });
        Some(Vec::new())
    }

    /// The releases that can come back, with what each would change; none when they are not at hand.
    fn choose_release(&self, scope: &Scope, line: &str) -> Option<Menu> {
        let deploys = &self.fleet.deploys;
        let current = deploys.current.get(scope)?;
        let back = deploys.history(scope)?.iter().filter(|(release, held)| {
            held.phase == Phase::Succeeded && release.number != current.number
        });
        let choices: Vec<Choice> = back
            .map(|(release, _)| Choice {
                line: format!("{line} --to {}", release.number),
                keys: release.number.to_string(),
                about: told(&diff(Some(current), release), "nothing changes"),
                name: Some(format!("of {} ago", ago(self.fleet.now, release.at))),
            })
            .collect();
        let title = format!("{scope} is {}: go back to", current.number);
        (!choices.is_empty()).then(|| Menu::new(title, choices).wide())
    }

    /// The images of the next release, as they are in the one that is there; none when there is none.
    fn ask_images(&self, scope: &Scope, line: String) -> Option<Form> {
        let current = self.fleet.deploys.current.get(scope)?;
        let parameters: Vec<Parameter> = current
            .pins
            .iter()
            .map(|(service, pin)| Parameter {
                name: service.to_string(),
                label: service.to_string(),
                help: format!("The image of {service} in the next release; now it is {pin}"),
                kind: ParameterKind::Text,
                default: Some(pin.image.to_string()),
                required: true,
                generate: None,
                pattern: None,
                min: None,
                max: None,
            })
            .collect();
        let title = format!("{scope}: what is other than in {}", current.number);
        Some(Form::of_option(title, line, "--image", &parameters))
    }

    /// The app that a place names, when its deploys are known.
    fn scope_of(&self, place: &AppPlace) -> Option<Scope> {
        let deploys = &self.fleet.deploys;
        let mut known = deploys.current.keys().chain(deploys.open.keys());
        let is_it = |scope: &&Scope| {
            scope.app == place.name
                && place
                    .environment
                    .as_ref()
                    .is_none_or(|name| **name == *scope.environment)
        };
        known.find(is_it).cloned()
    }
}

/// Whether nothing is said of what is deployed, where and how.
fn is_bare(args: &DeployArgs) -> bool {
    let nothing = args.template.is_none()
        && args.files.is_empty()
        && args.images.is_empty()
        && args.set.is_empty();
    nothing && args.hosts.is_empty() && !args.pull && !args.adopt
}
