//! What every operation answers besides its own: said once, for all documents.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::schema::{Object, Ref, Type};
use utoipa::openapi::{Content, ContentBuilder, OpenApi, RefOr, Response, ResponseBuilder, Schema};

/// The media type of problem documents (RFC 9457).
const PROBLEM: &str = "application/problem+json";
/// The media type of a body that names none.
const JSON: &str = "application/json";
/// The schema of problem documents.
const PROBLEM_SCHEMA: &str = "#/components/schemas/Problem";

/// Adds to each operation what the shared layers answer for it, where it does not say so itself,
/// and gives problem documents their media type.
pub(crate) fn complete(openapi: &mut OpenApi) {
    for path in openapi.paths.paths.values_mut() {
        for operation in operations(path) {
            let mut refusals = vec![("429", too_many())];
            if takes_an_id(operation) {
                let words = "malformed_id: an id in the path is not a UUID";
                refusals.push(("400", problem(words).build()));
            }
            if operation.security.is_some() {
                let words = "missing_token, invalid_token, expired_token or revoked_token";
                refusals.push(("401", problem(words).build()));
                let words = "permission_missing, or tenant_suspended";
                refusals.push(("403", problem(words).build()));
            }
            let responses = &mut operation.responses.responses;
            for (status, response) in refusals {
                responses
                    .entry(status.to_owned())
                    .or_insert_with(|| response.into());
            }
            responses.values_mut().for_each(name_problems);
        }
    }
}

fn takes_an_id(operation: &Operation) -> bool {
    let in_path = |parameter: &RefOr<_>| match parameter {
        RefOr::T(utoipa::openapi::path::Parameter { parameter_in, .. }) => {
            matches!(parameter_in, ParameterIn::Path)
        }
        RefOr::Ref(_) => false,
    };
    let parameters = operation.parameters.as_ref();
    parameters.is_some_and(|parameters| parameters.iter().any(in_path))
}

/// A problem document that a handler names by its schema only is documented as plain JSON.
fn name_problems(response: &mut RefOr<Response>) {
    let RefOr::T(Response { content, .. }) = response else {
        return;
    };
    if content.get(JSON).is_some_and(is_problem)
        && let Some(problem) = content.shift_remove(JSON)
    {
        content.insert(PROBLEM.to_owned(), problem);
    }
}

fn is_problem(content: &RefOr<Content>) -> bool {
    let RefOr::T(Content { schema, .. }) = content else {
        return false;
    };
    let named = |schema: &RefOr<Schema>| match schema {
        RefOr::Ref(Ref { ref_location, .. }) => ref_location == PROBLEM_SCHEMA,
        RefOr::T(_) => false,
    };
    schema.as_ref().is_some_and(named)
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

fn problem(description: &str) -> ResponseBuilder {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM, problem)
}

fn too_many() -> Response {
    let text = |words: &str| {
        HeaderBuilder::new()
            .schema(Some(Object::with_type(Type::String)))
            .description(Some(words))
            .build()
    };
    problem("rate_limited: wait as long as `Retry-After` says")
        .header("Retry-After", text("Seconds to wait"))
        .header("RateLimit", text("What is left of the tightest limit"))
        .header("RateLimit-Policy", text("The limits in force"))
        .build()
}
