// What the visitor wrote: stored in the browser until the service has stored it.

import { element } from "./dom";
import type { ClientFrame } from "./protocol";
import type { BrowserStorage } from "./storage";
import type { Transcript } from "./transcript";
import type { View } from "./view";

/** Where a message is that was not sent. */
const GIVEN_BACK = "Your text is back in the field below.";
/** Why a message of another conversation is not sent. */
export const OTHER_CONVERSATION = "This is a new conversation.";

interface Message {
  id: string;
  text: string;
}

interface ShownMessage extends Message {
  node: HTMLElement;
  note: HTMLElement;
}

interface Stored {
  /** Messages are sent in the conversation that they were written in, and in no other. */
  conversation: string | null;
  messages: Message[];
}

export class Outbox {
  private unsent: ShownMessage[] = [];

  constructor(
    private readonly view: View,
    private readonly transcript: Transcript,
    private readonly storage: BrowserStorage,
    private readonly send: (frame: ClientFrame) => void,
    private readonly conversation: () => string | null,
  ) {}

  get isEmpty(): boolean {
    return this.unsent.length === 0;
  }

  /** Shows again what an earlier page could not send. */
  restore(): void {
    try {
      const text = this.storage.read("localStorage", "unsent") ?? "null";
      const stored = JSON.parse(text) as Stored | null;
      if (!stored) return;
      this.unsent = stored.messages.map((message) => this.show(message));
      if (stored.conversation !== this.conversation()) this.refuseAll(OTHER_CONVERSATION);
    } catch {
      // Nothing is stored that can be read.
    }
  }

  add(text: string): void {
    const message = this.show({ id: newId(), text });
    this.unsent.push(message);
    this.store();
    this.deliver(message);
  }

  deliverAll(): void {
    for (const message of this.unsent) this.deliver(message);
  }

  /** The service has stored it. False when it is none of this page's messages. */
  settle(id: string | undefined, seq: number): boolean {
    const message = this.take(id);
    if (!message) return false;
    this.transcript.showDelivered(seq, message.text);
    this.store();
    return true;
  }

  /** The service will not store it: the visitor gets the text back. */
  refuse(id: string, reason: string): void {
    const message = this.take(id);
    if (!message) return;
    this.view.giveBack(message.text);
    this.store();
    this.transcript.showTrouble(`${reason} ${GIVEN_BACK}`);
  }

  /** The service will store none of them. */
  refuseAll(reason: string): void {
    for (const { id } of [...this.unsent]) this.refuse(id, reason);
  }

  /** The service stores it later; until then `note` says so. */
  postpone(id: string, seconds: number, note: string): void {
    const message = this.unsent.find((other) => other.id === id);
    if (!message) return;
    message.note.textContent = note;
    const again = () => { if (this.unsent.includes(message)) this.deliver(message); };
    setTimeout(again, seconds * 1000 + 200);
  }

  private take(id: string | undefined): ShownMessage | null {
    const index = this.unsent.findIndex((message) => message.id === id);
    const [message] = index < 0 ? [] : this.unsent.splice(index, 1);
    message?.node.remove();
    return message ?? null;
  }

  private show({ id, text }: Message): ShownMessage {
    const note = element("span", { class: "note" }, "Sending…");
    const node = this.view.buildTurn("user unsent", text, note);
    this.view.changeLog(() => this.view.log.append(node), true);
    return { id, text, node, note };
  }

  private store(): void {
    const messages = this.unsent.map(({ id, text }) => ({ id, text }));
    const stored: Stored = { conversation: this.conversation(), messages };
    const value = messages.length > 0 ? JSON.stringify(stored) : null;
    this.storage.write("localStorage", "unsent", value);
  }

  private deliver({ id, text }: Message): void {
    this.send({ type: "user_message", client_msg_id: id, content: text });
  }
}

/** A random UUID. Browsers have `randomUUID` only on pages with TLS. */
function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const digits = [...bytes].map((byte, at) => {
    if (at === 6) return (byte & 15) | 64;
    return at === 8 ? (byte & 63) | 128 : byte;
  });
  const hex = digits.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
