#!/usr/bin/env python3
"""Compares the Intel escaper with SMDA's on generated instructions.

usage: compare_escapers_intel.py NATIVE GOLDEN_SMDA_DIR [CASES [SEED]]

NATIVE is the built example `escape_lines`; GOLDEN_SMDA_DIR holds reports (*.smda.gz) whose instructions are taken apart and
put together anew. Makes CASES (default 200,000) operand texts and as many byte strings, escapes both with SMDA 5.0.1
(installed in the running interpreter) and with NATIVE, and prints how many differ. Exit code 1 if any does.
`cargo xtask compare-escapers` runs it together with the script for the other architectures.
"""
import glob
import gzip
import json
import logging
import os
import random
import subprocess
import sys

logging.disable(logging.CRITICAL)

from capstone import CS_ARCH_X86, CS_MODE_32, CS_MODE_64, Cs
from smda.common.SmdaFunction import SmdaFunction
from smda.common.SmdaInstruction import SmdaInstruction
from smda.common.SmdaReport import SmdaReport
from smda.intel.IntelInstructionEscaper import IntelInstructionEscaper as Escaper

DECODERS = {32: Cs(CS_ARCH_X86, CS_MODE_32), 64: Cs(CS_ARCH_X86, CS_MODE_64)}
RANGES = [
    (0x100000, 0x7FFFFFFF), (0x100001, 0x7FFFFFFF), (0x400000, 0x500000), (0x140000000, 0x140100000),
    (0, 0xFFFFFFFF), (0x10000000, 0x11000000), (0x7FF000000000, 0x7FF000100000),
]
PIECES = [
    "0x10", "10", "-5", "+7", "zmm3 {k1} {z}", "zmm3{k1}{z}", "zmm3  {k1", "k2", "k", "k1x", "ymm31", "ymm15", "xmm016", "st(0)",
    "stuff", "st", "mm1", "mm", "mmx:", "fs:[0x30]", "0x33:0x401000", "cs:eax", "abc", "deadbeef", "_1", "1_0", "1__0", "1_",
    "0x_f", "0x__f", "0X1F", "{1to16}", "word ptr", "word ptr x:y", "ptr [0x402000]", "[rip - 0x20]", "[0x402000]", "[", "rip", "",
    "  ", "dr6", "tr3", "cr9", "es", "bnd0", "0b11", "0o7", "1.5", "0xg", "-0x", "-0x5", "--1", "+-1", "- 1", "x", "eiz", "EAX", "\u0663",
    "0x\u0663", "a\u0663", "\u00a0eax\u2003", "\x1ceax", "eax\x1f", "\u00b2", "\x85al", "al\x00", "\u200beax", "zmm1\x1c{k\n}", "zmm1 \u00a0{\u00e9}",
    "xmmword ptr [rax]", "xword ptr [esp]", "tbyte ptr gs:[eax]", "zmmword ptr [rax + 0x40]{1to8}", "DWORD PTR [eax]", "dword  ptr [eax]",
    "error", "{rn-sae}", "{sae}", "9" * 4400, "f" * 70,
]
WIDTHS = ["byte ptr ", "dword ptr ", "qword ptr ", "ptr ", "", "dword ptr fs:", "xmmword ptr "]
FORMS = [
    "dword ptr [{v}]", "eax, dword ptr [{v}]", "rax, [rip + {v}]", "rax, qword ptr [rip - {v}]", "{v}", "eax, {v}",
    "dword ptr [{v}], {v}", "eax, dword ptr [ebx + {v}]", "byte ptr [ebx - {v}], 1", "eax,{v}", "dword ptr [rip + {v}], {w}",
    "dword ptr [{v}], {w}", "[rip + {v}] [rip - {w}]", "[rip - {v}], [{w}]", "eax, dword ptr [ecx*4 + {v}]", "{v}, {w}, {v}", "{v}:{w}",
    "[rip + {v} ptr [{w}]", "gs:[{v}]", "rip - , ptr [{v}]", "eax, +{v}", "eax, + {v}{w}", "ptr [0x], {v}",
]
OPCODES = ["8b05", "c705", "48b8", "a1", "68", "48a1", "66a1", "6748a1", "a0", "f2a2", "2ea3", "40a3", "4866a1", "4048a2", "0f", "3e", "c3"]
JUMPS = ["75", "e0", "e3", "eb", "0f84", "0f8", "e8", "e9", "ff14", "ff15", "ff24", "ff25", "ffaa", "ffd0", "ff61", "48ff61", "48ff25",
         "41ff24c5", "ea", "9a", "7", "", "0F84", "E8", "66", "67e3", "c4"]
PREFIXES = ["", "", "", "66", "f2", "f3", "2e", "6667", "48", "F2", "9b", "6"]
JUMP_WORDS = ["call", "jmp", "bnd jmp", "loop", "loopne", "je", "jrcxz", "ljmp", "lcall", "notrack call", "jcc", "call ", "CALL", "jno", "jc"]


def little(value, size):
    return value.to_bytes(size, "little").hex()


def context(bits):
    report = SmdaReport(None)
    report.architecture, report.bitness = "intel", bits
    function = SmdaFunction(None)
    function.smda_report, function._escaper = report, Escaper
    return function


def known_instructions(folder):
    seen = set()
    for path in sorted(glob.glob(os.path.join(folder, "*.smda.gz"))):
        report = json.loads(gzip.open(path).read())
        if report["architecture"] != "intel":
            continue
        for function in report["xcfg"].values():
            for block in function["blocks"].values():
                seen.update((i[1], i[2], i[3]) for i in block)
    return sorted(seen)


def text_case(rng, known, pieces):
    bytes_, mnemonic, _ = rng.choice(known)
    operands = [rng.choice(PIECES) if rng.random() < 0.5 else rng.choice(pieces) for _ in range(rng.randint(0, 4))]
    if rng.random() < 0.1:
        operands.append(rng.choice(WIDTHS) + rng.choice(operands or [""]))
    if rng.random() < 0.1:
        mnemonic = rng.choice(["lock ", "rep ", "", "bnd ", " "]) + rng.choice([mnemonic, mnemonic.upper(), mnemonic + " ", "error", ""])
    separator = rng.choice([", ", ",", " ,  ", ",\t"])
    low, high = rng.choice(RANGES)
    return [bytes_, mnemonic, separator.join(operands), low, high, rng.choice([32, 64]), rng.random() < 0.8, rng.random() < 0.3]


def number(rng, low, high):
    roll = rng.random()
    if roll < 0.5:
        return rng.randrange(low, high)
    if roll < 0.6:
        return rng.choice([low, high, max(low - 1, 0), high - 1])
    if roll < 0.9:
        return rng.choice([0, 1, 0x10, 0x11111111, 0x10101010, 0x402000, 0x1010101, 0xFFFFFFFF, 1 << 32, 0x1111111111111111, (1 << 64) - 1])
    return rng.choice([1 << 64, (1 << 64) + 5, 1 << 80, rng.getrandbits(64)])


def one_instruction(digits, bits):
    """What follows the first instruction is cut off: a decoder that is asked for one never sees more."""
    sizes = [size for _, size, _, _ in DECODERS[bits].disasm_lite(bytes.fromhex(digits), 0x401000, 1)]
    return digits[: 2 * sizes[0]] if sizes else digits


def byte_case(rng, known):
    low, high = rng.choice(RANGES)
    intra, decoder, bits = rng.random() < 0.8, rng.random() < 0.4, rng.choice([32, 64])
    if rng.random() < 0.3:
        tail = "".join(rng.choice("0123456789abcdef") for _ in range(rng.randint(0, 14)))
        bytes_ = rng.choice(PREFIXES) + rng.choice(PREFIXES) + rng.choice(JUMPS) + tail
        return [bytes_, rng.choice(JUMP_WORDS), rng.choice(["0x401000", "eax", "dword ptr [0x402000]", ""]), low, high, bits, intra, False]
    v, w = number(rng, low, high), number(rng, low, high)
    pick = rng.choice([v, w])
    form = rng.choice(FORMS)
    if "rip -" in form and rng.random() < 0.7:
        pick = ((1 << 32) - pick) % (1 << 32)
    digits = little(pick % (1 << 64), 8 if pick >> 32 else 4)
    body = rng.choice([digits, digits * 2, digits + "00" + digits, digits[:6], digits * 3, "1" + digits + "0", "1" * 18, digits + "20",
                       little(v % (1 << 64), 8), little(v % (1 << 32), 4) + little(w % (1 << 32), 4), ""])
    bytes_ = rng.choice(OPCODES) + body
    if decoder:
        bytes_ = one_instruction(bytes_ + "0" * (len(bytes_) % 2), bits)
    shape = rng.choice(["0x%x", "0x%x", "0x%X", "0x%020x"])
    operands = form.format(v=shape % v, w=shape % w)
    return [bytes_, rng.choice(["mov", "movabs", "lea", rng.choice(known)[1]]), operands, low, high, bits, intra, decoder]


def reference(case, functions):
    bytes_, mnemonic, operands, low, high, bits, intra, decoder = case
    instruction = SmdaInstruction([0x401000, bytes_, mnemonic, operands], smda_function=functions[bits] if decoder else None)
    text = instruction.getMnemonicGroup(Escaper) + " " + instruction.getEscapedOperands(Escaper)
    return [text, Escaper.escapeBinary(instruction, intra, low, high)]


def main():
    native, folder = sys.argv[1:3]
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 200_000
    rng = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    known = known_instructions(folder)
    pieces = [piece for _, _, operands in known[::7] for piece in operands.split(", ")]
    functions = {32: context(32), 64: context(64)}
    generated = [text_case(rng, known, pieces) for _ in range(cases)] + [byte_case(rng, known) for _ in range(cases)]
    lines = "".join(json.dumps(case) + "\n" for case in generated)
    answer = subprocess.run([native], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    answers = [json.loads(line) for line in answer.split("\n") if line]
    assert len(answers) == len(generated)
    wrong = {"text": [], "binary": []}
    masked = raised = 0
    for case, (text, binary) in zip(generated, answers):
        try:
            expected = reference(case, functions)
        except Exception as error:
            raised += 1
            if raised < 5:
                print("reference raised", repr(error), str(case)[:300])
            continue
        masked += "?" in expected[1]
        if text != expected[0]:
            wrong["text"].append((case, text, expected[0]))
        if binary != expected[1]:
            wrong["binary"].append((case, binary, expected[1]))
    print(f"{len(known)} instructions known, {len(generated)} cases, {masked} with wildcards, {raised} refused by the reference")
    for kind, differences in wrong.items():
        print(f"{kind}: {len(differences)} differ")
        for difference in differences[:8]:
            print("  ", str(difference)[:600])
    sys.exit(any(wrong.values()))


if __name__ == "__main__":
    main()
