//! Opens what is imported: files or standard input, compressed or not.

use crate::cli::CliError;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BUFFER_BYTES: usize = 1 << 18;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    LineProtocol,
    Csv,
}

/// Counts what is read of a file, as it is stored.
struct Counting<R> {
    inner: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The content of a source, inflated. `-` is standard input.
pub fn open(path: &Path, read: &Arc<AtomicU64>) -> Result<Box<dyn BufRead + Send>, CliError> {
    let failed = |error| CliError::file("can't read", path, error);
    let inner: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(failed)?)
    };
    let counting = Counting {
        inner,
        read: Arc::clone(read),
    };
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, counting);
    let magic = raw.fill_buf().map_err(failed)?;
    let is_gzip = magic.starts_with(&[0x1f, 0x8b]);
    let is_zstd = magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    if is_gzip {
        let inflated = flate2::bufread::MultiGzDecoder::new(raw);
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, inflated)));
    }
    if is_zstd {
        let inflated = zstd::stream::read::Decoder::with_buffer(raw).map_err(failed)?;
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, inflated)));
    }
    Ok(Box::new(raw))
}

/// By the name without what says the compression, else by the first bytes.
pub fn format_of(path: &Path, content: &mut dyn BufRead) -> Result<Format, CliError> {
    let mut name = PathBuf::from(path);
    if name
        .extension()
        .is_some_and(|extension| extension == "gz" || extension == "zst")
    {
        name.set_extension("");
    }
    if name.extension().is_some_and(|extension| extension == "csv") {
        return Ok(Format::Csv);
    }
    let start = content
        .fill_buf()
        .map_err(|error| CliError::file("can't read", path, error))?;
    let annotations = ["#datatype", "#group", "#default", "#constant"];
    let is_csv = annotations
        .iter()
        .any(|annotation| start.starts_with(annotation.as_bytes()));
    Ok(if is_csv {
        Format::Csv
    } else {
        Format::LineProtocol
    })
}
