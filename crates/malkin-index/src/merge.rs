//! Merging segments, in three steps so that the expensive one can run elsewhere: the writer plans, anyone runs the plan, the
//! writer installs the outcome. Changes made in between are carried over.

use std::sync::Arc;

use crate::error::IndexError;
use crate::sample::SampleTable;
use crate::segment::{Segment, combine};
use crate::segment_entry::SegmentEntry;

/// Segments to be merged. Holds what it needs; the index may change meanwhile.
#[derive(Debug)]
pub struct MergePlan {
    pub(crate) segments: Vec<SegmentEntry>,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) signature_len: usize,
    pub(crate) num_bands: usize,
}

/// The outcome of a [`MergePlan`], to be handed to [`crate::IndexWriter::commit_merge`].
#[derive(Debug)]
pub struct Merged {
    pub(crate) sources: Vec<Arc<Segment>>,
    pub(crate) segment: Segment,
    pub(crate) table: SampleTable,
}

impl MergePlan {
    /// Functions the merged segment will hold at most: the work ahead.
    pub fn num_functions(&self) -> usize {
        self.segments.iter().map(|entry| entry.segment.num_functions() as usize).sum()
    }

    /// Whether any of the segments is a stored one.
    pub fn is_stored(&self) -> bool {
        self.segments.iter().any(|entry| entry.segment.label() != 0)
    }

    /// Merges. Takes time in proportion to [`MergePlan::num_functions`] and touches the index not at all.
    pub fn run(self) -> Result<Merged, IndexError> {
        let inputs: Vec<_> = self.segments.iter().map(|entry| (&*entry.segment, &*entry.samples)).collect();
        let (segment, table) = combine(&inputs, self.fingerprint, self.signature_len, self.num_bands)?;
        let sources = self.segments.iter().map(|entry| Arc::clone(&entry.segment)).collect();
        Ok(Merged { sources, segment, table })
    }
}

impl Merged {
    /// Functions of the merged segment.
    pub fn num_functions(&self) -> usize {
        self.segment.num_functions() as usize
    }

    /// The bytes to write to a file. They depend on what the segment holds alone.
    pub fn image(&self) -> &[u8] {
        self.segment.image().bytes()
    }

    /// Notes where the image was stored: `label` (not 0) names it in [`crate::IndexWriter::labels`].
    #[must_use]
    pub fn stored(self, label: u64) -> Self {
        Self { segment: self.segment.labelled(label), ..self }
    }
}
