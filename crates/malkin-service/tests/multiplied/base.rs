//! Valid small files of every format, made here so that a bare clone tests itself; golden files are added where they are.

use std::io::{Cursor, Write};

use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};

/// What is done with a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Loaded, disassembled, examined.
    Program,
    /// Examined and opened as an archive.
    Data,
    /// Read as an SMDA report.
    Report,
    /// Read as an export.
    Export,
    /// Compiled as YARA rules and run over a small program.
    Rules,
}

/// A valid file.
pub(crate) struct Base {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

/// Largest golden file that is taken, in bytes: fields of larger ones are no others.
const MAX_SIZE: usize = 300 << 10;

/// All files.
pub(crate) fn all() -> Vec<Base> {
    let mut all = Vec::new();
    let mut add = |name: &str, kind, bytes| all.push(Base { name: name.to_owned(), kind, bytes });
    let (pe32, elf64, macho) = (pe(false), elf(true), macho());
    let zip = zip_of(&pe32);
    add("smda.json", Kind::Report, report_of(&pe32));
    add("zip", Kind::Data, zip.clone());
    add("tar", Kind::Data, tar_of(&pe32));
    add("gz", Kind::Data, gz_of(&zip));
    add("tar.gz", Kind::Data, gz_of(&tar_of(&zip)));
    add("zip.zip", Kind::Data, zip_of(&zip));
    add("rules.yar", Kind::Rules, RULES.to_vec());
    add("pdf", Kind::Data, PDF.to_vec());
    add("fat.macho", Kind::Program, fat_of(&macho));
    add("macho", Kind::Program, macho);
    add("pe64", Kind::Program, pe(true));
    add("pe32", Kind::Program, pe32);
    add("elf32", Kind::Program, elf(false));
    add("elf64", Kind::Program, elf64);
    if let Some(folder) = malkin_testkit::shared("disasm/golden/public") {
        for path in malkin_testkit::files_in(folder, ".bin.gz") {
            let bytes = malkin_testkit::gunzip_file(&path);
            if (64..MAX_SIZE).contains(&bytes.len()) {
                add(&path.file_name().unwrap_or_default().to_string_lossy(), Kind::Program, bytes);
            }
        }
    }
    if let Some(folder) = malkin_testkit::shared("exports") {
        for path in malkin_testkit::files_in(folder, ".mcrit").into_iter().take(6) {
            let bytes = std::fs::read(&path).unwrap_or_default();
            if bytes.len() < MAX_SIZE {
                add(&path.file_name().unwrap_or_default().to_string_lossy(), Kind::Export, bytes);
            }
        }
    }
    all
}

/// Bytes that are written at offsets.
struct Sheet(Vec<u8>);

impl Sheet {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        if self.0.len() < at + bytes.len() {
            self.0.resize(at + bytes.len(), 0);
        }
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn words(&mut self, at: usize, words: &[u32]) {
        for (index, word) in words.iter().enumerate() {
            self.put(at + 4 * index, &word.to_le_bytes());
        }
    }

    fn halves(&mut self, at: usize, halves: &[u16]) {
        for (index, half) in halves.iter().enumerate() {
            self.put(at + 2 * index, &half.to_le_bytes());
        }
    }

    /// An address of the width of a format.
    fn wide(&mut self, at: usize, wide: bool, value: u64) {
        let bytes = value.to_le_bytes();
        self.put(at, if wide { &bytes } else { &bytes[..4] });
    }
}

/// Two functions, the first of which calls the second.
const CODE: &[u8] =
    b"\x55\x89\xe5\xe8\x08\0\0\0\x5d\xc3\x90\x90\x90\x90\x90\x90\x55\x89\xe5\x31\xc0\x40\x5d\xc3";

/// One section at 0x1000 (offset 0x400) that holds code, imports, exports, resources and a debug record.
fn pe(wide: bool) -> Vec<u8> {
    const RVA: u32 = 0x1000;
    let mut sheet = Sheet(vec![0; 0x400]);
    let optional = 0x58;
    sheet.put(0, b"MZ");
    sheet.words(0x3c, &[0x40]);
    sheet.put(0x40, b"PE\0\0");
    sheet.halves(0x44, &[if wide { 0x8664 } else { 0x14c }, 1]);
    sheet.halves(0x54, &[if wide { 0xf0 } else { 0xe0 }, 0x102]);
    sheet.halves(optional, &[if wide { 0x20b } else { 0x10b }]);
    sheet.words(optional + 4, &[0x400, 0x400, 0, RVA, RVA]);
    if wide {
        sheet.wide(optional + 24, true, 0x1_4000_0000);
    } else {
        sheet.words(optional + 24, &[RVA, 0x40_0000]);
    }
    sheet.words(optional + 32, &[0x1000, 0x200]);
    sheet.words(optional + 56, &[0x2000, 0x400]);
    let directories = optional + if wide { 112 } else { 96 };
    sheet.words(directories - 4, &[16]);
    // Exports, imports, resources, exceptions, debug records.
    sheet.words(directories, &[RVA + 0x40, 0x80, RVA + 0xc0, 0x28, RVA + 0x180, 0x80, RVA + 0x240, 12]);
    sheet.words(directories + 8 * 6, &[RVA + 0x280, 28]);
    let row = directories + 8 * 16;
    sheet.put(row, b".text\0\0\0");
    sheet.words(row + 8, &[0x400, RVA, 0x400, 0x400]);
    sheet.words(row + 36, &[0xe000_0020]);
    let section = 0x400;
    sheet.put(section, CODE);
    sheet.words(section + 0x40 + 12, &[RVA + 0x70, 1, 1, 1, RVA + 0x78, RVA + 0x7c, RVA + 0x80]);
    sheet.put(section + 0x70, b"x.dll\0");
    sheet.words(section + 0x78, &[RVA, RVA + 0x90, 0]);
    sheet.put(section + 0x90, b"start\0");
    sheet.words(section + 0xc0, &[RVA + 0x100, 0, 0, RVA + 0x130, RVA + 0x140]);
    for table in [0x100, 0x140] {
        sheet.wide(section + table, wide, u64::from(RVA) + 0x160);
        sheet.wide(section + table + 16, wide, 0);
    }
    sheet.put(section + 0x130, b"kernel32.dll\0");
    sheet.put(section + 0x160, b"\0\0ExitProcess\0");
    // A type, a name, a language, data.
    for (level, child) in [(0, 0x8000_0018_u32), (0x18, 0x8000_0030), (0x30, 0x48)] {
        sheet.halves(section + 0x180 + level + 14, &[1]);
        sheet.words(section + 0x180 + level + 16, &[16, child]);
    }
    sheet.words(section + 0x180 + 0x48, &[RVA + 0x300, 0x60]);
    sheet.words(section + 0x240, &[RVA, RVA + 10, RVA + 0x250]);
    sheet.put(section + 0x250, &[1, 0, 0, 0]);
    sheet.words(section + 0x280 + 12, &[2, 0x30, RVA + 0x2a0, section as u32 + 0x2a0]);
    sheet.put(section + 0x2a0, b"RSDS0123456789abcdef\x01\0\0\0c:\\x.pdb\0");
    sheet.halves(section + 0x300, &[0x60, 0x34, 0]);
    sheet.put(section + 0x3fc, &[0; 4]);
    sheet.0
}

/// Two segments, and sections of symbols, versions, relocations and hashes.
fn elf(wide: bool) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    let pick = |narrow: usize, large: usize| if wide { large } else { narrow };
    let (header, segment, section, symbol) = (pick(52, 64), pick(32, 56), pick(40, 64), pick(16, 24));
    let mut sheet = Sheet(vec![0; 0x800]);
    sheet.put(0, b"\x7fELF");
    sheet.put(4, &[if wide { 2 } else { 1 }, 1, 1]);
    sheet.halves(16, &[2, if wide { 62 } else { 3 }]);
    sheet.words(20, &[1]);
    sheet.wide(24, wide, BASE + 0x400);
    sheet.wide(pick(28, 32), wide, header as u64);
    sheet.wide(pick(32, 40), wide, 0x800);
    sheet.halves(header - 12, &[header as u16, segment as u16, 2, section as u16, 8, 7]);
    // Load, dynamic.
    for (row, kind, offset, size) in [(0, 1, 0_u64, 0x800_u64), (1, 2, 0x500, 0x100)] {
        let at = header + row * segment;
        sheet.words(at, &[kind]);
        sheet.words(at + pick(24, 4), &[5]);
        for (field, value) in [(1, offset), (2, BASE + offset), (3, BASE + offset), (4, size), (5, size)] {
            sheet.wide(at + pick(4 * field, 8 * field), wide, value);
        }
        sheet.wide(at + pick(28, 48), wide, 0x1000);
    }
    sheet.put(0x400, CODE);
    let word = pick(4, 8);
    let entries: [(u64, u64); 9] = [
        (1, 1),
        (5, BASE + 0x600),
        (10, 0x40),
        (6, BASE + 0x640),
        (11, symbol as u64),
        (4, BASE + 0x6a0),
        (0x6fff_fff0, BASE + 0x6c0),
        (0x6fff_fffe, BASE + 0x6d0),
        (0x6fff_ffff, 1),
    ];
    for (index, (tag, value)) in entries.into_iter().enumerate() {
        sheet.wide(0x500 + 2 * word * index, wide, tag);
        sheet.wide(0x500 + 2 * word * index + word, wide, value);
    }
    sheet.put(0x600, b"\0libc.so.6\0puts\0GLIBC_2.2.5\0start\0");
    for (index, (name, section, value)) in
        [(11_u32, 0_u16, 0_u64), (28, 1, BASE + 0x400)].into_iter().enumerate()
    {
        let at = 0x640 + symbol * (index + 1);
        sheet.words(at, &[name]);
        sheet.put(at + pick(12, 4), &[0x12]);
        sheet.halves(at + pick(14, 6), &[section]);
        sheet.wide(at + pick(4, 8), wide, value);
    }
    sheet.words(0x6a0, &[1, 3, 1, 0, 2]);
    sheet.halves(0x6c0, &[0, 2, 0]);
    // A library with one version.
    sheet.halves(0x6d0, &[1, 1]);
    sheet.words(0x6d4, &[1, 16, 0]);
    sheet.words(0x6e0, &[0x0969_1a75, 2 << 16, 16, 0]);
    sheet.put(0x700, b"\0.text\0.dynstr\0.dynsym\0.dynamic\0.gnu.version\0.gnu.version_r\0.shstrtab\0");
    sheet.put(0x780, b"\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0abcd");
    let rows: [(u32, u32, u64, u64, u32, u32); 8] = [
        (0, 0, 0, 0, 0, 0),
        (1, 1, 0x400, 0x20, 0, 0),
        (7, 3, 0x600, 0x40, 0, 0),
        (15, 11, 0x640, 3 * symbol as u64, 2, 1),
        (23, 6, 0x500, 0x100, 2, 0),
        (32, 0x6fff_ffff, 0x6c0, 6, 3, 0),
        (45, 0x6fff_fffe, 0x6d0, 0x20, 2, 1),
        (60, 3, 0x700, 0x50, 0, 0),
    ];
    for (index, (name, kind, offset, size, link, info)) in rows.into_iter().enumerate() {
        let at = 0x800 + index * section;
        sheet.words(at, &[name, kind]);
        sheet.wide(at + 8, wide, if index == 1 { 6 } else { 2 });
        for (field, value) in [(0, if offset == 0 { 0 } else { BASE + offset }), (1, offset), (2, size)] {
            sheet.wide(at + pick(12, 16) + word * field, wide, value);
        }
        sheet.words(at + pick(24, 40), &[link, info]);
        sheet.wide(at + pick(32, 48), wide, 1);
        sheet.wide(at + pick(36, 56), wide, if kind == 11 { symbol as u64 } else { 0 });
    }
    sheet.0
}

/// Text and data, bound by opcodes with a count, an export trie, symbols and a library.
fn macho() -> Vec<u8> {
    const BASE: u64 = 0x1_0000_0000;
    let mut sheet = Sheet(vec![0; 0x1000]);
    sheet.words(0, &[0xfeed_facf, 0x0100_0007, 3, 2, 6, 2 * 152 + 72 + 48 + 24 + 56, 0x85]);
    let mut at = 32;
    for (name, section, offset, size, flags) in [
        (&b"__TEXT"[..], &b"__text"[..], 0_u64, 0x400_u64, 0x8000_0400_u32),
        (b"__DATA", b"__got", 0x400, 0x100, 6),
    ] {
        sheet.words(at, &[0x19, 152]);
        sheet.put(at + 8, name);
        for (field, value) in [(24, BASE + offset), (32, size), (40, offset), (48, size)] {
            sheet.wide(at + field, true, value);
        }
        sheet.words(at + 56, &[7, if offset == 0 { 5 } else { 3 }, 1]);
        let row = at + 72;
        sheet.put(row, section);
        sheet.put(row + 16, name);
        let skipped = if offset == 0 { 0x380 } else { 0x400 };
        sheet.wide(row + 32, true, BASE + skipped);
        sheet.wide(row + 40, true, 0x40);
        sheet.words(row + 48, &[skipped as u32, 4]);
        sheet.words(row + 64, &[flags]);
        at += 152;
    }
    sheet.words(at, &[0x19, 72]);
    sheet.put(at + 8, b"__LINKEDIT");
    for (field, value) in [(24, BASE + 0x500), (32, 0xb00), (40, 0x500), (48, 0xb00)] {
        sheet.wide(at + field, true, value);
    }
    at += 72;
    sheet.words(at, &[0x8000_0022, 48, 0, 0, 0x500, 0x20, 0, 0, 0, 0, 0x540, 0x20]);
    at += 48;
    sheet.words(at, &[2, 24, 0x580, 2, 0x5c0, 0x20]);
    at += 24;
    sheet.words(at, &[0xc, 56, 24, 0, 0, 0]);
    sheet.put(at + 24, b"/usr/lib/libSystem.B.dylib\0");
    sheet.put(0x380, CODE);
    // Library 1, `_puts`, segment 1 at 0, four times with nothing between.
    sheet.put(0x500, b"\x11\x40_puts\0\x51\x71\0\xc0\x04\0\0");
    sheet.put(0x540, b"\0\x01_a\0\x07\0\x03\0\x80\x07\0\0");
    sheet.words(0x580, &[1, 0x0100_000f | 1 << 8, 0x380, 1, 7, 0x0100_0001, 0, 0]);
    sheet.put(0x5c0, b"\0_main\0_puts\0");
    sheet.0
}

fn fat_of(thin: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = [0xcafe_babe_u32, 1, 0x0100_0007, 3, 0x1000, thin.len() as u32, 12]
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect();
    bytes.resize(0x1000, 0);
    bytes.extend(thin);
    bytes
}

fn zip_of(content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["a.exe", "b.exe"] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).expect("a name");
        writer.write_all(content).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}

fn tar_of(content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["a.exe", "b.exe"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).expect("memory");
    }
    builder.into_inner().expect("memory")
}

fn gz_of(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

fn report_of(program: &[u8]) -> Vec<u8> {
    let image = load(program, &LoadOptions::file()).expect("a valid file");
    let mut report = disassemble(&image, Limits::default(), &|| true);
    report.sha256 = "0".repeat(64);
    assert!(!report.functions.is_empty(), "the program has functions");
    malkin_wire::write_report(&report)
}

const PDF: &[u8] = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R /OpenAction 3 0 R >>\nendobj\n\
2 0 obj\n<< /Type /Pages /Count 1 /Kids [4 0 R] >>\nendobj\n3 0 obj\n<< /S /URI /URI (http://evil.example.com/a) >>\nendobj\n\
4 0 obj\n<< /Length 12 >>\nstream\nhello world!\nendstream\nendobj\nxref\n0 5\n0000000000 65535 f \n\
trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n300\n%%EOF\n";

/// Jumps, repetitions, alternations, counts, offsets and ranges. No loop of a condition: the time of a scan is its only bound.
const RULES: &[u8] = br#"rule one {
  strings:
    $text = "ExitProcess" nocase xor(1-9)
    $wide = "kernel32" wide ascii fullword
    $code = { 55 89 e5 [2-8] ( 5d | 5? | c3 90 ) [0-4] c3 }
    $word = /a{2,8}(b|cd?){1,4}[e-h]{3}/
    $long = /x.{0,20}y(z(q|r){2,3}){2}/s
  condition:
    (#text > 3 and $wide at 4096) or ($code in (0..100) and @code[2] < 99) or (2 of them and filesize < 64KB) or
    (uint32(16) == 7 and !word[1] > 2) or #long in (1..50) == 6
}
rule two { strings: $a = "MZ" $b = { 00 [1-3] 01 } condition: any of ($a, $b) and one }
"#;
