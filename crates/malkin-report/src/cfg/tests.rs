//! Small graphs by hand, random graphs against slow definitions, and every function of the golden reports.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::function::{CodeBuilder, Instruction};

fn edges(pairs: &[(u64, &[u64])]) -> Vec<(Va, Vec<Va>)> {
    pairs.iter().map(|(from, to)| (Va::new(*from), to.iter().copied().map(Va::new).collect())).collect()
}

fn function(offset: u64, blockrefs: Vec<(Va, Vec<Va>)>) -> Function {
    let mut builder = CodeBuilder::new();
    for (start, _) in &blockrefs {
        builder.begin_block(*start);
        builder.push(Instruction { offset: *start, bytes: "9090", mnemonic: "nop", operands: "" }).unwrap();
    }
    Function { offset: Va::new(offset), code: builder.finish().unwrap(), blockrefs, ..Function::default() }
}

#[test]
fn dominators_of_a_branch_are_its_head_and_what_is_not_reached_has_none() {
    let refs = edges(&[(1, &[2, 3]), (2, &[4]), (3, &[4]), (4, &[]), (5, &[4])]);
    let dominators: BTreeSet<(u64, u64)> = immediate_dominators(&refs, Va::new(1))
        .iter()
        .map(|(block, above)| (block.get(), above.get()))
        .collect();
    assert_eq!(dominators, BTreeSet::from([(1, 1), (2, 1), (3, 1), (4, 1)]));
    assert_eq!(immediate_dominators(&refs, Va::new(9)), []);
}

#[test]
fn components_come_in_the_order_they_complete() {
    let components = |pairs| -> Vec<Vec<u64>> {
        let components = strongly_connected_components(&edges(pairs));
        components.iter().map(|component| component.iter().map(|address| address.get()).collect()).collect()
    };
    assert_eq!(components(&[(5, &[5, 9])]), [[5]]);
    assert_eq!(components(&[(1, &[2]), (2, &[3, 4]), (3, &[2]), (4, &[])]), [vec![4], vec![3, 2], vec![1]]);
    // A target where no block starts is a component of its own.
    assert_eq!(components(&[(1, &[2, 77]), (2, &[])]), [vec![2], vec![77], vec![1]]);
    assert_eq!(components(&[]), Vec::<Vec<u64>>::new());
}

#[test]
fn depth_counts_significant_blocks_down_the_dominator_tree() {
    let depth = |offset, pairs| nesting_depth(&function(offset, edges(pairs)));
    let loops: &[(u64, &[u64])] = &[
        (10208, &[10229]),
        (10229, &[10240, 10253]),
        (10240, &[10244, 10246]),
        (10244, &[10246]),
        (10246, &[10240, 10253]),
        (10253, &[10229, 10261]),
        (10261, &[]),
    ];
    assert_eq!(depth(10208, loops), 3);
    assert_eq!(depth(1, &[(1, &[2]), (2, &[3, 4, 6]), (3, &[5]), (4, &[5]), (5, &[2])]), 1);
    assert_eq!(depth(1, &[(1, &[1, 2])]), 0);
    assert_eq!(depth(2, &[(1, &[1, 2]), (2, &[])]), 0, "nothing but the root can be reached");
    assert_eq!(depth(2, &[(1, &[4, 8]), (4, &[]), (8, &[])]), 1, "the entry lies inside of the first block");
    assert_eq!(depth(3, &[(1, &[4, 8]), (4, &[]), (8, &[])]), 0, "the entry lies in no block");
}

#[test]
fn long_chains_do_not_recurse() {
    let count = 200_000_u64;
    let pairs: Vec<(Va, Vec<Va>)> = (0..count)
        .map(|at| (Va::new(at), [at + 1, at / 2].into_iter().filter(|to| *to < count).map(Va::new).collect()))
        .collect();
    assert_eq!(strongly_connected_components(&pairs).len(), 1);
    assert_eq!(nesting_depth(&function(0, pairs)), count, "every block lies in a loop or behind a branch");
}

/// Dominators by definition: `a` dominates `b` if `b` cannot be reached without it. Answers the depth of [`nesting_depth`].
fn slow_depth(pairs: &[(Va, Vec<Va>)]) -> u64 {
    let reach = |without: Option<Va>| -> BTreeSet<Va> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<Va> = pairs.first().map(|edge| edge.0).into_iter().collect();
        while let Some(node) = open.pop() {
            if Some(node) != without && seen.insert(node) {
                open.extend(pairs.iter().filter(|edge| edge.0 == node).flat_map(|edge| &edge.1));
            }
        }
        seen
    };
    let all = reach(None);
    if all.len() < 2 {
        return 0;
    }
    let significant: BTreeSet<Va> =
        pairs.iter().filter(|edge| edge.1.len() > 1).flat_map(|edge| edge.1.clone()).collect();
    let dominated: Vec<(Va, BTreeSet<Va>)> = all
        .iter()
        .filter(|node| significant.contains(node))
        .map(|node| (*node, reach(Some(*node))))
        .collect();
    all.iter()
        .map(|node| dominated.iter().filter(|(_, reached)| !reached.contains(node)).count() as u64)
        .max()
        .unwrap_or(0)
}

fn graphs() -> impl Strategy<Value = Vec<(Va, Vec<Va>)>> {
    prop::collection::vec(prop::collection::btree_set(0_u64..14, 0..4), 2..12).prop_map(|lists| {
        lists
            .into_iter()
            .enumerate()
            .map(|(at, to)| (Va::new(at as u64), to.into_iter().map(Va::new).collect()))
            .collect()
    })
}

proptest! {
    #[test]
    fn depth_equals_its_definition(pairs in graphs()) {
        let expected = slow_depth(&pairs);
        prop_assert_eq!(nesting_depth(&function(0, pairs)), expected);
    }

    #[test]
    fn components_partition_the_nodes(pairs in graphs()) {
        let components = strongly_connected_components(&pairs);
        let mut nodes: Vec<Va> = components.concat();
        let count = nodes.len();
        nodes.sort_unstable();
        nodes.dedup();
        prop_assert_eq!(nodes.len(), count);
        prop_assert!(pairs.iter().all(|edge| nodes.binary_search(&edge.0).is_ok()));
    }
}
