"""Compares instructions as the example `sweep_lines` prints them, on stdin, with capstone: whether they decode, length,
mnemonic, operands. Prints the first differences and closes with a count for each bitness.

A line is: bitness, address and bytes in hex, length (0 if it does not decode), mnemonic, operands; tabs between them.
"""

import importlib.metadata
import sys

import capstone

SHOWN = 20


def main():
    modes = {"32": capstone.CS_MODE_32, "64": capstone.CS_MODE_64}
    oracles = {bits: capstone.Cs(capstone.CS_ARCH_X86, mode) for bits, mode in modes.items()}
    counts = {bits: [0, 0, 0] for bits in modes}
    for line in sys.stdin:
        bits, address, code, *ours = line.rstrip("\n").split("\t")
        row = next(oracles[bits].disasm_lite(bytes.fromhex(code), int(address, 16), 1), None)
        theirs = [str(row[1]), row[2].strip(), row[3].strip()] if row else ["0", "", ""]
        count = counts[bits]
        count[0] += 1
        count[1] += theirs[0] != "0"
        if ours != theirs:
            count[2] += 1
            if count[2] <= SHOWN:
                print(f"{bits} bit {code}: ours {ours}, capstone {theirs}")
    # The package calls itself by an older version than the one it is installed as.
    version = importlib.metadata.version("capstone")
    for bits, (cases, decoded, different) in counts.items():
        print(f"{bits} bit: {cases} encodings, {decoded} decode in capstone {version}, {different} differ")
    complete = all(cases for cases, _, _ in counts.values())
    return 0 if complete and not any(different for _, _, different in counts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
