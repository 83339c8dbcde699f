//! The map of addresses: ranges and subnets in order, what lies in what by indentation, and what is free between.

use std::{collections::BTreeMap, sync::Arc};

use ratatui::{Frame, layout::Rect};

use super::Key;
use crate::{
    model::{SiteRange, Span, Subnet, gaps},
    ops::column::{SubnetRow, count, fill, finding_glyph, finding_tone},
    ui::{
        list::List,
        look::Look,
        nav::Nav,
        pane::table::counted,
        scroll,
        widget::line::{Ink, Line},
    },
};

/// Where the columns stand, in cells from the left.
const NAME: usize = 36;
const HOSTS: usize = 60;
const SIZE: usize = 78;
const FOUND: usize = 98;

/// On screens narrower than this the columns move together.
const NARROW: u16 = 110;

/// Blocks that everybody may use (RFC 1918, RFC 4193): the frame of the map.
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// A row of the map: what it is, told apart by its addresses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A block that everybody may use.
    Private(Subnet),
    /// A range of the site.
    Range(Subnet, Arc<str>),
    /// Networks with these addresses.
    Networks(Subnet),
    /// Nothing is there.
    Gap(Span),
}

impl Place {
    fn subnet(&self) -> Option<Subnet> {
        match self {
            Self::Private(subnet) | Self::Range(subnet, _) | Self::Networks(subnet) => {
                Some(*subnet)
            }
            Self::Gap(_) => None,
        }
    }

    /// A block stands before what lies in it: everybody's, then the site's, then a network's.
    fn rank(&self) -> u8 {
        match self {
            Self::Private(_) => 0,
            Self::Range(..) => 1,
            Self::Networks(_) => 2,
            Self::Gap(_) => 3,
        }
    }
}

/// The rows of the map.
#[derive(Default)]
pub struct Map {
    list: List<Place>,
    depths: BTreeMap<Place, usize>,
    /// Which networks have these addresses.
    networks: BTreeMap<Subnet, Vec<Key>>,
}

impl Map {
    /// Puts blocks and ranges in order. What is free is told only where nothing is left out.
    pub fn arrange(
        &mut self,
        blocks: impl Iterator<Item = (Subnet, Key)>,
        ranges: &[SiteRange],
        is_whole: bool,
    ) {
        self.networks.clear();
        for (subnet, key) in blocks {
            self.networks.entry(subnet).or_default().push(key);
        }
        let mut places: Vec<Place> = self.networks.keys().copied().map(Place::Networks).collect();
        let shown = |range: &&SiteRange| {
            is_whole || self.networks.keys().any(|one| range.cidr.overlaps(*one))
        };
        places.extend(
            ranges
                .iter()
                .filter(shown)
                .map(|range| Place::Range(range.cidr, range.name.clone())),
        );
        for private in PRIVATE
            .iter()
            .filter_map(|text| text.parse::<Subnet>().ok())
        {
            let is_in = |place: &Place| place.subnet().is_some_and(|one| private.contains(one));
            let is_said = |place: &Place| place.subnet() == Some(private);
            if places.iter().any(is_in) && !places.iter().any(is_said) {
                places.push(Place::Private(private));
            }
        }
        places.sort_by(|a, b| (a.subnet(), a.rank(), a).cmp(&(b.subnet(), b.rank(), b)));
        let mut rows = Vec::new();
        let mut at = 0;
        while at < places.len() {
            at = nested(&places, at, 0, is_whole, &mut rows);
        }
        self.depths = rows.iter().cloned().collect();
        self.list
            .settle(rows.into_iter().map(|(place, _)| place).collect());
        let networks = &self.networks;
        self.list.retain_marks(|place| match place {
            Place::Networks(subnet) => networks.contains_key(subnet),
            Place::Private(_) | Place::Range(..) | Place::Gap(_) => false,
        });
    }

    /// Takes the moves of a list; false when the move is none of them.
    pub fn nav(&mut self, nav: &Nav) -> bool {
        self.list.nav(nav)
    }

    pub fn set_height(&mut self, height: usize) {
        self.list.set_height(height);
    }

    pub fn is_empty(&self) -> bool {
        self.list.order().is_empty()
    }

    /// The first network with the addresses under the cursor.
    pub fn current(&self) -> Option<&Key> {
        match self.list.current()? {
            Place::Networks(subnet) => self.networks.get(subnet)?.first(),
            Place::Private(_) | Place::Range(..) | Place::Gap(_) => None,
        }
    }

    /// All networks with the addresses that are marked, or under the cursor.
    pub fn selection(&self) -> Vec<Key> {
        let places = self.list.selection().into_iter();
        let subnets = places.filter_map(|place| match place {
            Place::Networks(subnet) => self.networks.get(&subnet),
            Place::Private(_) | Place::Range(..) | Place::Gap(_) => None,
        });
        subnets.flatten().cloned().collect()
    }

    /// The addresses under the cursor.
    pub fn text(&self) -> Option<String> {
        Some(match self.list.current()? {
            Place::Gap(span) => format!("{}-{}", span.first, span.last),
            other => other.subnet()?.to_string(),
        })
    }

    /// How many subnets there are, and how many of them are marked.
    pub fn count(&self, total: usize, shown: usize) -> String {
        counted(shown, total, self.list.marked())
    }

    /// Draws the rows on the screen. `row` gives what is known of a network.
    pub fn view<'r>(
        &self,
        row: impl Fn(&Key) -> Option<SubnetRow<'r>>,
        look: &Look,
        frame: &mut Frame<'_>,
        area: Rect,
    ) {
        let places = Columns::of(area.width);
        let buffer = frame.buffer_mut();
        let inner = Rect {
            x: area.x + 1,
            width: area.width.saturating_sub(2),
            height: 1,
            ..area
        };
        places.titles().draw(look, buffer, inner);
        let current = self.list.current();
        for (y, place) in (area.y + 1..area.bottom()).zip(self.list.visible()) {
            let line = Rect { y, ..inner };
            let is_marked = self.list.is_marked(place);
            let over = (Some(place) == current).then_some(look.theme.cursor);
            if let Some(style) = over {
                buffer.set_style(
                    Rect {
                        y,
                        height: 1,
                        ..area
                    },
                    style,
                );
            }
            if is_marked {
                buffer.set_string(area.x, y, look.glyphs.mark, look.theme.marked);
            }
            let depth = self.depths.get(place).copied().unwrap_or(0);
            let drawn = self.line(place, depth, &places, &row, look);
            drawn.draw_over(over, look, buffer, line);
        }
        scroll::bar(
            self.list.offset(),
            self.list.order().len(),
            look,
            frame,
            area,
        );
    }

    /// One row.
    fn line<'r>(
        &self,
        place: &Place,
        depth: usize,
        at: &Columns,
        row: &impl Fn(&Key) -> Option<SubnetRow<'r>>,
        look: &Look,
    ) -> Line {
        let x = depth * 2;
        match place {
            Place::Private(subnet) => Line::new().at(x, &subnet.to_string(), Ink::FAINT).at(
                at.name,
                "private",
                Ink::FAINT,
            ),
            Place::Range(subnet, name) => Line::new()
                .at(x, &subnet.to_string(), Ink::Title)
                .at(at.name, &format!("site {name}"), Ink::Title)
                .at(at.size, &addresses(subnet.span().count()), Ink::FAINT),
            Place::Gap(span) => Line::new()
                .at(
                    x,
                    &format!("{} {}", look.glyphs.dot, span.first),
                    Ink::FAINT,
                )
                .at(at.name, "free", Ink::GOOD)
                .at(
                    at.hosts,
                    &format!("up to a /{}", span.largest_block()),
                    Ink::FAINT,
                )
                .at(at.size, &addresses(span.count()), Ink::FAINT),
            Place::Networks(subnet) => {
                let keys = self.networks.get(subnet).map_or(&[][..], Vec::as_slice);
                networks(x, *subnet, keys, at, row, look)
            }
        }
    }
}

/// Where the columns stand on a screen of that width.
struct Columns {
    name: usize,
    hosts: usize,
    size: usize,
    found: usize,
}

impl Columns {
    fn of(width: u16) -> Self {
        if width >= NARROW {
            return Self {
                name: NAME,
                hosts: HOSTS,
                size: SIZE,
                found: FOUND,
            };
        }
        Self {
            name: 24,
            hosts: 39,
            size: 52,
            found: 68,
        }
    }

    fn titles(&self) -> Line {
        Line::new()
            .at(0, "ADDRESSES", Ink::Label)
            .at(self.name, "NETWORK", Ink::Label)
            .at(self.hosts, "HOST", Ink::Label)
            .at(self.size, "USED", Ink::Label)
            .at(self.found, "FINDING", Ink::Label)
    }
}

fn addresses(number: u128) -> String {
    format!("{} addresses", count(number))
}

/// The row of networks that have the same addresses.
fn networks<'r>(
    x: usize,
    subnet: Subnet,
    keys: &[Key],
    at: &Columns,
    row: &impl Fn(&Key) -> Option<SubnetRow<'r>>,
    look: &Look,
) -> Line {
    let line = Line::new().at(x, &subnet.to_string(), Ink::PLAIN);
    let Some(first) = keys.first().and_then(row) else {
        return line;
    };
    let name = match keys.len() {
        1 => first.of.network.name.to_string(),
        several => {
            let same = keys
                .iter()
                .filter_map(row)
                .all(|one| one.of.network.name == first.of.network.name);
            if same {
                format!("{} ×{several}", first.of.network.name)
            } else {
                format!("{} +{}", first.of.network.name, several - 1)
            }
        }
    };
    let hosts = match keys.len() {
        1 => first.of.hosts(),
        several => format!("{several} hosts"),
    };
    // Of several networks the fullest is shown.
    let rows = keys.iter().filter_map(row);
    let used = rows.clone().filter_map(|one| one.used()).max();
    let mut line = line
        .at(at.name, &name, Ink::Tone(crate::ops::Tone::Accent))
        .at(at.hosts, &hosts, Ink::PLAIN);
    if let Some((used, all)) = used {
        line = line.at(at.size, &fill(used, all, look.glyphs.ascii), Ink::PLAIN);
    }
    let worst = rows
        .filter_map(|one| one.of.findings().next())
        .min_by_key(|one| one.kind);
    if let Some(worst) = worst {
        let glyph = finding_glyph(worst.kind, look.glyphs.ascii);
        let ink = Ink::Tone(finding_tone(worst.kind));
        line = line.at(at.found, &format!("{glyph} {}", worst.kind.word()), ink);
    }
    line
}

/// Puts a place and all that lies in it behind the rows; answers where the next one begins.
fn nested(
    places: &[Place],
    at: usize,
    depth: usize,
    is_whole: bool,
    rows: &mut Vec<(Place, usize)>,
) -> usize {
    let place = &places[at];
    rows.push((place.clone(), depth));
    let Some(around) = place.subnet() else {
        return at + 1;
    };
    let lies_in = |one: &Place| one.subnet().is_some_and(|subnet| around.contains(subnet));
    // What lies in it directly, each with where it begins and ends in the rows of its own.
    let mut children: Vec<(Subnet, Vec<(Place, usize)>)> = Vec::new();
    let mut next = at + 1;
    while next < places.len() && lies_in(&places[next]) {
        let mut own = Vec::new();
        let subnet = places[next].subnet();
        next = nested(places, next, depth + 1, is_whole, &mut own);
        if let Some(subnet) = subnet {
            children.push((subnet, own));
        }
    }
    // Who deals a network's own addresses is its engine.
    let tells_gaps = is_whole && !matches!(place, Place::Networks(_)) && !children.is_empty();
    let taken: Vec<Subnet> = children.iter().map(|(subnet, _)| *subnet).collect();
    let mut free = if tells_gaps {
        gaps(around, &taken)
    } else {
        Vec::new()
    }
    .into_iter()
    .peekable();
    for (subnet, own) in children {
        while let Some(gap) = free.next_if(|gap| gap.first < subnet.span().first) {
            rows.push((Place::Gap(gap), depth + 1));
        }
        rows.extend(own);
    }
    rows.extend(free.map(|gap| (Place::Gap(gap), depth + 1)));
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HostName;

    fn map(blocks: &[&str], ranges: &[(&str, &str)], is_whole: bool) -> Vec<String> {
        let mut map = Map::default();
        let ranges: Vec<SiteRange> = ranges
            .iter()
            .map(|(name, cidr)| SiteRange {
                name: Arc::from(*name),
                cidr: cidr.parse().expect("a range"),
                deal: false,
            })
            .collect();
        let blocks = blocks.iter().enumerate().map(|(at, text)| {
            let key = (HostName::new("ams-1"), Arc::from(format!("{at}")), 0);
            (text.parse().expect("a subnet"), key)
        });
        map.arrange(blocks, &ranges, is_whole);
        let told = |place: &Place| {
            let text = match place {
                Place::Private(subnet) => format!("private {subnet}"),
                Place::Range(subnet, name) => format!("{name} {subnet}"),
                Place::Networks(subnet) => format!("{subnet} ×{}", map.networks[subnet].len()),
                Place::Gap(span) => format!("free {span}"),
            };
            format!("{}{text}", "  ".repeat(map.depths[place]))
        };
        map.list.order().iter().map(told).collect()
    }

    #[test]
    fn what_lies_in_what_is_indented_and_gaps_are_told() {
        let rows = map(
            &[
                "10.20.1.0/24",
                "10.20.1.128/25",
                "172.17.0.0/16",
                "172.17.0.0/16",
                "203.0.113.0/24",
            ],
            &[("containers", "10.20.0.0/22"), ("office", "10.0.0.0/8")],
            true,
        );
        assert_eq!(
            rows,
            [
                "office 10.0.0.0/8",
                "  free 10.0.0.0 – 10.19.255.255",
                "  containers 10.20.0.0/22",
                "    free 10.20.0.0 – 10.20.0.255",
                "    10.20.1.0/24 ×1",
                "      10.20.1.128/25 ×1",
                "    free 10.20.2.0 – 10.20.3.255",
                "  free 10.20.4.0 – 10.255.255.255",
                "private 172.16.0.0/12",
                "  free 172.16.0.0 – 172.16.255.255",
                "  172.17.0.0/16 ×2",
                "  free 172.18.0.0 – 172.31.255.255",
                "203.0.113.0/24 ×1",
            ]
        );
    }

    #[test]
    fn of_a_part_no_gaps_and_no_other_ranges_are_told() {
        let ranges = [("office", "192.168.0.0/16"), ("lab", "10.20.0.0/16")];
        assert_eq!(
            map(&["10.20.1.0/24"], &ranges, false),
            [
                "private 10.0.0.0/8",
                "  lab 10.20.0.0/16",
                "    10.20.1.0/24 ×1"
            ]
        );
        assert!(map(&[], &[], true).is_empty());
    }
}
