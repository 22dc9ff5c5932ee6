//! Blocks and instructions of a function, read straight into its text arena.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::context::{Context, Step};
use super::refs::AddressKey;
use super::value::Skim;
use crate::limits::MAX_FUNCTION_TEXT;
use malkin_report::address::Va;
use malkin_report::function::{Code, CodeBuilder, CodeError};

/// Reads `{block start: [[offset, bytes, mnemonic, operands], ...]}`.
pub(super) struct Blocks<'c> {
    pub(super) context: &'c Context<'c>,
}

impl<'de> DeserializeSeed<'de> for Blocks<'_> {
    type Value = Code;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Code, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Blocks<'_> {
    type Value = Code;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that maps addresses to lists of instructions")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Code, A::Error> {
        let context = self.context;
        // One builder for the whole document: its arena grows to the largest function once, and each function is copied out of it in
        // its exact size.
        let builder = &mut *context.builder.borrow_mut();
        builder.clear();
        while let Some(start) = map.next_key_seed(AddressKey)? {
            builder.begin_block(Va::new(start));
            context.at(Step::Address(start), || map.next_value_seed(Block { context, builder }))?;
        }
        context.spend_instructions(builder.num_instructions())?;
        builder.take().map_err(|error| code_error(context, error))
    }
}

fn code_error<E: Error>(context: &Context<'_>, error: CodeError) -> E {
    match error {
        CodeError::DuplicateBlock(start) => super::field::repeated(start.get()),
        CodeError::FieldTooLong | CodeError::FunctionTooLong => context.limit(error),
    }
}

struct Block<'c, 'b> {
    context: &'c Context<'c>,
    builder: &'b mut CodeBuilder,
}

impl<'de> DeserializeSeed<'de> for Block<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Block<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of instructions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { context, builder } = self;
        let mut index = 0;
        loop {
            let seed = Row { context, builder };
            match context.at(Step::Index(index), || seq.next_element_seed(seed))? {
                Some(()) => index += 1,
                None => return Ok(()),
            }
        }
    }
}

struct Row<'c, 'b> {
    context: &'c Context<'c>,
    builder: &'b mut CodeBuilder,
}

impl<'de> DeserializeSeed<'de> for Row<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instruction [offset, bytes, mnemonic, operands]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self { context, builder } = self;
        let short = |length| A::Error::invalid_length(length, &"an instruction of four items");
        let offset = seq.next_element::<u64>()?.ok_or_else(|| short(0))?;
        builder.begin_instruction(Va::new(offset));
        for (length, part) in [Part::Bytes, Part::Mnemonic, Part::Operands].into_iter().enumerate() {
            let seed = Text { context, builder, part };
            seq.next_element_seed(seed)?.ok_or_else(|| short(length + 1))?;
        }
        // Further items are passed over like unknown fields.
        while seq.next_element_seed(Skim)?.is_some() {}
        builder.end_instruction().map_err(|error| code_error(context, error))
    }
}

/// Which text of an instruction comes next. They go into the arena as they come, without a string of their own.
#[derive(Clone, Copy)]
enum Part {
    Bytes,
    Mnemonic,
    Operands,
}

struct Text<'c, 'b> {
    context: &'c Context<'c>,
    builder: &'b mut CodeBuilder,
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Text<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Text<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            Part::Bytes => "the bytes of an instruction as a string",
            Part::Mnemonic => "a mnemonic as a string",
            Part::Operands => "operands as a string",
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        // Checked before the text is copied: spans into the arena have 32 bits.
        if self.builder.text_len() + text.len() > MAX_FUNCTION_TEXT {
            return Err(code_error(self.context, CodeError::FunctionTooLong));
        }
        match self.part {
            Part::Bytes => self.builder.push_bytes(text),
            Part::Mnemonic => {
                self.builder.push_mnemonic(text).map_err(|error| code_error(self.context, error))?;
            }
            Part::Operands => self.builder.push_operands(text),
        }
        Ok(())
    }
}
