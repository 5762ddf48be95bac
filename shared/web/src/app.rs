//! Puts a service together: prefix, probes, documents, limits, and one shape of failure.

use std::any::Any;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use shared_config::{Service, wiring};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;

use crate::documented;
use crate::error::ApiError;
use crate::health::Checks;
use crate::request;

/// Largest body of an endpoint that names no limit of its own, bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The name of the bearer scheme in the OpenAPI documents.
pub const BEARER: &str = "bearer";

/// Assembles the application of a service out of its `/v1` routes and others below its prefix.
pub fn assemble(
    service: Service,
    summary: &str,
    v1: OpenApiRouter,
    beside: Router,
    checks: Checks,
) -> (Router, OpenApi) {
    let prefix = service.prefix();
    let start = OpenApiRouter::with_openapi(document(service, summary));
    let (router, mut openapi) = start.nest(&format!("{prefix}/v1"), v1).split_for_parts();
    documented::complete(&mut openapi);
    let page = utoipa_swagger_ui::SwaggerUi::new(format!("{prefix}/docs"))
        .url(format!("{prefix}/openapi.json"), openapi.clone());
    let router = router
        .nest(prefix, beside)
        .merge(page)
        .merge(probes("", checks.clone()))
        .merge(probes(prefix, checks))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method);
    (surrounded(router), openapi)
}

/// The layers around every request, the outermost last.
pub fn surrounded(router: Router) -> Router {
    let nosniff = SetResponseHeaderLayer::if_not_present(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(nosniff)
        .layer(middleware::from_fn(request::observe))
}

fn probes(prefix: &str, checks: Checks) -> Router {
    let ready = move || {
        let checks = checks.clone();
        async move { checks.run().await }
    };
    Router::new()
        .route(
            &format!("{prefix}{}", wiring::LIVEZ),
            get(|| async { Json("ok") }),
        )
        .route(&format!("{prefix}{}", wiring::READYZ), get(ready))
}

fn document(service: Service, summary: &str) -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .build();
    let info = InfoBuilder::new()
        .title(format!("Creator Platform: {}", service.name()))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(summary));
    OpenApiBuilder::new()
        .info(info.build())
        .components(Some(components))
        .build()
}

async fn unknown_path() -> ApiError {
    ApiError::not_found("unknown_path").detail("no endpoint has this path")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
}

/// A panic is our fault; its words go to the log, and the caller gets the usual document.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer asks for"
)]
fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panic without words".to_owned());
    ApiError::internal(text).into_response()
}
