//! `.mcrit` files of stored samples (`mcrit-api.md` 12), written sample by sample into whatever sink the caller has.

use std::collections::HashSet;
use std::io::Write;

use malkin_codehash::{ESCAPER_FINGERPRINT, SMDA_VERSION};
use malkin_matching::MatchParameters;
use malkin_report::mcrit::{Config, Content, Header, McritError, McritWriter};
use malkin_report::{FamilyId, FunctionId, SampleEntry, SampleId};
use malkin_store::{FunctionQuery, Page, StoreError};

use crate::MCRIT_VERSION;
use crate::engine::Engine;

/// Functions whose disassembly is read at once.
const CHUNK_FUNCTIONS: usize = 512;

/// The architecture whose escaper the reference vouches for in its files.
pub(crate) const FINGERPRINTED: &str = "intel";

/// What is to be exported: everything but the functions, which are read while the file is written.
#[derive(Clone, Debug)]
pub struct Export {
    header: Header,
    samples: Vec<SampleEntry>,
}

/// Why a file was not written to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sink failed, or a sample does not fit the format.
    #[error(transparent)]
    Format(#[from] McritError),
}

/// What identifies the hashes of this program in files.
pub(crate) fn config(engine: &Engine) -> Config {
    let minhash = engine.hasher().config();
    Config {
        version: MCRIT_VERSION.to_owned(),
        shingler: minhash.shinglers.config_hash(),
        minhash: minhash.config_hash(MatchParameters::default().pichash_size),
        escaper: Some(vec![(FINGERPRINTED.to_owned(), ESCAPER_FINGERPRINT.to_owned())]),
        smda_version: Some(SMDA_VERSION.to_owned()),
    }
}

impl Engine {
    /// Prepares an export of some samples (unknown numbers are passed over) or of all, in ascending order.
    pub fn export(&self, selection: Option<&[SampleId]>, is_compressed: bool) -> Result<Export, StoreError> {
        let store = self.store();
        let samples = match selection {
            None => store.samples(Page::default())?,
            Some(ids) => {
                let mut ids = ids.to_vec();
                ids.sort_unstable();
                ids.dedup();
                store.samples_by_ids(&ids)?
            }
        };
        let ids: Vec<SampleId> = samples.iter().map(|sample| sample.sample_id).collect();
        let num_functions = store.count_functions(&ids)?;
        // In the order in which samples name them: whoever imports the file numbers new families so.
        let mut families: Vec<(FamilyId, String)> = Vec::new();
        let mut named = HashSet::new();
        for sample in samples.iter().filter(|sample| named.insert(sample.family_id)) {
            families.push((sample.family_id, sample.family.clone()));
        }
        let content = Content {
            is_compressed,
            num_families: families.len() as u64,
            num_samples: samples.len() as u64,
            num_functions,
        };
        let header = Header { content, config: config(self), family_mapping: families };
        Ok(Export { header, samples })
    }

    /// Writes the file. Memory is bounded by the functions of the largest sample.
    pub fn write_export(&self, export: &Export, sink: &mut dyn Write) -> Result<(), ExportError> {
        let mut writer = McritWriter::new(sink, &export.header, &export.samples)?;
        for sample in &export.samples {
            let mut functions = self.store().functions(&FunctionQuery::OfSample(sample.sample_id))?;
            // Whoever imports the file numbers its functions in this order.
            functions.sort_unstable_by_key(|function| function.function_id);
            let ids: Vec<FunctionId> = functions.iter().map(|function| function.function_id).collect();
            let mut disassembly = Vec::with_capacity(ids.len());
            for chunk in ids.chunks(CHUNK_FUNCTIONS) {
                disassembly.extend(self.store().disassembly(chunk)?);
            }
            let dropped: &[u8] = b"{}";
            let xcfgs = disassembly.iter().map(|xcfg| Some(xcfg.as_deref().unwrap_or(dropped)));
            writer.functions(functions.iter().zip(xcfgs))?;
        }
        writer.finish()?;
        Ok(())
    }
}
