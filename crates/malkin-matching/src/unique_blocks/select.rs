//! Which blocks are unique to the requested samples, and how well each would serve a rule.

use std::collections::HashMap;

use malkin_report::{
    BlockHash, BlockOccurrence, FunctionId, SampleBlocks, SampleId, UniqueBlock, UniqueBlocks,
    UniqueBlocksStatistics,
};

use super::cover::cover;

/// A function of a requested sample with the hashes of its blocks.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FunctionBlocks<'a> {
    /// The sample.
    pub sample_id: SampleId,
    /// The function.
    pub function_id: FunctionId,
    /// Its blocks in the order of the record.
    pub blocks: &'a [BlockOccurrence],
}

/// What a choice of blocks has to achieve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UniqueBlocksOptions {
    /// Chosen blocks wanted for each sample; 0 is taken as 1.
    pub covers_required: u64,
    /// Blocks with fewer instructions are left out of the result and the choice.
    pub min_instructions: u64,
}

impl Default for UniqueBlocksOptions {
    /// The reference's: ten blocks a sample, any length.
    fn default() -> Self {
        Self { covers_required: 10, min_instructions: 0 }
    }
}

/// Blocks of the requested samples for which `is_elsewhere` is false, and the choice of them for a rule. The functions may
/// come in any order. Instructions and byte sequences are left empty, see [`super::describe_block`].
pub fn unique_blocks(
    requested: &[SampleId],
    mut functions: Vec<FunctionBlocks<'_>>,
    options: UniqueBlocksOptions,
    mut is_elsewhere: impl FnMut(BlockHash) -> bool,
) -> UniqueBlocks {
    // The reference walks functions as they were stored, whatever order the samples were asked for in.
    functions.sort_by_key(|function| function.function_id);
    let mut found = Found::default();
    for function in &functions {
        found.add(function);
    }

    let mut counts = Counts::of(requested);
    let mut blocks = found.blocks;
    for block in &mut blocks {
        block.samples.sort_unstable();
        block.samples.dedup();
        counts.count(&block.samples, |sample| sample.total_blocks += 1);
    }
    blocks.retain(|block| !is_elsewhere(block.hash));
    for block in &mut blocks {
        counts.count(&block.samples, |sample| sample.characteristic_blocks += 1);
        if block.samples.len() == 1 {
            counts.count(&block.samples, |sample| sample.unique_blocks += 1);
        }
        block.score = score(block.samples.len(), requested.len(), block.length);
    }
    let unique_blocks_overall = blocks.len() as u64;
    blocks.retain(|block| u64::from(block.length) >= options.min_instructions);

    let covers_required = options.covers_required.max(1);
    let chosen = cover(&blocks.iter().collect::<Vec<_>>(), &counts.samples(), covers_required);
    let statistics = UniqueBlocksStatistics {
        by_sample: counts.rows,
        unique_blocks_overall,
        num_samples: requested.len() as u64,
        has_yara_rule: !chosen.blocks.is_empty(),
        yara_covers: chosen.fewest,
        has_complete_yara_rule: !chosen.blocks.is_empty()
            && chosen.num_samples_covered == requested.len() as u64,
        covers_required,
        min_instructions: options.min_instructions,
        blocks_considered: blocks.len() as u64,
        num_samples_covered: chosen.num_samples_covered,
    };
    let yara_rule = chosen.blocks.iter().map(|at| blocks[*at].hash).collect();
    UniqueBlocks { statistics, blocks, yara_rule }
}

/// Blocks by hash in the order of their first occurrence.
#[derive(Default)]
struct Found {
    position: HashMap<BlockHash, usize>,
    blocks: Vec<UniqueBlock>,
}

impl Found {
    fn add(&mut self, function: &FunctionBlocks<'_>) {
        for block in function.blocks {
            let at = *self.position.entry(block.hash).or_insert_with(|| {
                self.blocks.push(UniqueBlock {
                    hash: block.hash,
                    samples: Vec::new(),
                    length: block.length,
                    function_id: function.function_id,
                    sample_id: function.sample_id,
                    offset: block.offset,
                    instructions: Vec::new(),
                    escaped_sequence: String::new(),
                    score: 0.0,
                });
                self.blocks.len() - 1
            });
            let samples = &mut self.blocks[at].samples;
            if samples.last() != Some(&function.sample_id) {
                samples.push(function.sample_id);
            }
        }
    }
}

/// Counts of every requested sample.
struct Counts {
    position: HashMap<SampleId, usize>,
    rows: Vec<SampleBlocks>,
}

impl Counts {
    fn of(requested: &[SampleId]) -> Self {
        let mut counts = Self { position: HashMap::new(), rows: Vec::new() };
        for sample in requested {
            counts.position.entry(*sample).or_insert_with(|| {
                let (total_blocks, characteristic_blocks, unique_blocks) = (0, 0, 0);
                let row =
                    SampleBlocks { sample_id: *sample, total_blocks, characteristic_blocks, unique_blocks };
                counts.rows.push(row);
                counts.rows.len() - 1
            });
        }
        counts
    }

    fn count(&mut self, samples: &[SampleId], mut add: impl FnMut(&mut SampleBlocks)) {
        for sample in samples {
            if let Some(at) = self.position.get(sample) {
                add(&mut self.rows[*at]);
            }
        }
    }

    fn samples(&self) -> Vec<SampleId> {
        self.rows.iter().map(|row| row.sample_id).collect()
    }
}

/// Four parts the share of requested samples, one part a length of seven to ten instructions.
fn score(samples: usize, requested: usize, length: u32) -> f64 {
    let length = f64::from(length);
    let for_length = if length < 7.0 {
        100.0 - 100.0 * (7.0 - length) / 7.0
    } else if length <= 10.0 {
        100.0
    } else {
        100.0 * (1.0 / (length - 10.0))
    };
    0.8 * (100.0 * samples as f64 / requested as f64) + 0.2 * for_length
}

#[cfg(test)]
mod tests {
    use super::*;
    use malkin_report::Va;

    fn block(hash: u64, length: u32) -> BlockOccurrence {
        BlockOccurrence { offset: Va::new(hash), length, size: length, hash: BlockHash::new(hash) }
    }

    fn function(sample: i64, function: i64, blocks: &[BlockOccurrence]) -> FunctionBlocks<'_> {
        FunctionBlocks { sample_id: SampleId::new(sample), function_id: FunctionId::new(function), blocks }
    }

    #[test]
    fn blocks_of_other_samples_are_dropped_after_they_were_counted() {
        let (a, b) = ([block(1, 7), block(2, 4), block(2, 4)], [block(2, 4), block(3, 8)]);
        let requested = [SampleId::new(5), SampleId::new(4)];
        let functions = vec![function(5, 9, &b), function(4, 2, &a)];
        let result = unique_blocks(&requested, functions, UniqueBlocksOptions::default(), |hash| {
            hash == BlockHash::new(3)
        });
        let hashes: Vec<u64> = result.blocks.iter().map(|block| block.hash.get()).collect();
        assert_eq!(hashes, [1, 2]);
        assert_eq!(result.blocks[1].samples, [SampleId::new(4), SampleId::new(5)]);
        assert_eq!(result.blocks[1].function_id, FunctionId::new(2));
        let counts =
            result.statistics.by_sample.iter().map(|row| {
                (row.sample_id.get(), row.total_blocks, row.characteristic_blocks, row.unique_blocks)
            });
        assert_eq!(counts.collect::<Vec<_>>(), [(5, 2, 1, 0), (4, 2, 2, 1)]);
        assert_eq!(result.statistics.unique_blocks_overall, 2);
        assert_eq!(result.yara_rule, [BlockHash::new(2), BlockHash::new(1)]);
        assert!(!result.statistics.has_complete_yara_rule);
        assert_eq!(result.statistics.yara_covers, 1);
    }

    #[test]
    fn short_blocks_are_counted_but_not_considered() {
        let blocks = [block(1, 4), block(2, 5)];
        let options = UniqueBlocksOptions { covers_required: 0, min_instructions: 5 };
        let result = unique_blocks(&[SampleId::new(0)], vec![function(0, 0, &blocks)], options, |_| false);
        assert_eq!(result.statistics.unique_blocks_overall, 2);
        assert_eq!(result.statistics.blocks_considered, 1);
        assert_eq!(result.statistics.covers_required, 1);
        assert!(result.statistics.has_complete_yara_rule);
    }

    #[test]
    fn nothing_requested_is_no_complete_rule() {
        let result = unique_blocks(&[], Vec::new(), UniqueBlocksOptions::default(), |_| false);
        assert!(!result.statistics.has_complete_yara_rule && result.blocks.is_empty());
        assert_eq!(result.statistics.yara_covers, 0);
    }

    #[test]
    fn middling_lengths_score_best() {
        let scores = [4, 7, 10, 12].map(|length| score(1, 2, length));
        let expected: [f64; 4] = [40.0 + 0.2 * (100.0 - 300.0 / 7.0), 60.0, 60.0, 50.0];
        assert_eq!(scores.map(f64::to_bits), expected.map(f64::to_bits));
    }
}
