//! What can be said of templates and of Compose files.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ListArgs, Pair};
use crate::model::app::TemplateName;

/// Sentences about templates.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum TemplateCommand {
    /// List the templates of all catalogs
    List(ListArgs),
    /// Show a template: what it asks, and what it makes
    Show {
        /// Which one
        #[arg(value_name = "NAME")]
        name: TemplateName,
    },
    /// Check Compose files and templates: what is wrong, what would be ignored, what an environment denies
    Check(CheckTemplateArgs),
    /// Write the Compose file that a template makes of answers; secrets stay references
    Render(RenderArgs),
    /// Fetch the catalogs that are repositories: all, or those that are named
    Update {
        /// Which ones, by name
        #[arg(value_name = "CATALOG")]
        catalogs: Vec<String>,
    },
    /// Make templates of a list of Portainer's; each entry becomes one or says why not
    Convert(ConvertArgs),
}

/// What is checked, and how.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct CheckTemplateArgs {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// They are one app, each file over the ones before
    #[arg(long)]
    pub together: bool,
    /// Check what this environment denies, too
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// Only services of these profiles and those without; all without it
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// What a variable is, `TAG=1.2`; may be said several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<Pair>,
}

/// Which template, and the answers.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RenderArgs {
    /// Which one
    #[arg(value_name = "NAME")]
    pub name: TemplateName,
    /// An answer, `PORT=8080`; may be said several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<Pair>,
}

/// Which list, and where the templates go.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ConvertArgs {
    /// The list, as JSON
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The directory that the templates go to; it is made
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

impl TemplateCommand {
    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "template list",
            Self::Show { .. } => "template show",
            Self::Check(_) => "template check",
            Self::Render(_) => "template render",
            Self::Update { .. } => "template update",
            Self::Convert(_) => "template convert",
        }
    }
}
