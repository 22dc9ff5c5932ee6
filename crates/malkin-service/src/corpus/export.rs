//! `.mcrit` files of stored samples (`docs/reference/mcrit-api.md` 12), made piece by piece: between pieces no transaction is open and little is in
//! memory.

use std::collections::HashSet;
use std::io::Write;

use malkin_codehash::{ESCAPER_FINGERPRINT, SMDA_VERSION};
use malkin_matching::MatchParameters;
use malkin_report::{FamilyId, FunctionId, SampleEntry, SampleId};
use malkin_store::{After, FunctionRun, PIECE_RECORDS, StoreError};
use malkin_wire::mcrit::{Config, Content, Header, McritError, McritWriter};

use super::Corpus;
use crate::MCRIT_VERSION;

/// Samples whose records are read at once.
const CHUNK_SAMPLES: usize = 128;
/// Bytes of a piece that is written to a sink at once.
const PIECE: usize = 128 << 10;

/// The architecture whose escaper the reference vouches for in its files.
pub(crate) const FINGERPRINTED: &str = "intel";

/// What is to be exported: numbers of samples, and the counts that the file begins with. All else is read while it is written.
#[derive(Clone, Debug)]
pub struct Export {
    header: Header,
    samples: Vec<SampleId>,
}

/// A file that is being written.
#[derive(Debug)]
pub struct ExportPieces {
    export: Export,
    writer: McritWriter<Vec<u8>>,
    stage: ExportStage,
}

#[derive(Debug)]
enum ExportStage {
    /// The record of this sample comes next.
    Sample(usize),
    /// The functions of this sample.
    Functions(usize),
    /// Those of its functions that are still to come.
    Rest(usize, Vec<FunctionId>),
    Ended,
}

/// Why a file was not written to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file states how many samples and functions it holds, so it cannot be completed without one.
    #[error("sample {0} was deleted while it was exported")]
    Deleted(SampleId),
    /// The sink failed, or a sample does not fit the format.
    #[error(transparent)]
    Format(#[from] McritError),
}

/// What identifies the hashes of this program in files.
pub(crate) fn config(corpus: &Corpus) -> Config {
    let minhash = corpus.hasher().config();
    Config {
        version: MCRIT_VERSION.to_owned(),
        shingler: minhash.shinglers.config_hash(),
        minhash: minhash.config_hash(MatchParameters::default().pichash_size),
        escaper: Some(vec![(FINGERPRINTED.to_owned(), ESCAPER_FINGERPRINT.to_owned())]),
        smda_version: Some(SMDA_VERSION.to_owned()),
    }
}

impl Corpus {
    /// Prepares an export of some samples (unknown numbers are passed over) or of all, in ascending order.
    pub fn export(&self, selection: Option<&[SampleId]>, is_compressed: bool) -> Result<Export, StoreError> {
        let store = self.store();
        let mut ids = Vec::new();
        // In the order in which samples name them: the importer numbers new families so.
        let mut families: Vec<(FamilyId, String)> = Vec::new();
        let mut named = HashSet::new();
        let mut add = |samples: Vec<SampleEntry>| {
            for sample in samples {
                ids.push(sample.sample_id);
                if named.insert(sample.family_id) {
                    families.push((sample.family_id, sample.family));
                }
            }
        };
        match selection {
            None => {
                let mut after = After::default();
                loop {
                    let samples = store.sample_piece(None, after)?;
                    let Some(last) = samples.last() else { break };
                    after.number = Some(last.sample_id.get());
                    add(samples);
                }
            }
            Some(selected) => {
                let mut selected = selected.to_vec();
                selected.sort_unstable();
                selected.dedup();
                for chunk in selected.chunks(CHUNK_SAMPLES) {
                    add(store.samples_by_ids(chunk)?);
                }
            }
        }
        let num_functions = store.count_functions(&ids)?;
        let content = Content {
            is_compressed,
            num_families: families.len() as u64,
            num_samples: ids.len() as u64,
            num_functions,
        };
        let header = Header { content, config: config(self), family_mapping: families };
        Ok(Export { header, samples: ids })
    }

    /// Writes the file. Memory is bounded by the functions of the largest sample when they are packed together, and otherwise by a
    /// piece.
    pub fn write_export(&self, export: &Export, sink: &mut dyn Write) -> Result<(), ExportError> {
        let mut pieces = ExportPieces::new(export.clone())?;
        let mut more = true;
        while more {
            let mut piece = Vec::with_capacity(PIECE);
            while more && piece.len() < PIECE {
                more = pieces.next(self, &mut piece)?;
            }
            sink.write_all(&piece).map_err(McritError::from)?;
        }
        Ok(sink.flush().map_err(McritError::from)?)
    }
}

impl ExportPieces {
    /// Begins to write.
    pub fn new(export: Export) -> Result<Self, ExportError> {
        let writer = McritWriter::begin(Vec::new(), &export.header)?;
        Ok(Self { export, writer, stage: ExportStage::Sample(0) })
    }

    /// Bytes that this value holds between pieces, beyond a few kilobytes: numbers of samples and of the functions of one sample.
    pub fn held(&self) -> usize {
        let numbers = match &self.stage {
            ExportStage::Rest(_, rest) => rest.capacity(),
            _ => 0,
        };
        (numbers + self.export.samples.capacity()) * size_of::<SampleId>()
    }

    /// Appends the next piece; false if it was the last one.
    pub fn next(&mut self, corpus: &Corpus, out: &mut Vec<u8>) -> Result<bool, ExportError> {
        let (store, samples) = (corpus.store(), &self.export.samples);
        let stage = std::mem::replace(&mut self.stage, ExportStage::Ended);
        self.stage = match stage {
            ExportStage::Sample(at) => {
                let end = samples.len().min(at + CHUNK_SAMPLES);
                for id in &samples[at..end] {
                    let sample = store.sample(*id)?.ok_or(ExportError::Deleted(*id))?;
                    self.writer.sample(&sample)?;
                }
                if end < samples.len() { ExportStage::Sample(end) } else { ExportStage::Functions(0) }
            }
            ExportStage::Functions(at) => match samples.get(at) {
                None => {
                    self.writer.close()?;
                    ExportStage::Ended
                }
                Some(id) => {
                    let sample = store.sample(*id)?.ok_or(ExportError::Deleted(*id))?;
                    self.writer.begin_functions(&sample.sha256)?;
                    let mut rest = store.function_numbers(*id)?;
                    // The importer numbers its functions in this order; they are taken from the end.
                    rest.sort_unstable_by(|a, b| b.cmp(a));
                    ExportStage::Rest(at, rest)
                }
            },
            ExportStage::Rest(at, mut rest) => {
                let mut next: Vec<FunctionId> = rest.iter().rev().take(PIECE_RECORDS).copied().collect();
                let piece = store.function_piece(FunctionRun::Each(&next), u64::MAX, true)?;
                next.truncate(usize::try_from(piece.read).unwrap_or(usize::MAX));
                rest.truncate(rest.len() - next.len());
                for (function, xcfg) in &piece.functions {
                    self.writer.function(function, Some(xcfg.as_deref().unwrap_or(b"{}")))?;
                }
                if rest.is_empty() {
                    self.writer.end_functions()?;
                    ExportStage::Functions(at + 1)
                } else {
                    ExportStage::Rest(at, rest)
                }
            }
            ExportStage::Ended => ExportStage::Ended,
        };
        out.append(self.writer.sink_mut());
        Ok(!matches!(self.stage, ExportStage::Ended))
    }
}
