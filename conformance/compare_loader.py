"""Compares what the loader says about files with what SMDA 5.0.1 says, field by field, mapped bytes included (as SHA-256).

Usage: python compare_loader.py FACTS FILE[@BASE[@BITNESS]]...   FACTS: the built example `facts` of malkin-loader.
SHOW=n prints n differing rows of each table. Run by hand; no test needs it.
"""
import sys, json, subprocess, hashlib, os, contextlib, io, pickle
import lief; lief.logging.disable()
import logging; logging.disable(logging.CRITICAL)
from smda.Disassembler import Disassembler, declaredArchitecture
from smda.SmdaConfig import SmdaConfig
from smda.common.BinaryInfo import BinaryInfo
from smda.DisassemblyResult import DisassemblyResult
from smda.utility.FileLoader import FileLoader
from smda.utility.DexFileLoader import DexFileLoader
from smda.utility.ElfFileLoader import ElfFileLoader
from smda.utility.MachoBinary import get_macho_stub_ranges
from smda.aarch64.definitions import looksLikeAArch64
from smda.arm.definitions import looksLikeArm
from smda.common.instruction_set_probe import detectUnsupportedInstructionSet
from smda.common.LanguageAnalyzer import LanguageAnalyzer
from smda.intel.IntelDisassembler import IntelDisassembler
from smda.intel.FunctionCandidateManager import FunctionCandidateManager
cfg = SmdaConfig(); cfg.TIMEOUT = 0
def facts(data, base, bits):
    D = Disassembler(cfg)
    if base is None:
        l = FileLoader("x", map_file=True, buffer=data)
        bi = D._populateBinaryInfo(l, "x")
    else:
        arch = ""
        dec = declaredArchitecture(data)
        if DexFileLoader.isCompatible(data): arch = "dalvik"
        elif dec:
            arch = dec
            if bits is None and arch == "aarch64": bits = 64
            elif bits is None and arch == "arm": bits = 32
        elif looksLikeAArch64(data): arch = "aarch64"; bits = bits or 64
        elif looksLikeArm(data): arch = "arm"; bits = bits or 32
        else:
            u = detectUnsupportedInstructionSet(data)
            if u: return {"error": u}
        arch = arch or "intel"
        bi = BinaryInfo(data); bi.base_addr = base; bi.bitness = bits; bi.is_buffer = True; bi.code_areas = []; bi.architecture = arch
    if bi.architecture not in ("intel", "aarch64", "arm", "cil", "dalvik"):
        return {"error": bi.architecture}
    dis = IntelDisassembler(cfg)
    rd = dis
    for a in ("disassembler", "_disassembler", "engine"):
        rd = getattr(rd, a, rd)
    res = DisassemblyResult(); res.setBinaryInfo(bi)
    if bi.bitness not in (32, 64): bi.bitness = rd.backend.probeBitness(res)
    rd.disassembly = res
    rd._updateLabelProviders(bi)
    cands = set(rd.getSymbolCandidates())
    if bi.oep is not None: cands.add((bi.base_addr + bi.oep) % 2**64)
    la = LanguageAnalyzer(res)
    fcm = FunctionCandidateManager(cfg)
    exc = []
    fcm.disassembly = res; fcm.bitness = bi.bitness
    fcm._candidateTimeoutTripped = lambda *a: False
    fcm.addExceptionCandidate = lambda a: exc.append(a)
    fcm._pdata_ranges = []
    fcm.locateExceptionHandlerCandidates()
    apis = {}
    for p in rd.api_providers:
        m = p._api_map
        if "lief" in m or m == {} or True:
            mm = m.get("lief", m) if "lief" in m else m
            for k, v in mm.items(): apis.setdefault(str(k), list(v))
    if bi.architecture == "dalvik": lang, guess, lf = {"dalvik": 1.0}, "dalvik", []
    elif bi.architecture == "cil": lang, guess, lf = {".net": 1.0}, ".net", []
    else:
        lang = la.identify(); guess = la.getGuess(); lf = set()
        if la.checkGo(): lf |= set(la.getGoObjects())
        if la.checkDelphiKb(): lf |= set(la.getDelphiKbObjects())
        elif la.checkDelphi(): lf |= set(la.getDelphiObjects()) | set(la.getDelphiReSymObjects())
    def tab(t): return None if t is None else {str(k): (list(v) if isinstance(v, tuple) else v) for k, v in t.items()}
    xh = bi.getHeaderBytes()
    stubs = list(ElfFileLoader.getPltRanges(data, parsed=bi.getLiefBinary()) if bi._getLiefType() == "ELF" else get_macho_stub_ranges(bi.getLiefBinary(), base_addr=bi.base_addr, bitness=bi.bitness, architecture=bi.architecture) if bi._getLiefType() == "MACH_O" else [])
    got = ElfFileLoader.getGotBases(data, parsed=bi.getLiefBinary()) if bi._getLiefType() == "ELF" else []
    native = bi.architecture != "cil"
    return {"base": bi.base_addr, "bitness": bi.bitness, "architecture": bi.architecture, "format": {"PE": "Pe", "ELF": "Elf", "MACH_O": "MachO"}.get(bi._getLiefType(), "Other"),
        "size": len(bi.binary), "data": hashlib.sha256(bi.binary).hexdigest(), "code_areas": [list(a) for a in bi.code_areas],
        "sections": [list(s) for s in bi.getSections()], "oep": bi.getOep(), "abi": bi.abi, "xheader": None if xh is None else xh.hex(), "pe_header_hash": bi.getPeHeaderHash(),
        "symbols": {str(k): rd.resolveSymbol(k) for k in cands}, "exports": sorted(res.exported_functions), "apis": apis,
        "exported_functions": tab(bi.getExportedFunctions()), "exported_symbols": tab(bi.getExportedSymbols()), "imported_functions": tab(bi.getImportedFunctions()), "table_symbols": tab(bi.getSymbols()),
        "stubs": [list(x) for x in stubs], "plt": [list(x) for x in fcm.declaredPltRanges()], "got": got, "pie": bi.isPositionIndependentElf(),
        "pdata_ranges": sorted([list(x) for x in fcm._pdata_ranges]), "pdata_starts": sorted(exc), "eh_frame": [list(x) for x in fcm.ehFrameFdeRanges()], "pads": sorted(fcm.declaredLandingPads()),
        "language": lang, "guess": guess, "language_functions": sorted(lf)}
def main():
    exe = sys.argv[1]; args = sys.argv[2:]
    out = subprocess.run([exe] + args, capture_output=True, text=True)
    if out.returncode: print("RUST FAILED", out.returncode, out.stderr[-2000:])
    mine = {}
    for line in out.stdout.splitlines():
        r = json.loads(line); mine[r["name"]] = r
    nbad = 0; fields = {}
    for a in args:
        p = a.split("@"); data = open(p[0], "rb").read()
        base = int(p[1]) if len(p) > 1 else None; bits = int(p[2]) if len(p) > 2 else None
        try: want = facts(data, base, bits)
        except ValueError as e: want = {"error": str(e)}
        except Exception as e: want = {"error": "EXC " + repr(e)}
        got = mine.get(a, {"facts": None})["facts"]
        if got is None: print(a, "no output"); nbad += 1; continue
        if "error" in got or "error" in want:
            if ("error" in got) != ("error" in want): print(a, "ERR", "mine:", got.get("error"), "smda:", want.get("error")); nbad += 1; fields["error"] = fields.get("error", 0) + 1
            continue
        got["pdata_starts"] = sorted(got["pdata_starts"]); got["pdata_ranges"] = sorted(got["pdata_ranges"]); got["language_functions"] = sorted(set(got["language_functions"]))
        if got["format"] in ("Dex", "DelphiKb"): got["format"] = "Other"
        bad = [k for k in want if got.get(k) != want[k]]
        if bad: nbad += 1
        for k in bad:
            fields[k] = fields.get(k, 0) + 1
            g, w = got.get(k), want[k]
            if isinstance(g, dict) and isinstance(w, dict):
                d = [(x, g.get(x, "-"), w.get(x, "-")) for x in sorted(set(g) | set(w)) if g.get(x, "-") != w.get(x, "-")]
                print(a, k, len(d), "of", len(w), d[:int(os.environ.get("SHOW", "3"))])
            elif isinstance(g, list) and isinstance(w, list):
                print(a, k, len(g), len(w), [(x, y) for x, y in zip(g, w) if x != y][:2], g[len(w):][:2], w[len(g):][:2])
            else: print(a, k, str(g)[:200], "!=", str(w)[:200])
    print("files", len(args), "differing", nbad, fields)
main()
