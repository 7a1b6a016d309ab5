//! How often tokens occur: rounded to the states of a table, spread over it, written and read.

use super::{STATES_MAX, TOKENS};
use crate::engine::codec::bits::{BitReader, BitWriter, width_of};

/// Runs of absent tokens are counted in this many bits.
const RUN_BITS: u32 = 3;

/// States of each token; they add up to the table size.
pub type Frequencies = [u16; TOKENS];

/// Frequencies that add up to 2^log, at least 1 for each token that occurs.
#[expect(clippy::cast_possible_truncation, reason = "at most 2^log")]
pub fn normalize(counts: &[u32; TOKENS], total: usize, log: u32) -> Frequencies {
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
pub fn spread(frequencies: &Frequencies, log: u32) -> [u8; STATES_MAX] {
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

/// Each in as many bits as what is left may need; after an absent one, how many more are absent.
pub fn put(frequencies: &Frequencies, log: u32, out: &mut BitWriter<'_>) {
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

/// `None` when they don't add up.
pub fn read(log: u32, bits: &mut BitReader<'_>) -> Option<Frequencies> {
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
