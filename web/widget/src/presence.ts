// Keeps the widget on its page. Routers of single-page sites replace the body, and with it every
// element that they do not know; the widget, its conversation and its socket live on.

/** So many returns within so many milliseconds: the page does not want the widget. */
const MOST_RETURNS = 100;
const WITHIN = 10_000;

/** Puts the element into the body, now and whenever it is gone from the page. */
export function keepOnPage(host: HTMLElement, onReturn: () => void, onGivenUp: () => void): void {
  const returns: number[] = [];
  const observer = new MutationObserver(() => check());
  const watch = () => {
    // The root and the body may be replaced as well.
    for (const parent of [document, document.documentElement, document.body]) {
      if (parent) observer.observe(parent, { childList: true });
    }
  };
  const put = () => {
    // Routers keep copies of pages; in a copy the element has no shadow root.
    for (const copy of document.querySelectorAll(`#${host.id}`)) copy.remove();
    document.body.append(host);
  };
  const check = () => {
    observer.disconnect();
    if (document.body && !host.isConnected) {
      const now = Date.now();
      returns.push(now);
      if (returns.length > MOST_RETURNS && now - (returns.shift() ?? 0) < WITHIN) {
        return onGivenUp();
      }
      put();
      onReturn();
    }
    watch();
  };
  check();
}
