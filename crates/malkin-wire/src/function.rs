//! One function of a report (`docs/reference/similarity.md` 1.3).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::blocks::Blocks;
use super::context::{Context, Step};
use super::field::{Present, Scalar, fields, text_or_null};
use super::refs::{Addresses, Names, References};
use super::value::Strict;
use super::weight;
use malkin_report::address::Va;
use malkin_report::blockrefs::{BlockRefsError, normalise};
use malkin_report::function::{Function, FunctionMetadata};
use malkin_report::hash::PicHash;

pub(super) const FIELDS: &[&str] = &[
    "apirefs",
    "architecture_metadata",
    "blockrefs",
    "blocks",
    "inrefs",
    "is_exported",
    "metadata",
    "offset",
    "outrefs",
    "stringrefs",
];
/// A function without one of these is refused (`docs/reference/similarity.md` 1.3). The others may be missing, as in reports of older
/// versions.
pub(super) const REQUIRED: &[&str] =
    &["offset", "blocks", "apirefs", "blockrefs", "inrefs", "outrefs", "metadata"];

pub(super) const METADATA_FIELDS: &[&str] = &[
    "binweight",
    "characteristics",
    "confidence",
    "function_name",
    "nesting_depth",
    "pic_hash",
    "strongly_connected_components",
    "tfidf",
];
/// The same for the metadata. `pic_hash` and `nesting_depth` are computed where they are missing (`docs/reference/similarity.md` 1.4).
pub(super) const METADATA_REQUIRED: &[&str] = &[
    "binweight",
    "characteristics",
    "confidence",
    "function_name",
    "strongly_connected_components",
    "tfidf",
];

/// Reads a function object; `key` is the address it stands under in a report.
pub(super) struct FunctionSeed<'c> {
    pub(super) context: &'c Context<'c>,
    pub(super) key: Option<u64>,
}

impl<'de> DeserializeSeed<'de> for FunctionSeed<'_> {
    type Value = Function;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Function, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FunctionSeed<'_> {
    type Value = Function;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Function, A::Error> {
        let context = self.context;
        let mut function = Function::default();
        let present = fields(context, FIELDS, &mut map, |name, map| {
            match name {
                "offset" => function.offset = Va::new(map.next_value()?),
                "blocks" => function.code = map.next_value_seed(Blocks { context })?,
                "apirefs" => function.apirefs = map.next_value_seed(Names { context })?,
                "stringrefs" => {
                    function.stringrefs = string_references(map.next_value_seed(Strict { context })?)?;
                }
                "blockrefs" => function.blockrefs = map.next_value_seed(References { context })?,
                "inrefs" => function.inrefs = map.next_value_seed(Addresses { context })?,
                "outrefs" => function.outrefs = map.next_value_seed(References { context })?,
                "is_exported" => function.is_exported = map.next_value::<Scalar>()?.is_true(),
                "architecture_metadata" => {
                    function.architecture_metadata = object(map.next_value_seed(Strict { context })?)?;
                }
                _ => function.metadata = map.next_value_seed(Metadata { context })?,
            }
            Ok(())
        })?;
        complete(context, function, &present, self.key.map(Va::new))
    }
}

/// What is left to do when all fields of a function are read: nothing may be missing, the key has to be right, and edges
/// come into their normal form.
pub(super) fn complete<E: Error>(
    context: &Context<'_>,
    mut function: Function,
    present: &Present,
    key: Option<Va>,
) -> Result<Function, E> {
    present.require(REQUIRED)?;
    if key.is_some_and(|key| key != function.offset) {
        return Err(E::custom(format_args!(
            "the function has another offset ({}) than its key",
            function.offset.get()
        )));
    }
    // `null` and a missing field mean the same. One form of it in memory makes equal functions equal, and what is written is what
    // SMDA writes.
    for value in [&mut function.stringrefs, &mut function.architecture_metadata] {
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
    }
    // Every hash that looks at edges (shingles of blocks, nesting depth) needs all blocks named and successors ascending, and reports
    // do not always state them so.
    let stated = std::mem::take(&mut function.blockrefs);
    function.blockrefs =
        normalise(&function.code, stated, &function.architecture_metadata).map_err(|error| match error {
            BlockRefsError::Malformed(_) => E::custom(error),
            BlockRefsError::TooMany => context.limit(error),
        })?;
    // A function is stored and exported by itself later. What would not be accepted then is refused now, with the report.
    weight::check_function(context, &function)?;
    Ok(function)
}

/// An object for most architectures, a list for Dalvik (docs/reference/similarity.md 1.3). What is in it is kept as stated.
pub(super) fn string_references<E: Error>(value: Value) -> Result<Value, E> {
    match value {
        Value::Null | Value::Object(_) | Value::Array(_) => Ok(value),
        _ => Err(E::custom("expected an object or a list")),
    }
}

/// What only one architecture has: its state for ARM, exception ranges for Dalvik.
pub(super) fn object<E: Error>(value: Value) -> Result<Value, E> {
    if value.is_object() { Ok(value) } else { Err(E::custom("expected an object")) }
}

struct Metadata<'c> {
    context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Metadata<'_> {
    type Value = FunctionMetadata;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<FunctionMetadata, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = FunctionMetadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metadata object of a function")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FunctionMetadata, A::Error> {
        let context = self.context;
        let mut metadata = FunctionMetadata::default();
        let present = fields(context, METADATA_FIELDS, &mut map, |name, map| {
            match name {
                "binweight" => metadata.binweight = map.next_value()?,
                "characteristics" => metadata.characteristics = text_or_null(context, map)?,
                "confidence" => metadata.confidence = map.next_value()?,
                "function_name" => metadata.function_name = text_or_null(context, map)?.unwrap_or_default(),
                "nesting_depth" => metadata.nesting_depth = map.next_value()?,
                "pic_hash" => metadata.pic_hash = map.next_value::<Option<u64>>()?.map(PicHash::new),
                "tfidf" => metadata.tfidf = map.next_value()?,
                _ => metadata.strongly_connected_components = map.next_value_seed(Components { context })?,
            }
            Ok(())
        })?;
        present.require(METADATA_REQUIRED)?;
        Ok(metadata)
    }
}

/// Reads a list of lists of addresses; `null` becomes the empty list.
struct Components<'c> {
    context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Components<'_> {
    type Value = Vec<Vec<Va>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Components<'_> {
    type Value = Vec<Vec<Va>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of lists of addresses")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let context = self.context;
        let mut components = Vec::new();
        while let Some(component) =
            context.at(Step::Index(components.len()), || seq.next_element_seed(Addresses { context }))?
        {
            components.push(component);
        }
        Ok(components)
    }
}
