//! Reads the search language of MCRIT (`docs/reference/mcrit-api.md` section 11).
//!
//! ```text
//! or        = and { OR and }
//! and       = not { [AND] not }         -- without AND the next operand must not begin with the letters AND or OR
//! not       = NOT not | operand
//! operand   = "(" or ")" | field ":" [operator] value | quoted | word
//! value     = quoted | word
//! word      = characters other than ASCII blanks and parentheses
//! field     = Latin-1 letter or "_", then also digits, "." and "·"
//! ```
//!
//! `NOT`, `AND` and `OR` are words of that language only in upper case and where they help: at the place of an operand they
//! are ordinary words, `NOT` if nothing follows that it could negate. What is read as what was found out by asking the
//! reference, whose grammar is one of ordered choices.

use super::ast::{Expression, Operator};

/// Longest query in bytes.
pub const MAX_QUERY: usize = 16 * 1024;
/// Most terms and conditions of a query.
pub const MAX_TERMS: usize = 256;
/// Deepest nesting of parentheses and `NOT`.
pub const MAX_DEPTH: usize = 48;

/// Why a text is no query.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// Something else was expected.
    #[error("expected {expected} at character {at}")]
    Expected {
        /// What.
        expected: &'static str,
        /// Where, in characters from 0 (tabs count as the blanks up to the next multiple of eight).
        at: usize,
    },
    /// A limit of ours.
    #[error("the query has more than {limit} {what}")]
    TooLarge {
        /// Of what there is too much.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Reads a query; none if the text is blank, which means everything.
pub fn parse(text: &str) -> Result<Option<Expression>, ParseError> {
    if text.len() > MAX_QUERY {
        return Err(ParseError::TooLarge { what: "bytes", limit: MAX_QUERY });
    }
    if text.chars().all(is_blank) {
        return Ok(None);
    }
    let text = expand_tabs(text);
    let mut parser = Parser { text: &text, at: 0, depth: 0, terms: 0 };
    let found = parser.or()?;
    parser.skip_blanks();
    match found {
        Some(found) if parser.rest().is_empty() => Ok(Some(found)),
        Some(_) => Err(parser.expected("the end")),
        None => Err(parser.expected("a term")),
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

/// Tabs become blanks up to the next multiple of eight columns, as the reference reads them, even within quotes.
fn expand_tabs(text: &str) -> String {
    const STOP: usize = 8;
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let blanks = STOP - column % STOP;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            other => {
                out.push(other);
                column = if matches!(other, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    out
}

struct Parser<'a> {
    text: &'a str,
    /// Byte position.
    at: usize,
    depth: usize,
    terms: usize,
}

/// A part that was read, or none if the text does not go on with one; an error ends everything.
type Part = Result<Option<Expression>, ParseError>;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> ParseError {
        let before = self.text.get(..self.at).unwrap_or_default();
        ParseError::Expected { expected, at: before.chars().count() }
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        // Vertical tab and form feed end a word but do not separate words.
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    /// Takes a word of the language unless a letter, digit, `_` or `$` follows.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_blanks();
        let Some(after) = self.rest().strip_prefix(keyword) else {
            return false;
        };
        if after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$') {
            return false;
        }
        self.at += keyword.len();
        true
    }

    fn or(&mut self) -> Part {
        self.chain("OR", Self::and, Expression::Or)
    }

    fn and(&mut self) -> Part {
        self.chain("AND", Self::not, Expression::And)
    }

    fn chain(
        &mut self,
        joint: &'static str,
        part: fn(&mut Self) -> Part,
        whole: fn(Vec<Expression>) -> Expression,
    ) -> Part {
        let Some(first) = part(self)? else {
            return Ok(None);
        };
        let mut parts = vec![first];
        loop {
            let before = self.at;
            let joined = self.keyword(joint);
            let goes_on = joined
                || (joint == "AND" && !self.rest().starts_with("AND") && !self.rest().starts_with("OR"));
            let Some(next) = (if goes_on { part(self)? } else { None }) else {
                self.at = before;
                break;
            };
            parts.push(next);
        }
        Ok(match parts.len() {
            1 => parts.pop(),
            _ => Some(whole(parts)),
        })
    }

    fn not(&mut self) -> Part {
        self.nested(|parser| {
            let before = parser.at;
            if parser.keyword("NOT") {
                if let Some(inner) = parser.not()? {
                    return Ok(Some(Expression::Not(Box::new(inner))));
                }
                parser.at = before;
            }
            parser.operand()
        })
    }

    fn nested(&mut self, part: impl FnOnce(&mut Self) -> Part) -> Part {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ParseError::TooLarge { what: "levels", limit: MAX_DEPTH });
        }
        let found = part(self);
        self.depth -= 1;
        found
    }

    fn operand(&mut self) -> Part {
        self.skip_blanks();
        if self.rest().starts_with('(') {
            self.at += 1;
            // Whatever else this could be read as would need the parenthesis too: no second try.
            let inner = self.or()?.ok_or_else(|| self.expected("a term"))?;
            self.skip_blanks();
            if !self.rest().starts_with(')') {
                return Err(self.expected("')'"));
            }
            self.at += 1;
            return Ok(Some(inner));
        }
        let Some(found) = self.condition().or_else(|| self.value().map(Expression::Term)) else {
            return Ok(None);
        };
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(ParseError::TooLarge { what: "terms", limit: MAX_TERMS });
        }
        Ok(Some(found))
    }

    fn condition(&mut self) -> Option<Expression> {
        let before = self.at;
        let rest = self.rest();
        let end = rest.find(|c| !is_field_char(c)).unwrap_or(rest.len());
        let (field, after) = rest.split_at_checked(end)?;
        if !field.starts_with(is_field_start) || !after.starts_with(':') {
            return None;
        }
        let value_at = before + field.len() + 1;
        let operator =
            Operator::ALL.into_iter().find(|o| after.get(1..).is_some_and(|t| t.starts_with(o.spelling())));
        let readings = [operator.map(|o| (o, o.spelling().len())), Some((Operator::Equal, 0))];
        for (operator, length) in readings.into_iter().flatten() {
            self.at = value_at + length;
            if let Some(value) = self.value() {
                return Some(Expression::Condition { field: field.to_owned(), operator, value });
            }
        }
        self.at = before;
        None
    }

    /// A quoted text, or else a word, which may begin with a quote that is not closed.
    fn value(&mut self) -> Option<String> {
        let rest = self.rest();
        if let Some((text, length)) = quoted(rest) {
            self.at += length;
            return Some(text);
        }
        let end = rest.find(|c| is_blank(c) || matches!(c, '(' | ')')).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).filter(|word| !word.is_empty()).map(str::to_owned)
    }
}

fn is_field_start(c: char) -> bool {
    c == '_' || (u32::from(c) < 0x100 && c.is_alphabetic())
}

fn is_field_char(c: char) -> bool {
    is_field_start(c) || c.is_ascii_digit() || matches!(c, '.' | '·')
}

/// The text within quotes, on one line, and the bytes up to the closing quote.
fn quoted(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.get(1..)?;
    let mut out = String::new();
    let mut rest = inner.chars();
    loop {
        match rest.next()? {
            c if c == quote => return Some((out, 1 + inner.len() - rest.as_str().len())),
            '\n' | '\r' => return None,
            '\\' => escape(&mut rest, &mut out)?,
            c => out.push(c),
        }
    }
}

/// What follows a backslash. Hexadecimal forms are those the reference's parser library takes by mistake of its own: one
/// digit and then a literal `2` or `4`.
fn escape(rest: &mut std::str::Chars<'_>, out: &mut String) -> Option<()> {
    let c = rest.next().filter(|c| *c != '\n')?;
    let hexadecimal = |last: char| {
        let mut ahead = rest.clone();
        let high = ahead.next()?.to_digit(16)?;
        let low = ahead.next().filter(|c| *c == last)?.to_digit(16)?;
        Some((char::from_u32(high * 16 + low)?, ahead))
    };
    let numbered = match c {
        'x' => hexadecimal('2'),
        'u' => hexadecimal('4'),
        _ => None,
    };
    if let Some((character, after)) = numbered {
        out.push(character);
        *rest = after;
        return Some(());
    }
    out.push(match c {
        't' => '\t',
        'n' => '\n',
        'f' => '\u{c}',
        'r' => '\r',
        // "\03" to "\73" without a third digit keep their digits.
        '0' if !rest.as_str().starts_with('3') => '\0',
        other => other,
    });
    Some(())
}

#[cfg(test)]
mod tests;
