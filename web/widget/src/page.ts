// The page that embeds the script, as far as the widget needs to know it.

export interface Page {
  /** The id of the channel, from `data-channel` of the script element. */
  channel: string;
  /** The folder that the script came from: …/channels/v1/ */
  base: string;
}

declare global {
  interface Window {
    /** Set by the first script on a page, so that a second copy does nothing. */
    __creatorWidget?: boolean;
  }
}

/** Must run while the script itself is evaluated: afterwards no script is the current one. */
export function readPage(): Page | null {
  const script = document.currentScript;
  if (!(script instanceof HTMLScriptElement)) return null;
  const channel = script.dataset["channel"];
  if (!channel || window.__creatorWidget) return null;
  return { channel, base: new URL(".", script.src).href };
}
