//! The parser: a whole body at once, fast on what telemetry looks like.
//!
//! Four short cuts, each checked byte by byte and each with the general way behind it:
//! 1. the series that followed this one last time is compared first, so its text is not even scanned;
//! 2. otherwise the raw text before the fields is looked up by hash, so tags are parsed once a series;
//! 3. field names are compared with those of the series' last line (its layout), not parsed;
//! 4. short numbers are read digit by digit and need no float parser.
//!
//! [`reference`](super::reference) says the same without them; a property test holds the two together.

use super::batch::{BatchSeries, FieldLayout, ParsedBatch, Row};
use super::error::{ParseError, Reason};
use super::escape;
use super::number;
use super::series::{self, KEY_BYTES_MAX};
use crate::model::{FieldType, Precision, SeriesKey};
use hashbrown::HashTable;
use std::sync::Arc;

/// Longest string field, as InfluxDB limits it.
pub const STRING_BYTES_MAX: usize = 1 << 20;
/// Layouts that are remembered from batch to batch.
const LAYOUTS_MAX: usize = 4096;
/// No entry, layout or slot.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
pub struct ParseOptions {
    pub precision: Precision,
    /// Time of points without one; rounded down to the precision.
    pub default_time_ns: i64,
    /// A batch that needs more is refused.
    pub batch_max_bytes: usize,
}

/// A series as some line spelled it.
struct Spelling {
    raw: Box<[u8]>,
    raw_hash: u64,
    key: SeriesKey,
    hash: u64,
    /// The spelling that followed this one last time.
    next: u32,
    /// The layout of its last line.
    layout: u32,
    /// Its place in the batch, if it was met in the batch with this number.
    slot: u32,
    batch: u64,
}

/// A list of fields as some line spelled it.
struct LayoutSpelling {
    /// Each name with the equals sign behind it.
    names: Box<[Box<[u8]>]>,
    layout: Arc<FieldLayout>,
    slot: u32,
    batch: u64,
}

/// Keeps its caches from body to body; one is used by one thread at a time.
pub struct Parser {
    cache_bytes_max: usize,
    cache_bytes: usize,
    spellings: Vec<Spelling>,
    by_raw: HashTable<u32>,
    layouts: Vec<LayoutSpelling>,
    /// Slots of the batch by canonical key: another order of tags is the same series.
    by_key: HashTable<u32>,
    batch: u64,
    fields: Vec<Field>,
}

/// A field on its way into a layout.
struct Field {
    raw_name: (usize, usize),
    field_type: FieldType,
    bits: u64,
}

impl Parser {
    /// `cache_bytes_max` bounds what is kept between bodies.
    pub fn new(cache_bytes_max: usize) -> Self {
        Self {
            cache_bytes_max,
            cache_bytes: 0,
            spellings: Vec::new(),
            by_raw: HashTable::new(),
            layouts: Vec::new(),
            by_key: HashTable::new(),
            batch: 0,
            fields: Vec::new(),
        }
    }

    /// All points of the body, or its first bad line.
    pub fn parse(&mut self, body: &[u8], options: ParseOptions) -> Result<ParsedBatch, ParseError> {
        self.batch += 1;
        self.by_key.clear();
        let mut run = Run {
            body,
            options,
            default_time: number::truncate(options.default_time_ns, options.precision),
            out: ParsedBatch::default(),
            previous: NONE,
            cached_before: self.cache_bytes,
        };
        // Telemetry lines are rarely shorter; a wrong guess costs a reallocation.
        run.out.rows.reserve(body.len() / 128);
        run.out.values.reserve(body.len() / 32);
        let mut at = 0;
        while let Some(start) = skip_blank(body, at) {
            match self.line(&mut run, start) {
                Ok(end) => at = end,
                Err(reason) => {
                    let line = memchr::memchr_iter(b'\n', body.get(..start).unwrap_or_default());
                    let rest = body.get(start..).unwrap_or_default();
                    self.trim();
                    return Err(ParseError::new(line.count() + 1, rest, reason));
                }
            }
        }
        self.trim();
        Ok(run.out)
    }

    /// Bounds what is kept between bodies.
    fn trim(&mut self) {
        if self.cache_bytes > self.cache_bytes_max || self.layouts.len() > LAYOUTS_MAX {
            self.spellings = Vec::new();
            self.by_raw = HashTable::new();
            self.by_key = HashTable::new();
            self.layouts.clear();
            self.cache_bytes = 0;
        }
    }

    /// Parses the line at `at`; returns where the next one begins.
    #[inline]
    fn line(&mut self, run: &mut Run<'_>, at: usize) -> Result<usize, Reason> {
        let (spelling, end) = self.series(run, at)?;
        let series = self.series_slot(run, spelling);
        let values_at = run.out.values.len();
        let fields_at = skip_spaces(run.body, end);
        let known = self
            .spellings
            .get(spelling as usize)
            .map_or(NONE, |known| known.layout);
        let (layout, end) = match self.fields_as_before(run, known, fields_at) {
            Some(end) => (known, end),
            None => {
                run.out.values.truncate(values_at);
                self.fields(run, spelling, fields_at)?
            }
        };
        let layout = self.layout_slot(run, layout);
        let (time, end) = run.time(end)?;
        let values_at = u32::try_from(values_at).map_err(|_| Reason::BatchTooLarge(values_at))?;
        run.out.rows.push(Row {
            series,
            layout,
            values_at,
            time,
        });
        if run.out.rows.len().is_multiple_of(1024)
            && self.memory_bytes(run) > run.options.batch_max_bytes
        {
            return Err(Reason::BatchTooLarge(run.options.batch_max_bytes));
        }
        Ok(end)
    }

    /// What the batch needs so far, with the spellings that it brought.
    fn memory_bytes(&self, run: &Run<'_>) -> usize {
        run.out.bytes_without_keys() + self.cache_bytes.saturating_sub(run.cached_before)
    }

    /// The spelling of the line's series, and where it ends.
    #[inline]
    fn series(&mut self, run: &mut Run<'_>, at: usize) -> Result<(u32, usize), Reason> {
        let rest = run.body.get(at..).unwrap_or_default();
        let guess = match self.spellings.get(run.previous as usize) {
            Some(previous) => previous.next,
            None => NONE,
        };
        if let Some(guessed) = self.spellings.get(guess as usize)
            && rest.starts_with(&guessed.raw)
            && rest.get(guessed.raw.len()) == Some(&b' ')
            && guessed.raw.last() != Some(&b'\\')
        {
            let end = at + guessed.raw.len();
            run.previous = guess;
            return Ok((guess, end));
        }
        let end = series::end_of_series(run.body, at);
        let mut raw = run.body.get(at..end).unwrap_or_default();
        if ends_line(run.body, end) {
            // The CR of a CRLF line without fields is not part of the series.
            raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        }
        let found = self.spelling_of(raw)?;
        if let Some(previous) = self.spellings.get_mut(run.previous as usize) {
            previous.next = found;
        }
        run.previous = found;
        Ok((found, end))
    }

    fn spelling_of(&mut self, raw: &[u8]) -> Result<u32, Reason> {
        let raw_hash = SeriesKey::hash64(raw);
        let spellings = &self.spellings;
        let same = |at: &u32| {
            spellings
                .get(*at as usize)
                .is_some_and(|have| *have.raw == *raw)
        };
        if let Some(found) = self.by_raw.find(raw_hash, same) {
            return Ok(*found);
        }
        let key = series::parse_series(raw)?;
        let hash = SeriesKey::hash64(key.as_bytes());
        let at = u32::try_from(self.spellings.len()).unwrap_or(NONE);
        self.cache_bytes += raw.len() + key.as_bytes().len() + 160;
        let raw = raw.into();
        self.spellings.push(Spelling {
            raw,
            raw_hash,
            key,
            hash,
            next: NONE,
            layout: NONE,
            slot: NONE,
            batch: 0,
        });
        let spellings = &self.spellings;
        self.by_raw.insert_unique(raw_hash, at, |at| {
            spellings
                .get(*at as usize)
                .map_or(0, |spelling| spelling.raw_hash)
        });
        Ok(at)
    }

    /// Place of the series in the batch.
    #[inline]
    fn series_slot(&mut self, run: &mut Run<'_>, spelling: u32) -> u32 {
        match self.spellings.get(spelling as usize) {
            Some(known) if known.batch == self.batch => known.slot,
            _ => self.new_series_slot(run, spelling),
        }
    }

    fn new_series_slot(&mut self, run: &mut Run<'_>, spelling: u32) -> u32 {
        let Some(known) = self.spellings.get_mut(spelling as usize) else {
            return NONE;
        };
        known.batch = self.batch;
        let series = &run.out.series;
        let same = |slot: &u32| {
            series
                .get(*slot as usize)
                .is_some_and(|have| have.key == known.key)
        };
        if let Some(slot) = self.by_key.find(known.hash, same) {
            known.slot = *slot;
            return *slot;
        }
        let slot = u32::try_from(series.len()).unwrap_or(NONE);
        known.slot = slot;
        run.out.series.push(BatchSeries {
            key: known.key.clone(),
            hash: known.hash,
        });
        let series = &run.out.series;
        let hash_of = |slot: &u32| series.get(*slot as usize).map_or(0, |series| series.hash);
        self.by_key.insert_unique(known.hash, slot, hash_of);
        slot
    }

    #[inline]
    fn layout_slot(&mut self, run: &mut Run<'_>, layout: u32) -> u32 {
        let Some(known) = self.layouts.get_mut(layout as usize) else {
            return NONE;
        };
        if known.batch != self.batch {
            known.batch = self.batch;
            known.slot = u32::try_from(run.out.layouts.len()).unwrap_or(NONE);
            run.out.layouts.push(Arc::clone(&known.layout));
        }
        known.slot
    }

    /// Reads fields that are named and typed like those of the layout; `None` at the first difference.
    #[inline]
    fn fields_as_before(&self, run: &mut Run<'_>, layout: u32, mut at: usize) -> Option<usize> {
        let layout = self.layouts.get(layout as usize)?;
        let body = run.body;
        let last = layout.names.len() - 1;
        for (number, (name, (_, wanted))) in
            layout.names.iter().zip(&layout.layout.fields).enumerate()
        {
            if !body.get(at..)?.starts_with(name) {
                return None;
            }
            at += name.len();
            let (field_type, bits, end) = if *wanted == FieldType::String {
                run.string(at).ok()?
            } else {
                number::scan(body, at).ok()?
            };
            if field_type != *wanted {
                return None;
            }
            run.out.values.push(bits);
            at = end;
            if number < last {
                if body.get(at) != Some(&b',') {
                    return None;
                }
                at += 1;
            }
        }
        // One more field would be another layout; anything else is the general parser's to judge.
        (body.get(at) != Some(&b',')).then_some(at)
    }

    /// Reads any fields; returns their layout and where they end.
    fn fields(
        &mut self,
        run: &mut Run<'_>,
        spelling: u32,
        mut at: usize,
    ) -> Result<(u32, usize), Reason> {
        self.fields.clear();
        if ends_line(run.body, at) {
            return Err(Reason::MissingFields);
        }
        loop {
            let key_end = run.field_key(at)?;
            let value_at = key_end + 1;
            let (field_type, bits, end) = match run.body.get(value_at) {
                Some(b'"') => run.string(value_at)?,
                _ => number::scan(run.body, value_at)?,
            };
            self.fields.push(Field {
                raw_name: (at, key_end),
                field_type,
                bits,
            });
            at = end;
            match run.body.get(at) {
                Some(b',') => at += 1,
                None | Some(b' ' | b'\n' | b'\r') => break,
                Some(_) => return Err(Reason::InvalidFieldFormat),
            }
        }
        let layout = self.layout_of(run, spelling)?;
        Ok((layout, at))
    }

    /// Finds or makes the layout of `self.fields`, and appends their values.
    fn layout_of(&mut self, run: &mut Run<'_>, spelling: u32) -> Result<u32, Reason> {
        let mut names: Vec<(Box<str>, FieldType)> = Vec::with_capacity(self.fields.len());
        let first_value = run.out.values.len();
        let mut spelled_plainly = true;
        for field in &self.fields {
            let raw = run
                .body
                .get(field.raw_name.0..field.raw_name.1)
                .unwrap_or_default();
            let name = run.field_name(raw, self.series_bytes(spelling))?;
            // The last of fields with the same name wins.
            if let Some(at) = names.iter().position(|(have, _)| **have == *name) {
                spelled_plainly = false;
                if let Some(slot) = names.get_mut(at) {
                    slot.1 = field.field_type;
                }
                if let Some(value) = run.out.values.get_mut(first_value + at) {
                    *value = field.bits;
                }
            } else {
                names.push((name, field.field_type));
                run.out.values.push(field.bits);
            }
        }
        let raw_names = || {
            self.fields.iter().map(|field| {
                run.body
                    .get(field.raw_name.0..=field.raw_name.1)
                    .unwrap_or_default()
            })
        };
        let found = self.layouts.iter().position(|known| {
            *known.layout.fields == *names
                && spelled_plainly
                && known.names.iter().map(|name| &**name).eq(raw_names())
        });
        let layout = match found {
            Some(found) => u32::try_from(found).unwrap_or(NONE),
            None => {
                // A spelling that doesn't map name by name is never used as a template.
                let raw: Box<[Box<[u8]>]> = if spelled_plainly {
                    raw_names().map(Box::from).collect()
                } else {
                    [Box::from(b"\n".as_slice())].into()
                };
                let layout = self.shared_layout(names);
                self.layouts.push(LayoutSpelling {
                    names: raw,
                    layout,
                    slot: NONE,
                    batch: 0,
                });
                u32::try_from(self.layouts.len() - 1).unwrap_or(NONE)
            }
        };
        if let Some(known) = self.spellings.get_mut(spelling as usize) {
            known.layout = layout;
        }
        Ok(layout)
    }

    /// Spellings of the same names and types share one layout.
    fn shared_layout(&self, names: Vec<(Box<str>, FieldType)>) -> Arc<FieldLayout> {
        match self
            .layouts
            .iter()
            .find(|known| *known.layout.fields == *names)
        {
            Some(known) => Arc::clone(&known.layout),
            None => Arc::new(FieldLayout {
                fields: names.into(),
            }),
        }
    }

    fn series_bytes(&self, spelling: u32) -> usize {
        self.spellings
            .get(spelling as usize)
            .map_or(0, |known| known.key.as_bytes().len())
    }
}

/// One body being parsed.
struct Run<'a> {
    body: &'a [u8],
    options: ParseOptions,
    default_time: i64,
    out: ParsedBatch,
    /// Spelling of the line before.
    previous: u32,
    /// `Parser::cache_bytes` when the body began.
    cached_before: usize,
}

impl Run<'_> {
    /// Where the field key at `at` ends: its equals sign.
    fn field_key(&self, at: usize) -> Result<usize, Reason> {
        let rest = self.body.get(at..).unwrap_or_default();
        let mut escaped = false;
        for (offset, byte) in rest.iter().enumerate() {
            match byte {
                b'=' if !escaped => {
                    return if offset == 0 {
                        Err(Reason::MissingFieldKey)
                    } else {
                        Ok(at + offset)
                    };
                }
                b'\n' => break,
                b' ' | b',' if !escaped => break,
                _ => {}
            }
            escaped = *byte == b'\\';
        }
        let missing = matches!(rest.first(), None | Some(b',' | b' ' | b'\n' | b'\r'));
        Err(if missing {
            Reason::MissingFieldKey
        } else {
            Reason::MissingFieldValue
        })
    }

    fn field_name(&self, raw: &[u8], series_bytes: usize) -> Result<Box<str>, Reason> {
        let name = series::text(raw, escape::KEY, "field key")?;
        let name =
            String::from_utf8(name.into_owned()).map_err(|_| Reason::NotUtf8("field key"))?;
        if name == "time" {
            return Err(Reason::ReservedFieldKey);
        }
        if series_bytes + name.len() > KEY_BYTES_MAX {
            return Err(Reason::KeyTooLong(series_bytes + name.len()));
        }
        Ok(name.into())
    }

    /// The string whose opening quote is at `at`.
    fn string(&mut self, at: usize) -> Result<number::Scanned, Reason> {
        if self.body.get(at) != Some(&b'"') {
            return Err(Reason::InvalidFieldFormat);
        }
        let start = at + 1;
        let rest = self.body.get(start..).unwrap_or_default();
        let mut from = 0;
        let end = loop {
            let tail = rest.get(from..).unwrap_or_default();
            let found =
                from + memchr::memchr2(b'"', b'\\', tail).ok_or(Reason::UnbalancedQuotes)?;
            if rest.get(found) == Some(&b'"') {
                break found;
            }
            let escapes = matches!(rest.get(found + 1), Some(b'"' | b'\\'));
            from = found + if escapes { 2 } else { 1 };
        };
        let raw = rest.get(..end).unwrap_or_default();
        let text = series::text(raw, escape::STRING, "string field")?;
        if text.len() > STRING_BYTES_MAX {
            return Err(Reason::StringTooLong(text.len()));
        }
        let offset = self.out.strings.len() as u64;
        self.out.strings.extend_from_slice(&text);
        let after = start + end + 1;
        if !number::ends_value(self.body.get(after)) {
            return Err(Reason::InvalidFieldFormat);
        }
        Ok((FieldType::String, offset << 32 | text.len() as u64, after))
    }

    /// The timestamp after the fields, or the default; and where the next line begins.
    #[inline]
    fn time(&self, at: usize) -> Result<(i64, usize), Reason> {
        let at = skip_spaces(self.body, at);
        let (time, end) = match self.body.get(at) {
            _ if ends_line(self.body, at) => (self.default_time, at),
            _ => number::scan_time(self.body, at, self.options.precision)?,
        };
        let end = skip_spaces(self.body, end);
        match self.body.get(end) {
            None => Ok((time, end)),
            Some(b'\n') => Ok((time, end + 1)),
            Some(b'\r') if self.body.get(end + 1) == Some(&b'\n') => Ok((time, end + 2)),
            Some(b'\r') if end + 1 == self.body.len() => Ok((time, end + 1)),
            Some(_) => Err(Reason::BadTimestamp),
        }
    }
}

/// Spaces, tabs and NULs: what InfluxDB skips between the parts of a line.
#[inline]
fn skip_spaces(body: &[u8], mut at: usize) -> usize {
    while matches!(body.get(at), Some(b' ' | b'\t' | 0)) {
        at += 1;
    }
    at
}

/// Whether a line ends here: LF, CRLF, or the body's end.
fn ends_line(body: &[u8], at: usize) -> bool {
    match body.get(at) {
        None | Some(b'\n') => true,
        Some(b'\r') => matches!(body.get(at + 1), None | Some(b'\n')),
        Some(_) => false,
    }
}

/// Start of the next line that is neither blank nor a comment.
#[inline]
fn skip_blank(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = skip_spaces(body, at);
        match body.get(at)? {
            b'\n' => at += 1,
            b'\r' if matches!(body.get(at + 1), None | Some(b'\n')) => at += 1,
            b'#' => at += memchr::memchr(b'\n', body.get(at..)?)? + 1,
            _ => return Some(at),
        }
    }
}
