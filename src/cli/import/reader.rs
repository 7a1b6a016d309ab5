//! Cuts what is read into batches of points.
//!
//! Most files have no malformed line, and the server looks at each line anyway. So lines are only checked here
//! once the server has refused a batch: then those that are malformed become rejects.

use super::points::{Item, Points};
use super::source::{self, Format};
use super::table::Converter;
use crate::cli::CliError;
use crate::cli::csv::Records;
use influxd::line_protocol::{ParseOptions, Parser};
use influxd::model::Precision;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Larger bodies cost the server a thread of their own.
const BATCH_BYTES: usize = 7 << 18;
const BATCH_POINTS: usize = 10_000;
const PARSER_CACHE_BYTES: usize = 16 << 20;

/// A line that is not written.
#[derive(Debug, Clone)]
pub struct Reject {
    pub line: u64,
    pub reason: String,
    pub text: String,
}

/// Points that are written together.
#[derive(Debug, Default)]
pub struct Batch {
    /// From 0, in the order of the input.
    pub number: u64,
    pub bucket: String,
    pub body: Vec<u8>,
    /// Where each point begins in the body, and its line in the file.
    pub points: Vec<(usize, u64)>,
    pub rejects: Vec<Reject>,
    /// All before this is in this batch or an earlier one.
    pub position: Position,
}

/// So many lines of so many files.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub file: usize,
    pub line: u64,
}

/// What to read, and where it goes.
pub struct Plan {
    pub files: Vec<PathBuf>,
    pub format: Option<Format>,
    pub precision: Precision,
    /// Wins over what headers say.
    pub bucket: Option<String>,
    /// Everything before this was imported before.
    pub from: Position,
    /// The server has refused a batch.
    pub suspicious: AtomicBool,
}

impl Plan {
    pub fn options(&self) -> ParseOptions {
        ParseOptions {
            precision: self.precision,
            default_time_ns: 0,
            batch_max_bytes: usize::MAX,
        }
    }
}

pub struct Reader<'a> {
    plan: &'a Plan,
    parser: Parser,
    batch: Batch,
    /// Each finished batch; `false` ends the reading.
    give: &'a mut dyn FnMut(Batch) -> bool,
    database: String,
    policy: String,
}

/// The reading was ended by whoever takes the batches.
struct Ended;

enum Stop {
    Ended,
    Failed(CliError),
}

impl From<Ended> for Stop {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

impl From<CliError> for Stop {
    fn from(error: CliError) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Reader<'a> {
    pub fn new(plan: &'a Plan, give: &'a mut dyn FnMut(Batch) -> bool) -> Self {
        Self {
            plan,
            parser: Parser::new(PARSER_CACHE_BYTES),
            batch: Batch::default(),
            give,
            database: String::new(),
            policy: String::new(),
        }
    }

    /// Reads all files. `read` counts the bytes of the files as they are stored.
    pub fn run(mut self, read: &Arc<AtomicU64>) -> Result<(), CliError> {
        match self.read_all(read) {
            Ok(()) | Err(Stop::Ended) => Ok(()),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn read_all(&mut self, read: &Arc<AtomicU64>) -> Result<(), Stop> {
        for (number, path) in self.plan.files.iter().enumerate() {
            let mut content = source::open(path, read)?;
            if number < self.plan.from.file {
                continue;
            }
            let format = match self.plan.format {
                Some(format) => format,
                None => source::format_of(path, &mut content)?,
            };
            self.batch.position = Position {
                file: number,
                line: 0,
            };
            self.database.clear();
            self.policy.clear();
            match format {
                Format::LineProtocol => self.lines(path, content)?,
                Format::Csv => self.table(path, content)?,
            }
        }
        self.finish()?;
        Ok(())
    }

    fn was_imported(&self, line: u64) -> bool {
        let from = self.plan.from;
        self.batch.position.file == from.file && line <= from.line
    }

    fn bucket(&self, path: &Path) -> Result<String, CliError> {
        if let Some(bucket) = &self.plan.bucket {
            return Ok(bucket.clone());
        }
        if self.database.is_empty() {
            return Err(CliError::Failed(format!(
                "{}: which bucket? Name it with --bucket",
                path.display()
            )));
        }
        // As 1.x's databases and policies are mapped to buckets.
        Ok(match self.policy.as_str() {
            "" | "autogen" => self.database.clone(),
            policy => format!("{}/{policy}", self.database),
        })
    }

    fn lines(&mut self, path: &Path, content: impl BufRead) -> Result<(), Stop> {
        let mut points = Points::new(content);
        let mut point = Vec::new();
        loop {
            if self.take_plain(path, &mut points)? {
                continue;
            }
            let item = points
                .next(&mut point)
                .map_err(|error| CliError::file("can't read", path, error))?;
            match item {
                Item::End => return Ok(()),
                Item::Database(name) => {
                    self.finish()?;
                    self.database = name;
                }
                Item::Policy(name) => {
                    self.finish()?;
                    self.policy = name;
                }
                Item::Point { line } => {
                    // More than one line: either a string with a line break, or a quote is missing.
                    if memchr::memchr(b'\n', &point).is_some()
                        && self.parser.parse(&point, self.plan.options()).is_err()
                    {
                        points.keep_first_line(&mut point);
                    }
                    if !self.was_imported(line) {
                        self.add(path, line, points.line(), &point)?;
                    }
                }
            }
        }
    }

    /// Takes lines that need no look, if there are any.
    fn take_plain(&mut self, path: &Path, points: &mut Points<impl BufRead>) -> Result<bool, Stop> {
        if self.was_imported(points.line() + 1) {
            return Ok(false);
        }
        let batch = &mut self.batch;
        let is_first = batch.points.is_empty();
        let room = BATCH_BYTES.saturating_sub(batch.body.len());
        let taken = points
            .next_plain(&mut batch.body, &mut batch.points, (room, BATCH_POINTS))
            .map_err(|error| CliError::file("can't read", path, error))?;
        if !taken {
            return Ok(false);
        }
        batch.position.line = points.line();
        if is_first {
            self.batch.bucket = self.bucket(path)?;
        }
        self.finish_if_full()?;
        Ok(true)
    }

    fn table(&mut self, path: &Path, content: impl BufRead) -> Result<(), Stop> {
        let mut records = Records::new(content);
        let mut converter = Converter::new(self.plan.precision);
        let (mut cells, mut point) = (Vec::new(), Vec::new());
        loop {
            let line = records.line() + 1;
            let more = records
                .next(&mut cells)
                .map_err(|error| CliError::file("can't read", path, error))?;
            if !more {
                return Ok(());
            }
            point.clear();
            match converter.convert(&cells, &mut point) {
                Ok(true) if !self.was_imported(line) => {
                    self.add(path, line, records.line(), &point)?;
                }
                Err(reason) if !self.was_imported(line) => {
                    let text = String::from_utf8_lossy(records.raw()).into_owned();
                    self.batch.rejects.push(Reject { line, reason, text });
                    self.batch.position.line = records.line();
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, path: &Path, line: u64, last_line: u64, point: &[u8]) -> Result<(), Stop> {
        if self.batch.points.is_empty() {
            self.batch.bucket = self.bucket(path)?;
        }
        self.batch.points.push((self.batch.body.len(), line));
        self.batch.body.extend_from_slice(point);
        self.batch.body.push(b'\n');
        self.batch.position.line = last_line;
        Ok(self.finish_if_full()?)
    }

    fn finish_if_full(&mut self) -> Result<(), Ended> {
        if self.batch.body.len() >= BATCH_BYTES || self.batch.points.len() >= BATCH_POINTS {
            self.finish()?;
        }
        Ok(())
    }

    /// Gives the batch away.
    fn finish(&mut self) -> Result<(), Ended> {
        if self.batch.points.is_empty() && self.batch.rejects.is_empty() {
            return Ok(());
        }
        if self.plan.suspicious.load(Ordering::Relaxed) {
            self.batch
                .leave_out_malformed(&mut self.parser, self.plan.options());
        }
        let next = Batch {
            number: self.batch.number + 1,
            position: self.batch.position,
            ..Batch::default()
        };
        let batch = std::mem::replace(&mut self.batch, next);
        match (self.give)(batch) {
            true => Ok(()),
            false => Err(Ended),
        }
    }
}

impl Batch {
    /// A batch to be checked by whoever has no parser at hand.
    pub fn check(&mut self, options: ParseOptions) {
        self.leave_out_malformed(&mut Parser::new(PARSER_CACHE_BYTES), options);
    }

    fn leave_out_malformed(&mut self, parser: &mut Parser, options: ParseOptions) {
        let mut from = 0;
        while let Some((start, _)) = self.points.get(from).copied() {
            let rest = self.body.get(start..).unwrap_or_default();
            let Err(error) = parser.parse(rest, options) else {
                return;
            };
            let broken = self.point_at(start, error.line());
            let reason = error.reason().to_string();
            self.reject(broken, &reason);
            from = broken;
        }
    }

    /// The point that the line, counted from 1 after `start`, belongs to.
    pub fn point_at(&self, start: usize, line: usize) -> usize {
        let rest = self.body.get(start..).unwrap_or_default();
        let place = match line {
            0 | 1 => start,
            line => memchr::memchr_iter(b'\n', rest)
                .nth(line - 2)
                .map_or(self.body.len(), |at| start + at + 1),
        };
        let after = self.points.partition_point(|(begin, _)| *begin <= place);
        after.saturating_sub(1)
    }

    /// Takes a point out.
    pub fn reject(&mut self, number: usize, reason: &str) {
        let Some((start, line)) = self.points.get(number).copied() else {
            return;
        };
        let end = self.points.get(number + 1);
        let end = end.map_or(self.body.len(), |(start, _)| *start);
        let text: Vec<u8> = self.body.drain(start..end).collect();
        self.points.remove(number);
        for (begin, _) in self.points.iter_mut().skip(number) {
            *begin -= end - start;
        }
        self.rejects.push(Reject {
            line,
            reason: reason.to_owned(),
            text: String::from_utf8_lossy(&text).trim_end().to_owned(),
        });
    }

    /// The second half, taken off.
    pub fn split(&mut self) -> Option<Self> {
        let half = self.points.len() / 2;
        let (at, _) = self.points.get(half).copied().filter(|_| half > 0)?;
        let body = self.body.split_off(at);
        let points = self.points.split_off(half);
        Some(Self {
            number: self.number,
            bucket: self.bucket.clone(),
            body,
            points: points
                .into_iter()
                .map(|(begin, line)| (begin - at, line))
                .collect(),
            rejects: Vec::new(),
            position: self.position,
        })
    }
}
