//! Python's `int()` and `float()`, which decide whether an operand is a constant.
//!
//! The twin here takes texts apart with splits and replacements instead of walking over them, and reads ASCII only.

use malkin_codehash::{Escaper, HashPath};
use malkin_report::{Instruction, Va};

/// One text as the operand of an ARM instruction (base by prefix, or a float) and of a CIL one (base 16).
pub fn python(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // These end an operand or mean something else.
    if !text.is_ascii() || text.contains([',', '[', ']', '{', '}', '(', ')', '"', ':', '^', '#']) {
        return;
    }
    let stripped = text.trim_matches(|c: char| matches!(c, '\t'..='\r' | '\x1c'..=' '));

    let is_constant = operands(Escaper::Cil, text) == "CONST";
    assert_eq!(is_constant, is_int(stripped, 16), "int({stripped:?}, 16)");

    let is_constant = operands(Escaper::Arm, &format!("#{text}")) == "CONST";
    let value = text.trim_end_matches(|c: char| matches!(c, '\t'..='\r' | '\x1c'..=' '));
    assert_eq!(is_constant, is_int(value, 0) || is_float(value), "int({value:?}, 0), float({value:?})");
}

fn operands(escaper: Escaper, operands: &str) -> String {
    let instruction = Instruction { offset: Va::new(0), bytes: "", mnemonic: "mov", operands };
    let mut escaped = String::new();
    escaper.escape_operands(&instruction, HashPath::Server, false, &mut escaped);
    escaped
}

/// White space that C skips; Python's own has four more characters.
fn trimmed(text: &str) -> String {
    text.trim_matches(|c: char| matches!(c, '\t'..='\r' | ' ')).to_ascii_lowercase()
}

fn without_sign(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn is_int(text: &str, base: u32) -> bool {
    let text = trimmed(text);
    let unsigned = without_sign(&text);
    let prefixes: &[(&str, u32)] =
        if base == 0 { &[("0x", 16), ("0o", 8), ("0b", 2)] } else { &[("0x", 16)] };
    let are_digits = |text: &str, base: u32| {
        text.split('_').all(|group| !group.is_empty() && group.chars().all(|c| c.is_digit(base)))
    };
    for (prefix, radix) in prefixes {
        if let Some(digits) = unsigned.strip_prefix(prefix) {
            return are_digits(digits.strip_prefix('_').unwrap_or(digits), *radix);
        }
    }
    let is_octal_of_old =
        base == 0 && unsigned.starts_with('0') && unsigned.contains(|c: char| c > '0' && c <= '9');
    are_digits(unsigned, if base == 0 { 10 } else { base }) && !is_octal_of_old
}

fn is_float(text: &str) -> bool {
    let text = trimmed(text);
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let underscores = (0..bytes.len()).filter(|at| bytes[*at] == b'_');
    underscores.clone().all(|at| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)))
        && text.replace('_', "").parse::<f64>().is_ok()
}
