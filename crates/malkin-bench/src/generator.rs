//! A corpus out of a seed: samples whose functions are shared, varied and repeated as in the collections that were measured.
//!
//! Everything follows from the seed and a few numbers by hashing them, so any sample can be made at any time, in any order,
//! and is the same bytes again. The model: families have a body of code of their own, and versions of it; they link libraries
//! from a common stock, some of which nearly everything links; functions that were edited a little have a signature close to
//! the old one; unrelated functions resemble a few archetypes; Go-like families share a large runtime whose functions resemble
//! each other. Figures it was set against: `docs/benchmarks.md`.
//!
//! Pure: no file, clock or thread. Not here: storing what is made (`corpus`).

mod body;
mod draw;
mod load;

use malkin_codehash::SMDA_VERSION;
use malkin_report::{Architecture, Statistics, Va};
use malkin_store::{NewFunction, NewSample};

pub(crate) use load::load_report;

use body::{Code, body};
use draw::Draw;

/// Families whose versions come in turns.
const ROUND: usize = 64;
/// Functions of a sample, mean and median of its distribution: 8.66 million functions are in 7,244 samples of Malpedia
/// (field study 2b), the median of its published queries is about 560.
const MEAN_FUNCTIONS: f64 = 1195.0;
const MEDIAN_FUNCTIONS: f64 = 450.0;
/// No sample has more.
const MAX_FUNCTIONS: usize = 40_000;
/// Samples of a family in the mean: 8,483 samples of 2,175 families.
const SAMPLES_PER_FAMILY: usize = 4;
/// One family in so many is Go-like.
const GO_FAMILIES: u64 = 30;
/// Functions of a Go-like sample: about those of the published ones (7,000).
const GO_FUNCTIONS: usize = 7000;
/// Libraries there are to be linked, and functions of each.
const LIBRARIES: usize = 160;
const LIBRARY_FUNCTIONS: usize = 500;
/// Versions of each library; a family keeps to one.
const LIBRARY_VERSIONS: u64 = 3;
/// Functions nearly everything has: start-up code of compilers.
const COMMON_FUNCTIONS: usize = 60;
/// Samples at the start with fixed sizes, to be asked for in measurements (the published queries have these sizes).
pub(crate) const FIXED_SIZES: [usize; 4] = [150, 550, 650, GO_FUNCTIONS];
/// Sample numbers at which the fixed sizes repeat: a corpus of any size has some in its midst.
const FIXED_EVERY: usize = 997;

/// A corpus.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Corpus {
    seed: u64,
    blobs: bool,
}

impl Corpus {
    /// The corpus of a seed, with or without disassembly.
    pub(crate) fn new(seed: u64, blobs: bool) -> Self {
        Self { seed, blobs }
    }

    /// Number of functions of a sample.
    pub(crate) fn num_functions(self, sample: usize) -> usize {
        if let Some(size) = FIXED_SIZES.get(sample % FIXED_EVERY) {
            return *size;
        }
        let family = family_of(sample);
        if self.is_go(family) {
            let mut draw = Draw::of(&[self.seed, 1, sample as u64]);
            return GO_FUNCTIONS / 2 + draw.below(GO_FUNCTIONS as u64) as usize;
        }
        // A lognormal distribution with this mean and median over families, whose versions differ little in size.
        let sigma = (2.0 * (MEAN_FUNCTIONS / MEDIAN_FUNCTIONS).ln()).sqrt();
        let size = MEDIAN_FUNCTIONS * (sigma * Draw::of(&[self.seed, 7, family]).normal()).exp();
        let version = 0.85 + 0.3 * Draw::of(&[self.seed, 1, sample as u64]).unit();
        ((size * version) as usize).clamp(5, MAX_FUNCTIONS)
    }

    fn is_go(self, family: u64) -> bool {
        family == 3 || Draw::of(&[self.seed, 2, family]).below(GO_FAMILIES) == 0
    }

    /// A sample of the corpus.
    pub(crate) fn sample(self, sample: usize) -> NewSample {
        let family = family_of(sample);
        let count = self.num_functions(sample);
        let is_go = self.is_go(family);
        let mut draw = Draw::of(&[self.seed, 3, sample as u64]);
        let mut functions = Vec::with_capacity(count);
        let mut offset = 0x40_1000;
        let (mut blocks, mut instructions) = (0, 0);
        while functions.len() < count {
            let code = self.code(family, is_go, count, functions.len(), &mut draw);
            let function = body(self.seed, code, Va::new(offset), self.blobs);
            offset += u64::from(function.num_instructions) * 4 + 16;
            blocks += u64::from(function.num_blocks);
            instructions += u64::from(function.num_instructions);
            functions.push(function);
        }
        let binweight = functions.iter().map(|function: &NewFunction| function.binweight).sum();
        NewSample {
            family: format!("family-{family:05}"),
            version: format!("{}", sample / SAMPLES_PER_FAMILY % 7),
            component: String::new(),
            filename: format!("sample-{sample:06}.bin"),
            is_library: draw.below(50) == 0,
            sha256: draw.hex(4),
            architecture: Architecture::Intel,
            bitness: if draw.below(2) == 0 { 32 } else { 64 },
            base_addr: Va::new(0x40_0000),
            binary_size: offset - 0x40_0000,
            binweight,
            smda_version: SMDA_VERSION.to_owned(),
            minhash_version: SMDA_VERSION.to_owned(),
            statistics: Statistics {
                num_functions: count as u64,
                num_basic_blocks: blocks,
                num_instructions: instructions,
                ..Statistics::default()
            },
            timestamp: "2026-01-02T03-04-05".to_owned(),
            functions,
        }
    }

    /// Which code a sample has in a place.
    fn code(self, family: u64, is_go: bool, count: usize, place: usize, draw: &mut Draw) -> Code {
        let kind = draw.below(1000);
        if kind < 15 {
            // The first are in everything, several times, the last in a few.
            let function = draw.skewed(COMMON_FUNCTIONS as u64);
            return Code::original(0, function);
        }
        if is_go && kind < 650 {
            let version = Draw::of(&[self.seed, 4, family]).below(4);
            return Code::go(draw.skewed(4 * GO_FUNCTIONS as u64), version);
        }
        if kind < 600 {
            let linked = Draw::of(&[self.seed, 5, family, draw.below(3)]).skewed(LIBRARIES as u64);
            let version = Draw::of(&[self.seed, 6, family, linked]).below(LIBRARY_VERSIONS);
            let function = draw.below(LIBRARY_FUNCTIONS as u64);
            return Code::library(linked, function, version);
        }
        // The family's own code: most of it as in other versions, some edited in this one.
        let own = (1000 + family) << 24 | (place as u64 % (count as u64 * 2));
        match draw.below(100) {
            0..90 => Code::original(1, own),
            90..97 => Code::edited(own, draw.below(4), 0),
            _ => Code::edited(own, draw.next() >> 20, 1),
        }
    }
}

/// The family of a sample. Families are dealt in turns, so that versions of one are spread over the corpus.
fn family_of(sample: usize) -> u64 {
    let (round, within) = (sample / (ROUND * SAMPLES_PER_FAMILY), sample % ROUND);
    (round * ROUND + within) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_samples_again_and_another_seed_others() {
        for number in [0, 1, 5, 40] {
            let sample = Corpus::new(7, false).sample(number);
            assert_eq!(sample, Corpus::new(7, false).sample(number));
            assert_ne!(sample.sha256, Corpus::new(8, false).sample(number).sha256);
            assert_eq!(sample.functions.len(), Corpus::new(7, true).num_functions(number));
        }
    }

    #[test]
    fn samples_of_fixed_sizes_are_at_the_start() {
        let corpus = Corpus::new(1, false);
        let sizes: Vec<usize> =
            (0..FIXED_SIZES.len()).map(|sample| corpus.sample(sample).functions.len()).collect();
        assert_eq!(sizes, FIXED_SIZES);
    }

    #[test]
    fn versions_of_a_family_share_most_and_strangers_share_some() {
        let corpus = Corpus::new(3, false);
        let pichashes = |sample| -> std::collections::HashSet<u64> {
            corpus.sample(sample).functions.iter().map(|function| function.pichash.get()).collect()
        };
        let (a, b, c) = (pichashes(10), pichashes(10 + ROUND), pichashes(11));
        let shared = |other: &std::collections::HashSet<u64>| a.intersection(other).count();
        assert!(shared(&b) > 2 * shared(&c), "{} {}", shared(&b), shared(&c));
        assert!(shared(&c) > 0);
    }
}
