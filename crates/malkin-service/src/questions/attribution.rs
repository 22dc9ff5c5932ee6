//! A result read as evidence for families (`docs/matching.md`), with the names of the functions that speak loudest.

use std::collections::HashMap;

use malkin_matching::{FamilyEvidence, attribute};
use malkin_report::{FunctionId, MatchingResult};
use malkin_store::{FunctionQuery, StoreError};
use serde_json::{Value, json};

use crate::corpus::Corpus;

/// Functions that are named for each family.
const STRONGEST: usize = 5;
/// Families listed.
const FAMILIES: usize = 20;

/// The evidence in a stored result; `None` if it is not the result of a comparison with families in it.
pub fn attribution(corpus: &Corpus, result: &[u8]) -> Result<Option<Value>, StoreError> {
    let Ok(result) = malkin_wire::matching_result_from_json(result) else { return Ok(None) };
    let evidence = attribute(&result, STRONGEST);
    let told = evidence.families.iter().take(FAMILIES);
    // Functions of a query have numbers of their own, under which the store keeps others.
    let is_stored = !result.info.sample.sample_id.is_query();
    let named = told.clone().flat_map(|family| &family.strongest);
    let ids = named.flat_map(|one| [is_stored.then_some(one.function_id), Some(one.found.function_id)]);
    let names = names(corpus, ids.flatten().collect())?;
    let own = (evidence.own_bytes - evidence.library_bytes).max(1.0);
    Ok(Some(json!({
        "confidence": evidence.confidence,
        "own_bytes": evidence.own_bytes,
        "library_bytes": evidence.library_bytes,
        "library_functions": evidence.library_functions,
        "families": told.map(|family| tell(family, own, &result, &names, is_stored)).collect::<Vec<_>>(),
    })))
}

/// Names of functions, those that have one.
fn names(corpus: &Corpus, mut ids: Vec<FunctionId>) -> Result<HashMap<FunctionId, String>, StoreError> {
    ids.sort_unstable();
    ids.dedup();
    let functions = corpus.store().functions(&FunctionQuery::ByIds(ids))?;
    let named = functions.into_iter().filter_map(|function| {
        let label = function.function_labels.first().map(|label| label.function_label.clone());
        let name = if function.function_name.is_empty() { label? } else { function.function_name };
        Some((function.function_id, name))
    });
    Ok(named.collect())
}

fn tell(
    family: &FamilyEvidence,
    own_bytes: f64,
    result: &MatchingResult,
    names: &HashMap<FunctionId, String>,
    is_stored: bool,
) -> Value {
    let own_name = |id: FunctionId| if is_stored { names.get(&id) } else { None };
    let mut samples = result.samples.iter().filter(|sample| sample.family_id == family.family_id);
    let strongest = family.strongest.iter().map(|one| {
        json!({
            "fid": one.function_id.get(), "offset": one.offset.get(), "num_bytes": one.num_bytes, "name": own_name(one.function_id),
            "score": one.found.score.get(), "sample_id": one.found.sample_id.get(), "function_id": one.found.function_id.get(),
            "matched_name": names.get(&one.found.function_id),
        })
    });
    json!({
        "family_id": family.family_id.get(),
        "family": family.family,
        "is_library": samples.all(|sample| sample.is_library),
        "samples": family.num_samples,
        "functions": family.functions,
        "bytes": family.bytes,
        "percent": 100.0 * family.bytes / own_bytes,
        "unique_functions": family.unique_functions,
        "unique_bytes": family.unique_bytes,
        "strongest": strongest.collect::<Vec<_>>(),
    })
}
