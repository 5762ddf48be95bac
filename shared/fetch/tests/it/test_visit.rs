//! A visit: robots.txt, redirects, one request at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shared_fetch::{Answer, FetchError, FetchFailure, Hosts, MAX_REDIRECTS, Validators, Visit};
use url::Url;

use crate::server::{Names, Reply, Server, answer, fetcher, local, redirect};

fn visit() -> Visit {
    Visit::new(local(), Hosts::default(), Duration::ZERO)
}

async fn fetch(visit: &mut Visit, url: &Url) -> Result<Vec<u8>, FetchError> {
    match visit.fetch(url, &Validators::default(), 10_000).await? {
        Answer::Page(page) => Ok(page.body),
        Answer::NotModified => panic!("asked without validators"),
    }
}

async fn failure(visit: &mut Visit, url: &Url) -> FetchFailure {
    fetch(visit, url).await.unwrap_err().failure
}

#[tokio::test]
async fn what_robots_txt_forbids_is_not_asked_for() {
    let server = Server::start("127.0.0.1", |path| match path {
        "/robots.txt" => answer(
            200,
            "",
            b"User-agent: *\nDisallow: /\n\nUser-agent: creatorplatform\nDisallow: /private\n\
              Allow: /private/not\n",
        ),
        "/jump" => redirect("/private/page"),
        _ => answer(200, "", path.as_bytes()),
    })
    .await;
    let mut visit = visit();
    assert_eq!(fetch(&mut visit, &server.url("/a")).await.unwrap(), b"/a");
    assert_eq!(
        fetch(&mut visit, &server.url("/private/not"))
            .await
            .unwrap(),
        b"/private/not"
    );
    for path in ["/private", "/private/x?y", "/jump"] {
        let failed = failure(&mut visit, &server.url(path)).await;
        assert_eq!(failed, FetchFailure::DisallowedByRobots, "{path}");
    }
    assert_eq!(
        server.paths(),
        ["/robots.txt", "/a", "/private/not", "/jump"]
    );
}

#[tokio::test]
async fn robots_txt_that_is_missing_allows_and_one_that_fails_forbids() {
    for (status, expected) in [
        (404, None),
        (403, None),
        (500, Some(FetchFailure::RobotsUnavailable)),
        (503, Some(FetchFailure::RobotsUnavailable)),
        (429, Some(FetchFailure::RobotsUnavailable)),
    ] {
        let server = Server::start("127.0.0.1", move |path| match path {
            "/robots.txt" => answer(status, "", b""),
            _ => answer(200, "", b"page"),
        })
        .await;
        let found = fetch(&mut visit(), &server.url("/")).await;
        assert_eq!(found.err().map(|error| error.failure), expected, "{status}");
    }
    let long = format!(
        "User-agent: *\nDisallow: /a\n{}\nDisallow: /b\n",
        "#".repeat(600_000)
    );
    let server = Server::start("127.0.0.1", move |path| match path {
        "/robots.txt" => answer(200, "", long.as_bytes()),
        _ => answer(200, "", b"page"),
    })
    .await;
    let mut visit = visit();
    assert_eq!(
        failure(&mut visit, &server.url("/a")).await,
        FetchFailure::DisallowedByRobots
    );
    assert!(
        fetch(&mut visit, &server.url("/b")).await.is_ok(),
        "behind the limit"
    );
}

#[tokio::test]
async fn redirects_are_followed_a_few_steps_and_each_address_is_checked() {
    let server = Server::start("127.0.0.1", |path| {
        let steps: usize = path.trim_start_matches('/').parse().unwrap_or(0);
        match path {
            "/robots.txt" => answer(404, "", b""),
            "/loop" => redirect("/loop"),
            "/metadata" => redirect("http://169.254.169.254/latest/meta-data/"),
            "/private" => redirect("http://10.0.0.1/"),
            "/file" => redirect("file:///etc/passwd"),
            _ if steps > 0 => redirect(&format!("/{}", steps - 1)),
            _ => answer(200, "", b"end"),
        }
    })
    .await;
    let mut visit = visit();
    let most = format!("/{MAX_REDIRECTS}");
    assert_eq!(fetch(&mut visit, &server.url(&most)).await.unwrap(), b"end");
    let more = format!("/{}", MAX_REDIRECTS + 1);
    for (path, expected) in [
        (more.as_str(), FetchFailure::TooManyRedirects),
        ("/loop", FetchFailure::TooManyRedirects),
        ("/metadata", FetchFailure::AddressRefused),
        ("/private", FetchFailure::AddressRefused),
        ("/file", FetchFailure::UrlRefused),
    ] {
        assert_eq!(
            failure(&mut visit, &server.url(path)).await,
            expected,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_redirect_by_name_into_a_private_network_is_refused_when_it_connects() {
    let inside = Server::start("127.0.0.2", |_| answer(200, "", b"secret")).await;
    let port = inside.address.port();
    let server = Server::start("127.0.0.1", move |path| match path {
        "/robots.txt" => answer(404, "", b""),
        _ => redirect(&format!("http://inside.example:{port}/secret")),
    })
    .await;
    let guarded = fetcher("127.0.0.1/32", &Names::of(&[&["127.0.0.2"]]));
    let mut visit = Visit::new(guarded, Hosts::default(), Duration::ZERO);
    assert_eq!(
        failure(&mut visit, &server.url("/")).await,
        FetchFailure::AddressRefused
    );
    assert_eq!(inside.requests().len(), 0);
}

#[tokio::test]
async fn a_host_serves_one_request_at_a_time_whoever_visits_it() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (running, peak) = (Arc::clone(&now), Arc::clone(&most));
    let server = Server::start("127.0.0.1", move |path| {
        if path == "/robots.txt" {
            return answer(404, "", b"");
        }
        let before = running.fetch_add(1, Ordering::SeqCst);
        peak.fetch_max(before + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(30));
        running.fetch_sub(1, Ordering::SeqCst);
        answer(200, "", b"page")
    })
    .await;
    let hosts = Hosts::default();
    let visits = (0..8).map(|number| {
        let url = server.url(&format!("/{number}"));
        let mut visit = Visit::new(local(), hosts.clone(), Duration::ZERO);
        tokio::spawn(async move { fetch(&mut visit, &url).await.map(|_| ()) })
    });
    for done in futures_util::future::join_all(visits).await {
        done.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_host_is_asked_as_slowly_as_it_wishes() {
    let server = Server::start("127.0.0.1", |path| match path {
        "/robots.txt" => answer(200, "", b"User-agent: *\nCrawl-delay: 0.3\n"),
        _ => answer(200, "", b"page"),
    })
    .await;
    let mut visit = visit();
    fetch(&mut visit, &server.url("/a")).await.unwrap();
    let started = Instant::now();
    fetch(&mut visit, &server.url("/b")).await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_millis(300),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_visit_that_is_given_up_leaves_the_host_to_others() {
    let server = Server::start("127.0.0.1", |path| match path {
        "/robots.txt" => answer(404, "", b""),
        "/slow" => Reply::Hangs(Vec::new()),
        _ => answer(200, "", b"page"),
    })
    .await;
    let hosts = Hosts::default();
    let mut slow = Visit::new(local(), hosts.clone(), Duration::ZERO);
    let url = server.url("/slow");
    let given_up = tokio::time::timeout(Duration::from_millis(200), fetch(&mut slow, &url)).await;
    assert!(given_up.is_err());
    let mut other = Visit::new(local(), hosts, Duration::ZERO);
    assert!(fetch(&mut other, &server.url("/")).await.is_ok());
}
