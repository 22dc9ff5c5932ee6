//! Texts of statements: files below `sql/sqlite`, part of the program.

/// Text of a statement by its path below `sql/sqlite`.
macro_rules! sql {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/sqlite/", $name, ".sql"))
    };
}
pub(super) use sql;
