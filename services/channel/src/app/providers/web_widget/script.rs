//! `widget.js`: its version, its hash, and the code that embeds it into a page.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256, Sha384};
use shared_models::ChannelId;

/// The script, built from `web/widget`.
pub(crate) const SCRIPT: &str = include_str!("../../../widget/widget.js");

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha256::digest(SCRIPT);
    let prefix: [u8; 8] = std::array::from_fn(|index| hash[index]);
    format!("{:016x}", u64::from_be_bytes(prefix))
});

static INTEGRITY: LazyLock<String> = LazyLock::new(|| {
    let hash = Sha384::digest(SCRIPT);
    format!("sha384-{}", BASE64_STANDARD.encode(hash))
});

/// What a creator pastes into a page.
pub(crate) struct EmbedCode {
    pub(crate) script_url: String,
    pub(crate) integrity: &'static str,
    pub(crate) snippet: String,
    /// The same without a version and a hash.
    pub(crate) latest_snippet: String,
    pub(crate) content_security_policy: String,
}

/// The first digits of the script's hash.
pub(crate) fn version() -> &'static str {
    VERSION.as_str()
}

/// The path of this version of the script, below `/channels/v1`.
pub(crate) fn versioned_path() -> String {
    format!("/widget.{}.js", *VERSION)
}

/// The hash for Subresource Integrity.
pub(crate) fn integrity() -> &'static str {
    INTEGRITY.as_str()
}

/// A `script` element that loads this version of the widget.
pub(crate) fn script_element(script_url: &str, channel: ChannelId) -> String {
    format!(
        "<script src=\"{script_url}\" integrity=\"{}\" crossorigin=\"anonymous\" \
         data-channel=\"{channel}\" async></script>",
        integrity()
    )
}

pub(crate) fn embed_code(public_url: &str, channel: ChannelId) -> EmbedCode {
    let base = format!("{public_url}/channels/v1");
    let script_url = format!("{base}{}", versioned_path());
    let socket_url = socket_base_url(public_url);
    EmbedCode {
        snippet: script_element(&script_url, channel),
        latest_snippet: format!(
            "<script src=\"{base}/widget.js\" data-channel=\"{channel}\" async></script>"
        ),
        content_security_policy: format!(
            "script-src {script_url}; connect-src {public_url} {socket_url}"
        ),
        script_url,
        integrity: integrity(),
    }
}

/// `http` becomes `ws`, and `https` becomes `wss`.
fn socket_base_url(public_url: &str) -> String {
    match public_url.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => public_url.to_owned(),
    }
}
