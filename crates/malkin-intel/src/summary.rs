//! All answers together. The three members that clients of the original service read keep the original's rules, with its defects
//! mended where that adds (`docs/reference/triage-api.md` D01 to D05, D25, D26); the others are ours.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::alias;
use crate::facts::{Facts, Opinion, facts, items, text};
use crate::kind::HashKind;
use crate::provider::Provider;
use crate::record::{Record, Status};

/// Most threat labels and references (the original's bound).
const MAX_LABELS: usize = 50;
/// VirusTotal tags and OTX pulses the original makes labels of.
const LABEL_TAGS: usize = 20;
const LABEL_PULSES: usize = 5;
/// Most items of our own lists.
const MAX_LIST: usize = 100;

/// Summarises the records of all providers for a hash (as it was asked for).
pub fn summary(hash: &str, kind: HashKind, records: &[Record]) -> Value {
    let all: Vec<(&Record, Facts)> = records.iter().map(|record| (record, facts(record))).collect();
    let opinions =
        || all.iter().filter_map(|(record, facts)| Some((record.provider, facts.opinion.as_ref()?)));
    let any = |wanted: Opinion| opinions().any(|(_, (opinion, _))| *opinion == wanted);
    let known_malicious = if any(Opinion::Malicious) {
        json!(true)
    } else if any(Opinion::Clean) && !any(Opinion::Suspicious) {
        json!(false)
    } else {
        Value::Null
    };
    let object = |pairs: Vec<(Provider, Value)>| -> Value {
        Value::Object(
            pairs.into_iter().map(|(provider, value)| (provider.as_str().to_owned(), value)).collect(),
        )
    };
    let verdicts = opinions()
        .map(|(provider, (opinion, basis))| (provider, json!({"verdict": opinion.as_str(), "basis": basis})))
        .collect();
    let lists = |pick: fn(&Facts) -> &Vec<String>| {
        sorted(all.iter().flat_map(|(_, facts)| pick(facts).iter().cloned()))
    };
    let families: BTreeSet<String> = all
        .iter()
        .flat_map(|(_, facts)| facts.families.iter())
        .filter_map(|label| alias::family(label))
        .collect();
    let mut hashes = Map::new();
    for (name, hash) in all.iter().flat_map(|(_, facts)| &facts.hashes) {
        hashes.entry(*name).or_insert_with(|| json!(hash));
    }
    json!({
        "known_malicious": known_malicious,
        "threat_labels": threat_labels(records),
        "references": references(hash, kind, records),
        "verdicts": object(verdicts),
        "status": object(records.iter().map(|record| (record.provider, json!(record.status.as_str()))).collect()),
        "families": families.into_iter().take(MAX_LIST).collect::<Vec<_>>(),
        "labels": lists(|facts| &facts.labels),
        "tags": lists(|facts| &facts.tags),
        "pulses": lists(|facts| &facts.pulses),
        "techniques": lists(|facts| &facts.techniques),
        "names": lists(|facts| &facts.names),
        "file_type": all.iter().find_map(|(_, facts)| facts.file_type.clone()),
        "first_seen": all.iter().filter_map(|(_, facts)| facts.first_seen.clone()).min(),
        "last_seen": all.iter().filter_map(|(_, facts)| facts.last_seen.clone()).max(),
        "hashes": hashes,
    })
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    texts.collect::<BTreeSet<_>>().into_iter().take(MAX_LIST).collect()
}

/// The labels of the original, with all it takes for one.
fn threat_labels(records: &[Record]) -> Vec<String> {
    let mut labels = BTreeSet::new();
    for record in records.iter().filter(|record| matches!(record.status, Status::Found | Status::NotFound)) {
        let shown = &record.shown;
        match record.provider {
            Provider::VirusTotal => {
                let tags = items(&shown["data"]["attributes"]["tags"]).filter_map(text);
                labels.extend(tags.take(LABEL_TAGS));
            }
            Provider::MalwareBazaar => labels.extend(text(&shown["data"][0]["signature"])),
            Provider::Otx => {
                let pulses = items(&shown["pulse_info"]["pulses"]).take(LABEL_PULSES);
                labels.extend(pulses.filter_map(|pulse| text(&pulse["name"])));
                labels.extend(text(&shown["base_indicator"]["description"]));
            }
            Provider::HybridAnalysis => {
                let first = shown.get(0).unwrap_or(shown);
                let score = || {
                    first["threat_score"].as_i64().filter(|score| *score != 0).map(|score| score.to_string())
                };
                labels.extend(text(&first["vx_family"]).or_else(|| text(&first["verdict"])).or_else(score));
            }
        }
    }
    labels.into_iter().take(MAX_LABELS).collect()
}

/// Pages a person can go on with: VirusTotal and OTX always, the others when they know the hash.
fn references(hash: &str, kind: HashKind, records: &[Record]) -> Vec<String> {
    let mut pages = BTreeSet::from([Provider::VirusTotal.page(hash), Provider::Otx.page(hash)]);
    for record in records.iter().filter(|record| record.status == Status::Found) {
        // Pages of these two are by SHA-256 only.
        let sha256 = (kind == HashKind::Sha256).then(|| hash.to_ascii_lowercase());
        let sha256 = sha256.or_else(|| text(&record.shown["data"][0]["sha256_hash"]));
        if let (Provider::HybridAnalysis | Provider::MalwareBazaar, Some(sha256)) = (record.provider, sha256)
        {
            pages.insert(record.provider.page(&sha256));
        }
    }
    pages.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Exchange;

    fn answer(provider: Provider, body: &Value) -> Record {
        let body = serde_json::to_vec(body).unwrap();
        Record::read(provider, "sha256", &Exchange::Answer { status: 200, body, retry_after: None })
    }

    fn silent(provider: Provider) -> Record {
        Record::read(provider, "sha256", &Exchange::NoKey)
    }

    #[test]
    fn one_accuser_is_enough_and_silence_is_no_verdict() {
        let hash = "ab".repeat(32);
        let clean = answer(
            Provider::VirusTotal,
            &json!({"data": {"attributes": {"last_analysis_stats": {"malicious": 0}, "tags": ["b", "a", 1]}}}),
        );
        let bazaar =
            answer(Provider::MalwareBazaar, &json!({"query_status": "ok", "data": [{"signature": "Heodo"}]}));
        let both = summary(&hash, HashKind::Sha256, &[clean.clone(), bazaar]);
        assert_eq!(both["known_malicious"], true);
        assert_eq!(both["threat_labels"], json!(["Heodo", "a", "b"]));
        assert_eq!(both["families"], json!(["emotet"]));
        assert_eq!(both["verdicts"]["virustotal"]["verdict"], "clean");
        assert_eq!(summary(&hash, HashKind::Sha256, &[clean])["known_malicious"], false);
        let nothing = summary(&hash, HashKind::Sha256, &[silent(Provider::Otx)]);
        assert_eq!(nothing["known_malicious"], Value::Null);
        assert_eq!(nothing["status"]["otx"], "no_key");
        assert_eq!(nothing["references"].as_array().unwrap().len(), 2);
    }
}
