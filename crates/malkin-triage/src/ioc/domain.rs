//! Domain names in text, told from names of files and of program parts.

/// Top-level domains that are looked for. Source: the IANA root zone; left out are those that are also common file extensions or
/// parts of programs' names (`.so`, `.py`, `.pl`, `.rs`, `.sh`, `.ps`, `.zip`, `.mov`, `.app`, `.name`, `.id`), which an indicator names
/// with a scheme in front.
const TOP_LEVEL: &str = include_str!("../../../../data/top_level_domains.txt");

/// Second labels under which registries sell names, for country domains that work so (from the Public Suffix List).
const SECOND_LEVEL: [&str; 10] = ["co", "com", "net", "org", "gov", "edu", "ac", "or", "ne", "go"];

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
    if text.len() > 253 || text.len() < 4 || !text.contains('.') || is_schema_host(text) {
        return false;
    }
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !labels.iter().all(is_label) {
        return false;
    }
    let Some((top, rest)) = labels.split_last() else { return false };
    let lower = top.to_ascii_lowercase();
    let is_top = TOP_LEVEL.lines().filter(|line| !line.starts_with('#')).any(|known| known == lower);
    // Names of program parts mix their letters (`System.Net`, `Foo.Info`), names of hosts do not; a host is all small, or all capitals.
    let has_small = text.bytes().any(|byte| byte.is_ascii_lowercase());
    let has_capital = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let Some(name) = rest.last() else { return false };
    let is_public_suffix =
        rest.len() == 1 && lower.len() == 2 && SECOND_LEVEL.contains(&name.to_ascii_lowercase().as_str());
    is_top
        && !(has_small && has_capital)
        && !is_public_suffix
        && name.len() > 1
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}
