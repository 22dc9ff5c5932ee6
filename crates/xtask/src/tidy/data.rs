//! Rule about `data/`: every table says in its head where its facts come from, under which licence or from which date, and in which unit.

use super::Problem;
use super::house::{File, House, has_extension};

/// What the head must mention; of the alternatives one suffices.
const MENTIONS: &[&[&str]] = &[
    &["source"],
    &["licence", "license", "date:", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "(mit)"],
    &["unit"],
];
/// What begins a comment, by format.
const COMMENT_MARKS: &[&str] = &["#", "//", "--", ";"];
/// JSON has no comments: there the head is what the first lines hold, as keys of the outermost object.
const JSON_HEAD_LINES: usize = 12;

/// Every file in `data/` has such a head.
pub(super) fn heads(house: &House) -> Vec<Problem> {
    let tables =
        house.files.iter().filter(|file| file.path.starts_with("data/") && !has_extension(&file.path, "md"));
    tables.filter_map(|file| Some(Problem::new(&file.path, 1, missing(file)?))).collect()
}

fn missing(file: &File) -> Option<String> {
    let Some(text) = &file.text else { return Some("is no text: facts are tables one can read".to_owned()) };
    let head: String = if has_extension(&file.path, "json") {
        text.lines().take(JSON_HEAD_LINES).collect::<Vec<_>>().join("\n").to_lowercase()
    } else {
        let comments =
            text.lines().take_while(|line| COMMENT_MARKS.iter().any(|mark| line.starts_with(mark)));
        comments.collect::<Vec<_>>().join("\n").to_lowercase()
    };
    let absent: Vec<&str> = MENTIONS
        .iter()
        .filter(|words| !words.iter().any(|word| head.contains(word)))
        .map(|words| words[0])
        .collect();
    (!absent.is_empty()).then(|| format!("its head does not mention: {}", absent.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<Problem> {
        heads(&House::of(&[(path, text)]))
    }

    #[test]
    fn a_complete_head_passes_in_every_format() {
        assert_eq!(
            problems("data/a.csv", "# Source: SMDA 5.0.1\n# Licence: BSD-2-Clause\n# Unit: none\na,b\n"),
            []
        );
        assert_eq!(problems("data/deep/a.sql", "-- source: ours (Apache-2.0), unit: seconds\nx"), []);
        assert_eq!(
            problems(
                "data/a.json",
                "{\n \"source\": \"x\",\n \"license\": \"MIT\",\n \"unit\": \"bytes\"\n}"
            ),
            []
        );
        assert_eq!(problems("data/README.md", "about"), []);
        assert_eq!(problems("fixtures/a.csv", "a,b"), []);
    }

    #[test]
    fn what_is_missing_is_named() {
        let found = problems("data/a.csv", "# Source: x\na,b\n# unit, licence\n");
        assert_eq!(found, [Problem::new("data/a.csv", 1, "its head does not mention: licence, unit")]);
        assert_eq!(problems("data/a.txt", "no head").len(), 1);
    }
}
