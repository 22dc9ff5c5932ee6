//! Triage: one record of evidence for a file, and look-ups of hashes.
//!
//! The record is what was found (`facts`), what code it shares (`kinship`), what others say (`reputation`) and a verdict whose
//! points name these. In front of them stand the members that clients of the original service read, filled from the same
//! evidence.

mod document;
mod limits;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use malkin_disasm::Limits;
use malkin_intel::{HashKind, Kind, Record, summary};
use malkin_matching::attribute;
use malkin_report::{Report, Status};
use malkin_store::{NewAnalysis, StoreError, Timestamp};
use malkin_triage::archive;
use malkin_triage::yara::Rules;
use malkin_triage::{Facts, FamilyKinship, Kinship, Options, examine, verdict};
use serde_json::{Value, json};

use crate::allowance::{Allowance, within};
use crate::clock::micro_time;
use crate::corpus::Corpus;
use crate::disassembly::{DisassemblyOptions, disassemble_allowed};
use crate::ended::{Budget, note_ended};
use crate::error::ServiceError;
use crate::fetch::{Fetcher, IntelSettings};
use crate::matching::MatchArguments;
use crate::questions;
use crate::room;
use crate::stage::{Stage, timed};
use document::{CROWDED, SKIPPED, TOO_LATE, document, is_report, reputation, was_without_similarity, words};
use limits::{Guest, TriageLimits};

/// Why an archive was not opened.
const NOT_OPENED: &str = "the archive: too many other archives were open";
/// Members of one archive that are under way at once. Seats bound what is examined at the same time; the others wait for providers,
/// which are asked within one deadline. Each takes a thread, and a server has to spare some for sixteen archives at once.
const MEMBERS_AT_ONCE: usize = 8;
/// Time the disassembly of an uploaded file may take: a client waits for the answer.
const DISASSEMBLY_TIME: Duration = Duration::from_secs(30);
/// Processor time of that for a file of any size, and for each further 64 KiB, so that those who send small files do not wait for
/// other small files. Real programs take less than 100 ms for 64 KiB.
const LEAST_DISASSEMBLY_TIME: Duration = Duration::from_secs(1);
/// Time of the rest of an examination; 100 MB of an ordinary file take a few seconds.
const EXAMINATION_TIME: Duration = Duration::from_secs(20);
/// Time all members of an archive have together for disassembly and comparison. Those whose turn comes later are looked at
/// without, and their records say so.
const ARCHIVE_TIME: Duration = Duration::from_mins(1);
/// Families and functions listed of what a file shares.
const MAX_FAMILIES: usize = 20;
const MAX_STRONGEST: usize = 5;
/// What makes analyses unless a client names something else; the original's default, which its clients know.
pub const DEFAULT_MODEL: &str = "gemini-2.0-flash";

/// A file to be looked at.
#[derive(Clone, Debug)]
pub struct Uploaded<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its name as sent.
    pub name: &'a str,
    /// What the sender says about it.
    pub hint: &'a str,
    /// What the sender wants it analysed by; shown in listings, without effect.
    pub model: &'a str,
    /// Whether its code is disassembled and compared with the corpus, which takes most of the time.
    pub similarity: bool,
}

/// An analysis that was made or found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Analysed {
    /// Id of the record.
    pub id: String,
    /// The record as JSON text.
    pub document: String,
    /// Whether it was there already.
    pub was_known: bool,
}

/// Where a file is from.
enum Place<'a> {
    /// By itself; the records of what it holds are added here.
    Outside(&'a mut Vec<NewAnalysis>),
    /// Out of an archive, with the end of the time of all of that. It is not opened if it is an archive too: members are looked at
    /// as they are, or a file that unfolds to itself would never end.
    Inside(Instant),
}

/// What an archive holds: its children in short, and what was left out.
#[derive(Default)]
struct Children {
    listed: Vec<Value>,
    refused: Vec<String>,
}

/// What was found out about a file.
struct Evidence {
    facts: Facts,
    kinship: Option<(Kinship, Value)>,
    /// Why its code was left alone, if it was.
    without_code: Option<&'static str>,
}

/// Examines files and asks providers; keeps the records in the store of the corpus.
pub struct Triage {
    corpus: Arc<Corpus>,
    fetcher: Fetcher,
    limits: TriageLimits,
    asks_providers: bool,
    rules: Option<Rules>,
}

impl std::fmt::Debug for Triage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Triage").field("asks_providers", &self.asks_providers).finish_non_exhaustive()
    }
}

impl Triage {
    /// Triage over a corpus: how providers are reached, and the rules that files are examined with.
    pub(crate) fn new(corpus: Arc<Corpus>, intel: IntelSettings, rules: Option<Rules>) -> Self {
        let asks_providers = intel.has_keys();
        Self { corpus, fetcher: Fetcher::new(intel), limits: TriageLimits::default(), asks_providers, rules }
    }

    /// Examines a file and stores the record. A file that has a record is not examined again unless `afresh`.
    pub fn analyse(&self, file: &Uploaded<'_>, afresh: bool) -> Result<Analysed, ServiceError> {
        let sha256 = sha256_of(file);
        self.limits.one_at_a_time(&sha256, || {
            if !afresh
                && let Some(known) = self.corpus.store().newest_analysis(&sha256)?
                && is_report(&known.document)
                && !(file.similarity && was_without_similarity(&known.document))
            {
                return Ok(Analysed { id: known.id, document: known.document, was_known: true });
            }
            let mut all = Vec::new();
            let new = self.record_of(file, &sha256, Place::Outside(&mut all))?;
            let analysed = Analysed { id: new.id.clone(), document: new.document.clone(), was_known: false };
            all.push(new);
            self.corpus.store().add_analyses(&all)?;
            Ok(analysed)
        })
    }

    /// Examines a file and returns the record as JSON text; nothing is kept.
    pub fn examine_now(&self, file: &Uploaded<'_>) -> Result<String, ServiceError> {
        Ok(self.record_of(file, &sha256_of(file), Place::Outside(&mut Vec::new()))?.document)
    }

    /// The record of a file.
    fn record_of(
        &self,
        file: &Uploaded<'_>,
        sha256: &str,
        place: Place<'_>,
    ) -> Result<NewAnalysis, ServiceError> {
        let (children, until) = match place {
            Place::Outside(inside) => (self.children(file, inside)?, None),
            Place::Inside(until) => (Children::default(), Some(until)),
        };
        let now = self.corpus.now();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // Providers are asked meanwhile, and waiting for them takes no seat: a silent one holds up this file only.
        let (evidence, lookup) = std::thread::scope(|scope| {
            let asked = self.asks_providers.then(|| scope.spawn(|| self.records(sha256, HashKind::Sha256)));
            let guest = Guest { size: file.bytes.len(), inside: until.is_some() };
            let evidence = self.limits.seated(cores, guest, || self.evidence(file, now, until));
            // A look-up that panicked returned nothing; the panic is in the log.
            (evidence, asked.and_then(|asked| asked.join().ok()))
        });
        let Evidence { facts, kinship, without_code } = evidence;
        let reputation = lookup.as_ref().map(|lookup| reputation(&lookup["summary"]));
        let scores =
            children.listed.iter().map(|child| child["score"].as_i64().unwrap_or(0) as i32).enumerate();
        let worst = scores.max_by_key(|(_, score)| *score);
        let told = verdict(&facts, kinship.as_ref().map(|(kinship, _)| kinship), reputation.as_ref(), worst);
        let mut document = document(file, &facts, kinship.as_ref(), lookup.as_ref(), &told);
        if let Some(cause) = without_code {
            document["similarity"] = json!(cause);
        }
        if archive::is_archive(&facts.kind) {
            document["children"] = Value::Array(children.listed);
            document["not_unpacked"] = json!(children.refused);
        }
        let id = new_id()?;
        let families: Vec<String> = told
            .family
            .iter()
            .cloned()
            .chain(reputation.into_iter().flat_map(|told| told.families))
            .collect();
        Ok(NewAnalysis {
            id,
            created_at: Some(format!("{}Z", micro_time(now))),
            created_us: now.millis().saturating_mul(1000),
            file_name: Some(file.name.to_owned()),
            size_bytes: Some(file.bytes.len() as i64),
            md5: Some(facts.hashes.md5.clone()),
            sha1: Some(facts.hashes.sha1.clone()),
            sha256: Some(facts.hashes.sha256.clone()),
            hint: Some(file.hint.to_owned()),
            model: Some(file.model.to_owned()),
            families,
            words: words(&facts, &told),
            document: document.to_string(),
        })
    }

    /// What the file itself says, and what code of it is known.
    fn evidence(&self, file: &Uploaded<'_>, now: Timestamp, until: Option<Instant>) -> Evidence {
        let left = until.map_or(DISASSEMBLY_TIME, |until| until.saturating_duration_since(Instant::now()));
        let mut without_code = if !file.similarity {
            Some(SKIPPED)
        } else if left.is_zero() {
            Some(TOO_LATE)
        } else {
            None
        };
        let started = Instant::now();
        let time = DISASSEMBLY_TIME.min(left);
        // Held until the report is gone.
        let mut memory = None;
        if without_code.is_none() && has_code(file) {
            memory = room::take(file.bytes.len(), time, &|| true);
            without_code = memory.is_none().then_some(CROWDED);
        }
        let time = time.saturating_sub(started.elapsed());
        let report = memory.as_ref().and_then(|_| self.report_of(file, time));
        let allowance = Allowance::time(EXAMINATION_TIME);
        let mut facts = timed(Stage::Examine, || {
            within(allowance, file.bytes.len(), &|| true, |budget| {
                let now = Some(now.millis() / 1000);
                let (report, rules) = (report.as_ref(), self.rules.as_ref());
                examine(file.bytes, &Options { report, now, rules, budget: Some(budget) })
            })
        });
        // Rules run in memory: their time is all that can end them.
        if facts.unread.iter().any(|part| part.starts_with("yara: ")) {
            note_ended(Budget::Time);
        }
        if let Some(report) = report.as_ref().filter(|report| report.status == Status::Timeout) {
            let (seconds, count) = (report.execution_time.unwrap_or_default(), report.functions.len());
            let part =
                format!("code: stopped after {seconds:.1} s with {count} functions: {}", report.message);
            facts.unread.push(part.trim_end_matches([' ', ':']).to_owned());
        }
        let kinship = report.and_then(|report| self.kinship(report));
        drop(memory);
        Evidence { facts, kinship, without_code }
    }

    /// Looks at what an archive holds. Nested archives are opened on the way, so that children have none of their own.
    fn children(&self, file: &Uploaded<'_>, inside: &mut Vec<NewAnalysis>) -> Result<Children, ServiceError> {
        if !archive::is_archive(malkin_triage::kind::kind(file.bytes)) {
            return Ok(Children::default());
        }
        // Held until the members are gone.
        let Some(_memory) = room::take_for_archive(file.bytes.len(), ARCHIVE_TIME) else {
            return Ok(Children { listed: Vec::new(), refused: vec![NOT_OPENED.to_owned()] });
        };
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let guest = Guest { size: file.bytes.len(), inside: false };
        let unpacked = self.limits.seated(cores, guest, || {
            within(Allowance::time(ARCHIVE_TIME), file.bytes.len(), &|| true, |budget| {
                archive::unpack(file.bytes, budget)
            })
        });
        let until = Instant::now() + ARCHIVE_TIME;
        let examine = |member: &archive::Member| {
            let child = Uploaded {
                bytes: &member.bytes,
                name: &member.path,
                hint: file.name,
                model: file.model,
                similarity: file.similarity,
            };
            self.record_of(&child, &sha256_of(&child), Place::Inside(until))
        };
        let records = in_parallel(&unpacked.members, examine);
        let mut listed = Vec::new();
        for (member, record) in unpacked.members.iter().zip(records) {
            let record = record?;
            let told: Value = serde_json::from_str(&record.document).unwrap_or_default();
            listed.push(json!({
                "id": record.id, "path": member.path, "size": member.bytes.len(), "sha256": record.sha256,
                "level": told["verdict"]["level"], "score": told["verdict"]["score"],
            }));
            inside.push(record);
        }
        Ok(Children { listed, refused: unpacked.refused })
    }

    /// The disassembly of a file that has code.
    fn report_of(&self, file: &Uploaded<'_>, time: Duration) -> Option<Report> {
        let options = DisassemblyOptions { time, ..DisassemblyOptions::file(file.name) };
        let parts = (file.bytes.len() / (64 << 10)) as u32;
        let processor = LEAST_DISASSEMBLY_TIME.saturating_mul(parts.saturating_add(1)).min(time);
        let allowance = Allowance { processor, ..Allowance::time(time) };
        let limits = Limits::within_memory(allowance.memory);
        timed(Stage::Disassemble, || {
            disassemble_allowed(file.bytes, &options, limits, allowance, self.corpus.clock(), &|| true)
        })
        .ok()
    }

    /// What code a file shares with the corpus, in short and as the record shows it. The file is not stored as a sample.
    fn kinship(&self, report: Report) -> Option<(Kinship, Value)> {
        let num_functions = report.functions.len() as u64;
        let bytes = questions::query(&self.corpus, report, &MatchArguments::none()).ok()?;
        let result = malkin_wire::matching_result_from_json(&bytes).ok()?;
        let evidence = attribute(&result, MAX_STRONGEST);
        let own = (evidence.own_bytes - evidence.library_bytes).max(1.0);
        let is_library = |family| {
            result.samples.iter().filter(|sample| sample.family_id == family).all(|sample| sample.is_library)
        };
        let families: Vec<FamilyKinship> = evidence
            .families
            .iter()
            .take(MAX_FAMILIES)
            .map(|family| FamilyKinship {
                family: family.family.clone(),
                percent: (family.bytes / own * 10_000.0).round() / 100.0,
                unique_functions: family.unique_functions,
                is_library: is_library(family.family_id),
            })
            .collect();
        let num_matched =
            result.functions.iter().filter(|function| !function.matches.is_empty()).count() as u64;
        let kinship =
            Kinship { num_functions, num_matched, num_library: evidence.library_functions, families };
        let mut told = json!(kinship);
        told["confidence"] = json!(evidence.confidence);
        for (family, told) in
            evidence.families.iter().zip(told["families"].as_array_mut().into_iter().flatten())
        {
            let strongest = family.strongest.iter().map(|one| {
                json!({"offset": one.offset.get(), "num_bytes": one.num_bytes, "score": one.found.score.get(),
                       "sample_id": one.found.sample_id.get(), "function_id": one.found.function_id.get()})
            });
            told["strongest"] = strongest.collect();
            told["samples"] = json!(family.num_samples);
        }
        Some((kinship, told))
    }

    /// Asks all providers about a hash: the answer of `POST /ti/hash`. `hash` is returned as it was given.
    pub fn look_up(&self, hash: &str, kind: HashKind) -> Value {
        self.records(hash, kind)
    }

    fn records(&self, hash: &str, kind: HashKind) -> Value {
        let records =
            timed(Stage::LookUp, || self.fetcher.look_up(self.corpus.store(), self.corpus.now(), hash, kind));
        let shown = |record: &Record| (record.provider.as_str().to_owned(), record.shown.clone());
        json!({
            "hash": hash,
            "providers": records.iter().map(shown).collect::<serde_json::Map<_, _>>(),
            "summary": summary(hash, kind, &records),
        })
    }

    /// Takes over the records of the original service's database; returns how many were new and how many were left out.
    pub fn import_analyses(&self, path: &std::path::Path) -> Result<(u64, u64), StoreError> {
        /// Records written in one transaction.
        const BATCH: usize = 500;
        let mut batch = Vec::with_capacity(BATCH);
        let mut added = 0;
        let left_out = malkin_store::read_original_analyses(path, |mut analysis| {
            analysis.created_us = analysis.created_at.as_deref().and_then(instant).unwrap_or(i64::MIN);
            batch.push(analysis);
            if batch.len() == BATCH {
                added += self.corpus.store().add_analyses(&batch)?;
                batch.clear();
            }
            Ok(())
        })?;
        added += self.corpus.store().add_analyses(&batch)?;
        Ok((added, left_out))
    }
}

/// Does something with all items, several at once, and returns the values in the order of the items. This thread takes part, so that
/// it is done even when the system gives no more threads.
fn in_parallel<T: Sync, V: Send>(items: &[T], work: impl Fn(&T) -> V + Sync) -> Vec<V> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        let more = MEMBERS_AT_ONCE.min(items.len()).saturating_sub(1);
        let threads: Vec<_> =
            (0..more).map_while(|_| std::thread::Builder::new().spawn_scoped(scope, take).ok()).collect();
        let mut done = take();
        for thread in threads {
            done.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, value)| value).collect()
}

/// Whether a file is of a kind that is disassembled.
fn has_code(file: &Uploaded<'_>) -> bool {
    matches!(malkin_triage::kind::kind(file.bytes), "pe" | "elf" | "macho")
}

/// A moment in microseconds since 1970: RFC 3339, a blank for the `T` and small letters taken, UTC without a zone.
pub fn instant(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_microsecond());
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

fn sha256_of(file: &Uploaded<'_>) -> String {
    crate::disassembly::hex(&<sha2::Sha256 as sha2::Digest>::digest(file.bytes))
}

fn new_id() -> Result<String, ServiceError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| ServiceError::Unanswerable(format!("no random numbers from the system: {error}")))?;
    Ok(crate::disassembly::hex(&random))
}

/// Hash of a file by its digits; `None` for any other text.
pub fn hash_kind(text: &str) -> Option<HashKind> {
    match malkin_intel::classify(text) {
        Kind::Hash(kind) => Some(kind),
        _ => None,
    }
}

/// What a text is that cannot be looked up: `url`, `ip`, `domain` or `unknown`.
pub fn kind_name(text: &str) -> &'static str {
    malkin_intel::classify(text).as_str()
}

#[cfg(test)]
mod tests;
