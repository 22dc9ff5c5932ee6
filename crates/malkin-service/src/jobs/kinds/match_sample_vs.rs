//! One stored sample against another.

use malkin_report::SampleId;
use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane;
use crate::jobs::running::JobControl;
use crate::matching::{self, MatchArguments};

/// Compares a stored sample (first) with another (second).
#[derive(Clone, PartialEq, Debug)]
pub struct MatchSampleVs(pub SampleId, pub SampleId, pub MatchArguments);

impl Kind for MatchSampleVs {
    const METHOD: &'static str = "getMatchesForSampleVs";
    const HAS_COMPACT_FORM: bool = true;

    fn parameters(&self) -> Parameters {
        Parameters::named(self.2.named()).then([json!(self.0.get()), json!(self.1.get())])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        let arguments = MatchArguments::read(parameters.object());
        Some(Self(parameters.sample("0")?, parameters.sample("1")?, arguments))
    }

    fn lane(&self, corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        lane::of_comparison(&self.2, || lane::by_functions(corpus, &[self.0, self.1]))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        matching::sample_vs(corpus, self.0, self.1, &self.2, &mut job.reporting())
    }
}
