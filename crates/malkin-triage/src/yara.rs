//! YARA rules: compiled once, run over a file within a time.
//!
//! Rules are handed in as text, each with a namespace; files that do not compile are named and left out. `include` is refused: a rule
//! must not read other files.

mod depth;
mod text;
mod weight;

use std::time::Duration;

use boreal::compiler::CompilerParams;
use boreal::scanner::ScanParams;
use serde::{Deserialize, Serialize};

/// Most places that are told for one rule, and most hits of one text that are looked for.
const MAX_PLACES: usize = 20;
const MAX_MATCHES: u32 = 100;

/// Rules.
#[derive(Debug)]
pub struct Rules {
    scanner: boreal::Scanner,
    /// Number of files that were taken.
    pub files: usize,
    /// Files that were left out, with the cause.
    pub refused: Vec<(String, String)>,
}

/// A rule that matched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hit {
    /// Where the rule comes from.
    pub namespace: String,
    /// Its name.
    pub rule: String,
    /// Texts that were found: name, offset and length in bytes.
    pub places: Vec<(String, usize, usize)>,
}

/// About how many states the strings of rules of strangers may be compiled to: some 200 MB and some seconds.
const MAX_WEIGHT: u64 = 4_000_000;

impl Rules {
    /// Whether compiling the text costs more than a stranger may ask for.
    pub fn are_too_heavy(text: &str) -> bool {
        weight::weight(text) > MAX_WEIGHT
    }

    /// Compiles rules: pairs of namespace and text.
    pub fn compile(sources: impl IntoIterator<Item = (String, String)>, time: Duration) -> Self {
        let mut compiler = boreal::Compiler::new();
        compiler.set_params(CompilerParams::default().disable_includes(true));
        let (mut files, mut refused) = (0, Vec::new());
        for (namespace, text) in sources {
            if let Some(line) = depth::too_deep(&text) {
                refused.push((namespace, format!("the condition is nested too deeply in line {line}")));
                continue;
            }
            // A compiler that refused a file may keep a part of it: try it alone first.
            let mut alone = boreal::Compiler::new();
            alone.set_params(CompilerParams::default().disable_includes(true));
            let outcome = alone
                .add_rules_str_in_namespace(&text, &namespace)
                .and_then(|_| compiler.add_rules_str_in_namespace(&text, &namespace));
            match outcome {
                Ok(_) => files += 1,
                Err(error) => refused.push((namespace, error.to_string())),
            }
        }
        let mut scanner = compiler.finalize();
        scanner.set_scan_params(
            ScanParams::default()
                .compute_full_matches(true)
                .string_max_nb_matches(MAX_MATCHES)
                .timeout_duration(Some(time)),
        );
        Self { scanner, files, refused }
    }

    /// Runs all rules over a file. The second value is the cause when not all of them could be run; what matched by then stands.
    pub fn scan(&self, bytes: &[u8]) -> (Vec<Hit>, Option<String>) {
        let (result, failure) = match self.scanner.scan_mem(bytes) {
            Ok(result) => (result, None),
            Err((error, result)) => (result, Some(error.to_string())),
        };
        let hits = result.rules.iter().map(|rule| {
            let places = rule.matches.iter().flat_map(|text| {
                text.matches.iter().map(|found| (format!("${}", text.name), found.offset, found.length))
            });
            Hit {
                namespace: rule.namespace.to_owned(),
                rule: rule.name.to_owned(),
                places: places.take(MAX_PLACES).collect(),
            }
        });
        (hits.collect(), failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_rules_run_and_others_are_named() {
        let sources = [
            ("good.yar", r#"rule hello { strings: $a = "hello" condition: $a }"#),
            ("bad.yar", "rule { nothing"),
            ("nosy.yar", r#"include "other.yar""#),
        ];
        let sources = sources.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let rules = Rules::compile(sources, Duration::from_secs(10));
        assert_eq!(rules.files, 1);
        let refused: Vec<&str> = rules.refused.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(refused, ["bad.yar", "nosy.yar"]);
        let (hits, failure) = rules.scan(b"say hello twice: hello");
        assert_eq!(failure, None);
        assert_eq!(hits[0].rule, "hello");
        assert_eq!(hits[0].namespace, "good.yar");
        assert_eq!(hits[0].places, [("$a".to_owned(), 4, 5), ("$a".to_owned(), 17, 5)]);
        assert_eq!(rules.scan(b"nothing").0, []);
    }
}
