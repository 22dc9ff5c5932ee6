//! A Rust file as the rules see it: its tokens, which lines are test code, and how long its functions are.

use std::collections::BTreeSet;

use super::house::{File, has_extension};
use super::lexer::{self, Kind, Token};

/// What one Rust file holds.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: String,
    /// The whole file is test code: it lies in `tests/`, `benches/` or `examples/`, or its module is declared under `#[cfg(test)]`.
    pub(super) is_test: bool,
    pub(super) code: Vec<Code>,
    /// Comments with their slashes, and the line they begin in.
    pub(super) comments: Vec<(usize, String)>,
    /// Lines from first to last, both included, of items under `#[cfg(test)]` or `#[test]`.
    test_lines: Vec<(usize, usize)>,
    /// Lines of each function that has a body, tests left out.
    pub(super) function_lengths: Vec<usize>,
}

/// A token that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) line: usize,
}

impl Code {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }
}

impl Source {
    /// All Rust files, with the knowledge which of them are modules of tests.
    pub(super) fn read_all(files: &[File]) -> Vec<Self> {
        let rust = files.iter().filter(|file| has_extension(&file.path, "rs"));
        let read: Vec<(Self, Vec<String>)> =
            rust.filter_map(|file| Some(Self::read(&file.path, file.text.as_deref()?))).collect();
        let test_modules: BTreeSet<String> = read.iter().flat_map(|(_, modules)| modules.clone()).collect();
        let mut sources: Vec<Self> = read.into_iter().map(|(source, _)| source).collect();
        for source in &mut sources {
            let within = |module: &String| {
                source
                    .path
                    .strip_prefix(module.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            source.is_test |= test_modules.iter().any(within);
        }
        sources
    }

    /// One file and the paths, without `.rs`, of the modules it declares for tests only.
    fn read(path: &str, text: &str) -> (Self, Vec<String>) {
        let (tokens, comments) = lexer::split(text);
        let regions = test_regions(&tokens);
        let modules =
            regions.iter().filter_map(|region| region.module).map(|name| module_path(path, name)).collect();
        let test_lines: Vec<_> = regions.iter().map(|region| (region.first, region.last)).collect();
        let outside = |line: usize| test_lines.iter().all(|(first, last)| !(*first..=*last).contains(&line));
        let source = Self {
            path: path.to_owned(),
            is_test: ["tests", "benches", "examples"]
                .iter()
                .any(|folder| path.split('/').any(|part| part == *folder)),
            function_lengths: functions(&tokens)
                .filter(|(first, _)| outside(*first))
                .map(|(first, last)| last - first + 1)
                .collect(),
            code: tokens
                .iter()
                .map(|token| Code { kind: token.kind, text: token.text.to_owned(), line: token.line })
                .collect(),
            comments: comments.iter().map(|comment| (comment.line, comment.text.to_owned())).collect(),
            test_lines,
        };
        (source, modules)
    }

    /// Whether a line is test code.
    pub(super) fn is_test_line(&self, line: usize) -> bool {
        self.is_test || self.test_lines.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }

    /// The code outside of tests.
    pub(super) fn production(&self) -> Vec<&Code> {
        self.code.iter().filter(|token| !self.is_test_line(token.line)).collect()
    }

    /// How many lines hold code, and how many only comments: production and tests apart.
    pub(super) fn line_counts(&self) -> LineCounts {
        let code: BTreeSet<usize> = self
            .code
            .iter()
            .flat_map(|token| token.line..=token.line + token.text.matches('\n').count())
            .collect();
        let commented =
            self.comments.iter().flat_map(|(line, text)| *line..=*line + text.matches('\n').count());
        let comments: BTreeSet<usize> = commented.filter(|line| !code.contains(line)).collect();
        LineCounts {
            code: code.iter().filter(|line| !self.is_test_line(**line)).count(),
            comments: comments.iter().filter(|line| !self.is_test_line(**line)).count(),
            tests: code.iter().filter(|line| self.is_test_line(**line)).count(),
        }
    }
}

/// Lines of a file by what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineCounts {
    pub(super) code: usize,
    pub(super) comments: usize,
    pub(super) tests: usize,
}

/// An item that exists for tests only.
struct Region<'a> {
    first: usize,
    last: usize,
    /// Name of a module whose body is another file.
    module: Option<&'a str>,
}

/// Items under `#[test]`, `#[cfg(test)]` or another `cfg` that asks for `test` without `not`.
fn test_regions<'a>(tokens: &[Token<'a>]) -> Vec<Region<'a>> {
    let mut regions = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(end) = attribute_end(tokens, at) else {
            at += 1;
            continue;
        };
        let attribute = &tokens[at..end];
        let is = |word: &str| attribute.iter().any(|token| token.is_word(word));
        let asks_for_tests = (is("cfg") && is("test") && !is("not")) || (attribute.len() == 4 && is("test"));
        if !asks_for_tests {
            at = end;
            continue;
        }
        let mut item = end;
        while let Some(next) = attribute_end(tokens, item) {
            item = next;
        }
        let last = item_end(tokens, item);
        let is_file = last > item && tokens.get(last - 1).is_some_and(|token| token.is_mark(";"));
        let named =
            tokens[item..last].windows(2).find(|pair| pair[0].is_word("mod")).map(|pair| pair[1].text);
        regions.push(Region {
            first: tokens[at].line,
            last: tokens.get(last.saturating_sub(1)).map_or(tokens[at].line, |token| token.line),
            module: named.filter(|_| is_file),
        });
        at = last.max(end);
    }
    regions
}

/// The index behind an attribute `#[...]` that begins at `at`.
fn attribute_end(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    let opens = tokens.get(at)?.is_mark("#") && tokens.get(at + 1)?.is_mark("[");
    opens.then(|| closing(tokens, at + 1))
}

/// The index behind the bracket that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" | "[" | "{" if token.kind == Kind::Mark => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Mark => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The index behind an item: its semicolon, or the brace that closes its body.
fn item_end(tokens: &[Token<'_>], start: usize) -> usize {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match token.text {
            ";" if token.kind == Kind::Mark => return at + 1,
            "{" if token.kind == Kind::Mark => return closing(tokens, at),
            "(" | "[" if token.kind == Kind::Mark => at = closing(tokens, at),
            _ => at += 1,
        }
    }
    tokens.len()
}

/// First and last line of each function with a body.
fn functions<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = (usize, usize)> + 'a {
    let starts =
        tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].is_word("fn") && pair[1].kind == Kind::Word);
    starts.filter_map(|(index, pair)| {
        let end = item_end(tokens, index);
        let last = tokens.get(end.checked_sub(1)?)?;
        last.is_mark("}").then_some((pair[0].line, last.line))
    })
}

/// Where the body of a module declared in `path` lies, without `.rs`.
fn module_path(path: &str, name: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" | "mod.rs" => format!("{folder}/{name}"),
        _ => format!("{}/{name}", path.trim_end_matches(".rs")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        let files: Vec<File> = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: Some((*text).to_owned()) })
            .collect();
        Source::read_all(&files)
    }

    fn production_words(source: &Source) -> Vec<&str> {
        source
            .production()
            .into_iter()
            .filter(|token| token.kind == Kind::Word)
            .map(|token| token.text.as_str())
            .collect()
    }

    #[test]
    fn items_of_tests_are_left_out() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { { } }\n}\nfn c() {}\n#[test]\nfn d() {}\n#[cfg(not(test))]\nfn e() {}\n\
                    #[cfg(test)]\n#[allow(x)]\nuse f::g;\nconst H: [u8; 1] = [0];";
        let read = sources(&[("crates/x/src/lib.rs", text)]);
        assert_eq!(
            production_words(&read[0]),
            ["fn", "a", "fn", "c", "cfg", "not", "test", "fn", "e", "const", "H", "u8"]
        );
    }

    #[test]
    fn a_module_of_tests_in_its_own_file_is_test_code() {
        let read = sources(&[
            ("crates/x/src/lib.rs", "mod deep; #[cfg(test)] mod tests;"),
            ("crates/x/src/deep.rs", "#[cfg(test)]\nmod check;"),
            ("crates/x/src/deep/check.rs", "fn a() {}"),
            ("crates/x/src/tests.rs", "fn a() {}"),
            ("crates/x/src/tests_of_time.rs", "fn a() {}"),
            ("crates/x/tests/golden.rs", "fn a() {}"),
        ]);
        let tests: Vec<_> =
            read.iter().filter(|source| source.is_test).map(|source| source.path.as_str()).collect();
        assert_eq!(
            tests,
            ["crates/x/src/deep/check.rs", "crates/x/src/tests.rs", "crates/x/tests/golden.rs"]
        );
    }

    #[test]
    fn lines_and_functions_are_measured() {
        let text = "//! Head.\n\n/// Doc.\nfn a(x: [u8; 2]) {\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\ntrait T { fn d(); }\n";
        let read = sources(&[("crates/x/src/lib.rs", text)]);
        assert_eq!(read[0].line_counts(), LineCounts { code: 4, comments: 2, tests: 4 });
        assert_eq!(read[0].function_lengths, [3]);
    }
}
