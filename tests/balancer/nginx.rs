//! Debian's nginx: its file is changed and taken by new workers, or is as it was.

use std::{fs, path::Path};

use wharf::{
    clients::{ErrorKind, balancer::Balancer, nginx::Nginx},
    model::{Admin, Share},
};

use super::{
    Reached,
    app::{App, Load, ask, failed, from},
    name,
    web::Web,
};

/// The nginx, reached as the program reaches it.
fn reach(web: &Web) -> (Reached, Nginx) {
    let reached = Reached::of(web.spec());
    match reached.all.open("web").unwrap() {
        Balancer::Nginx(one) => (reached, one),
        other @ Balancer::Haproxy(_) => panic!("{other:?}"),
    }
}

/// Brings a server into traffic as a deploy would.
async fn bring(nginx: &Nginx, upstream: &str, app: &App) -> wharf::model::Slot {
    let slot = nginx.enter(upstream, app.address).await.unwrap();
    assert_eq!(slot.admin, Admin::Drain);
    nginx.admit(&slot).await.unwrap();
    nginx.slot(&slot.name).await.unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_come_and_go_under_load_and_a_share_is_what_was_asked_for() {
    let web = Web::start();
    let (_reached, nginx) = reach(&web);
    let (one, two, three) = (
        App::start("one", true).await,
        App::start("two", true).await,
        App::start("three", true).await,
    );
    let first = bring(&nginx, "shop_stable", &one).await;
    assert!(first.is_serving());
    let load = Load::start(&web.path("front.sock"), 4);
    let second = bring(&nginx, "shop_stable", &two).await;
    nginx.drain(&first.name).await.unwrap();
    // Only new workers took it when it came back: nothing more comes to it.
    let hits = one.hits();
    let answers = ask(&web.path("front.sock"), 200, "Connection: close\r\n").await;
    assert_eq!((from(&answers, "two"), one.busy()), (200, 0));
    assert!(one.hits() <= hits + 4, "{hits} {}", one.hits());
    nginx.retire(&first.name).await.unwrap();
    assert_eq!(nginx.backend("shop_stable").await.unwrap().slots.len(), 1);

    // What nobody serves gets no share.
    let refused = nginx
        .set_share("shop", Share::new(20).unwrap())
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Refused);
    assert!(refused.why.contains("it would answer 502"), "{refused}");
    bring(&nginx, "shop_canary", &three).await;
    nginx
        .set_share("shop", Share::new(20).unwrap())
        .await
        .unwrap();
    let answers = ask(&web.path("front.sock"), 3000, "Connection: close\r\n").await;
    let canary = from(&answers, "three");
    assert!(
        (500..700).contains(&canary),
        "{canary} of 3000: {answers:?}"
    );
    let answers = ask(
        &web.path("front.sock"),
        20,
        "X-Canary: 1\r\nConnection: close\r\n",
    )
    .await;
    assert_eq!(from(&answers, "three"), 20);
    nginx.set_share("shop", Share::NONE).await.unwrap();
    let answers = ask(&web.path("front.sock"), 200, "Connection: close\r\n").await;
    assert_eq!(from(&answers, "two"), 200, "{answers:?}");
    nginx.weight(&second.name, 3).await.unwrap();
    assert!(
        text(&web.path("conf/wharf.conf")).contains(&format!("server {} weight=3;", two.address))
    );

    let answers = load.stop().await;
    eprintln!("{answers:?}");
    assert!(answers.values().sum::<u64>() > 300);
    assert_eq!(failed(&answers), 0, "{answers:?}");
    // Nothing is left beside the file.
    let mut names = fs::read_dir(web.path("conf")).unwrap();
    assert!(names.all(|entry| entry.unwrap().file_name() == "wharf.conf"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nginx_refuses_or_cannot_reach_changes_nothing() {
    let web = Web::start();
    let (_reached, nginx) = reach(&web);
    let app = App::start("one", true).await;
    let file = web.path("conf/wharf.conf");
    // Nobody listens there: it is entered, and not let in.
    let slot = nginx
        .enter("shop_stable", "127.0.0.1:9".parse().unwrap())
        .await
        .unwrap();
    let refused = nginx.admit(&slot).await.unwrap_err();
    assert!(refused.why.contains("L4CON"), "{refused}");
    nginx.retire(&slot.name).await.unwrap();
    // Somebody broke the configuration beside ours: no change of ours is taken, and the file is as it was.
    let before = text(&file);
    fs::write(web.path("conf/other.conf"), "upstream broken {\n").unwrap();
    let refused = nginx.enter("shop_stable", app.address).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Refused);
    assert!(refused.why.contains("its check refuses it"), "{refused}");
    assert_eq!(text(&file), before);
    let found = nginx.check().await;
    assert!(
        found
            .iter()
            .any(|one| one.what == "configuration" && one.mark == wharf::model::Mark::Failed),
        "{found:?}"
    );
    fs::remove_file(web.path("conf/other.conf")).unwrap();
    let slot = bring(&nginx, "shop_stable", &app).await;
    // Killed between the file and its reload: whoever looks next finishes that.
    fs::rename(&file, web.path("conf/.wharf.conf.wharf-old")).unwrap();
    fs::copy(web.path("conf/.wharf.conf.wharf-old"), &file).unwrap();
    assert!(nginx.slot(&slot.name).await.unwrap().is_serving());
    assert!(!web.path("conf/.wharf.conf.wharf-old").exists());
    let found = nginx.check().await;
    assert!(
        found.iter().all(|one| one.mark == wharf::model::Mark::Ok),
        "{found:?}"
    );
    let missing = nginx.enter("pay", app.address).await.unwrap_err();
    assert!(
        missing
            .to_string()
            .contains("it has shop_stable, shop_canary"),
        "{missing}"
    );
    let nothing = nginx
        .weight(&name("shop_stable/10.0.0.1:80"), 2)
        .await
        .unwrap_err();
    assert_eq!(nothing.kind, ErrorKind::Missing);
}
