//! The short way to read a report: a scanner that knows the usual form of functions and gives up at anything else.
//!
//! It answers `None` whenever the input is not what it expects, be it wrong or merely rare, and then the readers of this
//! module's siblings take over: for one function where that suffices, otherwise for the whole document. So what is an
//! error, which one, and where it is said to be, is decided in one place only, and here is no error at all. What the
//! scanner does accept, it accepts with the same value as those readers; `tests` compares both.
//!
//! Fields outside of `xcfg` are not read here. The document without its functions is handed to the ordinary reader.

mod blocks;
pub(super) mod cursor;
mod function;
mod records;
mod refs;
#[cfg(test)]
mod tests;

use serde::de::DeserializeSeed;
use serde::de::value::Error;
use serde_json::Deserializer;

use self::cursor::Cursor;
use super::context::Context;
use super::function::FunctionSeed;
use super::report::{ReportSeed, complete, in_order};
use crate::limits::MAX_FUNCTIONS;
use malkin_report::Budget;
use malkin_report::address::Va;
use malkin_report::function::Function;
use malkin_report::report::Report;

/// Reads a report of the usual form.
pub(super) fn report(text: &str, budget: Option<&Budget<'_>>) -> Option<Report> {
    let context = Context::new(text.len()).within(budget);
    let (functions_at, mut cursor) = functions_of(text)?;
    let functions = functions(&context, &mut cursor)?;
    let (before, behind) = (text.get(..functions_at)?, text.get(cursor.at()..)?);
    let rest = [before, "{}", behind].concat();
    let mut report = whole(&rest, ReportSeed { context: &context })?;
    report.functions = functions;
    complete::<Error>(&context, &mut report).ok()?;
    Some(report)
}

/// Reads a function of the usual form that stands for itself.
pub(super) fn function(text: &str) -> Option<Function> {
    let mut cursor = Cursor::new(text);
    let function = function::function(&Context::new(text.len()), &mut cursor, None)?;
    cursor.is_at_end().then_some(function)
}

pub(super) use records::records;

/// Where the value of `xcfg` begins, and a cursor that stands there. Values before it are passed over unchecked: the
/// ordinary reader gets to see them.
fn functions_of(text: &str) -> Option<(usize, Cursor<'_>)> {
    let mut cursor = Cursor::new(text);
    cursor.take(b'{')?;
    loop {
        let name = cursor.plain_text()?;
        cursor.take(b':')?;
        cursor.peek()?;
        if name == "xcfg" {
            return Some((cursor.at(), cursor));
        }
        cursor.pass()?;
        cursor.take(b',')?;
    }
}

fn functions(context: &Context<'_>, cursor: &mut Cursor<'_>) -> Option<Vec<Function>> {
    let mut functions = Vec::new();
    cursor.object(|cursor| {
        if functions.len() == MAX_FUNCTIONS {
            return None;
        }
        let key = cursor.address_key()?;
        let start = cursor.at();
        let function = function::function(context, cursor, Some(Va::new(key))).or_else(|| {
            cursor.go_back(start);
            whole(cursor.pass()?, FunctionSeed { context, key: Some(key) })
        });
        functions.push(function?);
        Some(())
    })?;
    in_order::<Error>(functions).ok()
}

/// Reads the whole of a text with an ordinary reader.
fn whole<'de, S: DeserializeSeed<'de>>(text: &'de str, seed: S) -> Option<S::Value> {
    let mut json = Deserializer::from_str(text);
    let value = seed.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(value)
}
