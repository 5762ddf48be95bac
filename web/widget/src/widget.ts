// Puts the parts together: what happens when the service sends a frame or the visitor acts.

import { applyAppearance } from "./appearance";
import { pause } from "./backoff";
import { Connection, type ConnectionEvents } from "./connection";
import { OTHER_CONVERSATION, Outbox } from "./outbox";
import type { Page } from "./page";
import { keepOnPage } from "./presence";
import type { Appearance, ErrorFrame, ServerFrame, Session, StatusFrame } from "./protocol";
import { SessionError } from "./session";
import { BrowserStorage } from "./storage";
import { Transcript } from "./transcript";
import { View, type ViewEvents } from "./view";

/** What to tell the visitor when a question was not answered, by problem code. */
const UNANSWERED: Record<string, string> = {
  dependency_unavailable: "The assistant cannot be reached right now.",
  answer_interrupted: "The answer broke off.",
  answer_stopped: "You stopped this answer.",
  answer_timeout: "The answer took too long.",
  rate_limited: "Many people are asking right now.",
};

/** What to tell the visitor when a question was not accepted, by problem code. */
const UNSENT: Record<string, string> = {
  quota_exceeded: "No messages are left this month. Please come back later.",
};

export class Widget implements ViewEvents, ConnectionEvents {
  private readonly view: View = new View(this);
  private readonly transcript: Transcript;
  private readonly storage: BrowserStorage;
  private readonly connection: Connection;
  private readonly outbox: Outbox;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private appearance: Appearance | null = null;
  private conversation: string | null = null;
  private attempt = 0;

  constructor(page: Page) {
    this.transcript = new Transcript(this.view, page);
    this.storage = new BrowserStorage(page.channel);
    this.connection = new Connection(page, this.storage, this);
    this.outbox = new Outbox(
      this.view, this.transcript, this.storage,
      (frame) => this.connection.send(frame),
      () => this.conversation,
    );
  }

  listen(): void {
    const resume = () => {
      if (this.view.isOpen() && document.visibilityState !== "hidden") this.connection.resume();
    };
    document.addEventListener("visibilitychange", resume);
    addEventListener("online", resume);
    addEventListener("pageshow", resume);
    addEventListener("offline", () => this.view.setOnline(false));
    this.dark.addEventListener("change", () => this.dress());
  }

  /** Appears on the page when the service gives it a session, and stays away when it refuses. */
  async begin(): Promise<void> {
    try {
      await this.connection.renewSession();
    } catch (error) {
      const known = error instanceof SessionError ? error : null;
      if (known?.isFinal) return warn(known.message);
      const wait = (known?.wait ?? 0) + 1000 + pause(1000, this.attempt++);
      setTimeout(() => void this.begin(), wait);
      return;
    }
    const returned = () => this.view.scrollToEnd(false);
    const givenUp = () => warn("The page removes the widget again and again, so it stays removed.");
    keepOnPage(this.view.host, returned, givenUp);
    this.view.setInput(this.storage.read("sessionStorage", "draft") ?? "");
    this.outbox.restore();
    if (this.storage.read("sessionStorage", "open")) this.toggle(true);
    else if (!this.outbox.isEmpty) void this.connection.connect();
  }

  private dress(): void {
    if (!this.appearance) return;
    applyAppearance(this.view, this.transcript.welcome, this.appearance, this.dark.matches);
  }

  // ---- what the visitor does ----

  toggle(open: boolean = !this.view.isOpen()): void {
    const { view } = this;
    if (open === view.isOpen()) return;
    const name = view.title.textContent;
    view.panel.hidden = !open;
    view.frame.classList.toggle("open", open);
    view.launcher.setAttribute("aria-expanded", String(open));
    view.launcher.setAttribute("aria-label", open ? "Close chat" : `Chat with ${name}`);
    this.storage.write("sessionStorage", "open", open ? "1" : null);
    if (open) {
      view.badge.hidden = true;
      void this.connection.connect();
      // What is hidden has no height.
      view.fitInput();
      view.scrollToEnd(false);
      view.input.focus({ preventScroll: true });
    } else view.launcher.focus({ preventScroll: true });
  }

  submit(): void {
    const text = this.view.message;
    if (!text) return;
    this.view.setInput("");
    this.transcript.clearTrouble();
    this.outbox.add(text);
    void this.connection.connect();
  }

  draft(text: string): void {
    this.storage.write("sessionStorage", "draft", text || null);
  }

  stop(): void {
    const replyTo = this.transcript.answering;
    if (replyTo !== null) this.connection.send({ type: "stop", reply_to: replyTo });
  }

  // ---- what the connection reports ----

  lastSeq(): number {
    return this.transcript.last;
  }

  onSession(session: Session): void {
    const isOther = this.conversation !== null && this.conversation !== session.conversation_id;
    if (isOther) this.transcript.clear();
    this.conversation = session.conversation_id;
    if (isOther) this.outbox.refuseAll(OTHER_CONVERSATION);
    this.appearance = session.appearance;
    this.dress();
  }

  onLost(): void {
    this.transcript.endSilentAnswer();
  }

  onOffline(): void {
    this.view.setOnline(false);
  }

  onStop(reason: string): void {
    this.view.setOnline(false);
    warn(reason);
    this.view.setClosed();
    this.transcript.showTrouble("This chat is closed.");
    this.outbox.refuseAll("This chat is closed.");
  }

  onFrame(frame: ServerFrame): void {
    const { transcript, outbox } = this;
    switch (frame.type) {
      case "status": this.onStatus(frame); break;
      case "ack": outbox.settle(frame.client_msg_id, frame.seq); break;
      case "user_message":
        if (!outbox.settle(frame.client_msg_id, frame.seq)) {
          transcript.showUserMessage(frame.seq, frame.content);
        }
        break;
      case "ai_start": transcript.startAnswer(frame.reply_to); break;
      case "ai_delta": transcript.growAnswer(frame.reply_to, frame.text); break;
      case "ai_response": transcript.showAnswer(frame); break;
      case "error": this.onError(frame); break;
      default: // of a service that is newer than this script
    }
    transcript.finishRestore();
  }

  private onStatus(status: StatusFrame): void {
    this.view.setOnline(true);
    if (!status.recovered) this.transcript.clear();
    this.transcript.endAnswer();
    this.transcript.beginRestore(status.last_seq);
    if (status.answering) this.transcript.showTyping();
    this.outbox.deliverAll();
  }

  private onError(error: ErrorFrame): void {
    const { client_msg_id: id, reply_to: replyTo, retry_after: seconds } = error;
    if (id && seconds) {
      const hurried = `A little fast: sending again in ${seconds} s`;
      const note = error.code === "rate_limited" ? hurried : "Sending again in a moment…";
      this.outbox.postpone(id, seconds, note);
    } else if (id) this.outbox.refuse(id, UNSENT[error.code] ?? "This message could not be sent.");
    else if (replyTo) {
      const text = UNANSWERED[error.code] ?? "There is no answer this time.";
      this.transcript.interruptAnswer(replyTo, text, () => this.connection.send({ type: "retry" }));
    }
  }
}

function warn(reason: string): void {
  console.warn(`[creator-widget] ${reason}`);
}
