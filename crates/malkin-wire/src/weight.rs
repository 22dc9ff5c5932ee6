//! Whether what was read is allowed its trees in any spelling.
//!
//! A document may have nodes in proportion to its length (see [`crate::limits::BYTES_PER_VALUE_NODE`]), and length is also a matter of white
//! space and escapes, which are gone once it is written again; a function of a report also has to stand for itself later, as a record.
//! So where a document has many nodes, their number is held against the least text that any spelling has. What passes is accepted
//! again however it is written.

use serde::de::Error;
use serde_json::Value;

use super::context::{Context, value_nodes};
use malkin_report::function::{Code, Function};
use malkin_report::report::Report;

/// Bytes of JSON that an instruction takes beyond its texts: brackets, quotes, commas, and a digit of its address.
const INSTRUCTION_FRAME: usize = 12;

/// Bytes of JSON that a key takes beyond its text: quotes and colon.
const KEY_FRAME: usize = 3;

/// Nodes of trees, and bytes that the shortest spelling of them and their surroundings has at least.
///
/// Why so much care: a tree of values takes up to 180 bytes for two bytes of text (`[]`), so a document of 1 GB of brackets would end the
/// process. The limit therefore follows the length of the text, and then a document that just fits must not stop fitting when it is
/// written without its blanks: that would be data which Malkin stores and cannot read back.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
}

impl Weight {
    fn plus(self, other: Self) -> Self {
        Self { nodes: self.nodes + other.nodes, bytes: self.bytes + other.bytes }
    }

    fn is_allowed(self) -> bool {
        self.nodes <= value_nodes(self.bytes)
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self { nodes: 1, bytes: 1 },
            Value::String(text) => Self { nodes: 1, bytes: 1 + text.len() },
            Value::Array(items) => {
                items.iter().map(Self::of_value).fold(Self { nodes: 1, bytes: 1 }, Self::plus)
            }
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| {
                    Self { nodes: 0, bytes: KEY_FRAME + key.len() }.plus(Self::of_value(value))
                })
                .fold(Self { nodes: 1, bytes: 1 }, Self::plus),
        }
    }

    fn of_code(code: &Code) -> Self {
        Self { nodes: 0, bytes: code.text_len() + INSTRUCTION_FRAME * code.num_instructions() }
    }

    fn of_function(function: &Function) -> Self {
        [&function.stringrefs, &function.architecture_metadata]
            .into_iter()
            .map(Self::of_value)
            .fold(Self::of_code(&function.code), Self::plus)
    }

    /// Languages are a tree while they are read.
    fn of_languages(languages: &[(String, f64)]) -> Self {
        let bytes = languages.iter().map(|(name, _)| KEY_FRAME + name.len() + 1).sum();
        Self { nodes: 1 + languages.len(), bytes }
    }
}

/// Checks a function as a document of its own.
pub(super) fn check_function<E: Error>(context: &Context<'_>, function: &Function) -> Result<(), E> {
    if !context.has_many_values() || Weight::of_function(function).is_allowed() {
        return Ok(());
    }
    Err(context.too_many_values())
}

/// Checks a report, and each of its functions as a document of its own.
pub(super) fn check_report<E: Error>(context: &Context<'_>, report: &Report) -> Result<(), E> {
    if !context.has_many_values() {
        return Ok(());
    }
    let mut whole = Weight::of_languages(&report.metadata.language);
    for tree in [Some(&report.disassembly_errors), report.xmetadata.as_ref()].into_iter().flatten() {
        whole = whole.plus(Weight::of_value(tree));
    }
    for function in &report.functions {
        let weight = Weight::of_function(function);
        if !weight.is_allowed() {
            return Err(context.too_many_values());
        }
        whole = whole.plus(weight);
    }
    if whole.is_allowed() { Ok(()) } else { Err(context.too_many_values()) }
}
