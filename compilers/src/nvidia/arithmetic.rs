//! Arithmetic of instructions, on one word of every lane.

use super::float;
use super::instruction::{Combine, Operation};
use super::lanes::{LANES, Lanes, map, splat, word, zip, zip3, zip3_wide};
use super::memory::{halves, joined};

/// The results of an instruction.
pub(super) struct Results {
    pub(super) low: Lanes,
    /// The upper word. For a fused multiply-add, a mask of the lanes in which rounding the product would have changed
    /// the result.
    pub(super) high: Lanes,
    pub(super) flags: [Lanes; 2],
}

impl Default for Results {
    fn default() -> Self {
        Self { low: splat(0), high: splat(0), flags: [splat(0); 2] }
    }
}

/// Computes an instruction in every lane, whether it is on or not; the caller writes the lanes that are on. `upper` is
/// the upper word of a 64-bit third source.
#[inline(always)]
pub(super) fn compute(
    operation: Operation,
    abc: [&Lanes; 3],
    upper: &Lanes,
    conditions: [&Lanes; 3],
    results: &mut Results,
) {
    let [a, b, c] = abc;
    let [p, q, r] = conditions;
    let Results { low, high, flags: [flag, second] } = results;
    match operation {
        Operation::Move => *low = *a,
        // predicates are all ones or 0, so that they select bit by bit
        Operation::Select => zip3(low, [p, a, b], |holds, a, b| (a & holds) | (b & !holds)),
        Operation::Add3 { negated } => add3(low, flag, abc, conditions, negated),
        Operation::MultiplyAdd => zip3(low, abc, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        Operation::MultiplyAdd64 => {
            for lane in 0..LANES {
                // unsigned: the sign of imad64 is not in the listing (src/nvidia.rs)
                let product = u64::from(a[lane]) * u64::from(b[lane]);
                [low[lane], high[lane]] = halves(product.wrapping_add(joined(c[lane], upper[lane])));
            }
        }
        Operation::Logic(table) => logic(low, table, abc),
        Operation::LogicPredicates(tables) => {
            // plop3 has two tables and two results, from the same three predicates
            logic(flag, tables[0], [p, q, r]);
            logic(second, tables[1], [p, q, r]);
        }
        Operation::Permute => zip3(low, abc, permute),
        Operation::Shift { right, wrap, signed, bits, high } => {
            zip3(low, abc, |a, b, c| {
                // `w` takes the count modulo the width; without it a larger count shifts everything out
                let shift = if wrap { c & (bits - 1) } else { c.min(bits) };
                // a funnel shift: the first source is the low word, the second the high one
                let [low, upper] = halves(shifted(joined(a, b), shift, right, signed));
                if high { upper } else { low }
            });
        }
        Operation::CompareIntegers { compare, signed, combine } => {
            // with the sign bits flipped, signed numbers are in the order of unsigned ones
            let turn = u32::from(signed) << 31;
            zip3(flag, [a, b, p], |a, b, holds| combined(combine, word(compare.holds(a ^ turn, b ^ turn)), holds));
        }
        Operation::CompareFloats { compare, unordered, combine, flush } => {
            zip3(flag, [a, b, p], |a, b, holds| {
                // ftz decides comparisons as well: a flushed denormal equals 0
                let [a, b] = [a, b].map(|word| f32::from_bits(float::flushed(word, flush)));
                combined(combine, word(float::compared(compare, unordered, a, b)), holds)
            });
        }
        Operation::MinMaxIntegers { signed } => {
            let turn = u32::from(signed) << 31;
            zip3(low, [a, b, p], |a, b, least| if ((a ^ turn) < (b ^ turn)) == (least != 0) { a } else { b });
        }
        Operation::MinMaxFloats { flush } => {
            zip3(low, [a, b, p], |a, b, holds| float::min_max(a, b, holds != 0, flush))
        }
        Operation::Float { signed: true } => map(low, a, |a| (a.cast_signed() as f32).to_bits()),
        Operation::Float { signed: false } => map(low, a, |a| (a as f32).to_bits()),
        // below 0 and above the largest integer it takes the nearest, as Rust does
        Operation::Integer { flush } => map(low, a, |a| f32::from_bits(float::flushed(a, flush)) as u32),
        Operation::Add { flush } => zip(low, a, b, |a, b| float::add(a, b, flush)),
        Operation::Multiply { flush } => zip(low, a, b, |a, b| float::multiply(a, b, flush)),
        Operation::FusedMultiplyAdd { flush } => {
            zip3_wide(low, high, abc, |a, b, c| float::multiply_add(a, b, c, flush))
        }
        // not the hardware's bits: see `approximate`
        Operation::Approximate(function) => map(low, a, |a| float::approximate(function, a)),
        Operation::Nothing
        | Operation::Exit
        | Operation::Branch { .. }
        | Operation::System(_)
        | Operation::Barrier
        | Operation::MoveUniform
        | Operation::Any
        | Operation::Load { .. }
        | Operation::Store { .. }
        | Operation::LoadShared { .. }
        | Operation::StoreShared { .. } => unreachable!("that is not arithmetic"),
    }
}

/// The sum of three sources and of carries. A negated source comes with its bits inverted, and `negated` counts one to
/// add for each. For a source of 0 that sum carries.
#[inline(always)]
fn add3(low: &mut Lanes, carry: &mut Lanes, [a, b, c]: [&Lanes; 3], carries: [&Lanes; 3], negated: u32) {
    let [first, second, _] = carries;
    for lane in 0..LANES {
        // predicates are masks: their lowest bit is the carry
        let carries = (first[lane] & 1) + (second[lane] & 1) + negated;
        let sum = u64::from(a[lane]) + u64::from(b[lane]) + u64::from(c[lane]) + u64::from(carries);
        let [below, above] = halves(sum);
        low[lane] = below;
        carry[lane] = word(above != 0);
    }
}

/// Looks the bits of three words up in a truth table. The index is made of the bits of a, b and c; a's is the highest.
#[inline(always)]
fn logic(out: &mut Lanes, table: u8, abc: [&Lanes; 3]) {
    // the table's bits as masks, so that all 32 bits of a lane are looked up at once
    let [m0, m1, m2, m3, m4, m5, m6, m7] = std::array::from_fn(|at| word((table >> at) & 1 == 1));
    zip3(out, abc, |a, b, c| {
        let choose = |which: u32, set: u32, clear: u32| (which & set) | (!which & clear);
        let set = choose(b, choose(c, m7, m6), choose(c, m5, m4));
        choose(a, set, choose(b, choose(c, m3, m2), choose(c, m1, m0)))
    });
}

/// Takes four of the eight bytes of `low` and `high`, one for each nibble of the selector. Where a nibble's highest bit
/// is set, the byte is replaced by copies of its sign.
#[inline(always)]
fn permute(low: u32, selector: u32, high: u32) -> u32 {
    (0..4).fold(0, |word, at| {
        let nibble = (selector >> (4 * at)) & 0xf;
        // bytes 0 to 3 are in `low`, 4 to 7 in `high`
        let from = if nibble & 4 == 0 { low } else { high };
        let byte = (from >> (8 * (nibble & 3))) & 0xff;
        let byte = if nibble & 8 == 0 { byte } else { (byte >> 7) * 0xff };
        word | (byte << (8 * at))
    })
}

/// Shifts 64 bits by up to 64.
#[inline(always)]
fn shifted(value: u64, shift: u32, right: bool, signed: bool) -> u64 {
    match (right, signed) {
        // a shift by 64 leaves copies of the sign, as one by 63 does; Rust has no shift by 64
        (true, true) => (value.cast_signed() >> shift.min(63)).cast_unsigned(),
        (true, false) => value.checked_shr(shift).unwrap_or(0),
        (false, _) => value.checked_shl(shift).unwrap_or(0),
    }
}

#[inline(always)]
const fn combined(combine: Combine, a: u32, b: u32) -> u32 {
    match combine {
        Combine::And => a & b,
        Combine::Or => a | b,
        Combine::Xor => a ^ b,
    }
}
