//! `/functions`: listing, selection and single records.

use axum::http::StatusCode;
use malkin_report::{FunctionEntry, FunctionId};
use malkin_store::FunctionQuery;

use super::numbers;
use super::shape::{function_json, function_json_with, functions_by_id, page, store_failed, unknown};
use crate::answer::Answer;
use crate::app::App;
use crate::call::Call;

/// `GET /functions?start=&limit=`: with disassembly.
pub(super) fn list(app: &App, call: &Call) -> Result<Answer, Answer> {
    let functions =
        app.engine.store().functions(&FunctionQuery::All(page(&call.query)?)).map_err(store_failed)?;
    Ok(Answer::raw_data(&functions_by_id(app, &functions, true)?))
}

/// `POST /functions?with_label_only=`: the body is text, numbers separated by commas.
pub(super) fn by_ids(app: &App, call: &Call) -> Result<Answer, Answer> {
    call.require_body("POST")?;
    let Some(ids) = std::str::from_utf8(&call.body).ok().and_then(numbers::decimal_list) else {
        return Err(Answer::empty(StatusCode::BAD_REQUEST));
    };
    let mut ids: Vec<FunctionId> = ids.into_iter().map(FunctionId::new).collect();
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let mut functions = app.engine.store().functions(&FunctionQuery::ByIds(ids)).map_err(store_failed)?;
    if call.query.is_true("with_label_only") {
        functions.retain(|function| !function.function_labels.is_empty());
    }
    Ok(Answer::raw_data(&functions_by_id(app, &functions, false)?))
}

/// `GET /functions/{id}?with_xcfg=`
pub(super) fn one(app: &App, call: &Call) -> Result<Answer, Answer> {
    let function = known(app, call.function(0))?;
    if !call.query.is_true("with_xcfg") {
        return Ok(Answer::raw_data(&function_json(&function)));
    }
    let xcfg = app.engine.disassembly(function.function_id).map_err(store_failed)?;
    Ok(Answer::raw_data(&function_json_with(&function, xcfg.as_deref())))
}

/// The record of a function, or 404.
pub(super) fn known(app: &App, id: FunctionId) -> Result<FunctionEntry, Answer> {
    let functions = app.engine.store().functions(&FunctionQuery::ByIds(vec![id])).map_err(store_failed)?;
    functions.into_iter().next().ok_or_else(|| unknown("function"))
}
