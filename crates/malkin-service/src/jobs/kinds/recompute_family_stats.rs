//! Counts families. Counters are counted from rows whenever they are asked for: there is never anything to correct.

use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;

/// Counts families.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecomputeFamilyStats;

impl Kind for RecomputeFamilyStats {
    const METHOD: &'static str = "recomputeFamilyStats";

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
        let report = json!({
            "num_families": corpus.counts()?.families,
            "num_families_corrected": 0,
            "num_families_created": 0,
            "corrections": {},
        });
        Ok(report.to_string().into_bytes())
    }
}
