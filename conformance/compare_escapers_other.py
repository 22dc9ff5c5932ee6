"""Compares the escapers of AArch64, ARM, CIL and Dalvik with SMDA 5.0.1 on generated input.

`cargo xtask compare-escapers` does this with the rest. By hand, with a Python that has smda 5.0.1, and the example built:

    cargo build -p malkin-codehash --example escape_lines
    python conformance/compare_escapers_other.py [--count N] [--seed S] [--arch A ...] [--reports FILE ...]
    python conformance/compare_escapers_other.py --record FIXTURE WORDS

Per architecture, N texts (operands and mnemonics put together from fragments, among them what Python and Unicode treat in
special ways) and N byte strings; for AArch64, ARM and Thumb also N random words decoded by capstone, on both paths. Each
report given (SMDA JSON, may be gzipped) is compared instruction by instruction on both paths. Where SMDA raises an error for
unreadable bytes, only the text is compared. On the report path of AArch64 SMDA looks at the bytes alone; text that does not
belong to the bytes is therefore compared on the server path only. Exit status 1 if anything differs.
"""

import argparse
import collections
import gzip
import json
import logging
import pathlib
import random
import subprocess
import sys

import capstone
from smda.aarch64.AArch64InstructionEscaper import AArch64InstructionEscaper
from smda.arm.ArmInstructionEscaper import _CONTROL_FLOW, _PRIVILEGED, _STACK
from smda.arm.definitions import BASE_MNEMONICS, CONDITION_CODES, IT_MNEMONICS
from smda.cil.CilInstructionEscaper import _OPERAND_TYPE_BY_MNEMONIC, CilInstructionEscaper
from smda.common.SmdaFunction import SmdaFunction
from smda.common.SmdaInstruction import SmdaInstruction
from smda.common.SmdaReport import SmdaReport
from smda.dalvik.DalvikInstructionEscaper import DalvikInstructionEscaper

logging.disable(logging.CRITICAL)

ARCHITECTURES = ("aarch64", "arm", "cil", "dalvik")
ODD = list("ſKİıs٣७²½é中Ⅷ①") + [
    "\u0301", "\xa0", "\x1c", "\x1f", "\u2003", "\u3000", "\u200b", "\x00", "\x0b", "\r", "\x85", "\x7f", "\u1680", "𝟗", "𝒂",
]
COMMON = [
    "", " ", "  ", ",", ", ", "#", "-", "+", "_", "0x", "0X", ".", "[", "]", "{", "}", "!", "^", ":", "->", '"', "'", "@", "0", "1",
    "9", "12", "007", "1_0", "1__0", "0x1f", "0x_1F", "0b101", "0o17", "1e5", "1e+5", "1E-5", "1e", ".5", "5.", "inf", "nan",
    "Infinity", "NaN", "iNf", "infinity", "abc", "dead_beef", "g", "x", "v", "r",
]
FRAGMENTS = {
    "aarch64": [
        "x0", "w1", "x30", "sp", "wsp", "xzr", "wzr", "fp", "lr", "v0.16b", "v31.2d", "v1.b", "V2.4S", "v3.s[1]", "s0", "d31", "q5",
        "b3", "h4", "D7", "{v0.16b, v1.16b}", "{v0.2d}", "[x0]", "[x0, #8]!", "[sp], #16", "#0x10", "#-0x10", "#4.0", "lsl", "LSL",
        "lsl #3", "lsl#3", "uxtw #0x2", "sxtx #-1", "asr ", "ror\xa0#1", "sxtw", "msl #8", "eq", "nv", "al", "sy", "ish", "ISHLD", "oshst",
        "ld", "st", "pldl1keep", "pstl3strm", "PLDX", "tpidr_el0", "s3_0_c1_c2_3", "_el", "_el1", "vale1is", "z0.d", "p0/m", "za0.s",
    ],
    "arm": [
        "r0", "r15", "r16", "r01", "sb", "sl", "fp", "ip", "sp", "lr", "pc", "s31", "s32", "d0", "d31", "q15", "q16", "c15", "p15", "apsr",
        "apsr_nzcv", "fpscr", "fpexc", "fpsid", "mvfr0", "mvfr3", "d0[1]", "d0[]", "r0!", "[r0]", "[pc, #8]", "[sp", "{r0, lr}", "{r0}^", "lsl",
        "lsl #2", "asr r3", "rrx", "ror", "eq", "al", "sy", "ish", "ishst", "oshld", "spsr", "cpsr", "spsr_fsxc", "cpsr_", "r8_usr", "lr_irq",
        "elr_hyp", "sp_mon", "_hyp", "#0", "#-4", "#0x10", "#1.5",
    ],
    "cil": ["method.06000004", "type.01000001", "field.04000001", '"hello, world"', '"', "0x6b", "0x70", "-5", "-1.5", "0.5", "loc", "face", "a:b"],
    "dalvik": [
        "v0", "v15", "v256", "v", "vx", "{v0, v1}", "{v0}", "{}", "{ }", "{v0", "v0}", "Lfoo;->m(I)V", "Lfoo;", "[I", "(", '"a, b"', '"', '"}"',
        "string@5", "type@1", "field@", "method@2", "proto@1", "call_site@0", "method_handle@0", "payload@5", "+5", "-5", "#1", "#int", "->", "true",
    ],
}


def mnemonics(arch):
    if arch == "aarch64":
        e = AArch64InstructionEscaper
        known = set().union(*(getattr(e, name) for name in dir(e) if name.endswith("_group")), e._AARCH64_IMMEDIATE_KEEP_MASKS)
        known |= {prefix for prefixes, _ in e._MNEMONIC_PREFIX_FALLBACKS for prefix in prefixes}
        return sorted(known) + ["b.", "bc.", "bc.al", "drps", "prfum", "fcsel", "scvtfx", "sha1h", "sqxtn", "ldxp", "stz", "umaddl", "error"]
    if arch == "arm":
        known = sorted(BASE_MNEMONICS | IT_MNEMONICS | _CONTROL_FLOW | _PRIVILEGED | _STACK)
        vector = ["vadd.f32", "vadd.f16", "vadd.f64x", "vcvt.s32.f64", "vcvtb.f16.f32", "vldmia", "vstr", "vmov.i8", "vmrs", "cpsie", "error"]
        rng = random.Random(1)
        conditions = sorted(CONDITION_CODES)
        varied = [
            base + rng.choice(["", "s"]) + rng.choice(["", *conditions]) + rng.choice(["", "", ".w", ".n", ".f32", ".", ".i8"])
            for base in known
            for _ in range(6)
        ]
        return known + vector + varied
    e = CilInstructionEscaper if arch == "cil" else DalvikInstructionEscaper
    known = set().union(*(set(getattr(e, name)) for name in dir(e) if name.endswith("_group")))
    return sorted(known | (set(_OPERAND_TYPE_BY_MNEMONIC) if arch == "cil" else {"invoke-x", "unknown"})) + ["error"]


def random_text(rng, pool):
    pieces = []
    for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4, 6))):
        piece = rng.choice(pool)
        if rng.random() < 0.1:
            piece += rng.choice(COMMON)
        if rng.random() < 0.08:
            at = rng.randint(0, len(piece))
            piece = piece[:at] + rng.choice(ODD) + piece[at:]
        if rng.random() < 0.04 and piece:
            at = rng.randrange(len(piece))
            piece = piece[:at] + piece[at + 1 :]
        if rng.random() < 0.04:
            piece = piece.swapcase()
        pieces.append(piece)
    separator = rng.choice((", ", ", ", ", ", ",", " ", ""))
    text = separator.join(pieces)
    return rng.choice(("", "", "", " ", "\xa0")) + text


def random_bytes(rng, arch):
    lengths = {"aarch64": (4, 4, 4, 4, 3, 5), "arm": (2, 4, 4, 4, 1, 3), "cil": (1, 2, 5, 5, 6, 9), "dalvik": (2, 4, 6, 8, 10, 3)}[arch]
    raw = rng.randbytes(rng.choice(lengths))
    if arch == "cil" and rng.random() < 0.3:
        raw = b"\xfe" + raw
    text = raw.hex()
    roll = rng.random()
    if roll < 0.05:
        text = text[: rng.randint(0, len(text))]
    elif roll < 0.08:
        text = text.upper()
    elif roll < 0.14:
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice((" ", "  ", "\r", "\x0b", "g", "_", "+", "-", "é", "²", "٣", "\x1c", "0")) + text[at:]
        text = text[: rng.choice((8, 8, 4, 99))]
    return text


class Case:
    __slots__ = ("arch", "path", "thumb", "intra", "bytes", "mnemonic", "operands", "origin")

    def __init__(self, arch, path, thumb, intra, data, mnemonic, operands, origin):
        self.arch, self.path, self.thumb, self.intra = arch, path, thumb, intra
        self.bytes, self.mnemonic, self.operands, self.origin = data, mnemonic, operands, origin

    def line(self):
        fields = (self.arch, self.path, "64" if self.arch == "aarch64" else "32", str(int(self.thumb)), "4194304", "5242880")
        return "\t".join((*fields, str(int(self.intra)), self.bytes, self.mnemonic, self.operands))


REPORTS = {}


def attached_function(arch, path, thumb):
    key = (arch, path, thumb)
    if key not in REPORTS:
        function = SmdaFunction(None)
        function._escaper = SmdaFunction.getInstructionEscaper(arch)
        function.architecture_metadata = {"thumb": thumb}
        function.smda_report = None
        if path == "report":
            function.smda_report = SmdaReport(None)
            function.smda_report.architecture = arch
            function.smda_report.bitness = 64 if arch == "aarch64" else 32
        REPORTS[key] = function
    return REPORTS[key]


def expected(case):
    function = attached_function(case.arch, case.path, case.thumb)
    escaper = function._escaper
    ins = SmdaInstruction([0x400000, case.bytes, case.mnemonic, case.operands], smda_function=function)
    if case.path == "report":
        # Decoding in an IT block needs neighbours, which these instructions do not have.
        function.blocks = {}
    text = ins.getMnemonicGroup(escaper) + " " + ins.getEscapedOperands(escaper)
    try:
        binary = ins.getEscapedBinary(escaper, escape_intraprocedural_jumps=case.intra, lower_addr=0x400000, upper_addr=0x500000)
    except ValueError:
        binary = None
    return text, binary


def text_cases(rng, arch, count):
    names = mnemonics(arch)
    pool = FRAGMENTS[arch] * 3 + COMMON
    for _ in range(count):
        mnemonic = rng.choice(names)
        if rng.random() < 0.05:
            at = rng.randint(0, len(mnemonic))
            mnemonic = mnemonic[:at] + rng.choice((*ODD, " ", ".", "s", "v", "f")) + mnemonic[at:]
        if rng.random() < 0.03:
            mnemonic = mnemonic.upper()
        data = random_bytes(rng, arch)
        path = "report" if arch != "aarch64" and rng.random() < 0.5 else "server"
        yield Case(arch, path, rng.random() < 0.5, rng.random() < 0.8, data, mnemonic, random_text(rng, pool), "text")


def byte_cases(rng, arch, count):
    """Byte strings with operands that reach every branch of the binary escape."""
    names = mnemonics(arch)
    for _ in range(count):
        operands = rng.choice(("", "#1", "x0, #0x10", "x0, lsl #3", "x0, x1", "0x6b"))
        yield Case(arch, "server", rng.random() < 0.5, rng.random() < 0.8, random_bytes(rng, arch), rng.choice(names), operands, "bytes")


def decoded_cases(rng, arch, count):
    if arch == "aarch64":
        engines = [(capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN), False)]
    elif arch == "arm":
        engines = [
            (capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_ARM), False),
            (capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB), True),
        ]
    else:
        return
    for engine, thumb in engines:
        made = 0
        while made < count:
            raw = rng.randbytes(4)
            if arch == "arm" and not thumb and rng.random() < 0.5:
                raw = raw[:3] + bytes([0xE0 | raw[3] & 0xF])
            if thumb and rng.random() < 0.5:
                raw = raw[:1] + bytes([0xE8 | raw[1] & 0x17]) + raw[2:]
            for _address, size, mnemonic, operands in engine.disasm_lite(raw, 0x400000, 1):
                made += 1
                for path in ("server", "report"):
                    yield Case(arch, path, thumb, True, raw[:size].hex(), mnemonic, operands, "decoded")


def report_cases(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt") as stream:
        report = json.load(stream)
    arch = report["architecture"]
    seen = set()
    for function in report["xcfg"].values():
        thumb = bool((function.get("architecture_metadata") or {}).get("thumb"))
        for block in function["blocks"].values():
            for _offset, data, mnemonic, operands, *_ in block:
                if (data, mnemonic, operands, thumb) in seen or "\t" in operands or "\n" in operands:
                    continue
                seen.add((data, mnemonic, operands, thumb))
                for way in ("server", "report"):
                    yield Case(arch, way, thumb, True, data, mnemonic, operands, pathlib.Path(path).name)


def record(path, words_path):
    """Writes a fixture: the AArch64 words of a file (hexadecimal, one a line), and a sample of everything else."""
    rng = random.Random("fixture")
    cases = []
    engine = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
    for word in pathlib.Path(words_path).read_text().split():
        raw = int(word, 16).to_bytes(4, "little")
        for _address, _size, mnemonic, operands in engine.disasm_lite(raw, 0x400000, 1):
            cases.append(Case("aarch64", "report", False, True, raw.hex(), mnemonic, operands, "words"))
    forms = {}
    for case in decoded_cases(rng, "arm", 20_000):
        forms.setdefault((case.thumb, case.mnemonic, case.operands.count(","), len(case.bytes)), case)
    cases += rng.sample(sorted(forms.values(), key=Case.line), 800)
    for arch in ARCHITECTURES:
        odd = [case for case in text_cases(rng, arch, 20_000) if all(c >= " " for c in case.mnemonic + case.operands + case.bytes)]
        cases += rng.sample(odd, 250) + rng.sample(list(byte_cases(rng, arch, 2_000)), 50)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write("# Instructions of AArch64, ARM, CIL and Dalvik with their escapes by SMDA 5.0.1 (capstone 5.0.7, dncil).\n")
        out.write("# Recorded by tests/differential_fuzz_other.py --record in malkin-codehash. The AArch64 words on the report\n")
        out.write("# path are one for each mnemonic and operand shape that capstone prints for any of the 2^32 words; the rest is\n")
        out.write("# generated. Unit: tab-separated input line of the example escape_lines, escaped text, binary escape.\n")
        for case in cases:
            text, binary = expected(case)
            if binary is not None and not any(c < " " and c != "\t" for c in case.line()):
                out.write(f"{case.line()}\t{text}\t{binary}\n")


def compare(name, cases, binary, show):
    cases = list(cases)
    lines = "".join(case.line() + "\n" for case in cases).encode()
    result = subprocess.run([binary], input=lines, stdout=subprocess.PIPE, check=True)
    answers = result.stdout.decode().split("\n")[:-1]
    assert len(answers) == len(cases), (len(answers), len(cases))
    differing = collections.Counter()
    unreadable = shown = 0
    for case, answer in zip(cases, answers):
        text, _, binary_escape = answer.rpartition("\t")
        want_text, want_binary = expected(case)
        unreadable += want_binary is None
        kinds = []
        if text != want_text:
            kinds.append("text")
        if want_binary is not None and binary_escape != want_binary:
            kinds.append("binary")
        if kinds:
            differing[case.origin, case.path, *kinds] += 1
            if shown < show:
                shown += 1
                print("DIFFERS", ascii(case.line()), "want", ascii(want_text), ascii(want_binary), "got", ascii(text), ascii(binary_escape))
    counts = collections.Counter((case.origin, case.path) for case in cases)
    print(f"{name}: {len(cases)} cases {dict(counts)}, unreadable bytes {unreadable}, differences {sum(differing.values())} {dict(differing)}")
    return sum(differing.values())


def main():
    root = pathlib.Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=20_260_101)
    parser.add_argument("--arch", nargs="*", default=ARCHITECTURES)
    parser.add_argument("--reports", nargs="*", default=[])
    parser.add_argument("--binary", default=str(root / "target" / "debug" / "examples" / "escape_lines"))
    parser.add_argument("--show", type=int, default=10)
    parser.add_argument("--record", nargs=2, metavar=("FIXTURE", "WORDS"))
    options = parser.parse_args()
    if options.record:
        record(*options.record)
        return
    total = 0
    for arch in options.arch:
        for kind, make in (("text", text_cases), ("bytes", byte_cases), ("decoded", decoded_cases)):
            rng = random.Random(f"{options.seed} {arch} {kind}")
            total += compare(f"{arch} {kind}", make(rng, arch, options.count), options.binary, options.show)
    for path in options.reports:
        total += compare(path.rsplit("/", 1)[-1], report_cases(path), options.binary, options.show)
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
