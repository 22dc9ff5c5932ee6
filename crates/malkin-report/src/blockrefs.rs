//! Edges between the blocks of a function in their normal form (`docs/reference/similarity.md` 1.3): every block has its list, lists
//! ascend and hold no target twice, and exception handlers of Dalvik are successors of the blocks they guard.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::address::Va;
use crate::function::Code;
use crate::limits::{MAX_TRY_RANGE_WORK, MAX_TRY_RANGES};

/// Why edges cannot be brought into normal form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BlockRefsError {
    /// `try_ranges` has another shape than SMDA writes.
    #[error("try_ranges of architecture_metadata is malformed: {0}")]
    Malformed(&'static str),
    /// More ranges, or more work with them, than a real function has.
    #[error("too many exception ranges in one function")]
    TooMany,
}

/// Brings the stated edges (keys ascending) into normal form: block start -> successors, both ascending.
///
/// Edges of addresses where no block starts are dropped. With `try_ranges` in `architecture_metadata` handlers become
/// successors of every block that overlaps their range, and get a list of their own when no block starts there.
pub fn normalise(
    code: &Code,
    stated: Vec<(Va, Vec<Va>)>,
    architecture_metadata: &Value,
) -> Result<Vec<(Va, Vec<Va>)>, BlockRefsError> {
    let mut edges = edges_of_blocks(code, stated);
    let ranges = match architecture_metadata.get("try_ranges") {
        Some(ranges) => active_ranges(code, ranges)?,
        None => Vec::new(),
    };
    if !ranges.is_empty() {
        add_handlers(code, &ranges, &mut edges)?;
    }
    Ok(edges)
}

/// One entry a block, in the order of blocks.
fn edges_of_blocks(code: &Code, stated: Vec<(Va, Vec<Va>)>) -> Vec<(Va, Vec<Va>)> {
    let starts = code.blocks().iter().map(|block| block.start);
    let mut edges = stated;
    if !starts.clone().eq(edges.iter().map(|edge| edge.0)) {
        let mut rest = edges.into_iter().peekable();
        edges = starts
            .map(|start| {
                while rest.next_if(|edge| edge.0 < start).is_some() {}
                (start, rest.next_if(|edge| edge.0 == start).map(|edge| edge.1).unwrap_or_default())
            })
            .collect();
    }
    for (_, targets) in &mut edges {
        if !targets.is_sorted_by(|a, b| a < b) {
            targets.sort_unstable();
            targets.dedup();
        }
    }
    edges
}

/// A guarded range of addresses `[start, end)` and the blocks its handlers start.
struct TryRange {
    start: u64,
    end: u64,
    targets: BTreeSet<Va>,
}

fn active_ranges(code: &Code, ranges: &Value) -> Result<Vec<TryRange>, BlockRefsError> {
    let ranges = ranges.as_array().ok_or(BlockRefsError::Malformed("not a list"))?;
    if ranges.len() > MAX_TRY_RANGES {
        return Err(BlockRefsError::TooMany);
    }
    let mut active = Vec::new();
    for range in ranges {
        let range = range.as_object().ok_or(BlockRefsError::Malformed("a range is not an object"))?;
        let empty = Vec::new();
        let handlers = match range.get("handlers") {
            Some(handlers) => {
                handlers.as_array().ok_or(BlockRefsError::Malformed("handlers are not a list"))?
            }
            None => &empty,
        };
        let stated = handlers
            .iter()
            .filter_map(|handler| handler.get("target_addr"))
            .chain(range.get("catch_all_addr"));
        let mut targets = BTreeSet::new();
        for target in stated {
            if let Some(target) = address(target)? {
                targets.insert(code.block_containing(target).unwrap_or(target));
            }
        }
        let bound = |name| range.get(name).map_or(Ok(None), address);
        if let (false, Some(start), Some(end)) =
            (targets.is_empty(), bound("start_addr")?, bound("end_addr")?)
        {
            active.push(TryRange { start: start.get(), end: end.get(), targets });
        }
    }
    Ok(active)
}

fn address(value: &Value) -> Result<Option<Va>, BlockRefsError> {
    match value {
        Value::Null => Ok(None),
        _ => value
            .as_u64()
            .map(|raw| Some(Va::new(raw)))
            .ok_or(BlockRefsError::Malformed("an address is not an integer")),
    }
}

fn add_handlers(
    code: &Code,
    ranges: &[TryRange],
    edges: &mut Vec<(Va, Vec<Va>)>,
) -> Result<(), BlockRefsError> {
    let mut work = MAX_TRY_RANGE_WORK;
    let mut spend = |amount: usize| {
        work = work.checked_sub(amount).ok_or(BlockRefsError::TooMany)?;
        Ok(())
    };
    for (block, (start, successors)) in code.blocks().iter().zip(edges.iter_mut()) {
        let Some(end) = code.end(block) else { continue };
        spend(ranges.len())?;
        let before = successors.len();
        for range in ranges.iter().filter(|range| u128::from(range.start) < end && start.get() < range.end) {
            spend(range.targets.len())?;
            successors.extend(&range.targets);
        }
        if successors.len() > before {
            successors.sort_unstable();
            successors.dedup();
        }
    }
    let handlers: BTreeSet<Va> = ranges.iter().flat_map(|range| range.targets.iter().copied()).collect();
    let known = edges.len();
    edges.extend(
        handlers.into_iter().filter(|start| code.block_at(*start).is_none()).map(|start| (start, Vec::new())),
    );
    if edges.len() > known {
        edges.sort_unstable_by_key(|edge| edge.0);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::function::{CodeBuilder, Instruction};

    fn code(starts: &[u64]) -> Code {
        let mut builder = CodeBuilder::new();
        for start in starts {
            builder.begin_block(Va::new(*start));
            let offset = Va::new(*start);
            builder.push(Instruction { offset, bytes: "00000000", mnemonic: "x", operands: "" }).unwrap();
        }
        builder.finish().unwrap()
    }

    fn edges(pairs: &[(u64, &[u64])]) -> Vec<(Va, Vec<Va>)> {
        pairs.iter().map(|(from, to)| (Va::new(*from), to.iter().copied().map(Va::new).collect())).collect()
    }

    #[test]
    fn every_block_gets_an_ascending_list_and_only_blocks_do() {
        let stated = edges(&[(4, &[12, 8, 12]), (5, &[1]), (99, &[2])]);
        let normal = normalise(&code(&[4, 8, 12]), stated, &json!({})).unwrap();
        assert_eq!(normal, edges(&[(4, &[8, 12]), (8, &[]), (12, &[])]));
    }

    #[test]
    fn handlers_become_successors_of_overlapping_blocks() {
        let metadata = json!({"try_ranges": [
            {"start_addr": 4, "end_addr": 9, "handlers": [{"target_addr": 13}, "junk"], "catch_all_addr": 40},
            {"start_addr": 12, "end_addr": null, "handlers": [{"target_addr": 4}]},
            {"start_addr": 12, "end_addr": 13},
        ]});
        let normal = normalise(&code(&[4, 8, 12]), edges(&[(4, &[8])]), &metadata).unwrap();
        assert_eq!(normal, edges(&[(4, &[8, 12, 40]), (8, &[12, 40]), (12, &[]), (40, &[])]));
    }

    #[test]
    fn malformed_and_excessive_ranges_are_refused() {
        for ranges in [json!(null), json!([5]), json!([{"handlers": 5}]), json!([{"catch_all_addr": "x"}])] {
            let refused = normalise(&code(&[4]), Vec::new(), &json!({"try_ranges": ranges}));
            assert!(matches!(refused, Err(BlockRefsError::Malformed(_))), "{refused:?}");
        }
        let range = json!({"start_addr": 0, "end_addr": 99_999, "catch_all_addr": 4});
        let many = json!({"try_ranges": vec![range; 60_000]});
        let starts: Vec<u64> = (0..600).map(|index| index * 4).collect();
        assert_eq!(normalise(&code(&starts), Vec::new(), &many), Err(BlockRefsError::TooMany));
    }
}
