//! One function and its metadata.

use serde::de::value::Error;
use serde_json::{Map, Value};

use super::cursor::Cursor;
use super::{blocks, refs, whole};
use crate::context::Context;
use crate::field::Present;
use crate::function::{FIELDS, METADATA_FIELDS, METADATA_REQUIRED, complete, object, string_references};
use crate::limits::MAX_TEXT;
use crate::value::Strict;
use malkin_report::address::Va;
use malkin_report::function::{Function, FunctionMetadata};
use malkin_report::hash::PicHash;

/// Reads a function object; `key` is the address it stands under in a report.
pub(super) fn function(context: &Context<'_>, cursor: &mut Cursor<'_>, key: Option<Va>) -> Option<Function> {
    let mut function = Function::default();
    let present = fields(cursor, FIELDS, |cursor, name| {
        match name {
            "offset" => function.offset = Va::new(cursor.integer()?),
            "blocks" => function.code = blocks::blocks(context, cursor)?,
            "apirefs" => function.apirefs = refs::names(cursor)?,
            "stringrefs" => {
                function.stringrefs = string_references::<Error>(stated(context, cursor)?).ok()?;
            }
            "blockrefs" => function.blockrefs = refs::references(context, cursor)?,
            "inrefs" => function.inrefs = refs::addresses(context, cursor)?,
            "outrefs" => function.outrefs = refs::references(context, cursor)?,
            "is_exported" => function.is_exported = flag(cursor)?,
            "architecture_metadata" => {
                function.architecture_metadata = object::<Error>(stated(context, cursor)?).ok()?;
            }
            _ => function.metadata = metadata(context, cursor)?,
        }
        Some(())
    })?;
    complete::<Error>(context, function, &present, key).ok()
}

fn metadata(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<FunctionMetadata> {
    let mut metadata = FunctionMetadata::default();
    let present = fields(cursor, METADATA_FIELDS, |cursor, name| {
        match name {
            "binweight" => metadata.binweight = cursor.double()?,
            "characteristics" => metadata.characteristics = or_null(cursor, short_text)?,
            "confidence" => metadata.confidence = or_null(cursor, Cursor::double)?,
            "function_name" => metadata.function_name = or_null(cursor, short_text)?.unwrap_or_default(),
            "nesting_depth" => metadata.nesting_depth = or_null(cursor, Cursor::integer)?,
            "pic_hash" => metadata.pic_hash = or_null(cursor, Cursor::integer)?.map(PicHash::new),
            "tfidf" => metadata.tfidf = or_null(cursor, Cursor::double)?,
            _ => metadata.strongly_connected_components = refs::components(context, cursor)?,
        }
        Some(())
    })?;
    present.require::<Error>(METADATA_REQUIRED).ok()?;
    Some(metadata)
}

/// Moves over an object of known fields, each at most once.
#[inline]
pub(super) fn fields<'a>(
    cursor: &mut Cursor<'a>,
    known: &'static [&'static str],
    mut read: impl FnMut(&mut Cursor<'a>, &'static str) -> Option<()>,
) -> Option<Present> {
    let mut present = Present::none_of(known);
    cursor.object(|cursor| {
        let name = present.add(cursor.plain_text()?)?;
        cursor.take(b':')?;
        read(cursor, name)
    })?;
    Some(present)
}

/// An object or array that is kept as stated.
fn stated(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<Value> {
    let text = cursor.pass_tree()?;
    // Only Dalvik and ARM state anything here (`docs/reference/similarity.md` 1.3): this is the usual case.
    if text == "{}" {
        context.spend_value_node::<Error>().ok()?;
        return Some(Value::Object(Map::new()));
    }
    whole(text, Strict { context })
}

/// `true` or `false` only. What Python takes for true besides is for the ordinary reader.
fn flag(cursor: &mut Cursor<'_>) -> Option<bool> {
    let is_true = cursor.takes("true");
    (is_true || cursor.takes("false")).then_some(is_true)
}

#[expect(clippy::option_option, reason = "the outer one is whether the scanner goes on")]
fn or_null<'a, T>(
    cursor: &mut Cursor<'a>,
    read: impl FnOnce(&mut Cursor<'a>) -> Option<T>,
) -> Option<Option<T>> {
    if cursor.takes("null") { Some(None) } else { read(cursor).map(Some) }
}

/// A text within the limit; a longer one is an error, and errors are said by the ordinary reader.
fn short_text(cursor: &mut Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    (text.len() <= MAX_TEXT).then(|| text.into_owned())
}
