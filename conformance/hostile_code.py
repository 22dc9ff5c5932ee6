"""More files that ask for much work, made from nothing, beside hostile_files.py: sizes, counts and ranges that small bytes can state. Nothing here can run.

`KINDS` maps a name to a function of a number; files of different numbers differ, so that no stored answer serves them.
"""
import gzip
import io
import random
import struct
import tarfile
import zipfile


def pe(sections, body, entry=0x1000):
    """A 64-bit PE whose section headers are rows of (virtual size, address, size, offset)."""
    headers = 0x40 + 24 + 240 + 40 * len(sections)
    start = (headers + 0x1FF) & ~0x1FF
    out = bytearray(b"MZ" + bytes(58) + struct.pack("<I", 0x40))
    out += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 240, 0x22)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, len(body), 0, 0, entry, 0x1000)
    optional += struct.pack("<QIIHHHHHHIIIIHH", 0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 64 << 20, start, 0, 3, 0)
    optional += struct.pack("<QQQQII", 1 << 20, 4096, 1 << 20, 4096, 0, 16) + bytes(128)
    out += optional
    for at, (memory, address, size, offset) in enumerate(sections):
        out += (".s%d" % at).encode()[:8].ljust(8, b"\0") + struct.pack("<IIIIIIHHI", memory, address, size, start + offset, 0, 0, 0, 0, 0x60000020)
    out += bytes(start - len(out)) + body
    return bytes(out)


def section_headers(number):
    """65,535 section headers over the same megabyte."""
    body = random.Random(number).randbytes(1 << 20)
    return pe([(0x1000, 0x1000, len(body), 0)] * 65535, body)


def overlapping_code(number):
    """4,000 sections of code, each one byte further into the same bytes."""
    body = random.Random(number).randbytes(256 << 10)
    return pe([(0x4000, 0x1000 * (at + 1), 0x4000, at) for at in range(4000)], body)


def macho(number, opcodes, memory):
    """A 64-bit Mach-O of 8.5 kB with one segment, bound by these opcodes."""
    out = bytearray(8500)
    struct.pack_into("<7I", out, 0, 0xFEEDFACF, 0x01000007, 3, 2, 2, 72 + 48, 0)
    struct.pack_into("<II16sQQQQIIII", out, 32, 0x19, 72, b"__TEXT", 0x100000000, memory, 0, 8500, 7, 3, 0, 0)
    struct.pack_into("<12I", out, 104, 0x80000022, 48, 0, 0, 0x400, len(opcodes), 0, 0, 0, 0, 0, 0)
    out[0x400:0x400 + len(opcodes)] = opcodes
    struct.pack_into("<Q", out, 8400, number)
    return bytes(out)


def repeated_binds(number):
    """4,000,000 binds by one opcode."""
    return macho(number, b"\x11\x40_f\0\x70\x80\x20\xc0\x80\x92\xf4\x01\0\0", 64 << 20)


def elf(number, size, memory, body):
    out = bytearray(body.ljust(size, b"\x90"))
    out[:0x200] = bytes(0x200)
    out[0:7] = b"\x7fELF\x02\x01\x01"
    struct.pack_into("<HHIQQQIHHHHHH", out, 16, 2, 62, 1, 0x400400, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    struct.pack_into("<IIQQQQQQ", out, 64, 1, 5, 0, 0x400000, 0, size, memory, 0x1000)
    struct.pack_into("<Q", out, 0x180, number)
    return bytes(out)


def claimed_code(number):
    """68 kB that claim 99 MiB of code."""
    return elf(number, 68000, 99 << 20, b"")


def calls(number):
    """1 MiB of calls into one another."""
    chance = random.Random(number)
    size = 1 << 20
    body = bytearray(0x400)
    while len(body) < size:
        body += b"\x55\xe8" + struct.pack("<i", chance.randrange(0x400, size) - len(body) - 6) + b"\xc3"
    return elf(number, size, size, bytes(body[:size]))


def jumps(number):
    """256 KiB of conditional jumps to anywhere."""
    chance = random.Random(number)
    size = 256 << 10
    body = bytearray(0x400)
    while len(body) < size:
        body += b"\x0f\x84" + struct.pack("<i", chance.randrange(0x400, size) - len(body) - 6)
    return elf(number, size, size, bytes(body[:size]))


def dotted_text(number):
    """41 MB of text full of dots."""
    chance = random.Random(number)
    part = "".join(chance.choice("abcdefgh0123456789.-@:/") + "." * chance.randrange(2) for _ in range(40000)).encode()
    return b"%d " % number + part * ((41 << 20) // len(part))


def deep_archive(number):
    """Archives in archives, sixteen deep, each beside forty members."""
    chance = random.Random(number)
    inner = b"%d" % number
    for level in range(16):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inner.zip", inner)
            for at in range(40):
                archive.writestr("%d.bin" % at, bytes([at]) * 100000 + chance.randbytes(16))
        inner = out.getvalue()
    return inner


def bomb(number):
    """A tar of zeros, compressed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for at in range(8):
            entry = tarfile.TarInfo("%d-%d.bin" % (number, at))
            entry.size = 16 << 20
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return gzip.compress(out.getvalue(), 6, mtime=0)


KINDS = {each.__name__: each for each in (
    section_headers, repeated_binds, claimed_code, dotted_text, deep_archive, overlapping_code, calls, jumps, bomb)}
