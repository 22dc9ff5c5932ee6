//! Rules about files as such: a head doc in each, a length one can read, a name that says something.

use super::Problem;
use super::house::{House, has_extension};

/// Lines from which a file is too long, and from which it is worth a word.
const LIMIT: usize = 1000;
const WORTH_A_WORD: usize = 700;
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

/// No code file is longer than a thousand lines, except tables named in the root manifest.
pub(super) fn lengths(house: &House) -> Vec<Problem> {
    let mut problems: Vec<Problem> = code_lengths(house)
        .filter(|(path, lines)| *lines > LIMIT && !house.tables.iter().any(|table| table == path))
        .map(|(path, lines)| {
            Problem::new(
                path,
                0,
                format!("has {lines} lines; tables are exempt by name in the root manifest"),
            )
        })
        .collect();
    let gone = house.tables.iter().filter(|table| !house.has(table));
    problems.extend(
        gone.map(|table| Problem::new("Cargo.toml", 0, format!("names a table {table} that does not exist"))),
    );
    problems
}

/// Remarks about files that approach the limit.
pub(super) fn long_files(house: &House) -> Vec<String> {
    let long = code_lengths(house)
        .filter(|(path, lines)| *lines > WORTH_A_WORD && !house.tables.iter().any(|table| table == path));
    long.map(|(path, lines)| format!("{path} has {lines} lines")).collect()
}

fn code_lengths(house: &House) -> impl Iterator<Item = (&str, usize)> {
    let code = house.files.iter().filter(|file| is_code(&file.path));
    code.filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?.lines().count())))
}

/// No file and no folder of code is called util, helper or the like, and no module is a `mod.rs`.
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
            if part == "mod.rs" {
                problems.push(Problem::new(&file.path, 0, "modules are foo.rs beside foo/, not mod.rs"));
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
    fn long_files_fail_and_longish_ones_are_remarked() {
        let text = |lines: usize| "x\n".repeat(lines);
        let house = House::of(&[
            ("a.rs", &text(700)),
            ("b.rs", &text(701)),
            ("c.rs", &text(1001)),
            ("d.txt", &text(5000)),
        ]);
        assert_eq!(
            lengths(&house),
            [Problem::new("c.rs", 0, "has 1001 lines; tables are exempt by name in the root manifest")]
        );
        assert_eq!(long_files(&house), ["b.rs has 701 lines", "c.rs has 1001 lines"]);
    }

    #[test]
    fn tables_are_exempt_while_they_exist() {
        let root = "[workspace.metadata.tidy]\ntables = [\"c.rs\", \"gone.rs\"]";
        let problems = lengths(&House::of(&[("Cargo.toml", root), ("c.rs", &"x\n".repeat(2000))]));
        assert_eq!(problems, [Problem::new("Cargo.toml", 0, "names a table gone.rs that does not exist")]);
    }

    #[test]
    fn empty_names_are_found() {
        for path in [
            "crates/a/src/util.rs",
            "crates/a/src/helpers/x.rs",
            "x/common.py",
            "crates/a/src/b/mod.rs",
            "crates/manager/src/lib.rs",
        ] {
            assert_eq!(names(&House::of(&[(path, "")])).len(), 1, "{path}");
        }
        for path in ["crates/a/src/utility_bill.rs", "crates/a/src/b.rs", "docs/common.md"] {
            assert_eq!(names(&House::of(&[(path, "")])), [], "{path}");
        }
    }
}
