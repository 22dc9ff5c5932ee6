//! Rule about prose: a path of the repository that Markdown names, in backticks or as a link, exists.

use super::Problem;
use super::house::{House, has_extension};

/// Folders of the house, whether they have content yet or not: a path below them is a claim.
const FOLDERS: &[&str] =
    &["conformance", "crates", "data", "docs", "fixtures", "fuzz", ".cargo", ".ci", ".config"];

/// Every named path is there.
pub(super) fn paths_exist(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in house
        .files
        .iter()
        .filter(|file| has_extension(&file.path, "md") && !file.path.starts_with("fixtures/"))
    {
        let Some(text) = &file.text else { continue };
        let mut fenced = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            if fenced {
                continue;
            }
            let named = code_spans(line).filter_map(|span| claim(house, span));
            let linked = links(line).filter_map(|target| resolve(&file.path, target));
            for path in named.chain(linked).filter(|path| !house.has(path)) {
                problems.push(Problem::new(
                    &file.path,
                    index + 1,
                    format!("names {path}, which does not exist"),
                ));
            }
        }
    }
    problems
}

/// The texts between single backticks.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// The path that a code span claims to exist, if it looks like one of ours: below a folder of the house, below a crate's name, or a document
/// in the root. A glob claims the folder in front of it.
fn claim(house: &House, span: &str) -> Option<String> {
    if span.is_empty() || span.contains(|c: char| c.is_whitespace() || "<>{}()$=\"'|,;\\".contains(c)) {
        return None;
    }
    let span = span.split(':').next().unwrap_or(span).split('#').next().unwrap_or(span);
    let whole: Vec<&str> =
        span.trim_start_matches("./").split('/').take_while(|part| !part.contains('*')).collect();
    let path = whole.join("/");
    let (first, deeper) = path.split_once('/').map_or((path.as_str(), false), |(first, _)| (first, true));
    if deeper && FOLDERS.contains(&first) {
        return Some(path);
    }
    if deeper && house.crates.iter().any(|member| member.name == first) {
        return Some(format!("crates/{path}"));
    }
    let document = !deeper
        && has_extension(&path, "md")
        && path.trim_end_matches(".md").chars().all(|c| c.is_ascii_uppercase());
    document.then_some(path)
}

/// The path a link leads to, seen from the file it stands in. `None` for addresses of the web, anchors and places outside of the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?', ' ']).next().unwrap_or(target);
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") || target.starts_with('/')
    {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let house = House::of(&[
            ("docs/deep/page.md", text),
            ("docs/api.md", ""),
            ("CHANGELOG.md", ""),
            ("crates/malkin-a/Cargo.toml", "[package]\nname = \"malkin-a\""),
            ("crates/malkin-a/src/lib.rs", "//! A."),
        ]);
        paths_exist(&house).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn existing_and_foreign_paths_pass() {
        let text = "`docs/api.md` `docs/` `crates/malkin-a/src/lib.rs:12` `malkin-a/src/*.rs` `CHANGELOG.md` `/samples/0` `application/json`\n\
                    `../shared/x` `target/release/malkin` `docs/{name}.md` `lib.rs` [up](../api.md#part) [web](https://example.org/x) [here](#x)\n\
                    ```\ncrates/planned/src/lib.rs and `docs/planned.md`\n```\n";
        assert_eq!(problems(text), Vec::<String>::new());
    }

    #[test]
    fn planted_ghosts_are_found() {
        let ghosts = [
            "`docs/gone.md`",
            "`crates/malkin-b`",
            "`malkin-a/src/gone.rs`",
            "`GONE.md`",
            "[x](gone.md)",
            "[x](../gone.md)",
            "`data/a.csv`",
        ];
        for ghost in ghosts {
            assert_eq!(problems(&format!("See {ghost}.")).len(), 1, "{ghost}");
        }
        assert_eq!(
            problems("`docs/api.md` and `docs/gone.md`"),
            ["names docs/gone.md, which does not exist"]
        );
    }
}
