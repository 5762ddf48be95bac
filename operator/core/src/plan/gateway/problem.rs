//! What nginx answers itself, as problem documents.

/// A failure that nginx answers itself: status, reason phrase, code, words for a person.
pub(super) type Failure = (u16, &'static str, &'static str, &'static str);

pub(super) const FAILURES: [Failure; 11] = [
    (
        400,
        "Bad Request",
        "bad_request",
        "the request is malformed",
    ),
    (404, "Not Found", "not_found", "no such path"),
    (
        405,
        "Method Not Allowed",
        "method_not_allowed",
        "this method is not allowed for this path",
    ),
    (
        408,
        "Request Timeout",
        "request_timeout",
        "the request took too long to arrive",
    ),
    (
        413,
        "Content Too Large",
        "too_large",
        "the request body is too large for this path",
    ),
    (
        414,
        "URI Too Long",
        "uri_too_long",
        "the request URI is too long",
    ),
    (429, "Too Many Requests", "$limited_code", "$limited_detail"),
    (
        500,
        "Internal Server Error",
        "internal",
        "internal error of the gateway",
    ),
    (
        502,
        "Bad Gateway",
        "upstream_unavailable",
        "the service is not reachable; try again shortly",
    ),
    (
        503,
        "Service Unavailable",
        "unavailable",
        "the service is unavailable; try again shortly",
    ),
    (
        504,
        "Gateway Timeout",
        "upstream_timeout",
        "the service took too long to respond",
    ),
];

/// An answer of nginx itself, as a problem document (RFC 9457).
pub(super) fn problem((status, title, code, detail): Failure) -> String {
    let body = format!(
        "{{\"type\":\"urn:creator-platform:problem:{code}\",\"title\":\"{title}\",\
         \"status\":{status},\"code\":\"{code}\",\"detail\":\"{detail}\",\
         \"trace_id\":\"$request_name\"}}"
    );
    format!(
        "\n        error_page {status} @problem_{status};\n        \
         location @problem_{status} {{\n            \
         default_type application/problem+json;\n            \
         return {status} '{body}';\n        }}\n"
    )
}
