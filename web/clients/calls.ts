// Calls running services through clients whose types are generated from their OpenAPI documents.
// usage: node calls.ts   with AUTH_URL, CREATOR_HUB_URL, AI_ENGINE_URL and CHANNEL_URL

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { paths as AiEngine } from "../generated/ai-engine.js";
import type { paths as Auth } from "../generated/auth.js";
import type { paths as Channel } from "../generated/channel.js";
import type { paths as CreatorHub } from "../generated/creator-hub.js";

function address(variable: string): string {
  const value = process.env[variable];
  assert(value, `${variable} is not set`);
  return value;
}

async function check(name: string, run: () => Promise<void>): Promise<void> {
  await run();
  console.log(`ok TypeScript client: ${name}`);
}

const auth = createClient<Auth>({ baseUrl: address("AUTH_URL") });
const body = {
  email: `typescript-${randomUUID()}@example.com`,
  password: "Lantern-7-Harbour",
  full_name: "Ana Client",
};
let headers = { Authorization: "" };

await check("auth registers an account", async () => {
  const { data } = await auth.POST("/auth/v1/register", { body });
  assert(data);
  assert.equal(data.user.email, body.email);
  headers = { Authorization: `Bearer ${data.tokens.access_token}` };
});

await check("auth answers a typed problem document", async () => {
  const wrong = { email: body.email, password: "Wrong-7-Harbour" };
  const { error, response } = await auth.POST("/auth/v1/login", { body: wrong });
  assert.equal(response.status, 401);
  assert.equal(error?.code, "invalid_credentials");
});

await check("creator-hub lists documents", async () => {
  const hub = createClient<CreatorHub>({ baseUrl: address("CREATOR_HUB_URL"), headers });
  const query = { limit: 5 };
  const { data } = await hub.GET("/creator-hub/v1/documents", { params: { query } });
  assert.deepEqual(data?.items, []);
});

await check("ai-engine lists models", async () => {
  const engine = createClient<AiEngine>({ baseUrl: address("AI_ENGINE_URL"), headers });
  const { data } = await engine.GET("/ai-engine/v1/models");
  assert(data);
});

await check("channel creates a channel and reads it by its id", async () => {
  const channels = createClient<Channel>({ baseUrl: address("CHANNEL_URL"), headers });
  const widget = { allowed_origins: ["https://www.example.com"] };
  const created = await channels.POST("/channels/v1/channels", {
    body: { kind: "web_widget", name: "Client", widget },
  });
  const id = created.data?.id;
  assert(id);
  const { data } = await channels.GET("/channels/v1/channels/{id}", { params: { path: { id } } });
  assert.deepEqual(data?.widget.allowed_origins, widget.allowed_origins);
});
