-- Owners and administrators change roles and remove members. Whatever belongs to a user goes with
-- the user: sessions, tokens, keys, and the address, which is free again.
GRANT UPDATE (role) ON auth.memberships TO auth_app;
GRANT DELETE ON auth.users TO auth_app;
