// The elements of the widget, in a shadow root so that the page's styles and ours do not meet.

import { element, icon } from "./dom";
import composer from "./styles/composer.css?inline";
import frame from "./styles/frame.css?inline";
import media from "./styles/media.css?inline";
import transcript from "./styles/transcript.css?inline";

/** Characters of a message; the service refuses longer ones. */
const MAX_LENGTH = 2000;
/** Remaining characters below which they are counted. */
const COUNT_BELOW = 200;
/** Pixels from the end of the log within which a reader counts as being there. */
const NEAR_END = 60;

export interface ViewEvents {
  /** Opens or closes; without an argument, whichever it is not. */
  toggle(open?: boolean): void;
  submit(): void;
  /** The text of the input has changed. */
  draft(text: string): void;
  /** Stops the answer that is being written. */
  stop(): void;
}

export class View {
  readonly host = element("div", { id: "creator-widget" });
  readonly badge = element("span", { class: "badge", hidden: true });
  readonly title = element("h2", { id: "title" });
  readonly avatar = element("div", { class: "avatar", "aria-hidden": "true" });
  readonly state = element("div", { class: "state" }, "Connecting…");
  readonly live = element("div", { class: "sr", "aria-live": "polite", role: "status" });
  readonly launcher: HTMLButtonElement;
  readonly log: HTMLElement;
  readonly input: HTMLTextAreaElement;
  readonly panel: HTMLElement;
  readonly frame: HTMLElement;

  private readonly newer: HTMLButtonElement;
  /** What the input begins with since a message came back. */
  private givenBack = "";
  private readonly count = element("span", { class: "count", "aria-live": "polite" });
  private readonly send: HTMLButtonElement;
  private readonly stop: HTMLButtonElement;
  private readonly reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly events: ViewEvents) {
    this.launcher = this.buildLauncher(events);
    this.log = element("div", {
      class: "log", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: "0",
      onscroll: () => { this.newer.hidden = this.newer.hidden || this.isAtEnd(); },
    });
    this.newer = element("button", {
      class: "newer", type: "button", hidden: true, onclick: () => this.scrollToEnd(),
    }, "New message ↓");
    this.input = this.buildInput(events);
    this.send = element("button", {
      class: "send", type: "submit", "aria-label": "Send", disabled: true,
    }, icon("M5 12h13", "M12 5l7 7-7 7"));
    this.stop = element("button", {
      class: "stop", type: "button", "aria-label": "Stop the answer", hidden: true,
      onclick: () => events.stop(),
    }, icon("M8 8h8v8H8z"));
    this.panel = this.buildPanel(events);
    this.frame = element("div", {}, this.panel, this.launcher);
    const root = this.host.attachShadow({ mode: "open" });
    // A constructed sheet, unlike a style element, passes a strict Content-Security-Policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(frame + transcript + composer + media);
    root.adoptedStyleSheets = [sheet];
    root.append(this.frame);
  }

  private buildLauncher(events: ViewEvents): HTMLButtonElement {
    return element("button", {
      class: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "panel",
      onclick: () => events.toggle(),
    }, icon("M21 12a8.5 8.5 0 0 1-12.4 7.6L3 21l1.5-5.3A8.5 8.5 0 1 1 21 12z"),
    icon("M6 9l6 6 6-6"), this.badge);
  }

  private buildInput(events: ViewEvents): HTMLTextAreaElement {
    return element("textarea", {
      id: "input", rows: "1", maxlength: MAX_LENGTH, autocomplete: "off", enterkeyhint: "send",
      oninput: () => this.fitInput(),
      onkeydown: (event: KeyboardEvent) => {
        // While an input method composes a character, Enter chooses the character.
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          events.submit();
        }
      },
    });
  }

  private buildPanel(events: ViewEvents): HTMLElement {
    const close = element("button", {
      class: "close", type: "button", "aria-label": "Close chat",
      onclick: () => events.toggle(false),
    }, icon("M6 6l12 12", "M18 6L6 18"));
    const header = element("header", {}, this.avatar,
      element("div", { class: "titles" }, this.title, this.state), close);
    const label = element("label", { class: "sr", for: "input" }, "Your message");
    const form = element("form", {
      onsubmit: (event: SubmitEvent) => { event.preventDefault(); events.submit(); },
    }, label, this.input, this.count, this.stop, this.send);
    return element("section", {
      id: "panel", class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true,
      onkeydown: (event: KeyboardEvent) => { if (event.key === "Escape") events.toggle(false); },
    }, header, this.log, this.newer, form, this.live);
  }

  isOpen(): boolean {
    return !this.panel.hidden;
  }

  setOnline(online: boolean): void {
    this.state.className = online ? "state online" : "state";
    const waiting = navigator.onLine ? "Connecting…" : "You are offline";
    this.state.textContent = online ? "Online" : waiting;
  }

  /** Whether an answer is being written, which can be stopped. */
  setAnswering(answering: boolean): void {
    if (this.stop.hidden !== answering) return;
    // A focused element that disappears would leave the focus nowhere.
    const hadFocus = this.stop.matches(":focus");
    this.stop.hidden = !answering;
    if (hadFocus) this.input.focus({ preventScroll: true });
  }

  /** What is in the input can still be read and copied. */
  setClosed(): void {
    this.state.textContent = "Closed";
    this.input.readOnly = true;
    this.fitInput();
  }

  scrollToEnd(smooth = true): void {
    this.newer.hidden = true;
    const behavior = smooth && !this.reducedMotion.matches ? "smooth" : "instant";
    this.log.scrollTo({ top: this.log.scrollHeight, behavior });
  }

  /** Changes the log. It scrolls to the end only for somebody who reads there; `always` overrules that. */
  changeLog(change: () => void, always = false): void {
    const follow = always || this.isAtEnd();
    change();
    if (follow) this.scrollToEnd(false);
    else this.newer.hidden = false;
  }

  private isAtEnd(): boolean {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_END;
  }

  /** The text that can be sent, without what the service refuses in any message. */
  get message(): string {
    // Texts that are pasted have vertical tabs for line breaks, and characters that are cut in two.
    const text = this.input.value.replace(/[\v\f\u0085\u2028\u2029]/g, "\n");
    const printable = text.replace(/[^\P{Cc}\t\n]|\p{Cs}/gu, "").trim();
    return this.isSendable() ? printable : "";
  }

  setInput(text: string): void {
    this.givenBack = "";
    this.input.value = text;
    this.fitInput();
  }

  /** Puts the text of a message in front of what the visitor has typed since. */
  giveBack(text: string): void {
    const { input, givenBack } = this;
    const isNext = givenBack !== "" && input.value.startsWith(givenBack);
    const at = isNext ? givenBack.length : 0;
    const gap = input.value ? "\n" : "";
    // The cursor stays where the visitor types.
    input.setRangeText(isNext ? gap + text : text + gap, at, at, "preserve");
    this.givenBack = input.value.slice(0, at + text.length + (isNext ? gap.length : 0));
    this.fitInput();
  }

  private isSendable(): boolean {
    const { input } = this;
    return !input.readOnly && input.value.length <= MAX_LENGTH && input.value.trim() !== "";
  }

  fitInput(): void {
    this.events.draft(this.input.value);
    // Shrinks first: the scroll height is never less than the height.
    this.input.style.setProperty("height", "44px");
    this.input.style.setProperty("height", `${Math.min(this.input.scrollHeight + 2, 132)}px`);
    const left = MAX_LENGTH - this.input.value.length;
    this.count.textContent = left < COUNT_BELOW ? `${left} left` : "";
    this.send.disabled = !this.isSendable();
  }

  /** A message in its bubble; a screen reader hears first whose it is. */
  buildTurn(kind: string, content: Node | string, ...more: Node[]): HTMLElement {
    const speaker = kind.startsWith("user") ? "You:" : `${this.title.textContent}:`;
    return element("div", { class: `turn ${kind}` },
      element("span", { class: "sr" }, speaker),
      element("div", { class: "bubble" }, content), ...more);
  }
}

/** The bubble of a turn. */
export function setBubble(turn: HTMLElement, content: Node): void {
  turn.querySelector(".bubble")?.replaceChildren(content);
}
