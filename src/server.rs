//! Builds and joins the parts; start and stop order in one place.
//!
//! Start: storage, write path (not yet replayed), catalog, senders of replications, listener, replay, writers,
//! "ready". Stop: no new connections, requests end, senders end, writers finish and seal, storage closes.

use crate::backup::Checkpoints;
use crate::catalog::{Catalog, CatalogError, SetupRequest};
use crate::config::{Acknowledge, Config, SchemaScope, SetupConfig, SyncMode};
use crate::dev;
use crate::engine::source::Source;
use crate::http::{AppState, HttpLimits, Services, WriteRate, configure, with_headers};
use crate::ingest::{Ingest, IngestOptions, PointWriter};
use crate::notify;
use crate::query::memory::MemoryPool;
use crate::replication::Replicator;
use crate::series::fields::SchemaScope as Scope;
use crate::storage::{self, StorageError, Store, StoreOptions};
use crate::tasks::Tasks;
use crate::tasks::run::Executor;
use actix_web::dev::Server;
use actix_web::middleware::{NormalizePath, from_fn};
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How long requests may take to end when the server stops, seconds.
const SHUTDOWN_SECONDS: u64 = 20;
const BACKLOG: i32 = 1024;

#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("can't listen on {address}: {source}; choose another [http] bind-address")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("TLS: {0}")]
    Tls(String),
    #[error("HTTP server: {0}")]
    Http(std::io::Error),
}

impl ServerError {
    /// What `influxd help` lists.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Storage(_) | Self::Catalog(_) => 5,
            Self::Listen { .. } => 4,
            Self::Tls(_) => 3,
            Self::Http(_) => 1,
        }
    }
}

/// Runs until a signal ends it.
pub fn run(config: Config) -> Result<(), ServerError> {
    let store = Arc::new(Store::open(&store_options(&config))?);
    let ingest = Ingest::open(Arc::clone(&store), ingest_options(&config))?;
    let writer: Arc<dyn PointWriter> = ingest.clone();
    let checkpoints = Data::new(Checkpoints::new(Arc::clone(&store)));
    let catalog = Arc::new(Catalog::load(store.clone(), Arc::clone(&writer))?);
    if let Some(setup) = config.setup.as_ref().filter(|_| catalog.is_empty()) {
        catalog.setup(setup_request(setup))?;
        log::info!("set up org {} with bucket {}", setup.org, setup.bucket);
    }
    let source: Arc<dyn Source> = Arc::new(ingest.reader());
    let query_memory = Arc::new(MemoryPool::new(config.query.pool_bytes));
    let executor = Executor {
        catalog: Arc::clone(&catalog),
        source: Arc::clone(&source),
        writer: Arc::clone(&writer),
        timeout: config.query.timeout,
        memory_bytes: config.query.max_memory_bytes,
        memory: Arc::clone(&query_memory),
    };
    let tasks = Arc::new(Tasks::load(store, executor, config.tasks.workers)?);
    let instance = config.replication.instance_id.clone();
    let replicator = Arc::new(Replicator::new(&ingest, Arc::clone(&catalog), instance));
    replicator.refresh();
    let services = Services {
        catalog,
        writer,
        source,
        replicator: Arc::clone(&replicator),
        tasks,
        query_memory,
    };
    let state = Data::new(AppState::new(
        services,
        http_limits(&config),
        write_rate(&config),
        config.http.tls.is_some(),
    ));
    let listener = listen(config.http.bind_address)?;
    let address = listener.local_addr().map_err(ServerError::Http)?;
    let result = actix_web::rt::System::new().block_on(serve(
        &config,
        &ingest,
        (state, checkpoints),
        listener,
        address,
    ));
    notify::stopping();
    replicator.stop();
    ingest.stop();
    log::info!("stopped");
    result
}

async fn serve(
    config: &Config,
    ingest: &Arc<Ingest>,
    state: (Data<AppState>, Data<Checkpoints>),
    listener: TcpListener,
    address: SocketAddr,
) -> Result<(), ServerError> {
    let tasks = Arc::clone(&state.0.tasks);
    let server = http_server(config, state, listener)?;
    let handle = server.handle();
    let recovering = Arc::clone(ingest);
    let scheduler = (config.tasks.workers > 0).then(|| Arc::clone(&tasks));
    let greeting = config.dev.then(|| dev::greeting(config, address));
    let scheme = if config.http.tls.is_some() {
        "https"
    } else {
        "http"
    };
    // /health is answered meanwhile.
    let recovery = actix_web::rt::task::spawn_blocking(move || recovering.recover_and_run());
    actix_web::rt::spawn(async move {
        match recovery.await {
            Ok(Ok(())) => {
                log::info!("listening on {scheme}://{address}");
                notify::ready();
                if let Some(scheduler) = scheduler {
                    actix_web::rt::spawn(scheduler.run_on_time());
                }
                if let Some(greeting) = greeting {
                    show(&greeting);
                }
            }
            Ok(Err(error)) => {
                log::error!("recovery failed: {error}");
                handle.stop(false).await;
            }
            Err(error) => log::error!("recovery ended abnormally: {error}"),
        }
    });
    let served = server.await;
    tasks.stop();
    served.map_err(ServerError::Http)?;
    match ingest.failure() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the greeting of a development database is for its terminal"
)]
fn show(greeting: &str) {
    println!("{greeting}");
}

fn http_server(
    config: &Config,
    (state, checkpoints): (Data<AppState>, Data<Checkpoints>),
    listener: TcpListener,
) -> Result<Server, ServerError> {
    let http = &config.http;
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .app_data(checkpoints.clone())
            .wrap(from_fn(with_headers))
            .wrap(NormalizePath::trim())
            .configure(configure)
    })
    .workers(workers)
    .backlog(BACKLOG.unsigned_abs())
    .max_connections(http.max_connections.div_ceil(workers))
    .client_request_timeout(http.read_timeout)
    // An answer in several pieces would wait for the client's delayed acknowledgements.
    .tcp_nodelay(true)
    .keep_alive(Duration::from_secs(180))
    .shutdown_timeout(SHUTDOWN_SECONDS);
    let server = match &http.tls {
        None => server.listen(listener),
        Some(tls) => {
            server.listen_rustls_0_23(listener, crate::tls::load(tls).map_err(ServerError::Tls)?)
        }
    };
    Ok(server.map_err(ServerError::Http)?.run())
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).map_err(|source| ServerError::Listen { address, source })
}

fn store_options(config: &Config) -> StoreOptions {
    let storage = &config.storage;
    StoreOptions {
        path: storage.path.clone(),
        block_cache_bytes: storage.block_cache_bytes,
        write_buffer_bytes: storage.write_buffer_bytes,
        sync: match storage.sync {
            SyncMode::Always => storage::SyncMode::Always,
            SyncMode::Interval => storage::SyncMode::Interval(storage.sync_interval),
            SyncMode::Never => storage::SyncMode::Never,
        },
    }
}

fn ingest_options(config: &Config) -> IngestOptions {
    let limit = config.limits.max_series_per_bucket.unwrap_or(0);
    IngestOptions {
        writers: u16::try_from(config.queue.writers).unwrap_or(u16::MAX),
        queue_max_bytes: config.queue.max_bytes,
        acknowledge_queued: config.queue.acknowledge == Acknowledge::Queue,
        head_max_bytes: config.storage.head_max_bytes,
        scope: match config.schema.scope {
            SchemaScope::Series => Scope::Series,
            SchemaScope::Measurement => Scope::Measurement,
        },
        min_free_bytes: config.storage.min_free_bytes as u64,
        max_series_per_bucket: u32::try_from(limit).unwrap_or(u32::MAX),
    }
}

fn http_limits(config: &Config) -> HttpLimits {
    HttpLimits {
        max_body_bytes: config.http.max_body_bytes,
        read_timeout: config.http.read_timeout,
        query_timeout: config.query.timeout,
        influxql_max_rows: config.query.influxql_max_rows,
        query_max_memory_bytes: config.query.max_memory_bytes,
        query_max_concurrent: config.query.max_concurrent,
        max_series_per_bucket: config.limits.max_series_per_bucket.unwrap_or(0),
        retry_after_seconds: config.queue.retry_after.as_secs().max(1),
    }
}

fn write_rate(config: &Config) -> WriteRate {
    match &config.limits.write_rate {
        None => WriteRate::unlimited(),
        Some(rate) => WriteRate::new(rate.bytes_per_second, rate.burst_bytes),
    }
}

fn setup_request(setup: &SetupConfig) -> SetupRequest {
    SetupRequest {
        username: setup.username.clone(),
        password: setup
            .password
            .as_ref()
            .map(|secret| secret.expose().to_owned()),
        org: setup.org.clone(),
        bucket: setup.bucket.clone(),
        retention_seconds: setup.retention.map_or(0, |retention| retention.as_secs()),
        token: setup
            .token
            .as_ref()
            .map(|secret| secret.expose().to_owned()),
    }
}
