//! `/functions`: listing, selection and single records.

use http::StatusCode;
use malkin_report::{FunctionEntry, FunctionId};
use malkin_service::Role;
use malkin_store::{FunctionQuery, Page};

use super::listing::{self, FunctionPieces, Functions, Shown};
use super::numbers;
use super::shape::{function_json, function_json_with, page, store_failed, unknown};
use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::{LIMIT, Parameter, RequestBody, START};

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/functions", Role::Reader, list, "Functions").query(&[START, LIMIT]),
    Operation::post("/functions", Role::Reader, by_ids, "Several functions at once, by a list of numbers")
        .query(&[Parameter::flag("with_label_only")])
        .body(RequestBody::Text),
    Operation::get("/functions/{function_id:int}", Role::Reader, one, "One function")
        .query(&[Parameter::flag("with_xcfg")]),
];

/// `GET /functions?start=&limit=`: with disassembly.
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let functions = listing::window(&app.service.corpus, page(&call.query)?).map_err(store_failed)?;
    let shown = Shown { with_disassembly: true, labelled_only: false };
    Ok(Answer::pieces(b"{", FunctionPieces::new(&app.service.corpus, functions, shown), b"}"))
}

/// `POST /functions?with_label_only=`: the body is text, numbers separated by commas.
pub(super) fn by_ids(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    let window = app.service.corpus.store().function_window(Page::default()).map_err(store_failed)?;
    let last = window.map_or(0, |(_, last)| last.get());
    let text = std::str::from_utf8(&call.body).ok();
    let Some(ids) = text.and_then(|text| numbers::distinct_list(text, last)) else {
        return Err(Answer::empty(StatusCode::BAD_REQUEST));
    };
    let ids = ids.into_iter().map(FunctionId::new).collect();
    let shown = Shown { with_disassembly: false, labelled_only: call.query.is_true("with_label_only") };
    Ok(Answer::pieces(b"{", FunctionPieces::new(&app.service.corpus, Functions::Each(ids), shown), b"}"))
}

/// `GET /functions/{id}?with_xcfg=`
pub(super) fn one(app: &App, call: &Call) -> Result<Answer, Answer> {
    let function = known(app, call.function(0))?;
    if !call.query.is_true("with_xcfg") {
        return Ok(Answer::raw_data(&function_json(&function)));
    }
    let xcfg = app.service.corpus.disassembly(function.function_id).map_err(store_failed)?;
    Ok(Answer::raw_data(&function_json_with(&function, xcfg.as_deref())))
}

/// The record of a function, or 404.
pub(super) fn known(app: &App, id: FunctionId) -> Result<FunctionEntry, Answer> {
    let functions =
        app.service.corpus.store().functions(&FunctionQuery::ByIds(vec![id])).map_err(store_failed)?;
    functions.into_iter().next().ok_or_else(|| unknown("function"))
}
