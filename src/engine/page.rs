//! Pages: the rows of many series that have only few each, as one record.
//!
//! A block costs a key of its own, whatever it holds; a million series with three points each would be
//! three million of them. A page holds the rows of up to [`GROUP_SERIES`] series with neighbouring ids.
//!
//! ```text
//! version      01
//! level        byte: merges it has been through
//! first time   8 bytes, little-endian; last time likewise
//! runs, rows   varints
//! generations  number (varint), then each less the page's own (signed varint)
//! series       length (varint), integers: of each run, less the group's first
//! lengths      length (varint), integers: rows of each run
//! ages         only with several generations: length (varint), integers: place of each run's generation
//! times        length (varint), time column
//! fields       number (varint), then each: id (varint), type (byte), presence (length (varint), booleans,
//!              which are left out when all rows have the field), values (length (varint), column)
//! ```
//! A run is what one seal knew of one series: times rise strictly in it. Runs are ordered by series, then
//! by generation.

use super::codec::{self, CodecError, Effort, Reader, put_varint};
use super::run::{Run, RunColumn, RunValues};
use crate::model::{FieldId, FieldType, SeriesId, StrColumn, Values};

/// Series of one group: those with the same id but for the low ten bits.
pub const GROUP_SERIES: u32 = 1 << 10;
/// A page is ended when it has so many rows: reading one series reads its page.
pub const PAGE_ROWS: usize = 8 << 10;
/// It is also ended at so many bytes of columns in memory.
const PAGE_BYTES: usize = 2 << 20;
/// More rows than a page can have are damage.
const ROWS_MAX: usize = 4 << 20;
const VERSION: u8 = 1;

pub fn group_of(series: SeriesId) -> u32 {
    series.0 / GROUP_SERIES
}

/// Rows of one series in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRun {
    pub series: SeriesId,
    pub generation: u64,
    /// First row.
    pub start: usize,
    pub rows: usize,
}

impl PageRun {
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start.saturating_add(self.rows)
    }
}

/// A whole page.
#[derive(Debug, Clone)]
pub struct Page {
    pub group: u32,
    pub level: u8,
    /// Of the newest run.
    pub generation: u64,
    pub runs: Vec<PageRun>,
    pub rows: Run,
}

/// One field of a page: only rows that have it.
#[derive(Debug)]
pub struct PageField {
    pub runs: Vec<PageRun>,
    pub times: Vec<i64>,
    pub values: Values,
}

impl Page {
    pub fn new(group: u32, generation: u64) -> Self {
        Self {
            group,
            level: 0,
            generation,
            runs: Vec::new(),
            rows: Run::default(),
        }
    }

    /// Adds rows of a series, given in time order; of rows of the same instant the last one wins, field by
    /// field. Series must come in rising order.
    pub fn add_run(&mut self, series: SeriesId, run: &Run, rows: &[u32]) {
        let places: Vec<usize> = run
            .columns
            .iter()
            .map(|column| self.rows.column_for(column.field, column.field_type()))
            .collect();
        let start = self.rows.len();
        let time_of = |row: &u32| run.times.get(*row as usize).copied().unwrap_or_default();
        for instant in rows.chunk_by(|a, b| time_of(a) == time_of(b)) {
            let cells = run
                .columns
                .iter()
                .zip(&places)
                .filter_map(|(column, place)| {
                    let row = instant
                        .iter()
                        .rev()
                        .find(|row| column.has(**row as usize))?;
                    Some((*place, column.cell(*row as usize)?))
                });
            let time = instant.first().map(time_of).unwrap_or_default();
            self.rows.push_row(time, cells);
        }
        self.runs.push(PageRun {
            series,
            generation: self.generation,
            start,
            rows: self.rows.len() - start,
        });
    }

    /// Adds a run of another page as it is.
    pub fn copy_run(&mut self, from: &Self, run: PageRun) {
        let start = self.rows.len();
        for row in run.range() {
            let time = from.rows.times.get(row).copied().unwrap_or_default();
            from.copy_row(row, time, &mut self.rows);
        }
        self.runs.push(PageRun { start, ..run });
    }

    /// Adds one row of this page to a run.
    pub fn copy_row(&self, row: usize, time: i64, to: &mut Run) {
        let columns = self.rows.columns.iter().filter(|column| column.has(row));
        let cells: Vec<_> = columns
            .filter_map(|column| {
                let place = to.column_for(column.field, column.field_type());
                Some((place, column.cell(row)?))
            })
            .collect();
        to.push_row(time, cells.into_iter());
    }

    pub fn is_full(&self) -> bool {
        self.rows.len() >= PAGE_ROWS || self.rows.heap_bytes() >= PAGE_BYTES
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.level];
        let times = &self.rows.times;
        let first = times.iter().min().copied().unwrap_or_default();
        let last = times.iter().max().copied().unwrap_or_default();
        out.extend_from_slice(&first.to_le_bytes());
        out.extend_from_slice(&last.to_le_bytes());
        put_varint(self.runs.len() as u64, &mut out);
        put_varint(times.len() as u64, &mut out);
        let mut generations: Vec<u64> = self.runs.iter().map(|run| run.generation).collect();
        generations.sort_unstable();
        generations.dedup();
        put_varint(generations.len() as u64, &mut out);
        for generation in &generations {
            codec::put_signed(
                generation.wrapping_sub(self.generation).cast_signed(),
                &mut out,
            );
        }
        let first_series = self.group.saturating_mul(GROUP_SERIES);
        let series = |run: &PageRun| i64::from(run.series.0.saturating_sub(first_series));
        put_integers(self.runs.iter().map(series), &mut out);
        put_integers(self.runs.iter().map(|run| run.rows as i64), &mut out);
        if generations.len() > 1 {
            let age = |run: &PageRun| {
                let place = generations.binary_search(&run.generation);
                place.unwrap_or_default() as i64
            };
            put_integers(self.runs.iter().map(age), &mut out);
        }
        put_part(&mut out, |part| {
            codec::encode_times(times, Effort::Small, part);
        });
        put_varint(self.rows.columns.len() as u64, &mut out);
        for column in &self.rows.columns {
            put_column(column, times.len(), &mut out);
        }
        out
    }

    pub fn decode(group: u32, generation: u64, bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        let parts = Parts::read(group, generation, &mut reader)?;
        let times = codec::decode_times(parts.times, parts.rows)?;
        let mut columns = Vec::new();
        for _ in 0..parts.fields {
            columns.push(Column::read(&mut reader, parts.rows)?.spread(parts.rows)?);
        }
        reader.finish()?;
        Ok(Self {
            group,
            level: parts.level,
            generation,
            runs: parts.runs,
            rows: Run { times, columns },
        })
    }

    /// Takes out values: those for which `drop` says so, by run, time and field. Returns how many there were.
    pub fn remove(&mut self, drop: impl Fn(&PageRun, i64, FieldId) -> bool) -> usize {
        let mut removed = 0;
        let rows = self.rows.times.len();
        for column in &mut self.rows.columns {
            let mut present = column.present.take().unwrap_or_else(|| vec![true; rows]);
            for run in &self.runs {
                let times = self.rows.times.get(run.range()).unwrap_or_default();
                let flags = present.get_mut(run.range()).unwrap_or_default();
                for (flag, time) in flags.iter_mut().zip(times) {
                    if *flag && drop(run, *time, column.field) {
                        *flag = false;
                        removed += 1;
                    }
                }
            }
            column.present = present.contains(&false).then_some(present);
        }
        if removed > 0 {
            self.keep_rows();
        }
        removed
    }

    /// Forgets rows without values, and runs without rows.
    fn keep_rows(&mut self) {
        let columns = &self.rows.columns;
        let alive = |row: &u32| columns.iter().any(|column| column.has(*row as usize));
        let mut kept = Vec::new();
        let mut runs = Vec::new();
        for run in &self.runs {
            let start = kept.len();
            let rows = run.range().filter_map(|row| u32::try_from(row).ok());
            kept.extend(rows.filter(alive));
            if kept.len() > start {
                runs.push(PageRun {
                    start,
                    rows: kept.len() - start,
                    ..*run
                });
            }
        }
        self.runs = runs;
        self.rows = std::mem::take(&mut self.rows).keep(&kept);
    }
}

/// One field of a page, with its runs; `None` when the page has no such field.
pub fn decode_field(
    group: u32,
    generation: u64,
    bytes: &[u8],
    field: FieldId,
) -> Result<Option<PageField>, CodecError> {
    let Some((parts, column)) = find_field(group, generation, bytes, field)? else {
        return Ok(None);
    };
    let values = codec::decode_values(column.field_type, column.values, column.count)?;
    let (runs, times) = times_of(parts, column)?;
    Ok(Some(PageField {
        runs,
        times,
        values,
    }))
}

/// Runs, and the times of their rows.
pub type RunTimes = (Vec<PageRun>, Vec<i64>);

/// Like [`decode_field`], without values.
pub fn decode_field_times(
    group: u32,
    generation: u64,
    bytes: &[u8],
    field: FieldId,
) -> Result<Option<RunTimes>, CodecError> {
    let found = find_field(group, generation, bytes, field)?;
    found
        .map(|(parts, column)| times_of(parts, column))
        .transpose()
}

fn find_field(
    group: u32,
    generation: u64,
    bytes: &[u8],
    field: FieldId,
) -> Result<Option<(Parts<'_>, Column<'_>)>, CodecError> {
    let mut reader = Reader::new(bytes);
    let parts = Parts::read(group, generation, &mut reader)?;
    for _ in 0..parts.fields {
        let column = Column::read(&mut reader, parts.rows)?;
        if column.field == field {
            return Ok(Some((parts, column)));
        }
    }
    Ok(None)
}

/// Runs and times of the rows that have the field.
fn times_of(parts: Parts<'_>, column: Column<'_>) -> Result<RunTimes, CodecError> {
    let times = codec::decode_times(parts.times, parts.rows)?;
    Ok(match column.present {
        None => (parts.runs, times),
        Some(present) => (
            present_runs(&parts.runs, &present),
            with_flag(&times, &present),
        ),
    })
}

/// The runs of a page, nothing else decoded.
pub fn decode_runs(group: u32, generation: u64, bytes: &[u8]) -> Result<Vec<PageRun>, CodecError> {
    Ok(Parts::read(group, generation, &mut Reader::new(bytes))?.runs)
}

/// Merges that the page has been through, and its first and last time.
pub fn peek(bytes: &[u8]) -> Result<(u8, i64, i64), CodecError> {
    take_head(&mut Reader::new(bytes))
}

fn take_head(reader: &mut Reader<'_>) -> Result<(u8, i64, i64), CodecError> {
    let version = reader.byte()?;
    if version != VERSION {
        return Err(CodecError::UnknownTag {
            at: 0,
            what: "page version",
            tag: version,
        });
    }
    let level = reader.byte()?;
    let first = reader.u64_le()?.cast_signed();
    Ok((level, first, reader.u64_le()?.cast_signed()))
}

/// A page up to its fields.
struct Parts<'a> {
    level: u8,
    runs: Vec<PageRun>,
    rows: usize,
    times: &'a [u8],
    fields: usize,
}

impl<'a> Parts<'a> {
    fn read(group: u32, own: u64, reader: &mut Reader<'a>) -> Result<Self, CodecError> {
        let (level, _, _) = take_head(reader)?;
        let runs = reader.length(ROWS_MAX, "number of runs")?;
        let rows = reader.length(ROWS_MAX, "number of rows")?;
        let count = reader.length(reader.remaining(), "number of generations")?;
        let mut generations = Vec::new();
        for _ in 0..count {
            generations.push(own.wrapping_add_signed(reader.signed()?));
        }
        let series = take_integers(reader, runs)?;
        let lengths = take_integers(reader, runs)?;
        let ages = match count {
            0 | 1 => vec![0; runs],
            _ => take_integers(reader, runs)?,
        };
        let first_series = group.saturating_mul(GROUP_SERIES);
        let mut found = Vec::with_capacity(runs);
        let mut start = 0_usize;
        for ((series, length), age) in series.into_iter().zip(lengths).zip(ages) {
            let at = reader.position();
            let invalid = |what| CodecError::Invalid { at, what };
            let series = u32::try_from(series).ok().filter(|id| *id < GROUP_SERIES);
            let series = series.ok_or(invalid("a series beyond its group"))?;
            let length = usize::try_from(length)
                .ok()
                .filter(|rows| *rows <= ROWS_MAX);
            let length = length.ok_or(invalid("a run's length"))?;
            let age = usize::try_from(age)
                .ok()
                .and_then(|age| generations.get(age));
            found.push(PageRun {
                series: SeriesId(first_series.saturating_add(series)),
                generation: *age.ok_or(invalid("a run's generation"))?,
                start,
                rows: length,
            });
            start = start.saturating_add(length);
        }
        if start != rows {
            let at = reader.position();
            let what = "the runs' lengths are not those of the rows";
            return Err(CodecError::Invalid { at, what });
        }
        let times = take_part(reader)?;
        let fields = reader.length(reader.remaining(), "number of fields")?;
        Ok(Self {
            level,
            runs: found,
            rows,
            times,
            fields,
        })
    }
}

struct Column<'a> {
    field: FieldId,
    field_type: FieldType,
    present: Option<Vec<bool>>,
    values: &'a [u8],
    count: usize,
}

impl<'a> Column<'a> {
    fn read(reader: &mut Reader<'a>, rows: usize) -> Result<Self, CodecError> {
        let at = reader.position();
        let field = u32::try_from(reader.varint()?);
        let field = field.map_err(|_| CodecError::Invalid {
            at,
            what: "field id",
        })?;
        let tag = reader.byte()?;
        let field_type = FieldType::from_tag(tag).ok_or(CodecError::UnknownTag {
            at,
            what: "field type",
            tag,
        })?;
        let flags = take_part(reader)?;
        let present = if flags.is_empty() {
            None
        } else {
            let mut present = Vec::new();
            codec::decode_bool_into(flags, rows, &mut present)?;
            Some(present)
        };
        let all = present
            .as_ref()
            .map(|flags| flags.iter().filter(|flag| **flag).count());
        Ok(Self {
            field: FieldId(field),
            field_type,
            present,
            values: take_part(reader)?,
            count: all.unwrap_or(rows),
        })
    }

    /// With a zero or an empty string where there is no value.
    fn spread(self, rows: usize) -> Result<RunColumn, CodecError> {
        let values = codec::decode_values(self.field_type, self.values, self.count)?;
        let mut next = 0;
        let places = (0..rows).map(|row| {
            let present = self.present.as_ref();
            let here = present.is_none_or(|flags| flags.get(row).copied().unwrap_or(false));
            next += usize::from(here);
            here.then(|| next - 1)
        });
        let values = match values {
            Values::String(texts) => {
                let mut out = StrColumn::default();
                places.for_each(|at| out.push(at.and_then(|at| texts.get(at)).unwrap_or_default()));
                RunValues::Strings(out)
            }
            other => {
                let bits = |at: usize| match &other {
                    Values::Float(values) => values.get(at).map(|value| value.to_bits()),
                    Values::Integer(values) => values.get(at).map(|value| value.cast_unsigned()),
                    Values::Unsigned(values) => values.get(at).copied(),
                    Values::Boolean(values) => values.get(at).map(|value| u64::from(*value)),
                    Values::String(_) => None,
                };
                let bits = places.map(|at| at.and_then(bits).unwrap_or_default());
                RunValues::Bits(self.field_type, bits.collect())
            }
        };
        Ok(RunColumn {
            field: self.field,
            values,
            present: self.present,
        })
    }
}

fn put_column(column: &RunColumn, rows: usize, out: &mut Vec<u8>) {
    put_varint(u64::from(column.field.0), out);
    out.push(column.field_type().tag());
    put_part(out, |part| {
        if let Some(present) = &column.present {
            codec::encode_bool(present, Effort::Small, part);
        }
    });
    let rows = (0..rows).filter(|row| column.has(*row));
    let rows: Vec<u32> = rows.filter_map(|row| u32::try_from(row).ok()).collect();
    put_part(out, |part| {
        codec::encode_values(&column.gather(&rows), Effort::Small, part);
    });
}

fn put_part(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut part = Vec::new();
    write(&mut part);
    put_varint(part.len() as u64, out);
    out.extend_from_slice(&part);
}

fn take_part<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], CodecError> {
    let length = reader.length(reader.remaining(), "length of a part")?;
    reader.take(length)
}

fn put_integers(numbers: impl Iterator<Item = i64>, out: &mut Vec<u8>) {
    let numbers: Vec<i64> = numbers.collect();
    put_part(out, |part| codec::encode_i64(&numbers, Effort::Small, part));
}

fn take_integers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, CodecError> {
    let mut numbers = Vec::new();
    codec::decode_i64_into(take_part(reader)?, count, &mut numbers)?;
    Ok(numbers)
}

fn with_flag(times: &[i64], flags: &[bool]) -> Vec<i64> {
    let both = times.iter().zip(flags);
    both.filter(|(_, flag)| **flag)
        .map(|(time, _)| *time)
        .collect()
}

/// Runs counted in the rows that have the field.
fn present_runs(runs: &[PageRun], present: &[bool]) -> Vec<PageRun> {
    let mut start = 0;
    let mut found = Vec::new();
    for run in runs {
        let flags = present.get(run.range()).unwrap_or_default();
        let rows = flags.iter().filter(|flag| **flag).count();
        if rows > 0 {
            found.push(PageRun {
                start,
                rows,
                ..*run
            });
        }
        start += rows;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::run::Cell;
    use proptest::prelude::*;

    type Points = Vec<(u32, u64, Vec<(u32, i64)>)>;

    /// Runs of series, each with generation and (time step, value); fields 1 and 2 take turns by value.
    fn page(points: &Points) -> Page {
        let mut page = Page::new(3, 100);
        for (series, age, rows) in points {
            let start = page.rows.len();
            let mut time = 0;
            for (step, value) in rows {
                time += i64::from(*step);
                let (integers, texts) = (
                    page.rows.column_for(FieldId(1), FieldType::Integer),
                    page.rows.column_for(FieldId(2), FieldType::String),
                );
                let text = value.to_string();
                let cells = [
                    (integers, Cell::Bits(value.cast_unsigned())),
                    (texts, Cell::Text(&text)),
                ];
                let skip = usize::from(value % 3 == 0);
                let take = 2 - usize::from(value % 5 == 0 && skip == 0) - skip;
                page.rows
                    .push_row(time, cells.into_iter().skip(skip).take(take));
            }
            page.runs.push(PageRun {
                series: SeriesId(3 * GROUP_SERIES + series),
                generation: 100 - age,
                start,
                rows: rows.len(),
            });
        }
        page
    }

    fn points() -> impl Strategy<Value = Points> {
        let rows = prop::collection::vec((1_u32..9, -20_i64..20), 1..6);
        let runs = prop::collection::btree_map((0..GROUP_SERIES, 0_u64..4), rows, 1..30);
        runs.prop_map(|runs| {
            runs.into_iter()
                .map(|((series, age), rows)| (series, 3 - age, rows))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn a_page_comes_back_whole_and_by_field(points in points()) {
            let page = page(&points);
            let bytes = page.encode();
            let again = Page::decode(3, 100, &bytes).unwrap();
            prop_assert_eq!(&again.runs, &page.runs);
            prop_assert_eq!(&again.rows.times, &page.rows.times);
            prop_assert_eq!(again.encode(), bytes.clone());
            prop_assert_eq!(decode_runs(3, 100, &bytes).unwrap(), page.runs.clone());
            for column in &page.rows.columns {
                let field = decode_field(3, 100, &bytes, column.field).unwrap().unwrap();
                let rows: Vec<u32> = (0..page.rows.len() as u32).filter(|row| column.has(*row as usize)).collect();
                prop_assert_eq!(field.values, column.gather(&rows));
                prop_assert_eq!(field.runs.iter().map(|run| run.rows).sum::<usize>(), rows.len());
            }
            prop_assert!(decode_field(3, 100, &bytes, FieldId(9)).unwrap().is_none());
        }

        #[test]
        fn removed_rows_are_gone_and_others_stay(points in points(), from in 0_i64..20, field in 1_u32..3) {
            let mut page = page(&points);
            let before = Page::decode(3, 100, &page.encode()).unwrap();
            let gone = |run: &PageRun, time: i64, of: FieldId| {
                run.series.0.is_multiple_of(2) && time >= from && of == FieldId(field)
            };
            let removed = page.remove(gone);
            let count = |page: &Page, all: bool| {
                let mut count = 0;
                for column in &page.rows.columns {
                    for run in &page.runs {
                        count += run.range()
                            .filter(|row| column.has(*row))
                            .filter(|row| all || !gone(run, page.rows.times[*row], column.field))
                            .count();
                    }
                }
                count
            };
            prop_assert_eq!(count(&page, true), count(&before, false));
            prop_assert_eq!(count(&before, true) - removed, count(&page, true));
            prop_assert_eq!(count(&page, false), count(&page, true));
            prop_assert_eq!(page.runs.iter().map(|run| run.rows).sum::<usize>(), page.rows.len());
            if !page.runs.is_empty() {
                let again = Page::decode(3, 100, &page.encode()).unwrap();
                prop_assert_eq!(again.runs, page.runs);
            }
        }

        #[test]
        fn damaged_pages_are_errors_or_other_pages_never_panics(points in points(), seed: u64) {
            let bytes = page(&points).encode();
            for damaged in crate::engine::codec::tests::damaged(&bytes, seed).take(50) {
                let _ = Page::decode(3, 100, &damaged);
                let _ = decode_field(3, 100, &damaged, FieldId(1));
                let _ = decode_runs(3, 100, &damaged);
            }
        }
    }
}
