//! What is known of the images of one name: which hosts have which, and who uses them.

use ratatui::{buffer::Buffer, layout::Rect};

use super::matrix::{Row, Variant, letter};
use crate::{
    model::{Fleet, HostName, Image, ago, bytes},
    ui::{
        look::Look,
        widget::{
            line::{self, Ink, Line, field, heading},
            place,
        },
    },
};

/// Cells of the names of values.
const LABELS: usize = 12;

/// So many hosts are named before the rest is counted.
const HOSTS: usize = 12;

/// How many rows it takes.
pub fn rows(row: &Row, fleet: &Fleet) -> u16 {
    let lines = lines(row, fleet, 80).len();
    u16::try_from(lines + 1).unwrap_or(u16::MAX)
}

/// Draws it.
pub fn draw(row: &Row, fleet: &Fleet, look: &Look, buffer: &mut Buffer, area: Rect) {
    let (title, body) = place::above(place::inset(area), 1);
    let cells = usize::from(body.width);
    let about = match row.variants.len() {
        1 => String::new(),
        several => format!("{several} images have this name"),
    };
    heading(&row.name, &about, cells).draw(look, buffer, title);
    line::draw(&lines(row, fleet, cells), look, buffer, body);
}

fn lines(row: &Row, fleet: &Fleet, cells: usize) -> Vec<Line> {
    let several = row.variants.len() > 1;
    let mut lines = Vec::new();
    for (at, variant) in row.variants.iter().enumerate() {
        let label = if several {
            format!("{} image", letter(at))
        } else {
            "image".to_owned()
        };
        let ink = if at == 0 { Ink::PLAIN } else { Ink::WARN };
        lines.extend(field(&label, &about(variant, fleet), ink, LABELS, cells));
        lines.extend(field("on", &hosts(variant), Ink::PLAIN, LABELS, cells));
    }
    if let Some(image) = found(&row.variants[0], fleet) {
        let origin = if image.is_private() {
            "private"
        } else {
            "public"
        };
        let own = image
            .unique()
            .map(|size| format!(", {} of it its own", bytes(size)));
        let digest = image.digests.first().map_or(
            "without a digest of a registry: it was built or loaded",
            |one| one,
        );
        lines.extend(field(
            "registry",
            &format!("{origin}{}, {digest}", own.unwrap_or_default()),
            Ink::FAINT,
            LABELS,
            cells,
        ));
        if image.tags.len() > 1 {
            lines.extend(field(
                "names",
                &image.tags.join(", "),
                Ink::FAINT,
                LABELS,
                cells,
            ));
        }
    }
    lines
}

fn about(variant: &Variant, fleet: &Fleet) -> String {
    let short = variant.id.strip_prefix("sha256:").unwrap_or(&variant.id);
    let short = short.get(..12).unwrap_or(short);
    let used = match variant.used_by {
        0 => "not used".to_owned(),
        1 => "used by 1 container".to_owned(),
        count => format!("used by {count} containers"),
    };
    format!(
        "{short}, {}, made {} ago, {used}",
        bytes(variant.size),
        ago(fleet.now, variant.created)
    )
}

fn hosts(variant: &Variant) -> String {
    let names: Vec<&str> = variant
        .hosts
        .iter()
        .take(HOSTS)
        .map(HostName::as_str)
        .collect();
    let more = variant.hosts.len().saturating_sub(HOSTS);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn found<'f>(variant: &Variant, fleet: &'f Fleet) -> Option<&'f Image> {
    let host = fleet.host(variant.hosts.first()?)?;
    host.images
        .iter()
        .flatten()
        .find(|one| one.id == variant.id)
}
