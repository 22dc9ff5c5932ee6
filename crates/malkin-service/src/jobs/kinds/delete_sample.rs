//! Deletes a sample. The result says whether there was one.

use malkin_report::SampleId;
use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;

/// Deletes a sample.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteSample(pub SampleId);

impl Kind for DeleteSample {
    const METHOD: &'static str = "deleteSample";

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
        Ok(corpus.delete_sample(self.0)?.to_string().into_bytes())
    }
}
