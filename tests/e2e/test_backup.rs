//! A platform with three accounts is destroyed and comes back from its backup in another namespace.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::{Namespace, apply, attempt, get, kubectl, operator, script, wait};
use crate::platform::{Api, bring_up, condition, explain, ready, sample};

/// A key pair for this test only.
const IDENTITY: &str = "AGE-SECRET-KEY-1CQXMA5H2H6AET4DLAHUV259CEDJU8MAEUKJ4H7YH09NNTPMLKWAQVUQVUT";
const RECIPIENT: &str = "age1nhr9u6cn7sm8fqy235rhlf666wgn3qkc70wra5lknk0fpqt48afs3v5r3t";
const PASSWORD: &str = "Quiet-Harbour-71";
const QUESTION: &str = "How long before bed should I stop drinking coffee?";
const GUIDE: &str = include_str!("sleep-guide.md");
const RESTORE_TIMEOUT: Duration = Duration::from_mins(8);

/// What an account had before, and must have again.
struct Account {
    email: String,
    document: String,
    file: Vec<u8>,
    citation: Value,
    question: &'static str,
}

#[tokio::test]
#[ignore = "needs a node: make test"]
async fn a_destroyed_platform_comes_back_from_its_backup_in_another_namespace() {
    operator();
    let before = Namespace::new("backup-before");
    keys(&before.0);
    bring_up(&before.0);
    let accounts = accounts(&before.0).await;
    back_up(&before.0);
    check(&before.0);
    let after = Namespace::new("backup-after");
    keys(&after.0);
    carry_backups(&before.0, &after.0);
    let began = Instant::now();
    restore(&after.0);
    let name = ["creatorplatform", "back"];
    let seconds = began.elapsed().as_secs_f64();
    println!("measured: Ready {seconds:.1} s after a platform was created from a backup");
    let restored = get(&after.0, &name);
    let message = condition(&restored, "Restored").unwrap()["message"].clone();
    println!("measured: {message}");
    let api = Api::open_platform(&after.0, "back", 18082).await;
    for account in &accounts {
        has_everything(&api, account).await;
    }
    let (status, _) = api
        .post(
            "/auth/v1/login",
            &json!({"email": "dora@example.com", "password": PASSWORD}),
        )
        .await;
    assert_eq!(status.as_u16(), 401, "no other account has come with them");
    a_restored_platform_is_not_restored_again(&after.0);
    data_goes_with_the_platform_once_confirmed(&after.0);
    script("forward", &["stop"]);
}

fn keys(namespace: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "backup-keys"},
        "stringData": {"identity": IDENTITY},
    });
    apply(namespace, &secret.to_string());
}

fn patch(namespace: &str, name: &str, change: &Value) {
    let change = change.to_string();
    let words = [
        "-n",
        namespace,
        "patch",
        "creatorplatform",
        name,
        "--type=merge",
    ];
    kubectl(&[&words[..], &["-p", &change]].concat());
}

/// Three accounts with a document each, one of them with something to say of its own.
async fn accounts(namespace: &str) -> Vec<Account> {
    let mut api = Api::open(namespace, 18081).await;
    let mut accounts = Vec::new();
    let texts = [
        ("ada", GUIDE.to_owned(), QUESTION),
        (
            "ben",
            format!("{GUIDE}\n\nBen adds a paragraph of his own.\n"),
            QUESTION,
        ),
        (
            "cleo",
            "# Bread\n\nSourdough rises for twelve hours at twenty degrees before it is baked.\n"
                .to_owned(),
            "How long does sourdough rise before it is baked?",
        ),
    ];
    for (name, text, question) in texts {
        let email = format!("{name}@example.com");
        api.register(&email).await;
        let document = api.upload(&format!("{name}.md"), &text).await;
        let document = document["id"].as_str().unwrap().to_owned();
        let citation = citation(&api, question)
            .await
            .expect("an answer with a source");
        let file = file(&api, &document).await;
        assert_eq!(file, text.as_bytes());
        accounts.push(Account {
            email,
            document,
            file,
            citation,
            question,
        });
    }
    script("forward", &["stop"]);
    accounts
}

/// The document and the passage that an answer cites first.
async fn citation(api: &Api, question: &str) -> Option<Value> {
    let events = api.ask(question, "extractive").await;
    let source = events.first()?.1.get(0)?.clone();
    Some(json!({"document": source["document_id"], "text": source["text"]}))
}

async fn file(api: &Api, document: &str) -> Vec<u8> {
    let path = format!("/creator-hub/v1/documents/{document}/file");
    let (status, content) = api.download(&path).await;
    assert_eq!(status.as_u16(), 200);
    content
}

/// Asks for a backup and waits until the status has it.
fn back_up(namespace: &str) {
    let backup = json!({
        "recipients": [RECIPIENT],
        "target": {"volume": {"storage": {"size": "1Gi"}}},
        "verify": {"identitySecretRef": {"name": "backup-keys", "key": "identity"}},
    });
    patch(namespace, "demo", &json!({"spec": {"backup": backup}}));
    let began = Instant::now();
    let words = ["-n", namespace, "annotate", "creatorplatform", "demo"];
    kubectl(&[&words[..], &["creatorplatform.io/backup=before-the-end"]].concat());
    let listed = || {
        let platform = get(namespace, &["creatorplatform", "demo"]);
        platform["status"]["backups"][0]["sizeBytes"]
            .as_i64()
            .is_some_and(|size| size > 0)
    };
    wait(RESTORE_TIMEOUT, listed, || explain(namespace));
    let platform = get(namespace, &["creatorplatform", "demo"]);
    println!(
        "measured: a backup of {} bytes after {:.1} s",
        platform["status"]["backups"][0]["sizeBytes"],
        began.elapsed().as_secs_f64()
    );
    let current = condition(&platform, "BackupCurrent").unwrap();
    assert_eq!(current["status"], "True", "{current}");
    assert!(ready(namespace, "demo"), "{}", explain(namespace));
}

/// The schedule of the check is on Sundays: one is made from it by hand, as an administrator would.
fn check(namespace: &str) {
    let began = Instant::now();
    // It has the labels of the template, by which the operator sees it.
    let words = [
        "-n",
        namespace,
        "create",
        "job",
        "--from=cronjob/demo-verify",
    ];
    kubectl(&[&words[..], &["demo-verify-now"]].concat());
    let verified = || {
        let platform = get(namespace, &["creatorplatform", "demo"]);
        condition(&platform, "BackupVerified").is_some_and(|found| found["status"] == "True")
    };
    wait(RESTORE_TIMEOUT, verified, || explain(namespace));
    println!(
        "measured: a backup checked after {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let platform = get(namespace, &["creatorplatform", "demo"]);
    assert!(
        platform["status"]["backups"][0]["verified"].is_string(),
        "{platform}"
    );
}

/// Destroys the platform with all of its data, and takes the volume with the backups elsewhere.
fn carry_backups(from: &str, to: &str) {
    let claim = get(from, &["pvc", "demo-backups"]);
    let volume = claim["spec"]["volumeName"].as_str().unwrap().to_owned();
    let keep = json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}}).to_string();
    kubectl(&["patch", "pv", &volume, "--type=merge", "-p", &keep]);
    kubectl(&["-n", from, "delete", "creatorplatform", "demo", "--wait"]);
    kubectl(&["delete", "namespace", from, "--wait", "--timeout=180s"]);
    let free = json!({"spec": {"claimRef": null}}).to_string();
    kubectl(&["patch", "pv", &volume, "--type=merge", "-p", &free]);
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": "old-backups"},
        "spec": {
            "accessModes": claim["spec"]["accessModes"],
            "resources": claim["spec"]["resources"],
            "storageClassName": claim["spec"]["storageClassName"],
            "volumeName": volume,
        },
    });
    apply(to, &claim.to_string());
}

/// A platform of another name begins with the newest backup.
fn restore(namespace: &str) {
    let text = sample();
    let mut platform: Value = serde_yaml_ng::from_str(&text).unwrap();
    platform["metadata"]["name"] = json!("back");
    platform["spec"]["restoreFrom"] = json!({
        "platform": "demo",
        "volumeClaim": "old-backups",
        "identitySecretRef": {"name": "backup-keys", "key": "identity"},
    });
    apply(namespace, &platform.to_string());
    wait(
        RESTORE_TIMEOUT,
        || ready(namespace, "back"),
        || explain(namespace),
    );
}

/// The account signs in as before, and finds its file and its answer.
async fn has_everything(base: &Api, account: &Account) {
    let api = base.signed_in(&account.email, PASSWORD).await;
    assert_eq!(
        file(&api, &account.document).await,
        account.file,
        "{}",
        account.email
    );
    // By words at once, by meaning when the vectors are made again.
    let began = Instant::now();
    loop {
        let found = citation(&api, account.question).await;
        if found.as_ref() == Some(&account.citation) {
            break;
        }
        let limit = Duration::from_mins(3);
        assert!(began.elapsed() < limit, "{}: {found:?}", account.email);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn a_restored_platform_is_not_restored_again(namespace: &str) {
    let label = "app.kubernetes.io/component=restore";
    kubectl(&[
        "-n",
        namespace,
        "delete",
        "jobs",
        "-l",
        label,
        "--ignore-not-found",
    ]);
    kubectl(&["-n", namespace, "delete", "secret", "backup-keys"]);
    // A change of the spec makes the operator look again.
    patch(
        namespace,
        "back",
        &json!({"spec": {"gateway": {"limits": {"burst": 99}}}}),
    );
    wait(
        RESTORE_TIMEOUT,
        || ready(namespace, "back"),
        || explain(namespace),
    );
    let jobs = get(namespace, &["jobs", "-l", label]);
    assert_eq!(jobs["items"], json!([]));
}

fn data_goes_with_the_platform_once_confirmed(namespace: &str) {
    patch(
        namespace,
        "back",
        &json!({"spec": {"deletionPolicy": "Delete"}}),
    );
    let words = ["-n", namespace, "annotate", "creatorplatform", "back"];
    kubectl(&[&words[..], &["creatorplatform.io/confirm-deletion=back"]].concat());
    let confirmed = || {
        let platform = get(namespace, &["creatorplatform", "back"]);
        condition(&platform, "DeletesData").is_some_and(|found| found["status"] == "True")
    };
    wait(RESTORE_TIMEOUT, confirmed, || explain(namespace));
    kubectl(&[
        "-n",
        namespace,
        "delete",
        "creatorplatform",
        "back",
        "--wait",
    ]);
    let label = "app.kubernetes.io/instance=back";
    let gone = || {
        let words = [
            "-n",
            namespace,
            "get",
            "pvc,secret",
            "-l",
            label,
            "-o",
            "name",
        ];
        let left = attempt("kubectl", &words, "");
        left.stdout.is_empty()
    };
    wait(RESTORE_TIMEOUT, gone, || explain(namespace));
    // What is not of this platform stays.
    assert!(get(namespace, &["pvc", "old-backups"])["metadata"]["name"].is_string());
}
