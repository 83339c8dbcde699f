//! What a console opens with: keys, colours and signs as the configuration and the terminal have them.

use super::{Setup, looks, terminal::Manner};
use crate::{
    config::{self, Config},
    ui::{
        Surroundings, Ui,
        look::{Glyphs, Look, Signs},
        message::Level,
        theme::{Depth, Theme},
    },
};

/// A console with the configured keys and colours; what is wrong with them is said, and the default is used.
pub fn new_ui(setup: &Setup, terminal: &config::Terminal) -> Ui {
    let config = &setup.config;
    let signs = config.glyphs.unwrap_or(terminal.signs);
    let mut complaints = looks::of_columns(config);
    let keymap = looks::keymap(config, &config.keymap, &mut complaints);
    let theme = looks::theme(config, &config.theme, &mut complaints);
    let look = Look {
        theme: fitted(&theme, terminal),
        glyphs: Glyphs::of(signs_of(signs)),
    };
    let mut fleet = crate::model::Fleet::new();
    fleet.environments.clone_from(&config.environments);
    fleet.site_ranges.clone_from(&config.site_ranges);
    fleet.balancers = config.balancers.clone().into();
    fleet.jenkins = config.jenkins.clone().into();
    fleet.discoveries = config.discoveries.clone().into();
    fleet.read_only = config.read_only;
    fleet.access.clone_from(&config.access);
    fleet.settings = looks::settings(config);
    let machine = setup.origin.place.split(' ').next().unwrap_or("");
    let around = Surroundings {
        operator: format!("{}@{machine}", setup.origin.operator),
        label: setup.label,
        masks: config.logs.masks.clone(),
        log_memory: config.logs.memory,
        zone: Some(jiff::tz::TimeZone::system()),
    };
    let mut ui = Ui::new(fleet, keymap, look, around);
    for complaint in complaints {
        ui.say(Level::Warning, complaint.to_string());
    }
    ui
}

/// How the terminal is used, as the configuration and its variables say.
pub fn manner(config: &Config, terminal: &config::Terminal) -> Manner {
    Manner {
        mouse: config.mouse,
        signs: signs_of(config.glyphs.unwrap_or(terminal.signs)),
        synchronized: terminal.synchronized,
        answers: terminal.answers,
        baud: config.baud,
    }
}

/// A theme with what the terminal has of colours and attributes.
pub fn fitted(theme: &Theme, terminal: &config::Terminal) -> Theme {
    let depth = match terminal.colors {
        config::Colors::None => Depth::Mono,
        config::Colors::Sixteen => Depth::Sixteen,
        config::Colors::Many => Depth::Indexed,
        config::Colors::All => Depth::True,
    };
    // A theme of finer colours that comes with Wharf has its like in the sixteen of the terminal's own; one of the
    // user's is reduced.
    let is_ours = |name| Theme::embedded(name).is_some_and(|ours| ours == *theme);
    let theme =
        if depth == Depth::Sixteen && ["dark", "light", "high-contrast"].into_iter().any(is_ours) {
            Theme::embedded("sixteen").unwrap_or_else(Theme::dark)
        } else {
            theme.for_depth(depth)
        };
    if terminal.italic {
        theme
    } else {
        theme.upright()
    }
}

/// The signs of the configuration in the words of the interface.
pub fn signs_of(signs: config::Signs) -> Signs {
    match signs {
        config::Signs::Unicode => Signs::All,
        config::Signs::Console => Signs::Console,
        config::Signs::Ascii => Signs::Ascii,
    }
}
