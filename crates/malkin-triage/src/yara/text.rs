//! The words of YARA rules, as far as bounds on them need it: where literals, hex strings and comments begin and end.

/// Token by token with the place where each begins; blanks and comments are left out.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = text.as_bytes();
    // The next brace opens a hex string, not the body of a rule.
    let (mut at, mut is_assigned) = (0, false);
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            at = past_token(bytes, at, is_assigned);
            let token = &bytes[start..at];
            if !token[0].is_ascii_whitespace() && !token.starts_with(b"//") && !token.starts_with(b"/*") {
                is_assigned = token == b"=";
                return Some((start, token));
            }
        }
        None
    })
}

/// The place after the token at `at`: a blank, a comment, a literal, a word or a sign.
fn past_token(bytes: &[u8], at: usize, is_assigned: bool) -> usize {
    let rest = &bytes[at..];
    let length = match rest {
        [b'"', ..] => past_delimiter(rest, b'"'),
        [b'/', b'/', ..] => past(rest, b"\n"),
        [b'/', b'*', ..] => 2 + past(&rest[2..], b"*/"),
        [b'/', ..] => past_delimiter(rest, b'/'),
        [b'{', ..] if is_assigned => past(rest, b"}"),
        [b'=' | b'!' | b'<' | b'>', b'=', ..] => 2,
        _ => rest.iter().take_while(|byte| is_word(**byte)).count().max(1),
    };
    bytes.len().min(at + length)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'$' | b'#' | b'@' | b'!' | b'.' | b'?')
        || !byte.is_ascii()
}

/// Length of a literal that ends at the next delimiter that has no backslash before it.
fn past_delimiter(bytes: &[u8], delimiter: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != delimiter {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Length up to the end of the first occurrence, or of everything.
fn past(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|part| part == wanted).map_or(bytes.len(), |at| at + wanted.len())
}
