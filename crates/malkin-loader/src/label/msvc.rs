//! Readable names of the symbols that MSVC and clang-cl decorate: `?f@@YAXH@Z` is `void __cdecl f(int)`.
//!
//! Microsoft publishes no grammar. The reference is LLVM (`llvm/lib/Demangle/MicrosoftDemangle.cpp`), whose spelling SMDA
//! takes over through the Python package `demangle` 0.6.0; `tests/golden/msvc_names.tsv` compares with what that prints.
//! The crate `msvc-demangler` spells otherwise and forgets what the text needs (`__restrict`, the adjustment of a thunk,
//! qualifiers of member pointers), has no bound on what it prints, and overflows on some names.
//!
//! A name is read once, from left to right: `name` reads what a symbol is called, `kind` its types, `symbol` the whole.
//! Names become text at once, because back references mean text; types become a tree (`tree`), because C writes a
//! declaration from the inside to the outside.

mod kind;
mod literal;
mod name;
mod operator;
mod reader;
mod symbol;
mod tree;
mod wellformed;

use reader::Reader;

/// Longest decorated name that is read, in bytes.
const MAX_DECORATED: usize = 1 << 13;

/// What marks the ARM64EC form of a name.
const HYBRID: &str = "$$h";

/// The readable form. `None` when the name is not fully understood, or when its text would pass eight times its own
/// length and 256 characters.
pub(crate) fn demangle(raw: &str) -> Option<String> {
    let readable = raw.starts_with('?') && raw.len() <= MAX_DECORATED && !raw.chars().any(is_control);
    if !readable || wellformed::is_malformed(raw) {
        return None;
    }
    let text = if raw.starts_with("??@") { hashed(raw) } else { whole(raw).or_else(|| hybrid(raw)) }?;
    (text.chars().count() <= 8 * raw.chars().count() + 256).then_some(text)
}

/// What no identifier of a source file holds.
const fn is_control(c: char) -> bool {
    c < ' ' || c == '\x7f'
}

fn whole(raw: &str) -> Option<String> {
    Reader::new(raw).symbol_text()
}

/// `??@<hash>@`: a name too long for the linker. Nothing of the original is left, so the name stands for itself.
fn hashed(raw: &str) -> Option<String> {
    Reader::new(raw).hashed_name()
}

/// An ARM64EC name is the ordinary one with a mark after the qualified name.
fn hybrid(raw: &str) -> Option<String> {
    let plain = raw.replacen(HYBRID, "", 1);
    (plain.len() < raw.len() && !plain.contains(HYBRID)).then(|| whole(&plain)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names, each with what SMDA 5.0.1 prints for it; `fixtures/disasm/README.md` says how they were made.
    const NAMES: &str = include_str!("../../../../fixtures/disasm/msvc_names.tsv");

    /// The lines that are spelled otherwise.
    fn wrong(lines: &str) -> Vec<String> {
        let spelled = |raw: &str| demangle(raw).unwrap_or_else(|| raw.to_owned());
        lines
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter(|(raw, want)| spelled(raw) != *want)
            .map(|(raw, want)| format!("{raw}\n  ours {}\n  SMDA {want}", spelled(raw)))
            .collect()
    }

    #[test]
    fn names_of_every_kind_are_spelled_as_the_reference_does() {
        assert!(NAMES.lines().count() > 600);
        let wrong = wrong(NAMES);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn names_that_stand_for_too_much_stay_as_they_are() {
        // Each parameter repeats the parameters before it.
        let doubling = ["P6AH", &"0".repeat(9), "@Z"].concat().repeat(10);
        let nested = format!("?f@@YAX{}H{}@Z", "P6AX".repeat(2000), "@Z".repeat(2000));
        // Each scope is read once to find out what it is, and once for good.
        let probes = format!("{}x@@3HA", "??__Ea@?1?".repeat(500));
        for name in [format!("?f@@YAXP6AXHH@Z{doubling}@Z"), nested, probes] {
            assert_eq!(demangle(&name), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_read_or_left_alone(letters in "[?@$A-Z0-9_a]{0,80}", cut in 0..NAMES.len(), at in 0..60_usize) {
            let known = NAMES.get(cut..).unwrap_or_default().lines().nth(1).unwrap_or_default();
            let raw = known.split('\t').next().unwrap_or_default();
            let changed = format!("{}{letters}", raw.get(..at.min(raw.len())).unwrap_or_default());
            for name in [format!("?{letters}"), changed] {
                let text = demangle(&name).unwrap_or_default();
                proptest::prop_assert!(text.chars().count() <= 8 * name.chars().count() + 256);
                proptest::prop_assert!(!text.contains('\0'));
            }
        }
    }
}
