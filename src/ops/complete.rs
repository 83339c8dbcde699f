//! Completion of a sentence that is being typed: words, options, their values, and targets that fit.

use std::collections::BTreeSet;

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};

use super::{
    catalogue::Entry,
    column,
    listing::Listing,
    sentence::{Accepts, Sentence, Signal, join},
    setting,
    target::Target,
    target::all_resources,
};
use crate::model::{
    Fleet, Setting,
    pipeline::{Trigger, Verb},
};

/// At most so many are offered.
const MOST: usize = 200;

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What is offered.
    pub text: String,
    /// What it is.
    pub about: String,
    /// The whole line when it is taken.
    pub line: String,
}

impl Sentence {
    /// How a line that is being typed can go on, the best first. Sentences that change something
    /// are not offered in a fleet that is read-only. Targets that are selected come first.
    pub fn complete(line: &str, fleet: &Fleet, selected: &[Target]) -> Vec<Completion> {
        let mut typed = Typed::read(line);
        let entries: Vec<&Entry> = Self::catalogue()
            .iter()
            .filter(|entry| !fleet.read_only || entry.is_for_readers())
            .collect();
        match leaf(&typed, &entries) {
            None => sentences(&typed, &entries),
            Some((entry, words)) => {
                typed.words.drain(..words);
                Argument::here(entry, &typed).offers(&typed, fleet, selected)
            }
        }
    }
}

/// A line up to the cursor: the words before, and the one being typed.
#[derive(Debug, Default)]
struct Typed {
    /// The line up to the word being typed.
    before: String,
    words: Vec<String>,
    partial: String,
}

impl Typed {
    fn read(line: &str) -> Self {
        let mut typed = Self::default();
        let mut start = 0;
        let mut quote = None;
        let mut in_word = false;
        for (at, c) in line.char_indices() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'') => {
                    quote = Some(c);
                    if !in_word {
                        start = at;
                    }
                    in_word = true;
                }
                (None, c) if c.is_whitespace() => {
                    if in_word {
                        typed.words.push(std::mem::take(&mut typed.partial));
                    }
                    in_word = false;
                    start = at + c.len_utf8();
                }
                (_, c) => {
                    if !in_word {
                        start = at;
                    }
                    in_word = true;
                    typed.partial.push(c);
                }
            }
        }
        line[..start].clone_into(&mut typed.before);
        if typed.words.first().is_some_and(|word| word == "wharf") {
            typed.words.remove(0);
        }
        typed
    }

    /// The line with that word in place of the one being typed.
    fn with(&self, word: &str) -> String {
        format!("{}{}", self.before, join([word]))
    }
}

/// The sentence that the words begin with, and how many of them name it.
fn leaf<'e>(typed: &Typed, entries: &[&'e Entry]) -> Option<(&'e Entry, usize)> {
    entries.iter().find_map(|entry| {
        let named: Vec<&str> = entry.words.split(' ').collect();
        let begins =
            typed.words.len() >= named.len() && named.iter().zip(&typed.words).all(|(a, b)| a == b);
        begins.then_some((*entry, named.len()))
    })
}

/// Sentences whose words fit what is typed, in any part: `res` finds `container restart`.
fn sentences(typed: &Typed, entries: &[&Entry]) -> Vec<Completion> {
    let mut words = typed.words.clone();
    words.push(typed.partial.clone());
    let offers = entries.iter().map(|entry| Completion {
        text: entry.words.to_owned(),
        about: entry.about.clone(),
        line: format!("{} ", entry.words),
    });
    ranked(words.join(" ").trim(), offers.collect())
}

/// The offers that fit what is typed, the best first, otherwise in their order.
pub(super) fn ranked(typed: &str, offers: Vec<Completion>) -> Vec<Completion> {
    let pattern = Pattern::new(
        typed,
        CaseMatching::Ignore,
        Normalization::Smart,
        AtomKind::Fuzzy,
    );
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, Completion)> = offers
        .into_iter()
        .filter_map(|offer| {
            let text = Utf32Str::new(&offer.text, &mut buffer);
            let score = pattern.score(text, &mut matcher)?;
            Some((score, offer))
        })
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.truncate(MOST);
    scored.into_iter().map(|(_, offer)| offer).collect()
}

/// What stands where the cursor is.
enum Argument<'e> {
    /// Targets or other words of the sentence, and after them its options.
    Word(&'e Entry, Vec<clap::Arg>),
    /// An option's name.
    Option(Vec<clap::Arg>),
    /// The value of an option; with the text before it where it is glued on (`--signal=`).
    Value(&'e Entry, Box<clap::Arg>, String),
    /// Words that nobody can guess: a command for a container.
    Free,
}

impl<'e> Argument<'e> {
    fn here(entry: &'e Entry, typed: &Typed) -> Self {
        let arguments = arguments(entry);
        let option = |word: &str| {
            let named = |arg: &&clap::Arg| {
                arg.get_long()
                    .is_some_and(|long| word == format!("--{long}"))
                    || arg
                        .get_short()
                        .is_some_and(|short| word == format!("-{short}"))
            };
            arguments.iter().find(named)
        };
        if typed.words.iter().any(|word| word == "--") {
            return Self::Free;
        }
        if let Some(arg) = typed.words.last().and_then(|word| option(word))
            && arg.get_action().takes_values()
        {
            return Self::Value(entry, Box::new(arg.clone()), String::new());
        }
        if let Some((name, _)) = typed.partial.split_once('=')
            && let Some(arg) = option(name)
        {
            return Self::Value(entry, Box::new(arg.clone()), format!("{name}="));
        }
        let said = |arg: &clap::Arg| {
            let repeats = matches!(arg.get_action(), clap::ArgAction::Append);
            !repeats
                && typed
                    .words
                    .iter()
                    .any(|word| option(word).is_some_and(|found| found.get_id() == arg.get_id()))
        };
        let options: Vec<clap::Arg> = arguments
            .iter()
            .filter(|arg| arg.get_long().is_some() && !said(arg))
            .cloned()
            .collect();
        if typed.partial.starts_with('-') {
            Self::Option(options)
        } else {
            Self::Word(entry, options)
        }
    }

    fn offers(&self, typed: &Typed, fleet: &Fleet, selected: &[Target]) -> Vec<Completion> {
        match self {
            Self::Free => Vec::new(),
            Self::Option(options) => ranked(&typed.partial, named(options, typed)),
            Self::Value(entry, arg, glued) => {
                let partial = typed.partial.strip_prefix(glued.as_str());
                let offers =
                    values(entry, arg, fleet)
                        .into_iter()
                        .map(|(value, about)| Completion {
                            line: format!("{} ", typed.with(&format!("{glued}{value}"))),
                            text: value,
                            about,
                        });
                ranked(partial.unwrap_or(""), offers.collect())
            }
            Self::Word(entry, options) => {
                let mut offers = words(entry, typed, fleet, selected);
                if typed.partial.is_empty() {
                    offers.extend(named(options, typed));
                }
                offers
            }
        }
    }
}

/// The arguments of a sentence, as its grammar declares them.
fn arguments(entry: &Entry) -> Vec<clap::Arg> {
    let grammar = Sentence::grammar();
    let mut command = &grammar;
    for word in entry.words.split(' ') {
        let Some(sub) = command.find_subcommand(word) else {
            return Vec::new();
        };
        command = sub;
    }
    command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && arg.get_id() != "help")
        .cloned()
        .collect()
}

/// Options by name.
fn named(options: &[clap::Arg], typed: &Typed) -> Vec<Completion> {
    options
        .iter()
        .filter_map(|arg| {
            let name = format!("--{}", arg.get_long()?);
            Some(Completion {
                about: arg.get_help().map(ToString::to_string).unwrap_or_default(),
                line: format!("{} ", typed.with(&name)),
                text: name,
            })
        })
        .collect()
}

/// Values of an option, each with what it is.
fn values(entry: &Entry, arg: &clap::Arg, fleet: &Fleet) -> Vec<(String, String)> {
    let plain = |values: Vec<String>| values.into_iter().map(|one| (one, String::new())).collect();
    match arg.get_id().as_str() {
        "signal" => plain(Signal::NAMES.map(str::to_owned).to_vec()),
        "since" | "until" => plain(["10m", "1h", "6h", "24h", "7d"].map(str::to_owned).to_vec()),
        "to" if ["image copy", "image load", "image pull"].contains(&entry.words) => {
            hosts(fleet, "")
        }
        "hosts" if entry.words == "app deploy" => groups_and_hosts(fleet),
        "template" => {
            let all = fleet.all_templates().iter();
            all.map(|one| (one.name.to_string(), one.title.clone()))
                .collect()
        }
        "on_failure" => plain(["rollback", "pause"].map(str::to_owned).to_vec()),
        // Fields are named as in their arguments.
        "hosts" if ["network create", "image build"].contains(&entry.words) => hosts(fleet, ""),
        "balancer" => balancer_names(fleet),
        "builder" => plain(["buildkit", "classic"].map(str::to_owned).to_vec()),
        "sort" | "columns" => columns_of(entry),
        "environment" => {
            let names = fleet.environment_names();
            plain(names.iter().map(ToString::to_string).collect())
        }
        "groups" => {
            let groups = fleet.hosts().iter().flat_map(|host| &host.spec.groups);
            let mut names: Vec<String> = groups.map(ToString::to_string).collect();
            names.sort();
            names.dedup();
            plain(names)
        }
        _ => arg
            .get_possible_values()
            .iter()
            .map(|value| {
                let about = value.get_help().map(ToString::to_string);
                (value.get_name().to_owned(), about.unwrap_or_default())
            })
            .collect(),
    }
}

fn columns_of(entry: &Entry) -> Vec<(String, String)> {
    Listing::of_words(entry.words)
        .map(Listing::columns)
        .unwrap_or_default()
}

/// Words of the sentence itself: targets that fit, hosts, keys of a filter.
fn words(entry: &Entry, typed: &Typed, fleet: &Fleet, selected: &[Target]) -> Vec<Completion> {
    if let Some(listing) = Listing::of_words(entry.words) {
        return filter_terms(listing, typed, fleet);
    }
    if let "setting set" | "setting reset" = entry.words {
        return settings(entry, typed, fleet);
    }
    if let "template show" | "template render" = entry.words {
        return templates(typed, fleet);
    }
    if entry.words.starts_with("balancer ") {
        return balancers(entry, typed, fleet);
    }
    if entry.words.starts_with("jenkins ") {
        return jenkins(entry, typed, fleet);
    }
    if entry.words.starts_with("discovery ") && typed.words.is_empty() {
        let all = fleet.discoveries.iter();
        let offers = all.map(|one| Completion {
            line: format!("{} ", typed.with(&one.name)),
            text: one.name.to_string(),
            about: one.place(),
        });
        return ranked(&typed.partial, offers.collect());
    }
    if entry.words.starts_with("app ") {
        return apps(typed, fleet, selected);
    }
    let accepts = accepted(entry, typed);
    let inside = entry.words == "container copy";
    let mut targets: Vec<(String, String)> = match accepts {
        Accepts::Containers { .. } => containers(fleet, &accepts),
        Accepts::Hosts { .. } => hosts(fleet, "@"),
        Accepts::Resources { kind, .. } => all_resources(kind, fleet),
        Accepts::Nothing if entry.words == "host edit" => hosts(fleet, ""),
        Accepts::App | Accepts::Nothing => Vec::new(),
    };
    targets.retain(|(text, _)| !typed.words.contains(text));
    let near: Vec<String> = selected.iter().map(|target| target.text(fleet)).collect();
    targets.sort_by_key(|(text, _)| !near.contains(text));
    let offers = targets
        .into_iter()
        .map(|(text, about)| Completion {
            line: if inside {
                format!("{}:/", typed.with(&text))
            } else {
                format!("{} ", typed.with(&text))
            },
            text,
            about,
        })
        .collect();
    ranked(&typed.partial, offers)
}

/// How the term of a filter goes on. What is a whole term now is followed by a blank.
fn filter_terms(listing: Listing, typed: &Typed, fleet: &Fleet) -> Vec<Completion> {
    let mut offers = listing.complete_term(&typed.partial, fleet);
    for offer in &mut offers {
        let whole = !offer.line.ends_with([':', '>']);
        let blank = if whole { " " } else { "" };
        offer.line = format!("{}{blank}", typed.with(&offer.line));
    }
    offers
}

/// The settings by name; behind the name of one that is to be set, what it could be.
fn settings(entry: &Entry, typed: &Typed, fleet: &Fleet) -> Vec<Completion> {
    let said: Vec<&String> = typed
        .words
        .iter()
        .filter(|word| !word.starts_with('-'))
        .collect();
    let offers = match said[..] {
        [] => {
            let now = |setting: &Setting| {
                let value = setting::shown(setting.key, &setting.value);
                (
                    setting.key.name().to_owned(),
                    format!("now {value} · {}", setting.key.about()),
                )
            };
            fleet.settings.iter().map(now).collect()
        }
        [name] if entry.words == "setting set" => {
            let key = name.parse();
            key.map_or_else(|_| Vec::new(), |key| setting::offers(key, &fleet.settings))
        }
        _ => Vec::new(),
    };
    // Of columns, the last of those typed is completed.
    let (before, partial) = typed
        .partial
        .rsplit_once(',')
        .unwrap_or(("", &typed.partial));
    let before = if before.is_empty() {
        String::new()
    } else {
        format!("{before},")
    };
    let offer = |(text, about): (String, String)| Completion {
        line: format!("{} ", typed.with(&format!("{before}{text}"))),
        text,
        about,
    };
    ranked(partial, offers.into_iter().map(offer).collect())
}

/// The templates by name, where none is said yet.
fn templates(typed: &Typed, fleet: &Fleet) -> Vec<Completion> {
    if typed
        .words
        .first()
        .is_some_and(|word| !word.starts_with('-'))
    {
        return Vec::new();
    }
    let offers = fleet.all_templates().iter().map(|one| Completion {
        text: one.name.to_string(),
        about: one.title.clone(),
        line: format!("{} ", typed.with(one.name.as_str())),
    });
    ranked(&typed.partial, offers.collect())
}

/// The balancers by name; behind one that was looked at, its backends or servers.
fn balancers(entry: &Entry, typed: &Typed, fleet: &Fleet) -> Vec<Completion> {
    let said = typed.words.iter().find(|word| !word.starts_with('-'));
    let texts: Vec<(String, String)> = match said.map(String::as_str) {
        None if ["balancer list", "balancer render"].contains(&entry.words) => Vec::new(),
        None => balancer_names(fleet),
        Some(name) => {
            let behind = fleet.behind.get(name).into_iter().flatten();
            match entry.words {
                "balancer show" => behind
                    .map(|one| (one.name.to_string(), format!("{} servers", one.slots.len())))
                    .collect(),
                "balancer ready"
                | "balancer drain"
                | "balancer maintenance"
                | "balancer weight" => behind
                    .flat_map(|one| &one.slots)
                    .map(|slot| (slot.name.to_string(), slot.admin.to_string()))
                    .filter(|(text, _)| !typed.words.contains(text))
                    .collect(),
                _ => Vec::new(),
            }
        }
    };
    let offers = texts.into_iter().map(|(text, about)| Completion {
        line: format!("{} ", typed.with(&text)),
        text,
        about,
    });
    ranked(&typed.partial, offers.collect())
}

/// The servers by name, or the jobs that pipelines name and that were spoken of.
fn jenkins(entry: &Entry, typed: &Typed, fleet: &Fleet) -> Vec<Completion> {
    if typed.words.iter().any(|word| !word.starts_with('-')) {
        return Vec::new();
    }
    let servers = fleet.jenkins.iter();
    let texts: BTreeSet<String> = match entry.words {
        "jenkins list" => BTreeSet::new(),
        "jenkins jobs" | "jenkins queue" | "jenkins doctor" => {
            servers.map(|one| one.name.to_string()).collect()
        }
        _ => jobs(fleet),
    };
    let offers = texts.into_iter().map(|text| Completion {
        line: format!("{} ", typed.with(&text)),
        text,
        about: String::new(),
    });
    ranked(&typed.partial, offers.collect())
}

/// The jobs that are known without asking a server, each `JOB@SERVER`.
fn jobs(fleet: &Fleet) -> BTreeSet<String> {
    let board = &fleet.pipelines;
    let names = board.names().into_iter();
    let mut jobs = BTreeSet::new();
    for pipeline in names.filter_map(|name| board.pipeline(name)) {
        jobs.extend(pipeline.steps.iter().filter_map(|step| match &step.verb {
            Verb::Jenkins(one) => Some(format!("{}@{}", one.job, one.server)),
            _ => None,
        }));
        jobs.extend(pipeline.when.iter().filter_map(|trigger| match trigger {
            Trigger::Jenkins { server, job, .. } => Some(format!("{job}@{server}")),
            _ => None,
        }));
    }
    let said = fleet
        .operations()
        .filter(|act| act.sentence.starts_with("jenkins "));
    jobs.extend(said.flat_map(|act| act.targets.clone()));
    jobs.retain(|job| !job.contains("${"));
    jobs
}

fn balancer_names(fleet: &Fleet) -> Vec<(String, String)> {
    let names = fleet.balancers.iter();
    names
        .map(|one| {
            (
                one.name.to_string(),
                format!("{} on {}", one.kind, one.machine),
            )
        })
        .collect()
}

/// The apps of the fleet by name, where none is said yet; those of what is selected first.
fn apps(typed: &Typed, fleet: &Fleet, selected: &[Target]) -> Vec<Completion> {
    let is_word = |word: &String| !word.starts_with('-');
    if typed.words.first().is_some_and(is_word) {
        return Vec::new();
    }
    let near: Vec<&str> = selected
        .iter()
        .filter_map(|target| match target {
            Target::Container(host, id) => fleet.container(host, id)?.app.as_deref(),
            Target::Host(_) | Target::Resource(..) | Target::Operation(_) => None,
        })
        .collect();
    let mut all = super::app::apps(fleet);
    all.sort_by_key(|app| !near.contains(&&*app.key.name));
    let mut offers: Vec<Completion> = Vec::new();
    for app in &all {
        let name = &*app.key.name;
        match offers.iter_mut().find(|offer| offer.text == name) {
            // The same app in several environments.
            Some(offer) => offer.about = format!("{}, {}", offer.about, app.key.environment),
            None => offers.push(Completion {
                text: name.to_owned(),
                about: app.key.environment.to_string(),
                line: format!("{} ", typed.with(name)),
            }),
        }
    }
    ranked(&typed.partial, offers)
}

/// Where an app can be deployed to: environments, groups, hosts.
fn groups_and_hosts(fleet: &Fleet) -> Vec<(String, String)> {
    let environments = fleet.environment_names();
    let mut all: Vec<(String, String)> = environments
        .iter()
        .map(|name| (format!("env:{name}"), "all its hosts".to_owned()))
        .collect();
    let groups = fleet.hosts().iter().flat_map(|host| &host.spec.groups);
    let mut groups: Vec<String> = groups.map(|group| format!("group:{group}")).collect();
    groups.sort();
    groups.dedup();
    all.extend(
        groups
            .into_iter()
            .map(|group| (group, "all its hosts".to_owned())),
    );
    all.extend(hosts(fleet, ""));
    all
}

/// What the sentence accepts with the options typed so far; `--force` removes what runs, too.
fn accepted(entry: &Entry, typed: &Typed) -> Accepts {
    let said = typed.words.iter().map(String::as_str);
    let line = join(entry.words.split(' ').chain(said));
    Sentence::parse(&line).map_or(entry.accepts, |sentence| sentence.accepts())
}

fn containers(fleet: &Fleet, accepts: &Accepts) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fleet
        .containers()
        .filter_map(|(host, container)| {
            let target = Target::Container(host.name().clone(), container.id.clone());
            accepts.takes(fleet, &target).then(|| {
                let about = format!("{} · {}", container.state.word(), container.image);
                (format!("{}@{}", container.name, host.name()), about)
            })
        })
        .collect();
    found.sort_by(|(a, _), (b, _)| column::natural(a, b));
    found
}

fn hosts(fleet: &Fleet, mark: &str) -> Vec<(String, String)> {
    fleet
        .hosts()
        .iter()
        .map(|host| {
            let about = match host.environment() {
                "" => host.link.word().to_owned(),
                environment => format!("{} · {environment}", host.link.word()),
            };
            (format!("{mark}{}", host.name()), about)
        })
        .collect()
}
