//! What a browser may bring: every route of both APIs with every kind of origin and host, and requests whose head is not sound.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::server::Server;

/// Sends text as it is and answers what comes back, up to the end of the connection or a moment of silence.
fn raw(server: &Server, sent: &str) -> String {
    let mut stream = TcpStream::connect(server.base().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that answers early may close before everything is sent.
    let _ = stream.write_all(sent.as_bytes());
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// One request without a body, on a connection of its own.
fn ask(server: &Server, verb: &str, target: &str, headers: &[&str]) -> String {
    let headers = headers.iter().fold(String::new(), |text, header| text + header + "\r\n");
    raw(
        server,
        &format!("{verb} {target} HTTP/1.1\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n"),
    )
}

/// Verbs and paths of all operations, as the server describes them, with values in the place of names.
fn operations(server: &Server) -> Vec<(String, String)> {
    let document = server.get("/openapi.json").body;
    let mut operations = Vec::new();
    for (path, verbs) in document["paths"].as_object().unwrap() {
        let parts = path.split('/').map(|part| if part.starts_with('{') { "77" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        for verb in verbs.as_object().unwrap().keys() {
            operations.push((verb.to_uppercase(), path.clone()));
        }
    }
    // Maintenance last, so that nothing that is asked for waits for it.
    operations.sort();
    assert!(operations.len() > 70, "{}", operations.len());
    operations
}

#[test]
fn every_route_is_closed_to_foreign_pages_and_hosts() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--host-name", "Malkin.Example,front.example"]);
    let own = format!("host: {}", server.base().trim_start_matches("http://"));
    let own_origin = format!("origin: {}", server.base());
    // Headers, and whether a request with them is let in.
    let cases: &[(&[&str], bool)] = &[
        (&[&own], true),
        (&[&own, "sec-fetch-site: same-origin"], true),
        (&[&own, "sec-fetch-site: same-origin", &own_origin], true),
        (&[&own, "sec-fetch-site: none"], true),
        (&[&own, "sec-fetch-site: same-site", "origin: http://localhost:3000"], true),
        (&["host: localhost:1"], true),
        (&["host: app.localhost"], true),
        (&["host: [::1]:8000"], true),
        (&["host: malkin.example"], true),
        (&["host: front.example:443", "origin: https://front.example"], true),
        (&[&own, "origin: https://malkin.example"], true),
        (&["host: malkin.example", "sec-fetch-site: same-site", "origin: http://evil.example"], false),
        (&[&own, "sec-fetch-site: cross-site"], false),
        (&[&own, "sec-fetch-site: cross-site", "origin: http://evil.example"], false),
        (&[&own, "sec-fetch-site: cross-site", "sec-fetch-mode: no-cors", "sec-fetch-dest: image"], false),
        (&[&own, "origin: http://evil.example"], false),
        (&[&own, "origin: http://127.0.0.1.evil.example"], false),
        (&[&own, "origin: null"], false),
        (&[&own, "origin: http://203.0.113.7"], false),
        (&["host: evil.example"], false),
        (&["host: evil.example", "origin: http://evil.example", "sec-fetch-site: same-origin"], false),
        (&["host: 203.0.113.7"], false),
    ];
    for (verb, path) in operations(&server) {
        for (headers, is_let_in) in cases {
            let answer = ask(&server, &verb, &path, headers);
            let status = status(&answer);
            let context = || format!("{verb} {path} {headers:?}: {answer}");
            assert!((200..504).contains(&status), "{}", context());
            assert_eq!(status == 403, !is_let_in, "{}", context());
            assert!(*is_let_in || answer.contains("--host-name"), "{}", context());
            assert!(!answer.to_lowercase().contains("access-control-"), "{}", context());
        }
    }
}

#[test]
fn a_foreign_form_cannot_empty_the_corpus() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let report = crate::report::report("a.exe", "alpha", 7, 10);
    assert_eq!(server.post_json("/samples", &report).status, 200);
    let own = server.base().trim_start_matches("http://").to_owned();
    for (path, kind) in [("/respawn", "application/x-www-form-urlencoded"), ("/samples", "text/plain")] {
        let answer = raw(
            &server,
            &format!(
                "POST {path} HTTP/1.1\r\nhost: {own}\r\norigin: http://evil.example\r\nsec-fetch-site: cross-site\r\n\
                 sec-fetch-mode: no-cors\r\ncontent-type: {kind}\r\ncontent-length: 3\r\nconnection: close\r\n\r\na=b"
            ),
        );
        assert_eq!(status(&answer), 403, "{answer}");
    }
    // What a browser asks before it lets a page reach into a private network.
    let preflight = ask(
        &server,
        "OPTIONS",
        "/respawn",
        &[
            &format!("host: {own}"),
            "origin: http://evil.example",
            "access-control-request-method: POST",
            "access-control-request-private-network: true",
        ],
    );
    assert!(status(&preflight) == 403 && !preflight.contains("access-control"), "{preflight}");
    assert_eq!(server.get("/status").body["data"]["status"]["num_samples"], 1);
    // A link to the page of the description is a link.
    let link = [
        &*format!("host: {own}"),
        "sec-fetch-site: cross-site",
        "sec-fetch-mode: navigate",
        "sec-fetch-dest: document",
    ];
    let page = ask(&server, "GET", "/docs", &link);
    assert!(status(&page) == 200 && page.contains("frame-ancestors 'none'"), "{page:.600}");
    assert_eq!(status(&ask(&server, "GET", "/rebuild_index", &link)), 403);
}

#[test]
fn servers_on_all_addresses_answer_under_addresses_and_configured_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(
        folder.path(),
        &["--listen", "0.0.0.0:0"],
        &[("MALKIN_HOST_NAME", "a.example,b.example")],
        std::process::Stdio::null(),
    );
    for (host, expected) in [
        ("203.0.113.7:8000", 200),
        ("[2001:db8::7]", 200),
        ("localhost", 200),
        ("b.example", 200),
        ("c.example", 403),
    ] {
        assert_eq!(status(&ask(&server, "GET", "/version", &[&format!("host: {host}")])), expected, "{host}");
    }
}

#[test]
fn heads_that_can_be_read_two_ways_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--max-body", "1"]);
    for (target, headers, expected) in [
        ("/version", &["host: localhost"][..], 200),
        ("http://localhost/version", &["host: localhost"], 200),
        ("http://evil.example/version", &["host: localhost"], 403),
        ("/version", &[], 400),
        ("/version", &["host: localhost", "host: localhost"], 400),
        ("/version", &["host: localhost, evil.example"], 400),
        ("/version", &["host: "], 400),
        ("/analyses", &["host: a b"], 400),
    ] {
        let answer = ask(&server, "GET", target, headers);
        assert_eq!(status(&answer), expected, "{target} {headers:?}: {answer}");
        assert!(answer.to_lowercase().contains("\r\ndate: "), "{answer}");
    }
    let old = raw(&server, "GET /version HTTP/1.0\r\n\r\n");
    assert_eq!(status(&old), 200, "{old}");
    for encoding in ["gzip, chunked", "chunked, chunked"] {
        let head = format!(
            "POST /query HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: {encoding}\r\nconnection: close\r\n\r\n"
        );
        let answer = raw(&server, &format!("{head}0\r\n\r\n"));
        assert!(matches!(status(&answer), 501 | 400), "{answer}");
        assert!(encoding != "gzip, chunked" || status(&answer) == 501, "{answer}");
    }
}

#[test]
fn bodies_that_are_too_large_are_refused_before_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--max-body", "1", "--token", "secret"]);
    let host = "host: localhost\r\napitoken: secret\r\nconnection: close";
    let expected = raw(
        &server,
        &format!("POST /query HTTP/1.1\r\n{host}\r\nexpect: 100-continue\r\ncontent-length: 2000000\r\n\r\n"),
    );
    assert!(status(&expected) == 413, "the body is not asked for: {expected}");
    // Without a token neither.
    let stranger = raw(
        &server,
        "POST /query HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 20\r\n\r\n",
    );
    assert_eq!(status(&stranger), 401, "{stranger}");
    // The answer comes at once when nothing was sent, although the connection stays open for what may come.
    let mut stream = TcpStream::connect(server.base().trim_start_matches("http://")).unwrap();
    stream
        .write_all(format!("POST /query HTTP/1.1\r\n{host}\r\ncontent-length: 2000000\r\n\r\n").as_bytes())
        .unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
    // A client that sends on sees the answer as well.
    let large = vec![b'x'; 2_000_000];
    let answer = server.send("POST", "/query", &[("apitoken", "secret")], &large);
    assert_eq!(answer.status, 413);
}

#[test]
fn health_is_open_and_readiness_tries_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data, &["--token", "secret", "--rate-limit", "1"]);
    for _ in 0..10 {
        for path in ["/healthz", "/readyz"] {
            let answer = server.get(path);
            assert_eq!(
                (answer.status, answer.body.as_object().unwrap().len()),
                (200, 1),
                "{path}: {answer:?}"
            );
            assert_eq!(server.send("HEAD", path, &[], b"").status, 200);
        }
    }
    assert_eq!(server.send("POST", "/readyz", &[], b"").status, 401);
    assert_eq!(server.get("/status").status, 401);
    std::fs::remove_dir_all(&data).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while server.get("/readyz").status == 200 {
        assert!(std::time::Instant::now() < deadline, "a store that is gone takes no writes");
        std::thread::sleep(Duration::from_millis(100));
    }
    let answer = server.get("/readyz");
    assert_eq!((answer.status, answer.text.as_str()), (503, r#"{"status":"not ready"}"#));
    assert_eq!(server.get("/healthz").status, 503, "the files of the database are gone");
    // MCRIT's routes have no HEAD, and its clients see that.
    for (path, expected) in [("/version", 405), ("/docs", 200)] {
        let answer = server.send("HEAD", path, &[("apitoken", "secret")], b"");
        assert_eq!((answer.status, answer.text.as_str()), (expected, ""), "{path}");
    }
}
