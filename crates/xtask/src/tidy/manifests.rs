//! Rules over the manifests: a crate imports lower floors only, and takes lints and versions from the workspace.

use toml::{Table, Value};

use super::house::{Crate, House, lookup};
use super::{Problem, purity};

/// Crates outside the floors. They import nothing of ours, and only tests may import the first.
const TESTKIT: &str = "malkin-testkit";
const OUTSIDE: &[&str] = &[TESTKIT, "xtask"];
/// The highest floor, that of the binary.
const TOP_FLOOR: i64 = 6;

/// A crate imports only crates on lower floors, its build script too. Tests may also import the crates of their own floor (which
/// Cargo refuses if those import the crate back) and the test kit.
pub(super) fn floors(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in &house.crates {
        let path = member.manifest_path();
        let outside = OUTSIDE.contains(&member.name.as_str());
        match member.floor {
            None if !outside => {
                problems.push(Problem::new(&path, 0, "package.metadata.house.floor is missing"));
            }
            Some(_) if outside => {
                problems.push(Problem::new(&path, 0, "stands outside the floors and must not have one"));
            }
            Some(floor) if !(0..=TOP_FLOOR).contains(&floor) => {
                problems.push(Problem::new(&path, 0, format!("there is no floor {floor}")));
            }
            _ => {}
        }
        for dependency in dependencies(member) {
            let Some(imported) = house.crates.iter().find(|other| other.name == dependency.name) else {
                continue;
            };
            if let Some(why) = refusal(member, imported, dependency.for_tests) {
                problems.push(Problem::new(&path, 0, format!("{} {why}", dependency.key)));
            }
        }
    }
    problems
}

/// Why a crate may not import another one of ours.
fn refusal(member: &Crate, imported: &Crate, for_tests: bool) -> Option<String> {
    if imported.name == TESTKIT {
        let allowed = for_tests && !OUTSIDE.contains(&member.name.as_str());
        return (!allowed)
            .then(|| "is the test kit, for dev-dependencies of crates with a floor only".to_owned());
    }
    if OUTSIDE.contains(&member.name.as_str()) {
        return Some("is ours: this crate imports nothing of ours".to_owned());
    }
    if for_tests && imported.name == member.name {
        // A crate's own tests may ask for one of its features.
        return None;
    }
    match (member.floor, imported.floor) {
        (_, None) => Some("has no floor and cannot be imported".to_owned()),
        (Some(own), Some(other)) if other > own || (other == own && !for_tests) => {
            Some(format!("stands on floor {other}, not below floor {own}"))
        }
        _ => None,
    }
}

/// Lints and versions of dependencies are written once, in the root manifest.
pub(super) fn inheritance(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in &house.crates {
        let path = member.manifest_path();
        let inherits =
            |place: &[&str]| lookup(&member.manifest, place).and_then(Value::as_bool) == Some(true);
        if !inherits(&["lints", "workspace"]) {
            problems.push(Problem::new(
                &path,
                0,
                "lints are not those of the workspace ([lints] workspace = true)",
            ));
        }
        for dependency in dependencies(member) {
            if !dependency.inherited && dependency.name != member.name {
                problems.push(Problem::new(
                    &path,
                    0,
                    format!("{} is not taken from the workspace", dependency.key),
                ));
            }
        }
    }
    problems
}

/// Packages that only one crate may use: whoever depends on them knows what only that crate is to know.
const FENCES: &[(&str, &[&str])] = &[
    ("malkin-store", &["rusqlite", "sqlx", "tokio-postgres", "postgres"]),
    ("malkin-server", &["axum", "hyper", "tower-http"]),
];
/// Packages that reach the world, for crates that are pure.
const WORLDLY: &[&str] = &["rayon", "reqwest", "tokio", "ureq"];

/// Only the store depends on SQL, only the server on HTTP answers, and pure crates on nothing that reaches the world.
pub(super) fn fences(house: &House) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in &house.crates {
        for dependency in dependencies(member).iter().filter(|dependency| !dependency.for_tests) {
            let name = dependency.name.as_str();
            let fence = FENCES.iter().find(|(_, packages)| packages.contains(&name));
            if let Some((owner, _)) = fence.filter(|(owner, _)| *owner != member.name) {
                let why = format!("depends on {name}, which only {owner} may");
                problems.push(Problem::new(&member.manifest_path(), 0, why));
            }
            if WORLDLY.contains(&name) && purity::is_pure(member) {
                problems.push(Problem::new(
                    &member.manifest_path(),
                    0,
                    format!("is pure, but depends on {name}"),
                ));
            }
        }
    }
    problems
}

/// An entry of one of the dependency tables.
pub(super) struct Dependency {
    /// Where it stands, for messages.
    key: String,
    /// Name of the package, whatever it is renamed to.
    pub(super) name: String,
    pub(super) for_tests: bool,
    inherited: bool,
}

/// All dependencies of a crate: of the library, of tests, of the build script, those of single platforms included.
pub(super) fn dependencies(member: &Crate) -> Vec<Dependency> {
    let mut found = Vec::new();
    let platforms = member.manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = std::iter::once(&member.manifest).chain(platforms.filter_map(|(_, table)| table.as_table()));
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, entry) in table.get(kind).and_then(Value::as_table).into_iter().flatten() {
                found.push(dependency(kind, name, entry.as_table()));
            }
        }
    }
    found
}

fn dependency(kind: &str, name: &str, entry: Option<&Table>) -> Dependency {
    let package = entry.and_then(|entry| entry.get("package")).and_then(Value::as_str);
    Dependency {
        key: format!("{kind}.{name}"),
        name: package.unwrap_or(name).to_owned(),
        for_tests: kind == "dev-dependencies",
        inherited: entry.and_then(|entry| entry.get("workspace")).and_then(Value::as_bool) == Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(name: &str, floor: Option<i64>, rest: &str) -> (String, String) {
        let floor =
            floor.map(|floor| format!("[package.metadata.house]\nfloor = {floor}\n")).unwrap_or_default();
        let fields = "version.workspace = true\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n";
        let text = format!("[package]\nname = \"{name}\"\n{fields}{floor}[lints]\nworkspace = true\n{rest}");
        (format!("crates/{name}/Cargo.toml"), text)
    }

    fn house(manifests: &[(String, String)]) -> House {
        let files: Vec<(&str, &str)> =
            manifests.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        House::of(&files)
    }

    /// The problem with a crate on floor 2 that has these dependencies, beside crates on floors 1, 2 and 3.
    fn on_floor_two(rest: &str) -> Vec<Problem> {
        let crates = [
            manifest("low", Some(1), ""),
            manifest("same", Some(2), ""),
            manifest("high", Some(3), ""),
            manifest("malkin-testkit", None, ""),
            manifest("tested", Some(2), rest),
        ];
        floors(&house(&crates))
    }

    #[test]
    fn lower_floors_and_the_test_kit_may_be_imported() {
        let rest = "[dependencies]\nlow.workspace = true\nserde.workspace = true\n[dev-dependencies]\nmalkin-testkit.workspace = true";
        assert_eq!(on_floor_two(rest), []);
    }

    #[test]
    fn tests_may_import_their_own_floor() {
        assert_eq!(on_floor_two("[dev-dependencies]\nsame.workspace = true"), []);
    }

    #[test]
    fn the_own_floor_and_above_are_refused_in_every_table() {
        for kind in
            ["dependencies", "dev-dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"]
        {
            for name in ["same", "high"] {
                if (kind, name) == ("dev-dependencies", "same") {
                    continue;
                }
                let problems = on_floor_two(&format!("[{kind}]\n{name}.workspace = true"));
                assert_eq!(problems.len(), 1, "{kind} {name}");
                assert!(problems[0].message.contains("not below floor 2"), "{}", problems[0]);
            }
        }
    }

    #[test]
    fn a_renamed_dependency_is_still_seen() {
        assert_eq!(on_floor_two("[dependencies]\nalias = { workspace = true, package = \"high\" }").len(), 1);
    }

    #[test]
    fn a_crate_may_import_itself_with_a_feature_for_its_tests() {
        let rest = "[dev-dependencies]\ntested = { path = \".\", features = [\"suite\"] }";
        assert_eq!(on_floor_two(rest), []);
        assert_eq!(inheritance(&house(&[manifest("tested", Some(2), rest)])), []);
    }

    #[test]
    fn the_test_kit_is_no_production_dependency() {
        assert_eq!(on_floor_two("[dependencies]\nmalkin-testkit.workspace = true").len(), 1);
        let crates =
            [manifest("xtask", None, "[dependencies]\nlow.workspace = true"), manifest("low", Some(0), "")];
        assert_eq!(floors(&house(&crates)).len(), 1);
    }

    #[test]
    fn every_crate_needs_its_floor() {
        assert_eq!(floors(&house(&[manifest("a", None, "")])).len(), 1);
        assert_eq!(floors(&house(&[manifest("a", Some(7), "")])).len(), 1);
        assert_eq!(floors(&house(&[manifest("xtask", Some(1), "")])).len(), 1);
        assert_eq!(floors(&house(&[manifest("xtask", None, "")])), []);
    }

    #[test]
    fn what_the_workspace_says_is_not_said_again() {
        assert_eq!(
            inheritance(&house(&[manifest("a", Some(0), "[dependencies]\nserde.workspace = true")])),
            []
        );
        for rest in [
            "[dependencies]\nserde = \"1\"",
            "[dev-dependencies]\nserde = { version = \"1\" }",
            "[dependencies]\nb = { path = \"../b\" }",
        ] {
            assert_eq!(inheritance(&house(&[manifest("a", Some(0), rest)])).len(), 1, "{rest}");
        }
        let own =
            [("crates/a/Cargo.toml".to_owned(), "[package]\nname = \"a\"\nversion = \"1.0.0\"".to_owned())];
        assert_eq!(inheritance(&house(&own)).len(), 1);
    }

    #[test]
    fn a_fenced_dependency_is_found() {
        let problems =
            |name: &str, floor: i64, rest: &str| fences(&house(&[manifest(name, Some(floor), rest)])).len();
        let axum = "[dependencies]\naxum.workspace = true";
        assert_eq!((problems("a", 4, axum), problems("malkin-server", 5, axum)), (1, 0));
        assert_eq!(problems("a", 4, "[dev-dependencies]\naxum.workspace = true"), 0);
        let tokio = "[dependencies]\ntokio.workspace = true";
        assert_eq!((problems("a", 2, tokio), problems("a", 4, tokio)), (1, 0));
    }
}
