//! `influxd export`: a bucket's points as line protocol, annotated CSV or Parquet.
//!
//! One measurement after the other, in windows of time: each is one query, so neither side holds much and no
//! query runs long. A window that is too much for a query is halved; the next ones grow again.

mod parquet;
mod text;

use super::annotated::{self, Columns};
use super::args::{Definition, Given, Operands, flag, switch};
use super::client::Client;
use super::progress::Progress;
use super::{CliError, flux, interrupt, output};
use influxd::query::text::{parse_rfc3339, rfc3339};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

pub const EXPORT: Definition = Definition {
    name: "export",
    about: "Export a bucket's points as line protocol, annotated CSV or Parquet.",
    details: "`influxd import` reads the first two. Each field of a point is a line of its own, so that the\n\
              sorted export of what was imported is the same bytes again. A file appears under its name\n\
              when it is whole; one that ends in .gz or .zst is compressed.\n\n\
              Parquet has a file for each measurement, a row for each point, and columns for time\n\
              (nanoseconds, UTC), tags and fields. --output is the directory; with one --measurement it\n\
              is the file. A field with several types has a column for each: f_float, f_integer.",
    operands: Operands::None,
    flags: &[
        flag("bucket", "NAME", "bucket to read, else $INFLUX_BUCKET"),
        flag(
            "measurement",
            "NAME",
            "only this measurement; can be given more than once",
        ),
        flag(
            "start",
            "TIME",
            "first time, like 2024-01-01T00:00:00Z; else all",
        ),
        flag("stop", "TIME", "time at which it ends, without it"),
        flag("format", "FORMAT", "lp (the default), csv or parquet"),
        flag(
            "output",
            "PATH",
            "file, or directory of Parquet files; else standard output",
        ),
        switch("quiet", "no progress"),
    ],
    remote: true,
    examples: &[
        "influxd export --bucket dev --output dev.lp.gz",
        "influxd export --bucket dev --measurement weather --start 2024-01-01T00:00:00Z --format csv",
        "influxd export --bucket dev --format parquet --output dev-parquet",
    ],
    run,
};

const HOUR_NS: i64 = 3_600_000_000_000;
/// The first window, and the smallest one.
const FIRST_WINDOW_NS: i64 = 24 * HOUR_NS;
const LEAST_WINDOW_NS: i64 = 1_000_000;
/// A window with fewer rows is followed by one twice as long, one with more by half of it.
const ROWS_WANTED: u64 = 500_000;
/// The whole range of times that can be stored; the end stands outside.
const TIME_FIRST: i64 = -9_223_372_036_854_775_806;
const TIME_END: i64 = 9_223_372_036_854_775_807;

/// Takes rows of one window, then is told whether the window was read to its end.
trait Sink {
    fn row(&mut self, columns: &Columns, cells: &[String]) -> Result<(), CliError>;
    fn keep(&mut self) -> Result<(), CliError>;
    /// The window comes again.
    fn discard(&mut self);
}

struct Export<'a> {
    client: &'a Client,
    bucket: String,
    range: (i64, i64),
    progress: Progress,
    rows: u64,
    stop: &'a AtomicBool,
}

fn run(given: &Given) -> Result<(), CliError> {
    let format = given.choice("format", &["lp", "csv", "parquet"])?;
    let range = (
        time(given, "start")?.unwrap_or(TIME_FIRST),
        time(given, "stop")?.unwrap_or(TIME_END),
    );
    if range.0 >= range.1 {
        return Err(given.wrong("--start must be before --stop"));
    }
    let named = given.texts("measurement")?;
    let output = given.path("output");
    if format == "parquet" && output.is_none() {
        return Err(given.wrong("--format parquet needs --output"));
    }
    let client = Client::of(given)?;
    let mut export = Export {
        client: &client,
        bucket: given.bucket()?,
        range,
        progress: Progress::new("values", given.has("quiet")),
        rows: 0,
        stop: interrupt::listen(),
    };
    let measurements = if named.is_empty() {
        export.measurements()?
    } else {
        named.clone()
    };
    let done = match output {
        Some(path) if format == "parquet" => match named.as_slice() {
            [one] => parquet::to_file(&mut export, one, &path),
            _ => parquet::to_directory(&mut export, &measurements, &path),
        },
        Some(path) => to_file(&path, |out| {
            export.write(&measurements, &mut text::Text::new(out, format == "csv"))
        }),
        None => {
            let mut out = BufWriter::with_capacity(1 << 18, io::stdout().lock());
            let mut text = text::Text::new(&mut out, format == "csv");
            let written = export.write(&measurements, &mut text);
            written.and_then(|()| out.flush().map_err(CliError::output))
        }
    };
    export.progress.clear();
    done?;
    if !given.has("quiet") {
        output::tell(&format!(
            "exported {}",
            export.progress.summary(export.rows)
        ));
    }
    Ok(())
}

fn time(given: &Given, name: &str) -> Result<Option<i64>, CliError> {
    let Some(text) = given.text(name)? else {
        return Ok(None);
    };
    let time = parse_rfc3339(&text);
    let wrong = || {
        given.wrong(format!(
            "--{name} {text}: must be a time like 2024-01-01T00:00:00Z"
        ))
    };
    time.map(Some).ok_or_else(wrong)
}

fn partial(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    PathBuf::from(partial)
}

/// Writes beside the file, and puts it in its place when it is whole.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let failed = |error| CliError::file("can't write", path, error);
    let partial = partial(path);
    let file = BufWriter::with_capacity(1 << 18, File::create(&partial).map_err(failed)?);
    let extension = path.extension().and_then(|extension| extension.to_str());
    let finished = match extension {
        Some("gz") => {
            let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::default());
            write(&mut out)?;
            out.finish()
        }
        Some("zst") => {
            let mut out = zstd::stream::write::Encoder::new(file, 3).map_err(failed)?;
            write(&mut out)?;
            out.finish()
        }
        _ => {
            let mut out = file;
            write(&mut out)?;
            Ok(out)
        }
    };
    let file = finished
        .and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error))
        .map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&partial, path).map_err(failed)
}

impl Export<'_> {
    fn measurements(&self) -> Result<Vec<String>, CliError> {
        let query = format!(
            "import \"influxdata/influxdb/schema\"\nschema.measurements(bucket: {}, start: {}, stop: {})",
            flux::string(&self.bucket),
            rfc3339(TIME_FIRST),
            rfc3339(TIME_END)
        );
        let mut names = Vec::new();
        let answer = self.client.flux(&query)?;
        annotated::rows(self.client, answer, |columns, cells| {
            let name = columns.position("_value").and_then(|at| cells.get(at));
            names.extend(name.cloned());
            Ok(())
        })?;
        names.sort();
        Ok(names)
    }

    fn write(&mut self, measurements: &[String], sink: &mut dyn Sink) -> Result<(), CliError> {
        for measurement in measurements {
            let Some((first, last)) = self.bounds(measurement)? else {
                continue;
            };
            let end = last.saturating_add(1).min(self.range.1);
            self.windows(measurement, first, end, sink)?;
        }
        Ok(())
    }

    fn source(&self, measurement: &str, start: i64, stop: i64) -> String {
        format!(
            "from(bucket: {}) |> range(start: {}, stop: {}) |> filter(fn: (r) => r._measurement == {})",
            flux::string(&self.bucket),
            rfc3339(start),
            rfc3339(stop),
            flux::string(measurement)
        )
    }

    /// The first and the last time in the range, if there is any point.
    fn bounds(&self, measurement: &str) -> Result<Option<(i64, i64)>, CliError> {
        let source = self.source(measurement, self.range.0, self.range.1);
        let query = format!(
            "{source} |> first() |> keep(columns: [\"_time\"]) |> yield(name: \"first\")\n\
             {source} |> last() |> keep(columns: [\"_time\"]) |> yield(name: \"last\")"
        );
        let mut bounds: Option<(i64, i64)> = None;
        let answer = self.client.flux(&query)?;
        annotated::rows(self.client, answer, |columns, cells| {
            let cell = columns.position("_time").and_then(|at| cells.get(at));
            if let Some(time) = cell.and_then(|cell| parse_rfc3339(cell)) {
                let (first, last) = bounds.unwrap_or((time, time));
                bounds = Some((first.min(time), last.max(time)));
            }
            Ok(())
        })?;
        Ok(bounds)
    }

    fn windows(
        &mut self,
        measurement: &str,
        first: i64,
        end: i64,
        sink: &mut dyn Sink,
    ) -> Result<(), CliError> {
        let mut start = first;
        let mut window = FIRST_WINDOW_NS;
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = |at: i64| (at as f64 - first as f64) / (end as f64 - first as f64);
        while start < end {
            if self.stop.load(Ordering::Relaxed) {
                return Err(CliError::Interrupted("interrupted".to_owned()));
            }
            let stop = start.saturating_add(window).min(end);
            match self.window(measurement, start, stop, sink) {
                Ok(rows) => {
                    sink.keep()?;
                    self.rows += rows;
                    start = stop;
                    if rows < ROWS_WANTED / 2 {
                        window = window.saturating_mul(2);
                    } else if rows > ROWS_WANTED * 2 {
                        window = (window / 2).max(LEAST_WINDOW_NS);
                    }
                    self.progress.tell(self.rows, Some(share(start)));
                }
                // Too much memory or time for one query.
                Err(error) if may_be_too_much(&error) && window > LEAST_WINDOW_NS => {
                    sink.discard();
                    window = (window.min(stop - start) / 4).max(LEAST_WINDOW_NS);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn window(
        &mut self,
        measurement: &str,
        start: i64,
        stop: i64,
        sink: &mut dyn Sink,
    ) -> Result<u64, CliError> {
        let query = self.source(measurement, start, stop);
        let answer = self.client.flux(&query)?;
        let mut rows = 0;
        annotated::rows(self.client, answer, |columns, cells| {
            rows += 1;
            sink.row(columns, cells)
        })?;
        Ok(rows)
    }
}

fn may_be_too_much(error: &CliError) -> bool {
    match error {
        CliError::Refused {
            status, message, ..
        } => {
            matches!(status, 408 | 504) || (matches!(status, 400 | 500 | 503) && is_bound(message))
        }
        CliError::Failed(message) => is_bound(message),
        _ => false,
    }
}

fn is_bound(message: &str) -> bool {
    let message = message.to_lowercase();
    ["memory", "time", "deadline"]
        .iter()
        .any(|word| message.contains(word))
}
