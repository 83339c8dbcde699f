//! What every engine promises of builds: of a directory or a repository, with its output, its failures and its end.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hyper::Method;
use wharf::engine::{Settings, Variables};
use wharf::model::{
    Action, Build, BuildSecret, BuildSource, Builder, ImageAction, Resource, Said, SecretSource,
    Step, Subject as Of,
};

use crate::desk::{Desk, PATIENCE};
use crate::subject::{Subject, fresh, scratch};

/// What is looked for in everything that is said.
const SECRET: &str = "hunter2-and-more";

struct Built {
    result: Result<String, String>,
    said: Vec<Said>,
}

impl Built {
    fn lines(&self) -> Vec<&str> {
        let lines = self.said.iter().filter_map(|said| match said {
            Said::Line(line) => Some(line.as_str()),
            Said::Finding(_) | Said::Amount(_) => None,
        });
        lines.collect()
    }

    fn has_line(&self, part: &str) -> bool {
        self.lines().iter().any(|line| line.contains(part))
    }
}

async fn desk(subject: &Subject) -> Desk {
    let settings = Settings {
        scratch: scratch(),
        variables: Variables::new(|name| (name == "T_SECRET").then(|| SECRET.to_owned())),
        ..Settings::default()
    };
    Desk::with(subject.spec.clone(), settings).await
}

/// The builders that an engine has.
fn builders(subject: &Subject) -> Vec<Option<Builder>> {
    if subject.is_podman || subject.is_sim() {
        vec![None]
    } else {
        vec![Some(Builder::Buildkit), Some(Builder::Classic)]
    }
}

fn build_of(dir: &Path, tag: &str) -> Build {
    Build {
        source: BuildSource::Directory(dir.to_owned()),
        file: None,
        tags: vec![tag.into()],
        args: Vec::new(),
        target: None,
        labels: Vec::new(),
        platform: None,
        no_cache: false,
        pull: false,
        secrets: Vec::new(),
        builder: None,
    }
}

fn step(subject: &Subject, build: Build) -> Step {
    Step {
        host: subject.host(),
        subject: Of::Resource {
            kind: Resource::Image,
            id: "".into(),
            name: build.tags[0].clone(),
        },
        action: Action::Image(ImageAction::Build(Box::new(build))),
    }
}

async fn built(desk: &Desk, subject: &Subject, build: Build) -> Built {
    let said = Mutex::new(Vec::new());
    let say = |one: Said| said.lock().unwrap().push(one);
    let result = desk.engines.act(&step(subject, build), &say).await;
    Built {
        result: result.map_err(|error| error.to_string()),
        said: said.into_inner().unwrap(),
    }
}

/// What is told of an image.
async fn looked_at(desk: &Desk, subject: &Subject, id: &str) -> Vec<String> {
    let step = Step {
        host: subject.host(),
        subject: Of::Resource {
            kind: Resource::Image,
            id: id.into(),
            name: id.into(),
        },
        action: Action::Image(ImageAction::Look),
    };
    let said = Mutex::new(Vec::new());
    let say = |one: Said| said.lock().unwrap().push(one);
    desk.engines.act(&step, &say).await.unwrap();
    let said = said.into_inner().unwrap();
    said.iter()
        .filter_map(|one| match one {
            Said::Line(line) => Some(line.clone()),
            Said::Finding(_) | Said::Amount(_) => None,
        })
        .collect()
}

async fn remove(subject: &Subject, tag: &str) {
    let path = format!("/v1.41/images/{tag}?force=1");
    subject.raw.ask(Method::DELETE, &path, None).await;
}

/// A name that Podman does not lead to another registry.
fn tag(word: &str) -> String {
    format!("localhost/{}:1", fresh(word))
}

fn directory(dockerfile: &str) -> PathBuf {
    let dir = scratch();
    std::fs::write(dir.join("Dockerfile"), dockerfile).unwrap();
    dir
}

pub async fn a_directory_becomes_an_image_of_what_does_not_stay_at_home(subject: Subject) {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let desk = desk(&subject).await;
    for builder in builders(&subject) {
        // What is wrong fails a step of the build itself.
        let checks = if subject.is_sim() {
            ""
        } else {
            "RUN test -x /src/run.sh && test ! -e /src/left && test -f /src/logs/keep && test ! -e /src/logs/x && \\\n\
             \x20   test \"$(readlink /src/out)\" = /etc/hostname && test ! -e /src/Dockerfile && \\\n\
             \x20   test \"$(wc -c < /src/big)\" = 3000000\n"
        };
        let dir = directory(&format!(
            "FROM {} AS base\nARG WHO\nLABEL who=$WHO\nCOPY . /src/\n{checks}FROM base AS last\nRUN exit 7\n",
            subject.image
        ));
        std::fs::create_dir(dir.join("logs")).unwrap();
        for (name, text) in [
            (".dockerignore", "left\nlogs/*\n!logs/keep\nDockerfile\n"),
            ("left", "x"),
            ("logs/x", "x"),
            ("logs/keep", "x"),
            ("run.sh", "#!/bin/sh\n"),
            ("big", &"x".repeat(3_000_000)),
        ] {
            std::fs::write(dir.join(name), text).unwrap();
        }
        symlink("/etc/hostname", dir.join("out")).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.join("run.sh"), mode).unwrap();
        let tag = tag("dir");
        let build = Build {
            args: vec!["WHO=ann".parse().unwrap()],
            target: Some("base".into()),
            labels: vec![("tier".into(), "db".into())],
            builder,
            ..build_of(&dir, &tag)
        };
        let first = built(&desk, &subject, build.clone()).await;
        let story = first
            .result
            .clone()
            .unwrap_or_else(|why| panic!("{builder:?}: {why}\n{}", first.lines().join("\n")));
        assert!(story.starts_with(&format!("{tag} is ")), "{story}");
        assert!(first.has_line("COPY . /src/"), "{:?}", first.lines());
        let counted = |what: &str| {
            first
                .said
                .iter()
                .any(|said| matches!(said, Said::Amount(amount) if *amount.what == *what))
        };
        assert!(counted("steps"), "{builder:?}: {:?}", first.said);
        let path = format!("/v1.41/images/{tag}/json");
        let image = subject.raw.must(Method::GET, &path, None).await;
        let id = image["Id"].as_str().unwrap();
        let id = id.strip_prefix("sha256:").unwrap_or(id);
        assert!(story.contains(id), "{story} tells {id}");
        let shown = looked_at(&desk, &subject, image["Id"].as_str().unwrap()).await;
        let line = |name: &str| shown.iter().find(|line| line.starts_with(name));
        let base = line("base").unwrap_or_else(|| panic!("{shown:?}"));
        assert!(base.contains(&subject.image), "{base}");
        assert!(line("origin").is_some_and(|origin| origin.ends_with("private")));
        if !subject.is_sim() {
            assert_eq!(image["Config"]["Labels"]["who"], "ann");
            assert_eq!(image["Config"]["Labels"]["tier"], "db");
            // What has not changed is there already.
            std::fs::write(dir.join("left"), "y").unwrap();
            let again = built(&desk, &subject, build).await;
            assert!(again.result.is_ok(), "{:?}", again.result);
            assert!(again.has_line("CACHED"), "{builder:?}: {:?}", again.lines());
        }
        remove(&subject, &tag).await;
    }
}

pub async fn a_step_that_fails_is_told_with_its_line(subject: Subject) {
    let desk = desk(&subject).await;
    for builder in builders(&subject) {
        let dir = directory(&format!(
            "FROM {}\n\n# one\nRUN echo before\nRUN echo this-is-wrong && \\\n    exit 3\n",
            subject.image
        ));
        let build = Build {
            builder,
            ..build_of(&dir, &tag("bad"))
        };
        let failed = built(&desk, &subject, build).await;
        let why = failed.result.clone().unwrap_err();
        assert!(
            why.contains("Dockerfile, line 5: RUN echo this-is-wrong"),
            "{builder:?}: {why}\n{:?}",
            failed.lines()
        );
        assert!(why.contains('3'), "{why}");
        assert!(failed.has_line("this-is-wrong"), "{:?}", failed.lines());
    }
}

pub async fn a_secret_is_read_and_stands_nowhere(subject: Subject) {
    let desk = desk(&subject).await;
    let dir = directory(&format!(
        "FROM {}\nRUN --mount=type=secret,id=key cat /run/secrets/key && test \"$(cat /run/secrets/key)\" = {}\n",
        subject.image,
        SECRET.replace("more", "m''ore"),
    ));
    let secret = BuildSecret {
        id: "key".into(),
        from: SecretSource::Variable("T_SECRET".into()),
    };
    let build = Build {
        secrets: vec![secret],
        no_cache: true,
        ..build_of(&dir, &tag("secret"))
    };
    let classic = Build {
        builder: Some(Builder::Classic),
        ..build.clone()
    };
    let done = built(&desk, &subject, build.clone()).await;
    assert!(done.result.is_ok(), "{:?} {:?}", done.result, done.lines());
    let all = format!(
        "{:?} {:?} {:?}",
        done.said,
        done.result,
        step(&subject, build)
    );
    assert!(!all.contains(SECRET), "{all}");
    assert!(done.has_line("****"), "what printed it is masked: {all}");
    let refused = built(&desk, &subject, classic).await.result.unwrap_err();
    assert!(
        refused.contains("only BuildKit can be given secrets"),
        "{refused}"
    );
}

pub async fn only_what_changed_is_sent_again(subject: Subject) {
    let desk = desk(&subject).await;
    let dir = directory(&format!("FROM {}\nCOPY . /src/\n", subject.image));
    std::fs::write(dir.join("big"), vec![7; 5_000_000]).unwrap();
    std::fs::write(dir.join("small"), "one").unwrap();
    let build = Build {
        builder: Some(Builder::Buildkit),
        ..build_of(&dir, &tag("changed"))
    };
    let sent = |built: &Built| {
        let amounts = built.said.iter().filter_map(|said| match said {
            Said::Amount(amount) if &*amount.what == "sending" => amount.total,
            _ => None,
        });
        amounts.max().unwrap_or(0)
    };
    let first = built(&desk, &subject, build.clone()).await;
    assert!(first.result.is_ok(), "{:?}", first.result);
    assert!(sent(&first) >= 5_000_000, "{:?}", first.said);
    std::fs::write(dir.join("small"), "three").unwrap();
    let second = built(&desk, &subject, build).await;
    assert!(second.result.is_ok(), "{:?}", second.result);
    assert!(sent(&second) < 100_000, "{:?}", second.said);
}

pub async fn who_lets_go_of_a_build_ends_it(subject: Subject) {
    let desk = desk(&subject).await;
    for (nth, builder) in builders(&subject).into_iter().enumerate() {
        let number = 90_000_000 + u64::from(std::process::id()) * 10 + nth as u64;
        let dir = directory(&format!("FROM {}\nRUN sleep {number}\n", subject.image));
        let build = Build {
            builder,
            no_cache: true,
            ..build_of(&dir, &tag("gone"))
        };
        let step = step(&subject, build);
        let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let say = move |one: Said| drop(said.send(one));
        {
            let mut act = std::pin::pin!(desk.engines.act(&step, &say));
            let begun = tokio::time::timeout(PATIENCE, async {
                loop {
                    tokio::select! {
                        ended = &mut act => panic!("it ended by itself: {ended:?}"),
                        () = tokio::time::sleep(Duration::from_millis(50)) => {}
                    }
                    if runs(number) {
                        break;
                    }
                }
            });
            if begun.await.is_err() {
                let mut lines = Vec::new();
                while let Ok(one) = heard.try_recv() {
                    lines.push(one);
                }
                panic!("{builder:?}: it never began: {lines:?}");
            }
        }
        let until = Instant::now() + PATIENCE;
        while runs(number) {
            assert!(Instant::now() < until, "{builder:?}: it still runs");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether a `sleep` of that number runs on this machine, in whichever container.
fn runs(number: u64) -> bool {
    let wanted = number.to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read(process.path().join("cmdline")).ok())
        .any(|line| {
            let mut words = line.split(|byte| *byte == 0);
            words.next() == Some(b"sleep") && words.next() == Some(wanted.as_bytes())
        })
}

pub async fn an_image_that_cannot_be_had_is_told_at_once(subject: Subject) {
    let desk = desk(&subject).await;
    for builder in builders(&subject) {
        let dir = directory("FROM registry.nowhere.example:5000/base:9\n");
        let build = Build {
            builder,
            ..build_of(&dir, &tag("none"))
        };
        let start = Instant::now();
        let why = built(&desk, &subject, build).await.result.unwrap_err();
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        for part in [
            "registry.nowhere.example:5000/base:9 is not there",
            "does not reach registry.nowhere.example:5000",
            "image copy registry.nowhere.example:5000/base:9 --to @",
        ] {
            assert!(why.contains(part), "{builder:?}: {why}");
        }
    }
}

pub async fn a_repository_is_built_at_a_commit(subject: Subject) {
    let desk = desk(&subject).await;
    let repository = scratch();
    let git = |words: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        let mut git = Command::new("git");
        let done = git
            .arg("-C")
            .arg(&repository)
            .args(identity)
            .args(words)
            .output();
        let done = done.unwrap();
        assert!(done.status.success(), "{words:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q"]);
    std::fs::create_dir(repository.join("web")).unwrap();
    let dockerfile = format!("FROM {}\nCOPY index /index\n", subject.image);
    std::fs::write(repository.join("web/Dockerfile"), dockerfile).unwrap();
    std::fs::write(repository.join("web/index"), "first").unwrap();
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    let commit = git(&["rev-parse", "HEAD"]);
    std::fs::write(repository.join("web/Dockerfile"), "FROM scratch\nRUN no\n").unwrap();
    git(&["commit", "-qam", "second"]);
    let tag = tag("git");
    let build = Build {
        source: format!("{}#{commit}:web", repository.display())
            .parse()
            .unwrap(),
        ..build_of(&repository, &tag)
    };
    let done = built(&desk, &subject, build).await;
    assert!(done.result.is_ok(), "{:?} {:?}", done.result, done.lines());
    assert!(
        done.has_line(&format!("is at {commit}")),
        "{:?}",
        done.lines()
    );
    remove(&subject, &tag).await;
}
