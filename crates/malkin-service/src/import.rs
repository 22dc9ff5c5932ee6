//! Taking in `.mcrit` files (`mcrit-api.md` 12): numbers are given out anew, families go by name, hashes are kept as the
//! file states them.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use malkin_report::mcrit::{Config, McritError, McritReader, SampleRecord};
use malkin_report::wire::FunctionRecord;
use malkin_report::wire::columns::Xcfg;
use malkin_report::{FamilyId, FunctionLabel, SampleEntry};
use malkin_store::{Added, NewFunction, NewSample, Page, StoreError, Timestamp};
use rayon::prelude::*;

use crate::engine::Engine;
use crate::export::config;
use crate::ingest::is_timestamp;

/// Author of labels made of function names that came without labels.
const IMPORTER: &str = "mcrit-import";

/// Files of this version and older ones (as text) are not taken.
const REFUSED_VERSION: &str = "0.0.0";

/// What became of the parts of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Samples that are new.
    pub samples: u64,
    /// Samples that were known by their SHA-256.
    pub samples_skipped: u64,
    /// Functions of new samples.
    pub functions: u64,
    /// Functions of known samples.
    pub functions_skipped: u64,
    /// Families that were created.
    pub families: u64,
    /// Families that were known by their name.
    pub families_skipped: u64,
    /// Whether another escaper made the hashes.
    pub escaper_mismatch: bool,
}

/// Why a file was not taken in to its end. What came before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is not a `.mcrit` file, or a damaged one.
    #[error("not a usable .mcrit file: {0}")]
    Format(#[from] McritError),
    /// It says what no server can have exported.
    #[error("not a usable .mcrit file: {0}")]
    Unusable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn unusable(sample: &SampleEntry, what: impl std::fmt::Display) -> ImportError {
    ImportError::Unusable(format!("sample {}: {what}", sample.sha256))
}

impl Engine {
    /// Takes a file in, sample by sample. `None` if its hashes were made under another configuration and cannot be compared
    /// with those of this corpus.
    pub fn import<R: Read + Seek>(&self, source: R) -> Result<Option<Imported>, ImportError> {
        let mut reader = McritReader::open(source)?;
        let ours = config(self);
        let theirs = &reader.header().config;
        let is_alike = theirs.shingler == ours.shingler && theirs.minhash == ours.minhash;
        if theirs.version.as_str() <= REFUSED_VERSION || !is_alike {
            return Ok(None);
        }
        let mut imported = Imported { escaper_mismatch: is_mismatch(&ours, theirs), ..Imported::default() };
        let names = family_names(&reader)?;
        self.import_families(&reader.header().family_mapping, &mut imported)?;
        while let Some(sample) = reader.samples().get(imported_so_far(&imported)) {
            if self.store().sample_by_sha256(&sample.sha256)?.is_some() {
                imported.samples_skipped += 1;
                imported.functions_skipped += sample.statistics.num_functions;
                reader.skip_sample();
                continue;
            }
            let Some(record) = reader.next_sample()? else { break };
            self.import_sample(record, &names, &mut imported)?;
        }
        Ok(Some(imported))
    }

    fn import_families(
        &self,
        families: &[(FamilyId, String)],
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let known = self.store().families(Page::default())?;
        let mut known: HashSet<String> = known.into_iter().map(|family| family.family_name).collect();
        for (_, name) in families {
            if known.insert(name.clone()) {
                self.store().family_named(name, self.now())?;
                imported.families += 1;
            } else {
                imported.families_skipped += 1;
            }
        }
        Ok(())
    }

    fn import_sample(
        &self,
        record: SampleRecord,
        names: &HashMap<FamilyId, String>,
        imported: &mut Imported,
    ) -> Result<(), ImportError> {
        let SampleRecord { sample: entry, functions: records } = record;
        let labels = records.iter().flat_map(|record| &record.entry.function_labels);
        if let Some(label) = labels.clone().find(|label| !is_label_time(&label.timestamp)) {
            let text = format!("label time {:?} is not of the form YYYY-MM-DDTHH:MM:SS", label.timestamp);
            return Err(unusable(&entry, text));
        }
        let now = self.now();
        // Checking the disassembly is most of the work.
        let functions: Result<Vec<NewFunction>, String> =
            records.into_par_iter().map(|record| self.imported_function(record, now)).collect();
        let functions = functions.map_err(|what| unusable(&entry, what))?;
        let sample = imported_sample(entry, names, functions)?;
        let added = self
            .memory()
            .add(self.store(), &sample, || self.store().add_sample(&sample, &[], IMPORTER, now))?;
        match added {
            Added::New { .. } => {
                imported.samples += 1;
                imported.functions += sample.functions.len() as u64;
            }
            Added::Known(_) => {
                imported.samples_skipped += 1;
                imported.functions_skipped += sample.functions.len() as u64;
            }
        }
        Ok(())
    }

    fn imported_function(&self, record: FunctionRecord, now: Timestamp) -> Result<NewFunction, String> {
        let FunctionRecord { entry, xcfg } = record;
        let length = entry.minhash.as_bytes().len();
        let expected = self.hasher().signature_bytes();
        if length != 0 && length != expected {
            return Err(format!(
                "function {} has a signature of {length} bytes, not {expected}",
                entry.offset
            ));
        }
        let mut labels = entry.function_labels;
        if labels.is_empty() && !entry.function_name.is_empty() {
            labels.push(FunctionLabel {
                username: IMPORTER.to_owned(),
                function_label: entry.function_name.clone(),
                timestamp: now.to_utc_text(),
            });
        }
        Ok(NewFunction {
            offset: entry.offset,
            num_blocks: entry.num_blocks,
            num_instructions: entry.num_instructions,
            binweight: entry.binweight,
            function_name: entry.function_name,
            pichash: entry.pichash,
            minhash: entry.minhash,
            picblockhashes: entry.picblockhashes,
            xcfg: xcfg.map(|text| stored_xcfg(text.get())).transpose()?.unwrap_or_default(),
            labels,
        })
    }
}

/// Position of the sample that is next.
fn imported_so_far(imported: &Imported) -> usize {
    usize::try_from(imported.samples + imported.samples_skipped).unwrap_or(usize::MAX)
}

/// Names of families by the numbers of the file. Every sample has to have one.
fn family_names<R: Read + Seek>(reader: &McritReader<R>) -> Result<HashMap<FamilyId, String>, ImportError> {
    let names: HashMap<FamilyId, String> = reader.header().family_mapping.iter().cloned().collect();
    match reader.samples().iter().find(|sample| !names.contains_key(&sample.family_id)) {
        Some(sample) => {
            Err(unusable(sample, format!("its family {} is not in family_mapping", sample.family_id)))
        }
        None => Ok(names),
    }
}

/// Whether an architecture that both know has another fingerprint.
fn is_mismatch(ours: &Config, theirs: &Config) -> bool {
    let theirs = theirs.escaper.iter().flatten();
    let mut ours = ours.escaper.iter().flatten();
    ours.any(|(name, fingerprint)| {
        theirs.clone().any(|(other, theirs)| other == name && theirs != fingerprint)
    })
}

fn imported_sample(
    entry: SampleEntry,
    names: &HashMap<FamilyId, String>,
    functions: Vec<NewFunction>,
) -> Result<NewSample, ImportError> {
    if !is_timestamp(&entry.timestamp) {
        let text = format!("timestamp {:?} is not of the form YYYY-MM-DDTHH-MM-SS", entry.timestamp);
        return Err(unusable(&entry, text));
    }
    Ok(NewSample {
        family: names.get(&entry.family_id).cloned().unwrap_or_default(),
        version: entry.version,
        component: entry.component,
        filename: entry.filename,
        is_library: entry.is_library,
        sha256: entry.sha256,
        architecture: entry.architecture,
        bitness: entry.bitness,
        base_addr: entry.base_addr,
        binary_size: entry.binary_size,
        binweight: entry.binweight,
        smda_version: entry.smda_version,
        // The file does not tell which escaper made its signatures; they count as stale until they are repaired.
        minhash_version: String::new(),
        statistics: entry.statistics,
        timestamp: entry.timestamp,
        functions,
    })
}

/// Disassembly as the store keeps it: as the file states it, without blanks, and empty if it was dropped. It has to be a function,
/// because everything that reads it later relies on that.
fn stored_xcfg(text: &str) -> Result<Xcfg, String> {
    Xcfg::from_json(text).map_err(|error| error.to_string())
}

fn is_label_time(text: &str) -> bool {
    jiff::civil::DateTime::strptime("%Y-%m-%dT%H:%M:%S", text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_disassembly_is_none() {
        assert_eq!(stored_xcfg("{}"), Ok(Xcfg::default()));
        assert_eq!(stored_xcfg(" { } "), Ok(Xcfg::default()));
        assert!(stored_xcfg(r#"{"blocks": 3}"#).is_err());
    }

    #[test]
    fn disassembly_is_kept_as_stated() {
        let text = r#"{"offset": 16, "blocks": {"16": [[16, "c3", "ret", " "]]}, "apirefs": {}, "blockrefs": {}, "inrefs": [],
            "outrefs": {}, "metadata": {"binweight": 1, "characteristics": null, "confidence": 0.50, "function_name": "a b",
            "pic_hash": 1, "strongly_connected_components": [], "tfidf": 0}}"#;
        let kept = String::from_utf8(stored_xcfg(text).unwrap().to_text()).unwrap();
        let compact: serde_json::Value = serde_json::from_str(text).unwrap();
        assert!(kept.contains(r#""blockrefs":{}"#), "no edges are added: {kept}");
        assert!(kept.contains("0.50"), "numbers stay as they were written");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&kept).unwrap(), compact);
    }

    #[test]
    fn only_shared_architectures_can_differ() {
        let config = |pairs: &[(&str, &str)]| Config {
            escaper: Some(pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()),
            ..Config::default()
        };
        let ours = config(&[("intel", "a")]);
        assert!(!is_mismatch(&ours, &config(&[("intel", "a")])));
        assert!(!is_mismatch(&ours, &config(&[("cil", "b")])));
        assert!(!is_mismatch(&ours, &Config::default()));
        assert!(is_mismatch(&ours, &config(&[("cil", "b"), ("intel", "b")])));
    }
}
