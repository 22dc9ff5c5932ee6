//! The position in a decorated name, what back references refer to, and the bounds on work.

use std::rc::Rc;

use super::tree::{Qualifiers, Text, Type};

/// Deepest nesting of names and types.
const MAX_DEPTH: usize = 96;
/// Longest text of a part of a name, in bytes.
const MAX_TEXT: usize = 1 << 16;
/// How many times the longest text of a name may be written in all: each nesting writes its parts again.
const MAX_REWRITES: usize = 16;
/// How many names and how many types back references can mean: the digits.
const MAX_REFERENCES: usize = 10;

/// What holds for one symbol and not for those nested in it.
#[derive(Default)]
pub(super) struct Context {
    /// How many lists of template arguments are open.
    pub(super) templates: usize,
    /// How many result types of pointed-to functions are open.
    pub(super) pointee_results: usize,
    /// How many types of array elements are open.
    pub(super) array_elements: usize,
    /// Whether the symbol is a part of another one, which goes on after it.
    pub(super) is_nested: bool,
    /// Whether the name that is read next is that of the symbol.
    pub(super) at_symbol_name: bool,
    /// Whether the name is one of a function.
    pub(super) needs_signature: bool,
    /// The text of the symbol's own name where it is a template.
    pub(super) template_name: Option<Rc<str>>,
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// Names that digits in names refer to.
    pub(super) names: Vec<Rc<str>>,
    /// Parameters that digits in lists of parameters refer to.
    pub(super) types: Vec<Rc<Type>>,
    pub(super) context: Context,
    /// Whether the parameter that is being read is a single letter; those are not referred to.
    pub(super) is_letter: bool,
    depth: usize,
    max_text: usize,
    /// Parts that may still be read and bytes that may still be written.
    fuel: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let max_text = MAX_TEXT.min(32 * text.len() + 256);
        let context = Context { at_symbol_name: true, ..Context::default() };
        Self {
            text,
            at: 0,
            names: Vec::new(),
            types: Vec::new(),
            context,
            is_letter: false,
            depth: 0,
            max_text,
            fuel: MAX_REWRITES * max_text,
        }
    }

    /// A reader at the same place that knows no back references, to look ahead. [`Reader::spent`] takes over what it cost.
    pub(super) fn probe(&self) -> Self {
        Self { at: self.at, depth: self.depth, fuel: self.fuel, ..Self::new(self.text) }
    }

    pub(super) const fn spent(&mut self, probe: &Self) {
        self.fuel = probe.fuel;
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn take_char(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Passes over `part` where it comes next.
    pub(super) fn eat(&mut self, part: &str) -> bool {
        let found = self.rest().starts_with(part);
        self.at += if found { part.len() } else { 0 };
        found
    }

    pub(super) fn expect(&mut self, part: &str) -> Option<()> {
        self.eat(part).then_some(())
    }

    /// The text up to the next `@`, which is passed over.
    pub(super) fn until_at(&mut self) -> Option<&'a str> {
        let (text, _) = self.rest().split_once('@')?;
        self.at += text.len() + 1;
        Some(text)
    }

    /// An identifier: not empty, ended by `@`.
    pub(super) fn identifier(&mut self) -> Option<&'a str> {
        self.until_at().filter(|name| !name.is_empty())
    }

    /// The end of a symbol. What is not nested has nothing after it.
    pub(super) fn end(&self) -> Option<()> {
        (self.context.is_nested || self.is_at_end()).then_some(())
    }

    /// A number as sign and magnitude: a digit stands for itself and one, larger ones are nibbles from `A` to `P` up to
    /// `@`. More than 64 bits wrap.
    pub(super) fn signed_number(&mut self) -> Option<(bool, u64)> {
        let negative = self.eat("?");
        let first = self.take()?;
        if first.is_ascii_digit() {
            return Some((negative, u64::from(first - b'0') + 1));
        }
        self.at -= 1;
        let nibbles = self.rest().bytes().take_while(|c| (b'A'..=b'P').contains(c)).count();
        let digits = self.rest().get(..nibbles).filter(|digits| !digits.is_empty())?;
        let value =
            digits.bytes().fold(0_u64, |value, c| value.wrapping_mul(16).wrapping_add(u64::from(c - b'A')));
        self.at += nibbles;
        self.expect("@")?;
        Some((negative, value))
    }

    /// [`Reader::signed_number`] as text.
    pub(super) fn number_text(&mut self) -> Option<String> {
        let (negative, value) = self.signed_number()?;
        Some(format!("{}{value}", if negative { "-" } else { "" }))
    }

    /// A number that may not be negative.
    pub(super) fn count(&mut self) -> Option<u64> {
        self.signed_number().and_then(|(negative, value)| (!negative).then_some(value))
    }

    /// Qualifiers of what is pointed at: `A` to `D`.
    pub(super) fn qualifiers(&mut self) -> Option<Qualifiers> {
        qualifiers_of(self.take()?)
    }

    /// Records a name that back references may mean.
    pub(super) fn remember(&mut self, name: &str) {
        if self.names.len() < MAX_REFERENCES && !self.names.iter().any(|known| &**known == name) {
            self.names.push(name.into());
        }
    }

    /// Records a parameter that back references may mean.
    pub(super) fn remember_type(&mut self, kind: &Rc<Type>) {
        if !self.is_letter && self.types.len() < MAX_REFERENCES {
            self.types.push(Rc::clone(kind));
        }
    }

    /// Reads one level deeper.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.spend(1)?;
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    /// Pays for work; `None` when nothing is left.
    pub(super) fn spend(&mut self, cost: usize) -> Option<()> {
        self.fuel = self.fuel.checked_sub(cost)?;
        Some(())
    }

    /// Text of bounded length, made by `write` and paid for.
    pub(super) fn written(&mut self, write: impl FnOnce(&mut Text) -> Option<()>) -> Option<String> {
        let mut text = Text::new(self.max_text);
        write(&mut text)?;
        self.spend(text.out.len())?;
        Some(text.out)
    }

    /// The declaration of `name` as a `kind`; an empty name gives the type alone.
    pub(super) fn declared(&mut self, kind: &Type, name: &str) -> Option<String> {
        self.written(|text| kind.declare(name, text))
    }

    /// Pieces with a separator.
    pub(super) fn joined(&mut self, pieces: &[Rc<str>], separator: &str) -> Option<String> {
        self.written(|text| {
            pieces.iter().enumerate().try_for_each(|(index, piece)| {
                text.push(if index == 0 { "" } else { separator })?;
                text.push(piece)
            })
        })
    }
}

/// Qualifiers by their letter.
pub(super) const fn qualifiers_of(code: u8) -> Option<Qualifiers> {
    Some(match code {
        b'A' => Qualifiers::NONE,
        b'B' => Qualifiers::CONST,
        b'C' => Qualifiers::VOLATILE,
        b'D' => Qualifiers::CONST_VOLATILE,
        _ => return None,
    })
}

/// Qualifiers of a member that is pointed at, by their letter.
pub(super) const fn member_qualifiers_of(code: u8) -> Option<Qualifiers> {
    Some(match code {
        b'Q' => Qualifiers::NONE,
        b'R' => Qualifiers::CONST,
        b'S' => Qualifiers::VOLATILE,
        b'T' => Qualifiers::CONST_VOLATILE,
        _ => return None,
    })
}
