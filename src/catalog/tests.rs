//! Wharf's own templates, all of them; headers with what can be wrong; Portainer's lists, converted.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use super::*;
use crate::{
    catalog::compose::{Given, Purpose},
    model::app::{
        Answers, AppName, CatalogSource, Healthcheck, MountKind, ParameterKind, Rule, Source,
        Template, TemplateName, Told, Visibility, generated,
    },
};

fn lines(told: &[Told]) -> String {
    let lines: Vec<String> = told.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn template(text: &str) -> Result<Template, String> {
    let source = Source {
        path: "t.yaml".to_owned(),
        text: text.to_owned(),
    };
    read(source, "test")
        .map(|found| found.expect("it has a header").0)
        .map_err(|told| lines(&told))
}

fn answers(pairs: &[(&str, &str)]) -> Answers {
    let pairs = pairs.iter();
    pairs
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

/// Something that fits every parameter without a default.
fn any(template: &Template) -> Answers {
    let open = template
        .parameters
        .iter()
        .filter(|one| one.required && one.default.is_none());
    open.map(|one| (one.name.clone(), "10.0.0.5:8080".to_owned()))
        .collect()
}

#[test]
fn the_list_of_own_templates_is_the_folder() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalog/embedded");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = names.filter(|name| name != "mod.rs").collect();
    let listed: BTreeSet<String> = embedded::ALL
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(there, listed);
    assert!(listed.len() >= 12, "{}", listed.len());
}

#[test]
fn every_own_template_makes_an_app_that_can_run_anywhere() {
    let catalog = Catalog::own();
    assert_eq!(lines(&catalog.told), "");
    assert_eq!(catalog.templates.len(), embedded::ALL.len());
    for template in &catalog.templates {
        let name = template.name.as_str();
        assert_eq!(format!("{name}.yaml"), template.source.path);
        assert!(
            !template.description.is_empty() && !template.categories.is_empty(),
            "{name}"
        );
        let app = AppName::new(name).unwrap();
        let loaded = make(template, app, &any(template), Purpose::Deploy)
            .unwrap_or_else(|told| panic!("{}", lines(&told)));
        assert_eq!(lines(&loaded.told), "", "{name}");
        let rules = Rule::ALL.map(|(_, rule)| rule);
        let rules: Vec<Rule> = rules
            .into_iter()
            .filter(|rule| *rule != Rule::NoDigest)
            .collect();
        assert_eq!(lines(&policy(&loaded.spec, &rules)), "", "{name}");
        for (service, made) in &loaded.spec.services {
            assert!(
                matches!(made.healthcheck, Some(Healthcheck::Probe(_))),
                "{name} {service}"
            );
            assert!(made.restart.is_some(), "{name} {service}");
            let anonymous = |mount: &&crate::model::app::Mount| {
                matches!(mount.kind, MountKind::Volume { source: None, .. })
            };
            assert_eq!(
                made.mounts.iter().filter(anonymous).count(),
                0,
                "{name} {service}"
            );
        }
        for parameter in &template.parameters {
            assert_ne!(parameter.label, parameter.name, "{name} {}", parameter.name);
            let used = format!("${{{}}}", parameter.name);
            assert!(
                template.source.text.contains(&used),
                "{name} does not use {used}"
            );
        }
        let rendered = render(template, &any(template), Purpose::Deploy).unwrap();
        assert!(!rendered.contains("x-wharf"), "{rendered}");
    }
}

const SMALL: &str = "x-wharf:\n  id: small\n  title: Small\n  version: 3\n  category: test\n  visibility: private\n  \
    images: {web: 'sha256:0123456789abcdef0123456789abcdef'}\n  params:\n    \
    - {name: PORT, label: Port, type: port, default: 80}\n    - {name: PW, label: Password, type: secret, generate: 24}\n    \
    - {name: KEY, label: Key, type: secret, required: false, min: 4}\n    - {name: MODE, choices: [{value: a, label: A}, b]}\n    \
    - {name: N, type: int, min: 2, max: 9, default: 4}\n    - {name: HOST, pattern: '[a-z]+', required: false}\n\
    services:\n  web:\n    image: web:1\n    ports: ['${PORT}:80']\n    environment: {P: $PW, K: \"${KEY:-none}\", M: $MODE}\n    \
    hostname: ${HOST:-box}\n    deploy: {replicas: $N}\n";

#[test]
fn a_header_says_what_is_asked_and_the_answers_fill_it() {
    let small = template(SMALL).unwrap();
    assert_eq!(
        (
            small.title.as_str(),
            small.version.as_str(),
            small.visibility
        ),
        ("Small", "3", Visibility::Private)
    );
    assert!(
        matches!(&small.parameter("MODE").unwrap().kind, ParameterKind::Choice(all) if all[1].value == "b")
    );
    let made = |pairs: &[(&str, &str)]| {
        make(
            &small,
            AppName::new("shop").unwrap(),
            &answers(pairs),
            Purpose::Deploy,
        )
        .map(|loaded| loaded.spec)
        .map_err(|told| lines(&told))
    };
    let spec = made(&[("MODE", "a"), ("PORT", "8080")]).unwrap();
    let web = spec.services.values().next().unwrap();
    assert_eq!(spec.name.as_str(), "shop");
    assert_eq!(
        web.image.as_ref().unwrap().as_str(),
        "web:1@sha256:0123456789abcdef0123456789abcdef"
    );
    assert_eq!(web.ports[0].to_string(), "8080:80");
    assert_eq!(web.environment.0["P"].written(), "${PW}");
    assert_eq!(web.environment.0["K"].written(), "none");
    assert_eq!(web.deploy.replicas, Some(4));
    let filled = fill(
        &small,
        &answers(&[("MODE", "a"), ("KEY", "hunter2")]),
        Purpose::Deploy,
    )
    .unwrap();
    assert_eq!(filled.generate.len(), 1);
    assert!(matches!(filled.given["KEY"], Given::Secret(_)));
    assert!(!format!("{filled:?}").contains("hunter2"));
    let wrong = made(&[
        ("PORT", "http"),
        ("N", "1"),
        ("HOST", "A1"),
        ("PRT", "1"),
        ("KEY", "abc"),
    ])
    .unwrap_err();
    for part in [
        "PORT: error: Port: a port from 1 to 65535 is expected; say --set PORT=…",
        "N: error: N: at least 2",
        "HOST: error: HOST: it must look like [a-z]+",
        "PRT: error: the template does not ask for PRT; did you mean PORT?",
        "KEY: error: Key: at least 4 characters",
        "MODE: error: MODE: something has to be said",
    ] {
        assert!(wrong.contains(part), "{part} is not in\n{wrong}");
    }
    // Nothing is answered yet: what it makes is known all the same.
    assert_eq!(small.makes.as_ref().unwrap().services.len(), 1);
}

#[test]
fn what_is_wrong_with_a_header_is_told() {
    let with = |params: &str| {
        let text =
            format!("x-wharf:\n  id: t\n  params: [{params}]\nservices: {{web: {{image: a}}}}\n");
        template(&text).unwrap_err()
    };
    for (params, told) in [
        ("{name: 1A}", "'1A' is not a name of letters"),
        ("{label: x}", "it has no name"),
        (
            "{name: A, type: prot}",
            "'prot' is not one of string, int, port",
        ),
        ("{name: A, type: choice}", "it has none"),
        (
            "{name: A, type: int, choices: [a]}",
            "only type: choice has choices",
        ),
        (
            "{name: A, type: secret, default: x}",
            "a secret with a default is no secret",
        ),
        ("{name: A, generate: 20}", "only secrets are made"),
        (
            "{name: A, type: secret, generate: 2}",
            "is not a number of characters from 8 to 128",
        ),
        (
            "{name: A, type: port, default: 0}",
            "the default does not fit",
        ),
        ("{name: A, pattern: '['}", "is not a regular expression"),
        ("{name: A, tipe: int}", "did you mean 'type'?"),
        ("{name: A}, {name: A}", "A is asked twice"),
    ] {
        assert!(with(params).contains(told), "{params}: {}", with(params));
    }
    assert!(
        template("x-wharf: {title: x}\nservices: {}")
            .unwrap_err()
            .contains("it has no id")
    );
    let plain = Source {
        path: "c.yaml".to_owned(),
        text: "services: {}".to_owned(),
    };
    assert_eq!(read(plain, "test").unwrap(), None);
}

#[test]
fn secrets_are_made_of_clear_letters() {
    let random: Vec<u8> = (0..=255).collect();
    let made = generated(&random);
    assert_eq!(made.len(), 256);
    assert!(
        made.chars()
            .all(|c| c.is_ascii_alphanumeric() && !"0O1lI".contains(c))
    );
}

/// The same entry as versions 1, 2 and 3 write it.
const ONE: &str = r#"[{"type": "container", "title": "My App", "image": "app:1", "ports": ["80/tcp"], "volumes": ["/data"],
    "env": [{"name": "LEVEL", "label": "Level", "set": "low"}]}]"#;
const TWO: &str = r#"{"version": "2", "templates": [{"type": 1, "title": "My App", "image": "app:1", "ports": ["80/tcp"],
    "volumes": [{"container": "/data"}], "env": [{"name": "LEVEL", "label": "Level", "default": "low"}]}]}"#;
const THREE: &str = r#"{"version": "3", "templates": [{"id": 1, "type": 1, "title": "My App", "image": "app:1", "ports": ["80/tcp"],
    "volumes": [{"container": "/data"}], "env": [{"name": "LEVEL", "label": "Level", "default": "low"}]}]}"#;

#[test]
fn the_three_versions_of_portainers_lists_mean_the_same() {
    let texts = [ONE, TWO, THREE].map(|text| convert(text, "p.json").unwrap()[0].outcome.clone());
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[1], texts[2]);
    let Outcome::Template(text) = &texts[0] else {
        panic!("{:?}", texts[0]);
    };
    let made = template(text).unwrap();
    assert_eq!(
        (made.name.as_str(), made.title.as_str()),
        ("my-app", "My App")
    );
    assert_eq!(made.parameters[0].default.as_deref(), Some("low"));
    let spec = made.makes.unwrap();
    let app = spec.services.values().next().unwrap();
    assert_eq!(app.environment.0["LEVEL"].as_plain(), Some("low"));
    assert_eq!(app.mounts[0].target, "/data");
    assert!(spec.volumes.contains_key("data"));
}

#[test]
fn every_entry_of_a_list_converts_or_says_why_not() {
    let list = r#"{"version": "2", "templates": [
      {"type": 1, "title": "Full", "description": "It costs $5 <b>a day</b>", "note": "See <a href=\"x\">it</a>", "categories": ["x: y"],
       "image": "team/app", "registry": "registry.example.org:5000", "command": "run --a 'b c' $HOME", "hostname": "box",
       "network": "host", "privileged": true, "interactive": true, "restart_policy": "always", "administrator_only": true,
       "ports": ["8080:80/tcp", "53/udp"], "volumes": [{"container": "/a/b"}, {"container": "/etc/x", "bind": "/srv/x", "readonly": true}, {"container": "bad"}],
       "labels": [{"name": "l", "value": "$v"}],
       "env": [{"name": "FIXED", "default": "a$b", "preset": true}, {"name": "DB_PASSWORD", "label": "Password"},
               {"name": "KIND", "select": [{"text": "One", "value": "1"}, {"text": "Two", "value": "2", "default": true}]}, {"name": "no-name", "default": "x"}]},
      {"type": 1, "title": "Full", "image": "b:1"},
      {"type": 3, "title": "Stack", "repository": {"url": "https://example.org/r", "stackfile": "s/compose.yml"}},
      {"type": 4, "title": "Edge", "stackfile": "https://example.org/c.yml"},
      {"type": 2, "title": "Nowhere"},
      {"type": 1, "title": "Windows", "platform": "windows", "image": "w"},
      {"type": 1, "title": "Empty"},
      {"type": 9, "title": "Odd"}]}"#;
    let all = convert(list, "p.json").unwrap();
    assert_eq!(all.len(), 8);
    assert_eq!(all[1].name, "full-2");
    let Outcome::Template(text) = &all[0].outcome else {
        panic!("{:?}", all[0]);
    };
    let full = template(text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    insta::assert_snapshot!(text);
    assert_eq!(full.description, "It costs $5 a day");
    let notes = all[0].notes.join("\n");
    for part in [
        "has no tag",
        "changes at every start",
        "without a full path",
        "no-name cannot be asked",
        "administrators",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let why = |index: usize| match &all[index].outcome {
        Outcome::Left(why) => why.clone(),
        Outcome::Template(text) => panic!("{text}"),
    };
    assert!(why(2).contains("s/compose.yml in https://example.org/r"));
    assert!(why(3).contains("https://example.org/c.yml"));
    assert!(why(4).contains("does not say where"));
    assert!(why(5).contains("Windows"));
    assert!(why(6).contains("names no image"));
    assert!(why(7).contains("type 9 is not known"));
    assert!(
        convert("{", "p.json")
            .unwrap_err()
            .to_string()
            .contains("p.json:1: error: this is no JSON")
    );
    assert!(
        convert(r#"{"version": "7", "templates": []}"#, "p.json")
            .unwrap_err()
            .what
            .contains("version 7")
    );
}

#[test]
fn catalogs_are_directories_files_and_lists() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("small.yaml", SMALL);
    put(
        "deep/er/own-nginx.yml",
        "x-wharf: {id: nginx, title: Ours}\nservices: {web: {image: 'nginx:1'}}\n",
    );
    put("plain.yaml", "services: {web: {image: a}}\n");
    put("wrong.yaml", "x-wharf: {id: No Name}\nservices: {}\n");
    put("list.json", TWO);
    put(".git/x.yaml", SMALL);
    let source = |path: &std::path::Path| CatalogSource {
        name: "team".to_owned(),
        path: path.to_owned(),
        repository: None,
        visibility: Some(Visibility::Private),
    };
    let catalog = Catalog::read(&[source(dir.path()), source(&dir.path().join("none"))]);
    let find = |name: &str| catalog.find(&TemplateName::new(name).unwrap());
    assert_eq!(find("nginx").unwrap().title, "Ours");
    assert_eq!(find("nginx").unwrap().visibility, Visibility::Private);
    assert_eq!(find("small").unwrap().catalog, "team");
    assert!(find("my-app").is_some());
    assert_eq!(catalog.templates.len(), embedded::ALL.len() + 2);
    assert!(catalog.templates.is_sorted_by(|a, b| a.name < b.name));
    let told = lines(&catalog.told);
    assert!(
        told.contains("wrong.yaml:1: x-wharf.id: error: 'No Name' is no name of a template"),
        "{told}"
    );
    assert!(
        told.contains("none: error: catalog team: No such file"),
        "{told}"
    );
}
