//! What a YARA rule made of unique blocks does on the executables that are kept: how many of its blocks each of them has, so that the
//! number of blocks to require can be chosen and not guessed.
//!
//! The rule is tried in as many variants as it has blocks, which differ in the number they require; a file has as many blocks as the most
//! demanding variant that matches it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use malkin_report::SampleId;
use malkin_service::{CheckedFile, RuleCheck, YaraRule};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::place::Place;

/// Variants that are tried at most; of a longer rule no more blocks are required than this.
const MAX_VARIANTS: u64 = 100;
/// Time for all files.
const TIME: Duration = Duration::from_mins(5);
/// Other files that are named.
const SHOWN: usize = 10;

/// How many blocks the kept files have.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Proof {
    /// For each sample the rule is for; none if its executable is not kept.
    wanted: BTreeMap<SampleId, Option<u64>>,
    /// All other files with at least one block, those with most first.
    others: Vec<(CheckedFile, u64)>,
    /// Other files that were scanned.
    num_others: usize,
    left_out: u64,
    bytes: u64,
}

impl Proof {
    /// Tries a rule that has blocks.
    pub(crate) fn of(rule: &YaraRule, samples: &[SampleId], place: &Place) -> Result<Self, Failure> {
        let variants = 1..=MAX_VARIANTS.min(rule.blocks.len() as u64);
        let source: String = variants.map(|hits| rule.requiring(hits, &variant(hits)).text).collect();
        let check = match place {
            Place::Local(engine) => engine.check_rules(&source, TIME)?,
            Place::Remote(remote) => {
                RuleCheck::from_json(&remote.post_text("/uniqueblocks/check", source.as_bytes())?)
            }
        };
        Ok(Self::read(check, samples))
    }

    fn read(check: RuleCheck, samples: &[SampleId]) -> Self {
        let mut wanted: BTreeMap<SampleId, Option<u64>> =
            samples.iter().map(|sample| (*sample, None)).collect();
        let (mut others, mut num_others) = (Vec::new(), 0);
        for file in check.files {
            let blocks = file.rules.iter().filter_map(|rule| hits_of(rule)).max().unwrap_or(0);
            if let Some(found) = file.sample.and_then(|sample| wanted.get_mut(&sample)) {
                *found = Some(blocks);
                continue;
            }
            num_others += 1;
            if blocks > 0 {
                others.push((file, blocks));
            }
        }
        others.sort_by_key(|(_, blocks)| std::cmp::Reverse(*blocks));
        Self { wanted, others, num_others, left_out: check.left_out, bytes: check.bytes }
    }

    /// Blocks that every wanted sample has, as far as they are kept.
    fn most(&self) -> Option<u64> {
        self.wanted.values().flatten().min().copied()
    }

    /// The largest number that still hits every wanted sample, if there is one that hits nothing else.
    pub(crate) fn best(&self) -> Option<u64> {
        let most = self.most()?;
        let others = self.others.first().map_or(0, |(_, blocks)| *blocks);
        (most > others).then_some(most)
    }

    /// In words, with `hits` blocks required.
    pub(crate) fn to_text(&self, hits: u64) -> String {
        let kept: Vec<(&SampleId, u64)> =
            self.wanted.iter().filter_map(|(sample, blocks)| Some((sample, (*blocks)?))).collect();
        let missed: Vec<String> = kept
            .iter()
            .filter(|(_, blocks)| *blocks < hits)
            .map(|(sample, blocks)| format!("{sample} ({blocks})"))
            .collect();
        let mut text = format!(
            "tried on {} kept files, {:.1} MB: ",
            kept.len() + self.num_others,
            self.bytes as f64 / 1e6
        );
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "with {hits} blocks required it hits {} of {} samples",
            kept.len() - missed.len(),
            kept.len()
        );
        if !missed.is_empty() {
            let _ = write!(text, ", not {}", missed.join(", "));
        }
        let unkept: Vec<String> = self
            .wanted
            .iter()
            .filter(|(_, blocks)| blocks.is_none())
            .map(|(sample, _)| sample.to_string())
            .collect();
        if !unkept.is_empty() {
            let _ =
                write!(text, "; NOT CHECKED, because their executables are not kept: {}", unkept.join(", "));
        }
        let false_hits = self.others.iter().filter(|(_, blocks)| *blocks >= hits).count();
        let _ = writeln!(text, "; {false_hits} of {} other files", self.num_others);
        for (file, blocks) in self.others.iter().take(SHOWN) {
            let sample = file.sample.map_or("no sample".to_owned(), |sample| format!("sample {sample}"));
            let verdict = if *blocks >= hits { "FALSE HIT" } else { "no hit" };
            let _ = writeln!(text, "  {verdict}: {} ({sample}) has {blocks} of the blocks", file.sha256);
        }
        if self.left_out > 0 {
            let _ =
                writeln!(text, "  {} files were not tried: time was up, or the scan failed", self.left_out);
        }
        if kept.is_empty() {
            text.push_str("  nothing is proven: keep executables with `malkin submit --keep` or by uploading them to a server\n");
        } else if let Some(best) = self.best() {
            let _ = writeln!(text, "  best: {best} blocks, which all samples have and no other file");
        } else {
            text.push_str("  no number of blocks tells the samples from all other files\n");
        }
        text
    }

    /// As JSON, with `hits` blocks required.
    pub(crate) fn to_json(&self, hits: u64) -> Value {
        let samples = self.wanted.iter().map(|(sample, blocks)| {
            json!({"sample_id": sample.get(), "kept": blocks.is_some(), "blocks": blocks, "hit": blocks.map(|blocks| blocks >= hits)})
        });
        let others = self.others.iter().map(|(file, blocks)| {
            json!({"sha256": file.sha256, "sample_id": file.sample.map(SampleId::get), "blocks": blocks, "hit": *blocks >= hits})
        });
        json!({
            "hits_required": hits, "best": self.best(), "samples": samples.collect::<Vec<_>>(),
            "others": others.collect::<Vec<_>>(), "other_files": self.num_others, "left_out": self.left_out, "bytes": self.bytes,
        })
    }
}

/// Name of the variant that requires so many blocks.
fn variant(hits: u64) -> String {
    format!("variant_{hits}")
}

fn hits_of(rule: &str) -> Option<u64> {
    rule.strip_prefix("variant_")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(sha256: &str, sample: Option<i64>, blocks: u64) -> CheckedFile {
        let rules = (1..=blocks).map(variant).collect();
        CheckedFile { sha256: sha256.to_owned(), sample: sample.map(SampleId::new), rules }
    }

    fn proof(files: Vec<CheckedFile>) -> Proof {
        let check = RuleCheck { files, left_out: 0, bytes: 3_000_000 };
        Proof::read(check, &[1, 2, 3].map(SampleId::new))
    }

    #[test]
    fn the_best_number_tells_the_samples_from_all_others() {
        let good = proof(vec![
            file("a", Some(1), 9),
            file("b", Some(2), 6),
            file("c", Some(7), 2),
            file("d", None, 0),
        ]);
        assert_eq!(good.best(), Some(6));
        let text = good.to_text(6);
        assert!(text.contains("hits 2 of 2 samples") && text.contains("0 of 2 other files"), "{text}");
        assert!(text.contains("NOT CHECKED") && text.contains("not kept: 3"), "{text}");
        let strict = good.to_text(7);
        assert!(strict.contains("hits 1 of 2 samples, not 2 (6)"), "{strict}");
        let bad = proof(vec![file("a", Some(1), 3), file("c", Some(7), 3)]);
        assert_eq!(bad.best(), None);
        assert!(bad.to_text(3).contains("FALSE HIT: c (sample 7) has 3"), "{}", bad.to_text(3));
        assert_eq!(bad.to_json(3)["others"][0]["hit"], true);
        assert!(proof(Vec::new()).to_text(7).contains("nothing is proven"));
    }
}
