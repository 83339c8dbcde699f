//! The images of the fleet on screens: what differs is seen, and acts are on what is under the cursor.

use std::sync::Arc;

use insta::assert_snapshot;

use super::*;
use crate::{
    model::{Event, Image},
    ui::pane::stage,
};

fn image(letter: char, tags: &[&str], used_by: u32) -> Image {
    Image {
        id: Arc::from(format!("sha256:{}", letter.to_string().repeat(64))),
        tags: tags.iter().map(|tag| Arc::from(*tag)).collect(),
        digests: Vec::new(),
        created: stage::before(900_000),
        size: 120 << 20,
        shared: None,
        used_by: Some(used_by),
    }
}

/// Three hosts; one name is two images, one image has no name.
fn fleet() -> Fleet {
    let mut fleet = stage::fleet();
    let names: Vec<_> = fleet
        .hosts()
        .iter()
        .map(|host| host.name().clone())
        .collect();
    for (at, name) in names.into_iter().enumerate() {
        let api = if at == 1 { 'b' } else { 'a' };
        let mut images = vec![
            image(api, &["registry.example.org/shop/api:1.42"], 2),
            image('c', &["nginx:1.25", "nginx:stable"], 0),
        ];
        if at == 0 {
            images.push(image('d', &[], 0));
        }
        fleet.apply(Event::Images(name, images));
    }
    fleet
}

fn screen(pane: &mut Images, columns: u16, rows: u16) -> String {
    stage::screen(pane, &fleet(), &stage::look(), columns, rows)
}

#[test]
fn one_name_that_is_two_images_is_seen() {
    assert_snapshot!("images_80x24", screen(&mut Images::default(), 80, 24));
    let mut pane = Images::default();
    stage::moves(&mut pane, &fleet(), (160, 40), &[Nav::Bottom]);
    assert_snapshot!("images_160x40", screen(&mut pane, 160, 40));
}

#[test]
fn a_terminal_without_utf_8_gets_ascii_only() {
    let text = stage::screen(&mut Images::default(), &fleet(), &stage::ascii(), 120, 40);
    assert!(text.replace('▶', " ").is_ascii(), "{text}");
}

#[test]
fn a_row_is_all_images_of_the_name_and_a_cell_is_one() {
    let fleet = fleet();
    let mut pane = Images::default();
    let texts = |pane: &Images| -> Vec<String> {
        let targets = pane.selection(&fleet);
        targets.iter().map(|target| target.text(&fleet)).collect()
    };
    stage::moves(&mut pane, &fleet, (160, 40), &[Nav::Bottom]);
    let hosts = fleet.hosts().len();
    assert_eq!(texts(&pane).len(), hosts);
    stage::moves(&mut pane, &fleet, (160, 40), &[Nav::Right, Nav::Right]);
    let second = fleet.hosts()[1].name();
    assert_eq!(
        texts(&pane),
        [format!("registry.example.org/shop/api:1.42@{second}")]
    );
    assert!(pane.back(), "the first step back leaves the column");
    assert_eq!(texts(&pane).len(), hosts);
    assert!(!pane.back());
}

#[test]
fn the_filter_is_that_of_the_table() {
    let mut pane = Images::default();
    let nginx = Nav::Filter {
        text: vec!["nginx".to_owned()],
    };
    stage::moves(&mut pane, &fleet(), (100, 30), &[nginx]);
    let matrix = screen(&mut pane, 100, 30);
    assert!(
        matrix.contains("nginx:stable") && !matrix.contains("shop/api"),
        "{matrix}"
    );
    stage::moves(&mut pane, &fleet(), (100, 30), &[Nav::Shape]);
    let table = screen(&mut pane, 100, 30);
    assert!(
        table.contains("nginx:1.25") && !table.contains("shop/api"),
        "{table}"
    );
    let none = Nav::Filter {
        text: vec!["zzz".to_owned()],
    };
    stage::moves(&mut pane, &fleet(), (100, 30), &[Nav::Shape, none]);
    let text = screen(&mut pane, 100, 30);
    assert!(text.contains("matches 'zzz'"), "{text}");
}
