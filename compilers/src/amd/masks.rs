//! Runs AMD's vector instructions that write or read a mask of lanes.

use anyhow::Result;

use super::instruction::{Compare, Kind, Relation};
use super::operand::{EXEC, Operand};
use super::scalar::split;
use super::vector::{Lanes, map};
use super::wave::Wave;
use crate::lanes::{all_ones, blend, float};

impl<const W: usize> Wave<W> {
    /// A mask with a bit for each lane that is on and for which `f` holds.
    #[inline(always)]
    fn mask(&self, f: impl Fn(usize) -> bool) -> u64 {
        let mut mask = 0;
        for lane in 0..W {
            mask |= u64::from(f(lane)) << lane;
        }
        mask & self.exec()
    }

    #[inline(always)]
    pub(super) fn compare(&mut self, compare: &Compare) -> Result<()> {
        let (a, b) = (self.read(&compare.from[0])?, self.read(&compare.from[1])?);
        // bits of lanes that are off become 0, as in every mask that is written
        let mask = match compare.kind {
            Kind::U32 => self.related(compare.relation, &a, &b, |x| x)?,
            Kind::I32 => self.related(compare.relation, &a, &b, u32::cast_signed)?,
            Kind::F32 => self.related(compare.relation, &a, &b, float)?,
        };
        if let Some(to) = compare.to {
            self.set_mask(to, mask);
        }
        if compare.exec {
            self.set_mask(EXEC, mask);
        }
        Ok(())
    }

    #[inline(always)]
    #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "not less is also true of what is no number")]
    fn related<T: PartialOrd>(
        &self,
        relation: Relation,
        a: &Lanes<W>,
        b: &Lanes<W>,
        typed: impl Fn(u32) -> T,
    ) -> Result<u64> {
        let typed = |i: usize| (typed(a[i]), typed(b[i]));
        Ok(match relation {
            Relation::Less => self.mask(|i| typed(i).0 < typed(i).1),
            Relation::LessEqual => self.mask(|i| typed(i).0 <= typed(i).1),
            Relation::Equal => self.mask(|i| typed(i).0 == typed(i).1),
            Relation::NotEqual => self.mask(|i| typed(i).0 != typed(i).1),
            Relation::Greater => self.mask(|i| typed(i).0 > typed(i).1),
            Relation::GreaterEqual => self.mask(|i| typed(i).0 >= typed(i).1),
            Relation::NotLess => self.mask(|i| !(typed(i).0 < typed(i).1)),
            Relation::NotLessEqual => self.mask(|i| !(typed(i).0 <= typed(i).1)),
            Relation::NotGreater => self.mask(|i| !(typed(i).0 > typed(i).1)),
            Relation::NotGreaterEqual => self.mask(|i| !(typed(i).0 >= typed(i).1)),
        })
    }

    #[inline(always)]
    pub(super) fn select(&mut self, to: u8, from: &[Operand; 2], mask: u8) -> Result<()> {
        let (a, b, mask) = (self.read(&from[0])?, self.read(&from[1])?, self.get_mask(mask));
        let value = map(|i| blend(all_ones(mask, i), b[i], a[i]));
        self.write(to, &value);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn carry(&mut self, to: u8, out: u8, from: &[Operand; 2], carry: Option<u8>) -> Result<()> {
        let (a, b) = (self.read(&from[0])?, self.read(&from[1])?);
        let carry = carry.map_or(0, |mask| self.get_mask(mask));
        let sum = |i: usize| u64::from(a[i]) + u64::from(b[i]) + ((carry >> i) & 1);
        // both are computed before either is written
        let (value, mask) = (map(|i| split(sum(i))[0]), self.mask(|i| sum(i) >> 32 != 0));
        self.write(to, &value);
        self.set_mask(out, mask);
        Ok(())
    }
}
