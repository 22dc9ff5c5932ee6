//! Rust source to tokens, so that rules look at code and not at words in comments and strings. Lifetimes, raw strings and nested comments are
//! understood; numbers are coarse. Not a parser: whatever it is given, it gives tokens back.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Identifier or keyword, without `r#`.
    Word,
    /// String, byte string or C string; the text is what stands between the quotes, unescaped.
    Text,
    /// Character, byte or number.
    Literal,
    /// One punctuation character.
    Mark,
}

/// A piece of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Line of its first character, from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }
}

/// A comment, with its slashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Comment<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// Splits a source into its tokens and its comments.
pub(super) fn split(source: &str) -> (Vec<Token<'_>>, Vec<Comment<'_>>) {
    let mut lexer = Lexer { source, at: 0, line: 1, tokens: Vec::new(), comments: Vec::new() };
    while lexer.step() {}
    (lexer.tokens, lexer.comments)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
    comments: Vec<Comment<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Takes `length` bytes off the front and counts their lines.
    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.at += length;
        self.line += taken.matches('\n').count();
        taken
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let line = self.line;
        let text = self.take(length);
        self.tokens.push(Token { kind, text, line });
    }

    fn step(&mut self) -> bool {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.take(first.len_utf8());
        } else if rest.starts_with("//") {
            let line = self.line;
            let text = self.take(rest.find('\n').unwrap_or(rest.len()));
            self.comments.push(Comment { text, line });
        } else if rest.starts_with("/*") {
            let line = self.line;
            let text = self.take(block_comment(rest));
            self.comments.push(Comment { text, line });
        } else if let Some((before, hashes)) = string_start(rest) {
            self.string(before, hashes);
        } else if first == '\'' {
            self.quote(rest);
        } else if first == '_' || first.is_alphabetic() {
            if rest.strip_prefix("r#").is_some_and(|name| word_length(name) > 0) {
                self.take(2);
            }
            self.push(Kind::Word, word_length(self.rest()));
        } else if first.is_ascii_digit() {
            self.push(Kind::Literal, word_length(rest));
        } else {
            self.push(Kind::Mark, first.len_utf8());
        }
        true
    }

    /// A string whose opening, prefix included, is `before` bytes long; raw with `hashes`, or with escapes when that is `None`.
    fn string(&mut self, before: usize, hashes: Option<usize>) {
        let line = self.line;
        self.take(before);
        let rest = self.rest();
        let (content, after) = match hashes {
            Some(count) => {
                let end = format!("\"{}", "#".repeat(count));
                (rest.find(&end).unwrap_or(rest.len()), end.len())
            }
            None => (escaped_length(rest), 1),
        };
        let text = self.take(content);
        self.take(after.min(self.rest().len()));
        self.tokens.push(Token { kind: Kind::Text, text, line });
    }

    /// A character literal, or a lifetime, which is dropped.
    fn quote(&mut self, rest: &str) {
        let mut characters = rest.char_indices().skip(1);
        let (second, third) = (characters.next(), characters.next());
        match (second, third) {
            (Some((_, '\\')), _) => {
                // Behind the backslash stands at least one character, which may be the quote itself.
                let end = rest
                    .char_indices()
                    .skip(3)
                    .find(|(_, c)| *c == '\'')
                    .map_or(rest.len(), |(index, _)| index + 1);
                self.push(Kind::Literal, end);
            }
            (Some(_), Some((index, '\''))) => self.push(Kind::Literal, index + 1),
            _ => {
                self.take(1);
                let length = word_length(self.rest());
                self.take(length);
            }
        }
    }
}

/// Bytes of a block comment with the comments nested in it.
fn block_comment(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Whether a string opens here: the length of prefix, hashes and quote, and the number of hashes of a raw string.
fn string_start(rest: &str) -> Option<(usize, Option<usize>)> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| rest.starts_with(prefix))?;
    let opening = &rest[prefix.len()..];
    let hashes = opening.len() - opening.trim_start_matches('#').len();
    if !opening[hashes..].starts_with('"') {
        return None;
    }
    let raw = prefix.ends_with('r');
    (raw || hashes == 0).then_some((prefix.len() + hashes + 1, raw.then_some(hashes)))
}

/// Bytes up to the quote that ends a string with escapes.
fn escaped_length(rest: &str) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index,
            _ => {}
        }
    }
    rest.len()
}

fn word_length(rest: &str) -> usize {
    rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<&str> {
        split(source).0.into_iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_strings_hold_no_code() {
        let source =
            "a /* b /* c */ d */ e // f\n\"g \\\" h\" i r#\"j \" k\"# l b\"m\" n br##\"o\"# p\"## q c\"r\"";
        assert_eq!(words(source), ["a", "e", "i", "l", "n", "q"]);
    }

    #[test]
    fn characters_and_lifetimes_are_told_apart() {
        assert_eq!(
            words(r"fn f<'a>(x: &'a str) { '\'' 'b' '\u{41}' '\\' '_' y }"),
            ["fn", "f", "x", "str", "y"]
        );
        assert_eq!(words("b'\"' z"), ["b", "z"]);
    }

    #[test]
    fn raw_identifiers_lose_their_mark() {
        assert_eq!(words("r#type rest"), ["type", "rest"]);
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let (tokens, comments) = split("/* 1\n2 */ \"3\n4\" r\"5\n6\"\n// seven\nlast");
        assert_eq!(comments.iter().map(|comment| comment.line).collect::<Vec<_>>(), [1, 5]);
        assert_eq!(tokens.last().map(|token| (token.text, token.line)), Some(("last", 6)));
        assert_eq!(tokens[0].text, "3\n4");
    }

    #[test]
    fn broken_sources_end() {
        for source in ["\"open", "/* open", "r#\"open", "'", "'\\", "b'", "r#"] {
            split(source);
        }
    }
}
