//! Many clients at once that break off, dawdle or want more room than there is: all are answered, and nothing is left over.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::report::report;
use crate::server::Server;

/// Largest body the server takes here, in MiB; together it holds two of these.
const MAX_BODY: usize = 1;
const CLIENTS: usize = 64;
/// Each client sends this many requests, one after the other.
const REQUESTS: usize = 2;
/// Time until a client that stays is answered, and until nothing is left of those that are gone. A server waits 5 seconds for
/// room and reads on for 5 more; when bodies could wait for each other, both took more than a minute.
const PROMPT: Duration = Duration::from_secs(25);

/// What clients do with the body they announced.
#[derive(Clone, Copy)]
enum Manner {
    /// Send some of it and leave.
    Leaves,
    /// Send all of it in small pieces and read the answer.
    Dawdles,
    /// Send more than the server takes, and read the answer.
    Exaggerates,
}

fn request(address: &str, manner: Manner, seed: usize) -> Option<String> {
    let announced = match manner {
        Manner::Leaves | Manner::Dawdles => (MAX_BODY << 20) - 1000,
        Manner::Exaggerates => 99_999_999_999,
    };
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let head = format!(
        "POST /samples HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {announced}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server may answer and close before all is sent.
    match manner {
        Manner::Leaves => {
            let _ = stream.write_all(&vec![b'a'; seed * 7919 % announced]);
            return None;
        }
        Manner::Dawdles => {
            for piece in vec![b'a'; announced].chunks(announced / 20 + 1) {
                let _ = stream.write_all(piece);
                thread::sleep(Duration::from_millis(20));
            }
        }
        Manner::Exaggerates => {
            let _ = stream.write_all(&vec![b'a'; 4 << 20]);
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(started.elapsed() < PROMPT, "an answer took {:?}", started.elapsed());
    Some(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

#[test]
fn a_crowd_that_breaks_off_leaves_nothing_over() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--max-body", &MAX_BODY.to_string()]);
    server.get("/status");
    let before = server.descriptors();
    let address = server.base().trim_start_matches("http://").to_owned();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let address = address.clone();
            let manner = [Manner::Leaves, Manner::Dawdles, Manner::Leaves, Manner::Exaggerates][client % 4];
            thread::spawn(move || {
                (0..REQUESTS)
                    .filter_map(|round| request(&address, manner, client * REQUESTS + round + 1))
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    for client in clients {
        for line in client.join().unwrap() {
            // A body of letters is no report; one that is too large is refused, or its connection ends while it still sends.
            let statuses = ["HTTP/1.1 400", "HTTP/1.1 413", "HTTP/1.1 429", ""];
            assert!(
                statuses.iter().any(|start| line.starts_with(start) && start.is_empty() == line.is_empty()),
                "{line}"
            );
        }
    }
    let left = Instant::now();
    let sound = server.post_json("/samples", &report("x.exe", "f", 3, 4));
    assert_eq!(sound.status, 200, "{sound:?}");
    while let (Some(before), Some(now)) = (before, server.descriptors())
        // The client of this test may keep a connection, and the store a file, that it did not have before.
        && now > before + 8
    {
        assert!(left.elapsed() < PROMPT, "{now} descriptors are open, {before} were before");
        thread::sleep(Duration::from_millis(100));
    }
}
