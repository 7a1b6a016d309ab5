//! Residuals: what remains of integers when what can be foretold was taken off.
//!
//! ```text
//! order 0    value - base, unsigned                   start: base, the smallest value
//! order 1    difference - centre, zigzag              start: first value, centre
//! order 2    difference of differences, zigzag        start: first value, first difference
//! order 3    value - centre, zigzag                   start: centre
//! ```
//! The start's numbers are zigzag varints. The centre of order 1 is a typical difference: 0 for what
//! wanders, the step of what rises steadily. The centre of order 3 is a typical value: it suits noise
//! with outliers below, which would make all that order 0 leaves wide.

use super::CodecError;
use super::bits::width_of;
use super::bytes::{Reader, put_signed, unzigzag, zigzag};
use super::int::ResidualSource;

/// What is taken off: the order and the base of order 0 or centre of order 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub order: u8,
    offset: i64,
}

/// Turns values into residuals.
pub struct Residuals {
    order: u8,
    /// Base of order 0, centre of order 1, the last difference of order 2.
    offset: i64,
    value: i64,
}

impl Residuals {
    /// Writes the start.
    pub fn start(values: &[i64], shape: Shape, out: &mut Vec<u8>) -> Self {
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let Shape { order, mut offset } = shape;
        if matches!(order, 1 | 2) {
            put_signed(at(0), out);
        }
        if order == 2 {
            offset = at(1).wrapping_sub(at(0));
        }
        put_signed(offset, out);
        let value = if order == 2 { at(1) } else { at(0) };
        Self {
            order,
            offset,
            value,
        }
    }

    /// The values that are not part of the start.
    pub fn rest<'v>(&self, values: &'v [i64]) -> &'v [i64] {
        values.get(started(self.order)..).unwrap_or_default()
    }

    #[inline]
    pub fn next(&mut self, value: i64) -> u64 {
        match self.order {
            0 => return value.wrapping_sub(self.offset).cast_unsigned(),
            3 => return zigzag(value.wrapping_sub(self.offset)),
            _ => {}
        }
        let delta = value.wrapping_sub(self.value);
        let residual = zigzag(delta.wrapping_sub(self.offset));
        self.value = value;
        if self.order == 2 {
            self.offset = delta;
        }
        residual
    }

    pub fn all(mut self, values: &[i64]) -> Vec<u64> {
        self.rest(values)
            .iter()
            .map(|&value| self.next(value))
            .collect()
    }
}

/// Values that are part of the start.
const fn started(order: u8) -> usize {
    match order {
        1 => 1,
        2 => 2,
        _ => 0,
    }
}

/// Reads the start and `count` values from it on.
pub fn restore(
    reader: &mut Reader<'_>,
    order: u8,
    count: usize,
    out: &mut Vec<i64>,
    source: &impl ResidualSource,
) -> Result<(), CodecError> {
    let (mut value, mut offset) = read_start(reader, order, count, out)?;
    let start = out.len();
    out.resize(start + count - started(order), 0);
    let slots = out.get_mut(start..).unwrap_or_default();
    match order {
        0 => source.fill(reader, slots, |residual| {
            offset.wrapping_add(residual.cast_signed())
        }),
        1 => source.fill(reader, slots, |residual| {
            value = value.wrapping_add(unzigzag(residual).wrapping_add(offset));
            value
        }),
        3 => source.fill(reader, slots, |residual| {
            offset.wrapping_add(unzigzag(residual))
        }),
        _ => source.fill(reader, slots, |residual| {
            offset = offset.wrapping_add(unzigzag(residual));
            value = value.wrapping_add(offset);
            value
        }),
    }
}

/// The last value of the start, which is appended, and the offset. There are `count` values in all.
fn read_start(
    reader: &mut Reader<'_>,
    order: u8,
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(i64, i64), CodecError> {
    let at = reader.position();
    let started = started(order);
    if order > 3 || count < started {
        return Err(CodecError::Invalid {
            at,
            what: "impossible order of differences",
        });
    }
    if started == 0 {
        return Ok((0, reader.signed()?));
    }
    let (mut value, offset) = (reader.signed()?, reader.signed()?);
    out.push(value);
    if order == 2 {
        value = value.wrapping_add(offset);
        out.push(value);
    }
    Ok((value, offset))
}

const RUNS: usize = 4;
const RUN: usize = 16;
/// Shorter columns have fewer runs: choosing must stay cheap beside coding.
const ROWS_PER_RUN: usize = 24;
const SAMPLE: usize = RUNS * RUN;
/// Differences of which the median is sought.
const MEDIAN_OF: usize = 15;

/// Up to 64 values with their differences, in four runs spread over the column.
struct Sample {
    taken: usize,
    values: [i64; SAMPLE],
    deltas: [i64; SAMPLE],
    changes: [i64; SAMPLE],
}

impl Sample {
    fn of(values: &[i64]) -> Self {
        let none = [0; SAMPLE];
        let mut this = Self {
            taken: 0,
            values: none,
            deltas: none,
            changes: none,
        };
        let runs = (values.len() / ROWS_PER_RUN).clamp(1, RUNS);
        let step = values.len().div_ceil(runs).max(RUN + 2);
        for chunk in values.chunks(step) {
            let run = chunk.get(..(RUN + 2).min(chunk.len())).unwrap_or_default();
            for triple in run.windows(3) {
                let [before, middle, value] = *triple else {
                    continue;
                };
                this.take(before, middle, value);
            }
        }
        this
    }

    fn take(&mut self, before: i64, middle: i64, value: i64) {
        let at = self.taken;
        let slots = (
            self.values.get_mut(at),
            self.deltas.get_mut(at),
            self.changes.get_mut(at),
        );
        if let (Some(value_slot), Some(delta_slot), Some(change_slot)) = slots {
            *value_slot = value;
            *delta_slot = value.wrapping_sub(middle);
            *change_slot = delta_slot.wrapping_sub(middle.wrapping_sub(before));
            self.taken += 1;
        }
    }

    /// The median of some of `numbers`, which are one of the sample's three kinds.
    fn median(&self, numbers: &[i64; SAMPLE]) -> i64 {
        let mut some = [0; MEDIAN_OF];
        let step = self.taken.div_ceil(MEDIAN_OF).max(1);
        let numbers = numbers.iter().take(self.taken).step_by(step);
        let count = numbers.len().min(MEDIAN_OF);
        some.iter_mut()
            .zip(numbers)
            .for_each(|(slot, number)| *slot = *number);
        let Some(some) = some.get_mut(..count) else {
            return 0;
        };
        some.sort_unstable();
        some.get(count / 2).copied().unwrap_or_default()
    }

    /// Sum of the widths of `numbers` as residuals.
    fn cost(&self, numbers: &[i64; SAMPLE], residual: impl Fn(i64) -> u64) -> u64 {
        let numbers = numbers.iter().take(self.taken);
        numbers
            .map(|&number| u64::from(width_of(residual(number))))
            .sum()
    }
}

impl Shape {
    const fn new(order: u8, offset: i64) -> Self {
        Self { order, offset }
    }

    /// The narrower of the first two orders for packing a short column: exact, where a sample would cost
    /// more than the column.
    pub fn of_short(values: &[i64]) -> Self {
        let [first, rest @ ..] = values else {
            return Self::new(0, 0);
        };
        let (mut low, mut high, mut last) = (*first, *first, *first);
        let (mut delta_low, mut delta_high) = (i64::MAX, i64::MIN);
        for &value in rest {
            let delta = value.wrapping_sub(last);
            low = low.min(value);
            high = high.max(value);
            delta_low = delta_low.min(delta);
            delta_high = delta_high.max(delta);
            last = value;
        }
        let count = values.len() as u64;
        let start = |offset: i64| 8 + 8 * u64::from(width_of(zigzag(offset)) / 7);
        let zeroth = u64::from(width_of(high.wrapping_sub(low).cast_unsigned()));
        let order_1 = |centre: i64| {
            let ends = [delta_low, delta_high].map(|delta| zigzag(delta.wrapping_sub(centre)));
            let width = u64::from(width_of(ends.into_iter().fold(0, |all, end| all | end)));
            (
                width * (count - 1) + start(*first) + start(centre),
                Self::new(1, centre),
            )
        };
        let half = delta_high.wrapping_sub(delta_low).cast_unsigned() / 2;
        let shapes = [
            (zeroth * count + start(low), Self::new(0, low)),
            order_1(0),
            order_1(delta_low.wrapping_add_unsigned(half)),
        ];
        let least = shapes.into_iter().min_by_key(|(bits, _)| *bits);
        least.map_or(Self::new(0, low), |(_, shape)| shape)
    }

    /// The shape whose residuals are narrowest, by a sample. A column of two values and fewer, of which
    /// there is no sample, has order 0.
    pub fn choose(values: &[i64]) -> Self {
        let sample = Sample::of(values);
        let around = |centre: i64| move |number: i64| zigzag(number.wrapping_sub(centre));
        // An outlier that the sample missed makes everything above it wide.
        let base = values.iter().copied().min().unwrap_or_default();
        let zeroth = sample.cost(&sample.values, |value| {
            value.wrapping_sub(base).cast_unsigned()
        });
        let first = sample.cost(&sample.deltas, around(0));
        let second = sample.cost(&sample.changes, around(0));
        let delta = sample.median(&sample.deltas);
        let centred = sample.cost(&sample.deltas, around(delta));
        let middle = sample.median(&sample.values);
        let third = sample.cost(&sample.values, around(middle));
        // Differences of noise look narrower than they code, by half a bit each time, and a centre must
        // gain more than chance gives it.
        let half = sample.taken as u64 / 2;
        let shapes = [
            (zeroth, Self::new(0, base)),
            (third + half, Self::new(3, middle)),
            (first + half, Self::new(1, 0)),
            (centred + half + half / 2, Self::new(1, delta)),
            (second + 2 * half, Self::new(2, 0)),
        ];
        let least = shapes.into_iter().min_by_key(|(cost, _)| *cost);
        least.map_or(Self::new(0, base), |(_, shape)| shape)
    }
}
