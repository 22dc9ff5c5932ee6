//! Rules about files as such: a head doc in each, a length one can read, a name that says something.

use super::Problem;
use super::house::{House, has_extension};

/// Lines above which a file is too long.
const LIMIT: usize = 1000;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "manager", "misc", "util", "utils"];
/// What a code file's name ends with.
const CODE: &[&str] = &[".rs", ".py"];

/// Every Rust file opens with what it is: `//!` in its first line.
pub(super) fn head_docs(house: &House) -> Vec<Problem> {
    let rust = house.files.iter().filter(|file| has_extension(&file.path, "rs"));
    let headless = rust.filter(|file| !file.text.as_deref().is_some_and(|text| text.starts_with("//! ")));
    headless.map(|file| Problem::new(&file.path, 1, "does not open with a head doc (//!)")).collect()
}

/// No code file is longer than a thousand lines.
pub(super) fn lengths(house: &House) -> Vec<Problem> {
    let code = house.files.iter().filter(|file| is_code(&file.path));
    let lengths = code.filter_map(|file| Some((&file.path, file.text.as_deref()?.lines().count())));
    lengths
        .filter(|(_, lines)| *lines > LIMIT)
        .map(|(path, lines)| Problem::new(path, 0, format!("has {lines} lines, more than {LIMIT}")))
        .collect()
}

/// No file and no folder of code is called util, helper or the like.
pub(super) fn names(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in house.files.iter().filter(|file| is_code(&file.path)) {
        for part in file.path.split('/') {
            let stem = CODE.iter().find_map(|suffix| part.strip_suffix(suffix)).unwrap_or(part);
            if EMPTY_NAMES.contains(&stem) {
                problems.push(Problem::new(
                    &file.path,
                    0,
                    format!("the name {stem} says nothing about its content"),
                ));
            }
        }
    }
    problems
}

fn is_code(path: &str) -> bool {
    CODE.iter().any(|suffix| path.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_head_doc_is_found_wherever_it_lies() {
        for path in [
            "crates/a/src/b.rs",
            "crates/a/tests/c.rs",
            "crates/a/build.rs",
            "crates/a/benches/d.rs",
            "fuzz/fuzz_targets/e.rs",
        ] {
            assert_eq!(head_docs(&House::of(&[(path, "//! What it is.\nfn f() {}")])), []);
            for headless in
                ["fn f() {}", "", "// A remark.\n//! Late.", "/// Of an item.\nfn f() {}", "//!\n"]
            {
                assert_eq!(head_docs(&House::of(&[(path, headless)])).len(), 1, "{headless}");
            }
        }
    }

    #[test]
    fn long_files_fail() {
        let text = |lines: usize| "//\n".repeat(lines);
        let house = House::of(&[("b.rs", &text(1000)), ("c.py", &text(1001)), ("d.txt", &text(5000))]);
        assert_eq!(lengths(&house), [Problem::new("c.py", 0, "has 1001 lines, more than 1000")]);
    }

    #[test]
    fn empty_names_are_found() {
        for path in
            ["crates/a/src/util.rs", "crates/a/src/helpers/x.rs", "x/common.py", "crates/manager/src/lib.rs"]
        {
            assert_eq!(names(&House::of(&[(path, "")])).len(), 1, "{path}");
        }
        for path in ["crates/a/src/utility_bill.rs", "crates/a/src/b.rs", "docs/common.md"] {
            assert_eq!(names(&House::of(&[(path, "")])), [], "{path}");
        }
    }
}
