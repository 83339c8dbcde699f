//! `wharf.toml`, read into values: what each section holds, and what is wrong with it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use toml_edit::{Item, Value};

use super::{
    Backups, Logs, Notice, Refresh, Signs, Ssh, access, admission,
    backup::{backup_job, vault},
    balancer, catalog, discovery, document,
    endpoint::{endpoint, ssh},
    jenkins, notify, scaling,
};
use crate::{
    logs::Masks,
    model::{
        BalancerSpec, DatabasePlace, DatabaseUrl, DiscoverySpec, EnvironmentSpec, Grant, HostName,
        HostSpec, RegistrySpec, SiteRange,
        app::{CatalogSource, Rule},
        jenkins::JenkinsSpec,
        notify::Channel,
        pipeline::PipelineSource,
        scaling::Scaling,
        setting::{Key, written_length},
    },
};

/// The largest file that is read, in bytes: some ten thousand hosts.
const LARGEST: usize = 4 << 20;
/// What a line to a terminal may carry, in bits a second.
const BAUD: std::ops::Range<i64> = 300..4_000_001;

/// What `wharf.toml` says. Absent parts have their defaults.
#[derive(Debug, Default)]
pub(super) struct File {
    /// The hosts written out, each with its line.
    pub(super) hosts: Vec<(HostSpec, Option<usize>)>,
    /// Where more hosts come from.
    pub(super) imports: Vec<Import>,
    /// Some host or import was written, even if it could not be read.
    pub(super) names_hosts: bool,
    pub(super) environments: Vec<EnvironmentSpec>,
    pub(super) site_ranges: Vec<SiteRange>,
    pub(super) registries: Vec<RegistrySpec>,
    pub(super) balancers: Vec<BalancerSpec>,
    pub(super) jenkins: Vec<JenkinsSpec>,
    pub(super) discoveries: Vec<DiscoverySpec>,
    pub(super) scalings: Vec<Scaling>,
    pub(super) channels: Vec<Channel>,
    pub(super) catalogs: Vec<CatalogSource>,
    /// The public keys that may have signed bundles.
    pub(super) trusted: Vec<Arc<str>>,
    pub(super) pipelines: PipelinesSection,
    pub(super) read_only: bool,
    /// The roles that people have; none when none was ever written.
    pub(super) grants: Option<Vec<Grant>>,
    pub(super) keymap: Option<String>,
    pub(super) theme: Option<String>,
    pub(super) start: Option<String>,
    pub(super) mouse: bool,
    pub(super) glyphs: Option<Signs>,
    pub(super) baud: Option<u32>,
    pub(super) columns: BTreeMap<String, Vec<String>>,
    pub(super) refresh: Refresh,
    /// The settings that it tells, each as it is written and with its line.
    pub(super) settings: BTreeMap<Key, (String, usize)>,
    pub(super) ssh: Ssh,
    pub(super) database: Option<DatabasePlace>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) spill: Option<PathBuf>,
    pub(super) backups: Backups,
    pub(super) logs: Logs,
    pub(super) log: LogSection,
    pub(super) notices: Vec<Notice>,
}

/// `[pipelines]`.
#[derive(Debug, Default)]
pub(super) struct PipelinesSection {
    pub(super) directory: Option<PathBuf>,
    /// How many runs a worker carries out at once.
    pub(super) at_once: Option<usize>,
    /// How many have their containers on one host.
    pub(super) per_host: Option<usize>,
    /// Whether consoles carry runs out.
    pub(super) console: Option<bool>,
    /// The repositories that keep pipelines.
    pub(super) repositories: Vec<PipelineSource>,
}

/// `[log]`: the program's own log.
#[derive(Debug, Default)]
pub(super) struct LogSection {
    pub(super) file: Option<PathBuf>,
    pub(super) level: Option<String>,
    /// Bytes.
    pub(super) max_size: Option<u64>,
}

/// One `import`: hosts by glob over `ssh_config` or docker's contexts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Import {
    /// `ssh:GLOB` and `context:GLOB`.
    pub(super) from: Vec<String>,
    /// Globs of names that are left out.
    pub(super) except: Vec<String>,
    pub(super) environment: Option<Arc<str>>,
    pub(super) groups: Vec<Arc<str>>,
    pub(super) read_only: bool,
    /// The engine's socket on these hosts.
    pub(super) socket: Option<String>,
    pub(super) line: Option<usize>,
}

/// Makes paths of the file absolute: `~/` is the home, others are relative to the file.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    home: &'a Path,
    directory: &'a Path,
}

impl Base<'_> {
    /// A path as it is written in the file.
    pub(super) fn path(self, text: &str) -> PathBuf {
        match text.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => self.directory.join(text),
        }
    }
}

type Section<'t, 's> = document::Section<'t, 's>;

/// How many deploys go on in an environment at once. Of a number that is none one is left.
fn deploys(section: &mut Section<'_, '_>) -> Option<u32> {
    let is_there = section.item("deploys").is_some() || section.slip("deploys").is_some();
    let read = section.number("deploys", 1..1001);
    let read = read.and_then(|number| u32::try_from(number).ok());
    read.or(is_there.then_some(1))
}

/// What an environment denies. What is no rule denies everything: a mistake must not open what was meant to be closed.
fn denied(section: &mut Section<'_, '_>) -> Vec<Rule> {
    const UNTIL: &str = "until then everything that there is a rule for is denied";
    let texts = section.texts("deny");
    let mut rules = Vec::new();
    let mut slip = false;
    for text in &texts {
        match text.parse() {
            Ok(rule) => rules.push(rule),
            Err(why) => {
                section.complain_of("deny", "has no such rule", format!("{why}; {UNTIL}"));
                slip = true;
            }
        }
    }
    if slip {
        rules = Rule::ALL.map(|(_, rule)| rule).to_vec();
    }
    rules
}

impl File {
    /// Reads the bytes of a file at `path`. Never fails. What cannot be read of the policies makes
    /// everything read-only: a mistake must not open what was meant to be closed.
    pub(super) fn read(path: &Path, bytes: &[u8], home: &Path) -> Self {
        let place = path.display().to_string();
        if bytes.len() > LARGEST {
            return Self::unreadable(&place, format!("it is larger than {LARGEST} bytes"));
        }
        let text = String::from_utf8_lossy(bytes);
        let (document, mut source) = document::parse(&place, &text);
        if let Err(error) = std::str::from_utf8(bytes) {
            let at = error.valid_up_to();
            source.notice(Some(at..at), "it is not UTF-8", "save it as UTF-8");
        }
        let base = Base {
            home,
            directory: path.parent().unwrap_or(home),
        };
        let mut file = Self::default();
        let mut root = Section::new(document.as_table(), None, "", &mut source);
        file.root(&mut root, base);
        root.end();
        file.count_lost(&mut source);
        file.notices.append(&mut source.notices);
        file.notices.sort();
        file
    }

    /// A file that is there and tells nothing.
    pub(super) fn unreadable(place: &str, what: String) -> Self {
        let mut file = Self {
            read_only: true,
            notices: vec![Notice {
                place: place.to_owned(),
                line: None,
                what,
                remedy:
                    "until it is mended everything is read-only and lines of logs are masked, for its policies are not known"
                        .to_owned(),
            }],
            ..Self::default()
        };
        file.logs.masks.add_all();
        file
    }

    /// Draws the consequences of parts that could not be read.
    fn count_lost(&mut self, source: &mut document::Source) {
        for header in source.lost.clone() {
            match header.trim_matches(['[', ']', ' ']) {
                "host" | "import" => self.names_hosts = true,
                "logs" => {
                    self.logs.masks.add_all();
                    source.notice(None, "what [logs] masks is not known", ALL_MASKED);
                }
                "autoscale" | "backup" | "backups" | "balancer" | "bundle" | "catalog"
                | "discovery" | "jenkins" | "notify" | "pipelines" | "registry" | "site_range"
                | "ui" | "ui.columns" | "refresh" | "log" | "ssh" | "store" => {}
                _ => {
                    self.names_hosts = true;
                    self.read_only = true;
                }
            }
        }
    }

    fn root(&mut self, root: &mut Section<'_, '_>, base: Base<'_>) {
        self.read_only = root.strict("read_only");
        self.read_only |= !is_list_of_tables(root.item("environment"));
        root.tables("environment", |section| self.environment(section));
        root.tables("host", |section| {
            self.names_hosts = true;
            self.host(section, base);
        });
        self.imports(root);
        // `[[enviroment]]`: nobody knows what it was to close.
        self.read_only |= root.slip("environment").is_some();
        access::read(root, &mut self.grants);
        root.tables("site_range", |section| self.site_range(section));
        root.tables("registry", |section| self.registry(section, base));
        root.tables("balancer", |section| {
            balancer::read(section, &mut self.balancers);
        });
        root.tables("jenkins", |section| {
            jenkins::read(section, |text| base.path(text), &mut self.jenkins);
        });
        root.tables("discovery", |section| {
            discovery::read(section, |text| base.path(text), &mut self.discoveries);
        });
        root.tables("autoscale", |section| {
            scaling::read(section, &mut self.scalings);
        });
        root.tables("notify", |section| {
            notify::read(section, &|text| base.path(text), &mut self.channels);
        });
        root.tables("catalog", |section| {
            self.catalogs.extend(catalog::read(section, base));
        });
        root.table("ui", |section| self.ui(section));
        root.table("refresh", |section| self.refresh(section));
        root.table("ssh", |section| ssh(&mut self.ssh, section, base));
        root.table("store", |section| self.store(section, base));
        root.table("backups", |section| {
            if let Some(vault) = vault(section, base) {
                self.backups.directory = vault;
            }
        });
        root.table("pipelines", |section| {
            let count = |number: Option<i64>| number.and_then(|number| usize::try_from(number).ok());
            let of = &mut self.pipelines;
            of.directory = section.text("directory").map(|path| base.path(&path));
            of.at_once = count(section.number("at_once", 1..65));
            of.per_host = count(section.number("per_host", 1..65));
            of.console = section.flag("console");
            section.tables("repository", |section| {
                let url = section.text("url");
                let branch = section.text("branch").unwrap_or_else(|| "main".to_owned());
                let path = section.text("path").unwrap_or_else(|| ".wharf".to_owned());
                match url {
                    Some(url) => of.repositories.push(PipelineSource { url, branch, path }),
                    None => section.complain(
                        "has no url",
                        "write url = \"ssh://git@git.example.org/shop.git\"; until then it is not looked at",
                    ),
                }
            });
        });
        root.table("bundle", |section| {
            let keys = section.texts("trust");
            self.trusted.extend(keys.into_iter().map(Arc::from));
        });
        root.tables("backup", |section| {
            let job = backup_job(section, base);
            self.backups.jobs.extend(job);
        });
        root.table("logs", |section| logs(&mut self.logs, section));
        root.table("log", |section| {
            self.log.file = section.text("file").map(|text| base.path(&text));
            self.log.level = section.text("level");
            let size = section.number("max_size_mb", 1..1025);
            self.log.max_size = size.map(|size| size.unsigned_abs() << 20);
        });
        // `[Logs]`: what was to be masked must not be shown because of it.
        let holds_rules = |item: &Item| item.get("mask").is_some();
        if root.slip("logs").is_some_and(holds_rules) {
            self.logs.masks.add_all();
            root.complain_of("logs", "is not there, but a table like it", ALL_MASKED);
        }
    }

    fn environment(&mut self, section: &mut Section<'_, '_>) {
        let Some(name) = section.text("name") else {
            section.complain(
                "has no name",
                "write name = \"prod\"; until then everything is read-only",
            );
            self.read_only = true;
            section.item("guarded");
            section.item("read_only");
            section.item("deny");
            section.item("tags");
            section.item("worker_only");
            section.item("deploys");
            admission::read(section);
            return;
        };
        section.rename(format!("[[environment]] {name}"));
        let (admission, is_unsure) = admission::read(section);
        let spec = EnvironmentSpec {
            name: Arc::from(name.as_str()),
            guarded: section.strict("guarded"),
            read_only: section.strict("read_only") || is_unsure,
            deny: denied(section),
            worker_only: section.strict("worker_only"),
            deploys: deploys(section),
            tags: section.texts("tags").into_iter().map(Arc::from).collect(),
            admission,
        };
        if let Some(first) = self
            .environments
            .iter_mut()
            .find(|first| first.name == spec.name)
        {
            section.complain("is there twice", "the stricter of both counts; remove one");
            first.guarded |= spec.guarded;
            first.read_only |= spec.read_only;
            first.deny.extend(spec.deny);
            first.tags.extend(spec.tags);
            first.worker_only |= spec.worker_only;
            first.deploys = match (first.deploys, spec.deploys) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            let both = &mut first.admission;
            both.freezes.extend(spec.admission.freezes);
            both.gates.extend(spec.admission.gates);
            both.approvals = both.approvals.max(spec.admission.approvals);
            both.lasts = both.lasts.min(spec.admission.lasts);
        } else {
            self.environments.push(spec);
        }
    }

    /// `[[site_range]]`: addresses that the site has.
    fn site_range(&mut self, section: &mut Section<'_, '_>) {
        const UNTIL: &str = "until then it does not count";
        let deal = section.flag("deal").unwrap_or(false);
        let (name, cidr) = (section.text("name"), section.text("cidr"));
        if let Some(name) = &name {
            section.rename(format!("[[site_range]] {name}"));
        }
        let (Some(name), Some(cidr)) = (name, cidr) else {
            let remedy = format!("write name = \"office\" and cidr = \"10.0.0.0/16\"; {UNTIL}");
            return section.complain("needs a name and a cidr", remedy);
        };
        match cidr.parse() {
            Err(error) => section.complain_of("cidr", "is no range", format!("{error}; {UNTIL}")),
            Ok(_) if self.site_ranges.iter().any(|one| *one.name == *name) => {
                section.complain(
                    "is there twice",
                    "give it another name; only the first counts",
                );
            }
            Ok(cidr) => self.site_ranges.push(SiteRange {
                name: Arc::from(name),
                cidr,
                deal,
            }),
        }
    }

    /// `[[registry]]`: how an image registry is reached.
    fn registry(&mut self, section: &mut Section<'_, '_>, base: Base<'_>) {
        let spec = RegistrySpec {
            host: section.text("host").unwrap_or_default().into(),
            ca: section.text("ca").map(|text| base.path(&text)),
            plain: section.flag("plain_http").unwrap_or(false),
            skip_verify: section.flag("skip_verify").unwrap_or(false),
        };
        if spec.host.is_empty() || spec.host.contains('/') {
            let remedy = "write host = \"registry.example.org:5000\"; until then it does not count";
            return section.complain("needs a host, with a port if it has one", remedy);
        }
        section.rename(format!("[[registry]] {}", spec.host));
        if self.registries.iter().any(|one| one.host == spec.host) {
            section.complain("is there twice", "remove one; only the first counts");
        } else {
            self.registries.push(spec);
        }
    }

    fn host(&mut self, section: &mut Section<'_, '_>, base: Base<'_>) {
        let line = section.line();
        let name = section.text("name");
        if let Some(name) = &name {
            section.rename(format!("[[host]] {name}"));
        }
        let (environment, is_unsure) = environment_name(section);
        let groups = groups(section);
        let read_only = section.strict("read_only") || is_unsure;
        let address = section.text("address").and_then(|text| {
            let read = text.parse();
            if read.is_err() {
                let what = format!("'{text}' is no IP address");
                section.complain_of("address", &what, "write an address such as 10.0.0.7");
            }
            read.ok()
        });
        let endpoint = endpoint(section, name.as_deref(), base);
        let Some(endpoint) = endpoint else { return };
        let name = name.unwrap_or_else(|| endpoint.usual_name());
        if let Err(error) = HostName::check(&name) {
            section.complain_of(
                "name",
                &error,
                "write another name; until then the host does not count",
            );
            return;
        }
        let mut spec = HostSpec::new(&name, endpoint, "wharf.toml");
        spec.environment = environment;
        spec.groups = groups;
        spec.read_only = read_only;
        spec.address = address;
        let first = self.hosts.iter().find(|(first, _)| first.name == spec.name);
        if let Some((_, first)) = first {
            let first = first.map_or_else(String::new, |line| format!(", first on line {line}"));
            section.complain(
                &format!("is there twice{first}"),
                "give it another name; until then only the first counts",
            );
            return;
        }
        self.hosts.push((spec, line));
    }

    /// `import = ["ssh:web-*"]` or `[[import]] from = …`.
    fn imports(&mut self, root: &mut Section<'_, '_>) {
        let is_list_of_texts = root
            .item("import")
            .and_then(|item| item.as_array().map(|array| array.iter().all(Value::is_str)))
            .unwrap_or_else(|| root.item("import").is_some_and(Item::is_str));
        if is_list_of_texts {
            self.names_hosts = true;
            let line = root.line_of("import");
            let from = root.texts("import");
            self.imports.push(Import {
                from,
                line,
                ..Import::default()
            });
            return;
        }
        root.tables("import", |section| {
            self.names_hosts = true;
            let (environment, is_unsure) = environment_name(section);
            let import = Import {
                line: section.line(),
                from: section.texts("from"),
                except: section.texts("except"),
                environment,
                groups: groups(section),
                read_only: section.strict("read_only") || is_unsure,
                socket: section.text("socket"),
            };
            if import.from.is_empty() {
                section.complain(
                    "says not from where",
                    "write from = \"ssh:web-*\" or \"context:*\"",
                );
            }
            self.imports.push(import);
        });
    }

    fn store(&mut self, section: &mut Section<'_, '_>, base: Base<'_>) {
        self.password_file = section
            .text("database_password_file")
            .map(|text| base.path(&text));
        if let Some(text) = section.text("database") {
            let place = database_place(&text, |text| base.path(text));
            if let DatabasePlace::Unusable { why } = &place {
                let what = format!("cannot be used: {why}");
                section.complain_of("database", &what, UNUSABLE);
            }
            self.database = Some(place);
        }
        if let Some(path) = self.password_file.as_ref().filter(|path| !path.is_file()) {
            let remedy = format!("make {} or remove the key", path.display());
            section.complain_of("database_password_file", "names no file", remedy);
        }
        self.spill = section.text("spill").map(|text| base.path(&text));
    }

    fn ui(&mut self, section: &mut Section<'_, '_>) {
        self.keymap = section.text("keymap");
        self.theme = section.text("theme");
        self.start = section.text("start");
        let mouse = section.flag("mouse");
        self.mouse = mouse.unwrap_or(false);
        self.glyphs = glyphs(section);
        let baud = section.number("baud", BAUD);
        self.baud = baud.and_then(|baud| u32::try_from(baud).ok());
        for (key, value) in [
            (Key::Keymap, self.keymap.clone()),
            (Key::Theme, self.theme.clone()),
            (Key::Start, self.start.clone()),
            (Key::Mouse, mouse.map(|mouse| mouse.to_string())),
        ] {
            self.tell(key, value, section.line_of(key.name()));
        }
        section.table("columns", |columns| {
            for pane in columns.own_keys() {
                if let Some(names) = columns.own_texts(&pane) {
                    match Key::columns_of(&pane) {
                        Some(key) => self.tell(key, Some(names.join(",")), columns.line_of(&pane)),
                        None => columns.complain_of(
                            &pane,
                            "is no pane with columns",
                            "there are hosts, containers and operations",
                        ),
                    }
                    self.columns.insert(pane, names);
                }
            }
        });
    }

    fn refresh(&mut self, section: &mut Section<'_, '_>) {
        let Refresh {
            resync,
            resources,
            load,
        } = &mut self.refresh;
        let mut told = Vec::new();
        for (name, key, value) in [
            ("resync", Key::Resync, resync),
            ("resources", Key::Resources, resources),
            ("load", Key::Load, load),
        ] {
            let Some(duration) = section.duration(name) else {
                continue;
            };
            if duration < Refresh::SHORTEST {
                section.complain_of(name, "is shorter than a second", "write 1s or more");
                continue;
            }
            *value = duration;
            told.push((key, written_length(duration), section.line_of(name)));
        }
        for (key, value, line) in told {
            self.tell(key, Some(value), line);
        }
    }

    fn tell(&mut self, key: Key, value: Option<String>, line: Option<usize>) {
        if let (Some(value), Some(line)) = (value, line) {
            self.settings.insert(key, (value, line));
        }
    }
}

/// What follows from a database that cannot be used.
pub(super) const UNUSABLE: &str = "until it is mended acts wait in the spill";

/// The place that a text names: a URL, or a file.
pub(super) fn database_place(text: &str, path: impl Fn(&str) -> PathBuf) -> DatabasePlace {
    if !DatabaseUrl::is_meant_by(text) {
        return DatabasePlace::File(path(text));
    }
    match DatabaseUrl::parse(text) {
        Ok(url) => DatabasePlace::Server {
            url,
            password_file: None,
        },
        Err(why) => DatabasePlace::Unusable { why },
    }
}

/// The signs to draw with; none where the terminal is to decide.
fn glyphs(section: &mut Section<'_, '_>) -> Option<Signs> {
    match section.text("glyphs")?.as_str() {
        "auto" => None,
        "unicode" => Some(Signs::Unicode),
        "console" => Some(Signs::Console),
        "ascii" => Some(Signs::Ascii),
        other => {
            let what = format!("cannot be '{other}'");
            section.complain_of("glyphs", &what, "write auto, unicode, console or ascii");
            None
        }
    }
}

/// Whether all of it will be read as tables; what is not there is.
pub(super) fn is_list_of_tables(item: Option<&Item>) -> bool {
    match item {
        None | Some(Item::None | Item::Table(_) | Item::ArrayOfTables(_)) => true,
        Some(Item::Value(value)) => value
            .as_array()
            .is_some_and(|array| array.iter().all(Value::is_inline_table)),
    }
}

/// Rules that cannot be read must not show what they were to mask: others that mask more stand in for them.
fn logs(logs: &mut Logs, section: &mut Section<'_, '_>) {
    if let Some(memory) = section.size("memory", Logs::MEMORY) {
        logs.memory = usize::try_from(memory).unwrap_or(logs.memory);
    }
    let values = section.values("mask");
    let common = section.flag("mask_common").unwrap_or(true);
    logs.masks = Masks::new(common);
    let is_slip = section.slip("mask").is_some();
    if values.is_none() || is_slip {
        let what = if is_slip {
            "is not there, but a key like it"
        } else {
            "is no list of texts"
        };
        logs.masks.add_all();
        section.complain_of("mask", what, ALL_MASKED);
    }
    for (text, place) in values.unwrap_or_default() {
        let Some(text) = text else {
            logs.masks.add_all();
            section.complain_at(place, "mask holds what is no text", ALL_MASKED);
            continue;
        };
        if let Err(error) = logs.masks.add(text) {
            let remedy = if error.masks_all {
                ALL_MASKED
            } else {
                "mend it; until then lines are masked from where its beginning matches"
            };
            section.complain_at(place, &format!("mask {error}"), remedy);
        }
    }
}

/// What follows from rules of which nothing is known.
const ALL_MASKED: &str = "mend it; until then all lines of logs are masked";

/// The environment that a section names, and whether it meant to name one but did not: then its
/// policy is not known.
pub(super) fn environment_name(section: &mut Section<'_, '_>) -> (Option<Arc<str>>, bool) {
    let name = section.text("environment").filter(|name| !name.is_empty());
    let is_there = section.item("environment").is_some();
    let is_unsure = name.is_none() && (is_there || section.slip("environment").is_some());
    (name.map(Arc::from), is_unsure)
}

fn groups(section: &mut Section<'_, '_>) -> Vec<Arc<str>> {
    section.texts("groups").into_iter().map(Arc::from).collect()
}
