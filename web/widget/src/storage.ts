// What the browser remembers for this channel between pages and visits.

type Area = "localStorage" | "sessionStorage";
type Name = "visitor" | "unsent" | "open" | "draft";

// Storage may be forbidden by the browser, or full; the widget then remembers nothing.
export class BrowserStorage {
  constructor(private readonly channel: string) {}

  read(area: Area, name: Name): string | null {
    try {
      return window[area].getItem(this.key(name));
    } catch {
      return null;
    }
  }

  /** Stores the value; null removes it. */
  write(area: Area, name: Name, value: string | null): void {
    try {
      if (value === null) window[area].removeItem(this.key(name));
      else window[area].setItem(this.key(name), value);
    } catch {
      // See above.
    }
  }

  private key(name: Name): string {
    return `creator-widget:${this.channel}:${name}`;
  }
}
