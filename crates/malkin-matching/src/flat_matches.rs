//! A result as a list of single matches, the form in which results are filtered and hunted through.

use malkin_report::{FunctionId, MatchTuple, MatchingResult, Va};

/// One own function found in one foreign function.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FlatMatch {
    /// The own function; the positive number also in queries.
    pub function_id: FunctionId,
    /// Entry of the own function.
    pub offset: Va,
    /// Sum of instruction sizes of the own function, in bytes.
    pub num_bytes: f64,
    /// Where it was found.
    pub found: MatchTuple,
}

/// All matches of a result by own function.
pub fn flatten(result: &MatchingResult) -> Vec<FlatMatch> {
    let number = |id: FunctionId| FunctionId::new(id.get().saturating_abs());
    let mut functions: Vec<_> =
        result.functions.iter().map(|function| (number(function.function_id), function)).collect();
    functions.sort_by_key(|(id, _)| *id);
    let matches = functions.into_iter().flat_map(|(function_id, function)| {
        function.matches.iter().map(move |found| FlatMatch {
            function_id,
            offset: function.offset,
            num_bytes: function.num_bytes,
            found: *found,
        })
    });
    matches.collect()
}

/// The matches of each own function; `matches` must be ordered by it, as [`flatten`] does.
pub(crate) fn by_function(matches: &[FlatMatch]) -> impl Iterator<Item = &[FlatMatch]> {
    matches.chunk_by(|a, b| a.function_id == b.function_id)
}
