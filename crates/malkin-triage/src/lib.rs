//! What a file is, without running it: hashes, structure, findings, strings, indicators, and a verdict that names the facts it
//! rests on.
//!
//! Floor 2, pure: bytes in, facts out. Nothing here reads files, clocks or networks, disassembles, or compares with other
//! files; similarity and reputation are handed in by the caller. Every input is hostile: counts, sizes and depths that a file
//! states are bounded by named limits, and a part that cannot be read is left out and named in `Facts::unread`.
//!
//! Modules: `hashes`, `entropy`, `pe`, `signature` (Authenticode), `native` (ELF and Mach-O), `dynamic` (ELF without section headers),
//! `names` (bounds on them), `parts` (entropy and hashes of parts, bounded), `sound` (questions before `object` reads a table),
//! `version_info`, `strings`, `stack` (texts that code puts together), `ioc`, `finding` (packers and anomalies), `capability`
//! (APIs to ATT&CK), `archive`, `yara`, `kind` (first bytes), `facts` (all of it together), `verdict`.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod archive;
pub mod capability;
mod dynamic;
pub mod entropy;
pub mod facts;
pub mod finding;
pub mod hashes;
pub mod ioc;
pub mod kind;
mod names;
pub mod native;
mod parts;
pub mod pe;
pub mod signature;
mod sound;
pub mod stack;
pub mod strings;
pub mod verdict;
mod version_info;
pub mod yara;

pub use facts::{Facts, Options, examine};
pub use verdict::{FamilyKinship, Kinship, Level, Reputation, Verdict, verdict};
