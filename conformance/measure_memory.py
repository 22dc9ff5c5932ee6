#!/usr/bin/env python3
"""Peak memory and processor time of `malkin hash` and `malkin import` on very large and on hostile files, which this script makes.

    python measure_memory.py --malkin PROGRAM --exports FOLDER --report FILE --scratch FOLDER [--megabytes N]

The large files are real exports whose samples are repeated under new hashes. A hostile file has to be refused with one line and without more
memory than its sound part deserves; what MCRIT would never look at may be passed over. One line per file and command; exit status 1 if a command did not end as it should.
"""
import argparse
import gzip
import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys

SOURCE = "rust_re_tour_rosetta.mcrit"
PIECE = 1 << 20


def measure(command, scratch):
    """Runs a command; its exit status, last line of standard error, peak of resident memory in MiB, processor seconds."""
    with open(os.path.join(scratch, "stderr"), "w+b") as stderr:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        said = stderr.read().decode(errors="replace").strip().splitlines()
    return child.returncode, said[-1] if said else "", usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def apart(work, *arguments):
    """Does memory-hungry work in a process of its own: the peak of a child counts what its parent held when it was started."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def plain_entries(document):
    """The function entries of the first sample of an export as JSON text."""
    (text,) = list(document["function_entries"].values())[:1]
    if not isinstance(text, str):
        return json.dumps(text)
    import base64
    import io
    import zipfile
    return zipfile.ZipFile(io.BytesIO(base64.b85decode(text))).read("content").decode()


def write_large(path, source, size, compressed):
    """An export of at least `size` bytes: the first sample of `source` again and again. Returns the number of samples."""
    with open(source) as fin:
        document = json.load(fin)
    stated = next(iter(document["function_entries"].values()))
    entries = json.dumps(stated) if compressed else plain_entries(document)
    sample = next(iter(document["sample_entries"].values()))
    count = size // len(entries) + 1
    hashes = [hashlib.sha256(b"copy %d" % number).hexdigest() for number in range(count)]
    functions = sample["statistics"]["num_functions"] * count
    content = {**document["content"], "is_compressed": compressed, "num_samples": count, "num_functions": functions}
    samples = {name: {**sample, "sha256": name, "sample_id": number} for number, name in enumerate(hashes)}
    head = {"content": content, "config": document["config"], "family_mapping": document["family_mapping"], "sample_entries": samples}
    with open(path, "w") as fout:
        fout.write(json.dumps(head)[:-1] + ', "function_entries": {')
        for number, name in enumerate(hashes):
            fout.write('%s"%s": %s' % (", " if number else "", name, entries))
        fout.write("}}")
    return count


def hostile(scratch, report, source):
    """Writes hostile files; names and paths."""
    files = []

    def path(name):
        return os.path.join(scratch, name)

    with gzip.open(path("bomb.smda.gz"), "wb", compresslevel=9) as fout:
        for _ in range(1024):
            fout.write(b" " * PIECE)
    files.append(("1 GiB of blanks, gzip", path("bomb.smda.gz")))
    with open(path("deep.json"), "wb") as fout:
        fout.write(b"[" * (100 * PIECE))
    files.append(("100 MiB of open brackets", path("deep.json")))
    with open(path("sparse.smda"), "wb") as fout:
        fout.truncate(64 << 30)
    files.append(("a sparse file of 64 GiB", path("sparse.smda")))
    with gzip.open(report) as fin:
        text = fin.read()
    with open(path("tree.smda"), "wb") as fout:
        fout.write(text.rstrip()[:-1] + b', "stringrefs_of_nobody": [' + b"[]," * (30 * PIECE) + b"[]]}")
    files.append(("31 million empty lists where nobody looks", path("tree.smda")))
    with open(source) as fin:
        document = json.load(fin)
    stated = {"is_compressed": True, **dict.fromkeys(("num_families", "num_samples", "num_functions"), (1 << 64) - 1)}
    with open(path("sizes.mcrit"), "w") as fout:
        fout.write(json.dumps({**document, "content": stated})[:-100_000])
    files.append(("an export that states 2^64 samples and breaks off", path("sizes.mcrit")))
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("malkin", "exports", "report", "scratch"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--megabytes", type=int, default=1000)
    options = parser.parse_args()
    os.makedirs(options.scratch, exist_ok=True)
    wrong = 0

    def tell(name, action, file, refused):
        nonlocal wrong
        data = os.path.join(options.scratch, "data")
        command = [options.malkin, action, file] + (["--data", data] if action == "import" else [])
        status, said, memory, seconds = measure(command, options.scratch)
        shutil.rmtree(data, ignore_errors=True)
        as_wanted = (status not in (0, 101) and status > 0) if refused else status == 0
        wrong += not as_wanted
        size = os.path.getsize(file) / 1e6
        print("%-44s %8.0f MB  malkin %-6s  peak %6.0f MiB  %6.2f CPU s  %s" % (name, size, action, memory, seconds, said[:110] if refused else ""))
        if not as_wanted:
            print("  ended with %d: %s" % (status, said[:200]))
        sys.stdout.flush()

    for name, compressed in (("plain", False), ("compressed", True)):
        file = os.path.join(options.scratch, name + ".mcrit")
        size = options.megabytes * 1_000_000
        count = apart(write_large, file, os.path.join(options.exports, SOURCE), size if not compressed else size // 4, compressed)
        for action in ("hash", "import"):
            tell("%s export of %d samples" % (name, count), action, file, refused=False)
        os.remove(file)
    for name, file in apart(hostile, options.scratch, options.report, os.path.join(options.exports, SOURCE)):
        tell(name, "import" if file.endswith(".mcrit") else "hash", file, refused="nobody" not in name)
        os.remove(file)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
