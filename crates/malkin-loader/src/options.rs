//! What the caller says about the bytes, and how loading fails.

use malkin_report::Architecture;
use thiserror::Error;

use crate::limits::MAX_IMAGE_SIZE;

/// How the bytes are to be understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Input {
    /// A file as stored on disk: the container decides about mapping, base address, bitness and architecture.
    #[default]
    File,
    /// Bytes as they lie in memory (a dump, shellcode): nothing is mapped or moved.
    Buffer(Buffer),
}

/// Facts about a memory buffer. Everything unstated is read from a header if there is one, else guessed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Buffer {
    /// Address of the first byte. Unstated: the base address a PE, ELF or Mach-O header at the start names, else 0. (SMDA
    /// always wants it stated.)
    pub base_address: Option<u64>,
    /// 32 or 64; other values count as unstated. Unstated: see `detect::guess_bitness`.
    pub bitness: Option<u32>,
    /// Instruction set; a stated one is not questioned. Unstated: header, then byte heuristics, then Intel.
    pub architecture: Option<Architecture>,
    /// `[start, end)` ranges to look for code in; merged. Empty: everywhere.
    pub code_areas: Vec<(u64, u64)>,
    /// Entry point relative to the base address.
    pub entry_point: Option<u64>,
}

/// Options of [`fn@crate::load`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadOptions {
    /// File or buffer.
    pub input: Input,
    /// Largest image a container may ask for, in bytes. SMDA's limit is the default.
    pub max_image_size: u64,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { input: Input::File, max_image_size: MAX_IMAGE_SIZE }
    }
}

impl LoadOptions {
    /// Options for a file.
    pub fn file() -> Self {
        Self::default()
    }

    /// Options for a buffer at `base_address` with unknown bitness when `bitness` is `None`.
    pub fn buffer(base_address: u64, bitness: Option<u32>) -> Self {
        let buffer = Buffer { base_address: Some(base_address), bitness, ..Buffer::default() };
        Self { input: Input::Buffer(buffer), ..Self::default() }
    }
}

/// Why an input has no image. Each of these is an error report of SMDA, too.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No container is recognised; a buffer needs to be given as one, with its base address.
    #[error(
        "input is no PE, ELF, Mach-O, DEX or Delphi knowledge base; a memory dump needs its base address"
    )]
    NotRecognized,
    /// A file of a known format that holds code but is no executable.
    #[error("input is a {0}, not an executable")]
    NotAnExecutable(crate::detect::Known),
    /// The file ends inside a header or before a table that its header states.
    #[error(
        "{container} {part} at 0x{offset:x} reaches beyond the {size} bytes of the file (truncated file?)"
    )]
    Truncated {
        /// Name of the format.
        container: &'static str,
        /// Structure that is not whole, in the words of the format's specification.
        part: &'static str,
        /// Its file offset.
        offset: u64,
        /// Size of the file in bytes.
        size: u64,
    },
    /// `MZ` without a PE header: a DOS program, or a damaged file.
    #[error("MZ file without a PE header at 0x{offset:x} (DOS program?)")]
    NoPeHeader {
        /// `e_lfanew`.
        offset: u64,
    },
    /// The header states no layout that can be read.
    #[error("ELF class {class} and machine 0x{machine:x} name no layout of the header")]
    UnknownElfClass {
        /// `EI_CLASS`.
        class: u8,
        /// `e_machine`.
        machine: u16,
    },
    /// The container is recognised but its machine has no disassembler.
    #[error("{field} 0x{value:x}{} has no disassembler", in_brackets(name))]
    UnknownMachine {
        /// Format and field.
        field: &'static str,
        /// Stated value.
        value: u32,
        /// Its name, empty for unnamed ones.
        name: &'static str,
    },
    /// The container names an instruction set nothing here disassembles.
    #[error("there is no disassembler for {0}")]
    UnsupportedArchitecture(String),
    /// A buffer without a header holds machine code of another instruction set (by the density of its returns).
    #[error("the buffer holds {0} machine code, for which there is no disassembler")]
    ForeignCode(&'static str),
    /// The container asks for more memory than allowed.
    #[error("the image would need {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Stated size in bytes.
        size: u64,
        /// Allowed size in bytes.
        limit: u64,
    },
}

fn in_brackets(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" ({name})") }
}
