// A session lets the page open the socket; the visitor token makes the next one of the same visitor.

import { fetchAllowed } from "./policy";
import type { Page } from "./page";
import type { Session } from "./protocol";
import type { BrowserStorage } from "./storage";

/** Milliseconds before its end when a session no longer counts as valid. */
const MARGIN = 5000;

/** Refusals that depend on the time: timeout, too early, too many. */
const TRY_AGAIN = [408, 425, 429];

export class SessionError extends Error {
  constructor(
    message: string,
    /** Whether trying again is useless. */
    readonly isFinal: boolean,
    /** Milliseconds that the service wants us to wait. */
    readonly wait: number,
  ) {
    super(message);
  }
}

function notAllowed(page: Page): string {
  return `Pages of ${location.origin} may not embed the widget ${page.channel}: `
    + "add this origin to allowed_origins in the settings of the channel. "
    + "If it is listed there, check data-channel and whether the channel is enabled.";
}

export function isValid(session: Session | null): session is Session {
  return session !== null && Date.parse(session.expires_at) - Date.now() > MARGIN;
}

/** Begins a session, or resumes that of a visitor who was here before. */
export async function requestSession(page: Page, storage: BrowserStorage): Promise<Session> {
  const visitor = storage.read("localStorage", "visitor");
  const response = await fetchAllowed(`${page.base}widget/${page.channel}/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    credentials: "omit",
    body: JSON.stringify(visitor ? { visitor_token: visitor } : {}),
  });
  if (response.ok) {
    const session = (await response.json()) as Session;
    storage.write("localStorage", "visitor", session.visitor_token);
    return session;
  }
  const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  if (response.status === 401 && visitor) {
    storage.write("localStorage", "visitor", null);
    return requestSession(page, storage);
  }
  // What the service refuses for its content, it refuses again.
  const isFinal = response.status < 500 && !TRY_AGAIN.includes(response.status);
  const wait = Number(response.headers.get("retry-after")) * 1000 || 0;
  const reason = problem.code === "origin_not_allowed" ? notAllowed(page)
    : problem.detail || `The service answered ${response.status}.`;
  throw new SessionError(reason, isFinal, wait);
}
