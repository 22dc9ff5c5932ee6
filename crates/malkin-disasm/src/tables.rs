//! Facts about code that the recovery decides by.

pub(crate) mod idf;
pub(crate) mod patterns;
