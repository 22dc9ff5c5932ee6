//! A memory dump mapped at an address against everything, without storing it.

use malkin_loader::LoadOptions;
use malkin_store::{Lane, StoreError};
use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane::{self, SHORT_BINARY};
use crate::jobs::query;
use crate::jobs::running::JobControl;
use crate::matching::MatchArguments;

/// Disassembles the dump that is the file of the job, mapped at an address, and compares it.
#[derive(Clone, PartialEq, Debug)]
pub struct QueryMapped(pub u64, pub MatchArguments);

impl Kind for QueryMapped {
    const METHOD: &'static str = "getMatchesForMappedBinary";
    const HAS_COMPACT_FORM: bool = true;

    fn parameters(&self) -> Parameters {
        Parameters::named(self.1.named()).then([Value::Null, json!(self.0)])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self(parameters.get("1")?.as_u64()?, MatchArguments::read(parameters.object())))
    }

    fn lane(&self, _corpus: &Corpus, file_bytes: usize) -> Result<Lane, StoreError> {
        lane::of_comparison(&self.1, || Ok(lane::short_if(file_bytes <= SHORT_BINARY)))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let (report, _memory) = query::disassembled(corpus, "", LoadOptions::buffer(self.0, None), job)?;
        query::report(corpus, report, &self.1, job)
    }
}
