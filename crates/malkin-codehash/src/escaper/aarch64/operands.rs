//! Operand classes of AArch64 by their text.

use crate::escaper::fields::fields;
use crate::python_text::{
    decimal_value, fold_case, is_float, is_space, is_word, parse_int, strip, strip_folded_prefix,
};

const CONDITIONS: [&str; 18] = [
    "eq", "ne", "cs", "hs", "cc", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al",
    "nv",
];

const SHIFTS: [&str; 12] =
    ["lsl", "lsr", "asr", "ror", "sxtw", "uxtw", "sxtb", "uxtb", "sxth", "uxth", "sxtx", "uxtx"];

/// Appends the class of each operand. A shift belongs to the operand before it and stands only where none is.
pub(super) fn escape(mnemonic: &str, operands: &str, out: &mut String) {
    if mnemonic == "prfm" {
        out.push_str("PTR");
        return;
    }
    let mut first = true;
    for field in fields(operands) {
        let field = strip(field);
        if field.is_empty() {
            continue;
        }
        let class = classify(field);
        if class == "SHIFT" && !first {
            continue;
        }
        if !first {
            out.push_str(", ");
        }
        out.push_str(class);
        first = false;
    }
}

/// The class of one operand, stripped and not empty. System operations look like system registers and count as those.
fn classify(field: &str) -> &'static str {
    if field.contains('[') && field.contains(']') {
        "PTR"
    } else if is_register(field) || is_lane(field) || is_register_list(field) {
        "REG"
    } else if is_constant(field) {
        "CONST"
    } else if is_shift(field) {
        "SHIFT"
    } else if CONDITIONS.contains(&field) {
        "COND"
    } else if is_barrier(field) {
        "BARRIER"
    } else if is_prefetch(field) {
        "HINT"
    } else if is_system_register(field) {
        "SYSREG"
    } else {
        "MISC"
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A general, SIMD or named register, with an optional layout that has a count.
fn is_register(field: &str) -> bool {
    let (name, layout) = field.split_once('.').map_or((field, None), |(name, layout)| (name, Some(layout)));
    let known = matches!(name, "sp" | "wsp" | "xzr" | "wzr" | "fp" | "lr")
        || name.strip_prefix(['w', 'x', 's', 'd', 'q', 'v']).is_some_and(is_number);
    known && layout.is_none_or(|layout| layout.strip_suffix(['b', 'h', 's', 'd']).is_some_and(is_number))
}

/// A scalar SIMD register of the kinds that [`is_register`] leaves out.
fn is_lane(field: &str) -> bool {
    field.strip_prefix(['b', 'h', 's', 'd']).is_some_and(is_number)
}

fn is_register_list(field: &str) -> bool {
    field.starts_with('{')
        && field.ends_with('}')
        && field.trim_matches(['{', '}']).split(',').all(|item| is_register(strip(item)))
}

fn is_constant(field: &str) -> bool {
    let value = field.strip_prefix('#').unwrap_or(field);
    parse_int(value, 0).is_some() || is_float(value)
}

/// A shift or extension, alone or with white space and an amount behind it.
fn is_shift(field: &str) -> bool {
    let Some(amount) = SHIFTS.iter().find_map(|shift| strip_folded_prefix(field, shift)) else {
        return false;
    };
    let behind = amount.trim_start_matches(is_space);
    amount.is_empty()
        || (behind.len() < amount.len()
            && behind.strip_prefix('#').is_some_and(|number| shift_amount(number) == Some("")))
}

/// What follows the number of a shift amount: an optional minus and hexadecimal or decimal digits.
fn shift_amount(number: &str) -> Option<&str> {
    let number = number.strip_prefix('-').unwrap_or(number);
    if let Some(digits) = number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
        let rest = digits.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        if rest.len() < digits.len() {
            return Some(rest);
        }
    }
    let rest = number.trim_start_matches(|c| decimal_value(c).is_some());
    (rest.len() < number.len()).then_some(rest)
}

/// Whether an immediate remains when shifts and extensions are taken out together with their amounts.
pub(super) fn has_immediate(operands: &str) -> bool {
    let mut marks = operands.match_indices('#').peekable();
    if marks.peek().is_none() {
        return false;
    }
    // The reference removes nothing unless one of these words occurs, and looks for them with a narrower folding of case
    // than the expression that removes has.
    marks.any(|(at, _)| !is_amount_of_shift(operands, at))
        || !["lsl", "lsr", "asr", "ror", "sxt", "uxt"].iter().any(|word| {
            operands.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
        })
}

/// Whether the mark at a position begins the amount of a shift: a shift word that no word character precedes, white space,
/// the mark and a number. Such pieces never overlap, because each ends in word characters.
fn is_amount_of_shift(operands: &str, mark: usize) -> bool {
    let (before, number) = operands.split_at(mark);
    let before = before.trim_end_matches(is_space);
    let can_end_shift = |c| matches!(fold_case(c), 'l' | 'r' | 'w' | 'b' | 'h' | 'x');
    if !before.ends_with(can_end_shift) || shift_amount(&number[1..]).is_none() {
        return false;
    }
    SHIFTS.iter().any(|shift| {
        let start = before.char_indices().rev().nth(shift.len() - 1).map(|(at, _)| at);
        start.is_some_and(|start| {
            strip_folded_prefix(&before[start..], shift) == Some("")
                && !before[..start].chars().next_back().is_some_and(is_word)
        })
    })
}

fn is_barrier(field: &str) -> bool {
    let is_kind = |text: &str| ["ld", "st"].iter().any(|kind| strip_folded_prefix(text, kind) == Some(""));
    let domain = ["sy", "osh", "nsh", "ish"].iter().find_map(|domain| strip_folded_prefix(field, domain));
    domain.is_some_and(|kind| kind.is_empty() || is_kind(kind)) || is_kind(field)
}

fn is_prefetch(field: &str) -> bool {
    let target = ["pld", "pst"].iter().find_map(|prefix| strip_folded_prefix(field, prefix));
    target.is_some_and(|target| {
        !target.is_empty()
            && target.chars().map(fold_case).all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    })
}

/// A lower-case name; behind `_el` digits of any script are allowed.
fn is_system_register(field: &str) -> bool {
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let without_level = field.trim_end_matches(|c| decimal_value(c).is_some());
    is_name(field)
        || (without_level.len() < field.len() && without_level.strip_suffix("_el").is_some_and(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_classified_by_their_text() {
        for (text, expected) in [
            ("x29, x30, [sp, #-0x10]!", "REG, REG, PTR"),
            ("v0.16b, v1.b, v2.s[1]", "REG, MISC, PTR"),
            ("{v0.16b, v1.16b}, {v0.16b, y}", "REG, MISC"),
            ("{}, {x0", "MISC, MISC"),
            ("b3, h4, q5, b3.2b", "REG, REG, REG, MISC"),
            ("#4.0, #0x1f, 1_0, #-1e-5, inf, nan, # 5", "CONST, CONST, CONST, CONST, CONST, CONST, CONST"),
            ("x0, lsl #3, LSR", "REG"),
            ("lsl#3", "MISC"),
            ("uxtw #-0X1f, x0", "SHIFT, REG"),
            ("eq, NV, nv", "COND, MISC, COND"),
            ("ISHLD, sy, st, syx", "BARRIER, BARRIER, BARRIER, SYSREG"),
            ("pldl1keep, PSTX, pld", "HINT, HINT, SYSREG"),
            ("tpidr_el0, tpidr_el\u{663}, Tpidr", "SYSREG, SYSREG, MISC"),
            (", x0 ,", "REG"),
        ] {
            let mut out = String::new();
            escape("mov", text, &mut out);
            assert_eq!(out, expected, "{text:?}");
        }
        let mut out = String::new();
        escape("prfm", "", &mut out);
        assert_eq!(out, "PTR");
    }

    #[test]
    fn amounts_of_shifts_are_no_immediates() {
        for (text, expected) in [
            ("x0, x1, #4", true),
            ("x0, x1, lsl #3", false),
            ("x0, #1, lsl #12", true),
            ("x0, xlsl #3", true),
            ("x0, LSL#3", false),
            ("x0, lsl #-0x", false),
            ("x0, lsl #x", true),
            ("x0, l\u{17f}l #3", true),
            ("asr, l\u{17f}l #3", false),
            ("x0, x1", false),
            ("", false),
        ] {
            assert_eq!(has_immediate(text), expected, "{text:?}");
        }
    }
}
