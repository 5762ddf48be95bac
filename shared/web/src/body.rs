//! Extractors of bodies, queries and path ids; each refuses with a problem document.

use axum::RequestPartsExt as _;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::ApiError;

/// A JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        require_json(&request)?;
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|e| unreadable(&e))?;
        parse(&bytes).map(Body)
    }
}

/// `Option<Body<T>>`: a request without a body is `None`, whatever media type it names.
impl<S: Send + Sync, T: DeserializeOwned> OptionalFromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Self::Rejection> {
        let json = says_json(&request);
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|e| unreadable(&e))?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(None),
            (false, true) => parse(&bytes).map(|value| Some(Self(value))),
            (false, false) => Err(not_json()),
        }
    }
}

/// Refuses a body of another media type.
pub(crate) fn require_json(request: &Request) -> Result<(), ApiError> {
    if says_json(request) {
        Ok(())
    } else {
        Err(not_json())
    }
}

fn says_json(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(is_json)
}

fn not_json() -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
        .detail("send the body as application/json")
}

fn is_json(kind: &str) -> bool {
    let essence = kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// The error of a body that could not be read completely.
pub fn unreadable(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        ApiError::bad_request("unreadable_body").detail(rejection.body_text())
    }
}

/// The error of a body over the limit.
pub fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
        .detail("the body is larger than this endpoint accepts")
}

/// Parses JSON; the error names the field.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        if cause.is_data() {
            let message = without_position(&cause.to_string());
            ApiError::unprocessable("invalid_fields").field(field, message)
        } else if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
            // serde_json calls a number or a null in place of a name of an enum a syntax error.
            let message = "is not one of the values that it may have";
            ApiError::unprocessable("invalid_fields").field(field, message)
        } else {
            ApiError::bad_request("malformed_json").detail(cause.to_string())
        }
    })?;
    let rest = reader.end().map_err(|error| error.to_string());
    rest.map_err(|text| ApiError::bad_request("malformed_json").detail(text))?;
    Ok(value)
}

/// serde appends ` at line 1 column 7`, which is redundant beside the field's path.
fn without_position(message: &str) -> String {
    message
        .split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        query(&parts.uri).map(Query)
    }
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    // PostgreSQL cannot store this character, so nothing can match it.
    if uri.query().is_some_and(|text| text.contains("%00")) {
        return Err(ApiError::unprocessable("invalid_query").detail("no value may have a NUL"));
    }
    axum::extract::Query::try_from_uri(uri)
        .map(|query| query.0)
        .map_err(|e| ApiError::unprocessable("invalid_query").detail(e.body_text()))
}

/// An id in the path, or an id and a number; anything else is refused before a lookup.
#[derive(Debug, Clone, Copy)]
pub struct Id<T>(pub T);

impl<S, T> FromRequestParts<S> for Id<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send + 'static,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Path(id) = parts.extract::<Path<T>>().await.map_err(|_| {
            ApiError::bad_request("malformed_id")
                .detail("an id or a number in the path is malformed")
        })?;
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::parse;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        Red,
    }

    #[derive(Debug, Deserialize)]
    struct Paint {
        colour: Colour,
    }

    fn refusal(body: &str) -> (String, String) {
        let problem = parse::<Paint>(body.as_bytes()).unwrap_err().into_problem();
        let problem = serde_json::to_value(problem).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        (text(&problem["code"]), text(&problem["errors"][0]["field"]))
    }

    #[test]
    fn only_what_is_not_json_is_called_malformed() {
        let red: Paint = parse(br#"{"colour":"red"}"#).unwrap();
        assert!(matches!(red.colour, Colour::Red));
        for wrong in ["null", "5", "true", "[]", "\"blue\""] {
            let body = format!(r#"{{"colour":{wrong}}}"#);
            let expected = ("invalid_fields".to_owned(), "colour".to_owned());
            assert_eq!(refusal(&body), expected, "{wrong}");
        }
        for broken in [
            "",
            "{",
            r#"{"colour":"#,
            r#"{"colour":"red"} x"#,
            "{colour:1}",
        ] {
            assert_eq!(refusal(broken).0, "malformed_json", "{broken}");
        }
    }
}
