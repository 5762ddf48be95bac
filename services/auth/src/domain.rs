//! Pure rules: no waiting, no database, no HTTP.

pub(crate) mod api_key;
pub(crate) mod device_name;
pub(crate) mod email_token;
pub(crate) mod full_name;
pub(crate) mod invitation;
pub(crate) mod lockout;
pub(crate) mod one_time_code;
pub(crate) mod password;
pub(crate) mod password_text;
pub(crate) mod refresh_token;
pub(crate) mod registration;
pub(crate) mod token;
