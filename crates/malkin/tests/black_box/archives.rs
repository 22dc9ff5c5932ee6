//! Two hundred hostile archives through the upload route: each is answered, nothing is written beside the store, memory is bounded.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use crate::server::Server;

/// Archives sent.
const COUNT: u64 = 200;
/// Most memory the server may ever have held, in KiB: the largest upload many times over, and far below what the bombs state.
const MAX_MEMORY: u64 = 1 << 20;

/// Numbers that look random and are the same in every run (Knuth's linear congruence).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// An entry of a zip, as its headers state it.
struct Entry {
    name: Vec<u8>,
    method: u16,
    flags: u16,
    data: Vec<u8>,
    stated: u32,
}

impl Entry {
    fn stored(name: &[u8], data: &[u8]) -> Self {
        Self { name: name.to_vec(), method: 0, flags: 0, data: data.to_vec(), stated: data.len() as u32 }
    }

    fn deflated(name: &[u8], data: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        let packed = encoder.finish().unwrap();
        Self { name: name.to_vec(), method: 8, flags: 0, data: packed, stated: data.len() as u32 }
    }

    fn header(&self, start: &[u8], offset: Option<u32>) -> Vec<u8> {
        let mut bytes = start.to_vec();
        for half in [20, self.flags, self.method, 0, 0] {
            bytes.extend_from_slice(&half.to_le_bytes());
        }
        for word in [0, self.data.len() as u32, self.stated] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        if let Some(offset) = offset {
            bytes.extend_from_slice(&[0; 10]);
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        bytes.extend_from_slice(&self.name);
        bytes
    }
}

/// A zip of these entries; `overlap` lets all of them have the data of the first, `count` is stated as their number.
fn zip(entries: &[Entry], overlap: bool, count: Option<u16>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = if overlap { 0 } else { file.len() as u32 };
        if !overlap || file.is_empty() {
            file.extend(entry.header(b"PK\x03\x04", None));
            file.extend_from_slice(&entry.data);
        }
        directory.extend(entry.header(b"PK\x01\x02\x14\x00", Some(offset)));
    }
    let at = file.len() as u32;
    let size = directory.len() as u32;
    file.extend(directory);
    let count = count.unwrap_or(entries.len() as u16).to_le_bytes();
    file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    file.extend_from_slice(&[count, count].concat());
    file.extend_from_slice(&[size.to_le_bytes(), at.to_le_bytes()].concat());
    file.extend_from_slice(&[0; 2]);
    file
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A tar of one entry; its header states this size.
fn tar(name: &[u8], kind: u8, link: &[u8], size: &str, data: &[u8]) -> Vec<u8> {
    let mut head = vec![0; 512];
    let mut put = |at: usize, text: &[u8]| head[at..at + text.len()].copy_from_slice(text);
    put(0, name);
    put(100, b"0000644\0");
    put(124, size.as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link);
    put(257, b"ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head.extend_from_slice(data);
    head.resize(head.len().next_multiple_of(512) + 1024, 0);
    head
}

const NAMES: [&[u8]; 8] = [
    b"../../escaped",
    b"/var/tmp/malkin-escaped",
    b"..\\..\\escaped",
    b"C:\\escaped",
    b"a/./../../escaped",
    b"nul\0name",
    b"\xff\xfe",
    b"",
];

/// An archive by its number: twelve kinds, each damaged in its own places from the second round on.
fn archive(number: u64, zeros: &[u8]) -> Vec<u8> {
    let mut numbers = Numbers(number);
    let name = NAMES[numbers.below(8) as usize];
    let mut file = match number % 12 {
        // Bombs: by ratio, by overlap, in layers, with a size that is not theirs.
        0 => zip(&[Entry::deflated(name, zeros)], false, None),
        1 => {
            let entries: Vec<Entry> = (0..50).map(|_| Entry::deflated(b"x", &zeros[..4 << 20])).collect();
            zip(&entries, true, None)
        }
        2 => (0..30).fold(b"core".to_vec(), |inner, _| zip(&[Entry::stored(b"in.zip", &inner)], false, None)),
        3 => zip(&[Entry { stated: u32::MAX - 1, ..Entry::deflated(name, b"small") }], false, None),
        4 => zip(&[Entry { stated: 1, ..Entry::deflated(name, &zeros[..1 << 20]) }], false, None),
        5 => gzip(zeros),
        6 => gzip(&gzip(&gzip(zeros))),
        // Many entries, stated and real; names; encryption that is none; methods that nobody knows.
        7 => {
            let entries: Vec<Entry> = (0..30_000).map(|_| Entry::stored(b"e", b"")).collect();
            zip(&entries, false, None)
        }
        8 => zip(&NAMES.map(|name| Entry::stored(name, b"content")), false, Some(u16::MAX)),
        9 => {
            let method = numbers.below(100) as u16;
            zip(&[Entry { flags: 0xffff, method, ..Entry::stored(name, &[7; 40]) }], false, None)
        }
        10 => tar(
            b"../../escaped",
            [b'0', b'1', b'2', b'5'][numbers.below(4) as usize],
            b"/etc/passwd",
            "00000000007\0",
            b"content",
        ),
        _ => gzip(&tar(
            b"big",
            b'0',
            b"",
            ["77777777777\0", "\u{7f}\u{7f}\u{7f}\u{7f}", "-1", "z"][numbers.below(4) as usize],
            b"content",
        )),
    };
    if number >= 12 {
        for _ in 0..numbers.below(8) {
            let at = numbers.below(file.len() as u64) as usize;
            file[at] = numbers.below(256) as u8;
        }
        if numbers.below(4) == 0 {
            file.truncate(numbers.below(file.len() as u64 + 1) as usize);
        }
        // Every file is another one, so that none is answered by the record of its neighbour.
        file.extend_from_slice(&number.to_le_bytes());
    }
    file
}

fn files_below(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn hostile_archives_are_answered_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("a/b/data");
    std::fs::create_dir_all(&place).unwrap();
    let server = Server::start(&place, &[]);
    let zeros = vec![0; 32 << 20];
    for number in 0..COUNT {
        let content = archive(number, &zeros);
        let head =
            b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../escaped\"\r\n\r\n";
        let body = [head.as_slice(), &content, b"\r\n--edge--\r\n"].concat();
        let headers = [("content-type", "multipart/form-data; boundary=edge")];
        let answer = server.send("POST", "/analyze/upload", &headers, &body);
        assert_eq!(answer.status, 200, "archive {number}: {:?}", answer.body);
        assert_eq!(answer.body["facts"]["size"], content.len(), "archive {number}");
    }
    assert_eq!(server.get("/healthz").status, 200);
    for (folder, names) in [
        (folder.path().to_owned(), ["a"]),
        (folder.path().join("a"), ["b"]),
        (folder.path().join("a/b"), ["data"]),
    ] {
        assert_eq!(files_below(&folder), names, "{}", folder.display());
    }
    assert!(!Path::new("/var/tmp/malkin-escaped").exists());
    if let Some(peak) = server.peak_memory() {
        assert!(peak < MAX_MEMORY, "{peak} KiB");
    }
}
