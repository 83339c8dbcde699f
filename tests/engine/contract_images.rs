//! What every engine promises of images: named, written into a file, brought back, removed.

use std::path::Path;

use wharf::model::{Action, BundledImage, ImageAction, Resource, Said, Step};

use crate::desk::Desk;
use crate::subject::{Subject, fresh, scratch};

/// The id of the subject's image, as the engine tells it.
async fn known(desk: &mut Desk, subject: &Subject, tag: &str) -> Option<String> {
    let host = subject.host();
    desk.resources(&host).await;
    let images = desk.fleet.host(&host)?.images.as_ref()?;
    let found = images
        .iter()
        .find(|image| image.tags.iter().any(|one| **one == *tag));
    found.map(|image| image.id.to_string())
}

/// Whether a name comes to mean that. A list that was under way when something was done may come first.
async fn means(desk: &mut Desk, subject: &Subject, tag: &str, wanted: Option<&str>) -> bool {
    for _ in 0..10 {
        if known(desk, subject, tag).await.as_deref() == wanted {
            return true;
        }
    }
    false
}

async fn act(
    desk: &Desk,
    subject: &Subject,
    id: &str,
    action: ImageAction,
) -> Result<String, String> {
    let step = Step {
        host: subject.host(),
        subject: wharf::model::Subject::Resource {
            kind: Resource::Image,
            id: id.into(),
            name: id.into(),
        },
        action: Action::Image(action),
    };
    let said = std::sync::Mutex::new(Vec::new());
    let say = |one: Said| said.lock().unwrap().push(one);
    let done = desk.engines.act(&step, &say).await;
    done.map_err(|error| error.to_string())
}

fn bundle(subject: &Subject, id: &str, tag: &str, to: &Path) -> ImageAction {
    ImageAction::Bundle {
        more: Vec::new(),
        images: vec![BundledImage {
            host: subject.host(),
            id: id.into(),
            tags: vec![tag.into()],
            size: 1 << 20,
        }],
        to: to.to_owned(),
        replace: false,
    }
}

pub async fn an_image_goes_into_a_file_and_comes_back(subject: Subject) {
    let mut desk = Desk::at(&subject).await;
    let image = subject.image.clone();
    let id = known(&mut desk, &subject, &image)
        .await
        .expect("it is in the list");
    let tag = format!("localhost/{}:1", fresh("image"));
    let tagged = act(
        &desk,
        &subject,
        &id,
        ImageAction::Tag {
            to: tag.as_str().into(),
        },
    )
    .await;
    assert_eq!(tagged.as_deref(), Ok(""));
    assert!(means(&mut desk, &subject, &tag, Some(&id)).await);

    let file = scratch().join("bundle.tar");
    let written = act(&desk, &subject, &id, bundle(&subject, &id, &tag, &file))
        .await
        .unwrap();
    assert!(written.starts_with("1 image, "), "{written}");
    let again = act(&desk, &subject, &id, bundle(&subject, &id, &tag, &file))
        .await
        .unwrap_err();
    assert!(again.contains("is there already"), "{again}");

    let only = Some(tag.as_str().into());
    let removed = act(
        &desk,
        &subject,
        &id,
        ImageAction::Remove { only, force: false },
    )
    .await;
    assert!(removed.unwrap().contains("the image stays"));
    assert!(means(&mut desk, &subject, &tag, None).await);

    let load = ImageAction::Load {
        only: None,
        file: file.clone(),
        limit: None,
    };
    let loaded = act(&desk, &subject, &id, load.clone()).await.unwrap();
    assert!(loaded.contains("nothing was to be sent"), "{loaded}");
    assert!(means(&mut desk, &subject, &tag, Some(&id)).await);

    std::fs::write(&file, "no archive").unwrap();
    let refused = act(&desk, &subject, &id, load).await.unwrap_err();
    assert!(refused.contains("bundle.tar"), "{refused}");
    let only = Some(tag.as_str().into());
    act(
        &desk,
        &subject,
        &id,
        ImageAction::Remove { only, force: false },
    )
    .await
    .unwrap();
}

pub async fn what_is_not_there_cannot_be_named(subject: Subject) {
    let desk = Desk::at(&subject).await;
    let none = format!("sha256:{}", "0".repeat(64));
    let tag = ImageAction::Tag { to: "x:1".into() };
    let refused = act(&desk, &subject, &none, tag).await.unwrap_err();
    assert!(
        refused.to_lowercase().contains("no such image") || refused.contains("not known"),
        "{refused}"
    );
}
