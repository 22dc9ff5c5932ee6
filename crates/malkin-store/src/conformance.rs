//! The conformance suite: what every implementation of [`Store`] is held to. Behind the feature `conformance`, for tests of
//! this and other backends; not part of a running server.
//!
//! Each check begins with an empty store and panics with what it found instead of what the contract promises.

#![expect(clippy::expect_used, reason = "a check that cannot go on has failed")]

mod access;
mod analyses;
mod catalogue;
mod jobs;
mod modify;
mod queue;
pub mod search;

use malkin_report::{Architecture, BlockHash, BlockOccurrence, MinHash, PicHash, Statistics, Va};
use malkin_wire::columns::Xcfg;

use crate::{NewFunction, NewLabel, NewSample, Store, Timestamp};

/// Makes an empty store.
pub type Make<'a> = &'a dyn Fn() -> Box<dyn Store>;

/// A check by its name.
pub type Check = (&'static str, fn(&dyn Store));

/// All checks.
pub fn checks() -> Vec<Check> {
    [
        access::CHECKS,
        analyses::CHECKS,
        catalogue::CHECKS,
        jobs::CHECKS,
        modify::CHECKS,
        queue::CHECKS,
        search::CHECKS,
    ]
    .concat()
}

/// Runs all checks, each on a store of its own.
pub fn run_all(make: Make<'_>) {
    for (name, check) in checks() {
        tracing::debug!(check = name, "conformance");
        check(&*make());
    }
}

/// A moment of the suite: `seconds` after its beginning, which is 2026-01-02T03:04:05.006.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_323_045_006 + seconds * 1000)
}

/// A sample whose content follows from `seed`, with this many functions. Some are without name, signature, PicHash, blocks
/// or disassembly; addresses lie on both sides of 2^63.
pub fn sample(seed: u64, functions: u64) -> NewSample {
    NewSample {
        family: format!("family{seed}"),
        version: format!("{seed}.0 \u{e9}"),
        component: "loader".to_owned(),
        filename: format!("file{seed}.exe"),
        is_library: seed.is_multiple_of(2),
        sha256: format!("{seed:064x}"),
        architecture: if seed.is_multiple_of(3) {
            Architecture::Other("mos6502".to_owned())
        } else {
            Architecture::Intel
        },
        bitness: 64,
        base_addr: Va::new(0xffff_f800_0000_0000 + seed),
        binary_size: u64::MAX - seed,
        binweight: seed as f64 + 0.5,
        smda_version: "5.0.1".to_owned(),
        minhash_version: "5.0.1".to_owned(),
        statistics: Statistics {
            num_functions: functions,
            num_recursive_functions: 1,
            num_leaf_functions: 2,
            num_thunk_functions: seed.is_multiple_of(2).then_some(3),
            omits_thunks: seed.is_multiple_of(3),
            num_basic_blocks: 4,
            num_instructions: 5,
            num_api_calls: 6,
            num_function_calls: 7,
            num_failed_functions: 8,
            num_failed_instructions: u64::MAX,
        },
        timestamp: "2026-01-02T03-04-05".to_owned(),
        functions: (0..functions).map(|index| function(seed, index)).collect(),
    }
}

fn function(seed: u64, index: u64) -> NewFunction {
    let mix = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ index.wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    // The middle of a sample lies at 2^63, so that both halves of the address space are there.
    let offset = (1_u64 << 63).wrapping_sub(0x8000).wrapping_add(index * 0x1000);
    let blocks = (0..index % 7).map(|block| BlockOccurrence {
        offset: Va::new(offset.wrapping_add(block * 0x20)),
        length: 4 + block as u32,
        size: u32::MAX - block as u32,
        hash: BlockHash::new(mix.rotate_left(block as u32)),
    });
    NewFunction {
        offset: Va::new(offset),
        num_blocks: index as u32 % 7,
        num_instructions: 5 + index as u32,
        binweight: index as f64 * 3.0,
        function_name: if index % 4 == 1 { format!("name_{index}") } else { String::new() },
        pichash: PicHash::new(if index % 5 == 4 { 0 } else { mix | 1 }),
        minhash: if index.is_multiple_of(3) {
            MinHash::empty()
        } else {
            MinHash::from_bytes((0..64).map(|position| (mix >> (position % 56)) as u8).collect::<Vec<_>>())
        },
        picblockhashes: blocks.collect(),
        xcfg: if index % 9 == 8 { Xcfg::default() } else { Xcfg::from_text(&xcfg(seed, index)) },
        labels: Vec::new(),
    }
}

/// The disassembly of a function of [`sample`]: of SMDA's usual form, or for every other one of a form that nobody expects.
/// Every eleventh is longer than a chunk may be.
pub fn xcfg(seed: u64, index: u64) -> Vec<u8> {
    let repeat = if index % 11 == 10 { 4_000 } else { 40 };
    if index % 2 == 1 {
        return usual_xcfg(seed, index, repeat);
    }
    let blocks: Vec<String> = (0..repeat)
        .map(|n| format!("[{},\"{:x}\",\"mov\",\"eax, {}\"]", n * 3, n ^ seed, n * index))
        .collect();
    format!("{{\"offset\":{index},\"blocks\":{{\"{seed}\":[{}]}}}}", blocks.join(",")).into_bytes()
}

fn usual_xcfg(seed: u64, index: u64, repeat: u64) -> Vec<u8> {
    let entry = 0x40_0000 + index * 0x1000;
    let moves: Vec<String> = (0..repeat)
        .map(|n| format!("[{},\"b8{:08x}\",\"mov\",\"eax, {n}\"]", entry + n * 5, n * seed))
        .collect();
    let jump = entry + repeat * 5;
    format!(
        "{{\"offset\":{entry},\"blocks\":{{\"{entry}\":[{},[{jump},\"7500\",\"jne\",\"0x{:x}\"]],\"{}\":[]}},\"apirefs\":{{}},\
         \"blockrefs\":{{\"{entry}\":[{}]}},\"inrefs\":[{seed}],\"outrefs\":{{\"{jump}\":[{seed}]}},\"is_exported\":true,\
         \"metadata\":{{\"binweight\":{index}.5,\"characteristics\":null,\"confidence\":0.5,\"function_name\":\"\",\
         \"strongly_connected_components\":[[{entry}]],\"tfidf\":null}}}}",
        moves.join(","),
        jump + 2,
        jump + 2,
        jump + 2,
    )
    .into_bytes()
}

/// Labels for the named functions of a sample.
pub fn labels(sample: &NewSample) -> Vec<NewLabel> {
    let named = sample.functions.iter().filter(|function| !function.function_name.is_empty());
    named
        .map(|function| NewLabel { offset: function.offset, label: function.function_name.clone() })
        .collect()
}
