//! What compiling rules may cost, judged by their text: for rules of people who are not trusted with the machine.
//!
//! A compiler unrolls counted repetitions. boreal 1.4 bounds one regular expression (10 MiB) and not all of them together: 20,000
//! hex strings with three jumps `[1-10000]`, 1.8 MB of text, took more than 20 GiB.

use super::text::tokens;

/// A regular expression is never compiled to more than about this many units.
const MOST_FOR_ONE: u64 = 200_000;

/// A string with the modifier `xor` stands for 256 strings, in two widths.
const XOR: u64 = 2000;
/// An alternative in a hex string: several of them in a row make a string for each combination.
const ALTERNATIVE: u64 = 10;

/// About how many states the strings of rules are compiled to; a state was seen to cost about 40 bytes and a microsecond. Saturates.
pub(super) fn weight(text: &str) -> u64 {
    let mut sum: u64 = 0;
    let mut before: &[u8] = b"";
    for (_, token) in tokens(text) {
        let cost = match token {
            // Jumps follow each other: their lengths add up.
            [b'{', ..] if before == b"=" => {
                let alternatives = token.split(|byte| *byte == b'|').count() as u64 - 1;
                let text = token.len() as u64 + ALTERNATIVE * alternatives;
                counts(token, b'[', b']').fold(text, u64::saturating_add)
            }
            b"xor" => XOR,
            // Repetitions may be nested: their numbers multiply.
            [b'/', ..] => counts(token, b'{', b'}')
                .fold(token.len() as u64, |cost, count| cost.saturating_mul(count.max(1)))
                .min(MOST_FOR_ONE),
            _ => 0,
        };
        sum = sum.saturating_add(cost);
        before = token;
    }
    sum
}

/// The largest number between each pair of brackets.
fn counts(token: &[u8], open: u8, close: u8) -> impl Iterator<Item = u64> {
    token.split(move |byte| *byte == open).skip(1).map(move |rest| {
        let inside = rest.split(|byte| *byte == close).next().unwrap_or_default();
        inside.split(|byte| !byte.is_ascii_digit()).map(number).max().unwrap_or(0)
    })
}

fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_count() {
        let of = |string: &str| weight(&format!("rule a {{ strings: $a = {string} condition: $a }}"));
        assert_eq!(of("\"text {99999999}\""), 0);
        assert_eq!(of("{ 00 ?? 11 }"), 12);
        assert_eq!(of("{ 00 [1-10000] 11 [7] 22 [-] }"), 30 + 10_007);
        assert_eq!(of("{ (00|11) }"), 11 + ALTERNATIVE);
        assert_eq!(of("\"abc\" wide xor"), XOR);
        assert_eq!(of("/abc/"), 5);
        assert_eq!(of("/a{2,10}(b{3}){4,}/"), 19 * 120);
        assert_eq!(of("/(((a{999}){999}){999}){99999999999999999999}/"), MOST_FOR_ONE);
        assert_eq!(of("{ 00 [1-99999999999999999999999] 11 }"), u64::MAX);
        assert!(of("{ 00 /* } */ [1-10000] 11 }") > 10_000, "a comment does not hide a jump");
    }
}
