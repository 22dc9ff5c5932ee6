//! What kind of file some bytes are, by how they begin: a short name for records, and words for messages.
//!
//! A glance, not a check: a damaged zip is a zip. What is inside is the business of the modules that read each kind.
//!
//! Specification: the magic numbers of each format, as in the `file` database; PE/COFF 3.3 (file header), System V ABI (`e_type`),
//! `mach-o/loader.h` (`filetype`).

/// Beginnings of files, and the name of their kind.
const MAGIC: &[(&[u8], &str)] = &[
    (b"MZ", "pe"),
    (b"\x7fELF", "elf"),
    (b"\xcf\xfa\xed\xfe", "macho"),
    (b"\xce\xfa\xed\xfe", "macho"),
    (b"\xfe\xed\xfa\xce", "macho"),
    (b"\xfe\xed\xfa\xcf", "macho"),
    (b"\xca\xfe\xba\xbf", "macho"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"MSCF\0\0\0\0", "cab"),
    (b"!<arch>\n", "ar"),
    (b"!<thin>\n", "ar"),
    (b"\xed\xab\xee\xdb", "rpm"),
    (b"07070", "cpio"),
    (b"%PDF-", "pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"dex\n", "dex"),
    (b"\0asm", "wasm"),
    (b"BC\xc0\xde", "bitcode"),
    (b"MDMP\x93\xa7", "minidump"),
    (b"Microsoft C/C++ MSF 7.00", "pdb"),
    (b"SQLite format 3\0", "sqlite"),
    (b"#!", "script"),
    (b"{\\rtf", "rtf"),
    (b"\x4c\x00\x00\x00\x01\x14\x02\x00", "lnk"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
];

/// Words for each kind; what has none is described by its name.
const WORDS: &[(&str, &str)] = &[
    ("pe", "a PE executable"),
    ("mz", "an MZ executable without a PE header"),
    ("elf", "an ELF file"),
    ("macho", "a Mach-O file"),
    ("zip", "a zip archive"),
    ("gzip", "a gzip file"),
    ("tar", "a tar archive"),
    ("7z", "a 7z archive"),
    ("rar", "a RAR archive"),
    ("xz", "an xz file"),
    ("bzip2", "a bzip2 file"),
    ("zstd", "a Zstandard file"),
    ("lz4", "an LZ4 file"),
    ("cab", "a cabinet archive"),
    ("ar", "a library archive (ar)"),
    ("rpm", "an RPM package"),
    ("cpio", "a cpio archive"),
    ("iso", "a disc image (ISO 9660)"),
    ("coff", "a COFF object file"),
    ("pdf", "a PDF document"),
    ("ole", "an OLE file, such as an Office document or an MSI package"),
    ("rtf", "an RTF document"),
    ("dex", "a DEX file"),
    ("java", "a Java class"),
    ("wasm", "a WebAssembly module"),
    ("bitcode", "LLVM bitcode"),
    ("minidump", "a Windows minidump"),
    ("pdb", "a program database (PDB)"),
    ("sqlite", "an SQLite database"),
    ("script", "a script"),
    ("lnk", "a Windows shortcut"),
    ("png", "a PNG image"),
    ("jpeg", "a JPEG image"),
    ("gif", "a GIF image"),
    ("text", "text"),
    ("data", "data of an unknown kind"),
];

/// Returns the kind of a file by its first bytes: a name in lower case, `text` or `data` if nothing else fits.
pub fn kind(bytes: &[u8]) -> &'static str {
    if let Some((magic, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return match *kind {
            "pe" if !has_pe_header(bytes) => "mz",
            // Text may begin like these two: a digit is what follows.
            "bzip2" | "cpio" if !bytes.get(magic.len()).is_some_and(u8::is_ascii_digit) => plain(bytes),
            kind => kind,
        };
    }
    // The magic of a universal Mach-O is that of Java classes too; those state a version above 44 where the other counts slices.
    if bytes.starts_with(b"\xca\xfe\xba\xbe") {
        let number = bytes.get(4..8).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes);
        return if number > 44 { "java" } else { "macho" };
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return "tar";
    }
    if bytes.get(0x8001..0x8006) == Some(b"CD001") {
        return "iso";
    }
    if is_coff(bytes) { "coff" } else { plain(bytes) }
}

/// Words for a kind, with an article where one belongs.
pub fn words(kind: &str) -> &str {
    WORDS.iter().find(|(name, _)| *name == kind).map_or(kind, |(_, words)| words)
}

/// Words for what has to be linked before it runs: object files of COFF, ELF and Mach-O. None for everything else.
pub fn object_file(bytes: &[u8]) -> Option<&'static str> {
    /// `ET_REL` of ELF and `MH_OBJECT` of Mach-O.
    const NOT_LINKED: u8 = 1;
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => {
            let (low, high) = (*bytes.get(16)?, *bytes.get(17)?);
            let kind = if bytes.get(5) == Some(&2) { [high, low] } else { [low, high] };
            (kind == [NOT_LINKED, 0]).then_some("an ELF object file")
        }
        [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => {
            (bytes.get(12..16)? == [NOT_LINKED, 0, 0, 0]).then_some("a Mach-O object file")
        }
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => {
            (bytes.get(12..16)? == [0, 0, 0, NOT_LINKED]).then_some("a Mach-O object file")
        }
        _ => is_coff(bytes).then_some("a COFF object file"),
    }
}

fn plain(bytes: &[u8]) -> &'static str {
    let start = bytes.get(..4096).unwrap_or(bytes);
    let is_text = !start.is_empty()
        && start.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | b' '..=b'~' | 0x80..));
    // A letter of several bytes may be cut in two at the end of what is looked at.
    let is_utf8 = || std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    if is_text && is_utf8() { "text" } else { "data" }
}

fn has_pe_header(bytes: &[u8]) -> bool {
    let pointer = bytes.get(0x3c..0x40).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    pointer.and_then(|at| bytes.get(at as usize..(at as usize).checked_add(4)?)) == Some(b"PE\0\0".as_slice())
}

/// A COFF object has no magic: a machine in use, and a header whose tables lie in the file.
fn is_coff(bytes: &[u8]) -> bool {
    /// `IMAGE_FILE_MACHINE_*`: I386, AMD64, ARM, ARMNT, ARM64, ARM64EC, IA64, RISCV32, RISCV64.
    const MACHINES: [u16; 9] = [0x14c, 0x8664, 0x1c0, 0x1c4, 0xaa64, 0xa641, 0x200, 0x5032, 0x5064];
    /// `SIZEOF_FILE_HEADER`, `SIZEOF_SECTION_HEADER`, and a symbol.
    const HEADER: u64 = 20;
    const SECTION: u64 = 40;
    const SYMBOL: u64 = 18;
    let short = |at: usize| bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map(u16::from_le_bytes);
    let long =
        |at: usize| bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    let (Some(machine), Some(sections), Some(optional)) = (short(0), short(2), short(16)) else {
        return false;
    };
    let (Some(symbols_at), Some(symbols)) = (long(8), long(12)) else { return false };
    if (machine, sections) == (0, 0xffff) {
        // Anonymous objects: the import members of libraries, objects with many sections, and those for link-time optimisation.
        return short(6).is_some_and(|machine| machine == 0 || MACHINES.contains(&machine))
            && short(4) <= Some(2);
    }
    let tables_end = HEADER + SECTION * u64::from(sections);
    let symbols_end = u64::from(symbols_at) + SYMBOL * u64::from(symbols);
    MACHINES.contains(&machine)
        && sections > 0
        && optional == 0
        && tables_end <= bytes.len() as u64
        && symbols_end <= bytes.len() as u64
        && (symbols_at == 0 || u64::from(symbols_at) >= tables_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_first_bytes() {
        let cases: [(&[u8], &str); 18] = [
            (b"", "data"),
            (b"MZ", "mz"),
            (b"\x7fELF\x02", "elf"),
            (b"PK\x03\x04", "zip"),
            (b"hello\n", "text"),
            (b"\0\x01", "data"),
            (b"\xca\xfe\xba\xbe\0\0\0\x34", "java"),
            (b"\xca\xfe\xba\xbe\0\0\0\x02", "macho"),
            (b"!<arch>\n/               0", "ar"),
            (b"BZh91AY&SY", "bzip2"),
            (b"BZhello", "text"),
            (b"0707010000", "cpio"),
            (b"07070 is a number", "text"),
            (b"\xfd7zXZ\0\0", "xz"),
            (b"MSCF\0\0\0\0", "cab"),
            (b"\0asm\x01\0\0\0", "wasm"),
            (b"SQLite format 3\0", "sqlite"),
            (b"\x4c\x01\x01\0plausible but cut", "data"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(kind(bytes), expected, "{bytes:?}");
        }
        let mut long = vec![b'a'; 4095];
        long.extend("\u{e4}".as_bytes());
        assert_eq!(kind(&long), "text", "a letter on the border");
        assert!(MAGIC.iter().all(|(_, kind)| words(kind) != *kind), "every kind has words");
        assert_eq!(words("zip"), "a zip archive");
    }

    #[test]
    fn object_files_are_told_from_programs() {
        let header = |machine: u16, sections: u16, optional: u16| {
            let mut bytes = vec![0; 20 + 40 * usize::from(sections)];
            bytes[..2].copy_from_slice(&machine.to_le_bytes());
            bytes[2..4].copy_from_slice(&sections.to_le_bytes());
            bytes[16..18].copy_from_slice(&optional.to_le_bytes());
            bytes
        };
        assert_eq!(kind(&header(0x8664, 3, 0)), "coff");
        assert_eq!(kind(&header(0x8664, 3, 0xf0)), "data");
        assert_eq!(kind(&header(0x8664, 0, 0)), "data");
        assert_eq!(kind(&header(0x8665, 3, 0)), "data");
        let elf = |order: u8, kind: [u8; 2]| [&b"\x7fELF\x02"[..], &[order], &[0; 10], &kind].concat();
        assert_eq!(object_file(&elf(1, [1, 0])), Some("an ELF object file"));
        assert_eq!(object_file(&elf(2, [0, 1])), Some("an ELF object file"));
        assert_eq!(object_file(&elf(1, [2, 0])), None);
        assert_eq!(object_file(b"\x7fELF"), None);
        let macho = [&b"\xcf\xfa\xed\xfe"[..], &[0; 8], &[1, 0, 0, 0]].concat();
        assert_eq!(object_file(&macho), Some("a Mach-O object file"));
        assert_eq!(object_file(&macho[..14]), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_a_kind(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            proptest::prop_assert!(!words(kind(&bytes)).is_empty());
            object_file(&bytes);
        }
    }
}
