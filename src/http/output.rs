//! Running a query on its own thread and sending its output while it comes.
//!
//! Until the first bytes are there a failure has its own status code; after that the languages report it in
//! the output. A client that goes away stops the query with the next piece it writes.

use super::AppState;
use super::error::ApiError;
use crate::asker::AskersWriter;
use crate::catalog::lookup::OrgLookup;
use crate::clock::now_ns;
use crate::query::context::{QueryContext, QueryError};
use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Output is sent in pieces of about this size.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait for a slow client.
const PIECES_WAITING: usize = 4;
/// Shorter answers are not worth compressing.
const GZIP_BYTES_MIN: usize = 1400;

/// How the output is to be sent.
pub struct Answer<'a> {
    pub content_type: &'static str,
    pub request: &'a HttpRequest,
    pub now_ns: Option<i64>,
}

/// Runs `query` and streams what it writes.
pub async fn run(
    state: &Data<AppState>,
    lookup: Arc<OrgLookup>,
    answer: Answer<'_>,
    query: impl FnOnce(&QueryContext, &mut dyn Write) -> Result<(), QueryError> + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let retry_after = state.limits.retry_after_seconds;
    if let Some(reason) = state.writer.not_ready() {
        log::debug!("a query comes while writes are not possible: {reason}");
        if reason.starts_with("recovering") {
            return Err(ApiError::unavailable(reason, retry_after));
        }
    }
    let timeout = state.limits.query_timeout;
    let slots = Arc::clone(&state.query_slots).acquire_owned();
    let slot = tokio::time::timeout(timeout, slots).await;
    let slot = slot.ok().and_then(Result::ok).ok_or_else(|| {
        ApiError::unavailable("too many queries are running; retry later", retry_after)
    })?;
    let gzip = accepts_gzip(answer.request);
    let (sender, mut pieces) = mpsc::channel::<Piece>(PIECES_WAITING);
    let writer = Arc::new(AskersWriter {
        writer: Arc::clone(&state.writer),
        lookup: Arc::clone(&lookup),
        runtime: Handle::current(),
    });
    let context = QueryContext::new(
        Arc::clone(&state.source),
        lookup,
        answer.now_ns.unwrap_or_else(now_ns),
        timeout,
        state.limits.query_max_memory_bytes,
        Arc::clone(&state.query_memory),
    )
    .with_writer(writer);
    let running = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        context.source.wait_visible(context.remaining())?;
        let mut out = PieceWriter {
            sender,
            pending: Vec::new(),
            gzip,
            encoder: None,
            compressing: false,
        };
        query(&context, &mut out)?;
        out.finish()
    });
    let Some(first) = pieces.recv().await else {
        // Nothing was written: the outcome decides.
        return match running.await {
            Ok(Ok(())) => Ok(HttpResponse::Ok()
                .insert_header((CONTENT_TYPE, answer.content_type))
                .finish()),
            Ok(Err(error)) => Err(ApiError::of_query(&error, retry_after)),
            Err(error) => Err(ApiError::internal(format!(
                "the query ended abnormally: {error}"
            ))),
        };
    };
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, answer.content_type));
    if first.compressed {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    if first.last {
        return Ok(response.body(first.bytes));
    }
    let rest = futures_util::stream::unfold(pieces, |mut pieces| async move {
        pieces
            .recv()
            .await
            .map(|piece| (Ok::<_, io::Error>(piece.bytes), pieces))
    });
    let first = futures_util::stream::once(async move { Ok(first.bytes) });
    Ok(response.streaming(futures_util::StreamExt::chain(first, rest)))
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = request
        .headers()
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|encoding| {
        let (name, quality) = encoding.split_once(';').unwrap_or((encoding, ""));
        name.trim() == "gzip" && quality.replace(' ', "") != "q=0"
    })
}

struct Piece {
    bytes: Bytes,
    compressed: bool,
    /// Nothing follows.
    last: bool,
}

/// Collects output and hands it over in pieces; compresses once there is enough.
struct PieceWriter {
    sender: mpsc::Sender<Piece>,
    pending: Vec<u8>,
    gzip: bool,
    encoder: Option<GzEncoder<Vec<u8>>>,
    compressing: bool,
}

impl PieceWriter {
    fn send(&mut self, bytes: Vec<u8>, last: bool) -> io::Result<()> {
        let piece = Piece {
            bytes: bytes.into(),
            compressed: self.compressing,
            last,
        };
        self.sender
            .blocking_send(piece)
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone"))
    }

    fn finish(mut self) -> Result<(), QueryError> {
        let pending = std::mem::take(&mut self.pending);
        if let Some(mut encoder) = self.encoder.take() {
            encoder.write_all(&pending)?;
            let rest = encoder.finish()?;
            return Ok(self.send(rest, false)?);
        }
        if pending.is_empty() {
            return Ok(());
        }
        if self.gzip && pending.len() >= GZIP_BYTES_MIN {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&pending)?;
            let whole = encoder.finish()?;
            self.compressing = true;
            return Ok(self.send(whole, true)?);
        }
        Ok(self.send(pending, true)?)
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= PIECE_BYTES {
            let pending = std::mem::take(&mut self.pending);
            if self.gzip {
                self.compressing = true;
                let encoder = self
                    .encoder
                    .get_or_insert_with(|| GzEncoder::new(Vec::new(), Compression::fast()));
                encoder.write_all(&pending)?;
                let ready = std::mem::take(encoder.get_mut());
                if !ready.is_empty() {
                    self.send(ready, false)?;
                }
            } else {
                self.send(pending, false)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
