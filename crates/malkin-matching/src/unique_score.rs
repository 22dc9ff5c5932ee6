//! How much of a sample was seen in one family only, for each foreign sample.
//!
//! The program does not call this yet: it is here for the pages of results, with golden tests (`tests/golden/reading.rs`).

use std::collections::BTreeMap;

use malkin_report::{Amount, MatchingResult, SampleId};

use crate::flat_matches::{by_function, flatten};

/// What a foreign sample shares with the own one that no other family has. Libraries count as families.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct UniqueScore {
    /// The foreign sample.
    pub sample_id: SampleId,
    /// Own functions found in its family only.
    pub functions_matched: u64,
    /// Bytes of these, each times its best score in this sample.
    pub bytes_matched: Amount,
    /// The share of these bytes in all bytes of the own sample, 0..=100.
    pub unique_score: f64,
}

/// Unique scores of the samples of a result, in their order.
pub fn unique_scores(result: &MatchingResult) -> Vec<UniqueScore> {
    let mut found: BTreeMap<SampleId, (u64, Amount)> = BTreeMap::new();
    for matches in by_function(&flatten(result)) {
        let family = matches[0].found.family_id;
        if matches.iter().any(|one| one.found.family_id != family) {
            continue;
        }
        let mut best: BTreeMap<SampleId, f64> = BTreeMap::new();
        for one in matches {
            let bytes = one.num_bytes * one.found.score.get() / 100.0;
            let entry = best.entry(one.found.sample_id).or_insert(bytes);
            *entry = entry.max(bytes);
        }
        for (sample, bytes) in best {
            let (functions, sum) = found.entry(sample).or_insert((0, Amount::ZERO));
            *functions += 1;
            sum.add(bytes);
        }
    }
    let whole = result.info.sample.binweight;
    let score = |bytes: Amount| if whole > 0.0 { 100.0 * bytes.get() / whole } else { 0.0 };
    let samples = result.samples.iter().map(|sample| {
        let (functions_matched, bytes_matched) =
            found.get(&sample.sample_id).copied().unwrap_or((0, Amount::ZERO));
        UniqueScore {
            sample_id: sample.sample_id,
            functions_matched,
            bytes_matched,
            unique_score: score(bytes_matched),
        }
    });
    samples.collect()
}
