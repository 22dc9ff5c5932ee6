//! What an input is that is neither a report nor an executable, in words that say where to go with it.
//!
//! The kind is found by `malkin_service::kind`; here are only the sentences.

use malkin_loader::LoadError;
use malkin_service::{DisassemblyError, is_archive, kind};

/// Bytes in which the parts of an export are looked for.
const START: usize = 4096;

/// Formats the loader knows by their first bytes; everything else is taken for a report.
pub(crate) fn is_executable(bytes: &[u8]) -> bool {
    matches!(kind::kind(bytes), "pe" | "mz" | "elf" | "macho" | "dex")
        || bytes.starts_with(b"IDR Knowledge Base File")
}

/// Whether bytes begin as JSON of an object does.
pub(crate) fn may_be_report(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.trim_ascii_start().starts_with(b"{")
        // UTF-16 is valid JSON elsewhere; the reader reports what is wrong.
        && kind::kind(bytes) != "rtf"
}

/// Why bytes that are neither an executable nor a report hold no code for us. `is_packed` if they came out of gzip.
pub(crate) fn no_code(bytes: &[u8], is_packed: bool) -> String {
    let kind = kind::kind(bytes);
    let packed = if is_packed { " (inside of gzip)" } else { "" };
    let what = kind::object_file(bytes).unwrap_or_else(|| kind::words(kind));
    if bytes.trim_ascii().is_empty() {
        return format!("is empty{packed}: expected an executable or an SMDA report");
    }
    let advice = match kind {
        kind if is_archive(kind) => "; `malkin triage` opens it, the other commands take what is inside",
        "7z" | "rar" | "xz" | "bzip2" | "zstd" | "lz4" | "cab" | "rpm" | "cpio" | "iso" => {
            "; unpack it first"
        }
        "ar" => "; link it to a program or a shared library, or extract what is inside",
        "coff" | "bitcode" => "; link it to a program or a shared library",
        "minidump" => "; extract the memory of a module, and pass that with --dump and --base-address",
        "data" => "; a memory dump or raw code needs --dump, --base-address or --bitness",
        _ => "; `malkin triage` accepts files of every kind",
    };
    format!("is {what}{packed}, not an executable or an SMDA report{advice}")
}

/// Why an executable cannot be disassembled.
pub(crate) fn why_not(bytes: &[u8], error: &DisassemblyError, is_packed: bool) -> String {
    let kind = kind::kind(bytes);
    let (what, object) = (kind::words(kind), kind::object_file(bytes));
    match error {
        // A DEX that is named only now has a header that does not add up; others are what their name says.
        DisassemblyError::Load(LoadError::NotRecognized) if matches!(kind, "dex" | "macho") => {
            format!("begins as {what}, but its header is damaged")
        }
        DisassemblyError::Load(LoadError::NotRecognized) => no_code(bytes, is_packed),
        DisassemblyError::Load(LoadError::UnsupportedArchitecture(machine)) => {
            format!("is {what} for {machine}: no disassembler yet")
        }
        error => match object {
            Some(object) => format!("is {object}, not linked to a program: {error}"),
            None => format!("is {what}: {error}"),
        },
    }
}

/// Whether JSON is an export (`.mcrit`) by its first members.
pub(crate) fn is_export(bytes: &[u8]) -> bool {
    let start = String::from_utf8_lossy(bytes.get(..START).unwrap_or(bytes));
    ["\"content\"", "\"config\"", "\"num_samples\""].iter().all(|member| start.contains(member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_named_with_where_to_go() {
        let cases: [(&[u8], &str); 8] = [
            (
                b"PK\x03\x04",
                "is a zip archive, not an executable or an SMDA report; `malkin triage` opens it",
            ),
            (b"!<arch>\n", "is a library archive (ar), not an executable or an SMDA report; link it"),
            (b"Rar!\x1a\x07\0", "unpack it first"),
            (b"#!/bin/sh\n", "is a script, not"),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", "is a Java class, not"),
            (b"\0\x01\x02", "needs --dump"),
            (b" \n", "is empty"),
            (b"", "is empty"),
        ];
        for (bytes, expected) in cases {
            assert!(no_code(bytes, false).contains(expected), "{}", no_code(bytes, false));
            assert!(!may_be_report(bytes) && !is_executable(bytes));
        }
        assert!(no_code(b"#!/bin/sh\n", true).starts_with("is a script (inside of gzip)"));
        assert!(may_be_report(b"\xef\xbb\xbf \n{\"a\": 1}"));
        assert!(!may_be_report(b"{\\rtf1"));
        assert!(is_export(br#"{"config": {}, "content": {"num_samples": 1}}"#) && !is_export(b"{}"));
    }
}
