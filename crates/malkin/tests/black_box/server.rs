//! The real server as a child process, and a client that says no more than the tests need.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A server on a port of its own; killed when dropped.
pub(crate) struct Server {
    child: Child,
    base: String,
    agent: ureq::Agent,
}

/// An answer: status, `Allow` header, all headers, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) allow: Option<String>,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Server {
    /// Starts a server on a data directory and waits until it answers.
    pub(crate) fn start(data: &Path, options: &[&str]) -> Self {
        Self::start_with(data, options, &[], Stdio::null())
    }

    /// The same with settings in the environment; what it logs goes where the last argument says.
    pub(crate) fn start_with(data: &Path, options: &[&str], settings: &[(&str, &str)], log: Stdio) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
        for name in [
            "MALKIN_TOKEN",
            "MALKIN_HOST_NAME",
            "DB_PATH",
            "VT_API_KEY",
            "HA_API_KEY",
            "ABUSE_API_KEY",
            "OTX_API_KEY",
        ] {
            command.env_remove(name);
        }
        let mut child = command
            .env("MALKIN_LISTEN", "127.0.0.1:0")
            .args(["serve", "--data"])
            .arg(data)
            .args(options)
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let base = line.trim().rsplit(' ').next().unwrap_or_default().replace("0.0.0.0", "127.0.0.1");
        assert!(base.starts_with("http://127.0.0.1:"), "{line:?}");
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_mins(1)));
        Self { child, base, agent: config.build().into() }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(method, path, headers, body).expect("the server answers")
    }

    /// Sends a request to a server that may be gone.
    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = self.agent.run(request.body(body).expect("a sound request"))?;
        let status = answer.status().as_u16();
        let allow = answer.headers().get("allow").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let headers = answer.headers().clone();
        let text = answer.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status, allow, headers, body, text })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// Waits until a job has ended and answers its document.
    pub(crate) fn await_job(&self, id: &str) -> Value {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let job = self.get(&format!("/jobs/{id}")).body["data"].take();
            if job["notify_done"] == true {
                return job;
            }
            assert!(Instant::now() < deadline, "job {id} does not end: {job}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The most memory the server has held, in KiB, where the system reports it.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .ok()
    }

    /// Processor time and the most memory of the server so far, see [`crate::multiplied::cost`].
    pub(crate) fn cost(&self) -> Option<(Duration, u64)> {
        crate::multiplied::cost(self.child.id())
    }

    /// Files and connections the server has open, where the system reports it.
    pub(crate) fn descriptors(&self) -> Option<usize> {
        Some(std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).ok()?.count())
    }

    /// Ends the server as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the server can be killed");
        self.child.wait().expect("the server is gone");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
