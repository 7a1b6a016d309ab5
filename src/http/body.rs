//! Request bodies: read into one buffer, inflated when compressed, never larger than allowed.

use super::auth::state_of;
use super::error::ApiError;
use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::{Bytes, Payload};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use std::io::Read;

/// A first buffer for a body of unknown length.
const FIRST_BYTES: usize = 64 << 10;

/// The whole body as it came, at most `max_bytes`. A client that stops sending is not waited for longer
/// than `[http] read-timeout`.
pub async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    max_bytes: usize,
) -> Result<Bytes, ApiError> {
    let patience = state_of(request)?.limits.read_timeout;
    let length = content_length(request);
    if length > max_bytes {
        return Err(ApiError::too_large(max_bytes));
    }
    let mut first: Option<Bytes> = None;
    let mut body: Vec<u8> = Vec::new();
    loop {
        let piece = match tokio::time::timeout(patience, payload.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(error))) => {
                return Err(ApiError::invalid(format!("unable to read data: {error}")));
            }
            Err(_) => {
                return Err(ApiError::timed_out(format!(
                    "unable to read data: nothing came for {} s ([http] read-timeout)",
                    patience.as_secs_f64()
                )));
            }
        };
        if body.len() + first.as_ref().map_or(0, Bytes::len) + piece.len() > max_bytes {
            return Err(ApiError::too_large(max_bytes));
        }
        // A body that came in one piece is not copied.
        match first.take() {
            None if body.is_empty() => first = Some(piece),
            None => body.extend_from_slice(&piece),
            Some(before) => {
                body.reserve(length.max(FIRST_BYTES).max(before.len() + piece.len()));
                body.extend_from_slice(&before);
                body.extend_from_slice(&piece);
            }
        }
    }
    Ok(first.unwrap_or_else(|| body.into()))
}

/// A write's body: inflated when the client says that it is gzip. Other encodings are no surprise to
/// InfluxDB, which parses the bytes as they are; so do we.
pub async fn read_write_body(
    request: &HttpRequest,
    payload: Payload,
    max_bytes: usize,
) -> Result<Bytes, ApiError> {
    let body = read(request, payload, max_bytes).await?;
    let encoding = request
        .headers()
        .get(CONTENT_ENCODING)
        .map(|value| value.as_bytes());
    if !matches!(encoding, Some(b"gzip" | b"x-gzip")) {
        return Ok(body);
    }
    if body.len() > INFLATE_INLINE_BYTES {
        let inflated = actix_web::web::block(move || inflate(&body, max_bytes)).await;
        return inflated.unwrap_or_else(|_| Err(ApiError::internal("the server is shutting down")));
    }
    inflate(&body, max_bytes)
}

/// Smaller bodies are inflated where they came in.
const INFLATE_INLINE_BYTES: usize = 256 << 10;

fn content_length(request: &HttpRequest) -> usize {
    let length = request
        .headers()
        .get(actix_web::http::header::CONTENT_LENGTH);
    length
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

/// Counted while it inflates, so that a small body can't become a large one.
fn inflate(body: &[u8], max_bytes: usize) -> Result<Bytes, ApiError> {
    let mut out = Vec::with_capacity(body.len().saturating_mul(4).min(max_bytes));
    let limit = u64::try_from(max_bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    MultiGzDecoder::new(body)
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|error| ApiError::invalid(format!("unable to read data: gzip: {error}")))?;
    if out.len() > max_bytes {
        return Err(ApiError::too_large(max_bytes));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn what_inflates_beyond_the_limit_is_refused() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 4096);
        assert!(inflate(&bomb, 1 << 16).is_err());
        assert_eq!(inflate(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        assert!(inflate(&bomb[..bomb.len() / 2], 1 << 20).is_err());
        assert!(inflate(b"not gzip", 100).is_err());
    }
}
