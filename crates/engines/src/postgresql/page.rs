//! PostgreSQL's pages: where the log position stands, and the checksum.
//!
//! The checksum is the one of the documentation chapter "Database Page Layout" and of `checksum_impl.h`: 32 parallel
//! FNV-1a sums over 32-bit words, folded together, mixed with the block number. It is written so that the compiler
//! vectorises it; with AVX2 it costs about as much as reading the memory. Promise: the vectorised and the portable
//! form give the same answer for every input. No state, nothing to lose in a crash.

use farshore_types::{Error, PageKind, PageState, Result};

/// Parallel sums of the checksum.
const LANES: usize = 32;
/// Bytes that one step of all sums takes.
const ROW_BYTES: usize = LANES * 4;
/// The multiplier of FNV-1a.
const FNV_PRIME: u32 = 16_777_619;
/// Where the sums start: random values fixed by the format.
#[rustfmt::skip]
const SEEDS: [u32; LANES] = [
    0x5B1F_36E9, 0xB852_5960, 0x02AB_50AA, 0x1DE6_6D2A, 0x79FF_467A, 0x9BB9_F8A3, 0x217E_7CD2, 0x83E1_3D2C,
    0xF8D4_474F, 0xE39E_B970, 0x42C6_AE16, 0x9932_16FA, 0x7B09_3B5D, 0x98DA_FF3C, 0xF718_902A, 0x0B1C_9CDB,
    0xE58F_764B, 0x1876_36BC, 0x5D7B_3BB1, 0xE73D_E7DE, 0x92BE_C979, 0xCCA6_C0B2, 0x304A_0979, 0x85AA_43D4,
    0x7831_25BB, 0x6CA8_EAA2, 0xE407_EAC6, 0x4B5C_FC3E, 0x9FBF_8C76, 0x15CA_20BE, 0xF2CA_9FD3, 0x959B_D756,
];
/// Log position and checksum stand in the first bytes of the page header (`pd_lsn`, `pd_checksum`).
const STAMP_BYTES: usize = 10;

macro_rules! kind {
    ($constant:ident, $size:literal) => {
        #[doc = concat!("Pages of ", stringify!($size), " bytes.")]
        pub const $constant: PageKind = PageKind {
            name: concat!("postgresql-", stringify!($size)),
            size: $size,
            changed_at,
            check,
            stamp_bytes: STAMP_BYTES,
        };
    };
}

kind!(PAGE_1K, 1024);
kind!(PAGE_2K, 2048);
kind!(PAGE_4K, 4096);
kind!(PAGE_8K, 8192);
kind!(PAGE_16K, 16384);
kind!(PAGE_32K, 32768);

/// Every page size that PostgreSQL can be built with.
pub const KINDS: [PageKind; 6] = [PAGE_1K, PAGE_2K, PAGE_4K, PAGE_8K, PAGE_16K, PAGE_32K];

/// The page kind for a server's `block_size`.
pub fn kind_of(block_size: u32) -> Result<PageKind> {
    let fits = |kind: &&PageKind| u32::try_from(kind.size) == Ok(block_size);
    let found = KINDS.iter().find(fits);
    found.copied().ok_or_else(|| Error::invalid(format!("pages of {block_size} bytes are not known")))
}

/// The log position of the last change (`pd_lsn`: two 32-bit words, high first, each little-endian); 0 for less than a header.
fn changed_at(page: &[u8]) -> u64 {
    match page.first_chunk::<8>() {
        Some([a, b, c, d, e, f, g, h]) => {
            u64::from(u32::from_le_bytes([*a, *b, *c, *d])) << 32 | u64::from(u32::from_le_bytes([*e, *f, *g, *h]))
        }
        None => 0,
    }
}

/// Compares the page's checksum with its bytes.
fn check(page: &[u8], block: u32) -> PageState {
    let Some([.., sum_low, sum_high, _, _, _, _, upper_low, upper_high]) = page.first_chunk::<16>() else {
        return PageState::Bad;
    };
    if (*upper_low, *upper_high) == (0, 0) && page.iter().all(|byte| *byte == 0) {
        return PageState::Empty;
    }
    let (stored, computed) = (u16::from_le_bytes([*sum_low, *sum_high]), checksum(page, block));
    if stored == computed { PageState::Good } else { PageState::Bad }
}

/// The checksum of a page at a block number within its relation; the checksum field itself counts as zero.
pub fn checksum(page: &[u8], block: u32) -> u16 {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(
            unsafe_code,
            reason = "the line above has proven that this processor has AVX2, the callee's only demand"
        )]
        return finish(unsafe { fold_avx2(page) }, block);
    }
    finish(fold(page), block)
}

/// Mixes the block number in and reduces to 1..=65535, so that 0 never is a checksum.
fn finish(folded: u32, block: u32) -> u16 {
    u16::try_from((folded ^ block) % 65_535 + 1).unwrap_or(u16::MAX)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fold_avx2(page: &[u8]) -> u32 {
    fold(page)
}

/// The folded sums of a page. Always inlined, so that it is compiled anew for the instructions of its caller.
#[inline(always)]
fn fold(page: &[u8]) -> u32 {
    let mut sums = SEEDS;
    let (rows, _) = page.as_chunks::<ROW_BYTES>();
    if let Some((first, rest)) = rows.split_first() {
        let mut first = *first;
        [first[8], first[9]] = [0, 0];
        step(&mut sums, &first);
        for row in rest {
            step(&mut sums, row);
        }
    }
    for _ in 0..2 {
        step(&mut sums, &[0; ROW_BYTES]);
    }
    sums.iter().fold(0, |folded, sum| folded ^ sum)
}

#[inline(always)]
fn step(sums: &mut [u32; LANES], row: &[u8; ROW_BYTES]) {
    let (words, _) = row.as_chunks::<4>();
    for (sum, word) in sums.iter_mut().zip(words) {
        let mixed = *sum ^ u32::from_le_bytes(*word);
        *sum = mixed.wrapping_mul(FNV_PRIME) ^ (mixed >> 17);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pseudo_random_page(size: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u8::try_from(seed >> 56).unwrap()
        };
        (0..size).map(|_| next()).collect()
    }

    /// The algorithm once more, word by word as it is published, without any thought of speed.
    fn by_the_book(page: &[u8], block: u32) -> u16 {
        let mut page = page.to_vec();
        page[8..10].fill(0);
        page.extend([0; 2 * ROW_BYTES]);
        let mut folded = 0;
        for (lane, seed) in SEEDS.iter().enumerate() {
            let mut sum = *seed;
            for word in page.chunks(4).skip(lane).step_by(LANES) {
                let mixed = sum ^ u32::from_le_bytes(word.try_into().unwrap());
                sum = mixed.wrapping_mul(FNV_PRIME) ^ (mixed >> 17);
            }
            folded ^= sum;
        }
        u16::try_from((folded ^ block) % 65_535 + 1).unwrap()
    }

    #[test]
    fn the_fast_and_the_portable_checksum_equal_the_published_algorithm() {
        for kind in KINDS {
            for seed in 0..20 {
                let page = pseudo_random_page(kind.size, seed);
                let block = u32::try_from(seed).unwrap() * 131_071;
                let expected = by_the_book(&page, block);
                assert_eq!(checksum(&page, block), expected);
                assert_eq!(finish(fold(&page), block), expected);
            }
        }
    }

    #[test]
    fn a_page_is_good_until_any_bit_flips_or_it_moves() {
        let mut page = pseudo_random_page(8192, 7);
        let sum = checksum(&page, 42);
        page[8..10].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(check(&page, 42), PageState::Good);
        assert_eq!(check(&page, 43), PageState::Bad);
        for byte in [0, 7, 8, 9, 10, 127, 128, 4095, 8191] {
            page[byte] ^= 0x10;
            assert_eq!(check(&page, 42), PageState::Bad, "byte {byte}");
            page[byte] ^= 0x10;
        }
    }

    #[test]
    fn an_empty_page_is_empty_and_a_nearly_empty_one_is_not() {
        let mut page = vec![0; 8192];
        assert_eq!(check(&page, 0), PageState::Empty);
        page[8191] = 1;
        assert_eq!(check(&page, 0), PageState::Bad);
        assert_eq!(check(&[], 0), PageState::Bad);
    }

    #[test]
    fn the_log_position_is_two_words_high_first() {
        let mut page = vec![0; 8192];
        page[..8].copy_from_slice(&[0x16, 0, 0, 0, 0x48, 0xD8, 0x74, 0xB3]);
        assert_eq!((PAGE_8K.changed_at)(&page), 0x16_B374_D848);
        assert_eq!(changed_at(&page[..7]), 0);
    }

    #[test]
    fn page_kinds_exist_for_the_sizes_that_the_server_can_have() {
        for (size, known) in
            [(1024, true), (8192, true), (32768, true), (65536, false), (512, false), (8191, false), (0, false)]
        {
            assert_eq!(kind_of(size).is_ok(), known, "{size}");
        }
        assert_eq!(PAGE_8K.name, "postgresql-8192");
    }
}
