//! Prints how we decode the encodings of the sweep, for a comparison with another decoder:
//! `cargo run -p malkin-disasm --example sweep_lines -- COUNT SEED`.
//!
//! One line each: bitness, address and bytes in hex, length (0 if it does not decode), mnemonic, operands; tabs between them.

#[path = "../tests/sweep/encodings.rs"]
mod encodings;

use std::io::Write;

use encodings::Sweep;
use malkin_disasm::x86::{Decoder, TextWriter};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().unwrap_or(0));
    let count = arguments.next().unwrap_or(1000);
    let seed = arguments.next().unwrap_or(0);
    #[expect(clippy::disallowed_methods, reason = "a script reads the lines")]
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for bits in [32, 64] {
        let (decoder, writer) = (Decoder::new(bits), TextWriter::new(bits));
        let (mut mnemonic, mut operands) = (String::new(), String::new());
        for case in Sweep::new(bits, seed).take(count as usize) {
            mnemonic.clear();
            operands.clear();
            let mut length = 0;
            if let Some(instruction) = decoder.decode(&case.code, case.address) {
                length = instruction.len();
                writer.mnemonic(&instruction, &case.code[..length], &mut mnemonic);
                writer.operands(&instruction, &case.code[..length], &mut operands);
            }
            write!(out, "{bits}\t{:x}\t", case.address)?;
            for byte in &case.code {
                write!(out, "{byte:02x}")?;
            }
            writeln!(out, "\t{length}\t{mnemonic}\t{operands}")?;
        }
    }
    Ok(())
}
