// What the log shows: stored messages by their number, and below them what is not stored yet.

import { element } from "./dom";
import { renderMarkdown } from "./markdown";
import type { Page } from "./page";
import type { AnswerFrame } from "./protocol";
import { sourceLine } from "./sources";
import { setBubble, type View } from "./view";

/** Milliseconds; the service repeats its signal every 4 s. */
const TYPING_TTL = 12000;

/** An answer that is being written. It has no element before its first text. */
interface Answer {
  replyTo: number;
  text: string;
  node: HTMLElement | null;
  /** Whether the next frame of the browser will draw it. */
  queued: boolean;
}

export class Transcript {
  /** The number of the last stored message that is shown. */
  last = 0;
  readonly welcome: HTMLElement;

  private readonly shown = new Map<number, HTMLElement>();
  private answer: Answer | null = null;
  private typing: { node: HTMLElement; timer: number } | null = null;
  private trouble: HTMLElement | null = null;
  /** The text of an answer that was interrupted. */
  private partial: HTMLElement | null = null;
  /** While messages up to this number come back, they are neither animated nor announced. */
  private restoringUntil: number | null = null;

  constructor(
    private readonly view: View,
    private readonly page: Page,
  ) {
    this.welcome = view.buildTurn("bot", "");
  }

  /** The question whose answer is being written. */
  get answering(): number | null {
    return this.answer?.replyTo ?? null;
  }

  clear(): void {
    for (const node of this.shown.values()) node.remove();
    this.shown.clear();
    this.last = 0;
    this.endAnswer();
    this.clearTrouble();
  }

  beginRestore(until: number): void {
    this.restoringUntil = until > this.last ? until : null;
  }

  finishRestore(): void {
    if (this.restoringUntil === null || this.last < this.restoringUntil) return;
    this.restoringUntil = null;
    this.view.scrollToEnd(false);
  }

  showUserMessage(seq: number, text: string): void {
    this.advance(seq);
    this.view.changeLog(() => this.place(seq, this.view.buildTurn("user", text)));
  }

  /** A message of this visitor that the log shows already as unsent. */
  showDelivered(seq: number, text: string): void {
    this.advance(seq);
    this.view.changeLog(() => this.place(seq, this.view.buildTurn("user still", text)));
  }

  showAnswer(message: AnswerFrame): void {
    this.advance(message.seq);
    const isStreamed = this.answer !== null && this.answer.replyTo === message.reply_to;
    const isRestored = this.restoringUntil !== null;
    // Its text is on the screen already: no second entrance.
    const isVisible = isRestored || (isStreamed && this.answer?.node);
    this.view.changeLog(() => {
      if (isStreamed) this.endAnswer();
      if (!this.answer) this.stopTyping();
      this.clearTrouble();
      const kind = isVisible ? "bot still" : "bot";
      const node = this.view.buildTurn(kind, renderMarkdown(message.content));
      const cited = (message.sources ?? []).filter((source) => source.cited);
      if (cited.length > 0) {
        const lines = cited.map((source) => sourceLine(this.page, source));
        node.append(element("ul", { class: "sources", "aria-label": "Sources" }, ...lines));
      }
      if (message.truncated) {
        const note = "This answer reached its limit. Ask for the rest.";
        node.append(element("small", { class: "cut" }, note));
      }
      if (message.stopped) {
        node.append(element("small", { class: "cut" }, "You stopped this answer."));
      }
      this.place(message.seq, node);
    });
    if (!isRestored) {
      this.view.live.textContent = message.content;
      this.view.badge.hidden = this.view.isOpen();
    }
  }

  startAnswer(replyTo: number): void {
    if (this.answer && this.answer.replyTo !== replyTo) this.endAnswer();
    this.answer ??= { replyTo, text: "", node: null, queued: false };
    this.clearTrouble();
    this.view.setAnswering(true);
    if (!this.answer.node) this.showTyping();
  }

  growAnswer(replyTo: number, text: string): void {
    const answer = this.answer;
    if (answer?.replyTo !== replyTo) return; // too late: the whole answer follows
    this.stopTyping();
    answer.text += text;
    if (answer.queued) return;
    answer.queued = true;
    requestAnimationFrame(() => this.drawAnswer());
  }

  private drawAnswer(): void {
    const answer = this.answer;
    if (!answer) return;
    answer.queued = false;
    this.view.changeLog(() => {
      if (!answer.node) this.view.log.append((answer.node = this.view.buildTurn("bot writing", "")));
      setBubble(answer.node, renderMarkdown(answer.text));
    });
  }

  endAnswer(): void {
    this.answer?.node?.remove();
    this.answer = null;
    this.view.setAnswering(false);
    this.stopTyping();
  }

  /** The connection is lost: only text that is visible is worth waiting for. */
  endSilentAnswer(): void {
    if (this.answer && !this.answer.node) this.endAnswer();
  }

  /** The answer failed. What it said so far stays, until something else happens. */
  interruptAnswer(replyTo: number, text: string, retry: () => void): void {
    const words = this.answer?.replyTo === replyTo ? this.answer.node : null;
    if (this.answer && words) this.answer.node = null;
    this.endAnswer();
    this.showTrouble(text, { label: "Try again", run: retry });
    if (words) {
      words.className = "turn bot broken";
      this.partial = words;
    }
  }

  showTyping(): void {
    if (this.typing) clearTimeout(this.typing.timer);
    else {
      const dots = element("div", { class: "dots", "aria-hidden": "true" },
        element("i"), element("i"), element("i"));
      const node = this.view.buildTurn("bot", dots);
      this.typing = { node, timer: 0 };
      this.view.changeLog(() => this.view.log.append(node));
    }
    this.typing.timer = setTimeout(() => this.stopTyping(), TYPING_TTL);
  }

  private stopTyping(): void {
    if (!this.typing) return;
    clearTimeout(this.typing.timer);
    this.typing.node.remove();
    this.typing = null;
  }

  showTrouble(text: string, action?: { label: string; run: () => void }): void {
    this.clearTrouble();
    const act = () => { this.clearTrouble(); action?.run(); };
    const button = action && element("button", { type: "button", onclick: act }, action.label);
    const trouble = element("div", { class: "trouble", role: "alert" },
      element("span", {}, text), button ?? null);
    this.trouble = trouble;
    this.view.changeLog(() => this.view.log.append(trouble));
  }

  clearTrouble(): void {
    this.trouble?.remove();
    this.partial?.remove();
    this.trouble = this.partial = null;
  }

  private advance(seq: number): void {
    this.last = Math.max(this.last, seq);
  }

  /** Frames may come out of order, and twice. */
  private place(seq: number, node: HTMLElement): void {
    this.shown.get(seq)?.remove();
    this.shown.set(seq, node);
    node.dataset["seq"] = String(seq);
    const number = (other: HTMLElement) => Number(other.dataset["seq"]) || Infinity;
    const others = [...this.view.log.children] as HTMLElement[];
    const next = others.find((other) => other !== this.welcome && number(other) > seq);
    this.view.log.insertBefore(node, next ?? null);
  }
}
