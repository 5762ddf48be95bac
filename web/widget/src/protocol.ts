// What the widget and the channel service exchange. The frames of the socket are described in
// services/channel/src/domain/frame.rs; the session is part of the OpenAPI document.

import type { components } from "../../generated/channel";

export type Session = components["schemas"]["Session"];
export type Appearance = components["schemas"]["Appearance"];
export type Source = components["schemas"]["SourceLine"];

/** The first frame of a connection. Without `recovered`, the messages that follow are only the last ones. */
export interface StatusFrame {
  type: "status";
  last_seq: number;
  recovered: boolean;
  answering: boolean;
}

/** A stored message of the visitor. */
export interface UserMessageFrame {
  type: "user_message";
  seq: number;
  client_msg_id?: string;
  content: string;
}

/** A whole, stored answer. */
export interface AnswerFrame {
  type: "ai_response";
  seq: number;
  reply_to: number | null;
  content: string;
  sources?: Source[];
  /** The answer reached the limit of its length. */
  truncated?: boolean;
  /** The visitor stopped it. */
  stopped?: boolean;
}

/** A message that was not stored, or a question that was not answered. */
export interface ErrorFrame {
  type: "error";
  code: string;
  client_msg_id?: string;
  reply_to?: number;
  /** Seconds. */
  retry_after?: number;
}

export type ServerFrame =
  | StatusFrame
  | UserMessageFrame
  | AnswerFrame
  | ErrorFrame
  | { type: "ack"; client_msg_id: string; seq: number }
  | { type: "ai_start"; reply_to: number }
  | { type: "ai_delta"; reply_to: number; text: string };

export type ClientFrame =
  | { type: "user_message"; client_msg_id: string; content: string }
  | { type: "stop"; reply_to: number }
  | { type: "retry" }
  | { type: "ping" };
