"""Disassembles files with SMDA (the published package) and with malkin, one process each, and compares the reports field by field.

    python compare_smda.py --malkin BINARY [--seconds S] [--keep FOLDER] FILE...

Every field of every function and of the report as a whole is compared as JSON; what depends on the clock is not. Each report of malkin is also
loaded by the package's own SmdaReport.fromDict. Files that both refuse count as equal. A line a file, then shares in percent of SMDA's
functions, processor time and peak memory of both, and a count of files: `N passed, M failed`, where a file passes when nothing differs.
"""
import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile

# What depends on the moment or on where the file lies; the message of a report is words.
UNCOMPARED = {"execution_time", "timestamp", "message", "xcfg", "metadata", "sha256"}
SHOWN = 8

SMDA = r"""
import json, logging, sys
logging.disable(logging.CRITICAL)
from smda.Disassembler import Disassembler
from smda.SmdaConfig import SmdaConfig
config = SmdaConfig()
config.TIMEOUT = int(sys.argv[3])
report = Disassembler(config).disassembleFile(sys.argv[1])
json.dump(report.toDict(), open(sys.argv[2], "w"))
"""

LOAD = r"""
import json, sys
from smda.common.SmdaReport import SmdaReport
report = SmdaReport.fromDict(json.load(open(sys.argv[1])))
assert json.loads(json.dumps(report.toDict()))["xcfg"].keys() == json.load(open(sys.argv[1]))["xcfg"].keys()
"""


def run(command):
    """Runs to the end; answers success, what it said, seconds of processor time, peak MiB."""
    pipe_out, pipe_in = os.pipe()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe_in)
    os.close(pipe_in)
    with os.fdopen(pipe_out, "rb") as said:
        words = said.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode == 0, words.decode(errors="replace").strip(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def load(path):
    try:
        with open(path) as fin:
            return json.load(fin)
    except (OSError, ValueError):
        return None


def fields(function):
    """The compared parts of a function by name."""
    parts = {name: value for name, value in function.items() if name not in ("metadata", "blocks")}
    parts.update({"metadata." + name: value for name, value in function.get("metadata", {}).items()})
    blocks = function["blocks"]
    parts["blocks"] = {start: [i[0] for i in block] for start, block in blocks.items()}
    parts["bytes"] = {start: [i[1] for i in block] for start, block in blocks.items()}
    parts["text"] = {start: [i[2:] for i in block] for start, block in blocks.items()}
    return parts


class Comparison:
    def __init__(self):
        self.functions = 0
        self.equal = {}
        self.extra = 0
        self.files = [0, 0]
        self.spent = [[0.0, 0.0], [0.0, 0.0]]
        self.instructions = 0

    def report(self, ours, theirs):
        """Compares two reports; answers differences as lines."""
        different = []
        for name in sorted((ours.keys() | theirs.keys()) - UNCOMPARED):
            if ours.get(name) != theirs.get(name):
                different.append("report.%s: ours %s, SMDA %s" % (name, short(ours.get(name)), short(theirs.get(name))))
        for name in sorted(ours["metadata"].keys() | theirs["metadata"].keys()):
            if ours["metadata"].get(name) != theirs["metadata"].get(name):
                a, b = ours["metadata"].get(name), theirs["metadata"].get(name)
                different.append("report.metadata.%s: ours %s, SMDA %s" % (name, short(a), short(b)))
        mine, others = ours["xcfg"], theirs["xcfg"]
        for start in sorted(mine.keys() - others.keys(), key=int):
            self.extra += 1
            different.append("extra function 0x%x" % int(start))
        for start, function in others.items():
            self.functions += 1
            self.instructions += sum(len(block) for block in function["blocks"].values())
            found = mine.get(start)
            self.count("found", found is not None)
            if found is None:
                different.append("missing function 0x%x" % int(start))
            a, b = fields(found) if found else {}, fields(function)
            for name in sorted(a.keys() | b.keys()):
                same = name in a and name in b and a[name] == b[name]
                self.count(name, same)
                if found and not same:
                    different.append("0x%x %s: ours %s, SMDA %s" % (int(start), name, short(a.get(name)), short(b.get(name))))
        return different

    def count(self, name, same):
        counts = self.equal.setdefault(name, [0, 0])
        counts[0] += bool(same)
        counts[1] += 1

    def file(self, run):
        ours, theirs = load(run.our_path), load(run.their_path)
        refused = theirs is None or theirs.get("status") == "error" or not theirs.get("xcfg")
        if ours is None and refused:
            different = []
            state = "refused by both: " + (run.our_words.splitlines() or [""])[-1]
        elif ours is None or theirs is None:
            different = ["only one has a report: ours %s, SMDA %s" % (run.our_words[-200:] or "has", run.their_words[-200:] or "has")]
            state = "DIFFERENT"
        else:
            different = self.report(ours, theirs)
            if run.load_words:
                different.append("SmdaReport.fromDict refuses our report: " + run.load_words[-300:])
            for sums, spent in zip(self.spent, (run.ours, run.theirs)):
                sums[0] += spent[0]
                sums[1] = max(sums[1], spent[1])
            state = "%d functions, %d differences, %.2f s %.0f MiB against %.2f s %.0f MiB" % (
                len(theirs["xcfg"]), len(different), *run.ours, *run.theirs)
        self.files[bool(different)] += 1
        return different, state


class Run:
    """Both disassemblers on one file. No report is read here: a child's peak begins at the size of the process that started it."""

    def __init__(self, number, path, arguments, folder):
        self.name = os.path.basename(path)
        self.our_path, self.their_path = (os.path.join(folder, "%d-%s%s" % (number, self.name, end)) for end in (".ours", ".smda"))
        if path.endswith(".gz"):
            plain = os.path.join(folder, self.name[:-3])
            with gzip.open(path) as fin, open(plain, "wb") as fout:
                shutil.copyfileobj(fin, fout)
            path = plain
        seconds = str(arguments.seconds)
        _, self.their_words, *self.theirs = run([sys.executable, "-c", SMDA, path, self.their_path, seconds])
        disassemble = [arguments.malkin, "disassemble", path, "-o", self.our_path, "--timeout", seconds]
        done, self.our_words, *self.ours = run(disassemble)
        self.load_words = ""
        if done:
            loaded, words, *_ = run([sys.executable, "-c", LOAD, self.our_path])
            self.load_words = "" if loaded else words


def short(value):
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--malkin", required=True)
    parser.add_argument("--seconds", type=int, default=300, help="budget of each disassembly")
    parser.add_argument("--keep", help="folder the reports are left in")
    parser.add_argument("--worst", type=int, default=SHOWN, help="differences shown for each file")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    comparison = Comparison()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or scratch
        os.makedirs(folder, exist_ok=True)
        runs = [Run(number, path, arguments, folder) for number, path in enumerate(arguments.files)]
        for done in runs:
            different, state = comparison.file(done)
            print("%-40s %s" % (done.name[-40:], state), flush=True)
            for line in different[:arguments.worst]:
                print("    " + line)
    print("\n%d functions, %d instructions, %d extra functions" % (comparison.functions, comparison.instructions, comparison.extra))
    for name, (same, all_of_them) in sorted(comparison.equal.items()):
        print("  %-42s %9.4f %% of %d" % (name, 100.0 * same / all_of_them, all_of_them))
    (ours, our_peak), (theirs, their_peak) = comparison.spent
    if ours:
        print("processor time: malkin %.2f s, SMDA %.2f s, ratio %.1f (process start and output included)" % (ours, theirs, theirs / ours))
        print("instructions a second of processor time: malkin %.0f, SMDA %.0f" % (comparison.instructions / ours, comparison.instructions / theirs))
        print("greatest peak: malkin %.0f MiB, SMDA %.0f MiB, ratio %.2f" % (our_peak, their_peak, our_peak / their_peak))
    print("%d passed, %d failed" % tuple(comparison.files))
    sys.exit(1 if comparison.files[1] else 0)


if __name__ == "__main__":
    main()
