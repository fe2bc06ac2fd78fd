//! Which network addresses are called on somebody's word: the one rule for every address that a card names.
//!
//! A card's address is its writer's to choose. What it leads to is judged by these two functions on the
//! resolved address, right before the connection is made.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether nothing that anybody registers can live at this address: link-local ones (a cloud's metadata
/// service among them), those of many or of nobody, and what is reserved.
pub fn is_never_called(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => never_v4(ip),
        IpAddr::V6(ip) => {
            ip.is_unspecified()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || metadata_v6(ip)
                || local_nat64(ip)
                || inside(ip).is_some_and(never_v4)
        }
    }
}

/// Whether an address means something else on each machine or in each network.
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => private_v4(ip),
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unique_local()
                || site_local(ip)
                || local_nat64(ip)
                || inside(ip).is_some_and(private_v4)
        }
    }
}

fn never_v4(ip: Ipv4Addr) -> bool {
    let [first, ..] = ip.octets();
    // 0.0.0.0/8 is this host on some systems; from 224 on there are groups, reserved ones, and broadcast.
    ip.is_link_local() || first == 0 || first >= 224 || metadata_v4(ip)
}

/// Metadata services outside the link-local range: one cloud's stands in the shared range, another's among
/// public addresses.
fn metadata_v4(ip: Ipv4Addr) -> bool {
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)].contains(&ip)
}

/// Metadata services inside the private range: fd00:ec2::254, fd20:ce::254, fd00:c1::a9fe:a9fe. Who draws his private
/// range by chance, as he should, has none of these.
fn metadata_v6(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0xfd00, 0xec2 | 0xc1, ..] | [0xfd20, 0xce, ..])
}

fn private_v4(ip: Ipv4Addr) -> bool {
    match ip.octets() {
        // For carriers and private networks over them (RFC 6598), for measuring networks (RFC 2544), and for what
        // protocols need within one network (RFC 6890).
        [100, 64..=127, ..] | [198, 18 | 19, ..] | [192, 0, 0, _] => true,
        _ => ip.is_loopback() || ip.is_private(),
    }
}

/// 64:ff9b:1::/48, each network's own translators to IPv4 (RFC 8215): where in the address the IPv4 one stands is
/// theirs to say, so none is let through.
fn local_nat64(ip: Ipv6Addr) -> bool {
    ip.segments()[..3] == [0x64, 0xff9b, 1]
}

/// fec0::/10, deprecated and still private (RFC 3879).
fn site_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfec0
}

/// The IPv4 address that a translated one leads to: NAT64 (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380, which writes
/// it inverted), SIIT (RFC 2765), and the deprecated IPv4-compatible form. A translator on the way would take us
/// there.
fn inside(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(of(!high, !low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(of(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_never_called_and_those_that_are_private() {
        for (ip, never, private) in [
            ("8.8.8.8", false, false),
            ("2606:4700::1111", false, false),
            ("127.0.0.1", false, true),
            ("10.0.0.1", false, true),
            ("172.16.0.1", false, true),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("100.128.0.1", false, false),
            ("198.17.255.255", false, false),
            ("198.18.0.1", false, true),
            ("198.19.255.255", false, true),
            ("198.20.0.1", false, false),
            ("192.0.0.8", false, true),
            ("192.0.1.1", false, false),
            ("::1", false, true),
            ("fd12::1", false, true),
            ("fd20:cf::254", false, true),
            ("fec0::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("64:ff9b::7f00:1", false, true),
            ("2002:a00:1::", false, true),
            ("::ffff:0:10.0.0.1", false, true),
            ("2001:0:4136:e378:8000:63bf:80ff:fffe", false, true),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", false, false),
            ("2001:db8::1", false, false),
            ("169.254.169.254", true, false),
            ("::ffff:169.254.169.254", true, false),
            ("64:ff9b::a9fe:a9fe", true, false),
            ("2002:a9fe:a9fe::1", true, false),
            ("::169.254.169.254", true, false),
            ("::ffff:0:169.254.169.254", true, false),
            ("2001:0:4136:e378:8000:63bf:5601:5601", true, false),
            ("64:ff9b:1::7f00:1", true, true),
            ("64:ff9b:1:808:8:800::", true, true),
            ("64:ff9b:2::1", false, false),
            ("100.100.100.200", true, true),
            ("168.63.129.16", true, false),
            ("fd00:ec2::254", true, true),
            ("fd20:ce::254", true, true),
            ("fd00:c1::a9fe:a9fe", true, true),
            ("fe80::1", true, false),
            ("0.0.0.0", true, false),
            ("0.1.2.3", true, false),
            ("::", true, false),
            ("224.0.0.1", true, false),
            ("ff02::1", true, false),
            ("240.0.0.1", true, false),
            ("255.255.255.255", true, false),
        ] {
            let ip: IpAddr = ip.parse().expect("an address");
            assert_eq!((is_never_called(ip), is_private(ip)), (never, private), "{ip}");
        }
    }
}
