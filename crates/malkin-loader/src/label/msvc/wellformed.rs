//! Rules of the decorated grammar that LLVM reads past and SMDA holds names to.

/// How many bytes of a string literal a name holds at most.
const LITERAL_BYTES: usize = 32;

/// Whether a name breaks a rule: a string literal of another length than it states, a conversion operator with
/// parameters, or a scope that is none of an unnamed namespace, a template, a nested name and a numbered block.
pub(super) fn is_malformed(raw: &str) -> bool {
    if let Some((stated, written)) = literal(raw) {
        return written as u128 != stated && !(LITERAL_BYTES <= written && (written as u128) < stated);
    }
    if raw.starts_with("??_R") || raw.starts_with("??_C@") {
        return false;
    }
    let conversion = raw.starts_with("??B") || raw.starts_with("??$?B");
    (conversion && !raw.ends_with("XZ"))
        || raw.match_indices("@?").any(|(at, _)| !is_scope(raw.get(at + 2..).unwrap_or_default()))
}

/// Stated and written length of a string literal, `??_C@_0<length><hash>@<bytes>@`, in bytes.
fn literal(raw: &str) -> Option<(u128, usize)> {
    let rest = raw.strip_prefix("??_C@_0").or_else(|| raw.strip_prefix("??_C@_1"))?;
    let digit = rest.bytes().next().filter(u8::is_ascii_digit);
    let (stated, rest) = if let Some(digit) = digit {
        (u128::from(digit - b'0') + 1, rest.get(1..)?)
    } else {
        let (nibbles, rest) = rest.split_once('@')?;
        if nibbles.is_empty() || !nibbles.bytes().all(|c| (b'A'..=b'P').contains(&c)) {
            return None;
        }
        // More than 128 bits: no name is that long.
        let add = |value: u128, c| value.saturating_mul(16).saturating_add(u128::from(c - b'A'));
        (nibbles.bytes().fold(0, add), rest)
    };
    let (_hash, text) = rest.split_once('@')?;
    let text = text.strip_suffix('@').filter(|text| !text.contains('@'))?;
    let (mut written, mut chars) = (0, text.chars());
    while let Some(c) = chars.next() {
        written += 1;
        if c == '?' && chars.next() == Some('$') && chars.as_str().chars().nth(1).is_some() {
            chars.nth(1);
        }
    }
    Some((stated, written))
}

/// Whether what follows `@?` is a scope.
fn is_scope(rest: &str) -> bool {
    let mut bytes = rest.bytes();
    match (bytes.next(), bytes.next()) {
        (Some(b'A'), Some(b'@')) | (Some(b'$' | b'?'), _) | (Some(b'0'..=b'9'), Some(b'?')) => return true,
        (Some(b'A'), _) => {
            let digits = rest.get(1..).and_then(|rest| rest.strip_prefix("0x")).unwrap_or_default();
            let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(0);
            return end > 0 && digits.get(end..).is_some_and(|rest| rest.starts_with('@'));
        }
        _ => {}
    }
    let number = rest.trim_start_matches(|c: char| ('A'..='P').contains(&c));
    number.starts_with("@?")
}
