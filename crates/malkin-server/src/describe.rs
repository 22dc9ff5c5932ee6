//! What the server says about itself: `/openapi.json`, and the same for people at `/docs`. Both are made from the rows of the operations,
//! so neither can list an operation that does not exist or omit one that does.

mod openapi;
mod page;

use http::StatusCode;
use malkin_service::Role;

use crate::answer::Answer;
use crate::app::{App, Operation};
use crate::call::Call;
use crate::operation::Success;
#[cfg(test)]
pub(crate) use openapi::document;
#[cfg(test)]
pub(crate) use page::html;

/// The operations of this file.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::get("/openapi.json", Role::Reader, openapi, "This description")
        .success(Success::Json)
        .head()
        .ours(),
    Operation::get("/docs", Role::Reader, page, "This description for people")
        .success(Success::Html)
        .head()
        .ours(),
];

/// `GET /openapi.json`
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
fn openapi(app: &App, _: &Call) -> Result<Answer, Answer> {
    Ok(Answer::json(StatusCode::OK, &openapi::document(&app.router, app.requires_token())))
}

/// `GET /docs`
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
fn page(app: &App, _: &Call) -> Result<Answer, Answer> {
    Ok(Answer::html(page::html(&app.router).into_bytes()))
}
