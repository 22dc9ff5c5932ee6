//! Options that every command shares that compares a sample with the corpus.

use clap::Args;
use malkin_service::MatchArguments;

/// How to compare.
#[derive(Args, Clone, Copy, Debug, Default)]
#[group(skip)]
pub(crate) struct MatchOptions {
    /// Compare with every distinct signature, so that nothing above the threshold is missed; the result shows what banding
    /// would have missed
    #[arg(long)]
    exact: bool,

    /// Time limit of the comparison in seconds [default: 600]
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<u64>,

    /// On reaching the time or memory limit, return a partial result instead of failing
    #[arg(long)]
    partial: bool,
}

impl MatchOptions {
    /// For a local comparison.
    pub(crate) fn arguments(self) -> MatchArguments {
        let mut arguments = MatchArguments::none();
        if self.exact {
            arguments.exact();
        }
        if let Some(seconds) = self.time_limit {
            arguments.time_limit(seconds);
        }
        if self.partial {
            arguments.partial();
        }
        arguments
    }

    /// For a server: the query string, with its question mark unless it is empty.
    pub(crate) fn query_string(self) -> String {
        let mut parts = Vec::new();
        if self.exact {
            parts.push("exact=true".to_owned());
        }
        parts.extend(self.time_limit.map(|seconds| format!("time_limit={seconds}")));
        if self.partial {
            parts.push("partial=true".to_owned());
        }
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let options = MatchOptions { exact: true, time_limit: Some(3), partial: true };
        assert_eq!(options.query_string(), "?exact=true&time_limit=3&partial=true");
        let arguments = options.arguments();
        assert!(arguments.parameters().exact && arguments.may_be_partial());
        assert_eq!(arguments.time().map(|time| time.as_secs()), Some(3));
        assert_eq!(MatchOptions::default().query_string(), "");
        assert_eq!(MatchOptions::default().arguments(), MatchArguments::none());
    }
}
