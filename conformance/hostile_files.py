"""Small files that ask for much work: each a kind that once held a server up. Bytes are made here; nothing is stored.

`all_kinds()` gives (name, bytes). Sizes stay below 5 MB, except the dotted text of 8 MB.
"""
import gzip
import io
import struct
import zipfile


def pe_with_sections(count=65535, content=1 << 20):
    """A PE whose section headers all cover the same bytes."""
    optional = struct.pack("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20B, 14, 0, content, 0, 0, 0x1000, 0x1000, 0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0,
                           0x7FFFF000, 0x400, 0, 3, 0, 1 << 20, 1 << 12, 1 << 20, 1 << 12, 0, 16) + bytes(16 * 8)
    coff = struct.pack("<HHIIIHH", 0x8664, count, 0, 0, 0, len(optional), 0x22)
    head = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + coff + optional
    start = (len(head) + 40 * count + 0x1FF) & ~0x1FF
    rows = b"".join(struct.pack("<8sIIIIIIHHI", b".text", content, 0x1000, content, start, 0, 0, 0, 0, 0x60000020) for _ in range(count))
    body = bytes((at * 7919) & 0xFF for at in range(4096)) * (content // 4096)
    return (head + rows).ljust(start, b"\0") + body


def macho_with_binds(repeats=4_000_000):
    """A Mach-O whose bind opcodes repeat one import."""
    text = struct.pack("<16sQQQQiiII", b"__TEXT".ljust(16, b"\0"), 0x100000000, 1 << 28, 0, 8192, 7, 5, 0, 0)
    data = struct.pack("<16sQQQQiiII", b"__DATA".ljust(16, b"\0"), 0x110000000, 1 << 28, 4096, 4096, 7, 3, 0, 0)

    def uleb(value):
        out = bytearray()
        while True:
            byte = value & 0x7F
            value >>= 7
            out.append(byte | (0x80 if value else 0))
            if not value:
                return bytes(out)

    opcodes = b"\x11\x40_imported\0\x51\x71\0\xC0" + uleb(repeats) + uleb(0) + b"\0"
    commands = [struct.pack("<II", 0x19, 8 + len(text)) + text, struct.pack("<II", 0x19, 8 + len(data)) + data,
                struct.pack("<IIIIIIIIIIII", 0x80000022, 48, 0, 0, 4096, len(opcodes), 0, 0, 0, 0, 0, 0)]
    body = b"".join(commands)
    head = struct.pack("<IiiIIIII", 0xFEEDFACF, 0x01000007, 3, 2, len(commands), len(body), 0x85, 0)
    return ((head + body).ljust(4096, b"\0") + opcodes).ljust(8500, b"\0")


def elf_with_claims(claimed=64 << 20, size=68_000):
    """An ELF whose segment claims far more code than the file has."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400100, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, claimed, 0x1000)
    code = b"\x55\x48\x89\xe5\xe8\x10\x00\x00\x00\x5d\xc3\x90"
    return (head + segment).ljust(0x100, b"\0") + code * ((size - 0x100) // len(code))


def dotted_text(size=8 << 20):
    """Text in which every word could be a host name."""
    line = b"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.com-"
    return line * (size // len(line))


def nested_archives(depth=40):
    """ZIP in ZIP, each with three members."""
    content = b"MZ" + bytes(2000)
    for level in range(depth):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in range(3):
                archive.writestr("%d-%d.bin" % (level, name), content)
        content = out.getvalue()
        if len(content) > 2 << 20:
            break
    return content


def bomb(size=1 << 30):
    """A gzip of zeros."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
        for _ in range(size >> 20):
            packed.write(bytes(1 << 20))
    return out.getvalue()


def branches(size=2 << 20):
    """An ELF of nothing but conditional jumps, each over the next."""
    head = elf_with_claims(size, 0x110)[:0x100]
    head = head[:96] + struct.pack("<QQ", size + 0x100, size + 0x100) + head[112:]
    return head + b"\x74\x02" * (size // 2)


def all_kinds():
    return [("sections.exe", pe_with_sections()), ("binds.macho", macho_with_binds()), ("claims.elf", elf_with_claims()), ("dotted.txt", dotted_text()),
            ("nested.zip", nested_archives()), ("bomb.gz", bomb()), ("branches.elf", branches())]
