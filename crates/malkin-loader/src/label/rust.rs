//! Rust symbol names: which ones are beyond doubt Rust, and how they read.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::limits::MAX_NAME_BYTES;

/// Longest mangled name that is looked into, in bytes.
const MAX_MANGLED: usize = 1 << 13;

/// Whether a name has a structure only Rust gives: v0, or a legacy path ending in a hash.
pub(crate) fn is_evidence(name: &str) -> bool {
    let v0 = name.starts_with("_R") || name.starts_with("__R");
    (v0 || has_legacy_hash(name)) && name.len() <= MAX_MANGLED && rustc_demangle::try_demangle(name).is_ok()
}

/// Whether a name is a legacy path of nothing but its hash.
pub(crate) fn is_hash_only(name: &str) -> bool {
    let path = name.strip_prefix("__ZN").or_else(|| name.strip_prefix("_ZN"));
    path.is_some_and(starts_with_hash)
}

/// `17h`, 16 hexadecimal digits, `E`, then nothing or a suffix.
fn starts_with_hash(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("17h") else { return false };
    let digits =
        rest.get(..16).is_some_and(|digits| digits.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
    let tail = rest.get(16..).and_then(|tail| tail.strip_prefix('E'));
    digits && tail.is_some_and(|tail| tail.is_empty() || tail.starts_with(['.', '$']))
}

fn has_legacy_hash(name: &str) -> bool {
    let path = name.strip_prefix("__ZN").or_else(|| name.strip_prefix("_ZN"));
    path.is_some_and(|path| {
        memmem::find_iter(path.as_bytes(), "17h").any(|at| path.get(at..).is_some_and(starts_with_hash))
    })
}

/// The readable name without its hash.
fn demangled(name: &str) -> Option<String> {
    if name.len() > MAX_MANGLED {
        return None;
    }
    let parsed = rustc_demangle::try_demangle(name).ok()?;
    Some(format!("{parsed:#}")).filter(|text| !text.is_empty())
}

/// Readable names of the Rust symbols among `(address, name)`; the last one of an address counts.
pub(crate) fn names<'n>(symbols: impl Iterator<Item = (u64, &'n str)>) -> BTreeMap<u64, String> {
    let mut found = BTreeMap::new();
    let mut left = MAX_NAME_BYTES;
    for (address, name) in symbols.filter(|(_, name)| is_evidence(name)) {
        let Some(readable) = demangled(name).filter(|readable| readable.len() <= left) else { continue };
        left -= readable.len();
        found.insert(address, readable);
    }
    found
}

/// Whether the raw bytes carry a mark of the Rust runtime.
pub(crate) fn has_runtime_mark(data: &[u8]) -> bool {
    [b"RUST_BACKTRACE".as_slice(), b"RUST_MIN_STACK", b"/rustc/"]
        .iter()
        .any(|mark| memmem::find(data, mark).is_some())
}
