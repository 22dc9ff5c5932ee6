//! One stored sample against several others.

use malkin_report::SampleId;
use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters, sample_list};
use crate::jobs::lane;
use crate::jobs::running::JobControl;
use crate::matching::{self, MatchArguments};

/// Compares a stored sample with a group of others.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchSampleVsGroup(pub SampleId, pub Vec<SampleId>, pub MatchArguments);

impl Kind for MatchSampleVsGroup {
    const METHOD: &'static str = "getMatchesForSampleVsGroup";

    fn parameters(&self) -> Parameters {
        Parameters::named(self.2.named()).then([json!(self.0.get()), sample_list(&self.1)])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        let arguments = MatchArguments::read(parameters.object());
        Some(Self(parameters.sample("0")?, parameters.samples("1")?, arguments))
    }

    fn lane(&self, corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        lane::of_comparison(&self.2, || lane::by_functions(corpus, &[&[self.0][..], &self.1].concat()))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        matching::sample_vs_group(corpus, self.0, &self.1, &self.2, &mut job.reporting())
    }
}
