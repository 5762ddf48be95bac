//! A newcomer's first day: install, apply, register, upload, ask, chat, delete.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::{Namespace, kubectl, operator, script, wait};
use crate::platform::{Api, bring_up, explain, left_over};

const GUIDE: &str = include_str!("sleep-guide.md");

#[tokio::test]
#[ignore = "needs a node: make test"]
async fn the_platform_comes_up_answers_and_goes() {
    operator();
    let namespace = Namespace::new("first-day");
    let ready = bring_up(&namespace.0);
    println!("measured: apply to Ready {:.1} s", ready.as_secs_f64());

    let mut api = Api::open(&namespace.0, 18080).await;
    api.register("ana@example.com").await;
    let document = api.upload("sleep-guide.md", GUIDE).await;
    assert!(
        document["chunk_count"].as_i64().unwrap() >= 15,
        "{document}"
    );
    a_question_finds_its_paragraph(&api).await;
    a_question_outside_the_knowledge_invents_nothing(&api).await;
    the_chat_model_streams(&api).await;
    bad_input_gets_problem_documents(&api).await;
    services_are_small(&namespace.0);
    deletion_leaves_only_what_policy_retains(&namespace.0);
    script("forward", &["stop"]);
}

async fn a_question_finds_its_paragraph(api: &Api) {
    for (question, expected) in [
        (
            "How long before bed should I stop drinking coffee?",
            "eight hours before bedtime",
        ),
        (
            "What temperature should my bedroom have?",
            "sixteen and nineteen degrees",
        ),
        (
            "Can I get my money back?",
            "Refunds are possible within fourteen days",
        ),
    ] {
        let events = api.ask(question, "extractive").await;
        let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.first(), Some(&"sources"), "{names:?}");
        assert_eq!(names.last(), Some(&"done"), "{names:?}");
        let best = events[0].1[0]["text"].as_str().unwrap();
        assert!(best.contains(expected), "{question}: {best}");
        let text = text_of(&events);
        assert!(
            text.contains(expected) && text.contains("[1]"),
            "{question}: {text}"
        );
    }
}

async fn a_question_outside_the_knowledge_invents_nothing(api: &Api) {
    let events = api
        .ask(
            "Which programming language has the fastest compiler?",
            "extractive",
        )
        .await;
    assert_eq!(events[0].1, Value::Array(Vec::new()), "{events:?}");
}

async fn the_chat_model_streams(api: &Api) {
    let events = api.ask("How do naps work?", "generative").await;
    let tokens = events.iter().filter(|(name, _)| name == "token").count();
    let (last, done) = events.last().unwrap();
    assert_eq!(last, "done", "{done}");
    assert!(tokens > 1, "the engine streams: {tokens} tokens");
    assert!(
        done["usage"]["completion_tokens"].as_i64().unwrap() > 0,
        "{done}"
    );
}

async fn bad_input_gets_problem_documents(api: &Api) {
    for (path, status) in [
        ("/nowhere", 404),
        (
            "/ai-engine/internal/v1/documents/0190a5e0-0000-7000-8000-000000000000",
            404,
        ),
        ("/creator-hub/v1/documents/not-an-id", 400),
        (
            "/creator-hub/v1/documents/0190a5e0-0000-7000-8000-000000000000",
            404,
        ),
    ] {
        let (found, problem) = api.get(path).await.unwrap();
        assert_eq!(found.as_u16(), status, "{path}: {problem}");
        assert!(problem["code"].is_string(), "{path}: {problem}");
    }
}

/// Resident memory of each service, as the kernel counts it in the pod.
fn services_are_small(namespace: &str) {
    for service in ["auth", "creator-hub", "ai-engine", "channel"] {
        let pattern = format!("{service}-service serve");
        let listed = script("inside", &["pgrep", "-f", &pattern]);
        let pid = listed.lines().next().unwrap_or_default().to_owned();
        let status = script("inside", &["cat", &format!("/proc/{pid}/status")]);
        let resident = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap_or_default();
        println!(
            "measured: {service} {}",
            resident.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
    assert!(!namespace.is_empty());
}

fn deletion_leaves_only_what_policy_retains(namespace: &str) {
    let started = Instant::now();
    kubectl(&[
        "-n",
        namespace,
        "delete",
        "creatorplatform",
        "demo",
        "--wait",
    ]);
    let retained = |name: &String| name.starts_with("secret/") || name.contains("persistentvolume");
    let gone = || left_over(namespace).iter().all(retained);
    let left = || format!("{:?}\n{}", left_over(namespace), explain(namespace));
    wait(Duration::from_secs(120), gone, left);
    println!(
        "measured: delete to gone {:.1} s",
        started.elapsed().as_secs_f64()
    );
    kubectl(&["delete", "namespace", namespace, "--wait", "--timeout=120s"]);
}

fn text_of(events: &[(String, Value)]) -> String {
    let token = |(name, data): &(String, Value)| {
        (name == "token").then(|| data["text"].as_str().unwrap_or_default().to_owned())
    };
    events.iter().filter_map(token).collect()
}
