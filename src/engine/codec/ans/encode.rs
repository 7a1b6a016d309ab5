//! Encoding: a plan of the tokens, then values from the last to the first.

use super::frequencies::{self, Frequencies};
use super::{LOG_MAX, LOG_MIN, STATES_MAX, TOKENS, token_of, token_range};
use crate::engine::codec::bits::{BitWriter, mask, width_of};

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
        let frequencies = frequencies::normalize(&sums, residuals.len(), log);
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
        let states = frequencies::spread(frequencies, log);
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
    frequencies::put(&plan.frequencies, plan.log, &mut writer);
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
