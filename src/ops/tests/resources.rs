//! Images, networks and volumes are named, chosen and planned for.

use super::{fleet, sentence};
use crate::{
    model::{Action, HostName, ImageAction, Resource, Subject},
    ops::{RefusalKind, Target},
};

fn targets(line: &str) -> Vec<String> {
    sentence(line).plan(&fleet(), &[]).unwrap().targets
}

fn refused(line: &str) -> (RefusalKind, String) {
    let refusal = sentence(line).plan(&fleet(), &[]).unwrap_err();
    (refusal.kind, refusal.to_string())
}

#[test]
fn images_are_named_by_tag_repository_and_id() {
    assert_eq!(targets("image remove shop:1@ams-1"), ["shop:1@ams-1"]);
    assert_eq!(
        targets("image remove shop@ams-1").len(),
        1,
        "latest is meant"
    );
    let long = "registry.example.org:5000/pay/api:2.0";
    assert_eq!(
        targets(&format!("image remove {long}@ams-*")),
        [format!("{long}@ams-1"), format!("{long}@ams-2")]
    );
    assert_eq!(targets("image remove cccc@fra-1"), ["cccccccccccc@fra-1"]);
    assert_eq!(targets("image remove sha256:cccc").len(), 1);
}

#[test]
fn a_name_takes_only_itself_off_and_an_id_the_image() {
    let plan = sentence("image remove shop:latest@ams-1")
        .plan(&fleet(), &[])
        .unwrap();
    let Subject::Resource { kind, id, name } = &plan.steps[0].subject else {
        panic!("{plan:?}");
    };
    assert_eq!((*kind, &**name), (Resource::Image, "shop:latest"));
    assert!(id.starts_with("sha256:aaaa"));
    let action = Action::Image(ImageAction::Remove {
        only: Some("shop:latest".into()),
        force: false,
    });
    assert_eq!(plan.steps[0].action, action);
    assert_eq!(plan.sentence, "image remove shop:latest@ams-1");
    assert!(
        plan.docker[0].ends_with("image rm shop:latest"),
        "{:?}",
        plan.docker
    );
}

#[test]
fn networks_of_one_name_are_told_apart_by_their_ids() {
    assert_eq!(
        targets("network remove back@fra-1"),
        ["2222bbbb@fra-1", "3333cccc@fra-1"]
    );
    assert_eq!(targets("network remove app:shop@ams-1"), ["back@ams-1"]);
    let (kind, text) = refused("network remove bridge@ams-1");
    assert_eq!(kind, RefusalKind::State);
    assert!(text.contains("belongs to the engine itself"), "{text}");
}

#[test]
fn a_name_without_a_host_has_to_be_one_hosts() {
    let (kind, text) = refused("volume remove data");
    assert_eq!(kind, RefusalKind::Ambiguous);
    assert!(
        text.contains("data@ams-1, data@ams-2, data@fra-1"),
        "{text}"
    );
    assert!(text.contains("say data@* for all"), "{text}");
    assert_eq!(targets("volume remove app:shop@*").len(), 3);
}

#[test]
fn what_is_not_there_is_said_with_the_nearest() {
    let (kind, text) = refused("volume remove date@ams-1");
    assert_eq!(kind, RefusalKind::Unknown);
    assert!(text.contains("did you mean data?"), "{text}");
    let (kind, text) = refused("image remove shop@off-1");
    assert_eq!(kind, RefusalKind::Offline);
    assert!(text.contains("the images of off-1 are not known"), "{text}");
    let (kind, text) = refused("volume remove");
    assert_eq!(kind, RefusalKind::Nothing);
    assert!(text.contains("volume remove data@ams-1"), "{text}");
}

#[test]
fn a_selection_has_to_be_of_the_kind() {
    let volume = Target::Resource(Resource::Volume, HostName::new("ams-1"), "data".into());
    let plan = sentence("volume remove").plan(&fleet(), std::slice::from_ref(&volume));
    assert_eq!(plan.unwrap().targets, ["data@ams-1"]);
    let refusal = sentence("network remove")
        .plan(&fleet(), &[volume])
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Kind);
    assert!(
        refusal.to_string().contains("data@ams-1 is a volume"),
        "{refusal}"
    );
}

#[test]
fn images_are_copied_from_wherever_they_are_to_where_they_lack() {
    let mut fleet = fleet();
    let name = HostName::new("dev-1");
    fleet.apply(crate::model::Event::Images(name, Vec::new()));
    let plan = |line: &str| sentence(line).plan(&fleet, &[]);
    let copied = plan("image copy shop:1 --to dev-1 --to ams-1 --limit 10M").unwrap();
    assert_eq!(copied.targets, ["shop:1@dev-1"]);
    assert_eq!(copied.left_out[0].refusal.why, "@ams-1 has shop:1 already");
    assert_eq!(copied.title, "Copy shop:1 to dev-1");
    assert_eq!(
        copied.sentence,
        "image copy shop:1 --to @dev-1 --to @ams-1 --limit 10.0M"
    );
    assert_eq!(
        sentence(&copied.sentence),
        sentence("image copy shop:1 --to dev-1 --to ams-1 --limit 10M")
    );
    assert!(
        copied.docker[0].contains(" save shop:1 | docker -H tcp://10.0.0.9:2375 load"),
        "{:?}",
        copied.docker
    );
    let Action::Image(ImageAction::Copy { tags, limit, .. }) = &copied.steps[0].action else {
        panic!("{copied:?}");
    };
    assert_eq!((tags.len(), *limit), (1, Some(10 << 20)));
    let read_only = plan("image copy shop:1 --to ro-1").unwrap_err();
    assert_eq!(read_only.kind, RefusalKind::ReadOnly);
}

#[test]
fn one_name_for_two_images_has_to_be_told_apart() {
    let mut fleet = fleet();
    let other = crate::model::Image {
        id: format!("sha256:{}", "d".repeat(64)).into(),
        tags: vec!["shop:1".into()],
        ..Default::default()
    };
    let name = HostName::new("dev-1");
    fleet.apply(crate::model::Event::Images(name, vec![other]));
    let plan = |line: &str| sentence(line).plan(&fleet, &[]);
    let refusal = plan("image bundle shop:1 --to x.tar").unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Ambiguous);
    assert!(
        refusal
            .to_string()
            .contains("shop:1 is one image on ams-1 and another one on dev-1"),
        "{refusal}"
    );
    let moved = plan("image copy shop:1@ams-1 --to dev-1").unwrap();
    assert_eq!(
        moved.loses,
        ["@dev-1: shop:1 names another image there now (dddddddddddd)"]
    );
    assert_eq!(moved.confirm, crate::ops::Confirm::Ask);
}

#[test]
fn what_is_used_or_has_several_names_is_not_removed_unasked() {
    let whole = Target::Resource(
        Resource::Image,
        HostName::new("ams-1"),
        format!("sha256:{}", "a".repeat(64)).into(),
    );
    let remove = |line: &str| sentence(line).plan(&fleet(), std::slice::from_ref(&whole));
    let refusal = remove("image remove").unwrap_err();
    assert!(
        refusal.why.contains("has 2 names: shop:1, shop:latest"),
        "{refusal}"
    );
    let plan = remove("image remove --force").unwrap();
    let only_all = ImageAction::Remove {
        only: None,
        force: true,
    };
    assert_eq!(plan.steps[0].action, Action::Image(only_all));
    let plan = remove("image remove shop:1@ams-1").unwrap();
    assert_eq!(
        plan.loses,
        ["the name shop:1; the image stays, as shop:latest"]
    );
}
