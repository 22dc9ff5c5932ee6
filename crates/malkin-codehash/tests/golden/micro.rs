//! Hand-made single instructions of all architectures.

use malkin_codehash::{BinaryContext, Escaper, HashPath};
use malkin_report::{Architecture, ImageRange};
use malkin_testkit::{json, shared};
use serde_json::Value;

use super::load;

#[test]
fn every_hand_made_instruction_escapes_as_in_the_reference() {
    let Some(path) = shared("codehash/golden/public/micro_escaper.json") else { return };
    let cases = json(path);
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 112);
    let failed: Vec<String> = cases.iter().filter_map(difference).collect();
    assert!(failed.is_empty(), "{} differ:\n{}", failed.len(), failed.join("\n"));
}

/// What of a case differs from the reference.
fn difference(case: &Value) -> Option<String> {
    let instruction = load::instruction(&case["ins"]);
    let escaper = Escaper::of(&Architecture::from_text(case["arch"].as_str().unwrap()));
    let (low, high) = (case["range"][0].as_u64().unwrap(), case["range"][1].as_u64().unwrap());
    let thumb = case["meta"]["thumb"].as_bool().unwrap_or(false);
    let context = BinaryContext {
        image: Some(ImageRange { start: low, end: u128::from(high) }),
        bitness: case["bits"].as_u64().unwrap_or(0),
        intra: true,
        decoder: true,
        thumb,
    };
    let text = |path| {
        let mut out = String::new();
        escaper.escape_text(&instruction, path, thumb, &mut out);
        out
    };
    let binary = |context: BinaryContext| {
        let mut out = Vec::new();
        escaper.escape_binary(&instruction, &context, &mut out);
        String::from_utf8(out).unwrap()
    };
    // The cases without a report have no function either, so that nothing says they are Thumb code.
    let mine = [
        ("escaped", text(HashPath::Server)),
        ("escaped_with_report", text(HashPath::Report)),
        ("binary_intra", binary(context)),
        ("binary_no_intra", binary(BinaryContext { intra: false, ..context })),
        ("binary_no_report", binary(BinaryContext { decoder: false, thumb: false, ..context })),
    ];
    let expected = |key: &str| {
        let same_as = match key {
            "escaped_with_report" => "escaped",
            "binary_no_report" => "binary_intra",
            other => other,
        };
        case.get(key).unwrap_or(&case[same_as]).as_str().unwrap()
    };
    let wrong: Vec<String> = mine
        .iter()
        .filter(|(key, value)| expected(key) != value)
        .map(|(key, value)| format!("{key}: {value:?}, expected {:?}", expected(key)))
        .collect();
    (!wrong.is_empty()).then(|| format!("{} {}: {}", case["arch"], case["ins"], wrong.join("; ")))
}
