//! Escapers: what of an instruction stays when everything that depends on its position is taken out.
//!
//! Every architecture module offers the same functions, so that [`Escaper`] can pick one by a plain `match`:
//!
//! - `group(&Instruction) -> u8`: the letter of the mnemonic group, one ASCII capital.
//! - `escape_operands(&Instruction, &mut String)`: appends the escaped operands, nothing for an instruction without any.
//! - `group_with_report`, `escape_operands_with_report` (same arguments plus `thumb: bool`): what the reference computes
//!   while the function still belongs to a report, where a decoder is at hand. Modules without a difference forward.
//! - `is_call_with_report(&Instruction) -> bool`: whether the report path counts the instruction as a call. The server path
//!   asks the same question for all architectures alike ([`is_plain_call`]).
//! - `escape_binary(&Instruction, &BinaryContext, &mut Vec<u8>)`: appends the bytes of the instruction as hex digits, with
//!   one `?` for each digit that depends on the position. Never removes or rereads what `out` already holds.
//!
//! The escaped text of an instruction is always group letter, one space, escaped operands ([`Escaper::escape_text`]). All
//! functions are total: report text is hostile and must neither panic nor cost more than linear time and space.

mod aarch64;
mod arm;
mod cil;
mod dalvik;
mod data_rows;
mod fields;
mod intel;
mod table;

pub(crate) use intel::TextCode;

use malkin_report::{Architecture, ImageRange, Instruction};

/// What the binary escape of an instruction depends on besides the instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BinaryContext {
    /// Addresses that count as pointing into the sample; unknown turns the value rule of Intel off.
    pub image: Option<ImageRange>,
    /// 32, 64 or 0 (unknown).
    pub bitness: u64,
    /// Whether jumps inside the function lose their distance: true for PicHash, PicBlockHash and YARA.
    pub intra: bool,
    /// Whether a decoder may be asked for widths. False for YARA sequences, true for hashes.
    pub decoder: bool,
    /// Whether the function is Thumb code (ARM only).
    pub thumb: bool,
}

/// Which of the two ways of the reference a text escape follows. They differ for some architectures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HashPath {
    /// The function was rebuilt from its stored form, no report attached: what is indexed and matched.
    #[default]
    Server,
    /// The function still belongs to its report: what the single-function query computes.
    Report,
}

/// Whether the last word of a mnemonic is `call`: how calls are counted without a report, whatever the architecture.
pub(crate) fn is_plain_call(mnemonic: &str) -> bool {
    last_word(mnemonic) == "call"
}

/// The text behind the last space, for example `cmpxchg` of `lock cmpxchg`.
pub(crate) fn last_word(mnemonic: &str) -> &str {
    // Mnemonics are a few bytes long: a plain loop is the fastest search.
    match mnemonic.bytes().rposition(|byte| byte == b' ') {
        Some(at) => &mnemonic[at + 1..],
        None => mnemonic,
    }
}

/// The escaper of an architecture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Escaper {
    /// x86 and x64.
    Intel,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM and Thumb.
    Arm,
    /// .NET intermediate language.
    Cil,
    /// Android virtual machine.
    Dalvik,
    /// No escaper: group and operands are both the bytes of the instruction.
    Raw,
}

/// Picks the module of an escaper and calls a function of it; `$raw` is the value without escaper.
macro_rules! dispatch {
    ($escaper:expr, $function:ident($($argument:expr),*), $raw:expr) => {
        match $escaper {
            Escaper::Intel => intel::$function($($argument),*),
            Escaper::Aarch64 => aarch64::$function($($argument),*),
            Escaper::Arm => arm::$function($($argument),*),
            Escaper::Cil => cil::$function($($argument),*),
            Escaper::Dalvik => dalvik::$function($($argument),*),
            Escaper::Raw => $raw,
        }
    };
}

impl Escaper {
    /// The escaper of an architecture.
    pub fn of(architecture: &Architecture) -> Self {
        match architecture {
            Architecture::Intel => Self::Intel,
            Architecture::Aarch64 => Self::Aarch64,
            Architecture::Arm => Self::Arm,
            Architecture::Cil => Self::Cil,
            Architecture::Dalvik => Self::Dalvik,
            Architecture::Other(_) => Self::Raw,
        }
    }

    /// The letter of the mnemonic group; 0 without escaper (the group is then the bytes of the instruction).
    pub fn group(self, instruction: &Instruction<'_>, path: HashPath, thumb: bool) -> u8 {
        match path {
            HashPath::Server => dispatch!(self, group(instruction), 0),
            HashPath::Report => dispatch!(self, group_with_report(instruction, thumb), 0),
        }
    }

    /// Appends the escaped operands.
    pub fn escape_operands(
        self,
        instruction: &Instruction<'_>,
        path: HashPath,
        thumb: bool,
        out: &mut String,
    ) {
        match path {
            HashPath::Server => {
                dispatch!(self, escape_operands(instruction, out), out.push_str(instruction.bytes));
            }
            HashPath::Report => {
                dispatch!(
                    self,
                    escape_operands_with_report(instruction, thumb, out),
                    out.push_str(instruction.bytes)
                );
            }
        }
    }

    /// Appends the escaped instruction (group, space, operands) and returns the group letter.
    pub fn escape_text(
        self,
        instruction: &Instruction<'_>,
        path: HashPath,
        thumb: bool,
        out: &mut String,
    ) -> u8 {
        let group = self.group(instruction, path, thumb);
        if group == 0 {
            out.push_str(instruction.bytes);
        } else {
            out.push(group as char);
        }
        out.push(' ');
        self.escape_operands(instruction, path, thumb, out);
        group
    }

    /// The escaped instruction as a number, for escapers that know a short way there; equal numbers are equal texts.
    pub(crate) fn text_code(self, instruction: &Instruction<'_>) -> Option<TextCode> {
        match self {
            Self::Intel => TextCode::of(instruction),
            _ => None,
        }
    }

    /// Whether an instruction counts as a call.
    pub fn is_call(self, instruction: &Instruction<'_>, path: HashPath) -> bool {
        match path {
            HashPath::Server => is_plain_call(instruction.mnemonic),
            HashPath::Report => {
                dispatch!(self, is_call_with_report(instruction), is_plain_call(instruction.mnemonic))
            }
        }
    }

    /// Appends the binary escape: hex digits, and `?` for each digit that depends on the position.
    pub fn escape_binary(self, instruction: &Instruction<'_>, context: &BinaryContext, out: &mut Vec<u8>) {
        dispatch!(
            self,
            escape_binary(instruction, context, out),
            out.extend_from_slice(instruction.bytes.as_bytes())
        );
    }
}
