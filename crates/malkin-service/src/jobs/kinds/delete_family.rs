//! Deletes a family, with or without its samples. The result says whether there was one.

use malkin_report::FamilyId;
use malkin_store::{Lane, StoreError};
use serde_json::json;

use crate::corpus::Corpus;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::running::JobControl;

/// Deletes a family.
#[derive(Clone, PartialEq, Debug)]
pub struct DeleteFamily {
    /// The family.
    pub id: FamilyId,
    /// Whether its samples move to the nameless family instead of being deleted.
    pub keep_samples: bool,
}

impl Kind for DeleteFamily {
    const METHOD: &'static str = "deleteFamily";

    fn parameters(&self) -> Parameters {
        Parameters::named([("keep_samples", json!(self.keep_samples))]).then([json!(self.id.get())])
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        let keep_samples = parameters.get("keep_samples")?.as_bool()?;
        Some(Self { id: parameters.family("0")?, keep_samples })
    }

    fn lane(&self, _corpus: &Corpus, _file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(Lane::Long)
    }

    fn run(&self, corpus: &Corpus, _job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        Ok(corpus.delete_family(self.id, self.keep_samples)?.to_string().into_bytes())
    }
}
