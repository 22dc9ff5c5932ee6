//! Names of machines that have no disassembler here, for messages. Not what decides about an architecture: that is in the
//! `layout` of each container.
//!
//! [PE](https://learn.microsoft.com/en-us/windows/win32/debug/pe-format#machine-types),
//! [ELF](https://www.sco.com/developers/gabi/latest/ch4.eheader.html),
//! [Mach-O](https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/mach/machine.h)

/// Name of a COFF machine, empty for unnamed ones.
pub(crate) fn coff(machine: u16) -> &'static str {
    match machine {
        0x14c => "I386",
        0x162 | 0x166 | 0x168 | 0x169 => "MIPS",
        0x184 | 0x284 => "Alpha",
        0x1a2 | 0x1a3 | 0x1a6 | 0x1a8 => "SuperH",
        0x1c0 | 0x1c2 | 0x1c4 => "ARM",
        0x1f0 | 0x1f1 => "PowerPC",
        0x200 => "IA-64",
        0x266 | 0x366 | 0x466 => "MIPS16",
        0xebc => "EFI byte code",
        0x5032 => "RISC-V 32",
        0x5064 => "RISC-V 64",
        0x6232 => "LoongArch 32",
        0x6264 => "LoongArch 64",
        0x8664 => "AMD64",
        0x9041 => "M32R",
        0xa641 => "ARM64EC",
        0xa64e => "ARM64X",
        0xaa64 => "ARM64",
        _ => "",
    }
}

/// Name of an ELF machine that SMDA has no name for.
pub(crate) fn elf(machine: u16) -> &'static str {
    match machine {
        0 => "EM_NONE",
        6 => "Intel MCU",
        15 => "PA-RISC",
        22 => "S390",
        50 => "IA-64",
        76 => "CRIS",
        83 => "AVR",
        93 => "ARC",
        106 => "Blackfin",
        140 => "TI C6000",
        164 => "Hexagon",
        189 => "MicroBlaze",
        190 => "CUDA",
        195 => "ARC v2",
        224 => "AMD GPU",
        247 => "BPF",
        252 => "C-SKY",
        258 => "LoongArch",
        0x9026 => "Alpha",
        _ => "",
    }
}

/// Name of a Mach-O CPU that SMDA has no name for.
pub(crate) fn macho(cpu: u32) -> &'static str {
    match cpu {
        6 => "MC680x0",
        10 => "MC98000",
        11 => "HP PA-RISC",
        13 => "MC88000",
        14 => "SPARC",
        0x0200_000c => "ARM64_32",
        _ => "",
    }
}
