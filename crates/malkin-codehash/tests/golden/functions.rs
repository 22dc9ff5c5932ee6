//! PicHash and MinHash of all functions, band keys and pair scores.

use std::collections::HashMap;

use malkin_codehash::{HashPath, MinHasher, Projection, Scratch, hash_function_in, score};
use malkin_report::{MinHash, PicHash, Va};
use malkin_testkit::{json_gz, json_lines_gz, shared};
use serde_json::Value;

use super::load;

/// What was compared.
#[derive(Default, Debug)]
struct Counts {
    functions: usize,
    signatures: usize,
    bands: usize,
    pairs: usize,
}

#[test]
fn every_function_hashes_as_in_the_reference() {
    let Some(paths) = load::report_paths() else { return };
    let vectors = shared("codehash/golden/public/vectors").unwrap();
    let hasher = MinHasher::default();
    let mut scratch = Scratch::new();
    let mut counts = Counts::default();
    for path in paths {
        let sample = load::sample(&path);
        let mut signatures = HashMap::new();
        let rows = json_lines_gz(vectors.join(format!("{}.functions.jsonl.gz", sample.name)));
        assert_eq!(rows.len(), sample.functions.len(), "{}", sample.name);
        for (function, row) in sample.functions.iter().zip(&rows) {
            let at = format!("{} {}", sample.name, function.offset);
            assert_eq!(row["o"].as_u64(), Some(function.offset.get()), "{at}");
            assert_eq!(row["ni"].as_u64(), Some(function.num_instructions() as u64), "{at}");
            assert_eq!(row["nb"].as_u64(), Some(function.num_blocks() as u64), "{at}");
            let hashes =
                hash_function_in(function, &sample.context, &hasher, HashPath::Server, &mut scratch).unwrap();
            assert_eq!(hashes.pichash.map(PicHash::get), row["pic"].as_u64(), "{at}");
            assert_eq!(hashes.minhash.to_hex(), row["mh"].as_str().unwrap(), "{at}");
            counts.functions += 1;
            counts.signatures += usize::from(!hashes.minhash.is_empty());
            signatures.insert(function.offset, hashes.minhash);
        }
        let detail = json_gz(vectors.join(format!("{}.detail.json.gz", sample.name)));
        compare_signatures(&detail, &signatures, &mut counts);
    }
    println!("{counts:?}");
    let (hashed, bands, pairs) = if malkin_testkit::has_shared() {
        ((35_738, 20_011), 3_000, 5_000)
    } else {
        ((848, 446), 400, 1_000)
    };
    assert_eq!((counts.functions, counts.signatures), hashed);
    assert!(counts.bands > bands && counts.pairs > pairs);
}

/// Band keys and pair scores of one sample.
fn compare_signatures(detail: &Value, signatures: &HashMap<Va, MinHash>, counts: &mut Counts) {
    let projection = Projection::default();
    let of = |offset: &Value| signatures[&Va::new(offset.as_u64().unwrap())].as_bytes();
    for row in detail["bands_first_200"].as_array().unwrap() {
        let expected: Vec<u32> =
            row[1].as_array().unwrap().iter().map(|key| key.as_u64().unwrap() as u32).collect();
        assert_eq!(projection.keys(of(&row[0])).collect::<Vec<_>>(), expected);
        counts.bands += 1;
    }
    for row in detail["pairs"].as_array().unwrap() {
        let expected = row[2].as_f64().unwrap();
        assert_eq!(score(of(&row[0]), of(&row[1])).to_bits(), expected.to_bits());
        counts.pairs += 1;
    }
}
