//! No circles of files inside a crate: a file that imports another is not imported by it, directly or through others.
//!
//! A parent names its children and a child may use what its parent declares; that pair is no circle. So paths from a child to one of
//! its ancestors do not count, all others do. A name that a file re-exports leads to the file that defines it.
//!
//! Crates with circles are listed in the root manifest (`workspace.metadata.tidy.circles`) with the number of files in them. The
//! number may only fall.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::house::{House, lookup};
use super::source::Source;

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
        let mut found: BTreeSet<Module> = BTreeSet::new();
        for path in &source.paths {
            found.extend(self.resolve(module, &path.segments, MOST_STEPS));
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
    let paths = source.paths.iter();
    paths.filter_map(|path| Some((path.exported_as.clone()?, path.segments.clone()))).collect()
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
