//! Importing `.mcrit` files (`docs/reference/mcrit-api.md` 12): numbers are assigned again, families go by name, hashes are kept as the
//! file states them. One side reads, checks, takes apart and compresses, the other stores, each on a thread.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use malkin_report::{FamilyId, FunctionLabel, SampleEntry};
use malkin_store::{Added, NewFunction, NewSample, PackedDisassembly, Page, StoreError};
use malkin_wire::columns::Xcfg;
use malkin_wire::mcrit::zip::ArchiveError;
use malkin_wire::mcrit::{Config, McritError, McritReader, ReadBuffers};
use malkin_wire::{DisassembledFunction, ReadErrorKind};

use super::Corpus;
use super::export::config;
use super::ingest::is_timestamp;
use crate::ended::{Budget, note_ended};

/// Author of labels made of function names that came without labels.
const IMPORTER: &str = "mcrit-import";

/// Files of this version and older ones (as text) are not taken.
const REFUSED_VERSION: &str = "0.0.0";

/// Steps between reading and storing. Of samples there is one; the others are small.
const MOST_STEPS: usize = 64;

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

impl ImportError {
    /// Whether a limit of size, depth or number ended the reading.
    fn is_limit(&self) -> bool {
        match self {
            Self::Format(McritError::Limit(_)) => true,
            Self::Format(McritError::Part { error, .. }) => error.kind() == ReadErrorKind::Limit,
            Self::Format(McritError::Archive { error, .. }) => *error == ArchiveError::TooLarge,
            _ => false,
        }
    }
}

fn unusable(sample: &SampleEntry, what: impl std::fmt::Display) -> ImportError {
    ImportError::Unusable(format!("sample {}: {what}", sample.sha256))
}

/// What the reading side passes to the storing side, in the order of the file.
enum Step {
    /// A file that can be taken in: its families, and whether another escaper made its hashes.
    Begin(Vec<String>, bool),
    /// A sample that was known before.
    Known(u64),
    /// A sample that was not, and how many functions its record counts.
    New(Box<NewSample>, PackedDisassembly, u64),
    /// The end of the file; false if its hashes cannot be compared with those of this corpus.
    End(Result<bool, ImportError>),
}

/// The storing side is gone.
struct Gone;

impl Corpus {
    /// Imports a file, sample by sample. `None` if its hashes were made under another configuration and cannot be compared
    /// with those of this corpus.
    pub fn import<R: Read + Seek + Send>(&self, source: R) -> Result<Option<Imported>, ImportError> {
        let mut outcome = Ok(None);
        self.import_all([|| Ok(source)].into_iter(), |file| outcome = file);
        outcome
    }

    /// Imports files, one after the other, and reports the outcome of each. `sources` opens them.
    ///
    /// While a sample is stored, the next one waits and the one after it is read, from the next file if need be; there are never
    /// more than these three in memory. A file that cannot be taken in to its end does not keep the next one from it.
    pub fn import_all<R, O>(
        &self,
        sources: impl Iterator<Item = O> + Send,
        mut each: impl FnMut(Result<Option<Imported>, ImportError>),
    ) where
        R: Read + Seek,
        O: FnOnce() -> std::io::Result<R>,
    {
        // The file, counted from one, that storing failed in: reading on in it is of no use.
        let failed = &AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let (send, steps) = mpsc::sync_channel(MOST_STEPS);
            let (wait_for_room, make_room) = mpsc::sync_channel(1);
            let reading = scope.spawn(move || {
                let mut buffers = ReadBuffers::default();
                for (file, source) in (1..).zip(sources) {
                    let say = |step| {
                        if matches!(step, Step::New(..)) {
                            wait_for_room.send(()).map_err(|_| Gone)?;
                        }
                        send.send(step).map_err(|_| Gone)?;
                        Ok(failed.load(Ordering::Relaxed) != file)
                    };
                    let outcome = source().map_err(|error| ImportError::from(McritError::from(error)));
                    let end = match outcome.map(|source| self.read_file(source, &mut buffers, &say)) {
                        Ok(Ok(end)) => end,
                        Ok(Err(Gone)) => return,
                        Err(error) => Err(error),
                    };
                    if send.send(Step::End(end)).is_err() {
                        return;
                    }
                }
            });
            let mut imported = Imported::default();
            let mut failure = None;
            let mut file = 1;
            for step in steps {
                if matches!(step, Step::New(..)) {
                    // It was sent before the step; that the other side is gone ends the steps.
                    let _ = make_room.recv();
                }
                match step {
                    Step::End(end) => {
                        file += 1;
                        let (imported, failure) = (std::mem::take(&mut imported), failure.take());
                        let outcome = failure.map_or(end, Err).map(|is_taken| is_taken.then_some(imported));
                        if outcome.as_ref().is_err_and(ImportError::is_limit) {
                            note_ended(Budget::Memory);
                        }
                        each(outcome);
                    }
                    // Some steps may be under way when storing fails; they are passed over.
                    _ if failure.is_some() => {}
                    step => {
                        if let Err(error) = self.store_step(step, &mut imported) {
                            failed.store(file, Ordering::Relaxed);
                            failure = Some(ImportError::Store(error));
                        }
                    }
                }
            }
            // A panic of the other side is one of this side.
            if let Err(panic) = reading.join() {
                std::panic::resume_unwind(panic);
            }
        });
    }

    /// Reads a file and passes on what is in it; returns whether it can be imported, or why not to its end. `say` returns whether more
    /// is wanted.
    fn read_file<R: Read + Seek>(
        &self,
        source: R,
        buffers: &mut ReadBuffers,
        say: &impl Fn(Step) -> Result<bool, Gone>,
    ) -> Result<Result<bool, ImportError>, Gone> {
        let mut reader = match McritReader::open_with(source, std::mem::take(buffers)) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error.into())),
        };
        let ours = config(self);
        let theirs = &reader.header().config;
        let is_alike = theirs.shingler == ours.shingler && theirs.minhash == ours.minhash;
        if theirs.version.as_str() <= REFUSED_VERSION || !is_alike {
            return Ok(Ok(false));
        }
        let names = match family_names(&reader) {
            Ok(names) => names,
            Err(error) => return Ok(Err(error)),
        };
        let families = reader.header().family_mapping.iter().map(|(_, name)| name.clone()).collect();
        let mut is_wanted = say(Step::Begin(families, is_mismatch(&ours, theirs)))?;
        while is_wanted {
            match self.next_step(&mut reader, &names) {
                Ok(Some(step)) => is_wanted = say(step)?,
                Ok(None) => break,
                Err(error) => return Ok(Err(error)),
            }
        }
        *buffers = reader.into_buffers();
        Ok(Ok(true))
    }

    fn next_step<R: Read + Seek>(
        &self,
        reader: &mut McritReader<R>,
        names: &HashMap<FamilyId, String>,
    ) -> Result<Option<Step>, ImportError> {
        let Some(sample) = reader.next_entry() else { return Ok(None) };
        let counted = sample.statistics.num_functions;
        if self.store().sample_by_sha256(&sample.sha256)?.is_some() {
            reader.skip_sample();
            return Ok(Some(Step::Known(counted)));
        }
        let Some((entry, functions)) = reader.next_disassembled()? else { return Ok(None) };
        let functions = functions.map_err(|error| unusable(&entry, error))?;
        let labels = functions.iter().flat_map(|function| &function.entry.function_labels);
        if let Some(label) = labels.clone().find(|label| !is_label_time(&label.timestamp)) {
            let text = format!("label time {:?} is not of the form YYYY-MM-DDTHH:MM:SS", label.timestamp);
            return Err(unusable(&entry, text));
        }
        let now = self.now().to_utc_text();
        let functions: Result<Vec<NewFunction>, String> =
            functions.into_iter().map(|function| self.imported_function(function, &now)).collect();
        let mut sample =
            imported_sample(entry.clone(), names, functions.map_err(|what| unusable(&entry, what))?)?;
        let packed = self.store().pack_disassembly(&sample.functions)?;
        for function in &mut sample.functions {
            function.xcfg = Xcfg::default();
        }
        Ok(Some(Step::New(Box::new(sample), packed, counted)))
    }

    fn store_step(&self, step: Step, imported: &mut Imported) -> Result<(), StoreError> {
        match step {
            Step::Begin(families, escaper_mismatch) => {
                imported.escaper_mismatch = escaper_mismatch;
                return self.import_families(&families, imported);
            }
            Step::Known(functions) => {
                imported.samples_skipped += 1;
                imported.functions_skipped += functions;
            }
            Step::New(sample, disassembly, counted) => {
                let add = || self.store().add_packed_sample(&sample, disassembly, self.now());
                match self.index().add(self.store(), &sample, add)? {
                    Added::New { .. } => {
                        imported.samples += 1;
                        imported.functions += sample.functions.len() as u64;
                    }
                    Added::Known(_) => {
                        imported.samples_skipped += 1;
                        imported.functions_skipped += counted;
                    }
                }
            }
            Step::End(_) => {}
        }
        Ok(())
    }

    fn import_families(&self, families: &[String], imported: &mut Imported) -> Result<(), StoreError> {
        let known = self.store().families(Page::default())?;
        let mut known: HashSet<String> = known.into_iter().map(|family| family.family_name).collect();
        for name in families {
            if known.insert(name.clone()) {
                self.store().family_named(name, self.now())?;
                imported.families += 1;
            } else {
                imported.families_skipped += 1;
            }
        }
        Ok(())
    }

    fn imported_function(&self, function: DisassembledFunction, now: &str) -> Result<NewFunction, String> {
        let DisassembledFunction { entry, xcfg } = function;
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
                timestamp: now.to_owned(),
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
            xcfg,
            labels,
        })
    }
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
        // The file does not state which escaper made its signatures; they count as stale until they are repaired.
        minhash_version: String::new(),
        statistics: entry.statistics,
        timestamp: entry.timestamp,
        functions,
    })
}

fn is_label_time(text: &str) -> bool {
    jiff::civil::DateTime::strptime("%Y-%m-%dT%H:%M:%S", text).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use malkin_store::SqliteStore;

    use super::*;
    use crate::clock::Clock;
    use crate::test_corpus::sample;

    fn corpus() -> Corpus {
        let store = Arc::new(SqliteStore::open_in_memory().unwrap());
        Corpus::open(None, store, Arc::new(Clock::System), crate::DEFAULT_MATCH_TIME).unwrap()
    }

    /// A file with samples of five functions, each of a family of its own.
    fn file(seeds: &[u64]) -> Vec<u8> {
        let corpus = corpus();
        for seed in seeds {
            corpus.add(&sample("a", &format!("family {seed}"), *seed, 5)).unwrap();
        }
        let mut file = Vec::new();
        corpus.write_export(&corpus.export(None, seeds.len().is_multiple_of(2)).unwrap(), &mut file).unwrap();
        file
    }

    #[test]
    fn limits_are_known_from_damage() {
        let archive = |error| ImportError::Format(McritError::Archive { sample: String::new(), error });
        assert!(ImportError::Format(McritError::Limit("too many")).is_limit());
        assert!(archive(ArchiveError::TooLarge).is_limit() && !archive(ArchiveError::Damaged).is_limit());
        assert!(!ImportError::Unusable(String::new()).is_limit());
    }

    #[test]
    fn every_file_has_an_outcome_even_if_the_one_before_failed() {
        let stated = String::from_utf8(file(&[4, 5, 6])).unwrap();
        let (before, behind) = stated.rsplit_once("2026-01-02T03-04-05").unwrap();
        let damaged_at_its_end = format!("{before}yesterday{behind}").into_bytes();
        let foreign = stated.replacen("\"shingler\":\"", "\"shingler\":\"0", 1).into_bytes();
        let mut cut = file(&[7]);
        cut.truncate(cut.len() - 9);
        let files = [
            Ok(file(&[1, 2])),
            Err(std::io::Error::other("no such disk")),
            Ok(file(&[2, 3])),
            Ok(damaged_at_its_end),
            Ok(foreign),
            Ok(cut),
            Ok(file(&[4])),
        ];
        let corpus = corpus();
        let mut outcomes = Vec::new();
        corpus.import_all(files.into_iter().map(|file| move || file.map(Cursor::new)), |outcome| {
            outcomes.push(outcome);
        });
        let outcomes: Vec<String> = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Ok(None) => "foreign".to_owned(),
                Ok(Some(Imported {
                    samples,
                    samples_skipped,
                    functions,
                    functions_skipped,
                    families,
                    ..
                })) => {
                    format!(
                        "{samples} {functions} {families} new, {samples_skipped} {functions_skipped} known"
                    )
                }
                Err(error) => error.to_string(),
            })
            .collect();
        assert_eq!(outcomes[0], "2 10 2 new, 0 0 known");
        assert!(outcomes[1].contains("no such disk"), "{}", outcomes[1]);
        assert_eq!(outcomes[2], "1 5 1 new, 1 5 known");
        assert!(outcomes[3].contains("yesterday"), "{}", outcomes[3]);
        assert_eq!(outcomes[4], "foreign");
        assert!(outcomes[5].contains("ends"), "{}", outcomes[5]);
        assert_eq!(outcomes[6], "0 0 0 new, 1 5 known", "what came before a damage stays");
        assert_eq!(outcomes.len(), 7);
        assert_eq!(corpus.counts().unwrap().samples, 5);
    }

    #[test]
    fn disassembly_is_kept_as_stated() {
        let text = r#"{"offset": 16, "blocks": {"16": [[16, "c3", "ret", " "]]}, "apirefs": {}, "blockrefs": {}, "inrefs": [],
            "outrefs": {}, "metadata": {"binweight": 1, "characteristics": null, "confidence": 0.50, "function_name": "a b",
            "pic_hash": 1, "strongly_connected_components": [], "tfidf": 0}}"#;
        let kept = String::from_utf8(Xcfg::from_json(text).unwrap().to_text()).unwrap();
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
