//! Inputs that are no reports and no executables, and paths that are no files: named as what they are, without waiting.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::report::report;

/// A command that takes longer than this hangs.
const HANGS: Duration = Duration::from_mins(1);

fn malkin(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in ["MCRIT_CLI_SERVER", "MALKIN_SERVER", "MALKIN_TOKEN", "MALKIN_DATA", "MALKIN_RULES"] {
        command.env_remove(name);
    }
    let command = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("malkin runs");
    let started = Instant::now();
    // What these commands print fits into a pipe.
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > HANGS {
            child.kill().unwrap();
            panic!("{arguments:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The header of a COFF object with one section.
fn coff() -> Vec<u8> {
    let mut bytes = vec![0; 60];
    bytes[..2].copy_from_slice(&0x8664_u16.to_le_bytes());
    bytes[2] = 1;
    bytes
}

/// A PE header without sections for a machine.
fn pe(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 0x200];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x44..0x46].copy_from_slice(&machine.to_le_bytes());
    bytes[0x54..0x56].copy_from_slice(&0xf0_u16.to_le_bytes());
    bytes[0x58..0x5a].copy_from_slice(&0x20b_u16.to_le_bytes());
    bytes
}

fn tar() -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    bytes[257..262].copy_from_slice(b"ustar");
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_is_no_code_is_named_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let path = folder.path().join("input").to_str().unwrap().to_owned();
    let large = [b"PK\x03\x04".as_slice(), &vec![0xff; 20 << 20]].concat();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            b"!<arch>\n/               0           0     0     0       8         `\n".to_vec(),
            "a library archive (ar)",
        ),
        (b"PK\x03\x04\x14\0".to_vec(), "a zip archive"),
        (large, "`malkin triage` opens it"),
        (b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), "a 7z archive"),
        (tar(), "a tar archive"),
        (gzip(&tar()), "a tar archive (inside of gzip)"),
        (b"\xfd7zXZ\0\0\x04".to_vec(), "an xz file"),
        (coff(), "a COFF object file"),
        (b"#!/bin/sh\necho \xff\n".to_vec(), "a script"),
        (b"%PDF-1.7\n\xff".to_vec(), "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), "an OLE file"),
        (b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10".to_vec(), "a Java class"),
        (b"dex\n035\0cut".to_vec(), "a DEX file, but its header is damaged"),
        (b"\0asm\x01\0\0\0".to_vec(), "a WebAssembly module"),
        (b"\x01\x02\xff\0".to_vec(), "data of an unknown kind"),
        (b"hello world\n".to_vec(), "text, not an executable"),
        (b"{\"name\": \"x\"}".to_vec(), "is JSON, but not an SMDA report"),
        (b"[1, 2]".to_vec(), "is JSON, but not an SMDA report"),
        (br#"{"config": {}, "content": {"num_samples": 1}}"#.to_vec(), "`malkin import` takes it"),
        (Vec::new(), "is empty"),
        (pe(0x0166), "a PE executable"),
    ];
    for (bytes, expected) in cases {
        std::fs::write(&path, &bytes).unwrap();
        for command in ["disassemble", "hash", "submit", "query"] {
            let mut arguments = vec![command, &path];
            if ["submit", "query"].contains(&command) {
                arguments.extend(["--data", &data]);
            }
            let output = malkin(&arguments);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{command}: {error}");
            let start: Vec<u8> = bytes.iter().copied().take(12).collect();
            assert!(error.contains(expected) && !error.contains("UTF-8"), "{command} on {start:?}: {error}");
        }
    }
}

#[test]
fn shared_cases_are_named() {
    let Some(folder) = malkin_testkit::shared("cases/code") else { return };
    for (name, expected) in
        [("archive.a", "a library archive (ar)"), ("coff_object.obj", "a COFF object file")]
    {
        for command in ["disassemble", "hash"] {
            let output = malkin(&[command, folder.join(name).to_str().unwrap()]);
            assert_eq!(output.status.code(), Some(1));
            assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
        }
    }
}

/// A folder that holds a sound report among everything that is no file.
#[cfg(unix)]
fn special(folder: &Path) -> std::os::unix::net::UnixListener {
    use std::os::unix::fs::symlink;
    std::fs::create_dir(folder).unwrap();
    std::fs::write(folder.join("a.json"), report("x.exe", "f", 7, 3).to_string()).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("fifo")).status().unwrap().success());
    symlink("/dev/zero", folder.join("zero")).unwrap();
    symlink(folder, folder.join("loop")).unwrap();
    symlink(folder.join("itself"), folder.join("itself")).unwrap();
    symlink(folder.join("fifo"), folder.join("link")).unwrap();
    std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap()
}

#[cfg(unix)]
#[test]
fn special_files_are_refused_without_waiting() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("in");
    let _socket = special(&folder);
    let data = root.path().join("data").to_str().unwrap().to_owned();
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    for command in ["submit", "query", "disassemble", "hash", "triage", "import"] {
        let place: &[&str] =
            if ["disassemble", "hash"].contains(&command) { &[] } else { &["--data", &data] };
        for (path, kind) in [
            (at("fifo"), "is a FIFO, not a file"),
            (at("link"), "is a FIFO, not a file"),
            (at("socket"), "is a socket, not a file"),
            ("/dev/zero".to_owned(), "is a device, not a file"),
            (at("itself"), "cannot read"),
            (at("none"), "cannot read"),
        ] {
            let output = malkin(&[&[command, &path], place].concat());
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{command} {path}: {error}");
            assert!(error.contains(kind) && error.contains(&path), "{command} {path}: {error}");
        }
    }
    let fifo = folder.join("fifo.mcrit");
    std::fs::rename(folder.join("fifo"), &fifo).unwrap();
    let output = malkin(&["hash", fifo.to_str().unwrap()]);
    assert!(text(&output.stderr).contains("is a FIFO"), "{output:?}");
    let (folder, out) = (folder.to_str().unwrap(), root.path().join("out").to_str().unwrap().to_owned());
    for arguments in [
        &["submit", folder, "--data", &data][..],
        &["hash", folder],
        &["triage", folder, "--data", &data],
        &["disassemble", folder, "--output", &out],
    ] {
        let output = malkin(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {error}");
        for kind in ["a FIFO", "a socket", "a device", "a link to a folder", "a broken link"] {
            let skipped = error.lines().filter(|line| line.starts_with("skipped: ") && line.contains(kind));
            assert!(skipped.count() > 0, "{arguments:?}: {kind}: {error}");
        }
    }
}

/// The report of a cut file looks like that of a whole one: the command says so.
#[test]
fn a_truncated_executable_is_named_as_one() {
    let root = tempfile::tempdir().unwrap();
    let whole = std::fs::read(malkin_testkit::fixture("disasm/elf64_svm_cet_sev")).unwrap();
    for (name, bytes, warned) in
        [("whole", &whole[..], false), ("cut", &whole[..0x200.min(whole.len() / 2)], true)]
    {
        let path = root.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = malkin(&["disassemble", path.to_str().unwrap()]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{error}");
        let part = format!("file is truncated, {} of ", bytes.len());
        assert_eq!(error.contains(&part) && error.contains("bytes present"), warned, "{name}: {error}");
        assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_the_kernel_do_not_make_a_command_wait() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data").to_str().unwrap().to_owned();
    // Some may be read by nobody here, some are empty by size and not by content, some are larger than any memory.
    for path in [
        "/proc/kmsg",
        "/proc/kcore",
        "/proc/self/mem",
        "/proc/self/maps",
        "/proc/self/pagemap",
        "/proc/version",
    ] {
        for command in ["hash", "triage"] {
            if command == "triage" && path != "/proc/version" {
                continue;
            }
            let place: &[&str] = if command == "hash" { &[] } else { &["--data", &data] };
            assert!(malkin(&[&[command, path], place].concat()).status.code().is_some(), "{command} {path}");
        }
    }
}

#[test]
fn rules_that_cannot_be_used_are_an_error() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file").to_str().unwrap().to_owned();
    std::fs::write(&file, "hello\n").unwrap();
    let empty = root.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let broken = root.path().join("broken");
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("a.yar"), "rule {").unwrap();
    let data = root.path().join("data").to_str().unwrap().to_owned();
    for (rules, cause) in [
        (root.path().join("none"), "cannot read"),
        (empty, "contains no YARA rule files"),
        (broken.clone(), "none of its YARA rule files"),
    ] {
        let rules = rules.to_str().unwrap();
        for arguments in [
            &["triage", &file, "--data", &data, "--rules", rules][..],
            &["serve", "--listen", "127.0.0.1:0", "--data", &data, "--rules", rules],
        ] {
            let output = malkin(arguments);
            let error = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
            assert!(error.contains(cause) && error.contains(rules), "{arguments:?}: {error}");
        }
    }
    std::fs::write(broken.join("b.yar"), "rule b { condition: true }").unwrap();
    let partly = malkin(&["triage", &file, "--data", &data, "--rules", broken.to_str().unwrap()]);
    assert_eq!(partly.status.code(), Some(0), "{partly:?}");
    assert!(text(&partly.stderr).contains("skipped a.yar: "), "{partly:?}");
}
