//! Values of queries and cursors, and what comparing a field with one comes down to.
//!
//! Values of different types are never equal and in no order, as in the reference. A flag is equal to the numbers 0 and 1.

use super::ast::Operator;
use super::field::Kind;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing; what a record has that lacks a field.
    Null,
    /// True or false.
    Flag(bool),
    /// An integer; those beyond 128 bits stand at the end of that range.
    Integer(i128),
    /// A floating point number.
    Real(f64),
    /// Text.
    Text(String),
    /// A list or an object: equal to nothing that is stored.
    Compound,
}

/// A comparison that is worth looking at records for, or not.
#[derive(Clone, PartialEq, Debug)]
pub enum Comparison {
    /// No record.
    Never,
    /// Every record.
    Always,
    /// The field, an integer, against this one.
    Integer(Operator, i64),
    /// The field, a number, against this one.
    Real(Operator, f64),
    /// The field, text, against this one, byte by byte.
    Text(Operator, String),
}

impl Comparison {
    /// Compares a field of this kind. Fields without a value (NULL) are equal to nothing; `NotEqual` holds for them.
    ///
    /// `operator` is none of the two that look for parts of a text.
    pub fn new(kind: Kind, operator: Operator, value: &Value) -> Self {
        let mismatch = if operator == Operator::NotEqual { Self::Always } else { Self::Never };
        match (kind, value) {
            (Kind::Text, Value::Text(text)) => Self::Text(operator, text.clone()),
            (Kind::Integer, Value::Integer(number)) => Self::integer(operator, *number),
            (Kind::Real, Value::Integer(number)) => Self::Real(operator, *number as f64),
            (Kind::Integer | Kind::Real, Value::Real(number)) if !number.is_nan() => {
                Self::Real(operator, *number)
            }
            (Kind::Flag, Value::Flag(flag)) => Self::Integer(operator, i64::from(*flag)),
            (Kind::Integer | Kind::Real, Value::Flag(flag)) if !operator.is_range() => {
                Self::Integer(operator, i64::from(*flag))
            }
            (Kind::Flag, Value::Integer(number)) if !operator.is_range() => Self::integer(operator, *number),
            (Kind::Flag, Value::Real(number)) if !operator.is_range() => Self::Real(operator, *number),
            (Kind::Nothing, Value::Null) if operator == Operator::Equal => Self::Always,
            (Kind::Nothing, Value::Null) => Self::Never,
            _ => mismatch,
        }
    }

    fn integer(operator: Operator, number: i128) -> Self {
        if let Ok(number) = i64::try_from(number) {
            return Self::Integer(operator, number);
        }
        // Beyond all that is stored, on one side or the other.
        let holds = match operator {
            Operator::Less | Operator::LessOrEqual => number > 0,
            Operator::Greater | Operator::GreaterOrEqual => number < 0,
            Operator::NotEqual => true,
            _ => false,
        };
        if holds { Self::Always } else { Self::Never }
    }
}

/// Reads an integer as Python's `int(text, 0)` does: blanks around it, a sign, `0x`, `0o` or `0b` in front, single
/// underscores between digits, and no zeros before a decimal number other than 0.
pub(super) fn read_integer(text: &str) -> Option<i128> {
    let text = text.trim();
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (radix, digits) = match unsigned.get(..2) {
        Some("0x" | "0X") => (16, unsigned.get(2..)?),
        Some("0o" | "0O") => (8, unsigned.get(2..)?),
        Some("0b" | "0B") => (2, unsigned.get(2..)?),
        _ => (10, unsigned),
    };
    let number = digits_of(digits, radix, radix != 10)?;
    if radix == 10 && number != 0 && digits.starts_with('0') {
        return None;
    }
    Some(if negative { -number } else { number })
}

/// Reads an integer as Python's `int(text)` does, or, with `0x` at the very beginning, as `int(text, 16)`.
pub fn read_id(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0x") {
        return digits_of(digits.trim_end(), 16, true);
    }
    let text = text.trim();
    let number = digits_of(text.strip_prefix(['-', '+']).unwrap_or(text), 10, false)?;
    Some(if text.starts_with('-') { -number } else { number })
}

fn digits_of(text: &str, radix: u32, may_begin_with_underscore: bool) -> Option<i128> {
    let mut number = 0_i128;
    let mut after_digit = may_begin_with_underscore;
    for c in text.chars() {
        match digit(c).to_digit(radix) {
            Some(digit) => {
                number = number.saturating_mul(radix.into()).saturating_add(digit.into());
                after_digit = true;
            }
            None if c == '_' && after_digit => after_digit = false,
            None => return None,
        }
    }
    (after_digit && !text.is_empty()).then_some(number)
}

/// The ASCII digit of the same value, as Python reads decimal digits of any script; other characters as they are.
fn digit(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let code = u32::from(c);
    let at = ZEROS.partition_point(|zero| *zero <= code);
    let value = at.checked_sub(1).and_then(|at| ZEROS.get(at)).map(|zero| code - zero);
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

/// The digits 0 of scripts other than Latin (category Nd of Unicode 14); 1 to 9 follow each.
#[rustfmt::skip]
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50,
    0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140,
    0x1e2f0, 0x1e950, 0x1fbf0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_reads_them() {
        for (text, number) in [
            ("1", 1),
            (" 1 ", 1),
            ("+1", 1),
            ("-0x1", -1),
            ("0X1f", 31),
            ("0b11", 3),
            ("0o17", 15),
            ("00", 0),
            ("0_0", 0),
            ("0x_1", 1),
            ("1_0", 10),
            ("\u{661}\u{662}", 12),
        ] {
            assert_eq!(read_integer(text), Some(number), "{text}");
        }
        for text in ["", "-", "01", "0_1", "1.0", "1e0", "0x", "_1", "1_", "1__0", "- 1", "abc", "\u{b2}"] {
            assert_eq!(read_integer(text), None, "{text:?}");
        }
        assert_eq!(read_integer(&"9".repeat(50)), Some(i128::MAX));
        for (text, number) in
            [("02", 2), (" +2 ", 2), ("-0", 0), ("0x2 ", 2), ("0x1_0", 16), ("0_1", 1), ("\u{ff12}", 2)]
        {
            assert_eq!(read_id(text), Some(number), "{text}");
        }
        for text in ["0X2", " 0x2", "0b1", "2.0", "0x", "0x-1", "3_", "0x 2"] {
            assert_eq!(read_id(text), None, "{text:?}");
        }
    }
}
