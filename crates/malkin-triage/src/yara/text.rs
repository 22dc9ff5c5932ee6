//! The words of YARA rules, as far as bounds on them need it: where literals, hex strings and comments begin and end.
//!
//! They end where boreal ends them (boreal-parser 1.2: `nom_recipes.rs`, `string.rs`, `hex_string.rs`, `regex.rs`): a literal that
//! went on for longer here would hide a condition from the bounds.

/// Token by token with the place where each begins; blanks and comments are left out.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = text.as_bytes();
    let (mut at, mut before): (usize, &[u8]) = (0, b"");
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            at = past_token(bytes, at, before);
            let token = &bytes[start..at];
            if !token[0].is_ascii_whitespace() && !is_comment(token) {
                before = token;
                return Some((start, token));
            }
        }
        None
    })
}

/// The place after the token at `at`: a blank, a comment, a literal, a word or a sign.
fn past_token(bytes: &[u8], at: usize, before: &[u8]) -> usize {
    let rest = &bytes[at..];
    let length = match rest {
        // Names of modules and files know no escapes.
        [b'"', text @ ..] if matches!(before, b"import" | b"include") => 1 + past(text, b"\""),
        [b'"', ..] => past_delimiter(rest, b'"'),
        [b'/', b'/' | b'*', ..] => comment(rest),
        [b'/', ..] => past_delimiter(rest, b'/'),
        // Else it opens the body of a rule.
        [b'{', ..] if before == b"=" => past_hex_string(rest),
        [b'=' | b'!' | b'<' | b'>', b'=', ..] => 2,
        _ => rest.iter().take_while(|byte| is_word(**byte)).count().max(1),
    };
    bytes.len().min(at + length)
}

fn is_comment(text: &[u8]) -> bool {
    text.starts_with(b"//") || text.starts_with(b"/*")
}

/// Length of a comment.
fn comment(text: &[u8]) -> usize {
    if text.starts_with(b"//") { past(text, b"\n") } else { 2 + past(&text[2..], b"*/") }
}

/// Length of a hex string; comments inside of it may hold anything.
fn past_hex_string(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != b'}' {
        at += if is_comment(&text[at..]) { comment(&text[at..]) } else { 1 };
    }
    at + 1
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
