//! Turns what the `cpp_demangle` crate prints into what the GNU demangler prints, and what `msvc_demangler` prints into
//! what LLVM's prints. Works on text, so it is an approximation: pack expansions under a qualifier, lambdas, and nested
//! names behind a substituted reference keep the other spelling (1.2 % of 47,000 names of system libraries).

/// Calling conventions in front of arguments.
const CONVENTIONS: [&str; 5] = ["__cdecl", "__stdcall", "__thiscall", "__fastcall", "__vectorcall"];

/// All corrections of a name MSVC decorated.
pub(crate) fn msvc(text: &str) -> String {
    let mut spelled = text.replace("::`RTTI Type", " `RTTI Type");
    for words in [
        "scalar deleting",
        "vector deleting",
        "vector",
        "eh vector",
        "vector vbase",
        "eh vector vbase",
        "vbase",
    ] {
        spelled = spelled.replace(&format!("`{words} destructor"), &format!("`{words} dtor"));
        spelled = spelled.replace(&format!("`{words} constructor"), &format!("`{words} ctor"));
    }
    for words in
        ["default", "copy", "vector copy", "eh vector copy", "vector vbase copy", "eh vector vbase copy"]
    {
        spelled = spelled.replace(&format!("`{words} constructor"), &format!("`{words} ctor"));
    }
    for (crate_has, llvm_has) in [
        ("__int64&", "__int64 &"),
        ("__int64*", "__int64 *"),
        ("__int64const", "__int64 const"),
        ("*const const ", "*const "),
        ("{for `'}}", ""),
        ("'}}", "'}"),
    ] {
        spelled = spelled.replace(crate_has, llvm_has);
    }
    for convention in CONVENTIONS {
        spelled = spelled.replace(&format!("{convention} ("), &format!("{convention}("));
    }
    spelled
}

/// Blanks that the crate leaves out after a type whose name ends in a digit or an underscore: `Base12const&` is
/// `Base12 const &`. Words that the mangled name holds as they are stay whole.
pub(crate) fn spaced_types(raw: &str, text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let mut spelled = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, found) = rest.split_at(start);
        let end = found.find(|c: char| !is_word(c)).unwrap_or(found.len());
        let (word, after) = found.split_at(end);
        spelled.push_str(before);
        let qualifier = ["const", "volatile"].into_iter().find(|qualifier| {
            let name = word.strip_suffix(qualifier).unwrap_or_default();
            name.ends_with(|c: char| c.is_ascii_digit() || c == '_')
                && (raw.contains(name) || name.starts_with("__int"))
                && !raw.contains(word)
        });
        let name = qualifier.and_then(|qualifier| word.strip_suffix(qualifier)).unwrap_or(word);
        spelled.push_str(name);
        if let Some(qualifier) = qualifier {
            spelled.push(' ');
            spelled.push_str(qualifier);
        }
        let ends_odd = name.ends_with(|c: char| c.is_ascii_digit() || c == '_') || qualifier.is_some();
        if ends_odd && after.starts_with(['&', '*']) {
            spelled.push(' ');
        }
        rest = after;
    }
    spelled.push_str(rest);
    spelled
}

/// What compilers append to the name of a function they split off: GNU's demangler prints ` [clone .cold.1]` for each
/// piece, LLVM's ` (.cold.1)` for all of them.
pub(crate) fn llvm_suffix(text: &str) -> String {
    let Some(at) = text.find(" [clone .").filter(|_| text.ends_with(']')) else { return text.to_owned() };
    let (name, clones) = text.split_at(at);
    let pieces: Vec<&str> = clones.split(']').map(|piece| piece.trim_start_matches(" [clone ")).collect();
    format!("{name} ({})", pieces.concat())
}

/// All corrections of an Itanium name.
pub(crate) fn gnu(text: &str) -> String {
    let text = special_name(text);
    let text = literals(&text);
    let text = text.replace(", >", ">");
    function_types(&text)
}

/// Tables and thunks: `{vtable(X)}` is `vtable for X`.
fn special_name(text: &str) -> String {
    let inner = |prefix: &str| text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(")}"));
    if let Some(name) = inner("{vtable(") {
        return format!("vtable for {name}");
    }
    if let Some(name) = inner("{vtt(") {
        return format!("VTT for {name}");
    }
    let Some(thunk) = inner("{virtual override thunk(") else { return text.to_owned() };
    let Some((first, rest)) = thunk.split_once("}, ") else { return text.to_owned() };
    if let Some((_, name)) = rest.split_once("}, ").filter(|_| rest.starts_with('{')) {
        return format!("covariant return thunk to {name}");
    }
    let kind = if first.starts_with("{virtual offset") { "virtual thunk" } else { "non-virtual thunk" };
    format!("{kind} to {rest}")
}

/// Types of integer literals and the suffix that stands for them.
const SUFFIXES: [(&str, &str); 6] = [
    ("(unsigned int)", "u"),
    ("(unsigned long long)", "ull"),
    ("(unsigned long)", "ul"),
    ("(long long)", "ll"),
    ("(long)", "l"),
    ("(int)", ""),
];

/// Integer literals with a suffix instead of a cast.
fn literals(text: &str) -> String {
    let mut spelled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('(') {
        let (before, found) = rest.split_at(at);
        spelled.push_str(before);
        let literal = SUFFIXES.iter().find_map(|(cast, suffix)| {
            let number = found.strip_prefix(cast)?;
            let sign = usize::from(number.starts_with('-'));
            let digits = number.bytes().skip(sign).take_while(u8::is_ascii_digit).count();
            (digits > 0)
                .then(|| number.split_at_checked(sign + digits))
                .flatten()
                .map(|split| (split, suffix))
        });
        if let Some(((number, after), suffix)) = literal {
            spelled.push_str(number);
            spelled.push_str(suffix);
            rest = after;
        } else {
            spelled.push('(');
            rest = found.get(1..).unwrap_or_default();
        }
    }
    spelled.push_str(rest);
    spelled
}

/// A blank between return type and arguments of function types in template arguments.
fn function_types(text: &str) -> String {
    let bytes = text.as_bytes();
    let closing = closing_brackets(bytes);
    let mut spelled = String::with_capacity(text.len() + 8);
    let (mut depth, mut taken) = (0_usize, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        let before = text.get(..at).unwrap_or_default();
        match byte {
            b'<' if !is_operator(before) => depth += 1,
            b'>' if !is_operator(before) && !before.ends_with('-') => depth = depth.saturating_sub(1),
            b'(' if depth > 0 && is_function_type(before, bytes, closing.get(at).copied().unwrap_or(0)) => {
                spelled.push_str(text.get(taken..at).unwrap_or_default());
                spelled.push(' ');
                taken = at;
            }
            _ => {}
        }
    }
    spelled.push_str(text.get(taken..).unwrap_or_default());
    spelled
}

/// Whether an angle bracket behind `before` is part of an operator's name.
fn is_operator(before: &str) -> bool {
    ["operator", "operator<", "operator>", "operator-", "operator<="]
        .iter()
        .any(|name| before.ends_with(name))
}

/// Whether a bracket opens the arguments of a type: behind a type, and not of a function something is nested in.
fn is_function_type(before: &str, bytes: &[u8], close: usize) -> bool {
    let names =
        ["lambda", "decltype", "sizeof", "alignof", "noexcept", "operator", "typeid", "dynamic initializer"];
    let behind_type =
        before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '>' | '*' | '&'));
    let nested = matches!(bytes.get(close + 1), Some(b':' | b'#'))
        || bytes.get(close + 1..).is_some_and(|rest| rest.starts_with(b" const::"));
    // `&f(int)` is a function by its address, no type that returns `f`.
    let name = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))).next();
    let named = before.strip_suffix(name.unwrap_or_default()).unwrap_or_default();
    let by_address = named.len() < before.len() && (named.ends_with("<&") || named.ends_with(", &"));
    behind_type && !by_address && !nested && !names.iter().any(|name| before.ends_with(name))
}

/// For every opening round bracket the position of its closing one.
fn closing_brackets(bytes: &[u8]) -> Vec<usize> {
    let mut closing = vec![0; bytes.len()];
    let mut open = Vec::new();
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => open.push(at),
            b')' => {
                if let Some(slot) = open.pop().and_then(|start| closing.get_mut(start)) {
                    *slot = at;
                }
            }
            _ => {}
        }
    }
    closing
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of msvcp140.dll as SMDA spells them.
    #[test]
    fn decorated_names_read_as_llvm_spells_them() {
        let cases = [
            ("A::`vbase destructor'(void)", "A::`vbase dtor'(void)"),
            ("f(unsigned __int64*const, __int64&)", "f(unsigned __int64 *const, __int64 &)"),
            ("__int64const std::_BADOFF", "__int64 const std::_BADOFF"),
            ("char const *const const `f'::`2'::_Src", "char const *const `f'::`2'::_Src"),
            ("const A::`vbtable'{for `'}}", "const A::`vbtable'"),
            ("const A::`vbtable'{for `B'}}", "const A::`vbtable'{for `B'}"),
        ];
        for (text, want) in cases {
            assert_eq!(msvc(text), want);
        }
        assert_eq!(llvm_suffix("f() [clone .isra.0] [clone .cold.1]"), "f() (.isra.0.cold.1)");
        assert_eq!(llvm_suffix("f()"), "f()");
    }

    #[test]
    fn tables_thunks_literals_and_packs_read_as_gnu_spells_them() {
        let cases = [
            ("{vtable(A<int>)}", "vtable for A<int>"),
            ("{vtt(A)}", "VTT for A"),
            ("{virtual override thunk({virtual offset(0, -24)}, A::~A())}", "virtual thunk to A::~A()"),
            (
                "{virtual override thunk({offset(-16)}, A::f(int, int))}",
                "non-virtual thunk to A::f(int, int)",
            ),
            ("V<T*, (unsigned int)4>", "V<T*, 4u>"),
            ("R<(long)1, (long)-5>", "R<1l, -5l>"),
            ("f(int)", "f(int)"),
            ("P<M, A<M, >, >", "P<M, A<M>>"),
            ("g<void(int)>(int)", "g<void (int)>(int)"),
            ("R<_object, &refs::NoOp(void*)>::~R()", "R<_object, &refs::NoOp(void*)>::~R()"),
            ("R<&f(int), int&(int)>()", "R<&f(int), int& (int)>()"),
            ("g<h(int)::{lambda(int)#1}>()", "g<h(int)::{lambda(int)#1}>()"),
        ];
        for (text, want) in cases {
            assert_eq!(gnu(text), want);
        }
    }
}
