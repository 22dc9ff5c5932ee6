//! Providers played by a listener on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use malkin_store::SqliteStore;

use super::*;

const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A server that gives every request the same answer, or none at all, and counts them.
fn provider(answer: Option<String>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            count.fetch_add(1, Ordering::Relaxed);
            let Some(answer) = &answer else {
                silent.push(stream);
                continue;
            };
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

/// As [`provider`], with an answer.
fn provider_answering(answer: String) -> (String, Arc<AtomicUsize>) {
    provider(Some(answer))
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn fetcher(settings: &[(&str, &str)]) -> Fetcher {
    let stated =
        |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Fetcher::new(IntelSettings::from_named(stated))
}

fn statuses(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(|record| record.status.as_str()).collect()
}

#[test]
fn a_silent_provider_costs_the_deadline_and_nobody_else_anything() {
    let store = SqliteStore::open_in_memory().unwrap();
    let (vt, _) = provider(None);
    let (otx, _) = provider_answering(http("200 OK", "", r#"{"pulse_info": {"count": 0}}"#));
    let settings = [
        ("VT_API_KEY", "k"),
        ("VT_BASE_URL", &vt),
        ("OTX_API_KEY", "k"),
        ("OTX_BASE_URL", &otx),
        ("DEFAULT_TIMEOUT", "1"),
    ];
    let fetcher = fetcher(&settings);
    let records = fetcher.look_up(&store, Timestamp::from_millis(0), HASH, HashKind::Sha256);
    assert_eq!(statuses(&records), ["timeout", "no_key", "no_key", "not_found"]);
    assert_eq!(records[0].shown["error"], "VT HTTP 599");
}

#[test]
fn look_ups_do_not_wait_for_each_other() {
    /// More than there are cores, so that waiting in turn would be seen as missing answers.
    const LOOK_UPS: usize = 100;
    let store = SqliteStore::open_in_memory().unwrap();
    let (vt, vt_asked) = provider(None);
    let (otx, _) = provider_answering(http("200 OK", "", r#"{"pulse_info": {"count": 0}}"#));
    let settings = [
        ("VT_API_KEY", "k"),
        ("VT_BASE_URL", &vt),
        ("OTX_API_KEY", "k"),
        ("OTX_BASE_URL", &otx),
        ("DEFAULT_TIMEOUT", "3"),
    ];
    let fetcher = fetcher(&settings);
    // All wait for the silent provider at once: each has asked it before the first has given up.
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..LOOK_UPS)
            .map(|number| {
                let (fetcher, store) = (&fetcher, &store);
                scope.spawn(move || {
                    let hash = format!("{number:064x}");
                    statuses(&fetcher.look_up(store, Timestamp::from_millis(0), &hash, HashKind::Sha256))
                })
            })
            .collect();
        for look_up in all {
            assert_eq!(look_up.join().unwrap(), ["timeout", "no_key", "no_key", "not_found"]);
        }
    });
    assert_eq!(vt_asked.load(Ordering::Relaxed), LOOK_UPS);
    let left = (0..100).find(|_| {
        std::thread::sleep(Duration::from_millis(20));
        fetcher.under_way.load(Ordering::Relaxed) == 0
    });
    assert!(left.is_some(), "requests are given up with their look-ups");
}

#[test]
fn patience_is_asked_for_in_seconds_or_until_a_moment() {
    let now = Timestamp::from_millis(784_111_777_000);
    assert_eq!(seconds_of("60", now), Some(60));
    assert_eq!(seconds_of("Sun, 06 Nov 1994 08:51:37 GMT", now), Some(120));
    assert_eq!(seconds_of("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(0));
    assert_eq!(seconds_of("Sun, 06 Nov 1994 08:40:00 GMT", now), Some(0));
    for odd in ["", "-1", "soon", "99999999999999999999999"] {
        assert_eq!(seconds_of(odd, now), None, "{odd}");
    }
}

#[test]
fn good_answers_are_kept_and_failures_asked_again() {
    let store = SqliteStore::open_in_memory().unwrap();
    let (vt, vt_asked) = provider_answering(http("200 OK", "", r#"{"data": {"attributes": {}}}"#));
    let (otx, otx_asked) = provider_answering(http("500 Oh", "", "no"));
    let fetcher =
        fetcher(&[("VT_API_KEY", "k"), ("VT_BASE_URL", &vt), ("OTX_API_KEY", "k"), ("OTX_BASE_URL", &otx)]);
    for seconds in [0, 1, 86_399] {
        let now = Timestamp::from_millis(seconds * 1000);
        let records = fetcher.look_up(&store, now, &HASH.to_uppercase(), HashKind::Sha256);
        assert_eq!(statuses(&records), ["found", "no_key", "no_key", "error"]);
    }
    assert_eq!((vt_asked.load(Ordering::Relaxed), otx_asked.load(Ordering::Relaxed)), (1, 3));
    fetcher.look_up(&store, Timestamp::from_millis(86_400_000), HASH, HashKind::Sha256);
    assert_eq!(vt_asked.load(Ordering::Relaxed), 2);
}

#[test]
fn a_provider_that_asks_for_patience_is_left_alone() {
    let store = SqliteStore::open_in_memory().unwrap();
    let (vt, asked) = provider_answering(http("429 Slow down", "Retry-After: 60\r\n", "later"));
    let fetcher = fetcher(&[("VT_API_KEY", "k"), ("VT_BASE_URL", &vt)]);
    let look_up = || fetcher.look_up(&store, Timestamp::from_millis(0), HASH, HashKind::Sha256);
    for _ in 0..5 {
        let records = look_up();
        assert_eq!(records[0].status, Status::RateLimited);
        assert!(records[0].shown["retry_after"].as_u64().is_some_and(|seconds| (59..=61).contains(&seconds)));
    }
    assert_eq!(asked.load(Ordering::Relaxed), PATIENCE as usize);
}

#[test]
fn our_own_limit_holds_requests_back() {
    let store = SqliteStore::open_in_memory().unwrap();
    let (vt, asked) = provider_answering(http("500 Oh", "", ""));
    let fetcher = fetcher(&[("VT_API_KEY", "k"), ("VT_BASE_URL", &vt), ("MALKIN_INTEL_PER_MINUTE", "2")]);
    for _ in 0..4 {
        fetcher.look_up(&store, Timestamp::from_millis(0), HASH, HashKind::Sha256);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn keys_are_not_shown() {
    let settings = IntelSettings::from_named(|name| (name == "VT_API_KEY").then(|| "very-secret".to_owned()));
    assert!(!format!("{settings:?} {:?}", Fetcher::new(settings.clone())).contains("very-secret"));
}
