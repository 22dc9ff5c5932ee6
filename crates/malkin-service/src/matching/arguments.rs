//! Parameters of matching as a client gave them, in the order of the query string.

use std::time::Duration;

use malkin_matching::MatchParameters;
use serde_json::{Map, Value, json};

/// Parameters of a matching request as the client gave them. What is absent takes the default, and an omitted parameter
/// and an explicit default are different requests. The order is that of the query string.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MatchArguments {
    named: Vec<(&'static str, Value)>,
}

/// Name of the recorded similarity threshold. It never changes a result, as in the reference.
const MINHASH_THRESHOLD: &str = "minhash_threshold";
/// Smallest number of instructions for PicHash groups.
const PICHASH_SIZE: &str = "pichash_size";
/// Bands that must agree.
const BAND_MATCHES_REQUIRED: &str = "band_matches_required";
/// Understood by cross only; anywhere else the job fails, as in the reference.
const SAMPLE_GROUP_ONLY: &str = "sample_group_only";
/// Ours: compare with every distinct signature.
const EXACT: &str = "exact";
/// Ours: seconds the comparison may take.
const TIME_LIMIT: &str = "time_limit";
/// Ours: what was found when time or memory are used up is a result, too.
const PARTIAL: &str = "partial";

impl MatchArguments {
    /// No argument given.
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets the recorded threshold, 0..=100.
    pub fn minhash_threshold(&mut self, threshold: u8) {
        self.named.push((MINHASH_THRESHOLD, json!(threshold)));
    }

    /// Sets the smallest number of instructions for PicHash groups.
    pub fn pichash_size(&mut self, size: u64) {
        self.named.push((PICHASH_SIZE, json!(size)));
    }

    /// Sets the number of bands that must agree.
    pub fn band_matches_required(&mut self, bands: u64) {
        self.named.push((BAND_MATCHES_REQUIRED, json!(bands)));
    }

    /// Restricts a cross comparison to its samples.
    pub fn sample_group_only(&mut self, only: bool) {
        self.named.push((SAMPLE_GROUP_ONLY, json!(only)));
    }

    /// Compares with every distinct signature instead of banding candidates.
    pub fn exact(&mut self) {
        self.named.push((EXACT, json!(true)));
    }

    /// Lets the comparison take at most so many seconds.
    pub fn time_limit(&mut self, seconds: u64) {
        self.named.push((TIME_LIMIT, json!(seconds)));
    }

    /// Takes what was found when time or memory are used up for a result.
    pub fn partial(&mut self) {
        self.named.push((PARTIAL, json!(true)));
    }

    /// The time the comparison may take, if the client set one.
    pub fn time(&self) -> Option<Duration> {
        let (_, seconds) = self.named.iter().find(|(name, _)| *name == TIME_LIMIT)?;
        seconds.as_u64().map(Duration::from_secs)
    }

    /// Whether a part of the result will do.
    pub fn may_be_partial(&self) -> bool {
        self.named.iter().any(|(name, value)| *name == PARTIAL && *value == true)
    }

    /// Whether a group restriction was given (with either value).
    pub fn has_group_restriction(&self) -> bool {
        self.named.iter().any(|(name, _)| *name == SAMPLE_GROUP_ONLY)
    }

    /// Takes the group restriction out: what is left is meant for the comparisons a cross is made of. These have to be whole, because
    /// a matrix cannot say which of its cells are not.
    #[must_use]
    pub fn without_group_restriction(mut self) -> Self {
        self.named.retain(|(name, _)| ![SAMPLE_GROUP_ONLY, PARTIAL].contains(name));
        self
    }

    /// What a query for a single function looks at: the choice of candidates.
    #[must_use]
    pub fn of_one_function(mut self) -> Self {
        self.named.retain(|(name, _)| [BAND_MATCHES_REQUIRED, EXACT].contains(name));
        self
    }

    /// The arguments by name, in their order.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, Value)> + '_ {
        self.named.iter().cloned()
    }

    /// The parameters of the matcher: defaults where nothing was given.
    pub fn parameters(&self) -> MatchParameters {
        let mut parameters = MatchParameters::default();
        for (name, value) in &self.named {
            let number = value.as_u64().unwrap_or_default();
            let small = u32::try_from(number).unwrap_or(u32::MAX);
            match *name {
                PICHASH_SIZE => parameters.pichash_size = number,
                BAND_MATCHES_REQUIRED => parameters.band_matches_required = small,
                EXACT => parameters.exact = value.as_bool().unwrap_or_default(),
                _ => {}
            }
        }
        parameters
    }

    pub(crate) fn read(object: &Map<String, Value>) -> Self {
        let known = [
            MINHASH_THRESHOLD,
            PICHASH_SIZE,
            BAND_MATCHES_REQUIRED,
            SAMPLE_GROUP_ONLY,
            EXACT,
            TIME_LIMIT,
            PARTIAL,
        ];
        let named = object.iter().filter_map(|(key, value)| {
            let name = known.into_iter().find(|name| name == key)?;
            Some((name, value.clone()))
        });
        Self { named: named.collect() }
    }
}
