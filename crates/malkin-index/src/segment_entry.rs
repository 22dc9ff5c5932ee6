//! A segment of an index with the table of its samples.

use std::sync::Arc;

use crate::sample::SampleTable;
use crate::segment::Segment;

/// A segment and the table of its samples. The table is copied when it changes while a reader holds it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentEntry {
    pub(crate) segment: Arc<Segment>,
    pub(crate) samples: Arc<SampleTable>,
}

impl SegmentEntry {
    pub(crate) fn live_functions(&self) -> usize {
        self.segment.num_functions() as usize - self.samples.dead_functions()
    }

    /// What makes a entry large: its functions, and at least one so that empty samples gather too.
    pub(crate) fn weight(&self) -> usize {
        self.segment.num_functions() as usize + 1
    }
}
