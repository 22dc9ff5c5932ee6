//! Escapes, block hashes and shingles of sampled functions; signatures on the report path.

use malkin_codehash::{
    FunctionEscaper, FunctionHashes, HashPath, MinHasher, Projection, hash_function,
    hash_function_with_report, murmur3, shingle_texts,
};
use malkin_report::{Architecture, Function, Va};
use malkin_testkit::{json_gz, shared};
use serde_json::{Value, json};

use super::load::{self, Sample};

#[derive(Default, Debug)]
struct Counts {
    functions: usize,
    instructions: usize,
    blocks: usize,
    shingled: usize,
    with_report: usize,
}

#[test]
fn every_recorded_detail_equals_the_reference() {
    let Some(paths) = load::report_paths() else { return };
    let vectors = shared("codehash/golden/public/vectors").unwrap();
    let hasher = MinHasher::default();
    let mut counts = Counts::default();
    for path in paths {
        let sample = load::sample(&path);
        let detail = json_gz(vectors.join(format!("{}.detail.json.gz", sample.name)));
        for expected in detail["detail"].as_array().unwrap() {
            let offset = Va::new(expected["o"].as_u64().unwrap());
            let at = sample.functions.binary_search_by_key(&offset, |function| function.offset).unwrap();
            check_function(&sample, &sample.functions[at], expected, &hasher, &mut counts);
        }
    }
    println!("{counts:?}");
    let (compared, shingled) =
        if malkin_testkit::has_shared() { ((720, 35_237, 7_098), 413) } else { ((288, 7_442, 1_241), 127) };
    assert_eq!((counts.functions, counts.instructions, counts.blocks), compared);
    assert_eq!(counts.shingled, shingled);
}

fn check_function(
    sample: &Sample,
    function: &Function,
    expected: &Value,
    hasher: &MinHasher,
    counts: &mut Counts,
) {
    let at = format!("{} {}", sample.name, function.offset);
    let escaper = FunctionEscaper::new(function, &sample.context);
    for (block, expected) in function.code.blocks().iter().zip(expected["blocks"].as_array().unwrap()) {
        assert_eq!(expected["o"].as_u64(), Some(block.start.get()), "{at}");
        let escaped: Vec<_> = escaper.escaped_block(block).collect();
        let texts: Vec<&str> = escaped.iter().map(|instruction| instruction.text.as_str()).collect();
        let binaries: Vec<&str> = escaped.iter().map(|instruction| instruction.binary.as_str()).collect();
        assert_eq!(json!(texts), expected["esc"], "{at} block {}", block.start);
        assert_eq!(json!(binaries), expected["bin"], "{at} block {}", block.start);
        assert_eq!(Some(escaper.block_hash(block).get()), expected["phb"].as_u64(), "{at} {}", block.start);
        counts.instructions += escaped.len();
        counts.blocks += 1;
    }
    for (path, key) in [(HashPath::Server, "num_calls_server"), (HashPath::Report, "num_calls_report")] {
        let escaper = escaper.on_path(path);
        let calls =
            function.code.all_instructions().filter(|instruction| escaper.is_call(instruction)).count();
        assert_eq!(Some(calls as u64), expected[key].as_u64(), "{at} {key}");
    }
    let hashes = hash_function(function, &sample.context, hasher).unwrap();
    assert_eq!(blocks_as_json(&hashes), expected["picblocks"], "{at}");
    counts.functions += 1;
    if expected.get("shingles").is_some() {
        check_shingles(sample, function, expected, &hashes);
        counts.shingled += 1;
    }
    let with_report = hash_function_with_report(function, &sample.context, hasher).unwrap();
    if let Some(signature) = expected.get("mh_with_report") {
        assert_eq!(json!(with_report.minhash.to_hex()), *signature, "{at}");
        counts.with_report += 1;
    } else if sample.context.architecture == Architecture::Intel {
        assert_eq!(with_report, hashes, "{at}");
    }
}

fn blocks_as_json(hashes: &FunctionHashes) -> Value {
    hashes
        .blocks
        .iter()
        .map(|block| json!([block.offset.get(), block.length, block.size, block.hash.get()]))
        .collect()
}

/// Shingle texts with their hashes, and the band keys of the signature.
fn check_shingles(sample: &Sample, function: &Function, expected: &Value, hashes: &FunctionHashes) {
    let at = format!("{} {}", sample.name, function.offset);
    let texts = shingle_texts(function, &sample.context, HashPath::Server).unwrap();
    for (shingler, texts) in
        [("FuzzyStatPairShingler", texts.fuzzy_stat_pair), ("EscapedBlockShingler", texts.escaped_block)]
    {
        let hashed: Value = texts.iter().map(|text| json!([text, murmur3(text.as_bytes())])).collect();
        assert_eq!(hashed, expected["shingles"][shingler], "{at} {shingler}");
    }
    let keys: Value = Projection::default().keys(hashes.minhash.as_bytes()).collect();
    assert_eq!(keys, expected["bands"], "{at}");
}
