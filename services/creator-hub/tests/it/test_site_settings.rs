//! What an account sets of its sites: which addresses, how many, how often, who may see them.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::site::Site;
use crate::test_sites::{SITES, added, app, documents, sync};

#[tokio::test]
async fn sites_are_checked_counted_and_of_one_account() {
    let app = app().await;
    for wrong in [
        "",
        "example.org",
        "ftp://example.org/",
        "http://ana:x@example.org/",
    ] {
        let refused = app.ana.post(SITES, &json!({"url": wrong})).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (422, "invalid_fields")
        );
    }
    for hours in [0, 8_761, -1] {
        let new = json!({"url": "https://example.org/", "every_hours": hours});
        assert_eq!(app.ana.post(SITES, &new).await.status, 422, "{hours}");
    }
    let id = added(&app, json!({"url": "https://example.org/#top"})).await;
    let again = app
        .ana
        .post(SITES, &json!({"url": "HTTPS://example.org"}))
        .await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (409, "duplicate_site")
    );
    assert!(again.text().contains(&id));
    for answer in [
        app.ben.get(&format!("{SITES}/{id}")).await,
        app.ben.get(&format!("{SITES}/{id}/pages")).await,
        app.ben
            .post(&format!("{SITES}/{id}/sync"), &Value::Null)
            .await,
        app.ben.delete(&format!("{SITES}/{id}")).await,
        app.ben
            .json(Method::PATCH, &format!("{SITES}/{id}"), &json!({}))
            .await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (404, "unknown_site")
        );
    }
    let list = app.ben.get(SITES).await.expect(StatusCode::OK);
    assert_eq!(list["items"], json!([]));
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_sites() {
    let app = app().await;
    added(&app, json!({"url": "https://example.org/"})).await;
    let admin = app.admin().await;
    sqlx::query(
        "insert into hub.sites (creator_id, id, url)
         select creator_id, gen_random_uuid(), url || n from hub.sites, generate_series(1, 49) n",
    )
    .execute(&admin)
    .await
    .unwrap();
    let refused = app
        .ana
        .post(SITES, &json!({"url": "https://example.org/more"}))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (409, "too_many_sites")
    );
    // All of them are synchronised, and none of another account.
    let asked = app.ana.post(&format!("{SITES}/sync"), &Value::Null).await;
    assert_eq!(asked.expect(StatusCode::ACCEPTED), json!({"sites": 50}));
    let jobs = "select count(distinct subject_id) from platform.jobs where kind = 'sync_site'";
    let jobs: i64 = sqlx::query_scalar(jobs).fetch_one(&admin).await.unwrap();
    assert_eq!(jobs, 50);
    let none = app.ben.post(&format!("{SITES}/sync"), &Value::Null).await;
    assert_eq!(none.expect(StatusCode::ACCEPTED), json!({"sites": 0}));
}

#[tokio::test]
async fn the_visibility_of_a_site_is_that_of_its_documents() {
    let (app, host) = (app().await, Site::start().await);
    host.page("/one", "One", "A page for members.");
    host.sitemap(&["/one"]);
    let new = json!({"url": format!("{}/sitemap.xml", host.url), "visibility": "internal"});
    let id = added(&app, new).await;
    app.work_off().await;
    assert_eq!(documents(&app, &id).await["/one"]["visibility"], "internal");
    let wanted = app
        .engine
        .asked()
        .last()
        .unwrap()
        .wanted
        .access
        .clone()
        .unwrap();
    assert_eq!(wanted.visibility.as_str(), "internal");
    let change = async |body: Value| {
        let path = format!("{SITES}/{id}");
        app.ana.json(Method::PATCH, &path, &body).await
    };
    let changed = change(json!({"visibility": "public", "every_hours": 24})).await;
    let changed = changed.expect(StatusCode::OK);
    assert_eq!(
        (&changed["visibility"], &changed["every_hours"]),
        (&json!("public"), &json!(24))
    );
    let told = app.engine.access();
    assert_eq!((told.len(), told[0].1.visibility.as_str()), (1, "public"));
    // A page that comes later has it, too, and what is left out of a change stays.
    host.page("/two", "Two", "Another page.");
    host.sitemap(&["/one", "/two"]);
    sync(&app, &id).await;
    let documents = documents(&app, &id).await;
    assert_eq!(documents["/one"]["visibility"], "public");
    assert_eq!(documents["/two"]["visibility"], "public");
    let changed = change(json!({"every_hours": null}))
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (&changed["visibility"], &changed["every_hours"]),
        (&json!("public"), &Value::Null)
    );
    assert_eq!(
        change(json!({"visibility": "secret"})).await.code(),
        "invalid_fields"
    );
}
