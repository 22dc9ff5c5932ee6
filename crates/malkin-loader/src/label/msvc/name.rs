//! What a symbol, a class or a scope is called: identifiers, templates, operators, back references, blocks of functions.

use std::rc::Rc;

use super::operator;
use super::reader::{Context, Reader};

/// Encloses the calling convention of a function type inside the text of a template: `MARK depth : convention MARK`. No
/// decorated name holds it.
const MARK: char = '\0';

/// What follows the name of a symbol.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Form {
    /// Anything that fits.
    Free,
    /// A signature.
    Function,
    /// A table: `6` or `7`.
    Table,
    /// `8` and nothing else.
    Descriptor,
    /// `5` and the number of the variable.
    Guard,
    /// The slot that a thunk calls through.
    Slot,
    /// Nothing: the name is the symbol.
    Whole,
}

/// A qualified name.
pub(super) struct Name {
    /// The text. Of a conversion operator: the scopes, with `::` after each.
    pub(super) text: String,
    pub(super) form: Form,
    /// Whether it is a constructor or destructor.
    pub(super) is_structor: bool,
    /// The template arguments of a conversion operator; its type stands where other functions have their result.
    pub(super) conversion: Option<Rc<str>>,
}

/// One part of a name.
enum Part {
    Text(Rc<str>),
    Structor { is_destructor: bool, arguments: Rc<str> },
    Conversion { arguments: Rc<str> },
}

impl Part {
    fn text(self) -> Option<Rc<str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Structor { .. } | Self::Conversion { .. } => None,
        }
    }
}

impl Reader<'_> {
    /// A name with its scopes, up to the `@` that ends it.
    pub(super) fn qualified_name(&mut self) -> Option<Name> {
        self.deeper(Self::qualified_name_parts)
    }

    /// The name of a class, as types have it: no operator.
    pub(super) fn class_name(&mut self) -> Option<String> {
        self.qualified_name().filter(|name| name.form == Form::Free).map(|name| name.text)
    }

    /// A name where any form is read as text.
    pub(super) fn owner_name(&mut self) -> Option<String> {
        self.qualified_name().filter(|name| name.conversion.is_none()).map(|name| name.text)
    }

    fn qualified_name_parts(&mut self) -> Option<Name> {
        let (first, form) = self.first_part()?;
        let mut scopes = Vec::new();
        if form != Form::Whole {
            while !self.eat("@") {
                scopes.push(self.scope_part()?);
            }
        }
        scopes.reverse();
        let mut name = Name { text: String::new(), form, is_structor: false, conversion: None };
        match first {
            Part::Text(text) => scopes.push(text),
            Part::Structor { is_destructor, arguments } => {
                let class = scopes.last()?;
                let sign = if is_destructor { "~" } else { "" };
                let text = self.joined(&[sign.into(), Rc::clone(class), arguments], "")?;
                scopes.push(text.into());
                name.is_structor = true;
            }
            Part::Conversion { arguments } => {
                scopes.push("".into());
                name.conversion = Some(arguments);
            }
        }
        name.text = self.joined(&scopes, "::")?;
        Some(name)
    }

    /// The innermost part of a name.
    fn first_part(&mut self) -> Option<(Part, Form)> {
        let is_symbol = std::mem::take(&mut self.context.at_symbol_name);
        match self.peek()? {
            b'0'..=b'9' => Some((Part::Text(self.name_reference()?), Form::Free)),
            b'?' => {
                self.at += 1;
                if self.eat("$") {
                    self.template_name(is_symbol)
                } else if is_symbol {
                    self.operator_name()
                } else {
                    Some((Part::Text(self.question_name()?), Form::Free))
                }
            }
            _ => Some((Part::Text(self.plain_name()?), Form::Free)),
        }
    }

    /// A scope around a name.
    pub(super) fn scope_part(&mut self) -> Option<Rc<str>> {
        self.spend(1)?;
        match self.peek()? {
            b'0'..=b'9' => self.name_reference(),
            b'?' => {
                self.at += 1;
                if self.eat("$") {
                    self.template_name(false)?.0.text()
                } else if self.eat("A") {
                    self.unnamed_namespace()
                } else if self.is_at_block() {
                    self.block()
                } else {
                    self.question_name()
                }
            }
            _ => self.plain_name(),
        }
    }

    fn name_reference(&mut self) -> Option<Rc<str>> {
        let index = usize::from(self.take()? - b'0');
        let name = Rc::clone(self.names.get(index)?);
        self.spend(name.len())?;
        Some(name)
    }

    fn plain_name(&mut self) -> Option<Rc<str>> {
        let name = self.identifier()?;
        self.remember(name);
        Some(name.into())
    }

    /// A name that begins with a question mark; nothing else claims it.
    fn question_name(&mut self) -> Option<Rc<str>> {
        let name = format!("?{}", self.until_at()?);
        self.remember(&name);
        Some(name.into())
    }

    /// `?A` and what tells one unnamed namespace from another, which is not spelled but referred to.
    fn unnamed_namespace(&mut self) -> Option<Rc<str>> {
        let distinction = self.until_at()?;
        self.remember(distinction);
        Some("`anonymous namespace'".into())
    }

    /// Whether a number and `?` follow: a block of a function.
    fn is_at_block(&self) -> bool {
        let Some((number, _)) = self.rest().split_once('?') else { return false };
        match number.as_bytes() {
            [b'@' | b'0'..=b'9'] => true,
            [b'B'..=b'P', digits @ .., b'@'] => digits.iter().all(|c| (b'A'..=b'P').contains(c)),
            _ => false,
        }
    }

    /// A block of a function: its number and the function, a symbol of its own.
    fn block(&mut self) -> Option<Rc<str>> {
        let number = if self.eat("@") { "0".to_owned() } else { self.number_text()? };
        self.expect("?")?;
        let function = self.nested_symbol(true)?.0;
        Some(format!("`{function}'::`{number}'").into())
    }

    /// A symbol inside this one. It goes on with the back references. Without `has_mark` its `?` has been read or left
    /// out. The second answer is the text of its own name where it is a template.
    pub(super) fn nested_symbol(&mut self, has_mark: bool) -> Option<(String, Option<Rc<str>>)> {
        let inner = Context { is_nested: true, at_symbol_name: true, ..Context::default() };
        let outer = std::mem::replace(&mut self.context, inner);
        let is_letter = self.is_letter;
        let text = if has_mark { self.symbol_text() } else { self.symbol_body() };
        let inner = std::mem::replace(&mut self.context, outer);
        self.is_letter = is_letter;
        Some((text?, inner.template_name))
    }

    /// A template after `?$`.
    fn template_name(&mut self, is_symbol: bool) -> Option<(Part, Form)> {
        let (base, form) = match self.peek()? {
            b'0'..=b'9' => return None,
            b'?' => {
                self.at += 1;
                match self.operator_name()?.0 {
                    Part::Text(text) => (Some(text), Form::Function),
                    Part::Structor { is_destructor, .. } => {
                        let arguments = self.template_arguments_text()?;
                        return Some((Part::Structor { is_destructor, arguments }, Form::Function));
                    }
                    Part::Conversion { .. } => {
                        let arguments = self.template_arguments_text()?;
                        return Some((Part::Conversion { arguments }, Form::Function));
                    }
                }
            }
            _ => (None, Form::Free),
        };
        let depth = self.context.pointee_results;
        let text = self.instantiation(base.as_deref())?;
        let recorded = spelled_conventions(&text, depth);
        if is_symbol {
            self.context.template_name = Some(recorded.into());
        } else {
            self.remember(&recorded);
        }
        // The outermost template decides about the conventions within.
        let text = if self.context.templates > 0 { text } else { spelled_conventions(&text, 0) };
        Some((Part::Text(text.into()), form))
    }

    fn template_arguments_text(&mut self) -> Option<Rc<str>> {
        self.instantiation(Some("")).map(|text| spelled_conventions(&text, 0).into())
    }

    /// The name and the arguments of a template, which have back references of their own. `base` is the name where it is
    /// an operator.
    fn instantiation(&mut self, base: Option<&str>) -> Option<String> {
        let names = std::mem::take(&mut self.names);
        let types = std::mem::take(&mut self.types);
        self.context.templates += 1;
        let text = self.instantiation_text(base);
        self.context.templates -= 1;
        (self.names, self.types) = (names, types);
        text
    }

    fn instantiation_text(&mut self, base: Option<&str>) -> Option<String> {
        let base = if let Some(base) = base {
            base
        } else {
            let name = self.identifier()?;
            self.remember(name);
            if self.peek()? == b'@' {
                return None;
            }
            name
        };
        let mut arguments = Vec::new();
        while !self.eat("@") {
            // Empty packs, and what separates packs.
            if self.eat("$S") || self.eat("$$$V") || self.eat("$$V") || self.eat("$$Z") {
                continue;
            }
            let argument = self.template_argument()?;
            arguments.push(self.declared(&argument, "")?.into());
        }
        let arguments = self.joined(&arguments, ", ")?;
        self.joined(&[base.into(), "<".into(), arguments.into(), ">".into()], "")
    }

    /// Marks a calling convention inside the arguments of a template.
    pub(super) fn marked_convention(&self, convention: &str) -> Rc<str> {
        if self.context.templates == 0 {
            return convention.into();
        }
        format!("{MARK}{}:{convention}{MARK}", self.context.pointee_results).into()
    }

    /// An operator, or what a compiler generates.
    fn operator_name(&mut self) -> Option<(Part, Form)> {
        let text = |text: &str, form| Some((Part::Text(text.into()), form));
        if self.eat("__") {
            return self.rare_operator_name();
        }
        if self.eat("_") {
            return match self.take()? {
                b'C' => text(&self.string_literal()?, Form::Whole),
                b'R' => self.rtti_name(),
                b'9' => {
                    self.context.needs_signature = true;
                    text("`vcall'", Form::Slot)
                }
                code => {
                    let form = match code {
                        b'B' => Form::Guard,
                        b'7' | b'8' | b'S' => Form::Table,
                        _ => Form::Function,
                    };
                    text(operator::special(code)?, form)
                }
            };
        }
        if self.eat("@") {
            // A hash stands for the whole symbol; only another symbol after it belongs to it.
            let hash = self.until_at()?;
            let suffix = Some(self.rest()).filter(|rest| rest.starts_with("??")).unwrap_or_default();
            self.at = self.text.len();
            return text(&format!("??@{hash}@{suffix}"), Form::Whole);
        }
        match self.take()? {
            code @ (b'0' | b'1') => {
                let arguments = "".into();
                Some((Part::Structor { is_destructor: code == b'1', arguments }, Form::Function))
            }
            b'B' => {
                self.context.needs_signature = true;
                Some((Part::Conversion { arguments: "".into() }, Form::Function))
            }
            code => text(operator::plain(code)?, Form::Function),
        }
    }

    /// What follows `?__`.
    fn rare_operator_name(&mut self) -> Option<(Part, Form)> {
        let text = |text: &str, form| Some((Part::Text(text.into()), form));
        match self.take()? {
            b'J' => text("`local static thread guard'", Form::Guard),
            b'L' => text("operator co_await", Form::Function),
            b'M' => text("operator<=>", Form::Function),
            b'K' => text(&format!("operator \"\"{}", self.identifier()?), Form::Function),
            b'E' => self.initialiser_name("dynamic initializer for"),
            b'F' => self.initialiser_name("dynamic atexit destructor for"),
            _ => None,
        }
    }

    /// The function that sets up or takes down a variable: `??__E` and the variable, as a symbol or as a name.
    fn initialiser_name(&mut self, words: &str) -> Option<(Part, Form)> {
        self.context.needs_signature = true;
        let has_mark = self.peek()? == b'?';
        let target = if has_mark || self.is_data_symbol() {
            let symbol = self.nested_symbol(has_mark)?.0;
            if has_mark {
                self.expect("@")?;
            }
            // No scope can follow.
            (self.peek()? == b'@').then_some(format!("`{symbol}'"))?
        } else {
            if self.peek()?.is_ascii_digit() {
                return None;
            }
            let mut scopes = vec![self.plain_name()?];
            while self.peek()? != b'@' {
                scopes.push(self.scope_part()?);
            }
            scopes.reverse();
            format!("'{}'", self.joined(&scopes, "::")?)
        };
        Some((Part::Text(format!("`{words} {target}'").into()), Form::Function))
    }

    /// Whether a data symbol without its `?` follows.
    fn is_data_symbol(&mut self) -> bool {
        let mut probe = self.probe();
        probe.context.is_nested = true;
        let is_data = probe.qualified_name().is_some() && matches!(probe.peek(), Some(b'0'..=b'4'));
        self.spent(&probe);
        is_data
    }

    /// Type information of a class, after `?_R`.
    fn rtti_name(&mut self) -> Option<(Part, Form)> {
        let (text, form) = match self.take()? {
            b'0' => {
                let described = self.result_type()?;
                self.expect("@8")?;
                self.end()?;
                (self.declared(&described, "`RTTI Type Descriptor'")?, Form::Whole)
            }
            b'1' => {
                // Only the second one, the place of the virtual base, may be negative.
                let (member, (negative, base)) = (self.count()?, self.signed_number()?);
                let (table, attributes) = (self.count()?, self.count()?);
                let base = if negative && base > 0 { format!("-{base}") } else { base.to_string() };
                let text =
                    format!("`RTTI Base Class Descriptor at ({member}, {base}, {table}, {attributes})'");
                (text, Form::Descriptor)
            }
            code => {
                let form = if code == b'4' { Form::Table } else { Form::Descriptor };
                (operator::rtti(code)?.to_owned(), form)
            }
        };
        Some((Part::Text(text.into()), form))
    }
}

/// The text with its marked calling conventions: those of function types `depth` results of pointed-to functions deep are
/// spelled, deeper ones are not. LLVM leaves conventions out inside the result type of a function pointer, templates
/// included, but records names as if they stood outside of it.
fn spelled_conventions(text: &str, depth: usize) -> String {
    let mut spelled = String::with_capacity(text.len());
    for (index, part) in text.split(MARK).enumerate() {
        if index % 2 == 0 {
            spelled.push_str(part);
        } else if let Some((_, convention)) = part.split_once(':').filter(|(at, _)| at.parse() == Ok(depth)) {
            spelled.push_str(convention);
        }
    }
    spelled
}
