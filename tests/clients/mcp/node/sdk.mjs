// The client of @modelcontextprotocol/sdk, which speaks the older protocol.
import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from "@modelcontextprotocol/sdk/client/auth.js";
import { ClientCredentialsProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { answered, headers, play, signingIn, url } from "./scenarios.mjs";

async function open(sessionId) {
  const client = new Client({ name: "sdk", version: "1.0" });
  const init = { requestInit: { headers: headers() }, authProvider: signingIn(ClientCredentialsProvider) };
  const transport =
    process.env.TRANSPORT === "sse"
      ? new SSEClientTransport(new URL(url), init)
      : new StreamableHTTPClientTransport(new URL(url), { ...init, sessionId });
  await client.connect(transport);
  return {
    transport,
    facts: () => ({
      version: transport.protocolVersion ?? null,
      server: client.getServerVersion()?.name,
      session: Boolean(transport.sessionId),
    }),
    session: () => transport.sessionId,
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, options) => answered(await client.callTool({ name, arguments: args }, undefined, options)),
    leave: () => client.close(),
    end: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
}

await play(open, { extractWWWAuthenticateParams, discoverOAuthProtectedResourceMetadata });
