#!/usr/bin/env python3
"""Import and 1-vs-N matching of real exports: mcrit 1.9.0 with its memory storage and Malkin, in one run on one machine.

    python bench_matching.py --malkin PROGRAM --bench PROGRAM --exports FOLDER --scratch FOLDER [--samples N]

Matched are N samples spread over the corpus and the one with the most functions. Wall-clock seconds of the matcher and of making its result on
both sides; for the import also processor seconds, peak memory and what it takes on disk. The matches between functions have to be as many on both sides.
"""
import argparse
import glob
import json
import logging
import os
import resource
import subprocess
import sys
import time

logging.disable(logging.CRITICAL)
os.environ.setdefault("TQDM_DISABLE", "1")


def reference(exports, number):
    """What the published package takes, measured in this process."""
    from mcrit.config.McritConfig import McritConfig
    from mcrit.index.MinHashIndex import MinHashIndex
    from mcrit.matchers.MatcherSample import MatcherSample
    from mcrit.queue.LocalQueue import LocalQueue
    from mcrit.queue.QueueFactory import QueueFactory
    from mcrit.storage.StorageFactory import StorageFactory
    from mcrit.Worker import Worker

    McritConfig.STORAGE_CONFIG.STORAGE_METHOD = StorageFactory.STORAGE_METHOD_MEMORY
    McritConfig.QUEUE_CONFIG.QUEUE_METHOD = QueueFactory.QUEUE_METHOD_FAKE
    McritConfig.MINHASH_CONFIG.MINHASH_POOL_INDEXING = False
    McritConfig.MINHASH_CONFIG.MINHASH_POOL_MATCHING = False
    bare = peak()
    index = MinHashIndex()
    wall, cpu, functions = time.perf_counter(), time.process_time(), 0
    for path in exports:
        with open(path) as fin:
            document = json.load(fin)
        functions += document["content"]["num_functions"]
        index.addImportData(document)
    imported = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "mib": peak(), "bare_mib": bare, "functions": functions}
    storage = index.getStorage()
    worker = Worker(queue=LocalQueue(), storage=storage)
    samples = sorted(storage.getSamples(0, 0), key=lambda sample: sample.sample_id)
    widest = max(samples, key=lambda sample: sample.statistics["num_functions"])
    picked = samples[:: max(1, len(samples) // number)][:number]
    matched = {}
    for sample in {sample.sha256: sample for sample in [*picked, widest]}.values():
        start = time.perf_counter()
        result = MatcherSample(worker).getMatchesForSample(sample.sample_id)
        seconds = time.perf_counter() - start
        functions = result["matches"]["functions"]
        matched[sample.sha256] = {"seconds": seconds, "functions": len(functions), "matches": sum(len(function["matches"]) for function in functions)}
    return {"import": imported, "matched": matched}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# Imports of Malkin, each into a new folder; told is the one in the middle. One takes less than a second, so that whatever else the machine does shows.
IMPORTS = 7


def ours(malkin, bench, exports, scratch, hashes):
    """What Malkin takes: processes of their own, the figures of `malkin-bench answers` for matching."""
    runs = []
    for number in range(IMPORTS):
        data = os.path.join(scratch, "data%d" % number)
        start = time.perf_counter()
        child = subprocess.Popen([malkin, "import", "--data", data, *exports], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit("malkin import ended with %d" % child.returncode)
        runs.append({"seconds": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024})
    runs.sort(key=lambda one: one["seconds"])
    imported = dict(runs[IMPORTS // 2], fastest=runs[0]["seconds"], slowest=runs[-1]["seconds"])
    imported["disk"] = sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(data) for name in names)
    stored = json.loads(run(malkin, "search", "samples", "", "--limit", "10000", "--format", "json", "--data", data))
    numbers = {sample["sha256"]: sample["sample_id"] for sample in stored.values()}
    ids = [numbers[sha256] for sha256 in hashes]
    answers = json.loads(run(bench, "answers", "--data", data, "--samples", ",".join(map(str, ids)), "--exact", str(ids[0])))
    matched = {}
    for sha256, number in zip(hashes, ids):
        functions = json.loads(run(malkin, "match", str(number), "--format", "json", "--data", data))["matches"]["functions"]
        seconds = answers["one_to_all"][str(number)]["seconds"]
        matched[sha256] = {"seconds": seconds, "matches": sum(len(function["matches"]) for function in functions)}
    imported["resident_mib"] = answers["resident_bytes_after_first_answer"] / (1 << 20)
    return {"import": imported, "matched": matched}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("malkin", "bench", "exports", "scratch"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--samples", type=int, default=12)
    options = parser.parse_args()
    exports = sorted(glob.glob(os.path.join(options.exports, "**", "*.mcrit"), recursive=True))
    if not exports:
        raise SystemExit("no .mcrit file below " + options.exports)
    os.makedirs(options.scratch, exist_ok=True)
    # In a process of its own: the peak memory of a child counts what its parent held when it was started.
    theirs = json.loads(run(sys.executable, __file__, "--reference", str(options.samples), *exports))
    mine = ours(options.malkin, options.bench, exports, options.scratch, list(theirs["matched"]))

    print("%d files, %d functions" % (len(exports), theirs["import"]["functions"]))
    print("%-34s %12s %12s %8s" % ("", "mcrit 1.9.0", "malkin", "ratio"))

    def line(name, left, right, form="%.4f"):
        print("%-34s %12s %12s %8.1f" % (name, form % left, form % right, left / right if right else 0))

    left, right = theirs["import"], mine["import"]
    line("import, s", left["seconds"], right["seconds"], "%.2f")
    print("%-34s %12s %12s" % ("  fastest and slowest of %d, s" % IMPORTS, "", "%.2f, %.2f" % (right["fastest"], right["slowest"])))
    line("import, CPU s", left["cpu"], right["cpu"], "%.2f")
    line("peak of the import, MiB", left["mib"], right["mib"], "%.0f")
    line("the same, bare process taken off", left["mib"] - left["bare_mib"], right["mib"] - bare_of(options.malkin), "%.0f")
    line("resident when serving, MiB", left["mib"], right["resident_mib"], "%.0f")
    bare = bare_of(options.malkin)
    functions = left["functions"] / 1024
    line("resident KiB a function, bare off", (left["mib"] - left["bare_mib"]) / functions, (right["resident_mib"] - bare) / functions, "%.2f")
    print("%-34s %12s %12.0f" % ("data directory, bytes a function", "", right["disk"] / left["functions"]))
    pairs = [(theirs["matched"][sha256], mine["matched"][sha256]) for sha256 in theirs["matched"]]
    widest = max(pairs, key=lambda pair: pair[0]["functions"])
    slowest = max(pairs, key=lambda pair: pair[0]["seconds"])
    line("most functions (%d) against all, s" % widest[0]["functions"], widest[0]["seconds"], widest[1]["seconds"])
    line("slowest of %d samples, s" % len(pairs), slowest[0]["seconds"], slowest[1]["seconds"])
    middle = len(pairs) // 2
    line("median of %d samples, s" % len(pairs), sorted(pair[0]["seconds"] for pair in pairs)[middle], sorted(pair[1]["seconds"] for pair in pairs)[middle])
    different = [pair for pair in pairs if pair[0]["matches"] != pair[1]["matches"]]
    print("matches of all %d samples: %d, in %d samples another number" % (len(pairs), sum(pair[0]["matches"] for pair in pairs), len(different)))
    raise SystemExit(1 if different else 0)


# A child's peak begins at the size of the process that started it; this one is smaller than the program.
SPAWN = """
import os, sys
child = os.posix_spawn(sys.argv[1], [sys.argv[1], "--version"], os.environ)
print(os.wait4(child, 0)[2].ru_maxrss)
"""


def bare_of(malkin):
    """Peak memory of the program when it does nothing, in MiB."""
    return int(run(sys.executable, "-S", "-E", "-c", SPAWN, malkin).split()[-1]) / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reference"]:
        print(json.dumps(reference(sys.argv[3:], int(sys.argv[2]))))
    else:
        main()
