//! Builds the index again from the store.

use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;

/// Builds the index again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RebuildIndex;

impl Kind for RebuildIndex {
    const METHOD: &'static str = "rebuildIndex";

    fn parameters(&self) -> Parameters {
        Parameters::default()
    }

    fn read(_parameters: &Parameters) -> Option<Self> {
        Some(Self)
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Long)
    }

    fn run(&self, corpus: &Corpus, _job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let indexed = corpus.rebuild_index()?;
        Ok(json!({"minhash_functions_indexed": indexed}).to_string().into_bytes())
    }
}
