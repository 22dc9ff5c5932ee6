//! Where things lie: the workspace root, `fixtures/`, the `../shared` folder beside it, the Python with the reference packages.

use std::path::{Path, PathBuf};

/// The folder that holds the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("this crate lies two folders below the workspace root").to_path_buf()
}

/// A committed golden file or folder, relative to `fixtures/`. Panics when it does not exist.
pub fn fixture(relative: impl AsRef<Path>) -> PathBuf {
    let path = workspace_root().join("fixtures").join(relative);
    assert!(path.exists(), "fixture {} does not exist", path.display());
    path
}

/// A file or folder of the golden data, relative to `../shared`; in a bare clone, the same path below `fixtures/golden`, which holds a small
/// part of it in the same layout.
///
/// `None`, announced on stderr, when a bare clone does not have it; a missing file inside of a present `../shared` is a mistake of the test
/// and panics. `MALKIN_GOLDEN=fixtures` makes every checkout behave like a bare clone.
pub fn shared(relative: impl AsRef<Path>) -> Option<PathBuf> {
    let relative = relative.as_ref();
    if has_shared() {
        let path = workspace_root().join("../shared").join(relative);
        assert!(path.exists(), "{} does not exist", path.display());
        return Some(path);
    }
    let path = workspace_root().join("fixtures/golden").join(relative);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("../shared is absent and fixtures/golden has no {}", relative.display()));
    None
}

/// Whether the whole golden data is used, so that a test can hold its counts against known totals.
pub fn has_shared() -> bool {
    let fixtures_only = std::env::var_os("MALKIN_GOLDEN").is_some_and(|value| value == "fixtures");
    !fixtures_only && workspace_root().join("../shared").is_dir()
}

/// The files of `folder` (not of its subfolders) whose name ends with `suffix`, sorted by name. Panics when there are none: a golden test that
/// walks over nothing would pass for the wrong reason.
pub fn files_in(folder: impl AsRef<Path>, suffix: &str) -> Vec<PathBuf> {
    let folder = folder.as_ref();
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|e| panic!("cannot list {}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder that opens can be listed").path())
        .filter(|path| path.is_file() && path.to_string_lossy().ends_with(suffix))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no file in {} ends with {suffix}", folder.display());
    files
}

/// The interpreter of the reference environment (mcrit 1.9.0, smda 5.0.1) that `cargo xtask python-env` makes, or the one named by the
/// environment variable `MALKIN_REFERENCE_PYTHON`. `None`, announced on stderr, when neither exists.
pub fn python() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("MALKIN_REFERENCE_PYTHON") {
        return Some(PathBuf::from(named));
    }
    let root = workspace_root();
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
    let interpreter = target.join("reference-env/bin/python");
    if interpreter.exists() {
        return Some(interpreter);
    }
    skipped("the reference environment is absent (cargo xtask python-env makes it)");
    None
}

/// Says on stderr which test did not run, and why. The test harness names its threads after the tests.
#[expect(clippy::print_stderr, reason = "the announcement of a skipped test belongs on the terminal")]
fn skipped(reason: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    eprintln!("SKIPPED: {reason}, {test} did not run");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace_manifest() {
        let manifest = std::fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
        assert!(manifest.starts_with("[workspace]"));
    }

    #[test]
    fn a_bare_clone_has_a_part_of_the_golden_data() {
        // Not part of the fixtures, so its presence shows which of the two places is read.
        assert_eq!(shared("design.md").is_some(), has_shared());
        let reports = shared("codehash/golden/public/smda").expect("in both places");
        assert!(files_in(reports, ".smda.gz").len() >= 10);
    }

    #[test]
    fn files_are_listed_by_suffix_in_order() {
        let dir = crate::TestDir::new();
        for name in ["b.json", "a.json", "c.txt"] {
            dir.write(name, b"x");
        }
        let names: Vec<_> = files_in(dir.path(), ".json");
        assert_eq!(names, [dir.path().join("a.json"), dir.path().join("b.json")]);
    }

    #[test]
    #[should_panic(expected = "no file in")]
    fn an_empty_walk_is_a_mistake() {
        files_in(crate::TestDir::new().path(), ".json");
    }
}
