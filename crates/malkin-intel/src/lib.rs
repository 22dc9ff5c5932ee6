//! What threat-intelligence providers know about a hash: what to ask each of them, how to read what comes back, and one summary of
//! it all.
//!
//! Floor 1, pure. Requests are values that `malkin-service` sends, answers are bytes it received; nothing here dials out, waits or
//! reads a clock. Answers are as hostile as any input: their size and nesting are bounded, every field is checked for its type, and
//! what does not fit is dropped. Contract: `docs/reference/triage-api.md` sections 2, 4 and 5.
//!
//! Modules: `kind` (what a text looked up is), `provider` (the four and their requests), `record` (one answer, classified),
//! `facts` (what one answer says), `summary` (all of them together), `alias` (names of families).

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod alias;
pub mod facts;
pub mod kind;
pub mod provider;
pub mod record;
pub mod summary;

pub use kind::{HashKind, Kind, classify};
pub use provider::{Method, Provider, Request};
pub use record::{Exchange, Record, Status};
pub use summary::summary;
