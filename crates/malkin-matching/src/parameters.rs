//! What a request may set, and what the configuration sets for all requests.

use malkin_codehash::MinHashConfig;

/// How to match. The default is that of MCRIT 1.9.0.
///
/// A request's `minhash_score` is missing on purpose: the reference records it and scores by the configured threshold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MatchParameters {
    /// Functions with fewer instructions do not match by PicHash.
    pub pichash_size: u64,
    /// Band keys two signatures must share to be compared; 0 leaves signatures out altogether.
    pub band_matches_required: u32,
    /// Compare every signature instead of those that share band keys. Beyond MCRIT: finds a superset.
    pub exact: bool,
    /// Scores must be above, 0..=100 (`MINHASH_MATCHING_THRESHOLD`).
    pub score_threshold: f64,
    /// Whether equal PicHashes stand for equal signatures (`PICHASH_IMPLIES_MINHASH_MATCH`): they score 100 and the sample's
    /// other functions are not compared.
    pub pichash_implies_minhash: bool,
    /// Functions with strictly more instructions have signatures; 0 switches the criterion off (`MINHASH_FN_MIN_INS`).
    pub min_instructions: u64,
    /// Functions with strictly more blocks have signatures too; 0 switches the criterion off (`MINHASH_FN_MIN_BLOCKS`).
    pub min_blocks: u64,
    /// Bytes the matches may take, working memory and result together.
    pub max_memory: usize,
}

impl Default for MatchParameters {
    fn default() -> Self {
        let config = MinHashConfig::default();
        Self {
            pichash_size: 10,
            band_matches_required: 2,
            exact: false,
            score_threshold: 50.0,
            pichash_implies_minhash: true,
            min_instructions: config.min_instructions,
            min_blocks: config.min_blocks,
            max_memory: 4 << 30,
        }
    }
}

impl MatchParameters {
    /// Whether a function of this size is given a signature.
    pub fn is_hashable(&self, num_instructions: u32, num_blocks: u32) -> bool {
        let above = |count: u32, limit: u64| limit > 0 && u64::from(count) > limit;
        above(num_instructions, self.min_instructions) || above(num_blocks, self.min_blocks)
    }

    /// Least number of equal positions, of `positions`, that scores above the threshold.
    pub(crate) fn min_equal(&self, positions: usize) -> u32 {
        let score = |equal: u32| percentage(equal, positions);
        let positions = positions as u32;
        (0..=positions).find(|equal| score(*equal) > self.score_threshold).unwrap_or(positions + 1)
    }
}

/// The score of `equal` equal positions of `positions`.
pub(crate) fn percentage(equal: u32, positions: usize) -> f64 {
    100.0 * f64::from(equal) / positions as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_three_of_sixty_four_positions_are_above_fifty() {
        assert_eq!(MatchParameters::default().min_equal(64), 33);
        assert_eq!(
            MatchParameters { score_threshold: 100.0, ..MatchParameters::default() }.min_equal(64),
            65
        );
    }

    #[test]
    fn a_limit_of_zero_is_no_criterion() {
        let parameters = MatchParameters::default();
        assert!(!parameters.is_hashable(10, 1000));
        assert!(parameters.is_hashable(11, 1));
        let by_blocks = MatchParameters { min_instructions: 0, min_blocks: 2, ..parameters };
        assert!(!by_blocks.is_hashable(1000, 2));
        assert!(by_blocks.is_hashable(1, 3));
    }
}
