//! Golden files of the API's surface: what every verb on every path leads to, who may ask, and the two descriptions.
//!
//! Not here: what handlers answer (`crates/malkin/tests/black_box`, the recorded transcripts). After a wanted change,
//! `MALKIN_BLESS=1 cargo nextest run -p malkin-server golden` writes the files again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use axum::http::Method;

use crate::route::{self, Target};
use crate::{access, api, control, describe, triage};

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
    let document = describe::document(true);
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

fn surface(alone: bool) -> String {
    let document = describe::document(true);
    let mut lines = Vec::new();
    for (path, described) in paths() {
        for verb in VERBS {
            let method = Method::from_bytes(verb.as_bytes()).unwrap();
            let asked = control::verb(&method, &path);
            let target = match triage::find(&asked, &path.parse().unwrap(), alone) {
                Some(triage::Target::Found(_, values, role)) => Ok((values, role)),
                Some(triage::Target::Answered(answer)) => Err((answer.status.as_u16(), answer.headers)),
                None => match route::find(api::ROUTES, &asked, &path) {
                    Target::Found(route, _, values) => {
                        Ok((values, access::required_for(asked.as_str(), route.pattern)))
                    }
                    Target::Options(allow) => Err((200, vec![("allow", allow)])),
                    Target::WrongVerb(allow) => Err((405, vec![("allow", allow)])),
                    Target::Nothing => Err((404, Vec::new())),
                },
            };
            let decoded = route::percent_decode(&path);
            let parts: Vec<&str> = decoded.split('/').filter(|part| !part.is_empty()).collect();
            let effects = access::has_effects(verb, &parts);
            let mut text = format!("{verb} {path}: ");
            let _ = match target {
                Ok((values, role)) => {
                    let lane = match (control::is_light(&path), control::is_slow(&path)) {
                        (true, _) => "light",
                        (_, true) => "slow",
                        _ => "quick",
                    };
                    let id = &document["paths"][&described][asked.as_str().to_lowercase()]["operationId"];
                    let id = id.as_str().unwrap_or("-");
                    write!(text, "{id} {values:?} {} {lane}", role.as_str())
                }
                Err((status, headers)) => write!(text, "{status} {headers:?}"),
            };
            text += if effects { " effects" } else { "" };
            text += if control::is_open(&method, &path) { " open\n" } else { "\n" };
            lines.push((path.clone(), text));
        }
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn golden_surface() {
    compare("surface.txt", &surface(false));
    // Standing in for the triage service, only unknown paths differ.
    let (usual, alone) = (surface(false), surface(true));
    let differing: BTreeSet<&str> =
        usual.lines().zip(alone.lines()).filter(|(a, b)| a != b).map(|(_, line)| line).collect();
    assert_eq!(differing, BTreeSet::new(), "unknown paths are 404 either way");
}

#[test]
fn golden_descriptions() {
    // Sorted: the order of operations in a description is not part of the contract.
    let mut document = describe::document(true);
    document.sort_all_objects();
    compare("openapi.json", &(serde_json::to_string_pretty(&document).unwrap() + "\n"));
    let page = describe::html().replace("<tr>", "\n<tr>").replace("</tr>", "</tr>\n");
    let rows: BTreeSet<&str> = page.lines().filter(|line| line.starts_with("<tr>")).collect();
    compare("docs.txt", &rows.iter().fold(String::new(), |text, row| text + row + "\n"));
}
