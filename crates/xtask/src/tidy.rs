//! `cargo xtask tidy`: the rules of the house that neither the compiler nor clippy keep, each as a pure function over the tracked files.
//!
//! Paths in code are read by `syn`. A rule returns problems and its tests plant violations to see it fire. Not a linter for taste: what is here is an invariant that
//! ARCHITECTURE.md or CONTRIBUTING.md states. At the end the figures of the house are printed, which are targets and never fail.

mod circles;
mod data;
mod figures;
mod house;
mod manifests;
mod markdown;
mod purity;
mod shape;
mod source;
mod words;

use house::House;

/// One violation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    path: String,
    /// First line is 1; 0 when the file as a whole is meant.
    line: usize,
    message: String,
}

impl Problem {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

type Rule = fn(&House) -> Vec<Problem>;

const RULES: &[Rule] = &[
    manifests::floors,
    manifests::inheritance,
    manifests::fences,
    purity::pure_crates,
    purity::unsafe_code,
    circles::no_circles,
    shape::head_docs,
    shape::lengths,
    shape::names,
    markdown::paths_exist,
    data::heads,
    words::machine_paths,
    words::unfinished,
];

/// `cargo xtask tidy`
pub(crate) fn run(_arguments: &[String]) -> Result<(), String> {
    let house = House::tracked(&crate::workspace_root())?;
    let mut problems: Vec<Problem> = RULES.iter().flat_map(|rule| rule(&house)).collect();
    problems.sort();
    for problem in &problems {
        println!("tidy: {problem}");
    }
    for line in figures::of(&house) {
        println!("tidy: {line}");
    }
    println!("tidy: {} files, {} rules, {} problems", house.files.len(), RULES.len(), problems.len());
    if problems.is_empty() { Ok(()) } else { Err(format!("{} problems", problems.len())) }
}
