//! Counts the signatures of a sample. They were computed when the sample was added; MCRIT's clients wait for this job before
//! they match.

use malkin_report::SampleId;
use malkin_store::{FunctionQuery, Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;
use crate::jobs::whole_corpus::last_batch;

/// Counts the signatures of a sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateMinHashesForSample(pub SampleId);

impl Kind for UpdateMinHashesForSample {
    const METHOD: &'static str = "updateMinHashesForSample";
    // The sample is stored already: refusing its job would leave it without one.
    const IS_BOUNDED: bool = false;

    fn parameters(&self) -> Parameters {
        Parameters::positional([json!(self.0.get())])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        parameters.sample("0").map(Self)
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Short)
    }

    fn run(&self, corpus: &Corpus, _job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let sample = self.0;
        if corpus.store().sample(sample)?.is_none() {
            return Err(JobError::failed(format!("sample {sample} is gone")));
        }
        let functions = corpus.store().functions(&FunctionQuery::OfSample(sample))?;
        let hashed = functions.iter().filter(|function| !function.minhash.is_empty()).count();
        Ok(last_batch(hashed))
    }
}
