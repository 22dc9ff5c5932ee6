//! Decoding and text against capstone over the whole instruction space, and against what capstone 5.0.9 and SMDA 5.0.1 were
//! recorded to print.
//!
//! The crate bundles capstone 5.0.6. Of its x86 tables and printer only one row differs from those of 5.0.9, which SMDA
//! uses: `movsxd` without REX.W, which 5.0.6 refuses in 64-bit code. `cargo xtask sweep-decoder` compares with 5.0.9 itself.

#![expect(clippy::unwrap_used, reason = "golden data is ours; a test panics when it is not as expected")]

#[path = "sweep/encodings.rs"]
mod encodings;

use capstone::prelude::{BuildsCapstone, Capstone, arch};
use encodings::Sweep;
use malkin_disasm::x86::{Decoder, TextWriter};
use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};

/// Encodings of each bitness that every run of the tests compares.
const PART: usize = 100_000;

/// Length and text of an encoding; length 0 if it does not decode.
type Line = (usize, String, String);

struct Printer {
    decoder: Decoder,
    writer: TextWriter,
}

impl Printer {
    fn new(bits: u32) -> Self {
        Self { decoder: Decoder::new(bits), writer: TextWriter::new(bits) }
    }

    fn print(&self, code: &[u8], address: u64) -> Line {
        let Some(instruction) = self.decoder.decode(code, address) else { return Line::default() };
        let (mut mnemonic, mut operands) = (String::new(), String::new());
        let code = &code[..instruction.len()];
        self.writer.mnemonic(&instruction, code, &mut mnemonic);
        self.writer.operands(&instruction, code, &mut operands);
        (code.len(), mnemonic, operands)
    }
}

/// Compares a sweep. Panics with the first differences when there is one.
fn compare(bits: u32, count: usize, seed: u64) {
    let mode = if bits == 64 { arch::x86::ArchMode::Mode64 } else { arch::x86::ArchMode::Mode32 };
    let oracle = Capstone::new().x86().mode(mode).build().unwrap();
    let printer = Printer::new(bits);
    let (mut decoded, mut newer, mut different) = (0, 0, Vec::new());
    for case in Sweep::new(bits, seed).take(count) {
        let ours = printer.print(&case.code, case.address);
        let theirs = oracle.disasm_count(&case.code, case.address, 1).unwrap();
        let theirs = theirs.first().map_or(Line::default(), |theirs| {
            let text = |text: Option<&str>| text.unwrap_or("").trim().to_owned();
            (theirs.len(), text(theirs.mnemonic()), text(theirs.op_str()))
        });
        decoded += usize::from(theirs.0 != 0);
        if ours.1.ends_with("movsxd") && theirs.0 == 0 {
            newer += 1;
        } else if ours != theirs {
            different.push(format!("{:02x?}: {ours:?}, capstone {theirs:?}", case.code));
        }
    }
    assert!(decoded * 5 > count, "the sweep consists of instructions");
    assert!(newer * 500 < count && (newer > 0) == (bits == 64));
    assert!(different.is_empty(), "{}", different[..different.len().min(20)].join("\n"));
}

#[test]
fn a_part_of_the_sweep_is_read_as_capstone_reads_it_in_32_bit_code() {
    compare(32, PART, 0);
}

#[test]
fn a_part_of_the_sweep_is_read_as_capstone_reads_it_in_64_bit_code() {
    compare(64, PART, 0);
}

#[test]
fn the_same_seed_makes_the_same_encodings() {
    let codes = |seed| Sweep::new(64, seed).take(1000).map(|case| case.code).collect::<Vec<_>>();
    assert_eq!(codes(3), codes(3));
    assert_ne!(codes(3), codes(4));
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn recorded_encodings_print_as_capstone_5_0_9_printed_them() {
    let printers = [Printer::new(32), Printer::new(64)];
    let text = std::fs::read_to_string(malkin_testkit::fixture("disasm/capstone_5.0.9.tsv")).unwrap();
    let mut rows = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [bits, code, length, mnemonic, operands] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let mut code = unhex(code);
        code.resize(16, 0x90);
        let ours = printers[usize::from(bits == "64")].print(&code, 0x1000_0000);
        assert_eq!(ours, (length.parse().unwrap(), mnemonic.to_owned(), operands.to_owned()), "{line}");
        rows += 1;
    }
    assert!(rows > 500, "both bitnesses of every slot");
}

/// Functions and instructions as the recorded text has them.
fn listing(name: &str, options: &LoadOptions) -> String {
    use std::fmt::Write;
    let input = std::fs::read(malkin_testkit::fixture(format!("disasm/{name}"))).unwrap();
    let report = disassemble(&load(&input, options).unwrap(), Limits::default(), &|| true);
    let mut functions: Vec<_> = report.functions.iter().collect();
    functions.sort_by_key(|function| function.offset);
    let mut out = String::new();
    for function in functions {
        writeln!(out, "function 0x{:x}", function.offset.get()).unwrap();
        let mut lines: Vec<_> = function.code.all_instructions().collect();
        lines.sort_by_key(|line| line.offset);
        for line in lines {
            let (at, bytes) = (line.offset.get(), line.bytes);
            writeln!(out, "0x{at:x}\t{bytes}\t{}\t{}", line.mnemonic, line.operands).unwrap();
        }
    }
    out
}

#[test]
fn programs_of_rare_instructions_are_recovered_as_smda_recovers_them() {
    for (name, options) in [
        ("elf64_svm_cet_sev", LoadOptions::file()),
        ("avx_gather_linux64", LoadOptions::file()),
        ("isa_sweep_64.bin", LoadOptions::buffer(0x1000_0000, Some(64))),
    ] {
        let recorded = malkin_testkit::fixture(format!("disasm/{name}.txt"));
        let recorded = std::fs::read_to_string(recorded).unwrap();
        let recorded: Vec<&str> = recorded.lines().filter(|line| !line.starts_with('#')).collect();
        let ours = listing(name, &options);
        assert!(recorded.len() > 20, "{name}");
        assert_eq!(ours.lines().collect::<Vec<_>>(), recorded, "{name}");
    }
}
