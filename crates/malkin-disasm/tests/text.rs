//! The text layer against all encodings of the golden reports, which capstone 5.0.9 printed. Generated encodings are compared
//! in `sweep.rs`.

#![expect(clippy::unwrap_used, reason = "golden data is ours; a test panics when it is not as expected")]

use std::collections::HashSet;

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
        let Ok(report) = malkin_wire::read_report(&malkin_testkit::read_gz(&path)) else { continue };
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
    assert_eq!(different.len(), 0, "of {distinct}");
}
