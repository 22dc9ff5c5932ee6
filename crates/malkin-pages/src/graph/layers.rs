//! Which layer each unit is in: the entry on top, every edge that closes no loop leads down.
//!
//! Layers start as longest paths from the entry and are then moved so that edges are short in total (`simplex`).

use super::simplex::{Arc, Simplex};
use super::units::Units;

/// The layer of a unit that is set aside.
pub(super) const NOWHERE: usize = usize::MAX;

/// For each unit its layer. That of the entry is 1, so that edges which close a loop at it have a layer above to turn in.
pub(super) fn assign(units: &Units, back: &[bool]) -> Vec<usize> {
    let mut arcs: Vec<Arc> = units
        .links
        .iter()
        .zip(back)
        .map(|(link, back)| {
            let (tail, head) = if *back { (link.to, link.from) } else { (link.from, link.to) };
            Arc { tail, head, weight: 1 }
        })
        .collect();
    let mut entered = vec![false; units.len()];
    for arc in &arcs {
        entered[arc.head] = true;
    }
    // Code that nothing reaches hangs below the entry without pulling at it.
    let roots = (1..units.len()).filter(|unit| !units.apart[*unit] && !entered[*unit]);
    arcs.extend(roots.map(|head| Arc { tail: 0, head, weight: 0 }));
    let ranks = longest_paths(units.len(), &arcs);
    let ranks = Simplex::new(ranks, &arcs).shorten();
    let layer = |unit: usize| if units.apart[unit] { NOWHERE } else { (ranks[unit] - ranks[0]) as usize + 1 };
    (0..units.len()).map(layer).collect()
}

/// Length of the longest path to each node of a graph without circles.
fn longest_paths(count: usize, arcs: &[Arc]) -> Vec<i64> {
    let mut first = vec![0_usize; count + 1];
    let mut waiting = vec![0_usize; count];
    for arc in arcs {
        first[arc.tail + 1] += 1;
        waiting[arc.head] += 1;
    }
    (0..count).for_each(|node| first[node + 1] += first[node]);
    let mut place = first.clone();
    let mut heads = vec![0_usize; arcs.len()];
    for arc in arcs {
        heads[place[arc.tail]] = arc.head;
        place[arc.tail] += 1;
    }
    let mut rank = vec![0_i64; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for head in &heads[first[node]..first[node + 1]] {
            rank[*head] = rank[*head].max(rank[node] + 1);
            waiting[*head] -= 1;
            if waiting[*head] == 0 {
                ready.push(*head);
            }
        }
    }
    rank
}
