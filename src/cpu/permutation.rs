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
    key: Key,
    grid: Grid,
    column: u64,
    /// For each round the shift for each value of the other coordinate. Empty where few places are asked for.
    shifts: Vec<Vec<u32>>,
}

impl Permutation {
    /// The permutation of a column under a key, for about this many places.
    pub(super) fn new(key: Key, grid: Grid, column: u64, places: usize) -> Self {
        let mut permutation = Self { key, grid, column, shifts: Vec::new() };
        // a place needs one shift of each round, and tables need those of a whole side
        if places >= (grid.width as usize).midpoint(grid.height as usize) {
            // even rounds shift x by a number that depends on y
            let other = |round: u32| if round.is_multiple_of(2) { grid.height } else { grid.width };
            let table = |round| (0..other(round)).map(|value| permutation.shift(round, value)).collect();
            permutation.shifts = (0..grid.rounds).map(table).collect();
        }
        permutation
    }

    /// The shift of a round for a value of the other coordinate.
    fn shift(&self, round: u32, value: u32) -> u32 {
        let Self { key, grid, column, .. } = self;
        let shifted = if round.is_multiple_of(2) { grid.width } else { grid.height };
        let index = (column.wrapping_mul(32).wrapping_add(round.into()) << 16).wrapping_add(value.into());
        scaled(key.block(index)[0], shifted)
    }

    /// The place of a row.
    pub(super) fn place(&self, row: u32) -> u32 {
        if self.shifts.is_empty() {
            self.place_by(row, |round, value| self.shift(round, value))
        } else {
            self.place_by(row, |round, value| self.shifts[round as usize][value as usize])
        }
    }

    /// The place of a row by the shifts of each round.
    fn place_by(&self, row: u32, shifts: impl Fn(u32, u32) -> u32) -> u32 {
        let Grid { rows, width, height, rounds } = self.grid;
        let mut place = row;
        loop {
            let (mut x, mut y) = (place / height, place % height);
            for round in (0..rounds).step_by(2) {
                x = shift(x, shifts(round, y), width);
                y = shift(y, shifts(round + 1, x), height);
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
                let permutation = Permutation::new(Key::new(42), Grid::new(rows), column, rows as usize);
                let few = Permutation::new(Key::new(42), Grid::new(rows), column, 0);
                assert_eq!((permutation.shifts.len(), few.shifts.len()), (permutation.grid.rounds as usize, 0));
                let mut taken = vec![false; rows as usize];
                for row in 0..rows {
                    assert!(!std::mem::replace(&mut taken[permutation.place(row) as usize], true));
                    assert_eq!(few.place(row), permutation.place(row));
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
            let permutation = Permutation::new(Key::new(7), Grid::new(5), column, 2);
            counts[(permutation.place(1) * 5 + permutation.place(3)) as usize] += 1;
        }
        let chi: f64 = counts.iter().filter(|&&n| n > 0).map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(counts.iter().filter(|&&n| n == 0).count(), 5);
        assert!(chi < 65.0, "{chi}");
    }
}
