//! Operand text of the ARM architectures: fields separated by commas outside brackets and braces.

/// The fields of an operand text, as they stand (not stripped; empty ones included). A closing bracket without an opening
/// one counts for nothing.
pub(super) fn fields(operands: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(operands);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut depth = 0u32;
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => {
                    rest = Some(&text[at + 1..]);
                    return Some(&text[..at]);
                }
                _ => {}
            }
        }
        rest = None;
        Some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_braces_hold_fields_together() {
        let split = |text: &'static str| fields(text).collect::<Vec<_>>();
        assert_eq!(split("x0, [x1, #8]!, {v0, v1}"), ["x0", " [x1, #8]!", " {v0, v1}"]);
        assert_eq!(split("a], b,[c,d"), ["a]", " b", "[c,d"]);
        assert_eq!(split(","), ["", ""]);
        assert_eq!(split(""), [""]);
    }
}
