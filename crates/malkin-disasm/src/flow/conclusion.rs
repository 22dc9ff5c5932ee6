//! What becomes of an analysis when it is over: the function in work is rejected, or cut into blocks and stored.

use super::blocks::{BlockRun, Cutter, Degree, Graph};
use super::functions::Stored;
use super::work::{Work, mark};
use super::{Analysis, InstructionKind, InstructionSet};

impl<I: InstructionSet> Analysis<'_, I> {
    /// Stores the function if it is one and does what follows from that.
    pub(crate) fn conclude(&mut self, work: &mut Work<I::Kind>, in_gap: bool, nesting: u32) {
        if let Some(function) = self.finalise(work, in_gap) {
            I::resolve_calls(self, work, &function);
            self.spare_graph = function.graph;
        }
        let absorbed = std::mem::take(&mut work.absorbed);
        self.restore(&absorbed, false, nesting);
        if let Some(candidate) = self.candidates.get_mut(work.start) {
            candidate.finished = true;
        }
        work.sort_rows();
        self.remove_conflicting_calls(work);
    }

    /// Decides whether the code is a function and stores it. `None`: rejected.
    fn finalise(&mut self, work: &mut Work<I::Kind>, in_gap: bool) -> Option<Accepted> {
        if in_gap && !work.sane && !I::is_function_without_end(&self.view, work) {
            return None;
        }
        let start = self.view.offset(work.start)?;
        if work.closed > 0 && !self.has_mark(work, start, mark::START) {
            return None;
        }
        work.sort_rows();
        let mut graph = std::mem::take(&mut self.spare_graph);
        graph.rebuild(&work.edges);
        self.count_degrees(work.number, &graph);
        let mut heads: Vec<u64> = Vec::with_capacity(work.edges.len() / 2 + 1);
        heads.extend(work.edges.iter().filter(|edge| edge.alive && edge.jump).map(|edge| edge.to));
        heads.push(work.start);
        heads.sort_unstable();
        heads.dedup();
        work.collisions.sort_unstable();
        let degree = |address: u64| self.degree(work.number, address);
        let mut cutter = Cutter {
            rows: &work.rows,
            base: self.view.base,
            graph: &mut graph,
            heads: &heads,
            collisions: &work.collisions,
            degree,
        };
        let blocks = cutter.cut();
        if work.closed > 0 {
            self.store(work, &graph, &blocks);
        }
        Some(Accepted { graph, blocks })
    }

    /// Marks the targets of edges.
    fn count_degrees(&mut self, number: u32, graph: &Graph) {
        for edge in graph.edges() {
            let Some(offset) = self.view.offset(edge.to) else { continue };
            let Some(value) = self.marks.entry(offset) else { continue };
            let kept = if *value >> mark::BITS == number { *value } else { number << mark::BITS };
            let counted = match edge.alive {
                true if kept & mark::REACHED != 0 => mark::SHARED,
                true => mark::REACHED,
                false => 0,
            };
            *value = kept | mark::TARGET | counted;
        }
    }

    fn degree(&self, number: u32, address: u64) -> Degree {
        let value = self.view.offset(address).map_or(0, |offset| self.marks.get(offset));
        if value >> mark::BITS != number || value & mark::TARGET == 0 {
            Degree::Never
        } else if value & mark::SHARED == 0 {
            Degree::Single
        } else {
            Degree::Shared
        }
    }

    fn store(&mut self, work: &mut Work<I::Kind>, graph: &Graph, blocks: &[BlockRun]) {
        let base = self.view.base;
        let lowest = work.rows.first().map_or(0, |row| base + u64::from(row.offset));
        let end = work.rows.iter().map(|row| base + u64::from(row.offset) + u64::from(row.length)).max();
        let mut data = work.data_references.clone();
        data.sort_unstable();
        data.dedup();
        let is_own =
            |from: u64| self.view.offset(from).is_some_and(|at| self.has_mark(work, at, mark::START));
        let (data, loose_data): (Vec<_>, Vec<_>) =
            data.into_iter().partition(|reference| is_own(reference.from));
        let mut edges = Vec::with_capacity(graph.edges().len());
        let mut loose_edges = Vec::new();
        for edge in graph.alive() {
            let list = if is_own(edge.from) { &mut edges } else { &mut loose_edges };
            list.push((edge.from, edge.to));
        }
        self.functions.add_loose(loose_edges, loose_data);
        let number = self.functions.add(Stored {
            start: work.start,
            rows: work.rows.clone(),
            blocks: blocks.to_vec(),
            borders: (lowest, end.unwrap_or(lowest)),
            edges,
            data,
            recursive: work.recursive,
            leaf: work.leaf,
            thunk: work.thunk,
            alive: true,
        });
        for row in &work.rows {
            self.owners.update(row.offset as usize, usize::from(row.length), |owner| *owner = number + 1);
        }
        for &(address, count) in &work.data {
            if let Some(offset) = self.view.offset(address) {
                self.data.set_range(offset, count as usize);
            }
        }
        self.budget.store(work.rows.len());
    }

    /// Bytes inside of instructions cannot start calls: references noted for them are taken back.
    fn remove_conflicting_calls(&mut self, work: &Work<I::Kind>) {
        let mut changed = Vec::new();
        let rows = &work.rows;
        for row in rows {
            if !self.call_sources.any(row.offset as usize + 1, usize::from(row.length) - 1) {
                continue;
            }
            for offset in row.offset + 1..row.offset + u32::from(row.length) {
                if !self.call_sources.get(offset as usize) {
                    continue;
                }
                let is_start = rows.binary_search_by_key(&offset, |other| other.offset).is_ok();
                let source = self.view.base + u64::from(offset);
                let Some(&target) = self.candidates.call_targets.get(&source).filter(|_| !is_start) else {
                    continue;
                };
                if let Some(candidate) = self.candidates.get_mut(target) {
                    let count = candidate.references.len();
                    candidate.references.retain(|&reference| reference != source);
                    if candidate.references.len() != count {
                        changed.push(target);
                    }
                }
            }
        }
        changed.sort_unstable();
        changed.dedup();
        for target in changed {
            self.candidates.rescore(target);
        }
    }

    /// End of the contiguous code decoded from the start, if its last instruction ends a run.
    pub(crate) fn straight_extent(&self, work: &mut Work<I::Kind>) -> Option<u64> {
        work.sort_rows();
        let rows = &work.rows;
        let start = u32::try_from(self.view.offset(work.start)?).ok()?;
        let mut at = rows.binary_search_by_key(&start, |row| row.offset).ok()?;
        loop {
            let row = rows.get(at)?;
            let next = row.offset + u32::from(row.length);
            match rows.get(at + 1..).and_then(|rest| rest.binary_search_by_key(&next, |row| row.offset).ok())
            {
                Some(skip) => at += 1 + skip,
                None => return row.kind.ends_run().then(|| self.view.base + u64::from(next)),
            }
        }
    }
}

/// Blocks and edges of a function that was not rejected.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Edges with repeated ones merged.
    pub(crate) graph: Graph,
    /// Blocks by ascending start.
    pub(crate) blocks: Vec<BlockRun>,
}
