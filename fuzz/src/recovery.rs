//! Machine code and the functions recovered from it.

use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};

/// Ceilings that a thousand bytes of code can reach, so that stopping is tried too.
const LIMITS: Limits = Limits { max_decoded: 200_000, max_functions: 64, max_instructions: 2_000 };

/// Bytes as raw code, in 64 bit if the first bit of the last byte says so: the functions lie inside of the image, none reaches
/// beyond the limits, and the report is one that reads.
pub fn recover(data: &[u8]) {
    let wide = data.last().is_some_and(|byte| byte & 1 != 0);
    // A base at which offsets of four bytes reach beyond the address space of 32 bits on either side.
    let base = if wide { 0x1_4000_0000 } else { 0xffff_0000 };
    let Ok(image) = load(data, &LoadOptions::buffer(base, Some(if wide { 64 } else { 32 }))) else { return };
    let report = disassemble(&image, LIMITS, &|| true);
    assert!(report.functions.len() <= LIMITS.max_functions, "as many as asked at most");
    let end = base + data.len() as u64;
    for function in &report.functions {
        for instruction in function.code.all_instructions() {
            let offset = instruction.offset.get();
            assert!((base..end).contains(&offset), "instruction at {offset:#x}");
            let bytes = &data[(offset - base) as usize..][..instruction.bytes.len() / 2];
            assert!(hex_is(instruction.bytes, bytes), "text and bytes differ at {offset:#x}");
        }
    }
    let again = malkin_wire::read_report(&malkin_wire::write_report(&report)).expect("a report reads");
    assert_eq!(again.functions, report.functions);
}

fn hex_is(text: &str, bytes: &[u8]) -> bool {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.bytes().eq(digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]))
}
