//! The rows themselves: `data/x86_rows.txt`, read once.
//!
//! | section | a line |
//! |---|---|
//! | contexts | for every set of attributes (see [`attribute`]) the number of the context it stands for, runs as `context*count` |
//! | operands | the operands of a form, as `ENCODING.TYPE`; an encoding with `_CD` scales an 8-bit displacement |
//! | layouts | operand text; `<word:3>` is the operand at place 3, printed as the word says |
//! | forms | mnemonic, operands, layout, and letters (see [`Form`]); numbered from 1, 0 is no instruction |
//! | decisions | opcode map, opcode, kind of choice by ModRM, contexts, forms to choose from |
//! | alternatives | a comparison, and its form with the condition as a number |
//! | narrow | a form, and its form with 16-bit operands |

use std::sync::LazyLock;

use super::specification::{self, Operands};

const DATA: &str = include_str!("../../../../../data/x86_rows.txt");

/// Attributes of an encoding that choose the context, as bits.
pub(super) mod attribute {
    pub(crate) const LONG_MODE: u16 = 1;
    pub(crate) const F3: u16 = 1 << 1;
    pub(crate) const F2: u16 = 1 << 2;
    pub(crate) const W: u16 = 1 << 3;
    pub(crate) const OPERAND_SIZE: u16 = 1 << 4;
    pub(crate) const ADDRESS_SIZE: u16 = 1 << 5;
    pub(crate) const VEX: u16 = 1 << 6;
    pub(crate) const VEX_L: u16 = 1 << 7;
    pub(crate) const EVEX: u16 = 1 << 8;
    pub(crate) const EVEX_L: u16 = 1 << 9;
    pub(crate) const EVEX_L2: u16 = 1 << 10;
    pub(crate) const MASK: u16 = 1 << 11;
    pub(crate) const ZERO: u16 = 1 << 12;
    pub(crate) const BROADCAST: u16 = 1 << 13;
}

/// Opcode maps, numbered as in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Map {
    One,
    Two,
    Three38,
    Three3a,
    Xop8,
    Xop9,
    Xopa,
    Amd3d,
}

/// How a form prints its immediates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Signed,
    /// `p`: never with a sign.
    Positive,
    /// `b`: one byte.
    Byte,
    /// `f`: an offset and a selector.
    Far,
    /// `m`: cut to its size.
    Masked,
    /// `r`: two bytes.
    Return,
}

/// Letters of a form that are flags.
pub(super) mod flag {
    /// `w`: exists in 64-bit code only.
    pub(crate) const WIDE: u16 = 1;
    /// `l`: may be locked.
    pub(crate) const LOCKABLE: u16 = 1 << 1;
    /// `x`: exchanges memory.
    pub(crate) const EXCHANGES: u16 = 1 << 2;
    /// `n`, `e`, `q`, `z`: prints `repne`, `rep`, `repe`, `repz`.
    pub(crate) const REPNE: u16 = 1 << 3;
    pub(crate) const REP: u16 = 1 << 4;
    pub(crate) const REPE: u16 = 1 << 5;
    pub(crate) const REPZ: u16 = 1 << 6;
    /// `d`: prints `bnd`; `t`: prints `notrack`.
    pub(crate) const BND: u16 = 1 << 7;
    pub(crate) const NOTRACK: u16 = 1 << 8;
}

/// One instruction form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) mnemonic: &'static str,
    operands: u16,
    layout: u16,
    /// Bytes of its immediate as it is printed, 0 if the table does not say.
    pub(super) immediate: u8,
    pub(super) style: Style,
    flags: u16,
}

impl Form {
    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }
}

/// How ModRM chooses among the forms of a decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Choice {
    One,
    Mod,
    RegisterForms,
    Register,
    Full,
}

#[derive(Clone, Copy, Debug)]
struct Decision {
    choice: Choice,
    first: u32,
}

const CONTEXTS: usize = 1 << 14;
const MAPS: usize = 8;
const OPCODES: usize = 256;

/// Everything in the file.
#[derive(Debug)]
pub(super) struct Rows {
    contexts: Vec<u16>,
    operands: Vec<Operands>,
    layouts: Vec<&'static str>,
    forms: Vec<Form>,
    decisions: Vec<Decision>,
    choices: Vec<u16>,
    /// Numbers of decisions by map, context and opcode; 0 is none.
    places: Vec<u16>,
    alternatives: Vec<(u16, u16)>,
    narrow: Vec<(u16, u16)>,
}

static ROWS: LazyLock<Rows> = LazyLock::new(|| Rows::read(DATA));

impl Rows {
    pub(super) fn get() -> &'static Self {
        &ROWS
    }

    /// Whether the opcode has a ModRM byte.
    pub(super) fn has_modrm(&self, map: Map, attributes: u16, opcode: u8) -> bool {
        map == Map::Amd3d || self.decision(map, attributes, opcode).choice != Choice::One
    }

    /// The form of an opcode, 0 if there is none.
    pub(super) fn form(&self, map: Map, attributes: u16, opcode: u8, modrm: u8) -> u16 {
        let decision = self.decision(map, attributes, opcode);
        let register = modrm >> 6 == 3;
        let reg = usize::from(modrm >> 3 & 7);
        let at = match decision.choice {
            Choice::One => 0,
            Choice::Mod => usize::from(register),
            Choice::Register => reg + if register { 8 } else { 0 },
            Choice::RegisterForms if register => 8 + usize::from(modrm & 0x3f),
            Choice::RegisterForms => reg,
            Choice::Full => usize::from(modrm),
        };
        self.choices.get(decision.first as usize + at).copied().unwrap_or(0)
    }

    fn decision(&self, map: Map, attributes: u16, opcode: u8) -> Decision {
        let context = self.contexts[usize::from(attributes) % CONTEXTS];
        let number = self.places[place(map as usize, usize::from(context), usize::from(opcode))];
        self.decisions[usize::from(number)]
    }

    pub(super) fn of(&self, form: u16) -> &Form {
        &self.forms[usize::from(form)]
    }

    pub(super) fn operands(&self, form: u16) -> &Operands {
        &self.operands[usize::from(self.of(form).operands)]
    }

    pub(super) fn layout(&self, form: u16) -> &'static str {
        self.layouts[usize::from(self.of(form).layout)]
    }

    /// The form that prints the condition as a number.
    pub(super) fn alternative(&self, form: u16) -> u16 {
        let found = self.alternatives.binary_search_by_key(&form, |pair| pair.0);
        found.map_or(form, |at| self.alternatives[at].1)
    }

    pub(super) fn is_narrow_twin(&self, form: u16, narrow: u16) -> bool {
        self.narrow.binary_search(&(form, narrow)).is_ok()
    }

    /// Reads the file. It is ours and checked by a test, so what does not parse is left out.
    fn read(text: &'static str) -> Self {
        let mut rows = Self {
            contexts: Vec::with_capacity(CONTEXTS),
            operands: Vec::new(),
            layouts: Vec::new(),
            forms: vec![Form {
                mnemonic: "",
                operands: 0,
                layout: 0,
                immediate: 0,
                style: Style::Signed,
                flags: 0,
            }],
            decisions: vec![Decision { choice: Choice::One, first: 0 }],
            choices: vec![0],
            places: vec![0; MAPS * CONTEXT_LIMIT * OPCODES],
            alternatives: Vec::new(),
            narrow: Vec::new(),
        };
        let mut section = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match (line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')), section) {
                (
                    Some(
                        name @ ("contexts" | "operands" | "layouts" | "forms" | "decisions" | "alternatives"
                        | "narrow"),
                    ),
                    _,
                ) => section = name,
                (_, "contexts") => Cursor(line.as_bytes()).runs(&mut rows.contexts),
                (_, "operands") => rows.operands.push(specification::read(line)),
                (_, "layouts") => rows.layouts.push(if line == "-" { "" } else { line }),
                (_, "forms") => rows.forms.extend(form(line)),
                (_, "decisions") => rows.decide(line),
                (_, "alternatives") => rows.alternatives.push(pair(line)),
                _ => rows.narrow.push(pair(line)),
            }
        }
        rows.contexts.resize(CONTEXTS, 0);
        rows.alternatives.sort_unstable();
        rows.narrow.sort_unstable();
        rows
    }

    fn decide(&mut self, line: &str) {
        let mut cursor = Cursor(line.as_bytes());
        let mut field = || {
            let number = cursor.number();
            cursor.skip(b'\t');
            number
        };
        let (map, opcode, choice) = (field() % MAPS, field() % OPCODES, field());
        let choice = match choice {
            1 => Choice::Mod,
            2 => Choice::RegisterForms,
            3 => Choice::Register,
            4 => Choice::Full,
            _ => Choice::One,
        };
        let at = self.decisions.len() as u16;
        self.decisions.push(Decision { choice, first: self.choices.len() as u32 });
        loop {
            let first = cursor.number();
            let last = if cursor.skip(b'-') { cursor.number() } else { first };
            for context in first..=last.min(CONTEXT_LIMIT - 1) {
                self.places[place(map, context, opcode)] = at;
            }
            if !cursor.skip(b',') {
                break;
            }
        }
        cursor.skip(b'\t');
        cursor.runs(&mut self.choices);
    }
}

/// What is left of a line, read in one pass: the table has half a million bytes, and the first instruction that needs it
/// waits for all of them.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// The decimal number that begins here, 0 if none does.
    fn number(&mut self) -> usize {
        let mut number = 0usize;
        while let [digit @ b'0'..=b'9', rest @ ..] = self.0 {
            number = number.wrapping_mul(10).wrapping_add(usize::from(digit - b'0'));
            self.0 = rest;
        }
        number
    }

    /// Steps over a byte if it is the next one.
    fn skip(&mut self, byte: u8) -> bool {
        let [first, rest @ ..] = self.0 else { return false };
        if *first != byte {
            return false;
        }
        self.0 = rest;
        true
    }

    /// Appends numbers, each with how often it occurs.
    fn runs(&mut self, out: &mut Vec<u16>) {
        loop {
            let value = self.number() as u16;
            if self.skip(b'*') {
                let count = self.number().min(CONTEXTS);
                out.extend(std::iter::repeat_n(value, count));
            } else {
                out.push(value);
            }
            if !self.skip(b' ') {
                break;
            }
        }
    }
}

/// More contexts than there are.
const CONTEXT_LIMIT: usize = 256;

fn place(map: usize, context: usize, opcode: usize) -> usize {
    (map * CONTEXT_LIMIT + context.min(CONTEXT_LIMIT - 1)) * OPCODES + opcode
}

fn pair(line: &str) -> (u16, u16) {
    let mut cursor = Cursor(line.as_bytes());
    let first = cursor.number();
    cursor.skip(b'\t');
    (first as u16, cursor.number() as u16)
}

fn form(line: &'static str) -> Option<Form> {
    let (mnemonic, rest) = line.split_once('\t')?;
    let mut cursor = Cursor(rest.as_bytes());
    let operands = cursor.number() as u16;
    cursor.skip(b'\t');
    let layout = cursor.number() as u16;
    cursor.skip(b'\t');
    let mut form = Form { mnemonic, operands, layout, immediate: 0, style: Style::Signed, flags: 0 };
    for &letter in cursor.0 {
        match letter {
            b'0'..=b'9' => form.immediate = letter - b'0',
            b'p' => form.style = Style::Positive,
            b'b' => form.style = Style::Byte,
            b'f' => form.style = Style::Far,
            b'm' => form.style = Style::Masked,
            b'r' => form.style = Style::Return,
            b'w' => form.flags |= flag::WIDE,
            b'l' => form.flags |= flag::LOCKABLE,
            b'x' => form.flags |= flag::EXCHANGES,
            b'n' => form.flags |= flag::REPNE,
            b'd' => form.flags |= flag::BND,
            b'e' => form.flags |= flag::REP,
            b'q' => form.flags |= flag::REPE,
            b'z' => form.flags |= flag::REPZ,
            b't' => form.flags |= flag::NOTRACK,
            _ => return None,
        }
    }
    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_and_every_number_is_in_range() {
        let rows = Rows::get();
        let lines = DATA.lines().filter(|line| !line.starts_with(['#', '['])).count();
        let read = 1
            + rows.operands.len()
            + rows.layouts.len()
            + (rows.forms.len() - 1)
            + (rows.decisions.len() - 1)
            + rows.alternatives.len()
            + rows.narrow.len();
        assert_eq!(lines, read);
        assert_eq!(rows.contexts.len(), CONTEXTS);
        assert!(rows.contexts.iter().all(|&context| usize::from(context) < CONTEXT_LIMIT));
        assert!(rows.choices.iter().all(|&form| usize::from(form) < rows.forms.len()));
        for form in &rows.forms {
            assert!(usize::from(form.operands) < rows.operands.len(), "{}", form.mnemonic);
            assert!(usize::from(form.layout) < rows.layouts.len(), "{}", form.mnemonic);
        }
    }

    #[test]
    fn a_known_opcode_leads_to_its_form() {
        let rows = Rows::get();
        let form = rows.form(Map::One, attribute::LONG_MODE, 0x01, 0xc0);
        assert_eq!((rows.of(form).mnemonic, rows.layout(form)), ("add", "<1>, <2>"));
        assert_eq!(rows.form(Map::One, attribute::LONG_MODE, 0x06, 0), 0, "push es");
    }
}
