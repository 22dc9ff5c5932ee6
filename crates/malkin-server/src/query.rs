//! The query string: values by name, and MCRIT's rules for numbers and booleans in it (`docs/reference/mcrit-api.md` 1.1).

use serde_json::{Map, Value};

use crate::path::{percent_decode, python_int};

/// Decoded parameters in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the text after the question mark.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// The value of a parameter given exactly once. A repeated one is unusable, as in the reference.
    pub(crate) fn once(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        values.next().filter(|_| values.next().is_none())
    }

    /// The value of a parameter; of repeated ones the last counts, as in the triage API.
    pub(crate) fn last(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter occurs at all.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Names in order of their first appearance.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for (name, _) in &self.0 {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// The parameters as an object of texts, or of lists of texts where a name repeats: what a form decodes to.
    pub(crate) fn to_object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        for name in self.names() {
            let mut values: Vec<Value> = self
                .0
                .iter()
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.as_str().into())
                .collect();
            let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
            object.insert(name.to_owned(), value);
        }
        object
    }

    /// An integer, surrounding blanks allowed; anything else is as if the parameter were absent.
    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        python_int(self.once(name)?.trim())
    }

    /// True only for the text `true` in any case; surrounding blanks are ignored.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.once(name).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
    }

    /// True only for the text `false`, read likewise.
    pub(crate) fn is_false(&self, name: &str) -> bool {
        self.once(name).is_some_and(|text| text.trim().eq_ignore_ascii_case("false"))
    }
}

fn decode(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_repeated_ones_unusable() {
        let query = Query::parse("a=1&b=x+y%26z&c&a2=%20-3%20&d=1&d=2");
        assert_eq!(query.int("a"), Some(1));
        assert_eq!(query.once("b"), Some("x y&z"));
        assert_eq!(query.once("c"), Some(""));
        assert_eq!(query.int("a2"), Some(-3));
        assert_eq!(query.once("d"), None);
        assert!(query.has("d"));
        assert_eq!(query.names(), ["a", "b", "c", "a2", "d"]);
    }

    #[test]
    fn a_form_is_an_object_of_texts() {
        let form = Query::parse("version=a+b&x=1&x=2&blank").to_object();
        let expected = serde_json::json!({"version": "a b", "x": ["1", "2"], "blank": ""});
        assert_eq!(Value::Object(form), expected);
    }

    #[test]
    fn only_the_word_true_is_true() {
        for (text, value) in
            [("true", true), ("TRUE", true), (" True ", true), ("1", false), ("yes", false), ("", false)]
        {
            assert_eq!(
                Query::parse(&format!("x={}", text.replace(' ', "%20"))).is_true("x"),
                value,
                "{text:?}"
            );
        }
        assert!(!Query::default().is_true("x"));
    }
}
