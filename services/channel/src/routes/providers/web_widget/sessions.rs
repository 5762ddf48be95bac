//! Sessions of visitors: a widget requests one before it connects.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{ChannelId, ConversationId};
use shared_web::{Body, ClientIp, Problem};
use utoipa::ToSchema;

use crate::app::providers::web_widget::admission::Admitted;
use crate::app::providers::web_widget::sessions::{self, StartedSession};
use crate::domain::widget_settings::{Corner, Theme, WidgetSettings};
use crate::error::Error;
use crate::state::AppState;

/// A visitor's session to start or to resume.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSession {
    /// The `visitor_token` of an earlier session, to continue its conversation.
    #[schema(max_length = 2000)]
    visitor_token: Option<String>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Opens the socket and reads the history, from pages of this origin.
    token: String,
    /// When the token expires.
    expires_at: Timestamp,
    /// Store it: with it, the next session is one of the same visitor. Valid for 90 days.
    visitor_token: String,
    /// The session's conversation.
    conversation_id: ConversationId,
    /// The widget's appearance.
    appearance: Appearance,
}

/// The widget's appearance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Appearance {
    /// The widget's title.
    name: String,
    /// The first message that a visitor sees.
    welcome_message: String,
    /// Placeholder text of the input field.
    placeholder: String,
    /// Colour scheme.
    theme: Theme,
    /// Corner of the page.
    position: Corner,
    /// Colour of buttons and of the visitor's messages.
    primary_color: String,
}

impl Appearance {
    fn of(name: String, settings: WidgetSettings) -> Self {
        let WidgetSettings {
            welcome_message,
            placeholder,
            theme,
            position,
            primary_color,
            allowed_origins: _,
            answer_mode: _,
            messages_per_minute: _,
            collections: _,
        } = settings;
        Self {
            name,
            welcome_message: welcome_message.into(),
            placeholder: placeholder.into(),
            theme,
            position,
            primary_color: primary_color.into(),
        }
    }
}

/// Start or resume a visitor's session.
///
/// The page's `Origin` must be one that the widget allows. An unknown widget and a foreign origin
/// get the same response.
#[utoipa::path(post, path = "/widget/{channel_id}/sessions", tag = "widget",
    params(("channel_id" = ChannelId, Path),
        ("origin" = String, Header, description = "set by browsers")),
    request_body = NewSession,
    responses((status = 201, body = Session),
        (status = 400, body = Problem),
        (status = 401, description = "invalid_visitor_token", body = Problem),
        (status = 403, description = "origin_not_allowed", body = Problem),
        (status = 413, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn create_session(
    State(app): State<AppState>,
    admitted: Admitted,
    address: ClientIp,
    Body(new): Body<NewSession>,
) -> Result<impl IntoResponse, Error> {
    let visitor_token = new.visitor_token.as_deref();
    let started = sessions::start(&app, &admitted, address.network(), visitor_token).await?;
    let StartedSession {
        tokens,
        conversation,
    } = started;
    let session = Session {
        token: tokens.session,
        expires_at: Timestamp::from_second(tokens.session_expiry).unwrap_or_default(),
        visitor_token: tokens.visitor,
        conversation_id: conversation,
        appearance: Appearance::of(admitted.widget.name, admitted.widget.settings),
    };
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, Json(session)))
}
