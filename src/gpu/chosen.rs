//! Written by `cargo run --release --example margins search`.

use super::probes::Family;
use crate::Dtype;

/// The short fills of each family and dtype: the parameter's bits, and the block at which the fill begins.
#[rustfmt::skip]
pub(super) const CHOSEN: &[(Family, Dtype, &[(u32, u32)])] = &[
    (Family::Uniform, Dtype::F16, &[
        (0x3e9eda6a, 18), (0x3e7becdd, 17), (0x3eae9f78, 16), (0x3e9818df, 15), (0x3ea27ad0, 14),
        (0x3ebb6248, 13), (0x3eb1ec82, 12), (0x3e9e6334, 11), (0x3e7b6363, 10), (0x3e70d66f, 9),
        (0x3e854343, 8), (0x3eb42ebf, 7), (0x3e9de09f, 6), (0x3e83c57d, 5), (0x3e97416a, 4),
        (0x3e83e265, 3), (0x3ea2caa2, 39), (0x3e929a07, 38), (0x3ea8e9f2, 37), (0x3ea36467, 36),
        (0x3eaa97f3, 35), (0x3eb6332c, 33), (0x3eb269ca, 32), (0x3eacb1d9, 30), (0x3eb3fe8a, 28),
        (0x3e882356, 27), (0x3e70d195, 26), (0x3e9ecc48, 25), (0x3e868839, 24), (0x3eabbe88, 23),
        (0x3ea0d33e, 21),
    ]),
    (Family::Uniform, Dtype::BF16, &[
        (0x3e809df7, 18), (0x3e83f7c3, 17), (0x3e858a20, 16), (0x3ea00fde, 15), (0x3e72d69a, 14),
        (0x3e98dc68, 13), (0x3ea4f536, 12), (0x3e695d0d, 11), (0x3e6ba823, 10), (0x3e72b102, 9),
        (0x3e764532, 8), (0x3e9f64f1, 7), (0x3e9ee71e, 6), (0x3e93c78c, 5), (0x3e8ec7f1, 4),
        (0x3e885baa, 3), (0x3e942b19, 39), (0x3e94b2bf, 38), (0x3eb30505, 37), (0x3e9fa329, 36),
        (0x3eadd12e, 35), (0x3ea6df26, 33), (0x3e8f1620, 32), (0x3eb0351e, 30), (0x3ebbddad, 28),
        (0x3e8ac5c9, 27), (0x3e6ceb91, 26), (0x3e755009, 25), (0x3ea2ac1f, 24), (0x3eaaeeb2, 23),
        (0x3eac94b4, 21), (0x3e9092ea, 20),
    ]),
];
