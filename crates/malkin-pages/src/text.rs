//! Text of files and servers, made safe to put into XML.
//!
//! A character that would steer, reorder or hide text is written as an escape (`\\u{202e}`), never left out. Specification:
//! general categories Cc, Cf, Zl and Zp and the property `Default_Ignorable_Code_Point` of the Unicode Character Database 16.0;
//! XML 1.0, section 2.2 and 2.4.

use std::fmt::Write as _;

/// Characters that are not shown as they are, as ascending ranges.
const HIDDEN: [(u32, u32); 27] = [
    (0x0000, 0x001f), // C0 controls, among them ESC
    (0x007f, 0x009f), // DEL and C1 controls
    (0x00ad, 0x00ad), // soft hyphen
    (0x034f, 0x034f), // combining grapheme joiner
    (0x0600, 0x0605), // Arabic number signs
    (0x061c, 0x061c), // Arabic letter mark, a bidi control
    (0x06dd, 0x06dd),
    (0x070f, 0x070f),
    (0x0890, 0x0891),
    (0x08e2, 0x08e2),
    (0x115f, 0x1160), // Hangul fillers
    (0x17b4, 0x17b5),
    (0x180b, 0x180f), // Mongolian selectors and vowel separator
    (0x200b, 0x200f), // zero width characters, left-to-right and right-to-left mark
    (0x2028, 0x202e), // line and paragraph separator, bidi embeddings and overrides
    (0x2060, 0x206f), // word joiner, invisible operators, bidi isolates
    (0x3164, 0x3164), // Hangul filler
    (0xfe00, 0xfe0f), // variation selectors
    (0xfeff, 0xfeff), // byte order mark
    (0xffa0, 0xffa0), // Hangul filler
    (0xfff0, 0xfffb), // interlinear annotation, and the unassigned ones before it
    (0x1_10bd, 0x1_10bd),
    (0x1_10cd, 0x1_10cd),
    (0x1_3430, 0x1_343f), // layout of hieroglyphs
    (0x1_bca0, 0x1_bca3),
    (0x1_d173, 0x1_d17a),
    (0xe_0000, 0xe_0fff), // tags and variation selectors
];

/// Whether a character would steer the terminal, reorder its neighbours, or not be seen.
pub fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    let after = HIDDEN.partition_point(|(first, _)| *first <= code);
    after.checked_sub(1).and_then(|at| HIDDEN.get(at)).is_some_and(|(_, last)| code <= *last)
}

/// Characters of one piece of text that are shown at most, unless a caller asks for fewer.
pub const MAX_SHOWN: usize = 200;

/// Appends text as the content of an element or the value of a quoted attribute.
pub fn push_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        push_character(out, character);
    }
}

/// As [`push_escaped`], at most so many characters, the last of which is an ellipsis if some are left out. An escape counts as
/// one character.
pub fn push_cut(out: &mut String, text: &str, most: usize) {
    let mut characters = text.chars();
    let is_long = characters.clone().nth(most).is_some();
    let shown = if is_long { most.saturating_sub(1) } else { most };
    for character in characters.by_ref().take(shown) {
        push_character(out, character);
    }
    if is_long {
        out.push('\u{2026}');
    }
}

/// Columns of a monospaced font that text takes as [`push_cut`] writes it: an escape as long as it is, and two for a character
/// beyond ASCII, which may be a wide one.
pub fn columns(text: &str, most: usize) -> usize {
    let of = |character: char| match u32::from(character) {
        code if is_hidden(character) => 5 + (code.checked_ilog(16).unwrap_or(0) as usize),
        0..=0x7f => 1,
        _ => 2,
    };
    text.chars().take(most).map(of).sum()
}

fn push_character(out: &mut String, character: char) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        // The two last characters of the first plane are no characters of XML.
        hidden if is_hidden(hidden) || matches!(hidden, '\u{fffe}' | '\u{ffff}') => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(hidden));
        }
        other => out.push(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str, most: usize) -> String {
        let mut out = String::new();
        push_cut(&mut out, text, most);
        out
    }

    #[test]
    fn markup_is_text_and_hidden_characters_are_seen() {
        assert_eq!(cut("<a b='c' d=\"e\">&", 99), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
        assert_eq!(cut("a\u{202e}b\0\n\u{ffff}", 99), "a\\u{202e}b\\u{0}\\u{a}\\u{ffff}");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö\u{2026}");
        assert_eq!(cut("abc", 1), "\u{2026}");
    }

    #[test]
    fn columns_are_those_of_the_written_text() {
        for text in ["mov", "\0", "a\u{202e}b", "\u{e0001}", "\u{10}"] {
            assert_eq!(columns(text, 99), cut(text, 99).chars().count(), "{text:?}");
        }
        assert_eq!(columns("abcdef", 3), 3);
        assert_eq!(columns("語", 3), 2);
    }

    proptest! {
        #[test]
        fn nothing_of_a_text_is_markup(text in any::<String>()) {
            let mut out = String::new();
            push_escaped(&mut out, &text);
            let has_markup = out.contains(['<', '>', '"', '\'']);
            prop_assert!(!has_markup && out.chars().all(|one| !is_hidden(one)));
        }
    }
}
