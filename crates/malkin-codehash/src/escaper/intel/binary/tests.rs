//! Cases of the binary escape that the text of the rules singles out.

use super::*;
use malkin_report::Va;

const IMAGE: ImageRange = ImageRange { start: 0x40_0000, end: 0x50_0000 };

fn escaped(bytes: &str, mnemonic: &str, operands: &str, context: BinaryContext) -> String {
    let mut out = b"kept".to_vec();
    escape_binary(&Instruction { offset: Va::new(0), bytes, mnemonic, operands }, &context, &mut out);
    assert!(out.starts_with(b"kept"));
    String::from_utf8(out.split_off(4)).unwrap()
}

fn context(image: ImageRange) -> BinaryContext {
    BinaryContext { image: Some(image), bitness: 32, intra: true, decoder: true, thumb: false }
}

fn check(bytes: &str, mnemonic: &str, operands: &str, expected: &str) {
    assert_eq!(escaped(bytes, mnemonic, operands, context(IMAGE)), expected, "{bytes} {mnemonic} {operands}");
}

#[test]
fn jumps_lose_their_distance() {
    check("7505", "jne", "0x401000", "75??");
    check("e805000000", "call", "0x401000", "e8????????");
    check("66e90500", "jmp", "0x1000", "????????");
    check("0f8405000000", "je", "0x401000", "0f84????????");
    check("ff1500204000", "call", "dword ptr [0x402000]", "ff15????????");
    check("ffd0", "call", "eax", "ffd0");
    check("41ff24c500204000", "jmp", "qword ptr [r8*8 + 0x402000]", "41ff24c500204000");
    check("48ff6110", "jmp", "qword ptr [rcx + 0x10]", "48ff61??");
    check("48ff2500000000", "jmp", "qword ptr [rip]", "48ff25????????");
    check("ea001040003300", "ljmp", "0x33:0x401000", "ea????????????");
    check("eb", "jmp", "0x401000", "??");
    // Digits are characters, whatever their width in bytes.
    check("ff150é20é000", "call", "dword ptr [0x402000]", "ff15????????");
    check("ff15ééé", "call", "dword ptr [0x402000]", "ff15ééé");
    check("ebé", "jmp", "0x401000", "e??");
    let outside = BinaryContext { intra: false, ..context(IMAGE) };
    assert_eq!(escaped("7505", "jne", "0x401000", outside), "7505");
    assert_eq!(escaped("f2e805000000", "bnd call", "0x401000", outside), "f2e8????????");
}

#[test]
fn pointers_are_found_by_their_digits() {
    check("a100204000", "mov", "eax, dword ptr [0x402000]", "a1????????");
    check("488b0500200000", "mov", "rax, qword ptr [rip + 0x2000]", "488b05????????");
    check("488b05f0ffffff", "mov", "rax, qword ptr [rip - 0x10]", "488b05????????");
    // Two hits: only the last one; three or none: nothing.
    check("c7050000000000000000", "mov", "dword ptr [0x0], 0", "c7050000000000000000");
    check("c705ff000000ff000000", "mov", "dword ptr [0xff], 0xff", "c705ff000000????????");
    check("64a130000000", "mov", "eax, dword ptr fs:[0x30]", "64a130000000");
}

#[test]
fn absolute_moves_of_eight_bytes_need_a_decoder() {
    let operands = "eax, dword ptr [0x402000]";
    let with = BinaryContext { bitness: 64, image: None, ..context(IMAGE) };
    let without = BinaryContext { decoder: false, ..with };
    assert_eq!(escaped("a10020400000000000", "movabs", operands, with), "a1????????????????");
    assert_eq!(escaped("a10020400000000000", "movabs", operands, without), "a1????????00000000");
}

#[test]
fn values_count_inside_of_the_image_only() {
    check("6800204000", "push", "0x402000", "68????????");
    check("6800205000", "push", "0x502000", "6800205000");
    check("c7050020400000204000", "mov", "dword ptr [eax + 0x402000], 0x402000", "c705????????????????");
    // The sign is ignored, so the digits of the positive number are searched.
    check("8d8300204000", "lea", "eax, [ebx - 0x402000]", "8d83????????");
    let low = ImageRange::new(LOW_IMAGE_BASE, 0x100_0000);
    assert_eq!(escaped("6800204000", "push", "0x402000", context(low)), "6800204000");
    let wide = ImageRange::new(0x1_4000_0000, 0x1000);
    assert_eq!(
        escaped("48b80000004001000000", "movabs", "rax, 0x140000000", context(wide)),
        "48b8????????????????"
    );
}

#[test]
fn of_overlapping_hits_the_right_one_wins() {
    let image = ImageRange::new(0x1111_0000, 0x10000);
    assert_eq!(escaped("68111111111", "push", "0x11111111", context(image)), "681????????");
    assert_eq!(escaped("6811111111", "push", "0x11111111", context(image)), "68????????");
}

#[test]
fn numbers_beyond_64_bits_are_left_alone() {
    check("a100204000", "mov", "eax, dword ptr [0x100000000000000000000402000]", "a100204000");
    check("a100204000", "mov", "eax, dword ptr [rip - 0x10000000000000000]", "a100204000");
}

mod properties {
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    /// Operand texts with constants that stand in the bytes now and then.
    fn operands() -> impl Strategy<Value = String> {
        "(eax, |rax, qword ptr |dword ptr )?(\\[(rip [+-] )?|)0x(0|11|402000|1{8}|[0-9a-f]{1,17})(\\]|)(, 0x402000| - 0x11111111)?"
    }

    proptest! {
        #[test]
        fn only_digits_become_wildcards(
            bytes in "(00204000|1{1,9}|11000000|[0-9a-f]{1,6}){0,5}",
            operands in operands(),
            intra in any::<bool>(),
            decoder in any::<bool>(),
            start in 0_u64..0x50_0000,
        ) {
            let context = BinaryContext {
                image: Some(ImageRange::new(start, 1 << 40)),
                bitness: 64,
                intra,
                decoder,
                thumb: false,
            };
            let out = escaped(&bytes, "mov", &operands, context);
            prop_assert_eq!(out.len(), bytes.len());
            prop_assert!(out.bytes().zip(bytes.bytes()).all(|(out, digit)| out == b'?' || out == digit));
            // A constant takes 8 or 16 digits; overlapping ones may share some of them.
            let masked = out.bytes().filter(|digit| *digit == b'?').count();
            prop_assert!(masked == 0 || masked >= 8);
            prop_assert_eq!(masked > 0 && !operands.contains("0x"), false);
        }

        #[test]
        fn jumps_keep_a_head_and_end_in_a_fixed_number_of_wildcards(
            bytes in "(66|f2|48){0,2}(7|e[0-39ab8]|0f8|ff[0-9a-f]{2}|9a|48ff(61|25)|)[0-9a-f]{0,12}",
            mnemonic in "(bnd )?(jmp|call|jne|loop|ljmp)",
            intra in any::<bool>(),
        ) {
            let out = escaped(&bytes, &mnemonic, "0x401000", BinaryContext { intra, ..context(IMAGE) });
            let wildcards = out.bytes().filter(|digit| *digit == b'?').count();
            prop_assert!([0, 2, 8, 12].contains(&wildcards));
            let kept = bytes.len().saturating_sub(wildcards);
            prop_assert_eq!(out, format!("{}{}", &bytes[..kept], "?".repeat(wildcards)));
        }
    }
}
