//! Names: of functions imported by number, of mangled symbols, of functions in the tables of language runtimes, and what
//! all of it says about the source language.

pub(crate) mod delphi;
pub(crate) mod delphi_kb;
pub(crate) mod demangle;
pub(crate) mod go;
pub(crate) mod language;
mod msvc;
pub(crate) mod ordinal;
pub(crate) mod rust;
pub(crate) mod spelling;
