//! The greedy choice of blocks: again and again the one that reaches most samples that still lack blocks.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use malkin_report::{SampleId, UniqueBlock};

/// What was chosen.
pub(super) struct Cover {
    /// Positions of the chosen blocks, best first.
    pub(super) blocks: Vec<usize>,
    /// Samples with as many blocks as required.
    pub(super) num_samples_covered: u64,
    /// Chosen blocks of the sample that has the fewest; 0 without samples.
    pub(super) fewest: u64,
}

/// A block in the queue with the number of lacking samples it reached when it was last looked at. That number only falls, so
/// the first block whose number is still right is the best of all.
struct Queued {
    reach: usize,
    score: f64,
    at: usize,
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of equals the last one goes first, as in the reference.
        self.reach.cmp(&other.reach).then(self.score.total_cmp(&other.score)).then(self.at.cmp(&other.at))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Queued {}

/// Chooses blocks until each of the (distinct) samples has `required` of them or no block helps any more. With 0 required
/// the reference finds all samples satisfied after its first choice.
pub(super) fn cover(blocks: &[&UniqueBlock], samples: &[SampleId], required: u64) -> Cover {
    let slots: HashMap<SampleId, usize> =
        samples.iter().zip(0..).map(|(sample, slot)| (*sample, slot)).collect();
    let mut counts = vec![0_u64; samples.len()];
    let lacking = |counts: &[u64], at: usize| -> Vec<usize> {
        let slots = blocks[at].samples.iter().filter_map(|sample| slots.get(sample).copied());
        slots.filter(|slot| counts[*slot] < required).collect()
    };
    let all = blocks.iter().enumerate();
    let mut queue: BinaryHeap<Queued> =
        all.map(|(at, block)| Queued { reach: block.samples.len(), score: block.score, at }).collect();
    let mut chosen = Vec::new();
    let mut num_samples_covered = 0;
    while num_samples_covered < samples.len() as u64 {
        let Some(best) = queue.pop() else {
            break;
        };
        let reached = lacking(&counts, best.at);
        if required == 0 && blocks[best.at].samples.iter().any(|sample| slots.contains_key(sample)) {
            chosen.push(best.at);
            num_samples_covered = samples.len() as u64;
            continue;
        }
        if reached.is_empty() {
            continue;
        }
        if reached.len() < best.reach {
            queue.push(Queued { reach: reached.len(), ..best });
            continue;
        }
        chosen.push(best.at);
        for slot in reached {
            counts[slot] += 1;
            num_samples_covered += u64::from(counts[slot] == required);
        }
    }
    Cover { blocks: chosen, num_samples_covered, fewest: counts.into_iter().min().unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use malkin_report::{BlockHash, FunctionId, Va};
    use proptest::prelude::*;

    use super::*;

    fn block(samples: &[i64], score: f64) -> UniqueBlock {
        UniqueBlock {
            hash: BlockHash::new(0),
            samples: samples.iter().copied().map(SampleId::new).collect(),
            length: 4,
            function_id: FunctionId::new(0),
            sample_id: SampleId::new(0),
            offset: Va::new(0),
            instructions: Vec::new(),
            escaped_sequence: String::new(),
            score,
        }
    }

    /// The rule as it is written down: look at every block in every round.
    fn naive(blocks: &[UniqueBlock], samples: &[SampleId], required: u64) -> Vec<usize> {
        let mut counts: HashMap<SampleId, u64> = samples.iter().map(|sample| (*sample, 0)).collect();
        let mut chosen = Vec::new();
        loop {
            let reach = |at: &usize| {
                let lacking = blocks[*at].samples.iter().filter(|sample| counts[sample] < required);
                (lacking.count(), blocks[*at].score)
            };
            let left = (0..blocks.len()).filter(|at| !chosen.contains(at) && reach(at).0 > 0);
            let best = left.max_by(|a, b| {
                let (a, b) = (reach(a), reach(b));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
            });
            let Some(best) = best else {
                return chosen;
            };
            chosen.push(best);
            for sample in &blocks[best].samples {
                let count = counts.get_mut(sample).unwrap();
                *count = (*count + 1).min(required);
            }
        }
    }

    proptest! {
        #[test]
        fn the_queue_chooses_what_looking_at_everything_chooses(
            blocks in prop::collection::vec((prop::collection::btree_set(0..6_i64, 1..6), 0..4_u8), 0..40),
            required in 1..5_u64,
        ) {
            let blocks: Vec<UniqueBlock> = blocks
                .into_iter()
                .map(|(samples, score)| block(&samples.into_iter().collect::<Vec<_>>(), f64::from(score)))
                .collect();
            let samples: Vec<SampleId> = (0..6).map(SampleId::new).collect();
            let ours = cover(&blocks.iter().collect::<Vec<_>>(), &samples, required);
            prop_assert_eq!(ours.blocks, naive(&blocks, &samples, required));
        }
    }

    #[test]
    fn with_nothing_required_one_block_is_enough() {
        let blocks = [block(&[0], 90.0), block(&[0, 1], 1.0), block(&[0, 1], 1.0)];
        let samples = [0, 1, 2].map(SampleId::new);
        let chosen = cover(&blocks.iter().collect::<Vec<_>>(), &samples, 0);
        assert_eq!((chosen.blocks, chosen.num_samples_covered), (vec![2], 3));
        let nothing = cover(&[], &samples, 0);
        assert_eq!((nothing.blocks.len(), nothing.num_samples_covered), (0, 0));
    }

    #[test]
    fn samples_nobody_asked_for_count_for_nothing() {
        let blocks = [block(&[8, 9], 90.0), block(&[0], 1.0)];
        let chosen = cover(&blocks.iter().collect::<Vec<_>>(), &[SampleId::new(0)], 1);
        assert_eq!((chosen.blocks, chosen.num_samples_covered, chosen.fewest), (vec![1], 1, 1));
    }
}
