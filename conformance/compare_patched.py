"""Damages executables (patch_fields.py) and compares what SMDA and malkin report on each, field by field.

    python compare_patched.py --malkin BINARY --patched N [--seed S] [--seconds S] [--processes N] [--keep FOLDER] [--worst N] FILE...

N damaged files are made of the given ones in turn, the same ones for the same seed. A file that both refuse counts as equal. One line for each
file that differs, with what was changed in it; the last line counts files: `N passed, M failed`. SMDA needs half an hour of processor time for
700 files: --processes shares them out, and with --keep the damaged files and SMDA's reports stay, so that the next run reads the reports of
files that are still the same.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

import compare_smda
import patch_fields

# Files larger than this take SMDA too long.
MAX_SIZE = 200_000

# One line of JSON for each file, so that a crash of the native parser loses one file only.
SMDA = r"""
import json, logging, sys
logging.disable(logging.CRITICAL)
from smda.Disassembler import Disassembler
from smda.SmdaConfig import SmdaConfig
config = SmdaConfig()
config.TIMEOUT = int(sys.argv[1])
for path in sys.stdin.read().splitlines():
    try:
        report = Disassembler(config).disassembleFile(path)
        report.toFile(path + ".theirs")
        words = ""
    except Exception as error:
        words = repr(error)
    print(json.dumps([path, words]), flush=True)
"""


def smda(paths, seconds):
    """Reports of SMDA beside the files; yields each path with what SMDA said of it, `crashed` where it did not survive."""
    left = list(paths)
    while left:
        child = subprocess.Popen([sys.executable, "-c", SMDA, str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        child.stdin.write("\n".join(left))
        child.stdin.close()
        for line in child.stdout:
            if line.startswith("["):
                path, words = json.loads(line)
                left.remove(path)
                yield path, words
        child.wait()
        if left:
            yield left.pop(0), "crashed"


def smda_shared(paths, seconds, processes, scratch):
    """What SMDA said of each file, from several processes. Files that a run before this one has finished are not given to it again."""
    log = os.path.join(scratch, "smda.jsonl")
    digests = {path: hashlib.sha256(compare_smda.read(path)).hexdigest() for path in paths}
    said = {}
    if os.path.exists(log):
        with open(log) as fin:
            said = {path: words for path, digest, words in map(json.loads, fin) if digests.get(path) == digest}
    left = [path for path in paths if path not in said]
    with open(log, "a") as fout, concurrent.futures.ThreadPoolExecutor(processes) as pool:
        def work(share):
            for path, words in smda(share, seconds):
                said[path] = words
                # One write for each line: threads do not mix them.
                fout.write(json.dumps([path, digests[path], words]) + "\n")
                fout.flush()
        list(pool.map(work, [left[start::processes] for start in range(processes)]))
    return said


def malkin(binary, paths, seconds, folder):
    """Reports of malkin below the folder by file name; answers what was said of each."""
    command = [binary, "disassemble", *paths, "-o", folder, "--jobs", "1", "--timeout", str(seconds)]
    child = subprocess.run(command, capture_output=True, text=True, errors="replace")
    said = {}
    for line in child.stderr.splitlines():
        for path in paths:
            if path in line:
                said[path] = line.split(path, 1)[1].lstrip(": ")
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--malkin", required=True)
    parser.add_argument("--patched", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--worst", type=int, default=4)
    parser.add_argument("--keep")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    bases = []
    for path in sorted(arguments.files):
        content = compare_smda.read(path)
        if len(content) <= MAX_SIZE and patch_fields.fields_of(content):
            bases.append((os.path.basename(path).removesuffix(".bin.gz"), content))
    if not bases:
        sys.exit("no small executable among the files")
    comparison, crashed = compare_smda.Comparison(), 0
    with tempfile.TemporaryDirectory() as scratch:
        scratch = arguments.keep or scratch
        os.makedirs(scratch, exist_ok=True)
        changes = {}
        for number in range(arguments.patched):
            name, content = bases[number % len(bases)]
            changed, words = patch_fields.patched(content, random.Random(arguments.seed * 1_000_003 + number))
            path = os.path.join(scratch, "%04d-%s" % (number, name))
            with open(path, "wb") as fout:
                fout.write(changed)
            changes[path] = words
        ours = os.path.join(scratch, "ours")
        os.makedirs(ours, exist_ok=True)
        our_words = malkin(arguments.malkin, list(changes), arguments.seconds, ours)
        their_words = smda_shared(list(changes), arguments.seconds, arguments.processes, scratch)
        for path, words in changes.items():
            if their_words[path] == "crashed":
                crashed += 1
                continue
            job = argparse.Namespace(base=None, name=os.path.basename(path), load_words="", their_seconds=0.0)
            job.our_path, job.their_path = os.path.join(ours, job.name + ".smda"), path + ".theirs"
            job.our_words, job.their_words = our_words.get(path, ""), their_words[path]
            if "There is no disassembler for" in job.our_words:
                continue
            different, _ = comparison.file(job)
            if different:
                print("%s (%s): %d differences" % (job.name, words, len(different)))
                for line in different[:arguments.worst]:
                    print("    " + line)
    print("%d functions compared, SMDA crashed on %d files" % (comparison.functions, crashed))
    print("%d passed, %d failed" % tuple(comparison.files))
    return 1 if comparison.files[1] else 0


if __name__ == "__main__":
    sys.exit(main())
