//! Integers, signed and unsigned: constant, or differences packed in groups.
//!
//! ```text
//! constant   tag, value
//! packed     tag, start, groups
//! coded      tag, start, entropy coded residuals (see [`super::ans`]), to the end
//! start      order 0: base; otherwise the first value, and the first difference for order 2
//! group      width (1 byte), 64 residuals of that width (the last group has fewer)
//! ```
//! The tag's bits 5 and 6 are the *order*: 0 codes the values themselves, 1 their differences, 2 the
//! differences of those. A *residual* is what remains of such a number after `base` was taken off; it is
//! unsigned for order 0 (base is the smallest value) and zigzag otherwise. All arithmetic wraps, so every
//! column of 64-bit numbers comes back, unsigned ones as the signed ones with the same bits.

use super::bits::{pack, packed_len, unpack, width_of};
use super::bytes::{Reader, put_signed, unzigzag, zigzag};
use super::{CodecError, Effort, ans, check_count};

const TAG_CONSTANT: u8 = 0;
const TAG_PACKED: u8 = 1;
const TAG_CODED: u8 = 2;

const TAG_BITS: u8 = 0x1f;
const ORDER_SHIFT: u32 = 5;

/// Residuals that share a width. A multiple of 64 keeps groups on byte borders.
const GROUP: usize = 64;

/// Appends a column.
pub fn encode_i64(values: &[i64], effort: Effort, out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    if values.iter().all(|&value| value == first) {
        out.push(TAG_CONSTANT);
        put_signed(first, out);
        return;
    }
    let order = choose_order(values);
    match effort {
        Effort::Fast => {
            out.push(TAG_PACKED | order << ORDER_SHIFT);
            let mut residuals = Residuals::start(values, order, out);
            put_groups(residuals.rest(values), |&value| residuals.next(value), out);
        }
        Effort::Small => encode_small(values, order, out),
    }
}

/// Entropy coded, or packed where that is not larger.
fn encode_small(values: &[i64], order: u8, out: &mut Vec<u8>) {
    let tag_at = out.len();
    out.push(TAG_CODED | order << ORDER_SHIFT);
    let mut state = Residuals::start(values, order, out);
    let residuals: Vec<u64> = state
        .rest(values)
        .iter()
        .map(|&value| state.next(value))
        .collect();
    let plan = ans::Plan::new(&residuals);
    if plan.bits < groups_bits(&residuals) {
        ans::encode(&plan, &residuals, out);
        return;
    }
    if let Some(tag) = out.get_mut(tag_at) {
        *tag = TAG_PACKED | order << ORDER_SHIFT;
    }
    put_groups(&residuals, |&residual| residual, out);
}

fn put_groups<T>(values: &[T], mut residual: impl FnMut(&T) -> u64, out: &mut Vec<u8>) {
    let mut group = [0_u64; GROUP];
    for chunk in values.chunks(GROUP) {
        let mut all = 0;
        for (slot, value) in group.iter_mut().zip(chunk) {
            *slot = residual(value);
            all |= *slot;
        }
        let width = width_of(all);
        #[expect(clippy::cast_possible_truncation, reason = "64 at most")]
        out.push(width as u8);
        pack(group.get(..chunk.len()).unwrap_or_default(), width, out);
    }
}

/// What [`put_groups`] will write.
fn groups_bits(residuals: &[u64]) -> usize {
    let group = |chunk: &[u64]| {
        let width = width_of(chunk.iter().fold(0, |all, residual| all | residual));
        8 + 8 * packed_len(chunk.len(), width)
    };
    residuals.chunks(GROUP).map(group).sum()
}

/// Reads a column and appends its `count` values.
pub fn decode_i64_into(bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), CodecError> {
    let mut reader = Reader::new(bytes);
    decode_from(&mut reader, count, out)?;
    reader.finish()
}

/// Reads a column that others follow; its end is not checked.
pub(super) fn decode_from(
    reader: &mut Reader<'_>,
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(), CodecError> {
    check_count(count)?;
    if count == 0 {
        return Ok(());
    }
    let at = reader.position();
    let tag = reader.byte()?;
    match tag & TAG_BITS {
        TAG_CONSTANT => {
            let value = reader.signed()?;
            out.resize(out.len() + count, value);
            Ok(())
        }
        TAG_PACKED => decode_packed(reader, tag >> ORDER_SHIFT, count, out),
        TAG_CODED => {
            let order = tag >> ORDER_SHIFT;
            let mut residuals = Residuals::read(reader, order, count, out)?;
            let left = count.saturating_sub(usize::from(order));
            out.reserve(left);
            ans::decode(reader, left, |residual| {
                out.push(residuals.restore(residual))
            })
        }
        _ => Err(CodecError::UnknownTag {
            at,
            what: "integer codec",
            tag,
        }),
    }
}

fn decode_packed(
    reader: &mut Reader<'_>,
    order: u8,
    count: usize,
    out: &mut Vec<i64>,
) -> Result<(), CodecError> {
    let mut residuals = Residuals::read(reader, order, count, out)?;
    let mut left = count.saturating_sub(usize::from(order));
    // A group is at least its width byte: damaged bytes can't ask for more room than this.
    out.reserve(left.min(reader.remaining().saturating_mul(GROUP)));
    while left > 0 {
        let at = reader.position();
        let width = reader.byte()?;
        if u32::from(width) > u64::BITS {
            let value = u64::from(width);
            return Err(CodecError::TooLarge {
                at,
                what: "width",
                value,
                max: 64,
            });
        }
        let size = left.min(GROUP);
        unpack(reader, size, u32::from(width), |residual| {
            out.push(residuals.restore(residual))
        })?;
        left -= size;
    }
    Ok(())
}

/// Turns values into residuals and back.
struct Residuals {
    order: u8,
    base: i64,
    value: i64,
    delta: i64,
}

impl Residuals {
    /// Writes the start. The column has more values than its order.
    fn start(values: &[i64], order: u8, out: &mut Vec<u8>) -> Self {
        let mut this = Self {
            order,
            base: 0,
            value: 0,
            delta: 0,
        };
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        match order {
            0 => {
                this.base = values.iter().copied().min().unwrap_or_default();
                put_signed(this.base, out);
            }
            1 => {
                this.value = at(0);
                put_signed(this.value, out);
            }
            _ => {
                this.value = at(1);
                this.delta = at(1).wrapping_sub(at(0));
                put_signed(at(0), out);
                put_signed(this.delta, out);
            }
        }
        this
    }

    fn rest<'v>(&self, values: &'v [i64]) -> &'v [i64] {
        values.get(usize::from(self.order)..).unwrap_or_default()
    }

    #[inline]
    fn next(&mut self, value: i64) -> u64 {
        match self.order {
            0 => value.wrapping_sub(self.base).cast_unsigned(),
            1 => {
                let delta = value.wrapping_sub(self.value);
                self.value = value;
                zigzag(delta)
            }
            _ => {
                let delta = value.wrapping_sub(self.value);
                let change = delta.wrapping_sub(self.delta);
                (self.value, self.delta) = (value, delta);
                zigzag(change)
            }
        }
    }

    /// Reads the start and appends the values that are part of it.
    fn read(
        reader: &mut Reader<'_>,
        order: u8,
        count: usize,
        out: &mut Vec<i64>,
    ) -> Result<Self, CodecError> {
        let at = reader.position();
        let mut this = Self {
            order,
            base: 0,
            value: 0,
            delta: 0,
        };
        match order {
            0 => this.base = reader.signed()?,
            1 => {
                this.value = reader.signed()?;
                out.push(this.value);
            }
            2 if count >= 2 => {
                let first = reader.signed()?;
                this.delta = reader.signed()?;
                this.value = first.wrapping_add(this.delta);
                out.push(first);
                out.push(this.value);
            }
            _ => {
                return Err(CodecError::Invalid {
                    at,
                    what: "impossible order of differences",
                });
            }
        }
        Ok(this)
    }

    #[inline]
    fn restore(&mut self, residual: u64) -> i64 {
        match self.order {
            0 => self.base.wrapping_add(residual.cast_signed()),
            1 => {
                self.value = self.value.wrapping_add(unzigzag(residual));
                self.value
            }
            _ => {
                self.delta = self.delta.wrapping_add(unzigzag(residual));
                self.value = self.value.wrapping_add(self.delta);
                self.value
            }
        }
    }
}

/// The order whose residuals are narrowest, by a sample.
fn choose_order(values: &[i64]) -> u8 {
    const RUNS: usize = 4;
    const RUN: usize = 16;
    let step = (values.len() / RUNS).max(RUN);
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    let (mut first, mut second, mut counted) = (0_u64, 0_u64, 0_u64);
    for chunk in values.chunks(step) {
        let run = chunk.get(..RUN.min(chunk.len())).unwrap_or_default();
        for triple in run.windows(3) {
            let [a, b, c] = *triple else { continue };
            low = low.min(c);
            high = high.max(c);
            let delta = c.wrapping_sub(b);
            first += u64::from(width_of(zigzag(delta)));
            second += u64::from(width_of(zigzag(delta.wrapping_sub(b.wrapping_sub(a)))));
            counted += 1;
        }
    }
    if counted == 0 {
        return 0;
    }
    let range = high.wrapping_sub(low).cast_unsigned();
    // The widest of a group decides, which is about two bits above the mean.
    let zeroth = u64::from(width_of(range)) * counted;
    let (first, second) = (first + 2 * counted, second + 2 * counted);
    if zeroth <= first && zeroth <= second {
        0
    } else if first <= second {
        1
    } else {
        2
    }
}

/// Appends a column of unsigned integers.
pub fn encode_u64(values: &[u64], effort: Effort, out: &mut Vec<u8>) {
    let signed: Vec<i64> = values.iter().map(|value| value.cast_signed()).collect();
    encode_i64(&signed, effort, out);
}

/// Reads a column of unsigned integers and appends its `count` values.
pub fn decode_u64_into(bytes: &[u8], count: usize, out: &mut Vec<u64>) -> Result<(), CodecError> {
    let mut signed = Vec::new();
    decode_i64_into(bytes, count, &mut signed)?;
    out.extend(signed.into_iter().map(i64::cast_unsigned));
    Ok(())
}
