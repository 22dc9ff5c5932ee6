//! Names of others, made harmless to look at: family names, file names, symbols and strings come out of files that somebody wrote
//! to deceive.
//!
//! HTML is escaped by the templates. What is left are characters that look like nothing or turn the text around them: controls,
//! zero-width and bidirectional ones are written as `\u{...}`, and long texts are cut. Templates put what comes from here into
//! `<bdi>`, so that right-to-left text moves nothing beside it.

pub use crate::text::MAX_SHOWN;
use crate::text::is_hidden;

/// A text as it is shown: at most `most` characters, without ones that are invisible or change the direction.
pub fn shown(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most).min(1 << 16));
    for (count, character) in text.chars().enumerate() {
        if count == most {
            out.push('…');
            break;
        }
        if is_deceptive(character) {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Whether a character is not seen as what it is: those of [`is_hidden`], private use, and blanks other than the space.
fn is_deceptive(character: char) -> bool {
    is_hidden(character)
        || matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}')
        || (character.is_whitespace() && character != ' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_deceives_is_written_out_and_what_is_long_is_cut() {
        assert_eq!(shown("a\u{202e}fdp.exe", 200), "a\\u{202e}fdp.exe");
        assert_eq!(shown("x\0y\u{200b}z\n", 200), "x\\u{0}y\\u{200b}z\\u{a}");
        assert_eq!(shown("Straße 日本 é", 200), "Straße 日本 é");
        assert_eq!(shown("abcdef", 3), "abc…");
        assert_eq!(shown("abc", 3), "abc");
    }

    proptest! {
        #[test]
        fn nothing_deceptive_is_left(text in any::<String>()) {
            let shown = shown(&text, 50);
            prop_assert!(!shown.chars().any(is_deceptive));
            prop_assert!(shown.chars().count() <= 50 * 10 + 1);
        }
    }
}
