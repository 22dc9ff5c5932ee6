//! One provider's part of an answer: what came back, told as the original service tells it, and what it means.

use serde_json::{Map, Value, json};

use crate::provider::Provider;

/// Largest answer that is looked into, in bytes. VirusTotal's longest are about 1 MB.
pub const MAX_ANSWER: usize = 8 << 20;
/// Characters of an odd answer that are shown.
const SHOWN: usize = 400;
/// Status told when no answer came.
const NO_ANSWER: u16 = 599;

/// How an exchange with a provider ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exchange {
    /// It does not know this kind of hash.
    Skipped,
    /// No key is configured.
    NoKey,
    /// Not asked: it said when it may be asked again, in seconds from now, or our own budget for it is used up.
    HeldBack(Option<u64>),
    /// It answered.
    Answer {
        /// HTTP status.
        status: u16,
        /// Body, at most [`MAX_ANSWER`] bytes and one more.
        body: Vec<u8>,
        /// `Retry-After` in seconds.
        retry_after: Option<u64>,
    },
    /// No answer within the deadline.
    Timeout,
    /// The connection failed.
    Failed,
}

/// What an answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The provider knows the hash.
    Found,
    /// It does not.
    NotFound,
    /// No key is configured.
    NoKey,
    /// The key was refused.
    Unauthorized,
    /// Asked too often.
    RateLimited,
    /// It failed, or its answer cannot be read.
    Error,
    /// No answer within the deadline.
    Timeout,
    /// Not asked for this kind of hash.
    Skipped,
}

impl Status {
    /// Name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::NoKey => "no_key",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Skipped => "skipped",
        }
    }
}

/// A provider's part of an answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// Whose.
    pub provider: Provider,
    /// What it means.
    pub status: Status,
    /// Shown to clients: the provider's JSON as received, or a stub.
    pub shown: Value,
}

impl Record {
    /// Reads what came back. `kind` is the name of the hash's kind.
    pub fn read(provider: Provider, kind: &str, exchange: &Exchange) -> Self {
        let (status, shown) = match exchange {
            Exchange::Skipped => (Status::Skipped, Value::Null),
            Exchange::NoKey => {
                let text = format!("{} not set", provider.key_setting());
                (Status::NoKey, json!({"error": text}))
            }
            Exchange::HeldBack(retry_after) => {
                let text = "not asked: the provider's limit is reached";
                (Status::RateLimited, stub(provider, kind, 429, text, Status::RateLimited, *retry_after))
            }
            Exchange::Timeout => {
                let text = "no answer within the time limit";
                (Status::Timeout, stub(provider, kind, NO_ANSWER, text, Status::Timeout, None))
            }
            Exchange::Failed => {
                (Status::Error, stub(provider, kind, NO_ANSWER, "the connection failed", Status::Error, None))
            }
            Exchange::Answer { status: 200, body, .. } => good(provider, body),
            Exchange::Answer { status, body, retry_after } => {
                let meaning = match status {
                    404 => Status::NotFound,
                    401 | 403 => Status::Unauthorized,
                    429 => Status::RateLimited,
                    _ => Status::Error,
                };
                let text = beginning(body);
                (meaning, stub(provider, kind, *status, &text, meaning, *retry_after))
            }
        };
        Self { provider, status, shown }
    }
}

/// An answer with status 200.
fn good(provider: Provider, body: &[u8]) -> (Status, Value) {
    let value = if body.len() > MAX_ANSWER { None } else { serde_json::from_slice::<Value>(body).ok() };
    let Some(value) = value else {
        let text = format!("{} invalid JSON", provider.prefix());
        return (
            Status::Error,
            json!({"error": text, "text": beginning(body), "kind": Status::Error.as_str()}),
        );
    };
    let status = match provider {
        Provider::VirusTotal if value["data"].is_object() => Status::Found,
        Provider::HybridAnalysis if value.as_object().is_some_and(|record| !record.is_empty()) => {
            Status::Found
        }
        Provider::HybridAnalysis if value.as_array().is_some_and(|list| !list.is_empty()) => Status::Found,
        Provider::MalwareBazaar => match value["query_status"].as_str() {
            Some("ok") => Status::Found,
            Some("hash_not_found" | "no_results" | "illegal_hash") => Status::NotFound,
            _ => Status::Error,
        },
        Provider::Otx => match value["pulse_info"]["count"].as_u64() {
            Some(0) => Status::NotFound,
            Some(_) => Status::Found,
            None => Status::Error,
        },
        _ => Status::Error,
    };
    (status, value)
}

/// A stub as the original makes it, with members of ours behind it.
fn stub(
    provider: Provider,
    kind: &str,
    status: u16,
    text: &str,
    meaning: Status,
    retry_after: Option<u64>,
) -> Value {
    let mut stub = Map::new();
    stub.insert("error".to_owned(), json!(format!("{} HTTP {status}", provider.prefix())));
    stub.insert("text".to_owned(), json!(text));
    if provider == Provider::Otx {
        stub.insert("type".to_owned(), json!(kind));
    }
    stub.insert("status".to_owned(), json!(status));
    stub.insert("kind".to_owned(), json!(meaning.as_str()));
    if let Some(seconds) = retry_after {
        stub.insert("retry_after".to_owned(), json!(seconds));
    }
    Value::Object(stub)
}

fn beginning(body: &[u8]) -> String {
    // Four bytes hold the longest character.
    let body = body.get(..SHOWN * 4).unwrap_or(body);
    String::from_utf8_lossy(body).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Exchange {
        Exchange::Answer { status, body: body.as_bytes().to_vec(), retry_after: None }
    }

    #[test]
    fn answers_are_classified_by_each_providers_manners() {
        use Provider::{HybridAnalysis, MalwareBazaar, Otx, VirusTotal};
        let cases = [
            (VirusTotal, answer(200, r#"{"data": {}}"#), Status::Found),
            (VirusTotal, answer(200, "[]"), Status::Error),
            (VirusTotal, answer(200, "null"), Status::Error),
            (VirusTotal, answer(200, r#"{"data": NaN}"#), Status::Error),
            (VirusTotal, answer(200, ""), Status::Error),
            (VirusTotal, answer(404, ""), Status::NotFound),
            (HybridAnalysis, answer(200, r#"[{"verdict": "x"}]"#), Status::Found),
            (HybridAnalysis, answer(200, "{}"), Status::Error),
            (MalwareBazaar, answer(200, r#"{"query_status": "ok"}"#), Status::Found),
            (MalwareBazaar, answer(200, r#"{"query_status": "hash_not_found"}"#), Status::NotFound),
            (MalwareBazaar, answer(403, ""), Status::Unauthorized),
            (Otx, answer(200, r#"{"pulse_info": {"count": 0}}"#), Status::NotFound),
            (Otx, answer(200, r#"{"pulse_info": {"count": 3}}"#), Status::Found),
            (Otx, answer(429, ""), Status::RateLimited),
            (Otx, Exchange::Timeout, Status::Timeout),
            (Otx, Exchange::NoKey, Status::NoKey),
            (Otx, Exchange::Skipped, Status::Skipped),
        ];
        for (provider, exchange, status) in cases {
            assert_eq!(Record::read(provider, "md5", &exchange).status, status, "{provider:?} {exchange:?}");
        }
    }

    #[test]
    fn stubs_show_the_beginning_and_when_to_ask_again() {
        let body = "é".repeat(1000).into_bytes();
        let exchange = Exchange::Answer { status: 429, body, retry_after: Some(60) };
        let record = Record::read(Provider::Otx, "sha256", &exchange);
        assert_eq!(record.shown["error"], "OTX HTTP 429");
        assert_eq!(record.shown["text"], "é".repeat(400));
        assert_eq!(record.shown["type"], "sha256");
        assert_eq!(record.shown["retry_after"], 60);
    }
}
