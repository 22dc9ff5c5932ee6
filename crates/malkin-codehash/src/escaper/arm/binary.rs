//! Bytes of A32 and T32: fields that move when code is linked again are wildcarded, digit by digit.
//!
//! These are branch and call distances, distances of literal loads and `adr`, and the halves of an address in `movw` and
//! `movt`. Whether the target lies inside the function makes no difference. A mask has one bit for each hex digit, bit n for
//! the bits 4n to 4n+3 of the little-endian value; a set bit keeps the digit. Section numbers are those of DDI 0406C.

use crate::python_text::little_endian_word;

/// Appends the bytes with their moving digits wildcarded. Anything but two or four bytes of hex stays as it is.
pub(super) fn escape(bytes: &str, thumb: bool, out: &mut Vec<u8>) {
    let wide = bytes.len() == 8;
    let value = if wide || bytes.len() == 4 { little_endian_word(bytes) } else { None };
    let masked = value.and_then(|(value, size)| {
        if size == 2 {
            Some((value, size, keep_t16(value)?))
        } else if thumb || !wide {
            match t32_branch_at_zero(value) {
                // A conditional branch keeps its condition, as those of A32 and T16 do.
                Some(branch) => Some((branch, 4, if branch & 0x5000_0000 == 0 { 0x8e } else { 0x88 })),
                None => Some((value, size, keep_t32(value & 0xffff)?)),
            }
        } else {
            Some((value, size, keep_a32(value)?))
        }
    });
    match masked {
        Some((value, size, keep)) => render(value, size, keep, out),
        None => out.extend_from_slice(bytes.as_bytes()),
    }
}

/// Appends `size` bytes of a value in little-endian order.
fn render(value: u32, size: u32, keep: u32, out: &mut Vec<u8>) {
    for byte in 0..size {
        for digit in [2 * byte + 1, 2 * byte] {
            let kept = keep >> digit & 1 == 1;
            let nibble = (value >> (4 * digit) & 0xf) as usize;
            out.push(if kept { b"0123456789abcdef"[nibble] } else { b'?' });
        }
    }
}

fn keep_a32(word: u32) -> Option<u32> {
    if word >> 25 & 7 == 0b101 {
        // B, BL and BLX (immediate): imm24 (A5.5)
        return Some(0xc0);
    }
    if word >> 28 == 0xf {
        return None;
    }
    if word & 0x0fb0_0000 == 0x0300_0000 {
        // MOVW and MOVT: imm4 at bit 16, imm12 at bit 0 (A8.8.102, A8.8.106)
        return Some(0xe8);
    }
    if word & 0x0e1f_0000 == 0x041f_0000 || matches!(word & 0x0fff_0000, 0x028f_0000 | 0x024f_0000) {
        // LDR and LDRB (literal) and ADR: imm12 (A8.8.65, A8.8.69, A8.8.12)
        return Some(0xf8);
    }
    let extra_load = matches!(word & 0x0010_0060, 0x0010_0020 | 0x0010_0040 | 0x0010_0060 | 0x0000_0040);
    if word & 0x0e4f_0090 == 0x004f_0090 && extra_load {
        // LDRH, LDRSB, LDRSH and LDRD (literal): imm4H at bit 8, imm4L at bit 0 (A8.8.82, A8.8.90, A8.8.98, A8.8.73)
        return Some(0xfa);
    }
    // VLDR (literal): imm8 (A8.8.333)
    (word & 0x0f3f_0e00 == 0x0d1f_0a00).then_some(0xfc)
}

fn keep_t16(half: u32) -> Option<u32> {
    if half & 0xf000 == 0xd000 && half >> 8 & 0xf < 0xe {
        // B<cond>: imm8; conditions 14 and 15 are UDF and SVC
        return Some(0xc);
    }
    if half & 0xf800 == 0xe000 || half & 0xf500 == 0xb100 {
        // B: imm11, and CBZ and CBNZ: i and imm5 next to the register
        return Some(0x8);
    }
    // LDR (literal) and ADR: imm8
    matches!(half & 0xf800, 0x4800 | 0xa000).then_some(0xc)
}

/// A B.W, BL, BLX or `B<cond>.W` with its distance set to zero (A6.3.4). J1 shares a hex digit with the opcode and flips with
/// the distance, so that wildcarding it would make the kinds of branches equal; a zero distance has one fixed encoding.
fn t32_branch_at_zero(value: u32) -> Option<u32> {
    let (first, second) = (value & 0xffff, value >> 16);
    if first & 0xf800 != 0xf000 || second & 0x8000 == 0 {
        return None;
    }
    if second & 0x5000 != 0 {
        // S:imm10 and J1:J2:imm11; J1 and J2 are inverted against S, so distance zero has both set.
        return Some(value & !0x2fff_07ff | 0x2800_0000);
    }
    let conditional = second & 0xd000 == 0x8000 && first >> 6 & 0xe != 0xe;
    // S:imm6 around the condition, and J1:J2:imm11
    conditional.then_some(value & !0x2fff_043f)
}

fn keep_t32(first: u32) -> Option<u32> {
    if first & 0xfb70 == 0xf240 || matches!(first & 0xfbff, 0xf20f | 0xf2af) {
        // MOVW, MOVT and ADR.W: i:imm4 and imm3:imm8 around the register (A8.8.102, A8.8.12)
        return Some(0x4a);
    }
    if first & 0xfe1f == 0xf81f {
        // LDR, LDRB, LDRH, LDRSB and LDRSH (literal): imm12 below the register (A8.8.65)
        return Some(0x8f);
    }
    // VLDR (literal), and LDRD (literal) below its two registers (A8.8.73): imm8
    (first & 0xff3f == 0xed1f || (first & 0xfe5f == 0xe85f && first & 0x0120 != 0)).then_some(0xcf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_fields_are_wildcarded() {
        for (bytes, thumb, expected) in [
            ("020000eb", false, "??????eb"),
            ("00309fe5", false, "??3?9fe5"),
            ("04e02de5", false, "04e02de5"),
            ("7047", false, "7047"),
            ("03d1", false, "??d1"),
            ("00f002f8", true, "??f???f?"),
            ("00f002f8", false, "00f002f8"),
            ("40f0fe87", true, "4?f0??8?"),
            ("df ed01", true, "df ed01"),
            ("zz00", true, "zz00"),
            ("", true, ""),
            ("00f002f800", true, "00f002f800"),
        ] {
            let mut out = Vec::new();
            escape(bytes, thumb, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{bytes} {thumb}");
        }
    }
}
