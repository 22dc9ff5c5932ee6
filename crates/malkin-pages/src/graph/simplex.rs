//! Network simplex: ranks with the least total length of arcs (Gansner, Koutsofios, North, Vo: A Technique for Drawing Directed
//! Graphs, IEEE TSE 19(3), 1993, section 2).
//!
//! A spanning tree of tight arcs is improved by exchanging an arc whose cut value is negative for the one with the least slack
//! that leads the other way. Ranks are feasible after every step, so that the search may end anywhere: it does when
//! [`super::MAX_RANK_WORK`] steps are used up.

use super::MAX_RANK_WORK;

/// An arc that leads down by at least one rank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) tail: usize,
    pub(super) head: usize,
    /// What one rank of its length costs.
    pub(super) weight: i64,
}

/// No arc.
const NONE: usize = usize::MAX;
/// Candidates looked at for the arc that leaves the tree.
const CANDIDATES: usize = 30;

/// Ranks being improved.
pub(super) struct Simplex<'a> {
    arcs: &'a [Arc],
    rank: Vec<i64>,
    /// Numbers of the arcs at each node, and where they begin.
    incident: Vec<usize>,
    first: Vec<usize>,
    /// Numbers of the arcs of the tree, in places that do not move.
    tree: Vec<usize>,
    place_in_tree: Vec<usize>,
    tree_at: Vec<Vec<usize>>,
    /// Arc to the parent.
    parent: Vec<usize>,
    /// Numbers in postorder: a subtree is `low..=lim`.
    low: Vec<usize>,
    lim: Vec<usize>,
    by_lim: Vec<usize>,
    cut: Vec<i64>,
    work: u64,
    next_candidate: usize,
}

impl<'a> Simplex<'a> {
    /// `rank` is feasible; the part of the graph at node 0 is improved.
    pub(super) fn new(rank: Vec<i64>, arcs: &'a [Arc]) -> Self {
        let count = rank.len();
        let mut first = vec![0; count + 1];
        for arc in arcs {
            first[arc.tail + 1] += 1;
            first[arc.head + 1] += 1;
        }
        (0..count).for_each(|node| first[node + 1] += first[node]);
        let mut place = first.clone();
        let mut incident = vec![0; 2 * arcs.len()];
        for (number, arc) in arcs.iter().enumerate() {
            for node in [arc.tail, arc.head] {
                incident[place[node]] = number;
                place[node] += 1;
            }
        }
        Self {
            arcs,
            rank,
            incident,
            first,
            tree: Vec::new(),
            place_in_tree: vec![NONE; arcs.len()],
            tree_at: vec![Vec::new(); count],
            parent: vec![NONE; count],
            low: vec![0; count],
            lim: vec![0; count],
            by_lim: vec![0; count],
            cut: vec![0; arcs.len()],
            work: 0,
            next_candidate: 0,
        }
    }

    /// Ranks with short arcs.
    pub(super) fn shorten(mut self) -> Vec<i64> {
        if self.span() {
            self.number(0, 0);
            self.cut_values();
            while self.work < MAX_RANK_WORK
                && let Some(leaving) = self.leaving()
                && let Some(entering) = self.entering(leaving)
            {
                self.exchange(leaving, entering);
            }
        }
        self.rank
    }

    fn slack(&self, arc: usize) -> i64 {
        let arc = &self.arcs[arc];
        self.rank[arc.head] - self.rank[arc.tail] - 1
    }

    fn other(&self, arc: usize, node: usize) -> usize {
        let arc = &self.arcs[arc];
        if arc.tail == node { arc.head } else { arc.tail }
    }

    /// Grows the tree from node 0 over tight arcs; where it ends, moves it until one more arc is tight. False when the work is
    /// used up before.
    fn span(&mut self) -> bool {
        let mut inside = vec![false; self.rank.len()];
        let mut members = vec![0];
        inside[0] = true;
        let mut done = 0;
        loop {
            while done < members.len() {
                let node = members[done];
                done += 1;
                for at in self.first[node]..self.first[node + 1] {
                    let arc = self.incident[at];
                    let other = self.other(arc, node);
                    if !inside[other] && self.slack(arc) == 0 {
                        inside[other] = true;
                        members.push(other);
                        self.add_to_tree(arc);
                    }
                }
            }
            self.work += self.arcs.len() as u64;
            let is_border = |arc: &usize| inside[self.arcs[*arc].tail] != inside[self.arcs[*arc].head];
            let border = (0..self.arcs.len()).filter(is_border).min_by_key(|arc| self.slack(*arc));
            let Some(border) = border else { return true };
            if self.work > MAX_RANK_WORK {
                return false;
            }
            let slack = self.slack(border);
            let shift = if inside[self.arcs[border].tail] { slack } else { -slack };
            for node in &members {
                self.rank[*node] += shift;
            }
            // Other arcs of old members may be tight now.
            done = 0;
        }
    }

    fn add_to_tree(&mut self, arc: usize) {
        self.place_in_tree[arc] = self.tree.len();
        self.tree.push(arc);
        self.tree_at[self.arcs[arc].tail].push(arc);
        self.tree_at[self.arcs[arc].head].push(arc);
    }

    /// Numbers the subtree of `root` in postorder, from `start` on.
    fn number(&mut self, root: usize, start: usize) {
        let mut next = start;
        self.low[root] = next;
        let mut open = vec![(root, 0)];
        while let Some((node, at)) = open.last_mut() {
            let node = *node;
            if let Some(&arc) = self.tree_at[node].get(*at) {
                *at += 1;
                if arc != self.parent[node] {
                    let child = self.other(arc, node);
                    self.parent[child] = arc;
                    self.low[child] = next;
                    open.push((child, 0));
                }
                continue;
            }
            self.lim[node] = next;
            self.by_lim[next] = node;
            next += 1;
            open.pop();
        }
        self.work += 2 * (next - start) as u64;
    }

    /// The end of an arc of the tree that is farther from the root.
    fn child(&self, arc: usize) -> usize {
        let arc = &self.arcs[arc];
        if self.lim[arc.tail] < self.lim[arc.head] { arc.tail } else { arc.head }
    }

    /// Cut values from sums over subtrees: what leaves a set of nodes less what enters it is the sum over its nodes.
    fn cut_values(&mut self) {
        let mut sum = vec![0_i64; self.rank.len()];
        for arc in self.arcs {
            sum[arc.tail] += arc.weight;
            sum[arc.head] -= arc.weight;
        }
        for at in 0..self.tree.len() {
            let node = self.by_lim[at];
            let arc = self.parent[node];
            self.cut[arc] = if self.arcs[arc].tail == node { sum[node] } else { -sum[node] };
            let above = self.other(arc, node);
            sum[above] += sum[node];
        }
    }

    /// The arc of the tree with the most negative cut value among the next candidates.
    fn leaving(&mut self) -> Option<usize> {
        let mut best = None;
        let mut found = 0;
        for step in 0..self.tree.len() {
            let place = (self.next_candidate + step) % self.tree.len();
            let arc = self.tree[place];
            self.work += 1;
            if self.cut[arc] < 0 {
                if best.is_none_or(|best: usize| self.cut[arc] < self.cut[best]) {
                    best = Some(arc);
                }
                found += 1;
                if found == CANDIDATES {
                    self.next_candidate = place + 1;
                    break;
                }
            }
        }
        best
    }

    /// The arc with the least slack that leads from the head's side of `leaving` to the tail's.
    fn entering(&mut self, leaving: usize) -> Option<usize> {
        let child = self.child(leaving);
        let is_tail = self.arcs[leaving].tail == child;
        let (low, lim) = (self.low[child], self.lim[child]);
        let mut best: Option<usize> = None;
        for at in low..=lim {
            let node = self.by_lim[at];
            for incident in self.first[node]..self.first[node + 1] {
                let arc = self.incident[incident];
                let other = self.other(arc, node);
                let leads_here = (self.arcs[arc].head == node) == is_tail;
                if leads_here
                    && !(low..=lim).contains(&self.lim[other])
                    && best.is_none_or(|best| self.slack(arc) < self.slack(best))
                {
                    best = Some(arc);
                }
            }
            self.work += (self.first[node + 1] - self.first[node]) as u64;
        }
        best
    }

    fn exchange(&mut self, leaving: usize, entering: usize) {
        let child = self.child(leaving);
        let slack = self.slack(entering);
        let shift = if self.arcs[leaving].tail == child { -slack } else { slack };
        if shift != 0 {
            for at in self.low[child]..=self.lim[child] {
                self.rank[self.by_lim[at]] += shift;
            }
        }
        let cut = self.cut[leaving];
        let Arc { tail, head, .. } = self.arcs[entering];
        // Around the circle that the entering arc closes: from its head through the tree to its tail.
        let meet = self.add_to_path(head, tail, |is_tail| if is_tail { -cut } else { cut });
        self.add_to_path(tail, head, |is_tail| if is_tail { cut } else { -cut });
        self.cut[leaving] = 0;
        self.cut[entering] = -cut;
        self.replace(leaving, entering);
        self.number(meet, self.low[meet]);
    }

    /// Adds to the cut values on the way from a node up to the first ancestor it shares with another; that ancestor.
    fn add_to_path(&mut self, from: usize, other: usize, value: impl Fn(bool) -> i64) -> usize {
        let mut node = from;
        while !(self.low[node]..=self.lim[node]).contains(&self.lim[other]) {
            let arc = self.parent[node];
            self.cut[arc] += value(self.arcs[arc].tail == node);
            node = self.other(arc, node);
            self.work += 1;
        }
        node
    }

    fn replace(&mut self, leaving: usize, entering: usize) {
        let place = std::mem::replace(&mut self.place_in_tree[leaving], NONE);
        self.tree[place] = entering;
        self.place_in_tree[entering] = place;
        for node in [self.arcs[leaving].tail, self.arcs[leaving].head] {
            self.work += self.tree_at[node].len() as u64;
            self.tree_at[node].retain(|arc| *arc != leaving);
        }
        for node in [self.arcs[entering].tail, self.arcs[entering].head] {
            self.tree_at[node].push(entering);
        }
    }
}
