//! Which events count as usage.

use shared_models::{Event, EventType, UsageKind};

/// The types of events that count.
pub(crate) const COUNTED: &[EventType] = &[
    EventType::DocumentUploaded,
    EventType::MessageReceived,
    EventType::UsageRecorded,
];

/// What an event counts as; quantities of zero are left out.
pub(crate) fn of(event: &Event) -> Vec<(UsageKind, i64)> {
    let used = match event {
        Event::DocumentUploaded(uploaded) => vec![
            (UsageKind::DocumentsUploaded, 1),
            (UsageKind::BytesUploaded, uploaded.bytes),
        ],
        Event::MessageReceived(_) => vec![(UsageKind::Messages, 1)],
        Event::UsageRecorded(recorded) => {
            let used = recorded.used.iter();
            used.map(|(kind, quantity)| (*kind, *quantity)).collect()
        }
        _ => Vec::new(),
    };
    used.into_iter()
        .filter(|(_, quantity)| *quantity > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_models::event::{DocumentUploaded, MemberRemoved, UsageRecorded};
    use shared_models::{DocumentId, UserId};

    #[test]
    fn what_is_counted_has_a_quantity() {
        let uploaded = |bytes| {
            let document = DocumentId::new();
            of(&DocumentUploaded { document, bytes }.into())
        };
        let one = (UsageKind::DocumentsUploaded, 1);
        assert_eq!(uploaded(9), [one, (UsageKind::BytesUploaded, 9)]);
        assert_eq!(uploaded(0), [one]);
        let tokens = (UsageKind::PromptTokens, 7);
        let recorded = UsageRecorded::of(&[tokens, (UsageKind::Answers, 0)]).unwrap();
        assert_eq!(of(&recorded.into()), [tokens]);
        let user = UserId::new();
        assert_eq!(of(&MemberRemoved { user }.into()), []);
    }
}
