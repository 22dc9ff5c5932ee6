//! The pages below `/ui/` as a browser gets them: who is let in, what a session may do, what a form needs, and that names of others
//! stay names.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::report::report;
use crate::server::Server;

const MASTER: &str = "the-configured-token";

/// An answer as text, with what browsers look at.
struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    /// The token of its forms.
    fn csrf(&self) -> &str {
        let after = self.body.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default();
        after.split('"').next().unwrap_or_default()
    }
}

/// A request that follows nothing and keeps no cookies.
fn send(server: &Server, verb: &str, path: &str, headers: &[&str], body: &str) -> Page {
    let host = server.base().trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let headers = headers.iter().fold(String::new(), |text, header| text + header + "\r\n");
    let length = body.len();
    stream
        .write_all(format!("{verb} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}").as_bytes())
        .unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Page { status, head: head.to_owned(), body: body.to_owned() }
}

fn get(server: &Server, path: &str, cookie: &str) -> Page {
    send(server, "GET", path, &[cookie, "accept: text/html"], "")
}

fn post(server: &Server, path: &str, cookie: &str, body: &str) -> Page {
    send(server, "POST", path, &[cookie, "content-type: application/x-www-form-urlencoded"], body)
}

/// Logs in and returns the header `cookie`.
fn log_in(server: &Server, token: &str) -> String {
    let page = post(server, "/ui/login", "x-none: 1", &format!("token={token}&next=/ui/samples"));
    assert_eq!((page.status, page.header("location")), (303, Some("/ui/samples")), "{}", page.head);
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/ui"));
    format!("cookie: {}", cookie.split(';').next().unwrap())
}

fn make_token(server: &Server, name: &str, role: &str) -> String {
    let body = json!({"name": name, "role": role}).to_string();
    let headers = [("apitoken", MASTER), ("content-type", "application/json")];
    let made = server.send("POST", "/tokens", &headers, body.as_bytes());
    made.body["data"]["token"].as_str().unwrap().to_owned()
}

#[test]
fn only_browsers_are_sent_from_the_root_to_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ask = |accept: &str| send(&server, "GET", "/", &[accept], "");
    for accept in
        ["x-none: 1", "accept: */*", "accept: application/json", "accept: application/json, text/html"]
    {
        let answer = ask(accept);
        assert_eq!(answer.status, 200, "{accept}");
        assert!(answer.body.contains("\"status\""), "{}", answer.body);
    }
    let browser = ask("accept: text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!((browser.status, browser.header("location")), (303, Some("/ui/")));
    assert_eq!(browser.header("vary"), Some("Accept"));

    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--no-ui"]);
    assert_eq!(send(&server, "GET", "/", &["accept: text/html"], "").status, 200);
    assert_eq!(send(&server, "GET", "/ui/", &["accept: text/html"], "").status, 404);
}

/// Pages without a record in their address, and the least role for the forms.
const PAGES: [&str; 10] = [
    "/ui/",
    "/ui/search?q=a",
    "/ui/families",
    "/ui/samples",
    "/ui/jobs",
    "/ui/triage",
    "/ui/compare",
    "/ui/statistics",
    "/ui/exchange",
    "/ui/settings",
];

#[test]
fn pages_need_a_session_and_the_session_ends_with_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", MASTER]);
    for path in PAGES {
        let stranger = get(&server, path, "x-none: 1");
        assert_eq!(stranger.status, 303, "{path}");
        let to = stranger.header("location").unwrap();
        assert!(to.starts_with("/ui/login?next="), "{to}");
        // Neither a made-up cookie nor the header of the API opens a page.
        assert_eq!(get(&server, path, "cookie: malkin_session=00").status, 303, "{path}");
        assert_eq!(get(&server, path, &format!("apitoken: {MASTER}")).status, 303, "{path}");
    }
    assert_eq!(post(&server, "/ui/login", "x-none: 1", "token=wrong").status, 401);
    let token = make_token(&server, "anna", "reader");
    let cookie = log_in(&server, &token);
    for path in PAGES {
        let page = get(&server, path, &cookie);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        let policy = page.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("require-trusted-types-for 'script'")
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.body.contains("anna (reader)"), "{path}");
    }
    // The cookie is none of the API's business.
    assert_eq!(send(&server, "GET", "/samples", &[&cookie], "").status, 401);
    let revoked = server.send("DELETE", "/tokens/anna", &[("apitoken", MASTER)], b"");
    assert_eq!(revoked.status, 200);
    assert_eq!(get(&server, "/ui/samples", &cookie).status, 303);
    // A new token of the same name is another one.
    make_token(&server, "anna", "admin");
    assert_eq!(get(&server, "/ui/samples", &cookie).status, 303);

    let cookie = log_in(&server, MASTER);
    let csrf = get(&server, "/ui/", &cookie).csrf().to_owned();
    assert_eq!(post(&server, "/ui/logout", &cookie, &format!("csrf={csrf}")).status, 303);
    assert_eq!(get(&server, "/ui/", &cookie).status, 303);
}

#[test]
fn forms_need_their_token_and_their_role() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", MASTER]);
    let sample = report("a.exe", "alpha", 7, 10).to_string();
    let headers = [("apitoken", MASTER), ("content-type", "application/json")];
    assert_eq!(server.send("POST", "/samples", &headers, sample.as_bytes()).status, 200);
    // Path, further fields, and the least role by its place.
    let forms: &[(&str, &str, usize)] = &[
        ("/ui/samples/0/match", "", 0),
        ("/ui/functions/0/match", "", 0),
        ("/ui/compare", "samples=0,0", 0),
        ("/ui/blocks", "samples=0", 0),
        ("/ui/samples/0", "version=3", 1),
        ("/ui/families/1", "name=beta", 1),
        ("/ui/jobs/0123456789abcdef01234567/delete", "", 1),
        ("/ui/tokens", "name=x&role=nonsense", 2),
        ("/ui/tokens/revoke", "name=nobody", 2),
        ("/ui/triage/0123/delete", "", 2),
        ("/ui/families/999/delete", "", 2),
        ("/ui/samples/999/delete", "", 2),
    ];
    for (place, role) in ["reader", "contributor", "admin"].into_iter().enumerate() {
        let cookie = log_in(&server, &make_token(&server, role, role));
        let csrf = get(&server, "/ui/", &cookie).csrf().to_owned();
        assert_eq!(csrf.len(), 64);
        for (path, fields, least) in forms {
            let context = format!("{role} {path}");
            let sound = post(&server, path, &cookie, &format!("csrf={csrf}&{fields}")).status;
            if place < *least {
                assert_eq!(sound, 403, "{context}");
                continue;
            }
            assert!(matches!(sound, 200 | 303 | 404), "{context}: {sound}");
            for body in
                [(*fields).to_owned(), format!("csrf=&{fields}"), format!("csrf={}&{fields}", "0".repeat(64))]
            {
                assert_eq!(post(&server, path, &cookie, &body).status, 403, "{context}");
            }
            // A page of another site has the cookie sent along, but its browser says where the form is from.
            let foreign = [
                &cookie[..],
                "content-type: application/x-www-form-urlencoded",
                "origin: http://evil.example",
            ];
            assert_eq!(send(&server, "POST", path, &foreign, &format!("csrf={csrf}&{fields}")).status, 403);
            // Nothing changes by looking at it.
            let looked = get(&server, path, &cookie).status;
            assert!(matches!(looked, 200 | 404 | 405), "{context}: {looked}");
        }
    }
    assert!(get(&server, "/ui/samples/0", &log_in(&server, MASTER)).body.contains("beta"));
}

#[test]
fn names_of_others_stay_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let hostile = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{202e}fdp\u{0}";
    let mut sample = report("x", "y", 7, 10);
    sample["metadata"]["filename"] = json!(hostile);
    sample["metadata"]["family"] = json!(hostile);
    sample["metadata"]["version"] = json!(hostile);
    sample["metadata"]["component"] = json!(hostile);
    for function in sample["xcfg"].as_object_mut().unwrap().values_mut() {
        function["metadata"]["function_name"] = json!(hostile);
    }
    assert_eq!(server.post_json("/samples", &sample).status, 200);
    let mut other = sample.clone();
    other["sha256"] = json!("ab".repeat(32));
    assert_eq!(server.post_json("/samples", &other).status, 200);
    let job = server.get("/matches/sample/0").body["data"].as_str().unwrap().to_owned();
    let result = server.await_job(&job)["result"].as_str().unwrap().to_owned();
    let search = "/ui/search?q=%3C%2Ftitle%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let pages = [
        "/ui/",
        "/ui/families",
        "/ui/families/1",
        "/ui/samples",
        "/ui/samples/0",
        "/ui/functions/0",
        "/ui/diff/0/10",
        &format!("/ui/results/{result}"),
        &format!("/ui/results/{result}?family_name=%22%3E%3Cscript%3E&sort=%22%3E"),
        &format!("/ui/jobs/{job}"),
        "/ui/jobs",
        "/ui/statistics",
        "/ui/compare?samples=%3C/textarea%3E%3Cscript%3E",
        "/ui/exchange?imported=%3Cscript%3E",
        "/ui/login?next=%22%3E%3Cscript%3E",
        "/ui/%3Cscript%3Ealert(1)%3C/script%3E",
        search,
    ];
    for path in pages {
        let page = get(&server, path, "x-none: 1");
        assert!(matches!(page.status, 200 | 303 | 404), "{path}: {}", page.status);
        for markup in ["<script>", "<img src=x", "onerror=alert(2)>", "\u{202e}", "\u{0}"] {
            assert!(!page.body.contains(markup), "{path} holds {markup:?}");
        }
        // Scripts come from files, and nothing is styled or scripted in place.
        assert!(!page.body.contains(" style=") && !page.body.contains(" onclick="), "{path}");
        for script in page.body.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\"/ui/a/"), "{path}: {script}");
        }
    }
    let rows = get(&server, &format!("/ui/data/results/{result}/pairs"), "x-none: 1");
    assert_eq!(rows.header("content-type"), Some("application/json"));
    assert!(!rows.body.contains('\u{202e}'));
    let csv = get(&server, &format!("/ui/results/{result}/pairs.csv"), "x-none: 1");
    assert!(csv.header("content-disposition").unwrap().starts_with("attachment"));
}

#[test]
fn a_result_has_pages_filters_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for (name, family, seed) in [("a", "alpha", 7), ("b", "beta", 7), ("c", "gamma", 9)] {
        assert_eq!(server.post_json("/samples", &report(name, family, seed, 60)).status, 200);
    }
    let job = server.get("/matches/sample/0").body["data"].as_str().unwrap().to_owned();
    let result = server.await_job(&job)["result"].as_str().unwrap().to_owned();
    let rows = |query: &str| {
        let answer = server.get(&format!("/ui/data/results/{result}/pairs?{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    let all = rows("limit=1000");
    let total = all["total"].as_u64().unwrap() as usize;
    assert!(total > 100, "{total}");
    assert_eq!(all["rows"].as_array().unwrap().len(), total);
    // Pages together are the whole.
    let mut together = Vec::new();
    for start in (0..total).step_by(37) {
        together.extend(rows(&format!("start={start}&limit=37"))["rows"].as_array().unwrap().clone());
    }
    assert_eq!(&json!(together), &all["rows"]);
    let scores: Vec<f64> = rows("sort=score&limit=1000")["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row[6].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));
    let of_beta = rows("family_name=beta&limit=1000");
    assert!(of_beta["rows"].as_array().unwrap().iter().all(|row| row[5] == "beta"));
    assert!((1..total).contains(&(of_beta["total"].as_u64().unwrap() as usize)));
    let in_all = all["rows"].as_array().unwrap().iter().filter(|row| row[5] == "beta").count();
    assert_eq!(of_beta["total"], in_all);

    let own = server.get(&format!("/ui/data/results/{result}/functions")).body;
    assert_eq!(own["rows"].as_array().unwrap().len(), 60);
    let csv = get(&server, &format!("/ui/results/{result}/pairs.csv?family_name=beta"), "x-none: 1").body;
    assert_eq!(csv.lines().count(), in_all + 1);
    let page = get(&server, &format!("/ui/results/{result}?start=40"), "x-none: 1").body;
    assert!(page.contains("rel=\"prev\"") && page.contains(&format!("of {total} pairs")), "{page}");
    for path in ["/ui/results/0123", "/ui/results/0123456789abcdef01234567", "/ui/data/results/x/pairs"] {
        assert_eq!(get(&server, path, "x-none: 1").status, 404, "{path}");
    }
    // A result that is deleted is gone from the pages, too.
    assert_eq!(server.send("DELETE", &format!("/jobs/{job}"), &[], b"").status, 200);
    let gone = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        get(&server, &format!("/ui/results/{result}"), "x-none: 1").status == 404
    });
    assert!(gone || server.get(&format!("/results/{result}")).status == 200, "the page outlives its result");
}

#[test]
fn files_of_the_pages_are_kept_for_ever_and_change_their_address() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", MASTER]);
    let login = get(&server, "/ui/login", "x-none: 1");
    let style =
        login.body.split("stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let file = get(&server, &style, "x-none: 1");
    assert_eq!((file.status, file.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert!(file.header("cache-control").unwrap().contains("immutable"));
    let head = send(&server, "HEAD", &style, &["x-none: 1"], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for path in ["/ui/a/000000000000/malkin.css", "/ui/a/../../etc/passwd", "/ui/a/x/y"] {
        assert_eq!(get(&server, path, "x-none: 1").status, 404, "{path}");
    }
}
