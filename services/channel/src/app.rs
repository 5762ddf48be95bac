//! Use cases. They open the transactions; handlers in `routes/` call them.

pub(crate) mod channels;
pub(crate) mod conversations;
pub(crate) mod demo;
pub(crate) mod limits;
pub(crate) mod live;
pub(crate) mod tenant_data;

/// One module for each kind of channel.
pub(crate) mod providers {
    pub(crate) mod web_widget;
}
