//! Sites: what becomes of their pages, when they change, and when they misbehave.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::site::{HANGS, Site};
use crate::test_app::{DOCUMENTS, TestApp, upload};

pub(crate) const SITES: &str = "/creator-hub/v1/sites";

pub(crate) async fn app() -> TestApp {
    TestApp::with(|config| config.allowed_networks = "127.0.0.0/8".parse().unwrap()).await
}

/// Adds a site as Ana, who is accepted; gives its id.
pub(crate) async fn added(app: &TestApp, new: Value) -> String {
    let answer = app.ana.post(SITES, &new).await;
    let site = answer.expect(StatusCode::ACCEPTED);
    assert_eq!(site["state"], "waiting");
    site["id"].as_str().unwrap().to_owned()
}

async fn site(app: &TestApp, id: &str) -> Value {
    let answer = app.ana.get(&format!("{SITES}/{id}")).await;
    answer.expect(StatusCode::OK)
}

/// Synchronises a site, and has everything done that follows from it.
pub(crate) async fn sync(app: &TestApp, id: &str) -> Value {
    let answer = app
        .ana
        .post(&format!("{SITES}/{id}/sync"), &Value::Null)
        .await;
    answer.expect(StatusCode::ACCEPTED);
    app.work_off().await;
    site(app, id).await
}

/// The documents of a site, by the paths of their pages.
pub(crate) async fn documents(app: &TestApp, id: &str) -> BTreeMap<String, Value> {
    let list = app
        .ana
        .get(&format!("{DOCUMENTS}?site_id={id}&limit=100"))
        .await;
    let list = list.expect(StatusCode::OK);
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|document| {
            let url = document["url"].as_str().unwrap();
            let path = url.splitn(4, '/').nth(3).unwrap();
            (format!("/{path}"), document.clone())
        })
        .collect()
}

/// Why pages were not read, by their paths.
async fn failures(app: &TestApp, id: &str) -> BTreeMap<String, String> {
    let list = app.ana.get(&format!("{SITES}/{id}/pages?limit=100")).await;
    let list = list.expect(StatusCode::OK);
    let items = list["items"].as_array().unwrap().iter();
    let failed = items.filter_map(|page| {
        let code = page["error"]["code"].as_str()?.to_owned();
        let url = page["url"].as_str().unwrap();
        Some((format!("/{}", url.splitn(4, '/').nth(3).unwrap()), code))
    });
    failed.collect()
}

/// The code of a site that fails.
async fn failed(app: &TestApp, new: Value) -> String {
    let id = added(app, new).await;
    for _ in 0..40 {
        let state = site(app, &id).await;
        if state["state"] == "failed" {
            assert!(!state["error"]["reason"].as_str().unwrap().is_empty());
            return state["error"]["code"].as_str().unwrap().to_owned();
        }
        app.work_next().await;
    }
    panic!("{}", site(app, &id).await);
}

/// Writes a sitemap of five pages, of which programs may read four, and adds it.
async fn site_of_five(app: &TestApp, host: &Site) -> String {
    let robots = "User-agent: *\nDisallow: /private\n";
    host.put("/robots.txt", "text/plain", robots);
    host.page("/a", "Alpha", "Breathe slowly before you sleep.");
    host.page("/b", "Beta", "Walk for half an hour each day.");
    host.page("/c", "Gamma", "Drink water in the morning.");
    host.page("/d", "Delta", "Write down three good things.");
    host.page("/private/e", "Secret", "Nobody is to read this.");
    host.sitemap(&["/a", "/b", "/c", "/d", "/private/e"]);
    let id = added(app, json!({"url": format!("{}/sitemap.xml", host.url)})).await;
    app.work_off().await;
    id
}

#[tokio::test]
async fn a_site_becomes_documents_but_for_what_its_robots_txt_forbids() {
    let (app, host) = (app().await, Site::start().await);
    let id = site_of_five(&app, &host).await;
    let site = site(&app, &id).await;
    assert_eq!(site["state"], "synced", "{site}");
    assert_eq!(site["kind"], "sitemap");
    let counts = ["pages", "pages_read", "pages_failed"].map(|field| site[field].clone());
    assert_eq!(counts, [5, 5, 1].map(Value::from));
    let documents = documents(&app, &id).await;
    let titles = [
        ("/a", "Alpha"),
        ("/b", "Beta"),
        ("/c", "Gamma"),
        ("/d", "Delta"),
    ];
    assert_eq!(documents.len(), titles.len());
    for (path, title) in titles {
        assert_eq!(documents[path]["state"], "ready", "{path}");
        assert_eq!(documents[path]["title"], title, "{path}");
        assert_eq!(documents[path]["document_type"], "html", "{path}");
        assert_eq!(documents[path]["site_id"], id.as_str(), "{path}");
    }
    let expected = [("/private/e".to_owned(), "disallowed_by_robots".to_owned())];
    assert_eq!(failures(&app, &id).await, BTreeMap::from(expected));
    let answered = host.answered();
    let mut asked = answered.iter().map(|(path, _)| path.as_str());
    assert!(
        !asked.any(|path| path.starts_with("/private")),
        "{answered:?}"
    );
    assert_eq!(app.engine.asked().len(), 4);
}

#[tokio::test]
async fn only_what_changed_is_processed_again_and_what_vanished_is_removed() {
    let (app, host) = (app().await, Site::start().await);
    let id = site_of_five(&app, &host).await;
    let before = documents(&app, &id).await;
    host.answered();
    host.page("/a", "Alpha, again", "Breathe slowly, and count to four.");
    host.status("/c", StatusCode::GONE);
    host.page("/f", "Phi", "A new page.");
    host.sitemap(&["/a", "/c", "/d", "/private/e", "/f"]);
    assert_eq!(sync(&app, &id).await["state"], "synced");

    let after = documents(&app, &id).await;
    let paths: Vec<_> = after.keys().map(String::as_str).collect();
    assert_eq!(paths, ["/a", "/d", "/f"]);
    assert_eq!(after["/a"]["id"], before["/a"]["id"]);
    assert_eq!(after["/a"]["title"], "Alpha, again");
    let versions = format!(
        "{DOCUMENTS}/{}/versions",
        after["/a"]["id"].as_str().unwrap()
    );
    let versions = app.ana.get(&versions).await.expect(StatusCode::OK);
    assert_eq!(
        versions["items"].as_array().map(Vec::len),
        Some(2),
        "{versions}"
    );
    assert_eq!(after["/d"], before["/d"], "nothing happened to it");
    let answered = host.answered();
    assert!(answered.contains(&("/d".to_owned(), 304)), "{answered:?}");
    assert!(answered.contains(&("/a".to_owned(), 200)), "{answered:?}");
    let again = app.engine.asked().split_off(4);
    assert_eq!(again.len(), 2, "what has not changed is not indexed again");
    let texts: String = again.into_iter().map(|asked| asked.text).collect();
    assert!(
        texts.contains("count to four") && texts.contains("A new page"),
        "{texts}"
    );

    let id_of = |path: &str| before[path]["id"].as_str().unwrap().to_owned();
    let gone = app
        .engine
        .forgotten()
        .into_iter()
        .map(|(_, id)| id.to_string());
    let gone: BTreeSet<String> = gone.collect();
    assert_eq!(gone, BTreeSet::from(["/b", "/c"].map(id_of)));
    assert_eq!(app.count("select count(*) from hub.documents").await, 3);
    assert_eq!(sync(&app, &id).await["state"], "synced");
    assert_eq!(
        app.engine.asked().len(),
        6,
        "the same site is not indexed again"
    );
}

/// A feed of an episode with a transcript and a post, with both of them.
fn write_feed(host: &Site) -> String {
    let feed = format!(
        "<rss version=\"2.0\" xmlns:podcast=\"https://podcastindex.org/namespace/1.0\"><channel>\
         <title>Show</title><link>{0}</link><description>d</description>\
         <item><title>Episode one</title><link>{0}/e1</link>\
         <podcast:transcript url=\"{0}/e1.vtt\" type=\"text/vtt\"/></item>\
         <item><title>A post</title><link>{0}/post</link></item></channel></rss>",
        host.url
    );
    host.put("/feed", "application/rss+xml", &feed);
    host.put(
        "/e1.vtt",
        "text/vtt",
        "WEBVTT\n\n00:01.000 --> 00:04.000\nWelcome to the show.\n",
    );
    host.page("/post", "My post", "Words of the post.");
    feed
}

#[tokio::test]
async fn every_kind_of_site_is_read_and_found_out() {
    let (app, host) = (app().await, Site::start().await);
    host.page("/about", "About me", "I teach people to sleep.");
    host.put(
        "/llms.txt",
        "text/plain",
        "# Site\n\n## Docs\n\n- [Guide](/guide.html): how\n- [Other](/other)\n",
    );
    host.page("/guide.html", "Guide", "The page with its menus.");
    host.put(
        "/guide.html.md",
        "text/markdown",
        "# The guide\n\nIn Markdown.\n",
    );
    host.page("/other", "Other", "Only a page.");
    host.page(
        "/other.md",
        "Not found",
        "A server that has a page for every address.",
    );
    write_feed(&host);
    let mut found = BTreeMap::new();
    for path in ["/about", "/llms.txt", "/feed"] {
        let id = added(&app, json!({"url": format!("{}{path}", host.url)})).await;
        app.work_off().await;
        let state = site(&app, &id).await;
        assert_eq!(state["state"], "synced", "{path}: {state}");
        let documents = documents(&app, &id).await.into_values();
        let shown = documents.map(|document| {
            let [title, kind] = ["title", "document_type"].map(|field| document[field].clone());
            format!("{} ({})", title.as_str().unwrap(), kind.as_str().unwrap())
        });
        let kind = state["kind"].as_str().unwrap().to_owned();
        found.insert(kind, shown.collect::<Vec<_>>());
    }
    let expected = [
        ("page", vec!["About me (html)"]),
        ("llms_txt", vec!["Guide (md)", "Other (html)"]),
        ("feed", vec!["Episode one (vtt)", "My post (html)"]),
    ];
    let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let expected = expected.map(|(kind, titles)| (kind.to_owned(), owned(titles)));
    assert_eq!(found, BTreeMap::from(expected));
}

#[tokio::test]
async fn what_a_feed_does_not_name_any_more_stays_until_it_is_gone() {
    let (app, host) = (app().await, Site::start().await);
    let feed = write_feed(&host);
    let id = added(&app, json!({"url": format!("{}/feed", host.url)})).await;
    app.work_off().await;
    let feed = feed.replace("<item><title>A post</title>", "<item><title>Newer</title>");
    let feed = feed.replace("/post<", "/newer<");
    host.put("/feed", "application/rss+xml", &feed);
    host.page("/newer", "Newer post", "More words.");
    sync(&app, &id).await;
    let paths: Vec<_> = documents(&app, &id).await.into_keys().collect();
    assert_eq!(paths, ["/e1.vtt", "/newer", "/post"]);
    host.status("/post", StatusCode::NOT_FOUND);
    sync(&app, &id).await;
    let paths: Vec<_> = documents(&app, &id).await.into_keys().collect();
    assert_eq!(paths, ["/e1.vtt", "/newer"]);
}

/// A sitemap of so many pages.
fn long_sitemap(pages: usize) -> String {
    let mut list = String::from("<urlset>");
    for number in 0..pages {
        let _ = write!(list, "<url><loc>/{number}</loc></url>");
    }
    list + "</urlset>"
}

#[tokio::test]
async fn a_site_that_misbehaves_fails_with_its_code_and_keeps_what_was_read() {
    let (app, host) = (app().await, Site::start().await);
    host.redirect("/loop", "/loop");
    host.redirect("/inside", "http://169.254.169.254/latest/meta-data/");
    host.put("/large", "text/html", &"x".repeat(17 * 1024 * 1024));
    host.put("/none.xml", "text/html", "<html>not found</html>");
    host.put("/empty.xml", "application/xml", "<urlset></urlset>");
    host.put("/million.xml", "application/xml", &long_sitemap(1_001));
    host.put("/picture", "image/png", "\u{89}PNG\r\n\u{1a}\n");
    host.status("/denied", StatusCode::UNAUTHORIZED);
    for (path, kind, expected) in [
        ("/loop", Value::Null, "too_many_redirects"),
        ("/inside", json!("page"), "address_refused"),
        ("/large", Value::Null, "page_too_large"),
        ("/none.xml", json!("sitemap"), "bad_listing"),
        ("/empty.xml", Value::Null, "empty_listing"),
        ("/million.xml", Value::Null, "too_many_pages"),
        ("/picture", Value::Null, "unsupported_page"),
        ("/denied", Value::Null, "page_denied"),
        ("/missing", json!("page"), "page_missing"),
    ] {
        let new = json!({"url": format!("{}{path}", host.url), "kind": kind});
        assert_eq!(failed(&app, new).await, expected, "{path}");
    }
    let new = json!({"url": "http://169.254.169.254/latest/meta-data/"});
    assert_eq!(failed(&app, new).await, "address_refused");
    let new = json!({"url": "http://no-such-host.invalid/"});
    assert_eq!(failed(&app, new).await, "host_unknown");

    host.page("/good", "Good", "Words that stay.");
    host.sitemap(&["/good"]);
    let id = added(&app, json!({"url": format!("{}/sitemap.xml", host.url)})).await;
    app.work_off().await;
    host.status("/sitemap.xml", StatusCode::INTERNAL_SERVER_ERROR);
    sync(&app, &id).await;
    while site(&app, &id).await["state"] == "syncing" {
        app.work_next().await;
    }
    let state = site(&app, &id).await;
    assert_eq!(state["error"]["code"], "site_failed", "{state}");
    assert_eq!(documents(&app, &id).await["/good"]["state"], "ready");
    host.sitemap(&["/good"]);
    assert_eq!(sync(&app, &id).await["state"], "synced");
}

#[tokio::test]
async fn without_a_network_of_the_operator_no_private_address_is_asked() {
    let (app, host) = (TestApp::new().await, Site::start().await);
    host.page("/", "Inside", "A page of the cluster.");
    let new = json!({"url": host.url, "kind": "page"});
    assert_eq!(failed(&app, new).await, "address_refused");
    assert_eq!(host.answered(), []);
}

#[tokio::test]
async fn a_site_is_synchronised_by_its_schedule() {
    let (app, host) = (app().await, Site::start().await);
    host.page("/", "Start", "The first words.");
    let new = json!({"url": host.url, "kind": "page", "every_hours": 24});
    let id = added(&app, new).await;
    app.work_off().await;
    let first = site(&app, &id).await;
    assert_eq!(first["every_hours"], 24);
    assert_ne!(first["next_sync_at"], Value::Null);
    let runner = creator_hub_service::jobs::sites_runner(&app.state);
    runner.register_schedules().await.unwrap();
    runner.scheduled_step(&app.stop).await.unwrap();
    app.work_off().await;
    assert_eq!(host.answered().len(), 1, "it is not due");

    host.page("/", "Start", "The second words.");
    app.execute("update hub.sites set next_sync_at = now()")
        .await;
    app.execute("update platform.schedules set next_run_at = now()")
        .await;
    runner.scheduled_step(&app.stop).await.unwrap();
    app.work_off().await;
    assert_eq!(host.answered(), [("/".to_owned(), 200)]);
    let asked = app.engine.asked();
    assert!(asked[1].text.contains("The second words"), "{asked:?}");

    let path = format!("{SITES}/{id}");
    let change = json!({"every_hours": null});
    let changed = app.ana.json(Method::PATCH, &path, &change).await;
    let changed = changed.expect(StatusCode::OK);
    assert_eq!(
        [&changed["every_hours"], &changed["next_sync_at"]],
        [&Value::Null; 2]
    );
}

#[tokio::test]
async fn a_deleted_page_stays_away_and_a_deleted_site_takes_its_documents() {
    let (app, host) = (app().await, Site::start().await);
    host.page("/a", "Alpha", "One.");
    host.page("/b", "Beta", "Two.");
    host.sitemap(&["/a", "/b"]);
    let kept = app.ready("notes.md", "# Notes\n\nMy own.").await;
    let id = added(&app, json!({"url": format!("{}/sitemap.xml", host.url)})).await;
    app.work_off().await;
    let alpha = documents(&app, &id).await["/a"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    app.ana
        .delete(&format!("{DOCUMENTS}/{alpha}"))
        .await
        .expect(StatusCode::ACCEPTED);
    app.work_off().await;
    sync(&app, &id).await;
    let paths: Vec<_> = documents(&app, &id).await.into_keys().collect();
    assert_eq!(paths, ["/b"], "what a person deleted does not come back");

    let deleted = app.ana.delete(&format!("{SITES}/{id}")).await;
    assert_eq!(deleted.expect(StatusCode::ACCEPTED)["documents"], 1);
    let gone = app.ana.get(&format!("{SITES}/{id}")).await;
    assert_eq!(
        (gone.status, gone.code()),
        (StatusCode::NOT_FOUND, "unknown_site".to_owned())
    );
    app.work_off().await;
    let rows = "select (select count(*) from hub.sites) + (select count(*) from hub.site_pages)";
    assert_eq!(app.count(rows).await, 0);
    assert_eq!(app.count("select count(*) from hub.documents").await, 1);
    assert_eq!(app.status(&kept).await["state"], "ready");
}

/// A page with the token that a server makes for each request.
fn put_with_token(host: &Site, token: &str, text: &str) {
    let body = format!(
        "<!doctype html><html><head><title>Alpha</title><meta name=\"csrf-token\" \
         content=\"{token}\"><script nonce=\"{token}\">start('{token}')</script></head><body>\
         <!-- {token} --><main data-request=\"{token}\"><h1>Alpha</h1><p>{text}</p><form><input \
         type=\"hidden\" name=\"_token\" value=\"{token}\"></form></main></body></html>"
    );
    host.put("/a", "text/html; charset=utf-8", &body);
}

#[tokio::test]
async fn a_page_of_which_only_a_token_has_changed_has_no_new_version() {
    let (app, host) = (app().await, Site::start().await);
    put_with_token(&host, "f00d", "One.");
    let id = added(&app, json!({"url": format!("{}/a", host.url)})).await;
    app.work_off().await;
    let before = documents(&app, &id).await["/a"].clone();
    for token in ["beef", "c0ffee"] {
        put_with_token(&host, token, "One.");
        assert_eq!(sync(&app, &id).await["state"], "synced");
    }
    assert_eq!(documents(&app, &id).await["/a"], before);
    put_with_token(&host, "beef", "Two.");
    sync(&app, &id).await;
    let after = &documents(&app, &id).await["/a"];
    assert_eq!(after["file_version"], json!(2));
}

#[tokio::test]
async fn a_title_that_a_person_gave_stays() {
    let (app, host) = (app().await, Site::start().await);
    host.page("/a", "Alpha", "One.");
    let id = added(&app, json!({"url": format!("{}/a", host.url)})).await;
    app.work_off().await;
    let document = documents(&app, &id).await["/a"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{DOCUMENTS}/{document}");
    let changed = app
        .ana
        .json(Method::PATCH, &path, &json!({"title": "Mine"}))
        .await;
    changed.expect(StatusCode::OK);
    app.work_off().await;
    host.page("/a", "Alpha 2", "Two.");
    sync(&app, &id).await;
    let shown = &documents(&app, &id).await["/a"];
    assert_eq!(
        (&shown["title"], &shown["file_version"]),
        (&json!("Mine"), &json!(2))
    );
}

#[tokio::test]
async fn the_same_content_is_stored_once() {
    let (app, host) = (app().await, Site::start().await);
    host.page("/a", "Alpha", "One.");
    host.page("/b", "Alpha", "One.");
    host.page("/c", "Gamma", "Three.");
    host.sitemap(&["/a", "/b", "/c"]);
    let id = added(&app, json!({"url": format!("{}/sitemap.xml", host.url)})).await;
    app.work_off().await;
    let paths: Vec<_> = documents(&app, &id).await.into_keys().collect();
    assert_eq!(paths, ["/a", "/c"]);
    let expected = [("/b".to_owned(), "duplicate_page".to_owned())];
    assert_eq!(failures(&app, &id).await, BTreeMap::from(expected));
}

#[tokio::test]
async fn a_synchronisation_that_is_interrupted_goes_on_where_it_was() {
    let (app, host) = (app().await, Site::start().await);
    let paths: Vec<String> = (0..6).map(|number| format!("/{number}")).collect();
    for path in &paths {
        host.page(path, &format!("Page {path}"), &format!("Words of {path}."));
    }
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    host.sitemap(&paths);
    let id = added(&app, json!({"url": format!("{}/sitemap.xml", host.url)})).await;
    let runner = creator_hub_service::jobs::sites_runner(&app.state);
    let stop = app.stop.clone();
    let attempt = tokio::spawn(async move { runner.step(&stop).await });
    let read = "select count(*) from hub.site_pages where read_round = 1";
    while app.count(read).await < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    attempt.abort();
    let _ = attempt.await;
    app.execute("update platform.jobs set lease_until = now() - interval '1 second'")
        .await;
    app.work_off().await;
    assert_eq!(site(&app, &id).await["state"], "synced");
    assert_eq!(documents(&app, &id).await.len(), 6);
    let answered = host.answered();
    let of = |wanted: &str| answered.iter().filter(|(path, _)| path == wanted).count();
    assert_eq!((of("/sitemap.xml"), of("/0")), (1, 1), "{answered:?}");
    assert!(
        answered.len() <= 8,
        "at most the page that was under way came twice: {answered:?}"
    );
}

#[tokio::test]
async fn a_host_that_never_answers_keeps_no_upload_waiting() {
    let (app, host) = (app().await, Site::start().await);
    for number in 0..5 {
        let path = format!("/{number}");
        host.status(&path, HANGS);
        added(
            &app,
            json!({"url": format!("{}{path}", host.url), "kind": "page"}),
        )
        .await;
    }
    let work = app.work();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = upload(&app.ana, "notes.md", b"# Notes\n\nMy own.").await;
    let body = answer.expect(StatusCode::ACCEPTED);
    let document = body["document"]["id"].as_str().unwrap();
    let ready = async {
        while app.status(document).await["state"] != "ready" {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), ready).await;
    app.stop.cancel();
    work.await.unwrap();
    assert!(waited.is_ok(), "the upload waits for sites");
}
