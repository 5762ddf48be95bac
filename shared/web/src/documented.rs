//! What every operation answers besides its own: said once, for all documents.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Object, Ref, Type};
use utoipa::openapi::{ContentBuilder, OpenApi, Response, ResponseBuilder};

/// The media type of problem documents (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// Adds what the limiter may answer to each operation that does not say it itself.
pub(crate) fn with_limits(openapi: &mut OpenApi) {
    for path in openapi.paths.paths.values_mut() {
        for operation in operations(path) {
            let responses = &mut operation.responses.responses;
            responses
                .entry("429".to_owned())
                .or_insert_with(|| too_many().into());
        }
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = path;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn too_many() -> Response {
    let text = |words: &str| {
        HeaderBuilder::new()
            .schema(Some(Object::with_type(Type::String)))
            .description(Some(words))
            .build()
    };
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description("rate_limited: wait as long as `Retry-After` says")
        .header("Retry-After", text("Seconds to wait"))
        .header("RateLimit", text("What is left of the tightest limit"))
        .header("RateLimit-Policy", text("The limits in force"))
        .content(PROBLEM, problem)
        .build()
}
