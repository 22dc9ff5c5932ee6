//! What each kind of instruction does to the function under analysis: targets to follow, edges, ends.

use iced_x86::{Code, Instruction, Mnemonic, OpKind, Register};

use super::instruction_kind::InstructionKind;
use super::operand_text::first_literal;
use super::{Finder, Row, Work, branch_target};
use crate::flow::work::{ComputedCall, Slot};
use crate::flow::{Analysis, Step};

/// What a call or jump goes through.
enum Target {
    /// A number.
    Address(u64),
    /// A memory slot with a fixed address of the given width.
    Slot(u64, u32),
    /// A register, or memory addressed through one.
    Computed,
    /// Something that has no target here: far branches, segment overrides, numbers below 10.
    None,
}

impl Analysis<'_, Finder<'_>> {
    /// Applies one instruction to the function in work.
    pub(super) fn apply(
        &mut self,
        instruction: &Instruction,
        row: Row,
        work: &mut Work,
        previous: Option<Row>,
    ) -> Step {
        let address = self.address(row);
        let next = address.wrapping_add(u64::from(row.length));
        if row.kind == InstructionKind::Endbr64 && self.is_padded_landing_pad(address, work, previous) {
            work.cut();
            return Step::Cut;
        }
        self.note_absolute(instruction, address, work);
        match row.kind {
            InstructionKind::Call => self.follow_call(instruction, address, next, work),
            InstructionKind::FarCall => work.leaf = false,
            InstructionKind::Jump | InstructionKind::FarJump => {
                self.follow_jump(instruction, row, next, work);
            }
            InstructionKind::Loop => {
                let target = branch_target(instruction);
                if target != 0 {
                    self.push(work, target);
                    work.jump_edge(address, target);
                }
                self.push(work, next);
                work.ending = true;
            }
            InstructionKind::Conditional => self.follow_conditional(instruction, address, next, work),
            InstructionKind::Return | InstructionKind::OtherReturn => {
                work.finish();
                self.follow_pushed_return(address, work, previous);
            }
            InstructionKind::Breakpoint | InstructionKind::Halt => work.finish(),
            InstructionKind::Syscall => {
                if matches!(self.system_call_number(work, self.view.bits), Some(60 | 231)) {
                    work.finish();
                }
            }
            InstructionKind::Int80 => {
                let number = self.system_call_number(work, 64);
                if number.is_some_and(|number| matches!(number & 0xffff_ffff, 1 | 252)) {
                    work.finish();
                }
            }
            _ if self.ends_before(address, work, previous) => return Step::Cut,
            _ => {}
        }
        Step::Take
    }

    /// A landing pad after padding is the start of the next function.
    fn is_padded_landing_pad(&self, address: u64, work: &Work, previous: Option<Row>) -> bool {
        previous.is_some_and(|previous| previous.kind == InstructionKind::Nop)
            && address != work.start
            && address.is_multiple_of(16)
            && self.candidates.get(address).is_some()
            && work.nothing_above(address)
    }

    fn follow_call(&mut self, instruction: &Instruction, address: u64, next: u64, work: &mut Work) {
        work.leaf = false;
        match self.target_of(instruction, next) {
            Target::Slot(slot, width) => {
                let value = self.view.value(slot, width);
                match value {
                    Some(value) if value != 0 && self.view.contains(value) => {
                        self.call(work, address, value);
                    }
                    _ => work.edge(address, slot),
                }
                if let Some(value) = value {
                    self.note_api(address, slot, value);
                }
            }
            Target::Address(target) => {
                let stub = self.slot_of_stub(target);
                if stub.is_some_and(|slot| self.note_api(address, slot, slot)) {
                    work.edge(address, target);
                } else {
                    self.call(work, address, target);
                    self.note_api(address, target, target);
                }
            }
            Target::Computed => {
                if instruction.op0_kind() == OpKind::Register {
                    work.computed_calls.push(ComputedCall { at: address, slot: None });
                } else {
                    note_slot_call(instruction, address, work);
                }
            }
            Target::None => {}
        }
    }

    fn call(&mut self, work: &mut Work, address: u64, target: u64) {
        if self.view.contains(target) {
            work.edge(address, target);
        }
        if target == work.start {
            work.recursive = true;
        }
    }

    fn follow_jump(&mut self, instruction: &Instruction, row: Row, next: u64, work: &mut Work) {
        let address = self.address(row);
        let target = if row.kind == InstructionKind::FarJump {
            far_target(instruction)
        } else {
            self.target_of(instruction, next)
        };
        match target {
            Target::Slot(slot, width) => {
                work.jump_edge(address, slot);
                if let Some(value) = self.view.value(slot, width) {
                    self.jump_to_api(work, address, slot, value);
                }
            }
            Target::Address(target) => {
                self.jump_to(work, address, target);
                work.jump_edge(address, target);
            }
            Target::Computed => {
                if instruction.op0_kind() == OpKind::Memory {
                    note_slot_call(instruction, address, work);
                }
                for target in self.jump_table(row, work) {
                    if self.view.contains(target) {
                        self.push(work, target);
                        work.jump_edge(address, target);
                    }
                }
            }
            Target::None => {}
        }
        work.reachable = false;
        work.ending = true;
    }

    fn jump_to(&mut self, work: &mut Work, address: u64, target: u64) {
        if self.functions.number_of(target).is_some() {
            work.sane = true;
        } else if !self.candidates.is_initial(target) {
            let stub = self.slot_of_stub(target);
            if stub.is_some_and(|slot| self.jump_to_api(work, address, slot, slot)) {
                work.sane = true;
            } else if !work.rows.is_empty() {
                self.push(work, target);
            }
        }
    }

    fn jump_to_api(&mut self, work: &mut Work, address: u64, slot: u64, key: u64) -> bool {
        let known = self.note_api(address, slot, key);
        if known && work.rows.is_empty() {
            work.thunk = true;
        }
        known
    }

    fn follow_conditional(&mut self, instruction: &Instruction, address: u64, next: u64, work: &mut Work) {
        self.push(work, next);
        let target = branch_target(instruction);
        if target != 0 {
            if self.functions.number_of(target).is_some() {
                let absorbs = !self.is_evident_entry(target)
                    && self.is_behind_return(target, work.start, next)
                    && self.absorb(target, work);
                if absorbs {
                    self.push(work, target);
                } else {
                    work.sane = true;
                }
            } else if !(self.candidates.is_initial(target) && self.is_evident_entry(target)) {
                self.push(work, target);
            }
            work.jump_edge(address, target);
        }
        work.ending = true;
    }

    /// `push address; ret` jumps to the address.
    fn follow_pushed_return(&mut self, address: u64, work: &mut Work, previous: Option<Row>) {
        let Some(previous) = previous.filter(|previous| previous.kind == InstructionKind::Push) else {
            return;
        };
        let text = self.operand_text(previous);
        if !text.contains("0x") {
            return;
        }
        let target = first_literal(&text) as u64;
        if target != 0 && self.view.contains(target) {
            self.push(work, target);
            work.jump_edge(address, target);
        }
    }

    /// What a near call or jump goes through, by the forms its text takes.
    fn target_of(&self, instruction: &Instruction, next: u64) -> Target {
        match instruction.op0_kind() {
            OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
                let target = branch_target(instruction);
                if target > 9 { Target::Address(target) } else { Target::None }
            }
            OpKind::Register if self.view.bits == 64 && instruction.op0_register().is_gpr64() => {
                Target::Computed
            }
            OpKind::Register if self.view.bits == 32 && instruction.op0_register().is_gpr32() => {
                Target::Computed
            }
            OpKind::Register
                if instruction.op0_register().is_gpr() && instruction.mnemonic() == Mnemonic::Jmp =>
            {
                Target::Computed
            }
            OpKind::Memory => self.memory_target(instruction, next),
            _ => Target::None,
        }
    }

    fn memory_target(&self, instruction: &Instruction, next: u64) -> Target {
        let width = instruction.memory_size().size() as u32;
        let hidden = matches!(instruction.code(), Code::Call_m1632 | Code::Jmp_m1632);
        if hidden || matches!(instruction.segment_prefix(), Register::FS | Register::GS) {
            return Target::None;
        }
        let base = instruction.memory_base();
        if base == Register::RIP && width == 8 {
            let distance = instruction.memory_displacement64().wrapping_sub(next) as i64;
            // A displacement below 10 is printed in decimal, which the reference does not read.
            let distance = if distance.unsigned_abs() <= 9 { 0 } else { distance };
            return Target::Slot(next.wrapping_add_signed(distance), 8);
        }
        let absolute = base == Register::None && instruction.memory_index() == Register::None;
        if absolute && width == 4 {
            let slot = instruction.memory_displacement64() & self.view.mask;
            if slot > 9 {
                return Target::Slot(slot, 4);
            }
        }
        Target::Computed
    }
}

/// A far jump has no target, but one through memory looks like one to the table search.
fn far_target(instruction: &Instruction) -> Target {
    let segment = instruction.segment_prefix();
    if instruction.op0_kind() == OpKind::Memory && !matches!(segment, Register::FS | Register::GS) {
        Target::Computed
    } else {
        Target::None
    }
}

/// Remembers a call or jump through `[register + displacement]`.
fn note_slot_call(instruction: &Instruction, address: u64, work: &mut Work) {
    let width = instruction.memory_size().size() as u32;
    let base = instruction.memory_base();
    if !(base.is_gpr() || base == Register::RIP || base == Register::EIP)
        || instruction.memory_index() != Register::None
        || !matches!(width, 4 | 8)
    {
        return;
    }
    let displacement = if base == Register::RIP {
        instruction.memory_displacement64().wrapping_sub(instruction.next_ip()) as i64
    } else if base.is_gpr64() {
        instruction.memory_displacement64() as i64
    } else {
        i64::from(instruction.memory_displacement64() as i32)
    };
    work.computed_calls.push(ComputedCall { at: address, slot: Some(Slot { displacement, width }) });
}
