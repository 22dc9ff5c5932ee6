//! What a job is asked to do: the typed request, and the text forms that clients see and that identify equal requests.
//!
//! Clients read `payload.params` (named arguments in the order of the query string, then positional ones by number),
//! `payload.file_params` and `payload.descriptor` (`mcrit-api.md` 2.4), so these texts are part of the contract. The
//! worker reads them back: a job survives a restart with nothing but its row.

use malkin_matching::MatchParameters;
use malkin_report::{JobId, SampleId, UploadId};
use malkin_store::{NewJob, Upload};
use serde_json::{Map, Value, json};

use crate::python_json;

/// Attempts of a job before it counts as failed (MCRIT 1.9.0).
pub const ATTEMPTS: u32 = 3;

/// Parameters of a matching request as the client gave them. What is absent takes the default, and an omitted parameter
/// and an explicit default are different requests. The order is that of the query string.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MatchArguments {
    named: Vec<(&'static str, Value)>,
}

/// Name of the recorded similarity threshold. It never changes a result, as in the reference.
const MINHASH_THRESHOLD: &str = "minhash_threshold";
/// Smallest number of instructions for PicHash groups.
const PICHASH_SIZE: &str = "pichash_size";
/// Bands that must agree.
const BAND_MATCHES_REQUIRED: &str = "band_matches_required";
/// Understood by cross only; anywhere else the job fails, as in the reference.
const SAMPLE_GROUP_ONLY: &str = "sample_group_only";
/// Ours: compare with every distinct signature.
const EXACT: &str = "exact";

impl MatchArguments {
    /// No argument given.
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets the recorded threshold, 0..=100.
    pub fn minhash_threshold(&mut self, threshold: u8) {
        self.named.push((MINHASH_THRESHOLD, json!(threshold)));
    }

    /// Sets the smallest number of instructions for PicHash groups.
    pub fn pichash_size(&mut self, size: u64) {
        self.named.push((PICHASH_SIZE, json!(size)));
    }

    /// Sets the number of bands that must agree.
    pub fn band_matches_required(&mut self, bands: u64) {
        self.named.push((BAND_MATCHES_REQUIRED, json!(bands)));
    }

    /// Restricts a cross comparison to its samples.
    pub fn sample_group_only(&mut self, only: bool) {
        self.named.push((SAMPLE_GROUP_ONLY, json!(only)));
    }

    /// Compares with every distinct signature instead of banding candidates.
    pub fn exact(&mut self) {
        self.named.push((EXACT, json!(true)));
    }

    /// Whether a group restriction was given (with either value).
    pub fn has_group_restriction(&self) -> bool {
        self.named.iter().any(|(name, _)| *name == SAMPLE_GROUP_ONLY)
    }

    /// The parameters of the matcher: defaults where nothing was given.
    pub fn parameters(&self) -> MatchParameters {
        let mut parameters = MatchParameters::default();
        for (name, value) in &self.named {
            let number = value.as_u64().unwrap_or_default();
            let small = u32::try_from(number).unwrap_or(u32::MAX);
            match *name {
                PICHASH_SIZE => parameters.pichash_size = number,
                BAND_MATCHES_REQUIRED => parameters.band_matches_required = small,
                EXACT => parameters.exact = value.as_bool().unwrap_or_default(),
                _ => {}
            }
        }
        parameters
    }

    fn read(object: &Map<String, Value>) -> Self {
        let known = [MINHASH_THRESHOLD, PICHASH_SIZE, BAND_MATCHES_REQUIRED, SAMPLE_GROUP_ONLY, EXACT];
        let named = object.iter().filter_map(|(key, value)| {
            let name = known.into_iter().find(|name| name == key)?;
            Some((name, value.clone()))
        });
        Self { named: named.collect() }
    }
}

/// A job's work.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// Counts the signatures of a sample. They were computed when the sample was added; MCRIT's clients wait for this
    /// job before they match.
    UpdateMinHashesForSample(SampleId),
    /// One stored sample against everything.
    MatchSample(SampleId, MatchArguments),
    /// One stored sample against another.
    MatchSampleVs(SampleId, SampleId, MatchArguments),
    /// A report against everything, without storing it.
    QueryReport(UploadId, MatchArguments),
    /// Builds the index anew from the store.
    RebuildIndex,
}

/// Why a stored job cannot be read as a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot run {method} with parameters {params}")]
pub struct UnknownRequest {
    method: String,
    params: String,
}

impl Request {
    /// Name of the work as clients see it.
    pub fn method(&self) -> &'static str {
        match self {
            Self::UpdateMinHashesForSample(_) => "updateMinHashesForSample",
            Self::MatchSample(..) => "getMatchesForSample",
            Self::MatchSampleVs(..) => "getMatchesForSampleVs",
            Self::QueryReport(..) => "getMatchesForSmdaReport",
            Self::RebuildIndex => "rebuildIndex",
        }
    }

    fn arguments(&self) -> &[(&'static str, Value)] {
        match self {
            Self::MatchSample(_, arguments)
            | Self::MatchSampleVs(_, _, arguments)
            | Self::QueryReport(_, arguments) => &arguments.named,
            Self::UpdateMinHashesForSample(_) | Self::RebuildIndex => &[],
        }
    }

    fn positional(&self) -> Vec<Value> {
        match self {
            Self::UpdateMinHashesForSample(sample) | Self::MatchSample(sample, _) => {
                vec![json!(sample.get())]
            }
            Self::MatchSampleVs(a, b, _) => vec![json!(a.get()), json!(b.get())],
            Self::QueryReport(..) => vec![Value::Null],
            Self::RebuildIndex => Vec::new(),
        }
    }

    /// The queue's form. `upload` is the stored body of requests that have one; `identity` its canonical hash.
    pub fn to_job(
        &self,
        upload: Option<(&Upload, malkin_report::Sha256)>,
        dependencies: Vec<JobId>,
        always_new: bool,
    ) -> NewJob {
        let mut params = Map::new();
        for (name, value) in self.arguments() {
            params.insert((*name).to_owned(), value.clone());
        }
        for (position, value) in self.positional().into_iter().enumerate() {
            params.insert(position.to_string(), value);
        }
        let mut file_params = Map::new();
        let mut file_hashes = Map::new();
        if let Some((upload, identity)) = upload {
            file_params.insert("0".to_owned(), json!(upload.id.to_string()));
            file_hashes.insert("0".to_owned(), json!(identity.to_string()));
        }
        let params = Value::Object(params);
        let mut sorted = params.clone();
        sorted.sort_all_objects();
        NewJob {
            method: self.method().to_owned(),
            params: python_json::to_text(&params),
            file_params: python_json::to_text(&Value::Object(file_params)),
            descriptor: python_json::to_text(&json!([self.method(), sorted, file_hashes])),
            dependencies,
            priority: 0,
            attempts: ATTEMPTS,
            always_new,
        }
    }

    /// Reads the queue's form back.
    pub fn from_job(job: &malkin_store::Job) -> Result<Self, UnknownRequest> {
        Self::parse(&job.method, &job.params, &job.file_params)
            .ok_or_else(|| UnknownRequest { method: job.method.clone(), params: job.params.clone() })
    }

    fn parse(method: &str, params: &str, file_params: &str) -> Option<Self> {
        let params: Map<String, Value> = serde_json::from_str(params).ok()?;
        let files: Map<String, Value> = serde_json::from_str(file_params).ok()?;
        let number = |position: &str| params.get(position)?.as_i64();
        let arguments = MatchArguments::read(&params);
        Some(match method {
            "updateMinHashesForSample" => Self::UpdateMinHashesForSample(SampleId::new(number("0")?)),
            "getMatchesForSample" => Self::MatchSample(SampleId::new(number("0")?), arguments),
            "getMatchesForSampleVs" => {
                Self::MatchSampleVs(SampleId::new(number("0")?), SampleId::new(number("1")?), arguments)
            }
            "getMatchesForSmdaReport" => {
                Self::QueryReport(UploadId::parse(files.get("0")?.as_str()?)?, arguments)
            }
            "rebuildIndex" => Self::RebuildIndex,
            _ => return None,
        })
    }

    /// Whether results of this kind lose `matches.functions` in their compact form.
    pub fn has_compact_form(method: &str) -> bool {
        matches!(
            method,
            "getMatchesForSample"
                | "getMatchesForSampleVs"
                | "getMatchesForSmdaReport"
                | "getMatchesForMappedBinary"
                | "getMatchesForUnmappedBinary"
        )
    }
}

/// The text of a job as the `filter` of the job listing sees it: `method(arg, arg, name=...)` with arguments rendered as
/// Python values, positional ones first.
pub fn display_text(method: &str, params: &str) -> String {
    let params: Map<String, Value> = serde_json::from_str(params).unwrap_or_default();
    let is_position = |key: &str| key.bytes().all(|byte| byte.is_ascii_digit());
    let mut positional: Vec<(u64, &Value)> = params
        .iter()
        .filter(|(key, _)| is_position(key))
        .map(|(key, value)| (key.parse().unwrap_or(u64::MAX), value))
        .collect();
    positional.sort_by_key(|(position, _)| *position);
    let named = params.iter().filter(|(key, _)| !is_position(key)).map(|(_, value)| value);
    let arguments: Vec<String> =
        positional.into_iter().map(|(_, value)| value).chain(named).map(python_value).collect();
    format!("{method}({})", arguments.join(", "))
}

/// A value as Python prints it inside a list of arguments.
fn python_value(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(_) => python_json::to_text(value),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(nested_value).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("'{key}': {}", nested_value(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn nested_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        other => python_value(other),
    }
}

#[cfg(test)]
mod tests {
    use malkin_report::{ObjectId, Sha256};

    use super::*;

    #[test]
    fn arguments_keep_their_order_and_the_descriptor_is_sorted() {
        let mut arguments = MatchArguments::none();
        arguments.minhash_threshold(80);
        arguments.pichash_size(20);
        arguments.band_matches_required(1);
        let request = Request::MatchSample(SampleId::new(1), arguments);
        let job = request.to_job(None, Vec::new(), false);
        assert_eq!(
            job.params,
            r#"{"minhash_threshold": 80, "pichash_size": 20, "band_matches_required": 1, "0": 1}"#
        );
        assert_eq!(
            job.descriptor,
            r#"["getMatchesForSample", {"0": 1, "band_matches_required": 1, "minhash_threshold": 80, "pichash_size": 20}, {}]"#
        );
        assert_eq!(Request::parse(&job.method, &job.params, &job.file_params), Some(request));
    }

    #[test]
    fn uploads_are_identified_by_their_content() {
        let upload = Upload { id: UploadId(ObjectId::from_bytes([1; 12])), sha256: Sha256::new([0; 32]) };
        let request = Request::QueryReport(upload.id, MatchArguments::none());
        let job = request.to_job(Some((&upload, Sha256::new([0xab; 32]))), Vec::new(), false);
        assert_eq!(job.params, r#"{"0": null}"#);
        assert_eq!(job.file_params, r#"{"0": "010101010101010101010101"}"#);
        assert_eq!(
            job.descriptor,
            format!(r#"["getMatchesForSmdaReport", {{"0": null}}, {{"0": "{}"}}]"#, "ab".repeat(32))
        );
        assert_eq!(Request::parse(&job.method, &job.params, &job.file_params), Some(request));
    }

    #[test]
    fn display_text_shows_python_values() {
        assert_eq!(
            display_text("getMatchesForSample", r#"{"pichash_size": 20, "0": 1}"#),
            "getMatchesForSample(1, 20)"
        );
        assert_eq!(display_text("updateMinHashes", r#"{"0": null}"#), "updateMinHashes(None)");
        assert_eq!(
            display_text("getUniqueBlocks", r#"{"0": [0, 1], "x": true}"#),
            "getUniqueBlocks([0, 1], True)"
        );
    }
}
