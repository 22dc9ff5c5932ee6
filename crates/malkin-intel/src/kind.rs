//! What a text is that somebody wants looked up. Only hashes of files are; the other kinds are named in the refusal.

/// A hash of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HashKind {
    /// 32 hexadecimal digits.
    Md5,
    /// 40 hexadecimal digits.
    Sha1,
    /// 64 hexadecimal digits.
    Sha256,
}

/// Kind of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A hash of a file.
    Hash(HashKind),
    /// Begins with `http://` or `https://`.
    Url,
    /// Four groups of digits, whatever their value.
    Ip,
    /// Dotted labels, the last of letters.
    Domain,
    /// Anything else.
    Unknown,
}

impl Kind {
    /// Name as the refusal tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hash(HashKind::Md5) => "md5",
            Self::Hash(HashKind::Sha1) => "sha1",
            Self::Hash(HashKind::Sha256) => "sha256",
            Self::Url => "url",
            Self::Ip => "ip",
            Self::Domain => "domain",
            Self::Unknown => "unknown",
        }
    }
}

/// Tells what a text without surrounding white space is, in the order of `docs/reference/triage-api.md` 2.
pub fn classify(text: &str) -> Kind {
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return Kind::Url;
    }
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match text.len() {
            64 => return Kind::Hash(HashKind::Sha256),
            40 => return Kind::Hash(HashKind::Sha1),
            32 => return Kind::Hash(HashKind::Md5),
            _ => {}
        }
    }
    let labels: Vec<&str> = text.split('.').collect();
    let is_group =
        |label: &&str| (1..=3).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_digit());
    if labels.len() == 4 && labels.iter().all(is_group) {
        return Kind::Ip;
    }
    if is_domain(&labels) { Kind::Domain } else { Kind::Unknown }
}

fn is_domain(labels: &[&str]) -> bool {
    let Some((last, others)) = labels.split_last() else { return false };
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    !others.is_empty()
        && others.iter().all(is_label)
        && (2..=63).contains(&last.len())
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_they_look_like() {
        let cases = [
            ("7E571111A1B2C300000000000000000000000000000000000000000000000000", "sha256"),
            ("7e571111c0ffee00000000000000000000000000", "sha1"),
            ("7e5711110badcafe0000000000000000", "md5"),
            ("HTTPS://example.org/x", "url"),
            ("192.0.2.7", "ip"),
            ("999.999.999.999", "ip"),
            ("1.2.3", "unknown"),
            ("files.example.org", "domain"),
            ("localhost", "unknown"),
            ("a..example", "unknown"),
            ("-a.example", "unknown"),
            ("example.c", "unknown"),
            ("ggg", "unknown"),
            ("", "unknown"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "unknown"),
        ];
        for (text, kind) in cases {
            assert_eq!(classify(text).as_str(), kind, "{text}");
        }
    }
}
