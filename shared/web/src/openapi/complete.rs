//! Completes the OpenAPI documents with what is the same in all services.

mod descriptions;
mod references;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::{Object, Ref, Type};
use utoipa::openapi::{Content, ContentBuilder, OpenApi, RefOr, Response, ResponseBuilder, Schema};

use descriptions::Request;

/// The media type of problem documents (RFC 9457).
const PROBLEM: &str = "application/problem+json";
/// The media type of a body that names none.
const JSON: &str = "application/json";
/// The schema of problem documents.
const PROBLEM_SCHEMA: &str = "#/components/schemas/Problem";

/// Adds to each operation the responses of the shared layers, a description for every response, and
/// the media type of problem documents.
pub(crate) fn complete(openapi: &mut OpenApi) {
    for path in openapi.paths.paths.values_mut() {
        operations(path).for_each(complete_operation);
    }
    if let Some(components) = openapi.components.as_mut() {
        references::replace_copies(components);
    }
}

fn complete_operation(operation: &mut Operation) {
    let request = Request::of(operation);
    let mut refusals = vec![("429", too_many(&request))];
    if request.has_id {
        refusals.push(("400", problem(&request, "400")));
    }
    if operation.security.is_some() {
        refusals.push(("401", problem(&request, "401")));
        refusals.push(("403", problem(&request, "403")));
    } else {
        // Without this, a reader cannot tell a public operation from a forgotten declaration.
        operation.security = Some(Vec::new());
    }
    let responses = &mut operation.responses.responses;
    for (status, response) in refusals {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| response.into());
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            describe(&request, status, response);
            name_problem(response);
        }
    }
}

/// A response must have a description; one that spans lines in the source becomes one line.
fn describe(request: &Request, status: &str, response: &mut Response) {
    let given = response.description.split_whitespace();
    let given = given.collect::<Vec<_>>().join(" ");
    response.description = if given.is_empty() {
        request.describe(status)
    } else {
        given
    };
}

/// A problem document that a handler names by its schema only is documented as plain JSON.
fn name_problem(response: &mut Response) {
    let content = &mut response.content;
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

fn problem_response(request: &Request, status: &str) -> ResponseBuilder {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(request.describe(status))
        .content(PROBLEM, problem)
}

fn problem(request: &Request, status: &str) -> Response {
    problem_response(request, status).build()
}

fn too_many(request: &Request) -> Response {
    let text = |description: &str| {
        HeaderBuilder::new()
            .schema(Some(Object::with_type(Type::String)))
            .description(Some(description))
            .build()
    };
    problem_response(request, "429")
        .header("Retry-After", text("Seconds to wait"))
        .header("RateLimit", text("What is left of the tightest limit"))
        .header("RateLimit-Policy", text("The limits in force"))
        .build()
}
