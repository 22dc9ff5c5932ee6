//! Pages about jobs.

use askama::Template;

use crate::filters;
use crate::frame::{Frame, Pager};

/// A job in a list.
#[derive(Clone, Debug, Default)]
pub struct JobRow {
    /// Its id.
    pub id: String,
    /// What it does, in words.
    pub what: String,
    /// Where it stands: `queued`, `in_progress`, `finished`, `failed` or `terminated`.
    pub state: &'static str,
    /// Share that is done, 0..=100.
    pub percent: u32,
    /// When it was queued.
    pub created: String,
    /// How long it ran, in words; empty before it began.
    pub took: String,
    /// Who asked for it.
    pub author: String,
    /// Address of the page of its result; none while there is none.
    pub result: Option<String>,
}

impl JobRow {
    /// The state in words.
    pub fn state_text(&self) -> &'static str {
        match self.state {
            "queued" => "waiting",
            "in_progress" => "running",
            "terminated" => "cancelled",
            other => other,
        }
    }

    /// How the state is marked.
    pub fn state_class(&self) -> &'static str {
        match self.state {
            "finished" => "good",
            "failed" => "bad",
            "in_progress" => "warn",
            _ => "",
        }
    }

    /// Whether it still waits or runs.
    pub fn is_alive(&self) -> bool {
        matches!(self.state, "queued" | "in_progress")
    }
}

/// Jobs.
#[derive(Debug, Template)]
#[template(path = "jobs.html")]
pub struct JobsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The state that is listed; empty for all.
    pub state: String,
    /// Number of jobs in each state.
    pub counts: Vec<(&'static str, &'static str, u64)>,
    /// Rows.
    pub rows: Vec<JobRow>,
    /// Pages.
    pub pager: Pager,
}

/// One job.
#[derive(Debug, Template)]
#[template(path = "job.html")]
pub struct JobPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The job.
    pub job: JobRow,
    /// Its request as text.
    pub request: String,
    /// Why its last attempt failed.
    pub error: Option<String>,
    /// Jobs it waits for.
    pub waits_for: Vec<JobRow>,
    /// The result as text, for kinds that have no page of their own.
    pub plain: Option<String>,
}
