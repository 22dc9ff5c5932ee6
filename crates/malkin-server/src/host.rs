//! Hosts as URLs, `Host` and `Origin` name them: a name or an IP address, with or without a port.
//!
//! Not here: whose hosts they are (`site`). Specification: RFC 3986 section 3.2.2; names are narrower, as DNS has them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Longest host name, in bytes (RFC 1035).
const MAX_HOST: usize = 253;

/// A host, as a name or an address, without a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host(Named);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Named {
    /// In lower case, without the dot of the root.
    Name(String),
    /// IPv4 addresses within IPv6 ones are IPv4 addresses.
    Address(IpAddr),
}

impl FromStr for Host {
    type Err = &'static str;

    /// Reads a host name, an IPv4 address or an IPv6 address, the latter with or without brackets.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WHY: &str = "a host name or an IP address is expected, without scheme and port";
        if let Some(address) = address_of(text) {
            return Ok(Self(Named::Address(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_sound = !name.is_empty() && name.len() <= MAX_HOST && name.bytes().all(is_name);
        if is_sound { Ok(Self(Named::Name(name))) } else { Err(WHY) }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self(Named::Address(address.to_canonical()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Named::Name(name) => f.write_str(name),
            Named::Address(address) => address.fmt(f),
        }
    }
}

impl Host {
    /// Reads a host with an optional port, as `Host` and `Origin` have it.
    pub(crate) fn of_authority(text: &str) -> Option<Self> {
        let (host, port) = match text.rfind(']') {
            Some(end) => (&text[..=end], text[end + 1..].strip_prefix(':')),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let has_rest = text.len() > host.len() && port.is_none();
        // An empty port is the default one.
        let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok() && !port.starts_with('+');
        (!has_rest && port.is_none_or(is_port)).then(|| host.parse().ok()).flatten()
    }

    /// Whether the host is an IP address.
    pub(crate) fn is_address(&self) -> bool {
        matches!(self.0, Named::Address(_))
    }

    /// Whether the host is this machine for everybody: no resolver asks the network for `localhost` (RFC 6761).
    pub(crate) fn is_loopback(&self) -> bool {
        match &self.0 {
            Named::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Named::Address(address) => address.is_loopback(),
        }
    }
}

fn address_of(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.into());
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    // The zone of a link-local address concerns the client only.
    let plain = inner.split_once('%').map_or(inner, |(plain, _)| plain);
    Some(plain.parse::<Ipv6Addr>().ok()?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        for (text, host) in [
            ("LocalHost:8000", "localhost"),
            ("localhost.", "localhost"),
            ("malkin.example:", "malkin.example"),
            ("[::1]:8000", "::1"),
            ("[::1]", "[::1]"),
            ("[::ffff:127.0.0.1]:1", "127.0.0.1"),
            ("[fe80::1%eth0]:80", "fe80::1"),
            ("10.0.0.1:65535", "10.0.0.1"),
        ] {
            assert_eq!(Host::of_authority(text), Some(host.parse().unwrap()), "{text}");
        }
        for text in [
            "",
            ":",
            ":80",
            "a:b",
            "a:+1",
            "a:65536",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[1.2.3.4]",
            "1.2.3.4%x",
            "a@b",
            "a b",
            "a/b",
            "*.a",
            "\u{e9}.a",
            ".",
            "[]",
        ] {
            assert_eq!(Host::of_authority(text), None, "{text:?}");
        }
        assert!("http://a".parse::<Host>().is_err() && "a:80".parse::<Host>().is_err());
        assert!("a".repeat(254).parse::<Host>().is_err());
    }
}
