//! Pure crates reach nothing of the world through `std`, and unsafe code stays where its lint is expected.
//!
//! Clippy bans single functions and types, in tests as well; here a whole module is banned, and tests may use it. What crates may depend
//! on at all is in `manifests`.

use super::Problem;
use super::house::{Crate, House};

/// Crates on this floor and below are pure.
const PURE_UP_TO: i64 = 2;
/// A pure crate above that floor.
const PURE_ABOVE: &str = "malkin-matching";
/// Modules of `std` that reach the world.
const WORLDLY_MODULES: &[&str] = &["env", "fs", "net", "os", "process", "thread"];
/// Types of `std::time` that read a clock.
const CLOCKS: &[&str] = &["Instant", "SystemTime"];
/// The only file that may expect the lint against unsafe code: it declares the SIMD module.
const UNSAFE_DECLARED_IN: &str = "crates/malkin-codehash/src/lib.rs";

/// Whether a crate touches no files, network, environment, clock, processes or threads.
pub(super) fn is_pure(member: &Crate) -> bool {
    member.name == PURE_ABOVE || member.floor.is_some_and(|floor| floor <= PURE_UP_TO)
}

/// Production code of pure crates names no worldly module and no clock of `std`.
pub(super) fn pure_crates(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in &house.sources {
        let Some(member) = house.crate_of(&source.path).filter(|member| is_pure(member)) else { continue };
        for path in &source.paths {
            let Some(rest) = path.segments.strip_prefix(&["std".to_owned()]) else { continue };
            let is_worldly = rest.first().is_some_and(|module| WORLDLY_MODULES.contains(&module.as_str()))
                || rest.iter().any(|name| CLOCKS.contains(&name.as_str()));
            if is_worldly {
                let why = format!(
                    "{} does not belong into {}, which is pure",
                    path.segments.join("::"),
                    member.name
                );
                problems.push(Problem::new(&source.path, path.line, why));
            }
        }
    }
    problems
}

/// Every crate root forbids unsafe code, and the lint is expected where the SIMD module is declared and nowhere else.
pub(super) fn unsafe_code(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in house.files.iter().filter(|file| file.path.starts_with("crates/")) {
        let Some(text) = file.text.as_deref().filter(|_| file.path != UNSAFE_DECLARED_IN) else { continue };
        let is_root = ["/src/lib.rs", "/src/main.rs"].iter().any(|root| file.path.ends_with(root));
        let says = |word: &str| text.lines().any(|line| line.trim_start().starts_with(word));
        if is_root && !says("#![forbid(unsafe_code)]") {
            problems.push(Problem::new(&file.path, 0, "does not say #![forbid(unsafe_code)]"));
        }
        if ["#[allow(unsafe_code", "#[expect(unsafe_code", "#![allow(unsafe_code", "#![expect(unsafe_code"]
            .iter()
            .any(|lint| says(lint))
        {
            problems.push(Problem::new(
                &file.path,
                0,
                "unsafe code lives in malkin-codehash's simd module only",
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pure(name: &str, floor: i64, code: &str) -> usize {
        let manifest = format!("[package]\nname = \"{name}\"\nmetadata.house.floor = {floor}");
        pure_crates(&House::of(&[("crates/a/Cargo.toml", &manifest), ("crates/a/src/lib.rs", code)])).len()
    }

    #[test]
    fn every_way_into_the_world_is_found() {
        for code in [
            "fn f() { std::fs::read(\"x\"); }",
            "use std::{collections::BTreeMap, fs};",
            "use std::net::TcpStream;",
            "fn f() { g!(std::thread::spawn(h)); }",
            "use std::time::{Duration, Instant};",
            "fn f() -> std::time::SystemTime { g() }",
        ] {
            assert_eq!(pure("a", 2, code), 1, "{code}");
            assert_eq!(pure("a", 3, code), 0, "{code}");
            assert_eq!(pure("malkin-matching", 3, code), 1, "{code}");
        }
    }

    #[test]
    fn words_and_tests_are_no_code() {
        for code in [
            "//! Not std::fs.",
            "const X: &str = \"std::fs::read\";",
            "use std::io::Read; use std::time::Duration;",
            "#[cfg(test)] mod tests { use std::fs; }",
        ] {
            assert_eq!(pure("a", 0, code), 0, "{code}");
        }
    }

    #[test]
    fn unsafe_code_needs_its_place() {
        let problems = |path: &str, code: &str| unsafe_code(&House::of(&[(path, code)])).len();
        assert_eq!(problems("crates/a/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]"), 0);
        assert_eq!(problems("crates/a/src/lib.rs", "//! #![forbid(unsafe_code)]"), 1);
        assert_eq!(problems(UNSAFE_DECLARED_IN, "#[expect(unsafe_code)]\nmod simd;"), 0);
        assert_eq!(problems("crates/a/tests/x.rs", "#![allow(unsafe_code)]"), 1);
    }
}
