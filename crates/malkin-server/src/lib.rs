//! HTTP: MCRIT's REST API and the triage API over the use cases of `malkin-service`. The only crate that knows status codes.
//!
//! Floor 5. Requests are read and answered asynchronously; handlers are plain functions that run on blocking threads.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

mod access;
mod answer;
mod api;
mod app;
mod body;
mod call;
mod caller;
mod control;
mod delivery;
mod describe;
mod events;
mod head;
mod host;
mod intake;
mod lane;
mod listen;
mod metrics;
mod operation;
mod operations;
mod path;
mod patience;
mod query;
mod rate;
mod readiness;
mod requests;
mod router;
mod server;
mod share;
mod site;
mod slots;
mod stream;
mod triage;
mod ui;

pub use app::{DEFAULT_BODY_LIMIT, Settings};
pub use host::Host;
pub use lane::BLOCKING_THREADS;
pub use listen::DEFAULT_CONNECTIONS_PER_ADDRESS;
pub use server::serve;
