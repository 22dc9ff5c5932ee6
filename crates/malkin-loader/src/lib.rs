//! Executable bytes in, mapped image out: PE, ELF, Mach-O, DEX, Delphi knowledge bases, raw buffers and memory dumps as
//! SMDA 5.0.1 loads them, with everything the containers and language runtimes say about functions, imports and names.
//!
//! Floor 1. Not a disassembler: no instruction is decoded here, nothing is relocated, nothing is unpacked. No file, clock
//! or thread; every input is hostile, and `limits` names what bounds it.
//!
//! Modules: `detect` (what is it), one per container (`pe`, `elf`, `macho`, each with its header, layout and tables),
//! `label` (names and languages), `header` (header bytes of the report), `load` (puts it together into an `image`).

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod bytes;
pub mod detect;
mod elf;
mod extent;
mod header;
pub mod image;
mod label;
pub mod limits;
mod load;
mod machine;
mod macho;
mod mapping;
pub mod options;
mod pe;
mod sparse;

pub use detect::{Detected, Known, detect};
pub use malkin_report::Architecture;

pub use extent::stated_size;
pub use image::{ApiName, ExceptionRecord, Format, Image, Language, Section, Tables};
pub use label::ordinal::name as ordinal_name;
pub use load::{load, load_within};
pub use options::{Buffer, Input, LoadError, LoadOptions};
pub use sparse::Sparse;
