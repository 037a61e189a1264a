//! Phases *ingest* and *search*: what the service answers. Handlers are measured by their spans; nothing here is of
//! phasemeter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Query, Request, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router, body::Bytes};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;
use tower_http::trace::TraceLayer;
use tracing::{Span, instrument};

use crate::ending;
use crate::index::{Found, Index, words};
use crate::indexer::Document;
use crate::refusal::Refusal;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Service {
    index: Arc<RwLock<Index>>,
    queue: Sender<Document>,
    documents: Arc<AtomicU64>,
    max_document_bytes: usize,
}

/// A search tells this many documents.
const MOST_FOUND: usize = 10;

const MAX_DELAY_MS: u64 = 60_000;

#[derive(Deserialize)]
struct Search {
    q: String,
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Deserialize)]
struct Ingest {
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Serialize)]
struct Accepted {
    document: u64,
}

#[derive(Serialize)]
struct Answer {
    found: Vec<Found>,
}

impl Service {
    pub(crate) fn new(index: Arc<RwLock<Index>>, queue: Sender<Document>, max_document_bytes: u32) -> Self {
        let max_document_bytes = usize::try_from(max_document_bytes).unwrap_or(usize::MAX);
        Self { index, queue, documents: Arc::default(), max_document_bytes }
    }
}

pub(crate) fn router(service: Service) -> Router {
    // Somewhat too much is read all the same: a client that is still sending would miss the answer.
    let read_bytes = service.max_document_bytes.saturating_mul(2);
    Router::new()
        .route("/documents", post(ingest))
        .route("/search", get(search))
        .route("/healthz", get(|| async { "ok\n" }))
        .layer(DefaultBodyLimit::max(read_bytes))
        .layer(TraceLayer::new_for_http())
        .with_state(service)
}

#[instrument(skip_all, fields(phase.name = "ingest", phase.items = 1, phase.bytes, phase.outcome, error.type))]
async fn ingest(
    State(service): State<Service>,
    ingest: Result<Query<Ingest>, QueryRejection>,
    request: Request,
) -> Result<(StatusCode, Json<Accepted>), Refusal> {
    ending::said(async {
        let Query(ingest) = ingest.map_err(Refusal::Query)?;
        let delay = delay(ingest.delay_ms)?;
        let text = service.text(request).await?;
        // Here the request waits while too many documents do.
        let place = service.queue.reserve().await.map_err(|_| Refusal::NoIndexer)?;
        // Relaxed is enough: each number is given once, whatever else is seen when.
        let document = service.documents.fetch_add(1, Ordering::Relaxed) + 1;
        place.send(Document { number: document, text, delay });
        Ok((StatusCode::ACCEPTED, Json(Accepted { document })))
    })
    .await
}

#[instrument(skip_all, fields(phase.name = "search", phase.items, phase.outcome, error.type))]
async fn search(
    State(service): State<Service>,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Json<Answer>, Refusal> {
    ending::said(async {
        let Query(search) = search.map_err(Refusal::Query)?;
        if words(&search.q).next().is_none() {
            return Err(Refusal::NoWords);
        }
        tokio::time::sleep(delay(search.delay_ms)?).await;
        let found = service.index.read().unwrap_or_else(PoisonError::into_inner).search(&search.q, MOST_FOUND);
        Span::current().record("phase.items", found.len());
        Ok(Json(Answer { found }))
    })
    .await
}

impl Service {
    async fn text(&self, request: Request) -> Result<String, Refusal> {
        let max_bytes = self.max_document_bytes;
        let body = Bytes::from_request(request, &()).await;
        let body = body.map_err(|rejection| Refusal::of_body(rejection, max_bytes))?;
        Span::current().record("phase.bytes", body.len());
        match body.len() {
            0 => Err(Refusal::Empty),
            bytes if bytes > max_bytes => Err(Refusal::TooLarge { max_bytes }),
            _ => String::from_utf8(body.into()).map_err(|_| Refusal::NotText),
        }
    }
}

fn delay(delay_ms: u64) -> Result<Duration, Refusal> {
    if delay_ms <= MAX_DELAY_MS {
        Ok(Duration::from_millis(delay_ms))
    } else {
        Err(Refusal::DelayTooLong { max_ms: MAX_DELAY_MS })
    }
}
