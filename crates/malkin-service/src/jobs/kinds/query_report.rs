//! A report against everything, without storing it.

use malkin_store::{Lane, StoreError};
use serde_json::Value;

use crate::corpus::Corpus;
use crate::corpus::ingest::read_report;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane::{self, SHORT_REPORT};
use crate::jobs::query;
use crate::jobs::running::JobControl;
use crate::matching::MatchArguments;

/// Compares the report that is the file of the job.
#[derive(Clone, PartialEq, Debug)]
pub struct QueryReport(pub MatchArguments);

impl Kind for QueryReport {
    const METHOD: &'static str = "getMatchesForSmdaReport";
    const HAS_COMPACT_FORM: bool = true;

    fn parameters(&self) -> Parameters {
        Parameters::named(self.0.named()).then([Value::Null])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self(MatchArguments::read(parameters.object())))
    }

    fn lane(&self, _corpus: &Corpus, file_bytes: usize) -> Result<Lane, StoreError> {
        lane::of_comparison(&self.0, || Ok(lane::short_if(file_bytes <= SHORT_REPORT)))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let report = read_report(&job.file("the uploaded report is gone")?)?;
        query::report(corpus, report, &self.0, job)
    }
}
