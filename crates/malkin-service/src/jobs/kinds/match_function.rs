//! One stored function against everything. MCRIT has no such job.

use malkin_report::FunctionId;
use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane;
use crate::jobs::running::JobControl;
use crate::matching::{self, MatchArguments};

/// Compares a stored function with everything.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchFunction(pub FunctionId, pub MatchArguments);

impl Kind for MatchFunction {
    const METHOD: &'static str = "getMatchesForFunction";

    fn parameters(&self) -> Parameters {
        Parameters::named(self.1.named()).then([json!(self.0.get())])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self(parameters.function("0")?, MatchArguments::read(parameters.object())))
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        lane::of_comparison(&self.1, || Ok(Lane::Short))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        matching::function(corpus, self.0, &self.1, &mut job.reporting())
    }
}
