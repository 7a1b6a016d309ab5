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

mod decode;
mod encode;
mod frequencies;

pub use decode::decode;
pub use encode::{Plan, encode};

use super::bits::width_of;

/// Tokens below this stand for one quotient each.
const DIRECT: u64 = 16;
/// Bits of the smallest quotient that is not direct.
const DIRECT_BITS: u32 = 5;
/// Two tokens for each bit length from 5 to 64.
const TOKENS: usize = 16 + 2 * 60;

const LOG_MIN: u32 = 5;
const LOG_MAX: u32 = 8;
const STATES_MAX: usize = 1 << LOG_MAX;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::codec::bytes::Reader;
    use proptest::prelude::*;

    fn residuals() -> impl Strategy<Value = Vec<u64>> {
        let wide = prop_oneof![8 => 0_u64..9, 2 => 0_u64..5000, 1 => any::<u64>()];
        let shifted = (0_u32..64).prop_flat_map(|shift| {
            prop::collection::vec((0_u64..40).prop_map(move |q| q << shift | (q & 1)), 1..700)
        });
        prop_oneof![
            prop::collection::vec(wide, 1..700),
            prop::collection::vec(any::<u64>(), 1..700),
            (any::<u64>(), 1_usize..2000).prop_map(|(value, count)| vec![value; count]),
            shifted,
        ]
    }

    proptest! {
        #[test]
        fn residuals_come_back_and_the_plan_knows_their_size(values in residuals()) {
            let plan = Plan::new(&values);
            let mut bytes = Vec::new();
            encode(&plan, &values, &mut bytes);
            // The estimate may be off by the table and by what tokens rarer than a state cost.
            prop_assert!(bytes.len() <= plan.bits / 8 + 64 + values.len() / 8);
            let mut back = vec![0; values.len()];
            let mut reader = Reader::new(&bytes);
            decode(&mut reader, &mut back, |value| value).unwrap();
            prop_assert_eq!(back, values);
        }
    }

    #[test]
    fn each_residual_lies_in_the_range_of_its_token() {
        for shift in 0..64 {
            for value in [0, 1, 15, 16, 17, 1000, u64::MAX >> 1, u64::MAX] {
                let (least, raw) = token_range(token_of(value, shift).into(), shift).unwrap();
                assert!(
                    least <= value && value - least < 1 << raw.min(63),
                    "{value} {shift}"
                );
            }
        }
    }

    #[test]
    fn a_stream_cut_short_is_refused() {
        let values: Vec<u64> = (0..1000).map(|row| row * row % 7).collect();
        let mut bytes = Vec::new();
        encode(&Plan::new(&values), &values, &mut bytes);
        for length in 0..bytes.len() {
            let mut back = vec![0; values.len()];
            let result = decode(&mut Reader::new(&bytes[..length]), &mut back, |value| value);
            // A shorter stream may still end where it should by chance, with other values.
            assert!(result.is_err() || back != values, "{length}");
        }
    }
}
