"""Facts of executables against pefile (PE) and lief (ELF, Mach-O): files of wheels for several systems, fetched by pip.

    compare_facts.py --malkin MALKIN --folder FOLDER [--golden FOLDER]

The golden binaries of ../shared/disasm are compared as well, but for those made to be damaged. FOLDER keeps the wheels. `malkin triage` looks at every executable of at least one page in them; each fact that both sides
tell is compared, sections with their entropy and hashes. Nothing of the wheels is run. Prints a line for each difference and a
last line `N passed, N failed`, by file.
"""

import argparse
import gzip
import hashlib
import json
import math
import pathlib
import re
import subprocess
import sys
import zipfile

import lief
import pefile

# Small packages with native code; several systems of each.
PLATFORMS = [
    "win32",
    "win_amd64",
    "macosx_10_9_universal2",
    "macosx_11_0_arm64",
    "macosx_10_9_x86_64",
    "manylinux2014_x86_64",
    "manylinux2014_aarch64",
    "manylinux2014_i686",
    "musllinux_1_2_x86_64",
]
NATIVE = ["markupsafe==3.0.2", "cffi==1.17.1"]
# Of these only systems that they have; their launchers are PE with and without resources.
OTHERS = [
    ("win_amd64", "psutil==7.0.0"),
    ("win32", "psutil==7.0.0"),
    ("macosx_11_0_arm64", "psutil==7.0.0"),
    ("any", "setuptools==80.9.0"),
    ("any", "pip==25.1.1"),
    ("win_amd64", "pyinstaller==6.14.0"),
]
# Fewer files than this are no comparison.
MIN_FILES = 30

ENDINGS = (".exe", ".pyd", ".dll", ".so")


def fetch(folder):
    """Downloads what is missing; a package that has nothing for a system is passed over."""
    wanted = [(platform, package) for platform in PLATFORMS for package in NATIVE] + OTHERS
    for platform, package in wanted:
        place = folder / platform / package.replace("==", "-")
        if place.exists():
            continue
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", str(place)]
        if platform != "any":
            command += ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--abi", "abi3", "--abi", "none"]
            command += ["--platform", platform]
        command.append(package)
        # pip's own words name package indexes of the machine, which have no place in a log.
        subprocess.run(command, capture_output=True)


# Files without sound headers, cut off, or mapped: there is nothing that the other side could be right about.
DAMAGED = ("hdr_mz", "hdr_optsize", "trunc_", "dump_", "raw_", "not_a_binary", "settings_classes")


def executables(folder, golden):
    """Every different executable in the wheels: pairs of name and bytes."""
    seen = set()
    for path in sorted(golden.glob("*.bin.gz")) if golden else []:
        if not path.name.startswith(DAMAGED):
            content = gzip.decompress(path.read_bytes())
            seen.add(hashlib.sha256(content).hexdigest())
            yield path.name.removesuffix(".bin.gz"), content
    for wheel in sorted(folder.glob("*/*/*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                if not entry.filename.endswith(ENDINGS) or entry.file_size < 4096:
                    continue
                content = archive.read(entry)
                digest = hashlib.sha256(content).hexdigest()
                if digest not in seen:
                    seen.add(digest)
                    yield f"{wheel.parent.parent.name}/{pathlib.PurePath(entry.filename).name}", content


def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def entropy(content):
    """Shannon entropy in bits, of the bytes as they are."""
    if not content:
        return 0.0
    counts = [0] * 256
    for byte in content:
        counts[byte] += 1
    return -sum(n / len(content) * math.log2(n / len(content)) for n in counts if n)


def of_pe(content):
    """What pefile tells, in the words of our record."""
    pe = pefile.PE(data=content)
    head, optional = pe.FILE_HEADER, pe.OPTIONAL_HEADER
    libraries = {}
    for kind in ["DIRECTORY_ENTRY_IMPORT", "DIRECTORY_ENTRY_DELAY_IMPORT"]:
        for library in getattr(pe, kind, []):
            names = [text(one.name) if one.name else f"#{one.ordinal}" for one in library.imports]
            libraries.setdefault(text(library.dll).lower(), []).extend(names)
    facts = {
        "machine": head.Machine,
        "is_dll": pe.is_dll(),
        "bits": 64 if optional.Magic == 0x20B else 32,
        "subsystem": optional.Subsystem,
        "timestamp": head.TimeDateStamp,
        "checksum": optional.CheckSum,
        "entry_point": optional.AddressOfEntryPoint,
        "image_base": optional.ImageBase,
        "dll_characteristics": optional.DllCharacteristics,
        "linker_version": f"{optional.MajorLinkerVersion}.{optional.MinorLinkerVersion}",
        "imphash": pe.get_imphash() or None,
        "rich_hash": pe.get_rich_header_hash() or None,
        "libraries": {name: sorted(functions) for name, functions in libraries.items()},
        "signature_size": optional.DATA_DIRECTORY[4].Size,
        "is_dotnet": optional.DATA_DIRECTORY[14].VirtualAddress != 0,
        "sections": [
            {
                "name": text(section.Name.rstrip(b"\0")),
                "address": section.VirtualAddress,
                "virtual_size": section.Misc_VirtualSize,
                "offset": section.PointerToRawData,
                "size": len(section.get_data()),
                "flags": flags(section.Characteristics),
                "entropy": section.get_entropy(),
                "md5": section.get_hash_md5(),
                "sha256": section.get_hash_sha256(),
            }
            for section in pe.sections
        ],
    }
    exports = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)
    facts["exports"] = sorted(text(one.name) for one in exports.symbols if one.name) if exports else []
    facts["export_name"] = text(exports.name) if exports and exports.name else None
    version = {}
    for group in getattr(pe, "FileInfo", []):
        for entry in group:
            for table in getattr(entry, "StringTable", []):
                version.update({text(key): text(value) for key, value in table.entries.items()})
    facts["version_info"] = version
    paths = []
    for entry in getattr(pe, "DIRECTORY_ENTRY_DEBUG", []):
        if entry.entry is not None and hasattr(entry.entry, "PdbFileName"):
            paths.append(text(entry.entry.PdbFileName.rstrip(b"\0")))
    facts["debug_paths"] = paths
    facts["resources"] = sorted(resources(pe))
    callbacks = []
    if hasattr(pe, "DIRECTORY_ENTRY_TLS"):
        width = 8 if facts["bits"] == 64 else 4
        at = pe.DIRECTORY_ENTRY_TLS.struct.AddressOfCallBacks - optional.ImageBase
        while at > 0 and (place := int.from_bytes(pe.get_data(at, width), "little")):
            callbacks.append(place)
            at += width
    facts["tls_callbacks"] = callbacks
    overlay = pe.get_overlay_data_start_offset()
    # pefile takes a signature behind the sections for an overlay; we tell it as what it is.
    if overlay is not None and overlay == optional.DATA_DIRECTORY[4].VirtualAddress:
        overlay = None
    facts["overlay"] = None if overlay is None else {"offset": overlay, "size": len(content) - overlay}
    facts["signature"] = signature(content)
    return facts


def signature(content):
    """Signer, certificates and digest by lief: pefile tells the size alone."""
    pe = lief.PE.parse(list(content))
    if not pe.signatures:
        return None
    first = pe.signatures[0]
    signer = first.signers[0]
    info = first.content_info
    fits = bytes(pe.authentihash(first.digest_algorithm)) == bytes(info.digest)
    return {
        "signer": bytes(signer.serial_number).hex().lstrip("0"),
        "certificates": [bytes(one.serial_number).hex().lstrip("0") for one in first.certificates],
        "valid": [["%04d-%02d-%02dT%02d:%02d:%02dZ" % tuple(time) for time in (one.valid_from, one.valid_to)] for one in first.certificates],
        "common_names": [re.search(r"CN=((?:\\.|[^,])*)", one.subject).group(1).replace("\\", "") for one in first.certificates],
        "file_digest": "fits" if fits else "differs",
    }


def flags(characteristics):
    told = [("r", 0x4000_0000), ("w", 0x8000_0000), ("x", 0x2000_0000)]
    return "".join(letter for letter, bit in told if characteristics & bit)


def resources(pe):
    """Pairs of size and entropy: names of kinds are told differently."""
    root = getattr(pe, "DIRECTORY_ENTRY_RESOURCE", None)
    for kind in root.entries if root else []:
        for name in kind.directory.entries:
            for language in name.directory.entries:
                place = language.data.struct
                yield [place.Size, round(entropy(pe.get_data(place.OffsetToData, place.Size)), 2)]


def of_elf(content):
    """What lief tells, in the words of our record."""
    elf = lief.ELF.parse(list(content))
    is_64 = elf.header.identity_class == lief.ELF.Header.CLASS.ELF64
    undefined = [one for one in elf.dynamic_symbols if one.shndx == 0 and one.name]
    facts = {
        "bits": 64 if is_64 else 32,
        "entry_point": elf.header.entrypoint,
        "libraries": sorted(str(name) for name in elf.libraries),
        "functions": sorted({one.name for one in undefined}),
        "exports": sorted({one.name for one in elf.dynamic_symbols if is_export(one)}),
        "sections": [
            section(one.name, one.virtual_address, one.offset, one.size, bytes(one.content))
            for one in elf.sections
            if one.size and one.type != lief.ELF.Section.TYPE.NOBITS
        ],
    }
    for note in elf.notes:
        if note.type == lief.ELF.Note.TYPE.GNU_BUILD_ID:
            facts["build_id"] = bytes(note.description).hex()
    return facts


def is_export(symbol):
    local = symbol.binding == lief.ELF.Symbol.BINDING.LOCAL
    return bool(symbol.name) and symbol.shndx != 0 and not local


def of_macho(content):
    """The slice that we tell of: the first for Intel, else the first."""
    # Kept until the end: slices do not keep their file alive.
    fat = lief.MachO.parse(list(content))
    slices = [fat.at(number) for number in range(fat.size)]
    intel = [one for one in slices if "X86" in str(one.header.cpu_type)]
    macho = (intel or slices)[0]
    facts = {
        "bits": 64,
        "libraries": sorted(one.name for one in macho.libraries if one.command != lief.MachO.LoadCommand.TYPE.ID_DYLIB),
        # lief's own list holds common symbols that the file defines: a type without section, external and no debugging entry.
        "functions": sorted({one.name for one in macho.symbols if one.raw_type & 0xEF == 1}),
        "exports": sorted({one.name for one in macho.exported_symbols}),
        "sections": [
            {**section(one.name, one.virtual_address, one.offset, one.size, bytes(one.content)), "flags": rights(one.segment)}
            for one in macho.sections
            if one.offset and one.size and "ZEROFILL" not in str(one.type)
        ],
    }
    return facts


def rights(segment):
    return "".join(letter for letter, bit in [("r", 1), ("w", 2), ("x", 4)] if int(segment.init_protection) & bit)


def section(name, address, offset, size, content):
    return {
        "name": str(name),
        "address": address,
        "offset": offset,
        "size": size,
        "entropy": entropy(content),
        "md5": hashlib.md5(content).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def ours(facts):
    """Our record in comparable form."""
    told = dict(facts.get("pe") or facts.get("native") or {})
    if "pe" in facts:
        libraries = {}
        for library in told.get("libraries", []):
            libraries.setdefault(library["name"].lower(), []).extend(library["functions"])
        told["libraries"] = {name: sorted(functions) for name, functions in libraries.items()}
        told["resources"] = sorted([one["size"], round(one["entropy"], 2)] for one in told.get("resources", []))
        signed = told.get("signature")
        told["signature"] = signed and {
            "signer": signed["signer"]["serial"].lstrip("0"),
            "certificates": [one["serial"].lstrip("0") for one in signed["certificates"]],
            "valid": [[one["not_before"], one["not_after"]] for one in signed["certificates"]],
            "common_names": [one["name"] for one in signed["certificates"]],
            "file_digest": signed["file_digest"],
        }
        if told.get("overlay"):
            told["overlay"] = {key: told["overlay"][key] for key in ["offset", "size"]}
    else:
        libraries = told.get("libraries", [])
        told["functions"] = sorted({name for library in libraries for name in library["functions"]})
        told["libraries"] = sorted(library["name"] for library in libraries if library["name"])
        # What takes no room in the file has no content to compare.
        told["sections"] = [one for one in told.get("sections", []) if one["size"]]
    told["exports"] = sorted(told.get("exports", []))
    return told


def differences(theirs, ours):
    for field, value in theirs.items():
        own = ours.get(field)
        if field == "sections":
            yield from differences_of_sections(value, own or [])
        elif own != value:
            yield f"{field}: {shown(own, value)} instead of {shown(value, own)}"


def shown(value, other):
    """Of long lists only what the other one does not have."""
    if isinstance(value, list) and isinstance(other, list) and len(value) > 3:
        return f"[... {[one for one in value if one not in other][:5]}]"
    return json.dumps(value)[:200]


def differences_of_sections(theirs, own):
    names = [one["name"] for one in own]
    if names != [one["name"] for one in theirs]:
        yield f"sections: {names} instead of {[one['name'] for one in theirs]}"
        return
    for one, mine in zip(theirs, own):
        for field, value in one.items():
            # Ours is rounded to two digits.
            same = abs(mine[field] - value) <= 0.0051 if field == "entropy" else mine[field] == value
            if not same:
                yield f"section {one['name']}: {field} {mine[field]} instead of {value}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--malkin", required=True)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    arguments = parser.parse_args()
    fetch(arguments.folder)
    lief.logging.disable()
    passed, failed, kinds = 0, 0, {}
    scratch = arguments.folder / "file"
    for name, content in executables(arguments.folder, arguments.golden):
        scratch.write_bytes(content)
        command = [arguments.malkin, "triage", "--no-similarity", "--data", str(arguments.folder / "none")]
        answer = subprocess.run([*command, "--format", "json", str(scratch)], capture_output=True, text=True)
        found = ["malkin failed: " + answer.stderr.strip()]
        if answer.returncode == 0:
            facts = json.loads(answer.stdout)["facts"]
            kinds[facts["kind"]] = kinds.get(facts["kind"], 0) + 1
            theirs = {"pe": of_pe, "elf": of_elf, "macho": of_macho}.get(facts["kind"])
            found = ["told as " + facts["kind"]] if theirs is None else list(differences(theirs(content), ours(facts)))
        for difference in found:
            print(f"{name}: {difference}")
        passed, failed = passed + (not found), failed + bool(found)
    print("files by kind:", ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
    if passed + failed < MIN_FILES:
        print(f"only {passed + failed} files could be fetched")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
