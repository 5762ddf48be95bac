//! What nginx answers itself, as problem documents.

use std::fmt::Write as _;

/// A failure that nginx answers itself.
#[derive(Debug)]
pub struct Failure {
    /// The statuses that nginx has for it; those from 494 to 497 are its own and never sent.
    causes: &'static [u16],
    /// The status of the answer.
    pub status: u16,
    /// The reason phrase of the status.
    pub title: &'static str,
    /// The codes that the problem document may have.
    pub codes: &'static [&'static str],
    /// The code in nginx.conf.
    code: &'static str,
    /// Words for a person, in nginx.conf.
    detail: &'static str,
}

impl Failure {
    const fn new(
        status: u16,
        title: &'static str,
        code: &'static [&'static str; 1],
        detail: &'static str,
    ) -> Self {
        Self {
            causes: &[],
            status,
            title,
            codes: code,
            code: code[0],
            detail,
        }
    }

    /// Also for these statuses of nginx.
    const fn also(mut self, causes: &'static [u16]) -> Self {
        self.causes = causes;
        self
    }
}

/// Every failure that nginx can answer by itself in front of the services. A status that is missing
/// here would be a page of HTML.
pub const FAILURES: [Failure; 18] = [
    Failure::new(
        400,
        "Bad Request",
        &["bad_request"],
        "the request is malformed",
    )
    .also(&[495, 496, 497]),
    Failure::new(404, "Not Found", &["not_found"], "no such path"),
    Failure::new(
        405,
        "Method Not Allowed",
        &["method_not_allowed"],
        "this method is not allowed for this path",
    ),
    Failure::new(
        408,
        "Request Timeout",
        &["request_timeout"],
        "the request took too long to arrive",
    ),
    Failure::new(
        411,
        "Length Required",
        &["length_required"],
        "the request needs a Content-Length",
    ),
    Failure::new(
        412,
        "Precondition Failed",
        &["precondition_failed"],
        "the resource is not the one that the request names",
    ),
    Failure::new(
        413,
        "Content Too Large",
        &["too_large"],
        "the request body is too large for this path",
    ),
    Failure::new(
        414,
        "URI Too Long",
        &["uri_too_long"],
        "the request URI is too long",
    ),
    Failure::new(
        416,
        "Range Not Satisfiable",
        &["bad_range"],
        "the range is beyond the end of the resource",
    ),
    Failure::new(
        421,
        "Misdirected Request",
        &["misdirected_request"],
        "this host is not served on this connection",
    ),
    Failure {
        causes: &[],
        status: 429,
        title: "Too Many Requests",
        codes: &["rate_limited", "too_many_connections"],
        code: "$limited_code",
        detail: "$limited_detail",
    },
    Failure::new(
        431,
        "Request Header Fields Too Large",
        &["headers_too_large"],
        "a header of the request, or all of them together, are too large",
    )
    .also(&[494]),
    Failure::new(
        500,
        "Internal Server Error",
        &["internal"],
        "internal error of the gateway",
    ),
    Failure::new(
        501,
        "Not Implemented",
        &["not_implemented"],
        "this transfer encoding is not supported; send chunked or a Content-Length",
    ),
    Failure::new(
        502,
        "Bad Gateway",
        &["upstream_unavailable"],
        "the service is not reachable; try again shortly",
    ),
    Failure::new(
        503,
        "Service Unavailable",
        &["unavailable"],
        "the service is unavailable; try again shortly",
    ),
    Failure::new(
        504,
        "Gateway Timeout",
        &["upstream_timeout"],
        "the service took too long to respond",
    ),
    Failure::new(
        505,
        "HTTP Version Not Supported",
        &["version_not_supported"],
        "this version of HTTP is not supported; use HTTP/1.1",
    ),
];

/// Where nginx goes with its own failures. A named location would not do: nginx does not enter one
/// for a request whose line it could not read.
pub(super) const FOLDER: &str = "/@problem/";

/// An answer of nginx itself, as a problem document (RFC 9457).
pub(super) fn problem(failure: &Failure) -> String {
    let Failure {
        causes,
        status,
        title,
        code,
        detail,
        ..
    } = failure;
    let body = format!(
        "{{\"type\":\"urn:creator-platform:problem:{code}\",\"title\":\"{title}\",\
         \"status\":{status},\"code\":\"{code}\",\"detail\":\"{detail}\",\
         \"trace_id\":\"$request_name\"}}"
    );
    let mut text = format!("\n        error_page {status}");
    for cause in *causes {
        // Writing to a String cannot fail.
        let _ = write!(text, " {cause}");
    }
    let _ = write!(
        text,
        " = {FOLDER}{status};\n        \
         location = {FOLDER}{status} {{\n            internal;\n            \
         set $own_failure 1;\n            if ($is_preflight) {{ return 204; }}\n            \
         default_type application/problem+json;\n            \
         return {status} '{body}';\n        }}\n"
    );
    text
}
