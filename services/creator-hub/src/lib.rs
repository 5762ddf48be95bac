//! What a creator works on: the profile and the documents that the assistant knows.
