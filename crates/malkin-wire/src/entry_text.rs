//! Records of functions as JSON text, with the disassembly spliced in as it is stored: listings and exports carry
//! thousands of them, so nothing here makes a tree of the disassembly.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::columns::Xcfg;
use super::context::{self, Context, Step};
use super::entry::function_entry_from_json;
use super::error::{ReadError, ReadErrorKind};
use super::fast;
use super::field::{fields, repeated};
use super::text::JsonText;
use super::value::Strict;
use crate::limits::MAX_FUNCTIONS;
use malkin_report::entry::FunctionEntry;

/// A function with its disassembly as text.
#[derive(Clone, Debug)]
pub struct FunctionRecord {
    /// The record.
    pub entry: FunctionEntry,
    /// JSON text of the disassembly as the file states it (`{}` if it was dropped); `None` for `null` or a missing field.
    /// It is well-formed JSON and an object; [`crate::function_from_json`] reads more into it.
    pub xcfg: Option<Box<RawValue>>,
}

/// A function with its disassembly as it is stored.
#[derive(Clone, PartialEq, Debug)]
pub struct DisassembledFunction {
    /// The record.
    pub entry: FunctionEntry,
    /// The disassembly, which was checked; empty if it was dropped.
    pub xcfg: Xcfg,
}

/// Appends the record of a function. `xcfg` is the JSON text of its disassembly and not looked at; without it the field is
/// `null`.
pub fn write_function_entry(entry: &FunctionEntry, xcfg: Option<&[u8]>, out: &mut Vec<u8>) {
    JsonText::compact(out).object(|json| {
        json.key("architecture").text(entry.architecture.as_str());
        json.key("binweight").float(entry.binweight);
        json.key("family_id").signed(entry.family_id.get());
        json.key("function_id").signed(entry.function_id.get());
        json.key("function_name").text(&entry.function_name);
        json.key("function_labels").array(|json| {
            for label in &entry.function_labels {
                json.object(|json| {
                    json.key("function_label").text(&label.function_label);
                    json.key("username").text(&label.username);
                    json.key("timestamp").text(&label.timestamp);
                });
            }
        });
        json.key("matches").object(|_| {});
        json.key("minhash").text(&entry.minhash.to_hex());
        json.key("minhash_shingle_composition").object(|_| {});
        json.key("num_blocks").number(u64::from(entry.num_blocks));
        json.key("num_instructions").number(u64::from(entry.num_instructions));
        json.key("offset").signed(entry.offset.to_signed());
        json.key("pichash").number(entry.pichash.get());
        json.key("picblockhashes").array(|json| {
            for block in &entry.picblockhashes {
                json.object(|json| {
                    json.key("offset").signed(block.offset.to_signed());
                    json.key("length").number(u64::from(block.length));
                    json.key("size").number(u64::from(block.size));
                    json.key("hash").number(block.hash.get());
                });
            }
        });
        json.key("sample_id").signed(entry.sample_id.get());
        json.key("xcfg").optional(xcfg, JsonText::raw);
    });
}

/// Reads the record of a function with its disassembly as text.
pub fn read_function_entry(bytes: &[u8]) -> Result<FunctionRecord, ReadError> {
    let (value, xcfg) = context::read(bytes, |context, json| Record { context }.deserialize(json))?;
    let entry = function_entry_from_json(&value).map_err(|error| {
        ReadError::new(ReadErrorKind::Shape, bytes.len() as u64, String::new(), error.to_string())
    })?;
    Ok(FunctionRecord { entry, xcfg })
}

/// Reads `{function number: record}` in the order stated, as `.mcrit` files have it for each sample.
pub fn read_function_entries(bytes: &[u8]) -> Result<Vec<FunctionRecord>, ReadError> {
    context::read(bytes, |context, json| Records { context }.deserialize(json))
}

/// Why functions with their disassembly cannot be read.
#[derive(Debug)]
pub enum FunctionsError {
    /// The records are wrong.
    Records(ReadError),
    /// The disassembly of one is wrong.
    Disassembly(ReadError),
}

/// As [`read_function_entries`], with the disassembly read as [`crate::function_from_json`] does and taken apart.
pub fn read_disassembled_functions(bytes: &[u8]) -> Result<Vec<DisassembledFunction>, FunctionsError> {
    let text = context::text(bytes).map_err(FunctionsError::Records)?;
    fast::records(text).map_or_else(|| thorough_functions(bytes), Ok)
}

pub(super) fn thorough_functions(bytes: &[u8]) -> Result<Vec<DisassembledFunction>, FunctionsError> {
    let records = read_function_entries(bytes).map_err(FunctionsError::Records)?;
    let with_disassembly = records.into_iter().map(|FunctionRecord { entry, xcfg }| {
        let xcfg = xcfg.map(|text| Xcfg::from_json(text.get())).transpose();
        Ok(DisassembledFunction {
            entry,
            xcfg: xcfg.map_err(FunctionsError::Disassembly)?.unwrap_or_default(),
        })
    });
    with_disassembly.collect()
}

struct Records<'c> {
    context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Records<'_> {
    type Value = Vec<FunctionRecord>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Records<'_> {
    type Value = Vec<FunctionRecord>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of function records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let context = self.context;
        let mut records = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if records.len() == MAX_FUNCTIONS {
                return Err(context.limit(format_args!("more than {MAX_FUNCTIONS} functions")));
            }
            // The account is one of memory that is held at a time, and the tree of the last record has become an entry.
            context.renew_value_nodes();
            let (small, xcfg) =
                context.at(Step::Index(records.len()), || map.next_value_seed(Record { context }))?;
            let entry = function_entry_from_json(&small).map_err(A::Error::custom)?;
            if seen.contains(&key) {
                return Err(repeated(key));
            }
            seen.insert(key);
            records.push(FunctionRecord { entry, xcfg });
        }
        Ok(records)
    }
}

pub(super) const FIELDS: &[&str] = &[
    "architecture",
    "binweight",
    "family_id",
    "function_id",
    "function_labels",
    "function_name",
    "minhash",
    "num_blocks",
    "num_instructions",
    "offset",
    "picblockhashes",
    "pichash",
    "sample_id",
    "xcfg",
];

/// Reads a record into a tree of its small fields and the text of its disassembly.
struct Record<'c> {
    context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = (Value, Option<Box<RawValue>>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = (Value, Option<Box<RawValue>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record of a function")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let context = self.context;
        let mut small = serde_json::Map::new();
        let mut xcfg = None;
        fields(context, FIELDS, &mut map, |name, map| {
            if name == "xcfg" {
                // Borrowed and copied as text: disassembly is nine tenths of a record, and most readers only store it.
                xcfg = object_text(map.next_value::<&RawValue>()?)?;
            } else {
                small.insert(name.to_owned(), map.next_value_seed(Strict { context })?);
            }
            Ok(())
        })?;
        Ok((Value::Object(small), xcfg))
    }
}

fn object_text<E: Error>(raw: &RawValue) -> Result<Option<Box<RawValue>>, E> {
    match raw.get().as_bytes().first() {
        Some(b'{') => Ok(Some(raw.to_owned())),
        Some(b'n') => Ok(None),
        _ => Err(E::custom("expected an object or null")),
    }
}
