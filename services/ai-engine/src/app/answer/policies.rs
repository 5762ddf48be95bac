//! Whether a policy of the tenant decides the answer.

use shared_ai_client::{AppliedPolicy, PolicyKind};

use crate::domain::answer::canned_replies::replies;
use crate::domain::answer::language::Language;
use crate::domain::answer::settings::{AnswerSettings, CrisisPolicy};
use crate::domain::answer::{citations, policies, safety};

/// A policy and what it replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) policy: AppliedPolicy,
    pub(super) reply: String,
}

/// The policy that decides the answer; danger comes before every topic.
pub(super) fn decide(
    question: &str,
    language: Language,
    settings: &AnswerSettings,
) -> Option<Decision> {
    let decision = if safety::is_crisis(question) {
        metrics::counter!("ai_engine_crisis_replies_total").increment(1);
        crisis(language, &settings.crisis)
    } else {
        let topic = policies::topic_of(question, &settings.topics)?;
        Decision {
            policy: AppliedPolicy {
                kind: PolicyKind::Topic,
                topic: Some(topic.name.as_str().to_owned()),
                hand_over: topic.hand_over,
            },
            // Numbers in brackets would be read as citations.
            reply: citations::escape(topic.reply.as_str()),
        }
    };
    let kind = decision.policy.kind.as_str();
    metrics::counter!("ai_engine_answers_by_policy_total", "policy" => kind).increment(1);
    Some(decision)
}

fn crisis(language: Language, policy: &CrisisPolicy) -> Decision {
    let mut reply = replies(language).crisis.to_owned();
    if let Some(contact) = &policy.contact {
        reply.push_str("\n\n");
        reply.push_str(&citations::escape(contact.as_str()));
    }
    Decision {
        policy: AppliedPolicy {
            kind: PolicyKind::Crisis,
            topic: None,
            hand_over: policy.hand_over,
        },
        reply,
    }
}
