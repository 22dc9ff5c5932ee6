//! Cross comparison: the results of several samples side by side, and an order in which alike samples are neighbours.

use malkin_report::{Amount, CrossMatrix, CrossResult, MatchedSample, SampleId, Weighted};

use crate::cluster::leaf_order;

/// Why samples cannot be compared crosswise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrossError {
    /// At least two samples are needed.
    #[error("a cross comparison needs at least two samples, got {0}")]
    TooFew(usize),
    /// A sample is named more than once.
    #[error("sample {0} is named more than once")]
    Repeated(SampleId),
}

/// Six matrices out of one result for each sample, in the order of the request: which share of the row's sample was found in
/// the column's. Only the `samples` of the results are needed.
pub fn cross(results: &[(SampleId, &[MatchedSample])]) -> Result<CrossResult, CrossError> {
    let count = results.len();
    if count < 2 {
        return Err(CrossError::TooFew(count));
    }
    let mut columns: Vec<(SampleId, usize)> =
        results.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect();
    columns.sort_unstable();
    if let Some(pair) = columns.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(CrossError::Repeated(pair[0].0));
    }
    let mut matches = vec![0; count * count];
    let mut percent: [Vec<Amount>; 6] = std::array::from_fn(|_| vec![Amount::ZERO; count * count]);
    for (row, (_, samples)) in results.iter().enumerate() {
        for sample in *samples {
            let Ok(found) = columns.binary_search_by_key(&sample.sample_id, |(id, _)| *id) else { continue };
            let cell = row * count + columns[found].1;
            matches[cell] = sample.functions.combined;
            for (matrix, figure) in percent.iter_mut().zip(sample.percent.as_array()) {
                matrix[cell] = Amount::Float(*figure);
            }
        }
        for matrix in &mut percent {
            matrix[row * count + row] = Amount::Int(100);
        }
        matches[row * count + row] = 0;
    }
    let samples: Vec<SampleId> = results.iter().map(|(id, _)| *id).collect();
    let matrices = percent.map(|matching_percent| CrossMatrix {
        clustered_sequence: sequence(&samples, &matching_percent),
        matching_matches: matches.clone(),
        matching_percent,
    });
    Ok(CrossResult { samples, matrices: Weighted::from_array(matrices) })
}

/// Samples in the leaf order of their clustering. Rows enter it in the order of their ids as text ("10" before "2").
fn sequence(samples: &[SampleId], percent: &[Amount]) -> Vec<SampleId> {
    let count = samples.len();
    let mut by_text: Vec<usize> = (0..count).collect();
    by_text.sort_by_cached_key(|row| samples[*row].to_string());
    let distance = |a: usize, b: usize| 100.0 - percent[a * count + b].get();
    let mut distances = Vec::with_capacity(count * count);
    for a in &by_text {
        distances.extend(by_text.iter().map(|b| distance(*a, *b).min(distance(*b, *a))));
    }
    leaf_order(&distances, count).into_iter().map(|leaf| samples[by_text[leaf]]).collect()
}
