//! Executables and memory dumps: `/samples/binary` and `/query/binary`. Bodies are bytes of any media type; the work is
//! done by jobs.

use http::StatusCode;
use malkin_service::BinaryArguments;
use malkin_service::Role;
use malkin_service::jobs::{Kind, kinds};
use serde_json::json;

use super::matches::{MATCHING, arguments, is_forced};
use super::numbers::{self, NotAnAddress};
use super::shape::store_failed;
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{Parameter, RequestBody};
use crate::query::Query;

/// Bitness of a dump when the client names neither 32 nor 64 (MCRIT).
const DEFAULT_BITNESS: u32 = 32;
/// What a client may name.
const BITNESSES: [(&str, u32); 2] = [("32", 32), ("64", 64)];

/// The operation of this file that stores a sample.
pub(crate) const SUBMISSION: &[Operation] = &[Operation::post(
    "/samples/binary",
    Role::Contributor,
    submit,
    "A job: disassembles an executable or dump and stores it",
)
.query(&[
    Parameter::text("filename"),
    Parameter::text("family"),
    Parameter::text("version"),
    Parameter::flag("is_dump"),
    Parameter::text("base_addr"),
    Parameter::one_of("bitness", &[32, 64]),
])
.body(RequestBody::Bytes)
.accepted()];

/// The operations of this file that compare and store nothing.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::post(
        "/query/binary",
        Role::Reader,
        query,
        "A job: an executable against all; the file is deleted when the job ends",
    )
    .query(MATCHING)
    .body(RequestBody::Bytes),
    Operation::post(
        "/query/binary/mapped/{base}",
        Role::Reader,
        query_mapped,
        "A job: a mapped dump against all",
    )
    .query(MATCHING)
    .body(RequestBody::Bytes),
];

/// `POST /samples/binary?filename=&family=&version=&is_dump=&base_addr=&bitness=`
pub(super) fn submit(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    let arguments = description(&call.query)?;
    if let Some(known) = app.service.corpus.sample_of_binary(&call.body).map_err(store_failed)? {
        let message = format!("Conflict: Binary already exists as sample with ID: {}.", known.sample_id);
        return Err(Answer::failed(StatusCode::CONFLICT, &message));
    }
    let id = app
        .service
        .jobs
        .enqueue_file(&call.body, &kinds::AddBinary(arguments), true)
        .map_err(store_failed)?;
    Ok(Answer::accepted(&json!(id.to_string())))
}

/// `POST /query/binary`: an executable.
pub(super) fn query(app: &App, call: &Call) -> Result<Answer, Answer> {
    enqueue(app, call, &kinds::QueryBinary(arguments(&call.query)))
}

/// `POST /query/binary/mapped/{base}`: a memory dump.
pub(super) fn query_mapped(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    let base = numbers::address(call.text(0)).map_err(|_| {
        Answer::bad_request("The base address has to be a number of 64 bits, decimal or hexadecimal with 0x.")
    })?;
    enqueue(app, call, &kinds::QueryMapped(base, arguments(&call.query)))
}

fn enqueue(app: &App, call: &Call, request: &impl Kind) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    let id =
        app.service.jobs.enqueue_file(&call.body, request, is_forced(&call.query)).map_err(store_failed)?;
    Ok(Answer::data(&json!(id.to_string())))
}

/// The parameters; a repeated one is as if absent. Only three spellings of true count here, unlike elsewhere.
fn description(query: &Query) -> Result<BinaryArguments, Answer> {
    let text = |name| query.once(name).map(str::to_owned);
    let base_addr = match query.once("base_addr").map_or(Ok(0), numbers::hex_address) {
        Ok(base) => base,
        Err(NotAnAddress::Garbage) => 0,
        Err(NotAnAddress::OutOfRange) => {
            return Err(Answer::bad_request("base_addr has to fit into 64 bits."));
        }
    };
    let bitness = query.once("bitness").and_then(|text| BITNESSES.into_iter().find(|bits| bits.0 == text));
    Ok(BinaryArguments {
        filename: text("filename"),
        family: text("family"),
        version: text("version"),
        is_dump: query.once("is_dump").is_some_and(|text| ["true", "True", "1"].contains(&text)),
        base_addr,
        bitness: bitness.map_or(DEFAULT_BITNESS, |(_, bits)| bits),
    })
}
