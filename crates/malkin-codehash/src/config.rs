//! Settings of MinHash and the hashes that identify them. Two indexes can be compared only if these are equal.

use std::fmt::Write as _;

use crate::digest::sha256_hex;

/// Seed of MCRIT 1.9.0 for signatures, shinglers and random bands.
pub const DEFAULT_SEED: u64 = 0xDEAD_BEEF;

/// How the hashes of the shinglers become a signature (`MINHASH_STRATEGY`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// 2: every position is the minimum over all shinglers; weights repeat hashes under different XOR values.
    XorAll,
    /// 3: every shingler has its own run of positions, as many as its weight says.
    #[default]
    Segmented,
}

impl Strategy {
    /// Reads the number of a configuration. 1 exists in MCRIT by name only: it reads a setting that is not there.
    pub fn from_number(number: u64) -> Result<Self, ConfigError> {
        match number {
            1 => Err(ConfigError::HashAll),
            2 => Ok(Self::XorAll),
            3 => Ok(Self::Segmented),
            other => Err(ConfigError::UnknownStrategy(other)),
        }
    }

    /// The number of configurations.
    pub fn number(self) -> u64 {
        match self {
            Self::XorAll => 2,
            Self::Segmented => 3,
        }
    }
}

/// What makes shingles of a function.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Shingler {
    /// Runs of escaped instructions within blocks.
    EscapedBlock,
    /// Seven statistics in logarithmic buckets.
    FuzzyStatPair,
}

impl Shingler {
    /// The class name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::EscapedBlock => "EscapedBlockShingler",
            Self::FuzzyStatPair => "FuzzyStatPairShingler",
        }
    }
}

/// Settings of the shinglers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShinglerConfig {
    /// `SHINGLER_WEIGHT_STRATEGY`: 2 uses the weights, 1 takes all as 1.
    pub weight_strategy: u64,
    /// Weight of the statistics.
    pub fuzzy_weight: u64,
    /// Weight of the escaped blocks.
    pub escaped_weight: u64,
    /// `SHINGLERS_SEED`.
    pub seed: u64,
}

impl Default for ShinglerConfig {
    fn default() -> Self {
        Self { weight_strategy: 2, fuzzy_weight: 1, escaped_weight: 3, seed: DEFAULT_SEED }
    }
}

impl ShinglerConfig {
    /// SHA-256 hex digits that identify the settings; the bucket table is fixed, and part of the text.
    pub fn config_hash(&self) -> String {
        let mut text = format!("_{}_{}_1_True_", self.weight_strategy, crate::logbucket::MAX_VALUE_EXCLUSIVE);
        let weights =
            [(Shingler::EscapedBlock, self.escaped_weight), (Shingler::FuzzyStatPair, self.fuzzy_weight)];
        for (at, (shingler, weight)) in weights.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            let _ = write!(text, "{separator}{}-{weight}", shingler.name());
        }
        let _ = write!(text, "_{}", self.seed);
        sha256_hex(text.as_bytes())
    }

    /// Weight of a shingler after the weight strategy.
    pub(crate) fn weight(&self, shingler: Shingler) -> u64 {
        match (self.weight_strategy, shingler) {
            (1, _) => 1,
            (_, Shingler::EscapedBlock) => self.escaped_weight,
            (_, Shingler::FuzzyStatPair) => self.fuzzy_weight,
        }
    }
}

/// Settings of MinHash. The default is that of MCRIT 1.9.0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MinHashConfig {
    /// How hashes become a signature.
    pub strategy: Strategy,
    /// Functions with strictly more instructions are hashed; 0 switches the criterion off.
    pub min_instructions: u64,
    /// Functions with strictly more blocks are hashed as well; 0 switches the criterion off.
    pub min_blocks: u64,
    /// Positions of a signature, 1 to [`MinHashConfig::MAX_SIGNATURE_LENGTH`].
    pub signature_length: usize,
    /// Bits that are kept of each position, 1 to 32. More than 8 take four bytes a position.
    pub signature_bits: u32,
    /// Seed of the XOR values of the positions.
    pub seed: u64,
    /// Settings of the shinglers.
    pub shinglers: ShinglerConfig,
}

impl Default for MinHashConfig {
    fn default() -> Self {
        Self {
            strategy: Strategy::Segmented,
            min_instructions: 10,
            min_blocks: 0,
            signature_length: 64,
            signature_bits: 8,
            seed: DEFAULT_SEED,
            shinglers: ShinglerConfig::default(),
        }
    }
}

impl MinHashConfig {
    /// Upper bound of the signature length: far beyond any use, small enough to allocate without thought.
    pub const MAX_SIGNATURE_LENGTH: usize = 4096;

    /// Upper bound of a shingler's weight.
    pub const MAX_WEIGHT: u64 = 1024;

    /// Whether a function of this size gets a signature.
    pub fn is_eligible(&self, num_instructions: usize, num_blocks: usize) -> bool {
        let by_instructions = self.min_instructions > 0 && num_instructions as u64 > self.min_instructions;
        by_instructions || (self.min_blocks > 0 && num_blocks as u64 > self.min_blocks)
    }

    /// SHA-256 hex digits that identify the settings. `pichash_size` is the matching setting of that name (default 10).
    pub fn config_hash(&self, pichash_size: u64) -> String {
        let text = format!(
            "_{}_{}_{}_{}_{}_{}_{pichash_size}",
            self.strategy.number(),
            self.min_instructions,
            self.min_blocks,
            self.signature_length,
            self.signature_bits,
            self.seed
        );
        sha256_hex(text.as_bytes())
    }

    /// Refuses what no signature can be made with.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(1..=Self::MAX_SIGNATURE_LENGTH).contains(&self.signature_length) {
            return Err(ConfigError::SignatureLength(self.signature_length));
        }
        if !(1..=32).contains(&self.signature_bits) {
            return Err(ConfigError::SignatureBits(self.signature_bits));
        }
        let weights = [self.shinglers.fuzzy_weight, self.shinglers.escaped_weight];
        if weights.iter().any(|weight| !(1..=Self::MAX_WEIGHT).contains(weight)) {
            return Err(ConfigError::Weight);
        }
        if !(1..=2).contains(&self.shinglers.weight_strategy) {
            return Err(ConfigError::WeightStrategy(self.shinglers.weight_strategy));
        }
        Ok(())
    }
}

/// Why settings cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigError {
    /// Strategy 1.
    #[error("minhash strategy 1 (hash all) is not available in the reference")]
    HashAll,
    /// A strategy that never existed.
    #[error("unknown minhash strategy {0}")]
    UnknownStrategy(u64),
    /// Out of range.
    #[error("signature length {0} is not in 1..=4096")]
    SignatureLength(usize),
    /// Out of range.
    #[error("{0} signature bits are not in 1..=32")]
    SignatureBits(u32),
    /// Out of range.
    #[error("shingler weights must be in 1..=1024")]
    Weight,
    /// Neither 1 nor 2.
    #[error("unknown shingler weight strategy {0}")]
    WeightStrategy(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_hashes_of_the_defaults() {
        let config = MinHashConfig::default();
        assert_eq!(
            config.config_hash(10),
            "d8e7556837291ca72b3e70ebf4c328286a418bc761c63385ee61b0a767fcc99d"
        );
        assert_eq!(
            config.shinglers.config_hash(),
            "7ae53d3b2514730a4d48f993a3e4cd6c6d4a5ca26f93bbed98e0f498295552de"
        );
    }

    #[test]
    fn eligibility_is_strict_and_zero_switches_off() {
        let mut config = MinHashConfig::default();
        assert!(!config.is_eligible(10, 100));
        assert!(config.is_eligible(11, 1));
        config.min_blocks = 3;
        assert!(config.is_eligible(5, 4));
        assert!(!config.is_eligible(5, 3));
        config.min_instructions = 0;
        assert!(!config.is_eligible(500, 3));
    }

    #[test]
    fn strategy_one_is_refused_by_name() {
        assert_eq!(Strategy::from_number(1), Err(ConfigError::HashAll));
        assert_eq!(Strategy::from_number(2), Ok(Strategy::XorAll));
        assert_eq!(Strategy::from_number(9), Err(ConfigError::UnknownStrategy(9)));
    }
}
