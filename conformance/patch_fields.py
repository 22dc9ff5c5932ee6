"""Damages executables field by field: which fields a PE, an ELF or a Mach-O has, and files in which one to three of them hold another value.

A field is (name, offset, size, big endian). Only headers and tables are listed, never code: what differs in a report comes from how the file is
read. Deterministic for a seed.
"""
import struct


def u(data, offset, size, big=False):
    return int.from_bytes(data[offset:offset + size], "big" if big else "little")


class Fields:
    """Collects the fields of one file; those that leave it are dropped."""

    def __init__(self, data, big=False):
        self.data, self.big, self.found = data, big, []

    def add(self, name, offset, size):
        if 0 <= offset and offset + size <= len(self.data):
            self.found.append((name, offset, size, self.big))

    def value(self, offset, size):
        return u(self.data, offset, size, self.big)

    def row(self, name, offset, layout):
        """`layout` is "field:size ..."; a size with a minus is passed over."""
        for part in layout.split():
            field, size = part.split(":")
            if not size.startswith("-"):
                self.add(name + "." + field, offset, int(size))
            offset += abs(int(size))
        return offset


def pe_fields(data):
    fields = Fields(data)
    at = u(data, 0x3C, 4)
    fields.add("dos.e_lfanew", 0x3C, 4)
    fields.row("coff", at + 4, "Machine:2 NumberOfSections:2 TimeDateStamp:4 PointerToSymbolTable:4 NumberOfSymbols:4 SizeOfOptionalHeader:2 Characteristics:2")
    optional = at + 24
    wide = u(data, optional, 2) == 0x20B
    layout = "Magic:2 LinkerVersion:2 SizeOfCode:4 SizeOfData:4 SizeOfBss:4 AddressOfEntryPoint:4 BaseOfCode:4 "
    layout += "ImageBase:8 " if wide else "BaseOfData:4 ImageBase:4 "
    layout += "SectionAlignment:4 FileAlignment:4 Versions:-12 Win32Version:4 SizeOfImage:4 SizeOfHeaders:4 CheckSum:4 Subsystem:2 DllCharacteristics:2 "
    layout += "StackReserve:8 StackCommit:8 HeapReserve:8 HeapCommit:8 " if wide else "StackReserve:4 StackCommit:4 HeapReserve:4 HeapCommit:4 "
    fields.row("optional", optional, layout + "LoaderFlags:4 NumberOfRvaAndSizes:4")
    directories = optional + (112 if wide else 96)
    names = "Export Import Resource Exception Certificate BaseRelocation Debug Architecture GlobalPtr Tls LoadConfig BoundImport Iat DelayImport Clr Reserved".split()
    for index, name in enumerate(names):
        fields.row("directory." + name, directories + 8 * index, "VirtualAddress:4 Size:4")
    table = optional + u(data, at + 20, 2)
    sections = []
    for index in range(min(u(data, at + 6, 2), 24)):
        row = table + 40 * index
        fields.row("section%d" % index, row, "Name:8 VirtualSize:4 VirtualAddress:4 SizeOfRawData:4 PointerToRawData:4 PointerToRelocations:4 PointerToLinenumbers:4 Counts:4 Characteristics:4")
        sections.append(struct.unpack_from("<IIII", data, row + 8))

    def offset(rva):
        for virtual_size, address, raw_size, raw in sections:
            if address <= rva < address + max(virtual_size, raw_size):
                return rva - address + raw
        return len(data)

    exports = u(data, directories, 4)
    if exports:
        row = offset(exports)
        fields.row("exports", row, "Characteristics:4 TimeDateStamp:4 Version:4 Name:4 Base:4 NumberOfFunctions:4 NumberOfNames:4 AddressOfFunctions:4 AddressOfNames:4 AddressOfNameOrdinals:4")
        for index in range(4):
            fields.add("exports.function%d" % index, offset(u(data, row + 28, 4)) + 4 * index, 4)
            fields.add("exports.name%d" % index, offset(u(data, row + 32, 4)) + 4 * index, 4)
            fields.add("exports.ordinal%d" % index, offset(u(data, row + 36, 4)) + 2 * index, 2)
    imports = u(data, directories + 8, 4)
    size = 8 if wide else 4
    for index in range(4):
        row = offset(imports) + 20 * index
        if not imports or row + 20 > len(data):
            break
        fields.row("import%d" % index, row, "OriginalFirstThunk:4 TimeDateStamp:4 ForwarderChain:4 Name:4 FirstThunk:4")
        fields.add("import%d.library" % index, offset(u(data, row + 12, 4)), 4)
        for number in (0, 1, 2, 5, 9):
            for kind, place in (("lookup", u(data, row, 4)), ("address", u(data, row + 16, 4))):
                fields.add("import%d.%s%d" % (index, kind, number), offset(place) + size * number, size)
            fields.add("import%d.name%d" % (index, number), offset(u(data, offset(u(data, row, 4)) + size * number, 4) + 2), 4)
    delayed = u(data, directories + 8 * 13, 4)
    for index in range(2):
        row = offset(delayed) + 32 * index
        if not delayed or row + 32 > len(data):
            break
        fields.row("delay%d" % index, row, "Attributes:4 Name:4 Module:4 Iat:4 NameTable:4 BoundIat:4 UnloadIat:4 TimeDateStamp:4")
        for number in range(3):
            fields.add("delay%d.name%d" % (index, number), offset(u(data, row + 16, 4)) + size * number, size)
    symbols, count = u(data, at + 12, 4), u(data, at + 16, 4)
    for index in sorted({0, 1, 2, 7, count // 2, count - 1}):
        if symbols and 0 <= index < count:
            fields.row("symbol%d" % index, symbols + 18 * index, "Zeroes:4 Offset:4 Value:4 SectionNumber:2 Type:2 StorageClass:1 NumberOfAuxSymbols:1")
    if symbols:
        fields.add("symbols.strings", symbols + 18 * count, 4)
    return fields.found


def elf_fields(data):
    big, wide = data[5] == 2, data[4] == 2
    fields = Fields(data, big)
    for offset, name in ((4, "EI_CLASS"), (5, "EI_DATA"), (6, "EI_VERSION"), (7, "EI_OSABI"), (8, "EI_ABIVERSION")):
        fields.add("ident." + name, offset, 1)
    word = 8 if wide else 4
    header = "e_type:2 e_machine:2 e_version:4 e_entry:%d e_phoff:%d e_shoff:%d e_flags:4 e_ehsize:2 e_phentsize:2 e_phnum:2 e_shentsize:2 e_shnum:2 e_shstrndx:2" % (word, word, word)
    fields.row("header", 16, header)
    phoff, shoff = fields.value(16 + 8 + word, word), fields.value(16 + 8 + 2 * word, word)
    counts = 16 + 8 + 3 * word + 4
    phnum, shnum = fields.value(counts + 4, 2), fields.value(counts + 8, 2)
    program = "p_type:4 p_flags:4 p_offset:8 p_vaddr:8 p_paddr:8 p_filesz:8 p_memsz:8 p_align:8" if wide else "p_type:4 p_offset:4 p_vaddr:4 p_paddr:4 p_filesz:4 p_memsz:4 p_flags:4 p_align:4"
    section = "sh_name:4 sh_type:4 sh_flags:%d sh_addr:%d sh_offset:%d sh_size:%d sh_link:4 sh_info:4 sh_addralign:%d sh_entsize:%d" % ((word,) * 6)
    dynamic = None
    for index in range(min(phnum, 14)):
        row = phoff + (56 if wide else 32) * index
        fields.row("segment%d" % index, row, program)
        if fields.value(row, 4) == 2:
            dynamic = (fields.value(row + (8 if wide else 4), word), fields.value(row + (32 if wide else 16), word))
    if dynamic:
        for index in range(min(dynamic[1] // (2 * word), 40)):
            fields.row("dynamic%d" % index, dynamic[0] + 2 * word * index, "d_tag:%d d_val:%d" % (word, word))
    tables = []
    for index in range(min(shnum, 40)):
        row = shoff + (64 if wide else 40) * index
        fields.row("section%d" % index, row, section)
        if row + 40 <= len(data):
            tables.append((fields.value(row + 4, 4), fields.value(row + 8 + 2 * word, word), fields.value(row + 8 + 3 * word, word)))
    symbol = "st_name:4 st_info:1 st_other:1 st_shndx:2 st_value:8 st_size:8" if wide else "st_name:4 st_value:4 st_size:4 st_info:1 st_other:1 st_shndx:2"
    for kind, offset, size in tables:
        if kind in (2, 11):
            width = 24 if wide else 16
            for index in {1, 2, 3, 5, size // width // 2, size // width - 1}:
                fields.row("symbols%d.%d" % (kind, index), offset + width * index, symbol)
        elif kind in (4, 9):
            width = (3 if kind == 4 else 2) * word
            for index in {0, 1, 2, size // width - 1}:
                fields.row("relocations%x.%d" % (offset, index), offset + width * index, "r_offset:%d r_info:%d" % (word, word))
        elif kind in (0x6FFFFFF6, 5):
            for index in range(5):
                fields.add("hash%x.%d" % (kind, index), offset + 4 * index, 4)
        elif kind in (0x6FFFFFFD, 0x6FFFFFFE):
            for index in range(10):
                fields.add("versions%x.%d" % (kind, index), offset + 2 * index, 2)
        elif kind == 0x6FFFFFFF:
            for index in range(1, 5):
                fields.add("versions.%d" % index, offset + 2 * index, 2)
    return fields.found


COMMANDS = {
    0x2: "symoff:4 nsyms:4 stroff:4 strsize:4",
    0xB: "ilocalsym:4 nlocalsym:4 iextdefsym:4 nextdefsym:4 iundefsym:4 nundefsym:4 tocoff:4 ntoc:4 modtaboff:4 nmodtab:4 extrefsymoff:4 nextrefsyms:4 indirectsymoff:4 nindirectsyms:4 extreloff:4 nextrel:4 locreloff:4 nlocrel:4",
    0x22: "rebase_off:4 rebase_size:4 bind_off:4 bind_size:4 weak_bind_off:4 weak_bind_size:4 lazy_bind_off:4 lazy_bind_size:4 export_off:4 export_size:4",
    0x33: "dataoff:4 datasize:4",
    0x34: "dataoff:4 datasize:4",
    0x26: "dataoff:4 datasize:4",
    0x28: "entryoff:8 stacksize:8",
    0xC: "name:4 timestamp:4 current:4 compatibility:4",
    0xD: "name:4 timestamp:4 current:4 compatibility:4",
    0x5: "flavor:4 count:4",
}


def macho_fields(data):
    big, wide = data[:2] == b"\xfe\xed", data[:4] in (b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf")
    fields = Fields(data, big)
    fields.row("header", 0, "magic:4 cputype:4 cpusubtype:4 filetype:4 ncmds:4 sizeofcmds:4 flags:4")
    at, word = (32 if wide else 28), (8 if wide else 4)
    for index in range(min(fields.value(16, 4), 40)):
        kind, size = fields.value(at, 4) & 0x7FFFFFFF, fields.value(at + 4, 4)
        name = "command%d" % index
        fields.row(name, at, "cmd:4 cmdsize:4")
        if kind in (1, 0x19):
            end = fields.row(name, at + 8, "segname:8 segname2:-8 vmaddr:%d vmsize:%d fileoff:%d filesize:%d maxprot:4 initprot:4 nsects:4 flags:4" % ((word,) * 4))
            for number in range(min(fields.value(end - 8, 4), 12)):
                end = fields.row("%s.section%d" % (name, number), end, "sectname:8 sectname2:-8 segname:8 segname2:-8 addr:%d size:%d offset:4 align:4 reloff:4 nreloc:4 flags:4 reserved1:4 reserved2:4" % (word, word) + (" reserved3:4" if wide else ""))
        else:
            fields.row(name, at + 8, COMMANDS.get(kind, ""))
        if kind == 2:
            symbols, count = fields.value(at + 8, 4), fields.value(at + 12, 4)
            for number in {0, 1, 2, count // 2, count - 1, count - 2}:
                if 0 <= number < count:
                    fields.row("symbol%d" % number, symbols + (12 if not wide else 16) * number, "n_strx:4 n_type:1 n_sect:1 n_desc:2 n_value:%d" % word)
        elif kind == 0xB:
            for number in range(8):
                fields.add("indirect%d" % number, fields.value(at + 56, 4) + 4 * number, 4)
        elif kind == 0x22:
            for which, place in (("bind", 16), ("lazy", 32), ("export", 40)):
                offset, length = fields.value(at + place, 4), fields.value(at + place + 4, 4)
                for number in range(min(length, 12)):
                    fields.add("%s.opcode%d" % (which, number), offset + number, 1)
        elif kind in (0x33, 0x34):
            offset, length = fields.value(at + 8, 4), fields.value(at + 12, 4)
            for number in range(min(length // 4, 20)):
                fields.add("%x.word%d" % (kind, number), offset + 4 * number, 4)
        if size < 8:
            break
        at += size
    return fields.found


def fields_of(data):
    """Fields of a file, none when it is no executable."""
    if data[:2] == b"MZ":
        return pe_fields(data)
    if data[:4] == b"\x7fELF":
        return elf_fields(data)
    if data[:4] in (b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf"):
        return macho_fields(data)
    return []


def other_value(value, size, length, fields, data, random):
    """A value that differs: near the old one, a power of two, a limit, the value of another field, noise."""
    mask = (1 << (8 * size)) - 1
    choices = [
        0, 1, 2, 3, mask, mask >> 1, (mask >> 1) + 1, value + 1, value - 1, value * 2, value // 2, value + 0x10, value - 0x10, value + 0x1000, value - 0x1000,
        value ^ (1 << random.randrange(8 * size)), 0x10, 0x40, 0x200, 0x1000, 0x10000, length, length - 1, length + 0x1000, random.randrange(length),
        random.randrange(256), random.getrandbits(8 * size),
    ]
    name, offset, width, big = random.choice(fields)
    choices += [u(data, offset, width, big)] * 3
    found = random.choice(choices) & mask
    return found if found != value else (value ^ 1)


def patched(data, random):
    """A damaged copy and what was changed in it."""
    fields = fields_of(data)
    groups = {}
    for field in fields:
        groups.setdefault(field[0].rstrip("0123456789").split(".")[0].rstrip("0123456789"), []).append(field)
    changed, words = bytearray(data), []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        # A table with many rows does not come before a header with few fields.
        group = groups[random.choice(sorted(groups))] if random.random() < 0.5 else fields
        name, offset, size, big = random.choice(group)
        old = u(changed, offset, size, big)
        new = other_value(old, size, len(data), fields, data, random)
        changed[offset:offset + size] = new.to_bytes(size, "big" if big else "little")
        words.append("%s 0x%x to 0x%x" % (name, old, new))
    return bytes(changed), "; ".join(words)
