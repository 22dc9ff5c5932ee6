//! IPv4 and IPv6 addresses in text, told from version numbers.

use core::net::{Ipv4Addr, Ipv6Addr};

/// Whether a text is an IPv4 address that somebody could talk to.
pub(super) fn is_ipv4(text: &str) -> bool {
    let Ok(address) = text.parse::<Ipv4Addr>() else { return false };
    let [first, .., last] = address.octets();
    // Addresses of this network, of loopback, of multicast and broadcast are constants of every network library.
    first != 0 && !address.is_loopback() && first < 224 && last != 255 && address.octets()[1..] != [0, 0, 0]
}

/// Whether what looks like an address at `start` is a version: words around it say so, or it has the form of one.
pub(super) fn is_version(line: &str, start: usize) -> bool {
    let before = line.get(..start).unwrap_or_default();
    let before = before.trim_end_matches([' ', '=', ':', '"', '\'', '(', '/', 'v', 'V']).as_bytes();
    let marks = [
        "version", "ver", "release", "assembly", "revision", "build", "chrome", "safari", "edge", "opera",
        "firefox", "upx",
    ];
    let ends_with = |mark: &&str| {
        let end = before.len().checked_sub(mark.len()).and_then(|at| before.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(mark.as_bytes()))
    };
    marks.iter().any(ends_with) || start > 0 && line.as_bytes()[start - 1] == b'v'
}

/// Whether a text is an IPv6 address that somebody could talk to.
pub(super) fn is_ipv6(text: &str) -> bool {
    // Times and C++ names have colons too: three groups at least, written with digits.
    let groups = text.split(':').filter(|group| !group.is_empty()).count();
    if groups < 3 || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let Ok(address) = text.parse::<Ipv6Addr>() else { return false };
    !address.is_loopback() && !address.is_unspecified() && !address.is_multicast()
}
