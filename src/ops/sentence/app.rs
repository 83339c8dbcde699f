//! What can be said of apps.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, Subcommand};

use super::{Accepts, Danger, ListArgs, Pair, Role, Why, fleet::seconds};
use crate::{
    model::{
        Share,
        app::{AppName, ImageReference, ServiceName, TemplateName},
        release::{BatchSize, OnFailure, ReleaseNumber},
    },
    ops::target::HostPattern,
};

/// Sentences about apps.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum AppCommand {
    /// List the apps of all hosts: every Compose project and Swarm stack, whoever started it
    List(ListArgs),
    /// Show apps with their services and replicas
    Show {
        /// Its name; `shop-*` for several
        #[arg(value_name = "APP")]
        name: String,
        /// Only in this environment
        #[arg(long, value_name = "NAME")]
        env: Option<String>,
    },
    /// Bring a new release of an app to its hosts: batch by batch, watched, and back again when it is not well
    Deploy(Box<DeployArgs>),
    /// Bring an earlier release of an app back, as a new release
    Rollback(RollbackArgs),
    /// Write a release of an app with its images into one file, signed, to be installed at another site
    Bundle(BundleAppArgs),
    /// Bring the release of a bundle to hosts, with its images: the first one, or over the one that is there
    Install(Box<InstallAppArgs>),
    /// Change how many replicas services of an app have
    Scale(ScaleArgs),
    /// List the releases of an app, and what each would change
    Releases(AppChoice),
    /// List the deploys that are under way or stand still: of what, by whom, since when
    Deploys {
        /// Those that ended, too
        #[arg(long)]
        all: bool,
    },
    /// Go on with the deploy of an app that stands still or was left
    Continue(AppAct),
    /// Bring a gray release everywhere, however it was judged
    Promote(AppAct),
    /// Let a deploy stand still after what is under way
    Pause(AppAct),
    /// Let a deploy go back to the release before
    Abort(AppAct),
    /// Give up a deploy for good, whoever works on it: what it did stays as it is
    Unlock(AppAct),
    /// Approve what somebody else wants to deploy, exactly as it was asked for
    Approve(JudgeArgs),
    /// Reject what somebody wants to deploy, or withdraw what one asked for oneself
    Reject(JudgeArgs),
    /// List the services whose replicas follow their load: bounds, the last decision and why
    Autoscale,
    /// List what waits for approvals: of what, by whom, until when
    Approvals {
        /// Also what is approved, rejected or expired
        #[arg(long)]
        all: bool,
    },
}

/// What somebody wants to deploy.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct JudgeArgs {
    /// Which app.
    #[command(flatten)]
    pub place: AppPlace,
    /// What of it, as `app approvals` lists it; needs not be said when only one waits
    #[arg(value_name = "DIGEST", value_parser = request)]
    pub digest: Option<String>,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Reads the beginning of a digest.
fn request(text: &str) -> Result<String, String> {
    let is_one = (4..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if is_one {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("write 4 to 12 hexadecimal digits, as `app approvals` lists them".to_owned())
    }
}

/// Which app.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AppPlace {
    /// Its name
    #[arg(value_name = "APP")]
    pub name: AppName,
    /// Its environment; needs not be said when it has releases in one only
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
}

/// Which app: the one that is named, else that of what is selected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct AppChoice {
    /// Its name; in the console the selected one without it
    #[arg(value_name = "APP")]
    pub name: Option<AppName>,
    /// Its environment; needs not be said when it has releases in one only
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
}

impl AppChoice {
    /// The app, when it is named.
    pub fn place(&self) -> Option<AppPlace> {
        Some(AppPlace {
            name: self.name.clone()?,
            environment: self.environment.clone(),
        })
    }
}

/// Which app, and why.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct AppAct {
    /// Which app.
    #[command(flatten)]
    pub place: AppChoice,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// What is deployed, where, and how.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct DeployArgs {
    /// Which app.
    #[command(flatten)]
    pub place: AppChoice,
    /// Make it of this template
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    pub template: Option<TemplateName>,
    /// An answer to what the template asks, or a variable of the files, `PORT=8080`; may be said several times
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<Pair>,
    /// Make it of this Compose file; several are one app, each file over the ones before
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// With services of this profile, too; may be said several times
    #[arg(long = "profile", value_name = "NAME")]
    pub profiles: Vec<String>,
    /// The image of a service instead, `web=app:1.3`; without a template or files the newest release stays as it is else
    #[arg(long = "image", value_name = "SERVICE=IMAGE")]
    pub images: Vec<ServiceImage>,
    /// On these hosts, as `web-*` or `group:edge`; without it on those of the newest release
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub hosts: Vec<HostPattern>,
    /// Ask registries what tags mean now, even if the hosts have such images
    #[arg(long)]
    pub pull: bool,
    /// Replace containers of the app that somebody else made
    #[arg(long)]
    pub adopt: bool,
    /// As services of the Swarm that the host manages; also `x-wharf: {engine: swarm}` in the file, or where it is one already
    #[arg(long)]
    pub swarm: bool,
    /// How.
    #[command(flatten)]
    pub how: HowArgs,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// How a release is brought to its hosts; what is not said is as the environment has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct HowArgs {
    /// How many replicas of a service go at once, batch after batch [default: 1,25%,100%]
    #[arg(long = "batch", value_name = "SIZE", value_delimiter = ',')]
    pub batches: Vec<BatchSize>,
    /// How long to wait between batches, `5m` [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub wait: Option<Duration>,
    /// How long a batch is watched once it is well [default: 10s, in guarded environments 60s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub bake: Option<Duration>,
    /// How long a container without a health check has to run to count as well [default: 7s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub settle: Option<Duration>,
    /// How long a container may take to get well [default: what its health check allows, at least 2m]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub deadline: Option<Duration>,
    /// When one does not get well: rollback, or pause after the first batch [default: rollback, in guarded environments pause]
    #[arg(long, value_name = "WHAT")]
    pub on_failure: Option<OnFailure>,
    /// How many releases keep their containers on the hosts [default: 3]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=20))]
    pub keep: Option<u32>,
    /// Try it behind its balancer with these shares of the requests first, `5,25,50`; 0 is only for those who ask by header or subnet
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    pub canary: Vec<Share>,
    /// How long each share is watched [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = time, requires = "canary")]
    pub every: Option<Duration>,
    /// How many requests a share needs to be judged by [default: 200]
    #[arg(long, value_name = "COUNT", requires = "canary")]
    pub requests: Option<u64>,
    /// Why it cannot wait for the end of a freeze or for approvals; the environment's name has to be typed
    #[arg(long, value_name = "WHY")]
    pub emergency: Option<String>,
}

/// Which release comes back.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RollbackArgs {
    /// Which app.
    #[command(flatten)]
    pub place: AppChoice,
    /// To this release, `r000041`; without it to the one before the newest
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<ReleaseNumber>,
    /// How.
    #[command(flatten)]
    pub how: HowArgs,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which release is bundled, and into which file.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BundleAppArgs {
    /// Which app.
    #[command(flatten)]
    pub place: AppPlace,
    /// This release, `r000041`; without it the newest that is everywhere
    #[arg(long, value_name = "RELEASE")]
    pub release: Option<ReleaseNumber>,
    /// The file, on this machine
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub replace: bool,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// Which bundle is installed, where, and how.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct InstallAppArgs {
    /// The bundle, on this machine
    #[arg(value_name = "FILE")]
    pub bundle: PathBuf,
    /// The environment; needs not be said when its hosts are of one only
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
    /// On these hosts, as `web-*` or `group:edge`; without it on those of the newest release
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub hosts: Vec<HostPattern>,
    /// Take it from whoever has this public key; those of `[bundle] trust` need not be said
    #[arg(long, value_name = "KEY")]
    pub trust: Vec<String>,
    /// Replace containers of the app that somebody else made
    #[arg(long)]
    pub adopt: bool,
    /// How.
    #[command(flatten)]
    pub how: HowArgs,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// How many replicas.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ScaleArgs {
    /// Which app.
    #[command(flatten)]
    pub place: AppPlace,
    /// How many replicas of which service, `web=5`
    #[arg(value_name = "SERVICE=COUNT", required = true)]
    pub counts: Vec<ServiceCount>,
    /// Spread over these hosts, as `web-*` or `group:edge`; without it over those of the newest release
    #[arg(long, value_name = "HOST", value_delimiter = ',')]
    pub hosts: Vec<HostPattern>,
    /// How.
    #[command(flatten)]
    pub how: HowArgs,
    /// Why it is done.
    #[command(flatten)]
    pub why: Why,
}

/// An image for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceImage {
    /// The service.
    pub service: ServiceName,
    /// The image.
    pub image: ImageReference,
}

impl FromStr for ServiceImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (service, image) = text.split_once('=').ok_or("write SERVICE=IMAGE")?;
        Ok(Self {
            service: ServiceName::new(service).map_err(|error| error.to_string())?,
            image: ImageReference::new(image).map_err(|error| error.to_string())?,
        })
    }
}

impl std::fmt::Display for ServiceImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.service, self.image)
    }
}

/// A number of replicas for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCount {
    /// The service.
    pub service: ServiceName,
    /// How many, over all hosts.
    pub count: u32,
}

impl FromStr for ServiceCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// More are a slip of a finger.
        const MOST: u32 = 10_000;
        let (service, count) = text.split_once('=').ok_or("write SERVICE=COUNT")?;
        let count = count.parse().ok().filter(|count| *count <= MOST);
        Ok(Self {
            service: ServiceName::new(service).map_err(|error| error.to_string())?,
            count: count.ok_or_else(|| format!("the count is a number up to {MOST}"))?,
        })
    }
}

impl std::fmt::Display for ServiceCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.service, self.count)
    }
}

/// Reads `30s`, `10m`, `2h`.
fn time(text: &str) -> Result<Duration, String> {
    let read = seconds(text).and_then(|seconds| u64::try_from(seconds).ok());
    match read {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("write it as 30s, 5m or 1h".to_owned()),
    }
}

impl AppCommand {
    /// Whether it goes past freezes, tests and approvals.
    pub fn is_emergency(&self) -> bool {
        let how = match self {
            Self::Deploy(args) => &args.how,
            Self::Install(args) => &args.how,
            Self::Rollback(args) => &args.how,
            Self::Scale(args) => &args.how,
            _ => return false,
        };
        how.emergency.is_some()
    }

    /// How bad it can be.
    pub(super) fn danger(&self) -> Danger {
        match self {
            Self::List(_)
            | Self::Show { .. }
            | Self::Releases(_)
            | Self::Deploys { .. }
            | Self::Autoscale
            | Self::Approvals { .. } => Danger::Reads,
            Self::Bundle(_)
            | Self::Continue(_)
            | Self::Pause(_)
            | Self::Approve(_)
            | Self::Reject(_) => Danger::Changes,
            Self::Deploy(_)
            | Self::Install(_)
            | Self::Rollback(_)
            | Self::Scale(_)
            | Self::Promote(_)
            | Self::Abort(_)
            | Self::Unlock(_) => Danger::Disrupts,
        }
    }

    /// What has to be done with it.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::List(_)
            | Self::Show { .. }
            | Self::Releases(_)
            | Self::Deploys { .. }
            | Self::Autoscale
            | Self::Approvals { .. } => Role::Query,
            Self::Deploy(_)
            | Self::Bundle(_)
            | Self::Install(_)
            | Self::Rollback(_)
            | Self::Scale(_)
            | Self::Continue(_)
            | Self::Promote(_)
            | Self::Pause(_)
            | Self::Abort(_)
            | Self::Unlock(_)
            | Self::Approve(_)
            | Self::Reject(_) => Role::Deploy,
        }
    }

    /// Why it is done.
    pub(super) fn why(&self) -> Option<&Why> {
        match self {
            Self::List(_)
            | Self::Show { .. }
            | Self::Releases(_)
            | Self::Deploys { .. }
            | Self::Autoscale
            | Self::Approvals { .. } => None,
            Self::Approve(args) | Self::Reject(args) => Some(&args.why),
            Self::Deploy(args) => Some(&args.why),
            Self::Rollback(args) => Some(&args.why),
            Self::Scale(args) => Some(&args.why),
            Self::Bundle(args) => Some(&args.why),
            Self::Install(args) => Some(&args.why),
            Self::Continue(args)
            | Self::Promote(args)
            | Self::Pause(args)
            | Self::Abort(args)
            | Self::Unlock(args) => Some(&args.why),
        }
    }

    /// The words that name it.
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::List(_) => "app list",
            Self::Show { .. } => "app show",
            Self::Deploy(_) => "app deploy",
            Self::Rollback(_) => "app rollback",
            Self::Scale(_) => "app scale",
            Self::Bundle(_) => "app bundle",
            Self::Install(_) => "app install",
            Self::Releases(_) => "app releases",
            Self::Deploys { .. } => "app deploys",
            Self::Continue(_) => "app continue",
            Self::Promote(_) => "app promote",
            Self::Pause(_) => "app pause",
            Self::Abort(_) => "app abort",
            Self::Unlock(_) => "app unlock",
            Self::Approve(_) => "app approve",
            Self::Reject(_) => "app reject",
            Self::Approvals { .. } => "app approvals",
            Self::Autoscale => "app autoscale",
        }
    }

    /// Which app it is about, when it is one that has releases and is named.
    pub fn place(&self) -> Option<AppPlace> {
        match self {
            Self::List(_)
            | Self::Show { .. }
            | Self::Deploys { .. }
            | Self::Install(_)
            | Self::Autoscale
            | Self::Approvals { .. } => None,
            Self::Approve(args) | Self::Reject(args) => Some(args.place.clone()),
            Self::Scale(args) => Some(args.place.clone()),
            Self::Bundle(args) => Some(args.place.clone()),
            Self::Deploy(_)
            | Self::Rollback(_)
            | Self::Releases(_)
            | Self::Continue(_)
            | Self::Promote(_)
            | Self::Pause(_)
            | Self::Abort(_)
            | Self::Unlock(_) => self.choice().and_then(AppChoice::place),
        }
    }

    /// Which app it is about, when that may be the selected one.
    pub fn choice(&self) -> Option<&AppChoice> {
        match self {
            Self::Deploy(args) => Some(&args.place),
            Self::Rollback(args) => Some(&args.place),
            Self::Releases(place) => Some(place),
            Self::Continue(args)
            | Self::Promote(args)
            | Self::Pause(args)
            | Self::Abort(args)
            | Self::Unlock(args) => Some(&args.place),
            Self::List(_)
            | Self::Show { .. }
            | Self::Bundle(_)
            | Self::Install(_)
            | Self::Scale(_)
            | Self::Deploys { .. }
            | Self::Approve(_)
            | Self::Reject(_)
            | Self::Autoscale
            | Self::Approvals { .. } => None,
        }
    }

    /// The same, with this app when it names none.
    #[must_use]
    pub fn about(&self, place: AppPlace) -> Self {
        let mut named = self.clone();
        let choice = match &mut named {
            Self::Deploy(args) => Some(&mut args.place),
            Self::Rollback(args) => Some(&mut args.place),
            Self::Releases(place) => Some(place),
            Self::Continue(args)
            | Self::Promote(args)
            | Self::Pause(args)
            | Self::Abort(args)
            | Self::Unlock(args) => Some(&mut args.place),
            _ => None,
        };
        if let Some(choice) = choice.filter(|one| one.name.is_none()) {
            choice.name = Some(place.name);
            choice.environment = choice.environment.take().or(place.environment);
        }
        named
    }

    /// Which selection it takes when it names no app.
    pub(super) fn accepts(&self) -> Accepts {
        match self.choice() {
            Some(_) => Accepts::App,
            None => Accepts::Nothing,
        }
    }
}
