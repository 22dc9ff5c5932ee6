//! Letters without their case, as the search of names compares them: one character is folded to one character, so that
//! "contains" means the same on every path, in an index or row by row.
//!
//! This is the case-insensitivity of Python's `re` (simple lower case, and letters with a common upper case are equal),
//! because that is what MCRIT's answers show: `ſ` equals `s` and the Kelvin sign equals `k`, but `ß` is not `ss`.

/// The character that stands for all that differ from it in case only.
pub fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    // Only `İ` has a lower case of several characters, of which the first counts.
    let lower = c.to_lowercase().next().unwrap_or(c);
    match lower {
        'ı' => 'i',
        'ſ' => 's',
        'µ' => 'μ',
        '\u{345}' | '\u{1fbe}' => 'ι',
        '\u{1fd3}' => '\u{390}',
        '\u{1fe3}' => '\u{3b0}',
        'ϐ' => 'β',
        'ϵ' => 'ε',
        'ϑ' => 'θ',
        'ϰ' => 'κ',
        'ϖ' => 'π',
        'ϱ' => 'ρ',
        'ς' => 'σ',
        'ϕ' => 'φ',
        '\u{1c80}' => 'в',
        '\u{1c81}' => 'д',
        '\u{1c82}' => 'о',
        '\u{1c83}' => 'с',
        '\u{1c84}' | '\u{1c85}' => 'т',
        '\u{1c86}' => 'ъ',
        '\u{1c87}' => 'ѣ',
        '\u{1c88}' => 'ꙋ',
        '\u{1e9b}' => 'ṡ',
        'ﬅ' => 'ﬆ',
        other => other,
    }
}

/// A text folded character by character.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(fold_char).collect()
}

/// Whether a text contains another one, whatever the case; `needle` is [`fold`]ed already.
pub fn contains(text: &str, needle: &str) -> bool {
    needle.is_empty() || fold(text).contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_one_representative() {
        // Characters whose lower cases share an upper case are one class; the table must name them all.
        let mut classes = std::collections::HashMap::<String, char>::new();
        let newer = |c: char| ('\u{1c89}'..='\u{1c8a}').contains(&c) || u32::from(c) > 0xa7c0;
        for c in ('\0'..=char::MAX).filter(|c| c.to_lowercase().count() == 1 && !newer(*c)) {
            let upper: String = fold_char(c).to_uppercase().collect();
            let lower = fold_char(c);
            assert_eq!(fold_char(lower), lower, "{c:?} is folded at once");
            if lower.to_lowercase().eq([lower]) && lower.to_uppercase().ne([lower]) {
                let class = *classes.entry(upper).or_insert(lower);
                assert_eq!(class, lower, "{c:?}");
            }
        }
        assert!(classes.len() > 1000);
    }

    #[test]
    fn case_is_ignored_as_in_the_reference() {
        for (text, needle, expected) in [
            ("Straße.exe", "STRAẞE", true),
            ("strasse.EXE", "straße", false),
            ("İstanbul", "istanbul", true),
            ("İstanbul", "i\u{307}stanbul", false),
            ("ıxı", "IXI", true),
            ("ſum", "SUM", true),
            ("5\u{212a}", "5k", true),
            ("ΣΑΣ", "σας", true),
            ("ﬀ", "ff", false),
            ("e\u{301}", "é", false),
            ("anything", "", true),
            ("", "a", false),
        ] {
            assert_eq!(contains(text, &fold(needle)), expected, "{needle:?} in {text:?}");
        }
    }
}
