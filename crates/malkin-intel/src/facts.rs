//! What one provider's record says, in common terms. Every field is checked for its type; text that is not text, numbers that are
//! none and lists beyond their bound are left out.

use serde_json::Value;

use crate::provider::Provider;
use crate::record::{Record, Status};

/// Most items that are taken from one list.
const MAX_ITEMS: usize = 100;
/// Longest text that is taken, in characters.
const MAX_TEXT: usize = 300;

/// Opinion on a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opinion {
    /// Malicious.
    Malicious,
    /// Suspicious.
    Suspicious,
    /// Clean.
    Clean,
}

impl Opinion {
    /// Name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malicious => "malicious",
            Self::Suspicious => "suspicious",
            Self::Clean => "clean",
        }
    }
}

/// What a record says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// The provider's opinion with the field it rests on.
    pub opinion: Option<(Opinion, String)>,
    /// Labels as stated.
    pub labels: Vec<String>,
    /// Names of families as stated.
    pub families: Vec<String>,
    /// Descriptive tags.
    pub tags: Vec<String>,
    /// Titles of reports about it.
    pub pulses: Vec<String>,
    /// Names of the file.
    pub names: Vec<String>,
    /// Type of the file in words.
    pub file_type: Option<String>,
    /// Moments of the first and last sighting, RFC 3339.
    pub first_seen: Option<String>,
    /// See [`Facts::first_seen`].
    pub last_seen: Option<String>,
    /// Other hashes by name: md5, sha1, sha256, ssdeep, tlsh, imphash and the like.
    pub hashes: Vec<(&'static str, String)>,
    /// ATT&CK techniques.
    pub techniques: Vec<String>,
}

/// Reads a record; nothing unless it was found.
pub fn facts(record: &Record) -> Facts {
    if record.status != Status::Found {
        return Facts::default();
    }
    match record.provider {
        Provider::VirusTotal => virustotal(&record.shown["data"]["attributes"]),
        Provider::HybridAnalysis => hybrid_analysis(record.shown.get(0).unwrap_or(&record.shown)),
        Provider::MalwareBazaar => malware_bazaar(&record.shown["data"][0]),
        Provider::Otx => otx(&record.shown),
    }
}

fn virustotal(attributes: &Value) -> Facts {
    let stats = &attributes["last_analysis_stats"];
    let counted = |name: &str| stats[name].as_u64();
    let opinion = match (counted("malicious"), counted("suspicious")) {
        (Some(count), _) if count > 0 => {
            Some((Opinion::Malicious, format!("last_analysis_stats.malicious = {count}")))
        }
        (Some(_), Some(count)) if count > 0 => {
            Some((Opinion::Suspicious, format!("last_analysis_stats.suspicious = {count}")))
        }
        (Some(_), _) => Some((Opinion::Clean, "last_analysis_stats.malicious = 0".to_owned())),
        (None, _) => None,
    };
    let class = &attributes["popular_threat_classification"];
    let mut families: Vec<String> = text(&class["suggested_threat_label"]).into_iter().collect();
    families.extend(items(&class["popular_threat_name"]).filter_map(|name| text(&name["value"])));
    Facts {
        opinion,
        labels: families.clone(),
        families,
        tags: texts(&attributes["tags"]),
        names: text(&attributes["meaningful_name"]).into_iter().chain(texts(&attributes["names"])).collect(),
        file_type: text(&attributes["type_description"]),
        first_seen: seconds(&attributes["first_submission_date"]),
        last_seen: seconds(&attributes["last_submission_date"]),
        hashes: hashes(
            attributes,
            &[
                ("md5", "md5"),
                ("sha1", "sha1"),
                ("sha256", "sha256"),
                ("ssdeep", "ssdeep"),
                ("tlsh", "tlsh"),
                ("vhash", "vhash"),
                ("authentihash", "authentihash"),
            ],
        )
        .chain(text(&attributes["pe_info"]["imphash"]).map(|hash| ("imphash", hash)))
        .collect(),
        ..Facts::default()
    }
}

fn hybrid_analysis(record: &Value) -> Facts {
    let verdict = text(&record["verdict"]);
    let opinion = verdict.as_deref().and_then(|verdict| {
        let opinion = match verdict {
            "malicious" => Opinion::Malicious,
            "suspicious" => Opinion::Suspicious,
            "no specific threat" | "whitelisted" => Opinion::Clean,
            _ => return None,
        };
        Some((opinion, format!("verdict = {verdict}")))
    });
    let families: Vec<String> = text(&record["vx_family"]).into_iter().collect();
    Facts {
        opinion,
        labels: families.clone(),
        families,
        tags: texts(&record["tags"]),
        names: text(&record["last_file_name"]).into_iter().chain(texts(&record["other_file_name"])).collect(),
        file_type: text(&record["type"]),
        last_seen: moment(&record["last_multi_scan"]).or_else(|| moment(&record["analysis_start_time"])),
        hashes: hashes(record, &[("sha256", "sha256")]).collect(),
        ..Facts::default()
    }
}

fn malware_bazaar(record: &Value) -> Facts {
    if !record.is_object() {
        return Facts::default();
    }
    let families: Vec<String> = text(&record["signature"]).into_iter().collect();
    Facts {
        opinion: Some((Opinion::Malicious, "a record of MalwareBazaar".to_owned())),
        labels: families.clone(),
        families,
        tags: texts(&record["tags"]),
        names: text(&record["file_name"]).into_iter().collect(),
        file_type: text(&record["file_type"]),
        first_seen: moment(&record["first_seen"]),
        last_seen: moment(&record["last_seen"]),
        hashes: hashes(
            record,
            &[
                ("md5", "md5_hash"),
                ("sha1", "sha1_hash"),
                ("sha256", "sha256_hash"),
                ("sha3_384", "sha3_384_hash"),
                ("imphash", "imphash"),
                ("tlsh", "tlsh"),
                ("ssdeep", "ssdeep"),
            ],
        )
        .collect(),
        ..Facts::default()
    }
}

fn otx(record: &Value) -> Facts {
    let pulses: Vec<&Value> = items(&record["pulse_info"]["pulses"]).collect();
    let of_pulses = |list: &'static str, member: &'static str| {
        pulses
            .iter()
            .flat_map(move |pulse| items(&pulse[list]))
            .filter_map(move |item| text(item).or_else(|| text(&item[member])))
    };
    let mut families: Vec<String> = of_pulses("malware_families", "display_name").collect();
    for origin in ["alienvault", "other"] {
        families.extend(texts(&record["pulse_info"]["related"][origin]["malware_families"]));
    }
    families.sort();
    families.dedup();
    families.truncate(MAX_ITEMS);
    Facts {
        labels: families.clone(),
        families,
        tags: of_pulses("tags", "name").take(MAX_ITEMS).collect(),
        pulses: pulses.iter().filter_map(|pulse| text(&pulse["name"])).collect(),
        first_seen: pulses.iter().filter_map(|pulse| moment(&pulse["created"])).min(),
        last_seen: pulses.iter().filter_map(|pulse| moment(&pulse["modified"])).max(),
        techniques: of_pulses("attack_ids", "id").take(MAX_ITEMS).collect(),
        ..Facts::default()
    }
}

fn hashes<'a>(
    record: &'a Value,
    fields: &'a [(&'static str, &'static str)],
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    fields.iter().filter_map(|(name, field)| Some((*name, text(&record[*field])?)))
}

/// Items of a list, or nothing.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten().take(MAX_ITEMS)
}

/// A text that says something.
pub(crate) fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    (!text.is_empty()).then(|| text.chars().take(MAX_TEXT).collect())
}

/// The texts of a list.
fn texts(value: &Value) -> Vec<String> {
    items(value).filter_map(text).collect()
}

/// Seconds since 1970 as RFC 3339.
fn seconds(value: &Value) -> Option<String> {
    let seconds = value.as_i64()?;
    Some(jiff::Timestamp::from_second(seconds).ok()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// `YYYY-MM-DD HH:MM:SS`, ISO without zone or with one, as RFC 3339; without zone it is UTC.
fn moment(value: &Value) -> Option<String> {
    let text = text(value)?;
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil: jiff::civil::DateTime = text.trim_end_matches(" UTC").parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_types_are_left_out() {
        let attributes = json!({"tags": "peexe", "last_analysis_stats": {"malicious": "7"}, "names": [1, null, "a"],
            "first_submission_date": 1e300, "md5": ["x"]});
        let facts = virustotal(&attributes);
        assert_eq!(facts, Facts { names: vec!["a".to_owned()], ..Facts::default() });
        assert_eq!(malware_bazaar(&json!(null)), Facts::default());
    }

    #[test]
    fn times_of_three_forms_become_one() {
        assert_eq!(seconds(&json!(1_700_000_000)).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(moment(&json!("2023-11-14 22:13:20")).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(moment(&json!("2023-11-14T22:13:20.123456")).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(moment(&json!("2023-11-15T00:13:20+02:00")).as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(moment(&json!("yesterday")), None);
    }
}
