//! What identifies the escaper that made a hash.
//!
//! Exports carry the fingerprint: the escaped text of a fixed probe, hashed. A change of the escaper that matters shows in it.

use malkin_report::{Instruction, Va};

use crate::digest::sha256_hex;
use crate::escaper::{Escaper, HashPath};

/// Fingerprint of the Intel escaper (SMDA 5.0.1); equal to what [`escaper_fingerprint`] computes, which is tested.
pub const ESCAPER_FINGERPRINT: &str = "110c9d152232a2e6";

/// The SMDA version whose escapers these are. Stored with every hash.
pub const SMDA_VERSION: &str = "5.0.1";

const PROBE: &str = include_str!("../../../data/escaper_probe.txt");

/// Instructions of the probe with the escaped text they have in the reference.
fn probe() -> impl Iterator<Item = (Instruction<'static>, &'static str)> {
    PROBE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.split('\t');
        let offset = Va::new(fields.next()?.parse().ok()?);
        let (bytes, mnemonic, operands) = (fields.next()?, fields.next()?, fields.next()?);
        Some((Instruction { offset, bytes, mnemonic, operands }, fields.next()?))
    })
}

/// Escapes the probe: first 16 hex digits of the SHA-256 over `[intel]` and one line for each instruction.
pub fn escaper_fingerprint() -> String {
    let mut text = String::from("[intel]\n");
    for (instruction, _) in probe() {
        Escaper::Intel.escape_text(&instruction, HashPath::Server, false, &mut text);
        text.push('\n');
    }
    let mut digest = sha256_hex(text.as_bytes());
    digest.truncate(16);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_escapes_as_in_the_reference() {
        assert_eq!(probe().count(), 42);
        for (instruction, expected) in probe() {
            let mut text = String::new();
            Escaper::Intel.escape_text(&instruction, HashPath::Server, false, &mut text);
            assert_eq!(text, expected, "{instruction:?}");
        }
        assert_eq!(escaper_fingerprint(), ESCAPER_FINGERPRINT);
    }
}
