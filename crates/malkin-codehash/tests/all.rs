//! All integration tests of the crate as one program: each more would be linked with everything once again.

mod golden;
mod other_escapers;
mod properties;
