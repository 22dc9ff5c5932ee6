//! The text layer against capstone: over all encodings of the golden reports, and over generated ones.
//!
//! The reports were made with capstone 5.0.9, the crate used here bundles a slightly older 5.0: what the two print is the
//! same, what they accept differs in one row (`movsxd` without REX.W, which the older one refuses).

#![expect(clippy::unwrap_used, reason = "golden data is ours; a test panics when it is not as expected")]

use std::collections::{BTreeMap, HashSet};

use capstone::prelude::{BuildsCapstone, Capstone, arch};
use malkin_disasm::x86::{Decoder, TextWriter};
use malkin_report::Architecture;

/// The two bitnesses with everything that prints them.
struct Printer {
    decoder: Decoder,
    writer: TextWriter,
    mnemonic: String,
    operands: String,
}

impl Printer {
    fn new(bits: u32) -> Self {
        Self {
            decoder: Decoder::new(bits),
            writer: TextWriter::new(bits),
            mnemonic: String::new(),
            operands: String::new(),
        }
    }

    /// Length of the instruction; its text is in the fields.
    fn print(&mut self, code: &[u8], address: u64) -> Option<usize> {
        let instruction = self.decoder.decode(code, address)?;
        self.mnemonic.clear();
        self.operands.clear();
        let code = &code[..instruction.len()];
        self.writer.mnemonic(&instruction, code, &mut self.mnemonic);
        self.writer.operands(&instruction, code, &mut self.operands);
        Some(instruction.len())
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn every_encoding_of_the_golden_reports_prints_as_stored() {
    let mut folders = Vec::new();
    for folder in ["disasm/golden/public", "codehash/golden/public/smda"] {
        let Some(folder) = malkin_testkit::shared(folder) else { return };
        folders.push(folder);
    }
    let mut printers = [Printer::new(32), Printer::new(64)];
    let (mut total, mut distinct) = (0usize, 0usize);
    let mut seen: HashSet<(usize, Vec<u8>)> = HashSet::new();
    let mut different: Vec<String> = Vec::new();
    for path in folders.iter().flat_map(|folder| malkin_testkit::files_in(folder, ".gz")) {
        if path.to_string_lossy().ends_with(".bin.gz") {
            continue;
        }
        let Ok(report) = malkin_report::wire::read_report(&malkin_testkit::read_gz(&path)) else { continue };
        // Reports of older versions hold the text of older capstones.
        if report.architecture != Architecture::Intel || report.smda_version.as_deref() != Some("5.0.1") {
            continue;
        }
        let which = usize::from(report.bitness == Some(64));
        for instruction in report.functions.iter().flat_map(|function| function.code.all_instructions()) {
            total += 1;
            let code = unhex(instruction.bytes);
            // Branch targets depend on the address; everything else is looked at once.
            if !instruction.mnemonic.contains('j')
                && instruction.mnemonic != "call"
                && !seen.insert((which, code.clone()))
            {
                continue;
            }
            distinct += 1;
            let printer = &mut printers[which];
            let length = printer.print(&code, instruction.offset.get());
            let equal = length == Some(code.len())
                && printer.mnemonic == instruction.mnemonic
                && printer.operands == instruction.operands;
            if !equal {
                different.push(format!(
                    "{} {}: {} {} | {} {}",
                    path.display(),
                    instruction.bytes,
                    instruction.mnemonic,
                    instruction.operands,
                    printer.mnemonic,
                    printer.operands
                ));
            }
        }
    }
    println!("{total} instructions, {distinct} looked at, {} different", different.len());
    for line in different.iter().take(20) {
        println!("    {line}");
    }
    assert!(total > if malkin_testkit::has_shared() { 1_000_000 } else { 10_000 }, "{total}");
    assert!(different.len() * 10_000 < distinct, "at least 99.99 % equal");
}

/// Small deterministic generator (xorshift64*).
struct Generator(u64);

impl Generator {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// Sixteen bytes: prefixes, an opcode of any map or a vector prefix, and random operands with many round numbers.
    fn encoding(&mut self, bits: u32) -> Vec<u8> {
        let mut code = Vec::with_capacity(16);
        for _ in 0..[0, 0, 0, 0, 1, 1, 1, 2][self.below(8) as usize] {
            code.push(
                [0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0x66, 0x66, 0x67]
                    [self.below(12) as usize],
            );
        }
        let wide = if bits == 32 { 0xc0 } else { 0 };
        match self.below(16) {
            0 => code.extend([0xc5, self.byte() | wide, self.byte()]),
            1 => code.extend([
                0xc4,
                self.byte() & 0xe0 | wide | (1 + self.below(3)) as u8,
                self.byte(),
                self.byte(),
            ]),
            2 => {
                let map = self.byte() & 0xf0 | wide | (1 + self.below(3)) as u8;
                code.extend([0x62, map, self.byte() | 4, self.byte(), self.byte()]);
            }
            kind => {
                if bits == 64 && self.below(2) == 0 {
                    code.push(0x40 | self.byte() & 15);
                }
                match kind {
                    3..=8 => code.push(self.byte()),
                    9..=13 => code.extend([0x0f, self.byte()]),
                    14 => code.extend([0x0f, 0x38, self.byte()]),
                    _ => code.extend([0x0f, 0x3a, self.byte()]),
                }
            }
        }
        while code.len() < 16 {
            let byte = if self.below(6) == 0 {
                [0, 0xff, 0x80, 1, 9, 10][self.below(6) as usize]
            } else {
                self.byte()
            };
            code.push(byte);
        }
        code
    }
}

/// Why two answers differ, and how many of them may. The rest are conflicting prefixes and undefined vector forms, which
/// compilers do not emit.
const CLASSES: [(&str, f64); 4] =
    [("length", 0.001), ("text", 0.004), ("only ours", 0.004), ("only capstone", 0.004)];

#[test]
fn generated_encodings_print_as_capstone_prints_them() {
    const COUNT: usize = 300_000;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for bits in [32, 64] {
        let mode = if bits == 64 { arch::x86::ArchMode::Mode64 } else { arch::x86::ArchMode::Mode32 };
        let oracle = Capstone::new().x86().mode(mode).build().unwrap();
        let mut printer = Printer::new(bits);
        let mut generator = Generator(0x9e37_79b9_7f4a_7c15 + u64::from(bits));
        let address = if bits == 64 { 0x1_4000_1000 } else { 0x40_1000 };
        for _ in 0..COUNT {
            let code = generator.encoding(bits);
            let theirs = oracle.disasm_count(&code, address, 1).unwrap();
            let ours = printer.print(&code, address);
            let class = match (ours, theirs.first()) {
                (None, None) => continue,
                (Some(_), None) if printer.mnemonic == "movsxd" => continue,
                (Some(_), None) => "only ours",
                (None, Some(_)) => "only capstone",
                (Some(length), Some(theirs)) => {
                    let text = (theirs.mnemonic().unwrap_or("").trim(), theirs.op_str().unwrap_or("").trim());
                    match (length == theirs.bytes().len(), text == (&printer.mnemonic, &printer.operands)) {
                        (true, true) => "equal",
                        (false, _) => "length",
                        _ => "text",
                    }
                }
            };
            *counts.entry(class).or_default() += 1;
        }
    }
    let all: usize = counts.values().sum();
    println!("{all} encodings that either knows: {counts:?}");
    for (class, share) in CLASSES {
        let count = counts.get(class).copied().unwrap_or(0) as f64;
        assert!(count <= share * all as f64, "{class}: {count} of {all}");
    }
}
