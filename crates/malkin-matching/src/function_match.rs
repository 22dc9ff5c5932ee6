//! Two stored functions side by side.

use malkin_report::{FamilyId, FunctionMatch, MatchFlags, SampleId};

use crate::parameters::percentage;
use crate::query_side::OwnFunction;

/// Scores from here on count as a match: unlike elsewhere, the threshold itself is enough.
const MATCHING_SCORE: f64 = 50.0;

/// Compares a function with one of another (or the same) sample, given with its family, number and library flag.
/// `positions` is the number of values of a signature.
pub fn match_functions(
    own: &OwnFunction,
    other: &OwnFunction,
    (family_id, sample_id, is_library): (FamilyId, SampleId, bool),
    positions: usize,
) -> FunctionMatch {
    let (a, b) = (own.minhash.as_bytes(), other.minhash.as_bytes());
    let comparable = !a.is_empty() && a.len() == b.len() && positions > 0;
    let score = comparable.then(|| {
        let width = (a.len() / positions).max(1);
        let equal = a.chunks(width).zip(b.chunks(width)).filter(|(a, b)| a == b).count();
        percentage(equal as u32, positions)
    });
    let mut flags = MatchFlags::default();
    if score.is_some_and(|score| score >= MATCHING_SCORE) {
        flags = flags.with(MatchFlags::MINHASH);
    }
    // Two functions without a PicHash are equal in that, too.
    if own.pichash == other.pichash {
        flags = flags.with(MatchFlags::PICHASH);
    }
    if is_library {
        flags = flags.with(MatchFlags::LIBRARY);
    }
    FunctionMatch {
        function_id: own.id,
        num_bytes: own.binweight,
        offset: own.offset,
        other_family_id: family_id,
        other_sample_id: sample_id,
        other_function_id: other.id,
        score,
        flags,
    }
}
