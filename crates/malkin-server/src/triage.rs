//! The triage API: the operations of the analyses service, with its statuses and error bodies (`docs/reference/triage-api.md`). It
//! shares server, store and tokens with MCRIT's API and nothing of its envelopes.
//!
//! Not here: how its paths are read (`router`).

pub(crate) mod analyses;
mod disposition;
pub(crate) mod lookup;
mod multipart;
mod refusal;
pub(crate) mod upload;

pub(crate) use multipart::{Field, read as read_form};
pub(crate) use refusal::{LOST, READ_ONLY, detail};
