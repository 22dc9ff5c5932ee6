//! Rules about words that must not be there: paths of somebody's machine, and marks of unfinished work.

use super::Problem;
use super::house::{House, has_extension};

/// Folders that exist on a machine, not in a repository. Put together so that this file does not hold them.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tm", "p/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];
/// Golden data says what its makers' machines were called; that is its content, not ours.
const FOREIGN: &str = "fixtures/";
/// Marks of unfinished work in comments.
const UNFINISHED: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X:")];
const TO_DO: &str = concat!("TO", "DO");

/// No tracked text names a folder of the machine it was written on.
pub(super) fn machine_paths(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in house.files.iter().filter(|file| !file.path.starts_with(FOREIGN)) {
        let Some(text) = &file.text else { continue };
        for (index, line) in text.lines().enumerate() {
            for folder in MACHINE_FOLDERS.iter().filter(|folder| names_folder(line, folder)) {
                problems.push(Problem::new(
                    &file.path,
                    index + 1,
                    format!("names the machine's folder {folder}"),
                ));
            }
        }
    }
    problems
}

/// Whether a path that begins with `folder` stands in a line. In `a/home/b` and `//home/` it is the middle of something else.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "/._-}>*".contains(c)))
    })
}

/// No ignored test and no loose end: a thing to do later is `TODO(#12): ...` with its issue. Clippy refuses stubs.
pub(super) fn unfinished(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in house.files.iter().filter(|file| has_extension(&file.path, "rs")) {
        for (index, line) in file.text.iter().flat_map(|text| text.lines()).enumerate() {
            let mut find = |message: &str| problems.push(Problem::new(&file.path, index + 1, message));
            if line.trim_start().starts_with("#[ignore") {
                find("an ignored test tests nothing");
            }
            let Some((_, comment)) = line.split_once("//").or_else(|| line.split_once("/*")) else {
                continue;
            };
            if UNFINISHED.iter().any(|word| comment.contains(word)) {
                find("a loose end; write TODO(#issue): what is to be done");
            }
            if comment.match_indices(TO_DO).any(|(at, _)| !comment[at + TO_DO.len()..].starts_with("(#")) {
                find("a TODO names its issue: TODO(#12): ...");
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_are_found_in_every_text() {
        for folder in MACHINE_FOLDERS {
            for line in [
                format!("path = \"{folder}x\""),
                format!("see {folder}"),
                format!("({folder}a)"),
                format!("{folder}a"),
            ] {
                assert_eq!(machine_paths(&House::of(&[("docs/a.md", &line)])).len(), 1, "{line}");
                assert_eq!(machine_paths(&House::of(&[("fixtures/a.json", &line)])), [], "{line}");
            }
        }
    }

    #[test]
    fn the_middle_of_a_path_is_none() {
        for folder in MACHINE_FOLDERS {
            for line in [
                format!("a{folder}b"),
                format!("https:/{folder}"),
                format!("{{dir}}{folder}"),
                format!("..{folder}"),
            ] {
                assert_eq!(machine_paths(&House::of(&[("docs/a.md", &line)])), [], "{line}");
            }
        }
    }

    #[test]
    fn stubs_and_loose_ends_are_found() {
        let planted = [
            "#[test]\n#[ignore]\nfn f() {}",
            "#[ignore = \"slow\"]\nfn f() {}",
            concat!("// FIX", "ME: this"),
            concat!("// TO", "DO: that"),
            concat!("/* TO", "DO */"),
        ];
        for code in planted {
            assert_eq!(unfinished(&House::of(&[("crates/a/src/lib.rs", code)])).len(), 1, "{code}");
        }
        for code in
            ["// TODO(#12): the next architecture", "fn todo(ignore: u8) {}", "#[expect(ignore)] fn f() {}"]
        {
            assert_eq!(unfinished(&House::of(&[("crates/a/src/lib.rs", code)])), [], "{code}");
        }
    }
}
