//! Text that files, servers and databases supply, made safe to show: on a terminal, in Markdown, inside of JSON.
//!
//! Pure functions from text to text. That everything printed passes through them is the business of `document` and `output`. One rule
//! holds in all three forms: a character that steers a terminal, reorders or hides text is written as an escape, never left out,
//! so that the reader sees that something is there.
//!
//! Specification: general categories Cc, Cf, Zl and Zp and the property `Default_Ignorable_Code_Point` of the Unicode Character
//! Database 16.0; CommonMark 0.31 and GitHub Flavored Markdown 0.29; RFC 8259.

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
pub(crate) fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    let after = HIDDEN.partition_point(|(first, _)| *first <= code);
    after.checked_sub(1).and_then(|at| HIDDEN.get(at)).is_some_and(|(_, last)| code <= *last)
}

/// One line for a terminal: hidden characters become `\n`, `\r`, `\t` or `\u{1b}`; the result holds no line feed.
pub(crate) fn for_terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        push_shown(&mut out, character, "\\");
    }
    out
}

/// As [`for_terminal`], with the backslash of an escape as the target writes it.
fn push_shown(out: &mut String, character: char, backslash: &str) {
    if !is_hidden(character) {
        out.push(character);
        return;
    }
    out.push_str(backslash);
    match character {
        '\n' => out.push('n'),
        '\r' => out.push('r'),
        '\t' => out.push('t'),
        // Writing to a String cannot fail.
        other => drop(write!(out, "u{{{:x}}}", u32::from(other))),
    }
}

/// One line of Markdown whose rendering is the text: nothing in it is markup, HTML, a link, or the start of a block. Blanks at the
/// start are left out, because four of them would make a block of code.
pub(crate) fn for_markdown(text: &str) -> String {
    let text = text.trim_start_matches(' ');
    let inline = for_markdown_cell(text);
    let digits = inline.len() - inline.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = inline.split_at(digits);
    match rest.chars().next() {
        Some('.' | ')') if digits > 0 => format!("{number}\\{rest}"),
        Some('#' | '-' | '+' | '=' | ':') if digits == 0 => format!("\\{rest}"),
        _ => inline,
    }
}

/// As [`for_markdown`] for text that stands inside of a line, such as a cell of a table.
pub(crate) fn for_markdown_cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    for (at, character) in text.char_indices() {
        let rest = &text[at + character.len_utf8()..];
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' | '!' => {
                out.push('\\');
                out.push(character);
            }
            // Inside of a word an underscore is no markup, and most names have some.
            '_' if is_word(before) && is_word(rest.chars().next()) => out.push('_'),
            '_' => out.push_str("\\_"),
            // GitHub makes links of bare addresses.
            ':' if rest.starts_with("//") => out.push_str("\\:"),
            '.' if ends_with_www(&out) => out.push_str("\\."),
            '@' => out.push_str("\\@"),
            other => push_shown(&mut out, other, "\\\\"),
        }
        before = Some(character);
    }
    out
}

fn ends_with_www(text: &str) -> bool {
    text.as_bytes().last_chunk::<3>().is_some_and(|last| last.eq_ignore_ascii_case(b"www"))
}

fn is_word(character: Option<char>) -> bool {
    character.is_some_and(|character| character.is_ascii_alphanumeric())
}

/// JSON with the same value in which hidden characters are escapes. Line feeds between values stay.
pub(crate) fn for_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_hidden(character) {
            out.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

/// A number with its noun: `1 sample`, `2 samples`. For the regular plural only.
pub(crate) fn counted(number: impl Into<u128>, noun: &str) -> String {
    match number.into() {
        1 => format!("1 {noun}"),
        // "family", "library": not "monkey".
        number if noun.ends_with('y') && !noun.ends_with("ey") => {
            format!("{number} {}ies", &noun[..noun.len() - 1])
        }
        number => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text rich in what has to be escaped.
    fn hostile() -> impl Strategy<Value = String> {
        let pieces = prop_oneof![
            proptest::sample::select(vec![
                "\u{1b}[31m",
                "\u{1b}]0;t\u{7}",
                "\n",
                "\r\n",
                "\u{9b}2J",
                "\u{202e}",
                "\u{2066}",
                "\u{200b}",
                "\u{2028}",
                "\u{7f}",
                "\u{e0041}",
                "<img src=x>",
                "|",
                "`",
                "[a](b)",
                "![a](b)",
                "# ",
                "- ",
                "1. ",
                "```",
                "https://x.y",
                "www.x.y",
                "\\",
                "_a_",
                "**",
                "a",
                " ",
                "\u{e4}",
                "&lt;",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ];
        proptest::collection::vec(pieces, 0..20).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn what_hides_or_steers_is_escaped_and_letters_are_not() {
        let hidden = [
            '\u{0}',
            '\u{1b}',
            '\n',
            '\u{7f}',
            '\u{80}',
            '\u{9b}',
            '\u{9f}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0020}',
        ];
        assert!(hidden.into_iter().all(is_hidden));
        let shown =
            ['a', ' ', '~', '\u{a0}', '\u{e4}', '\u{5d0}', '\u{4e00}', '\u{1f600}', '\u{fffd}', '\u{2014}'];
        assert!(!shown.into_iter().any(is_hidden));
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0), "ascending");
        assert_eq!(for_terminal("a\u{1b}[1m\n\u{202e}b"), "a\\u{1b}[1m\\n\\u{202e}b");
    }

    #[test]
    fn markdown_is_text_again_when_rendered() {
        let cases = [
            ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
            ("a|b", "a\\|b"),
            ("![x](http://e)", "\\!\\[x\\](http\\://e)"),
            ("# head", "\\# head"),
            ("    code", "code"),
            ("12. item", "12\\. item"),
            ("12 of 13", "12 of 13"),
            ("--- ", "\\--- "),
            ("a_b __init__", "a_b \\_\\_init\\_\\_"),
            ("www.evil.example", "www\\.evil.example"),
            ("x\n# y", "x\\\\n# y"),
            ("\u{1b}c", "\\\\u{1b}c"),
        ];
        for (text, expected) in cases {
            assert_eq!(for_markdown(text), expected);
        }
    }

    #[test]
    fn numbers_go_with_their_nouns() {
        assert_eq!(counted(1_u64, "sample"), "1 sample");
        assert_eq!(counted(0_u64, "new sample"), "0 new samples");
        assert_eq!(counted(2_u64, "new family"), "2 new families");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_and_a_line_stays_one(text in hostile()) {
            for shown in [for_terminal(&text), for_markdown(&text), for_markdown_cell(&text)] {
                prop_assert!(!shown.chars().any(is_hidden), "{shown:?}");
            }
            let markdown = for_markdown(&text);
            prop_assert!(!markdown.contains(['<', '>']) && !markdown.starts_with(['#', '-', '+', '=', ' ']), "{markdown:?}");
            for mark in ['`', '|', '[', ']', '*'] {
                let at: Vec<usize> = markdown.match_indices(mark).map(|(at, _)| at).collect();
                for at in at {
                    let slashes = markdown[..at].bytes().rev().take_while(|byte| *byte == b'\\').count();
                    prop_assert!(slashes % 2 == 1, "{mark} is markup in {markdown:?}");
                }
            }
        }

        #[test]
        fn json_keeps_its_value(text in hostile()) {
            let value = serde_json::json!({ text.clone(): [text] });
            for json in [value.to_string(), format!("{value:#}")] {
                let shown = for_json(&json);
                prop_assert!(!shown.chars().any(|c| c != '\n' && is_hidden(c)));
                prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&shown).unwrap(), &value);
            }
        }
    }
}
