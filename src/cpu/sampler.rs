//! Words to values, by a kernel. Twin: shaders/sampler.wgsl.

use super::box_muller::{cos_sin, radius};
use super::interleave::Interleave;
use super::inverse_normal::{TAIL, centre_factor, far_quantile, tail_quantile};
use super::simd::Simd;
use super::vector::{Floats, Mask, Words};
use crate::coefficients::Coefficients;
use crate::kernel::KernelKind;
#[cfg(feature = "dispatch")]
use crate::{
    cpu::vector::{lane, value},
    window::Reach,
};

/// The bits of a value divided by the scale, or 0 where that is below 2^-126 in magnitude. `exponent` is the scale's,
/// in the position of an f32's exponent.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn flush<U: Simd>(value: Floats<U>, exponent: u32) -> Words<U> {
    let bits = value.bits();
    // A value whose exponent is not above the scale's would be subnormal. Without a scale this is the exponent 0:
    // devices may flush subnormal numbers to 0, so all do.
    let small = bits.all(exponent).at_least(bits & 0x7f80_0000);
    small.words(bits.all(0), bits - exponent)
}

/// A uniform from a word: its low 24 bits, which f32 holds exactly, times the scale, plus `low`.
#[cfg_attr(not(debug_assertions), inline(always))]
fn uniform_value<U: Simd>(w: Words<U>, c: &Coefficients) -> Words<U> {
    let u = (w & 0xff_ffff).to_f32();
    let value = u * c.scale + c.bias;
    // the sum may round up to `high`, which is excluded
    flush(value.above(c.top).floats(value.all(c.top), value), c.scale_exponent)
}

/// A standard normal times std, plus the mean.
#[cfg_attr(not(debug_assertions), inline(always))]
fn normal_value<U: Simd>(z: Floats<U>, c: &Coefficients) -> Words<U> {
    flush(z * c.scale + c.bias, c.scale_exponent)
}

/// The place of a word in a wide window.
#[derive(Clone, Copy)]
pub(crate) struct Place<U: Simd> {
    /// The probability of the nearer tail.
    pub(crate) q: Floats<U>,
    /// The distance from a half, negative below the mean.
    pub(crate) distance: Floats<U>,
}

/// The place of a word in a window that is symmetric about the mean.
#[cfg_attr(not(debug_assertions), inline(always))]
fn symmetric_place<U: Simd>(w: Words<U>, c: &Coefficients) -> Place<U> {
    // the number of words from the nearer end has 31 bits: the upper half of the words is flipped
    let q = (w ^ w.shr_signed(31)).to_f32() * c.share + c.base[0];
    // flipping the top bit subtracts 2^31
    Place { q, distance: ((w ^ 0x8000_0000).to_f32() + 0.5) * c.share }
}

/// The place of a word in any other window.
#[cfg_attr(not(debug_assertions), inline(always))]
fn skewed_place<U: Simd>(w: Words<U>, c: &Coefficients) -> Place<U> {
    let above = w.at_least(w.all(c.zero));
    let n = above.words(w ^ u32::MAX, w);
    let base = above.floats(n.to_f32().all(c.base[1]), n.to_f32().all(c.base[0]));
    // 33 bits with the sign, in two exact parts
    let high = ((w >> 16) - (c.zero >> 16)).to_f32();
    let low = ((w & 0xffff) - (c.zero & 0xffff)).to_f32() + 0.5;
    let distance = high.exact_mul_add(low.all(65536.0), low) * c.share + c.offset;
    Place { q: unsigned(n) * c.share + base, distance }
}

/// Unsigned words to f32, to nearest.
#[cfg_attr(not(debug_assertions), inline(always))]
fn unsigned<U: Simd>(n: Words<U>) -> Floats<U> {
    let low = (n & 0xffff).to_f32();
    (n >> 16).to_f32().exact_mul_add(low.all(65536.0), low)
}

/// The place of a word in a window of one of the kernels that need it.
#[cfg_attr(not(debug_assertions), inline(always))]
fn place<U: Simd>(kind: KernelKind, w: Words<U>, c: &Coefficients) -> Place<U> {
    if kind == KernelKind::TruncatedSkewed { skewed_place(w, c) } else { symmetric_place(w, c) }
}

/// The quantile of a word in a wide window, where it is no tail.
#[cfg_attr(not(debug_assertions), inline(always))]
fn centre<U: Simd>(place: Place<U>, c: &Coefficients) -> Floats<U> {
    place.distance * centre_factor(place.q, c.quarter)
}

/// The probability of a word's tail in a far window, times 2^exponent.
#[cfg_attr(not(debug_assertions), inline(always))]
fn far_probability<U: Simd>(w: Words<U>, c: &Coefficients) -> Floats<U> {
    unsigned(w ^ u32::MAX) * c.share + c.base[1]
}

/// A truncated normal in a far window.
#[cfg_attr(not(debug_assertions), inline(always))]
fn far_value<U: Simd>(w: Words<U>, c: &Coefficients) -> Words<U> {
    inside(far_quantile(far_probability(w, c), c.exponent) * c.scale + c.bias, c)
}

/// The values of a window with tails.
pub(crate) struct WithTails<U: Simd> {
    /// The bits of the values, where they are in no tail.
    pub(crate) values: Words<U>,
    /// The bits of the nearer tail's probability, with the sign of the quantile.
    pub(crate) signed: Words<U>,
    /// Lanes of a tail.
    pub(crate) tail: Mask<U>,
}

/// Truncated normals in a window with tails, without the values of the tails: [`tail_value`] has those.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn centre_values<U: Simd>(kind: KernelKind, w: Words<U>, c: &Coefficients) -> WithTails<U> {
    let place = place(kind, w, c);
    WithTails {
        values: inside(centre(place, c) * c.scale + c.bias, c),
        signed: place.q.bits() | (place.distance.bits() & 0x8000_0000),
        tail: place.q.below(TAIL),
    }
}

/// A truncated normal in a tail, from its probability with the sign of the quantile.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn tail_value<U: Simd>(signed: Words<U>, c: &Coefficients) -> Words<U> {
    let x = tail_quantile((signed & 0x7fff_ffff).as_f32());
    inside((x.bits() | (signed & 0x8000_0000)).as_f32() * c.scale + c.bias, c)
}

/// The quantile of a word in a wide window, before it is mirrored.
#[cfg(feature = "dispatch")]
pub(crate) fn window_quantile(reach: Reach, w: u32, c: &Coefficients) -> f32 {
    let place = match reach {
        Reach::Far => return value(far_quantile(far_probability(lane(w), c), c.exponent)),
        Reach::Skewed => skewed_place(lane(w), c),
        Reach::Central | Reach::Symmetric => symmetric_place(lane(w), c),
    };
    if value(place.q) < TAIL {
        value(tail_quantile(place.q)).copysign(value(place.distance))
    } else {
        value(centre(place, c))
    }
}

/// A truncated normal from a word, for a narrow window: see [`Narrow`](crate::window::Narrow).
#[cfg_attr(not(debug_assertions), inline(always))]
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
#[cfg_attr(not(debug_assertions), inline(always))]
fn clamp<U: Simd>(value: Floats<U>, c: &Coefficients) -> Floats<U> {
    let value = value.below(c.bottom).floats(value.all(c.bottom), value);
    value.above(c.top).floats(value.all(c.top), value)
}

/// Clamps a value to the window and divides it by the scale.
#[cfg_attr(not(debug_assertions), inline(always))]
fn inside<U: Simd>(value: Floats<U>, c: &Coefficients) -> Words<U> {
    flush(clamp(value, c), c.scale_exponent)
}

/// The normals of a vector of blocks. Words pair up, (0, 1) and (2, 3). The steps of `next` run between those of the
/// square root.
#[cfg_attr(not(debug_assertions), inline(always))]
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
#[cfg_attr(not(debug_assertions), inline(always))]
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
        // all words at a time, for the same reason as in `normals`: a fifth faster than two at a time, where the next
        // vector's rounds could not hide the rest
        KernelKind::TruncatedCentral => {
            let x = centre(symmetric_place(Words::four(w), c), c);
            // no flush, as in the centred normal
            w = clamp(x * c.scale + c.bias, c).bits().quarters();
        }
        KernelKind::TruncatedFar => {
            for pair in w.as_chunks_mut().0 {
                let [first, second] = *pair;
                *pair = far_value(Words::pair(first, second), c).halves();
            }
        }
        // `sample_tails`, a group at a time
        KernelKind::Truncated | KernelKind::TruncatedSkewed => {}
        KernelKind::TruncatedNarrow => {
            for word in &mut w {
                *word = narrow_value(*word, c);
            }
        }
    }
    w
}
