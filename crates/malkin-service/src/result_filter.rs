//! Results filtered before they are sent: conditions and a number of samples, for clients that do not want megabytes to show a page.

use malkin_matching::ResultFilter;

/// A filtered result of a comparison; `None` for results of other kinds.
pub fn filtered_result(
    result: &[u8],
    filter: &ResultFilter,
    top: Option<usize>,
    compact: bool,
) -> Option<Vec<u8>> {
    let mut result = malkin_wire::matching_result_from_json(result).ok()?;
    filter.narrow(&mut result, top);
    Some(malkin_wire::matching_result_to_json(&result, compact))
}
