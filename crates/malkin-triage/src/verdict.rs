//! A verdict that explains itself: points, each with the fact it rests on, and a level by their sum. What is not known gives no point in
//! either direction; without any opinion the level stays unknown. The table stands in `docs/triage.md`.

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::finding::FindingKind;

/// A family whose code was found in the file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct FamilyKinship {
    /// Its name.
    pub family: String,
    /// Share of the file's code that its best sample has, in percent, without library functions.
    pub percent: f64,
    /// Functions found in this family and in no other.
    pub unique_functions: u64,
    /// Whether its samples are libraries.
    pub is_library: bool,
}

/// What similarity says.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Kinship {
    /// Functions of the file that were compared.
    pub num_functions: u64,
    /// Functions found in any sample.
    pub num_matched: u64,
    /// Functions that only libraries have.
    pub num_library: u64,
    /// Families, best first.
    pub families: Vec<FamilyKinship>,
}

/// What threat intelligence says.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Reputation {
    /// Known as malicious, known as clean, or without opinion.
    pub known_malicious: Option<bool>,
    /// Names of families.
    pub families: Vec<String>,
    /// What the opinion rests on: provider and field.
    pub basis: Vec<String>,
}

/// Level of a verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Level {
    /// Nothing speaks for or against it.
    Unknown,
    /// Something clears it and little speaks against it.
    Low,
    /// Worth a look.
    Medium,
    /// Much speaks against it.
    High,
    /// Known as malicious, or sure by its code.
    Critical,
}

impl Level {
    /// Name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
            Self::Critical => "Critical",
        }
    }
}

/// One reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// Points; negative ones speak for the file.
    pub points: i32,
    /// In words.
    pub what: String,
    /// Where the fact stands in the record.
    pub fact: String,
}

/// A verdict.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// Level by score.
    pub level: Level,
    /// Sum of the points, held between 0 and 100.
    pub score: i32,
    /// The family it belongs to, if something says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Reasons, the weightiest first.
    pub reasons: Vec<Reason>,
}

/// Lowest score of each level.
const LEVELS: [(i32, Level); 4] =
    [(70, Level::Critical), (40, Level::High), (15, Level::Medium), (1, Level::Low)];

/// Points of a finding of a kind, and of all findings of that kind together at most.
fn points_of(kind: FindingKind) -> i32 {
    match kind {
        FindingKind::ForeignSignature => 15,
        FindingKind::Packer | FindingKind::HighEntropy | FindingKind::OddEntryPoint => 10,
        FindingKind::EmbeddedProgram | FindingKind::WritableCode => 5,
        FindingKind::FewImports | FindingKind::OddHeader => 4,
        FindingKind::TlsCallbacks | FindingKind::Overlay | FindingKind::OddTimestamp => 2,
    }
}

/// Points of capabilities by technique; all others give none, because every program has them.
const CAPABILITY_POINTS: [(&str, i32); 10] = [
    ("T1055.002", 12),
    ("T1055.012", 15),
    ("T1055.003", 12),
    ("T1055.004", 8),
    ("T1056.001", 8),
    ("T1003.001", 10),
    ("T1134.001", 6),
    ("T1486", 4),
    ("T1490", 8),
    ("T1105", 4),
];

/// Points of a YARA rule, and how many rules count: whoever writes rules decides what they mean, so that no number of them alone makes a
/// file critical.
const RULE_POINTS: i32 = 15;
const MAX_COUNTED_RULES: usize = 3;

/// Judges a file. `inside` is the worst of the files it holds, by its place in the record and its score.
pub fn verdict(
    facts: &Facts,
    kinship: Option<&Kinship>,
    reputation: Option<&Reputation>,
    inside: Option<(usize, i32)>,
) -> Verdict {
    let mut reasons = Vec::new();
    let mut add = |points: i32, what: String, fact: String| reasons.push(Reason { points, what, fact });
    let mut kinds: Vec<FindingKind> = Vec::new();
    for (at, finding) in facts.findings.iter().enumerate().filter(|(_, finding)| points_of(finding.kind) > 0)
    {
        // A second section of the same kind says nothing new.
        if !kinds.contains(&finding.kind) {
            kinds.push(finding.kind);
            add(points_of(finding.kind), finding.what.clone(), format!("facts.findings[{at}]"));
        }
    }
    for (at, capability) in facts.capabilities.iter().enumerate() {
        let points = CAPABILITY_POINTS.iter().find(|(technique, _)| *technique == capability.technique);
        if let Some((technique, points)) = points {
            add(*points, format!("{} ({technique})", capability.what), format!("facts.capabilities[{at}]"));
        }
    }
    for (at, hit) in facts.yara.iter().enumerate().take(MAX_COUNTED_RULES) {
        add(RULE_POINTS, format!("YARA rule {} of {}", hit.rule, hit.namespace), format!("facts.yara[{at}]"));
    }
    if let Some((at, score)) = inside.filter(|(_, score)| *score > 0) {
        add(score, format!("a file inside of it scores {score}"), format!("children[{at}]"));
    }
    let mut family = None;
    if let Some(kinship) = kinship {
        let best =
            kinship.families.iter().enumerate().find(|(_, kin)| !kin.is_library && !kin.family.is_empty());
        if let Some((at, kin)) = best.filter(|(_, kin)| kin.unique_functions > 0) {
            // Ten functions that only one family has, or half of the code, are as good as a name.
            let points =
                (kin.unique_functions.min(10) as i32 * 4 + kin.percent.clamp(0.0, 100.0) as i32 / 4).min(60);
            let what = format!(
                "{} functions found in {} alone, {:.0} % of the code beyond libraries",
                kin.unique_functions, kin.family, kin.percent
            );
            add(points, what, format!("kinship.families[{at}]"));
            family = Some(kin.family.clone());
        }
        if kinship.num_functions > 0 && kinship.num_library * 10 >= kinship.num_functions * 9 {
            add(
                -10,
                "nine tenths of its functions are library code".to_owned(),
                "kinship.num_library".to_owned(),
            );
        }
    }
    if let Some(reputation) = reputation {
        match reputation.known_malicious {
            Some(true) => {
                let what = format!("known as malicious: {}", reputation.basis.join(", "));
                add(70, what, "reputation.summary.known_malicious".to_owned());
                family = reputation.families.first().cloned().or(family);
            }
            Some(false) => {
                let what = format!("known, and nobody calls it malicious: {}", reputation.basis.join(", "));
                add(-20, what, "reputation.summary.known_malicious".to_owned());
            }
            None => {}
        }
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.points.abs()));
    let score = reasons.iter().map(|reason| reason.points).sum::<i32>().clamp(0, 100);
    let level = LEVELS.iter().find(|(lowest, _)| score >= *lowest).map(|(_, level)| *level);
    let is_cleared = reasons.iter().any(|reason| reason.points < 0);
    let level = level.unwrap_or(if is_cleared { Level::Low } else { Level::Unknown });
    Verdict { level, score, family, reasons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Finding;

    #[test]
    fn nothing_known_is_unknown_and_every_point_names_its_fact() {
        assert_eq!(verdict(&Facts::default(), None, None, None).level, Level::Unknown);
        let mut facts = Facts::default();
        let finding = Finding { kind: FindingKind::Packer, what: "UPX".to_owned(), fact: "x".to_owned() };
        facts.findings = vec![finding.clone(), finding];
        let verdict = verdict(&facts, None, None, None);
        assert_eq!((verdict.score, verdict.level), (10, Level::Low));
        assert_eq!(verdict.reasons[0].fact, "facts.findings[0]");
    }

    #[test]
    fn kinship_and_reputation_outweigh_oddities() {
        let kin =
            FamilyKinship { family: "x".to_owned(), percent: 80.0, unique_functions: 25, is_library: false };
        let kinship = Kinship { num_functions: 100, num_matched: 80, num_library: 5, families: vec![kin] };
        let by_code = verdict(&Facts::default(), Some(&kinship), None, None);
        assert_eq!((by_code.level, by_code.family.as_deref()), (Level::High, Some("x")));
        let bad =
            Reputation { known_malicious: Some(true), families: vec!["emotet".to_owned()], basis: vec![] };
        let by_name = verdict(&Facts::default(), None, Some(&bad), None);
        assert_eq!((by_name.level, by_name.family.as_deref()), (Level::Critical, Some("emotet")));
        let good = Reputation { known_malicious: Some(false), ..Reputation::default() };
        assert_eq!(verdict(&Facts::default(), None, Some(&good), None).level, Level::Low);
    }
}
