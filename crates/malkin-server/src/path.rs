//! How paths are read: patterns, their segments, percent escapes, and integers in Python's notation
//! (`docs/reference/mcrit-api.md` 1.1).
//!
//! Not here: which operation a path belongs to (`router`).

/// A segment of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// This text exactly.
    Is(&'static str),
    /// An integer in Python's notation; anything else there is an unknown path.
    Int,
    /// Any text, the empty one between two slashes too.
    Text,
    /// The rest of the path, slashes included: for names that may have some. Only at the end of a pattern.
    Rest,
}

impl Part {
    /// The text of a segment that is always the same.
    pub(crate) fn literal(self) -> Option<&'static str> {
        match self {
            Self::Is(text) => Some(text),
            Self::Int | Self::Text | Self::Rest => None,
        }
    }

    /// How little it matches: literal segments win over variable ones, integers over texts.
    pub(crate) fn literalness(self) -> u8 {
        match self {
            Self::Is(_) => 3,
            Self::Int => 2,
            Self::Text => 1,
            Self::Rest => 0,
        }
    }
}

/// A segment of a path that matched [`Part::Int`], [`Part::Text`] or [`Part::Rest`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Segment {
    /// The number; values beyond 64 bits saturate, no record has such a number.
    Int(i64),
    /// The decoded text.
    Text(String),
}

/// Reads a pattern: `/samples/{sample_id:int}`, `{ids}` for a text, `{name:rest}` for the rest of the path.
pub(crate) fn parse(pattern: &'static str) -> Vec<Part> {
    let segments = pattern.split('/').filter(|segment| !segment.is_empty());
    let part = |segment: &'static str| match segment.strip_prefix('{').and_then(|part| part.strip_suffix('}'))
    {
        None => Part::Is(segment),
        Some(name) if name.ends_with(":int") => Part::Int,
        Some(name) if name.ends_with(":rest") => Part::Rest,
        Some(_) => Part::Text,
    };
    segments.map(part).collect()
}

/// The values of the variable segments, if a path has this pattern.
pub(crate) fn matches(pattern: &[Part], segments: &[&str]) -> Option<Vec<Segment>> {
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

    fn values(pattern: &'static str, path: &[&str]) -> Option<Vec<Segment>> {
        matches(&parse(pattern), path)
    }

    #[test]
    fn patterns_are_read() {
        assert_eq!(parse("/"), []);
        assert_eq!(parse("/a/{b:int}/c/{d}"), [Part::Is("a"), Part::Int, Part::Is("c"), Part::Text]);
        assert_eq!(parse("/a/{b:rest}"), [Part::Is("a"), Part::Rest]);
    }

    #[test]
    fn segments_match() {
        let text = |text: &str| Segment::Text(text.to_owned());
        assert_eq!(values("/", &[]), Some(vec![]));
        assert_eq!(values("/a/{b:int}", &["a", "-5"]), Some(vec![Segment::Int(-5)]));
        assert_eq!(values("/a/{b:int}", &["a", "+0_0"]), Some(vec![Segment::Int(0)]));
        assert_eq!(values("/a/{b}", &["a", ""]), Some(vec![text("")]));
        assert_eq!(values("/a/{b:rest}", &["a", "b", "c"]), Some(vec![text("b/c")]));
        for path in
            [&["a"][..], &["a", "x"], &["a", "0x10"], &["a", "1.0"], &["a", ""], &["a", " 1"], &["A", "1"]]
        {
            assert_eq!(values("/a/{b:int}", path), None, "{path:?}");
        }
        assert_eq!(values("/a/{b:rest}", &["a"]), None);
    }

    #[test]
    fn escapes_are_undone() {
        for (text, decoded) in [
            ("a%20b", "a b"),
            ("%2F", "/"),
            ("%2f", "/"),
            ("%", "%"),
            ("%2", "%2"),
            ("%+1", "%+1"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(percent_decode(text), decoded, "{text}");
        }
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
