//! The writer's side of the index.

use std::sync::Arc;

use malkin_codehash::Projection;
use malkin_report::SampleId;

use crate::error::IndexError;
use crate::merge::MergePlan;
use crate::sample::{IndexedFunction, NewSample, SampleFacts, SampleTable};
use crate::segment::{Segment, build};
use crate::snapshot::Snapshot;
use crate::stats::IndexStats;

/// Segments up to this many functions together are merged while a sample is inserted (tens of milliseconds at most); larger
/// ones wait for [`Index::plan_merge`].
const INLINE_MERGE_FUNCTIONS: usize = 1 << 14;

/// A segment and the table of its samples. The table is copied when it changes while a snapshot holds it.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) segment: Arc<Segment>,
    pub(crate) samples: Arc<SampleTable>,
}

impl Part {
    fn live_functions(&self) -> usize {
        self.segment.num_functions() as usize - self.samples.dead_functions()
    }

    /// What makes a part large: its functions, and at least one so that empty samples gather too.
    fn weight(&self) -> usize {
        self.segment.num_functions() as usize + 1
    }
}

/// The writer's side of the index. Inserting a sample costs in proportion to the sample, with a logarithmic share for merging
/// what gathers; it never touches the whole index. Readers take a [`Snapshot`], which costs a few dozen reference counts and
/// blocks nobody.
///
/// Large merges are left to the caller, who may run them on another thread: [`Index::plan_merge`], [`MergePlan::run`],
/// [`Index::install`]. Never doing so costs time in queries, not answers.
#[derive(Debug)]
pub struct Index {
    pub(crate) projection: Arc<Projection>,
    pub(crate) signature_len: usize,
    pub(crate) parts: Vec<Part>,
}

impl Index {
    /// An empty index for signatures of `signature_len` bytes.
    pub fn new(projection: Projection, signature_len: usize) -> Self {
        Self { projection: Arc::new(projection), signature_len, parts: Vec::new() }
    }

    /// The bands signatures are indexed under.
    pub fn projection(&self) -> &Projection {
        &self.projection
    }

    /// Bytes of a signature.
    pub fn signature_len(&self) -> usize {
        self.signature_len
    }

    /// Adds a sample with its functions, in any order.
    pub fn insert_sample(
        &mut self,
        id: SampleId,
        facts: SampleFacts,
        functions: &[IndexedFunction<'_>],
    ) -> Result<(), IndexError> {
        self.insert_samples(&[NewSample { id, facts, functions }])
    }

    /// Adds several samples at once, which is cheaper than one by one. All are added or none.
    pub fn insert_samples(&mut self, samples: &[NewSample<'_>]) -> Result<(), IndexError> {
        if let Some(known) = samples.iter().find(|sample| self.contains(sample.id)) {
            return Err(IndexError::SampleExists(known.id));
        }
        if samples.is_empty() {
            return Ok(());
        }
        let (segment, table) = build(samples, &self.projection, self.signature_len)?;
        let functions = self.parts.iter().map(|part| part.segment.num_functions() as usize).sum::<usize>();
        let rows = self.parts.iter().map(|part| part.samples.rows().len()).sum::<usize>();
        let numbers_left = u32::MAX as usize;
        if functions + segment.num_functions() as usize >= numbers_left
            || rows + samples.len() >= numbers_left
        {
            return Err(IndexError::Full);
        }
        self.parts.push(Part { segment: Arc::new(segment), samples: Arc::new(table) });
        while let Some(plan) = self.plan_tail(INLINE_MERGE_FUNCTIONS) {
            let installed = self.install(plan.run());
            debug_assert!(installed, "nobody else can have changed the parts");
        }
        Ok(())
    }

    /// Whether a sample is indexed.
    pub fn contains(&self, id: SampleId) -> bool {
        self.find(id).is_some()
    }

    /// Takes a sample out. Its memory is given back by a later merge.
    pub fn remove_sample(&mut self, id: SampleId) -> Result<(), IndexError> {
        let (part, row) = self.find(id).ok_or(IndexError::UnknownSample(id))?;
        Arc::make_mut(&mut self.parts[part].samples).remove(row);
        if self.parts[part].samples.live_samples() == 0 {
            self.parts.remove(part);
        }
        Ok(())
    }

    /// Changes family and library flag of a sample.
    pub fn set_sample_facts(&mut self, id: SampleId, facts: SampleFacts) -> Result<(), IndexError> {
        let (part, row) = self.find(id).ok_or(IndexError::UnknownSample(id))?;
        Arc::make_mut(&mut self.parts[part].samples).set_facts(row, facts);
        Ok(())
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.parts.clear();
    }

    /// The state of now, for reading. Later changes do not show in it.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.projection), self.signature_len, self.parts.clone())
    }

    /// Counts and bytes.
    pub fn stats(&self) -> IndexStats {
        let mut stats = IndexStats { segments: self.parts.len(), ..IndexStats::default() };
        for part in &self.parts {
            stats.samples += part.samples.live_samples();
            stats.functions += part.live_functions();
            stats.signatures += part.segment.num_signatures() as usize;
            stats.pichashes += part.segment.num_pichashes();
            stats.blocks += part.segment.num_blocks();
            stats.block_postings += part.segment.num_block_postings();
            stats.signature_bytes += part.segment.signature_bytes();
            stats.overhead_bytes += part.segment.overhead_bytes() + size_of_val(part.samples.rows());
        }
        stats
    }

    /// The next merge worth its cost: segments of similar size, or one that is mostly removed samples.
    pub fn plan_merge(&self) -> Option<MergePlan> {
        if let Some(plan) = self.plan_tail(usize::MAX) {
            return Some(plan);
        }
        let mostly_dead = |part: &&Part| {
            part.samples.has_dead()
                && 2 * part.samples.dead_functions() >= part.segment.num_functions() as usize
        };
        let part = self.parts.iter().find(mostly_dead)?;
        Some(MergePlan { parts: vec![part.clone()], signature_len: self.signature_len })
    }

    /// A merge of neighbours of which the later one is more than half as large as the earlier one: sizes then fall by half
    /// from each segment to the next, their number stays logarithmic, and each function is merged a logarithmic number of times.
    fn plan_tail(&self, max_functions: usize) -> Option<MergePlan> {
        let fits = |pair: &[Part]| {
            let functions = pair[0].weight() + pair[1].weight();
            let blocks = pair[0].segment.num_block_postings() + pair[1].segment.num_block_postings();
            2 * pair[1].weight() > pair[0].weight()
                && functions <= max_functions
                && blocks < u32::MAX as usize
        };
        let at = self.parts.windows(2).rposition(fits)?;
        Some(MergePlan { parts: self.parts[at..at + 2].to_vec(), signature_len: self.signature_len })
    }

    fn find(&self, id: SampleId) -> Option<(usize, usize)> {
        self.parts.iter().enumerate().find_map(|(at, part)| Some((at, part.samples.find_live(id)?)))
    }
}
