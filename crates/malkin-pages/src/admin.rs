//! Pages about the server: tokens and settings, import and export, blocks and rules.

use askama::Template;

use crate::filters;
use crate::frame::Frame;
use crate::jobs::JobRow;

/// A token.
#[derive(Clone, Debug, Default)]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: &'static str,
    /// When it was made.
    pub created: String,
}

/// Settings and tokens.
#[derive(Debug, Template)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Tokens.
    pub tokens: Vec<TokenRow>,
    /// A token that was just made: name and text, shown once.
    pub made: Option<(String, String)>,
    /// Why a change was refused.
    pub error: Option<String>,
    /// Settings of the server: name, value.
    pub settings: Vec<(&'static str, String)>,
}

/// Import and export.
#[derive(Debug, Template)]
#[template(path = "exchange.html")]
pub struct ExchangePage {
    /// What surrounds it.
    pub frame: Frame,
    /// What the last import did.
    pub imported: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Stored samples.
    pub samples: u64,
}

/// A unique block.
#[derive(Clone, Debug, Default)]
pub struct BlockRow {
    /// Its hash.
    pub hash: String,
    /// Samples that have it.
    pub samples: usize,
    /// Instructions.
    pub length: u64,
    /// Score of the rule maker.
    pub score: f64,
    /// Its instructions.
    pub code: String,
    /// A function that holds it.
    pub function: Option<i64>,
}

/// Blocks unique to some samples.
#[derive(Debug, Template)]
#[template(path = "blocks.html")]
pub struct BlocksPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The job.
    pub job: JobRow,
    /// Samples that were asked for.
    pub samples: Vec<i64>,
    /// Unique blocks, candidates, samples covered.
    pub numbers: Vec<(&'static str, u64)>,
    /// The rule, if one could be made.
    pub rule: Option<String>,
    /// Blocks.
    pub blocks: Vec<BlockRow>,
    /// Blocks that are not shown.
    pub more: usize,
}
