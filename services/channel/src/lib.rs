//! Where end users talk: the web widget.
