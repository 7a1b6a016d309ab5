//! `/api/v2/backup/checkpoints`: files of one moment of the database. For those who may read the instance.

use super::AppState;
use super::auth::Identity;
use super::error::ApiError;
use crate::backup::{BackupError, Checkpoints};
use crate::catalog::Action;
use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data, Path};
use serde_json::{Value, json};
use std::io::Read;
use tokio::sync::mpsc;

const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait for a slow client.
const PIECES_WAITING: usize = 2;

fn must_read(identity: &Identity) -> Result<(), ApiError> {
    identity.must(Action::Read, "instance", None, None)
}

fn failed(error: BackupError) -> ApiError {
    match error {
        BackupError::Busy => ApiError::unavailable(error.to_string(), 10),
        BackupError::Unknown(_) => ApiError::not_found(error.to_string()),
        BackupError::File { .. } | BackupError::Storage(_) => ApiError::internal(error.to_string()),
    }
}

fn ended<T>(_: T) -> ApiError {
    ApiError::unavailable("shutting down", 1)
}

pub async fn create(
    state: Data<AppState>,
    checkpoints: Data<Checkpoints>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    must_read(&identity)?;
    if let Some(reason) = state.writer.not_ready() {
        return Err(ApiError::unavailable(
            reason,
            state.limits.retry_after_seconds,
        ));
    }
    let made = actix_web::web::block(move || checkpoints.create()).await;
    let (id, files) = made.map_err(ended)?.map_err(failed)?;
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            // Nanoseconds since 1970 fit a JSON number as text only.
            let modified = file.modified_ns.to_string();
            json!({"name": file.name, "size": file.size, "modifiedNs": modified})
        })
        .collect();
    Ok(HttpResponse::Created().json(json!({"id": id, "files": files})))
}

pub async fn file(
    path: Path<(String, String)>,
    checkpoints: Data<Checkpoints>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    must_read(&identity)?;
    let (id, name) = path.into_inner();
    let opened = actix_web::web::block(move || checkpoints.open(&id, &name)).await;
    let mut file = opened.map_err(ended)?.map_err(failed)?;
    let (sender, mut pieces) = mpsc::channel::<Result<Bytes, std::io::Error>>(PIECES_WAITING);
    drop(actix_web::rt::task::spawn_blocking(move || {
        loop {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let read = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece);
            let piece = match read {
                Ok(0) => return,
                Ok(_) => Ok(Bytes::from(piece)),
                Err(error) => Err(error),
            };
            let is_last = piece.is_err();
            // An error means that the client has gone.
            if sender.blocking_send(piece).is_err() || is_last {
                return;
            }
        }
    }));
    let stream = futures_util::stream::poll_fn(move |context| pieces.poll_recv(context));
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .streaming(stream))
}

pub async fn release(
    id: Path<String>,
    checkpoints: Data<Checkpoints>,
    identity: Identity,
) -> Result<HttpResponse, ApiError> {
    must_read(&identity)?;
    let released = actix_web::web::block(move || checkpoints.release(&id)).await;
    released.map_err(ended)?.map_err(failed)?;
    Ok(HttpResponse::NoContent().finish())
}
