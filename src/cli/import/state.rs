//! How far an import has come: rejects and the state file.

use super::reader::{Position, Reject};
use crate::cli::CliError;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What is known of the import so far.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    pub written: u64,
    pub rejected: u64,
    pub position: Position,
    /// Length of the rejects file that belongs to it.
    rejects_bytes: u64,
}

pub struct State {
    path: Option<PathBuf>,
    /// What is imported where: another import has another state.
    subject: Value,
    rejects_path: Option<PathBuf>,
    rejects: Option<File>,
    pub counts: Counts,
}

impl State {
    /// Goes on from the state file, if it is there.
    pub fn open(
        path: Option<PathBuf>,
        rejects_path: Option<PathBuf>,
        subject: Value,
    ) -> Result<Self, CliError> {
        let mut state = Self {
            path,
            subject,
            rejects_path,
            rejects: None,
            counts: Counts::default(),
        };
        if let Some(path) = &state.path
            && path.exists()
        {
            state.counts = read(path, &state.subject)?;
        }
        if let Some(path) = &state.rejects_path {
            let kept = state.counts.rejects_bytes;
            let open = || {
                let mut options = OpenOptions::new();
                let mut file = options
                    .create(true)
                    .write(true)
                    .truncate(false)
                    .open(path)?;
                // What was added after the state was kept comes again.
                file.set_len(kept.min(file.metadata()?.len()))?;
                file.seek(SeekFrom::End(0))?;
                Ok(file)
            };
            let file = open().map_err(|error| CliError::file("can't write", path, error))?;
            state.rejects = Some(file);
        }
        Ok(state)
    }

    /// A batch is done: all before `position` is.
    pub fn done(
        &mut self,
        written: u64,
        rejects: &[Reject],
        file: &Path,
        position: Position,
    ) -> Result<(), CliError> {
        self.counts.written += written;
        self.counts.rejected += rejects.len() as u64;
        self.counts.position = position;
        if let (Some(out), Some(path)) = (&mut self.rejects, &self.rejects_path)
            && !rejects.is_empty()
        {
            let mut text = String::new();
            for reject in rejects {
                let Reject {
                    line,
                    reason,
                    text: point,
                } = reject;
                text.push_str(&format!("# {}:{line}: {reason}\n{point}\n", file.display()));
            }
            out.write_all(text.as_bytes())
                .map_err(|error| CliError::file("can't write", path, error))?;
            self.counts.rejects_bytes += text.len() as u64;
        }
        Ok(())
    }

    /// Keeps the state; a crash leaves the one before or this one.
    pub fn keep(&self) -> Result<(), CliError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let Counts {
            written,
            rejected,
            position,
            rejects_bytes,
        } = &self.counts;
        let content = json!({
            "import": self.subject,
            "file": position.file,
            "line": position.line,
            "written": written,
            "rejected": rejected,
            "rejects_bytes": rejects_bytes,
        });
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let write = || {
            if let Some(rejects) = &self.rejects {
                rejects.sync_data()?;
            }
            let mut file = File::create(&new)?;
            writeln!(file, "{content:#}")?;
            file.sync_all()?;
            std::fs::rename(&new, path)
        };
        write().map_err(|error| CliError::file("can't write", path, error))
    }

    /// Everything is imported: the next import begins at the beginning.
    pub fn finish(self) -> Result<Counts, CliError> {
        if let Some(path) = &self.path
            && path.exists()
        {
            std::fs::remove_file(path)
                .map_err(|error| CliError::file("can't remove", path, error))?;
        }
        if let (Some(path), 0) = (&self.rejects_path, self.counts.rejected) {
            // Made by this import, and empty.
            let _ = std::fs::remove_file(path);
        }
        Ok(self.counts)
    }
}

fn read(path: &Path, subject: &Value) -> Result<Counts, CliError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| CliError::file("can't read", path, error))?;
    let damaged = || {
        CliError::Failed(format!(
            "{}: no state of an import; remove it to begin at the beginning",
            path.display()
        ))
    };
    let json: Value = serde_json::from_str(&text).map_err(|_| damaged())?;
    if json.get("import") != Some(subject) {
        return Err(CliError::Failed(format!(
            "{}: the state of another import (other files, sizes or target); remove it to begin \
             at the beginning",
            path.display()
        )));
    }
    let number = |name: &str| json.get(name).and_then(Value::as_u64).ok_or_else(damaged);
    Ok(Counts {
        written: number("written")?,
        rejected: number("rejected")?,
        position: Position {
            file: usize::try_from(number("file")?).map_err(|_| damaged())?,
            line: number("line")?,
        },
        rejects_bytes: number("rejects_bytes")?,
    })
}
