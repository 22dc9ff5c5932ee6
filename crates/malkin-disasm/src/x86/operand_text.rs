//! Rules of the reference that read operand text. They are kept as text rules where what the text shows decides: numbers
//! below 10 are not hex literals, displacements and immediates look alike.

use super::{Finder, Row};
use crate::flow::Analysis;

/// An instruction with its text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Address.
    pub(crate) address: u64,
    /// First address behind.
    pub(crate) next: u64,
    /// Mnemonic with prefix words.
    pub(crate) mnemonic: String,
    /// Operands, the first segment override of CS, DS, ES or SS removed.
    pub(crate) operands: String,
}

impl Line {
    /// The mnemonic without prefix words.
    pub(crate) fn bare(&self) -> &str {
        self.mnemonic.rsplit(' ').next().unwrap_or("")
    }

    /// The text in front of the first comma.
    pub(crate) fn first(&self) -> &str {
        self.operands.split(',').next().unwrap_or("")
    }
}

impl Analysis<'_, Finder<'_>> {
    /// Text of an instruction.
    pub(super) fn line(&self, row: Row) -> Line {
        let address = self.address(row);
        let mut line = Line { address, next: address.wrapping_add(u64::from(row.length)), ..Line::default() };
        let offset = row.offset as usize;
        let code = &self.view.data[offset..offset + usize::from(row.length)];
        if let Some(instruction) = self.isa.decoder.decode(&self.view.data[offset..], address) {
            self.isa.writer.mnemonic(&instruction, code, &mut line.mnemonic);
            self.isa.writer.operands(&instruction, code, &mut line.operands);
            if let Some(plain) = segment_removed(&line.operands) {
                line.operands = plain;
            }
        }
        line
    }

    /// Operand text of an instruction as printed.
    pub(super) fn operand_text(&self, row: Row) -> String {
        let mut text = String::new();
        let offset = row.offset as usize;
        if let Some(instruction) = self.isa.decoder.decode(&self.view.data[offset..], self.address(row)) {
            self.isa.writer.operands(
                &instruction,
                &self.view.data[offset..offset + instruction.len()],
                &mut text,
            );
        }
        text
    }
}

/// Text without its first `cs:`, `ds:`, `es:` or `ss:`; nothing if there is none.
fn segment_removed(text: &str) -> Option<String> {
    let colon = text.match_indices(':').find_map(|(at, _)| {
        let start = at.checked_sub(2)?;
        let name = text.get(start..at)?;
        let word_before = start > 0
            && text
                .as_bytes()
                .get(start - 1)
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        (matches!(name, "cs" | "ds" | "es" | "ss") && !word_before).then_some(start)
    })?;
    let mut plain = String::with_capacity(text.len());
    plain.push_str(&text[..colon]);
    plain.push_str(&text[colon + 3..]);
    Some(plain)
}

/// Text without its first `cs:`, `ds:`, `es:` or `ss:`.
pub(crate) fn without_segment(text: &str) -> String {
    segment_removed(text).unwrap_or_else(|| text.to_owned())
}

/// The first hex literal with its sign, 0 if there is none.
pub(crate) fn first_literal(text: &str) -> i64 {
    let Some(at) = text.find("0x") else { return 0 };
    let digits: &str = text[at + 2..].split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or("");
    let value = u64::from_str_radix(digits, 16).unwrap_or(0) as i64;
    if text[..at].trim_end().ends_with('-') { value.wrapping_neg() } else { value }
}

/// The first hex literal as an address. `None` without one, or when it is subtracted: the reference keeps the sign of a
/// displacement, and so finds no table behind `[rax*8 - 0x7fffe000]`, which images in the topmost 2 GB use.
pub(crate) fn first_address(text: &str) -> Option<u64> {
    let at = text.find("0x")?;
    (!text[..at].trim_end().ends_with('-')).then(|| first_literal(text) as u64)
}

/// A whole text that is one number: a hex literal, or one decimal digit.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) if !digits.is_empty() && digits.len() <= 16 => u64::from_str_radix(digits, 16).ok(),
        None if text.len() == 1 => text.parse().ok(),
        _ => None,
    }
}

/// A whole text that is one number: hex, or decimal of any length.
pub(crate) fn immediate(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => (!digits.starts_with('+')).then(|| u64::from_str_radix(digits, 16).ok())?,
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    }
}

/// The 64-bit general register a name belongs to.
pub(crate) fn family(name: &str) -> Option<&'static str> {
    let name = name.trim();
    Some(match name {
        "rax" | "eax" | "ax" | "al" | "ah" => "rax",
        "rbx" | "ebx" | "bx" | "bl" | "bh" => "rbx",
        "rcx" | "ecx" | "cx" | "cl" | "ch" => "rcx",
        "rdx" | "edx" | "dx" | "dl" | "dh" => "rdx",
        "rsi" | "esi" | "si" | "sil" => "rsi",
        "rdi" | "edi" | "di" | "dil" => "rdi",
        "rbp" | "ebp" | "bp" | "bpl" => "rbp",
        "rsp" | "esp" | "sp" | "spl" => "rsp",
        "r8" | "r8d" | "r8w" | "r8b" => "r8",
        "r9" | "r9d" | "r9w" | "r9b" => "r9",
        "r10" | "r10d" | "r10w" | "r10b" => "r10",
        "r11" | "r11d" | "r11w" | "r11b" => "r11",
        "r12" | "r12d" | "r12w" | "r12b" => "r12",
        "r13" | "r13d" | "r13w" | "r13b" => "r13",
        "r14" | "r14d" | "r14w" | "r14b" => "r14",
        "r15" | "r15d" | "r15w" | "r15b" => "r15",
        _ => return None,
    })
}

/// Whether a text has the shape of a register name: lower-case letters and digits, `shortest` to `longest` of them.
pub(crate) fn is_name(text: &str, shortest: usize, longest: usize) -> bool {
    (shortest..=longest).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// As [`is_name`], starting with a letter.
pub(crate) fn is_register(text: &str, longest: usize) -> bool {
    is_name(text, 2, longest) && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_literal_keeps_its_sign() {
        assert_eq!(first_literal("dword ptr [eax*4 + 0x401000]"), 0x0040_1000);
        assert_eq!(first_literal("qword ptr [rip - 0x20]"), -0x20);
        assert_eq!(first_literal("-0x10"), -0x10);
        assert_eq!(first_literal("[rip + 8]"), 0);
    }

    #[test]
    fn only_flat_segments_are_removed_and_only_once() {
        assert_eq!(without_segment("dword ptr ds:[eax]"), "dword ptr [eax]");
        assert_eq!(without_segment("dword ptr fs:[eax]"), "dword ptr fs:[eax]");
        assert_eq!(
            without_segment("byte ptr es:[edi], byte ptr ds:[esi]"),
            "byte ptr [edi], byte ptr ds:[esi]"
        );
    }

    #[test]
    fn numbers_are_hex_or_single_digits() {
        assert_eq!(number("0x1f"), Some(31));
        assert_eq!(number("7"), Some(7));
        assert_eq!(number("17"), None);
        assert_eq!(number("eax"), None);
        assert_eq!(immediate("17"), Some(17));
        assert_eq!(immediate("-1"), None);
    }
}
