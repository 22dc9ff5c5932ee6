//! Large answers: they are complete and the same as their parts, those that nobody reads hold their seats only, and others are
//! answered meanwhile.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::report::report;
use crate::server::Server;

/// Functions of each sample; all of them are far more than the buffers of a connection hold.
const FUNCTIONS: u64 = 2500;
const SAMPLES: u64 = 3;
/// Streams that one address may have, and clients that want one.
const SEATS: usize = 32;
const CLIENTS: usize = 40;
/// A hang is longer than this.
const PROMPT: Duration = Duration::from_secs(30);

/// Asks and reads the first line of the answer, and nothing else.
fn ask(server: &Server, path: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.base().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PROMPT)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    (stream, String::from_utf8_lossy(&line).into_owned())
}

/// A figure of `/metrics`.
fn figure(server: &Server, name: &str) -> u64 {
    let text = server.get("/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.trim().parse().unwrap_or_else(|_| panic!("{name} is not in\n{text}"))
}

#[test]
fn large_answers_are_complete_and_unread_ones_leave_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for sample in 0..SAMPLES {
        let answer =
            server.post_json("/samples", &report(&format!("{sample}.exe"), "f", sample * 9000, FUNCTIONS));
        assert_eq!(answer.status, 200);
    }

    // The parts of a listing, put together, are the listing.
    let all = server.get("/functions").body["data"].take();
    let all = all.as_object().unwrap();
    assert_eq!(all.len() as u64, SAMPLES * FUNCTIONS);
    let parts = ["/functions?limit=2000", "/functions?start=2000&limit=5000", "/functions?start=7000"];
    let parts: Vec<_> = parts.map(|path| server.get(path).body["data"].take()).into();
    let joined = parts.iter().flat_map(|part| part.as_object().unwrap());
    assert!(joined.eq(all), "members or their order differ");
    let of_samples: Vec<_> =
        (0..SAMPLES).map(|id| server.get(&format!("/samples/{id}/functions")).body["data"].take()).collect();
    assert!(of_samples.iter().flat_map(|part| part.as_object().unwrap()).eq(all));
    for id in [0, 1, 2499, 2500, 7499] {
        let one = server.get(&format!("/functions/{id}?with_xcfg=true")).body["data"].take();
        assert_eq!(one, all[&id.to_string()]);
    }

    let clients: Vec<(TcpStream, String)> = (0..CLIENTS).map(|_| ask(&server, "/functions")).collect();
    let count = |status: &str| clients.iter().filter(|(_, line)| line.ends_with(status)).count();
    assert_eq!((count("200"), count("429")), (SEATS, CLIENTS - SEATS));
    assert_eq!(figure(&server, "malkin_answers{what=\"streams\"}"), SEATS as u64);
    let refused = figure(&server, "malkin_requests_ended_by_budget_total{budget=\"streams\"}");
    assert_eq!(refused, (CLIENTS - SEATS) as u64);
    for path in ["/version", "/status", "/samples", "/functions?limit=3", "/jobs?limit=5"] {
        let asked = Instant::now();
        assert_eq!(server.get(path).status, 200, "{path}");
        assert!(asked.elapsed() < PROMPT, "{path} took {:?}", asked.elapsed());
    }
    let refused = server.get("/functions");
    assert_eq!(refused.status, 429);
    assert!(refused.headers.contains_key("retry-after"));

    drop(clients);
    let left = Instant::now();
    while figure(&server, "malkin_answers{what=\"streams\"}") > 0 {
        assert!(left.elapsed() < PROMPT, "seats of clients that are gone stay taken");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.get("/functions").body["data"].as_object().unwrap().len() as u64, SAMPLES * FUNCTIONS);
}
