//! What the data table says: mnemonic -> group and jump mark, register -> class, byte prefixes.

use std::sync::LazyLock;

use crate::escaper::table::WordTable;

const DATA: &str = include_str!("../../../../../data/intel_escaper.txt");

/// Marks jumps and calls in the value of a mnemonic; the lower bits are the group letter.
const JUMP: u8 = 0x80;

struct Tables {
    mnemonics: WordTable,
    registers: WordTable,
    /// By byte value.
    prefixes: [bool; 256],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let jumps: Vec<&str> = words("jump").chain(words("jump-conditional")).collect();
    let mark = |word: &str| if jumps.contains(&word) { JUMP } else { 0 };
    let grouped = "ACMSPYFXVN".chars().flat_map(|group| {
        let key = ["group:", group.encode_utf8(&mut [0; 4])].concat();
        words(&key).map(|word| (word, group as u8 | mark(word))).collect::<Vec<_>>()
    });
    let others = jumps.iter().map(|word| (*word, b'U' | JUMP));
    let classes = [Register::General, Register::Segment, Register::Vector, Register::Control];
    let mut prefixes = [false; 256];
    for prefix in words("prefix").filter_map(|digits| u8::from_str_radix(digits, 16).ok()) {
        prefixes[usize::from(prefix)] = true;
    }
    Tables {
        mnemonics: WordTable::new(grouped.chain(others)),
        registers: WordTable::new(
            classes.iter().flat_map(|class| words(class.key()).map(|register| (register, *class as u8))),
        ),
        prefixes,
    }
});

/// Words of all lines with a key.
fn words(key: &str) -> impl Iterator<Item = &'static str> {
    DATA.lines()
        .filter(move |line| line.split(' ').next() == Some(key))
        .flat_map(|line| line.split(' ').skip(1))
}

/// What is known of a mnemonic (one word).
#[derive(Clone, Copy)]
pub(super) struct Mnemonic(u8);

impl Mnemonic {
    /// Group letter, `U` if unknown.
    pub(super) fn group(self) -> u8 {
        match self.0 & !JUMP {
            0 => b'U',
            group => group,
        }
    }

    /// Whether the binary escape treats it as a jump or call.
    pub(super) fn is_jump(self) -> bool {
        self.0 & JUMP != 0
    }
}

/// Looks a mnemonic up, case sensitively.
pub(super) fn mnemonic(word: &str) -> Mnemonic {
    Mnemonic(TABLES.mnemonics.get(word))
}

/// Class of a register that the table lists by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Register {
    /// General purpose, `REG`.
    General = 1,
    /// Segment, `SREG`.
    Segment,
    /// Vector, `XREG`.
    Vector,
    /// Control, debug and test, `CREG`.
    Control,
}

impl Register {
    const fn key(self) -> &'static str {
        match self {
            Self::General => "register:REG",
            Self::Segment => "register:SREG",
            Self::Vector => "register:XREG",
            Self::Control => "register:CREG",
        }
    }
}

/// Bytes of the longest register name.
pub(super) const LONGEST_REGISTER: usize = 5;

/// Looks a register up by its exact name.
pub(super) fn register(name: &str) -> Option<Register> {
    match TABLES.registers.get(name) {
        1 => Some(Register::General),
        2 => Some(Register::Segment),
        3 => Some(Register::Vector),
        4 => Some(Register::Control),
        _ => None,
    }
}

/// Number of leading hex digits of `bytes` that are prefix bytes (lower-case digits, as reports have them).
pub(super) fn prefix_digits(bytes: &[u8]) -> usize {
    let prefixes = &TABLES.prefixes;
    let is_prefix = |pair: &[u8]| {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        matches!((value(pair[0]), value(pair[1])), (Some(high), Some(low)) if prefixes[usize::from(high << 4 | low)])
    };
    2 * bytes.chunks_exact(2).take_while(|pair| is_prefix(pair)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_table_is_read_whole() {
        let groups: usize = "ACMSPYFXVN".chars().map(|group| words(&format!("group:{group}")).count()).sum();
        assert_eq!(groups, 1792);
        assert_eq!(mnemonic("mov").group(), b'M');
        assert_eq!(mnemonic("cmp").group(), b'C');
        assert!(!mnemonic("cmp").is_jump());
        assert!(mnemonic("loopne").is_jump());
        assert_eq!(mnemonic("MOV").group(), b'U');
        assert_eq!(mnemonic("error").group(), b'U');
        let registers = ["r15b", "gs", "ymm15", "tr7", "xmm16"].map(register);
        let expected = [Register::General, Register::Segment, Register::Vector, Register::Control].map(Some);
        assert_eq!(registers[..4], expected);
        assert_eq!(registers[4], None);
    }

    #[test]
    fn no_listed_register_reads_as_a_number_or_a_pointer() {
        for class in [Register::General, Register::Segment, Register::Vector, Register::Control] {
            for name in words(class.key()) {
                assert!(!name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
                assert!(name.len() <= LONGEST_REGISTER, "{name}");
                assert!(!name.contains([':', '[']) && !name.starts_with("ptr"), "{name}");
            }
        }
    }

    #[test]
    fn prefixes_are_counted_in_digits() {
        for (bytes, digits) in
            [("66e9", 2), ("f2f366909", 6), ("48", 0), ("", 0), ("6", 0), ("66F3", 2), ("zz", 0)]
        {
            assert_eq!(prefix_digits(bytes.as_bytes()), digits, "{bytes}");
        }
    }
}
