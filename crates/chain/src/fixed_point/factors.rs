//! Factors of the binary exponential.

/// `FACTORS[i - 1] = round(2^64 * 2^(2^-i))` for `i` in `1..=64` (spec 13.1); the test recomputes all of them.
pub(super) const FACTORS: [u128; 64] = [
    0x1_6a09_e667_f3bc_c909,
    0x1_306f_e0a3_1b71_52df,
    0x1_172b_83c7_d517_adce,
    0x1_0b55_86cf_9890_f62a,
    0x1_059b_0d31_5857_43ae,
    0x1_02c9_a3e7_7806_0ee7,
    0x1_0163_da9f_b333_56d8,
    0x1_00b1_afa5_abcb_ed61,
    0x1_0058_c86d_a1c0_9ea2,
    0x1_002c_605e_2e8c_ec50,
    0x1_0016_2f39_0405_1fa1,
    0x1_000b_175e_ffdc_76ba,
    0x1_0005_8ba0_1fb9_f96d,
    0x1_0002_c5cc_37da_9492,
    0x1_0001_62e5_25ee_0547,
    0x1_0000_b172_5577_5c04,
    0x1_0000_58b9_1b5b_c9ae,
    0x1_0000_2c5c_89d5_ec6d,
    0x1_0000_162e_43f4_f831,
    0x1_0000_0b17_21bc_fc9a,
    0x1_0000_058b_90cf_1e6e,
    0x1_0000_02c5_c863_b73f,
    0x1_0000_0162_e430_e5a2,
    0x1_0000_00b1_7218_3551,
    0x1_0000_0058_b90c_0b49,
    0x1_0000_002c_5c86_01cc,
    0x1_0000_0016_2e42_fff0,
    0x1_0000_000b_1721_7fbb,
    0x1_0000_0005_8b90_bfce,
    0x1_0000_0002_c5c8_5fe3,
    0x1_0000_0001_62e4_2ff1,
    0x1_0000_0000_b172_17f8,
    0x1_0000_0000_58b9_0bfc,
    0x1_0000_0000_2c5c_85fe,
    0x1_0000_0000_162e_42ff,
    0x1_0000_0000_0b17_217f,
    0x1_0000_0000_058b_90c0,
    0x1_0000_0000_02c5_c860,
    0x1_0000_0000_0162_e430,
    0x1_0000_0000_00b1_7218,
    0x1_0000_0000_0058_b90c,
    0x1_0000_0000_002c_5c86,
    0x1_0000_0000_0016_2e43,
    0x1_0000_0000_000b_1721,
    0x1_0000_0000_0005_8b91,
    0x1_0000_0000_0002_c5c8,
    0x1_0000_0000_0001_62e4,
    0x1_0000_0000_0000_b172,
    0x1_0000_0000_0000_58b9,
    0x1_0000_0000_0000_2c5d,
    0x1_0000_0000_0000_162e,
    0x1_0000_0000_0000_0b17,
    0x1_0000_0000_0000_058c,
    0x1_0000_0000_0000_02c6,
    0x1_0000_0000_0000_0163,
    0x1_0000_0000_0000_00b1,
    0x1_0000_0000_0000_0059,
    0x1_0000_0000_0000_002c,
    0x1_0000_0000_0000_0016,
    0x1_0000_0000_0000_000b,
    0x1_0000_0000_0000_0006,
    0x1_0000_0000_0000_0003,
    0x1_0000_0000_0000_0001,
    0x1_0000_0000_0000_0001,
];

#[cfg(test)]
mod tests {
    use ruint::Uint;

    use super::FACTORS;

    type Wide = Uint<1024, 16>;

    /// The integer square root by Newton's method, from above.
    fn square_root(value: Wide) -> Wide {
        let mut root = Wide::from(1_u8) << value.bit_len().div_ceil(2);
        loop {
            let next: Wide = (root + value / root) >> 1;
            if next >= root {
                return root;
            }
            root = next;
        }
    }

    #[test]
    fn factors_are_the_rounded_roots_of_two() {
        const FRACTION: usize = 400;
        let mut root = Wide::from(2_u8) << FRACTION;
        for factor in FACTORS {
            root = square_root(root << FRACTION);
            let rounded: Wide = (root + (Wide::from(1_u8) << (FRACTION - 65))) >> (FRACTION - 64);
            assert_eq!(rounded, Wide::from(factor));
        }
    }
}
