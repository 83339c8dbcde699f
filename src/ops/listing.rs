//! The kinds of rows that can be listed, and how a filter of them that is being typed can go on.

use std::collections::BTreeMap;

use super::{
    column::{
        AppRow, Apps, BuildRow, Builds, ContainerRow, Containers, HostRow, Hosts, ImageRow, Images,
        NetworkRow, Networks, OperationRow, Operations, PipelineRow, Pipelines, Rows, RunRow, Runs,
        SettingRow, SettingRows, SubnetRow, Subnets, TemplateRow, Templates, VolumeRow, Volumes,
        natural,
    },
    complete::{Completion, ranked},
    filter::Row,
    subnet::Survey,
};
use crate::model::{Fleet, Host};

/// A kind of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listing {
    /// Apps.
    Apps,
    /// Containers.
    Containers,
    /// Hosts.
    Hosts,
    /// The log of acts.
    Operations,
    /// Pipelines with their last runs.
    Pipelines,
    /// Runs of pipelines.
    Runs,
    /// Images that were built.
    Builds,
    /// Images.
    Images,
    /// Networks.
    Networks,
    /// Subnets.
    Subnets,
    /// Volumes.
    Volumes,
    /// Templates of all catalogs.
    Templates,
    /// The settings of this console.
    Settings,
}

/// A value of a key, and how many rows have it.
type Values = BTreeMap<String, usize>;

impl Listing {
    const ALL: [Self; 13] = [
        Self::Apps,
        Self::Containers,
        Self::Hosts,
        Self::Operations,
        Self::Pipelines,
        Self::Runs,
        Self::Builds,
        Self::Images,
        Self::Networks,
        Self::Subnets,
        Self::Volumes,
        Self::Templates,
        Self::Settings,
    ];

    /// The rows that are called so: `containers`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The rows that a sentence of these words lists.
    pub(super) fn of_words(words: &str) -> Option<Self> {
        Some(match words {
            "app list" => Self::Apps,
            "container list" => Self::Containers,
            "host list" => Self::Hosts,
            "audit list" => Self::Operations,
            "image list" => Self::Images,
            "image builds" => Self::Builds,
            "network list" => Self::Networks,
            "subnet list" => Self::Subnets,
            "volume list" => Self::Volumes,
            "template list" => Self::Templates,
            "setting list" => Self::Settings,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Apps => Apps::NAME,
            Self::Containers => Containers::NAME,
            Self::Hosts => Hosts::NAME,
            Self::Operations => Operations::NAME,
            Self::Pipelines => Pipelines::NAME,
            Self::Runs => Runs::NAME,
            Self::Builds => Builds::NAME,
            Self::Images => Images::NAME,
            Self::Networks => Networks::NAME,
            Self::Subnets => Subnets::NAME,
            Self::Volumes => Volumes::NAME,
            Self::Templates => Templates::NAME,
            Self::Settings => SettingRows::NAME,
        }
    }

    /// The names of their columns, each with what it shows.
    pub fn columns(self) -> Vec<(String, String)> {
        let named = |(name, about): (&str, &str)| (name.to_owned(), about.to_owned());
        self.described().into_iter().map(named).collect()
    }

    /// The names of their columns as they are declared, each with what it shows.
    pub fn described(self) -> Vec<(&'static str, &'static str)> {
        let all = self.declared().into_iter();
        all.map(|(name, about, _)| (name, about)).collect()
    }

    /// The names of the columns that are shown when nobody has chosen.
    pub fn shown_by_default(self) -> Vec<&'static str> {
        let all = self.declared().into_iter();
        all.filter_map(|(name, _, shown)| shown.then_some(name))
            .collect()
    }

    /// Their columns: name, what it shows, and whether it is shown when nobody has chosen.
    fn declared(self) -> Vec<(&'static str, &'static str, bool)> {
        fn of<K: Rows>() -> Vec<(&'static str, &'static str, bool)> {
            let columns = K::columns().iter();
            columns
                .map(|column| (column.name, column.about, column.shown))
                .collect()
        }
        match self {
            Self::Apps => of::<Apps>(),
            Self::Containers => of::<Containers>(),
            Self::Hosts => of::<Hosts>(),
            Self::Operations => of::<Operations>(),
            Self::Pipelines => of::<Pipelines>(),
            Self::Runs => of::<Runs>(),
            Self::Builds => of::<Builds>(),
            Self::Images => of::<Images>(),
            Self::Networks => of::<Networks>(),
            Self::Subnets => of::<Subnets>(),
            Self::Volumes => of::<Volumes>(),
            Self::Templates => of::<Templates>(),
            Self::Settings => of::<SettingRows>(),
        }
    }

    /// Keys with a text, keys with a number, and the words that a key is known to have.
    fn grammar(self) -> Grammar {
        match self {
            Self::Apps => Grammar::of::<AppRow<'_>>(),
            Self::Containers => Grammar::of::<ContainerRow<'_>>(),
            Self::Hosts => Grammar::of::<HostRow<'_>>(),
            Self::Operations => Grammar::of::<OperationRow<'_>>(),
            Self::Pipelines => Grammar::of::<PipelineRow<'_>>(),
            Self::Runs => Grammar::of::<RunRow<'_>>(),
            Self::Builds => Grammar::of::<BuildRow<'_>>(),
            Self::Images => Grammar::of::<ImageRow<'_>>(),
            Self::Networks => Grammar::of::<NetworkRow<'_>>(),
            Self::Subnets => Grammar::of::<SubnetRow<'_>>(),
            Self::Volumes => Grammar::of::<VolumeRow<'_>>(),
            Self::Templates => Grammar::of::<TemplateRow<'_>>(),
            Self::Settings => Grammar::of::<SettingRow<'_>>(),
        }
    }

    /// How a filter that is being typed can go on: with a key, or with a value that the rows have.
    pub fn complete(self, text: &str, fleet: &Fleet) -> Vec<Completion> {
        let start = text.rfind(char::is_whitespace).map_or(0, |at| {
            at + text[at..].chars().next().map_or(1, char::len_utf8)
        });
        let (before, term) = text.split_at(start);
        let mut offers = self.complete_term(term, fleet);
        for offer in &mut offers {
            offer.line = format!("{before}{}", offer.line);
        }
        offers
    }

    /// How one term goes on; the line of an offer is the term.
    pub(super) fn complete_term(self, term: &str, fleet: &Fleet) -> Vec<Completion> {
        let body = term.trim_start_matches('!');
        let signs = &term[..term.len() - body.len()];
        if body.starts_with(['"', '/']) {
            return Vec::new();
        }
        let grammar = self.grammar();
        let offers = match body.split_once(':') {
            None => grammar.keys_like(body),
            Some((key, value)) if grammar.texts.contains(&key) => {
                self.values_like(&grammar, key, value, fleet)
            }
            Some(_) => Vec::new(),
        };
        let mut offers: Vec<Completion> = offers
            .into_iter()
            .filter(|offer| offer.line != body)
            .collect();
        for offer in &mut offers {
            offer.line = format!("{signs}{}", offer.line);
        }
        offers
    }

    fn values_like(
        self,
        grammar: &Grammar,
        key: &str,
        typed: &str,
        fleet: &Fleet,
    ) -> Vec<Completion> {
        let mut values = self.values(key, fleet);
        for word in (grammar.words)(key) {
            values.entry((*word).to_owned()).or_default();
        }
        for name in of_fleet(key, fleet) {
            values.entry(name).or_default();
        }
        let mut values: Vec<(String, usize)> = values.into_iter().collect();
        values.sort_by(|(a, _), (b, _)| natural(a, b));
        let offers = values.into_iter().map(|(value, count)| Completion {
            about: self.counted(count),
            // A blank would end the term; the wildcard stands for it.
            line: format!("{key}:{}", value.replace(char::is_whitespace, "?")),
            text: value,
        });
        ranked(typed, offers.collect())
    }

    /// `3 containers`.
    fn counted(self, count: usize) -> String {
        let name = self.name();
        match count {
            0 => format!("no {name} now"),
            1 => format!("1 {}", name.trim_end_matches('s')),
            count => format!("{count} {name}"),
        }
    }

    /// The values that rows have of a key.
    fn values(self, key: &str, fleet: &Fleet) -> Values {
        fn of<R: Row>(key: &str, rows: impl Iterator<Item = R>) -> Values {
            let mut values = Values::new();
            for row in rows {
                let value = row.value(key).unwrap_or_default();
                for one in value
                    .split(',')
                    .map(str::trim)
                    .filter(|one| !one.is_empty())
                {
                    *values.entry(one.to_owned()).or_default() += 1;
                }
            }
            values
        }
        let hosts = fleet.hosts();
        match self {
            Self::Containers => {
                let all = fleet.containers();
                of(
                    key,
                    all.map(|(host, container)| ContainerRow { host, container }),
                )
            }
            Self::Hosts => of(key, hosts.iter().map(HostRow::new)),
            Self::Operations => {
                let all = fleet.operations();
                of(key, all.map(|operation| OperationRow { operation }))
            }
            Self::Apps => {
                let all = super::app::apps(fleet);
                of(key, all.iter().map(|app| AppRow::App(app, false)))
            }
            Self::Pipelines => of(key, PipelineRow::all(&fleet.pipelines)),
            Self::Runs => {
                let runs = fleet.pipelines.runs().iter();
                of(key, runs.map(|held| RunRow { held }))
            }
            Self::Builds => {
                let builds = fleet.pipelines.builds().iter();
                of(key, builds.map(|build| BuildRow { build }))
            }
            Self::Images => {
                let rows = each(hosts, |host| host.images.as_deref());
                of(key, rows.map(|(host, image)| ImageRow { host, image }))
            }
            Self::Networks => {
                let rows = each(hosts, |host| host.networks.as_deref());
                of(
                    key,
                    rows.map(|(host, network)| NetworkRow { host, network }),
                )
            }
            Self::Subnets => {
                let survey = Survey::of(fleet);
                of(key, survey.all(fleet).flat_map(SubnetRow::of))
            }
            Self::Volumes => {
                let rows = each(hosts, |host| host.volumes.as_deref());
                of(key, rows.map(|(host, volume)| VolumeRow::new(host, volume)))
            }
            Self::Templates => {
                let all = fleet.all_templates().iter();
                of(key, all.map(|template| TemplateRow { template }))
            }
            Self::Settings => {
                let all = fleet.settings.iter();
                of(key, all.map(|setting| SettingRow { setting }))
            }
        }
    }
}

/// What filters of a kind of rows are made of.
struct Grammar {
    texts: &'static [&'static str],
    figures: &'static [&'static str],
    words: fn(&str) -> &'static [&'static str],
}

impl Grammar {
    fn of<R: Row>() -> Self {
        Self {
            texts: R::keys(),
            figures: R::figures(),
            words: R::words,
        }
    }

    /// Keys that begin so, with what comes after them.
    fn keys_like(&self, typed: &str) -> Vec<Completion> {
        let texts = self
            .texts
            .iter()
            .map(|key| (format!("{key}:"), "has this value"));
        let figures = self
            .figures
            .iter()
            .map(|key| (format!("{key}>"), "is above this number"));
        texts
            .chain(figures)
            .filter(|(key, _)| key.starts_with(typed))
            .map(|(key, about)| Completion {
                line: key.clone(),
                about: about.to_owned(),
                text: key,
            })
            .collect()
    }
}

/// The things of all hosts, each with its host.
fn each<'f, T: 'f>(
    hosts: &'f [Host],
    of: impl Fn(&'f Host) -> Option<&'f [T]>,
) -> impl Iterator<Item = (&'f Host, &'f T)> {
    hosts.iter().flat_map(move |host| {
        of(host)
            .unwrap_or_default()
            .iter()
            .map(move |one| (host, one))
    })
}

/// Names that the fleet has whether or not a row has them.
fn of_fleet(key: &str, fleet: &Fleet) -> Vec<String> {
    match key {
        "env" | "environment" => {
            let names = fleet.environment_names();
            names.iter().map(ToString::to_string).collect()
        }
        "group" => {
            let groups = fleet.hosts().iter().flat_map(|host| &host.spec.groups);
            groups.map(ToString::to_string).collect()
        }
        "host" => {
            let hosts = fleet.hosts().iter();
            hosts.map(|host| host.name().to_string()).collect()
        }
        _ => Vec::new(),
    }
}
