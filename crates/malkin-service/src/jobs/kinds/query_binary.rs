//! An executable against everything, without storing it.

use malkin_loader::LoadOptions;
use malkin_store::{Lane, StoreError};
use serde_json::Value;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane::{self, SHORT_BINARY};
use crate::jobs::query;
use crate::jobs::running::JobControl;
use crate::matching::MatchArguments;

/// Disassembles the executable that is the file of the job and compares it.
#[derive(Clone, PartialEq, Debug)]
pub struct QueryBinary(pub MatchArguments);

impl Kind for QueryBinary {
    const METHOD: &'static str = "getMatchesForUnmappedBinary";
    const HAS_COMPACT_FORM: bool = true;

    fn parameters(&self) -> Parameters {
        Parameters::named(self.0.named()).then([Value::Null])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self(MatchArguments::read(parameters.object())))
    }

    fn lane(&self, _corpus: &Corpus, file_bytes: usize) -> Result<Lane, StoreError> {
        lane::of_comparison(&self.0, || Ok(lane::short_if(file_bytes <= SHORT_BINARY)))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let (report, _memory) = query::disassembled(corpus, "", LoadOptions::file(), job)?;
        query::report(corpus, report, &self.0, job)
    }
}
