#!/usr/bin/env python3
"""The genuine command line `mcrit client` does the same on two servers; exit status, output and files it writes are compared.

    python client_commands.py --reference URL --candidate URL --reports FOLDER --inputs FOLDER --exports FOLDER --scratch FOLDER [-v]

Times, ids of jobs and addresses are made equal before. WARNING: both servers are wiped. One line per failing step, last `N passed, N failed`.
"""
import argparse
import glob
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request

NORMAL = [
    (r"mongodb - \d+", "mongodb - STATE"),
    (r"127\.0\.0\.1:\d+", "SERVER"),
    (r"\b[0-9a-f]{24}\b", "ID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d[:-]\d\d[:-]\d\d(\.\d+)?", "TIME"),
    (r"\d+\.\d+ ?s(econds)?\b", "SECONDS"),
    (r"\d+\.\d+\w*/s\b|\d+\.\d+s/\w+|\d\d:\d\d(?=[<,\]?])", "RATE"),
]
VOLATILE = {"timestamp", "duration", "job"}


class Commands:
    def __init__(self, servers, scratch, verbose):
        self.servers, self.scratch, self.verbose = servers, scratch, verbose
        self.passed, self.failed = 0, 0

    def verdict(self, name, problem):
        if problem:
            self.failed += 1
            print("FAIL %s: %s" % (name, problem), flush=True)
        else:
            self.passed += 1
            if self.verbose:
                print("ok   %s" % name, flush=True)

    def out(self, side, name):
        folder = os.path.join(self.scratch, side)
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, name)

    def run(self, name, *arguments, says=None, status=0):
        """Runs a command on both servers; `{out}` in an argument is a path that is each side's own."""
        told = {}
        for side, url in self.servers.items():
            own = [argument.format(out=self.out(side, "out")) for argument in arguments]
            command = [sys.executable, "-m", "mcrit", "client", "--server", url, *own]
            done = subprocess.run(command, cwd=self.scratch, capture_output=True, text=True, timeout=300, env={**os.environ, "TQDM_DISABLE": "1"})
            told[side] = (done.returncode, normal(done.stdout, self.out(side, "")), normal(done.stderr, self.out(side, "")))
        (code, out, err), (code2, out2, err2) = told["reference"], told["candidate"]
        problem = None
        if code != status:
            problem = "the reference ends with %d: %.300s" % (code, err[-300:])
        elif code2 != code:
            problem = "ends with %d instead of %d: %.300s" % (code2, code, err2[-300:])
        elif out != out2:
            problem = first_difference(out, out2)
        elif says and says not in out + err:
            problem = "does not say %r: %.300s" % (says, out + err)
        self.verdict(name, problem)

    def files(self, name, pattern, strip):
        """Compares JSON files that the commands wrote."""
        found = {side: sorted(glob.glob(self.out(side, pattern), recursive=True)) for side in self.servers}
        left, right = found["reference"], found["candidate"]
        if not left or len(left) != len(right):
            return self.verdict(name, "%d files, expected %d" % (len(right), len(left)))
        for a, b in zip(left, right):
            with open(a) as one, open(b) as two:
                one, two = strip(json.load(one)), strip(json.load(two))
            self.verdict("%s %s" % (name, os.path.basename(a)), None if one == two else first_difference(json.dumps(one, indent=1, sort_keys=True), json.dumps(two, indent=1, sort_keys=True)))


def normal(text, folder):
    text = text.replace(folder, "OUT/")
    for pattern, word in NORMAL:
        text = re.sub(pattern, word, text)
    return text


def first_difference(left, right):
    lines = left.splitlines(), right.splitlines()
    for number, (a, b) in enumerate(zip(*lines)):
        if a != b:
            return "line %d: %.160r, expected %.160r" % (number + 1, b, a)
    return "%d lines, expected %d" % (len(lines[1]), len(lines[0]))


def stable(value):
    """A document without what differs from run to run."""
    if isinstance(value, dict):
        return {key: stable(entry) for key, entry in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [stable(entry) for entry in value]
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("reference", "candidate", "reports", "inputs", "exports", "scratch"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    args.scratch = os.path.abspath(args.scratch)
    servers = {"reference": args.reference, "candidate": args.candidate}

    def respawn():
        for url in servers.values():
            urllib.request.urlopen(urllib.request.Request(url + "/respawn", method="POST")).read()

    def unpack(folder, name, to):
        os.makedirs(os.path.dirname(os.path.join(args.scratch, to)), exist_ok=True)
        with gzip.open(os.path.join(folder, name)) as fin, open(os.path.join(args.scratch, to), "wb") as fout:
            fout.write(fin.read())

    unpack(args.reports, "prog1_gcc_m32_O2.smda.gz", "one.smda")
    unpack(args.reports, "prog1_gcc_m64_O2.smda.gz", "asked.smda")
    unpack(args.inputs, "cli-32.exe.gz", "cli.exe")
    unpack(args.inputs, "elf_true.gz", "folder/true")
    os.makedirs(os.path.join(args.scratch, "tree/tools/1/1"), exist_ok=True)
    shutil.copy(os.path.join(args.scratch, "cli.exe"), os.path.join(args.scratch, "tree/tools/1/1/cli.exe"))
    for side in servers:
        os.makedirs(os.path.join(args.scratch, side, "out"), exist_ok=True)

    respawn()
    commands = Commands(servers, args.scratch, args.verbose)
    commands.run("status, empty", "status", says="Samples:")
    commands.run("submit a report", "submit", "--mode", "file", "-s", "-f", "prog", "-v", "1", "one.smda")
    commands.run("submit it again", "submit", "--mode", "file", "-s", "-f", "prog", "-v", "1", "one.smda")
    commands.run("submit it again with other names", "submit", "--mode", "file", "-s", "-u", "-f", "forced", "-v", "2", "one.smda")
    commands.run("submit a folder", "submit", "--mode", "dir", "-f", "folder", "-l", "folder")
    commands.run("submit an executable", "submit", "--mode", "file", "-f", "tool", "cli.exe")
    commands.run("submit a tree", "submit", "--mode", "recursive", "tree")
    commands.run("status", "status", says="Samples:   3")
    commands.run("query a report", "query", "-s", "-o", "{out}", "asked.smda")
    commands.run("query an executable", "query", "-o", "{out}", "cli.exe")
    commands.run("query again, forced", "query", "-s", "-f", "asked.smda")
    commands.files("result", "out/**/*.json", stable)
    for term in ("prog", "folder", "cli", "main", "nothing-like-that", "num_functions:>50"):
        commands.run("search %s" % term, "search", term)
    commands.run("queue", "queue")
    commands.run("queue, filtered", "queue", "--filter", "getMatches")
    commands.run("export", "export", "{out}.mcrit")
    commands.run("export of some", "export", "--sample_ids", "0,2", "{out}-some.mcrit")
    commands.files("export", "out*.mcrit", lambda document: {**stable(document), "function_entries": sorted(document["function_entries"])})
    respawn()
    commands.run("import", "import", "{out}.mcrit")
    commands.run("import again", "import", "{out}.mcrit")
    commands.run("import of another export", "import", os.path.join(os.path.abspath(args.exports), "aPLib-1.01_elf_aplib.a.mcrit"))
    commands.run("status after the import", "status")
    print("%d passed, %d failed" % (commands.passed, commands.failed))
    return 0 if commands.failed == 0 and commands.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
