//! Golden tests: every hash of every function of the recorded reports, and every recorded detail, equals the reference.

#![expect(clippy::unwrap_used, reason = "golden data is ours; a test panics when it is not as expected")]

mod detail;
mod functions;
mod load;
mod micro;
mod strategies;
