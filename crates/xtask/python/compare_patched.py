"""Damages executables (patch_fields.py) and compares what SMDA and malkin report on each, field by field.

    python compare_patched.py --malkin BINARY --patched N [--seed S] [--seconds S] [--keep FOLDER] [--worst N] FILE...

N damaged files are made of the given ones in turn, the same ones for the same seed. A file that both refuse counts as equal. One line for each
file that differs, with what was changed in it; the last line counts files: `N passed, M failed`. With --keep the damaged files stay.
"""
import argparse
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
    """Reports of SMDA beside the files; answers what it said of each, `crashed` where it did not survive."""
    said, left = {}, list(paths)
    while left:
        child = subprocess.run([sys.executable, "-c", SMDA, str(seconds)], input="\n".join(left), capture_output=True, text=True)
        said.update(json.loads(line) for line in child.stdout.splitlines() if line.startswith("["))
        left = [path for path in left if path not in said]
        if left:
            said[left[0]] = "crashed"
            left = left[1:]
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
        their_words = smda(changes, arguments.seconds)
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
