"""Disassembles files with SMDA (the published package) and with malkin and compares the reports field by field.

    python compare_smda.py --malkin BINARY [--seconds S] [--keep FOLDER] FILE...

Each side works through all files in one process with one thread and writes its reports itself in the same layout, so that neither pays for
starting anew (buffers with an address of their own, see inputs.json of the golden files, cost malkin a start each). Files of architectures that
malkin has no disassembler for are left out of both. Then the file with the most functions alone, for the peak memory of each.

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

# One process for all jobs: [input, output, base or null, bitness or null]. Its own toFile writes.
SMDA = r"""
import json, logging, sys, time
logging.disable(logging.CRITICAL)
from smda.Disassembler import Disassembler
from smda.SmdaConfig import SmdaConfig
jobs, spent_path, seconds = sys.argv[1:]
config = SmdaConfig()
config.TIMEOUT = int(seconds)
spent = {}
for path, out, base, bitness in json.load(open(jobs)):
    before = time.process_time()
    try:
        if base is None:
            report = Disassembler(config).disassembleFile(path)
        else:
            report = Disassembler(config).disassembleBuffer(open(path, "rb").read(), base, bitness)
        report.toFile(out)
        refusal = ""
    except Exception as error:
        refusal = repr(error)
    spent[path] = [time.process_time() - before, refusal]
json.dump(spent, open(spent_path, "w"))
"""

LOAD = r"""
import json, sys
from smda.common.SmdaReport import SmdaReport
for path in sys.argv[1:]:
    try:
        stated = json.load(open(path))
        report = SmdaReport.fromDict(stated)
        assert json.loads(json.dumps(report.toDict()))["xcfg"].keys() == stated["xcfg"].keys(), "other functions"
    except Exception as error:
        print(path, repr(error), sep="\t", file=sys.stderr)
"""


def run(command):
    """Runs to the end; answers success, what it said on stderr, seconds of processor time, peak MiB."""
    pipe_out, pipe_in = os.pipe()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe_in)
    os.close(pipe_in)
    with os.fdopen(pipe_out, "rb") as said:
        words = said.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode == 0, words.decode(errors="replace").strip(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def read(path):
    """The content of a file, unpacked when its name says so."""
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as fin:
        return fin.read()


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

    def file(self, job):
        ours, theirs = load(job.our_path), load(job.their_path)
        refused = theirs is None or theirs.get("status") == "error" or not theirs.get("xcfg")
        if ours is None and refused:
            different = []
            state = "refused by both: " + job.our_words
        elif ours is None or theirs is None:
            different = ["only one has a report: ours %s, SMDA %s" % (job.our_words or "has", job.their_words or "has")]
            state = "DIFFERENT"
        else:
            if job.base is not None:
                # SMDA is not told the name of a buffer.
                theirs["metadata"]["filename"] = job.name
            different = self.report(ours, theirs)
            if job.load_words:
                different.append("SmdaReport.fromDict refuses our report: " + job.load_words[-300:])
            state = "%d functions, %d differences, SMDA %.2f s" % (len(theirs["xcfg"]), len(different), job.their_seconds)
        self.files[bool(different)] += 1
        return different, state


class Job:
    """An input, unpacked, and where the two reports of it go."""

    def __init__(self, number, path, scratch, folder):
        self.name = os.path.basename(path)
        facts = load(os.path.join(os.path.dirname(path), "inputs.json")) or {}
        if self.name.endswith(".gz"):
            self.name = self.name[:-len(".bin.gz" if self.name.endswith(".bin.gz") else ".gz")]
        stated = facts.get(self.name, {})
        self.base, self.bitness = stated.get("base"), stated.get("bitness")
        place = os.path.join(scratch, "in", str(number))
        os.makedirs(place)
        self.input = os.path.join(place, self.name)
        with (gzip.open if path.endswith(".gz") else open)(path, "rb") as fin, open(self.input, "wb") as fout:
            shutil.copyfileobj(fin, fout)
        self.their_path = os.path.join(folder, "%d-%s.smda" % (number, self.name))
        self.our_folder = os.path.join(folder, "%d.ours" % number)
        self.our_path = os.path.join(self.our_folder, self.name + ".smda")
        self.our_words = self.their_words = self.load_words = ""
        self.their_seconds = 0.0
        self.is_foreign = False


def disassemble(jobs, arguments, folder):
    """Ours: all files in one process, buffers in one each. Answers processor time and peak MiB of all and what was said of each file."""
    options = ["--jobs", "1", "--timeout", str(arguments.seconds)]
    files = [job for job in jobs if job.base is None]
    runs = [([job], ["--base-address", hex(job.base)] + (["--bitness", str(job.bitness)] if job.bitness else [])) for job in jobs if job.base is not None]
    if files:
        runs.insert(0, (files, []))
    total, peak = 0.0, 0.0
    for number, (group, more) in enumerate(runs):
        place = os.path.join(folder, "malkin-%d" % number)
        os.makedirs(place)
        _, words, seconds, memory = run([arguments.malkin, "disassemble"] + [job.input for job in group] + ["-o", place] + options + more)
        total, peak = total + seconds, max(peak, memory)
        for job in group:
            os.makedirs(job.our_folder, exist_ok=True)
            written = os.path.join(place, job.name + ".smda")
            # Two inputs of one name would write to one place.
            if os.path.exists(written):
                os.replace(written, job.our_path)
            said = [line for line in words.splitlines() if job.input in line]
            job.our_words = said[-1].split(job.input, 1)[1].lstrip(": ") if said else ""
            job.is_foreign = "There is no disassembler for" in job.our_words
        shutil.rmtree(place)
    return total, peak


def disassemble_smda(jobs, arguments, scratch):
    """SMDA's turn, all in one process. Answers processor time and peak MiB."""
    plan, spent = os.path.join(scratch, "jobs.json"), os.path.join(scratch, "spent.json")
    with open(plan, "w") as fout:
        json.dump([[job.input, job.their_path, job.base, job.bitness] for job in jobs], fout)
    done, words, seconds, memory = run([sys.executable, "-c", SMDA, plan, spent, str(arguments.seconds)])
    if not done:
        sys.exit("SMDA did not get to the end: " + words[-2000:])
    with open(spent) as fin:
        told = json.load(fin)
    for job in jobs:
        job.their_seconds, job.their_words = told[job.input]
    return seconds, memory


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
        folder = arguments.keep or os.path.join(scratch, "out")
        os.makedirs(folder, exist_ok=True)
        jobs = [Job(number, path, scratch, folder) for number, path in enumerate(arguments.files) if os.path.basename(path) != "inputs.json"]
        names = [job.name for job in jobs]
        if len(set(names)) < len(names):
            sys.exit("two inputs have one name: " + ", ".join(sorted({name for name in names if names.count(name) > 1})))
        # No report is read before all is measured: a child's peak begins at the size of the process that started it.
        ours, _ = disassemble(jobs, arguments, folder)
        foreign = [job for job in jobs if job.is_foreign]
        jobs = [job for job in jobs if not job.is_foreign]
        theirs, _ = disassemble_smda(jobs, arguments, scratch)
        largest = max(jobs, key=lambda job: os.path.getsize(job.their_path) if os.path.exists(job.their_path) else 0)
        for place in (largest.our_path, largest.their_path):
            if os.path.exists(place):
                os.replace(place, place + ".first")
        _, our_peak = disassemble([largest], arguments, folder)
        _, their_peak = disassemble_smda([largest], arguments, scratch)
        _, words, *_ = run([sys.executable, "-c", LOAD] + [job.our_path for job in jobs if os.path.exists(job.our_path)])
        refusals = dict(line.split("\t", 1) for line in words.splitlines() if "\t" in line)
        for job in jobs:
            job.load_words = refusals.get(job.our_path, "")
            different, state = comparison.file(job)
            print("%-40s %s" % (job.name[-40:], state), flush=True)
            for line in different[:arguments.worst]:
                print("    " + line)
        for job in foreign:
            print("%-40s left out: %s" % (job.name[-40:], job.our_words))
    print("\n%d functions, %d instructions, %d extra functions" % (comparison.functions, comparison.instructions, comparison.extra))
    for name, (same, all_of_them) in sorted(comparison.equal.items()):
        print("  %-42s %9.4f %% of %d" % (name, 100.0 * same / all_of_them, all_of_them))
    print("processor time for all files, reports written: malkin %.2f s, SMDA %.2f s, ratio %.1f" % (ours, theirs, theirs / max(ours, 0.01)))
    print("instructions a second of processor time: malkin %.0f, SMDA %.0f" % (comparison.instructions / max(ours, 0.01), comparison.instructions / theirs))
    print("peak on %s alone: malkin %.0f MiB, SMDA %.0f MiB, ratio %.3f" % (largest.name, our_peak, their_peak, our_peak / their_peak))
    print("%d passed, %d failed, %d left out" % (*comparison.files, len(foreign)))
    sys.exit(1 if comparison.files[1] else 0)


if __name__ == "__main__":
    main()
