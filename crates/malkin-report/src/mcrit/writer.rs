//! Writing of `.mcrit` files, sample by sample.

use std::io::Write;

use serde_json::Value;

use super::header::{Header, families_to_json};
use super::{McritError, base85, zip};
use crate::entry::{FunctionEntry, SampleEntry};
use crate::wire::{sample_entry_to_json, write_function_entry};

/// A `.mcrit` file being written. Everything but the functions is written at once; the functions of each sample follow in
/// the order of the samples, then [`McritWriter::finish`] closes the file.
#[derive(Debug)]
pub struct McritWriter<W: Write> {
    sink: W,
    is_compressed: bool,
    /// Samples whose functions are still to come, last first.
    awaited: Vec<String>,
    is_first: bool,
    text: Vec<u8>,
}

impl<W: Write> McritWriter<W> {
    /// Begins a file. Whether functions are packed is up to `header.content.is_compressed`.
    pub fn new(mut sink: W, header: &Header, samples: &[SampleEntry]) -> Result<Self, McritError> {
        write!(sink, "{{\"content\":{}", header.content.to_json())?;
        write!(sink, ",\"config\":{}", header.config.to_json())?;
        write!(sink, ",\"family_mapping\":{}", families_to_json(&header.family_mapping))?;
        sink.write_all(b",\"sample_entries\":{")?;
        for (at, sample) in samples.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(sink, "{comma}{}:{}", Value::from(sample.sha256.as_str()), sample_entry_to_json(sample))?;
        }
        sink.write_all(b"},\"function_entries\":{")?;
        let awaited = samples.iter().rev().map(|sample| sample.sha256.clone()).collect();
        Ok(Self {
            sink,
            is_compressed: header.content.is_compressed,
            awaited,
            is_first: true,
            text: Vec::new(),
        })
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
        self.text.clear();
        self.text.push(b'{');
        for (entry, xcfg) in functions {
            if self.text.len() > 1 {
                self.text.push(b',');
            }
            self.text.extend_from_slice(format!("\"{}\":", entry.function_id).as_bytes());
            write_function_entry(entry, xcfg, &mut self.text);
        }
        self.text.push(b'}');
        let comma = if std::mem::take(&mut self.is_first) { "" } else { "," };
        write!(self.sink, "{comma}{}:", Value::from(sample))?;
        if self.is_compressed {
            let archive = zip::pack("content", &self.text);
            let archive = archive.ok_or(McritError::Limit("the functions of one sample exceed 4 GiB"))?;
            write!(self.sink, "\"{}\"", base85::encode(&archive))?;
        } else {
            self.sink.write_all(&self.text)?;
        }
        Ok(())
    }

    /// Closes the file and hands the sink back.
    pub fn finish(mut self) -> Result<W, McritError> {
        if let Some(sample) = self.awaited.last() {
            return Err(McritError::Missing(format!("function_entries.{sample}")));
        }
        self.sink.write_all(b"}}")?;
        self.sink.flush()?;
        Ok(self.sink)
    }
}
