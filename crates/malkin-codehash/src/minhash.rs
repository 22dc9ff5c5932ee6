//! MinHash: a signature whose positions agree between two functions about as often as their shingles do.

use malkin_report::MinHash;

use crate::compare::score;
use crate::config::{ConfigError, MinHashConfig, Shingler, Strategy};
use crate::simd;
use crate::twister::Twister;

/// The hash that stands for "no shingles".
const NOTHING: u32 = 0xffff_ffff;

/// Settings with everything that is derived from them: seeds of the positions, their division among the shinglers.
#[derive(Clone, Debug)]
pub struct MinHasher {
    config: MinHashConfig,
    seeds: Vec<u32>,
    /// Shingler and number of positions, in position order.
    segments: [(Shingler, usize); 2],
    /// XOR values that tell repetitions of a hash apart ([`Strategy::XorAll`]).
    repetitions: Vec<u32>,
}

/// Hashes of shingles, gathered for one function. Repetitions do not matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShingleHashes {
    /// Of the statistics.
    pub(crate) fuzzy: Vec<u32>,
    /// Of the escaped blocks.
    pub(crate) escaped: Vec<u32>,
}

impl ShingleHashes {
    /// Forgets all hashes.
    pub(crate) fn clear(&mut self) {
        self.fuzzy.clear();
        self.escaped.clear();
    }

    fn of(&self, shingler: Shingler) -> &[u32] {
        let hashes = match shingler {
            Shingler::FuzzyStatPair => &self.fuzzy,
            Shingler::EscapedBlock => &self.escaped,
        };
        if hashes.is_empty() { &[NOTHING] } else { hashes }
    }
}

impl Default for MinHasher {
    fn default() -> Self {
        Self::derive(MinHashConfig::default())
    }
}

impl MinHasher {
    /// Derives seeds and segments, or says what is wrong with the settings.
    pub fn new(config: MinHashConfig) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::derive(config))
    }

    fn derive(config: MinHashConfig) -> Self {
        let mut twister = Twister::new(config.seed);
        let seeds = (0..config.signature_length).map(|_| twister.below(1 << 32) as u32).collect();
        let segments = segments(&config);
        let mut twister = Twister::new(config.shinglers.seed);
        let most = config.shinglers.fuzzy_weight.max(config.shinglers.escaped_weight);
        let drawn = (1..most).map(|_| twister.below(1 << 32) as u32);
        let repetitions = std::iter::once(0).chain(drawn).collect();
        Self { config, seeds, segments, repetitions }
    }

    /// The settings.
    pub fn config(&self) -> &MinHashConfig {
        &self.config
    }

    /// XOR value of each position.
    pub fn seeds(&self) -> &[u32] {
        &self.seeds
    }

    /// Bytes of a signature.
    pub fn signature_bytes(&self) -> usize {
        self.seeds.len() * self.width()
    }

    /// Bytes of a position: 1 up to 8 bits, else 4.
    fn width(&self) -> usize {
        if self.config.signature_bits <= 8 { 1 } else { 4 }
    }

    /// 100 times the share of equal positions, 0.0 for signatures of another length than configured.
    pub fn score(&self, a: &[u8], b: &[u8]) -> f64 {
        if a.len() != self.signature_bytes() || b.len() != a.len() {
            return 0.0;
        }
        if self.width() == 1 {
            return score(a, b);
        }
        let equal = a.chunks_exact(4).zip(b.chunks_exact(4)).filter(|(a, b)| a == b).count();
        100.0 * equal as f64 / self.seeds.len() as f64
    }

    /// The signature of gathered hashes.
    pub(crate) fn signature(&self, hashes: &ShingleHashes, minima: &mut Vec<u32>) -> MinHash {
        minima.clear();
        minima.resize(self.seeds.len(), u32::MAX);
        match self.config.strategy {
            Strategy::Segmented => {
                let mut start = 0;
                for (shingler, positions) in self.segments {
                    let end = start + positions;
                    simd::minima(&self.seeds[start..end], hashes.of(shingler), &mut minima[start..end]);
                    start = end;
                }
            }
            Strategy::XorAll => {
                for (shingler, _) in self.segments {
                    let weight = self.config.shinglers.weight(shingler) as usize;
                    for repetition in self.repetitions.iter().take(weight) {
                        let shifted: Vec<u32> = self.seeds.iter().map(|seed| seed ^ repetition).collect();
                        simd::minima(&shifted, hashes.of(shingler), minima);
                    }
                }
            }
        }
        let mask = u32::MAX >> (32 - self.config.signature_bits);
        let kept = minima.iter().map(|minimum| minimum & mask);
        if self.width() == 1 {
            MinHash::from_bytes(kept.map(|value| value as u8).collect::<Box<[u8]>>())
        } else {
            MinHash::from_bytes(kept.flat_map(u32::to_le_bytes).collect::<Box<[u8]>>())
        }
    }
}

/// Positions of each shingler: in ascending order of weight (by name when equal), the first one its truncated share, the last
/// one the rest.
fn segments(config: &MinHashConfig) -> [(Shingler, usize); 2] {
    let length = config.signature_length;
    let mut segments = [Shingler::EscapedBlock, Shingler::FuzzyStatPair].map(|shingler| {
        let weight = config.shinglers.weight(shingler);
        (shingler, weight)
    });
    segments.sort_by_key(|(_, weight)| *weight);
    let sum: u64 = segments.iter().map(|(_, weight)| weight).sum();
    let first = (segments[0].1 as f64 / sum as f64 * length as f64) as usize;
    [(segments[0].0, first), (segments[1].0, length - first)]
}

#[cfg(test)]
mod tests;
