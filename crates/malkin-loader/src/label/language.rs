//! What the bytes and names of an image say about its source language: scores and the decision, as SMDA 5.0.1 makes them.

use memchr::memmem;

use crate::bytes::Bytes;
use crate::label::{demangle, rust};
use crate::limits::{MAX_CPP_ATTEMPTS, MAX_CPP_BYTES};
use crate::sparse::{Sparse, leading_zeros};

/// Shortest and longest printable run that counts as a string, in bytes; longer runs are cut into several.
const STRING: std::ops::RangeInclusive<usize> = 6..=128;
/// Link time stamp of old Delphi versions.
const DELPHI_TIME_STAMP: u32 = 0x2a42_5e19;
/// Delphi strings that count as evidence must be more than this.
const DELPHI_STRINGS: usize = 100;
/// Distinct C++ names that make strong evidence.
const CPP_NAMES: usize = 3;

fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// Occurrences of `needle` with the start of the string they are in, when printable runs are cut into strings.
fn occurrences<'i>(image: &'i Sparse<'i>, needle: &'i [u8]) -> impl Iterator<Item = (usize, usize)> + 'i {
    // Known from the occurrence before: nothing is walked over twice.
    let (mut known_until, mut known_start) = (0, 0);
    image.find_iter(needle).map(move |at| {
        let fresh = image.data().get(known_until..at).unwrap_or_default();
        if let Some(last) = fresh.iter().rposition(|&byte| !is_printable(byte)) {
            known_start = known_until + last + 1;
        }
        known_until = at;
        (at, at - (at - known_start) % STRING.end())
    })
}

/// Whether some string contains `needle` whole.
fn any_string_contains(image: &Sparse<'_>, needle: &[u8]) -> bool {
    occurrences(image, needle).any(|(at, start)| at - start + needle.len() <= *STRING.end())
}

/// Whether some string is exactly `needle`.
fn any_string_is(image: &Sparse<'_>, needle: &[u8]) -> bool {
    occurrences(image, needle).any(|(at, start)| {
        let ends = image.data().get(at + needle.len()).is_none_or(|&byte| !is_printable(byte));
        ends && start == at
    })
}

/// Score of Go: its build mark, or a readable function table.
pub(crate) fn go(image: &Sparse<'_>, has_table: bool) -> f64 {
    match (has_table, any_string_contains(image, b"Go build ID")) {
        (true, _) => 0.9,
        (false, true) => 0.6,
        (false, false) => 0.0,
    }
}

/// Score of Visual Basic: its runtime as an import, or its name as a string.
pub(crate) fn visual_basic(image: &Sparse<'_>, imports_runtime: bool) -> f64 {
    if imports_runtime {
        0.9
    } else if any_string_is(image, b"MSVBVM60.DLL") {
        0.2
    } else {
        0.0
    }
}

/// Score of .NET.
pub(crate) fn dot_net(image: &Sparse<'_>) -> f64 {
    let mut score: f64 = 0.0;
    if any_string_is(image, b"mscorelib.dll") || any_string_is(image, b"mscoree.dll") {
        score = 0.35;
    }
    let bytes = Bytes::little(image.data());
    if !has_pe_header(bytes) {
        return score;
    }
    let section = image.find_from(0, b"text\0\0\0").map(|at| at as u64 + 11);
    if let Some(start) = section.and_then(|at| bytes.u32(at)) {
        if start == 0x2000 {
            score = score.max(0.8);
        }
        if bytes.exact(u64::from(start), 4) == Some(b"\xdb\x4d\x00\x79") {
            score = 0.9;
        }
    }
    score
}

fn has_pe_header(bytes: Bytes<'_>) -> bool {
    let at = bytes.u32(0x3c).map_or(0, u64::from);
    bytes.len() > 0x40 && bytes.upto(0, 2) == b"MZ" && bytes.upto(at, 2) == b"PE"
}

/// Score of Delphi by strings and time stamp; class tables are counted by the caller.
pub(crate) fn delphi_hints(image: &Sparse<'_>) -> f64 {
    let bytes = Bytes::little(image.data());
    let stamp = bytes.u32(0x3c).and_then(|at| bytes.u32(u64::from(at) + 8));
    let mut score: f64 = 0.0;
    if has_borland_locales(image) || stamp == Some(DELPHI_TIME_STAMP) {
        score = 0.25;
    }
    if delphi_strings(image.data()) > DELPHI_STRINGS {
        score = 0.35;
    }
    score
}

fn has_borland_locales(image: &Sparse<'_>) -> bool {
    image.bytes_iter(b'\\').any(|at| {
        let start = at.checked_sub(7);
        start
            .and_then(|start| image.data().get(start..at + 8))
            .is_some_and(|text| text.eq_ignore_ascii_case(b"borland\\locales"))
    })
}

/// Strings with their length in front: two zeros, any byte, length, text, zero.
fn delphi_strings(image: &[u8]) -> usize {
    let (mut count, mut at) = (0, 0);
    while let Some(found) = image.get(at..).and_then(|rest| memmem::find(rest, b"\0\0")) {
        at += found;
        let text = image.get(at + 4..).unwrap_or_default();
        let length = text.iter().take(STRING.end() + 1).take_while(|&&byte| is_printable(byte)).count();
        if STRING.contains(&length) && text.get(length) == Some(&0) {
            count += usize::from(image.get(at + 3).copied().map(usize::from) == Some(length));
            at += 4 + length + 1;
        } else {
            // In a run of zeros only its last bytes can be in front of a text.
            let zeros = leading_zeros(text);
            at += zeros.max(1);
        }
    }
    count
}

/// Score of C++: distinct names only it spells.
pub(crate) fn cpp<'n>(names: impl Iterator<Item = &'n str>) -> f64 {
    let mut found: Vec<&str> = Vec::new();
    let mangled = names.filter(|name| name.starts_with(['_', '?']) && name.contains(['Z', '?']));
    let mut left = MAX_CPP_BYTES;
    for name in mangled.take(MAX_CPP_ATTEMPTS) {
        if found.contains(&name) || rust::is_evidence(name) {
            continue;
        }
        let Some(rest) = left.checked_sub(name.len()) else { break };
        left = rest;
        if demangle::is_cpp(name) {
            found.push(name);
            if found.len() >= CPP_NAMES {
                return 0.8;
            }
        }
    }
    if found.is_empty() { 0.0 } else { 0.4 }
}

/// The decision: the last of the best scores, but Go and then Rust win when they are likely.
pub(crate) fn guess(scores: &[(&'static str, f64)]) -> &'static str {
    let mut best: (&'static str, f64) = ("", f64::MIN);
    for &(language, score) in scores {
        if best.0.is_empty() || best.1 <= score {
            best = (language, score);
        }
    }
    for sure in ["rust", "go"] {
        if scores.iter().any(|&(language, score)| language == sure && score > 0.5) {
            return sure;
        }
    }
    best.0
}
