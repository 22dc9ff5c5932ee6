//! `/functions`: listing, selection and single records.

use axum::http::StatusCode;
use malkin_report::{FunctionEntry, FunctionId};
use malkin_store::FunctionQuery;

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
    let Some(mut ids) = read_ids(&call.body) else {
        return Err(Answer::empty(StatusCode::BAD_REQUEST));
    };
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let mut functions = app.engine.store().functions(&FunctionQuery::ByIds(ids)).map_err(store_failed)?;
    if call.query.is_true("with_label_only") {
        functions.retain(|function| !function.function_labels.is_empty());
    }
    Ok(Answer::raw_data(&functions_by_id(app, &functions, false)?))
}

/// Numbers separated by commas, blanks around commas and one newline at the end tolerated; anything else is nothing.
fn read_ids(body: &[u8]) -> Option<Vec<FunctionId>> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split(',').enumerate().map(|(at, piece)| read_id(piece, at == 0)).collect()
}

fn read_id(piece: &str, first: bool) -> Option<FunctionId> {
    // Blanks belong to commas: none in front of the first number.
    let digits = if first { piece.trim_end() } else { piece.trim() };
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Numbers beyond 64 bits are numbers of nothing.
    all_digits.then(|| FunctionId::new(digits.parse().unwrap_or(i64::MAX)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_decimal_with_commas() {
        let ids = |text: &str| {
            read_ids(text.as_bytes()).map(|ids| ids.into_iter().map(FunctionId::get).collect::<Vec<_>>())
        };
        assert_eq!(ids("0,3,14"), Some(vec![0, 3, 14]));
        assert_eq!(ids("14 , 3"), Some(vec![14, 3]));
        assert_eq!(ids("1,2\n"), Some(vec![1, 2]));
        assert_eq!(ids("99999999999999999999"), Some(vec![i64::MAX]));
        for bad in ["", "1,a,3", "[1,2]", "1,2,", ",1", "-1", "1.0", "1,,2"] {
            assert_eq!(ids(bad), None, "{bad}");
        }
    }
}
