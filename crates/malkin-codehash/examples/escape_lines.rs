//! Escapes Intel instructions given as JSON lines and prints the escapes: the native half of `tests/differential_fuzz.py`.
//!
//! A line is `[bytes, mnemonic, operands, low, high, bitness, intra, decoder]`; the answer is `[text, binary]`.

use std::io::{BufRead as _, Write as _};

use malkin_codehash::{BinaryContext, Escaper, HashPath};
use malkin_report::{ImageRange, Instruction, Va};

type Case = (String, String, String, u64, u64, u64, bool, bool);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let (bytes, mnemonic, operands, low, high, bitness, intra, decoder): Case =
            serde_json::from_str(&line?)?;
        let instruction = Instruction {
            offset: Va::new(0x40_1000),
            bytes: &bytes,
            mnemonic: &mnemonic,
            operands: &operands,
        };
        let image = Some(ImageRange { start: low, end: u128::from(high) });
        let context = BinaryContext { image, bitness, intra, decoder, thumb: false };
        let (mut text, mut binary) = (String::new(), Vec::new());
        Escaper::Intel.escape_text(&instruction, HashPath::Server, false, &mut text);
        Escaper::Intel.escape_binary(&instruction, &context, &mut binary);
        serde_json::to_writer(&mut out, &(text, String::from_utf8_lossy(&binary)))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
