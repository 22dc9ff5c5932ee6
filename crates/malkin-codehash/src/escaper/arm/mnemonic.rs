//! Groups of ARM mnemonics. A mnemonic is its base plus condition, S bit, data type and width: `addseq.w` is `add`.

use std::borrow::Cow;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::TABLE;
use crate::escaper::data_rows::{letter_suffix, rows};
use crate::python_text::is_word;

#[derive(Default)]
struct Tables {
    /// Every base, with the letter of its group if the table lists one.
    bases: FxHashMap<&'static str, Option<u8>>,
    /// Words with a group that are not bases themselves (`rfe`, the `it` patterns and others).
    others: FxHashMap<&'static str, u8>,
    conditions: Vec<&'static str>,
    /// Forms listed as bases of their own, and what they are a form of.
    flag_setting: Vec<(&'static str, &'static str)>,
    memory: Vec<&'static str>,
    vector_memory: Vec<&'static str>,
    calls: Vec<&'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut tables = Tables::default();
    for (key, mut words) in rows(TABLE) {
        match key {
            "base" => tables.bases.extend(words.map(|word| (word, None))),
            "condition" => tables.conditions.extend(words),
            "flag-setting" => tables.flag_setting.extend(words.next().zip(words.next())),
            "memory" => tables.memory.extend(words),
            "vector-memory" => tables.vector_memory.extend(words),
            "call" => tables.calls.extend(words),
            _ if key.starts_with("group:") => {
                for word in words {
                    match (tables.bases.get_mut(word), letter_suffix(key)) {
                        (Some(group), letter) => *group = letter,
                        (None, Some(letter)) => {
                            tables.others.insert(word, letter);
                        }
                        (None, None) => {}
                    }
                }
            }
            _ => {}
        }
    }
    tables
});

/// A mnemonic without condition, S and width, split at its first dot.
struct Base<'a> {
    head: &'a str,
    /// Data type including the dot, empty if there is none.
    has_type: bool,
}

/// Lower case as far as it can end in ASCII: the letters A to Z, the Kelvin sign and the dotted capital i. Anything else
/// outside ASCII never equals a word of the tables, in whatever case.
fn lower_case(mnemonic: &str) -> Cow<'_, str> {
    if mnemonic.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
        Cow::Owned(mnemonic.chars().flat_map(char::to_lowercase).collect())
    } else {
        Cow::Borrowed(mnemonic)
    }
}

/// Splits a mnemonic in lower case. The list of bases decides between readings: `teq` is a base, `bls` is `b` + `ls`.
fn base_of<'a>(name: &'a str, tables: &Tables) -> Base<'a> {
    let name = name.strip_suffix(".w").or_else(|| name.strip_suffix(".n")).unwrap_or(name);
    let (head, has_type) = name.split_once('.').map_or((name, false), |(head, _)| (head, true));
    let is_base = |word: &str| tables.bases.contains_key(word);
    if let Some((_, form_of)) = tables.flag_setting.iter().find(|(form, _)| *form == head) {
        return Base { head: form_of, has_type };
    }
    let without_flags = |word: &'a str| word.strip_suffix('s').filter(|rest| is_base(rest));
    let without_condition = || {
        let rest = tables.conditions.iter().find_map(|condition| head.strip_suffix(condition))?;
        without_flags(rest).or_else(|| is_base(rest).then_some(rest))
    };
    let head = if is_base(head) {
        head
    } else {
        without_condition().or_else(|| without_flags(head)).unwrap_or(head)
    };
    Base { head, has_type }
}

/// The letter of the group of a mnemonic.
pub(super) fn group(mnemonic: &str) -> u8 {
    let tables = &*TABLES;
    let name = lower_case(mnemonic);
    let Base { head, has_type } = base_of(&name, tables);
    let starts_with_any = |prefixes: &[&str]| prefixes.iter().any(|prefix| head.starts_with(prefix));
    // A data type keeps a word from being found in the lists; the prefixes below still apply.
    let listed = if has_type { None } else { tables.bases.get(head).copied() };
    let letter = listed.flatten().or_else(|| if has_type { None } else { tables.others.get(head).copied() });
    if let Some(letter) = letter {
        return letter;
    }
    if head.starts_with("cps") {
        b'P'
    } else if head.starts_with('v') {
        if starts_with_any(&tables.vector_memory) {
            b'M'
        } else if head.starts_with("vcvt")
            || (!has_type && matches!(head, "vmrs" | "vmsr"))
            || has_float_type(mnemonic)
        {
            b'F'
        } else {
            b'V'
        }
    } else if starts_with_any(&tables.memory) {
        b'M'
    } else if listed.is_some() {
        b'A'
    } else {
        b'U'
    }
}

/// Whether a mnemonic, in its own case, holds `.f16`, `.f32` or `.f64` as a whole word.
fn has_float_type(mnemonic: &str) -> bool {
    mnemonic.match_indices(".f").any(|(at, _)| {
        let rest = &mnemonic[at + 2..];
        ["16", "32", "64"].iter().any(|width| {
            rest.strip_prefix(width).is_some_and(|rest| !rest.chars().next().is_some_and(is_word))
        })
    })
}

/// Whether a mnemonic is a call in any condition.
pub(super) fn is_call(mnemonic: &str) -> bool {
    let tables = &*TABLES;
    let name = lower_case(mnemonic);
    let Base { head, has_type } = base_of(&name, tables);
    !has_type && tables.calls.contains(&head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        assert_eq!(TABLES.bases.len(), 471);
        assert_eq!(TABLES.conditions.len(), 17);
        assert_eq!(TABLES.flag_setting, [("movs", "mov"), ("subs", "sub")]);
        assert!(rows(TABLE).all(|(key, words)| words.clone().next().is_some() && !key.is_empty()));
    }

    #[test]
    fn bases_are_found_behind_condition_flags_and_width() {
        for (mnemonic, expected) in [
            ("teq", b'A'),
            ("bls", b'C'),
            ("bleq", b'C'),
            ("bics", b'A'),
            ("mulls", b'A'),
            ("addseq.w", b'A'),
            ("itte", b'C'),
            ("rfe", b'C'),
            ("push.w", b'S'),
            ("cpsie", b'P'),
            ("cpsx.y", b'P'),
            ("svcne", b'P'),
            ("vadd.f32", b'F'),
            ("vadd.f3264", b'V'),
            ("vadd.i8", b'V'),
            ("vcvtb.s32", b'F'),
            ("vmrs", b'F'),
            ("vldmia", b'M'),
            ("vpush", b'S'),
            ("ldrls", b'M'),
            ("swpb", b'M'),
            ("B", b'C'),
            ("b.x", b'U'),
            ("b\u{212a}pt", b'P'),
            ("", b'U'),
            ("error", b'U'),
        ] {
            assert_eq!(group(mnemonic) as char, expected as char, "{mnemonic:?}");
        }
    }

    #[test]
    fn calls_are_recognised_in_any_condition() {
        assert!(is_call("bl") && is_call("blxne") && is_call("bleq.w") && is_call("blxns"));
        assert!(!is_call("bls") && !is_call("b") && !is_call("bl.x"));
    }
}
