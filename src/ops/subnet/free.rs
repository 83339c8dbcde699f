//! Which block of addresses is free over the whole fleet.

use crate::{
    model::{Fleet, SiteRange, Subnet},
    ops::{
        plan::{Refusal, RefusalKind},
        sentence::FreeArgs,
    },
};

/// Where blocks are dealt from when nobody says, the one first that engines take nothing from by themselves (RFC 1918,
/// and RFC 4193 for IPv6).
const PRIVATE: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"];

/// Deals blocks of addresses that no network of the fleet has, and no range of the site, and that it did not deal.
#[derive(Clone, Debug)]
pub struct Dealer {
    ranges: Vec<Subnet>,
    prefix: u8,
    taken: Vec<Subnet>,
}

impl Dealer {
    /// A dealer of blocks of that prefix length, out of a range by its name in the configuration or in CIDR form; else
    /// out of those that the configuration has for that, else out of the private ones.
    pub fn new(fleet: &Fleet, prefix: u8, range: Option<&str>) -> Result<Self, Refusal> {
        let ranges: Vec<Subnet> = match range {
            Some(text) => vec![named(fleet, text)?],
            None => usual(fleet, prefix),
        };
        if let [only] = ranges.as_slice()
            && prefix < only.prefix()
        {
            return Err(Refusal::new(
                RefusalKind::Sentence,
                format!("a /{prefix} is larger than {only}"),
                "name a smaller block or a larger range",
            ));
        }
        let networks = fleet
            .hosts()
            .iter()
            .flat_map(|host| host.networks.iter().flatten());
        let subnets = networks.flat_map(|one| one.subnets.iter().map(|pool| pool.subnet));
        let mut taken: Vec<Subnet> = subnets.collect();
        // A range that blocks are dealt from does not stand in its own way.
        let site = fleet.site_ranges.iter().filter(|one| !one.deal);
        let apart = site.filter(|one| !ranges.iter().any(|range| one.cidr.contains(*range)));
        taken.extend(apart.map(|one| one.cidr));
        Ok(Self {
            ranges,
            prefix,
            taken,
        })
    }

    /// The next free block.
    pub fn deal(&mut self) -> Result<Subnet, Refusal> {
        let ranges = self.ranges.iter();
        let found = ranges
            .copied()
            .find_map(|range| range.next_free(self.prefix, &self.taken));
        match found {
            Some(block) => {
                self.taken.push(block);
                Ok(block)
            }
            None => Err(self.nothing()),
        }
    }

    fn nothing(&self) -> Refusal {
        let ranges: Vec<String> = self.ranges.iter().map(ToString::to_string).collect();
        Refusal::new(
            RefusalKind::State,
            format!("no /{} is free in {}", self.prefix, ranges.join(", ")),
            "name a smaller block, or another range with --in",
        )
    }
}

/// The free blocks that a sentence asks for.
pub fn free(fleet: &Fleet, args: &FreeArgs) -> Result<Vec<String>, Refusal> {
    let mut dealer = Dealer::new(fleet, args.size.0, args.range.as_deref())?;
    let blocks = (0..args.number).map(|_| dealer.deal());
    blocks
        .map(|block| block.map(|one| one.to_string()))
        .collect()
}

/// The range of the site of that name.
pub fn site_range<'f>(fleet: &'f Fleet, name: &str) -> Option<&'f SiteRange> {
    fleet.site_ranges.iter().find(|range| *range.name == *name)
}

fn named(fleet: &Fleet, text: &str) -> Result<Subnet, Refusal> {
    if let Some(range) = site_range(fleet, text) {
        return Ok(range.cidr);
    }
    text.parse().map_err(|_| {
        let names: Vec<&str> = fleet.site_ranges.iter().map(|one| &*one.name).collect();
        let known = if names.is_empty() {
            "the configuration names no [[site_range]]".to_owned()
        } else {
            format!("the configuration has {}", names.join(", "))
        };
        Refusal::new(
            RefusalKind::Unknown,
            format!("'{text}' is no range"),
            format!("write one as 10.20.0.0/16; {known}"),
        )
    })
}

/// Where to deal from when nobody says. Blocks longer than an IPv4 address can only be of IPv6.
fn usual(fleet: &Fleet, prefix: u8) -> Vec<Subnet> {
    let is_ipv6 = prefix > 32;
    let fits = |one: &Subnet| one.is_ipv6() == is_ipv6 && one.prefix() <= prefix;
    let own = fleet.site_ranges.iter().filter(|one| one.deal);
    let own: Vec<Subnet> = own.map(|one| one.cidr).filter(fits).collect();
    if !own.is_empty() {
        return own;
    }
    let private = PRIVATE.iter().filter_map(|text| text.parse().ok());
    private.filter(fits).collect()
}
