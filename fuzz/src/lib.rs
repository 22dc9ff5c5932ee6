//! What the fuzz targets check. A target calls one function of this crate; each takes any bytes, hands them to an entry point of
//! ours, and asserts what has to hold whatever they are: no panic, bounded output, a round trip, equality with a plain twin.
//!
//! Not part of the product and not of its workspace: built with coverage instrumentation by `cargo xtask fuzz`, run by
//! libFuzzer, which counts a panic, a time above 5 s and memory above 2 GiB as findings.

#![forbid(unsafe_code)]

pub mod escaper;
pub mod examine;
pub mod hash;
pub mod loader;
pub mod mcrit;
pub mod number;
mod parts;
pub mod provider;
pub mod recovery;
pub mod report;
pub mod search;
pub mod segment;
pub mod signature;
pub mod version;
