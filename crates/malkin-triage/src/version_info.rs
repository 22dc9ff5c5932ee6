//! The version resource of a PE: a tree of blocks, each with lengths of its own, down to pairs of name and text.

use std::collections::BTreeMap;

/// Most pairs that are read.
const MAX_PAIRS: usize = 256;
/// Deepest nesting: the root, `StringFileInfo`, a language, a pair.
const MAX_DEPTH: usize = 4;
/// Longest text, in characters.
const MAX_TEXT: usize = 1024;

/// Reads the pairs of all languages; of a name that occurs twice the first stays.
pub(crate) fn pairs(resource: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    block(resource, 0, &mut found);
    found
}

/// Reads one block and answers the bytes it takes, rounded up to four; `None` when it is no block.
fn block(bytes: &[u8], depth: usize, found: &mut BTreeMap<String, String>) -> Option<usize> {
    let word = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let length = usize::from(word(0)?);
    let value_length = usize::from(word(2)?);
    let is_text = word(4)? == 1;
    if length < 8 || depth >= MAX_DEPTH || found.len() >= MAX_PAIRS {
        return None;
    }
    let bytes = bytes.get(..length.min(bytes.len()))?;
    let (key, key_bytes) = text(bytes.get(6..)?);
    let value_at = (6 + key_bytes).next_multiple_of(4);
    let value_bytes = if is_text { value_length.checked_mul(2)? } else { value_length };
    let mut at = value_at.checked_add(value_bytes)?.next_multiple_of(4);
    if depth == MAX_DEPTH - 1 {
        // The stated length is in words, in bytes, or wrong, depending on the compiler: the text ends at its zero.
        let (value, _) = text(bytes.get(value_at..).unwrap_or_default());
        if !key.is_empty() {
            found.entry(key).or_insert(value);
        }
        return Some(length.next_multiple_of(4));
    }
    if depth == 1 && key != "StringFileInfo" {
        return Some(length.next_multiple_of(4));
    }
    if depth > 0 {
        at = value_at;
    }
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= 8) {
        at = at.checked_add(block(rest, depth + 1, found)?)?;
    }
    Some(length.next_multiple_of(4))
}

/// Text up to its zero, and the bytes it takes with it.
fn text(bytes: &[u8]) -> (String, usize) {
    let words: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take(MAX_TEXT)
        .take_while(|word| *word != 0)
        .collect();
    (String::from_utf16_lossy(&words), words.len() * 2 + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(key: &str, value: &[u8], is_text: bool, children: &[Vec<u8>]) -> Vec<u8> {
        let mut body: Vec<u8> = key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        while !(body.len() + 6).is_multiple_of(4) {
            body.push(0);
        }
        body.extend(value);
        for child in children {
            while !(body.len() + 6).is_multiple_of(4) {
                body.push(0);
            }
            body.extend(child);
        }
        let length = (body.len() + 6) as u16;
        let value_length = if is_text { value.len() / 2 } else { value.len() } as u16;
        let head =
            [length.to_le_bytes(), value_length.to_le_bytes(), u16::from(is_text).to_le_bytes()].concat();
        [head, body].concat()
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn pairs_of_a_resource_are_read() {
        let company = node("CompanyName", &wide("Example & Co"), true, &[]);
        let name = node("ProductName", &wide("Thing"), true, &[]);
        let language = node("040904b0", b"", true, &[company, name]);
        let info = node("StringFileInfo", b"", true, &[language]);
        let translation = node("Translation", &[9, 4, 0xb0, 4], false, &[]);
        let var = node("VarFileInfo", b"", true, &[translation]);
        let root = node("VS_VERSION_INFO", &[0; 52], false, &[info, var]);
        let pairs = pairs(&root);
        assert_eq!(pairs["CompanyName"], "Example & Co");
        assert_eq!(pairs["ProductName"], "Thing");
        assert_eq!(pairs.len(), 2);
    }

    #[test]
    fn damaged_resources_end_the_reading() {
        for bytes in [&b""[..], &[0; 3], &[0; 64], &[0xff; 64], &[8, 0, 0xff, 0xff, 1, 0, 0, 0, 0, 0]] {
            assert!(pairs(bytes).len() <= MAX_PAIRS);
        }
    }
}
