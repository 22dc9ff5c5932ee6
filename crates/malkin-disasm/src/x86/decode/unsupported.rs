//! Encodings that iced-x86 knows and capstone 5 does not.
//!
//! Found by decoding generated encodings with both (`tests/generated.rs`). Most are extensions younger than capstone's
//! tables, so they are named by their CPUID feature; the rest are undocumented aliases, named one by one.

use iced_x86::{Code, CpuidFeature};

/// Whether capstone has no such instruction.
pub(super) fn is_unsupported(code: Code) -> bool {
    code.cpuid_features().iter().any(|&feature| is_young(feature)) || is_alias(code)
}

fn is_young(feature: CpuidFeature) -> bool {
    use CpuidFeature as F;
    matches!(
        feature,
        F::AESKLE
            | F::AMX_BF16
            | F::AMX_COMPLEX
            | F::AMX_FP16
            | F::AMX_INT8
            | F::AMX_TILE
            | F::AVX_IFMA
            | F::AVX_NE_CONVERT
            | F::AVX_VNNI
            | F::AVX_VNNI_INT16
            | F::AVX_VNNI_INT8
            | F::AVX512_BF16
            | F::AVX512_FP16
            | F::AVX512_VP2INTERSECT
            | F::CMPCCXADD
            | F::ENQCMD
            | F::FRED
            | F::HRESET
            | F::INVLPGB
            | F::LKGS
            | F::MSRLIST
            | F::RAO_INT
            | F::RDPRU
            | F::SERIALIZE
            | F::SHA512
            | F::SM3
            | F::SM4
            | F::TDX
            | F::TSXLDTRK
            | F::UINTR
            | F::WIDE_KL
            | F::WRMSRNS
    )
}

fn is_alias(code: Code) -> bool {
    use Code as C;
    matches!(
        code,
        C::Fstp_sti_DFD0
            | C::Fstp_sti_DFD8
            | C::Fcom_st0_sti_DCD0
            | C::Fcomp_st0_sti_DCD8
            | C::Fcomp_st0_sti_DED0
            | C::Fxch_st0_sti_DDC8
            | C::Fxch_st0_sti_DFC8
            | C::Prefetchreserved3_m8
            | C::Prefetchreserved4_m8
            | C::Prefetchreserved5_m8
            | C::Prefetchreserved6_m8
            | C::Prefetchreserved7_m8
            | C::Sfence_F9
            | C::Sfence_FA
            | C::Sfence_FB
            | C::Sfence_FC
            | C::Sfence_FD
            | C::Sfence_FE
            | C::Sfence_FF
            | C::Lfence_E9
            | C::Lfence_EA
            | C::Lfence_EB
            | C::Lfence_EC
            | C::Lfence_ED
            | C::Lfence_EE
            | C::Lfence_EF
            | C::Mfence_F1
            | C::Mfence_F2
            | C::Mfence_F3
            | C::Mfence_F4
            | C::Mfence_F5
            | C::Mfence_F6
            | C::Mfence_F7
            | C::Tlbsync
            | C::Pbndkb
            | C::Psmash
            | C::Pvalidated
            | C::Pvalidateq
            | C::Rmpupdate
            | C::Rmpquery
            | C::VEX_Vpinsrb_xmm_xmm_r64m8_imm8
            | C::VEX_Vpinsrw_xmm_xmm_r64m16_imm8
            | C::VEX_Vpextrb_r64m8_xmm_imm8
            | C::VEX_Vpextrw_r64m16_xmm_imm8
            | C::VEX_Vpextrw_r64_xmm_imm8
            | C::VEX_Vpcmpestrm64_xmm_xmmm128_imm8
            | C::VEX_Vpcmpestri64_xmm_xmmm128_imm8
    )
}

/// Rows of the reserved `nop` encodings, by opcode after 0F.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NopRow {
    Op0D,
    Op18,
    Op19,
    Op1A,
    Op1B,
    Op1C,
    Op1F,
    Other,
}

impl NopRow {
    pub(super) fn of(code: Code) -> Self {
        use Code as C;
        match code {
            C::Reservednop_rm16_r16_0F0D | C::Reservednop_rm32_r32_0F0D | C::Reservednop_rm64_r64_0F0D => {
                Self::Op0D
            }
            C::Reservednop_rm16_r16_0F18 | C::Reservednop_rm32_r32_0F18 | C::Reservednop_rm64_r64_0F18 => {
                Self::Op18
            }
            C::Reservednop_rm16_r16_0F19 | C::Reservednop_rm32_r32_0F19 | C::Reservednop_rm64_r64_0F19 => {
                Self::Op19
            }
            C::Reservednop_rm16_r16_0F1A | C::Reservednop_rm32_r32_0F1A | C::Reservednop_rm64_r64_0F1A => {
                Self::Op1A
            }
            C::Reservednop_rm16_r16_0F1B | C::Reservednop_rm32_r32_0F1B | C::Reservednop_rm64_r64_0F1B => {
                Self::Op1B
            }
            C::Reservednop_rm16_r16_0F1C | C::Reservednop_rm32_r32_0F1C | C::Reservednop_rm64_r64_0F1C => {
                Self::Op1C
            }
            C::Reservednop_rm16_r16_0F1F | C::Reservednop_rm32_r32_0F1F | C::Reservednop_rm64_r64_0F1F => {
                Self::Op1F
            }
            _ => Self::Other,
        }
    }
}
