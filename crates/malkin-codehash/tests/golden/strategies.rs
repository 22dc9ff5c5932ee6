//! Settings other than the defaults: signatures, config hashes and band keys, recorded from the reference in `strategies.json`.

use malkin_codehash::{
    DEFAULT_SEED, MinHashConfig, MinHasher, Projection, ProjectionError, ShinglerConfig, Strategy,
    hash_function,
};
use malkin_report::MinHash;
use malkin_testkit::shared;
use serde_json::Value;

use super::load;

fn recorded() -> Value {
    serde_json::from_str(include_str!("strategies.json")).unwrap()
}

/// The settings of a case; what it does not name is the default.
fn config(case: &Value) -> MinHashConfig {
    let number = |object: &str, key: &str, default: u64| case[object][key].as_u64().unwrap_or(default);
    let weight = |name: &str, default| case["shingler"]["W"][name].as_u64().unwrap_or(default);
    let minhash = |key: &str, default| number("minhash", key, default);
    MinHashConfig {
        strategy: Strategy::from_number(minhash("MINHASH_STRATEGY", 3)).unwrap(),
        min_instructions: minhash("MINHASH_FN_MIN_INS", 10),
        min_blocks: minhash("MINHASH_FN_MIN_BLOCKS", 0),
        signature_length: minhash("MINHASH_SIGNATURE_LENGTH", 64) as usize,
        signature_bits: minhash("MINHASH_SIGNATURE_BITS", 8) as u32,
        seed: minhash("MINHASH_SEED", DEFAULT_SEED),
        shinglers: ShinglerConfig {
            weight_strategy: number("shingler", "SHINGLER_WEIGHT_STRATEGY", 2),
            fuzzy_weight: weight("FuzzyStatPairShingler", 1),
            escaped_weight: weight("EscapedBlockShingler", 3),
            seed: number("shingler", "SHINGLERS_SEED", DEFAULT_SEED),
        },
    }
}

#[test]
fn signatures_under_other_settings() {
    let recorded = recorded();
    let Some(folder) = shared("codehash/golden/public/smda") else { return };
    let sample = load::sample(&folder.join(format!("{}.smda.gz", recorded["report"].as_str().unwrap())));
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let config = config(case);
        let at = format!("{} {}", case["minhash"], case["shingler"]);
        assert_eq!(config.config_hash(10), case["config_hashes"][0].as_str().unwrap(), "{at}");
        assert_eq!(config.shinglers.config_hash(), case["config_hashes"][1].as_str().unwrap(), "{at}");
        let hasher = MinHasher::new(config).unwrap();
        let hash = |function| hash_function(function, &sample.context, &hasher).unwrap().minhash;
        let signatures: Vec<MinHash> = sample.functions.iter().map(hash).collect();
        let hashed = signatures.iter().filter(|signature| !signature.is_empty()).count();
        assert_eq!(Some(hashed as u64), case["num_hashed"].as_u64(), "{at}");
        let functions = recorded["functions"].as_array().unwrap();
        for (function, expected) in functions.iter().zip(case["signatures"].as_array().unwrap()) {
            let signature = &signatures[function.as_u64().unwrap() as usize];
            assert_eq!(signature.to_hex(), expected.as_str().unwrap(), "{at}");
        }
    }
}

#[test]
fn band_keys_under_other_settings() {
    let recorded = recorded();
    let signature = MinHash::from_hex(recorded["band_signature"].as_str().unwrap()).unwrap();
    let cases = recorded["bands"].as_array().unwrap();
    assert!(cases.len() > 5);
    for case in cases {
        let config = &case["config"];
        let bands: Vec<(usize, usize)> =
            serde_json::from_value(config["STORAGE_BANDS"].clone()).unwrap_or_default();
        let projection = match config["STORAGE_BAND_STRATEGY"].as_str() {
            None => {
                let seed = config["STORAGE_BAND_SEED"].as_u64().unwrap_or(DEFAULT_SEED);
                Projection::random(&bands, seed, 64)
            }
            Some("linear") => Projection::linear(bands[0].0, bands[0].1, 64),
            Some(_) => explicit(config),
        };
        let keys: Value = projection.unwrap().keys(signature.as_bytes()).collect();
        assert_eq!(keys, case["keys"], "{config}");
    }
}

/// Bands by the name of a preset, or as listed.
fn explicit(config: &Value) -> Result<Projection, ProjectionError> {
    if let Some(preset) = config["STORAGE_BAND_PRESET"].as_str() {
        return Projection::preset(preset, 64);
    }
    let bands: Vec<Vec<u64>> = serde_json::from_value(config["STORAGE_BAND_PROJECTION"].clone()).unwrap();
    Projection::explicit(&bands, 64)
}
