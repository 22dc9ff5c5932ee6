//! What the readers of one document share: the place they are at, budgets, and buffers that are used again.

use std::cell::{Cell, RefCell};
use std::fmt::Write;

use serde::de::{Error, IgnoredAny};
use serde_json::de::StrRead;
use serde_json::error::Category;

use super::error::{ReadError, ReadErrorKind};
use crate::limits::{BYTES_PER_VALUE_NODE, MAX_INSTRUCTIONS, MAX_REPORT_BYTES, VALUE_NODES_BASE};
use malkin_report::Budget;
use malkin_report::address::Va;
use malkin_report::function::CodeBuilder;

/// Units of [`Budget`] for a function, an instruction and a value of a tree: about the bytes each has as text.
const FUNCTION_WORK: u64 = 512;
const INSTRUCTION_WORK: u64 = 64;
const VALUE_WORK: u64 = 16;

/// Memory in bytes that a function, one of its instructions and a value of a tree take, at most, once they are read.
const FUNCTION_MEMORY: u64 = 1024;
const INSTRUCTION_MEMORY: u64 = 64;
const VALUE_MEMORY: u64 = 180;

/// One step from a value to a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Field(&'static str),
    Address(u64),
    Index(usize),
}

/// State of one reading. Steps of the path are taken back on success only, so that after a failure the path still says
/// where it happened.
///
/// Shared by reference among readers that call each other through the parser, which hands out no state of its own; hence the cells. A
/// document is read on one thread.
pub(super) struct Context<'b> {
    path: RefCell<Vec<Step>>,
    limit_hit: Cell<bool>,
    value_nodes: Cell<usize>,
    input_bytes: usize,
    instructions: Cell<usize>,
    budget: Option<&'b Budget<'b>>,
    /// Builder of the code of one function after another.
    pub(super) builder: RefCell<CodeBuilder>,
    /// Addresses of one list after another.
    pub(super) addresses: RefCell<Vec<Va>>,
    /// References of one function after another.
    pub(super) references: RefCell<Vec<(Va, Vec<Va>)>>,
    /// Components of one function after another.
    pub(super) components: RefCell<Vec<Vec<Va>>>,
}

impl<'b> Context<'b> {
    pub(super) fn new(input_bytes: usize) -> Self {
        Self {
            path: RefCell::default(),
            limit_hit: Cell::new(false),
            value_nodes: Cell::new(value_nodes(input_bytes)),
            input_bytes,
            instructions: Cell::new(MAX_INSTRUCTIONS),
            budget: None,
            builder: RefCell::default(),
            addresses: RefCell::default(),
            references: RefCell::default(),
            components: RefCell::default(),
        }
    }

    /// The same, charging what is read to a budget.
    pub(super) fn within(self, budget: Option<&'b Budget<'b>>) -> Self {
        Self { budget, ..self }
    }

    /// Charges work and memory to the budget of the request, if there is one.
    fn charge<E: Error>(&self, work: u64, memory: u64) -> Result<(), E> {
        match self.budget {
            Some(budget) if !(budget.work(work) && budget.hold(memory)) => {
                let ended = budget.ended().map(|ended| ended.to_string()).unwrap_or_default();
                Err(self.limit(format_args!("not read to its end: {ended}")))
            }
            _ => Ok(()),
        }
    }

    /// Reads a part of the value at hand.
    pub(super) fn at<T, E>(&self, step: Step, read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.path.borrow_mut().push(step);
        let value = read()?;
        self.path.borrow_mut().pop();
        Ok(value)
    }

    /// An error that says a named limit is exceeded.
    pub(super) fn limit<E: Error>(&self, message: impl std::fmt::Display) -> E {
        self.limit_hit.set(true);
        E::custom(message)
    }

    /// Accounts for a node of a tree of values.
    pub(super) fn spend_value_node<E: Error>(&self) -> Result<(), E> {
        self.spend_value_nodes(1)
    }

    /// As [`Context::spend_value_node`] for several at once.
    pub(super) fn spend_value_nodes<E: Error>(&self, count: usize) -> Result<(), E> {
        match self.value_nodes.get().checked_sub(count) {
            Some(rest) => {
                self.value_nodes.set(rest);
                self.charge(count as u64 * VALUE_WORK, count as u64 * VALUE_MEMORY)
            }
            None => Err(self.too_many_values()),
        }
    }

    /// The error for more nodes than the text around them allows.
    pub(super) fn too_many_values<E: Error>(&self) -> E {
        self.limit("too many values for a document of this size")
    }

    /// Whether so many nodes were read that a shorter spelling of the document might not be allowed them.
    pub(super) fn has_many_values(&self) -> bool {
        value_nodes(self.input_bytes) - self.value_nodes.get() > VALUE_NODES_BASE
    }

    /// Starts the account of nodes again, because the trees so far are gone.
    pub(super) fn renew_value_nodes(&self) {
        self.value_nodes.set(value_nodes(self.input_bytes));
    }

    /// Accounts for a function and its instructions.
    pub(super) fn spend_instructions<E: Error>(&self, count: usize) -> Result<(), E> {
        match self.instructions.get().checked_sub(count) {
            Some(rest) => {
                self.instructions.set(rest);
                let count = count as u64;
                self.charge(
                    FUNCTION_WORK + count * INSTRUCTION_WORK,
                    FUNCTION_MEMORY + count * INSTRUCTION_MEMORY,
                )
            }
            None => Err(self.limit(format_args!("more than {MAX_INSTRUCTIONS} instructions"))),
        }
    }

    fn path_text(&self) -> String {
        let mut text = String::new();
        for step in self.path.borrow().iter() {
            let dot = if text.is_empty() { "" } else { "." };
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Field(name) => write!(text, "{dot}{name}"),
                Step::Address(address) => write!(text, "{dot}{address}"),
                Step::Index(index) => write!(text, "[{index}]"),
            };
        }
        text
    }

    fn error(&self, text: &str, error: &serde_json::Error) -> ReadError {
        let kind = match error.classify() {
            _ if self.limit_hit.get() => ReadErrorKind::Limit,
            Category::Data => ReadErrorKind::Shape,
            Category::Syntax | Category::Eof | Category::Io => ReadErrorKind::Syntax,
        };
        if kind == ReadErrorKind::Shape
            && let Err(syntax) = serde_json::from_str::<IgnoredAny>(text)
        {
            // The reader stops at the first fault of shape, and the document may be broken further on. A broken file is named as that,
            // wherever its faults are, so the rest is read for its syntax.
            return ReadError::new(
                ReadErrorKind::Syntax,
                offset(text, &syntax),
                String::new(),
                message(&syntax),
            );
        }
        // A document of which only the start is there ends like this; see `check_report_start`. A limit that was reached is no reason
        // to wait for more.
        let incomplete = error.classify() == Category::Eof && !self.limit_hit.get();
        ReadError {
            incomplete,
            ..ReadError::new(kind, offset(text, error), self.path_text(), message(error))
        }
    }
}

/// Nodes that the trees of a document may have.
pub(super) fn value_nodes(input_bytes: usize) -> usize {
    VALUE_NODES_BASE + input_bytes / BYTES_PER_VALUE_NODE
}

/// Reads a whole document with `read`, which is given the state to share and the parser.
pub(super) fn read<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&Context<'_>, &mut serde_json::Deserializer<StrRead<'a>>) -> serde_json::Result<T>,
) -> Result<T, ReadError> {
    read_text(text(bytes)?, read)
}

/// The text of a document that is not too large.
pub(super) fn text(bytes: &[u8]) -> Result<&str, ReadError> {
    if bytes.len() > MAX_REPORT_BYTES {
        let message = format!("the document exceeds {MAX_REPORT_BYTES} bytes");
        return Err(ReadError::new(ReadErrorKind::Limit, 0, String::new(), message));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to() as u64;
        ReadError::new(ReadErrorKind::Syntax, offset, String::new(), "the text is not valid UTF-8")
    })
}

/// As [`read`], after [`text`].
pub(super) fn read_text<'a, T>(
    text: &'a str,
    read: impl FnOnce(&Context<'_>, &mut serde_json::Deserializer<StrRead<'a>>) -> serde_json::Result<T>,
) -> Result<T, ReadError> {
    read_text_within(text, None, read)
}

/// As [`read_text`], charging functions, instructions and values to a budget.
pub(super) fn read_text_within<'a, T>(
    text: &'a str,
    budget: Option<&Budget<'_>>,
    read: impl FnOnce(&Context<'_>, &mut serde_json::Deserializer<StrRead<'a>>) -> serde_json::Result<T>,
) -> Result<T, ReadError> {
    let context = Context::new(text.len()).within(budget);
    let mut json = serde_json::Deserializer::from_str(text);
    let value = read(&context, &mut json);
    value.and_then(|value| json.end().map(|()| value)).map_err(|error| context.error(text, &error))
}

/// The parser counts lines and columns (in bytes); callers want bytes.
fn offset(text: &str, error: &serde_json::Error) -> u64 {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(str::len).sum();
    before.saturating_add(error.column()).min(text.len()) as u64
}

/// The message without the position that the parser appends.
fn message(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    if text.ends_with(&position) {
        text.truncate(text.len() - position.len());
    }
    text
}
