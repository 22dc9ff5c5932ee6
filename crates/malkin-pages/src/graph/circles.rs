//! Edges that change places between two layers: one goes from the x of the second to the x of the first, and the other way round,
//! or several in a circle. Whatever their tracks are, two of them would lie on each other at one x. One end moves by half
//! of the raster, where nothing else is.

use super::GRID;
use super::ports::Ports;
use super::tracks::{Joins, Piece};

const SHIFT: i64 = GRID / 2;

/// Opens all circles. `of_links` has the gap and the number of each piece of each link.
pub(super) fn open(pieces: &mut [Vec<Piece>], of_links: &[Vec<(u32, u32)>], ports: &mut Ports) {
    let mut owner: Vec<Vec<(usize, usize)>> = pieces.iter().map(|gap| vec![(0, 0); gap.len()]).collect();
    for (link, places) in of_links.iter().enumerate() {
        for (at, (gap, piece)) in places.iter().enumerate() {
            owner[*gap as usize][*piece as usize] = (link, at);
        }
    }
    for gap in 0..pieces.len() {
        for piece in one_of_each(&pieces[gap]) {
            pieces[gap][piece].to += SHIFT;
            // The way goes on in the next gap or ends in a block. Edges that close loops have their pieces in reverse order.
            let (link, at) = owner[gap][piece];
            let beside = [Some(at + 1), at.checked_sub(1)].into_iter().flatten();
            let mut beside = beside.filter_map(|at| of_links[link].get(at));
            match beside.find(|(next, _)| *next as usize == gap + 1) {
                None => ports.links[link][1] += SHIFT,
                Some((next, number)) => {
                    let next = &mut pieces[*next as usize][*number as usize];
                    let end = if next.joins == Joins::Upper { &mut next.to } else { &mut next.from };
                    *end += SHIFT;
                }
            }
        }
    }
}

/// A piece of each circle.
fn one_of_each(pieces: &[Piece]) -> Vec<usize> {
    let is_bent = |piece: &Piece| piece.joins == Joins::Through && !piece.is_straight();
    let bent = (0..pieces.len()).filter(|piece| is_bent(&pieces[*piece]));
    let mut by_from: Vec<(i64, usize)> = bent.map(|piece| (pieces[piece].from, piece)).collect();
    by_from.sort_unstable();
    let next = |piece: usize| {
        let found = by_from.binary_search_by_key(&pieces[piece].to, |(from, _)| *from);
        found.ok().map(|at| by_from[at].1)
    };
    // The walk that met each piece first, from 1.
    let mut met_in = vec![0; pieces.len()];
    let mut found = Vec::new();
    for (walk, (_, start)) in (1..).zip(&by_from) {
        let mut at = *start;
        while met_in[at] == 0 {
            met_in[at] = walk;
            match next(at) {
                Some(next) if met_in[next] == walk => found.push(at),
                Some(next) => at = next,
                None => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_once_and_ways_that_end_are_not() {
        let piece = |from, to| Piece { from, to, joins: Joins::Through };
        let pieces = [piece(0, 8), piece(8, 0), piece(16, 24), piece(24, 32), piece(40, 40)];
        assert_eq!(one_of_each(&pieces), [1]);
        let three = [piece(0, 8), piece(8, 16), piece(16, 0), piece(24, 8)];
        assert_eq!(one_of_each(&three), [2]);
    }
}
