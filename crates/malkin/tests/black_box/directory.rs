//! The data directory in trouble: a database that is missing, empty, foreign or replaced, and a directory that cannot be
//! written. Nothing is lost and nothing is answered wrongly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::report::report;
use crate::server::Server;

fn malkin(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in ["MCRIT_CLI_SERVER", "MALKIN_SERVER", "MALKIN_DATA"] {
        command.env_remove(name);
    }
    command.args(arguments).arg("--data").arg(data).output().unwrap()
}

/// A data directory with one sample, large enough for a stored segment.
fn filled(folder: &Path, seed: u64) -> PathBuf {
    let data = folder.join(format!("data{seed}"));
    let path = folder.join(format!("{seed}.json"));
    fs::write(&path, report(&format!("file{seed}"), "alpha", seed, 1500).to_string()).unwrap();
    let submitted = malkin(&data, &["submit", path.to_str().unwrap()]);
    assert_eq!(submitted.status.code(), Some(0), "{submitted:?}");
    data
}

/// Names and bytes of all files below a folder.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

/// Asserts that every command refuses the directory, says why, and leaves the files as they are.
fn assert_refused(data: &Path, words: &[&str]) {
    let before: Vec<_> = contents(&data.join("index"));
    assert!(before.len() >= 2, "a segment and its owner");
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["status"], &["verify"], &["token", "list"]]
    {
        let output = malkin(data, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        for word in words {
            assert!(error.contains(word), "{arguments:?}: {error}");
        }
    }
    assert_eq!(contents(&data.join("index")), before);
}

#[test]
fn a_lost_or_foreign_database_is_refused_and_the_index_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = filled(folder.path(), 1);
    let database = data.join("malkin.db");
    let kept = folder.path().join("kept.db");

    fs::rename(&database, &kept).unwrap();
    assert_refused(&data, &["malkin.db is missing", "restore a backup", "remove"]);
    assert!(!database.exists(), "nothing was created");
    fs::write(&database, b"").unwrap();
    assert_refused(&data, &["malkin.db is empty"]);
    assert_eq!(fs::metadata(&database).unwrap().len(), 0);

    let other = filled(folder.path(), 2);
    fs::copy(other.join("malkin.db"), &database).unwrap();
    assert_refused(&data, &["index of another database", "remove"]);
    let empty = folder.path().join("empty");
    assert_eq!(malkin(&empty, &["status"]).status.code(), Some(0));
    fs::copy(empty.join("malkin.db"), &database).unwrap();
    assert_refused(&data, &["index of another database"]);

    // The right one again: as if nothing had happened. The explicit way to start over works as well.
    fs::rename(&kept, &database).unwrap();
    let status = malkin(&data, &["status", "--format", "json"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("\"num_samples\":1"), "{status:?}");
    fs::remove_file(&database).unwrap();
    fs::remove_dir_all(data.join("index")).unwrap();
    let status = malkin(&data, &["status", "--format", "json"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("\"num_samples\":0"), "{status:?}");
}

#[test]
fn an_older_copy_of_the_database_is_taken_beside_a_newer_index() {
    let folder = tempfile::tempdir().unwrap();
    let data = filled(folder.path(), 1);
    let copy = folder.path().join("copy.db");
    fs::copy(data.join("malkin.db"), &copy).unwrap();
    let path = folder.path().join("more.json");
    fs::write(&path, report("more", "alpha", 5000, 1500).to_string()).unwrap();
    assert_eq!(malkin(&data, &["submit", path.to_str().unwrap()]).status.code(), Some(0));
    fs::copy(&copy, data.join("malkin.db")).unwrap();
    let verified = malkin(&data, &["verify", "--format", "json"]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

#[test]
fn a_number_of_format_zero_is_named_without_the_sql() {
    let folder = tempfile::tempdir().unwrap();
    let data = filled(folder.path(), 1);
    let path = data.join("malkin.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[60..64].fill(0);
    fs::write(&path, bytes).unwrap();
    let output = malkin(&data, &["status"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("user_version") && !error.contains("CREATE TABLE"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[cfg(unix)]
#[test]
fn a_database_that_is_replaced_while_the_server_runs_takes_no_more_writes() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let data = filled(folder.path(), 1);
        let server = Server::start(&data, &[]);
        assert_eq!(server.get("/healthz").status, 200);
        let kept = folder.path().join("kept.db");
        let database = data.join("malkin.db");
        fs::rename(&database, &kept).unwrap();
        if replaced {
            fs::copy(&kept, &database).unwrap();
        }
        let answer = server.get("/healthz");
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.text.contains("deleted, moved or replaced"), "{answer:?}");
        assert!(!answer.text.contains(data.to_str().unwrap()), "paths are for the log");
        let answer = server.post_json("/samples", &report("late", "beta", 9000, 20));
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(server.send("DELETE", "/samples/0", &[], b"").status, 503);
        assert_eq!(server.get("/samples/0").status, 200, "reads go on");
        fs::rename(&kept, &database).unwrap();
        assert_eq!(server.get("/healthz").status, 200, "it is the same file again");
        assert_eq!(server.post_json("/samples", &report("late", "beta", 9000, 20)).status, 200);
    }
}

#[cfg(unix)]
#[test]
fn a_second_server_is_refused_even_if_the_lock_file_was_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let data = filled(folder.path(), 1);
    let server = Server::start(&data, &[]);
    fs::remove_file(data.join("malkin.lock")).unwrap();
    let output = malkin(&data, &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("in use") && error.contains(server.base()), "{error}");
}

/// What can be asked of a directory that cannot be written; answers what was printed.
fn read_all(data: &Path, output: &Path) -> String {
    let mut printed = String::new();
    for arguments in [
        &["status", "--format", "json"][..],
        &["verify", "--format", "json"],
        &["search", "functions", "sub", "--format", "json"],
        &["match", "0", "--format", "json"],
        &["export", "--output", output.to_str().unwrap()],
    ] {
        let answer = malkin(data, arguments);
        assert_eq!(answer.status.code(), Some(0), "{arguments:?}: {answer:?}");
        printed.push_str(&String::from_utf8(answer.stdout).unwrap());
    }
    printed
}

/// A server that only reads answers, refuses changes, and leaves every file as it is.
#[test]
fn a_server_that_only_reads_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = filled(folder.path(), 1);
    {
        // Killed: what is in the log alone has to be read from there.
        let mut server = Server::start(&data, &[]);
        assert_eq!(server.post_json("/samples", &report("late", "beta", 9000, 20)).status, 200);
        server.kill();
    }
    let _ = fs::remove_file(data.join("malkin.db-shm"));
    assert!(fs::metadata(data.join("malkin.db-wal")).unwrap().len() > 0);
    let before = contents(&data);
    let server = Server::start(&data, &["--read-only"]);
    assert_eq!(server.get("/healthz").status, 200);
    let status = server.get("/status").body["data"]["status"]["num_samples"].as_u64();
    assert_eq!(status, Some(2));
    assert_eq!(server.get("/samples/1").status, 200);
    for (method, path) in [("DELETE", "/samples/0"), ("POST", "/respawn"), ("GET", "/matches/sample/0")] {
        let answer = server.send(method, path, &[], b"");
        assert_eq!(answer.status, 503, "{method} {path}: {answer:?}");
        assert!(answer.text.contains("--read-only"), "{answer:?}");
    }
    assert_eq!(server.post_json("/samples", &report("more", "beta", 7000, 20)).status, 503);
    // Others may read at the same time, but not write.
    let second = Server::start(&data, &["--read-only"]);
    assert_eq!(second.get("/samples/1").status, 200);
    let refused = malkin(&data, &["token", "add", "ida", "--role", "reader"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    drop((server, second));
    assert_eq!(contents(&data), before);
}

#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = filled(folder.path(), 1);
    let output = folder.path().join("out.mcrit");
    let expected = read_all(&data, &output);
    let before = contents(&data);
    let all: Vec<PathBuf> =
        before.iter().map(|file| file.0.clone()).chain([data.join("index"), data.clone()]).collect();
    let allow = |mode: u32| {
        for path in &all {
            let mode = if path.is_dir() { mode | 0o111 } else { mode };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0o444);
    // The administrator may write regardless of the modes.
    let is_limited = fs::File::create(data.join("probe")).is_err();
    if is_limited {
        assert_eq!(read_all(&data, &output), expected);
        assert_eq!(contents(&data), before);
    }
    allow(0o644);
}

/// A write beyond the file-size limit is an error, not the end of the process.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_file_size_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    fs::write(&path, report("large", "alpha", 7, 1500).to_string()).unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 64; exec \"$0\" submit \"$1\" --data \"$2\""])
        .arg(env!("CARGO_BIN_EXE_malkin"))
        .arg(&path)
        .arg(folder.path().join("data"))
        .env_remove("MALKIN_SERVER")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "ended by a signal: {output:?}");
}
