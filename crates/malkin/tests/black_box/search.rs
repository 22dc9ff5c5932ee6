//! Searching over HTTP and on the command line: paging, cursors, matches by number, mistakes.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::report::report;
use crate::server::{Answer, Server};

fn filled(server: &Server) {
    for (name, family, seed, functions) in
        [("Alpha.exe", "first", 1, 3), ("beta.exe", "Second", 50, 4), ("gamma.dll", "", 90, 2)]
    {
        assert_eq!(server.post_json("/samples", &report(name, family, seed, functions)).status, 200);
    }
}

fn numbers(answer: &Answer) -> Vec<&str> {
    let results = answer.body["data"]["search_results"].as_object();
    results.unwrap_or_else(|| panic!("{answer:?}")).keys().map(String::as_str).collect()
}

#[test]
fn queries_find_records_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    filled(&server);
    for (path, expected) in [
        ("/search/samples?query=EXE", vec!["0", "1"]),
        ("/search/samples?query=", vec!["0", "1", "2"]),
        ("/search/samples?query=%20&sort_by=filename&is_ascending=FALSE", vec!["2", "1", "0"]),
        ("/search/samples?query=family:Second+OR+gamma", vec!["1", "2"]),
        ("/search/samples?query=NOT+dll+NOT+alp", vec!["1"]),
        ("/search/samples?query=statistics.num_functions:%3E2", vec!["0", "1"]),
        ("/search/families?query=S", vec!["1", "2"]),
        ("/search/families?query=&sort_by=num_functions&is_ascending=false", vec!["2", "1", "0"]),
        ("/search/functions?query=ENTRY", vec!["0", "3", "7"]),
        ("/search/functions?query=entry+sample_id:1", vec!["3"]),
        ("/search/functions?query=&sort_by=function_name&limit=2", vec!["1", "2"]),
        ("/search/functions?query=xy", vec![]),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, numbers(&answer)), (200, expected), "{path}");
    }
    let hash = server.get("/functions/4").body["data"]["pichash"].take();
    assert_eq!(numbers(&server.get(&format!("/search/functions?query=pichash:{hash}"))), ["4"]);
    let text = format!("{:X}", hash.as_u64().unwrap());
    assert_eq!(numbers(&server.get(&format!("/search/functions?query=pichash:?{text}"))), ["4"]);
    let answer = server.get("/search/functions?query=1").body["data"].take();
    assert_eq!((&answer["id_match"]["function_id"], &answer["id_match"]["xcfg"]), (&json!(1), &Value::Null));
    assert!(answer.get("sha_match").is_none());
    let sha256 = server.get("/samples/1").body["data"]["sha256"].take();
    let answer =
        server.get(&format!("/search/samples?query={}", sha256.as_str().unwrap())).body["data"].take();
    assert_eq!((&answer["sha_match"]["sample_id"], &answer["id_match"]), (&json!(1), &Value::Null));
}

#[test]
fn cursors_lead_forward_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    filled(&server);
    let page = |cursor: &Value| {
        let cursor = cursor.as_str().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let answer = server
            .get(&format!("/search/functions?query=&sort_by=sample_id&is_ascending=false&limit=4{cursor}"));
        let shown = numbers(&answer).join(" ");
        (
            shown,
            answer.body["data"]["cursor"]["forward"].clone(),
            answer.body["data"]["cursor"]["backward"].clone(),
        )
    };
    let (first, forward, none) = page(&Value::Null);
    assert_eq!((first.as_str(), &none), ("7 8 3 4", &Value::Null));
    let (second, forward, backward) = page(&forward);
    assert_eq!(second, "5 6 0 1");
    let (third, end, _) = page(&forward);
    assert_eq!((third.as_str(), &end), ("2", &Value::Null));
    let (again, _, before) = page(&backward);
    assert_eq!((again, before), (first, Value::Null));
    // The reference takes number 0 for no border.
    assert_eq!(server.get("/search/functions?query=&limit=1").body["data"]["cursor"]["forward"], Value::Null);
}

#[test]
fn mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    filled(&server);
    for (path, message) in [
        ("/search/samples", "The parameter 'query' is missing."),
        ("/search/samples?query=a&query=b", "The parameter 'query' is given more than once."),
        ("/search/samples?query=(a", "Could not parse search query: expected ')' at character 2"),
        (
            "/search/samples?query=(a&sort_by=x",
            "Sorting sample search results by the field 'x' is not supported.",
        ),
        (
            "/search/families?query=a&sort_by=filename",
            "Sorting family search results by the field 'filename' is not supported.",
        ),
        (
            "/search/functions?query=a&sort_by=pichash",
            "Sorting by the field 'pichash' is not supported by the MongoDB backend.",
        ),
        ("/search/samples?query=pichash:%3C5", "Range operators are not supported for the field 'pichash'."),
        ("/search/functions?query=pichash:abc", "The field 'pichash' can only be equal to a number."),
        ("/search/samples?query=a&limit=0", "The limit must not be 0."),
        (
            "/search/samples?query=a&cursor=!!!",
            "The cursor is no JSON: EOF while parsing a value at line 1 column 0.",
        ),
        (
            "/search/samples?query=a&cursor=W1sxXSwgMV0=&sort_by=filename",
            "The cursor does not fit the sort order.",
        ),
        (
            "/search/samples?query=&sort_by=timestamp&limit=2",
            "Samples sorted by the field 'timestamp' cannot be shown page by page.",
        ),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, &answer.body["data"]["message"]), (400, &json!(message)), "{path}");
        assert_eq!(answer.body["status"], "failed");
    }
    for query in [
        "(".repeat(3000),
        "NOT%20".repeat(2000),
        "a%20".repeat(2000),
        "x".repeat(6000),
        "%00%ff%22".repeat(50),
    ] {
        let answer = server.get(&format!("/search/functions?query={query}"));
        assert!([200, 400].contains(&answer.status), "{answer:?}");
    }
}

fn malkin(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in ["MCRIT_CLI_SERVER", "MCRIT_CLI_APITOKEN", "MALKIN_SERVER", "MALKIN_TOKEN", "MALKIN_DATA"] {
        command.env_remove(name);
    }
    command.args(arguments).output().expect("malkin runs")
}

#[test]
fn the_command_line_searches_a_server_and_a_directory_alike() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap().to_owned();
    let mut server = Server::start(folder.path(), &[]);
    filled(&server);
    let commands: [&[&str]; 6] = [
        &["search", "samples", "exe", "--sort", "filename", "--descending"],
        &["search", "functions", "entry", "--limit", "2", "--format", "jsonl"],
        &["search", "families", "", "--format", "json"],
        &["search", "functions", "-x\u{e4} & y", "--format", "markdown"],
        &["search", "samples", "(a"],
        &["search", "samples", "a", "--sort", "nothing"],
    ];
    let remote = commands.map(|command| malkin(&[command, &["--server", server.base()]].concat()));
    server.kill();
    for (command, remote) in commands.into_iter().zip(remote) {
        let local = malkin(&[command, &["--data", &data]].concat());
        assert_eq!(local.stdout, remote.stdout, "{command:?}");
        assert_eq!(local.status, remote.status, "{command:?}");
        assert_eq!(local.stderr.is_empty(), remote.stderr.is_empty(), "{command:?}");
    }
    let table = malkin(&["search", "samples", "exe", "--sort", "filename", "--descending", "--data", &data]);
    let table = String::from_utf8(table.stdout).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].contains("beta.exe") && lines[2].contains("Alpha.exe") && lines.len() == 3, "{table}");
    let two = malkin(&["search", "functions", "entry", "--limit", "2", "--data", &data]);
    assert_eq!(String::from_utf8(two.stderr).unwrap(), "more results available; raise --limit\n");
    assert_eq!(malkin(&["search", "jobs", "x"]).status.code(), Some(2));
}
