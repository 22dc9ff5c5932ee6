//! A server as the command line uses it: MCRIT's REST API, envelopes opened, failures as sentences.

use std::fmt::Write as _;
use std::io::Read;
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;

/// Largest answer taken in, in bytes.
const MAX_ANSWER: u64 = 2 << 30;
/// Time for one request; results are polled, so none takes long.
const REQUEST_TIME: Duration = Duration::from_mins(2);
/// Time between looks at a job.
const POLL: Duration = Duration::from_millis(100);

/// A server.
pub(crate) struct Remote {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

impl Remote {
    /// A server by its address, for example `http://127.0.0.1:8000`; plain `host:port` means http.
    pub(crate) fn new(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let base = match url {
            _ if url.starts_with("http://") => url.to_owned(),
            _ if url.contains("://") => {
                return Err(Failure::Other(format!("{url}: only http:// addresses are supported")));
            }
            _ => format!("http://{url}"),
        };
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(REQUEST_TIME));
        Ok(Self { base: base.trim_end_matches('/').to_owned(), token, agent: config.build().into() })
    }

    /// `GET`, the payload as JSON text.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("apitoken", token);
        }
        self.payload(path, request.call())
    }

    /// `POST` of a JSON body.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        let mut request =
            self.agent.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("apitoken", token);
        }
        self.payload(path, request.send(body))
    }

    /// `POST` of a text.
    pub(crate) fn post_text(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        let mut request =
            self.agent.post(format!("{}{path}", self.base)).header("content-type", "text/plain");
        if let Some(token) = &self.token {
            request = request.header("apitoken", token);
        }
        self.payload(path, request.send(body))
    }

    /// `DELETE`.
    pub(crate) fn delete(&self, path: &str) -> Result<Value, Failure> {
        let mut request = self.agent.delete(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("apitoken", token);
        }
        self.payload(path, request.call())
    }

    /// Waits for a job and fetches its result.
    pub(crate) fn await_result(&self, job: &Value) -> Result<Value, Failure> {
        let id = job.as_str().ok_or_else(|| Failure::Remote("the server returned no job id".to_owned()))?;
        self.await_job(id)?;
        self.get(&format!("/jobs/{}/result", escaped(id)))
    }

    /// Waits for a job.
    fn await_job(&self, id: &str) -> Result<(), Failure> {
        let id = escaped(id);
        loop {
            let document = self.get(&format!("/jobs/{id}"))?;
            if document["result"].is_string() {
                return Ok(());
            }
            if document.is_null() {
                return Err(Failure::Remote("the job was deleted".to_owned()));
            }
            if document["attempts_left"] == 0 || document["terminated"] == true {
                let cause = document["last_error"].as_str().unwrap_or("the job was deleted");
                let last_line = cause.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(cause);
                return Err(Failure::Remote(format!("the job failed: {last_line}")));
            }
            std::thread::sleep(POLL);
        }
    }

    fn payload(
        &self,
        path: &str,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Failure> {
        let mut answer = answer.map_err(|error| Failure::Remote(format!("{}: {error}", self.base)))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).reader();
        body.take(MAX_ANSWER)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::Remote(format!("{}: {error}", self.base)))?;
        let mut body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() && body["status"] == "successful" {
            return Ok(body["data"].take());
        }
        let texts = [&body["data"]["message"], &body["description"], &body["title"]];
        let cause = texts.into_iter().find_map(Value::as_str).unwrap_or("no answer in MCRIT's form");
        Err(Failure::Remote(format!("{}{path}: {status}: {cause}", self.base)))
    }
}

/// A text as one segment of a path.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
