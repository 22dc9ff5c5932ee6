//! Word characters and digits of Unicode 14 as Python 3.11 classifies them, from `data/python_unicode.txt`.
//!
//! Not taken from the standard library: its tables follow the compiler's Unicode version, and its alphanumeric class counts
//! combining marks that Python does not.

use std::sync::LazyLock;

/// Ranges of code points, ascending, ends included.
#[derive(Default)]
struct Classes {
    word: Vec<(u32, u32)>,
    digit: Vec<(u32, u32)>,
    /// The zero of every run of ten decimal digits.
    zeros: Vec<u32>,
}

static CLASSES: LazyLock<Classes> =
    LazyLock::new(|| read_classes(include_str!("../../../../data/python_unicode.txt")));

fn read_classes(text: &str) -> Classes {
    let mut classes = Classes::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let kind = words.next();
        let mut number = || words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
        match (kind, number(), number()) {
            (Some("word"), Some(first), Some(last)) => classes.word.push((first, last)),
            (Some("digit"), Some(first), Some(last)) => classes.digit.push((first, last)),
            (Some("decimal"), Some(zero), None) => classes.zeros.push(zero),
            _ => {}
        }
    }
    classes
}

fn contains(ranges: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    let at = ranges.partition_point(|&(_, last)| last < code);
    ranges.get(at).is_some_and(|&(first, _)| first <= code)
}

/// What `\w` matches in a `str` pattern.
pub(crate) fn is_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { contains(&CLASSES.word, c) }
}

/// The value of a decimal digit of any script (`str.isdecimal`, what `\d` matches).
pub(crate) fn decimal_value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.to_digit(10).map(|value| value as u8);
    }
    let code = u32::from(c);
    let zeros = &CLASSES.zeros;
    let zero = zeros.get(zeros.partition_point(|&zero| zero <= code).checked_sub(1)?)?;
    u8::try_from(code - zero).ok().filter(|&value| value < 10)
}

/// `str.isdigit()` of one character: decimal digits and others with a digit value, such as superscripts.
pub(crate) fn is_digit(c: char) -> bool {
    decimal_value(c).is_some() || (!c.is_ascii() && contains(&CLASSES.digit, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_ordered() {
        assert_eq!((CLASSES.word.len(), CLASSES.zeros.len(), CLASSES.digit.len()), (734, 66, 20));
        assert!(CLASSES.word.is_sorted() && CLASSES.zeros.is_sorted() && CLASSES.digit.is_sorted());
    }

    #[test]
    fn classes_differ_where_python_says_so() {
        assert!(is_word('é') && is_word('_') && is_word('中') && is_word('\u{b2}'));
        assert!(!is_word('\u{301}') && !is_word('-') && !is_word('\u{2019}'));
        assert_eq!(decimal_value('\u{667}'), Some(7));
        assert_eq!(decimal_value('\u{b2}'), None);
        assert!(is_digit('\u{b2}') && !is_digit('\u{bd}') && !is_digit('a'));
    }
}
