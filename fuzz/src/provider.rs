//! Answers of threat-intelligence providers.

use malkin_intel::{Exchange, HashKind, Kind, Provider, Record, Status, facts, summary};

/// A text longer than this came from nowhere: names and labels are cut, hashes are texts as well.
const MAX_TEXT: usize = 300 * 4;
/// Most items of a list in a summary.
const MAX_LIST: usize = 100;

/// An answer of one provider: it is read whatever it is, nothing but a good answer counts as one, and what is made of it is
/// bounded. The first byte says with which status it came.
pub fn answer(provider: Provider, data: &[u8]) {
    let (first, body) = data.split_first().unwrap_or((&0, &[]));
    let status = match first % 8 {
        0..=4 => 200,
        5 => 404,
        6 => 429,
        _ => 500,
    };
    let kind = [HashKind::Md5, HashKind::Sha1, HashKind::Sha256][usize::from(first / 8 % 3)];
    let exchange = Exchange::Answer { status, body: body.to_vec(), retry_after: None };
    let record = Record::read(provider, Kind::Hash(kind).as_str(), &exchange);
    assert!(record.status != Status::Found || status == 200);
    let told = facts::facts(&record);
    if record.status != Status::Found {
        assert_eq!(told, facts::Facts::default());
    }
    let summary = summary(&"7e".repeat(32), kind, &[record]);
    for (name, member) in summary.as_object().expect("a summary has members") {
        let items = member.as_array().into_iter().flatten();
        assert!(items.clone().count() <= MAX_LIST, "{name}");
        assert!(items.filter_map(|item| item.as_str()).all(|text| text.len() <= MAX_TEXT), "{name}");
    }
}
