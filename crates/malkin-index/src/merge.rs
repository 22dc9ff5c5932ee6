//! Merging segments, in three steps so that the expensive one can run elsewhere: the writer plans, anyone runs the plan, the
//! writer installs the outcome. Changes made in between are carried over.

use std::sync::Arc;

use crate::error::IndexError;
use crate::index::{Index, Part};
use crate::sample::SampleTable;
use crate::segment::{Segment, combine};

/// Segments to be merged. Holds what it needs; the index may change meanwhile.
#[derive(Debug)]
pub struct MergePlan {
    pub(crate) parts: Vec<Part>,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) signature_len: usize,
    pub(crate) num_bands: usize,
}

/// The outcome of a [`MergePlan`], to be handed to [`Index::install`].
#[derive(Debug)]
pub struct Merged {
    sources: Vec<Arc<Segment>>,
    segment: Segment,
    table: SampleTable,
}

impl MergePlan {
    /// Functions the merged segment will hold at most: the work ahead.
    pub fn num_functions(&self) -> usize {
        self.parts.iter().map(|part| part.segment.num_functions() as usize).sum()
    }

    /// Whether any of the segments is a stored one.
    pub fn is_stored(&self) -> bool {
        self.parts.iter().any(|part| part.segment.label() != 0)
    }

    /// Merges. Takes time in proportion to [`MergePlan::num_functions`] and touches the index not at all.
    pub fn run(self) -> Result<Merged, IndexError> {
        let inputs: Vec<_> = self.parts.iter().map(|part| (&*part.segment, &*part.samples)).collect();
        let (segment, table) = combine(&inputs, self.fingerprint, self.signature_len, self.num_bands)?;
        let sources = self.parts.iter().map(|part| Arc::clone(&part.segment)).collect();
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

    /// Notes where the image was stored: `label` (not 0) names it in [`Index::labels`].
    #[must_use]
    pub fn stored(self, label: u64) -> Self {
        Self { segment: self.segment.labelled(label), ..self }
    }
}

impl Index {
    /// Puts a merged segment in the place of its sources, with removals and changed facts that happened since the plan was
    /// made. False, and nothing happens, if the sources are not there any more (another plan or [`Index::clear`] was first).
    pub fn install(&mut self, merged: Merged) -> bool {
        let is_source = |part: &Part| merged.sources.iter().any(|source| Arc::ptr_eq(source, &part.segment));
        if self.parts.iter().filter(|part| is_source(part)).count() != merged.sources.len() {
            return false;
        }
        let mut table = merged.table;
        for at in 0..table.rows().len() {
            let id = table.rows()[at].id;
            let now = self.parts.iter().filter(|part| is_source(part)).find_map(|part| {
                let row = part.samples.find_live(id)?;
                Some(part.samples.rows()[row].facts)
            });
            match now {
                Some(facts) => table.set_facts(at, facts),
                None => table.remove(at),
            }
        }
        let position = self.parts.iter().position(is_source);
        self.parts.retain(|part| !is_source(part));
        if table.live_samples() > 0 {
            let part = Part { segment: Arc::new(merged.segment), samples: Arc::new(table) };
            self.parts.insert(position.unwrap_or(0).min(self.parts.len()), part);
        }
        true
    }
}
