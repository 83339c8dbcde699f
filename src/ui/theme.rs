//! Themes: files that give each meaning on the screen a style. The only place that knows colours.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::keymap::line_at;
use crate::{
    logs::{Ink, Tint},
    ops::column::Tone,
};

/// The themes that are part of the program, by name.
pub const EMBEDDED: &[(&str, &str)] = &[
    ("dark", include_str!("../../themes/dark.toml")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.toml"),
    ),
    ("light", include_str!("../../themes/light.toml")),
    ("mono", include_str!("../../themes/mono.toml")),
    ("sixteen", include_str!("../../themes/sixteen.toml")),
];

macro_rules! roles {
    ($($(#[doc = $doc:literal])* $role:ident),+ $(,)?) => {
        /// A style for each meaning.
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct RoleTable { $($role: String),+ }

        /// A style for each meaning.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Theme {
            $($(#[doc = $doc])* pub $role: Style,)+
            circle: Vec<Style>,
            depth: Depth,
        }

        impl Theme {
            /// The names of all meanings.
            pub const ROLES: &'static [&'static str] = &[$(stringify!($role)),+];

            fn build(file: &File) -> Result<Self, ThemeError> {
                let circle = file.circle.iter().map(|text| style("circle", text, &file.palette));
                Ok(Self {
                    $($role: style(stringify!($role), &file.roles.$role, &file.palette)?,)+
                    circle: circle.collect::<Result<_, _>>()?,
                    depth: Depth::True,
                })
            }

            /// The same theme with every style changed.
            #[must_use]
            pub fn map(&self, change: impl Fn(&'static str, Style) -> Style) -> Self {
                Self {
                    $($role: change(stringify!($role), self.$role),)+
                    circle: self.circle.iter().map(|style| change("circle", *style)).collect(),
                    depth: self.depth,
                }
            }
        }
    };
}

roles! {
    /// What is read.
    text,
    /// What is there for completeness.
    faint,
    /// The frame of a pane.
    frame,
    /// The title in a frame.
    title,
    /// The line at the very top.
    header,
    /// The program's name in it.
    brand,
    /// The titles of columns.
    column,
    /// The title of the column that is sorted by.
    sorted,
    /// The row under the cursor.
    cursor,
    /// A marked row.
    marked,
    /// A key in a hint.
    key,
    /// What the key does.
    hint,
    /// The name of the pane that is shown.
    crumb_here,
    /// The names of the others.
    crumb,
    /// As it should be.
    good,
    /// Needs a look.
    warn,
    /// Broken.
    bad,
    /// Under way.
    busy,
    /// Set apart without a judgement.
    accent,
    /// A line that is typed.
    prompt,
    /// What completion would add.
    ghost,
    /// The list of what could be typed.
    suggestion,
    /// What a filter matched.
    matched,
    /// A popup's frame.
    popup,
    /// A popup that asks before something is lost.
    danger,
    /// Figures and rows of a host that is not heard of.
    stale,
    /// The filled part of a bar.
    bar,
    /// The empty part of a bar.
    bar_empty,
    /// A guarded environment, and read-only.
    guarded,
}

/// A theme that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// It is no TOML, or lacks a role, or has one that does not exist.
    #[error("{what}")]
    Form {
        /// The line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong.
        what: String,
    },
    /// A role names a colour or an attribute that does not exist.
    #[error(
        "role {role}: '{word}' is neither in the palette nor an attribute (bold, dim, italic, underline, reverse)"
    )]
    Word {
        /// The role.
        role: &'static str,
        /// The word.
        word: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Styles to tell things apart that are many, such as the sources of a log.
    #[serde(default)]
    circle: Vec<String>,
    palette: BTreeMap<String, String>,
    roles: RoleTable,
}

impl ThemeError {
    /// The line of the file that is wrong, from 1, where it is known.
    pub fn line(&self, text: &str) -> Option<usize> {
        match self {
            Self::Form { line, .. } => *line,
            Self::Word { role, .. } => {
                let is_role = |line: &str| {
                    let rest = line.trim_start().strip_prefix(role);
                    rest.is_some_and(|rest| rest.trim_start().starts_with('='))
                };
                text.lines().position(is_role).map(|at| at + 1)
            }
        }
    }
}

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// None: only bold, reverse and the like.
    Mono,
    /// The sixteen of every terminal.
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// Any.
    True,
}

impl Theme {
    /// The theme of that name that is part of the program.
    pub fn embedded(name: &str) -> Option<Self> {
        let (_, text) = EMBEDDED.iter().find(|(known, _)| *known == name)?;
        Self::parse(text).ok()
    }

    /// The theme of a program that can find no other.
    ///
    /// # Panics
    /// When the embedded theme is broken, which its test finds first.
    pub fn dark() -> Self {
        Self::embedded("dark").expect("the embedded theme is whole")
    }

    /// Reads a theme file: `[palette]` names to colours, `[roles]` meanings to palette names, and `circle`.
    pub fn parse(text: &str) -> Result<Self, ThemeError> {
        let file: File =
            toml::from_str(text).map_err(|error: toml::de::Error| ThemeError::Form {
                line: error.span().map(|span| line_at(text, span.start)),
                what: error.message().to_owned(),
            })?;
        Self::build(&file)
    }

    /// The theme with the colours that the terminal has.
    #[must_use]
    pub fn for_depth(&self, depth: Depth) -> Self {
        let theme = match depth {
            Depth::True => self.clone(),
            Depth::Indexed => self.map(|_, style| recolour(style, to_indexed)),
            Depth::Sixteen => self.map(|_, style| recolour(style, to_sixteen)),
            Depth::Mono => self.map(|role, style| {
                let had_background = style.bg.is_some_and(|colour| colour != Color::Reset);
                let plain = Style {
                    fg: None,
                    bg: None,
                    underline_color: None,
                    ..style
                };
                if had_background || role == "cursor" {
                    plain.add_modifier(Modifier::REVERSED)
                } else {
                    plain
                }
            }),
        };
        Self { depth, ..theme }
    }

    /// What a log wants to look like, as far as the terminal can: colours of its own, above the style it would have.
    pub fn ink(&self, base: Style, ink: Ink) -> Style {
        let colour = |tint: Tint| {
            let colour = match tint {
                Tint::Plain => return None,
                Tint::Indexed(number) => Color::Indexed(number),
                Tint::Rgb(r, g, b) => Color::Rgb(r, g, b),
            };
            match (self.depth, colour) {
                (Depth::True, any) => Some(any),
                (Depth::Indexed, any) => Some(to_indexed(any)),
                (Depth::Sixteen, Color::Indexed(16..)) | (Depth::Mono, _) => None,
                (Depth::Sixteen, any) => Some(to_sixteen(any)),
            }
        };
        let mut style = base;
        style.fg = colour(ink.text).or(base.fg);
        style.bg = colour(ink.ground).or(base.bg);
        for (wanted, modifier) in [
            (ink.bold, Modifier::BOLD),
            (ink.faint, Modifier::DIM),
            (ink.italic, Modifier::ITALIC),
            (ink.underlined, Modifier::UNDERLINED),
            (ink.reversed, Modifier::REVERSED),
        ] {
            if wanted {
                style = style.add_modifier(modifier);
            }
        }
        style
    }

    /// The theme without slanted text: some terminals show that as if it were selected.
    #[must_use]
    pub fn upright(&self) -> Self {
        self.map(|_, style| Style {
            add_modifier: style.add_modifier - Modifier::ITALIC,
            ..style
        })
    }

    /// The style of a column's tone.
    pub fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => self.text,
            Tone::Faint => self.faint,
            Tone::Good => self.good,
            Tone::Warn => self.warn,
            Tone::Bad => self.bad,
            Tone::Busy => self.busy,
            Tone::Accent => self.accent,
        }
    }

    /// The style of something on a ground of its own, such as the row under the cursor: the ground keeps its
    /// background, and a reversed ground keeps all of itself, since a colour would become a background there.
    #[must_use]
    pub fn on(ground: Style, ink: Style) -> Style {
        if ground.add_modifier.contains(Modifier::REVERSED) {
            return ground;
        }
        Style {
            bg: ground.bg.or(ink.bg),
            ..ground.patch(ink)
        }
    }

    /// A style out of the theme's circle: the same number always gets the same.
    pub fn circle(&self, number: usize) -> Style {
        match self.circle.len() {
            0 => self.text,
            length => self.circle[number % length],
        }
    }
}

/// Reads `white on blue bold`.
fn style(
    role: &'static str,
    text: &str,
    palette: &BTreeMap<String, String>,
) -> Result<Style, ThemeError> {
    let mut style = Style::new();
    let mut background = false;
    for word in text.split_whitespace() {
        let modifier = match word {
            "on" => {
                background = true;
                continue;
            }
            "bold" => Some(Modifier::BOLD),
            "dim" => Some(Modifier::DIM),
            "italic" => Some(Modifier::ITALIC),
            "underline" => Some(Modifier::UNDERLINED),
            "reverse" => Some(Modifier::REVERSED),
            _ => None,
        };
        if let Some(modifier) = modifier {
            style = style.add_modifier(modifier);
            continue;
        }
        let colour = palette
            .get(word)
            .and_then(|value| value.parse::<Color>().ok())
            .ok_or_else(|| ThemeError::Word {
                role,
                word: word.to_owned(),
            })?;
        style = if std::mem::take(&mut background) {
            style.bg(colour)
        } else {
            style.fg(colour)
        };
    }
    Ok(style)
}

fn recolour(style: Style, change: fn(Color) -> Color) -> Style {
    Style {
        fg: style.fg.map(change),
        bg: style.bg.map(change),
        ..style
    }
}

/// The nearest of xterm's 6×6×6 cube or grey ramp.
fn to_indexed(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else {
        return colour;
    };
    if r.abs_diff(g) < 10 && g.abs_diff(b) < 10 {
        return match r {
            0..8 => Color::Indexed(16),
            8..=237 => Color::Indexed(232 + (r - 8) / 10),
            238.. => Color::Indexed(231),
        };
    }
    let level = |c: u8| -> u8 {
        match c {
            0..48 => 0,
            48..115 => 1,
            115.. => (c - 35) / 40,
        }
    };
    Color::Indexed(16 + 36 * level(r) + 6 * level(g) + level(b))
}

/// The nearest of the sixteen by hue and brightness.
fn to_sixteen(colour: Color) -> Color {
    let Color::Rgb(r, g, b) = colour else {
        return colour;
    };
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    if high - low < 40 {
        return match high {
            0..64 => Color::Black,
            64..150 => Color::DarkGray,
            150..220 => Color::Gray,
            220.. => Color::White,
        };
    }
    let middle = high / 2 + low / 2;
    match (r > middle, g > middle, b > middle) {
        (true, true, _) => Color::Yellow,
        (true, false, true) => Color::Magenta,
        (true, false, false) => Color::Red,
        (false, true, true) => Color::Cyan,
        (false, true, false) => Color::Green,
        (false, false, _) => Color::Blue,
    }
}
