//! Booleans: constant, one bit each, or lengths of runs.
//!
//! ```text
//! constant   tag
//! bits       tag, eight values a byte, low bit first
//! runs       tag (the first run's value), number of runs, lengths of all runs but the last
//! coded      tag, zeros and ones, entropy coded (see [`super::ans`]), to the end
//! ```

use super::bytes::{Reader, put_varint};
use super::{CodecError, Effort, ans, check_count};

const TAG_FALSE: u8 = 0;
const TAG_TRUE: u8 = 1;
const TAG_BITS: u8 = 2;
const TAG_RUNS_FROM_FALSE: u8 = 3;
const TAG_RUNS_FROM_TRUE: u8 = 4;
const TAG_CODED: u8 = 5;

/// Appends a column.
pub fn encode_bool(values: &[bool], effort: Effort, out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    let changes = values
        .windows(2)
        .filter(|pair| pair.first() != pair.last())
        .count();
    if changes == 0 {
        out.push(if first { TAG_TRUE } else { TAG_FALSE });
        return;
    }
    // A run costs a byte or two.
    if changes * 2 + 1 < values.len().div_ceil(8) {
        out.push(if first {
            TAG_RUNS_FROM_TRUE
        } else {
            TAG_RUNS_FROM_FALSE
        });
        put_varint(changes as u64 + 1, out);
        let mut runs = values.chunk_by(|a, b| a == b).map(<[bool]>::len);
        runs.by_ref()
            .take(changes)
            .for_each(|length| put_varint(length as u64, out));
        return;
    }
    if effort == Effort::Small && changes < values.len() / 2 && encode_coded(values, out) {
        return;
    }
    out.push(TAG_BITS);
    let bits = |byte: &[bool]| {
        byte.iter()
            .rev()
            .fold(0, |bits, &bit| bits << 1 | u8::from(bit))
    };
    out.extend(values.chunks(8).map(bits));
}

/// Writes nothing and returns false when bits are as small.
fn encode_coded(values: &[bool], out: &mut Vec<u8>) -> bool {
    let residuals: Vec<u64> = values.iter().map(|&value| u64::from(value)).collect();
    let plan = ans::Plan::new(&residuals);
    if plan.bits >= values.len() {
        return false;
    }
    out.push(TAG_CODED);
    ans::encode(&plan, &residuals, out);
    true
}

/// Reads a column and appends its `count` values.
pub fn decode_bool_into(bytes: &[u8], count: usize, out: &mut Vec<bool>) -> Result<(), CodecError> {
    let mut reader = Reader::new(bytes);
    decode_from(&mut reader, count, out)?;
    reader.finish()
}

/// Reads a column that others follow; its end is not checked.
pub(super) fn decode_from(
    reader: &mut Reader<'_>,
    count: usize,
    out: &mut Vec<bool>,
) -> Result<(), CodecError> {
    check_count(count)?;
    if count == 0 {
        return Ok(());
    }
    let at = reader.position();
    let tag = reader.byte()?;
    match tag {
        TAG_FALSE | TAG_TRUE => out.resize(out.len() + count, tag == TAG_TRUE),
        TAG_BITS => {
            let bytes = reader.take(count.div_ceil(8))?;
            let bits = bytes
                .iter()
                .flat_map(|&byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
            out.extend(bits.take(count));
        }
        TAG_RUNS_FROM_FALSE | TAG_RUNS_FROM_TRUE => {
            decode_runs(reader, tag == TAG_RUNS_FROM_TRUE, count, out)?;
        }
        TAG_CODED => {
            let start = out.len();
            out.resize(start + count, false);
            let slots = out.get_mut(start..).unwrap_or_default();
            ans::decode(reader, slots, |residual| residual != 0)?;
        }
        _ => {
            return Err(CodecError::UnknownTag {
                at,
                what: "boolean codec",
                tag,
            });
        }
    }
    Ok(())
}

fn decode_runs(
    reader: &mut Reader<'_>,
    first: bool,
    count: usize,
    out: &mut Vec<bool>,
) -> Result<(), CodecError> {
    let runs = reader.length(count, "number of runs")?;
    let (mut value, mut left) = (first, count);
    for _ in 1..runs {
        let length = reader.length(left, "length of a run")?;
        out.resize(out.len() + length, value);
        left -= length;
        value = !value;
    }
    out.resize(out.len() + left, value);
    Ok(())
}
