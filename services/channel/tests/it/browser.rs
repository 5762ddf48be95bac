//! A real Chromium, driven over the `DevTools` protocol.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// Longest wait for a result or a state of the page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// A browser with one page.
pub(crate) struct Browser {
    process: Child,
    profile: PathBuf,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    next: u64,
    /// Errors and warnings of the page, including violations of its policy.
    pub(crate) console_errors: Vec<String>,
}

impl Browser {
    /// Starts Chromium with a new profile.
    pub(crate) async fn start() -> Self {
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("chromium-{}", uuid::Uuid::new_v4().simple()));
        let process = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--remote-debugging-port=0",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium");
        let address = devtools_address(&profile).await;
        let limits = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let (socket, _) = connect_async_with_config(&address, Some(limits), false)
            .await
            .unwrap();
        let mut browser = Self {
            process,
            profile,
            socket,
            session: String::new(),
            next: 0,
            console_errors: Vec::new(),
        };
        browser.open_page().await;
        browser
    }

    async fn open_page(&mut self) {
        let target = self
            .call("Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", attach).await;
        attached["sessionId"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.session);
        for domain in [
            "Page.enable",
            "Runtime.enable",
            "Log.enable",
            "Network.enable",
        ] {
            self.call(domain, json!({})).await;
        }
    }

    /// Calls a method of the protocol and returns its result.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut call = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            call["sessionId"] = json!(self.session);
        }
        self.socket
            .send(Message::text(call.to_string()))
            .await
            .unwrap();
        loop {
            let message = timeout(PAGE_TIMEOUT, self.socket.next())
                .await
                .expect(method);
            let Message::Text(text) = message.unwrap().unwrap() else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.record_error(&message);
        }
    }

    fn record_error(&mut self, event: &Value) {
        let entry = match event["method"].as_str() {
            Some("Log.entryAdded") => &event["params"]["entry"],
            Some("Runtime.exceptionThrown") => &event["params"]["exceptionDetails"],
            _ => return,
        };
        if entry["level"] != "info" && entry["level"] != "verbose" {
            self.console_errors.push(entry.to_string());
        }
    }

    /// Opens a page.
    pub(crate) async fn visit(&mut self, url: &str) {
        let shown = self.call("Page.navigate", json!({"url": url})).await;
        assert!(
            shown["errorText"].is_null(),
            "{url}: {}",
            shown["errorText"]
        );
        self.wait_for("document.readyState === 'complete'").await;
    }

    /// Evaluates an expression in the page.
    pub(crate) async fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params).await;
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait_for(&mut self, expression: &str) {
        let until = Instant::now() + PAGE_TIMEOUT;
        while self.value(&format!("Boolean({expression})")).await != true {
            let console_errors = &self.console_errors;
            assert!(
                Instant::now() < until,
                "still false: {expression}; {console_errors:?}"
            );
            sleep(Duration::from_millis(40)).await;
        }
    }

    /// Clicks on the centre of an element.
    pub(crate) async fn click(&mut self, element: &str) {
        let center = format!(
            "(() => {{ const r = ({element}).getBoundingClientRect();
               return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        );
        let center = self.value(&center).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": center[0], "y": center[1], "button": "left",
                "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Types into the focused element.
    pub(crate) async fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text})).await;
    }

    /// Presses a named key.
    pub(crate) async fn press(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let text = if key == "Enter" { "\r" } else { "" };
            let event = json!({"type": kind, "key": key, "code": key, "text": text,
                "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Resizes the window; with `phone`, to an emulated touch screen.
    pub(crate) async fn resize(&mut self, width: u32, height: u32, phone: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": phone});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Emulates a media feature, such as `prefers-color-scheme` `dark`.
    pub(crate) async fn prefer(&mut self, name: &str, value: &str) {
        let media = json!({"features": [{"name": name, "value": value}]});
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Takes a screenshot for a person to check; returns its path and size.
    pub(crate) async fn screenshot(&mut self, name: &str) -> (PathBuf, usize) {
        let shot = self
            .call("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        let bytes = BASE64_STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("widget-{name}.png"));
        std::fs::write(&path, &bytes).unwrap();
        (path, bytes.len())
    }

    /// The roles and names of the page's accessibility tree.
    pub(crate) async fn accessible(&mut self) -> HashSet<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        nodes
            .filter(|node| node["ignored"] == false)
            .map(|node| (text(&node["role"]), text(&node["name"])))
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// Chromium writes the port and the path into its profile when it is ready.
async fn devtools_address(profile: &Path) -> String {
    let until = Instant::now() + PAGE_TIMEOUT;
    loop {
        let written = std::fs::read_to_string(profile.join("DevToolsActivePort"));
        let written = written.unwrap_or_default();
        if let Some((port, path)) = written.trim().split_once('\n') {
            return format!("ws://127.0.0.1:{port}{path}");
        }
        assert!(Instant::now() < until, "chromium did not start");
        sleep(Duration::from_millis(50)).await;
    }
}
