// A session lets the page open the socket; the visitor token makes the next one of the same visitor.

import type { Page } from "./page";
import type { Session } from "./protocol";
import type { BrowserStorage } from "./storage";

/** Milliseconds before its end when a session no longer counts as valid. */
const MARGIN = 5000;

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

export function isValid(session: Session | null): session is Session {
  return session !== null && Date.parse(session.expires_at) - Date.now() > MARGIN;
}

/** Begins a session, or resumes that of a visitor who was here before. */
export async function requestSession(page: Page, storage: BrowserStorage): Promise<Session> {
  const visitor = storage.read("localStorage", "visitor");
  const response = await fetch(`${page.base}widget/${page.channel}/sessions`, {
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
  const problem = (await response.json().catch(() => ({}))) as { detail?: string };
  if (response.status === 401 && visitor) {
    storage.write("localStorage", "visitor", null);
    return requestSession(page, storage);
  }
  const isFinal = response.status === 403 || response.status === 400;
  const wait = Number(response.headers.get("retry-after")) * 1000 || 0;
  throw new SessionError(problem.detail || response.statusText, isFinal, wait);
}
