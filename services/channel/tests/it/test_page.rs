//! The widget in a real browser, on the demo page with its strict policy.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::fake_ai_engine::Reply;
use crate::tcp_proxy::TcpProxy;
use crate::test_app::TestApp;

/// An expression for the widget's shadow root.
const ROOT: &str = "document.querySelector('#creator-widget').shadowRoot";

const ANSWER: &str = "Strength is made while you rest. [1] Three things help most:\n\n\
    - **Sleep** seven to nine hours, at the same time each night\n\
    - Eat `1.6 g` of protein per kilogram\n\
    - Walk twenty minutes on days without training\n\n\
    Begin with sleep: it costs nothing. [1]";

struct Page {
    app: TestApp,
    proxy: TcpProxy,
    browser: Browser,
    channel: String,
}

impl Page {
    /// Loads the demo page with a widget that is still closed.
    async fn open(widget: Value) -> Self {
        let app = TestApp::new().await;
        let proxy = TcpProxy::start(app.replica.address).await;
        let host = format!("http://{}", proxy.address);
        let mut settings = json!({"allowed_origins": [host], "messages_per_minute": 100,
            "welcome_message": "Hi! Ask me about training, food or rest."});
        settings
            .as_object_mut()
            .unwrap()
            .extend(widget.as_object().unwrap().clone());
        let channel = app.create_widget_with(&settings).await;
        let mut browser = Browser::start().await;
        browser.resize(1280, 860, false).await;
        let mut page = Self {
            app,
            proxy,
            browser,
            channel,
        };
        page.load().await;
        page
    }

    async fn load(&mut self) {
        let (address, channel) = (self.proxy.address, &self.channel);
        let url = format!("http://{address}/channels/demo?channel={channel}");
        self.browser.visit(&url).await;
        self.browser
            .wait_for("document.querySelector('#creator-widget')")
            .await;
    }

    async fn toggle(&mut self) {
        self.browser
            .click(&format!("{ROOT}.querySelector('.launcher')"))
            .await;
    }

    async fn wait_until_online(&mut self) {
        self.browser
            .wait_for(&format!("{ROOT}.querySelector('.state.online')"))
            .await;
    }

    async fn ask(&mut self, question: &str) {
        self.browser.type_text(question).await;
        self.browser.press("Enter", 13).await;
    }

    /// Waits until the assistant has finished that many messages, including the welcome.
    async fn wait_for_answers(&mut self, count: usize) {
        let expression = format!(
            "{ROOT}.querySelectorAll('.turn.bot:not(.writing) .bubble:not(:has(.dots))').length \
             === {count}"
        );
        self.browser.wait_for(&expression).await;
    }

    async fn turns(&mut self) -> Vec<String> {
        let expression = format!(
            "[...{ROOT}.querySelectorAll('.turn .bubble')].map((bubble) => bubble.innerText)"
        );
        let turns = self.browser.value(&expression).await;
        serde_json::from_value(turns).unwrap()
    }

    async fn stored_messages(&self) -> Vec<(String, String)> {
        let rows = sqlx::query_as("select role, content from channel.messages order by seq");
        rows.fetch_all(&self.app.admin().await).await.unwrap()
    }
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_visitor_asks_and_reads_a_streamed_answer_with_its_source() {
    let mut page = Page::open(json!({"primary_color": "#b4532a"})).await;
    page.browser.screenshot("closed").await;
    page.toggle().await;
    page.wait_until_online().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    page.browser.screenshot("opened").await;
    page.app
        .ai_engine
        .reply_next(Reply::slow_text(ANSWER, Duration::from_millis(60)));
    page.ask("How do I recover between sessions?").await;
    page.browser
        .wait_for(&format!("{ROOT}.querySelector('.writing')"))
        .await;
    let early = page.turns().await.pop().unwrap();
    page.browser.screenshot("streaming").await;
    page.wait_for_answers(2).await;
    let late = page.turns().await.pop().unwrap();
    assert!(
        early.len() < late.len(),
        "the text grew: {early:?}, {late:?}"
    );
    assert!(late.starts_with("Strength is made while you rest."));
    let bold = page
        .browser
        .value(&format!("{ROOT}.querySelector('li strong').textContent"))
        .await;
    assert_eq!(bold, "Sleep");
    let source = format!("{ROOT}.querySelector('.sources').innerText");
    let source = page.browser.value(&source).await;
    let source = source.as_str().unwrap();
    assert!(
        source.contains("First Twelve Weeks — Recovery, page 7"),
        "{source}"
    );
    let link = format!("{ROOT}.querySelector('.sources a').href");
    let link = page.browser.value(&link).await;
    let link = link.as_str().unwrap();
    assert!(link.ends_with("/file#page=7"), "{link}");
    assert!(link.contains("/channels/v1/widget/"), "{link}");
    assert!(
        !source.contains("Kitchen notes"),
        "only cited sources are shown"
    );
    tokio::time::sleep(Duration::from_millis(400)).await;
    page.browser.screenshot("answered").await;
    let stored = page.stored_messages().await;
    assert_eq!(stored[0].1, "How do I recover between sessions?");
    assert_eq!(stored[1], ("assistant".to_owned(), ANSWER.to_owned()));
    assert_eq!(
        page.browser.console_errors, [""; 0],
        "the page's policy blocked nothing"
    );

    // A reload restores the conversation and the open panel.
    page.load().await;
    page.wait_for_answers(2).await;
    assert_eq!(page.turns().await.len(), 3);
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn messages_are_shown_as_text_and_never_as_markup() {
    let mut page = Page::open(json!({"theme": "dark", "position": "bottom-left"})).await;
    page.toggle().await;
    page.wait_until_online().await;
    let attack = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";
    let reply = format!("{attack} [x](javascript:window.hacked=1) https://example.com/a?b=1.");
    page.app.ai_engine.reply_next(Reply::text(&reply));
    page.ask(attack).await;
    page.wait_for_answers(2).await;
    let turns = page.turns().await;
    assert_eq!(turns[1], attack);
    assert!(turns[2].starts_with(attack));
    assert_eq!(
        page.browser.value("window.hacked === undefined").await,
        true
    );
    // Those below the answer are the widget's own.
    let all = format!("[...{ROOT}.querySelectorAll('a')]");
    let in_text = format!("{all}.filter((a) => !a.closest('.sources'))");
    let links = format!("{in_text}.map((a) => a.href + ' ' + a.rel)");
    let links = page.browser.value(&links).await;
    assert_eq!(
        links,
        json!(["https://example.com/a?b=1 noopener nofollow ugc"])
    );
    page.browser.screenshot("dark").await;
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn an_offline_message_is_sent_when_the_network_returns() {
    let mut page = Page::open(json!({})).await;
    page.toggle().await;
    page.wait_until_online().await;
    page.ask("Before?").await;
    page.wait_for_answers(2).await;
    page.proxy.set_open(false);
    page.browser
        .wait_for(&format!("!{ROOT}.querySelector('.state.online')"))
        .await;
    page.ask("While away?").await;
    page.browser
        .wait_for(&format!("{ROOT}.querySelector('.unsent')"))
        .await;
    page.browser.screenshot("offline").await;
    page.proxy.set_open(true);
    // A phone that wakes up reconnects immediately, not after the backoff.
    page.browser
        .value("dispatchEvent(new Event('online'))")
        .await;
    page.wait_for_answers(3).await;
    let said: Vec<_> = page
        .stored_messages()
        .await
        .into_iter()
        .map(|row| row.1)
        .collect();
    assert_eq!(said.iter().filter(|text| *text == "While away?").count(), 1);
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_failed_answer_can_be_retried() {
    let mut page = Page::open(json!({})).await;
    page.toggle().await;
    page.wait_until_online().await;
    page.app
        .ai_engine
        .reply_next(Reply::Refuse(StatusCode::SERVICE_UNAVAILABLE));
    page.ask("Anybody?").await;
    page.browser
        .wait_for(&format!("{ROOT}.querySelector('.trouble button')"))
        .await;
    page.browser.screenshot("trouble").await;
    page.browser
        .click(&format!("{ROOT}.querySelector('.trouble button')"))
        .await;
    page.wait_for_answers(2).await;
    assert_eq!(page.turns().await[2], "You asked: Anybody? 1");
    let gone = format!("!{ROOT}.querySelector('.trouble')");
    page.browser.wait_for(&gone).await;
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_visitor_stops_an_answer_and_asks_on() {
    let mut page = Page::open(json!({})).await;
    page.toggle().await;
    page.wait_until_online().await;
    let button = format!("{ROOT}.querySelector('.stop')");
    assert_eq!(
        page.browser
            .value(&format!("{button}.checkVisibility()"))
            .await,
        false
    );
    let words = "Strength is made while you rest. [1] ";
    let words = words.split_inclusive(' ').map(str::to_owned).collect();
    let reply = Reply::Paused(words, Duration::from_mins(2));
    page.app.ai_engine.reply_next(reply);
    page.ask("How do I recover?").await;
    let text = format!("{ROOT}.querySelector('.writing')?.innerText.includes('you rest.')");
    page.browser.wait_for(&text).await;
    page.browser.screenshot("stoppable").await;
    page.browser.click(&button).await;
    page.wait_for_answers(2).await;
    let note = format!("{ROOT}.querySelector('.cut').innerText");
    assert_eq!(page.browser.value(&note).await, "You stopped this answer.");
    assert_eq!(
        page.browser
            .value(&format!("{button}.checkVisibility()"))
            .await,
        false
    );
    let stored = page.stored_messages().await;
    assert_eq!(stored[1].1, "Strength is made while you rest. [1]");
    let sources = format!("{ROOT}.querySelector('.sources').innerText");
    let sources = page.browser.value(&sources).await;
    assert!(sources.as_str().unwrap().contains("First Twelve Weeks"));
    page.browser.screenshot("stopped").await;
    // The focus is where the next question is typed.
    page.ask("And then?").await;
    page.wait_for_answers(3).await;
    assert_eq!(page.turns().await.pop().unwrap(), "You asked: And then? 1");
    // After a reload the note is still there.
    page.load().await;
    page.wait_for_answers(3).await;
    assert_eq!(page.browser.value(&note).await, "You stopped this answer.");
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn the_widget_works_with_a_keyboard_and_a_screen_reader() {
    let mut page = Page::open(json!({})).await;
    let launcher = (
        "button".to_owned(),
        "Chat with Harbour assistant".to_owned(),
    );
    assert!(page.browser.accessible().await.contains(&launcher));
    page.browser
        .value(&format!("{ROOT}.querySelector('.launcher').focus()"))
        .await;
    page.browser.press("Enter", 13).await;
    page.wait_until_online().await;
    let focus = format!("{ROOT}.activeElement.id");
    assert_eq!(page.browser.value(&focus).await, "input");
    let found = page.browser.accessible().await;
    for (role, name) in [
        ("dialog", "Harbour assistant"),
        ("log", "Conversation"),
        ("textbox", "Your message"),
        ("button", "Send"),
        ("button", "Close chat"),
    ] {
        assert!(
            found.contains(&(role.to_owned(), name.to_owned())),
            "{role} {name}: {found:?}"
        );
    }
    page.ask("Do you hear me?").await;
    page.wait_for_answers(2).await;
    let announced = format!("{ROOT}.querySelector('[aria-live=polite][role=status]').textContent");
    assert_eq!(
        page.browser.value(&announced).await,
        "You asked: Do you hear me? [1]"
    );
    page.browser.press("Escape", 27).await;
    page.browser
        .wait_for(&format!("{ROOT}.querySelector('.panel').hidden"))
        .await;
    let focus = format!("{ROOT}.activeElement.className");
    assert_eq!(page.browser.value(&focus).await, "launcher");
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn on_a_phone_the_chat_fills_the_screen_in_the_systems_colours() {
    let mut page = Page::open(json!({"primary_color": "#7dd3a8"})).await;
    page.browser.resize(390, 780, true).await;
    page.browser.prefer("prefers-color-scheme", "dark").await;
    page.load().await;
    page.browser.screenshot("phone-closed").await;
    page.toggle().await;
    page.wait_until_online().await;
    page.app.ai_engine.reply_next(Reply::text(ANSWER));
    page.ask("How do I recover between sessions?").await;
    page.wait_for_answers(2).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let size = format!(
        "(() => {{ const r = {ROOT}.querySelector('.panel').getBoundingClientRect();
           return [r.x, r.y, r.width, r.height]; }})()"
    );
    assert_eq!(page.browser.value(&size).await, json!([0, 0, 390, 780]));
    let theme = page
        .browser
        .value("document.querySelector('#creator-widget').getAttribute('theme')");
    assert_eq!(theme.await, "dark");
    page.browser.screenshot("phone-open").await;
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_page_that_is_not_allowed_shows_no_widget() {
    let app = TestApp::new().await;
    let channel = app.create_widget().await;
    let mut browser = Browser::start().await;
    let address = app.replica.address;
    browser.resize(1280, 860, false).await;
    let form = format!("http://{address}/channels/demo");
    browser.visit(&form).await;
    browser.screenshot("form").await;
    // The demo page does not embed a widget that forbids it, so the test adds the script.
    let embed = format!(
        "(() => {{ const script = document.createElement('script');
           script.src = '/channels/v1/widget.js'; script.dataset.channel = '{channel}';
           document.body.append(script); }})()"
    );
    browser.value(&embed).await;
    browser.wait_for("window.__creatorWidget").await;
    tokio::time::sleep(Duration::from_millis(800)).await;
    let absent = "document.querySelector('#creator-widget') === null";
    assert_eq!(browser.value(absent).await, true);
    let refused = browser
        .console_errors
        .iter()
        .any(|complaint| complaint.contains("403"));
    assert!(
        refused,
        "the widget requested a session: {:?}",
        browser.console_errors
    );
}
