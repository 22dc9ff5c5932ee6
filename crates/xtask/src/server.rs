//! Servers under test: started as child processes on loopback, known by the address they print, killed when dropped.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long a server may take until it prints its address.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running server process of ours.
pub(crate) struct Server {
    child: Child,
    /// Base URL without a slash at the end, such as `http://127.0.0.1:40123`.
    pub(crate) url: String,
    /// What the process printed since; kept so that its pipes stay drained and a failure can be explained.
    lines: Receiver<String>,
}

impl Server {
    /// Starts a program that prints a line with `http://127.0.0.1:PORT`, on either of its outputs, once it answers.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        Self::start_by(command, address_in)
    }

    /// The same for a program whose address we chose: the first line holding `mark` says that it is up.
    pub(crate) fn start_at(command: &mut Command, url: &str, mark: &str) -> Result<Self, String> {
        Self::start_by(command, |line| line.contains(mark).then(|| url.to_owned()))
    }

    /// Starts the development build of Malkin over a data folder, free of settings from the environment, with further options of
    /// `malkin serve`.
    pub(crate) fn malkin(data: &Path, token: Option<&str>, options: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(crate::target_dir().join("debug/malkin"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MALKIN_") || name.to_string_lossy().starts_with("MCRIT_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).args(options);
        if let Some(token) = token {
            command.args(["--token", token]);
        }
        Self::start(&mut command)
    }

    fn start_by(command: &mut Command, address: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|e| format!("cannot start a server: {e}"))?;
        let (sender, lines) = channel();
        if let Some(pipe) = child.stdout.take() {
            drain(pipe, sender.clone());
        }
        if let Some(pipe) = child.stderr.take() {
            drain(pipe, sender);
        }
        let mut server = Self { child, url: String::new(), lines };
        let started = Instant::now();
        let mut said = Vec::new();
        while let Some(left) = START_LIMIT.checked_sub(started.elapsed()) {
            match server.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(url) = address(&line) {
                        server.url = url;
                        return Ok(server);
                    }
                    said.push(line);
                }
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the server ended at once: {}", said.join(" | ")));
                }
            }
        }
        Err(format!("the server printed no address within {} s: {}", START_LIMIT.as_secs(), said.join(" | ")))
    }

    /// The last lines the process printed after its address, for a report about a failure.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let all: Vec<String> = self.lines.try_iter().collect();
        all[all.len().saturating_sub(count)..].to_vec()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn drain(pipe: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { break };
            // A receiver that is gone no longer cares; the pipe is drained nevertheless.
            let _ = sender.send(line);
        }
    });
}

/// The loopback address in a line of text, without what follows it.
fn address_in(line: &str) -> Option<String> {
    const MARK: &str = "http://127.0.0.1:";
    let rest = &line[line.find(MARK)? + MARK.len()..];
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("{MARK}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_a_line() {
        let line = "2026-01-01 INFO malkin answers at http://127.0.0.1:40123/ (data in ./malkin-data)";
        assert_eq!(address_in(line).as_deref(), Some("http://127.0.0.1:40123"));
        assert_eq!(address_in("listening on http://127.0.0.1:"), None);
        assert_eq!(address_in("starting"), None);
    }
}
