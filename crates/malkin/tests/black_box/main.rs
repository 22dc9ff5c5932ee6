//! Black-box tests: the real binary, on real directories and over real HTTP. Nothing here looks inside.

#![expect(clippy::unwrap_used, reason = "a test panics when an answer is not as expected")]

mod access;
mod archives;
mod changes;
mod commands;
mod comparisons;
mod crowd;
mod directory;
mod durability;
mod exchange;
mod hostile;
mod inputs;
mod migrate;
mod multiplied;
mod origins;
mod pages;
mod proof;
mod providers;
mod queue;
mod report;
mod routes;
mod search;
mod server;
mod shown;
mod triage;
mod unread;
mod upkeep;
mod verify;
