//! What each kind of instruction does to the function under analysis: targets to follow, edges, ends.

use iced_x86::{Code, Instruction, Mnemonic, OpKind, Register};

use super::Recovery;
use super::class::Class;
use super::state::{Row, SlotCall, State};
use crate::x86::branch_target;

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

impl Recovery<'_> {
    /// Applies one instruction. Returns true to cut the function here, without the instruction.
    pub(super) fn follow(
        &mut self,
        instruction: &Instruction,
        row: Row,
        state: &mut State,
        previous: Option<Row>,
    ) -> bool {
        let address = self.address(row);
        let next = address.wrapping_add(u64::from(row.length));
        if row.class == Class::Endbr64 && self.is_padded_landing_pad(address, state, previous) {
            state.ending = true;
            state.end_block();
            state.sane = true;
            return true;
        }
        self.note_absolute(instruction, address, state);
        match row.class {
            Class::Call => self.follow_call(instruction, address, next, state),
            Class::FarCall => state.leaf = false,
            Class::Jump | Class::FarJump => self.follow_jump(instruction, row, next, state),
            Class::Loop => {
                let target = branch_target(instruction);
                if target != 0 {
                    self.push(state, target);
                    state.jump_edge(address, target);
                }
                self.push(state, next);
                state.ending = true;
            }
            Class::Conditional => self.follow_conditional(instruction, address, next, state),
            Class::Return | Class::OtherReturn => {
                state.finish();
                self.follow_pushed_return(address, state, previous);
            }
            Class::Breakpoint | Class::Halt => state.finish(),
            Class::Syscall => {
                if matches!(self.system_call_number(state, self.memory.bits), Some(60 | 231)) {
                    state.finish();
                }
            }
            Class::Int80 => {
                let number = self.system_call_number(state, 64);
                if number.is_some_and(|number| matches!(number & 0xffff_ffff, 1 | 252)) {
                    state.finish();
                }
            }
            _ => return self.maybe_cut(address, state, previous),
        }
        false
    }

    /// A landing pad behind padding is the start of the next function.
    fn is_padded_landing_pad(&self, address: u64, state: &State, previous: Option<Row>) -> bool {
        previous.is_some_and(|previous| previous.class == Class::Nop)
            && address != state.start
            && address.is_multiple_of(16)
            && self.candidates.get(address).is_some()
            && state.nothing_above(address)
    }

    fn follow_call(&mut self, instruction: &Instruction, address: u64, next: u64, state: &mut State) {
        state.leaf = false;
        match self.target_of(instruction, next) {
            Target::Slot(slot, width) => {
                let value = self.memory.value(slot, width);
                match value {
                    Some(value) if value != 0 && self.memory.contains(value) => {
                        self.call(state, address, value);
                    }
                    _ => state.edge(address, slot),
                }
                if let Some(value) = value {
                    self.note_api(address, slot, value);
                }
            }
            Target::Address(target) => {
                let stub = self.slot_of_stub(target);
                if stub.is_some_and(|slot| self.note_api(address, slot, slot)) {
                    state.edge(address, target);
                } else {
                    self.call(state, address, target);
                    self.note_api(address, target, target);
                }
            }
            Target::Computed => {
                if instruction.op0_kind() == OpKind::Register {
                    state.register_calls.push(address);
                } else {
                    note_slot_call(instruction, address, state);
                }
            }
            Target::None => {}
        }
    }

    fn call(&mut self, state: &mut State, address: u64, target: u64) {
        if self.memory.contains(target) {
            state.edge(address, target);
        }
        if target == state.start {
            state.recursive = true;
        }
    }

    fn follow_jump(&mut self, instruction: &Instruction, row: Row, next: u64, state: &mut State) {
        let address = self.address(row);
        let target = if row.class == Class::FarJump {
            far_target(instruction)
        } else {
            self.target_of(instruction, next)
        };
        match target {
            Target::Slot(slot, width) => {
                state.jump_edge(address, slot);
                if let Some(value) = self.memory.value(slot, width) {
                    self.jump_to_api(state, address, slot, value);
                }
            }
            Target::Address(target) => {
                self.jump_to(state, address, target);
                state.jump_edge(address, target);
            }
            Target::Computed => {
                if instruction.op0_kind() == OpKind::Memory {
                    note_slot_call(instruction, address, state);
                }
                for target in self.jump_table(row, state) {
                    if self.memory.contains(target) {
                        self.push(state, target);
                        state.jump_edge(address, target);
                    }
                }
            }
            Target::None => {}
        }
        state.reachable = false;
        state.ending = true;
    }

    fn jump_to(&mut self, state: &mut State, address: u64, target: u64) {
        if self.functions.number_of(target).is_some() {
            state.sane = true;
        } else if !self.candidates.is_initial(target) {
            let stub = self.slot_of_stub(target);
            if stub.is_some_and(|slot| self.jump_to_api(state, address, slot, slot)) {
                state.sane = true;
            } else if !state.rows.is_empty() {
                self.push(state, target);
            }
        }
    }

    fn jump_to_api(&mut self, state: &mut State, address: u64, slot: u64, key: u64) -> bool {
        let known = self.note_api(address, slot, key);
        if known && state.rows.is_empty() {
            state.thunk = true;
        }
        known
    }

    fn follow_conditional(&mut self, instruction: &Instruction, address: u64, next: u64, state: &mut State) {
        self.push(state, next);
        let target = branch_target(instruction);
        if target != 0 {
            if self.functions.number_of(target).is_some() {
                let absorbs = !self.is_evident_entry(target)
                    && self.is_behind_return(target, state.start, next)
                    && self.absorb(target, state);
                if absorbs {
                    self.push(state, target);
                } else {
                    state.sane = true;
                }
            } else if !(self.candidates.is_initial(target) && self.is_evident_entry(target)) {
                self.push(state, target);
            }
            state.jump_edge(address, target);
        }
        state.ending = true;
    }

    /// `push address; ret` jumps to the address.
    fn follow_pushed_return(&mut self, address: u64, state: &mut State, previous: Option<Row>) {
        let Some(previous) = previous.filter(|previous| previous.class == Class::Push) else { return };
        let text = self.operand_text(previous);
        if !text.contains("0x") {
            return;
        }
        let target = super::text::first_literal(&text) as u64;
        if target != 0 && self.memory.contains(target) {
            self.push(state, target);
            state.jump_edge(address, target);
        }
    }

    /// What a near call or jump goes through, by the forms its text takes.
    fn target_of(&self, instruction: &Instruction, next: u64) -> Target {
        match instruction.op0_kind() {
            OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64 => {
                let target = branch_target(instruction);
                if target > 9 { Target::Address(target) } else { Target::None }
            }
            OpKind::Register if self.memory.bits == 64 && instruction.op0_register().is_gpr64() => {
                Target::Computed
            }
            OpKind::Register if self.memory.bits == 32 && instruction.op0_register().is_gpr32() => {
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
            let slot = instruction.memory_displacement64() & self.memory.mask;
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
fn note_slot_call(instruction: &Instruction, address: u64, state: &mut State) {
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
    state.slot_calls.push(SlotCall { at: address, displacement, width });
}
