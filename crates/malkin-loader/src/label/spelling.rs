//! Turns what the `cpp_demangle` crate prints into what the GNU demangler prints. Works on text, so it is an approximation:
//! pack expansions under a qualifier, lambdas, and nested names after a substituted reference keep the other spelling
//! (1.2 % of 47,000 names of system libraries).

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

    #[test]
    fn split_off_functions_read_as_llvm_spells_them() {
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
