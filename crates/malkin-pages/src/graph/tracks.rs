//! Heights of the horizontal pieces of edges between two layers.
//!
//! Pieces are ordered so that none crosses another more often than the order of their ends demands: U-turns at the lower side
//! of blocks first, the inner ones before the outer; then pieces that lead to the right, those that start farther right first,
//! and pieces that lead to the left, those that start farther left first; last the U-turns at the upper sides of blocks, the
//! outer ones first. A piece that comes down where another one goes down must be above that one. Each piece then takes the
//! track under the lowest one it overlaps with.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What a piece joins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Joins {
    /// An x at the upper layer with an x at the lower one.
    Through,
    /// Two places at the upper layer.
    Upper,
    /// Two places at the lower layer.
    Lower,
}

/// A piece from one x to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) joins: Joins,
}

impl Piece {
    fn left(&self) -> i64 {
        self.from.min(self.to)
    }

    fn right(&self) -> i64 {
        self.from.max(self.to)
    }

    /// Whether it is a point: an edge that goes straight down.
    pub(super) fn is_straight(&self) -> bool {
        self.from == self.to
    }

    fn upper_ends(&self) -> impl Iterator<Item = i64> + use<> {
        let ends = match self.joins {
            Joins::Through => [Some(self.from), None],
            Joins::Upper => [Some(self.from), Some(self.to)],
            Joins::Lower => [None, None],
        };
        ends.into_iter().flatten()
    }

    fn lower_ends(&self) -> impl Iterator<Item = i64> + use<> {
        let ends = match self.joins {
            Joins::Through => [Some(self.to), None],
            Joins::Upper => [None, None],
            Joins::Lower => [Some(self.from), Some(self.to)],
        };
        ends.into_iter().flatten()
    }

    /// The order described at the top of this file.
    fn before(&self, other: &Self) -> Ordering {
        let group = |piece: &Self| match piece.joins {
            Joins::Upper => 0,
            Joins::Through if piece.from < piece.to => 1,
            Joins::Through => 2,
            Joins::Lower => 3,
        };
        let within = |piece: &Self| match group(piece) {
            0 => piece.right() - piece.left(),
            1 => -piece.from,
            2 => piece.from,
            _ => piece.left() - piece.right(),
        };
        (group(self), within(self)).cmp(&(group(other), within(other)))
    }
}

/// The track of each piece, from 1 at the top; 0 for straight ones. Also the number of tracks.
pub(super) fn assign(pieces: &[Piece]) -> (Vec<usize>, usize) {
    let mut track = vec![0; pieces.len()];
    let mut bent: Vec<usize> = (0..pieces.len()).filter(|piece| !pieces[*piece].is_straight()).collect();
    bent.sort_by(|a, b| pieces[*a].before(&pieces[*b]));
    let mut xs: Vec<i64> = bent.iter().flat_map(|piece| [pieces[*piece].from, pieces[*piece].to]).collect();
    xs.sort_unstable();
    xs.dedup();
    let index = |x: i64| xs.partition_point(|known| *known < x);
    let mut used = Used::new(xs.len());
    let mut tracks = 0;
    for number in in_order(pieces, &bent) {
        let (left, right) = (index(pieces[number].left()), index(pieces[number].right()));
        track[number] = used.lowest(left, right) + 1;
        used.set(left, right, track[number]);
        tracks = tracks.max(track[number]);
    }
    (track, tracks)
}

/// The pieces in their order, those above that must be above. Where that goes round in a circle the order alone decides.
fn in_order(pieces: &[Piece], bent: &[usize]) -> Vec<usize> {
    let mut upper: Vec<(i64, usize)> = Vec::new();
    for (rank, piece) in bent.iter().enumerate() {
        upper.extend(pieces[*piece].upper_ends().map(|x| (x, rank)));
    }
    upper.sort_unstable();
    let mut after = vec![Vec::new(); bent.len()];
    let mut waiting = vec![0_usize; bent.len()];
    for (rank, piece) in bent.iter().enumerate() {
        for x in pieces[*piece].lower_ends() {
            if let Ok(found) = upper.binary_search_by_key(&x, |end| end.0)
                && upper[found].1 != rank
            {
                after[upper[found].1].push(rank);
                waiting[rank] += 1;
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..bent.len()).filter(|rank| waiting[*rank] == 0).map(Reverse).collect();
    let mut is_done = vec![false; bent.len()];
    let mut order = Vec::with_capacity(bent.len());
    let mut lowest = 0;
    while order.len() < bent.len() {
        let rank = if let Some(Reverse(rank)) = ready.pop() {
            rank
        } else {
            while is_done[lowest] {
                lowest += 1;
            }
            lowest
        };
        if std::mem::replace(&mut is_done[rank], true) {
            continue;
        }
        order.push(bent[rank]);
        for next in &after[rank] {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                ready.push(Reverse(*next));
            }
        }
    }
    order
}

/// The lowest track in use at each x: a tree whose nodes know the maximum over a range and what covers all of it.
struct Used {
    leaves: usize,
    maximum: Vec<usize>,
    cover: Vec<usize>,
}

impl Used {
    fn new(count: usize) -> Self {
        let leaves = count.next_power_of_two();
        Self { leaves, maximum: vec![0; 2 * leaves], cover: vec![0; 2 * leaves] }
    }

    /// Nodes that make up a range, both ends included.
    fn parts(&self, left: usize, right: usize) -> Vec<usize> {
        let (mut low, mut high) = (left + self.leaves, right + self.leaves + 1);
        let mut parts = Vec::new();
        while low < high {
            if low % 2 == 1 {
                parts.push(low);
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                parts.push(high);
            }
            low /= 2;
            high /= 2;
        }
        parts
    }

    fn lowest(&self, left: usize, right: usize) -> usize {
        let mut lowest = 0;
        for part in self.parts(left, right) {
            lowest = lowest.max(self.maximum[part]);
            let mut above = part / 2;
            while above > 0 {
                lowest = lowest.max(self.cover[above]);
                above /= 2;
            }
        }
        lowest
    }

    /// Tracks only grow over a range, so that the new one is the maximum of it.
    fn set(&mut self, left: usize, right: usize, track: usize) {
        for part in self.parts(left, right) {
            self.maximum[part] = self.maximum[part].max(track);
            self.cover[part] = self.cover[part].max(track);
            let mut above = part / 2;
            while above > 0 {
                self.maximum[above] = self.maximum[above].max(track);
                above /= 2;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(from: i64, to: i64) -> Piece {
        Piece { from, to, joins: Joins::Through }
    }

    #[test]
    fn a_branch_to_both_sides_takes_one_track() {
        assert_eq!(assign(&[piece(40, 0), piece(48, 96), piece(44, 44)]), (vec![1, 1, 0], 1));
    }

    #[test]
    fn parallel_pieces_do_not_cross() {
        // Both lead to the right: the one that starts farther right is above.
        assert_eq!(assign(&[piece(0, 50), piece(10, 60)]), (vec![2, 1], 2));
        assert_eq!(assign(&[piece(60, 10), piece(50, 0)]), (vec![2, 1], 2));
    }

    #[test]
    fn turns_enclose_what_is_inside() {
        let upper = |from, to| Piece { from, to, joins: Joins::Upper };
        let lower = |from, to| Piece { from, to, joins: Joins::Lower };
        assert_eq!(assign(&[upper(0, 50), upper(10, 40)]).0, [2, 1]);
        assert_eq!(assign(&[lower(10, 40), lower(0, 50)]).0, [2, 1]);
        assert_eq!(assign(&[lower(0, 50), piece(20, 70), upper(5, 30)]).0, [3, 2, 1]);
    }

    #[test]
    fn a_piece_is_above_the_one_that_comes_up_under_it() {
        // The first goes down at 50, where the second comes from: its upper end must not run through the first's lower end.
        let (track, _) = assign(&[piece(0, 50), piece(50, 10)]);
        assert!(track[1] < track[0], "{track:?}");
    }
}
