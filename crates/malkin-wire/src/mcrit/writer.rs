//! Writing of `.mcrit` files, sample by sample.

use std::io::Write;

use serde_json::Value;

use super::header::{Header, families_to_json};
use super::{McritError, base85, zip};
use crate::{sample_entry_to_json, write_function_entry};
use malkin_report::entry::{FunctionEntry, SampleEntry};

/// A `.mcrit` file being written: its header, the samples, then the functions of each sample in the order of the samples.
/// [`McritWriter::finish`] closes the file.
#[derive(Debug)]
pub struct McritWriter<W: Write> {
    sink: W,
    is_compressed: bool,
    /// Samples handed to [`McritWriter::new`] whose functions are still to come, last first.
    awaited: Vec<String>,
    /// Samples written, and how many of them have got functions.
    samples: (u64, u64),
    has_functions: bool,
    /// Functions of a sample that are packed together, or the function at hand.
    text: Vec<u8>,
}

impl<W: Write> McritWriter<W> {
    /// Begins a file with all of its samples. [`McritWriter::functions`] follows for each of them.
    pub fn new(sink: W, header: &Header, samples: &[SampleEntry]) -> Result<Self, McritError> {
        let mut writer = Self::begin(sink, header)?;
        for sample in samples {
            writer.sample(sample)?;
        }
        writer.awaited = samples.iter().rev().map(|sample| sample.sha256.clone()).collect();
        Ok(writer)
    }

    /// Begins a file whose samples follow one by one. Whether functions are packed is up to `header.content.is_compressed`.
    pub fn begin(mut sink: W, header: &Header) -> Result<Self, McritError> {
        write!(sink, "{{\"content\":{}", header.content.to_json())?;
        write!(sink, ",\"config\":{}", header.config.to_json())?;
        write!(sink, ",\"family_mapping\":{}", families_to_json(&header.family_mapping))?;
        sink.write_all(b",\"sample_entries\":{")?;
        Ok(Self {
            sink,
            is_compressed: header.content.is_compressed,
            awaited: Vec::new(),
            samples: (0, 0),
            has_functions: false,
            text: Vec::new(),
        })
    }

    /// The sink, so that what was written can be taken out of it.
    pub fn sink_mut(&mut self) -> &mut W {
        &mut self.sink
    }

    /// Writes the record of the next sample. All samples come before the first function.
    pub fn sample(&mut self, sample: &SampleEntry) -> Result<(), McritError> {
        let comma = if self.samples.0 == 0 { "" } else { "," };
        self.samples.0 += 1;
        let name = Value::from(sample.sha256.as_str());
        Ok(write!(self.sink, "{comma}{name}:{}", sample_entry_to_json(sample))?)
    }

    /// Writes the functions of the next sample with their disassembly as JSON text (`None` for `null`).
    pub fn functions<'f>(
        &mut self,
        functions: impl IntoIterator<Item = (&'f FunctionEntry, Option<&'f [u8]>)>,
    ) -> Result<(), McritError> {
        let sample = self
            .awaited
            .pop()
            .ok_or_else(|| McritError::Missing("a sample for these functions".to_owned()))?;
        self.begin_functions(&sample)?;
        for (entry, xcfg) in functions {
            self.function(entry, xcfg)?;
        }
        self.end_functions()
    }

    /// Begins the functions of the next sample, named by its SHA-256.
    pub fn begin_functions(&mut self, sha256: &str) -> Result<(), McritError> {
        // The object of samples is closed by the first functions: until then another sample may come.
        let comma = if self.samples.1 == 0 { "},\"function_entries\":{" } else { "," };
        self.samples.1 += 1;
        self.has_functions = false;
        self.text.clear();
        write!(self.sink, "{comma}{}:", Value::from(sha256))?;
        if !self.is_compressed {
            self.sink.write_all(b"{")?;
        }
        Ok(())
    }

    /// Writes a function of that sample with its disassembly.
    pub fn function(&mut self, entry: &FunctionEntry, xcfg: Option<&[u8]>) -> Result<(), McritError> {
        let comma = if std::mem::replace(&mut self.has_functions, true) {
            ","
        } else if self.is_compressed {
            "{"
        } else {
            ""
        };
        self.text.extend_from_slice(format!("{comma}\"{}\":", entry.function_id).as_bytes());
        write_function_entry(entry, xcfg, &mut self.text);
        if !self.is_compressed {
            self.sink.write_all(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    /// Ends the functions of that sample.
    pub fn end_functions(&mut self) -> Result<(), McritError> {
        if !self.is_compressed {
            return Ok(self.sink.write_all(b"}")?);
        }
        let mut text = std::mem::take(&mut self.text);
        text.extend_from_slice(if self.has_functions { b"}" } else { b"{}" });
        let archive = zip::pack("content", &text);
        // Text, archive and base85 of a large sample would be in memory at once otherwise.
        drop(text);
        let archive = archive.ok_or(McritError::Limit("the functions of one sample exceed 4 GiB"))?;
        Ok(write!(self.sink, "\"{}\"", base85::encode(&archive))?)
    }

    /// Closes the file and hands the sink back.
    pub fn finish(mut self) -> Result<W, McritError> {
        self.close()?;
        Ok(self.sink)
    }

    /// Closes the file; nothing may be written afterwards.
    pub fn close(&mut self) -> Result<(), McritError> {
        if let Some(sample) = self.awaited.last() {
            return Err(McritError::Missing(format!("function_entries.{sample}")));
        }
        let (samples, with_functions) = self.samples;
        // Every sample has its member in `function_entries`. A file without an end is noticed by each reader, one without functions may
        // not be.
        if samples != with_functions {
            let missing = samples.abs_diff(with_functions);
            return Err(McritError::Missing(format!("functions of {missing} samples")));
        }
        let end: &[u8] = if samples == 0 { b"},\"function_entries\":{}}" } else { b"}}" };
        self.sink.write_all(end)?;
        Ok(self.sink.flush()?)
    }
}
