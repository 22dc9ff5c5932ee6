//! A server as its clients meet it: MCRIT's REST API with its envelopes opened.

use std::time::Duration;

use serde_json::Value;
use ureq::http::Response;

use crate::failure::Failure;

/// Largest answer, in bytes.
const MAX_ANSWER: u64 = 2 << 30;
/// Time for one request.
const REQUEST_TIME: Duration = Duration::from_mins(2);

/// A server and the token to use on it.
pub(crate) struct Client {
    base: String,
    token: Option<String>,
    agent: ureq::Agent,
}

impl Client {
    /// A server by its address; plain `host:port` means http.
    pub(crate) fn new(url: &str, token: Option<String>) -> Self {
        let base = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(REQUEST_TIME));
        Self { base: base.trim_end_matches('/').to_owned(), token, agent: config.build().into() }
    }

    /// `GET`, the payload of the envelope.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.payload(path, &self.get_text(path)?)
    }

    /// `GET` of any path, as text.
    pub(crate) fn get_text(&self, path: &str) -> Result<String, Failure> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("apitoken", token);
        }
        self.text(path, request.call())
    }

    /// `POST` of a JSON body, the payload of the envelope.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Value, Failure> {
        let mut request =
            self.agent.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("apitoken", token);
        }
        self.payload(path, &self.text(path, request.send(body))?)
    }

    /// Waits for a job, looking at it every `pause`; the id of its result.
    pub(crate) fn await_job(&self, id: &str, pause: Duration) -> Result<String, Failure> {
        loop {
            let document = self.get(&format!("/jobs/{id}"))?;
            if let Some(result) = document["result"].as_str() {
                return Ok(result.to_owned());
            }
            if document.is_null() {
                return Err(Failure::Gone("the job was deleted".to_owned()));
            }
            if document["attempts_left"] == 0 || document["terminated"] == true {
                return Err(Failure::Remote(format!("the job failed: {}", document["last_error"])));
            }
            std::thread::sleep(pause);
        }
    }

    fn text(&self, path: &str, answer: Result<Response<ureq::Body>, ureq::Error>) -> Result<String, Failure> {
        let failed = |error: ureq::Error| Failure::Remote(format!("{}{path}: {error}", self.base));
        let mut answer = answer.map_err(failed)?;
        let status = answer.status();
        let text = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string().map_err(failed)?;
        let refused =
            || format!("{}{path}: {status}: {}", self.base, text.chars().take(200).collect::<String>());
        match status.as_u16() {
            404 => Err(Failure::Gone(refused())),
            _ if !status.is_success() => Err(Failure::Remote(refused())),
            _ => Ok(text),
        }
    }

    fn payload(&self, path: &str, text: &str) -> Result<Value, Failure> {
        let mut body: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        if body["status"] == "successful" {
            return Ok(body["data"].take());
        }
        Err(Failure::Remote(format!("{}{path}: not an answer of MCRIT's form", self.base)))
    }
}
