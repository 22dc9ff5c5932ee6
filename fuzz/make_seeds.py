#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into seeds/TARGET. Everything in them is made here or taken from fixtures/escaper; no third-party code.

    python3 fuzz/make_seeds.py
"""
import base64
import gzip
import io
import json
import random
import struct
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CODE = {
    "intel": [("55", "push", "ebp"), ("8bec", "mov", "ebp, esp"), ("a100204000", "mov", "eax, dword ptr [0x402000]"), ("e8fbffffff", "call", "0x401000"),
              ("7405", "je", "0x401007"), ("c3", "ret", "")],
    "aarch64": [("fd7bbfa9", "stp", "x29, x30, [sp, #-0x10]!"), ("20008052", "mov", "w0, #1"), ("04000094", "bl", "#0x401010"), ("c0035fd6", "ret", "")],
    "arm": [("00482de9", "push", "{fp, lr}"), ("0100a0e3", "mov", "r0, #1"), ("feffffeb", "bl", "#0x401010"), ("0088bde8", "pop", "{fp, pc}")],
    "cil": [("00", "nop", ""), ("7201000070", "ldstr", "\"a, b\""), ("2804000006", "call", "method.06000004"), ("2b05", "br.s", "0x6b"), ("2a", "ret", "")],
    "dalvik": [("1a000500", "const-string", "v0, \"text\""), ("6e2004001000", "invoke-virtual", "{v0, v1}, Lfoo;->m(I)V"), ("2802", "goto", "+2"), ("0e00", "return-void", "")],
}
INTEL = CODE["intel"] + [
    ("ff1500204000", "call", "dword ptr [0x402000]"), ("488d05f9ffffff", "lea", "rax, [rip - 7]"), ("488b0510000000", "mov", "rax, qword ptr [rip + 0x10]"),
    ("48b80000008001000000", "movabs", "rax, 0x180000000"), ("48a10000008001000000", "movabs", "rax, qword ptr [0x180000000]"), ("eb02", "jmp", "0x401004"),
    ("0f8400000000", "je", "0x401006"), ("f00fb10d00204000", "lock cmpxchg", "dword ptr [0x402000], ecx"), ("c5f877", "vzeroupper", ""), ("ea000000000000", "ljmp", "0:0"),
    ("0f", "error", "error"), ("62f1fd484881c0004040", "vmovups", "zmm0 {k1} {z}, zmmword ptr [rcx]"), ("68002040 00".replace(" ", ""), "push", "0x402000"),
    ("c70500204000" "00204000", "mov", "dword ptr [0x402000], 0x402000"), ("d9c0", "fld", "st(0)"), ("e4ff", "in", "al, 0xff"),
]


def seed(target, name, data):
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def parts(flags, *texts):
    return bytes([flags]) + b"\xff".join(text.encode() for text in texts)


def escapers():
    for number, (code, mnemonic, operands) in enumerate(INTEL):
        seed("intel", f"{number:02}", parts(1 + number % 2 * 5, code, mnemonic, operands))
    lines = (HERE.parent / "fixtures/escaper/other_architectures.tsv").read_text().splitlines()
    for architecture in ["aarch64", "arm", "cil", "dalvik"]:
        rows = [line.split("\t") for line in lines if line.startswith(architecture + "\t")]
        rows = [row for row in rows if row[1] == "report"] if architecture == "aarch64" else rows
        chosen = random.Random(1).sample(rows, 14)
        own = [["", "", "", "0", "", "", "1", *row] for row in CODE[architecture]]
        for number, row in enumerate(own + chosen):
            flags = 1 | (32 if row[3] == "1" else 0) | (0 if row[6] == "1" else 8)
            seed(architecture, f"{number:02}", parts(flags, *row[7:10]))


def function(architecture, count):
    code = (CODE[architecture] * count)[:count]
    blocks = {"4096": [[4096 + at, *one] for at, one in enumerate(code)], "8192": [[8192, *code[-1]]]}
    metadata = {"binweight": 2.0, "characteristics": "-----------", "confidence": 0.5, "function_name": "f", "pic_hash": 2**64 - 1, "nesting_depth": 0,
                "strongly_connected_components": [[4096], [8192]], "tfidf": -1.5}
    more = {"thumb": True} if architecture == "arm" else {"try_ranges": [{"start_addr": 4096, "end_addr": 4100, "handlers": [{"target_addr": 8192}], "catch_all_addr": 8200}]} if architecture == "dalvik" else {}
    return {"offset": 4096, "blocks": blocks, "apirefs": {"4096": "a!b"}, "blockrefs": {"4096": [8192], "8192": []}, "inrefs": [5], "outrefs": {"4097": [9]},
            "stringrefs": {"4096": "text"}, "architecture_metadata": more, "is_exported": False, "metadata": metadata}


def usual():
    """A function of the form that nearly all have."""
    blocks = {"4096": [[4096, "55", "push", "ebp"], [4097, "75fd", "jne", "0x1000"], [4099, "e8f8ffffff", "call", "0x1000"]], "4104": [[4104, "c3", "ret", ""]]}
    metadata = {"binweight": 2.0, "characteristics": "-----------", "confidence": 0.5, "function_name": "f", "pic_hash": 2**64 - 1, "nesting_depth": 0,
                "strongly_connected_components": [[4096], [4104]], "tfidf": None}
    return {"offset": 4096, "blocks": blocks, "apirefs": {"4099": "a!b"}, "blockrefs": {"4096": [4104]}, "inrefs": [5], "outrefs": {"4099": [4096]}, "is_exported": False,
            "metadata": metadata}


# Fields without which a report is refused.
REQUIRED = {"architecture", "base_addr", "binary_size", "bitness", "code_areas", "confidence_threshold", "disassembly_errors", "execution_time", "identified_alignment",
            "message", "sha256", "smda_version", "status", "xcfg"}


def report(architecture, version):
    return {"architecture": architecture, "base_addr": 4194304, "binary_size": 8192, "bitness": 32, "code_areas": [[4096, 8192]], "code_sections": [[".text", 4096, 8192]],
            "confidence_threshold": 0.0, "disassembly_errors": {}, "execution_time": 0.5, "identified_alignment": 16, "message": "fine",
            "metadata": {"binweight": 3.0, "family": "f", "language": {"go": 0.5}}, "sha256": "00", "smda_version": version, "status": "ok", "statistics": {},
            "timestamp": "2021-02-04T15-13-54", "xheader": "4d5a", "xmetadata": {"symbols": {"1": "a"}}, "xdata_refs_from": {"4096": [5000]}}


def text(value):
    return json.dumps(value, separators=(",", ":")).encode()


def zip_of(content):
    parcel = io.BytesIO()
    with zipfile.ZipFile(parcel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("content", (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return parcel.getvalue()


def documents():
    for architecture in CODE:
        count = 11 if architecture == "intel" else 4
        version = "5.0.1" if architecture == "arm" else "4.1"
        small = report(architecture, version) if architecture == "intel" else {key: value for key, value in report(architecture, version).items() if key in REQUIRED}
        seed("report", architecture, text(small | {"xcfg": {"4096": function(architecture, count)}}))
        seed("function", architecture, text(function(architecture, count)))
    seed("function", "usual", text(usual()))
    columns = [bytes([1, 2, 3, 4, 1, 5, 6, 7, 0, 8, 1, 2, 3, 4, 5, 0, 6, 7, 8, 0, 0]), bytes([0, 3, 2, 0]), bytes([1, 2, 1, 0]), bytes.fromhex("5575fdc3"),
               b"push\1ebp\0jne\1\2\0ret\1\0\1\0", bytes([0x80, 0x20, 2, 0, 0, 0, 0]), b"2.0\0-\0" b"0.5\0f\0" b"0\0\1\0", b""]
    for name, columns in [("usual", columns), ("text", [b"\xff", b"", b"", b"", b"", b"\3", b"abc", b""])]:
        seed("columns", name, bytes(map(len, columns)) + b"".join(columns))
    seed("report", "error", text({key: value for key, value in report("intel", None).items() if key in REQUIRED} | {"status": "error", "xcfg": {}}))
    record = {"architecture": "intel", "binweight": 1.0, "family_id": 3, "function_id": 7, "function_name": "x", "function_labels": [{"function_label": "l", "username": "u",
              "timestamp": "2021-02-04T15-13-54"}], "matches": {}, "minhash": "00ff", "minhash_shingle_composition": {}, "num_blocks": 1, "num_instructions": 1,
              "offset": 4096, "pichash": 2**64 - 1, "picblockhashes": [{"offset": 4096, "length": 4, "size": 9, "hash": 5}], "sample_id": 9, "xcfg": function("intel", 2)}
    seed("records", "functions", text({"7": record, "8": record | {"function_id": 8, "xcfg": None}}))
    seed("records", "usual", text({"7": record | {"xcfg": usual()}}))
    seed("records", "result", text({"info": {"x": 1.0}, "matches": {"aggregation": {}, "functions": [[1]], "samples": [100]}, "y": None}))
    seed("records", "tree", b'{"a":[1,-2,3.5e-7,true,null,"\\ud83d\\ude00"],"b":{"c":18446744073709551615}}')
    sample = {"architecture": "intel", "base_addr": -4096, "binary_size": 5, "binweight": 3, "bitness": 32, "component": "", "family_id": 3, "family": "f", "filename": "n",
              "is_library": False, "sample_id": 9, "sha256": "ab", "smda_version": "1.5", "statistics": {"num_functions": 1}, "timestamp": "2021-02-04T15-13-54", "version": ""}
    packed = base64.b85encode(zip_of(text({"7": record})))
    for name, functions in [("plain", {"7": record}), ("packed", packed.decode())]:
        seed("mcrit", name, text({
            "content": {"is_compressed": name == "packed", "num_families": 1, "num_samples": 1, "num_functions": 1}, "config": {"version": "1.9.0", "shingler": "aa", "minhash": "bb"},
            "family_mapping": {"3": "f"}, "sample_entries": {"ab": sample}, "function_entries": {"ab": functions}}))
    small = zip_of(b'{"7":{}}')
    seed("archive", "text", b"\0" + base64.b85encode(b"any text"))
    seed("archive", "packed", b"\0" + base64.b85encode(small))
    seed("archive", "zip", b"\1" + small)
    seed("archive", "damaged", b"\2content content content\xff\x1e\x00")


def functions():
    for number, (architecture, code) in enumerate(CODE.items()):
        block = b"".join(b"\xff".join(part.encode() for part in one) + b"\xff" for one in code[:4])
        seed("hash", architecture, bytes([1, number]) + b"".join(bytes([at, at + 1, 4]) + block for at in range(3)))


def values():
    versions = ["4.3.5", "4.3.5rc1", "v1.3", "MCRIT4IDA v1.0 (IDA 8.3) 4.2.0", "4.4.5a2", "5.0.1.1", "04.3", "4..3"]
    for number, (first, second) in enumerate(zip(versions, versions[1:])):
        seed("version", str(number), first.encode() + b"\xff" + second.encode())
    for number, value in enumerate(["10", "-0x_1F", "0b101", "0o17", "00_0", "dead", "1_0.0_1e+1_0", "-infinity", "nan", "\x1c5", " .5\v"]):
        seed("number", f"{number:02}", value.encode())
    queries = ["zlib", "NOT (family:zlib OR version:\"1.2\")", "sample_id:>=7 num_blocks:<3", "pichash:0x1f AND function_name:?\"a b\"", "a OR b c", "timestamp:!=2021", "label:!?x"]
    for number, query in enumerate(queries):
        seed("search", str(number), query.encode())
    for width in [0, 7, 63, 65]:
        seed("signature", str(width), bytes([width, 3, 2]) + bytes(at // 9 % 3 for at in range(64 * 5 + 3)))


def answers():
    """Answers of threat-intelligence providers; the first byte says status and kind of hash, see src/provider.rs."""
    stats = {"malicious": 5, "suspicious": 1, "undetected": 60}
    attributes = {"last_analysis_stats": stats, "tags": ["peexe", "64bits"], "names": ["a.exe", None], "meaningful_name": "a.exe", "type_description": "Win32 EXE",
                  "popular_threat_classification": {"suggested_threat_label": "trojan.heodo/x", "popular_threat_name": [{"value": "heodo", "count": 3}]},
                  "first_submission_date": 1700000000, "last_submission_date": 1700003600, "md5": "00" * 16, "ssdeep": "3:a:b", "pe_info": {"imphash": "11" * 16}}
    overview = {"sha256": "7e" * 32, "verdict": "malicious", "vx_family": "Trojan.Heodo", "tags": ["x"], "threat_score": 85, "last_file_name": "a.exe", "other_file_name": [],
                "type": "PE32", "last_multi_scan": "2023-11-14T22:13:20+00:00"}
    bazaar = {"sha256_hash": "7e" * 32, "signature": "Heodo", "tags": None, "file_name": "a.exe", "file_type": "exe", "first_seen": "2023-11-14 22:13:20", "last_seen": None, "tlsh": "T1"}
    pulse = {"name": "Heodo \u2013 week 23", "created": "2023-11-14T22:13:20.000000", "modified": "2023-11-15T22:13:20", "tags": ["loader"], "attack_ids": [{"id": "T1055"}],
             "malware_families": [{"display_name": "Heodo"}]}
    general = {"pulse_info": {"count": 1, "pulses": [pulse], "related": {"other": {"malware_families": ["Heodo"]}}}, "base_indicator": {"description": "x"}, "false_positive": []}
    known = {"virustotal": [{"data": {"attributes": attributes}}, {"data": {"attributes": {"tags": "x", "last_analysis_stats": {"malicious": 0}}}}],
             "hybrid_analysis": [overview, [overview, {"verdict": "no specific threat"}]],
             "malware_bazaar": [{"query_status": "ok", "data": [bazaar]}, {"query_status": "hash_not_found"}, {"query_status": "ok", "data": [{"signature": ["a", "b"]}]}],
             "otx": [general, {"pulse_info": {"count": 0, "pulses": []}, "indicator": {"description": "x"}}]}
    for target, documents in known.items():
        for number, document in enumerate(documents):
            seed(target, str(number), b"\x10" + json.dumps(document, separators=(",", ":")).encode())
        seed(target, "none", b"\x05{}")
        seed(target, "nan", b"\x08[NaN]")


def executables():
    def both(name, data):
        seed("loader", name, data)
        seed("examine", name, data)

    for name, sizes in [("pe32", (0x10, 0x1000, 0x200, 0x200)), ("pe32_cut", (0x1000, 0x1000, 0x8000, 0x200))]:
        both(name, pe(*sizes))
    both("pe64_imports", pe64())
    for name, little, wide in [("elf64", True, True), ("elf32", True, False), ("elf32_big", False, False)]:
        both(name, elf(little, wide))
    both("macho", macho())
    both("macho_fat", struct.pack(">7I", 0xCAFEBABE, 1, 0x1000007, 3, 64, len(macho()), 0) + bytes(36) + macho())
    seed("loader", "dex", b"dex\n035\0" + bytes(24) + struct.pack("<3I", 112, 112, 0x12345678) + bytes(68))
    seed("loader", "delphi", b"IDR Knowledge Base File" + bytes(60))
    seed("loader", "go12", b"\xfb\xff\xff\xff\0\0\1\x08" + struct.pack("<5Q", 1, 0x401000, 40, 0x401010, 0) + struct.pack("<QI", 0x401000, 60) + b"main.main\0")
    seed("loader", "go118", b"\xf1\xff\xff\xff\0\0\1\x08" + struct.pack("<8Q", 1, 0, 0x401000, 72, 0, 0, 0, 88) + b"main.main\0".ljust(16, b"\0") + struct.pack("<4I", 16, 8, 16, 0))
    seed("loader", "code", b"\x55\x8b\xec\xe8\0\0\0\0\x5d\xc3" * 8)


def put(image, at, data):
    image[at:at + len(data)] = data


def pe(*section):
    image = bytearray(0x400)
    put(image, 0, b"MZ")
    put(image, 0x3C, struct.pack("<I", 0x40))
    put(image, 0x40, b"PE\0\0\x4c\x01\x01\0")
    put(image, 0x54, b"\xe0\0\x02\x01\x0b\x01")
    put(image, 0x68, struct.pack("<I", 0x1000))
    put(image, 0x74, struct.pack("<3I", 0x400000, 0x1000, 0x200))
    put(image, 0xB4, struct.pack("<I", 16))
    put(image, 0x138, b".text\0\0\0" + struct.pack("<4I", *section) + bytes(12) + struct.pack("<I", 0x60000020))
    put(image, 0x200, b"\x55\x8b\xec\xc3")
    return bytes(image)


def pe64():
    """One section with code, an import, an export and an exception record."""
    image = bytearray(0x400)
    put(image, 0, b"MZ")
    put(image, 0x3C, struct.pack("<I", 0x40))
    put(image, 0x40, b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 0xF0, 0x22))
    put(image, 0x58, struct.pack("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20B, 14, 0, 0x200, 0, 0, 0x1000, 0x1000, 0x180000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0x2000, 0x200, 0, 3,
                                 0, 1 << 20, 1 << 12, 1 << 20, 1 << 12, 0, 16))
    directories = {0: (0x1100, 0x60), 1: (0x1020, 40), 3: (0x1190, 12)}
    put(image, 0xC8, b"".join(struct.pack("<II", *directories.get(at, (0, 0))) for at in range(16)))
    put(image, 0x148, b".text\0\0\0" + struct.pack("<4I", 0x200, 0x1000, 0x200, 0x200) + bytes(12) + struct.pack("<I", 0x60000020))
    put(image, 0x200, b"\xff\x15\x4a\0\0\0\xc3")
    put(image, 0x220, struct.pack("<5I", 0x1050, 0, 0, 0x1080, 0x1050))
    put(image, 0x250, struct.pack("<QQ", 0x1090, 0))
    put(image, 0x280, b"kernel32.dll\0")
    put(image, 0x290, b"\0\0ExitProcess\0")
    put(image, 0x300, struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, 0x1150, 1, 1, 1, 0x1130, 0x1138, 0x1140))
    put(image, 0x330, struct.pack("<III", 0x1000, 0, 0x1158))
    put(image, 0x350, b"own.dll\0?f@@YAXXZ\0")
    put(image, 0x390, struct.pack("<III", 0x1000, 0x1007, 0x11A0))
    return bytes(image)


def elf(little, wide):
    """A loaded segment, a symbol table with two names, a note of neither."""
    order = "<" if little else ">"
    word = "Q" if wide else "I"
    header, row, section = (64, 56, 64) if wide else (52, 32, 40)
    machine = 62 if wide else 3 if little else 8
    names, strings = b"\0.text\0.symtab\0.strtab\0", b"\0main\0_ZN3foo3barEv\0"
    code_at = header + row
    code = b"\x55\x48\x89\xe5\xe8\0\0\0\0\xc3\0\0"
    symbol = (lambda name, value: struct.pack(order + "IBBHQQ", name, 0x12, 0, 1, value, 6)) if wide else (lambda name, value: struct.pack(order + "IIIBBH", name, value, 6, 0x12, 0, 1))
    symbols = bytes(24 if wide else 16) + symbol(1, 0x1000 + code_at) + symbol(6, 0x1004 + code_at)
    symbols_at = code_at + len(code)
    strings_at = symbols_at + len(symbols)
    names_at = strings_at + len(strings)
    table = names_at + len(names)
    total = table + 5 * section
    out = b"\x7fELF" + bytes([2 if wide else 1, 1 if little else 2, 1]) + bytes(9)
    out += struct.pack(order + "HHI" + word * 3 + "IHHHHHH", 2, machine, 1, 0x1000 + code_at, header, table, 0, header, row, 1, section, 5, 4)
    out += struct.pack(order + "IIQQQQQQ", 1, 5, 0, 0x1000, 0x1000, total, total, 0x1000) if wide else struct.pack(order + "8I", 1, 0, 0x1000, 0x1000, total, total, 5, 0x1000)
    out += code + symbols + strings + names
    for name, kind, at, size, link, entry in [(0, 0, 0, 0, 0, 0), (1, 1, code_at, len(code), 0, 0), (7, 2, symbols_at, len(symbols), 3, 24 if wide else 16),
                                              (15, 3, strings_at, len(strings), 0, 0), (0, 3, names_at, len(names), 0, 0)]:
        out += struct.pack(order + "II" + word * 4 + "II" + word * 2, name, kind, 6, 0x1000 + at, at, size, link, 0, 1, entry)
    return out


def macho():
    """One segment with a section of code, a symbol table, an entry point."""
    code, strings = b"\x55\x48\x89\xe5\xc3\0\0\0", b"\0_main\0\0"
    size = 152 + 24 + 24
    code_at = 32 + size
    section = b"__text".ljust(16, b"\0") + b"__TEXT".ljust(16, b"\0") + struct.pack("<QQ8I", 0x100000000 + code_at, len(code), code_at, 0, 0, 0, 0x80000400, 0, 0, 0)
    segment = struct.pack("<II16sQQQQ4I", 0x19, 152, b"__TEXT", 0x100000000, 0x1000, 0, 0x1000, 7, 5, 1, 0) + section
    symtab = struct.pack("<6I", 2, 24, code_at + 8, 1, code_at + 24, len(strings))
    entry = struct.pack("<IIQQ", 0x80000028, 24, code_at, 0)
    header = struct.pack("<8I", 0xFEEDFACF, 0x1000007, 3, 2, 3, size, 0, 0)
    return header + segment + symtab + entry + code + struct.pack("<IBBHQ", 1, 0xF, 1, 0, 0x100000000 + code_at) + strings


def codes():
    """Raw code; the last byte says the bitness, see src/recovery.rs."""
    frame = b"\x55\x8b\xec\x83\xec\x10\x85\xc0\x74\x02\x33\xc0\xc9\xc3"
    table = b"\x83\xf8\x03\x77\x07\xff\x24\x85\x10\0\xff\xff\xc3\xcc\xcc\xcc" + b"".join(struct.pack("<I", 0xFFFF0000 + at) for at in (12, 12, 32, 32)) + b"\x40\xc3"
    wide = b"\x48\x89\x5c\x24\x08\x57\x48\x83\xec\x20\x48\x8d\x05\x10\0\0\0\xff\xd0\xe8\x08\0\0\0\x48\x83\xc4\x20\x5f\xc3\xcc\xcc\x40\x53\x48\x83\xec\x20\x5b\xc3"
    seed("recovery", "frame", frame * 3 + b"\0")
    seed("recovery", "calls", b"\xe8\x0b\0\0\0\x68\x10\0\0\0\xc3" + b"\xcc" * 5 + frame + b"\xe9\xe0\xff\xff\xff\0")
    seed("recovery", "table", table + b"\0")
    seed("recovery", "wide", wide * 2 + b"\x0f\x05\xc3\1")
    seed("recovery", "overlap", b"\xeb\xff\xc0\x74\xfc\x0f\x84\xf8\xff\xff\xff\xff\xe0\1")


def archives():
    """Archives of several kinds and inside of each other."""
    def zipped(members, method):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, data in members:
                archive.writestr(zipfile.ZipInfo(name), data, method)
        return out.getvalue()

    def tarred(members):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, data in members:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        # Without the padding to 10 KiB.
        return out.getvalue()[:512 * (1 + 2 * len(members))]

    members = [("a.bin", b"MZ" + bytes(30)), ("../b", b"text" * 20)]
    stored, packed = zipped(members, zipfile.ZIP_STORED), zipped(members, zipfile.ZIP_DEFLATED)
    seed("unpack", "stored", stored)
    seed("unpack", "packed", packed)
    # Marked as encrypted, with twelve bytes of a header that fits no password.
    seed("unpack", "locked", stored.replace(b"PK\3\4\x14\0\0\0", b"PK\3\4\x14\0\1\0").replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"))
    seed("unpack", "nested", zipped([("inner.zip", packed)], zipfile.ZIP_STORED))
    # Found by fuzzing: a name of no length.
    seed("unpack", "unnamed", zipped([("", b"text")], zipfile.ZIP_STORED))
    seed("unpack", "gzip", gzip.compress(b"\x7fELF" + bytes(60), mtime=0))
    seed("unpack", "tar_gz", gzip.compress(tarred(members[:1]), mtime=0))


def texts():
    """Texts with indicators of all kinds."""
    seed("indicators", "network", b"hxxp://www[.]example[.]org/a?b=1 10.1.2.3:8080 mail admin@example.net or 2001:db8::1 ftp://user:pw@host.example.com")
    seed("indicators", "system", b"HKEY_LOCAL_MACHINE\\Software\\Run\0Global\\mutex-1\0C:\\Windows\\Temp\\a.exe\0/tmp/.x/y\0")
    seed("indicators", "wallets", b"1BoatSLRHtKNngkdXEeobR76b53LETtpyT bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4 0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BAe")
    seed("indicators", "wide", "http://example.com/\0kernel32.dll\0".encode("utf-16-le"))


for make in [escapers, documents, functions, values, answers, executables, codes, archives, texts]:
    make()
