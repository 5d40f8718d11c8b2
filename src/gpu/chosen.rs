//! Written by `cargo run --release --example margins search`.

use super::probes::Family;
use crate::Dtype;

/// The short fills of each family and dtype: the parameter's bits, and the block at which the fill begins.
pub(super) const CHOSEN: &[(Family, Dtype, &[(u32, u32)])] = &[];
