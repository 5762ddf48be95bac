//! The stored form of events: what was written yesterday is read tomorrow.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ChannelId, ConversationId, DocumentDeleted, DocumentId, DocumentIndexed, DocumentUploaded,
    Event, EventType, MemberJoined, MemberRemoved, MemberRoleChanged, MessageAnswered, MessageId,
    MessageReceived, Quota, QuotaReached, Role, UnreadableEvent, UsageKind, UsageRecorded, UserId,
};

const ID: &str = "0193a000-0000-7000-8000-000000000001";

fn id<T: From<Uuid>>() -> T {
    T::from(ID.parse::<Uuid>().unwrap())
}

/// Every type with the payload that is stored for it. A change of one of these texts makes stored
/// events unreadable: publish a new version instead.
fn samples() -> Vec<(Event, Value)> {
    let mut samples = documents_and_members();
    samples.extend(usage_and_messages());
    samples
}

fn documents_and_members() -> Vec<(Event, Value)> {
    let document: DocumentId = id();
    let user: UserId = id();
    let indexed = DocumentIndexed {
        document,
        version: 2,
        passages: 7,
    };
    let (editor, admin) = (Role::Editor, Role::Admin);
    vec![
        (
            DocumentUploaded { document, bytes: 9 }.into(),
            json!({"document": ID, "bytes": 9}),
        ),
        (
            indexed.into(),
            json!({"document": ID, "version": 2, "passages": 7}),
        ),
        (
            DocumentDeleted { document, bytes: 9 }.into(),
            json!({"document": ID, "bytes": 9}),
        ),
        (
            MemberJoined { user, role: editor }.into(),
            json!({"user": ID, "role": "editor"}),
        ),
        (
            MemberRoleChanged { user, role: admin }.into(),
            json!({"user": ID, "role": "admin"}),
        ),
        (MemberRemoved { user }.into(), json!({"user": ID})),
    ]
}

fn usage_and_messages() -> Vec<(Event, Value)> {
    let (conversation, message): (ConversationId, MessageId) = (id(), id());
    let quantities = [(UsageKind::Answers, 1), (UsageKind::PromptTokens, 120)];
    let recorded = UsageRecorded {
        used: quantities.into_iter().collect(),
    };
    let received = MessageReceived {
        channel: id::<ChannelId>(),
        conversation,
        message,
    };
    let answered = MessageAnswered {
        conversation,
        message,
        reply_to: 3,
    };
    let reached = QuotaReached {
        quota: Quota::StorageBytes,
        percent: 80,
        used: 85,
        limit: 100,
    };
    vec![
        (
            recorded.into(),
            json!({"used": {"answers": 1, "prompt_tokens": 120}}),
        ),
        (
            received.into(),
            json!({"channel": ID, "conversation": ID, "message": ID}),
        ),
        (
            answered.into(),
            json!({"conversation": ID, "message": ID, "reply_to": 3}),
        ),
        (
            reached.into(),
            json!({"quota": "storage_bytes", "percent": 80, "used": 85, "limit": 100}),
        ),
    ]
}

#[test]
fn every_type_has_a_stored_form_that_reads_back() {
    let samples = samples();
    let types: Vec<_> = samples
        .iter()
        .map(|(event, _)| event.event_type())
        .collect();
    assert_eq!(types, EventType::ALL, "add a sample of the new type");
    for (event, stored) in samples {
        let kind = event.event_type();
        assert_eq!(event.payload().unwrap(), stored, "{kind:?}");
        let read = Event::decode(kind.as_str(), kind.version(), stored).unwrap();
        assert_eq!(read, event);
        assert_eq!(EventType::from_name(kind.as_str()), Some(kind));
    }
}

#[test]
fn a_field_that_was_added_later_does_not_disturb() {
    let payload = json!({"user": ID, "role": "editor", "added_later": true});
    assert!(Event::decode("member.joined", 1, payload).is_ok());
}

#[test]
fn what_this_version_cannot_read_says_why() {
    let decode = |name, version| Event::decode(name, version, json!({}));
    let unknown = decode("planet.discovered", 1);
    assert!(matches!(unknown, Err(UnreadableEvent::UnknownType)));
    let newer = decode("member.joined", 99);
    assert!(matches!(newer, Err(UnreadableEvent::UnknownVersion)));
    let invalid = decode("member.joined", 1);
    assert!(matches!(invalid, Err(UnreadableEvent::Payload(_))));
    assert_eq!(EventType::from_name("planet.discovered"), None);
}
