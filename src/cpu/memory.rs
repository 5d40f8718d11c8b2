//! Vectors that return an error where there is no memory for them.

use bytemuck::Zeroable;

use crate::{Error, Result};

/// An empty vector with room for `count` elements.
pub(crate) fn reserve<T>(count: u64) -> Result<Vec<T>> {
    // `try_reserve_exact` returns an error where `with_capacity` would abort the process
    let mut vec = Vec::new();
    let reserved = usize::try_from(count).ok().and_then(|count| vec.try_reserve_exact(count).ok());
    reserved.ok_or(Error::NoMemory { bytes: count.saturating_mul(size_of::<T>() as u64) })?;
    Ok(vec)
}

/// A vector of `count` zeros.
#[expect(clippy::cast_possible_truncation, reason = "`reserve` refuses a count that is no usize")]
pub(crate) fn zeros<T: Zeroable + Clone>(count: u64) -> Result<Vec<T>> {
    let mut vec = reserve(count)?;
    vec.resize(count as usize, T::zeroed());
    Ok(vec)
}
