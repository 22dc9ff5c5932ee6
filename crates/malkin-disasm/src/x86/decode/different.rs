//! Legacy encodings that iced-x86 and capstone 5.0.9 do not read alike.
//!
//! Most are extensions younger than capstone's tables, so they are named by their CPUID feature; the rest are undocumented
//! aliases and instructions that capstone prints otherwise, named one by one. They go through [`crate::x86::rows`], which
//! decides what they are. Found by `tests/sweep.rs`: one that is missing here shows up there as a difference.

use iced_x86::{Code, CpuidFeature, Mnemonic};

/// Whether iced-x86 and capstone differ in this form.
pub(super) fn differs_in_form(code: Code) -> bool {
    code.cpuid_features().iter().any(|&feature| is_young(feature))
        || is_alias(code)
        || differs(code.mnemonic())
}

/// Instructions whose forms or text capstone has otherwise.
fn differs(mnemonic: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        mnemonic,
        M::Ud0
            | M::Ud1
            | M::Reservednop
            | M::Prefetchit0
            | M::Prefetchit1
            | M::Rstorssp
            | M::Clrssbsy
            | M::Vmrun
            | M::Vmload
            | M::Vmsave
            | M::Vmgexit
            | M::Mcommit
            | M::Skinit
            | M::Invlpga
            | M::Rmpadjust
            | M::Loadiwkey
            | M::Undoc
    )
}

fn is_young(feature: CpuidFeature) -> bool {
    use CpuidFeature as F;
    matches!(
        feature,
        F::AESKLE
            | F::CMPCCXADD
            | F::ENQCMD
            | F::FRED
            | F::HRESET
            | F::INVLPGB
            | F::LKGS
            | F::MSRLIST
            | F::RAO_INT
            | F::RDPRU
            | F::PADLOCK_ACE
            | F::PADLOCK_GMI
            | F::PADLOCK_PHE
            | F::PADLOCK_PMM
            | F::PADLOCK_RNG
            | F::PADLOCK_UNDOC
            | F::SERIALIZE
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
            | C::Movsxd_r16_rm16
            | C::Pbndkb
            | C::Psmash
            | C::Pvalidated
            | C::Pvalidateq
            | C::Rmpupdate
            | C::Rmpquery
    )
}
