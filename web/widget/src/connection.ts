// The socket to the channel service: it is opened with a valid session, and again when it is lost.

import { pause } from "./backoff";
import type { Page } from "./page";
import type { ClientFrame, ServerFrame, Session } from "./protocol";
import { isValid, requestSession, SessionError } from "./session";
import type { BrowserStorage } from "./storage";

// The service's close codes.
const RENEW_SESSION = 4401;
const STOP = 4403;
/** What a browser calls a connection that ended without a close frame. */
const ABNORMAL = 1006;

/** Milliseconds within which a healthy connection answers a ping. */
const PONG_WITHIN = 4000;

export interface ConnectionEvents {
  onSession(session: Session): void;
  onFrame(frame: ServerFrame): void;
  /** The socket is closed; another attempt may follow. */
  onLost(): void;
  /** No connection, and the next attempt comes after a pause. */
  onOffline(): void;
  /** There will be no further attempt. */
  onStop(reason: string): void;
  /** The number of the last message that is shown: the service sends what came after it. */
  lastSeq(): number;
}

interface Socket {
  socket: WebSocket;
  lose(code: number): void;
}

export class Connection {
  private session: Session | null = null;
  private current: Socket | null = null;
  /** Whether the service has sent its status, after which it takes messages. */
  private isReady = false;
  private isConnecting = false;
  private isStopped = false;
  private attempt = 0;
  private retry: number | null = null;
  /** When the last frame came. */
  private heard = 0;

  constructor(
    private readonly page: Page,
    private readonly storage: BrowserStorage,
    private readonly events: ConnectionEvents,
  ) {}

  async renewSession(): Promise<void> {
    const session = await requestSession(this.page, this.storage);
    this.session = session;
    this.events.onSession(session);
  }

  /** Sends the frame, or drops it when the service does not take any now. */
  send(frame: ClientFrame): void {
    if (this.isReady) this.current?.socket.send(JSON.stringify(frame));
  }

  async connect(): Promise<void> {
    if (this.isStopped || this.current || this.isConnecting) return;
    this.cancelRetry();
    this.isConnecting = true;
    try {
      if (!isValid(this.session)) await this.renewSession();
    } catch (error) {
      this.isConnecting = false;
      if (error instanceof SessionError && error.isFinal) return this.stop(error.message);
      return this.retryLater(error instanceof SessionError ? error.wait : 0);
    }
    this.isConnecting = false;
    if (this.session) this.current = this.open(this.session);
  }

  private open(session: Session): Socket {
    const url = new URL(`widget/${this.page.channel}/socket`, this.page.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const since = String(this.events.lastSeq());
    url.search = new URLSearchParams({ token: session.token, since }).toString();
    const socket = new WebSocket(url);
    let greeted = false;
    const lose = (code: number) => {
      if (this.current?.socket === socket) this.onLost(code, greeted);
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      greeted = true;
      this.heard = Date.now();
      this.onFrame(JSON.parse(event.data) as ServerFrame);
    };
    socket.onclose = (event) => lose(event.code);
    return { socket, lose };
  }

  private onFrame(frame: ServerFrame): void {
    if (frame.type === "status") {
      this.attempt = 0;
      this.isReady = true;
    }
    this.events.onFrame(frame);
  }

  private onLost(code: number, greeted: boolean): void {
    this.current = null;
    this.isReady = false;
    this.events.onLost();
    if (code === STOP) return this.stop("This chat is closed.");
    // A refused upgrade shows no reason; asking for a new session will.
    if (code === RENEW_SESSION || !greeted) this.session = null;
    if (code === RENEW_SESSION && this.attempt === 0) {
      this.attempt = 1;
      void this.connect();
    } else this.retryLater();
  }

  private retryLater(wait = 0): void {
    this.events.onOffline();
    const retry = () => {
      this.retry = null;
      void this.connect();
    };
    this.retry = setTimeout(retry, wait + pause(500, this.attempt++));
  }

  private cancelRetry(): void {
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
  }

  private stop(reason: string): void {
    this.isStopped = true;
    this.events.onStop(reason);
  }

  /** The device woke up or is online again: no need to wait for the next attempt. */
  resume(): void {
    if (this.isStopped) return;
    if (this.current?.socket.readyState === WebSocket.OPEN) this.check(this.current);
    else if (this.retry !== null) {
      this.cancelRetry();
      this.attempt = 0;
      void this.connect();
    }
  }

  /** A socket may look open long after its connection is gone. */
  private check(current: Socket): void {
    const asked = Date.now();
    current.socket.send(JSON.stringify({ type: "ping" } satisfies ClientFrame));
    setTimeout(() => {
      if (this.current !== current || this.heard >= asked) return;
      current.socket.close();
      current.lose(ABNORMAL);
    }, PONG_WITHIN);
  }
}
