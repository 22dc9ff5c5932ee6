//! Parameters of the search for unique blocks as a client gave them, in the order of the query string.

use malkin_matching::UniqueBlocksOptions;
use malkin_report::FamilyId;
use serde_json::{Map, Value, json};

/// Parameters of a request for unique blocks. What is absent takes the default, and an omitted parameter and an explicit
/// default are different requests.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BlockArguments {
    named: Vec<(&'static str, Value)>,
}

/// The family the samples were taken from; the job tells it, nothing depends on it.
const FAMILY_ID: &str = "family_id";
/// Chosen blocks wanted for each sample.
const COVERS_REQUIRED: &str = "covers_required";
/// Fewest instructions of a block.
const MIN_INSTRUCTIONS: &str = "min_instructions";

impl BlockArguments {
    /// No argument given.
    pub fn none() -> Self {
        Self::default()
    }

    /// Notes which family the samples are those of.
    pub fn family(&mut self, id: FamilyId) {
        self.named.push((FAMILY_ID, json!(id.get())));
    }

    /// Sets the number of chosen blocks wanted for each sample, at least 1.
    pub fn covers_required(&mut self, covers: u64) {
        self.named.push((COVERS_REQUIRED, json!(covers)));
    }

    /// Sets the fewest instructions of a block.
    pub fn min_instructions(&mut self, instructions: u64) {
        self.named.push((MIN_INSTRUCTIONS, json!(instructions)));
    }

    /// The options of the search: defaults where nothing was given.
    pub fn options(&self) -> UniqueBlocksOptions {
        let mut options = UniqueBlocksOptions::default();
        for (name, value) in &self.named {
            let number = value.as_u64().unwrap_or_default();
            match *name {
                COVERS_REQUIRED => options.covers_required = number,
                MIN_INSTRUCTIONS => options.min_instructions = number,
                _ => {}
            }
        }
        options
    }

    /// The arguments by name, in their order.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, Value)> + '_ {
        self.named.iter().cloned()
    }

    pub(super) fn read(object: &Map<String, Value>) -> Self {
        let known = [FAMILY_ID, COVERS_REQUIRED, MIN_INSTRUCTIONS];
        let named = object.iter().filter_map(|(key, value)| {
            let name = known.into_iter().find(|name| name == key)?;
            Some((name, value.clone()))
        });
        Self { named: named.collect() }
    }
}
