//! One request: which addresses are connected to, and what a host can do to whom asks it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use shared_fetch::{
    Answer, Bounds, Excess, FetchError, FetchFailure, Fetcher, Hop, Page, Validators,
};
use url::Url;

use crate::server::{
    BOUNDS, Names, Reply, Server, TIMEOUTS, answer, fetcher, local, redirect, unmeasured,
};

async fn ask(fetcher: &Fetcher, url: &Url) -> Result<Hop, FetchError> {
    fetcher.hop(url, &Validators::default(), BOUNDS).await
}

async fn page(url: &Url) -> Page {
    match ask(&local(), url).await {
        Ok(Hop::Answer(Answer::Page(page))) => page,
        other => panic!("{other:?}"),
    }
}

async fn failure(fetcher: &Fetcher, url: &Url) -> FetchFailure {
    ask(fetcher, url).await.unwrap_err().failure
}

/// A host for one reply.
async fn host(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    Server::start("127.0.0.1", move |_| reply()).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_page_comes_with_what_is_needed_to_ask_again() {
    let server = host(|| {
        answer(
            200,
            "content-type: Text/HTML; charset=utf-8\r\netag: \"1\"\r\nlast-modified: yesterday\r\n",
            b"<p>hello",
        )
    })
    .await;
    let found = page(&server.url("/a")).await;
    assert_eq!(found.body, b"<p>hello");
    assert_eq!(found.content_type.as_deref(), Some("text/html"));
    let expected = Validators {
        etag: Some("\"1\"".to_owned()),
        last_modified: Some("yesterday".to_owned()),
    };
    assert_eq!(found.validators, expected);

    let unchanged = host(|| answer(304, "", b"")).await;
    let hop = local().hop(&unchanged.url("/"), &expected, BOUNDS).await;
    assert!(
        matches!(hop, Ok(Hop::Answer(Answer::NotModified))),
        "{hop:?}"
    );
    let request = unchanged.requests().remove(0).to_lowercase();
    for header in [
        "if-none-match: \"1\"",
        "if-modified-since: yesterday",
        "user-agent: creatorplatform/",
        "accept-encoding: gzip\r\n",
    ] {
        assert!(request.contains(header), "{header} in {request}");
    }
    assert!(
        !request.contains("cookie") && !request.contains("referer"),
        "{request}"
    );
}

#[tokio::test]
async fn an_address_in_the_url_is_judged_however_it_is_written() {
    let none = fetcher("", &Names::of(&[&["127.0.0.1"]]));
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://0.0.0.0/",
        "http://[::]/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://168.63.129.16/",
        "http://224.0.0.1/",
        "http://[ff02::1]/",
        "http://255.255.255.255/",
        "http://１２７.0.0.1/",
        "https://127.0.0.1/",
        "http://8.8.8.8:6379/",
        "http://8.8.8.8:22/",
    ] {
        let url = Url::parse(url).unwrap();
        assert_eq!(
            failure(&none, &url).await,
            FetchFailure::AddressRefused,
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "data:text/plain,x",
        "http://user@example.org/",
        "http://user:word@example.org/",
    ] {
        let url = Url::parse(url).unwrap();
        assert_eq!(
            failure(&local(), &url).await,
            FetchFailure::UrlRefused,
            "{url}"
        );
    }
    let long = Url::parse(&format!("http://example.org/{}", "a".repeat(3_000))).unwrap();
    assert_eq!(failure(&local(), &long).await, FetchFailure::UrlRefused);
}

#[tokio::test]
async fn a_name_leads_only_to_allowed_addresses() {
    let server = host(|| answer(200, "", b"secret")).await;
    let url = Url::parse(&format!("http://site.example:{}/", server.address.port())).unwrap();
    for addresses in [
        &["127.0.0.1"][..],
        &["::ffff:127.0.0.1"],
        &["10.0.0.1", "169.254.169.254", "fe80::1", "64:ff9b::7f00:1"],
        &[],
    ] {
        let guarded = fetcher("", &Names::of(&[addresses]));
        assert_eq!(
            failure(&guarded, &url).await,
            FetchFailure::AddressRefused,
            "{addresses:?}"
        );
        let web = Url::parse("http://site.example/").unwrap();
        assert_eq!(
            failure(&guarded, &web).await,
            FetchFailure::AddressRefused,
            "{addresses:?}"
        );
    }
    assert_eq!(server.requests().len(), 0, "nothing was connected to");
    // Of several addresses, the allowed one is used.
    let mixed = fetcher(
        "127.0.0.1/32",
        &Names::of(&[&["127.0.0.2", "127.0.0.1", "10.0.0.1"]]),
    );
    assert!(matches!(ask(&mixed, &url).await, Ok(Hop::Answer(_))));
    // A public address is refused on ports that are none of the web.
    let public = fetcher("", &Names::of(&[&["8.8.8.8"]]));
    assert_eq!(failure(&public, &url).await, FetchFailure::AddressRefused);
}

#[tokio::test]
async fn a_host_that_changes_its_address_at_the_second_look_is_not_followed() {
    // The first answer is allowed, each later one is not: nothing may look a second time for one
    // connection, and the next connection is judged again.
    let server = host(|| answer(200, "", b"public")).await;
    let inside = Server::start("127.0.0.2", |_| answer(200, "", b"secret")).await;
    let names = Names::of(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let guarded = fetcher("127.0.0.1/32", &names);
    let url = Url::parse(&format!("http://site.example:{}/", server.address.port())).unwrap();
    assert!(matches!(
        ask(&guarded, &url).await,
        Ok(Hop::Answer(Answer::Page(_)))
    ));
    assert_eq!(names.asked(), 1, "one look for one connection");
    let url = Url::parse(&format!("http://site.example:{}/", inside.address.port())).unwrap();
    assert_eq!(failure(&guarded, &url).await, FetchFailure::AddressRefused);
    assert_eq!(names.asked(), 2);
    assert_eq!(inside.requests().len(), 0, "nothing was connected to");
}

#[tokio::test]
async fn a_redirect_is_reported_and_not_followed() {
    let server = Server::start("127.0.0.1", |path| match path {
        "/a" => redirect("../b?c#d"),
        "/none" => answer(302, "", b""),
        "/bad" => redirect("http://[::1"),
        _ => redirect("http://169.254.169.254/latest/meta-data/"),
    })
    .await;
    let hop = ask(&local(), &server.url("/a")).await;
    let Ok(Hop::Redirect(target)) = hop else {
        panic!("{hop:?}")
    };
    assert_eq!(target, server.url("/b?c"));
    let hop = ask(&local(), &server.url("/metadata")).await;
    let Ok(Hop::Redirect(target)) = hop else {
        panic!("{hop:?}")
    };
    assert_eq!(
        failure(&local(), &target).await,
        FetchFailure::AddressRefused
    );
    assert_eq!(
        failure(&local(), &server.url("/none")).await,
        FetchFailure::BadRedirect
    );
    assert_eq!(
        failure(&local(), &server.url("/bad")).await,
        FetchFailure::BadRedirect
    );
}

#[tokio::test]
async fn a_slow_host_is_given_up_in_time() {
    let pause = Duration::from_millis(100);
    let head = b"HTTP/1.1 200 x\r\ncontent-length: 50000\r\n\r\n".to_vec();
    let hosts = [
        host(|| Reply::Hangs(Vec::new())).await,
        host(|| Reply::Hangs(b"HTTP/1.1 200 x\r\ncontent-length: 9\r\n\r\nabc".to_vec())).await,
        host(move || Reply::Endless(head.clone(), b"x".to_vec(), pause)).await,
        host(move || Reply::Endless(b"HTTP/1.1 200 x\r\n".to_vec(), b"a: b\r\n".to_vec(), pause))
            .await,
        host(move || Reply::Endless(Vec::new(), b"HTTP/1.1 103 x\r\n\r\n".to_vec(), pause)).await,
    ];
    for (number, server) in hosts.iter().enumerate() {
        let started = Instant::now();
        let failed = failure(&local(), &server.url("/")).await;
        assert_eq!(failed, FetchFailure::TooSlow, "host {number}");
        let took = started.elapsed();
        assert!(
            took < TIMEOUTS.total + Duration::from_secs(5),
            "host {number}: {took:?}"
        );
    }
}

#[tokio::test]
async fn more_than_the_limit_is_refused_before_it_is_held() {
    let large = vec![b'x'; BOUNDS.bytes + 1];
    let announced = b"HTTP/1.1 200 x\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let bomb = gzip(&vec![0; 50 * 1024 * 1024]);
    assert!(
        bomb.len() < BOUNDS.bytes,
        "the packed bytes themselves are allowed"
    );
    let packed = "content-encoding: gzip\r\n";
    let chunk = b"400\r\n"
        .iter()
        .copied()
        .chain(vec![b'x'; 1_024])
        .chain(*b"\r\n");
    let chunk: Vec<u8> = chunk.collect();
    let chunked = b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let hosts = [
        host(move || answer(200, "", &large)).await,
        host(move || Reply::Hangs(announced.clone())).await,
        host(move || answer(200, packed, &bomb)).await,
        host(move || Reply::Endless(chunked.clone(), chunk.clone(), Duration::ZERO)).await,
    ];
    for (number, server) in hosts.iter().enumerate() {
        let failed = failure(&local(), &server.url("/")).await;
        assert_eq!(failed, FetchFailure::TooLarge, "host {number}");
    }
    let exact = vec![b'x'; BOUNDS.bytes];
    let packed_exact = gzip(&exact);
    let hosts = [
        host(move || unmeasured("", &exact)).await,
        host(move || answer(200, packed, &packed_exact)).await,
    ];
    for server in hosts {
        assert_eq!(page(&server.url("/")).await.body.len(), BOUNDS.bytes);
    }
}

#[tokio::test]
async fn what_lies_behind_the_limit_can_be_left_out() {
    let large = vec![b'x'; 200_000];
    let packed = gzip(&large);
    let server = Server::start("127.0.0.1", move |path| match path {
        "/packed" => answer(200, "content-encoding: gzip\r\n", &packed),
        _ => answer(200, "", &large),
    })
    .await;
    let bounds = Bounds {
        bytes: 1_000,
        excess: Excess::Cut,
    };
    for path in ["/", "/packed"] {
        let hop = local()
            .hop(&server.url(path), &Validators::default(), bounds)
            .await;
        let Ok(Hop::Answer(Answer::Page(page))) = hop else {
            panic!("{path}: {hop:?}")
        };
        assert_eq!(page.body.len(), 1_000, "{path}");
    }
}

#[tokio::test]
async fn a_host_that_lies_about_its_length_or_encoding_is_refused() {
    let packed = gzip(b"hello hello hello");
    let cut = packed[..packed.len() - 9].to_vec();
    let gzip_header = "content-encoding: gzip\r\n";
    for (number, (reply, expected)) in [
        (
            Reply::Bytes(b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\nshort".to_vec()),
            FetchFailure::CutOff,
        ),
        (
            Reply::Bytes(b"HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel".to_vec()),
            FetchFailure::CutOff,
        ),
        (Reply::Bytes(Vec::new()), FetchFailure::CutOff),
        (
            Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            FetchFailure::BadResponse,
        ),
        (
            Reply::Bytes(b"HTTP/1.1 200 x\r\ncontent-length: 1, 2\r\n\r\nab".to_vec()),
            FetchFailure::BadResponse,
        ),
        (
            answer(200, gzip_header, b"plain words that are no gzip"),
            FetchFailure::BadEncoding,
        ),
        (answer(200, gzip_header, &cut), FetchFailure::CutOff),
        (
            answer(200, "content-encoding: br\r\n", b"x"),
            FetchFailure::BadEncoding,
        ),
        (
            answer(200, "content-encoding: gzip, gzip\r\n", b"x"),
            FetchFailure::BadEncoding,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = host(move || reply.lock().unwrap().take().unwrap()).await;
        assert_eq!(
            failure(&local(), &server.url("/")).await,
            expected,
            "case {number}"
        );
    }
    // Bytes behind the announced length belong to no answer.
    let server =
        host(|| Reply::Bytes(b"HTTP/1.1 200 x\r\ncontent-length: 2\r\n\r\nabcdef".to_vec())).await;
    assert_eq!(page(&server.url("/")).await.body, b"ab");
    let server = host(|| answer(200, "content-encoding: gzip\r\n", &gzip(b"hello"))).await;
    assert_eq!(page(&server.url("/")).await.body, b"hello");
}

#[tokio::test]
async fn a_status_says_why_there_is_no_page() {
    let server = Server::start("127.0.0.1", |path| {
        let status = path.trim_start_matches('/').parse().unwrap();
        answer(status, "retry-after: 90\r\n", b"sorry")
    })
    .await;
    for (status, expected) in [
        (401, FetchFailure::Denied),
        (403, FetchFailure::Denied),
        (404, FetchFailure::Missing),
        (410, FetchFailure::Missing),
        (429, FetchFailure::Busy),
        (451, FetchFailure::Denied),
        (500, FetchFailure::Failed),
        (503, FetchFailure::Busy),
        (204, FetchFailure::Failed),
        (206, FetchFailure::Failed),
        (300, FetchFailure::Failed),
    ] {
        let error = ask(&local(), &server.url(&format!("/{status}")))
            .await
            .unwrap_err();
        assert_eq!(error.failure, expected, "{status}");
        assert_eq!(error.retry_after, Some(Duration::from_secs(90)), "{status}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_told_from_one_with_a_bad_certificate() {
    let server = host(|| answer(200, "", b"")).await;
    let mut url = server.url("/");
    url.set_scheme("https").unwrap();
    assert_eq!(failure(&local(), &url).await, FetchFailure::TlsFailed);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).unwrap();
    assert_eq!(failure(&local(), &url).await, FetchFailure::Unreachable);
}
