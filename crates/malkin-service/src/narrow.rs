//! Results cut down before they are sent: filters and the number of samples, for clients that do not want megabytes to show a page.

use malkin_matching::ResultFilter;

/// A result of a comparison cut down; `None` for results of other kinds.
pub fn narrowed_result(
    result: &[u8],
    filter: &ResultFilter,
    top: Option<usize>,
    compact: bool,
) -> Option<Vec<u8>> {
    let mut result = malkin_wire::matching_result_from_json(result).ok()?;
    filter.narrow(&mut result, top);
    Some(malkin_wire::matching_result_to_json(&result, compact))
}
