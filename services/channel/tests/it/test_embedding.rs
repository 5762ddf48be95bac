//! The widget on pages of other sites, in a real browser: what the page does must not lose what a
//! visitor has typed, and a page that may not embed it must not ask for ever.

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};
use shared_quota::QuotaGuard;
use shared_testkit::TokenMint;
use tokio::net::TcpListener;

use crate::browser::Browser;
use crate::fake_ai_engine::FakeAiEngine;
use crate::test_app::TestApp;

/// An expression for the widget's shadow root.
const ROOT: &str = "document.querySelector('#creator-widget')?.shadowRoot";
/// How long a page that must not try again is watched: the widget's first waits are shorter.
const OBSERVATION_INTERVAL: Duration = Duration::from_secs(5);
/// How often the page has asked for a session.
const REQUESTS: &str = "performance.getEntriesByType('resource')\
    .filter((entry) => entry.name.endsWith('/sessions')).length";

/// A site of a creator, and a visitor's browser on it.
struct Site {
    app: TestApp,
    channel: String,
    browser: Browser,
    url: String,
}

impl Site {
    /// A site on `localhost`, whose widget may be embedded by these origins; `SITE` is its own.
    async fn open(app: TestApp, origins: &[&str], policy: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let origins: Vec<String> = origins
            .iter()
            .map(|one| one.replace("SITE", &url))
            .collect();
        let settings = json!({"allowed_origins": origins, "messages_per_minute": 100});
        let channel = app.create_widget_with(&settings).await;
        let platform = app.replica.address;
        // Warnings are kept for the test, as a developer would see them.
        let page = format!(
            "<!doctype html><title>A site</title><body><script>window.said = [];\
             console.warn = (...words) => said.push(words.join(' '));</script>\
             <main><h1>Breakwater Studio</h1></main>\
             <script src=\"http://{platform}/channels/v1/widget.js\" data-channel=\"{channel}\">\
             </script>"
        );
        let policy = policy.unwrap_or("default-src * 'unsafe-inline'").to_owned();
        let policy = policy.replace("PLATFORM", &format!("http://{platform}"));
        let shown =
            move || async move { ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page)) };
        let router = Router::new().route("/", get(shown));
        tokio::spawn(axum::serve(listener, router).into_future());
        let mut browser = Browser::start().await;
        browser.resize(1280, 860, false).await;
        browser.visit(&url).await;
        Self {
            app,
            channel,
            browser,
            url,
        }
    }

    /// A site that its widget allows, with the chat opened.
    async fn chatting(app: TestApp) -> Self {
        let mut site = Self::open(app, &["SITE"], None).await;
        site.wait_for_root(".launcher").await;
        site.browser.click(&part(".launcher")).await;
        site.wait_for_root(".state.online").await;
        site
    }

    async fn wait_for_root(&mut self, selector: &str) {
        self.browser.wait_for(&part(selector)).await;
    }

    async fn ask(&mut self, question: &str) {
        self.browser
            .value(&format!("{}.focus()", part("#input")))
            .await;
        self.browser.type_text(question).await;
        self.browser.press("Enter", 13).await;
    }

    async fn draft(&mut self) -> Value {
        self.browser
            .value(&format!("{}.value", part("#input")))
            .await
    }

    /// Bubbles of the chat.
    async fn turns(&mut self) -> Vec<String> {
        let turns =
            format!("[...{ROOT}.querySelectorAll('.turn .bubble')].map((b) => b.innerText)");
        serde_json::from_value(self.browser.value(&turns).await).unwrap()
    }

    async fn wait_for_answer(&mut self, number: usize) {
        let answers = ".turn.bot:not(.writing) .bubble:not(:has(.dots))";
        let count = format!(
            "{ROOT}.querySelectorAll('{answers}').length === {}",
            number + 1
        );
        self.browser.wait_for(&count).await;
    }

    async fn said(&mut self) -> Vec<String> {
        serde_json::from_value(self.browser.value("window.said").await).unwrap()
    }
}

fn part(selector: &str) -> String {
    format!("{ROOT}?.querySelector('{selector}')")
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_page_of_localhost_chats_if_the_widget_allows_its_port() {
    let mut site = Site::chatting(TestApp::new().await).await;
    site.ask("Do you hear me?").await;
    site.wait_for_answer(1).await;
    assert_eq!(site.turns().await[2], "You asked: Do you hear me? 1");
    assert_eq!(site.said().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_foreign_page_asks_once_and_its_developer_reads_what_to_set() {
    for origins in [
        // Another port, scheme and name of the same machine are other origins.
        ["http://localhost:1", "https://www.example.com"],
        ["http://localhost", "https://*.localhost.example"],
    ] {
        let mut site = Site::open(TestApp::new().await, &origins, None).await;
        site.browser.wait_for("said.length > 0").await;
        tokio::time::sleep(OBSERVATION_INTERVAL).await;
        assert_eq!(site.browser.value(REQUESTS).await, 1);
        let said = site.said().await;
        assert_eq!(said.len(), 1, "{said:?}");
        for words in [&site.url, &site.channel, "allowed_origins"] {
            assert!(said[0].contains(words), "{words}: {said:?}");
        }
        let absent = "document.querySelector('#creator-widget') === null";
        assert_eq!(site.browser.value(absent).await, true);
    }
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_page_whose_own_policy_forbids_the_widget_asks_once_too() {
    let policy = "default-src 'none'; script-src PLATFORM 'unsafe-inline'; connect-src 'self'";
    let mut site = Site::open(TestApp::new().await, &["SITE"], Some(policy)).await;
    site.browser.wait_for("said.length > 0").await;
    tokio::time::sleep(OBSERVATION_INTERVAL).await;
    let said = site.said().await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("connect-src"), "{said:?}");
    let platform = format!("http://{}", site.app.replica.address);
    assert!(said[0].contains(&platform), "{said:?}");
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn the_widget_outlives_routers_that_replace_the_body() {
    let mut site = Site::chatting(TestApp::new().await).await;
    site.ask("First?").await;
    site.wait_for_answer(1).await;
    site.browser.type_text("half a quest").await;
    let element = "window.host = document.querySelector('#creator-widget')";
    site.browser.value(&format!("{element}, null")).await;
    for router in [
        // htmx and many hand-made ones, Turbo and Astro, one that loads whole documents.
        "document.body.innerHTML = '<main>Page 2</main>'",
        "document.body.replaceWith(document.createElement('body'))",
        "document.documentElement.replaceWith(document.createElement('html'));\
         document.documentElement.append(document.createElement('body'))",
        // A copy of the page from a router's cache.
        "document.body.replaceWith(document.body.cloneNode(true))",
        "document.querySelector('#creator-widget').remove()",
    ] {
        site.browser.value(&format!("{router}, null")).await;
        site.browser.wait_for("window.host.isConnected").await;
        let only = "document.querySelectorAll('#creator-widget').length === 1 \
                    && document.querySelector('#creator-widget') === window.host";
        assert_eq!(site.browser.value(only).await, true, "{router}");
        let open = format!("{}.checkVisibility()", part(".panel"));
        assert_eq!(site.browser.value(&open).await, true, "{router}");
        assert_eq!(site.draft().await, "half a quest", "{router}");
        assert_eq!(site.turns().await.len(), 3, "{router}");
    }
    // The script runs again when the router runs those of the new page.
    let script = format!(
        "(() => {{ const script = document.createElement('script');\
         script.src = 'http://{}/channels/v1/widget.js'; script.dataset.channel = '{}';\
         script.onload = () => {{ window.again = true; }}; document.body.append(script); }})()",
        site.app.replica.address, site.channel
    );
    site.browser.value(&script).await;
    site.browser.wait_for("window.again").await;
    site.ask("ion?").await;
    site.wait_for_answer(2).await;
    let turns = site.turns().await;
    assert_eq!(turns[3], "half a question?");
    assert_eq!(site.browser.value(REQUESTS).await, 1, "one session");
    let widgets = "document.querySelectorAll('#creator-widget').length";
    assert_eq!(site.browser.value(widgets).await, 1);
    let conversations = site.app.owner().get("/channels/v1/conversations").await;
    let conversations = conversations.expect(StatusCode::OK);
    assert_eq!(conversations["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_page_that_keeps_removing_the_widget_is_left_alone() {
    let mut site = Site::chatting(TestApp::new().await).await;
    let remover = "(() => { const remove = () => {\
        document.querySelector('#creator-widget')?.remove(); };\
        new MutationObserver(remove).observe(document.body, { childList: true }); remove(); })()";
    site.browser.value(remover).await;
    site.browser.wait_for("said.length > 0").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let said = site.said().await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("removes the widget"), "{said:?}");
    let absent = "document.querySelector('#creator-widget') === null";
    assert_eq!(site.browser.value(absent).await, true);
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_message_that_cannot_be_stored_comes_back_before_what_was_typed_since() {
    let mint = TokenMint::new();
    let ai_engine = FakeAiEngine::start(&mint).await;
    let url = format!("http://{}", ai_engine.address);
    let quotas = QuotaGuard::new(r#"{"messages_per_month": 1}"#.parse().unwrap());
    let app = TestApp::with(mint, ai_engine, &url, |config| config.quotas = quotas).await;
    let mut site = Site::chatting(app).await;
    site.ask("One?").await;
    site.wait_for_answer(1).await;
    // Both are sent before the first is refused, and more is typed meanwhile.
    let sent = format!(
        "(() => {{ const input = {input};\
         for (const text of ['Two, of\\u000bsome length?', 'Three?']) {{\
         input.value = text; input.form.requestSubmit(); }}\
         input.value = 'and fou'; input.dispatchEvent(new Event('input')); }})()",
        input = part("#input")
    );
    site.browser.value(&sent).await;
    let back = "Two, of\nsome length?\nThree?\nand fou";
    let shown = format!("{}.value === {}", part("#input"), json!(back));
    site.browser.wait_for(&shown).await;
    let trouble = format!("{}.innerText", part(".trouble"));
    let trouble = site.browser.value(&trouble).await;
    let trouble = trouble.as_str().unwrap();
    assert!(
        trouble.contains("No messages are left this month"),
        "{trouble}"
    );
    assert!(trouble.contains("back in the field"), "{trouble}");
    let unsent = format!("{ROOT}.querySelectorAll('.unsent').length");
    assert_eq!(site.browser.value(&unsent).await, 0);
    let stored = "Object.keys(localStorage).filter((key) => key.endsWith(':unsent')).length";
    assert_eq!(site.browser.value(stored).await, 0);
    // It is there on the next page too.
    let url = site.url.clone();
    site.browser.visit(&url).await;
    site.wait_for_root(".state.online").await;
    assert_eq!(site.draft().await, back);
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_chat_that_is_closed_keeps_the_text_that_was_not_sent() {
    let mut site = Site::chatting(TestApp::new().await).await;
    let path = format!("/channels/v1/channels/{}", site.channel);
    let disable = json!({"enabled": false});
    let disabled = site.app.owner().json(Method::PATCH, &path, &disable).await;
    disabled.expect(StatusCode::OK);
    site.ask("Is anyone there?").await;
    let closed = format!("{}?.textContent === 'Closed'", part(".state"));
    site.browser.wait_for(&closed).await;
    assert_eq!(site.draft().await, "Is anyone there?");
    let fixed = format!("{}.readOnly", part("#input"));
    assert_eq!(site.browser.value(&fixed).await, true);
    let unsent = format!("{ROOT}.querySelectorAll('.unsent').length");
    assert_eq!(
        site.browser.value(&unsent).await,
        0,
        "nothing is being sent"
    );
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn an_unsent_message_of_another_conversation_is_put_into_the_field() {
    let mut site = Site::chatting(TestApp::new().await).await;
    let other = json!({"conversation": "0190a0a0-0000-7000-8000-000000000000",
        "messages": [{"id": "7f0c1f5e-6f0a-4b53-9d9c-0f6a3c1f2b11", "text": "From before?"}]});
    let key = format!("creator-widget:{}:unsent", site.channel);
    let store = format!(
        "localStorage.setItem({}, {})",
        json!(key),
        json!(other.to_string())
    );
    site.browser.value(&store).await;
    let url = site.url.clone();
    site.browser.visit(&url).await;
    site.wait_for_root(".state.online").await;
    assert_eq!(site.draft().await, "From before?");
    assert_eq!(site.app.ai_engine.questions().len(), 0, "it was not sent");
    // A text that is too long for one message cannot be sent until it is shortened.
    let long = format!(
        "(() => {{ const input = {}; input.value = 'x'.repeat(2001);\
         input.dispatchEvent(new Event('input')); input.form.requestSubmit(); }})()",
        part("#input")
    );
    site.browser.value(&long).await;
    let disabled = format!("{}.disabled", part(".send"));
    assert_eq!(site.browser.value(&disabled).await, true);
    assert_eq!(site.draft().await.as_str().map(str::len), Some(2001));
}
