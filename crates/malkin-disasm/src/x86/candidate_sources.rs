//! Where function candidates come from before anything is analysed, in the order that decides which come to exist.

use std::cmp::Ordering;

use memchr::memmem;

use super::Finder;
use super::prologue::{ENDBR64, PUSH_R15_R14, SEEDS, SEEDS_64, is_long_prologue};
use crate::flow::Analysis;

impl Analysis<'_, Finder<'_>> {
    /// Fills the candidates and freezes them as the initial ones.
    pub(super) fn collect_candidates(&mut self) {
        self.collect_symbols();
        self.collect_calls();
        if self.view.bits == 32 {
            self.collect_slots(0x25);
            self.collect_slots(0x15);
        }
        self.collect_exceptions();
        self.collect_language();
        self.collect_prologues();
        self.collect_stubs();
        self.alignment = self.candidates.alignment_floor();
        self.candidates.freeze();
    }

    fn collect_symbols(&mut self) {
        let image = self.view.image;
        let mut starts: Vec<u64> = image.symbols.keys().copied().chain(image.entry_point()).collect();
        starts.sort_unstable();
        for address in starts {
            self.note(address, |candidate| {
                candidate.symbol = true;
                candidate.initial = true;
            });
        }
    }

    /// Every byte E8 counts as a call; wrong ones are taken back when code covers them.
    fn collect_calls(&mut self) {
        let memory = &self.view;
        let (data, base, mask) = (memory.data, memory.base, memory.mask);
        for offset in memory.sparse.clone().bytes_iter(0xe8) {
            let Some(distance) = data.get(offset + 1..).and_then(|rest| rest.first_chunk::<4>()) else {
                break;
            };
            let distance = i32::from_le_bytes(*distance);
            let source = base.wrapping_add(offset as u64);
            if distance == 0 {
                continue;
            }
            let target = source.wrapping_add(5).wrapping_add_signed(i64::from(distance)) & mask;
            if self.view.contains(target) && self.view.may_be_candidate(source) {
                self.note_call(target, source);
            }
        }
    }

    /// `jmp [slot]` and `call [slot]` of 32-bit code, wherever the two bytes stand.
    fn collect_slots(&mut self, form: u8) {
        let (sparse, base) = (self.view.sparse.clone(), self.view.base);
        for offset in sparse.find_iter(&[0xff, form]) {
            let source = base.wrapping_add(offset as u64);
            let slot = self.view.value(source.wrapping_add(2), 4);
            let Some(target) = slot.and_then(|slot| self.view.value(slot, 4)) else { continue };
            if self.view.may_be_candidate(target) && self.view.contains(target) {
                self.note_call(target, source);
            }
        }
    }

    fn collect_exceptions(&mut self) {
        let image = self.view.image;
        if self.view.bits != 64 {
            return;
        }
        for record in image.exception_records.iter().filter(|record| !record.chained) {
            self.note(record.begin, |candidate| {
                candidate.exception = true;
                candidate.initial = true;
            });
        }
    }

    fn collect_language(&mut self) {
        let image = self.view.image;
        for &address in &image.language.functions {
            self.note(address, |candidate| candidate.language = true);
        }
    }

    fn collect_prologues(&mut self) {
        for pattern in SEEDS {
            self.search_prologue(pattern);
        }
        if self.view.bits == 64 {
            self.search_prologue(&ENDBR64);
            for pattern in SEEDS_64 {
                self.search_prologue(pattern);
            }
        }
    }

    fn search_prologue(&mut self, pattern: &[u8]) {
        let sparse = self.view.sparse.clone();
        for found in sparse.find_iter(pattern) {
            if let Some(offset) = self.accept_prologue(found, pattern) {
                let address = self.view.base.wrapping_add(offset as u64) & self.view.mask;
                self.note(address, |candidate| candidate.initial = true);
            }
        }
    }

    /// The offset of the function a prologue at `found` opens, unless the prologue belongs to one that is known.
    fn accept_prologue(&self, found: usize, pattern: &[u8]) -> Option<usize> {
        let (data, mask) = (self.view.data, self.view.mask);
        let address_of = |offset: usize| self.view.base.wrapping_add(offset as u64) & mask;
        let mut offset = found;
        if pattern == PUSH_R15_R14 && offset > 0 && data[offset - 1] == 0x55 {
            let start = address_of(offset - 1);
            let known = |address: u64| {
                self.candidates.get(address & mask).is_some_and(|candidate| {
                    candidate.symbol || candidate.exception || !candidate.references.is_empty()
                })
            };
            if (start.saturating_sub(8)..start).any(known) {
                return None;
            }
            offset -= 1;
        }
        let address = address_of(offset);
        if !self.view.may_be_candidate(address) {
            return None;
        }
        let wide: &[&[u8]] = if self.view.bits == 64 { &SEEDS_64 } else { &[] };
        let continues = |seed: &&[u8]| {
            data[..offset].ends_with(seed)
                && self.candidates.get(address.wrapping_sub(seed.len() as u64) & mask).is_some()
        };
        if SEEDS.iter().chain(wide).any(continues) {
            return None;
        }
        if pattern == ENDBR64 && self.view.frame_range_at(address).is_some() {
            return None;
        }
        let hot_patch = offset >= 2
            && is_long_prologue(self.view.bits, &data[offset - 2..])
            && self.candidates.get(address.wrapping_sub(2) & mask).is_some();
        (!hot_patch).then_some(offset)
    }

    fn collect_stubs(&mut self) {
        for form in [StubForm::Jump, StubForm::Lazy, StubForm::Checked] {
            self.search_stubs(form);
        }
    }

    /// Runs of at least two units, leftmost and as long as possible.
    fn search_stubs(&mut self, form: StubForm) {
        let data = self.view.data;
        let head = form.head();
        let mut from = 0;
        while let Some(start) = self.view.sparse.find_from(from, head) {
            let mut end = start;
            while form.matches(&data[end..]) {
                end += form.length();
            }
            if end < start + 2 * form.length() {
                from = start + 1;
                continue;
            }
            self.note_stubs(form, start, end);
            from = end;
        }
    }

    /// Marks the units of a run. They are searched for again by their heads, which need not be where the units start.
    fn note_stubs(&mut self, form: StubForm, start: usize, end: usize) {
        let head = form.head();
        let mut at = start;
        while let Some(found) = self.view.data.get(at..end).and_then(|rest| memmem::find(rest, head)) {
            let offset = at + found;
            if offset + form.head_length() > end {
                break;
            }
            at = offset + form.head_length();
            let address = self.view.base.wrapping_add(offset as u64);
            if !self.view.may_be_candidate(address) {
                continue;
            }
            self.note(address & self.view.mask, |candidate| {
                candidate.initial = true;
                candidate.stub = true;
            });
            let (skip, count) = form.data();
            self.data.set_range(offset + skip, count);
        }
    }
}

/// Shapes of import stubs.
#[derive(Clone, Copy)]
enum StubForm {
    /// `jmp [slot]`.
    Jump,
    /// `jmp [slot]; push index; jmp resolver`.
    Lazy,
    /// `endbr64; bnd jmp [slot]; nop`.
    Checked,
}

impl StubForm {
    fn head(self) -> &'static [u8] {
        match self {
            Self::Jump | Self::Lazy => &[0xff, 0x25],
            Self::Checked => &[0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25],
        }
    }

    /// Head and slot.
    fn head_length(self) -> usize {
        self.head().len() + 4
    }

    fn length(self) -> usize {
        match self {
            Self::Jump => 6,
            Self::Lazy | Self::Checked => 16,
        }
    }

    fn matches(self, code: &[u8]) -> bool {
        let Some(unit) = code.get(..self.length()) else { return false };
        unit.starts_with(self.head())
            && match self {
                Self::Jump => true,
                Self::Lazy => unit[6] == 0x68 && unit[11] == 0xe9,
                Self::Checked => unit[11..].cmp(&[0x0f, 0x1f, 0x44, 0x00, 0x00]) == Ordering::Equal,
            }
    }

    /// Distance and length of the bytes behind the jump that are not to be decoded.
    fn data(self) -> (usize, usize) {
        match self {
            Self::Jump => (6, 0),
            Self::Lazy => (6, 10),
            Self::Checked => (7, 5),
        }
    }
}
