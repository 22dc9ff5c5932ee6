//! One stored sample against everything.

use malkin_report::SampleId;
use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane;
use crate::jobs::running::JobControl;
use crate::matching::{self, MatchArguments};

/// Compares a stored sample with everything.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchSample(pub SampleId, pub MatchArguments);

impl Kind for MatchSample {
    const METHOD: &'static str = "getMatchesForSample";
    const HAS_COMPACT_FORM: bool = true;

    fn parameters(&self) -> Parameters {
        Parameters::named(self.1.named()).then([json!(self.0.get())])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self(parameters.sample("0")?, MatchArguments::read(parameters.object())))
    }

    fn lane(&self, corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        lane::of_comparison(&self.1, || lane::by_functions(corpus, &[self.0]))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        matching::sample(corpus, self.0, &self.1, &mut job.reporting())
    }
}
