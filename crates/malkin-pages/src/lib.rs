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
//! | [`graph`] | positions of a control-flow graph, and its condensed form |
//! | [`flow`], [`flow_svg`] | a function as boxes of text and edges; the same as SVG |
//! | [`palette`] | colours of pictures, light and dark |
//! | [`text`] | text of files and servers, safe to put into XML |
//! | [`asset`] | script, stylesheet and icon, in the binary |
//!
//! Pictures are SVG, not PNG: a rasteriser in Rust (`resvg`) would bring many crates and needs a font in the binary. Every
//! browser and `rsvg-convert` make a PNG of the SVG.
//!
//! Templates lie in `templates/`, one for each page struct. They escape everything; a test reads them and refuses the ways around that.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod admin;
pub mod align;
pub mod asset;
pub mod corpus;
mod filters;
pub mod flow;
pub mod flow_svg;
pub mod frame;
pub mod function;
pub mod graph;
pub mod jobs;
pub mod palette;
pub mod result;
pub mod shown;
pub mod text;
pub mod tree;
pub mod triage;

pub use askama::Template;
pub use filters::{grouped, size_text};
