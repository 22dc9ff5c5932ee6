//! Escapes instructions given line by line and prints the escapes: the native half of `conformance/compare_escapers_*.py`, which
//! `cargo xtask compare-escapers` runs.
//!
//! A line is either JSON, then it is Intel, `[bytes, mnemonic, operands, low, high, bitness, intra, decoder]`, answered by
//! `[text, binary]`; or fields between tabs, `architecture path bitness thumb low high intra bytes mnemonic operands`, answered
//! by text, tab, binary. Lines end with a line feed and may hold any other character.

use std::io::{BufRead as _, Write as _};

use malkin_codehash::{BinaryContext, Escaper, HashPath};
use malkin_report::{Architecture, ImageRange, Instruction, Va};

type Failure = Box<dyn std::error::Error>;

/// Bytes, mnemonic, operands, low, high, bitness, intra, decoder.
type IntelCase = (String, String, String, u64, u64, u64, bool, bool);

fn main() -> Result<(), Failure> {
    #[expect(clippy::disallowed_methods, reason = "a script reads the lines")]
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().split(b'\n') {
        let line = String::from_utf8(line?)?;
        if line.starts_with('[') {
            serde_json::to_writer(&mut out, &intel(&line)?)?;
        } else {
            let (text, binary) = other(&line)?;
            write!(out, "{text}\t{binary}")?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn intel(line: &str) -> Result<(String, String), Failure> {
    let (bytes, mnemonic, operands, low, high, bitness, intra, decoder): IntelCase =
        serde_json::from_str(line)?;
    let instruction =
        Instruction { offset: Va::new(0x40_1000), bytes: &bytes, mnemonic: &mnemonic, operands: &operands };
    let image = Some(ImageRange { start: low, end: u128::from(high) });
    let context = BinaryContext { image, bitness, intra, decoder, thumb: false };
    Ok(escape(Escaper::Intel, &instruction, HashPath::Server, &context))
}

fn other(line: &str) -> Result<(String, String), Failure> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [architecture, path, bitness, thumb, low, high, intra, bytes, mnemonic, operands] = fields[..] else {
        return Err(format!("{line:?} has {} fields instead of 10", fields.len()).into());
    };
    let context = BinaryContext {
        image: Some(ImageRange { start: low.parse()?, end: high.parse()? }),
        bitness: bitness.parse()?,
        intra: intra == "1",
        decoder: true,
        thumb: thumb == "1",
    };
    let path = if path == "report" { HashPath::Report } else { HashPath::Server };
    let escaper = Escaper::of(&Architecture::from_text(architecture));
    let instruction = Instruction { offset: Va::new(0x40_0000), bytes, mnemonic, operands };
    Ok(escape(escaper, &instruction, path, &context))
}

fn escape(
    escaper: Escaper,
    instruction: &Instruction<'_>,
    path: HashPath,
    context: &BinaryContext,
) -> (String, String) {
    let (mut text, mut binary) = (String::new(), Vec::new());
    escaper.escape_text(instruction, path, context.thumb, &mut text);
    escaper.escape_binary(instruction, context, &mut binary);
    (text, String::from_utf8_lossy(&binary).into_owned())
}
