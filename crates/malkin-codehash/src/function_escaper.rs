//! The escaper of one function: architecture, image, path and decoder settled, so that callers ask for text and bytes only.

use malkin_report::{Architecture, Block, BlockHash, Function, ImageRange, Instruction, Report, Va};

use crate::digest::sha256_64;
use crate::escaper::{BinaryContext, Escaper, HashPath, TextCode};

/// What hashing a function needs to know of its sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SampleContext {
    /// Selects the escaper.
    pub architecture: Architecture,
    /// The mapped image, if base and size are known.
    pub image: Option<ImageRange>,
    /// 32, 64 or 0 (unknown).
    pub bitness: u64,
}

impl SampleContext {
    /// The context of all functions of a report.
    pub fn of(report: &Report) -> Self {
        Self {
            architecture: report.architecture.clone(),
            image: report.image_range(),
            bitness: report.bitness.unwrap_or(0),
        }
    }
}

/// Escapes the instructions of one function.
#[derive(Clone, Copy, Debug)]
pub struct FunctionEscaper<'a> {
    function: &'a Function,
    escaper: Escaper,
    path: HashPath,
    binary: BinaryContext,
}

/// An instruction with its escapes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EscapedInstruction<'a> {
    /// The block the instruction is in.
    pub block: Va,
    /// The instruction.
    pub instruction: Instruction<'a>,
    /// Group letter, space, escaped operands.
    pub text: String,
    /// Hex digits and question marks.
    pub binary: String,
}

impl<'a> FunctionEscaper<'a> {
    /// The escaper as hashes use it: server path, jumps inside the function masked, decoder at hand.
    pub fn new(function: &'a Function, context: &SampleContext) -> Self {
        let thumb = function.architecture_metadata.get("thumb").is_some_and(is_truthy);
        Self {
            function,
            escaper: Escaper::of(&context.architecture),
            path: HashPath::Server,
            binary: BinaryContext {
                image: context.image,
                bitness: context.bitness,
                intra: true,
                decoder: true,
                thumb,
            },
        }
    }

    /// The same on another path.
    #[must_use]
    pub fn on_path(mut self, path: HashPath) -> Self {
        self.path = path;
        self
    }

    /// The same without a decoder, as YARA sequences are made.
    #[must_use]
    pub fn without_decoder(mut self) -> Self {
        self.binary.decoder = false;
        self
    }

    /// The same keeping the distances of jumps inside the function.
    #[must_use]
    pub fn keeping_jumps(mut self) -> Self {
        self.binary.intra = false;
        self
    }

    /// The function.
    pub fn function(&self) -> &'a Function {
        self.function
    }

    /// Which architecture's escaper it is.
    pub fn escaper(&self) -> Escaper {
        self.escaper
    }

    /// Appends group letter, space and escaped operands; returns the letter (0 without escaper).
    pub fn push_text(&self, instruction: &Instruction<'_>, out: &mut String) -> u8 {
        self.escaper.escape_text(instruction, self.path, self.binary.thumb, out)
    }

    /// The escaped text as a number, if it consists of classes only.
    pub(crate) fn text_code(&self, instruction: &Instruction<'_>) -> Option<TextCode> {
        self.escaper.text_code(instruction)
    }

    /// Appends the escaped operands.
    pub fn push_operands(&self, instruction: &Instruction<'_>, out: &mut String) {
        self.escaper.escape_operands(instruction, self.path, self.binary.thumb, out);
    }

    /// Appends the escaped bytes.
    pub fn push_binary(&self, instruction: &Instruction<'_>, out: &mut Vec<u8>) {
        self.escaper.escape_binary(instruction, &self.binary, out);
    }

    /// Whether an instruction counts as a call on this path.
    pub fn is_call(&self, instruction: &Instruction<'_>) -> bool {
        self.escaper.is_call(instruction, self.path)
    }

    /// The position-independent hash of one block of the function, of any length.
    pub fn block_hash(&self, block: &Block) -> BlockHash {
        let mut escaped = Vec::new();
        for instruction in self.function.code.instructions(block) {
            self.push_binary(&instruction, &mut escaped);
        }
        BlockHash::new(sha256_64(&escaped))
    }

    /// All instructions of a block with their escapes.
    pub fn escaped_block(&self, block: &'a Block) -> impl Iterator<Item = EscapedInstruction<'a>> + use<'a> {
        let (escaper, start) = (*self, block.start);
        self.function.code.instructions(block).map(move |instruction| {
            let (mut text, mut binary) = (String::new(), Vec::new());
            escaper.push_text(&instruction, &mut text);
            escaper.push_binary(&instruction, &mut binary);
            let binary = String::from_utf8_lossy(&binary).into_owned();
            EscapedInstruction { block: start, instruction, text, binary }
        })
    }

    /// All instructions of the function with their escapes, blocks ascending.
    pub fn escaped_instructions(&self) -> impl Iterator<Item = EscapedInstruction<'a>> + use<'a> {
        let escaper = *self;
        self.function.code.blocks().iter().flat_map(move |block| escaper.escaped_block(block))
    }
}

/// Python's truth of a JSON value; `thumb` is a boolean in every report seen.
fn is_truthy(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => false,
        serde_json::Value::Bool(flag) => *flag,
        serde_json::Value::Number(number) => number.as_f64() != Some(0.0),
        serde_json::Value::String(text) => !text.is_empty(),
        serde_json::Value::Array(items) => !items.is_empty(),
        serde_json::Value::Object(fields) => !fields.is_empty(),
    }
}
