//! What a YARA rule made of unique blocks does on the executables that are kept: how many of its blocks each of them has, so that the
//! number of blocks to require can be chosen and not guessed.
//!
//! The rule itself is tried with one block required, and beside it a rule for each block; a file has as many blocks as rules of blocks
//! match it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use malkin_report::{SampleId, UniqueBlocks};
use malkin_service::questions;
use malkin_service::{CheckedFile, RuleCheck, YaraRule};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::place::Place;

/// Name of the rule as a whole, with one block required.
const WHOLE: &str = "whole";
/// Other files that are named.
const SHOWN: usize = 10;

/// What is known of a sample that the rule is to hit.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Known {
    /// It has so many blocks.
    Blocks(u64),
    /// Its executable is kept and was not tried, for this cause.
    Untried(String),
    /// Its executable is not kept.
    NotKept,
}

/// How many blocks the kept files have.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Proof {
    /// The samples the rule is for.
    wanted: BTreeMap<SampleId, Known>,
    /// All other files with at least one block, those with most first.
    others: Vec<(CheckedFile, u64)>,
    /// Other files that were scanned.
    num_others: usize,
    /// Other files that were not scanned, and why the first of them was not.
    untried: u64,
    cause: String,
    bytes: u64,
}

impl Proof {
    /// Tries a rule that has blocks, made of `blocks`.
    pub(crate) fn of(rule: &YaraRule, blocks: &UniqueBlocks, place: &Place) -> Result<Self, Failure> {
        let samples: Vec<SampleId> =
            blocks.statistics.by_sample.iter().map(|sample| sample.sample_id).collect();
        let source = to_rules(rule, blocks);
        let check = match place {
            Place::Local(app) => questions::check_rules(&app.corpus, &source, &samples)?,
            Place::Remote(remote) => {
                let ids: Vec<String> = samples.iter().map(SampleId::to_string).collect();
                let path = format!("/uniqueblocks/check?samples={}", ids.join(","));
                let job = remote.post_text(&path, source.as_bytes())?;
                RuleCheck::from_json(&remote.await_result(&job)?)
            }
        };
        Ok(Self::read(check, &samples))
    }

    fn read(check: RuleCheck, samples: &[SampleId]) -> Self {
        let mut wanted: BTreeMap<SampleId, Known> =
            samples.iter().map(|sample| (*sample, Known::NotKept)).collect();
        let (mut untried, mut cause) = (check.num_untried, String::new());
        for file in check.untried {
            match file.sample.and_then(|sample| wanted.get_mut(&sample)) {
                Some(known) => {
                    *known = Known::Untried(file.cause);
                    untried = untried.saturating_sub(1);
                }
                None if cause.is_empty() => cause = file.cause,
                None => {}
            }
        }
        let (mut others, mut num_others) = (Vec::new(), 0);
        for file in check.files {
            // What the whole rule does not match has none of its blocks, even if other rules match.
            let is_hit = file.rules.iter().any(|rule| rule == WHOLE);
            let blocks = if is_hit { file.rules.len() as u64 - 1 } else { 0 };
            if let Some(known) = file.sample.and_then(|sample| wanted.get_mut(&sample)) {
                *known = Known::Blocks(blocks);
                continue;
            }
            num_others += 1;
            if blocks > 0 {
                others.push((file, blocks));
            }
        }
        others.sort_by_key(|(_, blocks)| std::cmp::Reverse(*blocks));
        Self { wanted, others, num_others, untried, cause, bytes: check.bytes }
    }

    /// The samples that were tried, with the blocks they have.
    fn tried(&self) -> impl Iterator<Item = (SampleId, u64)> {
        self.wanted.iter().filter_map(|(sample, known)| match known {
            Known::Blocks(blocks) => Some((*sample, *blocks)),
            Known::Untried(_) | Known::NotKept => None,
        })
    }

    /// The largest number that hits every sample that was tried, if there is one that hits nothing else that was tried.
    pub(crate) fn best(&self) -> Option<u64> {
        let most = self.tried().map(|(_, blocks)| blocks).min()?;
        let others = self.others.first().map_or(0, |(_, blocks)| *blocks);
        (most > others).then_some(most)
    }

    /// Whether every sample and every other kept file was tried.
    fn is_complete(&self) -> bool {
        self.untried == 0 && self.tried().count() == self.wanted.len()
    }

    /// In words, with `hits` blocks required: a summary, then remarks.
    pub(crate) fn lines(&self, hits: u64) -> Vec<String> {
        let tried: Vec<(SampleId, u64)> = self.tried().collect();
        let missed: Vec<String> = tried
            .iter()
            .filter(|(_, blocks)| *blocks < hits)
            .map(|(sample, blocks)| format!("{sample} ({blocks})"))
            .collect();
        let mut text = format!(
            "tested on {} stored files, {:.1} MB: ",
            tried.len() + self.num_others,
            self.bytes as f64 / 1e6
        );
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "requiring {hits} blocks matches {} of {} samples",
            tried.len() - missed.len(),
            tried.len()
        );
        if !missed.is_empty() {
            let _ = write!(text, ", not {}", missed.join(", "));
        }
        let not_kept: Vec<String> = self
            .wanted
            .iter()
            .filter(|(_, known)| **known == Known::NotKept)
            .map(|(sample, _)| sample.to_string())
            .collect();
        if !not_kept.is_empty() {
            let _ = write!(
                text,
                "; NOT CHECKED, because their executables are not stored: {}",
                not_kept.join(", ")
            );
        }
        let untried: Vec<String> = self
            .wanted
            .iter()
            .filter_map(|(sample, known)| match known {
                Known::Untried(cause) => Some(format!("{sample} ({cause})")),
                Known::Blocks(_) | Known::NotKept => None,
            })
            .collect();
        if !untried.is_empty() {
            let _ = write!(text, "; NOT CHECKED: {}", untried.join(", "));
        }
        let false_hits = self.others.iter().filter(|(_, blocks)| *blocks >= hits).count();
        let _ = write!(text, "; {false_hits} of {} other files", self.num_others);
        let mut lines = vec![text];
        for (file, blocks) in self.others.iter().take(SHOWN) {
            let sample = file.sample.map_or("no sample".to_owned(), |sample| format!("sample {sample}"));
            let verdict = if *blocks >= hits { "FALSE HIT" } else { "no hit" };
            lines.push(format!("{verdict}: {} ({sample}) has {blocks} of the blocks", file.sha256));
        }
        if self.untried > 0 {
            lines.push(format!("{} other files were not tested: {}", self.untried, self.cause));
        }
        if tried.is_empty() {
            let advice = "nothing was tested: store executables with `malkin submit --keep` or by uploading them to a server";
            lines.push(advice.to_owned());
        } else if let Some(best) = self.best() {
            let tried = if self.is_complete() { "" } else { " that was tested" };
            lines.push(format!(
                "best: {best} blocks, found in every sample{tried} and in no other file{tried}"
            ));
        } else {
            lines.push("no number of blocks separates the samples from all other files".to_owned());
        }
        lines
    }

    /// As JSON, with `hits` blocks required.
    pub(crate) fn to_json(&self, hits: u64) -> Value {
        let samples = self.wanted.iter().map(|(sample, known)| {
            let (blocks, cause) = match known {
                Known::Blocks(blocks) => (Some(*blocks), None),
                Known::Untried(cause) => (None, Some(cause)),
                Known::NotKept => (None, None),
            };
            json!({
                "sample_id": sample.get(), "kept": *known != Known::NotKept, "blocks": blocks,
                "hit": blocks.map(|blocks| blocks >= hits), "untried": cause,
            })
        });
        let others = self.others.iter().map(|(file, blocks)| {
            json!({"sha256": file.sha256, "sample_id": file.sample.map(SampleId::get), "blocks": blocks, "hit": *blocks >= hits})
        });
        json!({
            "hits_required": hits, "best": self.best(), "complete": self.is_complete(),
            "samples": samples.collect::<Vec<_>>(), "others": others.collect::<Vec<_>>(),
            "other_files": self.num_others, "untried_files": self.untried, "bytes": self.bytes,
        })
    }
}

/// The rule with one block required, and a rule for each of its blocks: about twice the text for any number of blocks.
fn to_rules(rule: &YaraRule, blocks: &UniqueBlocks) -> String {
    let mut text = rule.requiring(1, WHOLE).text;
    let sequences =
        rule.blocks.iter().filter_map(|hash| blocks.blocks.iter().find(|block| block.hash == *hash));
    for (position, block) in sequences.enumerate() {
        let sequence = &block.escaped_sequence;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "rule block_{position} {{ strings: $block = {{ {sequence} }} condition: $block }}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use malkin_service::UntriedFile;

    use super::*;

    fn file(sha256: &str, sample: Option<i64>, blocks: u64) -> CheckedFile {
        let mut rules: Vec<String> = (0..blocks).map(|block| format!("block_{block}")).collect();
        if blocks > 0 {
            rules.insert(0, WHOLE.to_owned());
        }
        CheckedFile { sha256: sha256.to_owned(), sample: sample.map(SampleId::new), rules }
    }

    fn proof(files: Vec<CheckedFile>, untried: &[Option<i64>]) -> Proof {
        let untried: Vec<UntriedFile> = untried
            .iter()
            .map(|sample| UntriedFile {
                sha256: "e".to_owned(),
                sample: sample.map(SampleId::new),
                cause: "the time limit was reached".to_owned(),
            })
            .collect();
        let num_untried = untried.len() as u64;
        let check = RuleCheck { files, untried, num_untried, bytes: 3_000_000, ended_by: None };
        Proof::read(check, &[1, 2, 3].map(SampleId::new))
    }

    #[test]
    fn the_best_number_tells_the_samples_from_all_others() {
        let good = proof(
            vec![file("a", Some(1), 9), file("b", Some(2), 6), file("c", Some(7), 2), file("d", None, 0)],
            &[],
        );
        assert_eq!(good.best(), Some(6));
        let text = good.lines(6).join("\n");
        assert!(text.contains("matches 2 of 2 samples") && text.contains("0 of 2 other files"), "{text}");
        assert!(text.contains("NOT CHECKED") && text.contains("not stored: 3"), "{text}");
        let strict = good.lines(7).join("\n");
        assert!(strict.contains("matches 1 of 2 samples, not 2 (6)"), "{strict}");
        let bad = proof(vec![file("a", Some(1), 3), file("c", Some(7), 3)], &[]);
        assert_eq!(bad.best(), None);
        assert!(
            bad.lines(3).join("\n").contains("FALSE HIT: c (sample 7) has 3"),
            "{}",
            bad.lines(3).join("\n")
        );
        assert_eq!(bad.to_json(3)["others"][0]["hit"], true);
        assert!(proof(Vec::new(), &[]).lines(7).join("\n").contains("nothing was tested"));
    }
    #[test]
    fn what_was_not_tried_is_not_called_free_of_hits() {
        let all = ["a", "b", "c"].into_iter().zip(1..).map(|(name, id)| file(name, Some(id), 5)).collect();
        let whole = proof(all, &[]);
        assert!(whole.is_complete());
        assert!(
            whole.lines(5).join("\n").contains("found in every sample and in no other file"),
            "{}",
            whole.lines(5).join("\n")
        );
        let part = proof(vec![file("a", Some(1), 5), file("c", Some(3), 4)], &[Some(2), None, Some(9)]);
        let text = part.lines(4).join("\n");
        assert!(
            text.contains("matches 2 of 2 samples; NOT CHECKED: 2 (the time limit was reached)"),
            "{text}"
        );
        assert!(text.contains("2 other files were not tested: the time limit was reached"), "{text}");
        assert!(
            text.contains("best: 4 blocks, found in every sample that was tested and in no other file that"),
            "{text}"
        );
        let json = part.to_json(4);
        assert_eq!((&json["complete"], &json["untried_files"]), (&false.into(), &2.into()));
        assert_eq!(
            (&json["samples"][1]["kept"], &json["samples"][1]["untried"]),
            (&true.into(), &"the time limit was reached".into())
        );
    }
}
