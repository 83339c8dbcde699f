//! What a list of targets comes to: templates are filled with it.

use std::collections::BTreeMap;

use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde,
};
use serde::Serialize;

use crate::model::{DiscoveryKind, DiscoverySpec, Listed, Listing};

/// So many steps a template may take: none runs for ever.
const FUEL: u64 = 1_000_000;

/// What a list comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rendered {
    /// A file.
    File {
        /// Its path.
        path: String,
        /// What it says.
        text: String,
    },
    /// Keys.
    Keys {
        /// What they all begin with.
        prefix: String,
        /// Whole keys, with what stands below each.
        keys: BTreeMap<String, String>,
    },
}

/// Fills the templates of a discovery; `template` is the text of its file.
///
/// # Errors
/// When one cannot be read, or names what there is not.
pub(super) fn render(
    spec: &DiscoverySpec,
    template: &str,
    listing: &Listing,
) -> Result<Rendered, String> {
    let mut machine = Environment::new();
    machine.set_undefined_behavior(UndefinedBehavior::Strict);
    machine.set_fuel(Some(FUEL));
    let syntax = SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    machine.set_syntax(syntax.map_err(|error| of(&error))?);
    // Files of proxies are not web pages.
    machine.set_auto_escape_callback(|_| AutoEscape::None);
    let fill = |what: &str, text: &str, with: &Value| {
        let filled = machine.render_named_str(what, text, with);
        filled.map_err(|error| of(&error))
    };
    let targets: Vec<&Listed> = listing.targets().collect();
    let (app, environment) = (listing.scope.app.as_str(), &*listing.scope.environment);
    let all = context! {
        app => app, environment => environment,
        services => Serde(&listing.services), targets => Serde(&targets),
    };
    match &spec.kind {
        DiscoveryKind::File(file) => {
            let path = fill("path", &file.path, &all)?;
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@=".contains(c);
            if !path.chars().all(is_plain) || path.split('/').any(|part| part == "..") {
                return Err(format!("its path would be {path:?}"));
            }
            let name = file.template.file_name();
            let name = name.unwrap_or_default().to_string_lossy();
            let text = fill(&name, template, &all)?;
            Ok(Rendered::File { path, text })
        }
        DiscoveryKind::Etcd(etcd) => {
            let prefix = fill("prefix", &etcd.prefix, &all)?;
            // What is below it and not listed is deleted: never the whole of etcd.
            let parts = prefix.split('/').filter(|part| !part.is_empty()).count();
            let prefix = match (parts, prefix.contains("//")) {
                (0, _) => return Err("its prefix would be all of etcd".to_owned()),
                // An environment without a name leaves no hole.
                (_, true) => prefix.replace("//", "/"),
                (_, false) => prefix,
            };
            let mut keys = BTreeMap::new();
            for target in targets {
                let one = context! { app, environment, ..Value::from(Serde(target)) };
                let key = format!("{prefix}{}", fill("key", &etcd.key, &one)?);
                let value = match &etcd.value {
                    Some(value) => fill("value", value, &one)?,
                    None => plain(target),
                };
                if keys.insert(key.clone(), value).is_some() {
                    return Err(format!("two targets would have the key {key}"));
                }
            }
            Ok(Rendered::Keys { prefix, keys })
        }
    }
}

/// What stands below a key when no template says it.
fn plain(target: &Listed) -> String {
    let Listed {
        address,
        port,
        host,
        release,
        ..
    } = target;
    serde_json::json!({"address": address, "port": port, "host": host, "release": release.to_string()})
        .to_string()
}

/// Why a template does not fit, with its place.
fn of(error: &minijinja::Error) -> String {
    let place = match (error.name(), error.line()) {
        (Some(name), Some(line)) => format!("{name}:{line}: "),
        _ => String::new(),
    };
    match error.detail() {
        Some(detail) => format!("{place}{}: {detail}", error.kind()),
        None => format!("{place}{}", error.kind()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::time::Duration;

    use super::*;
    use crate::model::{
        ContainerId, EtcdSpec, FileSpec, ListedService, Machine, Publication,
        app::AppName,
        release::{ReleaseNumber, Scope},
    };

    fn listing(environment: &str) -> Listing {
        let target = |port: u16| Listed {
            service: "web".to_owned(),
            address: "10.0.0.7".parse().unwrap(),
            port,
            host: "web-1".to_owned(),
            replica: 1,
            release: ReleaseNumber(4),
            ports: vec![Publication {
                container: 80,
                host: port,
            }],
            id: ContainerId::new("a"),
        };
        let service = |name: &str, targets| ListedService {
            name: name.to_owned(),
            targets,
        };
        Listing {
            scope: Scope {
                app: AppName::new("shop").unwrap(),
                environment: environment.into(),
            },
            services: vec![
                service("db", vec![]),
                service("web", vec![target(18100), target(18102)]),
            ],
        }
    }

    fn spec(kind: DiscoveryKind) -> DiscoverySpec {
        DiscoverySpec {
            name: "edge".into(),
            app: "*".into(),
            environment: "*".into(),
            kind,
            warns: false,
            grace: Duration::ZERO,
            read_only: false,
        }
    }

    fn file(path: &str) -> DiscoverySpec {
        spec(DiscoveryKind::File(FileSpec {
            machines: vec![Machine::Here],
            template: "t/upstream.j2".into(),
            path: path.into(),
            mode: None,
            owner: None,
            check: None,
            reload: None,
        }))
    }

    fn etcd(prefix: &str, value: Option<&str>) -> DiscoverySpec {
        spec(DiscoveryKind::Etcd(EtcdSpec {
            endpoints: vec!["http://a:2379".into()],
            prefix: prefix.into(),
            key: "{{ service }}/{{ address }}:{{ port }}".into(),
            value: value.map(Into::into),
            ca: None,
            login: None,
        }))
    }

    #[test]
    fn a_file_is_what_its_template_says() {
        let template = "{% for s in services if s.targets %}\nupstream {{ app }}_{{ s.name }} {\n\
            {% for t in s.targets %}\n  server {{ t.address }}:{{ t.port }}; # {{ t.host }} r{{ t.release }}\n{% endfor %}\n}\n{% endfor %}\n";
        let rendered = render(&file("/etc/x/{{ app }}.conf"), template, &listing("prod")).unwrap();
        let text = "upstream shop_web {\n  server 10.0.0.7:18100; # web-1 r4\n  server 10.0.0.7:18102; # web-1 r4\n}\n";
        assert_eq!(
            rendered,
            Rendered::File {
                path: "/etc/x/shop.conf".to_owned(),
                text: text.to_owned()
            }
        );
        for (path, template, told) in [
            ("/x", "a\n{{ nothing }}", "upstream.j2:2: undefined value"),
            ("/x", "{% for %}", "upstream.j2:1: syntax error"),
            ("/x/../{{ app }}", "", "its path would be"),
            ("/x {{ app }}", "", "its path would be"),
            (
                "/x",
                "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
                "fuel",
            ),
        ] {
            let why = render(&file(path), template, &listing("prod")).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn keys_are_below_their_prefix_and_never_all() {
        let keys =
            |spec: &DiscoverySpec, environment: &str| match render(spec, "", &listing(environment))
                .unwrap()
            {
                Rendered::Keys { prefix, keys } => (prefix, keys),
                Rendered::File { .. } => panic!("no keys"),
            };
        let (prefix, all) = keys(&etcd("/svc/{{ environment }}/{{ app }}/", None), "");
        assert_eq!(prefix, "/svc/shop/");
        assert_eq!(
            all["/svc/shop/web/10.0.0.7:18100"],
            r#"{"address":"10.0.0.7","host":"web-1","port":18100,"release":"r000004"}"#
        );
        let own = etcd(
            "/svc/{{ app }}/",
            Some("{{ environment }} {{ ports[0].container }}"),
        );
        assert_eq!(
            keys(&own, "prod").1["/svc/shop/web/10.0.0.7:18102"],
            "prod 80"
        );
        let why = render(&etcd("/{{ environment }}/", None), "", &listing("")).unwrap_err();
        assert_eq!(why, "its prefix would be all of etcd");
    }
}
