//! Whether the index says what the store says.

use malkin_store::{Store, StoreError};

use super::{CorpusIndex, build, damaged};

/// What a comparison of index and store found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexReport {
    /// What was wrong with stored segments when they were opened. Their samples were read from the store instead.
    pub findings: Vec<String>,
    /// Samples in the index.
    pub samples: usize,
    /// Functions in the index.
    pub functions: usize,
    /// Whether the index equals one built from scratch from the store, byte by byte.
    pub equal: bool,
}

impl CorpusIndex {
    /// Compares the index with one built from scratch from the store: both are merged into one segment, whose bytes depend on the
    /// contents alone. Takes the time of a rebuild and memory for three indexes; changes wait meanwhile.
    pub fn verify(&self, store: &dyn Store) -> Result<IndexReport, StoreError> {
        let _changes = self.held.changes.lock();
        let (mut fresh, stats) = {
            let index = self.held.index.read();
            (index.emptied(), index.stats())
        };
        build(&mut fresh, store, None)?;
        let fresh = fresh.canonical().map_err(damaged)?;
        let equal = fresh == self.held.index.read().canonical().map_err(damaged)?;
        let findings = self.held.findings.lock().clone();
        Ok(IndexReport { findings, samples: stats.samples, functions: stats.functions, equal })
    }
}
