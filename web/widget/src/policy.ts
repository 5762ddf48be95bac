// A page's Content-Security-Policy may forbid what the widget needs; trying again is useless then.

import { SessionError } from "./session";

/** Fetches, and says so when the page's policy forbids it. */
export async function fetchAllowed(url: string, options: RequestInit): Promise<Response> {
  const { origin } = new URL(url);
  let isForbidden = false;
  const listen = (event: SecurityPolicyViolationEvent) => {
    const isOurs = event.disposition === "enforce" && event.effectiveDirective === "connect-src";
    if (isOurs && event.blockedURI.startsWith(origin)) isForbidden = true;
  };
  document.addEventListener("securitypolicyviolation", listen);
  try {
    return await fetch(url, options);
  } catch (error) {
    // The event follows in a task of its own.
    await new Promise((resolve) => setTimeout(resolve, 50));
    if (!isForbidden) throw error;
    const reason = `The page's Content-Security-Policy forbids the widget: add ${origin} to `
      + "connect-src, with https: for requests and wss: for the chat.";
    throw new SessionError(reason, true, 0);
  } finally {
    document.removeEventListener("securitypolicyviolation", listen);
  }
}
