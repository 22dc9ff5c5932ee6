//! No circles of files inside a crate: a file that imports another is not imported by it, directly or through others.
//!
//! A parent names its children and a child may use what its parent declares; that pair is no circle. So paths from a child to one of
//! its ancestors do not count, all others do. A name that a file re-exports leads to the file that defines it. Macros that make paths
//! are not looked into.
//!
//! Crates with circles are listed in the root manifest (`workspace.metadata.tidy.circles`) with the number of files in them. The
//! number may only fall.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::house::{House, lookup};
use super::lexer::Kind;
use super::source::{Code, Source};

/// A module by its path inside of a crate; the root is empty.
type Module = Vec<String>;

/// Most re-exports followed for one name; a longer chain is a circle of re-exports.
const MOST_STEPS: usize = 16;

/// Each crate has no more files in circles than the root manifest allows, and the manifest allows no more than there are.
pub(super) fn no_circles(house: &House) -> Vec<Problem> {
    let allowed = allowances(house);
    let mut problems = Vec::new();
    for member in &house.crates {
        let circles = circles_of(house, &format!("{}/src/", member.folder));
        let count: usize = circles.iter().map(Vec::len).sum();
        let limit = allowed.get(&member.name).copied().unwrap_or(0);
        if count > limit {
            for circle in &circles {
                let files = circle.join(", ");
                problems.push(Problem::new(
                    &member.manifest_path(),
                    0,
                    format!("files that import each other in a circle ({limit} allowed): {files}"),
                ));
            }
        } else if count < limit {
            let text =
                format!("allows {limit} files of {} in circles, there are {count}: lower it", member.name);
            problems.push(Problem::new("Cargo.toml", 0, text));
        }
    }
    let unknown = allowed.keys().filter(|name| house.crates.iter().all(|member| member.name != **name));
    problems.extend(
        unknown
            .map(|name| Problem::new("Cargo.toml", 0, format!("allows circles of an unknown crate {name}"))),
    );
    problems
}

/// `workspace.metadata.tidy.circles` of the root manifest: a number of files for each crate.
fn allowances(house: &House) -> BTreeMap<String, usize> {
    let manifest = house.files.iter().find(|file| file.path == "Cargo.toml");
    let table = manifest.and_then(|file| file.text.as_deref()?.parse::<toml::Table>().ok());
    let listed =
        table.as_ref().and_then(|table| lookup(table, &["workspace", "metadata", "tidy", "circles"]));
    let entries = listed.and_then(toml::Value::as_table).into_iter().flatten();
    entries
        .filter_map(|(name, count)| Some((name.clone(), usize::try_from(count.as_integer()?).ok()?)))
        .collect()
}

/// The circles among the production files below a folder, each with its files in order.
fn circles_of(house: &House, folder: &str) -> Vec<Vec<String>> {
    let sources = house.sources.iter().filter(|source| !source.is_test);
    let files: BTreeMap<Module, &Source> =
        sources.filter_map(|source| Some((module_of(source.path.strip_prefix(folder)?)?, source))).collect();
    let crates = Files {
        exports: files.iter().map(|(module, source)| (module.clone(), exports(source))).collect(),
        modules: files.keys().cloned().collect(),
    };
    let edges: BTreeMap<&Module, BTreeSet<Module>> =
        files.iter().map(|(module, source)| (module, crates.imports(module, source))).collect();
    let reach = |from: &Module| -> BTreeSet<Module> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = open.pop() {
            for next in edges.get(&module).into_iter().flatten() {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        files.keys().map(|module| (module, reach(module))).collect();
    let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
    for (module, found) in &reached {
        if found.contains(*module) {
            let back = |other: &&Module| reached.get(*other).is_some_and(|found| found.contains(*module));
            circles.insert(found.iter().filter(back).map(|other| other.join("/")).collect());
        }
    }
    circles.into_iter().collect()
}

/// The module that a file below `src` is; `None` for programs in `bin` and other roots.
fn module_of(path: &str) -> Option<Module> {
    let stem = path.strip_suffix(".rs")?;
    match stem {
        "lib" | "main" => Some(Vec::new()),
        _ if stem.starts_with("bin/") => None,
        _ => Some(stem.split('/').map(str::to_owned).collect()),
    }
}

/// The files of one crate.
struct Files {
    modules: BTreeSet<Module>,
    /// For each module the names it re-exports, with the paths they stand for.
    exports: BTreeMap<Module, BTreeMap<String, Vec<String>>>,
}

impl Files {
    /// Modules that a file uses, its ancestors and itself left out.
    fn imports(&self, module: &Module, source: &Source) -> BTreeSet<Module> {
        let code = source.production();
        let mut found: BTreeSet<Module> = BTreeSet::new();
        let paths = use_trees(&code).into_iter().map(|(_, path)| path).chain(inline_paths(&code));
        for path in paths {
            found.extend(self.resolve(module, &path, MOST_STEPS));
        }
        found.retain(|used| !module.starts_with(used));
        found
    }

    /// The module in which the item of a path is defined, if that is in this crate.
    fn resolve(&self, from: &Module, path: &[String], steps: usize) -> Option<Module> {
        let mut module = from.clone();
        let mut rest = path.iter().peekable();
        match path.first()?.as_str() {
            "crate" => {
                module.clear();
                rest.next();
            }
            "self" => {
                rest.next();
            }
            "super" => {
                while rest.next_if(|name| *name == "super").is_some() {
                    module.pop();
                }
            }
            child => {
                let mut own = module.clone();
                own.push(child.to_owned());
                if !self.modules.contains(&own) {
                    return None;
                }
            }
        }
        while let Some(name) = rest.next() {
            let mut inner = module.clone();
            inner.push(name.clone());
            if self.modules.contains(&inner) {
                module = inner;
                continue;
            }
            let Some(target) = self.exports.get(&module).and_then(|names| names.get(name)) else { break };
            if steps == 0 {
                break;
            }
            let target: Vec<String> = target.iter().chain(rest).cloned().collect();
            return Some(self.resolve(&module, &target, steps - 1).unwrap_or(module));
        }
        Some(module)
    }
}

/// Names that a file re-exports, with their paths.
fn exports(source: &Source) -> BTreeMap<String, Vec<String>> {
    let trees = use_trees(&source.production()).into_iter();
    let public = trees.filter_map(|(name, path)| Some((name?, path)));
    public.collect()
}

/// Every path of every `use`; with its name if it is re-exported.
fn use_trees(code: &[&Code]) -> Vec<(Option<String>, Vec<String>)> {
    let mut found = Vec::new();
    for (at, token) in code.iter().enumerate() {
        if !token.is_word("use") {
            continue;
        }
        let before = at.checked_sub(1).map(|at| code[at]);
        let is_public = before.is_some_and(|token| token.is_word("pub") || token.is_mark(")"));
        let mut paths = Vec::new();
        tree(code, at + 1, &mut Vec::new(), &mut paths);
        for (name, path) in paths {
            found.push((is_public.then_some(name), path));
        }
    }
    found
}

/// Reads one branch of a `use` that begins at `at`; returns where it ends. Each path comes with the name it is known by.
fn tree(
    code: &[&Code],
    mut at: usize,
    prefix: &mut Vec<String>,
    found: &mut Vec<(String, Vec<String>)>,
) -> usize {
    let length = prefix.len();
    while let Some(token) = code.get(at) {
        if token.kind == Kind::Word && token.text != "as" {
            prefix.push(token.text.clone());
            at += 1;
        } else if token.is_mark(":") || token.is_mark("*") {
            at += 1;
        } else if token.is_mark("{") {
            at += 1;
            while code.get(at).is_some_and(|token| !token.is_mark("}")) {
                at = tree(code, at, prefix, found);
                if code.get(at).is_some_and(|token| token.is_mark(",")) {
                    at += 1;
                } else {
                    break;
                }
            }
            prefix.truncate(length);
            return at + 1;
        } else {
            break;
        }
    }
    if prefix.len() > length || prefix.last().is_some() {
        let mut path = prefix.clone();
        if path.last().is_some_and(|name| name == "self") && path.len() > 1 {
            path.pop();
        }
        let mut name = path.last().cloned().unwrap_or_default();
        if code.get(at).is_some_and(|token| token.is_word("as")) {
            name = code.get(at + 1).map(|token| token.text.clone()).unwrap_or_default();
            at += 2;
        }
        found.push((name, path));
    }
    prefix.truncate(length);
    at
}

/// Paths in code outside of `use`: words with `::` between them.
fn inline_paths(code: &[&Code]) -> Vec<Vec<String>> {
    let is_joint = |at: usize| {
        code.get(at).is_some_and(|token| token.is_mark(":"))
            && code.get(at + 1).is_some_and(|token| token.is_mark(":"))
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if code[at].kind != Kind::Word || !is_joint(at + 1) || (at >= 2 && is_joint(at - 2)) {
            at += 1;
            continue;
        }
        let mut path = vec![code[at].text.clone()];
        at += 1;
        while is_joint(at) && code.get(at + 2).is_some_and(|token| token.kind == Kind::Word) {
            path.push(code[at + 2].text.clone());
            at += 3;
        }
        found.push(path);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) =
        ("crates/a/Cargo.toml", "[package]\nname = \"a\"\nmetadata.house.floor = 1");

    fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let files: Vec<(&str, &str)> = std::iter::once(MANIFEST).chain(files.iter().copied()).collect();
        circles_of(&House::of(&files), "crates/a/src/")
    }

    #[test]
    fn two_files_that_import_each_other_are_a_circle() {
        let one = ("crates/a/src/one.rs", "use crate::two::Two; pub struct One;");
        let two = ("crates/a/src/two.rs", "pub struct Two; fn f() { crate::one::f(); }");
        let lib = ("crates/a/src/lib.rs", "mod one; mod two; pub use one::One;");
        assert_eq!(circles(&[lib, one, two]), [["one", "two"]]);
        let innocent =
            ("crates/a/src/two.rs", "pub struct Two; #[cfg(test)] mod tests { use crate::one::One; }");
        assert_eq!(circles(&[lib, one, innocent]), Vec::<Vec<String>>::new());
    }

    #[test]
    fn a_parent_and_its_child_are_none_but_a_way_through_a_child_is() {
        let lib = ("crates/a/src/lib.rs", "mod parent; mod other;");
        let parent = ("crates/a/src/parent.rs", "mod child; use child::Child; pub struct Parent;");
        let child = ("crates/a/src/parent/child.rs", "use super::Parent; pub struct Child;");
        let other = ("crates/a/src/other.rs", "pub struct Other;");
        assert_eq!(circles(&[lib, parent, child, other]), Vec::<Vec<String>>::new());
        let other = ("crates/a/src/other.rs", "use crate::parent::Parent;");
        let child = ("crates/a/src/parent/child.rs", "use crate::other::{self, Other}; pub struct Child;");
        assert_eq!(circles(&[lib, parent, child, other]), [["other", "parent", "parent/child"]]);
    }

    #[test]
    fn re_exports_lead_to_the_file_that_defines() {
        let lib = ("crates/a/src/lib.rs", "mod one; mod two; pub use one::{One as First, inner::{Deep}};");
        let one = (
            "crates/a/src/one.rs",
            "pub mod inner { pub struct Deep; } use crate::two::Two; pub struct One;",
        );
        let two = ("crates/a/src/two.rs", "use crate::First; pub struct Two;");
        assert_eq!(circles(&[lib, one, two]), [["one", "two"]]);
    }

    #[test]
    fn an_allowance_may_only_fall() {
        let root = |count: usize| format!("[workspace.metadata.tidy.circles]\na = {count}\n");
        let lib = ("crates/a/src/lib.rs", "mod one; mod two;");
        let one = ("crates/a/src/one.rs", "use crate::two::Two;");
        let two = ("crates/a/src/two.rs", "use super::one;");
        let problems = |count: usize| {
            no_circles(&House::of(&[("Cargo.toml", &root(count)), MANIFEST, lib, one, two])).len()
        };
        assert_eq!((problems(0), problems(2), problems(3)), (1, 0, 1));
        let unknown = "[workspace.metadata.tidy.circles]\nb = 1\n";
        assert_eq!(no_circles(&House::of(&[("Cargo.toml", unknown)])).len(), 1);
    }
}
