//! Which question has which answer, and what every answer carries.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::access::{Admission, PageAccess};
use super::documents::{AskedRun, Unanswered};
use super::feed::Feed;
use super::page;
use crate::report::{MetricsFormat, RunCommand};

/// How many clients follow the stream at a time.
pub(super) const CLIENTS_MAX: usize = 64;
/// How many questions a mount is asked at a time; those that hang stay among them.
const QUESTIONS_MAX: usize = 8;
/// How long a question waits for its turn, and for its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Nothing but what this server has, and nothing in line.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

const TEXT: &str = "text/plain; charset=utf-8";

/// What answers need.
#[derive(Clone)]
pub(super) struct PageState {
    feed: Arc<Feed>,
    access: Arc<PageAccess>,
    clients: Arc<Semaphore>,
    questions: Arc<Semaphore>,
}

impl PageState {
    pub(super) fn new(feed: Feed, access: PageAccess) -> Self {
        Self {
            feed: Arc::new(feed),
            access: Arc::new(access),
            clients: Arc::new(Semaphore::new(CLIENTS_MAX)),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
        }
    }
}

pub(super) fn router(shared: PageState) -> Router {
    let mut router = Router::new()
        .route("/events", get(events))
        .route("/api/process", get(process))
        .route("/api/file", get(file))
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }));
    for file in page::FILES {
        let answer = ([(CONTENT_TYPE, file.media_type)], file.text);
        router = router.route(file.path, get(move || async move { answer }));
    }
    router
        .fallback(|| async { refusal(StatusCode::NOT_FOUND, "there is nothing of this name") })
        .layer(from_fn_with_state(shared.clone(), guard))
        .with_state(shared)
}

/// Lets in who may look, and gives every answer its headers.
async fn guard(State(shared): State<PageState>, request: Request, next: Next) -> Response {
    let admission = shared.access.admit(request.uri(), request.headers());
    let mut response = if admission == Admission::WrongHost {
        refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "this is not the name of this machine: ask for it by its address or its name",
        )
    } else if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response =
            refusal(StatusCode::METHOD_NOT_ALLOWED, "this page only looks: GET and HEAD");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    } else if admission == Admission::NoToken {
        refusal(
            StatusCode::UNAUTHORIZED,
            "this page needs its token: open the address that 'seedfs dashboard' printed, or send \
             the header 'Authorization: Bearer TOKEN'",
        )
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Admission::WithCookie(cookie) = admission {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

fn refusal(status: StatusCode, words: &'static str) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], format!("{words}\n")).into_response()
}

/// The stream of frames and maps.
async fn events(State(shared): State<PageState>) -> Response {
    let Ok(place) = Arc::clone(&shared.clients).try_acquire_owned() else {
        let words = "as many clients as there may be are looking already";
        let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, words);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        return response;
    };
    // One event on its way; the others are not made for a client that is not ready.
    let (sender, receiver) = mpsc::channel(1);
    let following = shared.feed.follow(sender);
    tokio::spawn(async move {
        let _place: OwnedSemaphorePermit = place;
        following.await;
    });
    let stream = ReceiverStream::new(receiver).map(Ok::<Bytes, std::convert::Infallible>);
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

/// The metrics of all targets, in the newer form for who knows it.
async fn metrics(State(shared): State<PageState>, headers: HeaderMap) -> Response {
    let Ok(turn) = Arc::clone(&shared.questions).acquire_owned().await else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "it ends");
    };
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok());
    let format = if accepted.is_some_and(|types| types.contains("application/openmetrics-text")) {
        MetricsFormat::OpenMetrics
    } else {
        MetricsFormat::Prometheus
    };
    // A thousand nodes take their time, in which the stream goes on.
    let text = spawn_blocking(move || {
        let _turn = turn;
        shared.feed.metrics(format)
    });
    match text.await {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "the answer was lost"),
    }
}

#[derive(Deserialize)]
struct ProcessQuestion {
    target: usize,
    run: RunCommand,
    node: u32,
    process: u32,
    #[serde(default)]
    from: u64,
}

#[derive(Deserialize)]
struct FileQuestion {
    target: usize,
    run: RunCommand,
    path: String,
}

async fn process(
    State(shared): State<PageState>,
    Query(question): Query<ProcessQuestion>,
) -> Response {
    let ProcessQuestion { target, run, node, process, from } = question;
    ask(&shared, target, run, move |subject| subject.process(node, process, from)).await
}

async fn file(State(shared): State<PageState>, Query(question): Query<FileQuestion>) -> Response {
    let FileQuestion { target, run, path } = question;
    ask(&shared, target, run, move |subject| subject.file(&path)).await
}

/// Asks on a thread that may wait, because mounts and file servers take what time they like.
async fn ask<T: serde::Serialize + Send + 'static>(
    shared: &PageState,
    target: usize,
    command: RunCommand,
    question: impl FnOnce(&AskedRun) -> Result<T, Unanswered> + Send + 'static,
) -> Response {
    let Some((target, look)) = shared.feed.target(target) else {
        return unanswered(StatusCode::NOT_FOUND, "there is no target of this number");
    };
    let subject = AskedRun { target, look, command };
    let turn = timeout(ANSWER_WITHIN, Arc::clone(&shared.questions).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return unanswered(StatusCode::SERVICE_UNAVAILABLE, "too many questions wait for answers");
    };
    let answer = spawn_blocking(move || {
        let _turn = turn;
        question(&subject)
    });
    match timeout(ANSWER_WITHIN, answer).await {
        Ok(Ok(Ok(answer))) => Json(answer).into_response(),
        Ok(Ok(Err(Unanswered::Unknown(words)))) => unanswered(StatusCode::NOT_FOUND, &words),
        Ok(Ok(Err(Unanswered::Failed(words)))) => unanswered(StatusCode::BAD_GATEWAY, &words),
        Ok(Err(_)) => unanswered(StatusCode::INTERNAL_SERVER_ERROR, "the answer was lost"),
        Err(_) => unanswered(StatusCode::GATEWAY_TIMEOUT, "the target does not answer"),
    }
}

fn unanswered(status: StatusCode, words: &str) -> Response {
    (status, Json(json!({ "error": words }))).into_response()
}
