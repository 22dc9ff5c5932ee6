//! What people look at: pages and pictures made of values.
//!
//! Floor 4, pure: values go in, text comes out; no files, clock, network or HTTP. Not here: which values a page shows
//! (`malkin-server::ui`) and where they come from (`malkin-service`).
//!
//! | part | makes |
//! |---|---|
//! | [`frame`] | what all pages share: head, navigation, who is logged in |
//! | [`corpus`], [`function`], [`result`], [`jobs`], [`triage`], [`admin`] | pages; each is a struct whose fields its template names |
//! | [`align`], [`tree`] | lines of two functions beside each other, the tree of a comparison |
//! | [`shown`] | names of others, made harmless to look at |
//! | [`asset`] | script, stylesheet and icon, in the binary |
//!
//! Templates lie in `templates/`, one for each page struct. They escape everything; a test reads them and refuses the ways around that.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod admin;
pub mod align;
pub mod asset;
pub mod corpus;
mod filters;
pub mod frame;
pub mod function;
pub mod jobs;
pub mod result;
pub mod shown;
pub mod tree;
pub mod triage;

pub use askama::Template;
pub use filters::{grouped, size_text};
