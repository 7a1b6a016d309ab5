//! Statistics of a block: what answers many questions without decoding its columns.
//!
//! ```text
//! integers   min (zigzag; plain for unsigned), max - min, then unless that is 0:
//!            sum - count * min, first - min, last - min, row of min, row of max    all varints, wrapping
//! decimals   places (1 byte); min, max, first, last as integers of that scale, laid out as above; the
//!            sum as the nearest such integer, then how many representable doubles it is off (zigzag)
//! doubles    min, max, sum, first, last (8 bytes each), row of min, row of max (varints)
//! ```

use crate::engine::codec::{
    CodecError, POWERS_OF_TEN, Reader, put_signed, put_varint, scaled, unscaled,
};
use crate::engine::source::Number;
use crate::model::{FieldType, Values};
use std::ops::Range;

/// Booleans and strings have [`Number::None`] everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockStats {
    pub min: Number,
    pub max: Number,
    /// Integers wrap; doubles are added in the order of the rows.
    pub sum: Number,
    pub first: Number,
    pub last: Number,
    /// Rows of the earliest point that has the value `min` and `max`.
    pub min_row: usize,
    pub max_row: usize,
}

impl BlockStats {
    pub const NONE: Self = Self {
        min: Number::None,
        max: Number::None,
        sum: Number::None,
        first: Number::None,
        last: Number::None,
        min_row: 0,
        max_row: 0,
    };
}

/// How statistics are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsForm {
    None,
    Integers,
    Doubles,
    Decimals { places: u8 },
}

impl StatsForm {
    pub fn of(stats: &BlockStats) -> Self {
        match (stats.min, stats.max, stats.first, stats.last) {
            (Number::Integer(_) | Number::Unsigned(_), ..) => Self::Integers,
            (Number::Float(min), Number::Float(max), Number::Float(first), Number::Float(last)) => {
                decimal_form([min, max, first, last])
            }
            _ => Self::None,
        }
    }

    pub const fn bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Integers => 1,
            Self::Doubles => 2,
            Self::Decimals { .. } => 3,
        }
    }

    /// The decimals' places come later.
    pub fn from_bits(bits: u8) -> Result<Self, CodecError> {
        Ok(match bits {
            0 => Self::None,
            1 => Self::Integers,
            2 => Self::Doubles,
            3 => Self::Decimals { places: 0 },
            tag => {
                return Err(CodecError::UnknownTag {
                    at: 1,
                    what: "form of statistics",
                    tag,
                });
            }
        })
    }
}

/// Decimals when that is shorter than 40 bytes, which few places promise.
fn decimal_form(numbers: [f64; 4]) -> StatsForm {
    const PLACES_MAX: usize = 6;
    let exact = |power: &f64| {
        numbers
            .iter()
            .all(|&number| scaled(number, *power).is_some())
    };
    let places = POWERS_OF_TEN.iter().take(PLACES_MAX + 1).position(exact);
    match places.map(u8::try_from) {
        Some(Ok(places)) => StatsForm::Decimals { places },
        _ => StatsForm::Doubles,
    }
}

/// Computes the statistics of some rows of a column.
pub fn of(values: &Values, rows: Range<usize>) -> BlockStats {
    match values {
        Values::Float(values) => fold(
            values.get(rows),
            0.0,
            |sum, value| sum + value,
            Number::Float,
        ),
        Values::Integer(values) => fold(values.get(rows), 0, i64::wrapping_add, Number::Integer),
        Values::Unsigned(values) => fold(values.get(rows), 0, u64::wrapping_add, Number::Unsigned),
        Values::Boolean(_) | Values::String(_) => BlockStats::NONE,
    }
}

fn fold<T: Copy + PartialOrd>(
    values: Option<&[T]>,
    zero: T,
    add: impl Fn(T, T) -> T,
    number: impl Fn(T) -> Number,
) -> BlockStats {
    let values = values.unwrap_or_default();
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
        return BlockStats::NONE;
    };
    let (mut min, mut max, mut sum) = (first, first, zero);
    let (mut min_row, mut max_row) = (0, 0);
    for (row, &value) in values.iter().enumerate() {
        sum = add(sum, value);
        // Seldom taken, so that branches are cheaper than looking for the rows afterwards.
        if value < min {
            (min, min_row) = (value, row);
        }
        if value > max {
            (max, max_row) = (value, row);
        }
    }
    let [min, max, sum] = [min, max, sum].map(&number);
    BlockStats {
        min,
        max,
        sum,
        first: number(first),
        last: number(last),
        min_row,
        max_row,
    }
}

/// Min, max, sum, first, last as 64 bits that wrap.
struct Whole {
    min: u64,
    max: u64,
    sum: u64,
    first: u64,
    last: u64,
    min_row: usize,
    max_row: usize,
}

pub fn write(form: StatsForm, stats: &BlockStats, count: usize, out: &mut Vec<u8>) {
    match form {
        StatsForm::None => {}
        StatsForm::Integers => {
            let signed = matches!(stats.min, Number::Integer(_));
            write_whole(&whole(stats, integer_bits), signed, count, out);
        }
        StatsForm::Doubles => {
            for number in [stats.min, stats.max, stats.sum, stats.first, stats.last] {
                out.extend_from_slice(&double(number).to_bits().to_le_bytes());
            }
            put_varint(stats.min_row as u64, out);
            put_varint(stats.max_row as u64, out);
        }
        StatsForm::Decimals { places } => write_decimals(stats, places, count, out),
    }
}

fn whole(stats: &BlockStats, bits: impl Fn(Number) -> u64) -> Whole {
    Whole {
        min: bits(stats.min),
        max: bits(stats.max),
        sum: bits(stats.sum),
        first: bits(stats.first),
        last: bits(stats.last),
        min_row: stats.min_row,
        max_row: stats.max_row,
    }
}

const fn integer_bits(number: Number) -> u64 {
    match number {
        Number::Integer(value) => value.cast_unsigned(),
        Number::Unsigned(value) => value,
        Number::Float(_) | Number::None => 0,
    }
}

const fn double(number: Number) -> f64 {
    match number {
        Number::Float(value) => value,
        _ => 0.0,
    }
}

fn write_decimals(stats: &BlockStats, places: u8, count: usize, out: &mut Vec<u8>) {
    let power = POWERS_OF_TEN
        .get(usize::from(places))
        .copied()
        .unwrap_or(1.0);
    out.push(places);
    let bits = |number| {
        scaled(double(number), power)
            .unwrap_or_default()
            .cast_unsigned()
    };
    let mut whole = whole(stats, bits);
    let sum = double(stats.sum);
    // A sum is a few roundings off; one that is too large to scale is saturated and far off.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, which the next number mends"
    )]
    let nearest = (sum * power).round() as i64;
    whole.sum = nearest.cast_unsigned();
    write_whole(&whole, true, count, out);
    let off = sum
        .to_bits()
        .wrapping_sub(unscaled(nearest, power).to_bits());
    put_signed(off.cast_signed(), out);
}

fn write_whole(whole: &Whole, signed: bool, count: usize, out: &mut Vec<u8>) {
    if signed {
        put_signed(whole.min.cast_signed(), out);
    } else {
        put_varint(whole.min, out);
    }
    let range = whole.max.wrapping_sub(whole.min);
    put_varint(range, out);
    if range == 0 {
        return;
    }
    put_varint(
        whole.sum.wrapping_sub(whole.min.wrapping_mul(count as u64)),
        out,
    );
    put_varint(whole.first.wrapping_sub(whole.min), out);
    put_varint(whole.last.wrapping_sub(whole.min), out);
    put_varint(whole.min_row as u64, out);
    put_varint(whole.max_row as u64, out);
}

fn read_whole(signed: bool, count: usize, reader: &mut Reader<'_>) -> Result<Whole, CodecError> {
    let min = if signed {
        reader.signed()?.cast_unsigned()
    } else {
        reader.varint()?
    };
    let range = reader.varint()?;
    let least = min.wrapping_mul(count as u64);
    let mut whole = Whole {
        min,
        max: min.wrapping_add(range),
        sum: least,
        first: min,
        last: min,
        min_row: 0,
        max_row: 0,
    };
    if range != 0 {
        whole.sum = least.wrapping_add(reader.varint()?);
        whole.first = min.wrapping_add(reader.varint()?);
        whole.last = min.wrapping_add(reader.varint()?);
        whole.min_row = row(count, reader)?;
        whole.max_row = row(count, reader)?;
    }
    Ok(whole)
}

fn row(count: usize, reader: &mut Reader<'_>) -> Result<usize, CodecError> {
    reader.length(count.saturating_sub(1), "row of an extreme")
}

pub fn read(
    form: StatsForm,
    field_type: FieldType,
    count: usize,
    reader: &mut Reader<'_>,
) -> Result<BlockStats, CodecError> {
    match (form, field_type) {
        (StatsForm::None, FieldType::Boolean | FieldType::String) => Ok(BlockStats::NONE),
        (StatsForm::Integers, FieldType::Integer) => {
            let whole = read_whole(true, count, reader)?;
            Ok(numbers(&whole, |bits| Number::Integer(bits.cast_signed())))
        }
        (StatsForm::Integers, FieldType::Unsigned) => Ok(numbers(
            &read_whole(false, count, reader)?,
            Number::Unsigned,
        )),
        (StatsForm::Doubles, FieldType::Float) => read_doubles(count, reader),
        (StatsForm::Decimals { .. }, FieldType::Float) => read_decimals(count, reader),
        _ => Err(CodecError::Invalid {
            at: 1,
            what: "statistics of another type",
        }),
    }
}

fn numbers(whole: &Whole, number: impl Fn(u64) -> Number) -> BlockStats {
    BlockStats {
        min: number(whole.min),
        max: number(whole.max),
        sum: number(whole.sum),
        first: number(whole.first),
        last: number(whole.last),
        min_row: whole.min_row,
        max_row: whole.max_row,
    }
}

fn read_doubles(count: usize, reader: &mut Reader<'_>) -> Result<BlockStats, CodecError> {
    let mut next = || {
        reader
            .u64_le()
            .map(|bits| Number::Float(f64::from_bits(bits)))
    };
    let (min, max, sum, first, last) = (next()?, next()?, next()?, next()?, next()?);
    let (min_row, max_row) = (row(count, reader)?, row(count, reader)?);
    Ok(BlockStats {
        min,
        max,
        sum,
        first,
        last,
        min_row,
        max_row,
    })
}

fn read_decimals(count: usize, reader: &mut Reader<'_>) -> Result<BlockStats, CodecError> {
    let at = reader.position();
    let places = reader.byte()?;
    let power = POWERS_OF_TEN.get(usize::from(places)).copied();
    let power = power.ok_or(CodecError::UnknownTag {
        at,
        what: "scale",
        tag: places,
    })?;
    let whole = read_whole(true, count, reader)?;
    let mut stats = numbers(&whole, |bits| {
        Number::Float(unscaled(bits.cast_signed(), power))
    });
    let nearest = double(stats.sum).to_bits();
    let off = reader.signed()?.cast_unsigned();
    stats.sum = Number::Float(f64::from_bits(nearest.wrapping_add(off)));
    Ok(stats)
}
