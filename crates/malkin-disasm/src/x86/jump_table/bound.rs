//! How many entries a jump table has: the comparison or the mask that guards its index.

use crate::x86::operand_text::{Line, family, immediate, is_name, is_register, without_segment};

/// Largest mask that counts as a bound.
const MAX_MASK: u64 = 0xff;

/// Where the index of a table lives: a register family, or the text of a memory operand.
pub(super) fn index_key(operand: &str) -> Option<String> {
    let scaled = scaled_register(operand);
    operand_key(scaled.unwrap_or(operand))
}

/// The register that `[base + register*4` or `[register*4` scales.
pub(super) fn scaled_register(operand: &str) -> Option<&str> {
    operand.match_indices('[').find_map(|(at, _)| {
        let inner = &operand[at + 1..];
        let (text, scale) = inner.split_once('*')?;
        let index = match text.split_once(" + ") {
            Some((base, index)) if is_register(base, 4) => index,
            Some(_) => return None,
            None => text,
        };
        let known_scale = matches!(scale.as_bytes().first(), Some(b'1' | b'2' | b'4' | b'8'));
        (is_register(index, 4) && known_scale).then_some(index)
    })
}

/// Register family or memory text; nothing for numbers.
pub(super) fn operand_key(operand: &str) -> Option<String> {
    let operand = without_segment(operand.trim());
    match family(&operand) {
        Some(register) => Some(register.to_owned()),
        None => (operand.starts_with('[') || operand.contains("ptr [")).then_some(operand),
    }
}

/// Whether a key is a memory operand that is addressed through a register family.
fn is_addressed_by(key: &str, register: &str) -> bool {
    if !key.contains('[') {
        return false;
    }
    let mut words = key.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit()));
    words.any(|word| word_has_family(word, register))
}

/// Register names are found anywhere in a word that starts with a letter, as a pattern search would.
fn word_has_family(word: &str, register: &str) -> bool {
    let start = word.find(|c: char| c.is_ascii_lowercase()).unwrap_or(word.len());
    family(&word[start..]) == Some(register)
}

/// Width of an operand in bits, 0 if it is unknown.
fn width(operand: &str) -> u32 {
    let operand = without_segment(&operand.trim().to_lowercase());
    if operand.contains("ptr [") {
        return match operand.split(' ').next() {
            Some("byte") => 8,
            Some("word") => 16,
            Some("dword") => 32,
            Some("qword") => 64,
            _ => 0,
        };
    }
    let numbered = operand.strip_prefix('r').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match (operand.as_str(), numbered) {
        ("ah" | "bh" | "ch" | "dh", _) => 0,
        (name, _) if family(name).is_none() => 0,
        (_, Some(rest)) if rest.ends_with('b') => 8,
        (_, Some(rest)) if rest.ends_with('w') => 16,
        (_, Some(rest)) if rest.ends_with('d') => 32,
        (_, Some(_)) => 64,
        (name, None) if name.ends_with('l') => 8,
        (name, None) if name.starts_with('e') => 32,
        (name, None) if name.starts_with('r') => 64,
        _ => 16,
    }
}

/// What is known about the index while walking back.
struct Tracked(Vec<String>);

impl Tracked {
    fn has(&self, key: &str) -> bool {
        self.0.iter().any(|known| known == key)
    }

    /// Forgets a key and everything addressed through it.
    fn drop_key(&mut self, key: &str) {
        self.0.retain(|known| known != key && !is_addressed_by(known, key));
    }
}

/// Number of entries, 0 if it is unknown.
pub(super) fn table_bound(lines: &[Line], key: Option<String>) -> u64 {
    let mut tracked = Tracked(key.into_iter().collect());
    let mut untied = 0;
    let mut mask = 0;
    for (position, line) in lines.iter().rev().enumerate() {
        let bare = line.bare();
        if is_return(bare) {
            break;
        }
        let (left, right) = line.operands.split_once(',').unwrap_or((&line.operands, ""));
        if bare == "cmp" {
            let Some(value) = immediate(right.trim()) else { continue };
            let count = value.wrapping_add(1);
            if operand_key(left).is_some_and(|key| tracked.has(&key)) {
                return tied(count, mask, left);
            }
            if untied == 0 && is_plain_comparison(&line.operands) {
                untied = count;
            }
            continue;
        }
        if tracked.0.is_empty() || matches!(bare, "test" | "push" | "bt" | "nop") {
            continue;
        }
        if matches!(bare, "call" | "lcall") {
            tracked.0.clear();
            continue;
        }
        let Some(destination) = operand_key(left) else { continue };
        let is_tracked = tracked.has(&destination);
        if matches!(bare, "mov" | "movzx" | "movsx" | "movsxd" | "movabs") {
            tracked.drop_key(&destination);
            if is_tracked {
                tracked.0.extend(index_key(right.trim()));
            }
        } else if bare == "and" && is_tracked && immediate(right.trim()).is_some() {
            let value = immediate(right.trim()).unwrap_or(0);
            if is_full_width(left.trim()) && value & value.wrapping_add(1) == 0 && value <= MAX_MASK {
                mask = if mask == 0 { value + 1 } else { mask.min(value + 1) };
            }
        } else if names_destination(bare) && !is_tracked {
            tracked.drop_key(&destination);
        } else if position == 0 && is_tracked && keeps_index(bare, left, right, &destination) {
            tracked.drop_key(&destination);
            tracked.0.push(destination);
        } else {
            tracked.0.clear();
        }
    }
    if mask == 0 { untied } else { mask }
}

/// A comparison of the index itself, limited by a mask that was applied behind it.
fn tied(count: u64, mask: u64, left: &str) -> u64 {
    if mask == 0 {
        return count;
    }
    let range = 1u128 << width(left);
    if u128::from(mask) <= range { count.min(mask) } else { mask }
}

/// The addition of the table's base to the index, directly in front of the jump.
fn keeps_index(bare: &str, left: &str, right: &str, destination: &str) -> bool {
    family(left).is_some()
        && (bare == "add" && operand_key(right).is_some()
            || bare == "lea" && is_addressed_by(right.trim(), destination))
}

fn is_plain_comparison(operands: &str) -> bool {
    let Some((left, right)) = operands.split_once(", ") else { return false };
    is_name(left, 2, 4) && right.starts_with(|c: char| c.is_ascii_digit())
}

fn is_full_width(name: &str) -> bool {
    let letters = |rest: &str| rest.len() == 2 && rest.bytes().all(|byte| byte.is_ascii_lowercase());
    if let Some(rest) = name.strip_prefix('r') {
        let number = rest.strip_suffix('d').unwrap_or(rest);
        return letters(rest) || matches!(number, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15");
    }
    name.strip_prefix('e').is_some_and(letters)
}

fn is_return(bare: &str) -> bool {
    matches!(bare, "ret" | "retn" | "retf" | "retfq" | "iret" | "iretd" | "iretq")
}

/// Instructions that write their first operand and nothing else.
fn names_destination(bare: &str) -> bool {
    matches!(
        bare,
        "adc"
            | "add"
            | "and"
            | "bswap"
            | "dec"
            | "inc"
            | "lea"
            | "mov"
            | "movabs"
            | "movsx"
            | "movsxd"
            | "movzx"
            | "neg"
            | "not"
            | "or"
            | "rol"
            | "ror"
            | "sal"
            | "sar"
            | "sbb"
            | "shl"
            | "shr"
            | "sub"
            | "xor"
    )
}

/// Instructions that change no register.
pub(crate) fn preserves_values(bare: &str) -> bool {
    matches!(
        bare,
        "bt" | "cmp"
            | "ja"
            | "jae"
            | "jb"
            | "jbe"
            | "jcxz"
            | "je"
            | "jecxz"
            | "jg"
            | "jge"
            | "jl"
            | "jle"
            | "jmp"
            | "jne"
            | "jno"
            | "jnp"
            | "jns"
            | "jo"
            | "jp"
            | "jrcxz"
            | "js"
            | "ljmp"
            | "nop"
            | "push"
            | "test"
    )
}

/// Register families an instruction writes without naming them.
fn implicit_writes(bare: &str) -> Option<&'static [&'static str]> {
    Some(match bare {
        "cbw" | "cdqe" | "cwde" => &["rax"],
        "cdq" | "cqo" | "cwd" => &["rdx"],
        "cpuid" => &["rax", "rbx", "rcx", "rdx"],
        "div" | "idiv" | "imul" | "mul" | "rdtsc" | "xgetbv" => &["rax", "rdx"],
        "rdtscp" => &["rax", "rcx", "rdx"],
        "syscall" => &["rax", "rcx", "r11"],
        _ => return None,
    })
}

/// Whether an instruction writes a register family; nothing if that is not known.
pub(super) fn writes(line: &Line, register: &str) -> Option<bool> {
    let bare = line.bare();
    if preserves_values(bare) {
        return Some(false);
    }
    let implicit = implicit_writes(bare);
    if implicit.is_some_and(|written| !line.operands.contains(',') && written.contains(&register)) {
        return Some(true);
    }
    (implicit.is_some() || names_destination(bare)).then(|| family(line.first()) == Some(register))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
        Line { mnemonic: mnemonic.to_owned(), operands: operands.to_owned(), ..Line::default() }
    }

    fn bound(lines: &[&str], operand: &str) -> u64 {
        let lines: Vec<Line> = lines.iter().map(|text| line(text)).collect();
        table_bound(&lines, index_key(operand))
    }

    #[test]
    fn the_index_is_followed_through_moves() {
        assert_eq!(bound(&["cmp ecx, 7", "ja 0x401000", "mov eax, ecx"], "dword ptr [eax*4 + 0x402000]"), 8);
        assert_eq!(bound(&["cmp edx, 3", "cmp ecx, 7", "mov eax, ecx"], "dword ptr [eax*4 + 0x402000]"), 8);
        assert_eq!(bound(&["and eax, 0xf"], "dword ptr [eax*4 + 0x402000]"), 16);
    }

    #[test]
    fn a_comparison_of_something_else_is_second_choice() {
        assert_eq!(bound(&["cmp edx, 3", "call 0x401000"], "dword ptr [eax*4 + 0x402000]"), 4);
        assert_eq!(bound(&["cmp dword ptr [ebp - 4], 3"], "dword ptr [eax*4 + 0x402000]"), 0);
        assert_eq!(bound(&["cmp eax, 3", "ret"], "eax"), 0);
    }

    #[test]
    fn widths_are_those_of_the_names() {
        let names = [
            "al",
            "ah",
            "ax",
            "eax",
            "rax",
            "r8b",
            "r8w",
            "r8d",
            "r8",
            "sil",
            "byte ptr [eax]",
            "qword ptr [rip + 8]",
        ];
        let widths: Vec<u32> = names.iter().map(|name| width(name)).collect();
        assert_eq!(widths, [8, 0, 16, 32, 64, 8, 16, 32, 64, 8, 8, 64]);
    }
}
