//! Instructions of two functions beside each other: a global alignment (Needleman and Wunsch, 1970) over how alike two lines are.
//!
//! Work and memory grow with the product of both lengths: two bits for each pair of lines, 4 MB for two functions of 4,000
//! instructions. Callers bound the lengths.

use crate::function::CodeLine;

/// How alike two instructions are: 0 for another mnemonic, more for operands of the same shape, most for equal text.
pub fn likeness(a: &CodeLine, b: &CodeLine) -> u32 {
    if a.mnemonic != b.mnemonic {
        return 0;
    }
    if a.operands == b.operands {
        return 4;
    }
    if shape(&a.operands).eq(shape(&b.operands)) { 3 } else { 1 }
}

/// Whether two instructions are the same but for addresses and numbers that code gets from its place.
pub fn is_equal(a: &CodeLine, b: &CodeLine) -> bool {
    likeness(a, b) >= 3
}

/// Operands with every number as one mark.
fn shape(operands: &str) -> impl Iterator<Item = char> + '_ {
    let mut in_number = false;
    let mut before = ' ';
    operands.chars().filter_map(move |character| {
        let begins = character.is_ascii_digit() && !before.is_ascii_alphanumeric();
        in_number = begins || (in_number && (character.is_ascii_hexdigit() || character == 'x'));
        before = character;
        if begins {
            Some('#')
        } else if in_number {
            None
        } else {
            Some(character)
        }
    })
}

/// What a cell of the table came from.
const BOTH: u8 = 0;
const LEFT: u8 = 1;
const RIGHT: u8 = 2;

/// Pairs of positions in order: on both sides, on the left only, on the right only. Lines are put beside each other only where
/// `alike` is above 0, and so that the sum of it is as large as can be.
pub fn align(
    left: usize,
    right: usize,
    alike: impl Fn(usize, usize) -> u32,
) -> Vec<(Option<usize>, Option<usize>)> {
    // Equal beginnings need no table.
    let begin = (0..left.min(right)).take_while(|at| alike(*at, *at) >= 4).count();
    let (rows, columns) = (left - begin, right - begin);
    let mut from = vec![0_u8; rows * columns];
    let mut above = vec![0_u32; columns + 1];
    for i in 0..rows {
        let mut diagonal = 0;
        let mut beside = 0;
        for j in 0..columns {
            let score = alike(begin + i, begin + j);
            let both = if score == 0 { 0 } else { diagonal + score };
            diagonal = above[j + 1];
            let (best, way) = if both > diagonal && both > beside {
                (both, BOTH)
            } else if diagonal >= beside {
                (diagonal, LEFT)
            } else {
                (beside, RIGHT)
            };
            from[i * columns + j] = way;
            above[j + 1] = best;
            beside = best;
        }
    }
    let mut steps = Vec::with_capacity(left + right);
    let (mut i, mut j) = (rows, columns);
    while i > 0 && j > 0 {
        match from[(i - 1) * columns + j - 1] {
            BOTH => {
                steps.push((Some(begin + i - 1), Some(begin + j - 1)));
                (i, j) = (i - 1, j - 1);
            }
            LEFT => {
                steps.push((Some(begin + i - 1), None));
                i -= 1;
            }
            _ => {
                steps.push((None, Some(begin + j - 1)));
                j -= 1;
            }
        }
    }
    steps.extend((0..i).rev().map(|i| (Some(begin + i), None)));
    steps.extend((0..j).rev().map(|j| (None, Some(begin + j))));
    steps.extend((0..begin).rev().map(|at| (Some(at), Some(at))));
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(mnemonic: &str, operands: &str) -> CodeLine {
        CodeLine { mnemonic: mnemonic.to_owned(), operands: operands.to_owned(), ..CodeLine::default() }
    }

    #[test]
    fn numbers_of_the_place_do_not_make_lines_differ() {
        assert!(is_equal(&line("call", "0x401000"), &line("call", "0x402f10")));
        assert!(is_equal(&line("mov", "eax, [rip + 0x10]"), &line("mov", "eax, [rip + 8]")));
        assert!(!is_equal(&line("mov", "eax, r8"), &line("mov", "eax, r9")));
        assert!(!is_equal(&line("mov", "eax, ebx"), &line("mov", "ecx, ebx")));
        assert_eq!(likeness(&line("mov", ""), &line("lea", "")), 0);
    }

    #[test]
    fn an_inserted_line_stands_by_itself() {
        let (a, b) = (["x", "y", "z"], ["x", "new", "y", "z"]);
        let alike = |i: usize, j: usize| if a[i] == b[j] { 4 } else { 0 };
        let both = |i, j| (Some(i), Some(j));
        assert_eq!(align(3, 4, alike), [both(0, 0), (None, Some(1)), both(1, 2), both(2, 3)]);
        assert_eq!(align(0, 2, |_, _| 0), [(None, Some(0)), (None, Some(1))]);
    }

    proptest! {
        #[test]
        fn every_line_stands_once_and_in_order(a in prop::collection::vec(0..4_u8, 0..40), b in prop::collection::vec(0..4_u8, 0..40)) {
            let steps = align(a.len(), b.len(), |i, j| if a[i] == b[j] { 4 } else { 0 });
            let left: Vec<usize> = steps.iter().filter_map(|step| step.0).collect();
            let right: Vec<usize> = steps.iter().filter_map(|step| step.1).collect();
            prop_assert_eq!(left, (0..a.len()).collect::<Vec<_>>());
            prop_assert_eq!(right, (0..b.len()).collect::<Vec<_>>());
            for (i, j) in steps.iter().filter_map(|step| step.0.zip(step.1)) {
                prop_assert_eq!(a[i], b[j]);
            }
            // As many lines beside each other as the longest common subsequence has.
            let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
            for i in 0..a.len() {
                for j in 0..b.len() {
                    table[i + 1][j + 1] = if a[i] == b[j] { table[i][j] + 1 } else { table[i][j + 1].max(table[i + 1][j]) };
                }
            }
            prop_assert_eq!(steps.iter().filter(|step| step.0.is_some() && step.1.is_some()).count(), table[a.len()][b.len()]);
        }
    }
}
