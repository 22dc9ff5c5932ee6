//! Types: built-in and named ones, pointers, arrays, functions, arguments of templates.

use std::rc::Rc;

use super::operator;
use super::reader::{Reader, member_qualifiers_of};
use super::tree::{Function, Pointer, Qualifiers, Type};

/// Most dimensions of an array.
const MAX_DIMENSIONS: u64 = 96;

impl Reader<'_> {
    /// A type with further qualifiers. A digit is none: back references stand for whole parameters only.
    pub(super) fn kind(&mut self, qualifiers: Qualifiers) -> Option<Type> {
        self.deeper(|reader| reader.kind_body(qualifiers))
    }

    /// A result type, which may bring qualifiers of its own.
    pub(super) fn result_type(&mut self) -> Option<Type> {
        let qualifiers = if self.eat("?") { self.qualifiers()? } else { Qualifiers::NONE };
        self.kind(qualifiers)
    }

    fn kind_body(&mut self, qualifiers: Qualifiers) -> Option<Type> {
        let named = |text: &str| Type::Named { text: text.into(), qualifiers };
        let code = self.take()?;
        if let Some(name) = operator::basic_type(code) {
            return Some(named(name));
        }
        self.is_letter = self.is_letter && matches!(code, b'?' | b'$');
        match code {
            b'_' => Some(named(operator::extended_type(self.take()?)?)),
            b'T' => Some(named(&format!("union {}", self.class_name()?))),
            b'U' => Some(named(&format!("struct {}", self.class_name()?))),
            b'V' => Some(named(&format!("class {}", self.class_name()?))),
            b'W' => {
                self.expect("4")?;
                Some(named(&format!("enum {}", self.class_name()?)))
            }
            b'Y' => self.array(qualifiers),
            b'P' => self.pointer("*", qualifiers),
            b'Q' => self.pointer("*", qualifiers.with(Qualifiers::CONST)),
            b'R' => self.pointer("*", qualifiers.with(Qualifiers::VOLATILE)),
            b'S' => self.pointer("*", qualifiers.with(Qualifiers::CONST_VOLATILE)),
            b'A' if qualifiers.is_empty() => self.pointer("&", Qualifiers::NONE),
            b'$' => self.dollar_type(qualifiers),
            b'?' if matches!(self.peek()?, b'<' | b'0'..=b'9') => {
                // A deduced type by its placeholder.
                let name = self.scope_part()?;
                self.expect("@")?;
                Some(named(&name))
            }
            _ => None,
        }
    }

    fn array(&mut self, qualifiers: Qualifiers) -> Option<Type> {
        let dimensions = self.count().filter(|count| (1..=MAX_DIMENSIONS).contains(count))?;
        let extents: Option<Vec<u64>> = (0..dimensions).map(|_| self.count()).collect();
        self.context.array_elements += 1;
        let element = self.kind(qualifiers);
        self.context.array_elements -= 1;
        self.is_letter = false;
        let array = |element, extent| Type::Array { element: Rc::new(element), extent };
        Some(extents?.into_iter().rev().fold(element?, array))
    }

    /// A pointer or reference; its own qualifiers are known already.
    fn pointer(&mut self, sigil: &str, own: Qualifiers) -> Option<Type> {
        let pointer = self.pointer_body(sigil, own)?;
        self.is_letter = false;
        Some(Type::Pointer(pointer))
    }

    fn pointer_body(&mut self, sigil: &str, own: Qualifiers) -> Option<Pointer> {
        let (is_wide, is_restrict, is_unaligned) = self.pointer_modifiers();
        let own = if is_restrict { own.with(Qualifiers::RESTRICT) } else { own };
        let unaligned = if is_unaligned { Qualifiers::UNALIGNED } else { Qualifiers::NONE };
        let is_modified = is_wide || is_restrict || is_unaligned;
        let is_pointer = sigil == "*";
        let pointer = |sigil: &str, is_member, signing: &str, inner| Pointer {
            sigil: sigil.into(),
            is_member,
            qualifiers: own,
            signing: signing.into(),
            inner: Rc::new(inner),
        };
        match self.peek()? {
            b'6' | b'8' if is_modified => None,
            b'6' => {
                self.at += 1;
                let function = self.pointed_function(String::new())?;
                Some(pointer(sigil, false, "", Type::Function(function)))
            }
            b'8' if !is_pointer => None,
            b'8' => {
                self.at += 1;
                let owner = self.owner_name()?;
                let this = self.this_qualifiers()?;
                let function = self.pointed_function(this)?;
                Some(pointer(&format!("{owner}::*"), true, "", Type::Function(function)))
            }
            code @ b'Q'..=b'T' if is_pointer => {
                self.at += 1;
                let member = member_qualifiers_of(code)?.with(unaligned);
                let owner = self.owner_name()?;
                // LLVM drops the qualifiers of such a pointer; nothing says which is right.
                if matches!(self.rest().as_bytes(), [b'Q'..=b'S', next, ..] if !matches!(next, b'6' | b'8')) {
                    return None;
                }
                let inner = self.kind(member)?;
                Some(pointer(&format!("{owner}::*"), true, "", inner))
            }
            _ => {
                let signing = self.signing()?;
                let pointee = self.qualifiers()?.with(unaligned);
                let inner = self.kind(pointee)?;
                Some(pointer(sigil, false, &signing, inner))
            }
        }
    }

    /// `__ptr64`, which is not spelled, `__restrict` and `__unaligned`.
    pub(super) fn pointer_modifiers(&mut self) -> (bool, bool, bool) {
        (self.eat("E"), self.eat("I"), self.eat("F"))
    }

    /// How an ARM64e pointer is signed; empty where it is not.
    fn signing(&mut self) -> Option<String> {
        if !self.eat("__ptrauth") {
            return Some(String::new());
        }
        let (key, address, number) = (self.count()?, self.count()?, self.count()?);
        Some(format!("__ptrauth({key}, {address}, {number})"))
    }

    /// What a pointer to a function points at.
    fn pointed_function(&mut self, this: String) -> Option<Function> {
        let convention = self.convention()?;
        self.context.pointee_results += 1;
        let returns = self.result_type();
        self.context.pointee_results -= 1;
        let (returns, parameters) = (returns?, self.parameters()?);
        let suffix = this + self.throws()?;
        Some(Function { convention: convention.into(), parameters, returns: Some(Rc::new(returns)), suffix })
    }

    /// A function type as an argument of a template, `$$A6`, or with the qualifiers of a member function, `$$A8@@`.
    fn function_type(&mut self) -> Option<Type> {
        let this = if self.eat("8@@") {
            self.this_qualifiers()?
        } else {
            self.expect("6")?;
            String::new()
        };
        let convention = self.convention()?;
        let convention = self.marked_convention(convention);
        let (returns, parameters) = (self.result_type()?, self.parameters()?);
        let suffix = this + self.throws()?;
        self.is_letter = false;
        Some(Type::Function(Function { convention, parameters, returns: Some(Rc::new(returns)), suffix }))
    }

    /// What begins with `$` and may stand for any type.
    fn dollar_type(&mut self, qualifiers: Qualifiers) -> Option<Type> {
        let is_in_template = self.context.templates > 0;
        let is_letter = std::mem::take(&mut self.is_letter);
        if is_in_template && matches!(self.peek()?, b'1' | b'E') {
            return self.address_argument();
        }
        if is_in_template && matches!(self.peek()?, b'F'..=b'J') {
            return self.member_pointer_argument();
        }
        self.expect("$")?;
        match self.take()? {
            b'Q' => self.pointer("&&", qualifiers),
            b'C' if is_in_template || self.context.array_elements > 0 => {
                let own = self.qualifiers()?;
                if self.rest().starts_with("$$C") {
                    return None;
                }
                self.is_letter = is_letter;
                self.kind(own.with(qualifiers))
            }
            b'T' => Some(Type::Named { text: "std::nullptr_t".into(), qualifiers }),
            b'A' => self.function_type(),
            _ => None,
        }
    }

    /// An argument of a template: a type, or what only an argument can be.
    pub(super) fn template_argument(&mut self) -> Option<Type> {
        if self.eat("$0") {
            return self.number_text().map(|text| plain(&text));
        }
        if self.eat("$M") {
            // A value whose type is deduced: the type, then the value without its `$`.
            self.kind(Qualifiers::NONE)?;
            return match self.peek()? {
                b'0' => {
                    self.at += 1;
                    self.number_text().map(|text| plain(&text))
                }
                b'1' => self.address_argument(),
                b'F'..=b'J' => self.member_pointer_argument(),
                _ => self.kind(Qualifiers::NONE),
            };
        }
        if self.eat("$$B") {
            // A type that does not decay.
            return (!matches!(self.peek()?, b'$' | b'6')).then(|| self.kind(Qualifiers::NONE)).flatten();
        }
        if self.eat("$$Y") {
            // The name of an alias.
            return self.owner_name().map(|text| plain(&text));
        }
        self.kind(Qualifiers::NONE)
    }

    /// The address of a symbol, `1`, or the symbol itself, `E`.
    fn address_argument(&mut self) -> Option<Type> {
        let is_address = self.take()? == b'1';
        let (symbol, template) = self.nested_symbol(true)?;
        if !is_address {
            return Some(plain(&symbol));
        }
        if let Some(template) = template {
            self.remember(&template);
        }
        Some(plain(&format!("&{symbol}")))
    }

    /// A pointer to a member of a class with several or virtual bases: the symbol of a function, and offsets.
    fn member_pointer_argument(&mut self) -> Option<Type> {
        let kind = self.take()?;
        let mut parts: Vec<Rc<str>> = Vec::new();
        if matches!(kind, b'H'..=b'J') && self.peek()? == b'?' {
            let (symbol, template) = self.nested_symbol(true)?;
            if let Some(template) = template {
                self.remember(&template);
            }
            parts.push(symbol.into());
        }
        let offsets = match kind {
            b'H' => 1,
            b'I' | b'F' => 2,
            _ => 3,
        };
        for _ in 0..offsets {
            parts.push(self.number_text()?.into());
        }
        let text = self.joined(&parts, ", ")?;
        Some(plain(&format!("{{{text}}}")))
    }

    /// A calling convention.
    pub(super) fn convention(&mut self) -> Option<&'static str> {
        operator::convention(self.take()?)
    }

    /// The end of a signature: `Z`, or `_E` where it throws nothing.
    pub(super) fn throws(&mut self) -> Option<&'static str> {
        if self.eat("_E") {
            return Some(" noexcept");
        }
        self.expect("Z").map(|()| "")
    }

    /// Qualifiers of `this`, as they follow the parameters. Modifiers come first, each at most once and in order.
    pub(super) fn this_qualifiers(&mut self) -> Option<String> {
        let (_, is_restrict, is_unaligned) = self.pointer_modifiers();
        let reference = match self.peek()? {
            b'G' => " &",
            b'H' => " &&",
            _ => "",
        };
        self.at += usize::from(!reference.is_empty());
        let own = self.qualifiers()?;
        let own = if is_restrict { own.with(Qualifiers::RESTRICT) } else { own };
        let own = if is_unaligned { own.with(Qualifiers::UNALIGNED) } else { own };
        Some(own.after() + reference)
    }

    /// Parameters up to the end of the list, which a `Z` may be: then more can follow.
    pub(super) fn parameters(&mut self) -> Option<Rc<[Rc<Type>]>> {
        if self.eat("X") {
            return Some(Rc::new([Rc::new(plain("void"))]));
        }
        let mut parameters = Vec::new();
        while !self.eat("@") {
            if self.eat("Z") {
                parameters.push(Rc::new(plain("...")));
                break;
            }
            if let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
                self.at += 1;
                parameters.push(Rc::clone(self.types.get(usize::from(digit - b'0'))?));
                continue;
            }
            self.is_letter = true;
            let kind = Rc::new(self.kind(Qualifiers::NONE)?);
            self.remember_type(&kind);
            parameters.push(kind);
        }
        Some(parameters.into())
    }
}

/// A type that is only text.
fn plain(text: &str) -> Type {
    Type::Named { text: text.into(), qualifiers: Qualifiers::NONE }
}
