//! Whole symbols: functions, data, tables, thunks.

use std::rc::Rc;

use super::name::{Form, Name};
use super::reader::{Reader, member_qualifiers_of, qualifiers_of};
use super::tree::{Function, Pointer, Qualifiers, Type};

/// Who may call a function, and how it is reached.
struct Access {
    /// `private: ` and so on, or nothing.
    words: &'static str,
    is_static: bool,
    is_virtual: bool,
    /// Whether a thunk moves `this` first.
    is_adjusted: bool,
}

impl Reader<'_> {
    /// A symbol, `?` included.
    pub(super) fn symbol_text(&mut self) -> Option<String> {
        self.expect("?")?;
        if self.rest().starts_with("?@") {
            self.at -= 1;
            return self.hashed_name();
        }
        self.symbol_body()
    }

    /// `??@<hash>@`, with the mark of a complete object locator after it.
    pub(super) fn hashed_name(&mut self) -> Option<String> {
        let start = self.at;
        self.expect("??@")?;
        self.until_at()?;
        self.eat("??_R4@");
        self.text.get(start..self.at).map(str::to_owned)
    }

    /// A symbol after its `?`.
    pub(super) fn symbol_body(&mut self) -> Option<String> {
        let name = self.qualified_name()?;
        match name.form {
            Form::Whole => return Some(name.text),
            Form::Descriptor => {
                self.expect("8")?;
                self.end()?;
                return Some(name.text);
            }
            Form::Guard => {
                self.expect("5")?;
                let number = self.count()?;
                self.end()?;
                return Some(if number == 0 { name.text } else { format!("{}{{{number}}}", name.text) });
            }
            Form::Free | Form::Function | Form::Table | Form::Slot => {}
        }
        let is_extern_c = self.eat("$$J0");
        let extern_c = if is_extern_c { "extern \"C\" " } else { "" };
        match self.peek()? {
            b'0'..=b'4' if is_extern_c => None,
            b'9' if name.conversion.is_none() => {
                self.at += 1;
                self.end()?;
                Some(format!("extern \"C\" {}", name.text))
            }
            b'6' | b'7' if name.form == Form::Table => self.table(&name),
            _ if name.form == Form::Table => None,
            b'0'..=b'4' if !self.context.needs_signature => self.data(&name),
            b'$' => {
                self.at += 1;
                self.thunk(&name, extern_c)
            }
            _ if name.form == Form::Slot => None,
            code => {
                self.at += 1;
                let access = access(code)?;
                // LLVM reads no such name as a thunk.
                let is_odd = access.is_adjusted && self.context.needs_signature;
                if is_odd { None } else { self.function(&name, &access, extern_c) }
            }
        }
    }

    /// A table of virtual functions or bases, and the bases that it is for.
    fn table(&mut self, name: &Name) -> Option<String> {
        self.at += 1;
        let qualifiers = self.qualifiers()?.after();
        let mut bases: Vec<Rc<str>> = Vec::new();
        while !self.eat("@") {
            bases.push(self.owner_name()?.into());
        }
        self.end()?;
        let blank = if qualifiers.is_empty() { "" } else { " " };
        let text = format!("{}{blank}{}", qualifiers.trim_start(), name.text);
        let bases = self.joined(&bases, "'s `")?;
        Some(if bases.is_empty() { text } else { format!("{text}{{for `{bases}'}}") })
    }

    /// A variable.
    fn data(&mut self, name: &Name) -> Option<String> {
        let access = match self.take()? {
            b'0' => "private: static ",
            b'1' => "protected: static ",
            b'2' => "public: static ",
            _ => "",
        };
        let declared = self.kind(Qualifiers::NONE)?;
        let (is_wide, is_restrict, is_unaligned) = self.pointer_modifiers();
        let is_modified = is_wide || is_restrict || is_unaligned;
        let code = self.take()?;
        let own = if let Some(own) = member_qualifiers_of(code) {
            // The class once more.
            self.scope_part()?;
            self.expect("@")?;
            own
        } else {
            qualifiers_of(code)?
        };
        let is_of_member = member_qualifiers_of(code).is_some();
        self.end()?;
        let declared = match declared {
            Type::Pointer(pointer) if is_of_member || !pointer.is_member => {
                pointed_data(pointer, own, is_restrict, is_unaligned)?
            }
            Type::Pointer(_) => return None,
            _ if is_modified => return None,
            other if own.is_empty() => other,
            other => other.qualified(own)?,
        };
        let text = self.declared(&declared, &name.text)?;
        Some(format!("{access}{text}"))
    }

    /// A function.
    fn function(&mut self, name: &Name, access: &Access, extern_c: &str) -> Option<String> {
        let mut adjustment = String::new();
        if access.is_adjusted {
            adjustment = format!("`adjustor{{{}}}'", self.signed_number().map(narrow)?);
        }
        let is_member = !access.words.is_empty();
        let this = if is_member && !access.is_static { self.this_qualifiers()? } else { String::new() };
        let kind = access_words(access) + extern_c;
        let lead = if access.is_adjusted { "[thunk]: " } else { "" };
        self.signature(name, &adjustment, this, name.is_structor).map(|text| format!("{lead}{kind}{text}"))
    }

    /// Convention, result, parameters and end of a function; answers its declaration.
    fn signature(&mut self, name: &Name, after: &str, this: String, has_no_result: bool) -> Option<String> {
        let convention = self.convention()?;
        let returns = if self.eat("@") {
            None
        } else if has_no_result {
            return None;
        } else {
            Some(Rc::new(self.result_type()?))
        };
        let parameters = self.parameters()?;
        let suffix = this + self.throws()?;
        self.end()?;
        let spelled = if let Some(arguments) = &name.conversion {
            let target = self.declared(returns.as_deref()?, "")?;
            self.joined(
                &[
                    name.text.as_str().into(),
                    "operator".into(),
                    Rc::clone(arguments),
                    " ".into(),
                    target.into(),
                ],
                "",
            )?
        } else {
            name.text.clone()
        };
        let function =
            Type::Function(Function { convention: convention.into(), parameters, returns, suffix });
        self.declared(&function, &(spelled + after))
    }

    /// A thunk that calls through a slot of a table, or that moves `this` by way of a virtual base.
    fn thunk(&mut self, name: &Name, extern_c: &str) -> Option<String> {
        let is_slot = name.form == Form::Slot;
        match self.take()? {
            b'B' if is_slot => {
                let slot = self.number_text()?;
                self.expect("A")?;
                let convention = self.convention()?;
                self.end()?;
                let blank = if convention.is_empty() { "" } else { " " };
                Some(format!("{extern_c}[thunk]: {convention}{blank}{}{{{slot}, {{flat}}}}", name.text))
            }
            _ if is_slot => None,
            b'R' => {
                let code = self.take()?;
                self.displaced(name, code, "vtordispex", 4, extern_c)
            }
            code => self.displaced(name, code, "vtordisp", 2, extern_c),
        }
    }

    /// A thunk with `count` displacements before its signature.
    fn displaced(
        &mut self,
        name: &Name,
        code: u8,
        word: &str,
        count: usize,
        extern_c: &str,
    ) -> Option<String> {
        let access = match code {
            b'0' => "private: ",
            b'2' => "protected: ",
            b'4' => "public: ",
            _ => return None,
        };
        // Two's complement of 32 bits.
        let displacements: Option<Vec<String>> = (0..count)
            .map(|_| self.signed_number().map(|number| (narrow(number) as i32).to_string()))
            .collect();
        let after = format!("`{word}{{{}}}'", displacements?.join(", "));
        let this = self.this_qualifiers()?;
        let text = self.signature(name, &after, this, false)?;
        Some(format!("[thunk]: {access}virtual {extern_c}{text}"))
    }
}

/// The low 32 bits of a number.
const fn narrow((negative, value): (bool, u64)) -> u32 {
    (if negative { value.wrapping_neg() } else { value }) as u32
}

/// A variable that is a pointer: its last qualifiers belong to what it points at, `__restrict` to itself.
fn pointed_data(pointer: Pointer, own: Qualifiers, is_restrict: bool, is_unaligned: bool) -> Option<Type> {
    let restrict = if is_restrict { Qualifiers::RESTRICT } else { Qualifiers::NONE };
    let unaligned = if is_unaligned { Qualifiers::UNALIGNED } else { Qualifiers::NONE };
    let qualifiers = pointer.qualifiers.with(restrict);
    let inner = match &*pointer.inner {
        // A member function has its qualifiers after its parameters.
        Type::Function(function) if pointer.is_member && unaligned.is_empty() => {
            let suffix = format!("{}{}", function.suffix, own.after());
            Rc::new(Type::Function(Function { suffix, ..function.clone() }))
        }
        inner => {
            let own = own.with(unaligned);
            if own.is_empty() { Rc::clone(&pointer.inner) } else { Rc::new(inner.qualified(own)?) }
        }
    };
    Some(Type::Pointer(Pointer { qualifiers, inner, ..pointer }))
}

/// Access by its letter.
const fn access(code: u8) -> Option<Access> {
    let words = match code {
        b'A'..=b'H' => "private: ",
        b'I'..=b'P' => "protected: ",
        b'Q'..=b'X' => "public: ",
        b'Y' => "",
        _ => return None,
    };
    // Eight letters each: plain, static, virtual, thunk, every one of them near and far.
    let kind = if code == b'Y' { 0 } else { (code - b'A') % 8 / 2 };
    // LLVM calls private thunks no virtual functions.
    let is_virtual = kind == 2 || (kind == 3 && !matches!(code, b'G' | b'H'));
    Some(Access { words, is_static: kind == 1, is_virtual, is_adjusted: kind == 3 })
}

/// The words before a member function.
fn access_words(access: &Access) -> String {
    let storage = if access.is_static { "static " } else { "" };
    let dispatch = if access.is_virtual { "virtual " } else { "" };
    format!("{}{storage}{dispatch}", access.words)
}
