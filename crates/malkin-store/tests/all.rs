//! All integration tests of the crate as one program: each more would be linked with everything once again.

mod conformance;
mod directory;
mod flips;
mod kill;
mod queue_model;
mod search_model;
