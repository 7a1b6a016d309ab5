//! `influxd import`: files of any size, with progress, rejects and a way to go on.
//!
//! ```text
//! reader thread    files → points → batches
//! senders          each sends batches until they are acknowledged, without what is malformed
//! here             takes finished batches in their order: rejects, state, progress
//! ```

mod points;
mod reader;
mod send;
mod source;
mod state;
mod table;

use super::args::{Definition, Given, Operands, flag, switch};
use super::client::Client;
use super::progress::Progress;
use super::write::PRECISIONS;
use super::{CliError, interrupt, output};
use crossbeam_channel::{Receiver, bounded};
use influxd::model::Precision;
use reader::{Batch, Plan, Position, Reader};
use send::Target;
use serde_json::json;
use source::Format;
use state::State;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub const IMPORT: Definition = Definition {
    name: "import",
    about: "Import line protocol or CSV, from files or standard input, compressed or not.",
    details: "Takes line protocol; exports of InfluxDB 1.x (influx_inspect export, whose headers name the\n\
              database) and 2.x (influxd inspect export-lp); annotated CSV as queries answer it, and the\n\
              extended annotations (measurement, tag, field, time). gzip and zstd are seen by themselves.\n\n\
              A malformed line goes to the rejects file with its number and the reason; the others are\n\
              written. Exit code 7 says that there were some. After Ctrl-C, or when the server can't be\n\
              reached for two minutes, the same command with the same --state goes on where it ended.\n\
              Points whose types conflict are rejected by the server: `influxd inspect rejected`.",
    operands: Operands::Many("FILE"),
    flags: &[
        flag(
            "bucket",
            "NAME",
            "bucket to write to, else $INFLUX_BUCKET, else what the file's header says",
        ),
        flag(
            "format",
            "FORMAT",
            "lp or csv, else seen by name and content",
        ),
        flag(
            "precision",
            "UNIT",
            "of the times: ns (the default), us, ms or s",
        ),
        flag("rejects", "FILE", "where malformed lines go (made anew)"),
        flag("state", "FILE", "keeps how far it came, to go on there"),
        flag(
            "connections",
            "N",
            "requests at a time, 1 to 16 (default 1: points keep their order)",
        ),
        switch("create-buckets", "make buckets that don't exist"),
        switch("strict", "stop at the first malformed line"),
        switch("quiet", "no progress"),
    ],
    remote: true,
    examples: &[
        "influxd import --bucket dev --precision s data/weather.lp",
        "influxd import --create-buckets --state import.state --rejects bad.lp export.gz",
        "zcat table.csv.gz | influxd import --bucket dev --format csv -",
    ],
    run,
};

/// Batches that wait for a sender.
const WAITING_MAX: usize = 4;
/// Between two savings of the state.
const KEEP_EVERY: Duration = Duration::from_secs(1);

struct Done {
    batch: Batch,
    written: Result<u64, CliError>,
}

fn run(given: &Given) -> Result<(), CliError> {
    let files = files(given)?;
    let precision = given.choice("precision", PRECISIONS)?;
    let format = match given.choice("format", &["auto", "lp", "csv"])? {
        "lp" => Some(Format::LineProtocol),
        "csv" => Some(Format::Csv),
        _ => None,
    };
    let connections = given.number("connections", 1, 1..=16)?;
    let bucket = given.text_or_variable("bucket", "INFLUX_BUCKET")?;
    let client = Client::of(given)?;
    let org = client.org_parameter()?;
    let sizes: Vec<u64> = files.iter().map(|file| size(file)).collect();
    let subject = json!({
        "host": client.host(), "org": org, "bucket": bucket, "precision": precision,
        "files": files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "sizes": sizes,
    });
    let mut state = State::open(given.path("state"), given.path("rejects"), subject)?;
    let plan = Plan {
        files,
        format,
        precision: Precision::parse_v2(precision).unwrap_or_default(),
        bucket,
        from: state.counts.position,
        suspicious: AtomicBool::new(false),
    };
    if plan.from != Position::default() {
        output::tell(&format!("going on after {}", place(&plan, plan.from)));
    }
    let stop = interrupt::listen();
    let target = Target {
        client: &client,
        org: &org,
        precision,
        create_buckets: given.has("create-buckets"),
        plan: &plan,
        stop,
    };
    let mut work = Work {
        plan: &plan,
        state: &mut state,
        progress: Progress::new("points", given.has("quiet")),
        total: sizes.iter().sum(),
        strict: given.has("strict"),
        kept: Instant::now(),
    };
    let connections = usize::try_from(connections).unwrap_or(1);
    let done = transfer(&plan, &target, connections, stop, &mut work);
    work.progress.clear();
    let summary = work.progress.summary(work.state.counts.written);
    state.keep()?;
    report(given, &plan, state, done, stop, &summary)
}

fn report(
    given: &Given,
    plan: &Plan,
    state: State,
    done: Result<(), CliError>,
    stop: &AtomicBool,
    summary: &str,
) -> Result<(), CliError> {
    let position = state.counts.position;
    let rejected = state.counts.rejected;
    let way_on = match given.path("state") {
        Some(_) => "the same command goes on there".to_owned(),
        None => "importing all again changes nothing that is written".to_owned(),
    };
    match done {
        Ok(()) if stop.load(Ordering::Relaxed) => Err(CliError::Interrupted(format!(
            "interrupted after {}: {summary}; {way_on}",
            place(plan, position)
        ))),
        Ok(()) => {
            state.finish()?;
            output::tell(&format!("imported {summary}, {rejected} malformed"));
            if rejected == 0 {
                return Ok(());
            }
            let kept = given.path("rejects").map_or_else(
                || "--rejects FILE keeps them".to_owned(),
                |path| format!("they are in {}", path.display()),
            );
            Err(CliError::Rejected(format!(
                "{rejected} malformed lines were not imported; {kept}"
            )))
        }
        Err(error) => {
            output::tell(&format!(
                "imported up to {}: {summary}, {rejected} malformed; {way_on}",
                place(plan, position)
            ));
            Err(error)
        }
    }
}

fn place(plan: &Plan, position: Position) -> String {
    let file = plan.files.get(position.file).map(PathBuf::as_path);
    let file = file.unwrap_or(Path::new("-"));
    format!("line {} of {}", position.line, file.display())
}

fn files(given: &Given) -> Result<Vec<PathBuf>, CliError> {
    let files: Vec<PathBuf> = given.operands.iter().map(PathBuf::from).collect();
    if !files.is_empty() {
        return Ok(files);
    }
    if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return Err(given.wrong("FILE is missing (standard input is a terminal)"));
    }
    Ok(vec![PathBuf::from("-")])
}

/// 0 where it can't be told.
fn size(file: &Path) -> u64 {
    let metadata = std::fs::metadata(file);
    metadata.map_or(0, |metadata| metadata.len())
}

/// Takes finished batches in order.
struct Work<'a> {
    plan: &'a Plan,
    state: &'a mut State,
    progress: Progress,
    total: u64,
    strict: bool,
    kept: Instant,
}

impl Work<'_> {
    fn finished(&mut self, batch: &Batch, written: u64, read: u64) -> Result<(), CliError> {
        let file = self.plan.files.get(batch.position.file);
        let file = file.map_or(Path::new("-"), PathBuf::as_path);
        let mut rejects = batch.rejects.clone();
        rejects.sort_by_key(|reject| reject.line);
        self.state.done(written, &rejects, file, batch.position)?;
        if let (true, Some(first)) = (self.strict, rejects.first()) {
            return Err(CliError::Rejected(format!(
                "{}:{}: {}",
                file.display(),
                first.line,
                first.reason
            )));
        }
        if self.kept.elapsed() > KEEP_EVERY {
            self.state.keep()?;
            self.kept = Instant::now();
        }
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = (self.total > 0).then(|| read as f64 / self.total as f64);
        self.progress.tell(self.state.counts.written, share);
        Ok(())
    }
}

fn transfer(
    plan: &Plan,
    target: &Target<'_>,
    connections: usize,
    stop: &AtomicBool,
    work: &mut Work<'_>,
) -> Result<(), CliError> {
    let read = Arc::new(AtomicU64::new(0));
    let (batches_in, batches_out) = bounded::<Batch>(WAITING_MAX);
    let (done_in, done_out) = bounded::<Done>(WAITING_MAX);
    // Set when something failed: then nothing more is read or sent.
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut give = |batch: Batch| {
                let ended = stop.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed);
                !ended && batches_in.send(batch).is_ok()
            };
            let read_all = Reader::new(plan, &mut give).run(&read);
            drop(batches_in);
            read_all
        });
        for _ in 0..connections {
            let (batches, done) = (batches_out.clone(), done_in.clone());
            let failed = &failed;
            scope.spawn(move || {
                for mut batch in batches {
                    if failed.load(Ordering::Relaxed) {
                        continue;
                    }
                    let written = target.send(&mut batch);
                    if done.send(Done { batch, written }).is_err() {
                        return;
                    }
                }
            });
        }
        drop((batches_out, done_in));
        let taken = take_in_order(&done_out, work, &read, &failed);
        // A reader or sender that still gives finds nobody and ends.
        drop(done_out);
        let read_all = reading.join();
        taken?;
        read_all.unwrap_or_else(|_| Err(CliError::Failed("reading ended abnormally".to_owned())))
    })
}

/// The first failure, after all that was sent before it is accounted for.
fn take_in_order(
    done: &Receiver<Done>,
    work: &mut Work<'_>,
    read: &AtomicU64,
    failed: &AtomicBool,
) -> Result<(), CliError> {
    let mut early: BTreeMap<u64, (Batch, u64)> = BTreeMap::new();
    let mut next = 0;
    let mut failure = None;
    for Done { batch, written } in done {
        match written {
            Ok(written) => {
                early.insert(batch.number, (batch, written));
            }
            Err(error) => {
                failed.store(true, Ordering::Relaxed);
                failure.get_or_insert(error);
            }
        }
        while let Some((batch, written)) = early.remove(&next) {
            next += 1;
            let finished = work.finished(&batch, written, read.load(Ordering::Relaxed));
            if let Err(error) = finished {
                failed.store(true, Ordering::Relaxed);
                failure.get_or_insert(error);
                break;
            }
        }
    }
    failure.map_or(Ok(()), Err)
}
