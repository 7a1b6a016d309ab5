//! Decoding: backwards through the bits, values from the first to the last.

use super::frequencies::{self, Frequencies};
use super::{LOG_MIN, STATES_MAX, TOKENS, token_range};
use crate::engine::codec::CodecError;
use crate::engine::codec::bits::{BitReader, load, mask, width_of};
use crate::engine::codec::bytes::Reader;

/// Values between two looks whether the stream has already ended. Even.
const STRETCH: usize = 256;

/// With what the state takes, and the seven bits before, these many raw bits come in one load.
const RAW_AT_ONCE: u8 = 48;

/// What a state means to the decoder.
#[derive(Clone, Copy, Default)]
struct Decode {
    /// Smallest residual of the state's token.
    least: u64,
    /// Raw bits of the token.
    raw: u8,
    /// Bits to take into the next state, and as many ones.
    width: u8,
    mask: u8,
    /// The next state when these bits are zeros.
    next: u8,
}

#[expect(
    clippy::indexing_slicing,
    reason = "tokens are below TOKENS, states below STATES_MAX"
)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "states are below STATES_MAX"
)]
fn fill_table(
    frequencies: &Frequencies,
    log: u32,
    shift: u32,
    table: &mut [Decode; STATES_MAX],
) -> Option<()> {
    let mut ranges = [(0_u64, 0_u8); TOKENS];
    for (token, &frequency) in frequencies.iter().enumerate() {
        if frequency > 0 {
            let (least, raw) = token_range(token, shift)?;
            ranges[token] = (least, raw as u8);
        }
    }
    let states = frequencies::spread(frequencies, log);
    let mut seen = *frequencies;
    for (&token, entry) in states.iter().zip(table).take(1 << log) {
        let (least, raw) = ranges[usize::from(token)];
        let next = seen[usize::from(token)];
        seen[usize::from(token)] += 1;
        let width = log + 1 - width_of(u64::from(next));
        let next = (u32::from(next) << width) - (1 << log);
        let mask = mask(width) as u8;
        *entry = Decode {
            least,
            raw,
            width: width as u8,
            mask,
            next: next as u8,
        };
    }
    Some(())
}

/// Reads as many residuals as there are slots, fills these with what `each` makes of them, and takes all
/// the bytes there are.
pub fn decode<T>(
    reader: &mut Reader<'_>,
    slots: &mut [T],
    mut each: impl FnMut(u64) -> T,
) -> Result<(), CodecError> {
    let at = reader.position();
    let invalid = |what| CodecError::Invalid { at, what };
    let mut table = [Decode::default(); STATES_MAX];
    let log = open(reader, &mut table).map_err(invalid)?;
    let stream = reader.rest();
    let mut left = stream_bits(stream).ok_or_else(|| invalid("token stream without an end"))?;
    #[expect(clippy::cast_possible_truncation, reason = "log is 8 at most")]
    let mut first_state = || {
        left = left.wrapping_sub(log as usize);
        (bits_from(stream, left) & mask(log)) as u8
    };
    let (mut even, mut odd) = (first_state(), first_state());
    let mut residual;
    for stretch in slots.chunks_mut(STRETCH) {
        let mut pairs = stretch.chunks_exact_mut(2);
        for pair in &mut pairs {
            if let [first, second] = pair {
                (residual, even, left) = step(stream, left, &table, even);
                *first = each(residual);
                (residual, odd, left) = step(stream, left, &table, odd);
                *second = each(residual);
            }
        }
        if let [last] = pairs.into_remainder() {
            (residual, even, left) = step(stream, left, &table, even);
            *last = each(residual);
        }
        if left > stream.len() * 8 {
            return Err(invalid("cut off token stream"));
        }
    }
    if (even, odd, left) != (0, 0, 0) {
        return Err(invalid("token stream does not end where it began"));
    }
    Ok(())
}

/// Reads what there is before the stream: fills the table and returns the log of its size.
fn open(reader: &mut Reader<'_>, table: &mut [Decode; STATES_MAX]) -> Result<u32, &'static str> {
    let head = reader.byte().map_err(|_| "token table is missing")?;
    let (log, shift) = (u32::from(head >> 6) + LOG_MIN, u32::from(head & 0x3f));
    let mut bits = BitReader::new(reader.unread());
    let frequencies = frequencies::read(log, &mut bits).ok_or("bad token frequencies")?;
    fill_table(&frequencies, log, shift, table).ok_or("token that no number has")?;
    reader.skip(bits.bytes_begun());
    Ok(log)
}

/// Bits before the highest one bit, which ends the stream and is not part of it.
fn stream_bits(bytes: &[u8]) -> Option<usize> {
    let last = *bytes.last()?;
    let width = width_of(u64::from(last)).checked_sub(1)?;
    Some((bytes.len() - 1) * 8 + width as usize)
}

/// The bits from bit `at` on. `at` has wrapped to a huge number when more was taken than there is: what
/// is read then are zeros.
#[inline]
fn bits_from(bytes: &[u8], at: usize) -> u64 {
    load(bytes, at >> 3) >> (at & 7)
}

/// One value of one state: the residual, the next state and the bits left. All go by value, so that they
/// stay in registers: by reference it takes a third longer.
#[expect(clippy::inline_always, reason = "the same third")]
#[inline(always)]
#[expect(
    clippy::indexing_slicing,
    reason = "a state is one byte, as many as the table has"
)]
#[expect(clippy::cast_possible_truncation, reason = "states are one byte")]
fn step(bytes: &[u8], left: usize, table: &[Decode; STATES_MAX], state: u8) -> (u64, u8, usize) {
    let entry = &table[usize::from(state)];
    if entry.raw > RAW_AT_ONCE {
        return step_wide(bytes, left, *entry);
    }
    let (raw, width) = (u32::from(entry.raw), u32::from(entry.width));
    let left = left.wrapping_sub((raw + width) as usize);
    let word = bits_from(bytes, left);
    let state = entry.next.wrapping_add((word >> raw) as u8 & entry.mask);
    (
        entry.least.wrapping_add(word & !(u64::MAX << raw)),
        state,
        left,
    )
}

#[cold]
#[inline(never)]
#[expect(clippy::cast_possible_truncation, reason = "states are one byte")]
fn step_wide(bytes: &[u8], left: usize, entry: Decode) -> (u64, u8, usize) {
    let left = left.wrapping_sub(usize::from(entry.width));
    let pushed = bits_from(bytes, left) as u8 & entry.mask;
    let high_width = u32::from(entry.raw) - 32;
    let left = left.wrapping_sub(high_width as usize);
    let high = bits_from(bytes, left) & mask(high_width);
    let left = left.wrapping_sub(32);
    let low = bits_from(bytes, left) & mask(32);
    (
        entry.least.wrapping_add(high << 32 | low),
        entry.next.wrapping_add(pushed),
        left,
    )
}
