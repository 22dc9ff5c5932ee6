//! One instruction through one escaper.

use malkin_codehash::{BinaryContext, Escaper, HashPath};
use malkin_report::{ImageRange, Instruction, Va};

use crate::parts::Parts;

/// Longest class name and separator that one character of operand text can become.
const MAX_GROWTH: usize = 12;

/// Question marks that a jump shorter than its distance can gain.
const MAX_JUMP_CUT: usize = 12;

/// Flags, then bytes, mnemonic and operands as texts.
pub fn instruction(escaper: Escaper, data: &[u8]) {
    let mut parts = Parts::new(data);
    let flags = parts.byte();
    let (bytes, mnemonic, operands) = (parts.text(), parts.text(), parts.text());
    let instruction =
        Instruction { offset: Va::new(0x40_1000), bytes: &bytes, mnemonic: &mnemonic, operands: &operands };
    let context = binary_context(flags);
    for path in [HashPath::Server, HashPath::Report] {
        text(escaper, &instruction, path, context.thumb);
        let _ = escaper.is_call(&instruction, path);
    }
    binary(escaper, &instruction, &context);
}

/// A context out of eight bits.
pub(crate) fn binary_context(flags: u8) -> BinaryContext {
    let image = match flags & 3 {
        0 => None,
        1 => Some(ImageRange { start: 0x40_0000, end: 0x80_0000 }),
        2 => Some(ImageRange { start: 0x1_8000_0000, end: 0x1_8010_0000 }),
        _ => Some(ImageRange { start: 0, end: 1 << 64 }),
    };
    BinaryContext {
        image,
        bitness: if flags & 4 == 0 { 32 } else { 64 },
        intra: flags & 8 == 0,
        decoder: flags & 16 == 0,
        thumb: flags & 32 != 0,
    }
}

/// The text escape is a capital letter, a space and operands in proportion to what was there; it only appends, and does not
/// depend on what it appends to.
fn text(escaper: Escaper, instruction: &Instruction<'_>, path: HashPath, thumb: bool) {
    let mut whole = "{before".to_owned();
    let group = escaper.escape_text(instruction, path, thumb, &mut whole);
    let whole = whole.strip_prefix("{before").expect("the text escape only appends");
    assert!(group.is_ascii_uppercase(), "group {group}");
    assert_eq!(group, escaper.group(instruction, path, thumb));
    let mut operands = String::new();
    escaper.escape_operands(instruction, path, thumb, &mut operands);
    let parts = (whole.as_bytes()[0], &whole[1..2], &whole[2..]);
    assert_eq!(parts, (group, " ", operands.as_str()));
    let bound = MAX_GROWTH * (instruction.operands.len() + 8);
    assert!(operands.len() <= bound, "{} bytes of {}", operands.len(), instruction.operands.len());
}

/// The binary escape only appends, keeps the number of digits but for jumps cut short, and does not depend on what it appends
/// to.
fn binary(escaper: Escaper, instruction: &Instruction<'_>, context: &BinaryContext) {
    let (mut escaped, mut behind) = (Vec::new(), b"55e8????????".to_vec());
    escaper.escape_binary(instruction, context, &mut escaped);
    escaper.escape_binary(instruction, context, &mut behind);
    assert_eq!(behind.strip_prefix(b"55e8????????"), Some(escaped.as_slice()));
    let digits = |text: &[u8]| text.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    let (before, after) = (digits(instruction.bytes.as_bytes()), digits(&escaped));
    let is_hex = instruction.bytes.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && escaper != Escaper::Intel {
        assert_eq!(before, after);
    }
    // Only a jump cut short grows; white space between bytes may go.
    let bound = if escaper == Escaper::Intel { before.max(MAX_JUMP_CUT) } else { before };
    assert!(after <= bound, "{before} digits became {after}");
}
