//! The writer's side of the index.

use std::sync::Arc;

use malkin_codehash::Projection;
use malkin_report::SampleId;

use crate::error::{ImageError, IndexError};
use crate::merge::{MergePlan, Merged};
use crate::reader::IndexReader;
use crate::sample::{IndexedFunction, NewSample, SampleFacts};
use crate::segment::{Segment, build, checksum};
use crate::segment_entry::SegmentEntry;
use crate::stats::IndexStats;

/// Segments up to this many functions together are merged while a sample is inserted (tens of milliseconds at most); larger
/// ones wait for [`IndexWriter::plan_merge`].
const INLINE_MERGE_FUNCTIONS: usize = 1 << 14;

/// The writer's side of the index. Inserting a sample costs in proportion to the sample, with a logarithmic share for merging
/// what gathers; it never touches the whole index. Readers take a [`IndexReader`], which costs a few dozen reference counts and
/// blocks nobody.
///
/// Large merges are left to the caller, who may run them on another thread: [`IndexWriter::plan_merge`], [`MergePlan::run`],
/// [`IndexWriter::commit_merge`]. Never doing so costs time in queries, not answers.
#[derive(Debug)]
pub struct IndexWriter {
    pub(crate) projection: Arc<Projection>,
    pub(crate) signature_len: usize,
    /// SHA-256 over all that hashes and their bands depend on.
    fingerprint: [u8; 32],
    pub(crate) segments: Vec<SegmentEntry>,
}

impl IndexWriter {
    /// An empty index for signatures of `signature_len` bytes.
    pub fn new(projection: Projection, signature_len: usize) -> Self {
        Self::with_fingerprint(projection, signature_len, "")
    }

    /// As [`IndexWriter::new`]. `escaper` names what makes the hashes: images made under another name are not taken.
    pub fn with_fingerprint(projection: Projection, signature_len: usize, escaper: &str) -> Self {
        let text = format!("{}\n{signature_len}\n{escaper}", projection.fingerprint());
        let fingerprint = checksum(text.as_bytes());
        Self { projection: Arc::new(projection), signature_len, fingerprint, segments: Vec::new() }
    }

    /// An empty index of the same kind.
    pub fn emptied(&self) -> Self {
        Self { segments: Vec::new(), projection: Arc::clone(&self.projection), ..*self }
    }

    /// Opens a stored segment. `facts` returns for each of its samples, by id and token, what it is now, or that it is not
    /// this sample any more. Samples that are indexed already are passed over. Returns how many samples it brought; one that
    /// brings none is not kept. `label` (not 0) names it in [`IndexWriter::labels`].
    pub fn open_segment(
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
            let entry = SegmentEntry { segment: Arc::new(segment), samples: Arc::new(table) };
            let before = |other: &SegmentEntry| other.weight() >= entry.weight();
            self.segments.insert(self.segments.partition_point(before), entry);
        }
        Ok(live)
    }

    /// Labels of the stored segments in use.
    pub fn labels(&self) -> impl Iterator<Item = u64> + '_ {
        self.segments.iter().map(|entry| entry.segment.label()).filter(|label| *label != 0)
    }

    /// Functions in segments that are in memory only.
    pub fn unstored_functions(&self) -> usize {
        self.unstored().map(|entry| entry.segment.num_functions() as usize).sum()
    }

    fn unstored(&self) -> impl Iterator<Item = &SegmentEntry> {
        self.segments.iter().filter(|entry| entry.segment.label() == 0)
    }

    /// Numbers of functions and of samples assigned.
    fn slots(&self) -> (usize, usize) {
        let functions = self.segments.iter().map(|entry| entry.segment.num_functions() as usize).sum();
        (functions, self.segments.iter().map(|entry| entry.samples.rows().len()).sum())
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
        self.segments.push(SegmentEntry { segment: Arc::new(segment), samples: Arc::new(table) });
        while let Some(plan) = self.plan_inline() {
            let installed = self.commit_merge(plan.run()?);
            debug_assert!(installed, "nobody else can have changed the segments");
        }
        Ok(())
    }

    /// Puts a merged segment in the place of its sources, with removals and changed facts that happened since the plan was
    /// made. False, and nothing happens, if the sources are not there any more (another plan or [`IndexWriter::clear`] was first).
    pub fn commit_merge(&mut self, merged: Merged) -> bool {
        let is_source =
            |entry: &SegmentEntry| merged.sources.iter().any(|source| Arc::ptr_eq(source, &entry.segment));
        if self.segments.iter().filter(|entry| is_source(entry)).count() != merged.sources.len() {
            return false;
        }
        let mut table = merged.table;
        for at in 0..table.rows().len() {
            let id = table.rows()[at].id;
            let now = self.segments.iter().filter(|entry| is_source(entry)).find_map(|entry| {
                let row = entry.samples.find_live(id)?;
                Some(entry.samples.rows()[row].facts)
            });
            match now {
                Some(facts) => table.set_facts(at, facts),
                None => table.remove(at),
            }
        }
        let position = self.segments.iter().position(is_source);
        self.segments.retain(|entry| !is_source(entry));
        if table.live_samples() > 0 {
            let entry = SegmentEntry { segment: Arc::new(merged.segment), samples: Arc::new(table) };
            self.segments.insert(position.unwrap_or(0).min(self.segments.len()), entry);
        }
        true
    }

    /// Whether a sample is indexed.
    pub fn contains(&self, id: SampleId) -> bool {
        self.find(id).is_some()
    }

    /// Takes a sample out. Its memory is given back by a later merge.
    pub fn remove_sample(&mut self, id: SampleId) -> Result<(), IndexError> {
        let (entry, row) = self.find(id).ok_or(IndexError::UnknownSample(id))?;
        Arc::make_mut(&mut self.segments[entry].samples).remove(row);
        if self.segments[entry].samples.live_samples() == 0 {
            self.segments.remove(entry);
        }
        Ok(())
    }

    /// Changes family and library flag of a sample.
    pub fn set_sample_facts(&mut self, id: SampleId, facts: SampleFacts) -> Result<(), IndexError> {
        let (entry, row) = self.find(id).ok_or(IndexError::UnknownSample(id))?;
        Arc::make_mut(&mut self.segments[entry].samples).set_facts(row, facts);
        Ok(())
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.segments.clear();
    }

    /// The state of now, for reading. Later changes do not show in it.
    pub fn reader(&self) -> IndexReader {
        IndexReader::new(Arc::clone(&self.projection), self.signature_len, self.segments.clone())
    }

    /// Counts and bytes.
    pub fn stats(&self) -> IndexStats {
        let mut stats = IndexStats { segments: self.segments.len(), ..IndexStats::default() };
        for entry in &self.segments {
            stats.samples += entry.samples.live_samples();
            stats.functions += entry.live_functions();
            stats.signatures += entry.segment.num_signatures() as usize;
            stats.pichashes += entry.segment.num_pichashes();
            stats.blocks += entry.segment.num_blocks();
            stats.block_postings += entry.segment.num_block_postings();
            stats.signature_bytes += entry.segment.signature_bytes();
            stats.overhead_bytes += entry.segment.overhead_bytes() + size_of_val(entry.samples.rows());
        }
        stats
    }

    /// The next merge worth its cost: segments of similar size, or one that is mostly removed samples.
    pub fn plan_merge(&self) -> Option<MergePlan> {
        if let Some(at) = self.heavy_tail() {
            return Some(self.plan(&self.segments[at..]));
        }
        let mostly_dead = |entry: &&SegmentEntry| {
            entry.samples.has_dead()
                && 2 * entry.samples.dead_functions() >= entry.segment.num_functions() as usize
        };
        let entry = self.segments.iter().find(mostly_dead)?;
        Some(self.plan(std::slice::from_ref(entry)))
    }

    /// A merge of everything into one segment without removed samples; None if that is how it is already, and stored.
    pub fn plan_compaction(&self) -> Option<MergePlan> {
        match self.segments.as_slice() {
            [] => None,
            [entry] if !entry.samples.has_dead() && entry.segment.label() != 0 => None,
            segments => Some(self.plan(segments)),
        }
    }

    /// A merge of the segments that are in memory only, to be stored.
    pub fn plan_storing(&self) -> Option<MergePlan> {
        let segments: Vec<SegmentEntry> = self.unstored().cloned().collect();
        (!segments.is_empty()).then(|| self.plan(&segments))
    }

    /// The bytes of this index merged into one segment: equal for indexes that hold the same. None if it is empty.
    pub fn canonical(&self) -> Result<Option<Vec<u8>>, IndexError> {
        if self.segments.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.plan(&self.segments).run()?.image().to_vec()))
    }

    fn plan(&self, segments: &[SegmentEntry]) -> MergePlan {
        MergePlan {
            segments: segments.to_vec(),
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
        for (at, entry) in self.segments.iter().enumerate().rev() {
            blocks += entry.segment.num_block_postings();
            if blocks >= u32::MAX as usize {
                break;
            }
            if weight > 0 && 2 * weight > entry.weight() {
                start = Some(at);
            }
            weight += entry.weight();
        }
        start
    }

    /// A merge so small that inserting need not leave it to others.
    fn plan_inline(&self) -> Option<MergePlan> {
        let fits = |pair: &[SegmentEntry]| {
            pair[0].segment.label() == 0
                && pair[1].segment.label() == 0
                && 2 * pair[1].weight() > pair[0].weight()
                && pair[0].weight() + pair[1].weight() <= INLINE_MERGE_FUNCTIONS
        };
        let at = self.segments.windows(2).rposition(fits)?;
        Some(self.plan(&self.segments[at..at + 2]))
    }

    fn find(&self, id: SampleId) -> Option<(usize, usize)> {
        self.segments.iter().enumerate().find_map(|(at, entry)| Some((at, entry.samples.find_live(id)?)))
    }
}
