//! Readable names of mangled symbols, spelled as SMDA spells them. SMDA goes through two demanglers: lief's (the GNU
//! spelling, `> >`) for ELF and Mach-O symbol tables, and an LLVM-like one (`>>`) for everything else.

use cpp_demangle::{DemangleOptions, ParseOptions, Symbol};

use crate::label::{msvc, rust, spelling};
use crate::limits::MAX_NAME_BYTES;

/// Longest mangled name that is looked into, in bytes.
const MAX_MANGLED: usize = 1 << 13;
/// Deepest nesting of a mangled name.
const MAX_DEPTH: u32 = 96;
/// Longest readable name in bytes: a short mangled name can stand for gigabytes.
const MAX_READABLE: usize = 1 << 16;
/// What a name that cannot be read counts for in [`Speller`], in bytes, and further ones for each of its bytes.
const FAILURE_COST: usize = 1 << 10;
const FAILURE_COST_PER_BYTE: usize = 4;

/// Bytes of readable names that any table may have, and further ones for each byte of a mangled name. Names of templates
/// become ten times as long at most.
const FREE_READABLE: usize = 4 << 20;
const READABLE_PER_BYTE: usize = 32;

/// Spells many names, with a bound on all of them together; behind it names stay as they are.
pub(crate) struct Speller {
    left: usize,
    /// The last name with its spelling: hostile tables repeat one that is costly to read.
    last: Option<(String, String)>,
}

impl Speller {
    pub(crate) fn new() -> Self {
        Self { left: FREE_READABLE, last: None }
    }

    /// The name as `spelling` has it.
    pub(crate) fn spell(&mut self, raw: &str, spelling: fn(&str) -> String) -> String {
        if !raw.starts_with(['_', '?']) || self.left == 0 {
            return raw.to_owned();
        }
        let name = match &self.last {
            Some((known, name)) if known == raw => name.clone(),
            _ => spelling(raw),
        };
        let failed = name == raw && (raw.starts_with("_Z") || raw.starts_with("__Z") || raw.starts_with('?'));
        // Short names may stand for long ones; how long all of them together become follows how long they are.
        let credit = if failed { 0 } else { READABLE_PER_BYTE * raw.len() };
        let cost = if failed { FAILURE_COST.max(FAILURE_COST_PER_BYTE * raw.len()) } else { name.len() };
        self.left = self.left.saturating_add(credit).min(MAX_NAME_BYTES).saturating_sub(cost);
        self.last = Some((raw.to_owned(), name.clone()));
        name
    }
}

/// Text that refuses to grow beyond [`MAX_READABLE`].
#[derive(Default)]
struct Capped(String);

impl std::fmt::Write for Capped {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        if self.0.len() + text.len() > MAX_READABLE {
            return Err(std::fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// Name of an ELF symbol: GNU spelling, else [`llvm_name`].
pub(crate) fn elf_name(raw: &str) -> String {
    if raw.starts_with("_Z") { gnu(raw).unwrap_or_else(|| llvm_name(raw)) } else { raw.to_owned() }
}

/// Name in LLVM spelling; Rust names stay as they are.
pub(crate) fn llvm_name(raw: &str) -> String {
    let mangled = raw.starts_with("_Z") || raw.starts_with("__Z");
    if !mangled || rust::is_evidence(raw) || rust::is_hash_only(raw) {
        return raw.to_owned();
    }
    gnu(raw.strip_prefix("__Z").map_or(raw, |_| raw.get(1..).unwrap_or(raw)))
        .map_or_else(|| raw.to_owned(), |name| spelling::llvm_suffix(&llvm_spelling(&name)))
}

/// Name of a PE export or COFF symbol.
pub(crate) fn pe_name(raw: &str) -> String {
    if raw.starts_with('?') { msvc_name(raw) } else { llvm_name(raw) }
}

/// Name of a Mach-O symbol or export. Swift names are not expanded.
pub(crate) fn macho_name(raw: &str) -> String {
    llvm_name(raw)
}

/// The GNU spelling of an Itanium name. `None` when it cannot be read.
fn gnu(raw: &str) -> Option<String> {
    if raw.len() > MAX_MANGLED {
        return None;
    }
    let options = ParseOptions::default().recursion_limit(MAX_DEPTH);
    let symbol = Symbol::new_with_options(raw, &options).ok()?;
    let options = DemangleOptions::default().recursion_limit(MAX_DEPTH);
    let mut text = Capped::default();
    symbol.structured_demangle(&mut text, &options).ok()?;
    (!text.0.is_empty()).then(|| spelling::gnu(&text.0))
}

/// Closing template brackets side by side.
fn llvm_spelling(name: &str) -> String {
    let mut spelled = name.to_owned();
    while spelled.contains("> >") {
        spelled = spelled.replace("> >", ">>");
    }
    spelled
}

/// Name of a function MSVC decorated; unchanged when it is not fully understood.
fn msvc_name(raw: &str) -> String {
    msvc::demangle(raw).unwrap_or_else(|| raw.to_owned())
}

/// Whether a name reads as C++ (Itanium, or the MSVC forms of functions and data in a scope).
pub(crate) fn is_cpp(raw: &str) -> bool {
    let itanium = raw.starts_with("_Z") || raw.starts_with("__Z");
    (itanium && llvm_name(raw) != raw) || is_msvc_cpp(raw)
}

/// `?name@scope@@` and then a function (ending in `Z`) or data (a digit and more).
fn is_msvc_cpp(raw: &str) -> bool {
    let Some(rest) = raw.strip_prefix('?') else { return false };
    let Some(end) = rest.find("@@") else { return false };
    let (scope, tail) = (rest.get(..end).unwrap_or_default(), rest.get(end + 2..).unwrap_or_default());
    let scoped = !scope.is_empty() && scope.split('@').all(|part| !part.is_empty());
    let function = tail.len() >= 2 && raw.ends_with('Z');
    let data = tail.len() >= 2 && tail.starts_with(|c: char| c.is_ascii_digit());
    scoped && !tail.contains('\n') && (function || data)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and what the reference prints for them.
    #[test]
    fn decorated_names_are_spelled_as_the_reference_does() {
        let cases = [
            (
                r"?f@Base12@@QBEABV1@ABV1@@Z",
                r"public: class Base12 const & __thiscall Base12::f(class Base12 const &) const",
            ),
            (r"?f@@YAXABVBase12@@@Z", r"void __cdecl f(class Base12 const &)"),
            (
                r"?f@@YAXAEBVBase12@@PEBU1@AEAV1@@Z",
                r"void __cdecl f(class Base12 const &, struct Base12 const *, class Base12 &)",
            ),
            (
                r"?f@@YAXPBHPAHQAHQBHRAH@Z",
                r"void __cdecl f(int const *, int *, int *const, int const *const, int *volatile)",
            ),
            (r"?f@@YAXAAY02H@Z", r"void __cdecl f(int (&)[3])"),
            (r"?f@@YAXP6AHH@Z@Z", r"void __cdecl f(int (__cdecl *)(int))"),
            (r"?f@@YAXP6GXPAX@Z0@Z", r"void __cdecl f(void (__stdcall *)(void *), void *)"),
            (r"?x@@3QBDB", r"char const *const x"),
            (r"?x@@3PAP6AXXZA", r"void (__cdecl **x)(void)"),
            (r"?g@?$vec@H@@QAEAAHI@Z", r"public: int & __thiscall vec<int>::g(unsigned int)"),
            (
                r"?g@?$vec@PBD@@QAEABPBDI@Z",
                r"public: char const *const & __thiscall vec<char const *>::g(unsigned int)",
            ),
            (
                r"?g@?$vec@V?$pair@HPBD@@@@QAEABV?$pair@HPBD@@I@Z",
                r"public: class pair<int, char const *> const & __thiscall vec<class pair<int, char const *>>::g(unsigned int)",
            ),
            (r"?h@@YAXAAV?$vec@ABVBase12@@@@@Z", r"void __cdecl h(class vec<class Base12 const &> &)"),
            (r"?m@@YAXP8A@@AEHH@Z@Z", r"void __cdecl m(int (__thiscall A::*)(int))"),
            (r"?op@@YA?AV?$a@$0A@@@XZ", r"class a<0> __cdecl op(void)"),
            (r"??4A@@QAEAAV0@ABV0@@Z", r"public: class A & __thiscall A::operator=(class A const &)"),
            (r"??BA@@QBEPBDXZ", r"public: char const * __thiscall A::operator char const *(void) const"),
            (r"?r@@YAX$$QAVBase12@@@Z", r"void __cdecl r(class Base12 &&)"),
            (r"?r@@YAX$$QBVBase12@@@Z", r"void __cdecl r(class Base12 const &&)"),
            (r"?c@@YAXABW4E@@@Z", r"void __cdecl c(enum E const &)"),
            (
                r"?n@@YAXABN_J_KABJ@Z",
                r"void __cdecl n(double const &, __int64, unsigned __int64, long const &)",
            ),
            (r"?n@@YAXAB_J@Z", r"void __cdecl n(__int64 const &)"),
            (r"?n@@YAXAA_N@Z", r"void __cdecl n(bool &)"),
            (r"?arr@@3QAY01HA", r"int (*const arr)[2]"),
            (r"?fn@@YAP6AHH@ZD@Z", r"int (__cdecl * __cdecl fn(char))(int)"),
            (r"?fn@@YAABQBDH@Z", r"char const *const & __cdecl fn(int)"),
            (r"?t@@YAABV?$T@$$BY01H@@XZ", r"class T<int[2]> const & __cdecl t(void)"),
            (r"?t@@YAXV?$T@$$A6AHH@Z@@@Z", r"void __cdecl t(class T<int __cdecl(int)>)"),
            (r"?s@@YAXABQAVBase12@@@Z", r"void __cdecl s(class Base12 *const &)"),
            (r"?s@@YAXABQBVBase12@@@Z", r"void __cdecl s(class Base12 const *const &)"),
            (r"?s@A@@2ABVBase12@@A", r"public: static class Base12 const &A::s"),
            (r"?q@A@@QHAEXXZ", r"public: void __thiscall A::q(void) &&"),
            (r"?q@A@@QGBAXXZ", r"public: void __cdecl A::q(void) const &"),
        ];
        let wrong: Vec<_> = cases
            .iter()
            .filter(|(raw, want)| msvc_name(raw) != *want)
            .map(|(raw, want)| (msvc_name(raw), *want))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
