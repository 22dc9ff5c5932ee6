//! Domain names in text, told from names of files and of program parts.

use std::sync::LazyLock;

/// Top-level domains that are looked for. Source: the IANA root zone; left out are those that are also common file extensions or
/// parts of programs' names (`.so`, `.py`, `.pl`, `.rs`, `.sh`, `.ps`, `.zip`, `.mov`, `.app`, `.name`, `.id`), which an indicator names
/// with a scheme in front.
pub(super) const TOP_LEVEL: &str = include_str!("../../../../data/top_level_domains.txt");

/// The same, sorted.
static SORTED: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut known: Vec<&str> = TOP_LEVEL.lines().filter(|line| !line.starts_with('#')).collect();
    known.sort_unstable();
    known
});

/// Longest top-level domain of the table, in bytes, with room for more.
const MAX_TOP_LEVEL: usize = 24;

/// Second labels under which registries sell names, for country domains that work so (from the Public Suffix List).
pub(super) const SECOND_LEVEL: [&str; 10] = ["co", "com", "net", "org", "gov", "edu", "ac", "or", "ne", "go"];

/// Hosts that stand in files as names of schemas, standards and licences rather than to be talked to.
const SCHEMA_HOSTS: &[&str] = &[
    "schemas.microsoft.com",
    "www.w3.org",
    "ns.adobe.com",
    "schemas.xmlsoap.org",
    "purl.org",
    "schemas.openxmlformats.org",
    "docs.oasis-open.org",
    "www.ietf.org",
];

/// Whether a host stands for a schema.
pub(super) fn is_schema_host(host: &str) -> bool {
    SCHEMA_HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known))
}

/// Whether a text is a registrable domain name or one below it.
pub(super) fn is_domain(text: &str) -> bool {
    if text.len() > 253 || text.len() < 4 {
        return false;
    }
    // The cheapest question first: nearly all words end with something else.
    let Some((rest, top)) = text.rsplit_once('.') else { return false };
    if !is_top_level(top) || is_schema_host(text) {
        return false;
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !rest.split('.').all(is_label) {
        return false;
    }
    // Names of program parts mix their letters (`System.Net`, `Foo.Info`), names of hosts do not; a host is all small, or all capitals.
    let has_small = text.bytes().any(|byte| byte.is_ascii_lowercase());
    let has_capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let name = rest.rsplit('.').next().unwrap_or_default();
    let is_public_suffix = name.len() == rest.len()
        && top.len() == 2
        && SECOND_LEVEL.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_mixed = has_small && has_capital;
    !is_mixed && !is_public_suffix && name.len() > 1 && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_top_level(text: &str) -> bool {
    let mut small = [0; MAX_TOP_LEVEL];
    let Some(small) = small.get_mut(..text.len()) else { return false };
    small.copy_from_slice(text.as_bytes());
    small.make_ascii_lowercase();
    SORTED.binary_search_by(|known| known.as_bytes().cmp(small)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_one_of_labels() {
        assert!(SORTED.len() > 150);
        let is_label = |known: &&str| {
            (2..=MAX_TOP_LEVEL).contains(&known.len())
                && known
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !known.starts_with('-')
                && !known.ends_with('-')
        };
        assert!(SORTED.iter().all(is_label));
    }
}
