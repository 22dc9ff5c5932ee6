//! What all pages share: title, navigation, who is logged in, and what they may do.

use askama::Template;

use crate::{asset, filters};

/// The part of the navigation that a page belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Here {
    /// None of them.
    Nowhere,
    /// The start page.
    Home,
    /// Families.
    Families,
    /// Samples.
    Samples,
    /// Jobs and results.
    Jobs,
    /// Records of triage.
    Triage,
    /// Comparing several samples.
    Compare,
    /// Statistics.
    Statistics,
    /// Import and export.
    Exchange,
    /// Tokens and settings.
    Settings,
}

/// An entry of the navigation.
pub(crate) const NAVIGATION: [(Here, &str, &str); 8] = [
    (Here::Home, "/ui/", "Start"),
    (Here::Families, "/ui/families", "Families"),
    (Here::Samples, "/ui/samples", "Samples"),
    (Here::Compare, "/ui/compare", "Compare"),
    (Here::Triage, "/ui/triage", "Triage"),
    (Here::Jobs, "/ui/jobs", "Jobs"),
    (Here::Exchange, "/ui/exchange", "Import and export"),
    (Here::Statistics, "/ui/statistics", "Statistics"),
];

/// What surrounds a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Title of the page.
    pub title: String,
    /// Where it stands.
    pub here: Here,
    /// Name of the token in whose name the session is; none on a server without tokens, and for strangers.
    pub name: Option<String>,
    /// Role in words; empty for strangers.
    pub role: &'static str,
    /// Goes with every form.
    pub csrf: String,
    /// Whether samples may be added and jobs cancelled.
    pub may_add: bool,
    /// Whether records may be deleted and the server be changed.
    pub may_admin: bool,
    /// Whether the server asks for a token.
    pub has_login: bool,
    /// Whether the store takes no changes.
    pub is_read_only: bool,
}

impl Frame {
    /// Address of a file of the pages.
    pub fn asset(&self, name: &str) -> String {
        format!("/ui/a/{}/{name}", asset::version())
    }

    /// The navigation: address, text, and whether the page stands there.
    pub fn navigation(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        NAVIGATION.iter().map(|(here, path, text)| (*path, *text, *here == self.here))
    }

    /// Whether anybody is logged in.
    pub fn is_stranger(&self) -> bool {
        self.role.is_empty()
    }
}

/// A page that says what went wrong, or that something is not there.
#[derive(Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// What happened, in a sentence.
    pub message: String,
}

/// Where a token becomes a session.
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where to go afterwards, below `/ui/`.
    pub next: String,
    /// Why the last attempt failed.
    pub error: Option<&'static str>,
    /// Whether the connection is not encrypted and leaves this machine.
    pub is_plain: bool,
}

/// Links to the pages before and after.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pager {
    /// First row of this page, from 1; 0 without rows.
    pub from: u64,
    /// Last row.
    pub to: u64,
    /// All rows, where that is known.
    pub total: Option<u64>,
    /// Address of the page before.
    pub before: Option<String>,
    /// Address of the page after.
    pub after: Option<String>,
}
