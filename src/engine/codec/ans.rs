//! Entropy coding of residuals: the frequent ones get fewer bits, down to fractions of one.
//!
//! A residual is cut into a *token*, which is entropy coded, and raw low bits, which have no structure
//! worth modelling. With the column's `shift`, the token of `u` tells `q = u >> shift` when that is below
//! 16; otherwise it tells the bit length of `q` and the bit after its leading one. Tokens are coded by
//! tabled asymmetric numeral systems (tANS) with two interleaved states.
//!
//! ```text
//! byte        log2 of the table size - 5 (bits 6-7), shift (bits 0-5)
//! bits        frequency of each token, until they add up to the table size; padded to a byte
//! bits        for each value from the last to the first: raw bits, then what its token pushed out of
//!             the state; then both states, a one bit, zeros to the end of the byte. To the end.
//! ```
//! The bits are read backwards, so values come out first to last. Both states end where the encoder
//! began, which shows most damage.

use super::CodecError;
use super::bits::{BitReader, BitWriter, load, mask, width_of};
use super::bytes::Reader;

/// Tokens below this stand for one quotient each.
const DIRECT: u64 = 16;
/// Bits of the smallest quotient that is not direct.
const DIRECT_BITS: u32 = 5;
/// Two tokens for each bit length from 5 to 64.
const TOKENS: usize = 16 + 2 * 60;

const LOG_MIN: u32 = 5;
const LOG_MAX: u32 = 8;
const STATES_MAX: usize = 1 << LOG_MAX;

/// Values between two looks whether the stream has already ended. Even.
const STRETCH: usize = 256;

/// With what the state takes, and the seven bits before, these many raw bits come in one load.
const RAW_AT_ONCE: u8 = 48;

/// Runs of absent tokens are counted in this many bits.
const RUN_BITS: u32 = 3;

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "below TOKENS")]
fn token_of(residual: u64, shift: u32) -> u8 {
    let quotient = residual >> shift;
    if quotient < DIRECT {
        return quotient as u8;
    }
    let length = width_of(quotient);
    let second = (quotient >> (length - 2) & 1) as u32;
    (DIRECT as u32 + 2 * (length - DIRECT_BITS) + second) as u8
}

/// The smallest residual of a token, and how many raw bits tell which one it is. `None` for a token that
/// no 64-bit residual has.
fn token_range(token: usize, shift: u32) -> Option<(u64, u32)> {
    let token = token as u64;
    if token < DIRECT {
        let fits = width_of(token) + shift <= u64::BITS;
        return fits.then(|| (token << shift, shift));
    }
    let (pair, second) = ((token - DIRECT) >> 1, (token - DIRECT) & 1);
    let length = u32::try_from(pair).ok()? + DIRECT_BITS;
    let fits = length + shift <= u64::BITS;
    fits.then(|| ((2 | second) << (length - 2 + shift), length - 2 + shift))
}

/// How a column's residuals will be coded.
pub struct Plan {
    shift: u32,
    log: u32,
    frequencies: Frequencies,
    tokens: Vec<u8>,
    /// Tokens from here on don't occur.
    tokens_end: usize,
    /// Size of the coded column in bits, nearly.
    pub bits: usize,
}

type Frequencies = [u16; TOKENS];

impl Plan {
    /// Looks at all residuals. There must be at least one.
    #[expect(clippy::indexing_slicing, reason = "tokens are below TOKENS")]
    pub fn new(residuals: &[u64]) -> Self {
        let shift = choose_shift(residuals);
        let mut counts = [[0_u32; TOKENS]; 2];
        let mut tokens = Vec::with_capacity(residuals.len());
        // Two sets of counters, so that equal neighbours don't wait for each other.
        tokens.extend(residuals.iter().map(|&residual| token_of(residual, shift)));
        for pair in tokens.chunks(2) {
            counts[0][usize::from(pair[0])] += 1;
            if let Some(&second) = pair.get(1) {
                counts[1][usize::from(second)] += 1;
            }
        }
        let [mut sums, others] = counts;
        sums.iter_mut()
            .zip(others)
            .for_each(|(sum, other)| *sum += other);
        let log = table_log(&sums, residuals.len());
        let tokens_end = sums
            .iter()
            .rposition(|&count| count > 0)
            .map_or(0, |last| last + 1);
        let frequencies = normalize(&sums, residuals.len(), log);
        let mut plan = Self {
            shift,
            log,
            frequencies,
            tokens,
            tokens_end,
            bits: 0,
        };
        plan.bits = plan.estimate(&sums);
        plan
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn estimate(&self, counts: &[u32; TOKENS]) -> usize {
        let mut bits = 40.0_f32;
        for (token, (&count, &frequency)) in counts.iter().zip(&self.frequencies).enumerate() {
            if count == 0 {
                continue;
            }
            let raw = token_range(token, self.shift).map_or(0, |(_, raw)| raw);
            let coded = self.log as f32 - f32::from(frequency).log2();
            bits += count as f32 * (raw as f32 + coded) + 4.0;
        }
        bits as usize
    }
}

/// Larger tables are more exact and dearer to write; each token that occurs needs a state.
fn table_log(counts: &[u32; TOKENS], total: usize) -> u32 {
    let distinct = counts.iter().filter(|&&count| count > 0).count();
    match (total, distinct) {
        (0..64, 0..16) => 6,
        (0..512, 0..32) => 7,
        _ => LOG_MAX,
    }
}

/// The shift that leaves a typical residual a quotient of two or three: finer tokens cost more table
/// than they save.
fn choose_shift(residuals: &[u64]) -> u32 {
    const SAMPLE: usize = 63;
    let step = (residuals.len() / SAMPLE).max(1);
    let mut sample = [0_u64; SAMPLE];
    let mut taken = 0;
    for (slot, &residual) in sample.iter_mut().zip(residuals.iter().step_by(step)) {
        *slot = residual;
        taken += 1;
    }
    let Some(sample) = sample.get_mut(..taken) else {
        return 0;
    };
    if sample.is_empty() {
        return 0;
    }
    let (_, median, _) = sample.select_nth_unstable(taken / 2);
    width_of(*median).saturating_sub(2)
}

/// Frequencies that add up to 2^log, at least 1 for each token that occurs.
#[expect(clippy::cast_possible_truncation, reason = "at most 2^log")]
fn normalize(counts: &[u32; TOKENS], total: usize, log: u32) -> Frequencies {
    let mut frequencies = [0_u16; TOKENS];
    let size = 1_u32 << log;
    let mut given = 0_u32;
    for (frequency, &count) in frequencies.iter_mut().zip(counts) {
        if count > 0 {
            let share = (u64::from(count) << log) + total as u64 / 2;
            *frequency = (share / total as u64).max(1) as u16;
            given += u32::from(*frequency);
        }
    }
    // What rounding left over or took too much is settled where it hurts least: at the largest.
    while given != size {
        let Some(largest) = frequencies.iter_mut().max() else {
            break;
        };
        if given < size {
            *largest += (size - given) as u16;
            given = size;
        } else {
            let less = (given - size).min(u32::from(*largest) / 4).max(1);
            *largest -= less as u16;
            given -= less;
        }
    }
    frequencies
}

/// Which token each state stands for: tokens as often as their frequency, well mixed.
#[expect(
    clippy::indexing_slicing,
    reason = "positions are masked to the table size"
)]
#[expect(clippy::cast_possible_truncation, reason = "tokens are below TOKENS")]
fn spread(frequencies: &Frequencies, log: u32) -> [u8; STATES_MAX] {
    let mut states = [0_u8; STATES_MAX];
    let size = 1_usize << log;
    // Odd, so that every state is visited once.
    let step = (size >> 1) + (size >> 3) + 3;
    let mut at = 0;
    for (token, &frequency) in frequencies.iter().enumerate() {
        for _ in 0..frequency {
            states[at & (STATES_MAX - 1)] = token as u8;
            at = (at + step) & (size - 1);
        }
    }
    states
}

/// What a token does to a state.
#[derive(Clone, Copy, Default)]
struct Encode {
    /// Added to the state it gives the number of bits to push out, times 2^16.
    bits: u32,
    /// Added to what is left of the state it gives the place of the next one.
    places: i32,
    /// Raw bits of the token.
    raw: u32,
}

struct EncodeTable {
    tokens: [Encode; TOKENS],
    next: [u16; STATES_MAX],
}

impl EncodeTable {
    #[expect(
        clippy::indexing_slicing,
        reason = "frequencies add up to the table size"
    )]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "states are below 2 * STATES_MAX"
    )]
    fn new(plan: &Plan) -> Self {
        let (frequencies, log) = (&plan.frequencies, plan.log);
        let states = spread(frequencies, log);
        let size = 1_u32 << log;
        let mut table = Self {
            tokens: [Encode::default(); TOKENS],
            next: [0; STATES_MAX],
        };
        let mut starts = [0_u16; TOKENS];
        let mut start = 0_u16;
        for (token, &frequency) in frequencies.iter().enumerate().take(plan.tokens_end) {
            starts[token] = start;
            let (before, wide) = (i32::from(start), u32::from(frequency));
            let raw = token_range(token, plan.shift).map_or(0, |(_, raw)| raw);
            table.tokens[token] = match wide {
                0 => Encode::default(),
                1 => Encode {
                    bits: (log << 16) - size,
                    places: before - 1,
                    raw,
                },
                _ => {
                    let most = log + 1 - width_of(u64::from(wide - 1));
                    let bits = (most << 16).wrapping_sub(wide << most);
                    Encode {
                        bits,
                        places: before - i32::from(frequency),
                        raw,
                    }
                }
            };
            start += frequency;
        }
        for (state, &token) in states.iter().enumerate().take(size as usize) {
            let place = &mut starts[usize::from(token)];
            table.next[usize::from(*place) & (STATES_MAX - 1)] = size as u16 + state as u16;
            *place += 1;
        }
        table
    }

    /// Writes one value and returns the next state.
    #[expect(
        clippy::inline_always,
        reason = "keeps states and bits in registers: 3.4 to 2 ns"
    )]
    #[inline(always)]
    #[expect(
        clippy::indexing_slicing,
        reason = "tokens are below TOKENS; the place is masked"
    )]
    fn push(&self, state: u32, residual: u64, token: u8, out: &mut BitWriter<'_>) -> u32 {
        let Encode { bits, places, raw } = self.tokens[usize::from(token)];
        let width = state.wrapping_add(bits) >> 16;
        let pushed = u64::from(state & !(u32::MAX << width));
        if raw <= 32 - LOG_MAX {
            let low = residual & !(u64::MAX << raw);
            out.put(pushed << raw | low, raw + width);
        } else {
            out.put_wide(residual & mask(raw), raw);
            out.put(pushed, width);
        }
        let place = (state >> width).wrapping_add_signed(places) as usize;
        u32::from(self.next[place & (STATES_MAX - 1)])
    }
}

/// Appends the residuals of which the plan was made.
pub fn encode(plan: &Plan, residuals: &[u64], out: &mut Vec<u8>) {
    #[expect(clippy::cast_possible_truncation, reason = "a shift is below 64")]
    out.push(((plan.log - LOG_MIN) as u8) << 6 | plan.shift as u8);
    out.reserve(plan.bits / 8 + 16);
    let mut writer = BitWriter::new(out);
    put_frequencies(&plan.frequencies, plan.log, &mut writer);
    writer.pad();
    let table = EncodeTable::new(plan);
    let (mut even, mut odd) = (1_u32 << plan.log, 1_u32 << plan.log);
    let residual_pairs = residuals.chunks_exact(2);
    let token_pairs = plan.tokens.chunks_exact(2);
    if let ([last], [token]) = (residual_pairs.remainder(), token_pairs.remainder()) {
        even = table.push(even, *last, *token, &mut writer);
    }
    for pair in residual_pairs.zip(token_pairs).rev() {
        if let ([first, second], [first_token, second_token]) = pair {
            odd = table.push(odd, *second, *second_token, &mut writer);
            even = table.push(even, *first, *first_token, &mut writer);
        }
    }
    for state in [odd, even] {
        writer.put(u64::from(state) & mask(plan.log), plan.log);
    }
    writer.put(1, 1);
    writer.pad();
}

fn put_frequencies(frequencies: &Frequencies, log: u32, out: &mut BitWriter<'_>) {
    let mut left = 1_u64 << log;
    let mut rest = frequencies.iter().copied().map(u64::from);
    while left > 0 {
        let frequency = rest.next().unwrap_or_default();
        out.put(frequency, width_of(left));
        left -= frequency;
        if frequency > 0 {
            continue;
        }
        loop {
            let zeros = rest.clone().take_while(|&f| f == 0).count().min(7);
            out.put(zeros as u64, RUN_BITS);
            rest.by_ref().take(zeros).for_each(drop);
            if zeros < 7 {
                break;
            }
        }
    }
}

fn read_frequencies(log: u32, bits: &mut BitReader<'_>) -> Option<Frequencies> {
    let mut frequencies = [0_u16; TOKENS];
    let mut left = 1_u64 << log;
    let mut token = 0;
    while left > 0 {
        let frequency = bits.take(width_of(left))?;
        left = left.checked_sub(frequency)?;
        *frequencies.get_mut(token)? = u16::try_from(frequency).ok()?;
        token += 1;
        if frequency > 0 {
            continue;
        }
        loop {
            let zeros = bits.take(RUN_BITS)?;
            token += usize::try_from(zeros).ok()?;
            if zeros < 7 {
                break;
            }
        }
    }
    Some(frequencies)
}

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
fn decode_table(frequencies: &Frequencies, log: u32, shift: u32) -> Option<[Decode; STATES_MAX]> {
    let mut ranges = [(0_u64, 0_u8); TOKENS];
    for (token, &frequency) in frequencies.iter().enumerate() {
        if frequency > 0 {
            let (least, raw) = token_range(token, shift)?;
            ranges[token] = (least, raw as u8);
        }
    }
    let states = spread(frequencies, log);
    let mut seen = *frequencies;
    let mut table = [Decode::default(); STATES_MAX];
    for (&token, entry) in states.iter().zip(&mut table).take(1 << log) {
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
    Some(table)
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
    let head = reader.byte()?;
    let (log, shift) = (u32::from(head >> 6) + LOG_MIN, u32::from(head & 0x3f));
    let mut bits = BitReader::new(reader.rest());
    let frequencies =
        read_frequencies(log, &mut bits).ok_or_else(|| invalid("bad token frequencies"))?;
    let table = decode_table(&frequencies, log, shift)
        .ok_or_else(|| invalid("token that no number has"))?;
    let stream = bits.rest();
    let mut left = stream_bits(stream).ok_or_else(|| invalid("no end of the tokens"))?;
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
