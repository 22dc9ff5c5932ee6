//! Changes a sample. The result says whether there was one.

use malkin_report::SampleId;
use malkin_store::{Lane, StoreError};
use serde_json::json;

use super::changes::Changes;
use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;

/// Changes a sample.
#[derive(Clone, PartialEq, Debug)]
pub struct ModifySample(pub SampleId, pub Changes);

impl Kind for ModifySample {
    const METHOD: &'static str = "modifySample";

    fn parameters(&self) -> Parameters {
        Parameters::positional([json!(self.0.get()), self.1.to_value()])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        Some(Self(parameters.sample("0")?, Changes::read(parameters, "1")?))
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Short)
    }

    fn run(&self, corpus: &Corpus, _job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        Ok(corpus.modify_sample(self.0, &self.1.of_sample())?.to_string().into_bytes())
    }
}
