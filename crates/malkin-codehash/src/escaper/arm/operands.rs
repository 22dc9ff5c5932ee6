//! Operand text of A32 and T32.

use std::sync::LazyLock;

use super::TABLE;
use crate::escaper::data_rows::rows;
use crate::escaper::fields::fields;
use crate::python_text::{decimal_value, is_float, is_space, is_word, parse_int, strip};

// Lists of words are data (`data/arm_escaper.txt`), what a register or a constant looks like is code: those are patterns of the reference
// and not lists.
#[derive(Default)]
struct Tables {
    conditions: Vec<&'static str>,
    barriers: Vec<&'static str>,
    banks: Vec<&'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables::default();
    for (key, words) in rows(TABLE) {
        match key {
            "operand:condition" => tables.conditions.extend(words),
            "operand:barrier" => tables.barriers.extend(words),
            "operand:bank" => tables.banks.extend(words),
            _ => {}
        }
    }
    tables
});

/// Appends the class of each operand. A shift belongs to the operand before it and stands only where none is.
pub(super) fn escape(operands: &str, out: &mut String) {
    let mut first = true;
    for field in fields(operands) {
        let class = classify(field);
        if class.is_empty() || (class == "SHIFT" && !first) {
            continue;
        }
        if !first {
            out.push_str(", ");
        }
        out.push_str(class);
        first = false;
    }
}

/// The class of one operand, empty for one that is nothing but blanks (docs/reference/similarity.md 3.4). The order of the questions is
/// part of the contract: `[r0]` ends like a register with a lane, and `lsl #2` holds a constant.
fn classify(field: &str) -> &'static str {
    let field = strip(field);
    // The mark of user-mode registers behind a list (`ldm r0, {r1}^`) does not change the class.
    let field = field.strip_suffix('^').map_or(field, strip);
    if field.is_empty() {
        ""
    } else if field.starts_with('[') {
        "PTR"
    } else if (field.starts_with('{') && field.ends_with('}')) || is_register(field) {
        "REG"
    } else if is_constant(field) {
        "CONST"
    } else if is_shift(field) {
        "SHIFT"
    } else if TABLES.conditions.contains(&field) {
        "COND"
    } else if TABLES.barriers.contains(&field) {
        "BARRIER"
    } else if is_system_register(field) {
        "SYSREG"
    } else {
        "MISC"
    }
}

/// A register, with an optional lane in brackets and an optional exclamation mark behind it.
fn is_register(field: &str) -> bool {
    let field = field.strip_suffix('!').unwrap_or(field);
    let name = match field.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
        Some((name, lane)) if lane.chars().all(|c| decimal_value(c).is_some()) => name,
        Some(_) => return false,
        None => field,
    };
    if matches!(
        name,
        "sb" | "sl" | "fp" | "ip" | "sp" | "lr" | "pc" | "apsr" | "apsr_nzcv" | "fpscr" | "fpexc" | "fpsid"
    ) {
        return true;
    }
    if let Some(number) = name.strip_prefix("mvfr") {
        return matches!(number, "0" | "1" | "2");
    }
    let Some(number) = name.get(1..) else { return false };
    // Sixteen core registers, coprocessors, their registers and quadwords, 32 of single and double precision. Greater numbers are no
    // registers, whatever they are.
    let limit = match name.as_bytes().first() {
        Some(b'r' | b'q' | b'c' | b'p') => 15,
        Some(b's' | b'd') => 31,
        _ => return false,
    };
    register_number(number).is_some_and(|number| number <= limit)
}

/// One or two ASCII digits without a leading zero.
fn register_number(digits: &str) -> Option<u8> {
    match *digits.as_bytes() {
        [ones @ b'0'..=b'9'] => Some(ones - b'0'),
        [tens @ b'1'..=b'9', ones @ b'0'..=b'9'] => Some((tens - b'0') * 10 + ones - b'0'),
        _ => None,
    }
}

fn is_constant(field: &str) -> bool {
    let value = field.strip_prefix('#').unwrap_or(field);
    parse_int(value, 0).is_some() || is_float(value)
}

/// `rrx`, or a shift with an optional amount: white space and then one word.
fn is_shift(field: &str) -> bool {
    let amount = ["lsl", "lsr", "asr", "ror"].iter().find_map(|shift| field.strip_prefix(shift));
    match amount {
        Some("") => true,
        Some(amount) => {
            amount.starts_with(is_space) && !amount.trim_start_matches(is_space).contains(is_space)
        }
        None => field == "rrx",
    }
}

/// A status register, a part of one, or a banked register.
fn is_system_register(field: &str) -> bool {
    if matches!(field, "apsr" | "cpsr" | "spsr" | "elr_hyp") {
        return true;
    }
    let part = ["spsr_", "cpsr_", "apsr_"].iter().find_map(|status| field.strip_prefix(status));
    if part.is_some_and(|part| !part.is_empty() && part.chars().all(is_word)) {
        return true;
    }
    field.rsplit_once('_').is_some_and(|(name, bank)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()) && TABLES.banks.contains(&bank)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        assert_eq!((TABLES.conditions.len(), TABLES.barriers.len(), TABLES.banks.len()), (17, 12, 8));
    }

    #[test]
    fn operands_are_classified_by_their_text() {
        for (text, expected) in [
            ("r0, #0", "REG, CONST"),
            ("r3, [pc]", "REG, PTR"),
            ("{r0, lr}^", "REG"),
            ("r15!, s31, d32, q16", "REG, REG, MISC, MISC"),
            ("d0[1], d0[], d0[x], r01", "REG, REG, MISC, MISC"),
            ("r0, r1, lsl #2", "REG, REG"),
            ("lsl r3", "SHIFT"),
            ("rrx, rrx", "SHIFT"),
            ("lsl 1 2", "MISC"),
            ("lslx", "MISC"),
            ("#inf, #-0x1f, 1e5, #٣", "CONST, CONST, CONST, CONST"),
            ("ishst, eq, sy", "BARRIER, COND, BARRIER"),
            ("spsr_fsxc, r8_usr, lr_irq, elr_hyp, spsr", "SYSREG, MISC, SYSREG, SYSREG, SYSREG"),
            ("apsr_nzcv, apsr_é, apsr_-", "REG, SYSREG, MISC"),
            (", ,r0", "REG"),
            ("^", ""),
            ("mvfr2, mvfr3, é", "REG, MISC, MISC"),
        ] {
            let mut out = String::new();
            escape(text, &mut out);
            assert_eq!(out, expected, "{text:?}");
        }
    }
}
