//! How a model server is reached: its base URL, its API key, and the authority of its certificate.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared_config::Secret;
use shared_rpc::http_client;

use super::model_error::ModelError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Characters of a server's own words about a failure.
const MAX_REASON: usize = 300;

/// The way to one model server.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    base: String,
    http: Client,
    key: Option<Secret<String>>,
}

/// Why a server cannot be asked at all. Its words contain no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("its API key is missing: the Secret or its key does not exist")]
    NoKey,
    #[error("its API key has characters that a header cannot have")]
    BadKey,
    #[error("its CA is missing: the Secret or its key does not exist")]
    NoCa,
    #[error("its CA is no certificate in PEM format")]
    BadCa,
    #[error("the HTTP client could not be built")]
    NoClient,
}

impl Connection {
    /// The way to a server at that base URL; does not connect yet. With a CA, only certificates
    /// that it has signed are accepted.
    pub(super) fn new(
        base: &str,
        key: Option<Secret<String>>,
        ca: Option<&str>,
    ) -> Result<Self, Unusable> {
        http_client::install_tls_provider();
        let mut http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would send prompts to a server that is not configured.
            .redirect(Policy::none())
            // The servers are named one by one: ignore the proxy settings of the environment.
            .no_proxy();
        if let Some(key) = &key {
            http = http.default_headers(authorization(key)?);
        }
        if let Some(ca) = ca {
            let certificates = Certificate::from_pem_bundle(ca.as_bytes());
            let certificates = certificates.ok().filter(|found| !found.is_empty());
            http = http.tls_certs_only(certificates.ok_or(Unusable::BadCa)?);
        }
        Ok(Self {
            base: base.to_owned(),
            http: http.build().map_err(|_| Unusable::NoClient)?,
            key,
        })
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    pub(super) fn delete(&self, path: &str) -> RequestBuilder {
        self.http.delete(format!("{}{path}", self.base))
    }

    pub(super) fn upload(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.upload(path).json(body)
    }

    /// Sends the request; any status but success becomes an error.
    pub(super) async fn send(
        &self,
        call: RequestBuilder,
        model: &str,
    ) -> Result<Response, ModelError> {
        let response = call.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry_after(response.headers(), Timestamp::now());
        let text = response.text().await.unwrap_or_default();
        let reason = self.shown(&reason(&text).unwrap_or(text));
        Err(ModelError::from_status(
            status.as_u16(),
            &reason,
            model,
            retry_after,
        ))
    }

    /// A server's words as they may appear in logs: short, and without the API key, which a server
    /// may repeat.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut shown: String = text.chars().take(MAX_REASON).collect();
        if let Some(key) = &self.key {
            // Cut after it is replaced, or else a part of the key could be left.
            shown = text.replace(key.expose().as_str(), "***");
            shown = shown.chars().take(MAX_REASON).collect();
        }
        shown
    }
}

fn authorization(key: &Secret<String>) -> Result<HeaderMap, Unusable> {
    let value = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
    let mut value = value.map_err(|_| Unusable::BadKey)?;
    // Left out of debug output.
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// Reads a JSON body.
pub(super) async fn decode<T: DeserializeOwned>(response: Response) -> Result<T, ModelError> {
    let bytes = response.bytes().await?;
    serde_json::from_slice(&bytes).map_err(|error| ModelError::Malformed(error.to_string()))
}

/// The words of a failure in a body: Ollama's `error`, OpenAI's `error.message`, or `message`.
pub(super) fn reason(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    words(&value)
}

pub(super) fn words(value: &Value) -> Option<String> {
    let error = &value["error"];
    let found = [
        error,
        &error["message"],
        &value["message"],
        &value["detail"],
    ];
    let text = found.into_iter().find_map(Value::as_str)?;
    let kind = [&error["code"], &error["type"]];
    Some(match kind.into_iter().find_map(Value::as_str) {
        Some(kind) => format!("{kind}: {text}"),
        None => text.to_owned(),
    })
}

/// The header `Retry-After`, as a number of seconds or as a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(key: &str) -> Connection {
        let key = Secret::new(key.to_owned());
        Connection::new("http://127.0.0.1:1", Some(key), None).unwrap()
    }

    #[test]
    fn a_key_that_a_server_repeats_is_not_shown() {
        let key = "sk-very-secret-0123456789";
        let connection = connection(key);
        let said = format!("{} Incorrect API key provided: {key}.", "x".repeat(270));
        let shown = connection.shown(&said);
        assert!(!shown.contains("sk-very"), "{shown}");
        assert!(shown.chars().count() <= MAX_REASON);
        assert!(!format!("{connection:?}").contains("sk-very"));
    }

    #[test]
    fn a_key_or_ca_that_cannot_be_used_is_named_without_its_value() {
        let bad = Connection::new("http://x", Some(Secret::new("a\nb".to_owned())), None);
        assert_eq!(bad.unwrap_err(), Unusable::BadKey);
        for text in ["", "no certificate"] {
            let bad = Connection::new("https://x", None, Some(text));
            assert_eq!(bad.unwrap_err(), Unusable::BadCa, "{text}");
        }
    }

    #[test]
    fn the_words_of_a_failure_are_found_in_each_dialect() {
        for (body, expected) in [
            (
                r#"{"error":"model 'x' not found"}"#,
                Some("model 'x' not found"),
            ),
            (
                r#"{"error":{"message":"no","type":"invalid_request_error","code":"bad_model"}}"#,
                Some("bad_model: no"),
            ),
            (
                r#"{"object":"error","message":"too long","code":400}"#,
                Some("too long"),
            ),
            ("<html>", None),
        ] {
            assert_eq!(reason(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        let read = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            retry_after(&headers, now)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        let date = "Sun, 29 Nov 2026 12:00:30 GMT";
        assert_eq!(read(date), Some(Duration::from_secs(30)));
        let past = "Sun, 29 Nov 2026 11:00:00 GMT";
        assert_eq!(read(past), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
    }
}
