//! Disassembles an executable or memory dump that comes without report, and stores it as a sample.

use malkin_loader::LoadOptions;
use malkin_store::{Added, Lane, StoreError};
use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::corpus::ingest::ingest;
use crate::error::JobError;
use crate::jobs::kind::{Kind, Parameters};
use crate::jobs::lane::{self, SHORT_BINARY};
use crate::jobs::query;
use crate::jobs::running::JobControl;

/// Stores the executable that is the file of the job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddBinary(pub BinaryArguments);

impl Kind for AddBinary {
    const METHOD: &'static str = "addBinarySample";

    fn parameters(&self) -> Parameters {
        Parameters::positional(self.0.positional())
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        BinaryArguments::read(parameters).map(Self)
    }

    fn lane(&self, _corpus: &Corpus, file_bytes: usize) -> Result<Lane, StoreError> {
        Ok(lane::short_if(file_bytes <= SHORT_BINARY))
    }

    fn run(&self, corpus: &Corpus, job: &JobControl<'_>) -> Result<Vec<u8>, JobError> {
        let arguments = &self.0;
        let filename = arguments.filename.as_deref().unwrap_or_default();
        let (mut report, _memory) = query::disassembled(corpus, filename, arguments.load_options(), job)?;
        report.metadata.family = arguments.family.clone().unwrap_or_default();
        report.metadata.version = arguments.version.clone().unwrap_or_default();
        let mut ingested = ingest(report, corpus.hasher())?;
        // Labels are names that people gave to functions; names in an executable are its own (MCRIT keeps them apart likewise).
        ingested.labels.clear();
        let (Added::New { sample, .. } | Added::Known(sample)) = corpus.add_ingested(&ingested, "")?;
        corpus.store().keep_upload(job.upload("the uploaded binary is gone")?)?;
        Ok(json!({"sample_info": malkin_wire::sample_entry_to_json(&sample)}).to_string().into_bytes())
    }
}

/// Description of an executable or memory dump that comes without report. What the client did not say stays unsaid: the
/// job shows it as null.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BinaryArguments {
    /// Name of the file, as the client gave it.
    pub filename: Option<String>,
    /// Family the sample belongs to.
    pub family: Option<String>,
    /// Version of the family.
    pub version: Option<String>,
    /// A memory dump or raw code, mapped already.
    pub is_dump: bool,
    /// Where a dump is mapped.
    pub base_addr: u64,
    /// Bitness of a dump, 32 or 64.
    pub bitness: u32,
}

impl BinaryArguments {
    /// How the input is to be mapped: executables say so themselves, of dumps it was said.
    pub fn load_options(&self) -> LoadOptions {
        if self.is_dump {
            LoadOptions::buffer(self.base_addr, Some(self.bitness))
        } else {
            LoadOptions::file()
        }
    }

    fn positional(&self) -> Vec<Value> {
        let Self { filename, family, version, is_dump, base_addr, bitness } = self;
        vec![
            Value::Null,
            json!(filename),
            json!(family),
            json!(version),
            json!(is_dump),
            json!(base_addr),
            json!(bitness),
        ]
    }

    fn read(parameters: &Parameters) -> Option<Self> {
        let text = |position: &str| parameters.get(position).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            filename: text("1"),
            family: text("2"),
            version: text("3"),
            is_dump: parameters.get("4")?.as_bool()?,
            base_addr: parameters.get("5")?.as_u64()?,
            bitness: u32::try_from(parameters.get("6")?.as_u64()?).ok()?,
        })
    }
}
