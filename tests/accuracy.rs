//! The exact normals against double precision; tools/src/bin/accuracy.rs goes through every word.
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are known to fit")]

#[path = "../tools/src/bin/accuracy.rs"]
mod accuracy;

use accuracy::{
    WINDOWS, angle_cases, centre_error, of_words, pair, pairs, radius_case, tail_errors, true_radius, window,
};
use seedtensors::reference::radius;
use seedtensors::{Arithmetic, Fill, Key, Sampler, cpu};

/// Words at which generators have failed: log(0), infinities, lost halves.
const ENDS: [u32; 9] = [0, 1, 2, 0x7fff_fffe, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff];

/// Every high half of the radius word, 2^24 angle words: an error below r * 2^-22 is promised.
#[test]
fn normals_are_within_r_times_two_to_the_minus_22() {
    for errors in pairs(24) {
        let (error, words) = errors.promised;
        assert!(error < 2f64.powi(-22), "{errors:?}");
        // a count that finds nothing would be broken: f32 cannot do better than half a unit in the last place
        assert!(error > 2f64.powi(-24), "{errors:?}");
        let of_words = pair((words >> 32) as u32, words as u32).map(|(a, truth, r)| (f64::from(a) - truth).abs() / r);
        assert!(of_words.contains(&error), "the words are not those that they say: {errors:?}, {of_words:?}");
    }
}

#[test]
fn normals_at_the_ends_of_the_words() {
    for even in ENDS {
        for odd in ENDS {
            for (value, truth, r) in pair(even, odd) {
                assert!((f64::from(value) - truth).abs() / r < 2f64.powi(-22), "{even:#x} {odd:#x}");
            }
        }
    }
}

/// The CPU is fastest with exact arithmetic, and its native normals are exact to the bit. With the smallest std, one
/// value in 2^25 lies so near to 2^-126 that a product rounded as a subnormal would reach it.
#[test]
fn native_normals_of_the_cpu_are_exact() {
    for (std, chunks) in [(1.0, 1), (f32::MIN_POSITIVE, 64)] {
        let fill = Fill::from_sampler(Key::new(42), Sampler::Normal { mean: 0.0, std }, chunks << 22);
        let [mut exact, mut native] = [(); 2].map(|()| vec![0.0_f32; 1 << 22]);
        for start in (0..chunks).map(|chunk| chunk << 22) {
            let fill = fill.range(start..start + (1 << 22)).unwrap();
            cpu::fill(&fill, &mut exact).unwrap();
            cpu::fill(&fill.with_arithmetic(Arithmetic::Native), &mut native).unwrap();
            let differs = exact.iter().zip(&native).position(|(a, b)| a.to_bits() != b.to_bits());
            assert_eq!(differs, None, "std {std}, from element {start} on");
        }
    }
}

/// The half of w + 1/2 matters for small words, and the distance to 2^32 for large ones.
#[test]
fn the_radius_keeps_its_digits_at_both_ends() {
    for w in (0..5000).chain((0..5000).map(|w| u32::MAX - w)) {
        let (r, exact) = (f64::from(radius(w)), true_radius(w));
        assert!((r / exact - 1.0).abs() < 1.15 * 2f64.powi(-24), "{w:#x}: {r}, true {exact}");
    }
}

/// 2^11 of the probabilities between two powers of two, and 2^20 words of each window: |x| * 2^-21.8 is promised for all.
/// Those of this sample are within |x| * 2^-22.
#[test]
fn quantiles_are_within_two_to_the_minus_22_of_themselves() {
    let tails = tail_errors(11).into_iter().flat_map(|(counted, bounded)| [counted, bounded]);
    let windows = WINDOWS.map(|bounds| window(bounds, 20).promised.0);
    for error in windows.into_iter().chain([centre_error(11)]).chain(tails) {
        assert!(error < 2f64.powi(-22), "2^{:.3}", error.log2());
        assert!(error > 2f64.powi(-24), "a count that finds nothing is broken: 2^{:.3}", error.log2());
    }
}

/// 2^22 words: the radius within 1.2 units in the last place, cosine and sine within 2^-23.3.
#[test]
fn the_parts_of_a_normal_are_within_their_errors() {
    let [radii] = of_words(22, radius_case);
    assert_eq!(radii.eighths.iter().sum::<u64>(), 1 << 22);
    assert!(radii.ulps.0 < 1.2 && radii.ulps.0 > 0.5, "{radii:?}");
    let [(value, truth, _)] = radius_case(radii.absolute.1 as u32);
    assert_eq!((f64::from(value) - truth).abs(), radii.absolute.0, "the word is not the one that it says: {radii:?}");
    for errors in of_words(22, angle_cases) {
        assert!(errors.absolute.0 < 2f64.powf(-23.3) && errors.absolute.0 > 2f64.powi(-26), "{errors:?}");
    }
}
