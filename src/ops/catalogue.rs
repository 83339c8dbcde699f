//! The catalogue: every sentence there is, read off the grammar, for palette, help and README.

use std::{collections::BTreeMap, sync::LazyLock};

use super::sentence::{Accepts, Danger, Role, Sentence};

/// One kind of sentence.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The words that name it: `container restart`.
    pub words: &'static str,
    /// What it does, in one line.
    pub about: String,
    /// How it is said: `container restart [OPTIONS] [TARGET]...`.
    pub usage: String,
    /// One that could be said.
    pub example: &'static str,
    /// How bad it can be.
    pub danger: Danger,
    /// How bad it is at the least: copying out of a container only reads.
    pub least: Danger,
    /// What has to be done with it.
    pub role: Role,
    /// Which selection it takes.
    pub accepts: Accepts,
}

/// An example of each kind of sentence; a test compares them with the grammar.
const EXAMPLES: &[&str] = &[
    "host list env:prod",
    "host show @ams-1",
    "host add ams-1 ssh://ams-1 --environment prod --group edge",
    "host edit ams-1 --environment stage",
    "host remove @ams-1",
    "host import cmdb.csv --map name=ci_name,endpoint=ip --environment prod",
    "host export env:prod --format csv",
    "host reconnect @ams-1",
    "host login @ams-1",
    "host doctor @ams-1",
    "host install @ams-1 --add-to-group",
    "host drain @ams-1 --reason 'a new kernel'",
    "host drain @ams-1 --replicas stop",
    "host drain @ams-1 --to ams-3",
    "host activate @ams-1",
    "host upgrade @ams-1",
    "host prune @ams-1 --images --all",
    "container list is:broken env:prod",
    "container show web@ams-1",
    "container start web@ams-1",
    "container stop 'web-*@env:stage'",
    "container restart web@ams-1 --grace 0",
    "container pause web@ams-1",
    "container unpause web@ams-1",
    "container kill web@ams-1 --signal HUP",
    "container remove web@ams-1 --volumes",
    "container rename web@ams-1 web-old",
    "container exec web@ams-1 -- ls -l /srv",
    "container copy ./nginx.conf web@ams-1:/etc/nginx/",
    "container top web@ams-1",
    "container changes web@ams-1",
    "app list is:broken env:prod",
    "app show shop --env prod",
    "app deploy shop --template web-app --hosts env:dev",
    "app rollback shop --to r000041",
    "app scale shop web=5",
    "app releases shop",
    "app deploy shop --file shop.yaml --hosts ams-1 --swarm",
    "app deploys",
    "app bundle shop --to shop.bundle",
    "app install shop.bundle",
    "app continue shop",
    "app promote shop",
    "pipeline list",
    "pipeline run delivery --set IMAGE=shop/web",
    "pipeline runs delivery --open",
    "pipeline show 42",
    "pipeline logs 42 unit --follow",
    "pipeline cancel 42",
    "pipeline retry 42 --from unit",
    "pipeline approve 42 --reason 'seen on qa'",
    "pipeline reject 42",
    "pipeline check delivery.yaml",
    "app pause shop",
    "app abort shop",
    "app unlock shop --reason 'ann is on leave'",
    "app approve shop 1f2e3d4c5b6a --env prod",
    "app reject shop --reason 'not before monday'",
    "app autoscale",
    "app approvals",
    "image list is:unused size>500M",
    "image show nginx:1.25@ams-1",
    "image remove nginx:1.25@ams-1",
    "image tag app:1.2@ams-1 app:stable",
    "image pull nginx:1.25 --to env:dev",
    "image push registry.example.org/shop/api:1.2@ams-1",
    "image commit web@ams-1 web:as-found",
    "image builds image:shop is:failed --since 2d",
    "image build-log 42",
    "image build ./shop --on @ams-1 --tag shop:1.2",
    "image prune @ams-1 --all",
    "image copy app:1.2 --to env:prod --limit 10M",
    "image bundle app:1.2 nginx:1.25 --to release.tar",
    "image load release.tar --to @ams-1",
    "network list driver:overlay",
    "network show back@ams-1",
    "network create back --on @env:prod --subnet auto --in containers",
    "network connect back web@ams-1 --alias shop",
    "network disconnect back web@ams-1",
    "network remove back@ams-1",
    "network prune @ams-1",
    "network probe web@ams-1 db@ams-1:5432",
    "subnet list finding:overlap",
    "subnet free /24 --in containers",
    "subnet check",
    "volume list size>1G",
    "volume show data@ams-1",
    "volume create data@ams-1 --label tier=db",
    "volume remove data@ams-1",
    "volume prune @ams-1 --all",
    "volume browse data@ams-1:/logs",
    "volume backup data@ams-1 --keep 7",
    "volume backups 'data@*'",
    "volume verify data@ams-1",
    "volume restore data@ams-1 data-2@ams-1",
    "volume switch data data-2 web@ams-1",
    "registry list",
    "registry repositories registry.example.org --match 'shop/*'",
    "registry tags registry.example.org/shop/api",
    "registry show registry.example.org/shop/api:1.2",
    "registry delete registry.example.org/shop/api:1.2",
    "registry promote registry.example.org/shop/api:rt67 :prod",
    "balancer list",
    "balancer show edge shop_stable",
    "balancer check edge",
    "balancer render shop --servers 8 --port 80",
    "balancer ready edge shop_stable/s1",
    "balancer drain edge shop_stable/s1 --wait 30",
    "balancer maintenance edge shop_stable/s1",
    "balancer weight edge shop_stable/s1 50",
    "balancer share edge shop 5",
    "balancer save edge",
    "discovery list",
    "discovery show lists",
    "discovery render lists shop --env prod",
    "discovery check lists",
    "discovery push lists shop",
    "jenkins list",
    "jenkins jobs ci pay",
    "jenkins builds pay/regression@ci",
    "jenkins show pay/regression@ci 41",
    "jenkins queue ci",
    "jenkins run pay/regression@ci --set IMAGE=shop/web:1.2 --follow",
    "jenkins logs pay/regression@ci --follow",
    "jenkins abort pay/regression@ci 41",
    "jenkins artifacts pay/regression@ci --to ./kept",
    "jenkins doctor ci",
    "swarm list",
    "node list @ams-1",
    "node show ams-2",
    "node drain ams-2 --wait 60",
    "node pause ams-2",
    "node activate ams-2",
    "service list",
    "service show shop_web",
    "service tasks shop_web --all",
    "service scale shop_web --replicas 5",
    "service restart shop_web",
    "service remove shop_web",
    "secret list",
    "secret create tls-key@ams-1 --file tls.key",
    "secret remove tls-key",
    "swarm-config list",
    "swarm-config create site@ams-1 --file site.conf --label app=shop",
    "swarm-config remove site",
    "notify list",
    "notify test pay-ops",
    "notify history --channel pay-ops --failed",
    "notify retry --channel pay-ops",
    "template list category:database",
    "template show postgres",
    "template check compose.yaml --env prod",
    "template render nginx --set PORT=8081",
    "template update team",
    "template convert templates.json --to ./templates",
    "logs 'app:shop@*' --follow --tail 20 --filter level:warn",
    "audit list operator:ann",
    "audit verify",
    "setting list",
    "setting set theme light",
    "setting reset theme",
];

/// Examples of sentences that are less bad when they are said like this.
const MILDER: [&str; 1] = ["container copy web@ams-1:/etc/nginx/nginx.conf ./"];

static CATALOGUE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut helps = BTreeMap::new();
    describe(&Sentence::grammar(), "", &mut helps);
    EXAMPLES
        .iter()
        .filter_map(|example| {
            let sentence = Sentence::parse(example).ok()?;
            let (about, usage) = helps.remove(sentence.words())?;
            Some(Entry {
                words: sentence.words(),
                about,
                usage,
                example,
                danger: sentence.danger(),
                least: least(&sentence),
                role: sentence.role(),
                accepts: sentence.accepts(),
            })
        })
        .collect()
});

/// How bad a sentence is at the least.
fn least(sentence: &Sentence) -> Danger {
    MILDER
        .iter()
        .filter_map(|milder| Sentence::parse(milder).ok())
        .filter(|milder| milder.words() == sentence.words())
        .map(|milder| milder.danger())
        .fold(sentence.danger(), Danger::min)
}

/// What the leaves of the grammar say of themselves, and how they are said.
fn describe(command: &clap::Command, before: &str, helps: &mut BTreeMap<String, (String, String)>) {
    for sub in command.get_subcommands() {
        if sub.get_name() == "help" {
            continue;
        }
        let words = if before.is_empty() {
            sub.get_name().to_owned()
        } else {
            format!("{before} {}", sub.get_name())
        };
        if sub.has_subcommands() {
            describe(sub, &words, helps);
            continue;
        }
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let usage = sub.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let usage = usage.strip_prefix("wharf ").unwrap_or(usage);
        helps.insert(words, (about, usage.to_owned()));
    }
}

impl Entry {
    /// Whether it can be said where nothing may be changed.
    pub fn is_for_readers(&self) -> bool {
        self.least == Danger::Reads
    }
}

impl Sentence {
    /// All kinds of sentences, by noun.
    pub fn catalogue() -> &'static [Entry] {
        &CATALOGUE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_of_the_grammar_has_an_example_and_words() {
        let mut helps = BTreeMap::new();
        describe(&Sentence::grammar(), "", &mut helps);
        let named: Vec<&str> = helps.keys().map(String::as_str).collect();
        let mut catalogue: Vec<&str> = Sentence::catalogue().iter().map(|one| one.words).collect();
        catalogue.sort_unstable();
        assert_eq!(named, catalogue);
        for example in EXAMPLES {
            Sentence::parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
        }
    }

    #[test]
    fn only_copying_out_is_milder_than_its_sentence_can_be() {
        let milder = Sentence::catalogue()
            .iter()
            .filter(|entry| entry.least < entry.danger)
            .map(|entry| entry.words);
        assert_eq!(milder.collect::<Vec<_>>(), ["container copy"]);
    }

    #[test]
    fn every_sentence_says_what_it_does_and_how() {
        for entry in Sentence::catalogue() {
            assert!(!entry.about.is_empty(), "{}", entry.words);
            assert!(entry.usage.starts_with(entry.words), "{}", entry.usage);
            assert!(entry.example.starts_with(entry.words), "{}", entry.example);
        }
    }
}
