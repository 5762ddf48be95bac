//! A visitor's session: what a widget asks for before it connects. Nothing is stored for it.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{ChannelId, ConversationId, CreatorId, VisitorId};
use shared_web::{Body, ClientIp, Problem};
use utoipa::ToSchema;

use super::admission::Admitted;
use crate::domain::appearance::{Position, Theme, WidgetSettings};
use crate::domain::visitor_token::{BadToken, VisitorClaims};
use crate::error::Error;
use crate::live::pace;
use crate::state::AppState;
use crate::store::conversations;

/// Who asks.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSession {
    /// The `visitor_token` of an earlier session, to go on where that one ended.
    #[schema(max_length = 2000)]
    visitor_token: Option<String>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// Opens the socket and reads the history, on pages of this origin.
    token: String,
    /// Its end.
    expires_at: Timestamp,
    /// Keep it: it makes the next session one of the same visitor. Good for 90 days.
    visitor_token: String,
    /// What is talked in.
    conversation_id: ConversationId,
    /// How the widget looks.
    appearance: Appearance,
}

/// How the widget looks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Appearance {
    /// The head line.
    name: String,
    /// What a visitor reads first.
    welcome_message: String,
    /// What stands in the empty input.
    placeholder: String,
    /// Colours.
    theme: Theme,
    /// The corner of the page.
    position: Position,
    /// The colour of buttons and of the visitor's words.
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

/// Begin or resume a visitor's session. The page's `Origin` must be one that the widget allows;
/// an unknown widget and another origin are refused alike.
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
    let origin = admitted.origin.as_deref().ok_or(Error::OriginNotAllowed)?;
    pace::session(&app.cache, admitted.channel, &address.network().to_string()).await?;
    let creator = admitted.widget.creator;
    let visitor = if let Some(token) = new.visitor_token {
        resumed(&app, creator, admitted.channel, origin, &token).await?
    } else {
        let (visitor, conversation) = (VisitorId::new(), ConversationId::new());
        VisitorClaims::new(admitted.channel, visitor, conversation, origin)
    };
    let now = Timestamp::now().as_second();
    let (token, visitor_token, exp) = app.tokens.issue(now, creator, &visitor)?;
    let session = Session {
        token,
        expires_at: Timestamp::from_second(exp).unwrap_or_default(),
        visitor_token,
        conversation_id: visitor.conversation,
        appearance: Appearance::of(admitted.widget.name, admitted.widget.settings),
    };
    let fresh = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, fresh, Json(session)))
}

/// The visitor of that token; one whose conversation is closed begins another.
async fn resumed(
    app: &AppState,
    creator: CreatorId,
    channel: ChannelId,
    origin: &str,
    token: &str,
) -> Result<VisitorClaims, Error> {
    let mut claims = app.tokens.visitor(token).map_err(Error::Visitor)?;
    if claims.channel != channel || claims.origin != origin {
        return Err(Error::Visitor(BadToken::Invalid));
    }
    let mut tx = app.db.tenant_read(creator).await?;
    let row = conversations::find(&mut tx, claims.conversation).await?;
    if row.is_some_and(|row| row.owner == "closed") {
        claims.conversation = ConversationId::new();
    }
    Ok(claims)
}
