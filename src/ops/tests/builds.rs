//! Builds are said, planned and written down without their secrets.

use super::{fleet, sentence};
use crate::{
    model::{Action, BuildSource, Builder, ImageAction, Subject},
    ops::Confirm,
};

const LINE: &str = "image build https://ann:s3cret@git.example.org/shop.git#v1:web --on @ams-1 --on @ams-2 \
    --tag shop:9 --tag shop:latest --file ci/Dockerfile --build-arg V=1 --build-arg NPM_TOKEN=s3cret \
    --secret id=npm,env=NPM --target web --label a=b --platform linux/amd64 --no-cache --pull --builder buildkit";

#[test]
fn a_build_is_a_step_on_each_host() {
    let plan = sentence(LINE).plan(&fleet(), &[]).unwrap();
    assert_eq!(plan.targets, ["shop:9@ams-1", "shop:9@ams-2"]);
    assert_eq!(plan.steps.len(), 2);
    let Action::Image(ImageAction::Build(build)) = &plan.steps[0].action else {
        panic!("{plan:?}");
    };
    assert_eq!(build.builder, Some(Builder::Buildkit));
    assert_eq!(&*build.args[1].value, "s3cret", "the builder needs it");
    assert!(matches!(&build.source, BuildSource::Git { .. }));
    let title = "Build shop:9 from https://ann:****@git.example.org/shop.git#v1:web on 2 hosts";
    assert_eq!(plan.title, title);
}

#[test]
fn no_secret_of_a_build_is_written_anywhere() {
    let plan = sentence(LINE).plan(&fleet(), &[]).unwrap();
    let shown = format!("{plan:?} {}", serde_json::to_string(&plan).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
    for kept in ["V=1", "NPM_TOKEN=****", "id=npm,env=NPM", "ann:****@git"] {
        assert!(plan.sentence.contains(kept), "{}", plan.sentence);
    }
    assert!(
        plan.docker[0].contains("build -t shop:9 -t shop:latest -f ci/Dockerfile --build-arg V=1"),
        "{}",
        plan.docker[0]
    );
}

#[test]
fn a_name_that_another_image_loses_is_asked_about() {
    let plan = sentence("image build . --on @ams-1 --tag shop:1");
    let plan = plan.plan(&fleet(), &[]).unwrap();
    assert_eq!(plan.confirm, Confirm::Ask);
    assert!(plan.loses[0].contains("shop:1 names another image there now"));
    let fresh = sentence("image build . --on @ams-1 --tag new:1");
    assert_eq!(fresh.plan(&fleet(), &[]).unwrap().confirm, Confirm::No);
    let nameless = sentence("image build . --on @ams-1")
        .plan(&fleet(), &[])
        .unwrap();
    assert_eq!(nameless.targets, ["@ams-1"]);
    assert!(matches!(nameless.steps[0].subject, Subject::Host));
}

#[test]
fn what_is_no_build_is_refused_with_what_to_write() {
    for (line, why) in [
        ("image build .", "--on"),
        (
            "image build . --on @ams-1 --secret s3cret",
            "id=NAME,src=FILE",
        ),
        ("image build . --on @ams-1 --build-arg V", "NAME=VALUE"),
        (
            "image build . --on @ams-1 --builder podman",
            "buildkit or classic",
        ),
        ("image build s3://x --on @ams-1", "no repository"),
        (
            "image build . --on @ams-1 --tag Bad",
            "no name for an image",
        ),
    ] {
        let error = crate::ops::Sentence::parse(line).unwrap_err().to_string();
        assert!(error.contains(why), "{line}: {error}");
    }
}
