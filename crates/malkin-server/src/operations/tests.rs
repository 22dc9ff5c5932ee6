//! Golden files of the API's surface: what every verb on every path leads to, who may ask, and the two descriptions.
//!
//! Not here: what handlers answer (`crates/malkin/tests/black_box`, the recorded transcripts). After a wanted change,
//! `MALKIN_BLESS=1 cargo nextest run -p malkin-server golden` writes the files again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use http::Method;

use super::router;
use crate::app::Operation;
use crate::describe::{document, html};
use crate::path::{Part, parse};
use crate::router::{Purpose, Target};

const VERBS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

/// Paths that no description names: unknown ones, odd spellings, and paths that two patterns match.
const FURTHER: [&str; 24] = [
    "/nope",
    "/samples/x",
    "/samples/-7",
    "/samples/7/",
    "//samples/7",
    "/samples/7//",
    "/samples%2F7",
    "/rebuild%5Findex",
    "/jobs/",
    "/jobs//",
    "/results/a%2Fb",
    "/tokens/a/b",
    "/docs/",
    "/readyz/",
    "/version/",
    "/healthz/",
    "/analyses/",
    "/analyses/sha256/",
    "/analyses/a/b",
    "/analyses/x%20",
    "/analyze",
    "/analyze/upload/",
    "/ti/hash/",
    "/ti/x",
];

/// Compares a text with a golden file, or writes the file if that was asked for.
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("MALKIN_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (line, (is, expected)) in text.lines().zip(golden.lines()).enumerate() {
        assert_eq!(is, expected, "{name}, line {}", line + 1);
    }
    assert_eq!(text.lines().count(), golden.lines().count(), "{name}");
}

/// Paths of the description with values in place of names, each with its name in the description.
fn paths() -> Vec<(String, String)> {
    let document = document(&router(), true);
    let described = document["paths"].as_object().unwrap();
    let with_values = described.iter().map(|(path, verbs)| {
        let parameters =
            verbs.as_object().unwrap().values().next().unwrap()["parameters"].as_array().unwrap();
        let mut filled = path.clone();
        for parameter in parameters.iter().filter(|parameter| parameter["in"] == "path") {
            let value = if parameter["schema"]["type"] == "integer" { "7" } else { "x" };
            filled = filled.replace(&format!("{{{}}}", parameter["name"].as_str().unwrap()), value);
        }
        (filled, path.clone())
    });
    let mut paths: Vec<(String, String)> = with_values.collect();
    paths.extend(FURTHER.map(|path| (path.to_owned(), String::new())));
    paths
}

fn surface() -> String {
    let (router, document) = (router(), document(&router(), true));
    let mut lines = Vec::new();
    for (path, described) in paths() {
        for verb in VERBS {
            let asked = router.find(&Method::from_bytes(verb.as_bytes()).unwrap(), &path);
            let headers = |allow: String| vec![("allow", allow)];
            let leads_to = match asked.target {
                Target::Found(operation, values) => {
                    let id = &document["paths"][&described][operation.verb.to_lowercase()]["operationId"];
                    let (role, lane) =
                        (operation.role.as_str(), format!("{:?}", operation.lane).to_lowercase());
                    format!("{} {values:?} {role} {lane}", id.as_str().unwrap_or("-"))
                }
                Target::Moved => format!("307 {:?}", [("location", path.trim_end_matches('/'))]),
                Target::Options(allow) => format!("200 {:?}", headers(allow)),
                Target::WrongVerb(allow) => format!("405 {:?}", headers(allow)),
                Target::Unknown => "404 []".to_owned(),
            };
            let effects = if asked.purpose == Purpose::Effects { " effects" } else { "" };
            let open = if asked.is_open { " open" } else { "" };
            lines.push((path.clone(), format!("{verb} {path}: {leads_to}{effects}{open}\n")));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn golden_surface() {
    compare("surface.txt", &surface());
}

#[test]
fn rows_are_sound() {
    let router = router();
    let rows = || router.areas().iter().flat_map(|area| area.operations);
    let (mut ids, mut patterns, mut parameters) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    for row in rows() {
        assert!(ids.insert(row.id()), "two operations have the name {}", row.id());
        let shape = format!("{} {:?}", row.verb, parse(row.path));
        assert!(patterns.insert(shape), "two operations are {} {}", row.verb, row.path);
        for part in row.path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let kind = part.strip_suffix('}').unwrap().split_once(':').map(|(_, kind)| kind);
            assert!(matches!(kind, None | Some("int" | "rest")), "{}", row.path);
        }
        let parts = parse(row.path);
        let rest = parts.iter().position(|part| *part == Part::Rest);
        assert!(rest.is_none_or(|at| at + 1 == parts.len()), "{}", row.path);
        // A name means the same everywhere.
        for parameter in row.query {
            let known = parameters.entry(parameter.name).or_insert(parameter.kind);
            assert_eq!(*known, parameter.kind, "{} of {}", parameter.name, row.path);
        }
    }
    assert!(ids.contains("list_analyses_analyses_get") && ids.contains("get_root"));
}

/// Marks of the list in `docs/api.md`.
const LIST: [&str; 2] = [
    "<!-- operations: written by a test, see crates/malkin-server/tests/golden -->\n",
    "<!-- end of operations -->",
];

/// All operations as a table of Markdown, and the paths that answer HEAD.
fn markdown() -> String {
    let router = router();
    let rows = || router.areas().iter().flat_map(|area| area.operations);
    let code =
        |names: Vec<String>| names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let mut text = "| operation | role | parameters | answers |\n|---|---|---|---|\n".to_owned();
    for row in rows() {
        let role = if row.is_open { "none" } else { row.role.as_str() };
        let query = code(row.query.iter().map(|parameter| parameter.name.to_owned()).collect());
        let ours = if row.is_ours { " (ours)" } else { "" };
        let (verb, path, summary) = (row.verb, row.described_path(), row.summary);
        let _ = writeln!(text, "| `{verb} {path}` | {role} | {query} | {summary}{ours} |");
    }
    let head = code(rows().filter(|row| row.answers_head).map(Operation::described_path).collect());
    text + &format!(
        "\n`HEAD` is answered on {head}. On every other path it is a wrong verb (405), as in MCRIT and the triage service.\n"
    )
}

#[test]
fn golden_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(LIST[0]).unwrap();
    let (list, after) = rest.split_once(LIST[1]).unwrap();
    if std::env::var_os("MALKIN_BLESS").is_some() {
        std::fs::write(&path, [before, LIST[0], "\n", &markdown(), "\n", LIST[1], after].concat()).unwrap();
    } else {
        assert_eq!(list.trim(), markdown().trim(), "docs/api.md does not list the operations as they are");
    }
}

#[test]
fn the_page_loads_nothing() {
    let page = html(&router());
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

#[test]
fn golden_descriptions() {
    // Sorted: the order of operations in a description is not part of the contract.
    let mut document = document(&router(), true);
    document.sort_all_objects();
    compare("openapi.json", &(serde_json::to_string_pretty(&document).unwrap() + "\n"));
    let page = html(&router()).replace("<tr>", "\n<tr>").replace("</tr>", "</tr>\n");
    let rows: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("<tr>")).collect();
    compare("docs.txt", &rows.iter().fold(String::new(), |text, row| text + row + "\n"));
}
