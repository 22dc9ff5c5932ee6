//! The record of a file as JSON, and what it can be found by.
//!
//! First come the members that clients of the original service read, filled from the same evidence as the rest.

use malkin_triage::{Facts, Kinship, Reputation, Verdict, ioc};
use serde_json::{Value, json};

use super::Uploaded;

/// Words of one record that it can be found by.
const MAX_WORDS: usize = 500;
/// What a record says of similarity that was not wanted.
pub(super) const SKIPPED: &str = "skipped, as asked";
/// What it says of similarity that there was no time for.
pub(super) const TOO_LATE: &str = "skipped, because the time for the archive was used up";
/// What it says when other disassemblies used the memory for all the time there was.
pub(super) const CROWDED: &str = "skipped, because other files used the memory for disassemblies";

pub(super) fn was_without_similarity(document: &str) -> bool {
    serde_json::from_str::<Value>(document).is_ok_and(|document| {
        [SKIPPED, TOO_LATE, CROWDED].iter().any(|cause| document["similarity"] == *cause)
    })
}

/// Whether a stored text is a report that an upload can be answered with.
pub(super) fn is_report(document: &str) -> bool {
    match serde_json::from_str(document) {
        Ok(Value::Object(report)) => !report.is_empty(),
        Ok(Value::Array(report)) => !report.is_empty(),
        Ok(Value::String(report)) => !report.is_empty(),
        _ => false,
    }
}

pub(super) fn reputation(summary: &Value) -> Reputation {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let basis = summary["verdicts"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(provider, told)| Some(format!("{provider} ({})", told["basis"].as_str()?)));
    Reputation {
        known_malicious: summary["known_malicious"].as_bool(),
        families: texts(&summary["families"]),
        basis: basis.collect(),
    }
}

/// Words a record is found by beside its columns.
pub(super) fn words(facts: &Facts, told: &Verdict) -> Vec<String> {
    let indicators = facts.indicators.iter().map(|indicator| indicator.value.clone());
    let findings = facts.findings.iter().map(|finding| finding.what.clone());
    let techniques = facts.capabilities.iter().map(|capability| capability.technique.clone());
    let start = [facts.kind.clone(), told.level.as_str().to_owned()];
    start.into_iter().chain(techniques).chain(findings).chain(indicators).take(MAX_WORDS).collect()
}

/// The record. The first members are those of the original service's reports.
pub(super) fn document(
    file: &Uploaded<'_>,
    facts: &Facts,
    kinship: Option<&(Kinship, Value)>,
    lookup: Option<&Value>,
    told: &Verdict,
) -> Value {
    let of_kinds = |kinds: &[ioc::Kind]| -> Vec<&str> {
        facts
            .indicators
            .iter()
            .filter(|one| kinds.contains(&one.kind))
            .map(|one| one.value.as_str())
            .collect()
    };
    let hashes = [&facts.hashes.md5, &facts.hashes.sha1, &facts.hashes.sha256];
    let imports: std::collections::BTreeSet<&String> =
        facts.capabilities.iter().flat_map(|capability| &capability.apis).collect();
    let category = told.family.clone().unwrap_or_else(|| "Unknown".to_owned());
    let confidence = match told.score {
        70.. => "High",
        30.. => "Medium",
        _ => "Low",
    };
    json!({
        "summary": {
            "overall_risk_level": told.level.as_str(),
            "score": told.score,
            "most_likely_family_or_category": [category],
            "confidence": confidence,
            "file_type": facts.kind,
        },
        "key_indicators": told.reasons.iter().map(|reason| &reason.what).collect::<Vec<_>>(),
        "technical_analysis": {
            "high_signal_features": {"imports": imports},
            "findings": facts.findings.iter().map(|finding| &finding.what).collect::<Vec<_>>(),
        },
        "mitre_attack": facts.capabilities.iter().map(|capability| json!({
            "technique_id": capability.technique, "description": capability.what, "evidence": capability.apis,
        })).collect::<Vec<_>>(),
        "ioc_inventory": {
            "hashes": hashes,
            "domains": of_kinds(&[ioc::Kind::Domain]),
            "ips": of_kinds(&[ioc::Kind::Ipv4, ioc::Kind::Ipv6]),
            "urls": of_kinds(&[ioc::Kind::Url]),
            "emails": of_kinds(&[ioc::Kind::Email]),
            "registry_keys": of_kinds(&[ioc::Kind::RegistryKey]),
            "mutexes": of_kinds(&[ioc::Kind::Mutex]),
            "paths": of_kinds(&[ioc::Kind::Path]),
            "wallets": of_kinds(&[ioc::Kind::BitcoinAddress, ioc::Kind::EthereumAddress]),
        },
        "file": {"name": file.name, "hint": file.hint, "size": facts.size},
        "verdict": told,
        "facts": facts,
        "kinship": kinship.map(|(_, told)| told),
        "reputation": lookup,
    })
}
