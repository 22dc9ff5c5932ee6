//! Types of C++ and how a declaration of one is spelled. As in LLVM's demangler a type is written in two parts, one before
//! the name it declares and one after it: `int (*` and `)[2]`.

use std::rc::Rc;

/// Text that refuses to grow beyond a limit.
pub(super) struct Text {
    pub(super) out: String,
    limit: usize,
}

impl Text {
    /// Empty text of at most `limit` bytes.
    pub(super) const fn new(limit: usize) -> Self {
        Self { out: String::new(), limit }
    }

    pub(super) fn push(&mut self, part: &str) -> Option<()> {
        (self.out.len() + part.len() <= self.limit).then(|| self.out.push_str(part))
    }
}

/// A set of qualifiers.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Qualifiers(u8);

impl Qualifiers {
    pub(super) const NONE: Self = Self(0);
    pub(super) const CONST: Self = Self(1);
    pub(super) const VOLATILE: Self = Self(2);
    pub(super) const CONST_VOLATILE: Self = Self(3);
    pub(super) const RESTRICT: Self = Self(4);
    pub(super) const UNALIGNED: Self = Self(8);

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The words in the order in which they are always written.
    fn words(self) -> impl Iterator<Item = &'static str> {
        ["const", "volatile", "__restrict", "__unaligned"]
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 >> bit & 1 == 1)
            .map(|(_, word)| word)
    }

    /// The words, a blank before each.
    pub(super) fn after(self) -> String {
        self.words().flat_map(|word| [" ", word]).collect()
    }
}

/// A type.
pub(super) enum Type {
    /// A built-in or named type.
    Named { text: Rc<str>, qualifiers: Qualifiers },
    /// A pointer or reference.
    Pointer(Pointer),
    /// An array of `extent` elements; 0 is an unknown extent.
    Array { element: Rc<Type>, extent: u64 },
    /// A function.
    Function(Function),
}

/// A pointer, a reference or a pointer to a member.
#[derive(Clone)]
pub(super) struct Pointer {
    /// `*`, `&`, `&&`, or `Owner::*`.
    pub(super) sigil: Rc<str>,
    /// Whether it points into a class.
    pub(super) is_member: bool,
    /// Of the pointer itself.
    pub(super) qualifiers: Qualifiers,
    /// How the pointer is signed (ARM64e), or nothing.
    pub(super) signing: Rc<str>,
    pub(super) inner: Rc<Type>,
}

/// A function type.
#[derive(Clone)]
pub(super) struct Function {
    /// Calling convention; may be empty.
    pub(super) convention: Rc<str>,
    pub(super) parameters: Rc<[Rc<Type>]>,
    /// `None` for constructors and destructors.
    pub(super) returns: Option<Rc<Type>>,
    /// What follows the parameters: qualifiers of `this`, `noexcept`. Begins with a blank where it is not empty.
    pub(super) suffix: String,
}

/// What is written right after the first part of a type. It decides about the blank between.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// The end, or the extent of an array.
    Close,
    /// `*` or `&`.
    Sigil,
    /// A name, or a bracket.
    Word,
    /// The function whose result the type is.
    Callee,
}

impl Type {
    /// Writes the declaration of `name` with this type; an empty name gives the type alone.
    pub(super) fn declare(&self, name: &str, text: &mut Text) -> Option<()> {
        let next = match name.bytes().next() {
            None | Some(b'[') => Next::Close,
            Some(b'*' | b'&') => Next::Sigil,
            Some(_) => Next::Word,
        };
        self.before(next, text)?;
        text.push(name)?;
        self.after(text)
    }

    fn before(&self, next: Next, text: &mut Text) -> Option<()> {
        match self {
            Self::Named { text: name, qualifiers } => {
                text.push(name)?;
                text.push(&qualifiers.after())?;
                let is_spaced = match next {
                    Next::Close => false,
                    Next::Sigil => ends_in_word(&text.out),
                    Next::Word | Next::Callee => true,
                };
                if is_spaced { text.push(" ") } else { Some(()) }
            }
            Self::Pointer(pointer) => pointer.before(next, text),
            Self::Array { element, .. } => {
                element.before(if next == Next::Close { Next::Close } else { Next::Word }, text)
            }
            Self::Function(function) => {
                if let Some(returns) = &function.returns {
                    returns.before(Next::Callee, text)?;
                }
                text.push(&function.convention)?;
                if next == Next::Close || function.convention.is_empty() { Some(()) } else { text.push(" ") }
            }
        }
    }

    fn after(&self, text: &mut Text) -> Option<()> {
        match self {
            Self::Named { .. } => Some(()),
            Self::Pointer(pointer) => {
                if matches!(*pointer.inner, Self::Array { .. } | Self::Function(_)) {
                    text.push(")")?;
                }
                pointer.inner.after(text)
            }
            Self::Array { element, extent } => {
                text.push(&if *extent == 0 { "[]".to_owned() } else { format!("[{extent}]") })?;
                element.after(text)
            }
            Self::Function(function) => {
                text.push("(")?;
                for (index, parameter) in function.parameters.iter().enumerate() {
                    text.push(if index == 0 { "" } else { ", " })?;
                    parameter.declare("", text)?;
                }
                text.push(")")?;
                text.push(&function.suffix)?;
                function.returns.as_ref().map_or(Some(()), |returns| returns.after(text))
            }
        }
    }

    /// The same type with further qualifiers, which an array hands to its elements. `None` for a function: there is
    /// nothing to qualify.
    pub(super) fn qualified(&self, more: Qualifiers) -> Option<Self> {
        Some(match self {
            Self::Named { text, qualifiers } => {
                Self::Named { text: Rc::clone(text), qualifiers: qualifiers.with(more) }
            }
            Self::Pointer(pointer) => {
                Self::Pointer(Pointer { qualifiers: pointer.qualifiers.with(more), ..pointer.clone() })
            }
            Self::Array { element, extent } => {
                Self::Array { element: Rc::new(element.qualified(more)?), extent: *extent }
            }
            Self::Function(_) => return None,
        })
    }
}

impl Pointer {
    fn before(&self, next: Next, text: &mut Text) -> Option<()> {
        match &*self.inner {
            Type::Array { element, .. } => {
                element.before(Next::Word, text)?;
                text.push("(")?;
            }
            Type::Function(function) => {
                if let Some(returns) = &function.returns {
                    returns.before(Next::Callee, text)?;
                }
                text.push("(")?;
                text.push(&function.convention)?;
                // An attribute brings a blank of its own.
                text.push(if function.convention.starts_with("__attribute__") { "  " } else { " " })?;
            }
            inner => inner.before(if self.is_member { Next::Word } else { Next::Sigil }, text)?,
        }
        text.push(&self.sigil)?;
        for (index, word) in self.qualifiers.words().enumerate() {
            text.push(if index == 0 { "" } else { " " })?;
            text.push(word)?;
        }
        text.push(&self.signing)?;
        let is_spaced = match next {
            Next::Close => false,
            _ if self.signing.is_empty() && !self.qualifiers.is_empty() => true,
            Next::Callee => true,
            Next::Sigil | Next::Word => false,
        };
        if is_spaced { text.push(" ") } else { Some(()) }
    }
}

/// Whether `*` or `&` after the text needs a blank.
fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '>') || text.ends_with("decltype(auto)")
}
