//! Arithmetic of subnets as plain values: what is used and free, contains, overlaps, what is the next free block.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A block of addresses in CIDR form, `10.20.0.0/24`. Bits behind the prefix are always zero, so that equal blocks are
/// equal. The order is by family, then by first address, then the larger block first: a block stands before all that
/// it contains.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet(IpNet);

/// Addresses from a first to a last one, of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first address.
    pub first: IpAddr,
    /// The last address.
    pub last: IpAddr,
}

/// A text that is no subnet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no subnet; write one as 10.20.0.0/24")]
pub struct SubnetError(String);

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let net: IpNet = text
            .trim()
            .parse()
            .map_err(|_| SubnetError(super::printable(text)))?;
        Ok(Self(net.trunc()))
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

impl fmt::Debug for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Ord for Subnet {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |one: &Self| (one.is_ipv6(), one.bounds().0, one.prefix());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Subnet {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Subnet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Subnet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Subnet {
    /// The block of that prefix length which an address lies in; none when there is no such length.
    pub fn around(address: IpAddr, prefix: u8) -> Option<Self> {
        let net = IpNet::new(address, prefix).ok()?;
        Some(Self(net.trunc()))
    }

    /// The length of its prefix in bits.
    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    /// Whether its addresses are of IPv6.
    pub fn is_ipv6(self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }

    /// From its first to its last address.
    pub fn span(self) -> Span {
        let last = match self.0 {
            IpNet::V4(net) => IpAddr::V4(net.broadcast()),
            IpNet::V6(net) => IpAddr::V6(net.broadcast()),
        };
        Span {
            first: self.0.network(),
            last,
        }
    }

    fn bounds(self) -> (u128, u128) {
        let span = self.span();
        (number(span.first), number(span.last))
    }

    /// Whether the address lies in it.
    pub fn holds(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether the other one lies in it as a whole; each contains itself.
    pub fn contains(self, other: Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether they have an address in common. Two blocks do only when one contains the other.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// How many addresses containers and gateway can have: of IPv4 all but the first and the last, which name the
    /// block and reach all in it (a /31 and a /32 have no such); of IPv6 all but the first.
    pub fn capacity(self) -> u128 {
        let (first, last) = self.bounds();
        let all = (last - first).saturating_add(1);
        match self.0 {
            IpNet::V4(net) if net.prefix_len() >= 31 => all,
            IpNet::V4(_) => all - 2,
            IpNet::V6(net) if net.prefix_len() >= 127 => all,
            IpNet::V6(_) => all - 1,
        }
    }

    /// The first block of that prefix length in it that overlaps none of the taken ones; none when there is no room.
    /// `taken` may be in any order, overlap, and lie elsewhere.
    pub fn next_free(self, prefix: u8, taken: &[Self]) -> Option<Self> {
        let bits = if self.is_ipv6() { 128 } else { 32 };
        if prefix < self.prefix() || prefix > bits {
            return None;
        }
        let step = 1_u128.checked_shl(u32::from(bits - prefix))?;
        let (_, end) = self.bounds();
        gaps(self, taken).into_iter().find_map(|gap| {
            // Rounded up to where such a block can begin.
            let from = number(gap.first);
            let start = from.checked_add(step - 1)? / step * step;
            let last = start.checked_add(step - 1)?;
            (last <= number(gap.last) && last <= end)
                .then(|| Self::around(address(start, self.is_ipv6()), prefix))
                .flatten()
        })
    }
}

/// What is free in a block, in order: what none of the taken ones covers. `taken` may be in any order, overlap, and lie
/// elsewhere.
pub fn gaps(within: Subnet, taken: &[Subnet]) -> Vec<Span> {
    let (first, last) = within.bounds();
    let mut inside: Vec<(u128, u128)> = taken
        .iter()
        .filter(|one| one.overlaps(within))
        .map(|one| one.bounds())
        .collect();
    inside.sort_unstable();
    let mut found = Vec::new();
    let mut next = Some(first);
    let span = |from, to| Span {
        first: address(from, within.is_ipv6()),
        last: address(to, within.is_ipv6()),
    };
    for (low, high) in inside {
        let Some(from) = next else { break };
        if low > from {
            found.push(span(from, low - 1));
        }
        // Behind the last address of all there is none.
        next = high.checked_add(1).map(|behind| behind.max(from));
    }
    if let Some(from) = next.filter(|from| *from <= last) {
        found.push(span(from, last));
    }
    found
}

impl Span {
    /// How many addresses there are; all of IPv6 counts as one less.
    pub fn count(self) -> u128 {
        (number(self.last) - number(self.first)).saturating_add(1)
    }

    /// The prefix length of the largest block that fits into it.
    pub fn largest_block(self) -> u8 {
        let is_ipv6 = self.first.is_ipv6();
        let bits: u8 = if is_ipv6 { 128 } else { 32 };
        let (first, last) = (number(self.first), number(self.last));
        (0..=bits)
            .find(|prefix| {
                let Some(step) = 1_u128.checked_shl(u32::from(bits - prefix)) else {
                    return first == 0 && last == u128::MAX;
                };
                let start = first.checked_add(step - 1).map(|up| up / step * step);
                start
                    .and_then(|start| start.checked_add(step - 1))
                    .is_some_and(|end| end <= last)
            })
            .unwrap_or(bits)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} – {}", self.first, self.last))
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn address(number: u128, is_ipv6: bool) -> IpAddr {
    if is_ipv6 {
        return Ipv6Addr::from(number).into();
    }
    Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into()
}

/// A range of addresses of the site, as the configuration declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteRange {
    /// What it is called: `office`.
    pub name: Arc<str>,
    /// The addresses.
    pub cidr: Subnet,
    /// It is there for networks of Docker: these are dealt from it, and one within it is no mistake.
    pub deal: bool,
}

/// The addresses that an engine takes for networks whose maker names none: blocks of one size out of a larger one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AddressPool {
    /// The larger block.
    pub base: Subnet,
    /// The prefix length of the networks made from it.
    pub size: u8,
}

impl AddressPool {
    /// What an engine has that is not told otherwise (libnetwork's `ipamutils`: 172.17 to 172.31 by /16,
    /// 192.168 by /20): 31 networks.
    pub fn usual() -> Vec<Self> {
        let pool = |base: [u8; 4], prefix, size| {
            Subnet::around(Ipv4Addr::from(base).into(), prefix).map(|base| Self { base, size })
        };
        (17..=31)
            .map(|second| pool([172, second, 0, 0], 16, 16))
            .chain([pool([192, 168, 0, 0], 16, 20)])
            .flatten()
            .collect()
    }

    /// How many networks can be made from it at all.
    pub fn blocks(self) -> u128 {
        let bits = self.size.saturating_sub(self.base.prefix());
        1_u128.checked_shl(u32::from(bits)).unwrap_or(u128::MAX)
    }

    /// How many of its blocks one of these overlaps.
    pub fn taken(self, subnets: &[Subnet]) -> u128 {
        let step = |one: Subnet| {
            let (first, last) = one.bounds();
            let (low, high) = self.base.bounds();
            let bits = if self.base.is_ipv6() { 128 } else { 32 };
            let shift = u32::from(bits - self.size.min(bits));
            (
                first.max(low).checked_shr(shift).unwrap_or(0),
                last.min(high).checked_shr(shift).unwrap_or(0),
            )
        };
        let mut blocks: Vec<(u128, u128)> = subnets
            .iter()
            .filter(|one| one.overlaps(self.base))
            .map(|one| step(*one))
            .collect();
        blocks.sort_unstable();
        let mut count = 0_u128;
        let mut next = 0_u128;
        for (first, last) in blocks {
            let from = first.max(next);
            if last >= from {
                count += last - from + 1;
                next = last + 1;
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    fn nets(texts: &[&str]) -> Vec<Subnet> {
        texts.iter().map(|text| net(text)).collect()
    }

    #[test]
    fn a_subnet_is_read_without_the_bits_behind_its_prefix() {
        assert_eq!(net("10.20.1.7/24").to_string(), "10.20.1.0/24");
        assert_eq!(net("fd00::1/64").to_string(), "fd00::/64");
        for wrong in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "fd00::/129",
            "x/8",
            "10.0.0/8",
        ] {
            let error = wrong.parse::<Subnet>().unwrap_err().to_string();
            assert!(error.contains("10.20.0.0/24"), "{error}");
        }
    }

    #[test]
    fn what_can_be_addressed_leaves_out_the_ends() {
        assert_eq!(net("10.0.0.0/24").capacity(), 254);
        assert_eq!(net("10.0.0.0/30").capacity(), 2);
        assert_eq!(net("10.0.0.0/31").capacity(), 2);
        assert_eq!(net("10.0.0.0/32").capacity(), 1);
        assert_eq!(net("0.0.0.0/0").capacity(), (1 << 32) - 2);
        assert_eq!(net("fd00::/64").capacity(), (1 << 64) - 1);
        assert_eq!(net("::/0").capacity(), u128::MAX - 1);
    }

    #[test]
    fn a_block_stands_before_what_it_contains() {
        let mut all = nets(&["fd00::/8", "10.1.0.0/24", "10.0.0.0/8", "10.1.0.0/16"]);
        all.sort();
        assert_eq!(
            all,
            nets(&["10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/24", "fd00::/8"])
        );
    }

    #[test]
    fn the_next_free_block_is_aligned_and_behind_what_is_taken() {
        let range = net("10.20.0.0/16");
        let taken = nets(&[
            "10.20.0.0/24",
            "10.20.1.128/25",
            "192.168.0.0/16",
            "fd00::/8",
        ]);
        assert_eq!(range.next_free(24, &taken), Some(net("10.20.2.0/24")));
        assert_eq!(range.next_free(25, &taken), Some(net("10.20.1.0/25")));
        assert_eq!(range.next_free(16, &taken), None);
        assert_eq!(range.next_free(8, &[]), None, "larger than the range");
        assert_eq!(range.next_free(16, &[]), Some(range));
        assert_eq!(range.next_free(33, &[]), None);
        assert_eq!(range.next_free(24, &nets(&["10.0.0.0/8"])), None);
        assert_eq!(
            net("fd00::/48").next_free(64, &nets(&["fd00::/64"])),
            Some(net("fd00:0:0:1::/64"))
        );
        assert_eq!(
            net("::/0").next_free(0, &[]),
            None,
            "nobody has all of IPv6"
        );
        assert_eq!(
            net("0.0.0.0/0").next_free(1, &nets(&["0.0.0.0/1"])),
            Some(net("128.0.0.0/1"))
        );
    }

    #[test]
    fn gaps_are_told_with_their_size() {
        let range = net("10.20.0.0/22");
        let found = gaps(
            range,
            &nets(&["10.20.1.0/24", "10.20.1.0/25", "10.20.3.0/24"]),
        );
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.20.0.0 – 10.20.0.255", "10.20.2.0 – 10.20.2.255"]);
        assert_eq!(found[0].count(), 256);
        assert_eq!(found[0].largest_block(), 24);
        assert!(gaps(range, &[range]).is_empty());
        assert!(gaps(net("255.255.255.0/24"), &nets(&["255.255.255.0/24"])).is_empty());
        let ends = gaps(net("0.0.0.0/0"), &nets(&["0.0.0.0/2", "192.0.0.0/2"]));
        assert_eq!(ends[0].largest_block(), 2);
        let odd = Span {
            first: "10.0.0.1".parse().unwrap(),
            last: "10.0.0.255".parse().unwrap(),
        };
        assert_eq!(odd.largest_block(), 25);
        assert_eq!(gaps(net("::/0"), &[])[0].largest_block(), 0);
    }

    #[test]
    fn of_the_usual_pools_every_network_takes_a_block() {
        let pools = AddressPool::usual();
        let all: u128 = pools.iter().map(|pool| pool.blocks()).sum();
        assert_eq!(all, 31);
        let taken = |texts: &[&str]| -> u128 {
            let subnets = nets(texts);
            pools.iter().map(|pool| pool.taken(&subnets)).sum()
        };
        assert_eq!(taken(&[]), 0);
        assert_eq!(taken(&["172.17.0.0/16", "172.18.0.0/16", "10.0.0.0/8"]), 2);
        assert_eq!(taken(&["192.168.0.0/24", "192.168.8.0/24"]), 1);
        assert_eq!(taken(&["192.168.0.0/16", "192.168.16.0/20"]), 16);
        assert_eq!(taken(&["172.16.0.0/12"]), 15);
    }

    fn any_net() -> impl Strategy<Value = Subnet> {
        // Small blocks of one /16, so that they meet.
        (any::<u16>(), 16_u8..=32).prop_map(|(low, prefix)| {
            let address = Ipv4Addr::from(0x0A14_0000 | u32::from(low));
            Subnet::around(address.into(), prefix).unwrap()
        })
    }

    proptest! {
        #[test]
        fn overlap_means_that_one_contains_the_other_and_an_address_is_in_both(a in any_net(), b in any_net()) {
            let (x, y) = (a.span(), b.span());
            let meets = x.first <= y.last && y.first <= x.last;
            prop_assert_eq!(a.overlaps(b), meets);
            prop_assert_eq!(a.overlaps(b), b.overlaps(a));
            if meets {
                prop_assert!(a.holds(y.first) || b.holds(x.first));
            }
        }

        #[test]
        fn gaps_and_what_is_taken_make_the_whole(taken in prop::collection::vec(any_net(), 0..12)) {
            let range = net("10.20.0.0/16");
            let found = gaps(range, &taken);
            let mut covered = vec![false; 1 << 16];
            for one in &taken {
                let (low, high) = one.bounds();
                for at in low..=high {
                    covered[usize::try_from(at & 0xFFFF).unwrap()] = true;
                }
            }
            let free: u128 = found.iter().map(|gap| gap.count()).sum();
            prop_assert_eq!(free, covered.iter().filter(|one| !**one).count() as u128);
            for gap in &found {
                for at in [number(gap.first), number(gap.last)] {
                    prop_assert!(!covered[usize::try_from(at & 0xFFFF).unwrap()]);
                }
                prop_assert!(gap.count() >= 1 << (32 - gap.largest_block()));
            }
            for pair in found.windows(2) {
                prop_assert!(number(pair[0].last) + 1 < number(pair[1].first));
            }
        }

        #[test]
        fn the_next_free_block_is_free_and_the_first(
            taken in prop::collection::vec(any_net(), 0..12), prefix in 16_u8..=28,
        ) {
            let range = net("10.20.0.0/16");
            let found = range.next_free(prefix, &taken);
            let free = |one: Subnet| !taken.iter().any(|other| other.overlaps(one));
            let step = 1_u32 << (32 - prefix);
            let all = (0..(1_u32 << 16) / step).map(|nth| {
                Subnet::around(Ipv4Addr::from(0x0A14_0000 + nth * step).into(), prefix).unwrap()
            });
            prop_assert_eq!(found, all.into_iter().find(|one| free(*one)));
        }

        #[test]
        fn the_order_is_that_of_a_map(mut all in prop::collection::vec(any_net(), 2..20)) {
            all.sort();
            for (at, one) in all.iter().enumerate() {
                for later in &all[at + 1..] {
                    prop_assert!(!later.contains(*one) || later == one);
                }
            }
        }
    }
}
