//! `influxd backup`: of a running server, over HTTP.

use super::{Directory, Entry, FORMAT, Manifest, copy_hashed, sync_directory};
use crate::cli::args::{Definition, Given, Operands, flag, switch};
use crate::cli::client::{Client, NOTHING, text};
use crate::cli::progress::Progress;
use crate::cli::{CliError, interrupt, output};
use influxd::outgoing::encoded;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

pub const BACKUP: Definition = Definition {
    name: "backup",
    about: "Back a running server up into a directory: points, buckets, users, tokens, all of one moment.",
    details: "Everything that was acknowledged before is in it; writes go on meanwhile. Files that the\n\
              directory has from earlier backups are not fetched again, and yet every backup is whole by\n\
              itself. Needs an operator token. Prints the name of the backup.",
    operands: Operands::One("DIRECTORY"),
    flags: &[
        switch("full", "fetch every file, whatever is there"),
        flag("keep", "N", "then remove all but the last N backups"),
        switch("quiet", "no progress"),
    ],
    remote: true,
    examples: &[
        "influxd backup /var/backups/influxd",
        "influxd backup /var/backups/influxd --keep 14 --quiet",
    ],
    run,
};

struct Run<'a> {
    client: &'a Client,
    directory: &'a Directory,
    checkpoint: String,
    /// What earlier backups have: by name, size and time.
    known: BTreeMap<(String, u64, String), String>,
    progress: Progress,
    fetched: u64,
    total: u64,
}

fn run(given: &Given) -> Result<(), CliError> {
    let keep = given.number("keep", 0, 1..=1_000_000)?;
    let client = Client::of(given)?;
    let directory = Directory::of(given)?;
    for path in [directory.objects(), directory.manifests()] {
        fs::create_dir_all(&path).map_err(|error| CliError::file("can't make", &path, error))?;
    }
    let _lock = lock(&directory)?;
    // Secrets' hashes are in it.
    make_private(&directory)?;
    directory.sweep()?;
    let stop = interrupt::listen();
    let path = "/api/v2/backup/checkpoints";
    let answer = client.put_json("POST", path, &Value::Null)?;
    let checkpoint = text(&answer, "id");
    let listed = answer.get("files").and_then(Value::as_array);
    let listed = listed.map(Vec::as_slice).unwrap_or_default();
    let mut run = Run {
        client: &client,
        directory: &directory,
        known: match given.has("full") {
            true => BTreeMap::new(),
            false => known(&directory)?,
        },
        progress: Progress::new("bytes", given.has("quiet")),
        fetched: 0,
        total: listed.iter().map(size).sum(),
        checkpoint: format!("{path}/{checkpoint}"),
    };
    let mut files = Vec::new();
    let mut failure = None;
    let mut done = 0;
    for file in listed {
        if stop.load(Ordering::Relaxed) {
            failure = Some(CliError::Interrupted(
                "interrupted; the next backup goes on with what was fetched".to_owned(),
            ));
            break;
        }
        match run.entry(file) {
            Ok(entry) => files.push(entry),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
        done += size(file);
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = done as f64 / run.total.max(1) as f64;
        run.progress.tell(run.fetched, Some(share));
    }
    run.progress.clear();
    // The server would do it by itself some time.
    let _ = client.delete(&run.checkpoint);
    if let Some(failure) = failure {
        return Err(failure);
    }
    let (fetched, total) = (run.fetched, run.total);
    let name = finish(&directory, &client, files)?;
    if keep > 0 {
        forget(&directory, keep)?;
    }
    if !given.has("quiet") {
        output::tell(&format!("fetched {fetched} of {total} bytes"));
    }
    output::say(&format!("{name}\n"))
}

/// One writer at a time; the lock goes with the process.
fn lock(directory: &Directory) -> Result<File, CliError> {
    let path = directory.path.join("lock");
    let file = File::create(&path).map_err(|error| CliError::file("can't write", &path, error))?;
    let taken = file.try_lock();
    taken.map_err(|_| {
        CliError::Failed(format!(
            "{}: another backup is writing here",
            directory.path.display()
        ))
    })?;
    Ok(file)
}

fn make_private(directory: &Directory) -> Result<(), CliError> {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.objects();
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(&path, private)
        .map_err(|error| CliError::file("can't protect", &path, error))
}

fn size(file: &Value) -> u64 {
    file.get("size").and_then(Value::as_u64).unwrap_or(0)
}

fn known(directory: &Directory) -> Result<BTreeMap<(String, u64, String), String>, CliError> {
    let mut known = BTreeMap::new();
    for name in directory.names()? {
        for file in directory.manifest(&name)?.files {
            let object = directory.object(&file.sha256)?;
            let is_whole = fs::metadata(&object).is_ok_and(|found| found.len() == file.size);
            if is_whole {
                known.insert((file.name, file.size, file.modified_ns), file.sha256);
            }
        }
    }
    Ok(known)
}

impl Run<'_> {
    fn entry(&mut self, file: &Value) -> Result<Entry, CliError> {
        let (name, size, modified_ns) = (text(file, "name"), size(file), text(file, "modifiedNs"));
        // Only these never change under a name.
        let is_immutable = name.ends_with(".sst");
        let key = (name, size, modified_ns);
        let known = self.known.get(&key).filter(|_| is_immutable).cloned();
        let sha256 = match known {
            Some(sha256) => sha256,
            None => self.fetch(&key.0, size)?,
        };
        let (name, size, modified_ns) = key;
        Ok(Entry {
            name,
            size,
            modified_ns,
            sha256,
        })
    }

    fn fetch(&mut self, name: &str, size: u64) -> Result<String, CliError> {
        let path = format!("{}/{}", self.checkpoint, encoded(name));
        let mut answer = self.client.stream("GET", &path, &[], &NOTHING)?;
        let partial = self.directory.objects().join("partial");
        let failed = |error| CliError::file("can't write", &partial, error);
        let mut file = File::create(&partial).map_err(failed)?;
        let (sha256, fetched) = copy_hashed(&mut answer, &mut file)
            .map_err(|error| CliError::Failed(format!("{name} could not be fetched: {error}")))?;
        if fetched != size {
            return Err(CliError::Failed(format!(
                "{name}: {fetched} bytes came instead of {size}"
            )));
        }
        file.sync_all().map_err(failed)?;
        let object: PathBuf = self.directory.object(&sha256)?;
        fs::rename(&partial, &object).map_err(failed)?;
        self.fetched += fetched;
        Ok(sha256)
    }
}

/// From here on the backup is there.
fn finish(directory: &Directory, client: &Client, files: Vec<Entry>) -> Result<String, CliError> {
    sync_directory(&directory.objects())?;
    let manifest = Manifest {
        format: FORMAT,
        influxd: env!("CARGO_PKG_VERSION").to_owned(),
        host: client.host().to_owned(),
        files,
    };
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| CliError::Failed(format!("manifest: {error}")))?;
    // Names sort by time; colons are not for file names.
    let now = influxd::query::text::rfc3339(influxd::clock::now_ns());
    let name = now.replace(':', "-");
    let path = directory.manifests().join(format!("{name}.json"));
    let new = directory.manifests().join("new");
    let write = || {
        fs::write(&new, text)?;
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(|error| CliError::file("can't write", &path, error))?;
    sync_directory(&directory.manifests())?;
    Ok(name)
}

fn forget(directory: &Directory, keep: u64) -> Result<(), CliError> {
    let mut names = directory.names()?;
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    names.truncate(names.len().saturating_sub(keep));
    for name in names {
        let path = directory.manifests().join(format!("{name}.json"));
        fs::remove_file(&path).map_err(|error| CliError::file("can't remove", &path, error))?;
    }
    directory.sweep()
}
