#!/usr/bin/env python3
"""Hash every function of SMDA reports with the published packages (mcrit 1.9.0, smda 5.0.1, picblocks) and time it, in one thread.

    python reference_hash.py [--rows FILE] [--architecture NAME] REPORT...

Reports may be gzipped. Parsing (gunzip, JSON, SmdaReport.fromDict) and hashing (PicHash, PicBlockHash, MinHash of every function) are timed
apart; rebuilding the function as the server's worker does, without its report, counts for neither. The last line of stdout is the summary as
one JSON object; a line for each file goes to stderr. `--rows` writes one JSON line a function in ascending offset order, as `malkin hash` prints.
"""
import argparse
import gzip
import json
import logging
import os
import sys
import time

logging.disable(logging.CRITICAL)

from mcrit.config.MinHashConfig import MinHashConfig  # noqa: E402
from mcrit.config.ShinglerConfig import ShinglerConfig  # noqa: E402
from mcrit.minhash.MinHasher import MinHasher  # noqa: E402
from picblocks.blockhasher import BlockHasher  # noqa: E402
from smda.common.BinaryInfo import BinaryInfo  # noqa: E402
from smda.common.SmdaFunction import SmdaFunction  # noqa: E402
from smda.common.SmdaReport import SmdaReport  # noqa: E402


class Stopwatch:
    """Adds up wall time and CPU time, in seconds. On a busy machine only the second is worth comparing."""

    def __init__(self):
        self.wall = self.cpu = 0.0

    def start(self):
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self):
        self.wall += time.perf_counter() - self._wall
        self.cpu += time.process_time() - self._cpu


def read_report(path):
    with open(path, "rb") as fin:
        data = fin.read()
    if path.endswith(".gz"):
        data = gzip.decompress(data)
    return SmdaReport.fromDict(json.loads(data))


def as_stored(function, architecture):
    """The object that the server's worker hashes: rebuilt from its dictionary, with no report attached."""
    info = BinaryInfo(b"")
    info.architecture = architecture
    return SmdaFunction.fromDict(json.loads(json.dumps(function.toDict())), binary_info=info)


def hash_report(report, min_hasher, block_hasher, rows):
    """Hashes all functions of a report; returns (functions, instructions, stopwatch)."""
    lower = report.base_addr or 0
    upper = lower + (report.binary_size or 0)
    functions = sorted(report.getFunctions(), key=lambda function: function.offset)
    watch, instructions = Stopwatch(), 0
    for function in functions:
        stored = as_stored(function, report.architecture or "")
        watch.start()
        # what a freshly disassembled function costs; the value that counts is the one the version gate of fromDict left in pic_hash
        function.getPicHash(report)
        block_hasher.getBlockhashesForFunction(function, lower, upper, hash_size=8)
        signature = None
        if min_hasher.isMinHashableFunction(stored):
            signature = min_hasher._calculateMinHash(stored).getMinHash()
        watch.stop()
        instructions += function.num_instructions
        if rows:
            row = {
                "offset": function.offset,
                "num_instructions": function.num_instructions,
                "num_blocks": function.num_blocks,
                "pichash": function.pic_hash,
                "minhash": signature.hex() if signature else "",
            }
            rows.write(json.dumps(row) + "\n")
    return len(functions), instructions, watch


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", default=None, help="write one JSON line a function here")
    parser.add_argument("--architecture", default=None, help="only reports of this architecture")
    parser.add_argument("reports", nargs="+")
    args = parser.parse_args()
    min_hasher, block_hasher = MinHasher(MinHashConfig(), ShinglerConfig()), BlockHasher()
    total = {"functions": 0, "instructions": 0, "parse_seconds": 0.0, "parse_cpu_seconds": 0.0, "hash_seconds": 0.0, "hash_cpu_seconds": 0.0}
    files = []
    rows = open(args.rows, "w") if args.rows else None
    for path in args.reports:
        parsing = Stopwatch()
        parsing.start()
        report = read_report(path)
        parsing.stop()
        if args.architecture and report.architecture != args.architecture:
            continue
        functions, instructions, hashing = hash_report(report, min_hasher, block_hasher, rows)
        print("%-32s %-8s %6d functions, %8d instructions, parse %7.2f s, hash %7.2f s"
              % (os.path.basename(path), report.architecture, functions, instructions, parsing.wall, hashing.wall), file=sys.stderr, flush=True)
        files.append({"path": path, "architecture": report.architecture, "functions": functions})
        total["functions"] += functions
        total["instructions"] += instructions
        for name, watch in (("parse", parsing), ("hash", hashing)):
            total[name + "_seconds"] += watch.wall
            total[name + "_cpu_seconds"] += watch.cpu
    if rows:
        rows.close()
    print(json.dumps({**total, "files": files}))


if __name__ == "__main__":
    main()
