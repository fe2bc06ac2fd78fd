// The client of @modelcontextprotocol/client, which speaks both.
import {
  Client,
  ClientCredentialsProvider,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";

import { answered, headers, play, signingIn, url } from "./scenarios.mjs";

const MODES = { old: "legacy", auto: "auto", new: { pin: "2026-07-28" } };

async function open(sessionId) {
  const sse = process.env.TRANSPORT === "sse";
  const mode = MODES[sse ? "old" : (process.env.ERA ?? "auto")];
  const client = new Client({ name: "client", version: "1.0" }, { versionNegotiation: { mode } });
  const init = { requestInit: { headers: headers() }, authProvider: signingIn(ClientCredentialsProvider) };
  const transport = sse
    ? new SSEClientTransport(new URL(url), init)
    : new StreamableHTTPClientTransport(new URL(url), { ...init, sessionId });
  await client.connect(transport);
  return {
    transport,
    facts: () => ({
      version: client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? null,
      server: client.getServerVersion()?.name,
      session: Boolean(transport.sessionId),
    }),
    session: () => transport.sessionId,
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args, options) => answered(await client.callTool({ name, arguments: args }, options)),
    leave: () => client.close(),
    end: async () => {
      await transport.terminateSession?.();
      await client.close();
    },
  };
}

await play(open, { extractWWWAuthenticateParams, discoverOAuthProtectedResourceMetadata });
