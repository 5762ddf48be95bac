//! Assembles a service: prefix, probes, OpenAPI document, limits, and problem documents.

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
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::access_log;
use crate::error::ApiError;
use crate::health::Checks;
use crate::lifetime;
use crate::method;
use crate::openapi::complete;

/// Default limit of a request body, bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

/// The name of the bearer scheme in the OpenAPI documents.
pub const BEARER: &str = "bearer";

/// Assembles a service from its `/v1` routes, `unversioned` routes below its prefix, and the text
/// of its OpenAPI document. The document is the committed file: building it would cost memory and
/// start-up time.
pub fn assemble(
    service: Service,
    v1: Router,
    unversioned: Router,
    checks: Checks,
    document: &'static str,
) -> Router {
    let prefix = service.prefix();
    let address = format!("{prefix}/openapi.json");
    let page = SwaggerUi::new(format!("{prefix}/docs")).config(Config::new([address.clone()]));
    let json = [(header::CONTENT_TYPE, "application/json")];
    let router = Router::new()
        .nest(&format!("{prefix}/v1"), v1)
        .nest(prefix, unversioned)
        .route(&address, get(move || async move { (json, document) }))
        .merge(page)
        .merge(probes("", checks.clone()))
        .merge(probes(prefix, checks))
        .fallback(unknown_path)
        .method_not_allowed_fallback(method_not_allowed);
    with_default_layers(router)
}

/// Builds the OpenAPI document of a service from its `/v1` routes.
pub fn document<S>(service: Service, summary: &str, v1: OpenApiRouter<S>) -> String
where
    S: Clone + Send + Sync + 'static,
{
    let prefix = format!("{}/v1", service.prefix());
    let v1 = OpenApiRouter::<()>::with_openapi(v1.into_openapi());
    let start = OpenApiRouter::with_openapi(head(service, summary));
    let mut openapi = start.nest(&prefix, v1).into_openapi();
    complete::complete(&mut openapi);
    openapi.to_pretty_json().unwrap_or_default()
}

/// Adds the layers around every request; the last one is the outermost.
pub fn with_default_layers(router: Router) -> Router {
    let nosniff = SetResponseHeaderLayer::if_not_present(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(CatchPanicLayer::custom(panic_response))
        .layer(middleware::from_fn(lifetime::end_with_credential))
        .layer(nosniff)
        .layer(middleware::from_fn(method::refuse_unknown))
        .layer(middleware::from_fn(access_log::record))
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

fn head(service: Service, summary: &str) -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    let components = ComponentsBuilder::new()
        .security_scheme(BEARER, SecurityScheme::Http(bearer))
        .build();
    let license = LicenseBuilder::new()
        .name(env!("CARGO_PKG_LICENSE"))
        .identifier(Some(env!("CARGO_PKG_LICENSE")));
    let info = InfoBuilder::new()
        .title(format!("Creator Platform: {}", service.name()))
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(license.build()))
        .description(Some(summary));
    // Every path has the prefix of its service: the gateway and the service have the same paths.
    let server = ServerBuilder::new()
        .url("/")
        .description(Some("The host that serves this document"));
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([server.build()]))
        .components(Some(components))
        .build()
}

async fn unknown_path() -> ApiError {
    ApiError::not_found("unknown_path").detail("no endpoint has this path")
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
}

/// Logs the message of a panic and answers 500 with a problem document.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that the layer asks for"
)]
fn panic_response(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panic without a message".to_owned());
    ApiError::internal(text).into_response()
}
