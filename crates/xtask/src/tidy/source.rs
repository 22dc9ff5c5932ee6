//! A Rust file as the rules see it, read by `syn`: the paths its production code names, how long its functions are, and how many lines
//! hold code, comments and tests.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

use super::house::{File, has_extension};

/// The feature, as tokens show it, under which the store has its suite for back ends: tests that other crates run too.
const SUITE: &str = "\"conformance\"";

/// A path in code: of a `use`, of a type or an expression, or inside of a macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathUse {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
    /// The name under which a `pub use` gives it on.
    pub(super) exported_as: Option<String>,
}

/// Lines of a file by what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineCounts {
    pub(super) code: usize,
    pub(super) comments: usize,
    pub(super) tests: usize,
}

/// What one Rust file holds.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: String,
    /// The whole file is test code: it lies in `tests/`, `benches/` or `examples/`, or its module is declared under `#[cfg(test)]`.
    pub(super) is_test: bool,
    /// Paths of two or more segments and all of `use`, tests left out.
    pub(super) paths: Vec<PathUse>,
    /// Lines of each function that has a body, tests left out.
    pub(super) function_lengths: Vec<usize>,
    pub(super) lines: LineCounts,
}

impl Source {
    /// All Rust files, with the knowledge which of them are modules of tests. A file that is no Rust is an error.
    pub(super) fn read_all(files: &[File]) -> Result<Vec<Self>, String> {
        let mut sources = Vec::new();
        let mut test_modules = BTreeSet::new();
        for file in files.iter().filter(|file| has_extension(&file.path, "rs")) {
            let Some(text) = &file.text else { continue };
            let (source, modules) =
                Self::read(&file.path, text).map_err(|error| format!("{}: {error}", file.path))?;
            sources.push(source);
            test_modules.extend(modules);
        }
        for source in &mut sources {
            let folders = ["tests", "benches", "examples"];
            let within = |module: &String| {
                let rest = source.path.strip_prefix(module.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            source.is_test =
                source.path.split('/').any(|part| folders.contains(&part)) || test_modules.iter().any(within);
            if source.is_test {
                source.paths.clear();
                source.function_lengths.clear();
                let LineCounts { code, tests, .. } = source.lines;
                source.lines = LineCounts { tests: code + tests, ..LineCounts::default() };
            }
        }
        Ok(sources)
    }

    /// One file and the paths, without `.rs`, of the modules it declares for tests only.
    fn read(path: &str, text: &str) -> Result<(Self, Vec<String>), syn::Error> {
        let mut reader = Reader::default();
        reader.visit_file(&syn::parse_file(text)?);
        // Each lookup of a line would otherwise search the texts of all files before.
        proc_macro2::extra::invalidate_current_thread_spans();
        let mut lines = LineCounts::default();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let is_test = reader.tests.iter().any(|(first, last)| (*first..=*last).contains(&(index + 1)));
            match (line.trim_start().starts_with("//"), is_test) {
                (false, false) => lines.code += 1,
                (false, true) => lines.tests += 1,
                (true, false) => lines.comments += 1,
                (true, true) => {}
            }
        }
        let modules = reader.test_modules.iter().map(|name| module_path(path, name)).collect();
        let (paths, function_lengths) = (reader.paths, reader.functions);
        Ok((Self { path: path.to_owned(), is_test: false, paths, function_lengths, lines }, modules))
    }
}

/// Where the body of a module declared in `path` lies, without `.rs`.
fn module_path(path: &str, name: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" => format!("{folder}/{name}"),
        _ => format!("{}/{name}", path.trim_end_matches(".rs")),
    }
}

/// Gathers what a [`Source`] holds.
#[derive(Default)]
struct Reader {
    paths: Vec<PathUse>,
    functions: Vec<usize>,
    /// First and last line of items for tests only.
    tests: Vec<(usize, usize)>,
    /// Modules for tests whose body is another file.
    test_modules: Vec<String>,
}

impl Reader {
    // A brace and a keyword have their lines at hand; those of a whole item are found by writing it out.
    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let last = body.brace_token.span.close().end().line;
        self.functions.push(last - signature.fn_token.span.start().line + 1);
    }

    /// Whether an item is for tests only; it is noted and not looked into.
    fn is_test(&mut self, attributes: &[Attribute], item: &impl Spanned) -> bool {
        let asks_for_tests = attributes.iter().any(|attribute| {
            let cfg = attribute.meta.require_list().ok().filter(|list| list.path.is_ident("cfg"));
            let names = cfg.map(|list| words(list.tokens.clone())).unwrap_or_default();
            let is_suite = names.contains(SUITE);
            attribute.path().is_ident("test")
                || is_suite
                || (names.contains("test") && !names.contains("not"))
        });
        if asks_for_tests {
            self.tests.push((item.span().start().line, item.span().end().line));
        }
        asks_for_tests
    }

    fn tree(&mut self, tree: &UseTree, prefix: &[String], is_public: bool) {
        let mut segments = prefix.to_vec();
        let name = match tree {
            UseTree::Path(path) => {
                segments.push(path.ident.to_string());
                return self.tree(&path.tree, &segments, is_public);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.tree(tree, prefix, is_public));
            }
            UseTree::Name(name) if name.ident == "self" => segments.last().cloned(),
            UseTree::Name(name) => {
                segments.push(name.ident.to_string());
                segments.last().cloned()
            }
            UseTree::Rename(rename) => {
                segments.extend((rename.ident != "self").then(|| rename.ident.to_string()));
                Some(rename.rename.to_string())
            }
            UseTree::Glob(_) => None,
        };
        let exported_as = name.filter(|_| is_public);
        self.paths.push(PathUse { line: tree.span().start().line, segments, exported_as });
    }

    /// Paths among the tokens of a macro: words with `::` between them.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match &token {
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Ident(word) if colons == 2 && !segments.is_empty() => {
                    segments.push(word.to_string());
                    colons = 0;
                }
                _ => {
                    self.inline(line, std::mem::take(&mut segments));
                    colons = 0;
                    match token {
                        TokenTree::Ident(word) => {
                            line = word.span().start().line;
                            segments.push(word.to_string());
                        }
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.inline(line, segments);
    }

    fn inline(&mut self, line: usize, segments: Vec<String>) {
        if segments.len() > 1 {
            self.paths.push(PathUse { line, segments, exported_as: None });
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Const(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !self.is_test(attributes, item) {
            visit::visit_item(self, item);
        } else if let Item::Mod(module) = item
            && module.content.is_none()
        {
            self.test_modules.push(module.ident.to_string());
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !self.is_test(&item.attrs, item) {
            self.function(&item.sig, &item.block);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first().filter(|_| path.segments.len() > 1) {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.inline(first.ident.span().start().line, segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
    }
}

/// All words, texts and marks among tokens, however deep.
fn words(tokens: TokenStream) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(words(group.stream())),
            other => drop(found.insert(other.to_string())),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> Vec<Source> {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: Some((*text).to_owned()) };
        Source::read_all(&files.iter().map(file).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn paths_of_production_code_are_found_wherever_they_stand() {
        let text = "//! a::comment\npub use a::{b, c as d, e::{self, f}};\nuse g::*;\nfn x(y: h::I<j::K>) { l::m!(\"n::o\", p::q::r(s::t)) }\n\
                    #[cfg(test)]\nmod tests { use u::v; }\n#[cfg(not(test))]\nconst W: x::Y = 1;\nimpl Z { #[cfg(test)] fn aa() { bb::cc() } }";
        let read = sources(&[("crates/x/src/lib.rs", text)]);
        let found: Vec<_> = read[0].paths.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(
            found,
            ["a::b", "a::c", "a::e", "a::e::f", "g", "h::I", "j::K", "p::q::r", "s::t", "x::Y"]
        );
        let exported: Vec<_> = read[0].paths.iter().filter_map(|path| path.exported_as.as_deref()).collect();
        assert_eq!(exported, ["b", "d", "e", "f"]);
        assert_eq!(read[0].paths[8].line, 4);
    }

    #[test]
    fn a_module_of_tests_in_its_own_file_is_test_code() {
        let read = sources(&[
            (
                "crates/x/src/lib.rs",
                "mod deep; #[cfg(test)] mod tests; #[cfg(feature = \"conformance\")] mod suite;",
            ),
            ("crates/x/src/suite/queue.rs", "fn a() {}"),
            ("crates/x/src/deep.rs", "#[cfg(all(test, unix))]\nmod check;"),
            ("crates/x/src/deep/check.rs", "fn a() {}"),
            ("crates/x/src/tests.rs", "fn a() {}"),
            ("crates/x/src/tests_of_time.rs", "fn a() {}"),
            ("crates/x/tests/golden.rs", "fn a() {}"),
        ]);
        let tests: Vec<_> =
            read.iter().filter(|source| source.is_test).map(|source| source.path.as_str()).collect();
        assert_eq!(
            tests,
            [
                "crates/x/src/suite/queue.rs",
                "crates/x/src/deep/check.rs",
                "crates/x/src/tests.rs",
                "crates/x/tests/golden.rs"
            ]
        );
    }

    #[test]
    fn lines_and_functions_are_measured() {
        let text = "//! Head.\n\n/// Doc.\nfn a(x: [u8; 2]) {\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\ntrait T { fn d(); }\n";
        let read = sources(&[("crates/x/src/lib.rs", text)]);
        assert_eq!(read[0].lines, LineCounts { code: 4, comments: 2, tests: 4 });
        assert_eq!(read[0].function_lengths, [3]);
    }
}
