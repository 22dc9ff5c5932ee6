//! Seven statistics of a function and their bucketed shingles.

use malkin_report::Instruction;

use crate::error::HashError;
use crate::escaper::Escaper;
use crate::function_escaper::FunctionEscaper;
use crate::logbucket;
use crate::python_text::{parse_int, strip};

/// Instructions of the entry block that are searched for the stack allocation.
const PROLOGUE: usize = 10;

/// Names of the statistics in the order of their shingles.
const FIELDS: [&str; 7] =
    ["num_ins_C", "num_ins_S", "num_ins_A_rel", "num_ins_M_rel", "num_calls", "stack_size", "max_block_size"];

/// Counts over the instructions of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Statistics {
    instructions: u64,
    arithmetic: u64,
    control: u64,
    memory: u64,
    stack: u64,
    calls: u64,
    max_block_size: u64,
}

impl Statistics {
    /// Adds an instruction by its group letter.
    pub(crate) fn count(&mut self, group: u8, is_call: bool) {
        self.instructions += 1;
        self.arithmetic += u64::from(group == b'A');
        self.control += u64::from(group == b'C');
        self.memory += u64::from(group == b'M');
        self.stack += u64::from(group == b'S');
        self.calls += u64::from(is_call);
    }

    /// Ends a block of so many instructions.
    pub(crate) fn end_block(&mut self, instructions: usize) {
        self.max_block_size = self.max_block_size.max(instructions as u64);
    }

    /// Share of the instructions in percent, truncated after a division of doubles.
    fn percent(&self, count: u64) -> u64 {
        ((100 * count) as f64 / self.instructions as f64) as u64
    }
}

/// Hands out the 28 shingles: for each statistic its left bucket, its own twice, its right one, each numbered.
pub(crate) fn fuzzy_shingles(
    escaper: &FunctionEscaper<'_>,
    statistics: &Statistics,
    mut emit: impl FnMut(&[u8]),
) -> Result<(), HashError> {
    let function = escaper.function().offset;
    if statistics.instructions == 0 {
        return Err(HashError::NoInstructions { function });
    }
    let values = [
        statistics.control,
        statistics.stack,
        statistics.percent(statistics.arithmetic),
        statistics.percent(statistics.memory),
        statistics.calls,
        stack_size(escaper)?,
        statistics.max_block_size,
    ];
    for (field, value) in FIELDS.into_iter().zip(values) {
        let [left, own, right] =
            logbucket::triple(value).ok_or(HashError::ValueTooLarge { function, field, value })?;
        let mut text = ShingleText::new(field);
        for (number, bucket) in [(b'1', left), (b'1', own), (b'2', own), (b'1', right)] {
            emit(text.with(number, bucket));
        }
    }
    Ok(())
}

/// `name=number:bucket` in a fixed buffer.
struct ShingleText {
    text: [u8; 32],
    name: usize,
}

impl ShingleText {
    fn new(name: &str) -> Self {
        let mut text = [0; 32];
        for (to, from) in text.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Self { text, name: name.len() }
    }

    fn with(&mut self, number: u8, bucket: i32) -> &[u8] {
        let mut digits = [0; 10];
        let mut rest = bucket.unsigned_abs();
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let sign: &[u8] = if bucket < 0 { b":-" } else { b":" };
        let mut end = self.name;
        for part in [b"=".as_slice(), &[number], sign, &digits[first..]] {
            self.text[end..end + part.len()].copy_from_slice(part);
            end += part.len();
        }
        &self.text[..end]
    }
}

/// Bytes the prologue takes from the stack; 0 for other architectures than Intel, and when no `sub esp` is found.
fn stack_size(escaper: &FunctionEscaper<'_>) -> Result<u64, HashError> {
    let function = escaper.function();
    if escaper.escaper() != Escaper::Intel {
        return Ok(0);
    }
    let entry = function
        .code
        .block_at(function.offset)
        .ok_or(HashError::MissingEntryBlock { function: function.offset })?;
    Ok(function
        .code
        .instructions(entry)
        .take(PROLOGUE)
        .find_map(|instruction| allocation(&instruction))
        .unwrap_or(0))
}

/// Bytes of a `sub esp, number`: read as hexadecimal, then as decimal, the first one below 100,000.
fn allocation(instruction: &Instruction<'_>) -> Option<u64> {
    if instruction.mnemonic != "sub" {
        return None;
    }
    let (register, amount) = instruction.operands.split_once(',')?;
    let register = strip(register);
    if amount.contains(',') || (register != "esp" && register != "rsp") {
        return None;
    }
    let amount = strip(amount);
    [16, 10].into_iter().find_map(|base| {
        let size = u64::try_from(parse_int(amount, base)?).ok()?;
        (size < logbucket::MAX_VALUE_EXCLUSIVE).then_some(size)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use malkin_report::Va;

    #[test]
    fn shingle_texts_are_named_numbered_and_signed() {
        let mut text = ShingleText::new("max_block_size");
        assert_eq!(text.with(b'1', -1), b"max_block_size=1:-1");
        assert_eq!(text.with(b'2', 100_352), b"max_block_size=2:100352");
        assert_eq!(text.with(b'1', 0), b"max_block_size=1:0");
        assert_eq!(text.with(b'1', i32::MIN), b"max_block_size=1:-2147483648");
    }

    #[test]
    fn allocations_are_read_in_two_bases() {
        for (mnemonic, operands, expected) in [
            ("sub", "esp, 0x28", Some(0x28)),
            ("sub", "rsp,28", Some(0x28)),
            ("sub", "esp, 18700", Some(18_700)),
            ("sub", "esp, 0x18700", None),
            ("sub", "esp, -8", None),
            ("sub", "esp, -0", Some(0)),
            ("sub", "esp, 0x0_1f", Some(0x1f)),
            ("sub", "esp, eax", None),
            ("sub", "eax, 8", None),
            ("sub", "esp, 8, 8", None),
            ("sub", "esp", None),
            ("SUB", "esp, 8", None),
        ] {
            let instruction = Instruction { offset: Va::new(0), bytes: "", mnemonic, operands };
            assert_eq!(allocation(&instruction), expected, "{mnemonic} {operands}");
        }
    }

    #[test]
    fn shares_are_truncated() {
        let statistics = Statistics { instructions: 3, ..Statistics::default() };
        assert_eq!([0, 1, 2, 3].map(|count| statistics.percent(count)), [0, 33, 66, 100]);
    }
}
