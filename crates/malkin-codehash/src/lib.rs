//! Hashes of code that survive relocation and small changes: PicHash, PicBlockHash and MinHash, equal to those of MCRIT 1.9.0
//! with SMDA 5.0.1 to the last bit, and the band keys and scores that compare them.
//!
//! Floor 1. Values in, values out: nothing here opens a file or starts a thread. `simd` is the only module of the house with
//! unsafe code.

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod compare;
mod config;
mod digest;
mod error;
mod escaper;
mod fingerprint;
mod function_escaper;
mod hash;
mod logbucket;
mod minhash;
mod murmur;
mod pichash;
mod projection;
mod python_text;
mod refresh;
mod shingle;
#[expect(unsafe_code, reason = "vector instructions; every kernel has a scalar twin and a test of equality")]
mod simd;
mod twister;

pub use compare::{count_equal_rows, equal_positions, for_each_pair_at_least, score};
pub use config::{ConfigError, DEFAULT_SEED, MinHashConfig, Shingler, ShinglerConfig, Strategy};
pub use error::HashError;
pub use escaper::{BinaryContext, Escaper, HashPath};
pub use fingerprint::{ESCAPER_FINGERPRINT, SMDA_VERSION, escaper_fingerprint};
pub use function_escaper::{EscapedInstruction, FunctionEscaper, SampleContext};
pub use hash::{
    FunctionHashes, Scratch, hash_function, hash_function_in, hash_function_with_report, minhash_in,
};
pub use minhash::MinHasher;
pub use murmur::murmur3;
pub use pichash::{MIN_BLOCK_INSTRUCTIONS, pichash};
pub use projection::{Projection, ProjectionError};
pub use refresh::{Refreshed, refresh};
pub use shingle::{ShingleTexts, shingle_texts};
