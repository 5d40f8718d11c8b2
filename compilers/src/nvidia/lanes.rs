//! The threads of a workgroup as lanes of arrays: a register is one word for each of them.

/// Lanes that run together: the most threads that a workgroup may have.
pub(super) const LANES: usize = 256;
/// Lanes of a warp.
pub(super) const WARP: usize = 32;

/// A word of each lane. Predicates and masks are all ones where they hold, else 0.
pub(super) type Lanes = [u32; LANES];

/// The same word in every lane.
pub(super) const fn splat(word: u32) -> Lanes {
    [word; LANES]
}

/// A mask of no lane, and of all.
pub(super) static NONE: Lanes = splat(0);
pub(super) static ALL: Lanes = splat(u32::MAX);

/// A predicate's word.
#[inline(always)]
pub(super) const fn word(holds: bool) -> u32 {
    if holds { u32::MAX } else { 0 }
}

#[inline(always)]
pub(super) fn map(out: &mut Lanes, a: &Lanes, f: impl Fn(u32) -> u32) {
    for (out, a) in out.iter_mut().zip(a) {
        *out = f(*a);
    }
}

#[inline(always)]
pub(super) fn zip(out: &mut Lanes, a: &Lanes, b: &Lanes, f: impl Fn(u32, u32) -> u32) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out = f(*a, *b);
    }
}

#[inline(always)]
pub(super) fn zip3(out: &mut Lanes, [a, b, c]: [&Lanes; 3], f: impl Fn(u32, u32, u32) -> u32) {
    for (((out, a), b), c) in out.iter_mut().zip(a).zip(b).zip(c) {
        *out = f(*a, *b, *c);
    }
}

/// Two words out of three, the second into `high`.
#[inline(always)]
pub(super) fn zip3_wide(out: &mut Lanes, high: &mut Lanes, abc: [&Lanes; 3], f: impl Fn(u32, u32, u32) -> (u32, u32)) {
    let [a, b, c] = abc;
    for ((((out, high), a), b), c) in out.iter_mut().zip(high).zip(a).zip(b).zip(c) {
        (*out, *high) = f(*a, *b, *c);
    }
}

/// Writes the lanes of a mask.
#[inline(always)]
pub(super) fn blend(target: &mut Lanes, value: &Lanes, mask: &Lanes) {
    for ((target, value), mask) in target.iter_mut().zip(value).zip(mask) {
        // no branch: a mask is all ones or 0 in each lane
        *target = (*target & !mask) | (value & mask);
    }
}

/// The number of warps with at least one lane in the mask.
pub(super) fn warps(mask: &Lanes) -> u64 {
    // a warp issues an instruction once, however many of its lanes run it
    mask.chunks(WARP).filter(|warp| warp.iter().any(|lane| *lane != 0)).count() as u64
}

/// The number of lanes in the mask.
#[inline(always)]
pub(super) fn count(mask: &Lanes) -> u64 {
    // all bits of a set lane are 1; one of them is counted
    mask.iter().map(|lane| u64::from(lane & 1)).sum()
}
