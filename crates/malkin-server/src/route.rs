//! Which path leads where: one table of patterns, verbs and handlers, and the rules of MCRIT's framework for reading a
//! path (`docs/reference/mcrit-api.md` 1.1).
//!
//! A table of our own rather than axum's router, because clients see what the framework does at the edges: one trailing
//! slash is ignored, integer segments take what Python's `int()` takes, anything else there is an unknown path, and 405
//! and OPTIONS answers list the verbs in a fixed order.

use axum::http::Method;

/// A segment of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// This text exactly.
    Is(&'static str),
    /// An integer in Python's notation.
    Int,
    /// Any text, the empty one between two slashes too.
    Text,
    /// The rest of the path, slashes included: for names that may have some. Only at the end of a pattern.
    Rest,
}

/// A segment of a path that matched [`Part::Int`] or [`Part::Text`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Segment {
    /// The number; values beyond 64 bits saturate, no record has such a number.
    Int(i64),
    /// The decoded text.
    Text(String),
}

/// One path with its verbs. Handlers of type `H` are chosen by verb; the verbs stand in alphabetical order.
#[derive(Debug)]
pub(crate) struct Route<H: 'static> {
    /// Segments of the path.
    pub(crate) pattern: &'static [Part],
    /// Verbs in alphabetical order with their handlers.
    pub(crate) verbs: &'static [(&'static str, H)],
}

/// What a request's path and verb lead to.
#[derive(Debug)]
pub(crate) enum Target<'a, H: 'static> {
    /// A route, its handler for the verb, and the values of the pattern's variable segments.
    Found(&'a Route<H>, &'a H, Vec<Segment>),
    /// The verb is OPTIONS: the verbs of the path.
    Options(String),
    /// The path exists, the verb does not: its verbs and OPTIONS.
    WrongVerb(String),
    /// No such path.
    Nothing,
}

/// Finds the target of a request. `path` is as it stands in the request line, still percent-encoded.
pub(crate) fn find<'a, H>(routes: &'a [Route<H>], method: &Method, path: &str) -> Target<'a, H> {
    // Escapes are undone before the path is taken apart, so that an escaped slash separates like any other.
    let decoded = percent_decode(path);
    let path = decoded.strip_suffix('/').unwrap_or(&decoded).trim_start_matches('/');
    let segments: Vec<&str> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    // Literal segments win over variable ones because their routes stand first in the table.
    let Some((route, values)) =
        routes.iter().find_map(|route| Some((route, matches(route.pattern, &segments)?)))
    else {
        return Target::Nothing;
    };
    let verbs: Vec<&str> = route.verbs.iter().map(|(verb, _)| *verb).collect();
    if let Some((_, handler)) = route.verbs.iter().find(|(verb, _)| *verb == method.as_str()) {
        Target::Found(route, handler, values)
    } else if method == Method::OPTIONS {
        Target::Options(verbs.join(", "))
    } else {
        Target::WrongVerb(format!("{}, OPTIONS", verbs.join(", ")))
    }
}

fn matches(pattern: &[Part], segments: &[&str]) -> Option<Vec<Segment>> {
    if let [front @ .., Part::Rest] = pattern {
        let (start, rest) = segments.split_at_checked(front.len()).filter(|(_, rest)| !rest.is_empty())?;
        let mut values = matches(front, start)?;
        values.push(Segment::Text(rest.join("/")));
        return Some(values);
    }
    if pattern.len() != segments.len() {
        return None;
    }
    let mut values = Vec::new();
    for (part, segment) in pattern.iter().zip(segments) {
        match part {
            Part::Is(text) if text == segment => {}
            Part::Is(_) => return None,
            Part::Int => values.push(Segment::Int(python_int(segment)?)),
            Part::Text | Part::Rest => values.push(Segment::Text((*segment).to_owned())),
        }
    }
    Some(values)
}

/// Reads an integer as Python's `int()` does, without surrounding blanks: optional sign, digits, single underscores
/// between digits. Values beyond 64 bits saturate.
pub(crate) fn python_int(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text).as_bytes();
    let mut value: i64 = 0;
    let mut after_digit = false;
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                value = value.saturating_mul(10);
                value = if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) };
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return None,
        }
    }
    after_digit.then_some(value)
}

/// Decodes `%xx`; anything that is not an escape stays, bytes that are no UTF-8 become replacement characters.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(|pair| {
            let text = std::str::from_utf8(pair).ok()?;
            pair.iter().all(u8::is_ascii_hexdigit).then(|| u8::from_str_radix(text, 16).ok()).flatten()
        });
        if let Some(byte) = escaped {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &[Route<u8>] = &[
        Route { pattern: &[], verbs: &[("GET", 0)] },
        Route { pattern: &[Part::Is("jobs")], verbs: &[("DELETE", 1), ("GET", 2)] },
        Route { pattern: &[Part::Is("jobs"), Part::Is("stats")], verbs: &[("GET", 3)] },
        Route { pattern: &[Part::Is("jobs"), Part::Text], verbs: &[("GET", 4)] },
        Route { pattern: &[Part::Is("samples"), Part::Int], verbs: &[("GET", 5)] },
        Route { pattern: &[Part::Is("tokens"), Part::Rest], verbs: &[("GET", 6)] },
    ];

    fn found(path: &str) -> Option<(u8, Vec<Segment>)> {
        match find(ROUTES, &Method::GET, path) {
            Target::Found(_, handler, values) => Some((*handler, values)),
            _ => None,
        }
    }

    #[test]
    fn paths_lead_to_handlers() {
        assert_eq!(found("/"), Some((0, vec![])));
        assert_eq!(found("/jobs"), Some((2, vec![])));
        assert_eq!(found("/jobs/"), Some((2, vec![])));
        assert_eq!(found("//jobs"), Some((2, vec![])));
        assert_eq!(found("/jobs/stats/"), Some((3, vec![])));
        for (path, name) in
            [("/tokens/a%2Fb", "a/b"), ("/tokens/a/b/", "a/b"), ("/tokens/%2Fa", "/a"), ("/tokens/a", "a")]
        {
            assert_eq!(found(path), Some((6, vec![Segment::Text(name.to_owned())])), "{path}");
        }
        assert_eq!(found("/tokens"), None);
        assert_eq!(found("/jobs/a%20b"), Some((4, vec![Segment::Text("a b".to_owned())])));
        assert_eq!(found("/samples/+0_0"), Some((5, vec![Segment::Int(0)])));
        assert_eq!(found("/samples/-5"), Some((5, vec![Segment::Int(-5)])));
        for path in ["///jobs", "/%2Fjobs", "/jobs%2F"] {
            assert_eq!(found(path), Some((2, vec![])), "{path}");
        }
        for path in ["/jobs//", "/jobs/%2F"] {
            assert_eq!(found(path), Some((4, vec![Segment::Text(String::new())])), "{path}");
        }
        for path in [
            "/Jobs",
            "/jobs/a%2Fb",
            "/jobs///",
            "/jobs/stats//",
            "/samples/abc",
            "/samples/0x10",
            "/samples/1.0",
            "/samples/",
            "/samples/%201",
            "/nope",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn verbs_are_told_in_order() {
        let allow = |method: Method| match find(ROUTES, &method, "/jobs") {
            Target::Options(allow) | Target::WrongVerb(allow) => allow,
            _ => String::new(),
        };
        assert_eq!(allow(Method::OPTIONS), "DELETE, GET");
        assert_eq!(allow(Method::PUT), "DELETE, GET, OPTIONS");
        assert_eq!(allow(Method::HEAD), "DELETE, GET, OPTIONS");
    }

    #[test]
    fn integers_are_read_as_python_reads_them() {
        for (text, value) in [("00", 0), ("-7", -7), ("1_000", 1000), ("99999999999999999999", i64::MAX)] {
            assert_eq!(python_int(text), Some(value), "{text}");
        }
        for text in ["", "-", "_1", "1_", "1__0", " 1", "1 ", "0x1", "1.0", "+-1"] {
            assert_eq!(python_int(text), None, "{text}");
        }
    }
}
