//! Templates and Compose files from the shell: listed, shown, checked, rendered, converted.

use std::{fs, process::Command};

use crate::bench::Bench;

/// A Compose file with something to say about it.
const FILE: &str = "version: '3'\nservices:\n  web:\n    image: nginx\n    ports: ['${PORT:-8080}:80']\n    \
                    volumes: ['/var/run/docker.sock:/s']\n    credential_spec: {file: x}\n";

#[test]
fn templates_are_listed_and_shown() {
    let bench = Bench::new();
    let all = bench.say("template list -o json").ended(0).json();
    assert!(all.as_array().unwrap().len() >= 12);
    let names = bench
        .say("template list category:database -o name")
        .ended(0);
    assert!(names.lines().contains(&"postgres"), "{names:?}");
    let shown = bench.say("template show postgres").ended(0);
    for part in [
        "PostgreSQL 16",
        "postgres:16.6-alpine",
        "5432:5432",
        "PASSWORD",
        "made of 24 characters",
        "volume",
    ] {
        assert!(shown.out.contains(part), "{part}: {shown:?}");
    }
    let shown = bench.say("template show postgres -o json").ended(0).json();
    assert_eq!(
        shown["makes"]["services"]["db"]["image"],
        "postgres:16.6-alpine"
    );
    bench
        .say("template show postgre")
        .ended(2)
        .complains("did you mean postgres?");
}

#[test]
fn catalogs_of_ones_own_are_read() {
    let bench = Bench::new();
    let dir = bench.home().join("templates");
    fs::create_dir_all(&dir).unwrap();
    let text = "x-wharf: {id: ours, title: Ours}\nservices: {web: {image: 'web:1'}}\n";
    fs::write(dir.join("ours.yaml"), text).unwrap();
    fs::write(dir.join("bad.yaml"), "x-wharf: {title: x}\nservices: {}\n").unwrap();
    let config = fs::read_to_string(bench.file()).unwrap();
    let config = format!(
        "{config}\n[[catalog]]\nname = \"team\"\npath = \"{}\"\nvisibility = \"private\"\n",
        dir.display()
    );
    fs::write(bench.file(), config).unwrap();
    let list = bench.say("template list for:private -o json").ended(0);
    assert!(
        list.err
            .contains("bad.yaml:1: x-wharf.id: error: it has no id"),
        "{list:?}"
    );
    let list = list.json();
    assert_eq!(
        (&list[0]["name"], &list[0]["catalog"]),
        (&"ours".into(), &"team".into())
    );
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[test]
fn catalogs_that_are_repositories_are_fetched_when_it_is_said() {
    let bench = Bench::new();
    let dir = bench.home().join("repository");
    let git = |words: &[&str]| {
        let done = Command::new("git")
            .arg("-C")
            .arg(&dir)
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(words)
            .output()
            .unwrap();
        assert!(done.status.success(), "{words:?}: {done:?}");
    };
    let write = |title: &str| {
        let text = format!(
            "x-wharf: {{id: ours, title: {title}}}\nservices: {{web: {{image: 'web:1'}}}}\n"
        );
        fs::write(dir.join("apps/ours.yaml"), text).unwrap();
        git(&["add", "."]);
        git(&["commit", "-qm", title]);
    };
    fs::create_dir_all(dir.join("apps")).unwrap();
    git(&["init", "-q", "-b", "main"]);
    std::os::unix::fs::symlink("/etc/hostname", dir.join("apps/link.yaml")).unwrap();
    write("First");
    let config = fs::read_to_string(bench.file()).unwrap();
    let catalogs = format!(
        "[[catalog]]\nname = \"team\"\nurl = \"{}\"\nreference = \"main\"\npath = \"apps\"\n\
         [[catalog]]\nname = \"gone\"\nurl = \"http://me:hunter2@127.0.0.1:1/x.git\"\n\
         [[catalog]]\nname = \"out\"\nurl = \"/x\"\npath = \"../y\"\n",
        dir.display()
    );
    fs::write(bench.file(), format!("{config}\n{catalogs}")).unwrap();

    let list = bench.say("template list -o json").ended(0);
    let not_yet = "catalog team was not fetched yet; say `wharf template update team`";
    assert!(list.err.contains(not_yet), "{}", list.err);
    let out = "[[catalog]] out: path leads out of the repository";
    assert!(list.err.contains(out), "{}", list.err);
    let updated = bench.say("template update team -o json").ended(0).json();
    assert_eq!(updated[0]["templates"], 1, "{updated}");
    assert!(updated[0]["before"].is_null(), "{updated}");
    let first = updated[0]["commit"].clone();
    let title = || bench.say("template show ours -o json").ended(0).json()["title"].clone();
    assert_eq!(title(), "First");

    // What is there is read until somebody fetches, and after a fetch that failed.
    write("Second");
    assert_eq!(title(), "First");
    let updated = bench.say("template update -o json").ended(1);
    assert!(!updated.out.contains("hunter2"), "{updated:?}");
    let updated = updated.json();
    assert_eq!(updated[0]["before"], first);
    let why = updated[1]["why"].as_str().unwrap();
    assert!(why.starts_with("git fetch: "), "{why}");
    assert_eq!(title(), "Second");
    fs::rename(&dir, dir.with_extension("away")).unwrap();
    let updated = bench.say("template update team").ended(1);
    assert!(updated.out.contains("not fetched: "), "{updated:?}");
    assert_eq!(title(), "Second");
    let unknown = bench.say("template update teem").ended(2);
    assert!(unknown.err.contains("did you mean team?"), "{unknown:?}");
}

#[test]
fn files_are_checked_with_everything_that_would_be_ignored_or_denied() {
    let bench = Bench::new();
    let dir = bench.home();
    let good = dir.join("good.yaml").display().to_string();
    fs::write(&good, FILE).unwrap();
    let checked = bench.say(&format!("template check {good}")).ended(0);
    for part in [
        "good.yaml:1: version: note: 'version' is ignored",
        "good.yaml:7: services.web.credential_spec: warning: 'credential_spec' is known and ignored",
        "1 services, 2 told",
    ] {
        assert!(checked.out.contains(part), "{part}: {checked:?}");
    }
    let mut config = fs::read_to_string(bench.file()).unwrap();
    config.push_str(
        "\n[[environment]]\nname = \"strict\"\ndeny = [\"docker-socket\", \"untagged\"]\n",
    );
    fs::write(bench.file(), config).unwrap();
    let denied = bench
        .say(&format!("template check {good} --env strict"))
        .ended(1);
    assert!(
        denied
            .out
            .contains("it gets /var/run/docker.sock, which the environment denies (docker-socket)"),
        "{denied:?}"
    );
    assert!(denied.out.contains("the image has no tag"), "{denied:?}");
    bench
        .say(&format!("template check {good} --env strickt"))
        .ended(2)
        .complains("did you mean strict?");
    let bad = dir.join("bad.yaml").display().to_string();
    fs::write(&bad, "services: {web: {imag: x}}\n").unwrap();
    let both = bench
        .say(&format!("template check {good} {bad} {bad}.none -o json"))
        .ended(1)
        .json();
    assert_eq!(
        (&both[0]["ok"], &both[1]["ok"], &both[2]["ok"]),
        (&true.into(), &false.into(), &false.into())
    );
    assert_eq!(
        both[0]["spec"]["services"]["web"]["ports"][0]["host"]["fixed"],
        8080
    );
    let told = both[1]["told"].to_string();
    assert!(told.contains("did you mean 'image'?"), "{told}");
    assert_eq!(both[1]["told"][0]["line"], 1);
    fs::write(dir.join(".env"), "PORT=9090\n").unwrap();
    let over = dir.join("over.yaml").display().to_string();
    fs::write(&over, "services: {web: {image: 'nginx:1'}}\n").unwrap();
    let one = bench
        .say(&format!("template check {good} {over} --together -o json"))
        .ended(0)
        .json();
    assert_eq!(one[0]["spec"]["services"]["web"]["image"], "nginx:1");
    assert_eq!(
        one[0]["spec"]["services"]["web"]["ports"][0]["host"]["fixed"],
        9090
    );
}

#[test]
fn a_template_is_rendered_without_its_secrets() {
    let bench = Bench::new();
    let made = bench
        .say("template render postgres --set PORT=6000")
        .ended(0);
    assert!(
        made.out.contains("POSTGRES_PASSWORD: ${PASSWORD}"),
        "{made:?}"
    );
    assert!(
        made.out.contains("\"6000:5432\"") && !made.out.contains("x-wharf"),
        "{made:?}"
    );
    let file = bench.home().join("made.yaml");
    fs::write(&file, &made.out).unwrap();
    let line = format!("template check {} --set PASSWORD=x", file.display());
    bench.say(&line).ended(0);
    let json = bench
        .say("template render postgres -o json")
        .ended(0)
        .json();
    assert!(
        json["hash"].as_str().unwrap().starts_with("sha256:"),
        "{json}"
    );
    bench
        .say("template render postgres --set PORT=http --set PRT=1")
        .ended(2)
        .complains("a port from 1 to 65535 is expected")
        .complains("did you mean PORT?");
}

#[test]
fn portainers_lists_become_templates() {
    let bench = Bench::new();
    let list = bench.home().join("list.json");
    let text = r#"{"version": "2", "templates": [{"type": 1, "title": "My App", "image": "app", "ports": ["80/tcp"]},
        {"type": 3, "title": "Stack", "repository": {"url": "https://example.org/r", "stackfile": "s.yml"}}]}"#;
    fs::write(&list, text).unwrap();
    let to = bench.home().join("made");
    let line = format!("template convert {} --to {}", list.display(), to.display());
    let done = bench.say(&line).ended(0);
    for part in [
        "1 of 2 are templates now",
        "Stack: its Compose file is s.yml in https://example.org/r",
        "app has no tag",
    ] {
        assert!(done.out.contains(part), "{part}: {done:?}");
    }
    bench
        .say(&format!(
            "template check {}",
            to.join("my-app.yaml").display()
        ))
        .ended(0);
    let again = bench.say(&line).ended(0);
    assert!(
        again.out.contains("is there already") && again.out.contains("0 of 2"),
        "{again:?}"
    );
}
