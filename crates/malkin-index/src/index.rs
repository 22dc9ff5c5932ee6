//! The writer's side of the index.

use std::sync::Arc;

use malkin_codehash::Projection;
use malkin_report::SampleId;

use crate::error::{ImageError, IndexError};
use crate::merge::MergePlan;
use crate::sample::{IndexedFunction, NewSample, SampleFacts, SampleTable};
use crate::segment::{Segment, build, checksum};
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
    /// SHA-256 over all that hashes and their bands depend on.
    fingerprint: [u8; 32],
    pub(crate) parts: Vec<Part>,
}

impl Index {
    /// An empty index for signatures of `signature_len` bytes.
    pub fn new(projection: Projection, signature_len: usize) -> Self {
        Self::made_by(projection, signature_len, "")
    }

    /// As [`Index::new`]. `escaper` names whatever makes the hashes: images made under another name are not taken.
    pub fn made_by(projection: Projection, signature_len: usize, escaper: &str) -> Self {
        let text = format!("{}\n{signature_len}\n{escaper}", projection.fingerprint());
        let fingerprint = checksum(text.as_bytes());
        Self { projection: Arc::new(projection), signature_len, fingerprint, parts: Vec::new() }
    }

    /// An empty index of the same kind.
    pub fn emptied(&self) -> Self {
        Self { parts: Vec::new(), projection: Arc::clone(&self.projection), ..*self }
    }

    /// Takes in a stored segment. `facts` tells of each of its samples, by id and token, what it is now, or that it is not
    /// this sample any more. Samples that are indexed already are passed over. Answers how many samples it brought; one that
    /// brings none is not kept. `label` (not 0) names it in [`Index::labels`].
    pub fn attach(
        &mut self,
        image: Vec<u8>,
        label: u64,
        mut facts: impl FnMut(SampleId, u64) -> Option<SampleFacts>,
    ) -> Result<usize, ImageError> {
        let mut decide = |id, token| if self.contains(id) { None } else { facts(id, token) };
        let (segment, table) = Segment::open(image, label, &mut decide)?;
        let head = segment.image().facts();
        if head.fingerprint != self.fingerprint
            || head.signature_len as usize != self.signature_len
            || head.bands as usize != self.projection.num_bands()
        {
            return Err(ImageError::Foreign);
        }
        let (functions, rows) = self.slots();
        let limit = u32::MAX as usize;
        if functions + segment.num_functions() as usize >= limit || rows + table.rows().len() >= limit {
            return Err(ImageError::Damaged("more than 2^32 functions in all"));
        }
        let live = table.live_samples();
        if live > 0 {
            let part = Part { segment: Arc::new(segment), samples: Arc::new(table) };
            let before = |other: &Part| other.weight() >= part.weight();
            self.parts.insert(self.parts.partition_point(before), part);
        }
        Ok(live)
    }

    /// Labels of the stored segments in use.
    pub fn labels(&self) -> impl Iterator<Item = u64> + '_ {
        self.parts.iter().map(|part| part.segment.label()).filter(|label| *label != 0)
    }

    /// Functions in segments that are in memory only.
    pub fn unstored_functions(&self) -> usize {
        self.unstored().map(|part| part.segment.num_functions() as usize).sum()
    }

    fn unstored(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.segment.label() == 0)
    }

    /// Numbers of functions and of samples given out.
    fn slots(&self) -> (usize, usize) {
        let functions = self.parts.iter().map(|part| part.segment.num_functions() as usize).sum();
        (functions, self.parts.iter().map(|part| part.samples.rows().len()).sum())
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
        self.insert_samples(&[NewSample { id, facts, token: 0, functions }])
    }

    /// Adds several samples at once, which is cheaper than one by one. All are added or none.
    pub fn insert_samples(&mut self, samples: &[NewSample<'_>]) -> Result<(), IndexError> {
        if let Some(known) = samples.iter().find(|sample| self.contains(sample.id)) {
            return Err(IndexError::SampleExists(known.id));
        }
        if samples.is_empty() {
            return Ok(());
        }
        let (segment, table) = build(samples, &self.projection, self.fingerprint, self.signature_len)?;
        let (functions, rows) = self.slots();
        let numbers_left = u32::MAX as usize;
        if functions + segment.num_functions() as usize >= numbers_left
            || rows + samples.len() >= numbers_left
        {
            return Err(IndexError::Full);
        }
        self.parts.push(Part { segment: Arc::new(segment), samples: Arc::new(table) });
        while let Some(plan) = self.plan_inline() {
            let installed = self.install(plan.run()?);
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
        if let Some(at) = self.heavy_tail() {
            return Some(self.plan(&self.parts[at..]));
        }
        let mostly_dead = |part: &&Part| {
            part.samples.has_dead()
                && 2 * part.samples.dead_functions() >= part.segment.num_functions() as usize
        };
        let part = self.parts.iter().find(mostly_dead)?;
        Some(self.plan(std::slice::from_ref(part)))
    }

    /// A merge of everything into one segment without removed samples; None if that is how it is already, and stored.
    pub fn plan_compaction(&self) -> Option<MergePlan> {
        match self.parts.as_slice() {
            [] => None,
            [part] if !part.samples.has_dead() && part.segment.label() != 0 => None,
            parts => Some(self.plan(parts)),
        }
    }

    /// A merge of the segments that are in memory only, to be stored.
    pub fn plan_storing(&self) -> Option<MergePlan> {
        let parts: Vec<Part> = self.unstored().cloned().collect();
        (!parts.is_empty()).then(|| self.plan(&parts))
    }

    /// The bytes of this index merged into one segment: equal for indexes that hold the same. None if it is empty.
    pub fn canonical(&self) -> Result<Option<Vec<u8>>, IndexError> {
        if self.parts.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.plan(&self.parts).run()?.image().to_vec()))
    }

    fn plan(&self, parts: &[Part]) -> MergePlan {
        MergePlan {
            parts: parts.to_vec(),
            fingerprint: self.fingerprint,
            signature_len: self.signature_len,
            num_bands: self.projection.num_bands(),
        }
    }

    /// Where the last segments begin that together are more than half as large as the one before them: with these merged,
    /// sizes fall by half from each segment to the next, their number stays logarithmic, and each function is merged a
    /// logarithmic number of times. Several levels that are due are merged at once.
    fn heavy_tail(&self) -> Option<usize> {
        let (mut weight, mut blocks, mut start) = (0, 0, None);
        for (at, part) in self.parts.iter().enumerate().rev() {
            blocks += part.segment.num_block_postings();
            if blocks >= u32::MAX as usize {
                break;
            }
            if weight > 0 && 2 * weight > part.weight() {
                start = Some(at);
            }
            weight += part.weight();
        }
        start
    }

    /// A merge so small that inserting need not leave it to others.
    fn plan_inline(&self) -> Option<MergePlan> {
        let fits = |pair: &[Part]| {
            pair[0].segment.label() == 0
                && pair[1].segment.label() == 0
                && 2 * pair[1].weight() > pair[0].weight()
                && pair[0].weight() + pair[1].weight() <= INLINE_MERGE_FUNCTIONS
        };
        let at = self.parts.windows(2).rposition(fits)?;
        Some(self.plan(&self.parts[at..at + 2]))
    }

    fn find(&self, id: SampleId) -> Option<(usize, usize)> {
        self.parts.iter().enumerate().find_map(|(at, part)| Some((at, part.samples.find_live(id)?)))
    }
}
