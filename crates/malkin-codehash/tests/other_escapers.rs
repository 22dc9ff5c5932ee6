//! The escapers of AArch64, ARM, CIL and Dalvik against recorded answers of SMDA, and on arbitrary text.
//!
//! The fixture holds every mnemonic and operand shape that SMDA's decoder prints for AArch64, and samples of the others. More
//! is compared by `conformance/compare_escapers_other.py`, which needs SMDA.

use malkin_codehash::{BinaryContext, Escaper, HashPath};
use malkin_report::{Architecture, ImageRange, Instruction, Va};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

const FIXTURE: &str = include_str!("../../../fixtures/escaper/other_architectures.tsv");

const CONTEXT: BinaryContext =
    BinaryContext { image: None, bitness: 64, intra: true, decoder: true, thumb: false };

/// Escaped text and binary escape of an instruction.
fn escape(
    escaper: Escaper,
    path: HashPath,
    context: &BinaryContext,
    instruction: &Instruction<'_>,
) -> (String, String) {
    let (mut text, mut binary) = (String::new(), Vec::new());
    escaper.escape_text(instruction, path, context.thumb, &mut text);
    escaper.escape_binary(instruction, context, &mut binary);
    (text, String::from_utf8_lossy(&binary).into_owned())
}

#[test]
fn every_recorded_instruction_escapes_as_in_smda() {
    let mut compared = 0;
    for line in FIXTURE.split('\n').filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [architecture, path, bitness, thumb, low, high, intra, bytes, mnemonic, operands, text, binary] =
            fields[..]
        else {
            panic!("{line:?} has {} fields", fields.len());
        };
        let (low, high): (u64, u64) = (low.parse().unwrap(), high.parse().unwrap());
        let context = BinaryContext {
            image: Some(ImageRange::new(low, high - low)),
            bitness: bitness.parse().unwrap(),
            intra: intra == "1",
            decoder: true,
            thumb: thumb == "1",
        };
        let path = if path == "report" { HashPath::Report } else { HashPath::Server };
        let instruction = Instruction { offset: Va::new(0), bytes, mnemonic, operands };
        let escaped =
            escape(Escaper::of(&Architecture::from_text(architecture)), path, &context, &instruction);
        assert_eq!((escaped.0.as_str(), escaped.1.as_str()), (text, binary), "{line:?}");
        compared += 1;
    }
    assert_eq!(compared, 4376);
}

const ESCAPERS: [Escaper; 4] = [Escaper::Aarch64, Escaper::Arm, Escaper::Cil, Escaper::Dalvik];

/// Text of the characters that the escapers look at, and of any others.
const TEXT: &str = r#"([a-z0-9#x\-+_.,:;@ \[\]{}!^"'>]|lsl|v[0-9]|\PC|\s|[ſKİı²½٣\x{1c}]){0,40}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn arbitrary_text_is_escaped_in_linear_space(
        bytes in "([0-9a-fA-F]{0,20}|[0-9a-fx+_ é²]{0,10})",
        mnemonic in "([a-z]{1,6}[.]?[a-z0-9]{0,3}|\\PC{0,8})",
        operands in TEXT,
        thumb in any::<bool>(),
        intra in any::<bool>(),
    ) {
        let instruction = Instruction { offset: Va::new(0), bytes: &bytes, mnemonic: &mnemonic, operands: &operands };
        let context = BinaryContext { thumb, intra, ..CONTEXT };
        for escaper in ESCAPERS {
            for path in [HashPath::Server, HashPath::Report] {
                let (text, binary) = escape(escaper, path, &context, &instruction);
                prop_assert!(text.as_bytes()[0].is_ascii_uppercase() && text.as_bytes()[1] == b' ');
                prop_assert!(text.len() <= 2 + 9 * (operands.len() + 1), "{text:?}");
                prop_assert!(binary.len() <= bytes.len().max(8), "{binary:?}");
                escaper.is_call(&instruction, path);
            }
        }
    }

    #[test]
    fn escapes_are_appended(operands in TEXT, mnemonic in "[a-z]{1,5}") {
        let instruction = Instruction { offset: Va::new(0), bytes: "1122334455", mnemonic: &mnemonic, operands: &operands };
        for escaper in ESCAPERS {
            let (text, binary) = escape(escaper, HashPath::Server, &CONTEXT, &instruction);
            let (mut longer_text, mut longer_binary) = (String::from("{x"), b"?ab".to_vec());
            escaper.escape_text(&instruction, HashPath::Server, false, &mut longer_text);
            escaper.escape_binary(&instruction, &CONTEXT, &mut longer_binary);
            prop_assert_eq!(longer_text, format!("{{x{text}"));
            prop_assert_eq!(String::from_utf8(longer_binary).unwrap(), format!("?ab{binary}"));
        }
    }
}
