//! Permutations of the rows of a sparse matrix's columns. Twin: shaders/matrix.wgsl.
//!
//! Each column has a permutation of its own, by a Feistel network on a grid (Black and Rogaway, "Ciphers with arbitrary
//! finite domains", 2002): a row is a point (x, y) of the grid, and each round shifts one coordinate by a random number
//! that depends on the other. A point outside of the rows is permuted again. So the place of any row is known without
//! the other rows, and the rows whose place is below a count are exactly that many.

use crate::Key;
use crate::matrix::Grid;

/// The permutation of one column.
pub(super) struct Permutation {
    grid: Grid,
    /// For each round the shift for each value of the other coordinate.
    shifts: Vec<Vec<u32>>,
}

impl Permutation {
    /// The permutation of a column under a key.
    pub(super) fn new(key: Key, grid: Grid, column: u64) -> Self {
        let shifts = |round: u32| {
            // even rounds shift x by a number that depends on y
            let sides = (grid.width, grid.height);
            let (shifted, other) = if round.is_multiple_of(2) { sides } else { (sides.1, sides.0) };
            let index =
                |value: u32| (column.wrapping_mul(32).wrapping_add(round.into()) << 16).wrapping_add(value.into());
            (0..other).map(|value| scaled(key.block(index(value))[0], shifted)).collect()
        };
        Self { grid, shifts: (0..grid.rounds).map(shifts).collect() }
    }

    /// The place of a row.
    pub(super) fn place(&self, row: u32) -> u32 {
        let Grid { rows, width, height, .. } = self.grid;
        let mut place = row;
        loop {
            let (mut x, mut y) = (place / height, place % height);
            for shifts in self.shifts.as_chunks::<2>().0 {
                x = shift(x, shifts[0][y as usize], width);
                y = shift(y, shifts[1][x as usize], height);
            }
            place = x * height + y;
            // a few points of the grid are no rows; since the network is a permutation, this ends
            if place < rows {
                return place;
            }
        }
    }
}

/// A random word as a number below a bound.
const fn scaled(word: u32, bound: u32) -> u32 {
    ((word as u64 * bound as u64) >> 32) as u32
}

/// A coordinate and a shift, both below the bound, added modulo the bound.
const fn shift(coordinate: u32, shift: u32, bound: u32) -> u32 {
    let sum = coordinate + shift;
    if sum < bound { sum } else { sum - bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_taken_once() {
        for rows in [1, 2, 3, 5, 6, 7, 30, 31, 97, 1000, 65_537] {
            for column in [0, 1, u64::MAX] {
                let permutation = Permutation::new(Key::new(42), Grid::new(rows), column);
                let mut taken = vec![false; rows as usize];
                for row in 0..rows {
                    assert!(!std::mem::replace(&mut taken[permutation.place(row) as usize], true));
                }
            }
        }
    }

    /// The places of two rows in 20,000 columns: chi-square over the 20 ordered pairs of 5 rows, 19 degrees of freedom,
    /// whose quantile at 1e-6 is 65. With 6 rounds it is 397.
    #[test]
    fn pairs_of_places_are_uniform() {
        let mut counts = [0_u32; 25];
        for column in 0..20_000 {
            let permutation = Permutation::new(Key::new(7), Grid::new(5), column);
            counts[(permutation.place(1) * 5 + permutation.place(3)) as usize] += 1;
        }
        let chi: f64 = counts.iter().filter(|&&n| n > 0).map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(counts.iter().filter(|&&n| n == 0).count(), 5);
        assert!(chi < 65.0, "{chi}");
    }
}
