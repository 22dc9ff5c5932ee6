//! Every operation: verb, path, what it does, what it takes.

use axum::http::Method;
use malkin_service::Role;

/// What the body of a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body {
    /// None.
    None,
    /// A JSON object.
    Json,
    /// A JSON object with a hash.
    Hash,
    /// Text.
    Text,
    /// Any bytes.
    Bytes,
    /// A form with a file.
    Upload,
}

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) verb: &'static str,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static [&'static str],
    pub(super) body: Body,
    pub(super) success: u16,
    pub(super) answers_html: bool,
    pub(super) answers_text: bool,
}

/// Names by which clients of the original triage service know its operations.
const ORIGINAL_NAMES: [(&str, &str, &str); 8] = [
    ("GET", "/healthz", "healthz_healthz_get"),
    ("POST", "/ti/hash", "ti_lookup_ti_hash_post"),
    ("POST", "/analyze/upload", "analyze_upload_analyze_upload_post"),
    ("GET", "/analyses", "list_analyses_analyses_get"),
    ("GET", "/analyses/sha256/{hash}", "fetch_by_sha256_analyses_sha256__hash__get"),
    ("GET", "/analyses/{rec_id}", "fetch_by_id_analyses__rec_id__get"),
    ("DELETE", "/analyses/{rec_id}", "delete_by_id_analyses__rec_id__delete"),
    ("POST", "/analyses/purge", "purge_by_sha256_analyses_purge_post"),
];

impl Operation {
    /// A name of its own.
    pub(super) fn id(&self) -> String {
        let original = ORIGINAL_NAMES.iter().find(|(verb, path, _)| *verb == self.verb && *path == self.path);
        original.map_or_else(
            || {
                let words = self
                    .path
                    .split(['/', '{', '}', '.'])
                    .filter(|word| !word.is_empty())
                    .collect::<Vec<_>>()
                    .join("_");
                format!("{}_{}", self.verb.to_lowercase(), if words.is_empty() { "root" } else { &words })
            },
            |(_, _, name)| (*name).to_owned(),
        )
    }

    /// The first part of the path.
    pub(super) fn room(&self) -> &'static str {
        let first = self.path.split('/').nth(1).unwrap_or_default();
        if first.is_empty()
            || !matches!(
                first,
                "families"
                    | "samples"
                    | "functions"
                    | "matches"
                    | "uniqueblocks"
                    | "query"
                    | "jobs"
                    | "results"
                    | "search"
                    | "analyses"
                    | "analyze"
                    | "ti"
            )
        {
            return "server";
        }
        if matches!(first, "analyze" | "ti") { "analyses" } else { first }
    }

    /// Whether answers stand in MCRIT's envelope.
    pub(super) fn is_enveloped(&self) -> bool {
        self.room() != "analyses"
            && !matches!(self.path, "/healthz" | "/readyz" | "/openapi.json" | "/docs" | "/metrics")
    }

    /// The role it takes.
    pub(super) fn role(&self) -> Role {
        let parts: Vec<&str> = self.path.split('/').filter(|part| !part.is_empty()).collect();
        crate::access::required(self.verb, &parts)
    }

    /// Whether it needs no token.
    pub(super) fn is_open(&self) -> bool {
        Method::from_bytes(self.verb.as_bytes()).is_ok_and(|verb| crate::control::is_open(&verb, self.path))
    }

    /// Whether a parameter has to be there.
    pub(super) fn needs(&self, name: &str) -> bool {
        self.path == "/analyses/purge" && name == "sha256"
            || self.path.starts_with("/search/") && name == "query"
    }
}

/// Whether a variable part of a path is text.
pub(super) fn is_text(name: &str) -> bool {
    matches!(name, "sha256" | "hash" | "ids" | "base" | "job_id" | "result_id" | "rec_id" | "sha1" | "name")
}

const fn get(path: &'static str, query: &'static [&'static str], summary: &'static str) -> Operation {
    Operation {
        verb: "GET",
        path,
        summary,
        query,
        body: Body::None,
        success: 200,
        answers_html: false,
        answers_text: false,
    }
}

const fn of(
    verb: &'static str,
    path: &'static str,
    body: Body,
    success: u16,
    query: &'static [&'static str],
    summary: &'static str,
) -> Operation {
    Operation { verb, path, summary, query, body, success, answers_html: false, answers_text: false }
}

/// Parameters of matching.
const MATCHING: &[&str] = &[
    "minhash_score",
    "pichash_size",
    "band_matches_required",
    "force_recalculation",
    "exact",
    "time_limit",
    "partial",
];
const CROSS: &[&str] = &[
    "minhash_score",
    "pichash_size",
    "band_matches_required",
    "force_recalculation",
    "sample_group_only",
    "exact",
    "time_limit",
];
/// Parameters of results: those of MCRIT's reading of them, and the number of samples.
const RESULT: &[&str] = &[
    "compact",
    "top",
    "unique_only",
    "direct_min_score",
    "direct_nonlib_min_score",
    "frequency_min_score",
    "frequency_nonlib_min_score",
    "exclude_own_family",
    "family_name",
    "exclude_library",
    "library_min_score",
    "max_num_families",
    "min_num_samples",
    "max_num_samples",
    "function_min_score",
    "function_max_score",
    "function_offset",
    "exclude_pic",
    "func_unique",
];
const WINDOW: &[&str] = &["start", "limit"];
const SEARCH: &[&str] = &["query", "sort_by", "is_ascending", "limit", "cursor"];
const BLOCKS: &[&str] = &["min_instructions", "covers_required"];

/// All operations, in the order in which they are told.
pub(super) const OPERATIONS: &[Operation] = &[
    get("/", &[], "A greeting"),
    get("/version", &[], "The version of MCRIT whose API this is"),
    get("/status", &["with_pichash"], "Counts of the corpus and versions of the hashing"),
    get("/config", &[], "The effective configuration, without secrets"),
    get("/healthz", &[], "Whether the server answers; needs no token"),
    get("/readyz", &[], "Whether the store takes writes; needs no token"),
    get("/openapi.json", &[], "This description"),
    Operation { answers_html: true, ..get("/docs", &[], "This description for people") },
    Operation { answers_text: true, ..get("/metrics", &[], "Figures for Prometheus") },
    of("POST", "/respawn", Body::None, 200, &[], "Deletes everything but tokens and statistics"),
    get("/complete_minhashes", &[], "A job: computes signatures that are missing"),
    get("/rebuild_index", &[], "A job: rebuilds the index"),
    get("/rebuild_picblockhash_index", &[], "A job: the same, answered with the number of block hashes"),
    of("POST", "/recompute_family_stats", Body::None, 200, &[], "A job: recounts families"),
    get("/recalculate_pichashes", &[], "A job: recomputes the PicHashes of old samples"),
    get("/recalculate_minhashes", &[], "A job: recomputes all signatures"),
    of(
        "POST",
        "/repair_minhashes",
        Body::None,
        200,
        &[],
        "A job: computes signatures anew that an older escaper made",
    ),
    get("/export", &["compress"], "All samples in MCRIT's portable format"),
    get("/export/{ids}", &["compress"], "Some samples in MCRIT's portable format"),
    of("POST", "/import", Body::Json, 200, &[], "Imports a .mcrit file"),
    get("/families", WINDOW, "Families with their counters"),
    get("/families/{family_id}", &["with_samples"], "One family"),
    of("PUT", "/families/{family_id}", Body::Json, 202, &[], "Renames a family or marks it as library"),
    of("DELETE", "/families/{family_id}", Body::None, 202, &["keep_samples"], "Deletes a family"),
    of("POST", "/families/ids", Body::Text, 200, &[], "Several families at once, by a list of numbers"),
    get("/samples", WINDOW, "Samples"),
    of("POST", "/samples", Body::Json, 200, &[], "Stores a sample: an SMDA report"),
    of(
        "POST",
        "/samples/binary",
        Body::Bytes,
        202,
        &["filename", "family", "version", "is_dump", "base_addr", "bitness"],
        "A job: disassembles an executable or dump and stores it",
    ),
    of("POST", "/samples/ids", Body::Text, 200, &[], "Several samples at once, by a list of numbers"),
    get("/samples/sha256/{sha256}", &[], "A sample by its hash"),
    get("/samples/{sample_id}", &[], "One sample"),
    of("PUT", "/samples/{sample_id}", Body::Json, 202, &[], "Changes a sample"),
    of("DELETE", "/samples/{sample_id}", Body::None, 202, &[], "A job: deletes a sample"),
    get("/samples/{sample_id}/functions", &[], "The functions of a sample, with disassembly"),
    get("/samples/{sample_id}/functions/{function_id}", &[], "One function of a sample"),
    get("/functions", &["start", "limit"], "Functions"),
    of(
        "POST",
        "/functions",
        Body::Text,
        200,
        &["with_label_only"],
        "Several functions at once, by a list of numbers",
    ),
    get("/functions/{function_id}", &["with_xcfg"], "One function"),
    get("/matches/sample/{sample_id}", MATCHING, "A job: one sample against all"),
    get("/matches/sample/{sample_id}/{other_id}", MATCHING, "A job: one sample against another"),
    get("/matches/sample/cross/{ids}", CROSS, "A job: several samples against each other"),
    get("/matches/function/{function_id}", MATCHING, "A job: one function against all"),
    get("/matches/function/{function_id}/{other_id}", &[], "Two functions side by side, at once"),
    get("/uniqueblocks/samples/{ids}", BLOCKS, "A job: blocks that only some samples have, and a YARA rule"),
    get("/uniqueblocks/family/{family_id}", BLOCKS, "A job: blocks that only a family has, and a YARA rule"),
    of(
        "POST",
        "/uniqueblocks/check",
        Body::Text,
        200,
        &["samples"],
        "A job: which kept executables YARA rules hit",
    ),
    of(
        "POST",
        "/query",
        Body::Json,
        200,
        MATCHING,
        "A job: a report against all; the report is deleted when the job ends",
    ),
    of(
        "POST",
        "/query/binary",
        Body::Bytes,
        200,
        MATCHING,
        "A job: an executable against all; the file is deleted when the job ends",
    ),
    of("POST", "/query/binary/mapped/{base}", Body::Bytes, 200, MATCHING, "A job: a mapped dump against all"),
    of(
        "POST",
        "/query/function",
        Body::Json,
        200,
        &["band_matches_required", "exact", "leave_out_self"],
        "The only function of a report against all, at once",
    ),
    get("/query/pichash/{hash}", &[], "Functions with a PicHash"),
    get("/query/pichash/{hash}/summary", &[], "Number of functions or blocks with it"),
    get("/query/picblockhash/{hash}", &[], "Blocks with a hash"),
    get("/query/picblockhash/{hash}/summary", &[], "Number of functions or blocks with it"),
    get("/jobs", &["start", "limit", "method", "state", "filter", "ascending"], "The queue"),
    of("DELETE", "/jobs", Body::None, 200, &["method", "created_before", "finished_before"], "Deletes jobs"),
    get("/jobs/stats", &["with_refresh"], "Counts of jobs by method and state"),
    get("/jobs/{job_id}", &[], "One job"),
    of("DELETE", "/jobs/{job_id}", Body::None, 200, &[], "Cancels and deletes a job"),
    get("/jobs/{job_id}/attribution", &[], "The result of a comparison read as evidence for families"),
    get("/jobs/{job_id}/result", RESULT, "The result of a job, whole or what filters leave of it"),
    Operation {
        answers_text: true,
        ..get("/jobs/{job_id}/events", &[], "Progress of a job as server-sent events, until it has ended")
    },
    get("/results/{result_id}", RESULT, "A result, whole or what filters leave of it"),
    get("/results/{result_id}/job", &[], "The job of a result"),
    get("/search/families", SEARCH, "Families by name and conditions"),
    get("/search/samples", SEARCH, "Samples by name and conditions"),
    get("/search/functions", SEARCH, "Functions by name and conditions"),
    get("/tokens", &[], "Names and roles of the tokens"),
    of("POST", "/tokens", Body::Json, 200, &[], "Creates a token with a name and a role, and shows it once"),
    of("DELETE", "/tokens/{name}", Body::None, 200, &[], "Revokes a token at once"),
    of(
        "POST",
        "/analyze/upload",
        Body::Upload,
        200,
        &["afresh", "similarity"],
        "Looks at a file, or answers the record it has",
    ),
    of("POST", "/ti/hash", Body::Hash, 200, &[], "Looks up a hash at threat-intelligence providers"),
    get(
        "/analyses",
        &["page", "page_size", "sha256", "sha1", "md5", "date_from", "date_to", "family", "q"],
        "Stored records, newest first",
    ),
    get("/analyses/sha256/{hash}", &[], "The newest record of a file"),
    get("/analyses/sha1/{hash}", &[], "The same by SHA-1"),
    get("/analyses/{rec_id}", &[], "One record"),
    of("DELETE", "/analyses/{rec_id}", Body::None, 200, &[], "Deletes a record"),
    of("POST", "/analyses/purge", Body::None, 200, &["sha256"], "Deletes all records of a file"),
];
