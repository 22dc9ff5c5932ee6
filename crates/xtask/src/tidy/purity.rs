//! Rules about what code may mention where: no world below floor 3 and in matching, SQL in the store only, HTTP in the server only, unsafe code
//! behind its fence only. Looked up among tokens, so comments, strings and tests of pure crates may say what they like.

use super::house::{Crate, House};
use super::lexer::Kind;
use super::source::Code;
use super::{Problem, manifests};

/// Crates on this floor and below are pure.
const PURE_UP_TO: i64 = 2;
/// A pure crate above that floor.
const PURE_ABOVE: &str = "malkin-matching";
/// Modules of `std` that reach the world.
const WORLDLY_MODULES: &[&str] = &["env", "fs", "net", "os", "process", "thread"];
/// Names that mean clock, threads, async, network or database wherever they stand.
const WORLDLY_WORDS: &[&str] = &[
    "Instant",
    "SystemTime",
    "async",
    "axum",
    "await",
    "rayon",
    "reqwest",
    "rusqlite",
    "sqlx",
    "tokio",
    "ureq",
];

/// Names that only one crate may know.
struct Fence {
    owner: &'static str,
    subject: &'static str,
    words: &'static [&'static str],
    /// Packages that make the crate a knower already by being a dependency.
    packages: &'static [&'static str],
}

const FENCES: &[Fence] = &[
    Fence {
        owner: "malkin-store",
        subject: "SQL",
        words: &["rusqlite", "sqlx", "tokio_postgres"],
        packages: &["rusqlite", "sqlx", "tokio-postgres"],
    },
    Fence {
        owner: "malkin-server",
        subject: "HTTP answers",
        words: &["StatusCode", "axum", "tower_http"],
        packages: &["axum", "tower-http"],
    },
];
/// Beginnings of SQL statements in a string.
const STATEMENTS: &[&str] =
    &["ALTER TABLE ", "CREATE INDEX ", "CREATE TABLE ", "DELETE FROM ", "INSERT INTO ", "PRAGMA ", "SELECT "];
/// The only places with unsafe code: a file and a folder.
const UNSAFE_PLACES: &[&str] = &["crates/malkin-codehash/src/simd.rs", "crates/malkin-codehash/src/simd/"];

/// Floors 0 to 2 and matching touch no files, network, environment, clock, processes or threads, and are not async.
pub(super) fn pure_crates(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in &house.sources {
        let Some(member) = house.crate_of(&source.path).filter(|member| is_pure(member)) else { continue };
        let code = source.production();
        for (index, token) in code.iter().enumerate() {
            if token.kind == Kind::Word && WORLDLY_WORDS.contains(&token.text.as_str()) {
                let why = format!("{} does not belong into {}, which is pure", token.text, member.name);
                problems.push(Problem::new(&source.path, token.line, why));
            }
            if token.is_word("std") {
                for module in std_modules(&code[index + 1..]) {
                    if WORLDLY_MODULES.contains(&module.text.as_str()) {
                        let why = format!(
                            "std::{} does not belong into {}, which is pure",
                            module.text, member.name
                        );
                        problems.push(Problem::new(&source.path, module.line, why));
                    }
                }
            }
        }
    }
    problems
}

fn is_pure(member: &Crate) -> bool {
    member.name == PURE_ABOVE || member.floor.is_some_and(|floor| floor <= PURE_UP_TO)
}

/// The modules named directly behind `std`: one in a path, several in a group of imports. `env!` and its like are macros without a path.
fn std_modules<'a>(code: &[&'a Code]) -> Vec<&'a Code> {
    let [first, second, behind @ ..] = code else { return Vec::new() };
    if !(first.is_mark(":") && second.is_mark(":")) {
        return Vec::new();
    }
    let Some(next) = behind.first() else { return Vec::new() };
    if !next.is_mark("{") {
        return vec![next];
    }
    let mut modules = Vec::new();
    let mut depth = 0_usize;
    let mut expected = false;
    for token in behind {
        match token.text.as_str() {
            "{" if token.kind == Kind::Mark => {
                depth += 1;
                expected = depth == 1;
            }
            "}" if token.kind == Kind::Mark => {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
            "," if token.kind == Kind::Mark => expected = depth == 1,
            _ => {
                if expected {
                    modules.push(*token);
                }
                expected = false;
            }
        }
    }
    modules
}

/// The only place that writes to a terminal: what is written there was made safe to show.
const TERMINAL: &str = "crates/malkin/src/output.rs";
/// Names that lead to a terminal.
const TERMINAL_WORDS: &[&str] = &["Stderr", "Stdout", "eprint", "eprintln", "println", "stderr", "stdout"];

/// Text of strangers reaches the terminal through one file only. Tools for ourselves may print.
pub(super) fn terminal(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in
        house.sources.iter().filter(|source| source.path != TERMINAL && source.path.contains("/src/"))
    {
        let owner = house.crate_of(&source.path).map_or("", |member| member.name.as_str());
        if ["", "malkin-bench", "malkin-testkit", "xtask"].contains(&owner) {
            continue;
        }
        for token in source.production() {
            if token.kind == Kind::Word && TERMINAL_WORDS.contains(&token.text.as_str()) {
                let why = format!("{} belongs into {TERMINAL}, which makes text safe to show", token.text);
                problems.push(Problem::new(&source.path, token.line, why));
            }
        }
    }
    problems
}

/// Only the store knows SQL, only the server knows HTTP answers, only the SIMD modules hold unsafe code.
pub(super) fn fences(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in &house.sources {
        let owner = house.crate_of(&source.path).map_or("", |member| member.name.as_str());
        let inside = UNSAFE_PLACES
            .iter()
            .any(|place| source.path == *place || (place.ends_with('/') && source.path.starts_with(place)));
        for token in &source.code {
            let line = token.line;
            if token.is_word("unsafe") && !inside {
                problems.push(Problem::new(
                    &source.path,
                    line,
                    "unsafe code lives in malkin-codehash's simd modules only",
                ));
            }
            let production = !source.is_test_line(line);
            for fence in FENCES.iter().filter(|fence| fence.owner != owner && owner != "xtask" && production)
            {
                if token.kind == Kind::Word && fence.words.contains(&token.text.as_str()) {
                    let why = format!(
                        "{} belongs into {}: only it knows {}",
                        token.text, fence.owner, fence.subject
                    );
                    problems.push(Problem::new(&source.path, line, why));
                }
            }
            let is_statement = token.kind == Kind::Text
                && STATEMENTS.iter().any(|start| token.text.trim_start().starts_with(start));
            if is_statement && production && !["malkin-store", "xtask"].contains(&owner) {
                problems.push(Problem::new(&source.path, line, "SQL belongs into malkin-store"));
            }
        }
    }
    for member in &house.crates {
        for dependency in manifests::dependencies(member).iter().filter(|dependency| !dependency.for_tests) {
            for fence in FENCES.iter().filter(|fence| fence.owner != member.name) {
                if fence.packages.contains(&dependency.name.as_str()) {
                    let why = format!(
                        "depends on {}: only {} knows {}",
                        dependency.name, fence.owner, fence.subject
                    );
                    problems.push(Problem::new(&member.manifest_path(), 0, why));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pure(floor: i64, code: &str) -> Vec<Problem> {
        let manifest = format!("[package]\nname = \"a\"\nmetadata.house.floor = {floor}");
        pure_crates(&House::of(&[("crates/a/Cargo.toml", &manifest), ("crates/a/src/lib.rs", code)]))
    }

    #[test]
    fn only_one_file_writes_to_the_terminal() {
        let manifest = "[package]\nname = \"malkin\"\nmetadata.house.floor = 6";
        let planted = |path: &str, code: &str| {
            terminal(&House::of(&[("crates/malkin/Cargo.toml", manifest), (path, code)])).len()
        };
        let other = "crates/malkin/src/command/hash.rs";
        for code in [
            "fn f() { println!(\"{name}\"); }",
            "fn f() { std::io::stdout().write_all(b\"x\"); }",
            "use std::io::{stderr, Write};",
            "fn f() { eprint!(\"x\"); }",
        ] {
            assert!(planted(other, code) > 0, "{code}");
            assert_eq!(planted(TERMINAL, code), 0, "{code}");
        }
        assert_eq!(planted(other, "// println!\nfn f() { output::line(\"stdout\"); }"), 0);
    }

    #[test]
    fn every_way_into_the_world_is_found() {
        let planted = [
            "fn f() { std::fs::read(\"x\"); }",
            "use std::{collections::BTreeMap, fs};",
            "use std::{io::{self, fs}, env};",
            "use std::net::TcpStream;",
            "use std::process;",
            "fn f() { std::thread::spawn(g); }",
            "use std::time::{Duration, Instant};",
            "use std::time::SystemTime;",
            "async fn f() {}",
            "use tokio::sync;",
            "use rayon::prelude;",
            "use rusqlite::Connection;",
        ];
        for code in planted {
            assert_eq!(pure(2, code).len(), 1, "{code}");
            assert_eq!(pure(3, code), [], "{code}");
        }
    }

    #[test]
    fn words_and_tests_are_no_code() {
        let innocent = [
            "//! Not async, no std::fs, no tokio.",
            "const X: &str = \"std::fs::read\";",
            "const X: &str = include_str!(env!(\"CARGO_MANIFEST_DIR\"));",
            "use std::io::Read; use std::time::Duration;",
            "#[cfg(test)] mod tests { use std::fs; }",
            "fn f(thread: u8, process: u8, fs: u8) {}",
        ];
        for code in innocent {
            assert_eq!(pure(0, code), [], "{code}");
        }
    }

    #[test]
    fn matching_is_pure_on_its_floor() {
        let manifest = "[package]\nname = \"malkin-matching\"\nmetadata.house.floor = 3";
        let files = [
            ("crates/malkin-matching/Cargo.toml", manifest),
            ("crates/malkin-matching/src/lib.rs", "use std::fs;"),
        ];
        assert_eq!(pure_crates(&House::of(&files)).len(), 1);
    }

    fn fenced(name: &str, path: &str, code: &str) -> Vec<Problem> {
        let manifest = format!("[package]\nname = \"{name}\"\nmetadata.house.floor = 4");
        fences(&House::of(&[
            (&format!("crates/{name}/Cargo.toml"), &manifest),
            (&format!("crates/{name}/{path}"), code),
        ]))
    }

    #[test]
    fn sql_and_http_stay_behind_their_fences() {
        for code in
            ["use rusqlite::Row;", "const Q: &str = \"SELECT 1\";", "const Q: &str = \"\n  INSERT INTO x\";"]
        {
            assert_eq!(fenced("malkin-service", "src/lib.rs", code).len(), 1, "{code}");
            assert_eq!(fenced("malkin-store", "src/lib.rs", code), [], "{code}");
        }
        for code in ["use http::StatusCode;", "fn f(r: axum::Router) {}"] {
            assert_eq!(fenced("malkin-store", "src/lib.rs", code).len(), 1, "{code}");
            assert_eq!(fenced("malkin-server", "src/lib.rs", code), [], "{code}");
        }
        assert_eq!(fenced("malkin-service", "src/lib.rs", "const Q: &str = \"SELECTED\"; // rusqlite"), []);
    }

    #[test]
    fn a_fenced_dependency_is_found() {
        let manifest =
            "[package]\nname = \"a\"\nmetadata.house.floor = 4\n[dependencies]\naxum.workspace = true";
        assert_eq!(fences(&House::of(&[("crates/a/Cargo.toml", manifest)])).len(), 1);
        let for_tests = manifest.replace("[dependencies]", "[dev-dependencies]");
        assert_eq!(fences(&House::of(&[("crates/a/Cargo.toml", &for_tests)])), []);
    }

    #[test]
    fn unsafe_code_stays_behind_its_fence() {
        let code = "fn f() { unsafe { g() } }";
        assert_eq!(fenced("malkin-codehash", "src/simd/avx2.rs", code), []);
        assert_eq!(fenced("malkin-codehash", "src/simd.rs", code), []);
        assert_eq!(fenced("malkin-codehash", "src/simd_like.rs", code).len(), 1);
        assert_eq!(fenced("malkin-index", "src/lib.rs", code).len(), 1);
        assert_eq!(fenced("malkin-index", "tests/golden.rs", code).len(), 1);
        assert_eq!(fenced("malkin-index", "src/lib.rs", "//! Not unsafe.\n#![forbid(unsafe_code)]"), []);
    }
}
