//! Words to values, by a kernel. Twin: shaders/sampler.wgsl.

use super::box_muller::{cos_sin, radius};
use super::interleave::Interleave;
use super::inverse_normal::signed_quantile;
use super::simd::Simd;
use super::vector::{Floats, Words};
use crate::coefficients::Coefficients;
use crate::kernel::KernelKind;

/// The bits of a value divided by the scale, or 0 where that is below 2^-126 in magnitude. `exponent` is the scale's,
/// in the position of an f32's exponent.
#[inline(always)]
pub(crate) fn flush<U: Simd>(value: Floats<U>, exponent: u32) -> Words<U> {
    let bits = value.bits();
    // A value whose exponent is not above the scale's would be subnormal. Without a scale this is the exponent 0:
    // devices may flush subnormal numbers to 0, so all do.
    let small = bits.all(exponent).at_least(bits & 0x7f80_0000);
    small.words(bits.all(0), bits - exponent)
}

/// A uniform from a word: its low 24 bits, which f32 holds exactly, times the scale, plus `low`.
#[inline(always)]
fn uniform_value<U: Simd>(w: Words<U>, c: &Coefficients) -> Words<U> {
    let u = (w & 0xff_ffff).to_f32();
    let value = u * c.scale + c.bias;
    // the sum may round up to `high`, which is excluded
    flush(value.above(c.top).floats(value.all(c.top), value), c.scale_exponent)
}

/// A standard normal times std, plus the mean.
#[inline(always)]
fn normal_value<U: Simd>(z: Floats<U>, c: &Coefficients) -> Words<U> {
    flush(z * c.scale + c.bias, c.scale_exponent)
}

/// The carry of a wrapping sum: 1 where the sum is below a summand.
#[inline(always)]
fn carry<U: Simd>(sum: Words<U>, summand: Words<U>) -> Words<U> {
    sum.at_least(summand).words(sum.all(0), sum.all(1))
}

/// The quantile of a word's probability in its window.
#[inline(always)]
pub(crate) fn window_quantile<U: Simd>(w: Words<U>, c: &Coefficients) -> Floats<U> {
    // The product has 96 bits, and the lowest 32 are dropped. 32-bit lanes have no carry flag, so a carry is found by
    // comparing a sum with a summand.
    // base + w range 2^-32
    let [_, carried] = w.mul_wide(c.range[0]);
    let [product, product_high] = w.mul_wide(c.range[1]);
    let first = product + carried;
    let low = first + c.base[0];
    let high = product_high + c.base[1] + carry(first, carried) + carry(low, first);
    signed_quantile(high, low, c.exponent, c.centre)
}

/// A truncated normal from a word, for a wide window.
#[inline(always)]
fn truncated_value<U: Simd>(w: Words<U>, c: &Coefficients) -> Words<U> {
    inside(window_quantile(w ^ c.flip, c) * c.scale + c.bias, c)
}

/// A truncated normal from a word, for a narrow window: see [`Narrow`](crate::window::Narrow).
#[inline(always)]
fn narrow_value<U: Simd>(w: Words<U>, c: &Coefficients) -> Words<U> {
    // t = (w + 1/2) 2^-32 - 1/2
    // flipping the top bit subtracts 2^31, so the high half is a signed number about 0; the product with 65536 is exact
    let high = (w ^ 0x8000_0000).shr_signed(16).to_f32();
    let t = (high * 65536.0 + ((w & 0xffff).to_f32() + 0.5)) * (1.0 / 4_294_967_296.0);
    let y = c.step * t + c.start;
    let series = (((c.series_5 * y + c.series_4) * y + c.series_3) * y + c.series_2) * y + 1.0;
    let main = c.scale * t + c.shift;
    // the window's middle comes last: added before, it would cost the smaller summands their low bits
    inside((main * series + c.residue) + c.bias, c)
}

/// Clamps a value to the window, which rounding may leave.
#[inline(always)]
fn inside<U: Simd>(value: Floats<U>, c: &Coefficients) -> Words<U> {
    let value = value.below(c.bottom).floats(value.all(c.bottom), value);
    flush(value.above(c.top).floats(value.all(c.top), value), c.scale_exponent)
}

/// The normals of a vector of blocks. Words pair up, (0, 1) and (2, 3). The steps of `next` run between those of the
/// square root.
#[inline(always)]
fn normals<U: Simd>([w0, w1, w2, w3]: [Words<U>; 4], next: &mut impl Interleave) -> [Floats<U>; 4] {
    // both pairs of a block at a time: their operations are independent, which hides latency
    let [cos, sin] = cos_sin(Words::pair(w1, w3));
    let mut root = radius(Words::pair(w0, w2));
    // each loop runs once: it keeps the compiler from moving the steps apart (see interleave.rs)
    for _ in next.once() {
        next.step(0);
        root.guess();
    }
    for _ in next.once() {
        next.step(1);
        root.split();
    }
    for _ in next.once() {
        next.step(2);
        root.invert();
    }
    for _ in next.once() {
        next.step(3);
        root.finish();
    }
    let r = root.value();
    let ([z0, z2], [z1, z3]) = ((r * cos).halves(), (r * sin).halves());
    [z0, z1, z2, z3]
}

/// Turns the words of a vector of blocks into values, as the bits of f32. Runs the steps of `next` meanwhile.
#[inline(always)]
pub(crate) fn sample<U: Simd>(
    kind: KernelKind,
    mut w: [Words<U>; 4],
    c: &Coefficients,
    next: &mut impl Interleave,
) -> [Words<U>; 4] {
    if !matches!(kind, KernelKind::Normal | KernelKind::NormalNative | KernelKind::NormalCentred) {
        // the other kernels have no long chain to interleave with
        next.finish();
    }
    // loops, because unrolled quantiles take long to compile and are no faster
    match kind {
        KernelKind::Words => {}
        KernelKind::Constant => w = [w[0].all(c.bits); 4],
        KernelKind::Uniform => {
            for word in &mut w {
                *word = uniform_value(*word, c);
            }
        }
        // the CPU has no native normals: its exact ones are the fastest
        KernelKind::Normal | KernelKind::NormalNative => {
            let [z0, z1, z2, z3] = normals(w, next);
            w = [normal_value(z0, c), normal_value(z1, c), normal_value(z2, c), normal_value(z3, c)];
        }
        // no bias and no flush: its std is large enough that no value is subnormal
        KernelKind::NormalCentred => {
            let [z0, z1, z2, z3] = normals(w, next);
            w = [(z0 * c.scale).bits(), (z1 * c.scale).bits(), (z2 * c.scale).bits(), (z3 * c.scale).bits()];
        }
        // two words at a time, for the same reason as in `normals`
        KernelKind::Truncated => {
            for pair in w.as_chunks_mut().0 {
                let [first, second] = *pair;
                *pair = truncated_value(Words::pair(first, second), c).halves();
            }
        }
        KernelKind::TruncatedNarrow => {
            for word in &mut w {
                *word = narrow_value(*word, c);
            }
        }
    }
    w
}
