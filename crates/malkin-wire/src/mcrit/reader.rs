//! Reading of `.mcrit` files, sample by sample.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

use serde_json::Value;

use super::header::{Config, Content, Header, families_from_json};
use super::scan::{Scanner, Span};
use super::{McritError, base85, zip};
use crate::limits::{MAX_EXPORT_SAMPLES, MAX_RECORD_BYTES, MAX_SAMPLE_BYTES};
use crate::{DisassembledFunction, FunctionRecord, FunctionsError, ReadError, sample_entry_from_json};
use malkin_report::entry::SampleEntry;

/// A sample with its functions, in the order of the file.
#[derive(Clone, Debug)]
pub struct SampleRecord {
    /// The sample under the numbers of the exporting server.
    pub sample: SampleEntry,
    /// Its functions with their disassembly, hashes as stored.
    pub functions: Vec<FunctionRecord>,
}

/// A `.mcrit` file open for reading. See [`crate::mcrit`] for what it holds in memory.
#[derive(Debug)]
pub struct McritReader<R> {
    source: R,
    /// Where the file begins in the source.
    origin: u64,
    header: Header,
    samples: Vec<SampleEntry>,
    functions: HashMap<String, Span>,
    next: usize,
    buffers: ReadBuffers,
}

/// Memory that reading needs, as much as the largest sample so far. Handed from one reader to the next, it need not be got
/// anew for each file.
#[derive(Clone, Debug, Default)]
pub struct ReadBuffers {
    text: Vec<u8>,
    packed: Vec<u8>,
    json: Vec<u8>,
}

impl<R: Read + Seek> McritReader<R> {
    /// Reads everything but the functions. The file begins where the source stands and reaches to its end.
    ///
    /// The file is well-formed and complete down to the records of samples when this succeeds; faults within the functions
    /// of a sample come up with that sample.
    pub fn open(source: R) -> Result<Self, McritError> {
        Self::open_with(source, ReadBuffers::default())
    }

    /// As [`McritReader::open`], with memory of an earlier reader.
    pub fn open_with(mut source: R, buffers: ReadBuffers) -> Result<Self, McritError> {
        let origin = source.stream_position()?;
        let mut parts = Parts::default();
        let mut scanner = Scanner::new(&mut source);
        // The first pass. Functions are skipped by their brackets, with only their place noted: at the speed of reading, and whether they are
        // sound is seen when they are read.
        scanner.object(|scanner, key| parts.read(scanner, key))?;
        if scanner.peek()?.is_some() {
            return Err(scanner.fault("something follows the object"));
        }
        let missing = |name: &str| McritError::Missing(name.to_owned());
        let header = Header {
            content: parts.content.ok_or_else(|| missing("content"))?,
            config: parts.config.ok_or_else(|| missing("config"))?,
            family_mapping: parts.family_mapping.ok_or_else(|| missing("family_mapping"))?,
        };
        let samples = parts.samples.ok_or_else(|| missing("sample_entries"))?;
        let functions = parts.functions.ok_or_else(|| missing("function_entries"))?;
        if let Some(sample) = samples.iter().find(|sample| !functions.contains_key(&sample.sha256)) {
            return Err(missing(&format!("function_entries.{}", sample.sha256)));
        }
        Ok(Self { source, origin, header, samples, functions, next: 0, buffers })
    }

    /// The memory of this reader, for the next one.
    pub fn into_buffers(self) -> ReadBuffers {
        self.buffers
    }

    /// What the file says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The records of all samples, in the order of the file.
    pub fn samples(&self) -> &[SampleEntry] {
        &self.samples
    }

    /// The record of the next sample; `None` behind the last.
    pub fn next_entry(&self) -> Option<&SampleEntry> {
        self.samples.get(self.next)
    }

    /// The next sample of [`McritReader::samples`] with its functions; `None` behind the last.
    pub fn next_sample(&mut self) -> Result<Option<SampleRecord>, McritError> {
        let Some(sample) = self.samples.get(self.next).cloned() else { return Ok(None) };
        self.next += 1;
        let functions = self.functions_of(&sample.sha256)?;
        Ok(Some(SampleRecord { sample, functions }))
    }

    /// Passes over a sample, for instance because it is known already. Costs nothing.
    pub fn skip_sample(&mut self) {
        self.next = self.next.saturating_add(1).min(self.samples.len());
    }

    /// As [`McritReader::next_sample`], with the disassembly read and taken apart. A fault in the disassembly of a function is
    /// told apart from one of the file.
    #[expect(clippy::type_complexity, reason = "a result within a result, each said above")]
    pub fn next_disassembled(
        &mut self,
    ) -> Result<Option<(SampleEntry, Result<Vec<DisassembledFunction>, ReadError>)>, McritError> {
        let Some(sample) = self.samples.get(self.next).cloned() else { return Ok(None) };
        self.next += 1;
        let read = self.with_text_of(&sample.sha256, crate::read_disassembled_functions)?;
        let functions = match read {
            Ok(functions) => Ok(functions),
            Err(FunctionsError::Disassembly(error)) => Err(error),
            Err(FunctionsError::Records(error)) => {
                return Err(McritError::Part { part: sample.sha256, error });
            }
        };
        Ok(Some((sample, functions)))
    }

    /// The functions of one sample by its sha256.
    pub fn functions_of(&mut self, sha256: &str) -> Result<Vec<FunctionRecord>, McritError> {
        let read = self.with_text_of(sha256, crate::read_function_entries)?;
        read.map_err(|error| McritError::Part { part: sha256.to_owned(), error })
    }

    /// Hands the JSON text of the functions of a sample to `read`.
    fn with_text_of<T>(&mut self, sha256: &str, read: impl FnOnce(&[u8]) -> T) -> Result<T, McritError> {
        let missing = || McritError::Missing(format!("function_entries.{sha256}"));
        let span = *self.functions.get(sha256).ok_or_else(missing)?;
        self.source.seek(SeekFrom::Start(self.origin.saturating_add(span.start)))?;
        let ReadBuffers { text, packed, json } = &mut self.buffers;
        text.clear();
        // The file was that long when it was gone over; `MAX_SAMPLE_BYTES` bounds it.
        text.reserve(usize::try_from(span.length).unwrap_or(0));
        self.source.by_ref().take(span.length).read_to_end(text)?;
        if text.first() != Some(&b'"') {
            return Ok(read(text));
        }
        let archive = |error| McritError::Archive { sample: sha256.to_owned(), error };
        // Digits of base85 need no escapes, so the text between the quotes is the text meant.
        let digits = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        base85::decode_into(digits, packed).ok_or_else(|| archive(zip::ArchiveError::Base85))?;
        zip::unpack_into(packed, "content", json).map_err(archive)?;
        Ok(read(json))
    }
}

/// The parts of a file as they come in.
#[derive(Default)]
struct Parts {
    content: Option<Content>,
    config: Option<Config>,
    family_mapping: Option<Vec<(malkin_report::FamilyId, String)>>,
    samples: Option<Vec<SampleEntry>>,
    functions: Option<HashMap<String, Span>>,
    others: Vec<String>,
}

impl Parts {
    fn read<R: Read>(&mut self, scanner: &mut Scanner<R>, key: String) -> Result<(), McritError> {
        let is_repeated = match key.as_str() {
            "content" => self.content.is_some(),
            "config" => self.config.is_some(),
            "family_mapping" => self.family_mapping.is_some(),
            "sample_entries" => self.samples.is_some(),
            "function_entries" => self.functions.is_some(),
            // Unknown parts are accepted like unknown fields, as many as no file has.
            _ => self.others.contains(&key) || self.others.len() == 64,
        };
        if is_repeated {
            return Err(McritError::Repeated(key));
        }
        let entry = |error| McritError::Entry { part: key.clone(), error };
        match key.as_str() {
            "content" => self.content = Some(Content::from_json(&tree(scanner, &key)?).map_err(entry)?),
            "config" => self.config = Some(Config::from_json(&tree(scanner, &key)?).map_err(entry)?),
            "family_mapping" => {
                self.family_mapping = Some(families_from_json(&tree(scanner, &key)?).map_err(entry)?);
            }
            "sample_entries" => self.samples = Some(samples(scanner)?),
            "function_entries" => self.functions = Some(spans(scanner)?),
            _ => {
                tree(scanner, &key)?;
                self.others.push(key);
            }
        }
        Ok(())
    }
}

/// A part that is small enough to be a tree: everything but the functions.
fn tree<R: Read>(scanner: &mut Scanner<R>, part: &str) -> Result<Value, McritError> {
    let mut text = Vec::new();
    scanner.value(Some(&mut text), MAX_RECORD_BYTES)?;
    crate::read_value(&text).map_err(|error| McritError::Part { part: part.to_owned(), error })
}

fn samples<R: Read>(scanner: &mut Scanner<R>) -> Result<Vec<SampleEntry>, McritError> {
    let mut samples: Vec<SampleEntry> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    scanner.object(|scanner, sha256| {
        if samples.len() == MAX_EXPORT_SAMPLES {
            return Err(McritError::Limit("the file has too many samples"));
        }
        let part = format!("sample_entries.{sha256}");
        let value = tree(scanner, &part)?;
        let mut sample = sample_entry_from_json(&value).map_err(|error| McritError::Entry { part, error })?;
        // The key is what the functions go by.
        sample.sha256.clone_from(&sha256);
        samples.push(sample);
        if seen.insert(sha256.clone()) { Ok(()) } else { Err(McritError::Repeated(sha256)) }
    })?;
    Ok(samples)
}

/// Where the functions of each sample lie. A place is 16 bytes, whatever it holds.
fn spans<R: Read>(scanner: &mut Scanner<R>) -> Result<HashMap<String, Span>, McritError> {
    let mut spans = HashMap::new();
    scanner.object(|scanner, sha256| {
        if spans.len() == MAX_EXPORT_SAMPLES {
            return Err(McritError::Limit("the file has too many samples"));
        }
        let span = scanner.value(None, MAX_SAMPLE_BYTES)?;
        match spans.insert(sha256.clone(), span) {
            None => Ok(()),
            Some(_) => Err(McritError::Repeated(sha256)),
        }
    })?;
    Ok(spans)
}
