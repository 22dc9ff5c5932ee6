//! Tests of rules; whole rules are compared with the reference's in `tests/golden`.

use malkin_report::{BlockInstruction, FunctionId, SampleBlocks, UniqueBlocksStatistics, Va};

use super::*;

fn result(sequences: &[(&str, &str)]) -> UniqueBlocks {
    let block = |(at, (sequence, operands)): (usize, &(&str, &str))| UniqueBlock {
        hash: BlockHash::new(at as u64 + 1),
        samples: vec![SampleId::new(0)],
        length: sequence.split(' ').count() as u32,
        function_id: FunctionId::new(0),
        sample_id: SampleId::new(0),
        offset: Va::new(0),
        instructions: vec![BlockInstruction {
            offset: Va::new(0),
            bytes: "90".to_owned(),
            mnemonic: "nop".to_owned(),
            operands: (*operands).to_owned(),
        }],
        escaped_sequence: (*sequence).to_owned(),
        score: 50.0,
    };
    UniqueBlocks {
        statistics: UniqueBlocksStatistics {
            by_sample: vec![SampleBlocks {
                sample_id: SampleId::new(0),
                total_blocks: 1,
                characteristic_blocks: 1,
                unique_blocks: 1,
            }],
            unique_blocks_overall: 1,
            num_samples: 1,
            has_yara_rule: true,
            yara_covers: 1,
            has_complete_yara_rule: false,
            covers_required: 10,
            min_instructions: 0,
            blocks_considered: 1,
            num_samples_covered: 0,
        },
        blocks: sequences.iter().enumerate().map(block).collect(),
        yara_rule: Vec::new(),
    }
}

fn rule(sequences: &[(&str, &str)], options: &RuleOptions) -> YaraRule {
    yara_rule(&result(sequences), BlockNotation::Hex, options, "2026-01-02")
}

#[test]
fn a_rule_without_blocks_is_rendered_as_the_reference_does() {
    let rule = rule(&[], &RuleOptions::default());
    assert!(rule.text.starts_with("rule mcrit_e3b0c44298fc1c14 {\n    meta:\n"), "{}", rule.text);
    let end = "covering 0/1 input sample(s).\n    condition:\n        0 of them\n}\n";
    assert!(rule.text.ends_with(end), "{}", rule.text);
    assert!(rule.blocks.is_empty());
}

#[test]
fn text_of_a_report_stays_inside_its_comment() {
    let rule = rule(&[("90", "*/ } condition: true }\n//")], &RuleOptions::default());
    assert_eq!(rule.text.matches("*/").count(), 1);
    assert!(rule.text.contains("         * 90 | nop * / } condition: true }\u{fffd}//\n"), "{}", rule.text);
}

#[test]
fn sequences_that_are_no_hex_strings_are_left_out() {
    let rule = rule(&[("", ""), ("90 }", ""), ("9", ""), ("ff??", "")], &RuleOptions::default());
    assert_eq!(rule.blocks, [BlockHash::new(4)]);
}

#[test]
fn limits_choose_blocks_by_instructions_and_bytes() {
    let sequences = [("90 90", ""), ("9090 90", ""), ("90", "")];
    let chosen = |options: RuleOptions| {
        let mut blocks: Vec<u64> = rule(&sequences, &options).blocks.iter().map(|hash| hash.get()).collect();
        blocks.sort_unstable();
        blocks
    };
    let all = RuleOptions::default();
    assert_eq!(chosen(RuleOptions { min_instructions: 2, ..all }), [1, 2]);
    assert_eq!(chosen(RuleOptions { max_instructions: 1, ..all }), [3]);
    assert_eq!(chosen(RuleOptions { min_bytes: 3, ..all }), [2]);
    assert_eq!(chosen(RuleOptions { max_bytes: 2, ..all }), [1, 3]);
}

#[test]
fn words_are_never_broken() {
    assert_eq!(wrap("aa bb ccdd ee", 5), ["aa bb", "ccdd", "ee"]);
    assert_eq!(wrap("aabbccdd ee", 2), ["aabbccdd", "ee"]);
    assert_eq!(wrap("aa bb", 80), ["aa bb"]);
}
