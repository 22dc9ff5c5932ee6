//! A scanner that splits a stream of JSON into the pieces a caller wants to look at, without holding the rest.
//!
//! It finds where values end (brackets and strings); whether a piece is well-formed is for whoever reads the piece.

use std::io::Read;

use crate::mcrit::McritError;

/// Bytes read at a time: enough that the cost of a call does not show, little enough to stay in the cache.
const CHUNK: usize = 64 << 10;

/// Reads a stream from its start.
pub(super) struct Scanner<R> {
    source: R,
    chunk: Vec<u8>,
    /// Next byte in `chunk`.
    at: usize,
    /// Bytes of the stream before `chunk`.
    before: u64,
}

impl<R: Read> Scanner<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, chunk: Vec::with_capacity(CHUNK), at: 0, before: 0 }
    }

    /// Bytes read so far.
    pub(super) fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    pub(super) fn fault(&self, message: &'static str) -> McritError {
        McritError::Syntax { offset: self.offset(), message }
    }

    /// What is left of the chunk, after getting a new one if nothing is. Empty at the end of the stream.
    fn rest(&mut self) -> Result<&[u8], McritError> {
        if self.at == self.chunk.len() {
            self.before += self.chunk.len() as u64;
            self.chunk.clear();
            self.at = 0;
            self.source.by_ref().take(CHUNK as u64).read_to_end(&mut self.chunk)?;
        }
        Ok(&self.chunk[self.at..])
    }

    /// The next byte that is not white space, without taking it.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, McritError> {
        loop {
            let rest = self.rest()?;
            if rest.is_empty() {
                return Ok(None);
            }
            let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            let next = rest.get(blanks).copied();
            self.at += blanks;
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    fn expect(&mut self, byte: u8, message: &'static str) -> Result<(), McritError> {
        if self.peek()? != Some(byte) {
            return Err(self.fault(message));
        }
        self.at += 1;
        Ok(())
    }

    /// Walks over an object. `each` is called behind the colon of every key and has to take the value.
    pub(super) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, String) -> Result<(), McritError>,
    ) -> Result<(), McritError> {
        self.expect(b'{', "expected an object")?;
        if self.peek()? == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek()? != Some(b'"') {
                return Err(self.fault("expected a key"));
            }
            let mut key = Vec::new();
            // Keys are hashes of 64 digits and numbers; the limit only keeps a file without quotes from being held as one key.
            self.value(Some(&mut key), 1 << 16)?;
            let key = serde_json::from_slice(&key).map_err(|_| self.fault("expected a key"))?;
            self.expect(b':', "expected a colon")?;
            each(self, key)?;
            match self.peek()? {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.fault("expected a comma or the end of an object")),
            }
        }
    }

    /// Takes a value of at most `limit` bytes, keeping its text in `keep` if that is wanted. White space before it is
    /// dropped. Answers where the text begins and its length.
    pub(super) fn value(&mut self, keep: Option<&mut Vec<u8>>, limit: usize) -> Result<Span, McritError> {
        let first = self.peek()?.ok_or_else(|| self.fault("the file ends within a value"))?;
        let start = self.offset();
        let mut state = State { depth: 0, place: Place::Between };
        let mut keep = keep;
        loop {
            let rest = self.rest()?;
            if rest.is_empty() {
                // A number may end with the file; that the file is an object makes this an error anyway.
                return Err(self.fault("the file ends within a value"));
            }
            let (taken, is_done) = state.advance(rest, first);
            if let Some(keep) = &mut keep {
                keep.extend_from_slice(&rest[..taken]);
            }
            self.at += taken;
            let length = self.offset() - start;
            if length > limit as u64 {
                return Err(McritError::Limit("a value of the file is too large"));
            }
            if is_done {
                return Ok(Span { start, length });
            }
        }
    }
}

/// Where a value lies in the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) length: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not in a string.
    Between,
    /// In a string.
    String,
    /// In a string, behind a backslash.
    Escape,
}

/// How far a value has been followed. Chunks end anywhere, in the middle of an escape too, so the state outlives them.
struct State {
    depth: u64,
    place: Place,
}

impl State {
    /// Takes bytes up to the end of the value or of the chunk. Answers how many, and whether the value ends there.
    fn advance(&mut self, chunk: &[u8], first: u8) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            match self.place {
                Place::Escape => {
                    self.place = Place::String;
                    at += 1;
                }
                Place::String => {
                    let Some(found) = memchr::memchr2(b'"', b'\\', &chunk[at..]) else {
                        return (chunk.len(), false);
                    };
                    at += found + 1;
                    self.place = if chunk[at - 1] == b'"' { Place::Between } else { Place::Escape };
                    if self.place == Place::Between && self.depth == 0 {
                        return (at, true);
                    }
                }
                Place::Between => {
                    match byte {
                        b'"' => self.place = Place::String,
                        b'{' | b'[' => self.depth += 1,
                        b'}' | b']' if self.depth > 0 => {
                            self.depth -= 1;
                            if self.depth == 0 {
                                return (at + 1, true);
                            }
                        }
                        // A number or word ends before what cannot be part of it.
                        b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => {
                            debug_assert!(
                                !matches!(first, b'{' | b'[' | b'"'),
                                "those end with their own mark"
                            );
                            return (at, true);
                        }
                        _ => {}
                    }
                    at += 1;
                }
            }
        }
        (chunk.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes one by one, so that every state is met at the end of a chunk.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            let Some(place) = buffer.first_mut() else { return Ok(0) };
            (*place, self.0) = (*first, rest);
            Ok(1)
        }
    }

    fn pieces(text: &str) -> Result<Vec<(String, String)>, McritError> {
        let mut pieces = Vec::new();
        Scanner::new(Trickle(text.as_bytes())).object(|scanner, key| {
            let mut piece = Vec::new();
            let span = scanner.value(Some(&mut piece), 100)?;
            assert_eq!(&text.as_bytes()[span.start as usize..][..span.length as usize], piece);
            pieces.push((key, String::from_utf8(piece).unwrap()));
            Ok(())
        })?;
        Ok(pieces)
    }

    #[test]
    fn objects_fall_into_keys_and_pieces() {
        let text = r#" { "a" : {"x":[1,{"}":"\"]\\"}]} , "b\n":-1.5e3,"c": "t]\"" ,"d":null} "#;
        let found = pieces(text).unwrap();
        let expected =
            [("a", r#"{"x":[1,{"}":"\"]\\"}]}"#), ("b\n", "-1.5e3"), ("c", r#""t]\"""#), ("d", "null")];
        assert_eq!(found, expected.map(|(key, piece)| (key.to_owned(), piece.to_owned())));
        assert_eq!(pieces("{}").unwrap(), []);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "{\"a\":1 2}",
            "{\"a\":[",
            "{\"a\":\"",
            "{\"a\\ud800\":1}",
        ] {
            let refused = pieces(text);
            assert!(matches!(refused, Err(McritError::Syntax { .. })), "{text:?}: {refused:?}");
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(101));
        assert!(matches!(pieces(&long), Err(McritError::Limit(_))));
    }
}
