//! All integration tests of the crate as one program: each more would be linked with everything once again.

mod compat;
mod kill;
mod multiplied;
