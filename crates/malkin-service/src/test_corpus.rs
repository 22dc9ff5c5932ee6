//! Small samples made by the tests: signatures, PicHashes and blocks drawn from a few values, so that samples share code.

use malkin_report::{Architecture, BlockHash, BlockOccurrence, MinHash, PicHash, Statistics, Va};
use malkin_store::{NewFunction, NewSample};
use malkin_wire::columns::Xcfg;

/// A sample of `functions` functions. Samples of neighbouring seeds have most of their functions in common.
pub(crate) fn sample(name: &str, family: &str, seed: u64, functions: u64) -> NewSample {
    NewSample {
        family: family.to_owned(),
        version: String::new(),
        component: String::new(),
        filename: name.to_owned(),
        is_library: false,
        sha256: format!("{seed:032x}{:032x}", name.bytes().map(u64::from).sum::<u64>()),
        architecture: Architecture::Intel,
        bitness: 32,
        base_addr: Va::new(0x40_0000),
        binary_size: 0x1_0000,
        binweight: 100.0 * functions as f64,
        smda_version: malkin_codehash::SMDA_VERSION.to_owned(),
        minhash_version: malkin_codehash::SMDA_VERSION.to_owned(),
        statistics: Statistics { num_functions: functions, ..Statistics::default() },
        timestamp: "2026-01-02T03-04-05".to_owned(),
        functions: (0..functions).map(|number| function(number, seed + number)).collect(),
    }
}

fn function(number: u64, seed: u64) -> NewFunction {
    let offset = Va::new(0x40_1000 + 0x100 * number);
    let signature: Vec<u8> =
        (0..64_u64).map(|position| (seed.wrapping_mul(31) ^ (position * 7)) as u8).collect();
    NewFunction {
        offset,
        num_blocks: 1,
        num_instructions: 20,
        binweight: 100.0,
        function_name: String::new(),
        pichash: PicHash::new(1000 + seed),
        minhash: MinHash::from_bytes(signature),
        picblockhashes: vec![BlockOccurrence {
            offset,
            length: 20,
            size: 100,
            hash: BlockHash::new(77 + seed % 3),
        }],
        xcfg: Xcfg::default(),
        labels: Vec::new(),
    }
}
